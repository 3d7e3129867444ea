"""The outbox: messages of replies on their way to a platform, each sent at most once.

Where the platform itself knows a message that comes twice, what is uncertain is sent again.

A message is ``sending``, and that is committed, before the call. What becomes of the call decides:
``sent``; ``waiting`` again where the platform surely did not take it; ``failed`` where it never
will; ``unknown`` where nobody can tell, and then it is not sent again. After 24 hours without a
word of the person a platform takes no reply: ``late``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from bot.messaging.sealing import Sealer
from knowledge.schema import InboxEvent, OutboxMessage, now
from knowledge.store import transaction, writing

OF_PATIENTS = ("text", "welcome", "only_text", "feedback")
"""Kinds of events by which a person opens the time for replies."""
CLAIM_SECONDS = 60.0
"""Longer than the calls of one message take together."""
WINDOW = timedelta(hours=24)
DESK = "desk"
"""Platform of what the team's desk is told; it waits for no patient and no patient for it."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
LONGEST_HOLD = 3600.0
"""Whatever a platform asks for, it is asked again within an hour."""
CANDIDATES = 8
INSERTS: Mapping[str, Callable[..., Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
NOT_DELIVERED = "not_delivered"
"""Kind of what a platform tells of a message of ours that it had taken."""


@dataclass(frozen=True)
class Outcome:
    """What became of a call.

    Attributes:
        state: what the message is from now on.
        code: why, in a word.
        message_id: what the platform calls the message, where it was sent.
        stops: whether nothing can be sent until the settings change.
        after: seconds that the platform wants to be left alone, where it says so.
        holds: whether that is meant for everybody, and not for this conversation only.
    """

    state: Literal["sent", "waiting", "unknown", "failed", "late"]
    code: str = ""
    message_id: str = field(default="", repr=False)
    stops: bool = False
    after: float = 0.0
    holds: bool = False


@dataclass(frozen=True)
class Departing:
    """A message that is being sent here.

    Attributes:
        id: its row.
        inbox_id: the event that its reply answers.
        conversation_key: of messages with the same one, one is sent at a time.
        place: in the reply, from 0.
        platform: "messenger".
        attempts: which attempt this is, from 1; also what proves the claim.
        sealed: to whom and what.
    """

    id: int
    inbox_id: int
    conversation_key: str
    place: int
    platform: str
    attempts: int
    sealed: bytes = field(repr=False)


class Outbox:
    """Hands messages out and keeps what became of them; safe between threads and processes."""

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        clock: Callable[[], datetime] = now,
        *,
        claimant: str | None = None,
    ) -> None:
        """Take the parts.

        Args:
            engine: of the store.
            sealer: makes the hashes that stand for ids.
            clock: tells the time.
            claimant: this process, where it shows that it lives.
        """
        self._claimant = claimant
        self._engine = engine
        self._sealer = sealer
        self._clock = clock

    def claim(self, platforms: Collection[str]) -> Departing | None:
        """Take the next message of a conversation in which nothing is being sent, or None."""
        free = _free(self._clock(), platforms).limit(CANDIDATES)
        with transaction(self._engine) as session:
            rows = session.execute(free.where(OutboxMessage.is_urgent)).all()
            rows = rows or session.execute(free).all()
        if any(is_late for _, is_late in rows):
            self.expire()
        for row_id, is_late in rows:
            departing = None if is_late else self._take(row_id)
            if departing is not None:
                return departing
        return None

    def settle(self, departing: Departing, outcome: Outcome) -> bool:
        """Keep what became of a message; tell whether the claim on it still held.

        Where one message of a reply can never be sent, those after it are not sent either.
        """
        with writing(self._engine) as session:
            values = self._values(departing, outcome)
            if not _count(session.execute(_held(departing).values(**values))):
                return False
            if outcome.state in {"failed", "late"}:
                session.execute(
                    sa.update(OutboxMessage)
                    .where(
                        OutboxMessage.inbox_id == departing.inbox_id,
                        OutboxMessage.conversation_key == departing.conversation_key,
                        OutboxMessage.state == "waiting",
                    )
                    .values(state=outcome.state, sealed=b"", code=outcome.code[:60])
                )
        return True

    def not_delivered(self, platform: str, codes: Mapping[str, str]) -> None:
        """Keep that a platform took messages and told later that it could not deliver them.

        It may tell so before the call that sent a message is written down, and it tells so of what
        other programs send as well. So it is kept like an event about which nothing is to be done,
        and ``fail_not_delivered`` looks for the message. What is told of one again changes nothing.

        Args:
            platform: name of the channel.
            codes: why, by what the platform calls each message.
        """
        at = self._clock()
        rows = [
            {
                "platform": platform,
                "account": "",
                # Named as the message will be, whatever order the two come in.
                "event_id": self._sealer.digest("message", platform, message_id),
                "conversation_key": "",
                "kind": NOT_DELIVERED,
                "sealed": b"",
                "is_urgent": False,
                "said_at": at,
                "received_at": at,
                "state": "ignored",
                "code": code[:60],
            }
            for message_id, code in codes.items()
        ]
        if rows:
            with writing(self._engine) as session:
                keep_once(session, rows)

    def fail_not_delivered(self) -> int:
        """End messages as failed that a platform could not deliver; return how many these were."""
        told = sa.select(InboxEvent.event_id).where(
            # With the state, an index leads to the few that there are.
            InboxEvent.state == "ignored",
            InboxEvent.kind == NOT_DELIVERED,
        )
        code = (
            sa.select(InboxEvent.code)
            .where(
                InboxEvent.platform == OutboxMessage.platform,
                InboxEvent.event_id == OutboxMessage.platform_message_id,
            )
            .scalar_subquery()
        )
        with writing(self._engine) as session:
            return _count(
                session.execute(
                    sa.update(OutboxMessage)
                    .where(
                        OutboxMessage.state == "sent", OutboxMessage.platform_message_id.in_(told)
                    )
                    .values(state="failed", code=code)
                )
            )

    def expire(self) -> int:
        """End what the platform takes no more; return how many messages that were."""
        with writing(self._engine) as session:
            return _count(
                session.execute(
                    sa.update(OutboxMessage)
                    .where(OutboxMessage.state == "waiting", _is_late(self._clock()))
                    .values(state="late", sealed=b"", code="window_closed")
                )
            )

    def free_dead(self, repeatable: Collection[str] = (), claimants: Collection[str] = ()) -> int:
        """End what a process was sending when it died: nobody knows whether it arrived.

        Args:
            repeatable: platforms that know a message that comes twice; there it is sent again.
            claimants: processes that are known to be dead; the claims of others end by themselves.

        Returns:
            How many messages were ended.
        """
        ended = OutboxMessage.next_at <= self._clock()
        is_dead = sa.or_(ended, OutboxMessage.claimed_by.in_(claimants))
        dead = (OutboxMessage.state == "sending", is_dead)
        with writing(self._engine) as session:
            session.execute(
                sa.update(OutboxMessage)
                .where(*dead, OutboxMessage.platform.in_(repeatable), OutboxMessage.sealed != b"")
                .values(state="waiting", code="process_ended")
            )
            return _count(
                session.execute(
                    sa.update(OutboxMessage)
                    .where(*dead)
                    .values(state="unknown", sealed=b"", code="process_ended")
                )
            )

    def _take(self, row_id: int) -> Departing | None:
        """Claim one message, or return None where somebody else was quicker."""
        until = self._clock() + timedelta(seconds=CLAIM_SECONDS)
        try:
            with writing(self._engine) as session:
                taken = session.execute(
                    sa.update(OutboxMessage)
                    .where(OutboxMessage.id == row_id, *_is_due(self._clock()))
                    .values(
                        state="sending",
                        next_at=until,
                        claimed_by=self._claimant,
                        attempts=OutboxMessage.attempts + 1,
                    )
                )
                if not _count(taken):
                    return None
                row = session.get_one(OutboxMessage, row_id)
                return Departing(
                    row.id,
                    row.inbox_id,
                    row.conversation_key,
                    row.place,
                    row.platform,
                    row.attempts,
                    row.sealed,
                )
        except IntegrityError:
            return None  # another message of the conversation was claimed at the same moment

    def _values(self, departing: Departing, outcome: Outcome) -> dict[str, object]:
        values: dict[str, object] = {"state": outcome.state, "code": outcome.code[:60]}
        if outcome.state == "waiting":
            until = self._clock() + timedelta(seconds=pause(departing, outcome))
            return {**values, "next_at": until}
        values["sealed"] = b""
        if outcome.state == "sent":
            values["sent_at"] = self._clock()
            if outcome.message_id:
                named = self._sealer.digest("message", departing.platform, outcome.message_id)
                values["platform_message_id"] = named
        return values


def keep_once(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows of the inbox; those that are here already change nothing."""
    insert = INSERTS[session.get_bind().dialect.name](InboxEvent)
    session.execute(insert.on_conflict_do_nothing(), rows)


def pause(departing: Departing, outcome: Outcome) -> float:
    """Return the seconds until a message is tried again: more each time, or what was asked for."""
    ours: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(departing.attempts - 1, 10))
    return max(ours, min(outcome.after, LONGEST_HOLD))


def _is_late(at: datetime) -> sa.ColumnElement[bool]:
    """Tell of a message whether the person's last word is too long ago."""
    last_word = (
        sa.select(sa.func.max(InboxEvent.said_at))
        .where(
            InboxEvent.conversation_key == OutboxMessage.conversation_key,
            InboxEvent.kind.in_(OF_PATIENTS),
        )
        .correlate(OutboxMessage)
        .scalar_subquery()
    )
    return sa.func.coalesce(last_word, OutboxMessage.created_at) <= at - WINDOW


def _is_due(at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Hold that a message waits, and not for a later time."""
    return (OutboxMessage.state == "waiting", OutboxMessage.next_at <= at)


def _free(at: datetime, platforms: Collection[str]) -> sa.Select[int, bool]:
    """Select messages that may be sent, of each conversation the first that is not sent yet.

    With each comes whether it is too late for it.
    """
    other = aliased(OutboxMessage)
    # The numbers to call do not wait for what is left of an earlier reply.
    yields = sa.and_(OutboxMessage.is_urgent, sa.not_(other.is_urgent))
    is_ahead = sa.and_(other.state == "waiting", other.id < OutboxMessage.id, sa.not_(yields))
    blocked = sa.exists().where(
        other.conversation_key == OutboxMessage.conversation_key,
        other.id != OutboxMessage.id,
        sa.or_(other.state == "sending", is_ahead),
    )
    return (
        sa.select(OutboxMessage.id, _is_late(at))
        .where(
            *_is_due(at),
            OutboxMessage.platform.in_(platforms),
            ~blocked,
        )
        .order_by(OutboxMessage.next_at, OutboxMessage.id)
    )


def _held(departing: Departing) -> sa.Update:
    """Update a message as long as the claim on it holds."""
    return sa.update(OutboxMessage).where(
        OutboxMessage.id == departing.id,
        OutboxMessage.state == "sending",
        OutboxMessage.attempts == departing.attempts,
    )


def _count(result: sa.Result[Any]) -> int:
    return int(getattr(result, "rowcount", 0))
