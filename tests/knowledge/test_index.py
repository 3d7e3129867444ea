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
