"""Weights and thresholds: kept in a file, refused when damaged, and plain logistic arithmetic."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowledge.calibration import (
    CONFIDENCE_FEATURES,
    SHIPPED,
    CalibrationError,
    Classifier,
    load_calibration,
)
from knowledge.entry import Aspect
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


def test_classifiers_come_back_unchanged_too(tmp_path: Path) -> None:
    wishes = Classifier(("dose", "question"), ((1.0, -1.0), (0.5, 2.0)), (0.0, 0.25))
    replace(CALIBRATION, wishes=wishes).save(tmp_path / "c.json")
    assert load_calibration(tmp_path / "c.json").wishes == wishes


def test_a_row_of_numbers_stays_on_one_line(tmp_path: Path) -> None:
    aspects = Classifier(("a", "b"), ((1.0,) * 50, (2.0,) * 50), (0.0, 0.0))
    replace(CALIBRATION, aspects=aspects).save(tmp_path / "c.json")
    assert len((tmp_path / "c.json").read_text(encoding="utf-8").splitlines()) < 40


def test_the_shipped_one_fits_the_signals_and_its_thresholds_are_in_order() -> None:
    shipped = load_calibration(SHIPPED)
    assert len(shipped.rank_weights) == len(FEATURES)
    assert len(shipped.confidence_weights) == len(CONFIDENCE_FEATURES) + len(FEATURES)
    assert 0 < shipped.clarify_at < shipped.answer_at < 1
    assert 0 < shipped.emergency_at < 1
    assert 0 < shipped.declines_at < 1


def test_the_shipped_one_knows_every_aspect_and_wish() -> None:
    shipped = load_calibration(SHIPPED)
    assert shipped.aspects is not None
    assert shipped.wishes is not None
    assert set(shipped.aspects.classes) == {aspect.value for aspect in Aspect}
    assert set(shipped.wishes.classes) == {"question", "diagnosis", "dose"}
    assert SHIPPED.stat().st_size < 2_000_000


def test_it_ranks_by_weighted_signals() -> None:
    rows = [[1, 0, 0, 0, 0, 0], [0.5, 9, 9, 9, 1, 1], [0, 0, 0, 0, 0, -1]]
    signals = table(*(row + [9] * (len(FEATURES) - 6) for row in rows))
    assert CALIBRATION.rank(signals).tolist() == pytest.approx([8.0, 8.0, -1.0])


def confidence_row(score: float, lead: float) -> np.ndarray:
    return np.array([score, lead] + [7.0] * (len(CALIBRATION.confidence_weights) - 2))


def test_its_confidence_is_a_probability() -> None:
    expected = 1 / (1 + math.exp(-(9.0 + 0.5 - 8.0)))
    assert CALIBRATION.confidence(confidence_row(9.0, 0.5)) == pytest.approx(expected)


def test_extreme_scores_do_not_overflow() -> None:
    assert CALIBRATION.confidence(confidence_row(1e6, 0)) == pytest.approx(1.0)
    assert CALIBRATION.confidence(confidence_row(-1e6, 0)) == pytest.approx(0.0)


def test_a_classifier_gives_probabilities_that_add_up() -> None:
    classifier = Classifier(("a", "b"), ((1.0, 0.0), (0.0, 1.0)), (0.0, 1.0))
    found = np.exp(classifier.log_probabilities(np.array([[1.0, 0.0], [0.0, 900.0]])))
    assert found.sum(axis=1).tolist() == pytest.approx([1.0, 1.0])
    assert found[0].tolist() == pytest.approx([0.5, 0.5])
    assert found[1].tolist() == pytest.approx([0.0, 1.0])
