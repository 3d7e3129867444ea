"""From the cells of a spreadsheet to entries, or to everything that is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl.utils import get_column_letter
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from knowledge.entry import TopicEntry
from knowledge.spreadsheet.cells import (
    EMPTY,
    MOST_BYTES,
    Found,
    Row,
    column_name,
    refused,
    rows_of,
    too_large,
)
from knowledge.spreadsheet.columns import (
    DAY_HINT,
    GROUPS,
    LAYOUT,
    MOST_ROWS,
    SINGLE,
    Column,
    Group,
    Kind,
    Problem,
    SpreadsheetError,
    column_at,
    column_named,
)
from knowledge.spreadsheet.texts import unescape

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class RowEntry(NamedTuple):
    """An entry, and the row in which it stands.

    Attributes:
        row: number of the row as the spreadsheet program shows it.
        pair: the entry with its topic.
    """

    row: int
    pair: TopicEntry


def read_spreadsheet(file: Path) -> list[TopicEntry]:
    """Read entries from a CSV or XLSX file.

    Raises:
        SpreadsheetError: with everything that is wrong; then no entry is read.
    """
    try:
        size = file.stat().st_size
        content = file.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise refused(f"{file.name} cannot be read: {reason}") from error
    if size > MOST_BYTES:
        raise too_large(size)
    return read_content(file.name, content)


def read_content(name: str, content: bytes) -> list[TopicEntry]:
    """Read entries from the content of a CSV or XLSX file, as it was uploaded.

    Args:
        name: of the file; its ending tells the format.
        content: all of the file.

    Raises:
        SpreadsheetError: with everything that is wrong; then no entry is read.
    """
    return [found.pair for found in read_rows(name, content)]


def read_rows(name: str, content: bytes) -> list[RowEntry]:
    """Read entries with their rows; otherwise as ``read_content``."""
    return _read_rows(rows_of(name, content))


class _Wrong(Exception):
    """A cell that cannot be taken; the message says why and what to do."""


@dataclass(frozen=True)
class _Header:
    """The first row.

    Attributes:
        columns: the column at each place; None where there is none to take.
        names: what the header says at each place.
        missing: names of needed columns that are not there.
    """

    columns: tuple[Column | None, ...]
    names: tuple[str, ...]
    missing: frozenset[str]


@dataclass(frozen=True)
class _Record:
    """A row.

    Attributes:
        row: its number.
        values: what its cells say, where they are not empty.
        pair: the entry, or None where it has a fault.
    """

    row: int
    values: Mapping[Column, Any]
    pair: TopicEntry | None

    def value(self, name: str) -> Any:
        """Return what is said in a column, or None for nothing."""
        return self.values.get(SINGLE[name])


def _read_rows(rows: Iterator[Row]) -> list[RowEntry]:
    """Read all rows, or raise everything that is wrong with them."""
    first = next((row for row in _within(rows) if _has_something(row[1])), None)
    if first is None:
        raise refused("the file is empty: export some entries to see what it must look like")
    header, problems = _header(first)
    records: list[_Record] = []
    for row in _within(rows):
        if _has_something(row[1]):
            record, wrong = _record(header, row)
            records.append(record)
            problems += wrong
    if not records:
        problems.append(Problem(0, "", "there is a header but no row below it: add an entry"))
    problems += _twice(records)
    problems += _disagreeing(records)
    if problems:
        raise SpreadsheetError(sorted(problems, key=lambda problem: problem.row))
    return [RowEntry(record.row, record.pair) for record in records if record.pair]


def _has_something(cells: Sequence[Found]) -> bool:
    return any(cell is not EMPTY and not cell.is_empty for cell in cells)


def _within(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if row[0] > MOST_ROWS + 1:
            message = (
                f"{MOST_ROWS:,} rows at most, also counting empty ones: divide the file into "
                "several, or delete the empty rows"
            )
            raise SpreadsheetError([Problem(row[0], "", message)])
        yield row


def _header(row: Row) -> tuple[_Header, list[Problem]]:
    number, cells = row
    names = [column_name(cell.text) for cell in cells]
    columns: list[Column | None] = []
    problems: list[Problem] = []
    for place, (name, cell) in enumerate(zip(names, cells, strict=True)):
        column = column_named(name)
        message = cell.fault or _header_fault(name, column, names[:place])
        if message:
            problems.append(Problem(number, name[:60], message))
        columns.append(None if message else column)
    needed = [column for part in LAYOUT for column in _columns_of(part) if column.is_needed]
    missing = [column.name for column in needed if column.name not in names]
    problems += [
        Problem(number, name, "this column is missing: add it to the first row") for name in missing
    ]
    return _Header(tuple(columns), tuple(names), frozenset(missing)), problems


def _header_fault(name: str, column: Column | None, before: Sequence[str]) -> str:
    if not name:
        return ""  # told at the first cell below that is not empty
    if column is None:
        return f"there is no such column: {_nearest(name)}"
    if name in before:
        earlier = get_column_letter(before.index(name) + 1)
        here = get_column_letter(len(before) + 1)
        return f"is there twice, as columns {earlier} and {here}: delete one"
    return ""


def _columns_of(part: Column | Group) -> Iterable[Column]:
    return [part] if isinstance(part, Column) else part.columns(1)


def _nearest(name: str) -> str:
    """Say how to mend a name that does not exist."""
    digits = re.search(r"[1-9][0-9]{0,3}", name)
    number = int(digits[0]) if digits else 1
    numbered = [
        group.column(part, number).name for group in GROUPS.values() for part in group.parts
    ]
    near = difflib.get_close_matches(name[:60], [*SINGLE, *numbered], n=1)
    return f"did you mean “{near[0]}”?" if near else "correct its name or delete it"


def _record(header: _Header, row: Row) -> tuple[_Record, list[Problem]]:
    """Read one row."""
    number, cells = row
    values: dict[Column, Any] = {}
    problems: list[Problem] = []
    for place, cell in enumerate(cells):
        column = header.columns[place] if place < len(header.columns) else None
        if cell is EMPTY or cell.is_empty:  # most cells are this one
            continue
        if column is None:
            problems += _without_column(header, number, place)
            continue
        try:
            value = _value(cell, column)
        except _Wrong as error:
            problems.append(Problem(number, column.name, str(error)))
            continue
        if value:
            values[column] = value
    told = {problem.column for problem in problems} | header.missing
    pair, wrong = _validated(number, values)
    problems += [problem for problem in wrong if problem.column not in told]
    entry_id = str(values.get(SINGLE["id"], ""))[:80]
    return _Record(number, values, pair), [
        Problem(problem.row, problem.column, problem.message, entry_id) for problem in problems
    ]


def _without_column(header: _Header, number: int, place: int) -> Iterator[Problem]:
    """Say that a cell stands below nothing; below a wrong name, that was said at the header."""
    if place >= len(header.names) or not header.names[place]:
        letter = get_column_letter(place + 1)
        message = (
            f"cell {letter}{number} has no column name above it: name the column or empty the "
            "cell; in CSV, a text with the delimiter in it needs quotation marks around it"
        )
        yield Problem(number, "", message)


def _value(cell: Found, column: Column) -> Any:
    """Return what a cell says, in the form that ``TopicEntry`` takes."""
    if cell.fault:
        raise _Wrong(cell.fault)
    if column.kind in {Kind.DAY, Kind.MONTH}:
        return _day(cell, column)
    if cell.day:
        raise _Wrong("holds a date: make the format of the cell “Text” and write it again")
    if column.kind is Kind.KEYS:
        return [key for key in re.split(r"[,;\s]+", cell.text) if key]
    if column.kind is Kind.TEXT:
        return unescape(cell.text)
    if column.kind is Kind.CODE:
        return unescape(cell.text.strip())
    lines = [line for line in cell.text.split("\n") if line.strip()]
    return [unescape(line if column.kind is Kind.TEXTS else line.strip()) for line in lines]


def _day(cell: Found, column: Column) -> str:
    """Return a day, or a month, as the entry has it."""
    if cell.day:
        text = cell.day.isoformat()
        return text[:7] if column.kind is Kind.MONTH and cell.is_month else text
    text = cell.text.strip()
    if column.kind is Kind.DAY:
        try:
            date.fromisoformat(text if DAY.fullmatch(text) else "")
        except ValueError as error:
            raise _Wrong(f"is no day: {DAY_HINT}") from error
    return text


def _validated(
    number: int, values: Mapping[Column, Any]
) -> tuple[TopicEntry | None, list[Problem]]:
    """Return the entry of a row, or what is wrong with it."""
    body: dict[str, Any] = {"topic": {"locale": None}, "entry": {}}
    lists: dict[str, dict[int, dict[str, Any]]] = {}
    for column, value in values.items():
        top, field, *rest = column.path
        if rest and isinstance(rest[0], int):
            lists.setdefault(str(field), {}).setdefault(rest[0], {})[str(rest[1])] = value
        elif rest:
            body[str(top)].setdefault(field, {})[rest[0]] = value
        else:
            body[str(top)][field] = value
    for field, items in lists.items():
        body["entry"][field] = [items[place] for place in sorted(items)]
    try:
        return TopicEntry.model_validate(body), []
    except ValidationError as error:
        places = {field: sorted(items) for field, items in lists.items()}
        return None, [_problem(number, item, places) for item in _told(error)]


def _told(error: ValidationError) -> Iterator[ErrorDetails]:
    """Yield pydantic's errors; a list counts as too short only if its items are fine."""
    items = error.errors(include_url=False)
    inside = {item["loc"][:depth] for item in items for depth in range(len(item["loc"]))}
    yield from (item for item in items if item["type"] != "too_short" or item["loc"] not in inside)


