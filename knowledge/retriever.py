"""Find the entries that may answer a question, with a score and the reasons for it.

Per entry: the best and the typical cosine with its question and variants, the cosine with their
mean and with its answer, character n-grams (misspellings), rare words covered, whether the question
names this topic or another, whether it asks about this aspect, and how near the topic's best entry
is. Weights learnt from labelled questions turn these into one score (``knowledge.calibration``);
nothing here is tuned by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.calibration import Calibration
from knowledge.embedder import Embedder, Vectors
from knowledge.entry import TopicEntry
from knowledge.index import Row, VectorIndex
from knowledge.lexical import LexicalIndex, TopicNames, cues, words
from knowledge.store import LiveEntry

FEATURES = (
    "best",
    "typical",
    "answer",
    "characters",
    "coverage",
    "topic",
    "centroid",
    "aspect",
    "topic_typical",
)
NEAREST_WORDINGS = 3
Numbers = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
VECTOR_SCALE = 4.0
"""Makes the vector, of length 1 in hundreds of dimensions, weigh like the cues in the fit."""
SHORTLIST = 12
LEAST_ASPECT = -6.0
"""Floor of the aspect's log-probability: below it, nothing is learnt from how unlikely it is."""
FAR_LEAD = 12.0


@dataclass(frozen=True)
class Candidate:
    """An entry that may answer a question.

    Attributes:
        live: the entry and its revision.
        score: log-odds that it is the right one, compared over the candidates of one question.
        features: the signals behind the score, in the order of ``FEATURES``.
        wording: the question or variant that came nearest.
    """

    live: LiveEntry
    score: float
    features: tuple[float, ...]
    wording: str

    @property
    def entry_id(self) -> str:
        """Id of the entry."""
        return self.live.topic_entry.entry.id

    @property
    def topic(self) -> str:
        """Slug of the entry's topic."""
        return self.live.topic_entry.topic.slug


@dataclass(frozen=True)
class Found:
    """What a search brought.

    Attributes:
        candidates: best first.
        confidence: calibrated probability that the first one answers the question, 0 to 1.
        nearest_wording: cosine with the nearest wording of any entry that is no emergency, -1 to 1.
    """

    candidates: tuple[Candidate, ...]
    confidence: float
    nearest_wording: float


def wordings(entry: TopicEntry) -> list[tuple[str, str]]:
    """Return what of an entry gets a vector: ``(field, text)``, the question first."""
    texts = [("question", entry.entry.question)]
    texts += [("variant", variant) for variant in entry.entry.variants]
    texts.append(("answer", entry.entry.short_answer))
    return texts


def everything(entry: TopicEntry) -> str:
    """Return all words of an entry, for the word statistics."""
    body = entry.entry
    parts = [body.question, *body.variants, body.short_answer, body.seek_care or ""]
    parts += [detail.text for detail in body.details]
    parts += [entry.topic.title, *entry.topic.aliases]
    return " ".join(parts)


