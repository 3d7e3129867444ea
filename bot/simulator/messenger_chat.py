"""One person on the stand-in of Messenger, as the chat in the terminal needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.messenger import MessengerStandIn
from bot.simulator.messenger_events import Event
from bot.simulator.messenger_faults import FAULTS
from bot.simulator.misbehaviour import UnknownFault
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent, Transcript

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


class MessengerChat:
    """Somebody who talks to the page."""

    commands = COMMANDS

    def __init__(self, messenger: MessengerStandIn) -> None:
        """Begin as somebody whom the page does not know yet."""
        self._messenger = messenger
        self.person = messenger.new_person()
        self._last_text = ""
        self._edits = 0
        self._runs: dict[str, Callable[[str], Done]] = {
            "/get-started": self._get_started,
            "/sticker": lambda _: self._send(messenger.write.sticker(self.person)),
            "/image": lambda _: self._send(messenger.write.image(self.person)),
            "/twice": self._twice,
            "/edit": self._edit,
            "/thumbs-up": lambda _: self._rate(is_good=True),
            "/thumbs-down": lambda _: self._rate(is_good=False),
            "/error": self._misbehave,
        }

    @property
    def transcript(self) -> Transcript:
        """What was said."""
        return self._messenger.transcript

    def say(self, text: str) -> Done:
        """Type a text."""
        event = self._messenger.write.text(self.person, text)
        self._last_text, self._edits = event.key, 0
        return self._send(event)

    def tap(self, choice: Choice) -> Done:
        """Tap something; what opens a page or calls sends nothing."""
        write = self._messenger.write
        if choice.does == "reply":
            return self._send(write.quick_reply(self.person, choice.label, choice.value))
        if choice.does == "postback":
            return self._send(write.postback(self.person, choice.label, choice.value))
        verb = "open" if choice.does == "open" else "call"
        return Done(note=f"The app would {verb} {choice.value}; the bot is told nothing.")

    def run(self, command: str, argument: str) -> Done:
        """Run a command of ``COMMANDS``."""
        return self._runs[command](argument)

    def draw(self, sent: Sent) -> Drawn:
        """Return a message as text, with its buttons and quick replies."""
        return draw(sent.message)

    def _send(self, event: Event, *, needs_answer: bool = True, copies: int = 1) -> Done:
        attempts = self._messenger.send(event, copies=copies)
        problems = [attempt.problem for attempt in attempts if attempt.problem]
        note = "\n".join(dict.fromkeys(problems))
        return Done(event.key, note, needs_answer, is_counted=copies > 1)

    def _get_started(self, _: str) -> Done:
        started = self._messenger.graph.profile.get("get_started")
        if started is None:
            return Done(note="The bot has set no Get Started button on its profile.")
        event = self._messenger.write.get_started(self.person, started["payload"])
        return self._send(event)

    def _twice(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /twice TEXT")
        return self._send(self._messenger.write.text(self.person, text), copies=2)

    def _edit(self, text: str) -> Done:
        if not text or not self._last_text:
            return Done(note="Type a message first, then /edit TEXT")
        self._edits += 1
        write = self._messenger.write
        event = write.edit(self.person, self._last_text, text, self._edits)
        return self._send(event, needs_answer=False)

    def _rate(self, *, is_good: bool) -> Done:
        lines = self.transcript.lines()
        mids = [one.mid for one in lines if isinstance(one, Sent) and one.person == self.person]
        if not mids:
            return Done(note="The bot has sent nothing yet that could be rated.")
        event = self._messenger.write.feedback(self.person, mids[-1], is_good=is_good)
        return self._send(event, needs_answer=False)

    def _misbehave(self, argument: str) -> Done:
        if not argument:
            return Done(
                note="\n".join(f"  {name}: {fault.means}" for name, fault in FAULTS.items())
            )
        name, _, times = argument.partition(" ")
        number = int(times) if times.isdecimal() else 1
        try:
            self._messenger.misbehaviour.next_calls(name, number)
        except UnknownFault as error:
            return Done(note=str(error))
        return Done(note=f"The next {number} of the bot's messages: {FAULTS[name].means}.")


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
