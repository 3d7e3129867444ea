"""One person on the stand-in of WhatsApp, as the chat in the terminal needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.misbehaviour import UnknownFault
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent, Transcript
from bot.simulator.whatsapp import WhatsAppStandIn
from bot.simulator.whatsapp_events import Event
from bot.simulator.whatsapp_faults import FAULTS

COMMANDS: Mapping[str, str] = {
    "/open": "open the chat for the first time, where the number asks to be told of that",
    "/image": "/image CAPTION: send a photo, with or without words below it",
    "/voice": "send a voice message",
    "/sticker": "send a sticker",
    "/ad": "/ad TEXT: write from an ad",
    "/twice": "/twice TEXT: deliver a message twice; the bot should answer once",
    "/edit": "/edit TEXT: change the last message",
    "/react": "/react EMOJI: react to the bot's last message; without one, take it back",
    "/lose": "let no further message of the bot arrive; it is told so afterwards",
    "/error": "/error NAME [TIMES]: let the bot's next messages go wrong; /error lists the names",
}


class WhatsAppChat:
    """Somebody who writes to the number."""

    commands = COMMANDS

    def __init__(self, whatsapp: WhatsAppStandIn, *, has_user_name: bool = False) -> None:
        """Begin as somebody new, who shows a user name or a number."""
        self._whatsapp = whatsapp
        self.person = whatsapp.new_person(has_user_name=has_user_name)
        self._last_text = ""
        write = whatsapp.write
        self._runs: dict[str, Callable[[str], Done]] = {
            "/open": lambda _: self._send(write.welcome(self.person)),
            "/image": lambda caption: self._send(write.image(self.person, caption)),
            "/voice": lambda _: self._send(write.audio(self.person)),
            "/sticker": lambda _: self._send(write.sticker(self.person)),
            "/ad": self._from_ad,
            "/twice": self._twice,
            "/edit": self._edit,
            "/react": self._react,
            "/lose": self._lose,
            "/error": self._misbehave,
        }

    @property
    def transcript(self) -> Transcript:
        """What was said."""
        return self._whatsapp.transcript

    def say(self, text: str) -> Done:
        """Type a text."""
        event = self._whatsapp.write.text(self.person, text)
        self._last_text = event.key
        return self._send(event)

    def tap(self, choice: Choice) -> Done:
        """Tap something; what opens a page sends nothing."""
        write = self._whatsapp.write
        if choice.does == "reply":
            return self._send(write.button_reply(self.person, choice.value, choice.label))
        if choice.does == "postback":
            title, _, description = choice.label.partition(BETWEEN)
            return self._send(write.list_reply(self.person, choice.value, title, description))
        return Done(note=f"The app would {choice.does} {choice.value}; the bot is told nothing.")

    def run(self, command: str, argument: str) -> Done:
        """Run a command of ``COMMANDS``."""
        return self._runs[command](argument)

    def draw(self, sent: Sent) -> Drawn:
        """Return a message as text, with its buttons or the rows of its list."""
        return draw(sent.message)

    def _send(self, event: Event, *, needs_answer: bool = True, copies: int = 1) -> Done:
        attempts = self._whatsapp.send(event, copies=copies)
        problems = [attempt.problem for attempt in attempts if attempt.problem]
        note = "\n".join(dict.fromkeys(problems))
        return Done(event.key, note, needs_answer, is_counted=copies > 1)

    def _from_ad(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /ad TEXT")
        return self._send(self._whatsapp.write.from_ad(self.person, text))

    def _twice(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /twice TEXT")
        return self._send(self._whatsapp.write.text(self.person, text), copies=2)

    def _edit(self, text: str) -> Done:
        if not text or not self._last_text:
            return Done(note="Type a message first, then /edit TEXT")
        event = self._whatsapp.write.edit(self.person, self._last_text, text)
        return self._send(event, needs_answer=False)

    def _react(self, emoji: str) -> Done:
        lines = self.transcript.lines()
        wamids = [one.mid for one in lines if isinstance(one, Sent) and one.person == self.person]
        if not wamids:
            return Done(note="The bot has sent nothing yet that could be reacted to.")
        event = self._whatsapp.write.reaction(self.person, wamids[-1], emoji)
        return self._send(event, needs_answer=False)

    def _lose(self, _: str) -> Done:
        self._whatsapp.graph.lose(self.person)
        return Done(note="Messages of the bot are taken from now on, and not delivered.")

    def _misbehave(self, argument: str) -> Done:
        if not argument:
            return Done(
                note="\n".join(f"  {name}: {fault.means}" for name, fault in FAULTS.items())
            )
        name, _, times = argument.partition(" ")
        number = int(times) if times.isdecimal() else 1
        try:
            self._whatsapp.misbehaviour.next_calls(name, number)
        except UnknownFault as error:
            return Done(note=str(error))
        return Done(note=f"The next {number} of the bot's messages: {FAULTS[name].means}.")


BETWEEN = " – "
"""Stands between the title of a row and the line below it."""


def draw(message: Mapping[str, Any]) -> Drawn:
    """Return a message that the platform took as text and choices."""
    if message["type"] == "text":
        return Drawn(message["text"]["body"].splitlines())
    content = message["interactive"]
    parts = [content.get("header", {}), content["body"], content.get("footer", {})]
    lines = [line for part in parts for line in part.get("text", "").splitlines()]
    action = content["action"]
    if content["type"] == "button":
        replies = [button["reply"] for button in action["buttons"]]
        return Drawn(lines, [Choice(one["title"], "reply", one["id"]) for one in replies])
    if content["type"] == "list":
        rows = [row for section in action["sections"] for row in section["rows"]]
        return Drawn([*lines, f"({action['button']})"], [_row(row) for row in rows])
    link = action["parameters"]
    return Drawn(lines, [Choice(link["display_text"], "open", link["url"])])


def _row(row: Mapping[str, str]) -> Choice:
    parts = [row["title"], *([row["description"]] if row.get("description") else [])]
    return Choice(BETWEEN.join(parts), "postback", row["id"])
