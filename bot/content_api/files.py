"""Files that programs send: which formats, how large, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from bot.content_api.schema import FlawItem
from bot.errors import FieldError, Problem
from knowledge.exporting import FORMATS
from knowledge.importing import Flaw, Incoming, UnreadableFile, read_incoming
from knowledge.spreadsheet import MOST_BYTES

XLSX = FORMATS["xlsx"].media_type
ENDINGS = {
    "text/csv": "csv",
    XLSX: "xlsx",
    "application/zip": "zip",
    "application/yaml": "yml",
    # Names that were used before RFC 9512 and beside the registered one.
    "application/x-zip-compressed": "zip",
    "application/x-yaml": "yml",
    "text/yaml": "yml",
    "text/x-yaml": "yml",
}
"""By media type."""
MEDIA_TYPES = ("text/csv", XLSX, "application/zip", "application/yaml")
"""Those that are named to others."""
MOST_FLAWS = 1_000
MOST_ERRORS = 200
"""Errors of one problem."""


def read_sent(request: Request) -> Incoming | UnreadableFile:
    """Return the file of a request, or everything that is wrong with it.

    Raises:
        Problem: 415 for another media type, 413 for too many bytes.
    """
    ending = ENDINGS.get(request.mimetype)
    if ending is None:
        raise Problem(415, f"Send a file with a Content-Type of {', '.join(MEDIA_TYPES)}.")
    request.max_content_length = MOST_BYTES
    try:
        content = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        limit = MOST_BYTES // 1_000_000
        raise Problem(413, f"The file has more than {limit} MB: divide it into several.") from error
    try:
        return read_incoming(f"file.{ending}", content)
    except UnreadableFile as error:
        return error


def refused(error: UnreadableFile) -> Problem:
    """Return the problem of a file that cannot be read."""
    errors = tuple(FieldError(flaw.place, flaw.message) for flaw in error.flaws[:MOST_ERRORS])
    count = len(error.flaws)
    what = "1 thing is wrong" if count == 1 else f"{count:,} things are wrong"
    return Problem(422, f"Nothing was imported: {what} with the file.", errors)


def flaw_items(flaws: Iterable[Flaw]) -> Iterator[FlawItem]:
    """Yield flaws as they are told."""
    for flaw in flaws:
        yield FlawItem(
            level="error" if flaw.level == "error" else "warning",
            file=flaw.file or None,
            line=flaw.line or None,
            row=flaw.row or None,
            field=flaw.field,
            entry_id=flaw.entry,
            message=flaw.message,
        )
