"""One person in the stand-in of an organisation's own app, as the chat in the terminal needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.misbehaviour import UnknownFault
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent, Transcript
from bot.simulator.webhook import WebhookStandIn
from bot.simulator.webhook_events import Event
from bot.simulator.webhook_faults import FAULTS

COMMANDS: Mapping[str, str] = {
    "/start": "open the chat",
    "/photo": "send a photo",
    "/country": "/country CODE: say from now on in which country you are; /country alone ends it",
    "/twice": "/twice TEXT: deliver a message twice; the bot should answer once",
    "/thumbs-up": "rate the bot's last reply as good",
    "/thumbs-down": "rate the bot's last reply as bad",
    "/json": "show the bot's last reply as it was posted",
    "/error": "/error NAME [TIMES]: let the bot's next replies go wrong; /error lists the names",
}


class WebhookChat:
    """Somebody who talks to the bot in the organisation's app."""

    commands = COMMANDS

    def __init__(self, app: WebhookStandIn) -> None:
        """Begin as somebody whom the bot does not know yet."""
        self._app = app
        self.person = app.new_person()
        self._country: str | None = None
        self._runs: dict[str, Callable[[str], Done]] = {
            "/start": lambda _: self._send(app.write.start(self.person)),
            "/photo": lambda _: self._send(app.write.photo(self.person)),
            "/country": self._choose_country,
            "/twice": self._twice,
            "/thumbs-up": lambda _: self._rate(is_good=True),
            "/thumbs-down": lambda _: self._rate(is_good=False),
            "/json": lambda _: self._show_last(),
            "/error": self._misbehave,
        }

    @property
    def transcript(self) -> Transcript:
        """What was said."""
        return self._app.transcript

    def say(self, text: str) -> Done:
        """Type a text."""
        return self._send(self._app.write.text(self.person, text, self._country))

    def tap(self, choice: Choice) -> Done:
        """Tap a suggestion, which says its text."""
        return self.say(choice.value)

    def run(self, command: str, argument: str) -> Done:
        """Run a command of ``COMMANDS``."""
        return self._runs[command](argument)

    def draw(self, sent: Sent) -> Drawn:
        """Return a reply as text, with its suggestions."""
        lines = [line for text in sent.message["texts"] for line in text.splitlines()]
        choices = [
            Choice(one["title"], "reply", one["text"], is_fleeting=True)
            for one in sent.message["quick_replies"]
        ]
        return Drawn(lines, choices)

    def _send(self, event: Event, *, copies: int = 1) -> Done:
        attempts = self._app.send(event, copies=copies)
        problems = [attempt.problem for attempt in attempts if attempt.problem]
        return Done(event.key, "\n".join(dict.fromkeys(problems)), is_counted=copies > 1)

    def _choose_country(self, code: str) -> Done:
        self._country = code or None
        return Done(note=f"From now on: {code or 'no country'}.")

    def _twice(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /twice TEXT")
        return self._send(self._app.write.text(self.person, text, self._country), copies=2)

    def _rate(self, *, is_good: bool) -> Done:
        rated = [one for one in self._replies() if one["feedback"]]
        if not rated:
            return Done(note="The bot has sent nothing yet that asks for feedback.")
        write = self._app.write
        return self._send(write.feedback(self.person, rated[-1]["reply_id"], is_good=is_good))

    def _show_last(self) -> Done:
        own = [post for post in self._app.posts if post.message_id in self._own()]
        if not own:
            return Done(note="The bot has sent nothing yet.")
        return Done(note=own[-1].body.decode())

    def _replies(self) -> list[Mapping[str, Any]]:
        return [data["reply"] for data in self._own().values()]

    def _own(self) -> dict[str, Mapping[str, Any]]:
        """Return what was posted for this person, by its id."""
        return {
            message_id: data
            for message_id, data in self._app.taken.items()
            if data["person"] == self.person
        }

    def _misbehave(self, argument: str) -> Done:
        if not argument:
            return Done(
                note="\n".join(f"  {name}: {fault.means}" for name, fault in FAULTS.items())
            )
        name, _, times = argument.partition(" ")
        number = int(times) if times.isdecimal() else 1
        try:
            self._app.misbehaviour.next_calls(name, number)
        except UnknownFault as error:
            return Done(note=str(error))
        return Done(note=f"The next {number} of the bot's replies: {FAULTS[name].means}.")
