"""The newest revision of every entry, held in memory for the lists of the content team.

A list of thousands of answers is looked through by words, topic and state. Asked of the database,
each look would parse the JSON of thousands of revisions; here it reads some kilobytes of memory.
What a revision says never changes, so it is read once. Before each use one short statement tells
whether anything else changed: a revision or a step of the workflow more, or another release.

Pages read this in their own transaction. Should that be undone afterwards, the next one finds other
revisions than those held here, and reads again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, aliased

from knowledge.entry import Topic
from knowledge.schema import LiveRelease, ReleaseRevision, Review, Revision
from knowledge.store import FEW


@dataclass(frozen=True)
class NewestRevision:
    """The newest revision of an entry, as lists show it.

    Attributes:
        id: of the revision.
        entry_id: of the entry.
        locale: its language.
        number: of the revision.
        content_hash: tells whether it is the revision that was held before.
        state: where it is in the workflow.
        author_id: who wrote it; None for what was imported.
        created_at: when that was.
        live_number: number of the live revision of the entry, or None.
        topic: what it belongs to.
        question: what it answers.
        review_due: until when it is to be looked at again.
        searched: id, question and short answer, folded, one line each.
    """

    id: int
    entry_id: str
    locale: str
    number: int
    content_hash: str
    state: str
    author_id: int | None
    created_at: datetime
    live_number: int | None
    topic: Topic
    question: str
    review_due: date
    searched: str

    def has_words(self, words: Sequence[str]) -> bool:
        """Tell whether each of some words, folded, stands in id, question or short answer."""
        return all(word in self.searched for word in words)


@dataclass(frozen=True)
class Newest:
    """The newest revisions at one moment.

    Attributes:
        stamp: what the store was like then.
        revisions: the one with the newest change first.
        topics: by slug, as the newest revision of its entries has it; ordered by title.
        live: number of the live revision by entry and locale.
    """

    stamp: _Stamp
    revisions: tuple[NewestRevision, ...]
    topics: Mapping[str, Topic]
    live: Mapping[tuple[str, str], int]


class _Stamp(NamedTuple):
    """What changes whenever the list does: rows are only ever added, in whatever order of ids."""

    revisions: int
    newest_id: int | None
    newest_at: datetime | None
    steps: int
    newest_step_at: datetime | None
    release_id: int | None


class _Said(NamedTuple):
    """What a revision says, as far as lists need it."""

    topic: Topic
    question: str
    short_answer: str
    review_due: date


_held: WeakKeyDictionary[Engine, Newest] = WeakKeyDictionary()


def newest_revisions(session: Session) -> Newest:
    """Return the newest revision of every entry of a store.

    One statement, where nothing changed since the last time; what was changed is read, no more.
    """
    engine = session.get_bind().engine
    stamp = _stamp(session)
    held = _held.get(engine)
    if held is None or held.stamp != stamp:
        # Of two threads at once either one's is right.
        held = _held[engine] = _read(session, stamp, held)
    return held


def folded(text: str) -> str:
    """Return a text as it is searched: case does not count."""
    return text.casefold()


def _stamp(session: Session) -> _Stamp:
    newest = sa.select(Revision.created_at).order_by(Revision.id.desc()).limit(1)
    step = sa.select(Review.at).order_by(Review.id.desc()).limit(1)
    live = sa.select(LiveRelease.release_id).where(LiveRelease.id == 1)
    row = session.execute(
        sa.select(
            sa.select(sa.func.count(Revision.id)).scalar_subquery(),
            sa.select(sa.func.max(Revision.id)).scalar_subquery(),
            newest.scalar_subquery(),
            sa.select(sa.func.count(Review.id)).scalar_subquery(),
            step.scalar_subquery(),
            live.scalar_subquery(),
        )
    ).one()
    return _Stamp(*row)


def _read(session: Session, stamp: _Stamp, before: Newest | None) -> Newest:
    rows = _rows(session)
    if before and before.stamp.release_id == stamp.release_id:
        live = before.live
    else:
        live = _live_numbers(session, stamp.release_id, rows)
    known = {(one.id, one.content_hash): one for one in before.revisions} if before else {}
    missing = [row.id for row in rows if (row.id, row.content_hash) not in known]
    said = _said(session, missing)
    found = []
    for row in rows:
        old = known.get((row.id, row.content_hash))
        number = live.get((row.entry_id, row.locale))
        if old is None:
            found.append(_made(row, said[row.id], number))
        elif (old.state, old.live_number) == (row.state, number):
            found.append(old)
        else:
            found.append(replace(old, state=row.state, live_number=number))
    topics = {one.topic.slug: one.topic for one in sorted(found, key=lambda one: one.id)}
    return Newest(
        stamp,
        tuple(sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)),
        dict(sorted(topics.items(), key=lambda item: item[1].title.casefold())),
        live,
    )


def _rows(session: Session) -> list[sa.Row[Any]]:
    """Return the newest revision of each entry, without what it says."""
    newer = aliased(Revision)
    newest = (
        sa.select(newer.entry_id, newer.locale, sa.func.max(newer.number).label("number"))
        .group_by(newer.entry_id, newer.locale)
        .subquery()
    )
    same = (
        newest.c.entry_id == Revision.entry_id,
        newest.c.locale == Revision.locale,
        newest.c.number == Revision.number,
    )
    asked = sa.select(
        Revision.id,
        Revision.entry_id,
        Revision.locale,
        Revision.number,
        Revision.content_hash,
        Revision.state,
        Revision.author_id,
        Revision.created_at,
    ).join(newest, sa.and_(*same))
    return list(session.execute(asked))


def _live_numbers(
    session: Session, release_id: int | None, rows: Sequence[sa.Row[Any]]
) -> dict[tuple[str, str], int]:
    """Return the number of each live revision; most of them are the newest, and known by that."""
    members = sa.select(ReleaseRevision.revision_id).where(ReleaseRevision.release_id == release_id)
    ids = set(session.scalars(members))
    live = {(row.entry_id, row.locale): row.number for row in rows if row.id in ids}
    older = list(ids - {row.id for row in rows})
    asked = sa.select(Revision.entry_id, Revision.locale, Revision.number)
    for start in range(0, len(older), FEW):
        some = asked.where(Revision.id.in_(older[start : start + FEW]))
        live.update({(name, locale): number for name, locale, number in session.execute(some)})
    return live


def _said(session: Session, ids: list[int]) -> dict[int, _Said]:
    """Return what some revisions say; the database takes the few texts out of each."""
    body: Any = Revision.body
    asked = sa.select(
        Revision.id,
        body["topic"],
        body["entry"]["question"].as_string(),
        body["entry"]["short_answer"].as_string(),
        body["entry"]["review_due"].as_string(),
    )
    topics: dict[str, Topic] = {}
    found = {}
    for start in range(0, len(ids), FEW):
        some = asked.where(Revision.id.in_(ids[start : start + FEW]))
        for row_id, raw, question, short_answer, due in session.execute(some):
            # Thousands of entries share their topics: each is checked and kept once.
            topic = topics.get(key := repr(raw))
            if topic is None:
                topic = topics[key] = Topic.model_validate(raw)
            found[row_id] = _Said(topic, question, short_answer, date.fromisoformat(due))
    return found


def _made(row: sa.Row[Any], said: _Said, live_number: int | None) -> NewestRevision:
    return NewestRevision(
        id=row.id,
        entry_id=row.entry_id,
        locale=row.locale,
        number=row.number,
        content_hash=row.content_hash,
        state=row.state,
        author_id=row.author_id,
        created_at=row.created_at,
        live_number=live_number,
        topic=said.topic,
        question=said.question,
        review_due=said.review_due,
        searched=folded("\n".join([row.entry_id, said.question, said.short_answer])),
    )
