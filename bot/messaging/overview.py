"""What becomes of events and messages, for the content team: states, codes and ages; no words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.schema import Handover, InboxEvent, OutboxMessage

DAYS = 7
STUCK_AFTER = timedelta(minutes=1)
"""A turn takes less than a second, a call some seconds: what waits longer is worth a look."""
MOST = 100
UNDONE = {
    "in": ("waiting", "working", "failed"),
    "out": ("waiting", "sending", "unknown", "failed", "late"),
}
"""States that are no good end; what still moves counts from ``STUCK_AFTER`` on."""
ENDED = frozenset({"unknown", "failed", "late"})
Box = Literal["in", "out"]


@dataclass(frozen=True)
class Count:
    """How many rows of a box are in a state.

    Attributes:
        box: "in" for what people sent, "out" for what is sent to them.
        platform: "messenger".
        state: where they are.
        rows: how many.
    """

    box: Box
    platform: str
    state: str
    rows: int


@dataclass(frozen=True)
class Stuck:
    """Something that did not come to a good end, or takes long.

    Attributes:
        box: "in" or "out".
        id: of the row.
        platform: "messenger".
        state: where it is.
        code: why, in a word, or "".
        attempts: how often it was tried.
        at: when it came about.
    """

    box: Box
    id: int
    platform: str
    state: str
    code: str
    attempts: int
    at: datetime


@dataclass(frozen=True)
class WithPerson:
    """A conversation that a person of the team has now.

    Attributes:
        platform: where the patient writes.
        via: "messenger" by Messenger's own protocol, "desk" by ours.
        since: when it began.
        until: when the chatbot takes it back unless somebody writes.
    """

    platform: str
    via: str
    since: datetime
    until: datetime


def with_person(session: Session) -> list[WithPerson]:
    """Return the conversations that a person has, the longest first."""
    rows = sa.select(Handover).order_by(Handover.began_at).limit(MOST)
    return [
        WithPerson(row.platform, row.via, row.began_at, row.until) for row in session.scalars(rows)
    ]


def counts(session: Session, moment: datetime) -> list[Count]:
    """Return how many events and messages of the last days are in each state."""
    since = moment - timedelta(days=DAYS)
    events = (
        sa.select(InboxEvent.platform, InboxEvent.state, sa.func.count())
        .where(InboxEvent.received_at >= since)
        .group_by(InboxEvent.platform, InboxEvent.state)
        .order_by(InboxEvent.platform, InboxEvent.state)
    )
    messages = (
        sa.select(OutboxMessage.platform, OutboxMessage.state, sa.func.count())
        .where(OutboxMessage.created_at >= since)
        .group_by(OutboxMessage.platform, OutboxMessage.state)
        .order_by(OutboxMessage.platform, OutboxMessage.state)
    )
    return [
        *(Count("in", *row) for row in session.execute(events)),
        *(Count("out", *row) for row in session.execute(messages)),
    ]


def stuck(session: Session, moment: datetime, most: int = MOST) -> Sequence[Stuck]:
    """Return what did not come to a good end or takes long, the newest first."""
    since, until = moment - timedelta(days=DAYS), moment - STUCK_AFTER
    events = sa.select(
        InboxEvent.id,
        InboxEvent.platform,
        InboxEvent.state,
        InboxEvent.code,
        InboxEvent.attempts,
        InboxEvent.received_at,
    ).where(
        InboxEvent.received_at >= since,
        InboxEvent.state.in_(UNDONE["in"]),
        sa.or_(InboxEvent.state.in_(ENDED), InboxEvent.received_at <= until),
    )
    messages = sa.select(
        OutboxMessage.id,
        OutboxMessage.platform,
        OutboxMessage.state,
        OutboxMessage.code,
        OutboxMessage.attempts,
        OutboxMessage.created_at,
    ).where(
        OutboxMessage.created_at >= since,
        OutboxMessage.state.in_(UNDONE["out"]),
        sa.or_(OutboxMessage.state.in_(ENDED), OutboxMessage.created_at <= until),
    )
    newest_events = events.order_by(InboxEvent.id.desc()).limit(most)
    newest_messages = messages.order_by(OutboxMessage.id.desc()).limit(most)
    found = [Stuck("in", *row) for row in session.execute(newest_events)]
    found += [Stuck("out", *row) for row in session.execute(newest_messages)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:most]
