"""The vector index: one FAISS row per wording, each row knowing whose wording it is.

A curated corpus stays far below what one flat index searches in a millisecond, and a flat index is
exact: there is nothing to tune and nothing to miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np

from knowledge.embedder import Vectors


@dataclass(frozen=True)
class Row:
    """What one vector stands for.

    Attributes:
        owner: number of the entry (or exemplar) it belongs to.
        field: "question", "variant" or "answer".
        text: the wording itself.
    """

    owner: int
    field: str
    text: str


@dataclass(frozen=True)
class Hit:
    """A row found near a query.

    Attributes:
        row: what was found.
        cosine: cosine similarity with the query, from -1 to 1.
    """

    row: Row
    cosine: float


class VectorIndex:
    """A flat index of vectors of length 1, so that the inner product is the cosine."""

    def __init__(self, rows: Sequence[Row], vectors: Vectors) -> None:
        """Build the index.

        Args:
            rows: what each vector stands for.
            vectors: shape ``(len(rows), dimensions)``.

        Raises:
            ValueError: there are not as many rows as vectors, or none.
        """
        if len(rows) != len(vectors) or not rows:
            raise ValueError(f"{len(rows)} rows for {len(vectors)} vectors")
        self.rows = tuple(rows)
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def search(self, query: Vectors, top_k: int) -> list[Hit]:
        """Return the rows nearest to one query vector of shape ``(dimensions,)``, best first."""
        scores, numbers = self._index.search(query.reshape(1, -1), min(top_k, len(self.rows)))
        return [
            Hit(self.rows[int(number)], float(score))
            for number, score in zip(numbers[0], scores[0], strict=True)
        ]

    def cosines(self, query: Vectors) -> Vectors:
        """Return the cosine of one query vector with every row, in the order of the rows."""
        scores, numbers = self._index.search(query.reshape(1, -1), len(self.rows))
        ordered = np.empty(len(self.rows), dtype=np.float32)
        ordered[numbers[0]] = scores[0]
        return ordered

    def vectors(self) -> Vectors:
        """Return every vector, in the order of the rows."""
        found: Vectors = self._index.reconstruct_n(0, len(self.rows))
        return found
