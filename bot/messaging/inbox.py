"""The inbox: what platforms told us, each event once, worked on in the order of its conversation.

An event is ``waiting`` until somebody claims it, ``working`` while they answer, and then for ever
``answered``, ``ignored`` or ``failed``. A claim ends by itself, so that the event of a process that
died is free again; on the machine where it died that is known at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from bot.messaging.outbox import DESK, keep_once
from bot.messaging.sealing import CONVERSATION_KEY_LENGTH, Sealer
from knowledge.schema import ChosenCountry, Handover, InboxEvent, OutboxMessage, now
from knowledge.store import transaction, writing

Kind = Literal[
    "text",
    "welcome",
    "only_text",
    "feedback",
    "person_took",
    "person_left",
    "person_active",
    "person_absent",
    "person_late",
    "desk_message",
    "desk_end",
]
Rating = Literal["helpful", "not_helpful"]
Also = Callable[[Session], None]
"""Something to write in the transaction that finishes an event."""
CLAIM_SECONDS = 60.0
"""Longer than any turn: Rasa gets 8 seconds, the store half a one."""
MAX_ATTEMPTS = 3
MAX_CLAIMS = 5
"""Where a process died meanwhile: most often another event or nothing of ours was the reason."""
RETRY_SECONDS = 2.0
"""Before the second attempt; twice as long before the third."""
CANDIDATES = 8
SORTED_AT_ONCE = 50
"""Few, so that an emergency is brought forward before the rest has been looked at."""
PATIENCE = sa.text(
    "SELECT set_config('lock_timeout', '300ms', true), set_config('statement_timeout', '4s', true)"
)
"""A platform waits for seconds; told that its events were not kept, it sends them again."""
FINISHED = ("answered", "ignored", "failed")
LEAST_DAYS = 2
"""A platform may repeat an event for 36 hours, and must be recognised."""


@dataclass(frozen=True)
class Incoming:
    """Something that a person did on a platform.

    Attributes:
        platform: name of the channel.
        account: of ours, such as a Page.
        event_id: what the platform calls it; the same event comes with the same one.
        person: what the platform calls the person.
        kind: what is to be done about it.
        said_at: when, as the platform says.
        text: the words, raw.
        about: what the platform calls the message that feedback is on.
        rating: what the feedback says.
        reply_id: the turn that feedback is on, where a button of ours said so.
        sign: what the channel needs to show that a reply is coming.
        country: ISO 3166 code of the person's country, where the platform says so.
    """

    platform: str
    account: str
    event_id: str = field(repr=False)
    person: str = field(repr=False)
    kind: Kind
    said_at: datetime
    text: str = field(default="", repr=False)
    about: str = field(default="", repr=False)
    rating: Rating | None = None
    reply_id: str = ""
    sign: str = field(default="", repr=False)
    country: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Claimed:
    """An event that is being worked on here.

    Attributes:
        id: its row.
        platform: "messenger".
        conversation_key: keyed hash that stands for the conversation.
        kind: what is to be done about it.
        said_at: when the person did it.
        attempts: which attempt this is, from 1; also what proves the claim.
        sealed: who and what.
    """

    id: int
    platform: str
    conversation_key: str
    kind: str
    said_at: datetime
    attempts: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class Outgoing:
    """One message of a reply.

    Attributes:
        payload: what the platform's send call takes.
        reply_id: the turn that it is of, or "".
        platform: where it goes; "" for where the event came from.
        is_urgent: whether it is of the reply to an emergency, and waits behind nobody.
    """

    payload: Mapping[str, object] = field(repr=False)
    reply_id: str = ""
    platform: str = ""
    is_urgent: bool = False


class Inbox:
    """Keeps events and hands them out; safe to share between threads and processes."""

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        clock: Callable[[], datetime] = now,
        ring: Callable[[], None] | None = None,
        *,
        ring_out: Callable[[], None] | None = None,
        claimant: str | None = None,
    ) -> None:
        """Take the parts.

        Args:
            engine: of the store.
            sealer: seals.
            clock: tells the time.
            ring: wakes whoever answers.
            ring_out: wakes whoever sends.
            claimant: this process, where it shows that it lives.
        """
        self._claimant = claimant
        self._ring = ring or (lambda: None)
        self._ring_out = ring_out or (lambda: None)
        self._engine = engine
        self._sealer = sealer
        self._clock = clock

    def keep(self, events: Sequence[Incoming]) -> None:
        """Store events, all or none; those that are here already change nothing.

        Raises:
            SQLAlchemyError: the store cannot be written.
        """
        rows = [self._row(event) for event in events]
        if not rows:
            return
        with writing(self._engine) as session:
            if self._engine.dialect.name == "postgresql":
                session.execute(PATIENCE)  # SQLite's is set for every connection
            keep_once(session, rows)
        self._ring()

    def claim(self) -> Claimed | None:
        """Take the oldest event of a conversation in which nothing is worked on, or None.

        Emergencies come before all others.
        """
        free = _free(self._clock()).limit(CANDIDATES)
        with transaction(self._engine) as session:
            ids = session.scalars(free.where(InboxEvent.is_urgent.is_(True))).all()
            ids = ids or session.scalars(free).all()
        for row_id in ids:
            claimed = self._take(row_id)
            if claimed is not None:
                return claimed
        return None

    def sort(self, is_alarm: Callable[[bytes], bool]) -> int:
        """Look at what waits and was not looked at, so that emergencies are known as such.

        Args:
            is_alarm: tells of what is sealed whether it means an emergency.

        Returns:
            How many events were looked at, at most ``SORTED_AT_ONCE``.
        """
        new = (
            sa.select(InboxEvent.id, InboxEvent.sealed)
            .where(InboxEvent.is_urgent.is_(None), InboxEvent.state == "waiting")
            .order_by(InboxEvent.said_at)
            .limit(SORTED_AT_ONCE)
        )
        with transaction(self._engine) as session:
            rows = session.execute(new).all()
        if not rows:
            return 0
        found: dict[bool, list[int]] = {True: [], False: []}
        for row_id, sealed in rows:
            found[is_alarm(sealed)].append(row_id)
        with writing(self._engine) as session:
            for is_urgent, ids in found.items():
                these = sa.update(InboxEvent).where(InboxEvent.id.in_(ids))
                session.execute(these.values(is_urgent=is_urgent))
        if found[True]:
            self._ring()
        return len(rows)

    def is_first(self, claimed: Claimed) -> bool:
        """Tell whether nothing was said to this person yet."""
        said = sa.select(InboxEvent.id).where(
            InboxEvent.conversation_key == claimed.conversation_key,
            InboxEvent.state == "answered",
            InboxEvent.kind != "feedback",
        )
        with transaction(self._engine) as session:
            return session.scalar(said.limit(1)) is None

    def reply_of(self, claimed: Claimed, message_id: str) -> str | None:
        """Return the turn that a message of this conversation belongs to, or None."""
        sent = sa.select(OutboxMessage.reply_id).where(
            OutboxMessage.platform_message_id
            == self._sealer.digest("message", claimed.platform, message_id),
            OutboxMessage.conversation_key == claimed.conversation_key,
        )
        with transaction(self._engine) as session:
            return session.scalar(sent.limit(1)) or None

    def is_reply_to(self, claimed: Claimed, reply_id: str) -> bool:
        """Tell whether a turn was one of this conversation."""
        sent = sa.select(OutboxMessage.id).where(
            OutboxMessage.reply_id == reply_id,
            OutboxMessage.conversation_key == claimed.conversation_key,
        )
        with transaction(self._engine) as session:
            return session.scalar(sent.limit(1)) is not None

    def answer(
        self,
        claimed: Claimed,
        person: str,
        messages: Sequence[Outgoing],
        *,
        sign: str = "",
        forget: bool = False,
        also: Sequence[Also] = (),
        ignores: str = "",
    ) -> bool:
        """Put a reply into the outbox and finish the event, both or neither.

        Args:
            claimed: what is answered.
            person: whom the reply goes to.
            messages: the reply, in order.
            sign: what the channel needs to show that a reply is coming.
            forget: delete all else of this conversation; the reply then goes under another key.
            also: written in the same transaction.
            ignores: why the event itself needs no reply, where that is so.

        Returns:
            Whether the claim still held; if not, nothing was written.
        """
        with writing(self._engine) as session:
            if not self._finish(session, claimed, "ignored" if ignores else "answered", ignores):
                return False
            for write in also:
                write(session)
            key = claimed.conversation_key
            if forget:
                self._forget(session, claimed)
                key = _anonymous()
            account = session.scalar(
                sa.select(InboxEvent.account).where(InboxEvent.id == claimed.id)
            )
            for place, message in enumerate(messages):
                content = {"person": person, "payload": dict(message.payload), "sign": sign}
                sealed = self._sealer.seal(content)
                session.add(
                    OutboxMessage(
                        inbox_id=claimed.id,
                        place=place,
                        platform=message.platform or claimed.platform,
                        account=account,
                        is_urgent=message.is_urgent,
                        conversation_key=self._line(key, message.platform),
                        reply_id=message.reply_id,
                        sealed=sealed,
                        next_at=self._clock(),
                        created_at=self._clock(),
                    )
                )
                session.flush()  # one by one: their ids are their order
        self._ring_out()
        return True

    def ignore(self, claimed: Claimed, code: str) -> None:
        """Finish an event about which nothing is to be done."""
        with writing(self._engine) as session:
            self._finish(session, claimed, "ignored", code)

    def give_up(self, claimed: Claimed, code: str) -> None:
        """Finish an event that cannot be answered."""
        with writing(self._engine) as session:
            self._finish(session, claimed, "failed", code)

    def try_again(self, claimed: Claimed, code: str, most: int = MAX_ATTEMPTS) -> bool:
        """Let an event be tried again after a pause, or give it up; tell which.

        Args:
            claimed: what could not be answered.
            code: why.
            most: attempts after which it is given up.
        """
        if claimed.attempts >= most:
            self.give_up(claimed, code)
            return False
        self.put_off(claimed, code, RETRY_SECONDS * 2 ** (claimed.attempts - 1))
        return True

    def put_off(self, claimed: Claimed, code: str, seconds: float) -> None:
        """Let an event wait before somebody works on it again."""
        until = self._clock() + timedelta(seconds=seconds)
        with writing(self._engine) as session:
            session.execute(
                _held(claimed).values(state="waiting", claimed_until=until, code=code[:60])
            )

    def free_dead(self, claimants: Collection[str] = ()) -> int:
        """Free what a process that died was working on; return how many events that were.

        Args:
            claimants: processes that are known to be dead; the claims of others end by themselves.
        """
        ended = InboxEvent.claimed_until <= self._clock()
        is_dead = sa.or_(ended, InboxEvent.claimed_by.in_(claimants))
        dead = (InboxEvent.state == "working", is_dead)
        with writing(self._engine) as session:
            lost = session.execute(
                sa.update(InboxEvent)
                .where(*dead, InboxEvent.attempts >= MAX_CLAIMS)
                .values(state="failed", sealed=b"", claimed_until=None, code="process_ended")
            )
            freed = session.execute(
                sa.update(InboxEvent)
                .where(*dead)
                .values(state="waiting", claimed_until=None, code="process_ended")
            )
            return _count(lost) + _count(freed)

    def delete_older_than(self, days: int) -> int:
        """Delete finished events and their messages after some days; return how many events."""
        limit = self._clock() - timedelta(days=max(days, LEAST_DAYS))
        unsent = sa.select(OutboxMessage.inbox_id).where(
            OutboxMessage.state.in_(("waiting", "sending"))
        )
        old = sa.select(InboxEvent.id).where(
            InboxEvent.received_at < limit,
            InboxEvent.state.in_(FINISHED),
            InboxEvent.id.not_in(unsent),
        )
        with writing(self._engine) as session:
            session.execute(sa.delete(ChosenCountry).where(ChosenCountry.at < limit))
            session.execute(sa.delete(OutboxMessage).where(OutboxMessage.inbox_id.in_(old)))
            return _count(session.execute(sa.delete(InboxEvent).where(InboxEvent.id.in_(old))))

    def empty_write_ahead_log(self) -> None:
        """Leave no copy of what was deleted in SQLite's log, as far as no reader needs it."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _line(self, key: str, platform: str) -> str:
        """Return the key under which messages wait for each other: what goes elsewhere does not."""
        if not platform:
            return key
        return self._sealer.digest("line", platform, key)[:CONVERSATION_KEY_LENGTH]

    def _row(self, event: Incoming) -> dict[str, object]:
        received = self._clock()
        content = {
            "person": event.person,
            "text": event.text,
            "about": event.about,
            "rating": event.rating,
            "reply_id": event.reply_id,
            "sign": event.sign,
            "country": event.country,
        }
        return {
            "platform": event.platform,
            "account": event.account,
            "event_id": self._sealer.digest("event", event.platform, event.event_id),
            "conversation_key": self._sealer.conversation_key(
                event.platform, event.account, event.person
            ),
            "kind": event.kind,
            "sealed": self._sealer.seal(content),
            "is_urgent": None if event.kind == "text" else False,
            "said_at": min(event.said_at, received),
            "received_at": received,
            "state": "waiting",
            "attempts": 0,
            "code": "",
        }

    def _take(self, row_id: int) -> Claimed | None:
        """Claim one event, or return None where somebody else was quicker."""
        until = self._clock() + timedelta(seconds=CLAIM_SECONDS)
        try:
            with writing(self._engine) as session:
                taken = session.execute(
                    sa.update(InboxEvent)
                    .where(InboxEvent.id == row_id, *_is_due(self._clock()))
                    .values(
                        state="working",
                        claimed_until=until,
                        claimed_by=self._claimant,
                        attempts=InboxEvent.attempts + 1,
                    )
                )
                if not _count(taken):
                    return None
                row = session.get_one(InboxEvent, row_id)
                return Claimed(
                    row.id,
                    row.platform,
                    row.conversation_key,
                    row.kind,
                    row.said_at,
                    row.attempts,
                    row.sealed,
                )
        except IntegrityError:
            return None  # another event of the conversation was claimed at the same moment

    def _finish(self, session: Session, claimed: Claimed, state: str, code: str) -> bool:
        """End an event and delete who and what; tell whether the claim still held."""
        return bool(
            _count(
                session.execute(
                    _held(claimed).values(
                        state=state, sealed=b"", claimed_until=None, code=code[:60]
                    )
                )
            )
        )

    def _forget(self, session: Session, claimed: Claimed) -> None:
        """Delete a conversation; of its events stays what recognises them if they come again."""
        key = claimed.conversation_key
        of_it = OutboxMessage.conversation_key.in_((key, self._line(key, DESK)))
        for table in (Handover, ChosenCountry):
            session.execute(sa.delete(table).where(table.conversation_key == key))
        session.execute(sa.delete(OutboxMessage).where(of_it, OutboxMessage.state != "sending"))
        # Its row stays until the call returns: another one must not get its number.
        session.execute(
            sa.update(OutboxMessage)
            .where(of_it)
            .values(conversation_key=_anonymous(), reply_id="", sealed=b"")
        )
        session.execute(
            sa.update(InboxEvent)
            .where(InboxEvent.conversation_key == key, InboxEvent.state.in_(FINISHED))
            .values(conversation_key="")
        )


