"""What answers there are, for programs: page by page, and one with its revisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.schema import LiveRelease, ReleaseRevision, Review, Revision
from knowledge.workflow import State

LIVE = "live"
STATES = (LIVE, *(state.value for state in State))
"""What answers can be asked for by: live, or the state of their newest revision."""


@dataclass(frozen=True)
class AnswerLine:
    """An answer in a list.

    Attributes:
        entry_id: id of the entry.
        locale: its language.
        topic: slug of its topic.
        topic_title: title of its topic.
        question: of the newest revision.
        revision_id: of the newest revision; it grows with each change of the words.
        revision: its number.
        state: of it.
        live_revision: number of the live revision, or None.
        changed_at: when the newest revision was written or moved on, whichever was later.
        review_due: until when the answer is to be looked at again, as a day.
    """

    entry_id: str
    locale: str
    topic: str
    topic_title: str
    question: str
    revision_id: int
    revision: int
    state: str
    live_revision: int | None
    changed_at: datetime
    review_due: str


def _text(*path: str) -> sa.ColumnElement[str]:
    """Return a text inside the body of a revision."""
    column: Any = Revision.body
    for name in path:
        column = column[name]
    found: sa.ColumnElement[str] = column.as_string()
    return found


def _live() -> sa.Subquery:
    return (
        sa.select(Revision.entry_id, Revision.locale, Revision.number)
        .join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
        .subquery("live")
    )


def _lines() -> tuple[sa.Select[Any], sa.Subquery, sa.ColumnElement[datetime]]:
    """Return the question for all lines, the live revisions in it, and when each was changed."""
    newest = (
        sa.select(sa.func.max(Revision.number).label("number"), Revision.entry_id, Revision.locale)
        .group_by(Revision.entry_id, Revision.locale)
        .subquery("newest")
    )
    steps = (
        sa.select(Review.revision_id, sa.func.max(Review.at).label("at"))
        .group_by(Review.revision_id)
        .subquery("steps")
    )
    live = _live()
    changed = sa.func.coalesce(steps.c.at, Revision.created_at)
    asked = (
        sa.select(
            Revision.entry_id,
            Revision.locale,
            _text("topic", "slug"),
            _text("topic", "title"),
            _text("entry", "question"),
            Revision.id,
            Revision.number,
            Revision.state,
            live.c.number,
            changed,
            _text("entry", "review_due"),
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
        .outerjoin(steps, steps.c.revision_id == Revision.id)
    )
    return asked, live, changed


def answer_lines(
    session: Session,
    *,
    topic: str | None = None,
    state: str | None = None,
    locale: str | None = None,
    changed_since: datetime | None = None,
    after: int = 0,
    limit: int = 50,
) -> list[AnswerLine]:
    """Return answers, those whose words changed longest ago first.

    Args:
        session: a transaction.
        topic: only those of this topic.
        state: one of ``STATES``; None for all.
        locale: only those in this language.
        changed_since: only those that were changed at this moment or later.
        after: only those with a greater ``revision_id``, for the next page.
        limit: answers at most.
    """
    asked, live, changed = _lines()
    asked = asked.where(Revision.id > after)
    if topic is not None:
        asked = asked.where(_text("topic", "slug") == topic)
    if state == LIVE:
        asked = asked.where(live.c.number.is_not(None))
    elif state is not None:
        asked = asked.where(Revision.state == state)
    if locale is not None:
        asked = asked.where(Revision.locale == locale)
    if changed_since is not None:
        asked = asked.where(changed >= changed_since)
    return [AnswerLine(*row) for row in session.execute(asked.order_by(Revision.id).limit(limit))]


@dataclass(frozen=True)
class History:
    """The revisions of an answer.

    Attributes:
        revisions: the newest first.
        live_revision: number of the live one, or None.
    """

    revisions: Sequence[Revision]
    live_revision: int | None


def history(session: Session, entry_id: str, locale: str) -> History | None:
    """Return the revisions of an answer, or None where there is no such answer."""
    revisions = session.scalars(
        sa.select(Revision)
        .where(Revision.entry_id == entry_id, Revision.locale == locale)
        .order_by(Revision.number.desc())
    ).all()
    live = _live()
    number = session.scalar(
        sa.select(live.c.number).where(live.c.entry_id == entry_id, live.c.locale == locale)
    )
    return History(revisions, number) if revisions else None
