r"""Entries as a spreadsheet, CSV or XLSX, and back: what an editor changes there becomes drafts.

One row is one entry in one locale. ``id`` and ``locale`` are its key; the first row names the
columns, in any order. Writing entries and reading the file again gives exactly these entries.

Columns with one value::

    id, locale                      which entry (needed)
    topic, topic_title              of its topic; the same in all rows of a topic (needed)
    topic_aliases, topic_related    lists; the first is needed
    aspect, question, short_answer  needed
    variants                        a list, needed
    seek_care, conflict             text
    urgency_level, urgency_action   the first is needed
    audience, region                empty means general and global
    myth_claim, myth_rating         both or none
    date_created, date_modified     days such as 2026-11-21, needed
    last_reviewed, review_due       days; the second is needed
    status                          needed

Numbered columns, as many as there are (``detail1_text``, ``detail2_text`` …); what is left empty is
no item, and a gap closes up::

    detail1_text, detail1_cite      cite names keys of sources, as in ``s1, s2``
    source1_key, _publisher, _title, _url, _section, _source_date, _evidence, _checked_on,
        _exception                  key, publisher, title, url and evidence of the first are needed
    reviewer1_name, _role, _credentials
    compared1_entry, _why

An optional column that is left out counts as empty in every row.

How a cell is written:

- A **list** has one item per line of its cell (Alt+Enter in Excel).
- A **backslash** begins what a cell cannot hold: ``\n`` is a line break inside an item of a list,
  ``\r`` a carriage return, ``\u0007`` the character with that number, ``\\`` a backslash. Before
  anything else it stands for itself. Line breaks in a text that is no list are written as they are.
- An **apostrophe** in front of ``= + - @``, a tab or a line break keeps a program from taking a
  text for a formula. CSV has it in front of each such text, XLSX has such texts as texts. Where a
  text itself begins with apostrophes and then one of these, it gets one more in both. Reading takes
  one away, so that a file may also be saved in the other format.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import sqlalchemy as sa
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, NamedStyle
from openpyxl.utils import get_column_letter
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.orm import Session

from knowledge.checks import check_entries
from knowledge.entry import TopicEntry
from knowledge.exchange import Fault
from knowledge.people import Member, Role
from knowledge.schema import Revision
from knowledge.store import FEW, content_hash
from knowledge.workflow import OPEN, State, live_beside, save_draft

SHEET = "Entries"
DELIMITERS = (",", ";", "\t")
MOST_ROWS = 20_000
"""Rows below the header."""
MOST_COLUMNS = 1000
MOST_BYTES = 20_000_000
MOST_UNPACKED_BYTES = 200_000_000
"""Of all parts of an XLSX file together: a small file can hold terabytes of one letter."""
LONGEST_CELL = 32_767
"""UTF-16 units, Excel's limit."""
CSV_ENDINGS = frozenset({".csv", ".tsv", ".txt"})
ZIP_MARK = b"PK\x03\x04"
OLD_EXCEL_MARK = b"\xd0\xcf\x11\xe0"
RISKY = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""First characters by which programs know a formula, some also by the wide forms of East Asia."""
FORMULA = re.compile(f"'*[{RISKY}]")
GUARDED = re.compile(f"'+[{RISKY}]")
# Excel reads `_x000D_` as one character, and openpyxl drops each `x005F_`.
UNSAFE = re.compile(r"\\|[\x00-\x08\x0b-\x1f\ufffe\uffff]|(?<=_)x(?=[0-9a-fA-F]{4}_)|x(?=005[fF]_)")
ESCAPE = re.compile(r"\\(\\|n|r|u[0-9a-fA-F]{4})")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBERED = re.compile(r"([a-z]+)([1-9][0-9]{0,3})_([a-z_]+)")
NOT_IN_FORMAT = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')
PLAIN_FORMATS = frozenset({"General", "@", "0"})


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a spreadsheet, and how to mend it.

    Attributes:
        row: number of the row as the spreadsheet program shows it; 0 for the file as a whole.
        column: name of the column, or "" for the row as a whole.
        message: what is wrong and what to do.
        entry: id of the entry, as far as it is known.
    """

    row: int
    column: str
    message: str
    entry: str = ""

    def __str__(self) -> str:
        """Return the problem with its place."""
        row = f"row {self.row}" if self.row else ""
        column = f"column {self.column}" if self.column else ""
        place = ", ".join(part for part in (row, column, self.entry) if part)
        return f"{place}: {self.message}" if place else self.message


