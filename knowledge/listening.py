"""What people ask: groups of questions, trends, watched terms, ratings and reported rumours.

Here people's own words, with identifiers masked, are read by the content team. So a group that
fewer than ``LEAST`` conversations make up is never shown: it is only counted. Conversations count,
not messages, because one person may ask the same thing ten times. All days are days in UTC.

No model is needed here, so that the web process can import this; ``knowledge.grouping`` makes the
groups. Errors::

    ListeningError    what was asked cannot be done; the message says why and what to do
    NotAllowed        (of ``knowledge.people``) the role is missing
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from math import sqrt
from statistics import fmean, pstdev
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.people import Member, Role
from knowledge.schema import (
    AskedQuestion,
    Feedback,
    Person,
    QuestionGroup,
    Revision,
    RumourReport,
    TurnEvent,
    WatchedTerm,
    now,
)

LEAST = 3
"""Conversations that a group must have to be shown."""
SAMPLES = 5
WORDINGS = 200
"""Different wordings of a group among which the most typical are looked for."""
LONGEST_WHY = 300
LONGEST_NOTE = 200
LEAST_TERM, LONGEST_TERM = 2, 80
MOST_DAYS = 400
SURGE_DAYS = 28
SURGE_LEAST = 5
SURGE_DEVIATIONS = 3
SURGE_RULE = (
    f"A topic surges on a day when at least {SURGE_LEAST} conversations asked about it, and more "
    f"than the mean of the {SURGE_DAYS} days before plus {SURGE_DEVIATIONS} times the largest of "
    "their standard deviation, the square root of that mean, and 1. Days without a question count "
    "as 0; days are in UTC."
)
HELPFUL, NOT_HELPFUL = "helpful", "not_helpful"
REASONS = ("not_my_question", "unclear", "outdated", "felt_unsafe")
UNANSWERED = ("no_answer", "clarify")
AT_ONCE = 2000
"""Rows that are read at once where all of a time are looked at."""
WORD = re.compile(r"[^\W_]+")
FORMULA = tuple("=+-@＝＋－＠")
CONTROL = ("\t", "\r", "\n")


class ListeningError(Exception):
    """What was asked cannot be done; the message says why and what to do."""


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


class DayCount(NamedTuple):
    """How many conversations asked on a day."""

    day: date
    conversations: int


@dataclass(frozen=True)
class Trend:
    """How often a topic was asked about.

    Attributes:
        topic: slug of the topic, or None for replies without an entry.
        days: one count for each day of the time, also where it is 0.
    """

    topic: str | None
    days: tuple[DayCount, ...]


@dataclass(frozen=True)
class Surge:
    """A topic that is asked about far more than usual: see ``SURGE_RULE``.

    Attributes:
        topic: slug of the topic.
        day: the day.
        conversations: how many asked on that day.
        mean: conversations a day in the days before.
        limit: what the day is above.
    """

    topic: str
    day: date
    conversations: int
    mean: float
    limit: float


@dataclass(frozen=True)
class TermCount:
    """How many conversations used a watched term."""

    id: int
    term: str
    note: str
    conversations: int


@dataclass(frozen=True)
class Ratings:
    """What people thought of one revision of an entry.

    Attributes:
        entry_id: the entry.
        revision: number of the revision, or None where that was not recorded.
        helpful: how many replies were rated as helpful.
        not_helpful: how many were not.
        reasons: how often each reason was given, all of ``REASONS``.
    """

    entry_id: str
    revision: int | None
    helpful: int = 0
    not_helpful: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rumour:
    """A claim that was reported.

    Attributes:
        claim: the newest wording.
        size: conversations that reported it.
        first_day: when it was reported first, in the time looked at.
        last_day: when it was reported last.
    """

    claim: str
    size: int
    first_day: date
    last_day: date


# --- groups of questions --------------------------------------------------------------------------


def groups(
    session: Session,
    *,
    state: GroupState | str | None = None,
    least: int = LEAST,
    since: date | None = None,
    until: date | None = None,
    kinds: Collection[str] = UNANSWERED,
    badly_rated: bool = True,
    limit: int = 50,
    offset: int = 0,
) -> list[Group]:
    """Return groups of questions, those that most conversations asked first.

    Args:
        session: a transaction.
        state: only groups in this state; None for all.
        least: conversations that a group must have in the time; smaller ones are never returned.
        since: the first day; None for all that is kept.
        until: the last day; None for today.
        kinds: kinds of the replies that the questions got.
        badly_rated: also questions whose reply was rated as not helpful, whatever its kind.
        limit: groups at most.
        offset: groups to leave out at the beginning, for the next page.

    Raises:
        ListeningError: a number, the state or the time makes no sense.
    """
    _check_least(least)
    _check_page(limit, offset)
    asked = _asked(since, until, kinds, badly_rated)
    sized = _sized(asked).subquery()
    rows = session.execute(
        sa.select(
            QuestionGroup.id,
            QuestionGroup.state,
            QuestionGroup.person_id,
            QuestionGroup.entry_id,
            QuestionGroup.note,
            Person.name,
            sized,
        )
        .join(sized, sized.c.group_id == QuestionGroup.id)
        .outerjoin(Person, Person.id == QuestionGroup.person_id)
        .where(sized.c.size >= least, *_in_state(state))
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


def count_groups(
    session: Session,
    *,
    state: GroupState | str | None = None,
    least: int = LEAST,
    since: date | None = None,
    until: date | None = None,
    kinds: Collection[str] = UNANSWERED,
    badly_rated: bool = True,
) -> GroupCount:
    """Return how many groups ``groups`` can show, and how many are too small for that.

    Raises:
        ListeningError: a number, the state or the time makes no sense.
    """
    _check_least(least)
    sized = _sized(_asked(since, until, kinds, badly_rated)).subquery()
    shown = sa.func.sum(sa.case((sized.c.size >= least, 1), else_=0))
    row = session.execute(
        sa.select(sa.func.count(), shown)
        .select_from(sized)
        .join(QuestionGroup, QuestionGroup.id == sized.c.group_id)
        .where(*_in_state(state))
    ).one()
    return GroupCount(int(row[1] or 0), int(row[0]) - int(row[1] or 0))


def _asked(
    since: date | None, until: date | None, kinds: Collection[str], badly_rated: bool
) -> list[sa.ColumnElement[bool]]:
    """Return what a question must be to count, where ``Feedback`` is joined from outside."""
    wanted: sa.ColumnElement[bool] = AskedQuestion.kind.in_(kinds)
    if badly_rated:
        wanted = sa.or_(wanted, Feedback.rating == NOT_HELPFUL)
    return [
        AskedQuestion.group_id.is_not(None),
        wanted,
        *_between(AskedQuestion.at, since, until),
    ]


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


def typical(wordings: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Return up to ``SAMPLES`` wordings, the most typical first.

    What most conversations said comes first; among equals, what has most of the words that the
    others use too. Wordings that differ in case, accents or signs only count as one.

    Args:
        wordings: wordings with the number of conversations that used each.
    """
    spelt: dict[str, str] = {}
    used: Counter[str] = Counter()
    for text, size in wordings:
        spelt.setdefault(folded(text), text)
        used[folded(text)] += size
    words = {plain: set(plain.split()) for plain in used}
    common: Counter[str] = Counter()
    for plain, size in used.items():
        common.update(dict.fromkeys(words[plain], size))

    def nearness(plain: str) -> float:
        own = words[plain]
        return sum(common[word] - used[plain] for word in own) / sqrt(len(own) or 1)

    best = sorted(used, key=lambda plain: (-used[plain], -nearness(plain), plain))
    return tuple(spelt[plain] for plain in best[:SAMPLES])


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


