"""Messages of many people, planned from a seed, delivered as Messenger does: again until a 200."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bot.simulator.messenger.events import Event
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.meta.signature import signature_headers

QUESTIONS = (
    "can I catch the flu from the flu shot?",
    "what are the symptoms of measles",
    "how do I get rid of head lice",
    "is rsv dangerous for babies",
    "what should I drink when I have diarrhea",
    "signs of a concussion",
    "how does hepatitis b spread",
    "can vaccines cause autism",
    "how long should I wash my hands",
    "what are the symptoms of diabetes",
    "how do I keep mosquitoes away",
    "what causes asthma attacks",
    "how do I lower my cholesterol",
    "how can I prevent food poisoning",
    "what are the symptoms of anemia",
)
"""Each has an answer of its own in the shipped corpus."""
AGAIN_SHARE = 0.05
"""Of the deliveries, that are made twice although the first was taken."""
BATCH_SHARE, BATCH = 0.1, 5
MORE_SHARE = 0.4
"""Of the messages, that are a further one of somebody who wrote before."""
MOST_OF_ONE = 4
GAPS = (0.0, 2.0, 8.0)
"""Seconds that somebody waits at least before the next message, whatever was answered."""
PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, *[30.0] * 20)
"""Before each repetition of a delivery without a 200; Meta's own go on for 36 hours."""
THREADS = 64


@dataclass(frozen=True)
class Question:
    """What somebody will ask: the number of the person and of the question."""

    person: int
    number: int


@dataclass(frozen=True)
class Planned:
    """One delivery: after how many seconds, what is in it, and whether it comes twice."""

    after: float
    asked: tuple[Question, ...]
    is_repeated: bool


class _People:
    """Who writes next, and what: somebody new, or one of those who still have questions."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._count = 0
        self._open: list[tuple[float, int, list[int]]] = []

    def next(self, after: float) -> Question:
        ready = [one for one in self._open if one[0] <= after]
        if ready and self._chance.random() < MORE_SHARE:
            chosen = self._chance.choice(ready)
            self._open.remove(chosen)
            _, person, left = chosen
        else:
            person, self._count = self._count, self._count + 1
            left = self._chance.sample(range(len(QUESTIONS)), MOST_OF_ONE)
        if left[1:]:
            self._open.append((after + self._chance.choice(GAPS), person, left[1:]))
        return Question(person, left[0])


def plan(seed: int, rate: float, seconds: float) -> list[Planned]:
    """Return the deliveries of some seconds, at a rate of messages a second."""
    chance = random.Random(seed)  # noqa: S311 - decides a benchmark, no secret
    people, made, count = _People(chance), list[Planned](), 0
    while (after := count / rate) < seconds:
        size = BATCH if chance.random() < BATCH_SHARE / BATCH else 1
        asked = tuple(people.next(after) for _ in range(size))
        made.append(Planned(after, asked, chance.random() < AGAIN_SHARE))
        count += size
    return made


@dataclass(frozen=True)
class Tried:
    """One attempt to deliver: when it began, its status (None: no answer), how long it took."""

    at: float
    status: int | None
    seconds: float


@dataclass
class Asked:
    """A message that was really sent.

    Attributes:
        question: who asked what.
        person: what the platform calls them.
        mid: what the platform calls the message.
        at: when they wrote it, in seconds since 1970.
        accepted_at: when it got its first 200; None while it got none.
    """

    question: Question
    person: str
    mid: str
    at: float
    accepted_at: float | None = None


@dataclass(order=True)
class _Due:
    at: float
    number: int
    attempt: int = field(compare=False)
    body: bytes = field(compare=False, repr=False)
    asked: tuple[Asked, ...] = field(compare=False, repr=False)


class Traffic:
    """Delivers what was planned, at its time, whether or not earlier deliveries got through.

    Attributes:
        asked: every message in the order of writing.
        tried: every attempt.
        gave_up: deliveries that got no 200 until the end; their messages are not accepted.
    """

    def __init__(self, stand_in: MessengerStandIn, planned: Sequence[Planned]) -> None:
        """Take the platform and the plan."""
        self._stand_in, self._planned = stand_in, planned
        self._people: dict[int, str] = {}
        self._heap: list[_Due] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._running = 0
        self.asked: list[Asked] = []
        self.tried: list[Tried] = []
        self.gave_up = 0

    def run(self) -> None:
        """Deliver everything; return when each delivery has its 200 or was given up."""
        began = time.monotonic()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="platform") as pool:
            for one in self._planned:
                while (left := began + one.after - time.monotonic()) > 0:
                    self._start_due(pool, left)
                self._write(one)
            while not self._is_done():
                self._start_due(pool, 0.2)

    def _write(self, one: Planned) -> None:
        """Let people write what is planned; the delivery is due at once."""
        events, asked = [], []
        for question in one.asked:
            event = self._event(question)
            events.append(event)
            at = event.body["timestamp"] / 1000
            person = event.body["sender"]["id"]
            asked.append(Asked(question, person, event.key, at))
        body = self._stand_in.body(*events)
        now = time.monotonic()
        with self._changed:
            self.asked += asked
            for _ in range(2 if one.is_repeated else 1):
                self._push(_Due(now, next(self._numbers), 0, body, tuple(asked)))

    def _event(self, question: Question) -> Event:
        person = self._people.get(question.person)
        if person is None:
            person = self._people[question.person] = self._stand_in.new_person()
        event = self._stand_in.write.text(person, QUESTIONS[question.number])
        self._stand_in.note(event)
        return event

    def _push(self, due: _Due) -> None:
        heapq.heappush(self._heap, due)
        self._changed.notify_all()

    def _start_due(self, pool: ThreadPoolExecutor, longest: float) -> None:
        """Hand over what is due now, or wait until something may be."""
        with self._changed:
            now = time.monotonic()
            if self._heap and self._heap[0].at <= now:
                self._running += 1
                pool.submit(self._deliver, heapq.heappop(self._heap))
                return
            next_at = self._heap[0].at if self._heap else now + longest
            self._changed.wait(max(0.0, min(longest, next_at - now)))

    def _is_done(self) -> bool:
        with self._changed:
            return not self._heap and not self._running

    def _deliver(self, due: _Due) -> None:
        at = time.time()
        headers = signature_headers(self._stand_in.account.app_secret, due.body)
        attempt = self._stand_in.webhook.attempt(due.body, headers)
        with self._changed:
            self._running -= 1
            self.tried.append(Tried(at, attempt.status, attempt.seconds))
            if attempt.is_acknowledged:
                for one in due.asked:
                    one.accepted_at = one.accepted_at or time.time()
            elif due.attempt < len(PAUSES):
                again_at = time.monotonic() + PAUSES[due.attempt]
                again = _Due(again_at, next(self._numbers), due.attempt + 1, due.body, due.asked)
                self._push(again)
            else:
                self.gave_up += 1
            self._changed.notify_all()
