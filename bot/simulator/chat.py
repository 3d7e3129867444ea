"""One person on a stand-in, as the chat in the terminal needs them; knows no platform."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Generic

from bot.simulator.misbehaviour import UnknownFault
from bot.simulator.stand_in import Event, StandIn
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent, Transcript

Run = Callable[[str], Done]


class PersonChat(ABC, Generic[Event]):
    """Somebody who talks to the bot; a platform adds what else people do there.

    Attributes:
        commands: what can be done beside typing, each with what it does.
        goes_wrong: what ``/error`` lets go wrong.
        person: who talks.
    """

    commands: Mapping[str, str]
    goes_wrong = "messages"

    def __init__(self, standin: StandIn[Event], person: str, runs: Mapping[str, Run]) -> None:
        """Begin.

        Args:
            standin: the platform.
            person: who talks.
            runs: the platform's own commands; ``/twice`` and ``/error`` are everywhere.
        """
        self._standin, self.person = standin, person
        self._last_typed: Event | None = None
        self._runs = {**runs, "/twice": self._twice, "/error": self._misbehave}

    @property
    def transcript(self) -> Transcript:
        """What was said."""
        return self._standin.transcript

    def say(self, text: str) -> Done:
        """Type a text."""
        return self._send(self._typed(text))

    @abstractmethod
    def tap(self, choice: Choice) -> Done:
        """Tap something."""

    def run(self, command: str, argument: str) -> Done:
        """Run one of ``commands``."""
        return self._runs[command](argument)

    @abstractmethod
    def draw(self, sent: Sent) -> Drawn:
        """Return a message of the bot as text, with what can be tapped below it."""

    def _write(self, text: str) -> Event:
        return self._standin.write.text(self.person, text)

    def _typed(self, text: str) -> Event:
        """Return the event of a typed text, and keep it as the one that can be changed."""
        self._last_typed = self._write(text)
        return self._last_typed

    def _send(self, event: Event, *, needs_answer: bool = True, copies: int = 1) -> Done:
        attempts = self._standin.send(event, copies=copies)
        problems = [attempt.problem for attempt in attempts if attempt.problem]
        note = "\n".join(dict.fromkeys(problems))
        return Done(event.key, note, needs_answer, is_counted=copies > 1)

    def _last_sent(self) -> str:
        """Return the id of the bot's last message to this person; empty before the first."""
        lines = self.transcript.lines()
        own = [one.mid for one in lines if isinstance(one, Sent) and one.person == self.person]
        return own[-1] if own else ""

    def _twice(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /twice TEXT")
        return self._send(self._typed(text), copies=2)

    def _edit(self, text: str, edited: Callable[[Event], Event]) -> Done:
        """Change what was typed last; the platform tells how."""
        if not text or self._last_typed is None:
            return Done(note="Type a message first, then /edit TEXT")
        return self._send(edited(self._last_typed), needs_answer=False)

    def _misbehave(self, argument: str) -> Done:
        misbehaviour = self._standin.misbehaviour
        faults = misbehaviour.faults
        if not argument:
            rows = [f"  {name}: {fault.means}" for name, fault in faults.items()]
            return Done(note="\n".join(rows))
        name, _, times = argument.partition(" ")
        number = int(times) if times.isdecimal() else 1
        try:
            misbehaviour.next_calls(name, number)
        except UnknownFault as error:
            return Done(note=str(error))
        return Done(note=f"The next {number} of the bot's {self.goes_wrong}: {faults[name].means}.")


def opened(choice: Choice) -> Done:
    """Return what a tap on something does that opens a page or calls somebody."""
    return Done(note=f"The app would {choice.does} {choice.value}; the bot is told nothing.")
