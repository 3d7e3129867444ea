"""The vector index, over vectors made by hand, and over many."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.embedder import Vectors
from knowledge.index import VectorError, VectorIndex, inner_products

HALF = 2**-0.5
VECTORS = np.array([[1, 0], [0, 1], [HALF, HALF]], dtype=np.float32)  # east, north, north-east
NEARLY_EAST = np.array([0.8, 0.6], dtype=np.float32)


def directions(count: int, dimensions: int, seed: int) -> Vectors:
    """Return random vectors of length 1."""
    made = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def test_it_returns_the_nearest_vectors_best_first() -> None:
    numbers, cosines = VectorIndex(VECTORS).nearest(NEARLY_EAST, 2)
    assert numbers.tolist() == [2, 0]
    assert cosines.tolist() == pytest.approx([1.4 * HALF, 0.8])


def test_it_returns_no_more_vectors_than_it_has() -> None:
    index = VectorIndex(VECTORS)
    assert len(index.nearest(NEARLY_EAST, 50)[0]) == 3
    assert sorted(index.compare(NEARLY_EAST).nearest(50).tolist()) == [0, 1, 2]


def test_it_returns_the_cosines_asked_for_in_their_shape() -> None:
    compared = VectorIndex(VECTORS).compare(NEARLY_EAST)
    found = compared.cosines(np.array([[2, 0], [1, 1]]))
    assert found.tolist() == [pytest.approx([1.4 * HALF, 0.8]), pytest.approx([0.6, 0.6])]


def test_it_gives_its_vectors_back() -> None:
    index = VectorIndex(VECTORS)
    assert (len(index), index.dimensions, index.is_exact) == (3, 2, True)
    assert np.array_equal(index.vectors(), VECTORS)
    assert np.array_equal(index.vectors(np.array([2, 0])), VECTORS[[2, 0]])


def test_comparing_all_finds_what_a_search_finds() -> None:
    vectors = directions(300, 16, seed=1)
    index, query = VectorIndex(vectors), directions(1, 16, seed=2)[0]
    numbers, cosines = index.nearest(query, 20)
    compared = index.compare(query)
    assert set(compared.nearest(20).tolist()) == set(numbers.tolist())
    assert np.allclose(compared.cosines(numbers), cosines, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inner_products_are_those_of_the_matrix(dtype: type) -> None:
    rows, query = directions(50, 16, seed=6).astype(dtype), directions(1, 16, seed=7)[0]
    found = inner_products(rows[::2], query)
    assert found.dtype == np.float32
    assert np.allclose(found, rows[::2] @ query, atol=1e-6)
    assert inner_products(rows[:0], query).shape == (0,)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("vectors", [VECTORS[:0], VECTORS[0], np.zeros((0, 0), np.float32)])
def test_it_refuses_to_be_empty(vectors: Vectors) -> None:
    with pytest.raises(VectorError, match="needs at least one vector"):
        VectorIndex(vectors)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_it_names_the_vector_that_holds_no_number(number: float) -> None:
    broken = VECTORS.copy()
    broken[1, 0] = number
    with pytest.raises(VectorError, match="vector 1 holds something that is no number"):
        VectorIndex(broken)
    with pytest.raises(VectorError, match="query's vector holds something that is no number"):
        VectorIndex(VECTORS).compare(broken[1])


def test_it_refuses_a_query_of_another_model() -> None:
    index = VectorIndex(VECTORS)
    longer = np.ones(3, dtype=np.float32)
    for ask in (lambda: index.compare(longer), lambda: index.nearest(longer, 1)):
        with pytest.raises(VectorError, match="has 3 numbers, the index 2: they were made by diff"):
            ask()


def test_its_error_is_one_that_a_watch_of_releases_survives() -> None:
    assert issubclass(VectorError, ValueError)


# --- sketches -------------------------------------------------------------------------------------


def grouped(count: int, seed: int) -> Vectors:
    """Return vectors in groups, as texts on few subjects have them."""
    vectors = np.repeat(directions(count // 20, 96, seed), 20, axis=0)
    vectors += 0.6 * directions(len(vectors), 96, seed + 1)
    made: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return made


def found_share(index: VectorIndex, vectors: Vectors, seed: int) -> float:
    """Return which share of the 50 nearest vectors an index finds, over 50 queries."""
    queries = vectors[:: len(vectors) // 50][:50] + 0.3 * directions(50, vectors.shape[1], seed)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    shares = []
    for query in queries:
        wanted = set(np.argpartition(-(vectors @ query), 50)[:50].tolist())
        shares.append(len(wanted & set(index.compare(query).nearest(50).tolist())) / 50)
    return float(np.mean(shares))


def test_by_sketches_it_finds_most_with_their_exact_cosines() -> None:
    vectors = grouped(30_000, seed=20)
    index = VectorIndex(vectors)
    assert index.is_exact
    assert index.compare(vectors[0]).every is None
    # Noise in all directions alike is as hard as it gets.
    assert found_share(index, vectors, seed=22) > 0.9
    numbers, cosines = index.nearest(vectors[7], 3)
    assert numbers[0] == 7
    assert cosines.tolist() == pytest.approx((vectors[numbers] @ vectors[7]).tolist())
    assert np.array_equal(index.vectors(), vectors)


def test_what_a_changed_index_takes_over_it_finds_as_one_made_anew() -> None:
    before = grouped(3_000, seed=23)
    first = VectorIndex(before, scan_up_to=100)
    # The first 500 are gone, 40 others stand before what is left.
    fresh = directions(40, 96, seed=25)
    after = np.concatenate([fresh, before[500:]])
    kept = np.r_[np.full(40, -1), np.arange(500, 3_000)]
    changed = VectorIndex(after, first, kept, scan_up_to=100)
    assert found_share(changed, after, seed=26) > 0.99
    for number in (0, 39, 40, 2_000):
        assert changed.nearest(after[number], 1)[0].tolist() == [number]


def test_many_more_vectors_than_before_are_sketched_anew() -> None:
    few = grouped(1_000, seed=27)
    many = np.concatenate([few, -few, grouped(1_000, seed=29)])
    kept = np.r_[np.arange(1_000), np.full(2_000, -1)]
    grown = VectorIndex(many, VectorIndex(few, scan_up_to=100), kept, scan_up_to=100)
    assert found_share(grown, many, seed=31) > 0.99


def test_vectors_in_no_whole_pieces_are_compared_one_by_one() -> None:
    odd = directions(300, 31, seed=32)
    assert VectorIndex(odd, scan_up_to=100).compare(odd[5]).nearest(1).tolist() == [5]


# --- cells ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many() -> tuple[Vectors, VectorIndex]:
    """A hundred thousand vectors in groups, as texts on few subjects have them; in cells."""
    centres = directions(500, 32, seed=3)
    vectors = np.repeat(centres, 200, axis=0) + 0.6 * directions(100_000, 32, seed=4)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, VectorIndex(vectors, exact_up_to=1000)


def test_in_cells_it_finds_nearly_all_that_comparing_every_vector_finds(
    many: tuple[Vectors, VectorIndex],
) -> None:
    vectors, index = many
    assert not index.is_exact
    queries = vectors[::2000] + 0.3 * directions(50, 32, seed=5)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    shares = []
    for query in queries:
        wanted = set(np.argpartition(-(vectors @ query), 50)[:50].tolist())
        found = index.compare(query).nearest(50).tolist()
        shares.append(len(wanted & set(found)) / 50)
    assert float(np.mean(shares)) >= 0.9


def test_in_cells_its_cosines_are_nearly_exact(many: tuple[Vectors, VectorIndex]) -> None:
    vectors, index = many
    query, numbers = vectors[17], np.array([[17, 99_999], [50_000, 3]])
    compared = index.compare(query)
    assert np.allclose(compared.cosines(numbers), vectors[numbers] @ query, atol=0.02)
    assert 17 in compared.nearest(5)
    best, cosines = index.nearest(query, 5)
    assert cosines.tolist() == sorted(cosines.tolist(), reverse=True)
    assert len(best) == 5


def test_in_cells_it_can_be_smaller_than_a_cell() -> None:
    index = VectorIndex(VECTORS, exact_up_to=1)
    assert index.nearest(NEARLY_EAST, 9)[0].tolist() == [2, 0, 1]
    assert np.allclose(index.vectors(), VECTORS, atol=0.01)
