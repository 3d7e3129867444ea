"""Weights and thresholds: kept in a file, refused when damaged, and plain logistic arithmetic."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge.calibration import (
    CONFIDENCE_FEATURES,
    GENERAL,
    SHIPPED,
    CalibrationError,
    Classifier,
    along,
    load_calibration,
)
from knowledge.entry import Aspect
from knowledge.learning import CURVE_POINTS, curve
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
    with pytest.raises(
        CalibrationError, match=r"c\.json is missing or damaged: make it anew with `python -m"
    ):
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
    told = [
        {"best": 1.0, "coverage": 0.0, "topic": 0.0},
        {"best": 0.5, "coverage": 1.0, "topic": 1.0},
        {"best": 0.0, "coverage": 0.0, "topic": -1.0},
    ]
    signals = table(*([row.get(name, 9.0) for name in FEATURES] for row in told))
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


# --- curves ---------------------------------------------------------------------------------------

CURVE = ((0.2, 0.1), (0.6, 0.5), (0.8, 0.9))


@pytest.mark.parametrize(
    ("value", "height"),
    [(0.0, 0.1), (0.2, 0.1), (0.4, 0.3), (0.6, 0.5), (0.7, 0.7), (0.8, 0.9), (1.0, 0.9)],
)
def test_between_two_points_it_goes_along_the_line(value: float, height: float) -> None:
    assert along(CURVE, value) == pytest.approx(height)


def test_without_a_curve_a_confidence_stays_what_it_is() -> None:
    assert along((), 0.37) == 0.37


def test_confidence_and_offer_are_read_from_their_own_curves() -> None:
    curved = replace(
        CALIBRATION, right_curve=((0.0, 0.0), (1.0, 0.5)), offer_curve=((0.0, 0.5), (1.0, 1.0))
    )
    row = confidence_row(8.0, 0.0)
    assert curved.raw_confidence(row) == pytest.approx(0.5)
    assert curved.confidence(row) == pytest.approx(0.25)
    assert curved.offer(row) == pytest.approx(0.75)


def test_a_learnt_curve_rises_and_no_two_confidences_become_one() -> None:
    random = np.random.default_rng(0)
    raw = random.uniform(size=800)
    happened = random.uniform(size=800) < raw**2
    learnt = curve(raw, happened)
    xs, ys = zip(*learnt, strict=True)
    assert 2 <= len(learnt) <= CURVE_POINTS
    assert list(xs) == sorted(set(xs))
    assert list(ys) == sorted(set(ys))
    assert 0 <= ys[0] < ys[-1] <= 1
    inside = np.linspace(xs[0], xs[-1], 200)
    assert (np.diff([along(learnt, value) for value in inside]) > 0).all()
    assert along(learnt, 0.5) == pytest.approx(0.25, abs=0.1)


def test_a_curve_of_one_outcome_is_that_outcome() -> None:
    flat = curve(np.array([0.2, 0.4, 0.9]), np.array([True, True, True]))
    assert along(flat, 0.1) == along(flat, 0.95) == 1.0


# --- what is learnt anew with a release -----------------------------------------------------------


def test_a_refit_comes_back_from_json_unchanged() -> None:
    refitted = replace(
        CALIBRATION,
        confidence_weights=tuple(0.5 * w for w in CALIBRATION.confidence_weights),
        confidence_bias=-1.25,
        right_curve=CURVE,
        offer_curve=CURVE[1:],
    )
    body = json.loads(json.dumps(refitted.refit()))
    assert CALIBRATION.with_refit(body) == refitted


def test_a_refit_leaves_order_and_limits_alone() -> None:
    other = replace(CALIBRATION, answer_at=0.99, rank_weights=(1.0,) * len(FEATURES))
    found = CALIBRATION.with_refit(other.refit())
    assert (found.answer_at, found.rank_weights) == (
        CALIBRATION.answer_at,
        CALIBRATION.rank_weights,
    )


GOOD = CALIBRATION.refit()


@pytest.mark.parametrize(
    "body",
    [
        {**GOOD, "confidence_bias": float("nan")},
        {**GOOD, "right_curve": [[0.1, float("inf")]]},
        {},
        [],
        ["confidence_weights"],
        None,
        7,
        {name: value for name, value in GOOD.items() if name != "right_curve"},
        GOOD | {"confidence_weights": GOOD["confidence_weights"][1:]},
        GOOD | {"confidence_weights": [None] * len(GOOD["confidence_weights"])},
        GOOD | {"confidence_weights": "x" * len(GOOD["confidence_weights"])},
        GOOD | {"confidence_bias": "high"},
        GOOD | {"confidence_bias": None},
        GOOD | {"right_curve": [[0.1]]},
        GOOD | {"offer_curve": 3},
    ],
)
def test_a_damaged_refit_is_refused_with_advice(body: Any) -> None:
    with pytest.raises(CalibrationError, match="another version: publish again with `python -m"):
        CALIBRATION.with_refit(body)


def test_the_shipped_curves_rise() -> None:
    for file in (SHIPPED, GENERAL):
        shipped = load_calibration(file)
        for points in (shipped.right_curve, shipped.offer_curve):
            xs, ys = zip(*points, strict=True)
            assert list(xs) == sorted(set(xs))
            assert list(ys) == sorted(set(ys))


def test_the_one_for_any_corpus_fits_the_signals() -> None:
    general = load_calibration(GENERAL)
    assert len(general.rank_weights) == len(FEATURES)
    assert len(general.confidence_weights) == len(CONFIDENCE_FEATURES) + len(FEATURES)