def _is_due(at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Hold that an event waits, and not for a later time."""
    paused_until = InboxEvent.claimed_until
    return (InboxEvent.state == "waiting", sa.or_(paused_until.is_(None), paused_until <= at))


def _free(at: datetime) -> sa.Select[int]:
    """Select events that may be claimed: of each conversation the oldest, if it is not paused."""
    other = aliased(InboxEvent)
    is_before = sa.or_(
        other.said_at < InboxEvent.said_at,
        sa.and_(other.said_at == InboxEvent.said_at, other.id < InboxEvent.id),
    )
    # Whoever is in danger does not wait for the answer to an earlier question.
    yields = sa.and_(InboxEvent.is_urgent.is_(True), other.is_urgent.is_not(True))
    is_ahead = sa.and_(other.state == "waiting", is_before, sa.not_(yields))
    is_in_the_way = sa.or_(other.state == "working", is_ahead)
    blocked = sa.exists().where(
        other.conversation_key == InboxEvent.conversation_key,
        other.id != InboxEvent.id,
        is_in_the_way,
    )
    return (
        sa.select(InboxEvent.id)
        .where(
            *_is_due(at),
            ~blocked,
        )
        .order_by(InboxEvent.said_at, InboxEvent.id)
    )


def _anonymous() -> str:
    """Return a key that belongs to nobody."""
    return secrets.token_hex(CONVERSATION_KEY_LENGTH // 2)


def _held(claimed: Claimed) -> sa.Update:
    """Update an event as long as the claim on it holds: each attempt is another claim."""
    return sa.update(InboxEvent).where(
        InboxEvent.id == claimed.id,
        InboxEvent.state == "working",
        InboxEvent.attempts == claimed.attempts,
    )


def _count(result: sa.Result[Any]) -> int:
    return int(getattr(result, "rowcount", 0))
