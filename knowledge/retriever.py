"""Find the documents that may answer a question, with a score and the reasons for it.

Two steps. Vectors, words and letters each bring their nearest documents; then every document
brought is compared with the question in all ways: nearest and typical wording, answer, question
with answer, letters (misspellings), rare words, negation, groups of people, numbers, the topic and
the aspect asked about. Weights learnt from labelled questions turn these signals into one score
(``knowledge.calibration``); nothing here is tuned by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.calibration import Calibration
from knowledge.document import (
    LONGEST_TEXT,
    Document,
    DocumentError,
    embedded_texts,
    kept_places,
    text_count,
)
from knowledge.embedder import Embedder, Vectors
from knowledge.guards import Marks, differences, marks
from knowledge.index import Comparison, VectorIndex, inner_products
from knowledge.lexical import LexicalIndex, LexicalMatch, cues, topic_names
from knowledge.spelling import Spelling
from knowledge.words import words

SIGNALS = (
    "best",  # cosine with the nearest wording
    "typical",  # mean cosine with the three nearest wordings
    "centroid",  # cosine with the mean direction of the wordings
    "answer",  # cosine with the answer
    "both",  # cosine with question and answer as one text
    "characters",  # likeness of the nearest wording by its letters
    "words",  # BM25 of the nearest wording
    "coverage",  # share of the question's words that the document knows
    "negation",  # one denies, the other does not
    "group_missing",  # groups of people asked about that the document does not know
    "group_other",  # groups of people that the document is about and nobody asked for
    "number",  # both name numbers, but other ones
    "topic",  # 1 where the question names its topic, -1 where it names another
    "aspect",  # log-probability that its aspect is asked about
    "topic_typical",  # typical, of the best document of its topic
)
STRANGE = ("best", "both", "characters", "words", "coverage")
"""Signals that count otherwise where the model hardly knows the language of the corpus."""
BARE = ("best", "characters", "words", "coverage")
"""Signals that count otherwise where documents have no answers, so that words are few."""
LONG = ("best", "centroid", "both", "characters", "words", "coverage")
"""Signals that count otherwise in a long question."""
FEATURES = (
    *SIGNALS,
    *(f"strange_{name}" for name in STRANGE),
    *(f"bare_{name}" for name in BARE),
    *(f"long_{name}" for name in LONG),
)
USUAL_LENGTH = 10.0
"""Words of a usual question; longer and shorter ones count from there."""
NEAREST_WORDINGS = 3
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
VECTOR_SCALE = 4.0
"""Makes the vector, of length 1 in hundreds of dimensions, weigh like the cues in the fit."""
SHORTLIST = 12
NEAREST_VECTORS = 150
NEAREST_BY_WORDS = 25
LEAST_ASPECT = -6.0
"""Floor of the aspect's log-probability: below it, nothing is learnt from how unlikely it is."""
FAR_LEAD = 12.0
STRANGE_LANGUAGE = 0.4
"""Strangeness of a corpus from which it is in a language that the model hardly knows: English ones
have 0 to 0.1, German ones 0.9."""
STRANGENESS_FROM = 400
"""Wordings by which a corpus shows how well the model knows its language."""


@dataclass(frozen=True)
class Candidate:
    """A document that may answer a question.

    Attributes:
        document: the document.
        number: its place in the index.
        score: log-odds that it is the right one, compared over the candidates of one question.
        features: the signals behind the score, in the order of ``FEATURES``.
        wording: the question or variant that came nearest.
    """

    document: Document
    number: int
    score: float
    features: tuple[float, ...]
    wording: str

    @property
    def entry_id(self) -> str:
        """Id of the document."""
        return self.document.id

    @property
    def topic(self) -> str:
        """Slug of the document's topic."""
        return self.document.topic


@dataclass(frozen=True)
class Found:
    """What a search brought.

    Attributes:
        candidates: best first.
        confidence: calibrated probability that the first one answers the question, 0 to 1.
        offer: calibrated probability that one of the first three does, 0 to 1.
        nearest_wording: cosine with the nearest wording of any document that is no emergency, -1
            to 1.
    """

    candidates: tuple[Candidate, ...]
    confidence: float
    offer: float
    nearest_wording: float


@dataclass(frozen=True)
class Signals:
    """The documents that compete for a question, with their signals.

    Attributes:
        numbers: places of the documents in the index.
        table: shape ``(documents, len(FEATURES))``.
    """

    numbers: Numbers
    table: Vectors