class Retriever:
    """Searches one release. Immutable: a new release gets a new retriever."""

    def __init__(
        self,
        entries: Sequence[LiveEntry],
        vectors: Vectors,
        embedder: Embedder,
        calibration: Calibration,
    ) -> None:
        """Index the entries.

        Args:
            entries: the entries of the release; at least one.
            vectors: one per wording, in the order of ``rows_of(entries)``.
            embedder: the model that made the vectors.
            calibration: learnt weights and thresholds.
        """
        rows = rows_of(entries)
        self.entries = tuple(entries)
        self.embedder = embedder
        self.calibration = calibration
        self.names = TopicNames([live.topic_entry for live in entries])
        self._index = VectorIndex(rows, vectors)
        self._asked = np.flatnonzero([row.field != "answer" for row in rows])
        self._answers = np.flatnonzero([row.field == "answer" for row in rows])
        owners = np.array([rows[i].owner for i in self._asked])
        self._starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        self._ends = np.r_[self._starts[1:], len(owners)]
        self._wordings = _table(self._starts, self._ends)
        self._lexical = LexicalIndex(
            [(rows[i].owner, rows[i].text) for i in self._asked],
            [everything(live.topic_entry) for live in entries],
        )
        self._topics = [live.topic_entry.topic.slug for live in entries]
        self._topic_numbers = np.unique(self._topics, return_inverse=True)[1]
        self._sums = np.add.reduceat(vectors[self._asked], self._starts, axis=0)
        self._centroids = self._sums / np.linalg.norm(self._sums, axis=1, keepdims=True)
        self._calm = np.array(
            [live.topic_entry.entry.urgency.level != "emergency" for live in entries]
        )
        self._aspects = [live.topic_entry.entry.aspect.value for live in entries]

    def with_calibration(self, calibration: Calibration) -> Retriever:
        """Return the same index under another calibration."""
        other = copy.copy(self)
        other.calibration = calibration
        return other

    def search(self, query: str, topic: str | None = None) -> Found:
        """Return the candidates for a question.

        Args:
            query: the question, with identifiers masked.
            topic: only entries of this topic, or all.
        """
        return self.search_vector(query, self.embedder.embed([query])[0], topic)

    def search_vector(self, query: str, vector: Vectors, topic: str | None = None) -> Found:
        """Return the candidates for a question whose vector is known."""
        cosines = self._index.cosines(vector)
        features = self._features(query, vector, cosines)
        scores = self.calibration.rank(features)
        eligible = np.array([topic in (None, slug) for slug in self._topics])
        within = np.where(eligible, scores, -np.inf)
        order = [int(i) for i in np.argsort(-within)[:SHORTLIST] if eligible[i]]
        candidates = tuple(
            Candidate(
                self.entries[i],
                float(scores[i]),
                tuple(float(value) for value in features[i]),
                self._nearest_wording(i, cosines),
            )
            for i in order
        )
        confidence = 0.0
        if order:
            # The other topics still compete: where they would be likelier, it is no follow-up.
            told = self.confidence_features(query, vector, scores, features, order[0])
            confidence = self.calibration.confidence(told)
        return Found(candidates, confidence, self.nearest_calm_wording(features))

    def nearest_calm_wording(self, features: Vectors) -> float:
        """Return the cosine with the nearest wording of any entry that is no emergency.

        A text that is near to "what to do in an asthma attack" may well report one.
        """
        return float(np.where(self._calm, features[:, 0], -1.0).max())

    def confidence_features(
        self, query: str, vector: Vectors, scores: Floats, features: Vectors, first: int
    ) -> Floats:
        """Return what tells whether the first candidate is right at all.

        Args:
            query: the question.
            vector: of the question.
            scores: one per entry.
            features: the signals of every entry.
            first: number of the first candidate.

        Returns:
            ``CONFIDENCE_FEATURES``, then the signals of the first candidate.
        """
        others = np.delete(scores, first)
        elsewhere = scores[self._topic_numbers != self._topic_numbers[first]]
        shares = np.exp(scores - scores[first])
        shares /= shares.sum()
        uncovered = self._lexical.uncovered(query, first)
        wish = self.wish_log_odds(query, vector)
        own = [
            scores[first],
            _lead(scores[first], others),
            _lead(scores[first], elsewhere),
            shares[first],
            shares[self._topic_numbers == self._topic_numbers[first]].sum(),
            sum(uncovered),
            max(uncovered, default=0.0),
            len(set(words(query))),
            np.log(max(1, len(query.split()))),
            wish["diagnosis"],
            wish["dose"],
        ]
        return np.array([*own, *features[first]], dtype=np.float64)

    def wish_log_odds(self, query: str, vector: Vectors) -> dict[str, float]:
        """Return how much likelier than a plain question a diagnosis or a dose is wished for."""
        classifier = self.calibration.wishes
        if classifier is None:
            return {"diagnosis": 0.0, "dose": 0.0}
        logs = classifier.log_probabilities(wish_features(query, vector))[0]
        found = dict(zip(classifier.classes, logs, strict=True))
        plain = found["question"]
        return {name: float(found[name] - plain) for name in ("diagnosis", "dose")}

    def features(self, query: str, vector: Vectors) -> Vectors:
        """Return the signals of every entry, shape ``(entries, len(FEATURES))``."""
        return self._features(query, vector, self._index.cosines(vector))

    def features_without(self, number: int, vector: Vectors) -> Vectors:
        """Return the signals that a wording of the corpus would have if it were not in it.

        Args:
            number: of the wording, counted over the questions and variants of all entries.
            vector: of the wording.
        """
        text = self._index.rows[int(self._asked[number])].text
        return self._features(text, vector, self._index.cosines(vector), number)

    def asked(self) -> list[tuple[int, str]]:
        """Return every question and variant as ``(number of its entry, text)``, in order."""
        rows = (self._index.rows[int(place)] for place in self._asked)
        return [(row.owner, row.text) for row in rows]

    def asked_vectors(self) -> tuple[Vectors, list[int]]:
        """Return the vectors of all questions and variants, and the entries they belong to."""
        owners = [self._index.rows[int(place)].owner for place in self._asked]
        return self._index.vectors()[self._asked], owners

    def _features(
        self, query: str, vector: Vectors, cosines: Vectors, leave_out: int | None = None
    ) -> Vectors:
        asked = np.append(cosines[self._asked], -np.inf)
        if leave_out is not None:
            asked[leave_out] = -np.inf
        asked = asked[self._wordings]
        nearest = -np.sort(-asked, axis=1)[:, :NEAREST_WORDINGS]
        there = np.isfinite(nearest)
        best = nearest[:, 0]
        typical = np.where(there, nearest, 0.0).sum(axis=1) / there.sum(axis=1)
        named = self.names.named(query)
        topic = np.array([_names_topic(slug, named) for slug in self._topics])
        of_topics = np.full(self._topic_numbers.max() + 1, -np.inf)
        np.maximum.at(of_topics, self._topic_numbers, typical)
        return np.column_stack(
            [
                best,
                typical,
                cosines[self._answers],
                self._lexical.character_similarity(query, leave_out),
                self._lexical.coverage(query, leave_out),
                topic,
                self._centroid_cosines(vector, leave_out),
                self._aspect_fit(vector),
                of_topics[self._topic_numbers],
            ]
        ).astype(np.float32)

    def _centroid_cosines(self, vector: Vectors, leave_out: int | None) -> Vectors:
        """Return per entry the cosine with the mean direction of its questions and variants."""
        cosines: Vectors = self._centroids @ vector
        if leave_out is not None:
            owner = int(np.searchsorted(self._starts, leave_out, side="right")) - 1
            rest = self._sums[owner] - vector
            cosines[owner] = rest @ vector / max(float(np.linalg.norm(rest)), 1e-9)
        return cosines

    def _aspect_fit(self, vector: Vectors) -> Floats:
        """Return per entry the log-probability that its aspect is the one asked about."""
        classifier = self.calibration.aspects
        if classifier is None:
            return np.zeros(len(self.entries))
        logs = classifier.log_probabilities(vector)[0]
        known = dict(zip(classifier.classes, np.maximum(logs, LEAST_ASPECT), strict=True))
        return np.array([known.get(aspect, LEAST_ASPECT) for aspect in self._aspects])

    def unknown_words(self, query: str) -> list[str]:
        """Return the words of a question that no entry of the release knows."""
        return self._lexical.unknown_words(query)

    def _nearest_wording(self, number: int, cosines: Vectors) -> str:
        rows = self._asked[self._starts[number] : self._ends[number]]
        return self._index.rows[int(rows[int(np.argmax(cosines[rows]))])].text


def rows_of(entries: Sequence[LiveEntry]) -> list[Row]:
    """Return the rows of the index for some entries, in the order their vectors must have."""
    return [
        Row(number, field, text)
        for number, live in enumerate(entries)
        for field, text in wordings(live.topic_entry)
    ]


def _table(starts: Numbers, ends: Numbers) -> Numbers:
    """Return the numbers of each entry's wordings as a row; short rows point past the last one."""
    width = max(int((ends - starts).max()), NEAREST_WORDINGS)
    numbers = starts[:, None] + np.arange(width)
    return np.where(numbers < ends[:, None], numbers, ends[-1])


def wish_features(query: str, vector: Vectors) -> Floats:
    """Return what tells a wish: the vector and the cues of ``knowledge.lexical``."""
    return np.array([*(vector * VECTOR_SCALE), *cues(query)], dtype=np.float64)


def _lead(first: float, others: Floats) -> float:
    """Return how far the first is ahead, up to a limit beyond which more says nothing."""
    nearest = others.max(initial=-np.inf)
    return min(float(first - nearest), FAR_LEAD)


def _names_topic(slug: str, named: frozenset[str]) -> float:
    if not named:
        return 0.0
    return 1.0 if slug in named else -1.0