class SpreadsheetError(Exception):
    """A spreadsheet that cannot be read or written; ``problems`` has everything that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")
        self.problems = tuple(problems)


# --- columns --------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What the cells of a column hold."""

    TEXT = "text"
    CODE = "code"
    DAY = "day"
    MONTH = "month"
    TEXTS = "texts"
    CODES = "codes"
    KEYS = "keys"


LISTS = frozenset({Kind.TEXTS, Kind.CODES})
WIDTHS = {
    Kind.TEXT: 50,
    Kind.TEXTS: 45,
    Kind.CODE: 18,
    Kind.CODES: 22,
    Kind.DAY: 13,
    Kind.MONTH: 13,
    Kind.KEYS: 10,
}
"""Of columns in XLSX, in characters."""
Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: as the header has it.
        path: where its value is in ``TopicEntry``.
        kind: what its cells hold.
        hint: how to fill it in.
        is_needed: whether a file without it is refused.
    """

    name: str
    path: Path_
    kind: Kind
    hint: str
    is_needed: bool = False


@dataclass(frozen=True)
class Group:
    """Columns that are there once per item of a list.

    Attributes:
        name: what their names begin with, before the number.
        field: the list in ``Entry``.
        parts: the columns of one item, with names and paths inside the item.
        whole: the part to which what is wrong with an item as a whole is put down.
    """

    name: str
    field: str
    parts: tuple[Column, ...]
    whole: str

    def column(self, part: Column, number: int) -> Column:
        """Return the column of one part of the item with this number, counted from 1."""
        return Column(
            f"{self.name}{number}_{part.name}",
            ("entry", self.field, number - 1, *part.path),
            part.kind,
            part.hint,
            part.is_needed and number == 1,
        )

    def columns(self, items: int) -> Iterator[Column]:
        """Yield the columns of so many items, at least of one."""
        for number in range(1, max(1, items) + 1):
            yield from (self.column(part, number) for part in self.parts)


_SLUG = "write lower-case letters, digits and single hyphens, as in measles-symptoms (80 at most)"
_DAY = "write the day as 2026-11-21; in an XLSX file a real date will do"
_TEXT = "write a text"


def _entry(name: str, kind: Kind, hint: str = _TEXT, *, needed: bool = False) -> Column:
    return Column(name, ("entry", name), kind, hint, needed)


def _topic(name: str, field: str, kind: Kind, hint: str, *, needed: bool = False) -> Column:
    return Column(name, ("topic", field), kind, hint, needed)


def _part(name: str, kind: Kind, hint: str = _TEXT, *, needed: bool = False) -> Column:
    return Column(name, (name,), kind, hint, needed)


LAYOUT: tuple[Column | Group, ...] = (
    _entry("id", Kind.CODE, _SLUG, needed=True),
    _topic("locale", "locale", Kind.CODE, "write the language, as in en or pt-BR", needed=True),
    _topic("topic", "slug", Kind.CODE, _SLUG, needed=True),
    _topic("topic_title", "title", Kind.TEXT, "write the topic's title", needed=True),
    _topic("topic_aliases", "aliases", Kind.TEXTS, "write one name per line", needed=True),
    _topic("topic_related", "related", Kind.CODES, f"one topic per line: {_SLUG}"),
    _entry("aspect", Kind.CODE, "write what it tells, as in symptoms", needed=True),
    _entry("question", Kind.TEXT, "write the question", needed=True),
    _entry("variants", Kind.TEXTS, "write one other wording per line, 3 at least", needed=True),
    _entry("short_answer", Kind.TEXT, "write the answer", needed=True),
    Group(
        "detail",
        "details",
        (
            _part("text", Kind.TEXT),
            _part("cite", Kind.KEYS, "write the keys of the sources that carry it, as in s1, s2"),
        ),
        "text",
    ),
    _entry("seek_care", Kind.TEXT),
    Column(
        "urgency_level",
        ("entry", "urgency", "level"),
        Kind.CODE,
        "write emergency, urgent, routine or none",
        True,
    ),
    Column("urgency_action", ("entry", "urgency", "action"), Kind.TEXT, "say what to do now"),
    Group(
        "source",
        "sources",
        (
            _part("key", Kind.CODE, "write s and a number, as in s1", needed=True),
            _part("publisher", Kind.CODE, "write CDC or WHO", needed=True),
            _part("title", Kind.TEXT, "write the title of the page", needed=True),
            _part(
                "url",
                Kind.CODE,
                "write an address that begins with https:// and has no spaces (400 at most)",
                needed=True,
            ),
            _part("section", Kind.TEXT),
            _part("source_date", Kind.DAY, _DAY),
            _part("evidence", Kind.CODE, "write text_seen, excerpt_seen or url_only", needed=True),
            _part("checked_on", Kind.MONTH, "write a month or a day, as in 2026-09 or 2026-09-30"),
            _part("exception", Kind.TEXT),
        ),
        "checked_on",
    ),
    _entry("audience", Kind.CODE),
    _entry("region", Kind.CODE),
    Column("myth_claim", ("entry", "myth", "claim"), Kind.TEXT, "write the claim"),
    Column(
        "myth_rating",
        ("entry", "myth", "rating"),
        Kind.CODE,
        "write false, misleading or unproven",
    ),
    _entry("conflict", Kind.TEXT),
    Group(
        "compared",
        "compared",
        (_part("entry", Kind.CODE, _SLUG), _part("why", Kind.TEXT, "say why both are right")),
        "entry",
    ),
    _entry("date_created", Kind.DAY, _DAY, needed=True),
    _entry("date_modified", Kind.DAY, _DAY, needed=True),
    _entry("last_reviewed", Kind.DAY, _DAY),
    Group(
        "reviewer",
        "reviewed_by",
        (
            _part("name", Kind.TEXT, "write the name of the person"),
            _part("role", Kind.TEXT, "write what the person is, as in paediatrician"),
            _part("credentials", Kind.TEXT),
        ),
        "name",
    ),
    _entry("review_due", Kind.DAY, _DAY, needed=True),
    _entry("status", Kind.CODE, "write draft or source_checked", needed=True),
)
SINGLE = {part.name: part for part in LAYOUT if isinstance(part, Column)}
GROUPS = {part.name: part for part in LAYOUT if isinstance(part, Group)}
WHOLE_ENTRY = {
    "two sources share one key": "source1_key",
    "details cite": "detail1_cite",
    "clinician_reviewed, last_reviewed": "last_reviewed",
    "urgency.action": "urgency_action",
}
"""Beginnings of what ``Entry`` says about several fields at once, and the column to look at."""


def _column(name: str) -> Column | None:
    """Return the column of a name, or None where there is none."""
    if name in SINGLE:
        return SINGLE[name]
    match = NUMBERED.fullmatch(name)
    group = GROUPS.get(match[1]) if match else None
    if match is None or group is None:
        return None
    part = next((part for part in group.parts if part.name == match[3]), None)
    return group.column(part, int(match[2])) if part else None


# --- writing --------------------------------------------------------------------------------------


def export_rows(pairs: Sequence[TopicEntry]) -> list[list[str]]:
    """Return entries as rows, the header first; formulas are for the writers to neutralise.

    Raises:
        SpreadsheetError: more entries, or an entry with more details, than a file may have.
    """
    bodies = [pair.model_dump(mode="json") for pair in pairs]
    columns: list[Column] = []
    for part in LAYOUT:
        if isinstance(part, Column):
            columns.append(part)
        else:
            items = max((len(body["entry"][part.field]) for body in bodies), default=0)
            columns += part.columns(items)
    if len(pairs) > MOST_ROWS:
        message = f"{MOST_ROWS:,} entries at most, this has {len(pairs):,}: export fewer topics"
        raise SpreadsheetError([Problem(0, "", message)])
    if len(columns) > MOST_COLUMNS:
        message = f"{MOST_COLUMNS:,} columns at most: an entry has too many details or comparisons"
        raise SpreadsheetError([Problem(0, "", message)])
    rows = [[_cell(_at(body, column.path), column.kind) for column in columns] for body in bodies]
    return [[column.name for column in columns], *rows]


def write_csv(pairs: Sequence[TopicEntry], file: Path | BinaryIO, delimiter: str = ",") -> None:
    """Write entries as CSV, in UTF-8 with a mark by which Excel knows that.

    Args:
        pairs: the entries.
        file: where to; nothing is written where anything is refused.
        delimiter: a comma, a semicolon (for Excel in most of Europe) or a tab.

    Raises:
        SpreadsheetError: more entries or details than a file may have.
        ValueError: another delimiter.
    """
    if delimiter not in DELIMITERS:
        raise ValueError("delimiter: take a comma, a semicolon or a tab")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([_guard(text, FORMULA) for text in row] for row in export_rows(pairs))
    _write(buffer.getvalue().encode("utf-8-sig"), file)


def write_xlsx(pairs: Sequence[TopicEntry], file: Path | BinaryIO) -> None:
    """Write entries as XLSX; no cell is a formula, whatever a text begins with.

    Args:
        pairs: the entries.
        file: where to; nothing is written where anything is refused.

    Raises:
        SpreadsheetError: a text is longer than a cell can be, or more entries or details than a
            file may have.
    """
    header, *rows = export_rows(pairs)
    guarded = [[_guard(text, GUARDED) for text in row] for row in rows]
    if problems := [*_too_long(pairs, header, guarded)]:
        raise SpreadsheetError(problems)
    book = Workbook(write_only=True)
    styles = _add_styles(book)
    sheet = book.create_sheet(SHEET)
    sheet.freeze_panes = "C2"  # the header, and the key of each row
    kinds = [column.kind for name in header if (column := _column(name))]
    names = [styles[kind] for kind in kinds]
    for number, kind in enumerate(kinds, 1):
        sheet.column_dimensions[get_column_letter(number)].width = WIDTHS[kind]
    sheet.append([_styled(sheet, name, "Citewell header") for name in header])
    for row in guarded:
        sheet.append([_styled(sheet, *item) for item in zip(row, names, strict=True)])
    buffer = io.BytesIO()
    book.save(buffer)
    _write(buffer.getvalue(), file)


def _add_styles(book: Workbook) -> dict[Kind, str]:
    """Add the styles of cells; return the name of each kind's style."""
    wrapped = Alignment(wrap_text=True, vertical="top")
    book.add_named_style(NamedStyle("Citewell header", font=Font(bold=True), alignment=wrapped))
    book.add_named_style(NamedStyle("Citewell text", alignment=wrapped))
    # As text, so that a program does not take 2026-09 for the first of September.
    book.add_named_style(NamedStyle("Citewell code", alignment=wrapped, number_format="@"))
    texts = {Kind.TEXT, Kind.TEXTS}
    return {kind: "Citewell text" if kind in texts else "Citewell code" for kind in Kind}


