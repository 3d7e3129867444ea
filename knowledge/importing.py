"""Entries from files into the store, as drafts: what an import would do, the import, its undoing.

A file is a spreadsheet (CSV, XLSX), a corpus file or a zip archive of such. An import is all or
nothing, makes drafts only, and takes no word of a file for a review: who reviewed an answer, and
when, only a review in the console says. Errors::

    UnreadableFile      the file cannot be read; it holds every flaw with its place
    ImportChanged       (a WorkflowError) it would do something else by now than what was checked
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.checks import check_entries
from knowledge.corpus_files import read_archive
from knowledge.entry import Status, TopicEntry
from knowledge.exchange import (
    CorpusError,
    CorpusFile,
    Fault,
    Located,
    line_of,
    read_file,
    read_files,
)
from knowledge.people import Member, Role
from knowledge.schema import AuditRecord, Person, Revision
from knowledge.spreadsheet import MOST_BYTES, RowEntry, SpreadsheetError, column_at, read_rows
from knowledge.store import FEW, content_hash
from knowledge.workflow import OPEN, State, WorkflowError, discard, live_beside, save_draft

LONGEST_TEXT = 5_000
"""Characters of one text; the longest answers that ship have a tenth of that."""
YAML_ENDINGS = frozenset({".yml", ".yaml"})
MADE = "import.made"
UNDONE = "import.undone"


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong with a file, or that the checks find in it.

    Attributes:
        file: name of the corpus file; "" for a spreadsheet.
        line: line in a corpus file, counted from 1; 0 where there is none.
        row: row of a spreadsheet, as its program shows it; 0 where there is none.
        field: column of a spreadsheet, or dotted field ("sources.0.url"); "" for the whole.
        entry: id of the entry, as far as it is known.
        message: what is wrong and what to do.
        level: "error" or "warning".
    """

    file: str
    line: int
    row: int
    field: str
    entry: str
    message: str
    level: str = "error"

    @property
    def place(self) -> str:
        """Where it is: "flu.yml:12, flu-spread, aspect" or "row 3, column aspect"."""
        file = f"{self.file}:{self.line}" if self.line else self.file
        row = f"row {self.row}" if self.row else ""
        field = f"column {self.field}" if self.row and self.field else self.field
        return ", ".join(part for part in (file, row, self.entry, field) if part) or "file"


