"""Which conversations a person of the team has now, in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from bot.messaging.inbox import Also, Claimed
from bot.messaging.sealing import Sealer, SealError
from knowledge.schema import Handover, InboxEvent, now
from knowledge.store import transaction

Via = Literal["messenger", "desk"]


@dataclass(frozen=True)
class Held:
    """A conversation that a person has.

    Attributes:
        conversation_key: keyed hash that stands for it.
        platform: where the patient writes.
        account: of ours there.
        person: what the platform calls the patient.
        via: how the person of the team has it.
        began_at: since when.
    """

    conversation_key: str
    platform: str
    account: str
    person: str = field(repr=False)
    via: Via
    began_at: datetime


class Handovers:
    """Keeps who is with a person; safe to share between threads and processes."""

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        patience: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the store, what seals, how long silence may last, and what tells the time."""
        self._engine, self._sealer, self._patience, self._clock = engine, sealer, patience, clock

    def holding(self, conversation_key: str) -> Held | None:
        """Return who has a conversation, or None where it is the chatbot's."""
        with transaction(self._engine) as session:
            row = session.get(Handover, conversation_key)
            return self._held(row) if row else None

    def overdue(self) -> list[Held]:
        """Return the conversations in which nobody wrote for too long."""
        late = sa.select(Handover).where(Handover.until <= self._clock()).order_by(Handover.until)
        with transaction(self._engine) as session:
            return [self._held(row) for row in session.scalars(late)]

    def begin(self, claimed: Claimed, person: str, via: Via) -> Also:
        """Return what gives the conversation of an event to a person."""

        def write(session: Session) -> None:
            account = session.scalar(
                sa.select(InboxEvent.account).where(InboxEvent.id == claimed.id)
            )
            session.merge(
                Handover(
                    conversation_key=claimed.conversation_key,
                    platform=claimed.platform,
                    account=account,
                    via=via,
                    sealed=self._sealer.seal({"person": person}),
                    began_at=self._clock(),
                    until=self._clock() + self._patience,
                )
            )

        return write

    def extend(self, conversation_key: str) -> Also:
        """Return what notes that somebody wrote."""
        statement = (
            sa.update(Handover)
            .where(Handover.conversation_key == conversation_key)
            .values(until=self._clock() + self._patience)
        )
        return lambda session: _execute(session, statement)

    def end(self, conversation_key: str) -> Also:
        """Return what gives a conversation back to the chatbot."""
        statement = sa.delete(Handover).where(Handover.conversation_key == conversation_key)
        return lambda session: _execute(session, statement)

    def _held(self, row: Handover) -> Held:
        """Return a row as it is used; of one that cannot be opened nobody can be told anything."""
        try:
            person = str(self._sealer.open(row.sealed)["person"])
        except SealError:
            person = ""
        via: Via = "messenger" if row.via == "messenger" else "desk"
        return Held(row.conversation_key, row.platform, row.account, person, via, row.began_at)


def _execute(session: Session, statement: sa.Executable) -> None:
    session.execute(statement)
