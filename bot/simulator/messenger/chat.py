"""One person on the stand-in of Messenger, as the chat in the terminal needs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.simulator.chat import PersonChat, Run, opened
from bot.simulator.messenger.events import Event
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent

COMMANDS: Mapping[str, str] = {
    "/get-started": "tap the button that begins a conversation",
    "/sticker": "send a thumb",
    "/image": "send a photo",
    "/twice": "/twice TEXT: deliver a message twice; the bot should answer once",
    "/edit": "/edit TEXT: change the last message",
    "/thumbs-up": "rate the bot's last message as good",
    "/thumbs-down": "rate the bot's last message as bad",
    "/error": "/error NAME [TIMES]: let the bot's next messages go wrong; /error lists the names",
}


class MessengerChat(PersonChat[Event]):
    """Somebody who talks to the page."""

    commands = COMMANDS

    def __init__(self, messenger: MessengerStandIn) -> None:
        """Begin as somebody whom the page does not know yet."""
        self._messenger = messenger
        self._edits = 0
        runs: dict[str, Run] = {
            "/get-started": self._get_started,
            "/sticker": lambda _: self._send(messenger.write.sticker(self.person)),
            "/image": lambda _: self._send(messenger.write.image(self.person)),
            "/edit": lambda text: self._edit(text, lambda last: self._edited(last, text)),
            "/thumbs-up": lambda _: self._rate(is_good=True),
            "/thumbs-down": lambda _: self._rate(is_good=False),
        }
        super().__init__(messenger, messenger.new_person(), runs)

    def tap(self, choice: Choice) -> Done:
        """Tap something; what opens a page or calls sends nothing."""
        write = self._messenger.write
        if choice.does == "reply":
            return self._send(write.quick_reply(self.person, choice.label, choice.value))
        if choice.does == "postback":
            return self._send(write.postback(self.person, choice.label, choice.value))
        return opened(choice)

    def draw(self, sent: Sent) -> Drawn:
        """Return a message as text, with its buttons and quick replies."""
        return draw(sent.message)

    def _get_started(self, _: str) -> Done:
        started = self._messenger.graph.profile.get("get_started")
        if started is None:
            return Done(note="The bot has set no Get Started button on its profile.")
        event = self._messenger.write.get_started(self.person, started["payload"])
        return self._send(event)

    def _write(self, text: str) -> Event:
        self._edits = 0
        return super()._write(text)

    def _edited(self, last: Event, text: str) -> Event:
        self._edits += 1
        return self._messenger.write.edit(self.person, last.key, text, self._edits)

    def _rate(self, *, is_good: bool) -> Done:
        last = self._last_sent()
        if not last:
            return Done(note="The bot has sent nothing yet that could be rated.")
        event = self._messenger.write.feedback(self.person, last, is_good=is_good)
        return self._send(event, needs_answer=False)


def draw(message: Mapping[str, Any]) -> Drawn:
    """Return a message that the platform took as text and choices."""
    lines: list[str] = []
    choices: list[Choice] = []
    if "text" in message:
        lines += message["text"].splitlines()
    else:
        attachment = message["attachment"]
        payload = attachment["payload"]
        if attachment["type"] == "template":
            for part in payload.get("elements", [payload]):
                lines += _texts(part)
                choices += [_button(button) for button in part.get("buttons", [])]
        else:
            lines.append(f"({attachment['type']}: {payload.get('url', payload)})")
    choices += [_quick_reply(reply) for reply in message.get("quick_replies", [])]
    return Drawn(lines, choices)


def _texts(part: Mapping[str, Any]) -> list[str]:
    texts = (part.get(key, "") for key in ("text", "title", "subtitle"))
    return [line for text in texts for line in text.splitlines()]


def _button(button: Mapping[str, Any]) -> Choice:
    if button["type"] == "web_url":
        return Choice(button["title"], "open", button["url"])
    if button["type"] == "phone_number":
        return Choice(button["title"], "call", button["payload"])
    return Choice(button["title"], "postback", button["payload"])


def _quick_reply(reply: Mapping[str, Any]) -> Choice:
    title = reply.get("title", reply["content_type"])
    return Choice(title, "reply", reply.get("payload", title), is_fleeting=True)
