"""People's wordings: which are the same, and which are typical of a group."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from math import sqrt

SAMPLES = 5
WORDINGS = 200
"""Different wordings of a group among which the most typical are looked for."""
WORD = re.compile(r"[^\W_]+")


def typical(wordings: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Return up to ``SAMPLES`` wordings, the most typical first.

    What most conversations said comes first; among equals, what has most of the words that the
    others use too. Wordings that differ in case, accents or signs only count as one.

    Args:
        wordings: wordings with the number of conversations that used each.
    """
    spelt: dict[str, str] = {}
    used: Counter[str] = Counter()
    for text, size in wordings:
        plain = folded(text)
        spelt.setdefault(plain, text)
        used[plain] += size
    words = {plain: set(plain.split()) for plain in used}
    common: Counter[str] = Counter()
    for plain, size in used.items():
        common.update(dict.fromkeys(words[plain], size))

    def nearness(plain: str) -> float:
        own = words[plain]
        return sum(common[word] - used[plain] for word in own) / sqrt(len(own) or 1)

    best = sorted(used, key=lambda plain: (-used[plain], -nearness(plain), plain))
    return tuple(spelt[plain] for plain in best[:SAMPLES])


def folded(text: str) -> str:
    """Return the words of a text in a row, without case, accents and signs between them."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(one for one in apart if not unicodedata.combining(one))
    return " ".join(WORD.findall(text.casefold()))
