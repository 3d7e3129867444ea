"""Entries out of the store, in the formats that ``knowledge.importing`` reads again."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.corpus_files import corpus_files, write_archive
from knowledge.entry import TopicEntry
from knowledge.exchange import CorpusFile
from knowledge.schema import Revision
from knowledge.spreadsheet import SpreadsheetError, write_csv, write_xlsx
from knowledge.store import StoreError, live_release_id, read_live
from knowledge.workflow import State

PASSED_OVER = (State.DISCARDED.value, State.REPLACED.value)
"""States of a revision that let the one before it count."""


class ExportError(StoreError):
    """Entries cannot be exported like this; the message says why and what to do."""


@dataclass(frozen=True)
class Format:
    """A form in which entries leave the store.

    Attributes:
        media_type: as HTTP names it.
        write: gives entries in this form.
    """

    media_type: str
    write: Callable[[Sequence[TopicEntry]], bytes]


def _xlsx(pairs: Sequence[TopicEntry]) -> bytes:
    buffer = io.BytesIO()
    write_xlsx(pairs, buffer)
    return buffer.getvalue()


def _csv(pairs: Sequence[TopicEntry]) -> bytes:
    buffer = io.BytesIO()
    write_csv(pairs, buffer)
    return buffer.getvalue()


def _zip(pairs: Sequence[TopicEntry]) -> bytes:
    return write_archive(corpus_files(pairs))


FORMATS = {
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
    "csv": Format("text/csv; charset=utf-8", _csv),
    "zip": Format("application/zip", _zip),
}
"""By the ending of the file."""


# --- what there is --------------------------------------------------------------------------------


class _Numbered(NamedTuple):
    """An entry with the id of its revision: the higher, the newer."""

    row_id: int
    pair: TopicEntry


def live_pairs(session: Session) -> list[TopicEntry]:
    """Return the live entries, by id."""
    live = read_live(session)
    entries = live.entries if live else ()
    return _agreed([_Numbered(item.row_id or 0, item.topic_entry) for item in entries])


def newest_pairs(session: Session) -> list[TopicEntry]:
    """Return the newest wording of each entry that is in use, drafts included, by id."""
    newest = (
        sa.select(sa.func.max(Revision.id))
        .where(Revision.state.not_in(PASSED_OVER))
        .group_by(Revision.entry_id, Revision.locale)
    )
    rows = session.execute(
        sa.select(Revision.id, Revision.body)
        .where(Revision.id.in_(newest), Revision.state != State.WITHDRAWN.value)
        .order_by(Revision.entry_id, Revision.locale)
    )
    return _agreed([_Numbered(row.id, TopicEntry.model_validate(row.body)) for row in rows])


def _agreed(items: Sequence[_Numbered]) -> list[TopicEntry]:
    """Return entries of which those of one topic say the same about it: what the newest says.

    Each revision keeps what was true of its topic when it was written, and a file has one place
    for that.
    """
    topics = {
        (item.pair.topic.slug, item.pair.topic.locale): item.pair.topic
        for item in sorted(items, key=lambda item: item.row_id)
    }
    return [
        item.pair.model_copy(update={"topic": topics[item.pair.topic.slug, item.pair.topic.locale]})
        for item in items
    ]


class LiveFile(NamedTuple):
    """The live entries as a file.

    Attributes:
        release_id: of the release.
        content: of the file.
    """

    release_id: int
    content: bytes


_written: dict[tuple[str, str], LiveFile] = {}


def live_file(session: Session, ending: str) -> LiveFile | None:
    """Return the live entries in a format, or None where nothing was published yet.

    Args:
        session: a transaction.
        ending: a key of ``FORMATS``.

    Raises:
        ExportError: the entries do not fit into that format.
    """
    release_id = live_release_id(session)
    if release_id is None:
        return None
    key = (str(session.get_bind().engine.url), ending)
    # A release never changes, so each format of it is written once.
    found = _written.get(key)
    if found is None or found.release_id != release_id:
        found = LiveFile(release_id, exported(live_pairs(session), ending))
        _written[key] = found
    return found


def exported(pairs: Sequence[TopicEntry], ending: str) -> bytes:
    """Return entries in a format.

    Args:
        pairs: the entries.
        ending: a key of ``FORMATS``.

    Raises:
        ExportError: the entries do not fit into that format.
    """
    try:
        return FORMATS[ending].write(pairs)
    except SpreadsheetError as error:
        raise ExportError(str(error)) from error


# --- onto the disk --------------------------------------------------------------------------------


def write_file(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write a file whole, or not at all.

    Args:
        path: of the file.
        content: of it.
        force: whether it may take the place of another.

    Raises:
        ExportError: there is such a file.
        OSError: it cannot be written.
    """
    if path.exists() and not force:
        raise ExportError(f"{path} exists: name another file, or overwrite it with --force")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_folder(folder: Path, files: Iterable[CorpusFile], *, force: bool = False) -> None:
    """Write corpus files into a folder that ``python -m knowledge import`` reads.

    Args:
        folder: the folder; it is made where there is none.
        files: the files.
        force: whether they may take the place of others of the same names.

    Raises:
        ExportError: the folder holds corpus files already; with ``force``, such as the export does
            not have, because an import would take them for a part of it.
        OSError: a file cannot be written.
    """
    wanted = {file.name: file.content for file in files}
    there = {path.relative_to(folder).as_posix() for path in _corpus_paths(folder)}
    if there and not force:
        raise ExportError(
            f"{folder} holds corpus files: name another folder, or overwrite them with --force"
        )
    if others := sorted(there - set(wanted)):
        raise ExportError(
            f"{folder} holds {others[0]}, which is not part of the export: take it away first"
        )
    for name, content in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content, force=force)


def _corpus_paths(folder: Path) -> list[Path]:
    return [*folder.glob("*.yml"), *folder.glob("*/*.yml")]
