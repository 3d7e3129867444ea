"""Text within limits: split, shortened and directed, without losing a word on the way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, takewhile

from bot.rendering.limits import units

ELLIPSIS = "…"
ADDRESS = re.compile(r"https?://[!-~]+")
# Full stops of Latin, Arabic and Urdu, Hindi, Armenian, Ethiopic, Khmer and Burmese need a space
# after them, so that none is found inside an address; those of Chinese and Japanese do not.
SENTENCE_END = re.compile(
    r"[.!?…؟۔।॥։።៕။]+[\"'”’»)\]]*\s+|[。！？｡]+[”’」』）]*\s*",
)

ZERO_WIDTH_JOINER = "\u200d"
VIRAMA = 9
"""Combining class of the sign that ties two letters of Indian scripts into one."""
# What clings to the letter before it although it is no mark by its category.
CLINGING = re.compile(
    "[\u0e33\u0eb3\u1160-\u11ff\ud7b0-\ud7c6\ud7cb-\ud7fb\u200c\uff9e\uff9f"
    "\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
# What clings to the letter after it: signs of Arabic, Syriac, Malayalam, Kaithi and their kin.
LEADING = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3"
    "\U0001193f\U00011941\U00011a3a\U00011a84-\U00011a89\U00011d46\U00011f02]"
)
HANGUL_LEAD = re.compile("[\u1100-\u115f\ua960-\ua97c]")
HANGUL_SYLLABLE = re.compile("[\u1100-\u115f\ua960-\ua97c\uac00-\ud7a3]")
FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")

LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
LEFT_TO_RIGHT_ISOLATE, FIRST_STRONG_ISOLATE, END_OF_ISOLATE = "\u2066", "\u2068", "\u2069"


# --- splitting ------------------------------------------------------------------------------------


def split(text: str, limit: int) -> tuple[str, ...]:
    """Split a text into pieces of at most ``limit`` units, at the best place that there is.

    That is between paragraphs, else lines, sentences, words, and only where a single word is too
    long between characters as people see them. An address is cut only if it alone is too long.
    """
    pieces = (piece.strip() for piece in _fitted(text, limit, 0))
    return tuple(piece for piece in pieces if piece)


def _fitted(text: str, limit: int, level: int, begun: str = "") -> list[str]:
    """Return consecutive pieces that fit once they are stripped.

    A part that fits a message is never broken to fill the one before; a part that does not is
    begun in the room that is left.

    Args:
        text: what is to be split.
        limit: units of a piece.
        level: which of the ways to take a text apart is tried.
        begun: what stands in the piece that is being filled.
    """
    current, size = begun, units(begun)
    if size + units(text.rstrip()) <= limit:
        return [current + text]
    pieces: list[str] = []
    for part in PARTS[level](text):
        if size + units(part.rstrip()) <= limit:
            current, size = current + part, size + units(part)
        elif units(part.strip()) <= limit:
            pieces.append(current)
            current, size = part, units(part)
        else:
            *whole, current = _fitted(part, limit, level + 1, current)
            pieces, size = pieces + whole, units(current)
    return [*pieces, current]


def _cut(text: str, places: Iterable[int]) -> Iterator[str]:
    """Yield a text in parts that end at these places."""
    begin = 0
    for end in (*places, len(text)):
        if end > begin:
            yield text[begin:end]
            begin = end


def _paragraphs(text: str) -> Iterator[str]:
    return _cut(text, (match.end() for match in re.finditer(r"\n\s*\n", text)))


def _lines(text: str) -> Iterator[str]:
    return _cut(text, (match.end() for match in re.finditer(r"\n", text)))


def _sentences(text: str) -> Iterator[str]:
    return _cut(text, (match.end() for match in SENTENCE_END.finditer(text)))


def _words(text: str) -> Iterator[str]:
    return _cut(text, (match.end() for match in re.finditer(r"\s+", text)))


def _addresses(text: str) -> Iterator[str]:
    """Yield addresses apart from what stands around them without a space."""
    return _cut(text, (place for match in ADDRESS.finditer(text) for place in match.span()))


def clusters(text: str) -> Iterator[str]:
    """Yield a text in what people see as characters; rather two of them together than one cut.

    See https://www.unicode.org/reports/tr29/; this joins all that the rules there join.
    """
    return _cut(text, (at for at in range(1, len(text)) if not _joined(text, at)))


def _joined(text: str, at: int) -> bool:
    """Tell whether the characters before and at a place belong together."""
    before, here = text[at - 1], text[at]
    if before.isascii() and here.isascii():
        return before + here == "\r\n"
    return (
        unicodedata.category(here).startswith("M")
        or here == ZERO_WIDTH_JOINER
        or bool(CLINGING.match(here))
        or _clings_on(text, at)
    )


def _clings_on(text: str, at: int) -> bool:
    """Tell whether what stands before a place takes the character there to itself."""
    before, here = text[at - 1], text[at]
    return (
        before == ZERO_WIDTH_JOINER
        or unicodedata.combining(before) == VIRAMA
        or bool(LEADING.match(before))
        or bool(HANGUL_LEAD.match(before) and HANGUL_SYLLABLE.match(here))
        or bool(FLAG_LETTER.match(before) and FLAG_LETTER.match(here))
    )


PARTS: tuple[Callable[[str], Iterator[str]], ...] = (
    _paragraphs,
    _lines,
    _sentences,
    _words,
    _addresses,
    clusters,
    iter,
)
"""Ways to take a text apart, the best first; the last one always fits."""


# --- labels ---------------------------------------------------------------------------------------


def shortened(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` units; one that is too long ends with … after a word."""
    return text if units(text) <= limit else _first(text, limit - 1).rstrip() + ELLIPSIS