def _styled(sheet: Any, text: str, style: str) -> Any:
    """Return a cell that is a text; openpyxl by itself would make ``=1`` a formula."""
    if not text:
        return None
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.style = style
    cell.quotePrefix = bool(FORMULA.match(text))  # stays a text when somebody edits it in Excel
    return cell


def _too_long(
    pairs: Sequence[TopicEntry], header: Sequence[str], rows: Sequence[Sequence[str]]
) -> Iterator[Problem]:
    for number, (pair, row) in enumerate(zip(pairs, rows, strict=True), 2):
        for name, text in zip(header, row, strict=True):
            length = len(text.encode("utf-16-le")) // 2
            if length > LONGEST_CELL:
                message = (
                    f"{LONGEST_CELL:,} characters at most in a cell of XLSX, this needs "
                    f"{length:,}: shorten it, or export as CSV"
                )
                yield Problem(number, name, message, pair.entry.id)


def _at(body: Any, path: Path_) -> Any:
    """Return what is at a path, or None where nothing is."""
    for part in path:
        if isinstance(part, int):
            body = body[part] if part < len(body) else None
        else:
            body = body[part]
        if body is None:
            return None
    return body


def _cell(value: Any, kind: Kind) -> str:
    if value is None:
        return ""
    if kind is Kind.KEYS:
        return ", ".join(value)
    if kind in LISTS:
        return "\n".join(_escape(item).replace("\n", "\\n") for item in value)
    return _escape(str(value))