def _in_state(state: GroupState | str | None) -> list[sa.ColumnElement[bool]]:
    if state is None:
        return []
    known = [one.value for one in GroupState]
    if state not in known:
        raise ListeningError(f"state: one of {', '.join(known)}")
    return [QuestionGroup.state == str(state)]


# --- what the team makes of a group ---------------------------------------------------------------


def take(session: Session, member: Member, group_id: int) -> None:
    """Take a group of questions, so that others see who looks after it.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group, or it is not new (any more).
    """
    member.must_be(Role.AUTHOR, "taking questions")
    _move(session, group_id, QuestionGroup.state == GroupState.NEW.value, GroupState.TAKEN, member)
    record(session, member.id, "question.taken", _subject(group_id))


def answer(session: Session, member: Member, group_id: int, entry_id: str) -> None:
    """Note which entry answers a group of questions.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group or entry, somebody else took it, or it is done.
    """
    member.must_be(Role.AUTHOR, "answering questions")
    known = sa.select(Revision.id).where(Revision.entry_id == entry_id).limit(1)
    if session.scalar(known) is None:
        raise ListeningError(f"entry: there is no entry {entry_id!r}; save a draft of it first")
    _move(session, group_id, _free_for(member), GroupState.ANSWERED, member, entry_id=entry_id)
    record(session, member.id, "question.answered", _subject(group_id), entry=entry_id)


