"""A stand-in of Messenger on this machine: Meta's side of the webhook, and its Graph API.

As far as public pages tell; docs/simulator.md says what is not known. It keeps a transcript and
goes wrong on demand::

    with MessengerStandIn("http://127.0.0.1:8000/webhooks/messenger") as messenger:
        event = messenger.write.text(ALICE, "What is flu?")
        messenger.send(event)
        messenger.transcript.wait_for_answer(event.key, 15)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

from bot.simulator.delivery import PAUSES, Attempt
from bot.simulator.messenger.account import Account
from bot.simulator.messenger.events import Event, EventWriter, body_of
from bot.simulator.messenger.faults import FAULTS
from bot.simulator.messenger.graph import MessengerGraph
from bot.simulator.meta.stand_in import BATCH, MetaStandIn
from bot.simulator.misbehaviour import Fault
from bot.simulator.stand_in import Listening

FIRST_PERSON = 4_000_000_000_000_001


class MessengerStandIn(MetaStandIn[Event]):
    """The platform.

    Attributes:
        account: the page, the app, their secrets.
        graph: the state behind the Graph API: profile, subscription, who may be written to.
        write: writes events.
    """

    graph: MessengerGraph
    write: EventWriter

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
            PortTaken: the port cannot be used.
        """
        self.account = account or Account()
        listening = Listening(port, seed, clock, pauses)
        super().__init__(webhook_url, self.account, faults, listening)
        self._has_receipts = receipts
        self.write = EventWriter(self.account.page_id, self.account.app_id, clock)
        self.graph = MessengerGraph(
            self.account, self.transcript, clock, self._receipts, webhook_url
        )
        self._people = count(FIRST_PERSON)

    def new_person(self) -> str:
        """Return the page-scoped id of somebody whom the page does not know yet."""
        return str(next(self._people))

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

        def body(some: Sequence[Event]) -> bytes:
            return self.body(*some, escaped=escaped, one_entry=one_entry)

        return self._deliver(events, body, copies, batch)

    def note(self, event: Event) -> None:
        """Keep what a person did, and let the page write to them; ``send`` does so by itself."""
        person = event.body["sender"]["id"]
        self.graph.heard_from(person)
        self.transcript.said(person, event.key, event.field, event.text)

    def body(self, *events: Event, escaped: bool = True, one_entry: bool = False) -> bytes:
        """Return the body of one delivery."""
        page, now = self.account.page_id, self._clock()
        return body_of(events, page, now, escaped=escaped, one_entry=one_entry)

    def _receipts(self, person: str, mid: str, message: Mapping[str, Any]) -> None:
        if self._has_receipts:
            self.later(partial(self._tell, person, mid, message))

    def _tell(self, person: str, mid: str, message: Mapping[str, Any]) -> None:
        for event in self._receipts_of(person, mid, message):
            self.send(event)

    def _receipts_of(self, person: str, mid: str, message: Mapping[str, Any]) -> Iterator[Event]:
        yield self.write.echo(person, mid, message)
        yield self.write.delivery(person, [mid])
        yield self.write.read(person)
