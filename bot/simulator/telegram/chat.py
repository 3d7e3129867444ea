"""One person on the stand-in of Telegram, as the chat in the terminal needs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.simulator.chat import PersonChat, Run, opened
from bot.simulator.telegram.stand_in import TelegramStandIn
from bot.simulator.telegram.updates import EXTRAS, Update
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent

COMMANDS: Mapping[str, str] = {
    "/start": "open the bot for the first time, or /start PARAMETER by a link",
    "/send": f"send something along that is no text: {', '.join(EXTRAS)}",
    "/twice": "/twice TEXT: deliver a message twice; the bot should answer once",
    "/edit": "/edit TEXT: change the last message",
    "/group": "/group TEXT: say something in a group that the bot is in",
    "/react": "/react EMOJI: put an emoji on the bot's last message",
    "/block": "block the bot; /unblock lets it write again",
    "/unblock": "let the bot write again",
    "/error": "/error NAME [TIMES]: let the bot's next messages go wrong; /error lists the names",
}
LIKE = "👍"


class TelegramChat(PersonChat[Update]):
    """Somebody who talks to the bot. A command of the bot's own begins with two slashes here."""

    commands = COMMANDS

    def __init__(self, telegram: TelegramStandIn) -> None:
        """Begin as somebody who does not know the bot yet."""
        self._telegram = telegram
        write = telegram.write
        runs: dict[str, Run] = {
            "/start": lambda argument: self._send(write.start(self.person, argument)),
            "/send": self._send_along,
            "/edit": lambda text: self._edit(
                text, lambda last: write.edited(self.person, text, last.part["message_id"])
            ),
            "/group": self._say_in_group,
            "/react": self._react,
            "/block": lambda _: self._block(is_blocked=True),
            "/unblock": lambda _: self._block(is_blocked=False),
        }
        super().__init__(telegram, telegram.new_person(), runs)

    def tap(self, choice: Choice) -> Done:
        """Tap a button; what opens a page sends nothing."""
        if choice.does == "open":
            return opened(choice)
        number, _, data = choice.value.partition(" ")
        message = self._telegram.sent(self.person, number)
        return self._send(self._telegram.write.tap(self.person, data, message))

    def draw(self, sent: Sent) -> Drawn:
        """Return a message as text, with its buttons."""
        return draw(sent.message, sent.mid)

    def _send_along(self, name: str) -> Done:
        if name not in EXTRAS:
            return Done(note=f"Send what? /send with one of {', '.join(EXTRAS)}")
        return self._send(self._telegram.write.along(self.person, name))

    def _say_in_group(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /group TEXT")
        update = self._telegram.write.elsewhere(self.person, text)
        return self._send(update, needs_answer=False)

    def _react(self, emoji: str) -> Done:
        last = self._last_sent()
        if not last:
            return Done(note="The bot has sent nothing yet that one could react to.")
        write, number = self._telegram.write, int(last)
        return self._send(write.reaction(self.person, number, emoji or LIKE), needs_answer=False)

    def _block(self, *, is_blocked: bool) -> Done:
        self._telegram.bot_api.block(self.person, is_blocked=is_blocked)
        update = self._telegram.write.blocked(self.person, is_blocked=is_blocked)
        return self._send(update, needs_answer=False)


def draw(message: Mapping[str, Any], number: str) -> Drawn:
    """Return a message that Telegram took as text and choices."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    choices = [_choice(button, number) for row in rows for button in row]
    return Drawn(message["text"].splitlines(), choices)


def _choice(button: Mapping[str, str], number: str) -> Choice:
    if "url" in button:
        return Choice(button["text"], "open", button["url"])
    return Choice(button["text"], "postback", f"{number} {button['callback_data']}")