def reject(session: Session, member: Member, group_id: int, why: str) -> None:
    """Decide that a group of questions gets no answer of its own.

    The reason stays with the group. It is not copied into the audit record, from which nothing can
    be deleted: it may quote somebody.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group, the reason is missing or too long, somebody else
            took it, or it is done.
    """
    member.must_be(Role.AUTHOR, "rejecting questions")
    why = " ".join(why.split())
    if not 1 <= len(why) <= LONGEST_WHY:
        raise ListeningError(f"reason: say in 1 to {LONGEST_WHY} characters why, not {len(why)}")
    _move(session, group_id, _free_for(member), GroupState.REJECTED, member, note=why)
    record(session, member.id, "question.rejected", _subject(group_id))


def reopen(session: Session, member: Member, group_id: int) -> None:
    """Make a group of questions new again, whoever had it.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group, or it is new.
    """
    member.must_be(Role.AUTHOR, "opening questions again")
    _move(session, group_id, QuestionGroup.state != GroupState.NEW.value, GroupState.NEW, None)
    record(session, member.id, "question.reopened", _subject(group_id))


def _free_for(member: Member) -> sa.ColumnElement[bool]:
    own = sa.and_(
        QuestionGroup.state == GroupState.TAKEN.value, QuestionGroup.person_id == member.id
    )
    return sa.or_(QuestionGroup.state == GroupState.NEW.value, own)


def _move(
    session: Session,
    group_id: int,
    before: sa.ColumnElement[bool],
    after: GroupState,
    member: Member | None,
    *,
    entry_id: str | None = None,
    note: str = "",
) -> None:
    """Move a group on, if it still is where the caller believes it to be."""
    # One statement: of two people at once, one finds it moved already.
    done = session.execute(
        sa.update(QuestionGroup)
        .where(QuestionGroup.id == group_id, before)
        .values(
            state=after.value,
            person_id=member.id if member else None,
            entry_id=entry_id,
            note=note,
            changed_at=now(),
        )
        .execution_options(synchronize_session=False)
    )
    found = session.get(QuestionGroup, group_id, populate_existing=True)
    if found is None:
        raise ListeningError(f"there is no group of questions {group_id}")
    if not getattr(done, "rowcount", 0):
        who = session.get(Person, found.person_id) if found.person_id else None
        by = f" by {who.name}" if who else ""
        raise ListeningError(
            f"group {group_id} is {found.state}{by}: look at it again, and open it again first if "
            "that is to change"
            if found.state != GroupState.NEW
            else f"group {group_id} is new already"
        )


def _subject(group_id: int) -> str:
    return f"questions {group_id}"


# --- topics over time -----------------------------------------------------------------------------


def trend(session: Session, since: date, until: date, topic: str | None = None) -> list[Trend]:
    """Return how many conversations asked about each topic on each day, the most asked first.

    Args:
        session: a transaction.
        since: the first day.
        until: the last day.
        topic: slug of one topic; None for all that were asked about, and what has no topic.

    Raises:
        ListeningError: the time is turned around or too long.
    """
    days = _days(since, until)
    day = sa.func.date(AskedQuestion.at)
    rows = (
        sa.select(AskedQuestion.topic, day, sa.func.count(AskedQuestion.session_key.distinct()))
        .where(*_between(AskedQuestion.at, since, until))
        .group_by(AskedQuestion.topic, day)
    )
    if topic is not None:
        rows = rows.where(AskedQuestion.topic == topic)
    counts: dict[str | None, dict[date, int]] = {topic: {}} if topic is not None else {}
    for slug, on, many in session.execute(rows):
        counts.setdefault(slug, {})[_as_day(on)] = many
    most = sorted(counts, key=lambda slug: (-sum(counts[slug].values()), slug or ""))
    return [
        Trend(slug, tuple(DayCount(one, counts[slug].get(one, 0)) for one in days)) for slug in most
    ]


