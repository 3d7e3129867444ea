"""Read corpus files: YAML in, entries out, and for every fault its file, line, entry and field.

All or nothing: a folder with one broken file yields no entries, only the list of everything that is
wrong with it, so that nobody imports half a corpus.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from knowledge import yaml_reader
from knowledge.entry import Entry, Topic, TopicEntry

MAX_FILE_BYTES = 1_000_000
LONGEST_NUMBER = 100
"""Signs of a number that is read: YAML's sixties ("1:1:1") take the square of that in time."""
NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where.

    Attributes:
        file: name of the corpus file.
        line: line in it, counted from 1; 0 where none can be given.
        entry: id of the entry, or "" for the file as a whole.
        field: field of the entry, dotted ("sources.0.url").
        message: what is wrong and how to mend it.
        level: "error" refuses the corpus, "warning" does not.
    """

    file: str
    line: int
    entry: str
    field: str
    message: str
    level: str = "error"

    def __str__(self) -> str:
        """Return the fault in the form that editors jump to."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        what = " ".join(part for part in (self.entry, self.field) if part)
        return f"{place}: {self.level}: {what}: {self.message}"


class CorpusError(Exception):
    """A corpus that cannot be read; ``faults`` tells everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{faults[0]}{more}; run `python -m knowledge check` for the whole list")


class CorpusFile(NamedTuple):
    """A corpus file.

    Attributes:
        name: its path below the corpus folder: ``flu.yml``, or ``es/flu.yml`` in another language.
        content: all of it.
    """

    name: str
    content: bytes


@dataclass(frozen=True)
class Located:
    """An entry with the place it was read from, for the checks that come later.

    Attributes:
        topic_entry: the entry and its topic.
        file: name of the corpus file.
        node: the YAML node of the entry, which knows the line of every field, if it is a file's.
        head: the YAML node of the whole file, which knows the lines of the topic's own fields.
    """

    topic_entry: TopicEntry
    file: str
    node: yaml.Node | None = None
    head: yaml.Node | None = None

    def line(self, *path: str | int) -> int:
        """Return the line of a field of this entry, counted from 1."""
        return line_of(self.node, path)


def line_of(node: yaml.Node | None, path: Sequence[str | int]) -> int:
    """Return the line of a path below a YAML node; of its nearest parent where it is missing."""
    if node is None:
        return 0
    line = node.start_mark.line + 1
    for part in path:
        child = _child(node, part)
        if child is None:
            return line
        node, line = child
    return line


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child, child.start_mark.line + 1
    return None


def read_corpus(folder: Path) -> list[Located]:
    """Read every ``*.yml`` file of a folder, and of folders in it that are named after a language.

    Args:
        folder: the corpus folder.

    Returns:
        The entries in the order of file names, then of the files.

    Raises:
        CorpusError: the folder holds no file, or any file has any fault.
    """
    paths = sorted([*folder.glob("*.yml"), *folder.glob("*/*.yml")])
    if not paths:
        raise CorpusError([Fault(str(folder), 0, "", "", "no *.yml file here: add corpus files")])
    files: list[CorpusFile] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            files.append(_load(path, path.relative_to(folder).as_posix()))
        except CorpusError as error:
            faults += error.faults
    return read_files(files, faults)


def read_files(files: Iterable[CorpusFile], known: Sequence[Fault] = ()) -> list[Located]:
    """Read corpus files.

    Args:
        files: the files.
        known: what is wrong with others that belong to them.

    Raises:
        CorpusError: any file has any fault, or there are known ones.
    """
    located: list[Located] = []
    faults = [*known]
    for file in files:
        try:
            located += read_file(file)
        except CorpusError as error:
            faults += error.faults
    faults += duplicate_ids(located)
    faults += _doubled_topics(located)
    if faults:
        raise CorpusError(faults)
    return located


def read_file(file: CorpusFile, *, is_placed: bool = True) -> list[Located]:
    """Read one corpus file.

    Args:
        file: the file.
        is_placed: whether its name must be that of its topic, and its folder that of its language.

    Raises:
        CorpusError: with every fault of the file.
    """
    name = file.name
    try:
        node = _compose(file)
        data = _construct(name, node)
    except RecursionError as error:
        message = "lists and mappings are nested too deeply: write it as the other corpus files"
        raise CorpusError([Fault(name, 0, "", "", message)]) from error
    topic, faults = _topic(name, node, data)
    if topic is not None and is_placed:
        faults += _misplaced(name, node, topic)
    located: list[Located] = []
    entries = data.get("entries")
    if not isinstance(entries, list) or not entries:
        line = line_of(node, ("entries",))
        raise CorpusError([*faults, Fault(name, line, "", "entries", "needs a list of entries")])
    for number, raw in enumerate(entries):
        entry_node = line_node(node, number)
        try:
            entry = Entry.model_validate(raw)
        except ValidationError as error:
            entry_id = str(raw.get("id", f"entry {number + 1}")) if isinstance(raw, dict) else "?"
            faults += _faults(name, entry_node, entry_id[:80], error)
            continue
        if topic is not None:
            pair = TopicEntry(topic=topic, entry=entry)
            located.append(Located(pair, name, entry_node, node))
    if faults:
        raise CorpusError(faults)
    return located


def line_node(node: yaml.Node, number: int) -> yaml.Node:
    """Return the YAML node of the entry with this number (from 0)."""
    found = _child(node, "entries")
    entry = _child(found[0], number) if found else None
    return entry[0] if entry else node


def _load(path: Path, name: str) -> CorpusFile:
    """Read a file from the disk, unless it is too large."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CorpusError([_too_large(name)])
        return CorpusFile(name, path.read_bytes())
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise CorpusError([Fault(name, 0, "", "", f"cannot be read: {reason}")]) from error


