"""What every stand-in does, whatever it plays: listen, answer or go wrong, deliver, and stop."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

import httpx

from bot.simulator.delivery import PAUSES, Attempt, Webhook
from bot.simulator.misbehaviour import Answer, Fault, Misbehaviour
from bot.simulator.server import ApiServer, Call
from bot.simulator.transcript import Transcript


@dataclass(frozen=True)
class Listening:
    """Where a stand-in listens and how it behaves.

    Attributes:
        port: where its API listens; 0 takes a free port.
        seed: decides which calls go wrong, where a share of them does.
        clock: seconds since 1970.
        pauses: seconds before each repetition of a delivery that was not acknowledged.
    """

    port: int = 0
    seed: int = 0
    clock: Callable[[], float] = field(default=time.time)
    pauses: Sequence[float] = PAUSES


@dataclass(frozen=True)
class WentWrong:
    """A call that went wrong on demand, and when, in seconds since 1970."""

    call: Call
    at: float


class Happening(Protocol):
    """Something that happened, as the platform tells the bot of it."""

    @property
    def key(self) -> str:
        """What the transcript calls it."""


Event = TypeVar("Event", bound=Happening)
Written = TypeVar("Written", bound=Happening, covariant=True)


class Writes(Protocol[Written]):
    """What every platform's writer of events can write."""

    def text(self, person: str, text: str) -> Written:
        """Return a typed message."""


class StandIn(ABC, Generic[Event]):
    """A platform. Start and close it, or use it in a ``with``.

    Attributes:
        misbehaviour: what goes wrong.
        went_wrong: what did so far, in order.
        transcript: what was said.
        webhook: where the bot takes events.
        write: writes events.
    """

    write: Writes[Event]

    def __init__(self, webhook_url: str, faults: Mapping[str, Fault], listening: Listening) -> None:
        """Begin to listen, and answer after ``start``.

        Args:
            webhook_url: where the bot takes events.
            faults: what can go wrong, by name.
            listening: where, and how.

        Raises:
            PortTaken: the port cannot be used.
        """
        self.transcript = Transcript(listening.clock)
        self.misbehaviour = Misbehaviour(faults, listening.seed)
        self.went_wrong: list[WentWrong] = []
        self._clock = listening.clock
        self.webhook = Webhook(webhook_url, self.headers, listening.pauses, self._pause)
        self._closing = threading.Event()
        self._server = ApiServer(listening.port, self._answer)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of the API, without a slash at its end."""
        return self._server.url

    def start(self) -> None:
        """Begin to answer calls."""
        self._server.start()

    def close(self) -> None:
        """Stop, without waiting for calls that are held up."""
        self._closing.set()
        self._server.close()
        self.webhook.close()

    @abstractmethod
    def headers(self, body: bytes) -> Mapping[str, str]:
        """Return the headers that go with a delivery."""

    @abstractmethod
    def respond(self, call: Call) -> Answer:
        """Answer a call of the API as the platform would."""

    @abstractmethod
    def kind_of(self, call: Call) -> str:
        """Return the kind of a call, by which a fault is picked."""

    @abstractmethod
    def new_person(self) -> str:
        """Return the id of somebody whom the bot does not know yet."""

    @abstractmethod
    def verify(self) -> str:
        """Try the webhook.

        Returns:
            What is wrong, as a sentence; empty where all is well.
        """

    @abstractmethod
    def send(self, *events: Event, copies: int = 1) -> tuple[Attempt, ...]:
        """Let things happen: deliver events to the webhook in the order given.

        Args:
            events: what happened.
            copies: how often each delivery is made, whatever is answered.

        Returns:
            Every attempt, also those that were repeated because no 200 came.
        """

    @abstractmethod
    def note(self, event: Event) -> None:
        """Keep what a person did; ``send`` does so by itself."""

    def problem_of(self, status: int | None, tried: str, refused: str) -> str:
        """Return what is wrong with a webhook that was tried; empty where nothing is.

        Args:
            status: what it answered; None where no answer came.
            tried: what it was tried with.
            refused: what it means that it refused that.
        """
        if status is None:
            return f"Nothing answers at {self.webhook.url}: start the bot, then try again."
        if status == httpx.codes.NOT_FOUND:
            return f"There is no webhook at {self.webhook.url}: is the channel switched on?"
        if status == httpx.codes.FORBIDDEN:
            return refused
        if status != httpx.codes.OK:
            return f"The webhook answered {tried} with {status}, not 200."
        return ""

    def _pause(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def _answer(self, call: Call) -> Answer | None:
        """Answer a call, or go wrong; None closes the connection."""
        fault = self.misbehaviour.pick(self.kind_of(call))
        if fault is None:
            return self.respond(call)
        self.went_wrong.append(WentWrong(call, self._clock()))
        self._pause(fault.wait_seconds)
        answer = self.respond(call) if fault.processes else fault.answer
        return None if fault.drops else fault.answer or answer
