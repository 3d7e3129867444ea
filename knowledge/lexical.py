"""Lexical signals: what vectors blur. Rare words (a disease's name), misspellings, named topics.

scikit-learn's TF-IDF does the counting; this module only says over what.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from knowledge.entry import TopicEntry

Scores = npt.NDArray[np.float64]

# Words that carry no subject; a question made of these and a topic's name asks for the topic.
STOPWORDS = frozenset(
    """a about all am an and any are as at be been but by can could did do does doing done for from
    get gets getting give go got had has have how i if in into is it its just know like make may me
    mean might more most much my need no not of off ok on one or other our out over please should
    so some someone tell than that the their them then there these they thing things this those to
    too up us use very want was way we well were what whats when where which while who whos why will
    with would you your u r im ive youre youve theyre its thats whos hes shes hi hello hey yes does
    don dont doesnt didnt cant cannot couldnt shouldnt wont isnt arent wasnt t s re ve m ll d just
    really also anyway ugh oh ok okay well hmm please ever even saw seen heard read says said say
    told think thought true real claim claims uncle aunt friend facebook tiktok whatsapp
    """.split()
)
WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")


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


def words(text: str) -> list[str]:
    """Return the words of a text that may carry its subject, folded and without plural s."""
    found = WORD.findall(text.casefold().replace("’", "'"))
    return [fold(word) for word in found if word.replace("'", "") not in STOPWORDS]


def fold(word: str) -> str:
    """Return a word without possessive and plural endings ("kids'" and "kid's" are "kid")."""
    word = re.sub(r"['’]s?$", "", word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


class LexicalIndex:
    """Word and character statistics over all wordings of all entries."""

    def __init__(self, wordings: Sequence[tuple[int, str]], documents: Sequence[str]) -> None:
        """Count.

        Args:
            wordings: ``(entry number, question or variant)``, ordered by entry number; every entry
                has at least one.
            documents: per entry, everything it says, in the order of the numbers.
        """
        owners = np.array([owner for owner, _ in wordings])
        self._starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        self._characters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True
        )
        self._grams = self._characters.fit_transform([text for _, text in wordings])
        self._counts = [Counter(words(document)) for document in documents]
        self._wordings = list(wordings)
        word_lists = [set(count) for count in self._counts]
        self._documents = word_lists
        total = len(documents)
        counts: dict[str, int] = {}
        for word_set in word_lists:
            for word in word_set:
                counts[word] = counts.get(word, 0) + 1
        self._idf = {word: float(np.log((1 + total) / (1 + n)) + 1) for word, n in counts.items()}
        self._unknown_idf = float(np.log(1 + total) + 1)

    def character_similarity(self, query: str, leave_out: int | None = None) -> Scores:
        """Return per entry the best character n-gram cosine with any of its wordings, 0 to 1.

        Args:
            query: the question.
            leave_out: number of the one wording that does not count, or None.
        """
        query_grams = self._characters.transform([query])
        cosines = np.asarray((self._grams @ query_grams.T).todense()).ravel()
        if leave_out is not None:
            cosines[leave_out] = 0.0
        best: Scores = np.maximum.reduceat(cosines, self._starts)
        return best

    def coverage(self, query: str, leave_out: int | None = None) -> Scores:
        """Return per entry the share of the query's words it knows, weighted by rarity, 0 to 1.

        A word that no entry knows weighs most: it is what the corpus has nothing about.

        Args:
            query: the question.
            leave_out: number of the one wording that does not count, or None.
        """
        query_words = set(words(query))
        weights = {word: self._idf.get(word, self._unknown_idf) for word in query_words}
        total = sum(weights.values())
        if not total:
            return np.zeros(len(self._documents))
        found = np.array(
            [sum(weights[w] for w in query_words & known) / total for known in self._documents]
        )
        if leave_out is not None:
            owner, text = self._wordings[leave_out]
            left = self._counts[owner] - Counter(words(text))
            found[owner] = sum(weights[w] for w in query_words & left.keys()) / total
        return found

    def uncovered(self, query: str, number: int) -> list[float]:
        """Return the rarity of each word of the query that an entry does not know."""
        missing = set(words(query)) - self._documents[number]
        return [self._idf.get(word, self._unknown_idf) for word in missing]

    def unknown_words(self, query: str) -> list[str]:
        """Return the words of the query that no entry knows."""
        return [word for word in words(query) if word not in self._idf]


class TopicNames:
    """Which topics a question names, by their aliases."""

    def __init__(self, entries: Sequence[TopicEntry]) -> None:
        """Collect the aliases of every topic."""
        aliases = {
            alias.casefold(): entry.topic.slug for entry in entries for alias in entry.topic.aliases
        }
        self._slug = aliases
        longest_first = sorted(aliases, key=len, reverse=True)
        either = "|".join(re.escape(alias) for alias in longest_first)
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?:'s|s)?(?!\w)")

    def named(self, query: str) -> frozenset[str]:
        """Return the slugs of the topics that the query names."""
        found = (match[0] for match in self._pattern.finditer(query.casefold()))
        return frozenset(slug for text in found if (slug := self._lookup(text)))

    def only_names(self, query: str) -> bool:
        """Tell whether the query says nothing beyond the name of a topic ("flu?")."""
        rest = self._pattern.sub(" ", query.casefold())
        return rest != query.casefold() and not words(rest)

    def _lookup(self, text: str) -> str | None:
        for form in (text, text.removesuffix("s"), text.removesuffix("'s")):
            if form in self._slug:
                return self._slug[form]
        return None
