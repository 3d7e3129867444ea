"""The columns of a spreadsheet: names, where their values are in an entry, how to fill them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

SHEET = "Entries"
DELIMITERS = (",", ";", "\t")
MOST_ROWS = 20_000
"""Rows below the header."""
MOST_COLUMNS = 1000
NUMBERED = re.compile(r"([a-z]+)([1-9][0-9]{0,3})_([a-z_]+)")


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
DAY_HINT = "write the day as 2026-11-21; in an XLSX file a real date will do"
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
            _part("source_date", Kind.DAY, DAY_HINT),
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
    _entry("date_created", Kind.DAY, DAY_HINT, needed=True),
    _entry("date_modified", Kind.DAY, DAY_HINT, needed=True),
    _entry("last_reviewed", Kind.DAY, DAY_HINT),
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
    _entry("review_due", Kind.DAY, DAY_HINT, needed=True),
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


def column_named(name: str) -> Column | None:
    """Return the column of a name, or None where there is none."""
    if name in SINGLE:
        return SINGLE[name]
    match = NUMBERED.fullmatch(name)
    group = GROUPS.get(match[1]) if match else None
    if match is None or group is None:
        return None
    part = next((part for part in group.parts if part.name == match[3]), None)
    return group.column(part, int(match[2])) if part else None


def column_at(path: Path_, message: str = "") -> tuple[Column | None, int]:
    """Return the column of a place in ``TopicEntry``, and how much of the place it stands for.

    Args:
        path: the place.
        message: what is wrong there; it tells the column where the place is the whole entry.
    """
    if path == ("entry",):
        told = (name for start, name in WHOLE_ENTRY.items() if message.startswith(start))
        return column_named(next(told, "")), 1
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
