"""What goes wrong with a platform, on demand: at the next calls, or at a share of them.

Errors::

    UnknownFault           the platform knows no fault of that name
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class UnknownFault(ValueError):
    """There is no such fault; the message lists those there are."""


@dataclass(frozen=True)
class Answer:
    """What a platform answers a call with."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """One way to go wrong.

    Attributes:
        means: what happens, for a person to read.
        wait_seconds: how long the call is held up first.
        processes: whether the call takes effect all the same.
        answer: what is answered instead of the right answer, if anything is.
        drops: whether the connection is closed without any answer.
    """

    means: str
    wait_seconds: float = 0.0
    processes: bool = False
    answer: Answer | None = None
    drops: bool = False


TIMEOUT = Fault("Nothing is sent; no answer for 30 seconds", 30.0, drops=True)
SLOW = Fault("Sent; the answer comes after 4 seconds", 4.0, processes=True)
SENT_BUT_DROPPED = Fault(
    "Sent, and yet the connection closes without an answer", processes=True, drops=True
)


class Misbehaviour:
    """Decides which call goes wrong and how; the same seed decides alike. Safe between threads.

    Calls are of kinds ("message", "action" …), so that a fault meant for a message is not used up
    by the typing indicator before it.

    Attributes:
        faults: what can go wrong, by name.
    """

    def __init__(self, faults: Mapping[str, Fault], seed: int = 0) -> None:
        """Begin with no fault."""
        self.faults = faults
        self._random = random.Random(seed)  # noqa: S311 - decides tests, no secret
        self._lock = threading.Lock()
        self._next: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._shares: defaultdict[str, list[tuple[float, Fault]]] = defaultdict(list)

    def next_calls(self, name: str, times: int = 1, kind: str = "message") -> None:
        """Let the next calls of a kind go wrong.

        Raises:
            UnknownFault: there is no fault of that name.
        """
        fault = self._named(name)
        with self._lock:
            self._next[kind].extend([fault] * times)

    def sometimes(self, name: str, probability: float, kind: str = "message") -> None:
        """Let a share of the calls of a kind, from 0 to 1, go wrong from now on.

        Raises:
            UnknownFault: there is no fault of that name.
            ValueError: the probability is not one.
        """
        if not 0 <= probability <= 1:
            raise ValueError("A probability is a number from 0 to 1.")
        fault = self._named(name)
        with self._lock:
            self._shares[kind].append((probability, fault))

    def stop(self) -> None:
        """Let every call go right again."""
        with self._lock:
            self._next.clear()
            self._shares.clear()

    def pick(self, kind: str) -> Fault | None:
        """Return what goes wrong with this call, or None."""
        with self._lock:
            if self._next[kind]:
                return self._next[kind].popleft()
            for probability, fault in self._shares[kind]:
                if self._random.random() < probability:
                    return fault
            return None

    def _named(self, name: str) -> Fault:
        if name not in self.faults:
            raise UnknownFault(f"No fault is called {name}; there are {', '.join(self.faults)}.")
        return self.faults[name]
