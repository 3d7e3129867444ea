"""The vector index, over vectors made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.index import Row, VectorIndex

ROWS = [Row(0, "question", "east"), Row(1, "question", "north"), Row(1, "variant", "north-east")]
HALF = 2**-0.5
VECTORS = np.array([[1, 0], [0, 1], [HALF, HALF]], dtype=np.float32)
NEARLY_EAST = np.array([0.8, 0.6], dtype=np.float32)


def test_it_returns_the_nearest_rows_best_first() -> None:
    hits = VectorIndex(ROWS, VECTORS).search(NEARLY_EAST, 2)
    assert [hit.row.text for hit in hits] == ["north-east", "east"]
    assert [hit.cosine for hit in hits] == pytest.approx([1.4 * HALF, 0.8])


def test_it_returns_no_more_rows_than_it_has() -> None:
    assert len(VectorIndex(ROWS, VECTORS).search(NEARLY_EAST, 50)) == 3


def test_it_returns_every_cosine_in_the_order_of_the_rows() -> None:
    cosines = VectorIndex(ROWS, VECTORS).cosines(NEARLY_EAST)
    assert cosines.tolist() == pytest.approx([0.8, 0.6, 1.4 * HALF])


@pytest.mark.parametrize("count", [0, 2])
def test_it_refuses_vectors_that_do_not_fit_its_rows(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} rows for 3 vectors"):
        VectorIndex(ROWS[:count], VECTORS)


def test_it_refuses_to_be_empty() -> None:
    with pytest.raises(ValueError, match="0 rows"):
        VectorIndex([], VECTORS[:0])
