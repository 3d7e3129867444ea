"""Weights and thresholds: kept in a file, refused when damaged, and plain logistic arithmetic."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from knowledge.calibration import (
    SHIPPED,
    CalibrationError,
    confidence_features,
    load_calibration,
)
from knowledge.retriever import FEATURES
from tests.knowledge.small import CALIBRATION


def table(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_it_comes_back_from_its_file_unchanged(tmp_path: Path) -> None:
    CALIBRATION.save(tmp_path / "c.json")
    assert load_calibration(tmp_path / "c.json") == CALIBRATION


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", '{"model": "words"}'])
def test_it_refuses_a_damaged_file_and_says_what_to_do(tmp_path: Path, content: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CalibrationError, match=r"c\.json is missing or damaged: run `python -m"):
        load_calibration(file)


def test_it_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="missing or damaged"):
        load_calibration(tmp_path / "nowhere.json")


def test_it_refuses_a_field_that_it_does_not_know(tmp_path: Path) -> None:
    CALIBRATION.save(tmp_path / "c.json")
    raw = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    (tmp_path / "c.json").write_text(json.dumps(raw | {"mood": 1}), encoding="utf-8")
    with pytest.raises(CalibrationError):
        load_calibration(tmp_path / "c.json")


def test_the_shipped_one_fits_the_signals_and_its_thresholds_are_in_order() -> None:
    shipped = load_calibration(SHIPPED)
    assert len(shipped.rank_weights) == len(FEATURES)
    assert len(shipped.confidence_weights) == 2 + len(FEATURES)
    assert 0 < shipped.clarify_at < shipped.answer_at < 1
    assert 0 < shipped.emergency_at < 1


def test_it_ranks_by_weighted_signals() -> None:
    signals = table([1, 0, 0, 0, 0, 0], [0.5, 9, 9, 9, 1, 1], [0, 0, 0, 0, 0, -1])
    assert CALIBRATION.rank(signals).tolist() == pytest.approx([1.0, 1.0, -8.0])


def test_its_confidence_looks_at_score_lead_and_signals_of_the_first() -> None:
    rows = table([3, 1, 2, 3, 4, 5, 6], [1, 0, 0, 0, 0, 0, 0])
    assert confidence_features(rows).tolist() == [3, 2, 1, 2, 3, 4, 5, 6]


def test_its_confidence_is_a_probability() -> None:
    first = [2.0, 0, 0, 0, 0, 0, 0]
    second = [1.5, 0, 0, 0, 0, 0, 0]
    expected = 1 / (1 + math.exp(-(2.0 + 0.5 - 1.0)))
    assert CALIBRATION.confidence(table(first, second)) == pytest.approx(expected)


def test_a_single_candidate_leads_by_no_more_than_ten() -> None:
    first = [2.0, 0, 0, 0, 0, 0, 0]
    far = [-500.0, 0, 0, 0, 0, 0, 0]
    assert confidence_features(table(first))[1] == 10.0
    assert confidence_features(table(first, far))[1] == 10.0


def test_nothing_found_is_no_confidence() -> None:
    assert CALIBRATION.confidence(np.empty((0, 7), dtype=np.float32)) == 0.0


def test_extreme_scores_do_not_overflow() -> None:
    far = [1e6, 0, 0, 0, 0, 0, 0]
    assert CALIBRATION.confidence(table(far)) == pytest.approx(1.0)
    assert CALIBRATION.confidence(table([-1e6, *far[1:]])) == pytest.approx(0.0)