def _escape(text: str) -> str:
    """Return a text without what a cell cannot hold."""
    return UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    plain = {"\\": "\\\\", "\r": "\\r"}
    return plain.get(match[0], f"\\u{ord(match[0]):04x}")


def _unescape(text: str) -> str:
    return ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    plain = {"\\": "\\", "n": "\n", "r": "\r"}
    return plain.get(match[1]) or chr(int(match[1][1:], 16))


def _guard(text: str, risk: re.Pattern[str]) -> str:
    return f"'{text}" if risk.match(text) else text


def _write(content: bytes, file: Path | BinaryIO) -> None:
    if isinstance(file, Path):
        file.write_bytes(content)
    else:
        file.write(content)


# --- reading: from bytes to cells -----------------------------------------------------------------


class Found(NamedTuple):
    """What a cell holds.

    Attributes:
        text: as text.
        day: the day, where the program knows the cell as a date.
        is_month: whether the program shows only month and year of it.
        fault: why the cell cannot be taken, or "".
    """

    text: str = ""
    day: date | None = None
    is_month: bool = False
    fault: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.text.strip() or self.day or self.fault)


EMPTY = Found()
Row = tuple[int, Sequence[Found]]


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
        raise _refused(f"{file.name} cannot be read: {reason}") from error
    if size > MOST_BYTES:
        raise _too_large(size)
    return read_content(file.name, content)


