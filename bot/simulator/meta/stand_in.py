"""What the stand-ins of Meta's platforms share: the webhook's handshake, signed deliveries, faults.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, TypeVar

import httpx

from bot.simulator.delivery import Attempt
from bot.simulator.meta.account import App
from bot.simulator.meta.graph import MetaGraph
from bot.simulator.meta.signature import signature_headers
from bot.simulator.misbehaviour import Answer, Fault
from bot.simulator.server import Call
from bot.simulator.stand_in import Happening, Listening, StandIn

BATCH = 1000
"""Events of one delivery at most, on the page above."""


class MetaHappening(Happening, Protocol):
    """Something that happened, of a webhook field."""

    @property
    def field(self) -> str:
        """The webhook field that must be subscribed to."""

    @property
    def is_of_person(self) -> bool:
        """Whether a person did something that opens the 24 hours in which one may write to them."""


Event = TypeVar("Event", bound=MetaHappening)


class MetaStandIn(StandIn[Event]):
    """A platform of Meta.

    Attributes:
        graph: the state behind the Graph API.
    """

    graph: MetaGraph

    def __init__(
        self, webhook_url: str, app: App, faults: Mapping[str, Fault], listening: Listening
    ) -> None:
        """Begin to listen, and answer after ``start``.

        Args:
            webhook_url: where the bot takes events.
            app: signs deliveries, and knows what the bot proves itself with in the handshake.
            faults: what can go wrong, by name.
            listening: where, and how.

        Raises:
            PortTaken: the port cannot be used.
        """
        super().__init__(webhook_url, faults, listening)
        self._app_secret, self._verify_token = app.app_secret, app.verify_token
        self._background = ThreadPoolExecutor(1, thread_name_prefix="receipts")

    def close(self) -> None:
        """Stop, without waiting for calls that are held up."""
        self._closing.set()
        self._background.shutdown(cancel_futures=True)
        super().close()

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers that go with a delivery."""
        return signature_headers(self._app_secret, body)

    def respond(self, call: Call) -> Answer:
        """Answer a call of the Graph API."""
        return self.graph.answer(call)

    def kind_of(self, call: Call) -> str:
        """Return the kind of a call."""
        return self.graph.kind_of(call)

    @abstractmethod
    def body(self, *events: Event, escaped: bool = True) -> bytes:
        r"""Return the body of one delivery.

        Args:
            events: what happened.
            escaped: write other letters than ASCII as Meta does, ``\u00e6``.
        """

    def verify(self) -> str:
        """Do the handshake by which Meta makes sure of a webhook.

        Returns:
            What is wrong, as a sentence; empty where all is well.
        """
        challenge = str(secrets.randbelow(10**10))
        status, text = None, ""
        with suppress(httpx.HTTPError):
            response = self._challenge(challenge, self._verify_token)
            status, text = response.status_code, response.text
        problem = self.problem_of(
            status,
            "the verification",
            "The webhook refused the verify token: the bot was started with another one.",
        )
        if problem or text == challenge:
            return problem
        return "The webhook did not repeat the challenge, and nothing but it."

    def takes_wrong_token(self) -> bool:
        """Tell whether the webhook repeats a challenge to somebody who does not know the token.

        Raises:
            httpx.HTTPError: no answer came.
        """
        challenge = str(secrets.randbelow(10**10))
        response = self._challenge(challenge, f"{self._verify_token}x")
        return response.status_code == httpx.codes.OK or challenge in response.text

    def forge(self, body: bytes, *, is_signed: bool) -> Attempt:
        """Deliver what Meta did not sign: without a signature, or with one of another app."""
        headers = {"Content-Type": "application/json"}
        if is_signed:
            headers = signature_headers(f"{self._app_secret}x", body)
        return self.webhook.attempt(body, headers)

    def later(self, tell: Callable[[], object]) -> None:
        """Do something after the call that is being answered."""
        with suppress(RuntimeError):  # closed in the meantime
            self._background.submit(tell)

    def _deliver(
        self,
        events: Sequence[Event],
        body: Callable[[Sequence[Event]], bytes],
        copies: int,
        batch: int,
    ) -> tuple[Attempt, ...]:
        """Keep what people did, and deliver what is of a field that is subscribed to.

        Args:
            events: what happened, in its order.
            body: writes those of one delivery.
            copies: how often each delivery is made.
            batch: how many events go into one at most.
        """
        for event in events:
            if event.is_of_person:
                self.note(event)
        subscribed = [event for event in events if event.field in self.graph.fields]
        attempts: list[Attempt] = []
        for start in range(0, len(subscribed), batch):
            written = body(subscribed[start : start + batch])
            for _ in range(copies):
                attempts += self.webhook.deliver(written)
        return tuple(attempts)

    def _challenge(self, challenge: str, token: str) -> httpx.Response:
        return self.webhook.get(
            {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
        )
