"""A stand-in of Messenger on this machine: Meta's side of the webhook, and its Graph API.

As far as public pages tell; docs/simulator.md says what is not known. It keeps a transcript and
goes wrong on demand::

    with MessengerStandIn("http://127.0.0.1:8000/webhooks/messenger") as messenger:
        event = messenger.write.text(ALICE, "What is flu?")
        messenger.send(event)
        messenger.transcript.wait_for_answer(event.key, 15)
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Any, Self

import httpx

from bot.simulator.delivery import PAUSES, Attempt, Webhook
from bot.simulator.graph import signature_headers
from bot.simulator.messenger_events import Event, EventWriter, body_of
from bot.simulator.messenger_faults import FAULTS
from bot.simulator.messenger_graph import Account, MessengerGraph, kind_of
from bot.simulator.misbehaviour import Answer, Fault, Misbehaviour
from bot.simulator.server import ApiServer, Call
from bot.simulator.transcript import Transcript

BATCH = 1000
"""Events of one delivery at most:
https://developers.facebook.com/docs/graph-api/webhooks/getting-started"""

FIRST_PERSON = 4_000_000_000_000_001


class MessengerStandIn:
    """The platform. Start and close it, or use it in a ``with``.

    Attributes:
        account: the page, the app, their secrets.
        graph: the state behind the Graph API: profile, subscription, who may be written to.
        misbehaviour: what goes wrong; names are in ``messenger_faults.FAULTS``.
        transcript: what was said.
        write: writes events.
        webhook: where they are delivered.
    """

    def __init__(
        self,
        webhook_url: str,
        account: Account | None = None,
        *,
        port: int = 0,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        pauses: Sequence[float] = PAUSES,
        receipts: bool = False,
        faults: Mapping[str, Fault] = FAULTS,
    ) -> None:
        """Begin to listen, and answer after ``start``.

        Args:
            webhook_url: where the bot takes events.
            account: the page and the app; made up by default.
            port: where the Graph API listens; 0 takes a free port.
            seed: decides which calls go wrong, where a share of them does.
            clock: seconds since 1970.
            pauses: seconds before each repetition of a delivery without a 200.
            receipts: tell the bot of each of its messages that it was echoed, delivered and read.
            faults: what can go wrong, by name.

        Raises:
            OSError: the port is taken.
        """
        self.account = account or Account()
        self.transcript = Transcript(clock)
        self.misbehaviour = Misbehaviour(faults, seed)
        self.write = EventWriter(self.account.page_id, self.account.app_id, clock)
        self.webhook = Webhook(webhook_url, self._headers, pauses, self._pause)
        self.graph = MessengerGraph(self.account, self.transcript, clock, self._receipts)
        self._clock, self._has_receipts = clock, receipts
        self._closing = threading.Event()
        self._people = count(FIRST_PERSON)
        self._background = ThreadPoolExecutor(1, thread_name_prefix="receipts")
        self._server = ApiServer(port, self._answer)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of the Graph API, in the place of ``https://graph.facebook.com``."""
        return self._server.url

    def start(self) -> None:
        """Begin to answer calls."""
        self._server.start()

    def close(self) -> None:
        """Stop, without waiting for calls that are held up."""
        self._closing.set()
        self._background.shutdown(cancel_futures=True)
        self._server.close()
        self.webhook.close()

    def new_person(self) -> str:
        """Return the page-scoped id of somebody whom the page does not know yet."""
        return str(next(self._people))

    def verify(self) -> str:
        """Do the handshake by which Meta makes sure of a webhook.

        https://developers.facebook.com/docs/graph-api/webhooks/getting-started

        Returns:
            What is wrong, as a sentence; empty where all is well.
        """
        challenge = str(secrets.randbelow(10**10))
        try:
            response = self._challenge(challenge, self.account.verify_token)
        except httpx.HTTPError:
            return f"Nothing answers at {self.webhook.url}: start the bot, then try again."
        if response.status_code == httpx.codes.NOT_FOUND:
            return f"There is no webhook at {self.webhook.url}: is the channel switched on?"
        if response.status_code == httpx.codes.FORBIDDEN:
            return "The webhook refused the verify token: the bot was started with another one."
        if response.status_code != httpx.codes.OK:
            return f"The webhook answered the verification with {response.status_code}, not 200."
        if response.text != challenge:
            return "The webhook did not repeat the challenge, and nothing but it."
        return ""

    def takes_wrong_token(self) -> bool:
        """Tell whether the webhook repeats a challenge to somebody who does not know the token.

        Raises:
            httpx.HTTPError: no answer came.
        """
        challenge = str(secrets.randbelow(10**10))
        response = self._challenge(challenge, f"{self.account.verify_token}x")
        return response.status_code == httpx.codes.OK or challenge in response.text

    def send(
        self,
        *events: Event,
        copies: int = 1,
        batch: int = BATCH,
        escaped: bool = True,
        one_entry: bool = False,
    ) -> tuple[Attempt, ...]:
        r"""Let things happen: deliver events to the webhook in the order given.

        An event of a field that the page is not subscribed to is not delivered.

        Args:
            events: what happened; hand them over out of order to deliver them so.
            copies: how often each delivery is made, whatever is answered.
            batch: how many events go into one delivery at most.
            escaped: write other letters than ASCII as Meta does, ``\u00e6``.
            one_entry: put all events of a delivery into one entry.

        Returns:
            Every attempt, also those that were repeated because no 200 came.
        """
        for event in events:
            if event.is_of_person:
                self.note(event)
        subscribed = [event for event in events if event.field in self.graph.fields]
        attempts: list[Attempt] = []
        for start in range(0, len(subscribed), batch):
            some = subscribed[start : start + batch]
            body = self.body(*some, escaped=escaped, one_entry=one_entry)
            for _ in range(copies):
                attempts += self.webhook.deliver(body)
        return tuple(attempts)

    def note(self, event: Event) -> None:
        """Keep what a person did, and let the page write to them; ``send`` does so by itself."""
        person = event.body["sender"]["id"]
        self.graph.heard_from(person)
        self.transcript.said(person, event.key, event.field, event.text)

    def body(self, *events: Event, escaped: bool = True, one_entry: bool = False) -> bytes:
        """Return the body of one delivery."""
        page, now = self.account.page_id, self._clock()
        return body_of(events, page, now, escaped=escaped, one_entry=one_entry)

    def _challenge(self, challenge: str, token: str) -> httpx.Response:
        return self.webhook.get(
            {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
        )

    def _headers(self, body: bytes) -> dict[str, str]:
        return signature_headers(self.account.app_secret, body)

    def _pause(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def _answer(self, call: Call) -> Answer | None:
        """Answer a call, or go wrong; None closes the connection."""
        fault = self.misbehaviour.pick(kind_of(call))
        if fault is None:
            return self.graph.answer(call)
        self._pause(fault.wait_seconds)
        answer = self.graph.answer(call) if fault.processes else fault.answer
        return None if fault.drops else fault.answer or answer

    def _receipts(self, person: str, mid: str, message: Mapping[str, Any]) -> None:
        if not self._has_receipts:
            return
        with suppress(RuntimeError):  # closed in the meantime
            self._background.submit(self._tell, person, mid, message)

    def _tell(self, person: str, mid: str, message: Mapping[str, Any]) -> None:
        for event in self._receipts_of(person, mid, message):
            self.send(event)

    def _receipts_of(self, person: str, mid: str, message: Mapping[str, Any]) -> Iterator[Event]:
        yield self.write.echo(person, mid, message)
        yield self.write.delivery(person, [mid])
        yield self.write.read(person)
