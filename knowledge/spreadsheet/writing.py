"""Entries as CSV or XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, NamedStyle
from openpyxl.utils import get_column_letter

from knowledge.entry import TopicEntry
from knowledge.spreadsheet.columns import (
    DELIMITERS,
    LAYOUT,
    LISTS,
    MOST_COLUMNS,
    MOST_ROWS,
    SHEET,
    WIDTHS,
    Column,
    Kind,
    Path_,
    Problem,
    SpreadsheetError,
    column_named,
)
from knowledge.spreadsheet.texts import FORMULA, GUARDED, escape, guard

LONGEST_CELL = 32_767
"""UTF-16 units, Excel's limit."""


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
    writer.writerows([guard(text, FORMULA) for text in row] for row in export_rows(pairs))
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
    guarded = [[guard(text, GUARDED) for text in row] for row in rows]
    if problems := [*_too_long(pairs, header, guarded)]:
        raise SpreadsheetError(problems)
    book = Workbook(write_only=True)
    styles = _add_styles(book)
    sheet = book.create_sheet(SHEET)
    sheet.freeze_panes = "C2"  # the header, and the key of each row
    kinds = [column.kind for name in header if (column := column_named(name))]
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
        return "\n".join(escape(item).replace("\n", "\\n") for item in value)
    return escape(str(value))


def _write(content: bytes, file: Path | BinaryIO) -> None:
    if isinstance(file, Path):
        file.write_bytes(content)
    else:
        file.write(content)
