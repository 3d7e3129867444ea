"""Watched terms: names, slogans and misspellings whose use the team wants to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.listening.limits import AT_ONCE, ListeningError, between
from knowledge.listening.wordings import folded
from knowledge.people import Member, Role
from knowledge.schema import AskedQuestion, WatchedTerm

LONGEST_NOTE = 200
LEAST_TERM, LONGEST_TERM = 2, 80


@dataclass(frozen=True)
class TermCount:
    """How many conversations used a watched term."""

    id: int
    term: str
    note: str
    conversations: int


class Term(NamedTuple):
    """A term as somebody wanted to watch it."""

    term: str
    note: str


class _Watched(NamedTuple):
    """A term as it is looked for: its words with spaces around, and the longest of them."""

    row: WatchedTerm
    needle: str
    longest: str

    @classmethod
    def of(cls, row: WatchedTerm) -> _Watched:
        words = folded(row.term)
        return cls(row, f" {words} ", max(words.split(), key=len))


def add_term(session: Session, member: Member, term: str, note: str = "") -> int:
    """Watch how many conversations use a term; return its id.

    Args:
        session: a transaction.
        member: who wants to watch it.
        term: one word or several in a row.
        note: why, for the others.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: the term or the note is too short or long, or the term is watched already.
    """
    member.must_be(Role.AUTHOR, "watching a term")
    term, note = " ".join(term.split()), " ".join(note.split())
    if not LEAST_TERM <= len(term) <= LONGEST_TERM or not folded(term):
        raise ListeningError(
            f"term: write {LEAST_TERM} to {LONGEST_TERM} characters with a letter or a digit "
            "among them"
        )
    if len(note) > LONGEST_NOTE:
        raise ListeningError(f"note: {LONGEST_NOTE} characters at most, this has {len(note)}")
    for known in terms(session):
        if known.term.casefold() == term.casefold():
            raise ListeningError(f"term: {known.term!r} is watched already")
    row = WatchedTerm(term=term, note=note, person_id=member.id)
    session.add(row)
    session.flush()
    record(session, member.id, "term.watched", term)
    return row.id


def remove_term(session: Session, member: Member, term_id: int) -> Term:
    """Watch a term no longer; return it, so that ``add_term`` can bring it back.

    The record keeps the term, but not the note, which may quote somebody.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such term.
    """
    member.must_be(Role.AUTHOR, "watching a term no longer")
    row = session.get(WatchedTerm, term_id)
    if row is None:
        raise ListeningError(f"there is no watched term {term_id}")
    removed = Term(row.term, row.note)
    record(session, member.id, "term.unwatched", row.term)
    session.delete(row)
    session.flush()
    return removed


def terms(session: Session) -> Sequence[WatchedTerm]:
    """Return the watched terms, the oldest first."""
    return session.scalars(sa.select(WatchedTerm).order_by(WatchedTerm.id)).all()


def term_counts(
    session: Session, since: date | None = None, until: date | None = None
) -> list[TermCount]:
    """Return how many conversations used each watched term as whole words, the most used first.

    Case and accents do not count. It is looked for in the questions that are kept.

    Args:
        session: a transaction.
        since: the first day; None for all that is kept.
        until: the last day; None for today.

    Raises:
        ListeningError: the time is turned around.
    """
    watched = [_Watched.of(row) for row in terms(session)]
    used: dict[int, set[str]] = {one.row.id: set() for one in watched}
    # Of the table rather than of the class: tens of thousands of rows come in half the time.
    table = cast(sa.Table, AskedQuestion.__table__)
    asked = sa.select(table.c.session_key, table.c.text).where(*between(table.c.at, since, until))
    rows = session.execute(asked.execution_options(yield_per=AT_ONCE)) if watched else ()
    for session_key, text in rows:
        # Folding takes most of the time, and most texts hold no term: an ASCII text without the
        # longest word of one does not hold it. Others may spell it with accents.
        raw = text.casefold() if text.isascii() else None
        near = [one for one in watched if raw is None or one.longest in raw]
        words = f" {folded(text)} " if near else ""
        for one in near:
            if one.needle in words:
                used[one.row.id].add(session_key)
    found = [
        TermCount(one.row.id, one.row.term, one.row.note, len(used[one.row.id])) for one in watched
    ]
    return sorted(found, key=lambda one: (-one.conversations, one.term.casefold()))
