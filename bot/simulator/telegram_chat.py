"""One person on the stand-in of Telegram, as the chat in the terminal needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.misbehaviour import UnknownFault
from bot.simulator.telegram import TelegramStandIn
from bot.simulator.telegram_faults import FAULTS
from bot.simulator.telegram_updates import EXTRAS, Update
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent, Transcript

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


class TelegramChat:
    """Somebody who talks to the bot. A command of the bot's own begins with two slashes here."""

    commands = COMMANDS

    def __init__(self, telegram: TelegramStandIn) -> None:
        """Begin as somebody who does not know the bot yet."""
        self._telegram = telegram
        self.person = telegram.new_person()
        write = telegram.write
        self._runs: dict[str, Callable[[str], Done]] = {
            "/start": lambda argument: self._send(write.start(self.person, argument)),
            "/send": self._send_along,
            "/twice": self._twice,
            "/edit": self._edit,
            "/group": self._say_in_group,
            "/react": self._react,
            "/block": lambda _: self._block(is_blocked=True),
            "/unblock": lambda _: self._block(is_blocked=False),
            "/error": self._misbehave,
        }

    @property
    def transcript(self) -> Transcript:
        """What was said."""
        return self._telegram.transcript

    def say(self, text: str) -> Done:
        """Type a text."""
        return self._send(self._telegram.write.text(self.person, text))

    def tap(self, choice: Choice) -> Done:
        """Tap a button; what opens a page sends nothing."""
        if choice.does == "open":
            return Done(note=f"The app would open {choice.value}; the bot is told nothing.")
        number, _, data = choice.value.partition(" ")
        message = self._telegram.sent(self.person, number)
        return self._send(self._telegram.write.tap(self.person, data, message))

    def run(self, command: str, argument: str) -> Done:
        """Run a command of ``COMMANDS``."""
        return self._runs[command](argument)

    def draw(self, sent: Sent) -> Drawn:
        """Return a message as text, with its buttons."""
        return draw(sent.message, sent.mid)

    def _send(self, update: Update, *, needs_answer: bool = True, copies: int = 1) -> Done:
        attempts = self._telegram.send(update, copies=copies)
        problems = [attempt.problem for attempt in attempts if attempt.problem]
        note = "\n".join(dict.fromkeys(problems))
        return Done(update.key, note, needs_answer, is_counted=copies > 1)

    def _send_along(self, name: str) -> Done:
        if name not in EXTRAS:
            return Done(note=f"Send what? /send with one of {', '.join(EXTRAS)}")
        return self._send(self._telegram.write.along(self.person, name))

    def _twice(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /twice TEXT")
        return self._send(self._telegram.write.text(self.person, text), copies=2)

    def _edit(self, text: str) -> Done:
        update = self._telegram.write.edited(self.person, text)
        return self._send(update, needs_answer=False)

    def _say_in_group(self, text: str) -> Done:
        update = self._telegram.write.elsewhere(self.person, text)
        return self._send(update, needs_answer=False)

    def _react(self, emoji: str) -> Done:
        lines = self.transcript.lines()
        numbers = [one.mid for one in lines if isinstance(one, Sent) and one.person == self.person]
        if not numbers:
            return Done(note="The bot has sent nothing yet that one could react to.")
        write, number = self._telegram.write, int(numbers[-1])
        return self._send(write.reaction(self.person, number, emoji or LIKE), needs_answer=False)

    def _block(self, *, is_blocked: bool) -> Done:
        self._telegram.bot_api.block(self.person, is_blocked=is_blocked)
        update = self._telegram.write.blocked(self.person, is_blocked=is_blocked)
        return self._send(update, needs_answer=False)

    def _misbehave(self, argument: str) -> Done:
        if not argument:
            return Done(
                note="\n".join(f"  {name}: {fault.means}" for name, fault in FAULTS.items())
            )
        name, _, times = argument.partition(" ")
        number = int(times) if times.isdecimal() else 1
        try:
            self._telegram.misbehaviour.next_calls(name, number)
        except UnknownFault as error:
            return Done(note=str(error))
        return Done(note=f"The next {number} of the bot's messages: {FAULTS[name].means}.")


def draw(message: Mapping[str, Any], number: str) -> Drawn:
    """Return a message that Telegram took as text and choices."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    choices = [_choice(button, number) for row in rows for button in row]
    return Drawn(message["text"].splitlines(), choices)


def _choice(button: Mapping[str, str], number: str) -> Choice:
    if "url" in button:
        return Choice(button["text"], "open", button["url"])
    return Choice(button["text"], "postback", f"{number} {button['callback_data']}")