class UnreadableFile(Exception):
    """A file that cannot be read; ``flaws`` has everything that is wrong with it."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
        super().__init__(f"{flaws[0].place}: {flaws[0].message}{more}")
        self.flaws = tuple(flaws)


class ImportChanged(WorkflowError):
    """The file, or an answer in it, is not what it was when the file was checked."""

    def __init__(self) -> None:
        super().__init__(
            "this is not what was checked: it is another file, or somebody saved one of its "
            "answers in between. Look at what it would do now"
        )


# --- files ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Incoming:
    """The entries of a file that was sent.

    Attributes:
        name: of the file.
        items: its entries, each with its place.
    """

    name: str
    items: tuple[RowEntry | Located, ...]

    @property
    def pairs(self) -> list[TopicEntry]:
        """The entries, in the order of the file."""
        return [_pair(item) for item in self.items]

    def placed(self, faults: Iterable[Fault]) -> list[Flaw]:
        """Return what the checks found with its place in the file."""
        by_entry = {_pair(item).entry.id: item for item in reversed(self.items)}
        by_topic = {_pair(item).topic.slug: item for item in reversed(self.items)}
        return [
            _placed(by_entry.get(fault.entry) or by_topic[fault.file], fault) for fault in faults
        ]


def read_incoming(name: str, content: bytes) -> Incoming:
    """Read a file of entries.

    Args:
        name: of the file; its ending tells the format.
        content: all of it.

    Raises:
        UnreadableFile: with everything that is wrong; then no entry is read.
    """
    try:
        incoming = Incoming(name, tuple(_items(name, content)))
    except SpreadsheetError as error:
        raise UnreadableFile(
            [Flaw("", 0, one.row, one.column, one.entry, one.message) for one in error.problems]
        ) from error
    except CorpusError as error:
        raise UnreadableFile(
            [
                Flaw(one.file, one.line, 0, one.field, one.entry, one.message, one.level)
                for one in error.faults
            ]
        ) from error
    flaws = dict.fromkeys(flaw for item in incoming.items for flaw in _too_long(item))
    if flaws:
        raise UnreadableFile([*flaws])
    return incoming


def _items(name: str, content: bytes) -> Sequence[RowEntry | Located]:
    ending = PurePath(name).suffix.casefold()
    if ending in YAML_ENDINGS:
        # Its name may be what a browser made of it: "flu (1).yml".
        return read_file(CorpusFile(name, content), is_placed=False)
    if ending != ".zip":
        return read_rows(name, content)
    if len(content) > MOST_BYTES:
        limit = MOST_BYTES // 1_000_000
        message = f"{limit} MB at most, the file has {len(content) / 1_000_000:.1f} MB"
        raise CorpusError([Fault(name, 0, "", "", message)])
    return read_files(read_archive(name, content))


def _pair(item: RowEntry | Located) -> TopicEntry:
    return item.pair if isinstance(item, RowEntry) else item.topic_entry


def _placed(item: RowEntry | Located, fault: Fault) -> Flaw:
    """Return a fault with its place in the file."""
    path = tuple(int(part) if part.isdigit() else part for part in fault.field.split(".") if part)
    if isinstance(item, Located):
        node = item.node if fault.entry else item.head
        line = line_of(node, path)
        return Flaw(item.file, line, 0, fault.field, fault.entry, fault.message, fault.level)
    column, _ = column_at(("entry" if fault.entry else "topic", *path))
    field = column.name if column else fault.field
    entry = fault.entry or item.pair.entry.id
    return Flaw("", 0, item.row, field, entry, fault.message, fault.level)


def _too_long(item: RowEntry | Located) -> Iterator[Flaw]:
    """Refuse what nobody writes on purpose: the checks of a pasted book would take minutes."""
    pair = _pair(item)
    for part, entry_id in ((pair.topic, ""), (pair.entry, pair.entry.id)):
        for path, text in _texts(part.model_dump(mode="json")):
            if len(text) > LONGEST_TEXT:
                field = ".".join(map(str, path))
                message = (
                    f"is too long: {LONGEST_TEXT:,} characters at most, this has {len(text):,}"
                )
                yield _placed(item, Fault("", 0, entry_id, field, message))


def _texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, number))


# --- what an import would do ----------------------------------------------------------------------


class Outcome(StrEnum):
    """What an import does to an entry."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class EntryPlan:
    """What an import would do to one entry.

    Attributes:
        entry_id: of the entry.
        locale: of the entry.
        outcome: whether it is new, changed or unchanged.
        fields: names of what is different; a topic's own fields begin with "topic.".
        based_on: number of the newest revision, or None where there is none.
        is_open: whether the newest revision is a draft that somebody works on or reviews, which
            the import would replace.
        claims_review: whether the file says that somebody reviewed it, which is not taken over.
    """

    entry_id: str
    locale: str
    outcome: Outcome
    fields: tuple[str, ...]
    based_on: int | None
    is_open: bool = False
    claims_review: bool = False