def _problem(number: int, item: ErrorDetails, places: Mapping[str, Sequence[int]]) -> Problem:
    """Turn one of pydantic's errors into a problem with its column."""
    message = item["msg"].removeprefix("Value error, ")
    path = item["loc"]
    if len(path) > 2 and path[1] in places and isinstance(path[2], int):
        path = (*path[:2], places[str(path[1])][path[2]], *path[3:])
    column, depth = column_at(path, message)
    sentence = SENTENCES.get(item["type"], _as_told)
    text = sentence(item.get("ctx", {}), column.hint if column else "", message)
    rest = path[depth:]
    if rest and isinstance(rest[0], int):
        text = f"item {rest[0] + 1} {text}"
    return Problem(number, column.name if column else "", text)


def _empty(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    return f"is empty: {hint}"


def _as_told(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    return message


def _none_of(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    expected = str(ctx["expected"]).replace("'", "")
    return f"is none of the words that may be here: write {expected}"


def _wrong_form(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    return f"is not in the right form: {hint}"


def _short(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    return f"is too short: {ctx['min_length']} characters at least"


def _long(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    return f"is too long: {ctx['max_length']} characters at most"


def _few(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    return f"has {ctx['actual_length']}, and {ctx['min_length']} at least are needed: {hint}"


def _many(ctx: Mapping[str, Any], hint: str, message: str) -> str:
    return f"has {ctx['actual_length']}, and {ctx['max_length']} at most may be: take some out"


SENTENCES: dict[str, Callable[[Mapping[str, Any], str, str], str]] = {
    "missing": _empty,
    "string_type": _empty,
    "string_pattern_mismatch": _wrong_form,
    "string_unicode": _wrong_form,
    "string_too_short": _short,
    "string_too_long": _long,
    "too_short": _few,
    "too_long": _many,
    "enum": _none_of,
    "literal_error": _none_of,
}
"""What is said for each sort of pydantic's errors."""


def _twice(records: Sequence[_Record]) -> Iterator[Problem]:
    """One entry in one locale is one row: of two, nobody could say which one counts."""
    first: dict[tuple[str, str], int] = {}
    for record in records:
        entry_id, locale = record.value("id"), record.value("locale")
        if entry_id and locale:
            row = first.setdefault((entry_id, locale), record.row)
            if row != record.row:
                message = f"has the same id and locale as row {row}: delete one of the two rows"
                yield Problem(record.row, "id", message, entry_id[:80])


def _disagreeing(records: Sequence[_Record]) -> Iterator[Problem]:
    """The topic's own fields are in each of its rows, and must be the same there."""
    first: dict[tuple[str, str], _Record] = {}
    for record in records:
        slug, locale = record.value("topic"), record.value("locale")
        if not slug or not locale:
            continue
        other = first.setdefault((slug, locale), record)
        for name in ("topic_title", "topic_aliases", "topic_related"):
            if _stripped(record.value(name)) != _stripped(other.value(name)):
                message = (
                    f"differs from row {other.row}, which is of the same topic: write the same in "
                    "all rows of a topic"
                )
                yield Problem(record.row, name, message, str(record.value("id") or "")[:80])


def _stripped(value: Any) -> Any:
    return [item.strip() for item in value] if isinstance(value, list) else str(value or "").strip()
