"""From the bytes of a file to the cells of its rows, each with what it holds."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl import Workbook, load_workbook

from knowledge.spreadsheet.columns import (
    DELIMITERS,
    MOST_COLUMNS,
    SHEET,
    Problem,
    SpreadsheetError,
    column_named,
)
from knowledge.spreadsheet.texts import mended

MOST_BYTES = 20_000_000
MOST_UNPACKED_BYTES = 200_000_000
"""Of all parts of an XLSX file together: a small file can hold terabytes of one letter."""
CSV_ENDINGS = frozenset({".csv", ".tsv", ".txt"})
ZIP_MARK = b"PK\x03\x04"
OLD_EXCEL_MARK = b"\xd0\xcf\x11\xe0"
NOT_IN_FORMAT = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')
PLAIN_FORMATS = frozenset({"General", "@", "0"})


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


def rows_of(name: str, content: bytes) -> Iterator[Row]:
    """Yield the rows of a CSV or XLSX file with their numbers, counted from 1.

    Args:
        name: of the file; its ending tells the format.
        content: all of the file.

    Raises:
        SpreadsheetError: it cannot be read; also while the rows are read.
    """
    if len(content) > MOST_BYTES:
        raise too_large(len(content))
    if not content.strip():
        raise refused("the file is empty: export some entries to see what it must look like")
    ending = Path(name).suffix.casefold()
    if content.startswith(ZIP_MARK) or ending == ".xlsx":
        return _xlsx_rows(content)
    if content.startswith(OLD_EXCEL_MARK) or ending == ".xls":
        raise refused(
            "the file is in the old format of Excel or has a password: save it as an Excel "
            "workbook (.xlsx) without a password"
        )
    if ending not in CSV_ENDINGS:
        raise refused("the file is neither .csv nor .xlsx: save it as one of them")
    return _csv_rows(content)


def refused(message: str) -> SpreadsheetError:
    """Return the error of a file that is refused as a whole."""
    return SpreadsheetError([Problem(0, "", message)])


def too_large(size: int) -> SpreadsheetError:
    """Return the error of a file of this size, in bytes."""
    limit = MOST_BYTES // 1_000_000
    return refused(
        f"{limit} MB at most, the file has {size / 1_000_000:.1f} MB: divide it into several files"
    )


def _csv_rows(content: bytes) -> Iterator[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(
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
            yield number, [Found(mended(cell)) if cell else EMPTY for cell in row]
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
    return sum(column_named(column_name(cell)) is not None for cell in header[:MOST_COLUMNS])


def column_name(cell: str) -> str:
    """Return what a cell of the header says, as names are compared."""
    return cell.strip().strip("\ufeff").casefold()


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
        raise refused(
            f"unpacked, the file would have more than {limit} MB: delete pictures and sheets that "
            "do not belong to it, or divide it into several files"
        )


def _broken() -> SpreadsheetError:
    return refused(
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
        raise refused(f"there are {len(sheets)} sheets: give the right one the name {SHEET}")
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
        return Found(mended(value))
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