def read_content(name: str, content: bytes) -> list[TopicEntry]:
    """Read entries from the content of a CSV or XLSX file, as it was uploaded.

    Args:
        name: of the file; its ending tells the format.
        content: all of the file.

    Raises:
        SpreadsheetError: with everything that is wrong; then no entry is read.
    """
    if len(content) > MOST_BYTES:
        raise _too_large(len(content))
    if not content.strip():
        raise _refused("the file is empty: export some entries to see what it must look like")
    ending = Path(name).suffix.casefold()
    if content.startswith(ZIP_MARK) or ending == ".xlsx":
        return _read_rows(_xlsx_rows(content))
    if content.startswith(OLD_EXCEL_MARK) or ending == ".xls":
        raise _refused(
            "the file is in the old format of Excel or has a password: save it as an Excel "
            "workbook (.xlsx) without a password"
        )
    if ending not in CSV_ENDINGS:
        raise _refused("the file is neither .csv nor .xlsx: save it as one of them")
    return _read_rows(_csv_rows(content))


def _refused(message: str) -> SpreadsheetError:
    return SpreadsheetError([Problem(0, "", message)])


def _too_large(size: int) -> SpreadsheetError:
    limit = MOST_BYTES // 1_000_000
    return _refused(
        f"{limit} MB at most, the file has {size / 1_000_000:.1f} MB: divide it into several files"
    )