def surges(session: Session, today: date) -> list[Surge]:
    """Return the topics that are asked about far more than usual on a day: see ``SURGE_RULE``."""
    found = []
    for series in trend(session, today - timedelta(days=SURGE_DAYS), today):
        *before, (_, count) = series.days
        usual = [day.conversations for day in before]
        mean = fmean(usual)
        limit = mean + SURGE_DEVIATIONS * max(pstdev(usual), sqrt(mean), 1.0)
        if series.topic is not None and count >= SURGE_LEAST and count > limit:
            found.append(Surge(series.topic, today, count, mean, limit))
    return sorted(found, key=lambda surge: (surge.limit - surge.conversations, surge.topic))


# --- watched terms --------------------------------------------------------------------------------


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


def remove_term(session: Session, member: Member, term_id: int) -> None:
    """Watch a term no longer.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such term.
    """
    member.must_be(Role.AUTHOR, "watching a term no longer")
    row = session.get(WatchedTerm, term_id)
    if row is None:
        raise ListeningError(f"there is no watched term {term_id}")
    record(session, member.id, "term.unwatched", row.term)
    session.delete(row)
    session.flush()


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
    watched = [(row, f" {folded(row.term)} ") for row in terms(session)]
    used: dict[int, set[str]] = {row.id: set() for row, _ in watched}
    asked = sa.select(AskedQuestion.session_key, AskedQuestion.text)
    asked = asked.where(*_between(AskedQuestion.at, since, until))
    rows = session.execute(asked.execution_options(yield_per=AT_ONCE)) if watched else ()
    for session_key, text in rows:
        words = f" {folded(text)} "
        for row, needle in watched:
            if needle in words:
                used[row.id].add(session_key)
    found = [TermCount(row.id, row.term, row.note, len(used[row.id])) for row, _ in watched]
    return sorted(found, key=lambda one: (-one.conversations, one.term.casefold()))


def folded(text: str) -> str:
    """Return the words of a text in a row, without case, accents and signs between them."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(one for one in apart if not unicodedata.combining(one))
    return " ".join(WORD.findall(text.casefold()))


# --- ratings and rumours --------------------------------------------------------------------------


def ratings(
    session: Session,
    since: date | None = None,
    until: date | None = None,
    entry_id: str | None = None,
) -> list[Ratings]:
    """Return what people thought of answers, by entry and revision.

    Args:
        session: a transaction.
        since: the first day of the ratings; None for all that is kept.
        until: the last day; None for today.
        entry_id: only of this entry; None for all.

    Raises:
        ListeningError: the time is turned around.
    """
    key = (TurnEvent.entry_id, TurnEvent.revision, Feedback.rating, Feedback.reason)
    rows = (
        sa.select(*key, sa.func.count())
        .join(Feedback, Feedback.reply_id == TurnEvent.reply_id)
        .where(TurnEvent.entry_id.is_not(None), *_between(Feedback.at, since, until))
        .group_by(*key)
    )
    if entry_id is not None:
        rows = rows.where(TurnEvent.entry_id == entry_id)
    rated: dict[tuple[str, int | None], Counter[str]] = {}
    for entry, revision, rating, reason, many in session.execute(rows):
        counted = rated.setdefault((str(entry), revision), Counter())
        counted[rating] += many
        if reason is not None:
            counted[reason] += many
    return [
        Ratings(
            entry,
            revision,
            counted[HELPFUL],
            counted[NOT_HELPFUL],
            {reason: counted[reason] for reason in REASONS},
        )
        for (entry, revision), counted in sorted(
            rated.items(), key=lambda item: (item[0][0], item[0][1] or 0)
        )
    ]


def rumours(
    session: Session,
    since: date | None = None,
    until: date | None = None,
    limit: int = 50,
    offset: int = 0,
    least: int = 1,
) -> list[Rumour]:
    """Return the claims that were reported, the newest first; equal ones are put together.

    People sent these on purpose to be read, so one report is enough to be shown.

    Args:
        session: a transaction.
        since: the first day; None for all that is kept.
        until: the last day; None for today.
        limit: rumours at most.
        offset: rumours to leave out at the beginning, for the next page.
        least: conversations that must have reported it.

    Raises:
        ListeningError: a number or the time makes no sense.
    """
    _check_least(least)
    _check_page(limit, offset)
    rows = session.execute(
        sa.select(RumourReport.claim, RumourReport.session_key, RumourReport.at)
        .where(*_between(RumourReport.at, since, until))
        .order_by(RumourReport.at.desc(), RumourReport.reply_id)
        .execution_options(yield_per=AT_ONCE)
    )
    alike: dict[str, list[tuple[str, str, datetime]]] = {}
    for claim, session_key, at in rows:
        alike.setdefault(folded(claim) or claim, []).append((claim, session_key, at))
    found = [
        Rumour(told[0][0], len({key for _, key, _ in told}), told[-1][2].date(), told[0][2].date())
        for told in alike.values()
    ]
    return [rumour for rumour in found if rumour.size >= least][offset : offset + limit]


# --- files ----------------------------------------------------------------------------------------


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV that a spreadsheet opens without reckoning anything.

    A cell that a spreadsheet would take for a formula begins with an apostrophe. None is an empty
    cell.
    """
    file = io.StringIO()
    written = csv.writer(file)
    written.writerow([_harmless(cell) for cell in head])
    written.writerows([_harmless(cell) for cell in row] for row in rows)
    return file.getvalue()


