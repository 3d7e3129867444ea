"""Groups of questions that got no answer, a choice, or a bad rating."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.listening.limits import LEAST, ListeningError, between, check_least, check_page
from knowledge.listening.wordings import WORDINGS, typical
from knowledge.schema import AskedQuestion, Feedback, Person, QuestionGroup

NOT_HELPFUL = "not_helpful"
UNANSWERED = ("no_answer", "clarify")


class GroupState(StrEnum):
    """What the content team makes of a group of questions."""

    NEW = "new"
    TAKEN = "taken"
    ANSWERED = "answered"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Group:
    """Questions that mean the same.

    Attributes:
        id: of the group.
        state: what the team makes of it.
        locale: language of its questions.
        size: conversations that asked, in the time looked at.
        first_day: the first of those days on which somebody asked.
        last_day: the last one.
        samples: wordings, the most typical first.
        topic: slug of the topic whose answers were given most, or None.
        person_id: who took, answered or rejected it, or None.
        person: their name, or None.
        entry_id: the entry that answers it, once somebody said so.
        note: why it was rejected, or "".
        badly_rated: share of its questions whose reply was rated as not helpful, 0 to 1.
    """

    id: int
    state: GroupState
    locale: str
    size: int
    first_day: date
    last_day: date
    samples: tuple[str, ...]
    topic: str | None
    person_id: int | None
    person: str | None
    entry_id: str | None
    note: str
    badly_rated: float


class GroupCount(NamedTuple):
    """How many groups there are.

    Attributes:
        shown: groups with enough conversations to be shown.
        smaller: groups with fewer, of which nothing but this number is told.
    """

    shown: int
    smaller: int


@dataclass(frozen=True)
class Wanted:
    """Which groups are asked for.

    Attributes:
        state: only groups in this state; None for all.
        least: conversations that a group must have in the time; smaller ones are never returned.
        since: the first day; None for all that is kept.
        until: the last day; None for today.
        kinds: kinds of the replies that the questions got.
        badly_rated: also questions whose reply was rated as not helpful, whatever its kind.
        locale: only questions in this language; None for all.
        group_id: only this group; None for all.

    Raises:
        ListeningError: a number, the state or the time makes no sense.
    """

    state: GroupState | str | None = None
    least: int = LEAST
    since: date | None = None
    until: date | None = None
    kinds: Collection[str] = UNANSWERED
    badly_rated: bool = True
    locale: str | None = None
    group_id: int | None = None

    def __post_init__(self) -> None:
        check_least(self.least)
        between(AskedQuestion.at, self.since, self.until)
        known = [one.value for one in GroupState]
        if self.state is not None and self.state not in known:
            raise ListeningError(f"state: one of {', '.join(known)}")

    def of_questions(self) -> list[sa.ColumnElement[bool]]:
        """Return what a question must be to count, where ``Feedback`` is joined from outside."""
        kind: sa.ColumnElement[bool] = AskedQuestion.kind.in_(self.kinds)
        if self.badly_rated:
            kind = sa.or_(kind, Feedback.rating == NOT_HELPFUL)
        this = AskedQuestion.group_id == self.group_id
        return [
            AskedQuestion.group_id.is_not(None) if self.group_id is None else this,
            kind,
            *between(AskedQuestion.at, self.since, self.until),
        ]

    def of_groups(self) -> list[sa.ColumnElement[bool]]:
        """Return what a group must be."""
        state = [QuestionGroup.state == str(self.state)] if self.state is not None else []
        locale = [QuestionGroup.locale == self.locale] if self.locale is not None else []
        return [*state, *locale]


ANY = Wanted()


def groups(session: Session, wanted: Wanted = ANY, limit: int = 50, offset: int = 0) -> list[Group]:
    """Return groups of questions, those that most conversations asked first.

    Args:
        session: a transaction.
        wanted: which.
        limit: groups at most.
        offset: groups to leave out at the beginning, for the next page.

    Raises:
        ListeningError: a number makes no sense.
    """
    check_page(limit, offset)
    asked = wanted.of_questions()
    sized = _sized(asked).subquery()
    rows = session.execute(
        sa.select(
            QuestionGroup.id,
            QuestionGroup.state,
            QuestionGroup.locale,
            QuestionGroup.person_id,
            QuestionGroup.entry_id,
            QuestionGroup.note,
            Person.name,
            sized,
        )
        .join(sized, sized.c.group_id == QuestionGroup.id)
        .outerjoin(Person, Person.id == QuestionGroup.person_id)
        .where(sized.c.size >= wanted.least, *wanted.of_groups())
        .order_by(sized.c.size.desc(), QuestionGroup.id)
        .limit(limit)
        .offset(offset)
    ).all()
    ids = [row.id for row in rows]
    samples, topics = _samples(session, ids, asked), _topics(session, ids, asked)
    return [
        Group(
            id=row.id,
            state=GroupState(row.state),
            locale=row.locale,
            size=row.size,
            first_day=row.first.date(),
            last_day=row.last.date(),
            samples=samples.get(row.id, ()),
            topic=topics.get(row.id),
            person_id=row.person_id,
            person=row.name,
            entry_id=row.entry_id,
            note=row.note,
            badly_rated=float(row.bad),
        )
        for row in rows
    ]


def count_groups(session: Session, wanted: Wanted = ANY) -> GroupCount:
    """Return how many groups ``groups`` can show, and how many are too small for that."""
    sized = _sized(wanted.of_questions()).subquery()
    shown = sa.func.sum(sa.case((sized.c.size >= wanted.least, 1), else_=0))
    row = session.execute(
        sa.select(sa.func.count(), shown)
        .select_from(sized)
        .join(QuestionGroup, QuestionGroup.id == sized.c.group_id)
        .where(*wanted.of_groups())
    ).one()
    return GroupCount(int(row[1] or 0), int(row[0]) - int(row[1] or 0))


def _rated(*columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(AskedQuestion)
        .outerjoin(Feedback, Feedback.reply_id == AskedQuestion.reply_id)
    )


def _sized(asked: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    """Ask for what is to be told of each group in numbers."""
    bad = sa.case((Feedback.rating == NOT_HELPFUL, 1.0), else_=0.0)
    return (
        _rated(
            AskedQuestion.group_id.label("group_id"),
            sa.func.count(AskedQuestion.session_key.distinct()).label("size"),
            sa.func.min(AskedQuestion.at).label("first"),
            sa.func.max(AskedQuestion.at).label("last"),
            sa.func.avg(bad).label("bad"),
        )
        .where(*asked)
        .group_by(AskedQuestion.group_id)
    )


def _samples(
    session: Session, ids: Sequence[int], asked: Sequence[sa.ColumnElement[bool]]
) -> dict[int, tuple[str, ...]]:
    """Return the most typical wordings of some groups."""
    counted = (
        _rated(
            AskedQuestion.group_id,
            AskedQuestion.text,
            sa.func.count(AskedQuestion.session_key.distinct()).label("size"),
        )
        .where(AskedQuestion.group_id.in_(ids), *asked)
        .group_by(AskedQuestion.group_id, AskedQuestion.text)
        .subquery()
    )
    place = sa.func.row_number().over(
        partition_by=counted.c.group_id, order_by=(counted.c.size.desc(), counted.c.text)
    )
    ranked = sa.select(counted, place.label("place")).subquery()
    found: dict[int, list[tuple[str, int]]] = {}
    for row in session.execute(sa.select(ranked).where(ranked.c.place <= WORDINGS)):
        found.setdefault(row.group_id, []).append((row.text, row.size))
    return {group_id: typical(wordings) for group_id, wordings in found.items()}


def _topics(
    session: Session, ids: Sequence[int], asked: Sequence[sa.ColumnElement[bool]]
) -> dict[int, str]:
    """Return the topic whose answers the questions of each group were given most."""
    many = sa.func.count()
    rows = session.execute(
        _rated(AskedQuestion.group_id, AskedQuestion.topic)
        .where(AskedQuestion.group_id.in_(ids), AskedQuestion.topic.is_not(None), *asked)
        .group_by(AskedQuestion.group_id, AskedQuestion.topic)
        .order_by(many, AskedQuestion.topic.desc())
    )
    return {group_id: topic for group_id, topic in rows}
