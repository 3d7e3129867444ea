"""What the content team's pages list: answers with their state, what waits for whom, releases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from knowledge.entry import Topic, TopicEntry
from knowledge.people import Member, Role
from knowledge.schema import LiveRelease, Person, Release, ReleaseRevision, Revision
from knowledge.workflow import OPEN, State

LIVE = "live"
WAITING = "waiting"
OVERDUE = "overdue"
FILTERS = {
    "": "all answers",
    LIVE: "live",
    State.DRAFT.value: "drafts",
    State.IN_REVIEW.value: "in review",
    State.RETURNED.value: "sent back",
    State.APPROVED.value: "approved, not live yet",
    State.WITHDRAWN.value: "withdrawn",
    State.DISCARDED.value: "put away",
    OVERDUE: "past their review date",
}


@dataclass(frozen=True)
class EntryLine:
    """An answer in a list.

    Attributes:
        entry_id: id of the entry.
        locale: its language.
        topic: title of its topic.
        question: of the newest revision.
        revision_id: of the newest revision.
        number: of the newest revision.
        state: of the newest revision.
        live_number: number of the live revision, or None.
        author: who wrote the newest revision, or None for what was imported.
        changed_at: when that was.
        review_due: until when it is to be looked at again.
    """

    entry_id: str
    locale: str
    topic: str
    question: str
    revision_id: int
    number: int
    state: State
    live_number: int | None
    author: str | None
    changed_at: datetime
    review_due: date

    @property
    def is_live(self) -> bool:
        """Whether the newest revision is the live one."""
        return self.live_number == self.number


LINE = tuple(field.name for field in fields(EntryLine))


def _live_revisions() -> sa.Subquery:
    return (
        sa.select(Revision.entry_id, Revision.locale, Revision.number)
        .join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
        .subquery("live")
    )


def _text(*path: str) -> sa.ColumnElement[str]:
    """Return a text inside the body of a revision."""
    column: Any = Revision.body
    for name in path:
        column = column[name]
    found: sa.ColumnElement[str] = column.as_string()
    return found


def entry_lines(
    session: Session,
    *,
    words: str = "",
    topic: str = "",
    state: str = "",
    author_id: int | None = None,
    today: date | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[EntryLine], int]:
    """Return answers with the newest change first, and how many there are in all.

    Args:
        session: a transaction.
        words: only those whose question, answer or id has all of these.
        topic: only those of this topic.
        state: a key of ``FILTERS``.
        author_id: only those whose newest revision this person wrote.
        today: decides what is past its review date.
        limit: answers at most.
        offset: answers to leave out first.
    """
    live = _live_revisions()
    newer = aliased(Revision)
    newest = (
        sa.select(newer.entry_id, newer.locale, sa.func.max(newer.number).label("number"))
        .group_by(newer.entry_id, newer.locale)
        .subquery("newest")
    )
    due = _text("entry", "review_due")
    asked = (
        sa.select(
            Revision.entry_id,
            Revision.locale,
            _text("topic", "title"),
            _text("entry", "question"),
            Revision.id,
            Revision.number,
            Revision.state,
            live.c.number,
            Person.name,
            Revision.created_at,
            due,
        )
        .join(
            newest,
            sa.and_(
                newest.c.entry_id == Revision.entry_id,
                newest.c.locale == Revision.locale,
                newest.c.number == Revision.number,
            ),
        )
        .outerjoin(
            live, sa.and_(live.c.entry_id == Revision.entry_id, live.c.locale == Revision.locale)
        )
        .outerjoin(Person, Person.id == Revision.author_id)
    )
    for word in words.split()[:8]:
        texts = (
            _text("entry", "question"),
            _text("entry", "short_answer"),
            sa.type_coerce(Revision.entry_id, sa.String),
        )
        asked = asked.where(sa.or_(*(text.icontains(word, autoescape=True) for text in texts)))
    if topic:
        asked = asked.where(_text("topic", "slug") == topic)
    if author_id is not None:
        asked = asked.where(Revision.author_id == author_id)
    if state == LIVE:
        asked = asked.where(live.c.number.is_not(None))
    elif state == OVERDUE:
        asked = asked.where(live.c.number.is_not(None), due < (today or date.today()).isoformat())
    elif state == State.APPROVED:
        asked = asked.where(
            Revision.state == state,
            sa.or_(live.c.number.is_(None), live.c.number != Revision.number),
        )
    elif state:
        asked = asked.where(Revision.state == state)
    total = session.scalar(sa.select(sa.func.count()).select_from(asked.subquery())) or 0
    rows = session.execute(
        asked.order_by(Revision.created_at.desc(), Revision.id.desc()).limit(limit).offset(offset)
    )
    return [_line(row) for row in rows], total


def _line(row: sa.Row[Any]) -> EntryLine:
    values = dict(zip(LINE, row, strict=True))
    values["state"] = State(values["state"])
    values["review_due"] = date.fromisoformat(values["review_due"])
    return EntryLine(**values)


def known_topics(session: Session) -> dict[str, Topic]:
    """Return every topic by its slug, as the newest revision of its entries has it."""
    newest = sa.select(sa.func.max(Revision.id)).group_by(_text("topic", "slug"))
    bodies = session.scalars(sa.select(Revision.body).where(Revision.id.in_(newest)))
    topics = [Topic.model_validate(body["topic"]) for body in bodies]
    return {topic.slug: topic for topic in sorted(topics, key=lambda one: one.title.casefold())}


def revisions_of(session: Session, entry_id: str, locale: str) -> Sequence[Revision]:
    """Return all revisions of an entry, the newest first."""
    return session.scalars(
        sa.select(Revision)
        .where(Revision.entry_id == entry_id, Revision.locale == locale)
        .order_by(Revision.number.desc())
    ).all()


def pair_of(revision: Revision) -> TopicEntry:
    """Return what a revision says."""
    return TopicEntry.model_validate(revision.body)


@dataclass(frozen=True)
class Waiting:
    """What waits for a person.

    Attributes:
        to_review: sent to review by others.
        to_publish: approved and not live.
        own: the person's own drafts, and what was sent back to them.
    """

    to_review: list[EntryLine]
    to_publish: list[EntryLine]
    own: list[EntryLine]


def waiting_for(session: Session, member: Member) -> Waiting:
    """Return what waits for a person, by their roles."""

    def listed(state: State, author_id: int | None = None) -> list[EntryLine]:
        return entry_lines(session, state=state.value, author_id=author_id)[0]

    reviews = listed(State.IN_REVIEW) if Role.REVIEWER in member.roles else []
    return Waiting(
        [line for line in reviews if line.author != member.name],
        listed(State.APPROVED) if Role.PUBLISHER in member.roles else [],
        [line for state in (State.RETURNED, State.DRAFT) for line in listed(state, member.id)],
    )


@dataclass(frozen=True)
class ReleaseLine:
    """A release in a list.

    Attributes:
        id: of the release.
        note: what changed.
        at: when it was made.
        by: who made it, or None for the command line.
        entries: how many answers are in it.
        is_live: whether it is live.
    """

    id: int
    note: str
    at: datetime
    by: str | None
    entries: int
    is_live: bool


def release_lines(session: Session, limit: int = 50, offset: int = 0) -> list[ReleaseLine]:
    """Return the releases, the newest first."""
    live = session.scalar(sa.select(LiveRelease.release_id))
    members = sa.func.count(ReleaseRevision.revision_id)
    rows = session.execute(
        sa.select(Release.id, Release.note, Release.created_at, Person.name, members)
        .outerjoin(Person, Person.id == Release.person_id)
        .outerjoin(ReleaseRevision, ReleaseRevision.release_id == Release.id)
        .group_by(Release.id, Release.note, Release.created_at, Person.name)
        .order_by(Release.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [ReleaseLine(*row, is_live=row[0] == live) for row in rows]


def counts(session: Session) -> dict[str, int]:
    """Return how many answers are live and how many wait in each open state."""
    live = session.scalar(
        sa.select(sa.func.count())
        .select_from(ReleaseRevision)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
    )
    open_states = {
        state.value: entry_lines(session, state=state.value, limit=1)[1] for state in sorted(OPEN)
    }
    return {LIVE: live or 0, **open_states}
