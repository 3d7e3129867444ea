"""Two texts of an answer side by side, word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bot.console.forms import fields_of
from knowledge.entry import TopicEntry

PIECE = re.compile(r"\s+|[^\s]+")
LABELS = {
    "question": "Question",
    "variants": "Other wordings",
    "short_answer": "Answer",
    "seek_care": "When to seek care",
    "urgency_level": "Urgency",
    "urgency_action": "What to do now",
    "claim": "Claim",
    "conflict": "Where CDC and WHO differ",
    "review_due": "To be looked at again by",
}


@dataclass(frozen=True)
class Piece:
    """Some words of a text.

    Attributes:
        text: the words.
        kind: "" where both texts have them, "del" or "ins" where one has.
    """

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Compared:
    """One field in two texts.

    Attributes:
        label: name of the field.
        before: what it said.
        after: what it says.
    """

    label: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]


def compared(before: TopicEntry, after: TopicEntry) -> list[Compared]:
    """Return the fields in which two texts differ."""
    old, new = fields_of(before), fields_of(after)
    names = list(dict.fromkeys([*old, *new]))
    return [
        Compared(label(name), *words_compared(old.get(name, ""), new.get(name, "")))
        for name in names
        if old.get(name, "") != new.get(name, "")
    ]


def label(name: str) -> str:
    """Return the name of a field as people read it."""
    if name in LABELS:
        return LABELS[name]
    kind, _, rest = name.partition("-")
    number, _, part = rest.partition("-")
    if number.isdigit():
        return f"{kind.title()} {int(number) + 1}, {part.replace('_', ' ')}"
    return name.replace("_", " ").capitalize()


def words_compared(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return two texts in pieces, those marked that only one of them has."""
    old, new = PIECE.findall(before), PIECE.findall(after)
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    left = tuple(_pieces(old, [(tag, a, b) for tag, a, b, _, _ in blocks], "del"))
    right = tuple(_pieces(new, [(tag, a, b) for tag, _, _, a, b in blocks], "ins"))
    return left, right


def _pieces(
    words: Sequence[str], blocks: Sequence[tuple[str, int, int]], kind: str
) -> Iterator[Piece]:
    for tag, begin, end in blocks:
        if text := "".join(words[begin:end]):
            yield Piece(text, "" if tag == "equal" else kind)