class Retriever:
    """Searches one set of documents. Immutable: a new release gets a new retriever."""

    def __init__(
        self,
        documents: Sequence[Document],
        vectors: Vectors,
        embedder: Embedder,
        calibration: Calibration,
        previous: Retriever | None = None,
    ) -> None:
        """Index the documents.

        Args:
            documents: what to search; at least one.
            vectors: one per text, in the order of ``texts_of(documents)``.
            embedder: the model that made the vectors.
            calibration: learnt weights and thresholds.
            previous: over nearly the same documents; what it counted is not counted again.

        Raises:
            DocumentError: there is no document, two have one id, or there are not as many vectors
                as texts.
            VectorError: a vector holds something that is no number.
        """
        _check(documents, vectors)
        self.documents = tuple(documents)
        self.embedder = embedder
        self.calibration = calibration
        self.names = topic_names(self.documents)
        self.lexical: LexicalIndex = LexicalIndex(
            self.documents, previous.lexical if previous else None
        )
        counts = np.array([len(item.wordings) for item in self.documents])
        self._answered = np.array([bool(item.answer.strip()) for item in self.documents])
        self._counts = counts
        self._bareness = 1.0 - float(self._answered.mean())
        self._rows = _starts(counts + 2 * self._answered)
        self._owners = np.repeat(np.arange(len(counts)), counts + 2 * self._answered)
        self._index: VectorIndex = (
            VectorIndex(vectors, previous._index, previous.rows_of(self.documents))
            if previous
            else VectorIndex(vectors)
        )
        self._wordings = _starts(counts)
        self._sums: Vectors = self._summed(vectors, previous)
        self._topics = [item.topic for item in self.documents]
        self._topic_numbers = np.unique(self._topics, return_inverse=True)[1]
        self._calm = np.array([not item.is_emergency for item in self.documents])
        self._marks = _marks_of(self.documents, previous)
        self.strangeness = _strangeness(embedder, self.documents)
        self._spelling: Spelling = Spelling(
            self.documents, embedder.knows_word, previous._spelling if previous else None
        )

    def _summed(self, vectors: Vectors, previous: Retriever | None) -> Vectors:
        """Return the sum of the vectors of each document's wordings."""
        if previous is None:
            return _sums(vectors, self._rows, self._counts)
        kept = kept_places(previous.documents, self.documents, lambda _: 1)
        sums: Vectors = previous._sums[kept]
        new = kept < 0
        sums[new] = _sums(vectors, self._rows[new], self._counts[new])
        return sums

    def with_calibration(self, calibration: Calibration) -> Retriever:
        """Return the same index under another calibration."""
        other = copy.copy(self)
        other.calibration = calibration
        return other

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.documents)

    def corrected(self, query: str) -> str:
        """Return a question, cut to what is searched, with its misspelt words corrected.

        In a language that the model hardly knows, no word could be told from a slip.
        """
        query = query[:LONGEST_TEXT]
        return query if self.strangeness > STRANGE_LANGUAGE else self._spelling.corrected(query)

    def search(self, query: str, topic: str | None = None, top_k: int = SHORTLIST) -> Found:
        """Return the candidates for a question, its spelling corrected.

        Args:
            query: the question, with identifiers masked.
            topic: only documents of this topic, or all.
            top_k: candidates at most.
        """
        query = self.corrected(query)
        return self.search_vector(query, self.embedder.embed([query])[0], topic, top_k)

    def search_vector(
        self, query: str, vector: Vectors, topic: str | None = None, top_k: int = SHORTLIST
    ) -> Found:
        """Return the candidates for a question that is corrected, and whose vector is known."""
        query = query[:LONGEST_TEXT]
        within = np.array([], dtype=np.int64)
        if topic is not None:
            within = np.flatnonzero([slug == topic for slug in self._topics])
        signals = self.signals(query, vector, within)
        scores = self.calibration.rank(signals.table)
        eligible = np.isin(signals.numbers, within) if topic is not None else slice(None)
        places = np.arange(len(scores))[eligible]
        order = places[np.argsort(-scores[places], kind="stable")]
        candidates = tuple(self._candidate(signals, int(i), scores, vector) for i in order[:top_k])
        confidence = offer = 0.0
        if len(order):
            # The other topics still compete: where they would be likelier, it is no follow-up.
            told = self.confidence_features(query, vector, scores, signals, int(order[0]))
            confidence, offer = self.calibration.confidence(told), self.calibration.offer(told)
        return Found(candidates, confidence, offer, self.nearest_calm_wording(signals))

    def _candidate(
        self, signals: Signals, place: int, scores: Floats, vector: Vectors
    ) -> Candidate:
        number = int(signals.numbers[place])
        document = self.documents[number]
        rows = self._rows[number] + np.arange(len(document.wordings))
        nearest = int(np.argmax(inner_products(self._index.vectors(rows), vector)))
        features = tuple(signals.table[place].tolist())
        score = float(scores[place])
        return Candidate(document, number, score, features, document.wordings[nearest])

    def nearest_calm_wording(self, signals: Signals) -> float:
        """Return the cosine with the nearest wording of any document that is no emergency.

        A text that is near to "what to do in an asthma attack" may well report one.
        """
        calm = self._calm[signals.numbers]
        return float(np.where(calm, signals.table[:, 0], -1.0).max(initial=-1.0))

    def confidence_features(
        self, query: str, vector: Vectors, scores: Floats, signals: Signals, first: int
    ) -> Floats:
        """Return what tells whether the first candidate is right at all.

        Args:
            query: the question.
            vector: of the question.
            scores: one per row of the signals.
            signals: of the documents that compete.
            first: row of the first candidate.

        Returns:
            ``CONFIDENCE_FEATURES``, then the signals of the first candidate.
        """
        topics = self._topic_numbers[signals.numbers]
        others = np.delete(scores, first)
        elsewhere = scores[topics != topics[first]]
        shares = np.exp(scores - scores[first])
        shares /= shares.sum()
        uncovered = self.lexical.uncovered(query, int(signals.numbers[first]))
        wish = self.wish_log_odds(query, vector)
        own = [
            scores[first],
            _lead(scores[first], others),
            _lead(scores[first], elsewhere),
            shares[first],
            shares[topics == topics[first]].sum(),
            sum(uncovered),
            max(uncovered, default=0.0),
            len(set(words(query))),
            np.log(max(1, len(query.split()))),
            wish["diagnosis"],
            wish["dose"],
        ]
        return np.array([*own, *signals.table[first]], dtype=np.float64)

    def wish_log_odds(self, query: str, vector: Vectors) -> dict[str, float]:
        """Return how much likelier than a plain question a diagnosis or a dose is wished for."""
        classifier = self.calibration.wishes
        if classifier is None:
            return {"diagnosis": 0.0, "dose": 0.0}
        logs = classifier.log_probabilities(wish_features(query, vector))[0]
        found = dict(zip(classifier.classes, logs, strict=True))
        plain = found["question"]
        return {name: float(found[name] - plain) for name in ("diagnosis", "dose")}

    def signals(
        self,
        query: str,
        vector: Vectors,
        also: Numbers | None = None,
        leave_out: int | None = None,
    ) -> Signals:
        """Return the documents that compete for a question, with their signals.

        Args:
            query: the question.
            vector: of the question.
            also: documents that compete whether or not anything brought them.
            leave_out: number of the one wording that counts in no signal, or None.
        """
        match = self.lexical.match(query, leave_out)
        compared = self._index.compare(vector)
        numbers = self._competing(compared, match)
        if also is not None and len(also):
            numbers = np.union1d(numbers, also)
        return Signals(numbers, self._table(query, compared, match, numbers, leave_out))

    def signals_without(self, wording: int, vector: Vectors) -> Signals:
        """Return the signals that a wording of the corpus would have if it were not in it.

        Args:
            wording: its number, counted over the wordings of all documents.
            vector: of the wording.
        """
        owner, text = self.asked()[wording]
        return self.signals(text, vector, np.array([owner]), leave_out=wording)

    def asked(self) -> list[tuple[int, str]]:
        """Return every wording as ``(number of its document, text)``, in order."""
        return [(n, text) for n, item in enumerate(self.documents) for text in item.wordings]

    def asked_vectors(self) -> tuple[Vectors, list[int]]:
        """Return the vectors of all wordings, and the documents they belong to."""
        owners = np.repeat(np.arange(len(self.documents)), self._counts)
        return self._index.vectors(_spread(self._rows, self._counts)), owners.tolist()

    def rows_of(self, documents: Sequence[Document]) -> Numbers:
        """Return per text of some documents the number of its vector here, so that it can be kept.

        -1 for the texts of a document that is not one of this retriever's very own, and for all
        where vectors are kept only rounded.
        """
        rows = kept_places(self.documents, documents, text_count)
        return rows if self._index.is_exact else np.full_like(rows, -1)

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return self._index.dimensions

    def vectors(self, rows: Numbers) -> Vectors:
        """Return vectors by their numbers."""
        return self._index.vectors(rows)

    def _competing(self, compared: Comparison, match: LexicalMatch) -> Numbers:
        """Return the documents that vectors, words or letters bring."""
        if len(self.documents) <= NEAREST_BY_WORDS:
            return np.arange(len(self.documents))
        rows = compared.nearest(NEAREST_VECTORS)
        of_documents = (
            np.maximum.reduceat(match.characters, self._wordings),
            np.maximum.reduceat(match.words, self._wordings),
            match.coverage,
        )
        brought = [_highest(scores, NEAREST_BY_WORDS) for scores in of_documents]
        return np.unique(np.concatenate([self._owners[rows], *brought]))

    def _table(
        self,
        query: str,
        compared: Comparison,
        match: LexicalMatch,
        numbers: Numbers,
        leave_out: int | None,
    ) -> Vectors:
        vector = compared.query
        counts = self._counts[numbers]
        places, there = _padded(counts)
        rows = self._rows[numbers][:, None] + places
        wordings = self._wordings[numbers][:, None] + places
        cosines = compared.cosines(rows)
        if leave_out is not None:
            there &= wordings != leave_out
        nearest = -np.sort(-np.where(there, cosines, -np.inf), axis=1)[:, :NEAREST_WORDINGS]
        known = np.isfinite(nearest)
        best = np.where(known[:, 0], nearest[:, 0], 0.0)
        typical = np.where(known, nearest, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        answer, both = self._answer_cosines(numbers, compared, best)
        named = self.names.named(query)
        asked = marks(query)
        guards = [differences(asked, *self._marks[number]) for number in numbers]
        table = np.column_stack(
            [
                best,
                typical,
                self._centroid_cosines(numbers, vector, leave_out),
                answer,
                both,
                np.where(there, match.characters[wordings], 0.0).max(axis=1),
                np.where(there, match.words[wordings], 0.0).max(axis=1),
                match.coverage[numbers],
                np.array(guards),
                [_names_topic(self._topics[number], named) for number in numbers],
                self._aspect_fit(numbers, vector),
                _best_of_topic(self._topic_numbers[numbers], typical),
            ]
        )
        length = float(np.log(max(1, len(query.split())) / USUAL_LENGTH))
        parts = [
            table[:, _places(names)] * weight
            for names, weight in (
                (STRANGE, self.strangeness),
                (BARE, self._bareness),
                (LONG, length),
            )
        ]
        return np.hstack([table, *parts]).astype(np.float32)

    def _answer_cosines(
        self, numbers: Numbers, compared: Comparison, best: Vectors
    ) -> tuple[Vectors, Vectors]:
        """Return the cosines with answer, and with question and answer.

        A document without an answer gets the usual cosine of the others, so that it neither wins
        nor loses by what it does not have; where none has an answer, the nearest wording's.
        """
        answered = self._answered[numbers]
        if not answered.any():
            return best, best
        rows = self._rows[numbers] + self._counts[numbers]
        answer = compared.cosines(np.where(answered, rows, 0))
        both = compared.cosines(np.where(answered, rows + 1, 0))
        return (
            np.where(answered, answer, answer[answered].mean()),
            np.where(answered, both, best),
        )

    def _centroid_cosines(
        self, numbers: Numbers, vector: Vectors, leave_out: int | None
    ) -> Vectors:
        """Return the cosine with the mean direction of each document's wordings."""
        sums = self._sums[numbers]
        if leave_out is not None:
            owner = int(np.searchsorted(self._wordings, leave_out, side="right")) - 1
            sums = np.where((numbers == owner)[:, None], sums - vector, sums)
        cosines: Vectors = inner_products(sums, vector) / np.maximum(
            np.linalg.norm(sums, axis=1), 1e-9
        )
        return cosines

    def _aspect_fit(self, numbers: Numbers, vector: Vectors) -> Floats:
        """Return per document the log-probability that its aspect is the one asked about."""
        classifier = self.calibration.aspects
        if classifier is None:
            return np.zeros(len(numbers))
        logs = classifier.log_probabilities(vector)[0]
        known = dict(zip(classifier.classes, np.maximum(logs, LEAST_ASPECT), strict=True))
        return np.array([known.get(self.documents[n].aspect, LEAST_ASPECT) for n in numbers])

    def unknown_words(self, query: str) -> list[str]:
        """Return the words of a question that no document knows."""
        return self.lexical.unknown_words(query)


def texts_of(documents: Sequence[Document]) -> list[str]:
    """Return the texts that get a vector, in the order their vectors must have."""
    return [text for document in documents for text in embedded_texts(document)]


def wish_features(query: str, vector: Vectors) -> Floats:
    """Return what tells a wish: the vector and the cues of ``knowledge.lexical``."""
    return np.array([*(vector * VECTOR_SCALE), *cues(query)], dtype=np.float64)


def _places(names: Sequence[str]) -> list[int]:
    return [SIGNALS.index(name) for name in names]


def _check(documents: Sequence[Document], vectors: Vectors) -> None:
    if not documents:
        raise DocumentError("there is nothing to search: the corpus is empty")
    ids = [document.id for document in documents]
    if len(set(ids)) < len(ids):
        twice = next(name for place, name in enumerate(ids) if name in ids[:place])
        raise DocumentError(f"two documents have the id {twice!r}")
    texts = sum(map(text_count, documents))
    if len(vectors) != texts:
        raise DocumentError(f"{len(vectors)} vectors for {texts} texts")


def _starts(counts: npt.NDArray[np.int64]) -> Numbers:
    starts: Numbers = np.r_[0, np.cumsum(counts)[:-1]].astype(np.int64)
    return starts


def _spread(starts: Numbers, counts: Numbers) -> Numbers:
    """Return the numbers of all rows of some runs, given where each starts and how long it is."""
    ends = np.cumsum(counts)
    rows: Numbers = np.repeat(starts - np.r_[0, ends[:-1]], counts) + np.arange(ends[-1])
    return rows


def _sums(vectors: Vectors, starts: Numbers, counts: Numbers) -> Vectors:
    """Return the sum of the vectors of each run."""
    found = np.zeros((len(starts), vectors.shape[1]), dtype=np.float32)
    for place in range(int(counts.max(initial=0))):
        there = counts > place
        found[there] += vectors[starts[there] + place]
    return found


def _padded(counts: Numbers) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Return offsets of each run's rows as a table, and which are there (others point at 0)."""
    offsets = np.arange(int(counts.max()))
    there = offsets < counts[:, None]
    return np.where(there, offsets, 0), there


def _highest(scores: Vectors, count: int) -> Numbers:
    """Return the places of the highest scores above zero."""
    count = min(count, len(scores))
    places: Numbers = np.argpartition(-scores, count - 1)[:count]
    found: Numbers = places[scores[places] > 0]
    return found


def _best_of_topic(topics: Numbers, typical: Vectors) -> Vectors:
    kinds, places = np.unique(topics, return_inverse=True)
    highest = np.full(len(kinds), -np.inf)
    np.maximum.at(highest, places, typical)
    return highest[places]


def _marks_of(
    documents: Sequence[Document], previous: Retriever | None
) -> list[tuple[Marks, Marks]]:
    """Return per document the marks of all it says, and of its question."""
    before = zip(previous.documents, previous._marks, strict=True) if previous else ()
    known = {id(item): found for item, found in before}
    return [
        known.get(id(item)) or (marks(item.text[:LONGEST_TEXT]), marks(item.wordings[0]))
        for item in documents
    ]


def _strangeness(embedder: Embedder, documents: Sequence[Document]) -> float:
    """Return how strange a corpus is to the model: pieces per word, above plain English."""
    texts = [item.wordings[0] for item in documents[:STRANGENESS_FROM]]
    return embedder.strangeness(texts)


def _lead(first: float, others: Floats) -> float:
    """Return how far the first is ahead, up to a limit beyond which more says nothing."""
    nearest = others.max(initial=-np.inf)
    return min(float(first - nearest), FAR_LEAD)


def _names_topic(slug: str, named: frozenset[str]) -> float:
    if not named:
        return 0.0
    return 1.0 if slug in named else -1.0
