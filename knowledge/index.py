"""The vector index: FAISS over all vectors of a release.

A curated corpus is small enough that every vector is compared, which is exact: there is nothing to
tune and nothing to miss. Past that, short sketches of the vectors (a product quantizer's, half a
byte for four numbers) say which thousand are worth comparing. Past what memory should hold, an
inverted file with one byte per number takes over; it looks at the nearest cells only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from knowledge.embedder import Vectors

Numbers = npt.NDArray[np.int64]
SCAN_UP_TO = 20_000
"""Vectors up to which every one is compared; `make bench-search` prints the cost."""
EXACT_UP_TO = 200_000
"""Vectors up to which all are kept as they are, 300 MB at 384 dimensions."""
PIECE = 4
"""Numbers that a sketch says in half a byte."""
SKETCHED = 1_000
"""Vectors that are compared after the sketches."""
SKETCHES_TRAINED_ON = 4_000
OUTGROWN = 2
"""Times as many vectors as it was trained on from which a quantizer is trained anew."""
TRAINED_ON = 100_000
PROBES = 24
"""Cells that a query looks into, of one cell per about 500 vectors."""
PER_CELL = 500


class VectorError(ValueError):
    """The vectors cannot be indexed; the message says what is wrong with them."""


class VectorIndex:
    """Vectors of length 1, so that the inner product is the cosine."""

    def __init__(
        self,
        vectors: Vectors,
        previous: VectorIndex | None = None,
        kept: Numbers | None = None,
        scan_up_to: int = SCAN_UP_TO,
        exact_up_to: int = EXACT_UP_TO,
    ) -> None:
        """Build the index.

        Args:
            vectors: shape ``(count, dimensions)``, each of length 1; at least one. An exact index
                keeps this very array.
            previous: an index of which some vectors are taken over.
            kept: per vector its number in ``previous``, or -1.
            scan_up_to: how many vectors are compared one by one.
            exact_up_to: how many vectors are kept as they are.

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
        self._sketches: Sketches | None = None
        if not self.is_exact:
            # It has its own methods beside those of every index.
            self._cells: Any = _in_cells(vectors)
            return
        self._table = vectors
        if len(vectors) > scan_up_to and vectors.shape[1] % PIECE == 0:
            before = previous._sketches if previous else None
            self._sketches = Sketches(vectors, before, kept)

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
        scanned = self.is_exact and self._sketches is None
        every = inner_products(self._table, query) if scanned else None
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
        top_k = min(top_k, len(self))
        if not self.is_exact:
            cosines, numbers = self._cells.search(query.reshape(1, -1), top_k)
            found = numbers[0] >= 0
            return numbers[0][found], cosines[0][found]
        if self._sketches:
            numbers = self._sketches.nearest(query, max(top_k, SKETCHED))
        else:
            numbers = np.arange(len(self))
        cosines = inner_products(self.vectors(numbers), query)
        order = np.argsort(-cosines, kind="stable")[:top_k]
        return numbers[order], cosines[order]

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
        every: its cosine with every vector, or None where there are too many.
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


class Sketches:
    """Vectors in a thirty-second of their size, to find those worth comparing."""

    def __init__(
        self, vectors: Vectors, previous: Sketches | None = None, kept: Numbers | None = None
    ) -> None:
        """Draw them.

        Args:
            vectors: shape ``(count, dimensions)``, dimensions in whole pieces.
            previous: of which some are taken over.
            kept: per vector its number in ``previous``, or -1.
        """
        count, dimensions = vectors.shape
        same = np.full(count, False) if kept is None else kept >= 0
        self._quantizer: Any
        self._trained_for: int
        if previous and previous.fits(count, dimensions):
            self._quantizer, self._trained_for = previous._quantizer, previous._trained_for
        else:
            self._quantizer, self._trained_for = _trained(vectors), count
            same[:] = False
        self._codes = np.empty((count, self._quantizer.code_size), dtype=np.uint8)
        if previous and kept is not None:
            self._codes[same] = previous._codes[kept[same]]
        if not same.all():
            self._codes[~same] = self._quantizer.compute_codes(vectors[~same])
        plain = faiss.IndexPQ(
            dimensions, self._quantizer.M, self._quantizer.nbits, faiss.METRIC_INNER_PRODUCT
        )
        plain.pq = self._quantizer
        faiss.copy_array_to_vector(self._codes.ravel(), plain.codes)
        plain.ntotal, plain.is_trained = count, True
        self._index = faiss.IndexPQFastScan(plain)

    def fits(self, count: int, dimensions: int) -> bool:
        """Tell whether so many vectors of that length can be sketched as these were."""
        return count <= OUTGROWN * self._trained_for and dimensions == int(self._quantizer.d)

    def nearest(self, query: Vectors, top_k: int) -> Numbers:
        """Return the numbers of the vectors whose sketches are nearest to a query."""
        numbers: Numbers = self._index.search(query.reshape(1, -1), top_k)[1][0]
        return numbers[numbers >= 0]


def _trained(vectors: Vectors) -> Any:
    """Return a product quantizer for vectors like these."""
    quantizer = faiss.ProductQuantizer(vectors.shape[1], vectors.shape[1] // PIECE, 4)
    quantizer.cp.niter = 10
    chosen = np.random.default_rng(0).permutation(len(vectors))[:SKETCHES_TRAINED_ON]
    quantizer.train(vectors[chosen])
    return quantizer


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