def _too_large(name: str) -> Fault:
    return Fault(name, 0, "", "", f"larger than {MAX_FILE_BYTES} bytes: divide the topic")


def _compose(file: CorpusFile) -> yaml.Node:
    name = file.name
    if len(file.content) > MAX_FILE_BYTES:
        raise CorpusError([_too_large(name)])
    try:
        node = yaml_reader.compose(file.content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CorpusError([Fault(name, 0, "", "", "not UTF-8: save it as UTF-8")]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        line = mark.line + 1 if mark else 0
        raise CorpusError([Fault(name, line, "", "", f"broken YAML: {problem}")]) from error
    if not isinstance(node, yaml.MappingNode):
        raise CorpusError([Fault(name, 1, "", "", "needs `topic:`, `title:` and `entries:`")])
    return node


def _construct(name: str, node: yaml.Node) -> dict[str, object]:
    """Build plain data; refuses a key given twice, which YAML would silently let win."""
    if repeated := _reference(node, set()):
        line = repeated.start_mark.line + 1
        message = "an alias (`*name`) refers to another place: write it out"
        raise CorpusError([Fault(name, line, "", "", message)])
    faults = [
        Fault(name, key.start_mark.line + 1, "", str(key.value), "is given twice")
        for mapping in _mappings(node)
        for key in _repeated(mapping)
    ]
    faults += [
        Fault(name, number.start_mark.line + 1, "", "", "a number is too long: put it in quotes")
        for number in _overlong(node)
    ]
    if faults:
        raise CorpusError(faults)
    loader = yaml.SafeLoader("")
    try:
        data = loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        raise CorpusError([Fault(name, line, "", "", "a value cannot be read")]) from error
    return {str(key): value for key, value in data.items()}


def _reference(node: yaml.Node, seen: set[int]) -> yaml.Node | None:
    """Return a node that is used a second time: a few nested aliases unfold into billions."""
    if id(node) in seen:
        return node
    seen.add(id(node))
    children = node.value if isinstance(node, yaml.CollectionNode) else []
    if isinstance(node, yaml.MappingNode):
        children = [child for pair in node.value for child in pair]
    return next((found for child in children if (found := _reference(child, seen))), None)


def _mappings(node: yaml.Node) -> Iterable[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _overlong(node: yaml.Node) -> Iterable[yaml.Node]:
    """Yield numbers that are too long to be read."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
            yield node
    elif isinstance(node, yaml.CollectionNode):
        for child in node.value:
            for one in child if isinstance(child, tuple) else (child,):
                yield from _overlong(one)


def _repeated(mapping: yaml.MappingNode) -> list[yaml.Node]:
    seen: set[str] = set()
    repeated: list[yaml.Node] = []
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            continue  # cannot be built at all, which is said later
        if key.value in seen:
            repeated.append(key)
        seen.add(key.value)
    return repeated


def _topic(name: str, node: yaml.Node, data: dict[str, object]) -> tuple[Topic | None, list[Fault]]:
    """Return the file's topic, or what is wrong with its head."""
    head = {key: value for key, value in data.items() if key != "entries"}
    head["slug"] = head.pop("topic", None)
    try:
        topic = Topic.model_validate(head)
    except ValidationError as error:
        return None, _faults(name, node, "", error)
    return topic, []


def _misplaced(name: str, node: yaml.Node, topic: Topic) -> list[Fault]:
    """Say where a file's name or folder differ from its topic."""
    path = PurePosixPath(name)
    faults: list[Fault] = []
    if topic.slug != path.stem:
        message = f"is {topic.slug!r} but the file is {path.name}: they must agree"
        faults.append(Fault(name, line_of(node, ("topic",)), "", "topic", message))
    if path.parent.name and topic.locale != path.parent.name:
        message = f"is {topic.locale!r} but the folder is {path.parent.name}: they must agree"
        faults.append(Fault(name, line_of(node, ("locale",)), "", "locale", message))
    return faults


def _faults(name: str, node: yaml.Node, entry: str, error: ValidationError) -> list[Fault]:
    """Turn pydantic's errors into faults; a list counts as too short only if its items are fine."""
    items = error.errors()
    wrong_inside = {item["loc"][:depth] for item in items for depth in range(len(item["loc"]))}
    return [
        _fault(name, node, entry, item)
        for item in items
        if item["type"] != "too_short" or item["loc"] not in wrong_inside
    ]


def _fault(name: str, node: yaml.Node, entry: str, item: object) -> Fault:
    """Turn one pydantic error into a fault with its line."""
    details: dict[str, object] = dict(item) if isinstance(item, dict) else {}
    loc = details.get("loc", ())
    path: Path_ = (
        tuple("topic" if part == "slug" else part for part in loc) if isinstance(loc, tuple) else ()
    )
    message = str(details.get("msg", "is wrong")).removeprefix("Value error, ")
    field = ".".join(str(part) for part in path)
    return Fault(name, line_of(node, path), entry, field, message)


def duplicate_ids(located: Sequence[Located]) -> list[Fault]:
    """Return a fault for every entry id that was already used in the same language."""
    first: dict[tuple[str, str], Located] = {}
    faults: list[Fault] = []
    for item in located:
        entry_id = item.topic_entry.entry.id
        earlier = first.setdefault((entry_id, item.topic_entry.topic.locale), item)
        if earlier is not item:
            place = f"{earlier.file}:{earlier.line('id')}"
            faults.append(
                Fault(item.file, item.line("id"), entry_id, "id", f"is already used in {place}")
            )
    return faults


def _doubled_topics(located: Sequence[Located]) -> list[Fault]:
    """Return a fault for every file whose topic another file has in the same language."""
    first: dict[tuple[str, str], str] = {}
    faults: dict[str, Fault] = {}
    for item in located:
        topic = item.topic_entry.topic
        earlier = first.setdefault((topic.slug, topic.locale), item.file)
        if earlier != item.file:
            line = line_of(item.head, ("topic",))
            message = f"is already in {earlier}: put its entries into one file"
            faults.setdefault(item.file, Fault(item.file, line, "", "topic", message))
    return list(faults.values())
