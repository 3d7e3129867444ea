"""What a rule says, and the texts of an entry that a patient reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from knowledge.entry import Entry

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """What one rule says of one field.

    Attributes:
        field: path to it, such as ``("details", 0, "text")``.
        message: what is wrong and how to mend it.
        level: "error" refuses the corpus, "warning" does not.
    """

    field: Path_
    message: str
    level: str = "error"


Rule = Callable[[Entry], Iterator[Finding]]


def shown_texts(entry: Entry) -> Iterator[tuple[Path_, str]]:
    """Yield every text of an answer with its field, in the order in which it is read."""
    yield ("short_answer",), entry.short_answer
    for number, detail in enumerate(entry.details):
        yield ("details", number, "text"), detail.text
    if entry.seek_care:
        yield ("seek_care",), entry.seek_care
    if entry.urgency.action:
        yield ("urgency", "action"), entry.urgency.action
    if entry.conflict:
        yield ("conflict",), entry.conflict