@dataclass(frozen=True)
class Plan:
    """What an import would do.

    Attributes:
        entries: one by one, in the order of the file.
        faults: what the checks find, beside the entries that are live.
        checked: tells this plan from any other, for ``import_drafts``.
    """

    entries: tuple[EntryPlan, ...]
    faults: tuple[Fault, ...]
    checked: str

    def count(self, outcome: Outcome) -> int:
        """Return how many entries have an outcome."""
        return sum(entry.outcome is outcome for entry in self.entries)

    @property
    def changes(self) -> list[EntryPlan]:
        """The entries that would get a draft."""
        return [one for one in self.entries if one.outcome is not Outcome.UNCHANGED]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know besides, in sentences."""
        claims = sum(one.claims_review for one in self.entries)
        if not claims:
            return ()
        answers = "1 answer says" if claims == 1 else f"{claims:,} answers say"
        return (
            f"{answers} in this file that somebody reviewed it. An import is no review: status, "
            "last_reviewed and reviewed_by of the file are not taken over.",
        )


class _Known(NamedTuple):
    """What the store has of an entry: its newest revision, and what that says.

    A revision that was put away has a number, but what it said does not count.
    """

    number: int
    is_open: bool
    body: Mapping[str, Any] | None


class _Step(NamedTuple):
    """One entry of an import: what to save, and what that does."""

    pair: TopicEntry
    plan: EntryPlan
    content_hash: str


def without_review(pair: TopicEntry) -> TopicEntry:
    """Return an entry that claims no review by anybody."""
    entry = pair.entry
    if entry.status is not Status.CLINICIAN_REVIEWED:  # then it has no reviewer either
        return pair
    claims = {"status": Status.SOURCE_CHECKED, "last_reviewed": None, "reviewed_by": ()}
    return pair.model_copy(update={"entry": entry.model_copy(update=claims)})


def dry_run(session: Session, pairs: Sequence[TopicEntry], today: date | None = None) -> Plan:
    """Tell what an import would do, without writing anything.

    Args:
        session: a transaction.
        pairs: the entries.
        today: finds reviews that are overdue; None leaves that one rule out.
    """
    steps = _compare(session, pairs)
    faults = check_entries([step.pair for step in steps], live_beside(session), today)
    return Plan(tuple(step.plan for step in steps), tuple(faults), _digest(steps))


def _digest(steps: Sequence[_Step]) -> str:
    """Return what tells one plan from any other: the words, and what they would replace."""
    rows = [[step.content_hash, *asdict(step.plan).values()] for step in steps]
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()


def _compare(session: Session, pairs: Sequence[TopicEntry]) -> list[_Step]:
    """Compare entries with what the store has of them."""
    steps: list[_Step] = []
    for start in range(0, len(pairs), FEW):
        chunk = pairs[start : start + FEW]
        known = _known(session, [pair.entry.id for pair in chunk])
        steps += [_step(pair, known.get(_key(pair))) for pair in chunk]
    return steps


def _key(pair: TopicEntry) -> tuple[str, str]:
    return pair.entry.id, pair.topic.locale


def _step(pair: TopicEntry, known: _Known | None) -> _Step:
    number = known.number if known else None
    plain = without_review(pair)
    body = plain.model_dump(mode="json")
    digest = content_hash(body)
    if known is None or known.body is None:
        claims = plain is not pair
        plan = EntryPlan(*_key(pair), Outcome.NEW, (), number, claims_review=claims)
        return _Step(plain, plan, digest)
    reviewed = TopicEntry.model_validate(known.body)
    claims = plain is not pair and pair != reviewed
    # An import neither brings a review nor ends one: only other words make a draft.
    if plain == without_review(reviewed):
        plan = EntryPlan(*_key(pair), Outcome.UNCHANGED, (), number, known.is_open, claims)
        return _Step(plain, plan, digest)
    fields = (*_different("entry", body, known.body), *_different("topic", body, known.body))
    plan = EntryPlan(*_key(pair), Outcome.CHANGED, fields, number, known.is_open, claims)
    return _Step(plain, plan, digest)


def _different(part: str, body: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of fields that differ."""
    ours, theirs = body[part], known.get(part, {})
    prefix = "topic." if part == "topic" else ""
    for name in dict.fromkeys([*ours, *theirs]):
        if name not in ours or name not in theirs or ours[name] != theirs[name]:
            yield f"{prefix}{name}"


def _known(session: Session, entry_ids: Sequence[str]) -> dict[tuple[str, str], _Known]:
    """Return what the store has of entries."""
    newest = (
        sa.select(Revision.entry_id, Revision.locale, sa.func.max(Revision.number).label("number"))
        .where(Revision.entry_id.in_(entry_ids))
        .group_by(Revision.entry_id, Revision.locale)
    )
    numbers = {(row.entry_id, row.locale): row.number for row in session.execute(newest)}
    counting = newest.where(Revision.state != State.DISCARDED.value).subquery()
    asked = sa.select(
        Revision.entry_id,
        Revision.locale,
        Revision.number,
        Revision.state,
        Revision.body,
    ).join(
        counting,
        sa.and_(
            Revision.entry_id == counting.c.entry_id,
            Revision.locale == counting.c.locale,
            Revision.number == counting.c.number,
        ),
    )
    found = {key: _Known(number, False, None) for key, number in numbers.items()}
    for row in session.execute(asked):
        key = row.entry_id, row.locale
        is_open = row.number == numbers[key] and State(row.state) in OPEN
        found[key] = _Known(numbers[key], is_open, row.body)
    return found


# --- the import -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImportedDrafts:
    """What an import did.

    Attributes:
        new: entries that the store did not know.
        changed: entries that got a further revision.
        unchanged: entries that were there already, word for word.
        revision_ids: of the drafts, in the order of the file.
        import_id: by which ``undo_import`` knows it; None where it made no draft.
    """

    new: int
    changed: int
    unchanged: int
    revision_ids: tuple[int, ...]
    import_id: int | None = None


