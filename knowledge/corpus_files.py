"""Entries as corpus files: one YAML file per topic, in a folder's layout or as a zip archive.

``knowledge.exchange`` reads such files again, and gets exactly these entries. A topic in another
language than English stands in a folder of that language: ``flu.yml``, ``es/flu.yml``.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import yaml

from knowledge.entry import Topic, TopicEntry
from knowledge.exchange import MAX_FILE_BYTES, CorpusError, CorpusFile, Fault

LOCALE = "en"
WIDTH = 92
"""Columns from which a text is folded."""
MOST_FILES = 2_000
MOST_UNPACKED_BYTES = 50_000_000
"""Of all files together: a small archive can hold terabytes of one letter."""
LEFT_OUT_WHERE_EMPTY = frozenset({"compared", "exception", "credentials"})
"""Fields that few entries need; all others stand in every entry, also where they say nothing."""
SIDE_BY_SIDE = frozenset({"aliases", "related", "cite"})
"""Lists that are written in one line."""
ENCRYPTED = 0x1
# What YAML takes for a line break, and a mark that it may take for the start of a file.
ESCAPED = re.compile("[\x85\u2028\u2029\ufeff]")
NAME = re.compile(r"(?:[^/\\:]+/)*[^/\\:]+")
# What systems put into an archive of their own accord.
STRAY = re.compile(r"(?:.*/)?(?:__MACOSX/.*|\.DS_Store|Thumbs\.db|desktop\.ini)")
# The same files must give the same archive, byte for byte; zip knows no earlier day.
NO_DAY = (1980, 1, 1, 0, 0, 0)


class _Writer(yaml.SafeDumper):
    """Writes YAML as the corpus has it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists too."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        """Write the same day out each time: a reference would be refused when it is read."""
        return True


class _Line(list[str]):
    """A list that is written in one line."""


def _write_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    style = None
    if ESCAPED.search(text) or text != text.strip():
        style = '"'
    elif "\n" in text:
        style = "|"
    elif len(text) > WIDTH:
        style = ">"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style)


def _write_word(writer: _Writer, word: StrEnum) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", word.value)


def _write_line(writer: _Writer, items: _Line) -> yaml.SequenceNode:
    return writer.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Writer.add_representer(str, _write_text)
_Writer.add_representer(_Line, _write_line)
_Writer.add_multi_representer(StrEnum, _write_word)


# --- writing --------------------------------------------------------------------------------------


def corpus_files(pairs: Iterable[TopicEntry]) -> list[CorpusFile]:
    """Return entries as corpus files, by name.

    Args:
        pairs: the entries; those of one topic must agree about it.

    Raises:
        ValueError: two entries of a topic do not agree about it.
    """
    by_file = groupby(sorted(pairs, key=_place), key=lambda pair: file_name(pair.topic))
    return [CorpusFile(name, _written([*group])) for name, group in by_file]


def file_name(topic: Topic) -> str:
    """Return the name of a topic's file, below the corpus folder."""
    folder = "" if topic.locale == LOCALE else f"{topic.locale}/"
    return f"{folder}{topic.slug}.yml"


def _place(pair: TopicEntry) -> tuple[str, str]:
    return file_name(pair.topic), pair.entry.id


def _written(pairs: Sequence[TopicEntry]) -> bytes:
    topic = pairs[0].topic
    if other := next((pair for pair in pairs if pair.topic != topic), None):
        raise ValueError(f"{other.entry.id}: differs from {pairs[0].entry.id} about their topic")
    head = topic.model_dump()
    data = {
        "topic": head.pop("slug"),
        **_fields(head),
        "entries": [_fields(pair.entry.model_dump()) for pair in pairs],
    }
    text: str = yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text.encode()


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry, or of a part of it, as they are written."""
    return {
        name: _Line(value) if name in SIDE_BY_SIDE else _value(value)
        for name, value in data.items()
        if value or name not in LEFT_OUT_WHERE_EMPTY
    }


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return _fields(value)
    return [_value(one) for one in value] if isinstance(value, (list, tuple)) else value


def write_archive(files: Iterable[CorpusFile]) -> bytes:
    """Return corpus files as a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            info = zipfile.ZipInfo(file.name, NO_DAY)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.content)
    return buffer.getvalue()


# --- reading an archive ---------------------------------------------------------------------------


def read_archive(name: str, content: bytes) -> list[CorpusFile]:
    """Return the corpus files in a zip archive; nothing is written to the disk.

    Args:
        name: of the archive, for what is wrong with it.
        content: all of it.

    Raises:
        CorpusError: it is damaged, too large when unpacked, or holds what is no corpus file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _unpacked(name, archive)
    except CorpusError:
        raise
    except Exception as error:  # zipfile lets through whatever a broken archive makes it stumble on
        raise _refused(name, "is no zip archive, or it is damaged: pack it anew") from error


def _unpacked(name: str, archive: zipfile.ZipFile) -> list[CorpusFile]:
    parts = [part for part in archive.infolist() if not _is_stray(part)]
    if not parts:
        raise _refused(name, "holds no file: put corpus files in, such as flu.yml")
    if len(parts) > MOST_FILES:
        raise _refused(name, f"{MOST_FILES:,} files at most, this has {len(parts):,}")
    names = _names(parts)
    if faults := [fault for one in names for fault in _name_faults(name, one, names)]:
        raise CorpusError([*dict.fromkeys(faults)])
    if locked := next((part for part in parts if part.flag_bits & ENCRYPTED), None):
        raise _refused(name, f"{locked.filename[:120]} has a password: pack it without one")
    files: list[CorpusFile] = []
    left = MOST_UNPACKED_BYTES
    for one, part in zip(names, parts, strict=True):
        data = _read(archive, part)
        left -= len(data)
        if left < 0:
            limit = MOST_UNPACKED_BYTES // 1_000_000
            raise _refused(name, f"{limit} MB at most when unpacked: divide it into several")
        files.append(CorpusFile(one, data))
    return files


def _is_stray(part: zipfile.ZipInfo) -> bool:
    return part.is_dir() or STRAY.fullmatch(part.filename) is not None


def _names(parts: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Return the files' names, without the folder that all of them lie in."""
    paths = [PurePosixPath(part.filename).parts for part in parts]
    tops = {path[0] if len(path) > 1 else "" for path in paths}
    cut = 1 if len(tops) == 1 and not tops & {"", "/", ".."} else 0
    return [part.filename.split("/", cut)[-1] for part in parts]


def _name_faults(archive: str, name: str, names: Sequence[str]) -> list[Fault]:
    """Say what is wrong with a file's name."""
    path = PurePosixPath(name)
    shown = "".join(sign for sign in name if sign.isprintable())[:120]
    if not NAME.fullmatch(name) or ".." in path.parts or not name.isprintable():
        return [Fault(archive, 0, "", "", f"a file has the name “{shown}”, which leads elsewhere")]
    if path.suffix != ".yml" or len(path.parts) > 2:
        message = f"“{shown}” is no corpus file: put in <topic>.yml, or <language>/<topic>.yml"
        return [Fault(archive, 0, "", "", message)]
    if names.count(name) > 1:
        return [Fault(archive, 0, "", "", f"“{shown}” is there {names.count(name)} times")]
    return []


def _read(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    """Return a file up to one byte more than it may have, whatever size the archive says."""
    with archive.open(part) as file:
        return file.read(MAX_FILE_BYTES + 1)


def _refused(name: str, message: str) -> CorpusError:
    return CorpusError([Fault(name, 0, "", "", message)])
