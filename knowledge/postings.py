"""Sparse text statistics: which texts hold which terms, and how much each term tells.

Terms are hashed, so a text is counted once and for all: a new release counts only the texts that
the one before did not have. scikit-learn counts, SciPy multiplies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import HashingVectorizer

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Analyzer = Callable[[str], list[str]]
TERMS = 2**20
SATURATION = 1.2
"""BM25's k1: how soon more of the same word tells nothing more (Robertson and Zaragoza, 2009)."""
LENGTH_PENALTY = 0.75
"""BM25's b: how much a long text is held against its words."""
KEEP_COUNTS_UP_TO = 300_000
"""Texts up to which the raw counts stay in memory for the next release."""


class Postings:
    """The terms of many texts, ready to be compared with a query."""

    def __init__(
        self,
        texts: Sequence[str],
        analyzer: Analyzer | Literal["characters"],
        weighting: Literal["cosine", "bm25", "share"],
        previous: Postings | None = None,
        kept: Numbers | None = None,
    ) -> None:
        """Count and weigh.

        Args:
            texts: what to search; may be empty texts.
            analyzer: splits a text into terms; "characters" takes pieces of 3 to 5 letters.
            weighting: "cosine" of TF-IDF vectors (0 to 1), "bm25" over what a perfect text would
                reach (0 to 1), or the "share" of the query's terms that a text has, by rarity.
            previous: made from nearly the same texts; what it counted is not counted again.
            kept: per text its place in ``previous``, or -1.
        """
        self._vectorizer = _vectorizer(analyzer)
        self._analyze: Analyzer = self._vectorizer.build_analyzer()
        self._weighting = weighting
        counts = self._count(texts, previous, kept)
        self._counts = counts if len(texts) <= KEEP_COUNTS_UP_TO else None
        total = max(1, len(texts))
        found_in = np.bincount(counts.indices, minlength=TERMS).astype(np.float32)
        self._rarity = (np.log((1 + total) / (1 + found_in)) + 1).astype(np.float32)
        self._texts_of = self._weighed(counts).T.tocsr()

    def scores(self, query: str) -> Floats:
        """Return how well each text fits a query, 0 to 1, in the order of the texts."""
        terms, weights = self._query(query)
        texts_of, count = self._texts_of, self._texts_of.shape[1]
        begins, ends = texts_of.indptr[terms], texts_of.indptr[terms + 1]
        if not (ends - begins).any():
            return np.zeros(count, dtype=np.float32)
        # Only the terms asked for, side by side: a product with the whole matrix would first count
        # what it is going to hold.
        runs = [slice(*run) for run in zip(begins, ends, strict=True)]
        asked = sparse.csc_matrix(
            (
                np.concatenate([texts_of.data[run] for run in runs]),
                np.concatenate([texts_of.indices[run] for run in runs]),
                np.r_[0, np.cumsum(ends - begins)],
            ),
            shape=(count, len(terms)),
        )
        found: Floats = asked @ weights
        return found

    def _query(self, query: str) -> tuple[Numbers, Floats]:
        """Return the terms of a query with their weights, scaled so that scores end at 1."""
        from sklearn.utils import murmurhash3_32

        asked = self._analyze(_encodable(query))
        hashes = np.array([murmurhash3_32(term) for term in asked], dtype=np.int64)
        terms, counts = np.unique(np.abs(hashes) % TERMS, return_counts=True)
        rarity = self._rarity[terms]
        if self._weighting == "cosine":
            weights = (1 + np.log(counts.astype(np.float32))) * rarity
            return terms, weights / np.float32(max(float(np.linalg.norm(weights)), 1e-9))
        return terms, rarity / np.float32(max(float(rarity.sum()), 1e-9))

    def _count(
        self, texts: Sequence[str], previous: Postings | None, kept: Numbers | None
    ) -> sparse.csr_matrix:
        if previous is None or previous._counts is None or kept is None:
            return self._vectorizer.transform(map(_encodable, texts))
        new = np.flatnonzero(kept < 0)
        if not len(new):
            return previous._counts[kept]
        counted = self._vectorizer.transform(_encodable(texts[int(place)]) for place in new)
        places = kept.copy()
        places[new] = previous._counts.shape[0] + np.arange(len(new))
        return sparse.vstack([previous._counts, counted], format="csr")[places]

    def _weighed(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        weighed = counts.astype(np.float32, copy=True)
        rows = np.repeat(np.arange(weighed.shape[0]), np.diff(weighed.indptr))
        if self._weighting == "share":
            weighed.data = np.ones_like(weighed.data)
        elif self._weighting == "cosine":
            weighed.data = (1 + np.log(weighed.data)) * self._rarity[weighed.indices]
            lengths = np.sqrt(np.bincount(rows, weighed.data**2, minlength=weighed.shape[0]))
            weighed.data = (weighed.data / np.maximum(lengths, 1e-9)[rows]).astype(np.float32)
        else:
            lengths = np.bincount(rows, weighed.data, minlength=weighed.shape[0])
            usual = max(float(lengths.mean()), 1e-9) if len(lengths) else 1.0
            long = SATURATION * (1 - LENGTH_PENALTY + LENGTH_PENALTY * lengths / usual)
            tf = weighed.data / (weighed.data + long[rows])
            weighed.data = tf.astype(np.float32)
        return weighed


def _encodable(text: str) -> str:
    """Return a text without halves of surrogate pairs: they have no encoding, so no hash either."""
    return text.encode("utf-8", "replace").decode()


def _vectorizer(analyzer: Analyzer | Literal["characters"]) -> HashingVectorizer:
    # Only here: it takes a second to load, and most commands never search.
    from sklearn.feature_extraction.text import HashingVectorizer

    settings = {"n_features": TERMS, "norm": None, "alternate_sign": False, "dtype": np.float32}
    if analyzer == "characters":
        return HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **settings)
    return HashingVectorizer(analyzer=analyzer, **settings)
