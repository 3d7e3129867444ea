"""What the content team's pages list: answers with their state, what waits for whom, releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.entry import Topic, TopicEntry
from knowledge.newest import NewestRevision, folded, newest_revisions
from knowledge.people import Member, Role
from knowledge.schema import LiveRelease, Person, Release, ReleaseRevision, Revision
from knowledge.workflow import OPEN, State

LIVE = "live"
WAITING = "waiting"
OVERDUE = "overdue"
MOST_WORDS = 8
"""Words of a search that count."""
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
        author_id: who wrote the newest revision, or None for what was imported.
        author: their name, or None.
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
    author_id: int | None
    author: str | None
    changed_at: datetime
    review_due: date

    @property
    def is_live(self) -> bool:
        """Whether the newest revision is the live one."""
        return self.live_number == self.number


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
    wanted = [folded(word) for word in words.split()[:MOST_WORDS]]
    day = today or date.today()
    found = [
        one
        for one in newest_revisions(session).revisions
        if (not topic or one.topic.slug == topic)
        and (author_id is None or one.author_id == author_id)
        and _is_in(one, state, day)
        and one.has_words(wanted)
    ]
    shown = found[offset : offset + limit]
    names = _names(session, {one.author_id for one in shown})
    return [_line(one, names) for one in shown], len(found)


def _is_in(one: NewestRevision, state: str, today: date) -> bool:
    """Tell whether an entry belongs under a key of ``FILTERS``."""
    is_live = one.live_number is not None
    if state == LIVE:
        return is_live
    if state == OVERDUE:
        return is_live and one.review_due < today
    if state == State.APPROVED:
        return one.state == state and one.live_number != one.number
    return not state or one.state == state


def _names(session: Session, ids: Collection[int | None]) -> dict[int, str]:
    """Return the names of people; among the ids may be None for nobody."""
    rows = session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(ids)))
    return {person_id: name for person_id, name in rows}


def _line(one: NewestRevision, names: Mapping[int, str]) -> EntryLine:
    return EntryLine(
        entry_id=one.entry_id,
        locale=one.locale,
        topic=one.topic.title,
        question=one.question,
        revision_id=one.id,
        number=one.number,
        state=State(one.state),
        live_number=one.live_number,
        author_id=one.author_id,
        author=names.get(one.author_id) if one.author_id is not None else None,
        changed_at=one.created_at,
        review_due=one.review_due,
    )


def known_topics(session: Session, locale: str | None = None) -> dict[str, Topic]:
    """Return every topic by its slug, as the newest revision of its entries has it.

    Args:
        session: a transaction.
        locale: only topics that have entries in this language; None for all.
    """
    newest = newest_revisions(session)
    if locale is None:
        return dict(newest.topics)
    ours = (one for one in newest.revisions if one.locale == locale)
    found = {one.topic.slug: one.topic for one in sorted(ours, key=lambda one: one.id)}
    return {slug: found[slug] for slug in newest.topics if slug in found}


def languages_of(session: Session, entry_id: str) -> list[str]:
    """Return the languages in which an entry has revisions."""
    asked = sa.select(Revision.locale).where(Revision.entry_id == entry_id).distinct()
    return sorted(session.scalars(asked))


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
        [line for line in reviews if line.author_id != member.id],
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
    # Counted for the releases shown only: each has thousands of members.
    members = (
        sa.select(sa.func.count(ReleaseRevision.revision_id))
        .where(ReleaseRevision.release_id == Release.id)
        .correlate(Release)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(Release.id, Release.note, Release.created_at, Person.name, members)
        .outerjoin(Person, Person.id == Release.person_id)
        .order_by(Release.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [
        ReleaseLine(row_id, note, at, by, entries or 0, is_live=row_id == live)
        for row_id, note, at, by, entries in rows
    ]


def counts(session: Session) -> dict[str, int]:
    """Return how many answers are live and how many wait in each open state."""
    newest = newest_revisions(session)
    states = Counter(one.state for one in newest.revisions)
    return {LIVE: len(newest.live), **{state.value: states[state.value] for state in sorted(OPEN)}}
