"""What was said on a stand-in, by whom and when: what people did, and what the bot sent them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(frozen=True)
class Said:
    """Something a person did; ``text`` is empty where it was no text."""

    person: str
    mid: str
    kind: str
    text: str
    at: float


@dataclass(frozen=True)
class Sent:
    """A message of the bot that the platform took, as it was sent."""

    person: str
    mid: str
    message: Mapping[str, Any]
    at: float


@dataclass(frozen=True)
class Acted:
    """A sign of the bot beside its messages, such as that it is typing."""

    person: str
    action: str
    at: float


@dataclass(frozen=True)
class Refused:
    """A call of the bot that the platform refused, with the platform's code and sentence."""

    person: str
    code: int
    message: str
    at: float


Line = Said | Sent | Acted | Refused


class Transcript:
    """The lines of all conversations in their order; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin an empty one; the clock gives seconds since 1970."""
        self._clock = clock
        self._changed = threading.Condition()
        self._lines: list[Line] = []

    def said(self, person: str, mid: str, kind: str, text: str = "") -> None:
        """Keep what a person did."""
        self._add(Said(person, mid, kind, text, self._clock()))

    def sent(self, person: str, mid: str, message: Mapping[str, Any]) -> None:
        """Keep a message of the bot."""
        self._add(Sent(person, mid, message, self._clock()))

    def acted(self, person: str, action: str) -> None:
        """Keep a sign of the bot."""
        self._add(Acted(person, action, self._clock()))

    def refused(self, person: str, code: int, message: str) -> None:
        """Keep a refusal."""
        self._add(Refused(person, code, message, self._clock()))

    def lines(self, start: int = 0) -> tuple[Line, ...]:
        """Return all lines from a place on."""
        with self._changed:
            return tuple(self._lines[start:])

    def answers(self, mid: str) -> tuple[Sent, ...]:
        """Return what the bot sent after something a person did, before they did the next thing.

        Raises:
            KeyError: nobody did that.
        """
        lines = self.lines()
        places = (n for n, one in enumerate(lines) if isinstance(one, Said) and one.mid == mid)
        place = next(places, None)
        if place is None:
            raise KeyError(mid)
        person, found = lines[place].person, []
        for line in lines[place + 1 :]:
            if line.person == person and isinstance(line, Said):
                break
            if line.person == person and isinstance(line, Sent):
                found.append(line)
        return tuple(found)

    def times_answered(self, mid: str) -> int:
        """Return how often something was answered: 0, 1, or more where the answer was repeated.

        One answer may be several messages, so what counts is how often the same one came.
        """
        bodies = Counter(json.dumps(sent.message, sort_keys=True) for sent in self.answers(mid))
        return max(bodies.values(), default=0)

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is true of this transcript; tell whether it became so in time."""
        with self._changed:
            return self._changed.wait_for(until, seconds)

    def wait_for_answer(self, mid: str, seconds: float, quiet: float = 0.5) -> tuple[Sent, ...]:
        """Wait for an answer, then until no further message came for a while.

        Args:
            mid: what a person did.
            seconds: how long to wait for the first message.
            quiet: seconds without another message that end an answer.

        Returns:
            The messages; none where none came in time.
        """
        known, limit = 0, seconds
        while self.wait(partial(self.has_more, mid, known), limit):
            known, limit = len(self.answers(mid)), quiet
        return self.answers(mid)

    def has_more(self, mid: str, known: int) -> bool:
        """Tell whether an answer has more messages than are known."""
        return len(self.answers(mid)) > known

    def _add(self, line: Line) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()