def _first(text: str, room: int) -> str:
    """Return as many first words as fit; of a longer first word, as many characters."""
    for parts in (_words(text), clusters(text), iter(text)):
        kept = ""
        for part in parts:
            if units((kept + part).rstrip()) > room:
                break
            kept += part
        if kept.strip():
            return kept
    return ""


def _shortened_before(text: str, limit: int) -> str:
    """Return a text whose first words give way to …, so that its end is seen."""
    if units(text) <= limit:
        return text
    tails = accumulate(reversed(text.split()), lambda tail, word: f"{word} {tail}")
    *_, last = ("", *takewhile(lambda tail: units(tail) < limit, tails))
    return ELLIPSIS + last if last else shortened(text, limit)


def labels(titles: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return titles of at most ``limit`` units that can be told from each other.

    Two that begin alike show their ends instead; what is alike even then gets a number.
    """
    plain = [" ".join(title.split()) for title in titles]
    short = [shortened(title, limit) for title in plain]
    short = [
        _shortened_before(title, limit) if short.count(label) > 1 else label
        for title, label in zip(plain, short, strict=True)
    ]
    if len(set(short)) == len(short):
        return tuple(short)
    numbered = (f"{number}. " for number in range(1, len(plain) + 1))
    return tuple(
        number + shortened(title, limit - units(number))
        for number, title in zip(numbered, plain, strict=True)
    )


# --- direction ------------------------------------------------------------------------------------


def _directions(text: str) -> Iterator[str]:
    """Yield "ltr" or "rtl" for each character that has a direction of its own."""
    ways = {"L": "ltr", "R": "rtl", "AL": "rtl"}
    return (ways[kind] for kind in map(unicodedata.bidirectional, text) if kind in ways)


def directed(text: str, direction: str) -> str:
    """Return a text whose lines are laid out in the direction of their reply.

    Apps take the direction of a line from its first letter. A line that holds letters of the
    reply's direction but begins with others gets a mark; a line without any is left alone, because
    a foreign sentence reads best in its own direction.
    """
    mark = RIGHT_TO_LEFT_MARK if direction == "rtl" else LEFT_TO_RIGHT_MARK

    def line_directed(line: str) -> str:
        found = tuple(_directions(line))
        return mark + line if direction in found[1:] and found[0] != direction else line

    return "\n".join(line_directed(line) for line in text.split("\n"))


def isolated(text: str, direction: str) -> str:
    """Return words whose order is kept whatever stands around them, where they need it."""
    is_foreign = any(way != direction for way in _directions(text))
    return f"{FIRST_STRONG_ISOLATE}{text}{END_OF_ISOLATE}" if is_foreign else text


def isolated_number(number: str, direction: str) -> str:
    """Return a phone number that right-to-left words around it cannot turn round."""
    if direction == "ltr":
        return number
    return f"{LEFT_TO_RIGHT_ISOLATE}{number}{END_OF_ISOLATE}"