def import_drafts(
    session: Session,
    member: Member,
    pairs: Sequence[TopicEntry],
    checked: str | None = None,
    source: str = "",
) -> ImportedDrafts:
    """Save each new or changed entry as a draft; nothing becomes live by it.

    On any error the transaction must be given up, so that nothing of the import stays.

    Args:
        session: a transaction.
        member: who imports.
        pairs: the entries.
        checked: ``Plan.checked`` of the dry run that the member agreed to, or None to go by the
            newest revisions of this moment.
        source: name of the file, for the record.

    Raises:
        NotAllowed: the member is no author.
        ImportChanged: it would do something else by now than what was checked.
        EditConflict: somebody else saved one of the entries at this moment.
    """
    member.must_be(Role.AUTHOR, "importing answers")
    steps = _compare(session, pairs)
    if checked is not None and checked != _digest(steps):
        raise ImportChanged
    counts = dict.fromkeys(Outcome, 0)
    revision_ids: list[int] = []
    for step in steps:
        counts[step.plan.outcome] += 1
        if step.plan.outcome is not Outcome.UNCHANGED:
            saved = save_draft(session, member, step.pair, step.plan.based_on, "Imported")
            revision_ids.append(saved.id)
    new, changed, unchanged = (counts[one] for one in Outcome)
    import_id = None
    if revision_ids:
        made = record(
            session,
            member.id,
            MADE,
            _printable(source),
            new=new,
            changed=changed,
            revisions=_ranges(revision_ids),
        )
        session.flush()
        import_id = made.id
    return ImportedDrafts(new, changed, unchanged, tuple(revision_ids), import_id)


def _printable(name: str) -> str:
    return "".join(sign for sign in name if sign.isprintable())


def _ranges(numbers: Iterable[int]) -> list[str]:
    """Return numbers in few words: 4, 5, 6 and 9 as "4-6" and "9"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [f"{first}-{last}" if last > first else str(first) for first, last in runs]


def _numbers(ranges: Iterable[str]) -> list[int]:
    """Return the numbers that ``_ranges`` was given, in order."""
    ends = [[int(end) for end in one.split("-")] for one in ranges]
    return [number for run in ends for number in range(run[0], run[-1] + 1)]


# --- undoing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PastImport:
    """An import of the past.

    Attributes:
        id: of its line in the record.
        at: when.
        who: name of the person.
        source: name of the file; "" where a program sent it.
        drafts: how many drafts it made.
        waiting: how many of them are drafts still, which ``undo_import`` would put away.
    """

    id: int
    at: datetime
    who: str
    source: str
    drafts: int
    waiting: int


@dataclass(frozen=True)
class UndoneImport:
    """What was undone.

    Attributes:
        put_away: how many drafts were put away.
        left: entries whose drafts somebody moved on, as "flu-spread (en)".
    """

    put_away: int
    left: tuple[str, ...]


def past_imports(session: Session, limit: int = 10) -> list[PastImport]:
    """Return the newest imports, the newest first."""
    rows = session.execute(
        sa.select(AuditRecord, Person.name)
        .join(Person, Person.id == AuditRecord.person_id)
        .where(AuditRecord.action == MADE)
        .order_by(AuditRecord.id.desc())
        .limit(limit)
    )
    found: list[PastImport] = []
    for row, name in rows:
        ids = _revisions_of(row)
        waiting = sum(
            session.scalar(
                sa.select(sa.func.count())
                .select_from(Revision)
                .where(Revision.id.in_(some), Revision.state == State.DRAFT.value)
            )
            or 0
            for some in _in_chunks(ids)
        )
        found.append(PastImport(row.id, row.at, name, row.subject, len(ids), waiting))
    return found


def undo_import(session: Session, member: Member, import_id: int) -> UndoneImport:
    """Put all drafts of an import away, but for those that somebody moved on since.

    Args:
        session: a transaction.
        member: who undoes it.
        import_id: of ``PastImport`` or ``ImportedDrafts``.

    Raises:
        NotAllowed: the member is no author.
        WorkflowError: there is no such import, or none of its drafts waits any more.
    """
    member.must_be(Role.AUTHOR, "undoing an import")
    row = session.get(AuditRecord, import_id)
    if row is None or row.action != MADE:
        raise WorkflowError(f"there is no import {import_id}")
    left: list[str] = []
    put_away = 0
    for revision in _read(session, _revisions_of(row)):
        if revision.state == State.DRAFT:
            discard(session, member, revision.id)
            put_away += 1
        else:
            left.append(f"{revision.entry_id} ({revision.locale})")
    if not put_away:
        raise WorkflowError(
            "nothing of this import waits as a draft any more: it was undone already, or somebody "
            "moved all of it on"
        )
    record(session, member.id, UNDONE, str(import_id), put_away=put_away, left=left)
    return UndoneImport(put_away, tuple(left))


def _revisions_of(row: AuditRecord) -> list[int]:
    ranges = row.detail.get("revisions")
    return _numbers(map(str, ranges)) if isinstance(ranges, list) else []


def _read(session: Session, ids: Sequence[int]) -> Iterator[Revision]:
    for some in _in_chunks(ids):
        asked = sa.select(Revision).where(Revision.id.in_(some)).order_by(Revision.id)
        yield from session.scalars(asked).all()


def _in_chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    yield from (ids[start : start + FEW] for start in range(0, len(ids), FEW))
