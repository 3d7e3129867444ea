"""The vector index: FAISS over all vectors of a release.

A curated corpus stays far below what one flat index searches in a millisecond or two, and a flat
index is exact: there is nothing to tune and nothing to miss. Past that, an inverted file with one
byte per number takes over; it looks at the nearest cells only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from knowledge.embedder import Vectors

Numbers = npt.NDArray[np.int64]
EXACT_UP_TO = 200_000
"""Vectors up to which every one is compared; `make bench` prints the cost of both kinds."""
TRAINED_ON = 100_000
PROBES = 24
"""Cells that a query looks into, of one cell per about 500 vectors."""
PER_CELL = 500


class VectorError(ValueError):
    """The vectors cannot be indexed; the message says what is wrong with them."""


class VectorIndex:
    """Vectors of length 1, so that the inner product is the cosine."""

    def __init__(self, vectors: Vectors, exact_up_to: int = EXACT_UP_TO) -> None:
        """Build the index.

        Args:
            vectors: shape ``(count, dimensions)``, each of length 1; at least one. An exact index
                keeps this very array.
            exact_up_to: how many vectors are searched one by one.

        Raises:
            VectorError: there are none, or one holds something that is no number.
        """
        if vectors.ndim != 2 or not len(vectors):
            raise VectorError("an index needs at least one vector")
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(broken):
            raise VectorError(f"vector {broken[0]} holds something that is no number")
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self.is_exact = len(vectors) <= exact_up_to
        self._shape = vectors.shape
        if self.is_exact:
            self._table = vectors
        else:
            # It has its own methods beside those of every index.
            self._cells: Any = _in_cells(vectors)

    def __len__(self) -> int:
        """Return the number of vectors."""
        return int(self._shape[0])

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return int(self._shape[1])

    def compare(self, query: Vectors) -> Comparison:
        """Return the cosines of one query with the vectors, as far as they are asked for.

        Args:
            query: shape ``(dimensions,)``.

        Raises:
            VectorError: the query has another length, or holds something that is no number.
        """
        self._check(query)
        every = inner_products(self.vectors(), query) if self.is_exact else None
        return Comparison(self, query, every)

    def nearest(self, query: Vectors, top_k: int) -> tuple[Numbers, Vectors]:
        """Return the numbers and cosines of the vectors nearest to one query, best first.

        Args:
            query: shape ``(dimensions,)``.
            top_k: how many at most.

        Raises:
            VectorError: the query has another length, or holds something that is no number.
        """
        self._check(query)
        if self.is_exact:
            compared = self.compare(query)
            numbers = compared.nearest(top_k)
            cosines = compared.cosines(numbers)
            order = np.argsort(-cosines, kind="stable")
            return numbers[order], cosines[order]
        cosines, numbers = self._cells.search(query.reshape(1, -1), min(top_k, len(self)))
        found = numbers[0] >= 0
        return numbers[0][found], cosines[0][found]

    def _check(self, query: Vectors) -> None:
        if query.shape != (self.dimensions,):
            raise VectorError(
                f"the query's vector has {query.size} numbers, the index {self.dimensions}: "
                "they were made by different models"
            )
        if not np.isfinite(query).all():
            raise VectorError("the query's vector holds something that is no number")

    def vectors(self, numbers: npt.NDArray[np.integer] | None = None) -> Vectors:
        """Return some vectors by their numbers, or all of them."""
        if not self.is_exact:
            wanted = np.arange(len(self)) if numbers is None else numbers
            found: Vectors = self._cells.reconstruct_batch(np.asarray(wanted, dtype=np.int64))
            return found
        return self._table if numbers is None else self._table[numbers]


@dataclass(frozen=True)
class Comparison:
    """One query against an index.

    Attributes:
        index: the index.
        query: the query's vector.
        every: its cosine with every vector, or None where there are too many to be compared.
    """

    index: VectorIndex
    query: Vectors
    every: Vectors | None

    def nearest(self, top_k: int) -> Numbers:
        """Return the numbers of the nearest vectors, in no order."""
        if self.every is None:
            return self.index.nearest(self.query, top_k)[0]
        top_k = min(top_k, len(self.every))
        return np.argpartition(-self.every, top_k - 1)[:top_k]

    def cosines(self, numbers: npt.NDArray[np.integer]) -> Vectors:
        """Return the cosines with some vectors, in the shape of their numbers."""
        if self.every is not None:
            found: Vectors = self.every[numbers]
            return found
        return inner_products(self.index.vectors(numbers.ravel()), self.query).reshape(
            numbers.shape
        )


def inner_products(rows: Vectors, query: Vectors) -> Vectors:
    """Return the inner product of each row with one query.

    On the thread that asks: NumPy's own product spreads even this over all cores and then waits
    for the busiest of them, which on a machine with other work takes twenty times as long.
    """
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    query = np.ascontiguousarray(query, dtype=np.float32)
    found = np.empty(len(rows), dtype=np.float32)
    pointers = map(faiss.swig_ptr, (found, query, rows))
    faiss.fvec_inner_products_ny(*pointers, len(query), len(rows))
    return found


def _in_cells(vectors: Vectors) -> faiss.Index:
    cells = max(1, len(vectors) // PER_CELL)
    chosen = np.random.default_rng(0).permutation(len(vectors))[: max(TRAINED_ON, cells)]
    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    index = faiss.IndexIVFScalarQuantizer(
        quantizer,
        vectors.shape[1],
        cells,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.cp.min_points_per_centroid = 1
    index.cp.niter = 6
    index.train(vectors[chosen])
    index.add(vectors)
    index.nprobe = min(PROBES, cells)
    index.make_direct_map()
    return index