def groups_csv(found: Iterable[Group], least: int = LEAST) -> str:
    """Return groups as CSV; those of fewer than ``least`` conversations are left out."""
    _check_least(least)
    head = (
        "group",
        "state",
        "conversations",
        "first_day",
        "last_day",
        "topic",
        "person",
        "entry_id",
        "badly_rated",
        *(f"wording_{number}" for number in range(1, SAMPLES + 1)),
    )
    rows = (
        (
            group.id,
            group.state.value,
            group.size,
            group.first_day,
            group.last_day,
            group.topic,
            group.person,
            group.entry_id,
            round(group.badly_rated, 2),
            *group.samples,
            *[""] * (SAMPLES - len(group.samples)),
        )
        for group in found
        if group.size >= least
    )
    return as_csv(head, rows)


def trends_csv(found: Iterable[Trend], least: int = LEAST) -> str:
    """Return trends as CSV, one row a day; a count from 1 to below ``least`` is not told."""
    _check_least(least)
    rows = (
        (day.day, series.topic, _blurred(day.conversations, least))
        for series in found
        for day in series.days
    )
    return as_csv(("day", "topic", "conversations"), rows)


def ratings_csv(found: Iterable[Ratings], least: int = LEAST) -> str:
    """Return ratings as CSV; a count from 1 to below ``least`` is not told."""
    _check_least(least)
    rows = (
        (
            one.entry_id,
            one.revision,
            _blurred(one.helpful, least),
            _blurred(one.not_helpful, least),
            *(_blurred(one.reasons.get(reason, 0), least) for reason in REASONS),
        )
        for one in found
    )
    return as_csv(("entry_id", "revision", HELPFUL, NOT_HELPFUL, *REASONS), rows)


def _harmless(cell: object) -> str:
    text = "" if cell is None else str(cell)
    if not isinstance(cell, str):
        return text
    is_formula = text.startswith(CONTROL) or text.lstrip().startswith(FORMULA)
    return f"'{text}" if is_formula else text


def _blurred(count: int, least: int) -> object:
    return f"fewer than {least}" if 0 < count < least else count


# --- times and limits -----------------------------------------------------------------------------


def _between(at: Any, since: date | None, until: date | None) -> list[sa.ColumnElement[bool]]:
    """Return that a moment lies within some days, the last one included."""
    if since and until and since > until:
        raise ListeningError(f"time: it begins on {since}, after its last day {until}")
    conditions: list[sa.ColumnElement[bool]] = []
    if since:
        conditions.append(at >= _start_of(since))
    if until:
        conditions.append(at < _start_of(until) + timedelta(days=1))
    return conditions


def _days(since: date, until: date) -> list[date]:
    count = (until - since).days + 1
    if not 1 <= count <= MOST_DAYS:
        raise ListeningError(
            f"time: from {since} to {until} are {count} days; ask for 1 to {MOST_DAYS}"
        )
    return [since + timedelta(days=number) for number in range(count)]


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _as_day(value: date | str) -> date:
    """Return a day as the database gave it: SQLite has no type for one."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _check_least(least: int) -> None:
    if least < 1:
        raise ListeningError(f"smallest group: at least 1 conversation, not {least}")


def _check_page(limit: int, offset: int) -> None:
    if limit < 1 or offset < 0:
        raise ListeningError("page: a limit of at least 1 and no negative offset")
