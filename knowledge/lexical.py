"""Lexical signals: what vectors blur. Rare words (a disease's name), misspellings, named topics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.document import LONGEST_TEXT, Document, changes, kept_places, recounted
from knowledge.postings import Floats, Postings
from knowledge.words import STOPWORDS, fold, words

# Wording that people use when they ask about themselves, or for an amount. Cues for the learnt
# classifier, no rules: each alone proves nothing.
CUES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bis (?:this|it|that)\b",
        r"\b(?:do|have|am|did|could|might) i\b",
        r"\bwhat(?: is|'?s) wrong\b|\bwhat do i have\b|\bdiagnos",
        r"\b(?:my|i|i'?ve|i'?m|me)\b",
        r"\b(?:my|his|her) \w+ (?:has|is|have)\b",
        r"\b\d+ ?(?:mg|ml|mcg|g|units?)\b",
        r"\b(?:dose|dosage|dosing|tablets?|pills?|puffs?|drops|spoons?|capsules?)\b",
        r"\bhow (?:many|much|often)\b",
        r"\bsince\b|\byesterday\b|\bfor (?:\d+|two|three|a) (?:days?|weeks?|months?)\b",
        r"\b(?:mix|together|combin\w+|double|half)\b",
    )
)


def cues(text: str) -> list[float]:
    """Return 1 for each cue that a text has, else 0."""
    return [float(bool(cue.search(text))) for cue in CUES]


@dataclass(frozen=True)
class LexicalMatch:
    """How the words and letters of one question fit every text.

    Attributes:
        characters: per wording, likeness by pieces of 3 to 5 letters, 0 to 1.
        words: per wording, BM25 of the question over what a perfect wording would reach, 0 to 1.
        coverage: per document, the share of the question's words that it knows, weighted by
            rarity, 0 to 1.
    """

    characters: Floats
    words: Floats
    coverage: Floats


class LexicalIndex:
    """Word and character statistics over all wordings of all documents."""

    def __init__(self, documents: Sequence[Document], previous: LexicalIndex | None = None) -> None:
        """Count.

        Args:
            documents: what to search.
            previous: of nearly the same documents; what it counted is not counted again.
        """
        wordings = [text[:LONGEST_TEXT] for item in documents for text in item.wordings]
        owners = [number for number, item in enumerate(documents) for _ in item.wordings]
        self._documents = documents
        self._owners = np.array(owners)
        self._wordings = wordings
        before = previous._documents if previous else ()
        kept = kept_places(before, documents, lambda document: len(document.wordings))
        self._characters: Postings = Postings(
            wordings, "characters", "cosine", previous._characters if previous else None, kept
        )
        self._words: Postings = Postings(
            wordings, words, "bm25", previous._words if previous else None, kept
        )
        self._coverage: Postings = Postings(
            [document.text for document in documents],
            distinct_words,
            "share",
            previous._coverage if previous else None,
            kept_places(before, documents, lambda _: 1),
        )
        self._found_in: Counter[str] = recounted(
            previous._found_in if previous else Counter(),
            changes(before, documents),
            lambda document: distinct_words(document.text),
        )

    def match(self, query: str, leave_out: int | None = None) -> LexicalMatch:
        """Compare a question with every text.

        Args:
            query: the question.
            leave_out: number of the one wording that does not count, or None.
        """
        characters = self._characters.scores(query)
        of_words = self._words.scores(query)
        coverage = self._coverage.scores(query)
        if leave_out is not None:
            characters[leave_out] = of_words[leave_out] = 0.0
            owner = int(self._owners[leave_out])
            coverage[owner] = self._coverage_without(query, owner, self._wordings[leave_out])
        return LexicalMatch(characters, of_words, coverage)

    def _coverage_without(self, query: str, owner: int, wording: str) -> float:
        asked = distinct_words(query)
        left = Counter(words(self._documents[owner].text)) - Counter(words(wording))
        total = sum(self.rarity(word) for word in asked)
        return sum(self.rarity(word) for word in asked if word in left) / max(total, 1e-9)

    def rarity(self, word: str) -> float:
        """Return how much a word tells: 1 where every document has it, more where few do."""
        return float(np.log((1 + len(self._documents)) / (1 + self._found_in[word])) + 1)

    def uncovered(self, query: str, number: int) -> list[float]:
        """Return the rarity of each word of the query that a document does not know."""
        missing = set(words(query)) - set(words(self._documents[number].text))
        return [self.rarity(word) for word in missing]

    def unknown_words(self, query: str) -> list[str]:
        """Return the words of the query that no document knows."""
        return [word for word in words(query) if word not in self._found_in]

    def knows(self, word: str) -> bool:
        """Tell whether a word is one of the small ones, or any document has it."""
        plain = word.casefold().replace("’", "'")
        return plain.replace("'", "") in STOPWORDS or fold(plain) in self._found_in


def distinct_words(text: str) -> list[str]:
    """Return each word of a text that may carry its subject, once."""
    return list(dict.fromkeys(words(text)))


def topic_names(documents: Sequence[Document]) -> TopicNames:
    """Return the names of the topics of some documents."""
    return TopicNames([(alias, item.topic) for item in documents for alias in item.aliases])


NAME_WORD = re.compile(r"\w+(?:['’\-]\w+)*")


class TopicNames:
    """Which topics a question names, by their aliases."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        """Collect the aliases of every topic.

        Args:
            names: ``(alias, slug of the topic)``.
        """
        self._slugs: dict[tuple[str, ...], str] = {}
        for alias, slug in names:
            self._slugs[tuple(name_words(alias))] = slug
        self._longest = max((len(key) for key in self._slugs), default=0)

    def named(self, query: str) -> frozenset[str]:
        """Return the slugs of the topics that the query names; of nested names the longest."""
        return frozenset(slug for slug, _, _ in self._spans(name_words(query)))

    def spelled(self, query: str) -> list[str]:
        """Return the words by which the query names topics, folded."""
        asked = name_words(query)
        return [fold(word) for _, begin, end in self._spans(asked) for word in asked[begin:end]]

    def only_names(self, query: str) -> bool:
        """Tell whether the query says nothing beyond the name of a topic ("flu?")."""
        asked = name_words(query)
        inside = {place for _, begin, end in self._spans(asked) for place in range(begin, end)}
        rest = " ".join(word for place, word in enumerate(asked) if place not in inside)
        return bool(inside) and not words(rest)

    def swapped(self, text: str, slug: str, name: str) -> str | None:
        """Return a text with another name in the place of a topic's; None where it has none."""
        found = list(NAME_WORD.finditer(text))
        asked = name_words(text)
        for named, begin, end in self._spans(asked):
            if named == slug and len(found) == len(asked):
                return text[: found[begin].start()] + name + text[found[end - 1].end() :]
        return None

    def _spans(self, asked: list[str]) -> list[tuple[str, int, int]]:
        """Return ``(slug, first word, word after the last)`` of each name, from left to right."""
        spans, begin = [], 0
        while begin < len(asked):
            found = self._longest_at(asked, begin)
            if found is None:
                begin += 1
                continue
            spans.append((found[0], begin, found[1]))
            begin = found[1]
        return spans

    def _longest_at(self, asked: list[str], begin: int) -> tuple[str, int] | None:
        for end in range(min(len(asked), begin + self._longest), begin, -1):
            slug = self._look_up(tuple(asked[begin:end]))
            if slug is not None:
                return slug, end
        return None

    def _look_up(self, name: tuple[str, ...]) -> str | None:
        """Return the topic of a name, also in the plural or possessive."""
        *front, last = name
        for form in (last, last.removesuffix("s"), last.removesuffix("'s")):
            if (*front, form) in self._slugs:
                return self._slugs[*front, form]
        return None


def name_words(text: str) -> list[str]:
    """Return the words of a name or question as names are compared: folded case, plain quotes."""
    return NAME_WORD.findall(text.casefold().replace("’", "'"))