def _csv_rows(content: bytes) -> Iterator[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(
            "the file is not UTF-8, so letters such as é would be lost: in Excel, save it as "
            "“CSV UTF-8”, or as an Excel workbook (.xlsx)"
        ) from error
    # For the whole process, so each reader sets what it needs: one cell may fill the file.
    csv.field_size_limit(MOST_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            if len(row) > MOST_COLUMNS:
                row = _trimmed(row)
            _refuse_wide(number, len(row))
            yield number, [Found(_mended(cell)) if cell else EMPTY for cell in row]
    except csv.Error as error:
        message = (
            "a quotation mark is in the wrong place or missing, so that it is not clear where a "
            "cell ends: put a text with quotation marks into a pair of them, and double those "
            "inside"
        )
        raise SpreadsheetError([Problem(number + 1, "", message)]) from error


def _trimmed(row: list[str]) -> list[str]:
    """Return a row up to the last column that may be, or all of it where it holds more."""
    beyond = "".join(row[MOST_COLUMNS:])
    return row if beyond.strip() else row[:MOST_COLUMNS]


def _delimiter(text: str) -> str:
    """Return the delimiter with which the header names the most columns."""
    return max(DELIMITERS, key=lambda one: _known_names(text, one))


def _known_names(text: str, delimiter: str) -> int:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = next((row for row in rows if "".join(row).strip()), [])
    return sum(_column(_name(cell)) is not None for cell in header[:MOST_COLUMNS])


def _name(cell: str) -> str:
    return cell.strip().strip("\ufeff").casefold()


def _mended(text: str) -> str:
    """Return a cell's text with the line breaks of any system as one sort, and without a guard."""
    text = text.replace("_x000D_", "\r").replace("\r\n", "\n").replace("\r", "\n")
    return text[1:] if GUARDED.match(text) else text


def _xlsx_rows(content: bytes) -> Iterator[Row]:
    _refuse_bomb(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet = _sheet(book)
        sheet.reset_dimensions()  # the file's own word on its size may be wrong
        for number, row in enumerate(sheet.iter_rows(), 1):
            _refuse_wide(number, len(row))
            yield number, _filled([_found(cell) for cell in row])
    except SpreadsheetError:
        raise
    except Exception as error:  # openpyxl lets through whatever a broken part makes it stumble on
        raise _broken() from error


def _refuse_bomb(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _broken() from error
    if unpacked > MOST_UNPACKED_BYTES:
        limit = MOST_UNPACKED_BYTES // 1_000_000
        raise _refused(
            f"unpacked, the file would have more than {limit} MB: delete pictures and sheets that "
            "do not belong to it, or divide it into several files"
        )


def _broken() -> SpreadsheetError:
    return _refused(
        "the file is no Excel workbook, or it is damaged: open it in a spreadsheet program and "
        "save it anew as .xlsx"
    )


def _sheet(book: Workbook) -> Any:
    """Return the sheet with the entries."""
    sheets = book.worksheets
    named = [sheet for sheet in sheets if str(sheet.title).strip().casefold() == SHEET.casefold()]
    if len(named) == 1:
        return named[0]
    if len(sheets) != 1:
        raise _refused(f"there are {len(sheets)} sheets: give the right one the name {SHEET}")
    return sheets[0]


def _refuse_wide(number: int, width: int) -> None:
    if width > MOST_COLUMNS:
        message = f"{MOST_COLUMNS:,} columns at most: delete those on the right, also empty ones"
        raise SpreadsheetError([Problem(number, "", message)])


def _filled(row: list[Found]) -> list[Found]:
    """Return a row up to its last cell with something in it."""
    while row and row[-1].is_empty:
        row.pop()
    return row


def _found(cell: Any) -> Found:
    """Return what a cell of XLSX holds."""
    value = cell.value
    if value is None:
        return EMPTY
    if cell.data_type == "f":
        return Found(
            fault=f"cell {cell.coordinate} holds a formula: copy the cell and paste its value"
        )
    if isinstance(value, str) and cell.data_type != "e":
        return Found(_mended(value))
    if isinstance(value, date):
        return _found_date(cell)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _found_number(cell)
    what = {"e": "an error", "b": "a truth value"}.get(cell.data_type, "a time")
    return Found(fault=f"cell {cell.coordinate} holds {what}: write the text that is meant")


def _found_date(cell: Any) -> Found:
    value = cell.value
    if isinstance(value, datetime):
        if value.time() != datetime.min.time():
            return Found(fault=f"cell {cell.coordinate} holds a time of day: write the day alone")
        value = value.date()
    shown = NOT_IN_FORMAT.sub("", cell.number_format).casefold()
    return Found(day=value, is_month="d" not in shown)


def _found_number(cell: Any) -> Found:
    if cell.number_format not in PLAIN_FORMATS:
        return Found(
            fault=f"cell {cell.coordinate} holds a number that is shown in another way: make its "
            "format “Text” and write it again"
        )
    value = cell.value
    return Found(str(int(value) if value == int(value) else value))


# --- reading: from cells to entries ---------------------------------------------------------------


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


def _read_rows(rows: Iterator[Row]) -> list[TopicEntry]:
    """Read all rows, or raise everything that is wrong with them."""
    first = next((row for row in _within(rows) if _has_something(row[1])), None)
    if first is None:
        raise _refused("the file is empty: export some entries to see what it must look like")
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
    return [record.pair for record in records if record.pair]


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
    names = [_name(cell.text) for cell in cells]
    columns: list[Column | None] = []
    problems: list[Problem] = []
    for place, (name, cell) in enumerate(zip(names, cells, strict=True)):
        column = _column(name)
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
        return _unescape(cell.text)
    if column.kind is Kind.CODE:
        return _unescape(cell.text.strip())
    lines = [line for line in cell.text.split("\n") if line.strip()]
    return [_unescape(line if column.kind is Kind.TEXTS else line.strip()) for line in lines]


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
            raise _Wrong(f"is no day: {_DAY}") from error
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
    column, depth = _column_at(path, message)
    sentence = SENTENCES.get(item["type"], _as_told)
    text = sentence(item.get("ctx", {}), column.hint if column else "", message)
    rest = path[depth:]
    if rest and isinstance(rest[0], int):
        text = f"item {rest[0] + 1} {text}"
    return Problem(number, column.name if column else "", text)


def _column_at(path: Path_, message: str) -> tuple[Column | None, int]:
    """Return the column of a place in ``TopicEntry``, and how much of the place it stands for."""
    if path == ("entry",):
        told = (name for start, name in WHOLE_ENTRY.items() if message.startswith(start))
        return _column(next(told, "")), 1
    for group in GROUPS.values():
        if path[1:2] == (group.field,):
            return _part_at(group, path)
    for column in SINGLE.values():
        length = min(len(path), len(column.path))
        if path[:length] == column.path[:length]:
            return column, length
    return None, 0


def _part_at(group: Group, path: Path_) -> tuple[Column, int]:
    number = path[2] + 1 if len(path) > 2 and isinstance(path[2], int) else 1
    name = path[3] if len(path) > 3 else group.whole if len(path) > 2 else group.parts[0].name
    part = next((part for part in group.parts if part.name == name), group.parts[0])
    return group.column(part, number), 4


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


# --- into the store -------------------------------------------------------------------------------


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
    """

    entry_id: str
    locale: str
    outcome: Outcome
    fields: tuple[str, ...]
    based_on: int | None
    is_open: bool = False


@dataclass(frozen=True)
class Plan:
    """What an import would do.

    Attributes:
        entries: one by one, in the order of the file.
        faults: what the checks find, beside the entries that are live.
    """

    entries: tuple[EntryPlan, ...]
    faults: tuple[Fault, ...]

    def count(self, outcome: Outcome) -> int:
        """Return how many entries have an outcome."""
        return sum(entry.outcome is outcome for entry in self.entries)

    @property
    def seen(self) -> dict[tuple[str, str], int | None]:
        """Return which revision each entry had, for ``import_drafts`` to find edits in between."""
        return {(entry.entry_id, entry.locale): entry.based_on for entry in self.entries}


@dataclass(frozen=True)
class ImportedDrafts:
    """What an import did.

    Attributes:
        new: entries that the store did not know.
        changed: entries that got a further revision.
        unchanged: entries that were there already, word for word.
        revision_ids: of the drafts, in the order of the file.
    """

    new: int
    changed: int
    unchanged: int
    revision_ids: tuple[int, ...]


class _Known(NamedTuple):
    """What the store has of an entry: its newest revision, and what that says.

    A revision that was put away has a number, but what it said does not count.
    """

    number: int
    is_open: bool
    content_hash: str
    body: Mapping[str, Any] | None


def dry_run(session: Session, pairs: Sequence[TopicEntry], today: date | None = None) -> Plan:
    """Tell what an import would do, without writing anything.

    Args:
        session: a transaction.
        pairs: the entries.
        today: finds reviews that are overdue; None leaves that one rule out.
    """
    faults = check_entries(pairs, live_beside(session), today)
    return Plan(tuple(_compare(session, pairs)), tuple(faults))


def import_drafts(
    session: Session,
    member: Member,
    pairs: Sequence[TopicEntry],
    seen: Mapping[tuple[str, str], int | None] | None = None,
    change: str = "Imported from a spreadsheet",
) -> ImportedDrafts:
    """Save each new or changed entry as a draft; nothing becomes live by it.

    On any error the transaction must be given up, so that nothing of the import stays.

    Args:
        session: a transaction.
        member: who imports.
        pairs: the entries.
        seen: ``Plan.seen`` of the dry run that the member agreed to, or None to go by the newest
            revisions of this moment.
        change: what is different, for the list of revisions.

    Raises:
        NotAllowed: the member is no author.
        EditConflict: somebody else saved one of the entries after the dry run.
    """
    member.must_be(Role.AUTHOR, "importing entries")
    counts = dict.fromkeys(Outcome, 0)
    revision_ids: list[int] = []
    for pair, plan in zip(pairs, _compare(session, pairs), strict=True):
        counts[plan.outcome] += 1
        if plan.outcome is Outcome.UNCHANGED:
            continue
        based_on = plan.based_on if seen is None else seen.get(_key(pair))
        revision_ids.append(save_draft(session, member, pair, based_on, change).id)
    return ImportedDrafts(
        counts[Outcome.NEW],
        counts[Outcome.CHANGED],
        counts[Outcome.UNCHANGED],
        tuple(revision_ids),
    )


def _key(pair: TopicEntry) -> tuple[str, str]:
    return pair.entry.id, pair.topic.locale


def _compare(session: Session, pairs: Sequence[TopicEntry]) -> list[EntryPlan]:
    """Compare entries with what the store has of them."""
    plans: list[EntryPlan] = []
    for start in range(0, len(pairs), FEW):
        chunk = pairs[start : start + FEW]
        known = _known(session, [pair.entry.id for pair in chunk])
        plans += [_plan(pair, known.get(_key(pair))) for pair in chunk]
    return plans


def _plan(pair: TopicEntry, known: _Known | None) -> EntryPlan:
    number = known.number if known else None
    if known is None or known.body is None:
        return EntryPlan(*_key(pair), Outcome.NEW, (), number)
    body = pair.model_dump(mode="json")
    if content_hash(body) == known.content_hash:
        return EntryPlan(*_key(pair), Outcome.UNCHANGED, (), number, known.is_open)
    fields = (*_different("entry", body, known.body), *_different("topic", body, known.body))
    return EntryPlan(*_key(pair), Outcome.CHANGED, fields, number, known.is_open)


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
        Revision.content_hash,
        Revision.body,
    ).join(
        counting,
        sa.and_(
            Revision.entry_id == counting.c.entry_id,
            Revision.locale == counting.c.locale,
            Revision.number == counting.c.number,
        ),
    )
    found = {key: _Known(number, False, "", None) for key, number in numbers.items()}
    for row in session.execute(asked):
        key = row.entry_id, row.locale
        is_open = row.number == numbers[key] and State(row.state) in OPEN
        found[key] = _Known(numbers[key], is_open, row.content_hash, row.body)
    return found
