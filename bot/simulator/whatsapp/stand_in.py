"""A stand-in of WhatsApp on this machine: Meta's side of the webhook, and the Cloud API.

As far as public pages tell; docs/simulator.md says what is not known. It keeps a transcript and
goes wrong on demand::

    with WhatsAppStandIn("http://127.0.0.1:8000/webhooks/whatsapp") as whatsapp:
        event = whatsapp.write.text(whatsapp.new_person(), "What is flu?")
        whatsapp.send(event)
        whatsapp.transcript.wait_for_answer(event.key, 15)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count

from bot.simulator.delivery import PAUSES, Attempt
from bot.simulator.meta.stand_in import BATCH, MetaStandIn
from bot.simulator.misbehaviour import Fault
from bot.simulator.stand_in import Listening
from bot.simulator.whatsapp.account import WhatsAppAccount
from bot.simulator.whatsapp.events import Event, EventWriter, Shape, body_of
from bot.simulator.whatsapp.faults import FAULTS, UNDELIVERABLE
from bot.simulator.whatsapp.graph import WhatsAppGraph

FIRST_NUMBER = 15_550_100_001
"""Numbers with 555-01 belong to nobody."""
FIRST_USER_ID = 13_000_000_000_000_000_001


class WhatsAppStandIn(MetaStandIn[Event]):
    """The platform.

    Attributes:
        account: the number, its account, the app, their secrets.
        graph: the state behind the Graph API: who may be written to, what the token may.
        write: writes events.
    """

    graph: WhatsAppGraph
    write: EventWriter

    def __init__(
        self,
        webhook_url: str,
        account: WhatsAppAccount | None = None,
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
            account: the number and the app; made up by default.
            port: where the Graph API listens; 0 takes a free port.
            seed: decides which calls go wrong, where a share of them does.
            clock: seconds since 1970.
            pauses: seconds before each repetition of a delivery without a 200.
            receipts: tell the bot of each of its messages that it was sent, delivered and read;
                that one was not delivered is told in any case.
            faults: what can go wrong, by name.

        Raises:
            PortTaken: the port cannot be used.
        """
        self.account = account or WhatsAppAccount()
        listening = Listening(port, seed, clock, pauses)
        super().__init__(webhook_url, self.account, faults, listening)
        self._has_receipts = receipts
        self.write = EventWriter(self.account, clock)
        self.graph = WhatsAppGraph(self.account, self.transcript, clock, self._on_sent, webhook_url)
        self._numbers, self._user_ids = count(FIRST_NUMBER), count(FIRST_USER_ID)

    def new_person(self, *, has_user_name: bool = False) -> str:
        """Return the number of somebody new, or what stands for it where they show a user name."""
        return f"US.{next(self._user_ids)}" if has_user_name else str(next(self._numbers))

    def send(
        self,
        *events: Event,
        copies: int = 1,
        batch: int = BATCH,
        escaped: bool = True,
        shape: Shape = "entries",
    ) -> tuple[Attempt, ...]:
        r"""Let things happen: deliver events to the webhook in the order given.

        An event of a field that is not subscribed to is not delivered.

        Args:
            events: what happened; hand them over out of order to deliver them so.
            copies: how often each delivery is made, whatever is answered.
            batch: how many events go into one delivery at most.
            escaped: write other letters than ASCII as Meta does, ``\u00e6``.
            shape: how several events stand together in one delivery.

        Returns:
            Every attempt, also those that were repeated because no 200 came.
        """

        def body(some: Sequence[Event]) -> bytes:
            return self.body(*some, escaped=escaped, shape=shape)

        return self._deliver(events, body, copies, batch)

    def note(self, event: Event) -> None:
        """Keep what a person did, and let the number write to them; ``send`` does so by itself."""
        self.graph.heard_from(event.person, event.key)
        self.transcript.said(event.person, event.key, event.kind, event.text)

    def body(self, *events: Event, escaped: bool = True, shape: Shape = "entries") -> bytes:
        """Return the body of one delivery."""
        return body_of(events, self.account, escaped=escaped, shape=shape)

    def _on_sent(self, person: str, wamid: str, arrives: bool) -> None:
        if not arrives:
            self.later(partial(self._tell, person, wamid, ("failed",), UNDELIVERABLE.code))
        elif self._has_receipts:
            self.later(partial(self._tell, person, wamid, ("sent", "delivered", "read")))

    def _tell(self, person: str, wamid: str, statuses: Sequence[str], code: int = 0) -> None:
        for status in statuses:
            self.send(self.write.status(person, wamid, status, code))
