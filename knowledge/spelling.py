"""Misspellings: "meezles", "diabeetus", "vacine" become words that the corpus knows.

A word is corrected only where three things hold: nothing in the corpus was written with it on
purpose, neither the model nor a dictionary knows it, and one word of the corpus is one slip away or
sounds the same. Names that are simply new to the corpus thus stay as they are. pyspellchecker has
the dictionaries, rapidfuzz compares the letters, jellyfish the sounds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache

import langcodes
from jellyfish import metaphone
from rapidfuzz import process
from rapidfuzz.distance import OSA
from spellchecker import SpellChecker

from knowledge.document import Document, changes, recounted
from knowledge.words import WORD, fold

LEAST_LETTERS = 5
LONGEST_WORD = 30
MOST_SLIPS = 3
"""Letters that may differ in a word that sounds the same: "meezles" has two, "numonia" two."""
LEAST_ALIKE = 0.55
"""Of the letters of a word that sounds the same."""


class Spelling:
    """Corrects words by those of a corpus."""

    def __init__(
        self,
        documents: Sequence[Document],
        is_known: Callable[[str], bool],
        previous: Spelling | None = None,
    ) -> None:
        """Take the words of a corpus, as far as somebody meant to write them so.

        Variants and aliases are what people type, slips and all: of them only words that the model
        or a dictionary knows count.

        Args:
            documents: the corpus.
            is_known: tells whether the model knows a word as one.
            previous: of nearly the same documents; what it counted is not counted again.
        """
        self._is_known = is_known
        self._dictionary = _dictionary(frozenset(item.locale for item in documents))
        self._documents = tuple(documents)
        changed = changes(previous._documents if previous else (), documents)
        self._variants: Counter[str] = recounted(
            previous._variants if previous else Counter(), changed, _typed
        )
        self._written: Counter[str] = recounted(
            previous._written if previous else Counter(), changed, _written
        )
        known = Counter({w: count for w, count in self._variants.items() if self._is_word(w)})
        meant = self._written + known
        self._known = {fold(word) for word in meant}
        self._frequency = {w: n for w, n in meant.items() if len(w) >= LEAST_LETTERS}
        self._choices = sorted(self._frequency)
        self._sounds: dict[str, list[str]] = defaultdict(list)
        for word in self._choices:
            self._sounds[metaphone(word)].append(word)

    def corrected(self, text: str) -> str:
        """Return a text with its misspelt words corrected."""
        return WORD.sub(lambda found: self._correct(found[0]), text)

    def _correct(self, word: str) -> str:
        plain = word.casefold()
        if not LEAST_LETTERS <= len(plain) <= LONGEST_WORD or not _is_latin(plain):
            return word
        if fold(plain) in self._known or self._is_word(plain):
            return word
        near = self._one_slip_away(plain) or self._sounding(plain)
        return max(near, key=lambda choice: self._frequency[choice]) if near else word

    def _is_word(self, word: str) -> bool:
        return word in self._dictionary or self._is_known(word)

    def _one_slip_away(self, plain: str) -> list[str]:
        found = process.extract(
            plain, self._choices, scorer=OSA.distance, score_cutoff=1, limit=None
        )
        return [choice for choice, _, _ in found]

    def _sounding(self, plain: str) -> list[str]:
        return [
            choice
            for choice in self._sounds.get(metaphone(plain), ())
            if OSA.distance(plain, choice) <= MOST_SLIPS
            and OSA.normalized_similarity(plain, choice) >= LEAST_ALIKE
        ]


@cache
def _dictionary(locales: frozenset[str]) -> frozenset[str]:
    """Return the words of the locales' dictionaries, as far as there are any."""
    known = set(SpellChecker.languages())
    languages = {str(langcodes.get(locale).language) for locale in locales} & known
    words: set[str] = set()
    for name in languages:
        words |= set(SpellChecker(language=name).word_frequency.dictionary)
    return frozenset(words)


def _typed(document: Document) -> Counter[str]:
    """Return how often each word comes in what people type: variants and aliases."""
    texts = (*document.wordings[1:], *document.aliases)
    return Counter(word for text in texts for word in _plain_words(text))


def _written(document: Document) -> Counter[str]:
    """Return how often each word comes in what an editor wrote."""
    return Counter(_plain_words(document.text)) - _typed(document)


def _plain_words(text: str) -> list[str]:
    return [word for word in WORD.findall(text.casefold()) if _is_latin(word)]


def _is_latin(word: str) -> bool:
    return word.isascii() and word.isalpha()
