"""Learnt weights and thresholds: what turns signals into an order, and an order into a decision.

``python -m knowledge calibrate`` fits them on labelled questions and writes ``calibration.json``;
nobody sets a threshold by hand. One model tells the right entry from the others (the order), one
whether the first is right at all (the confidence), one which aspect a question asks about, and one
whether it wishes for a diagnosis or a dose.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SHIPPED = Path(__file__).parent / "calibration.json"
GENERAL = Path(__file__).parent / "general.json"
"""Weights for any corpus, learnt by ``python -m knowledge learn``."""
Table = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

Curve = tuple[tuple[float, float], ...]

CONFIDENCE_FEATURES = (
    "score",  # of the first candidate
    "lead",  # over the second
    "topic_lead",  # over the first candidate of another topic
    "share",  # of the first among all candidates, 0 to 1
    "topic_share",  # of its topic among all candidates, 0 to 1
    "uncovered",  # rarity of the words that the entry does not know, summed
    "rarest_uncovered",
    "words",  # that may carry a subject
    "length",  # logarithm of all words
    "diagnosis",  # log-odds that a diagnosis is wished for
    "dose",  # log-odds that a dose is wished for
    # then the signals of the first candidate, in the retriever's order
)


REFITTED = ("confidence_weights", "confidence_bias", "right_curve", "offer_curve")


class CalibrationError(Exception):
    """The calibration file cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Classifier:
    """A multinomial logistic regression over vectors.

    Attributes:
        classes: names of the classes.
        weights: one row per class.
        bias: one per class.
    """

    classes: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    @cached_property
    def _matrix(self) -> Numbers:
        return np.array(self.weights)

    def log_probabilities(self, rows: npt.NDArray[Any]) -> Numbers:
        """Return the logarithm of each class's probability, shape ``(rows, classes)``."""
        logits = np.atleast_2d(rows) @ self._matrix.T + np.array(self.bias)
        logits -= logits.max(axis=1, keepdims=True)
        found: Numbers = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return found


@dataclass(frozen=True)
class Calibration:
    """Weights and thresholds.

    Attributes:
        model: embedding model they were learnt with; they hold for no other.
        rank_weights: one per signal of the retriever.
        confidence_weights: one per ``CONFIDENCE_FEATURES`` and per signal of the first candidate.
        confidence_bias: added to them.
        right_curve: points ``(raw confidence, share of questions where the first was right)``,
            rising; between two points the line, outside them the nearest one.
        offer_curve: the same for the right one being among the first three.
        answer_at: the first candidate is shown as the answer only if it is right with at least this
            probability.
        clarify_at: a choice of three is offered only if the right one is among them with at least
            this probability.
        declines_at: probability from which a question is taken for one after a diagnosis or dose.
        emergency_at: cosine with an emergency exemplar from which the call-now line appears.
        fitted_on: what they were learnt on, and the figures reached there.
        aspects: tells from a vector which aspect is asked about; None knows no difference.
        wishes: tells from a vector and its cues what is wished for; None knows no difference.
    """

    model: str
    rank_weights: tuple[float, ...]
    confidence_weights: tuple[float, ...]
    confidence_bias: float
    answer_at: float
    clarify_at: float
    declines_at: float
    emergency_at: float
    fitted_on: dict[str, float | str]
    right_curve: Curve = ()
    offer_curve: Curve = ()
    aspects: Classifier | None = None
    wishes: Classifier | None = None

    def rank(self, features: Table) -> Numbers:
        """Return the score of each entry, from its signals.

        Differences between scores are log-odds of one entry against another.
        """
        scores: Numbers = features @ np.array(self.rank_weights)
        return scores

    def confidence(self, features: Numbers) -> float:
        """Return the probability that the first of some candidates is right, 0 to 1.

        Args:
            features: as ``CONFIDENCE_FEATURES`` and the signals of the first candidate.
        """
        return along(self.right_curve, self.raw_confidence(features))

    def offer(self, features: Numbers) -> float:
        """Return the probability that one of the first three candidates is right, 0 to 1."""
        return along(self.offer_curve, self.raw_confidence(features))

    def raw_confidence(self, features: Numbers) -> float:
        """Return the confidence before it is held against what was observed, 0 to 1."""
        logit = float(features @ np.array(self.confidence_weights))
        return float(1 / (1 + np.exp(-np.clip(logit + self.confidence_bias, -50, 50))))

    def refit(self) -> dict[str, Any]:
        """Return the part that is learnt anew whenever the index changes, as plain JSON."""
        whole = asdict(self)
        return {name: whole[name] for name in REFITTED}

    def with_refit(self, body: dict[str, Any]) -> Calibration:
        """Return this calibration with such a part in the place of its own.

        Raises:
            CalibrationError: the part is damaged, or of another version of Citewell.
        """
        try:
            if len(body["confidence_weights"]) != len(self.confidence_weights):
                raise ValueError("another number of signals")
            weights = (*map(float, body["confidence_weights"]), float(body["confidence_bias"]))
            curves = _curve(body["right_curve"]), _curve(body["offer_curve"])
            points = [number for curve in curves for point in curve for number in point]
            if not np.isfinite([*weights, *points]).all():
                raise ValueError("something that is no number")
            return replace(
                self,
                confidence_weights=weights[:-1],
                confidence_bias=weights[-1],
                right_curve=curves[0],
                offer_curve=curves[1],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(
                "the calibration kept with the release is damaged or of another version: "
                "publish again with `python -m knowledge publish`"
            ) from error

    def save(self, file: Path) -> None:
        """Write the calibration, one line per number or row of numbers."""
        file.write_text(_lines(asdict(self)) + "\n", encoding="utf-8")


def along(curve: Curve, value: float) -> float:
    """Return the height of a curve at a value; without a curve, the value itself."""
    if not curve:
        return value
    return float(np.interp(value, [x for x, _ in curve], [y for _, y in curve]))


def _lines(value: object, indent: str = "") -> str:
    """Return JSON in which a list of numbers stays on one line."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        parts = [
            f"{deeper}{json.dumps(key)}: {_lines(part, deeper)}" for key, part in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        parts = [f"{deeper}{json.dumps(part)}" for part in value]
        return "[\n" + ",\n".join(parts) + f"\n{indent}]"
    return json.dumps(value)


def load_calibration(file: Path = SHIPPED) -> Calibration:
    """Read a calibration.

    Raises:
        CalibrationError: the file is missing or damaged.
    """
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        return Calibration(
            **{
                **raw,
                "rank_weights": tuple(raw["rank_weights"]),
                "confidence_weights": tuple(raw["confidence_weights"]),
                "right_curve": _curve(raw["right_curve"]),
                "offer_curve": _curve(raw["offer_curve"]),
                "aspects": _classifier(raw["aspects"]),
                "wishes": _classifier(raw["wishes"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(
            f"{file.name} is missing or damaged: make it anew with `python -m knowledge "
            f"{'learn' if file == GENERAL else 'calibrate'}`"
        ) from error


def _curve(points: Sequence[Sequence[float]]) -> Curve:
    return tuple((float(x), float(y)) for x, y in points)


def _classifier(raw: dict[str, Any] | None) -> Classifier | None:
    if raw is None:
        return None
    return Classifier(tuple(raw["classes"]), tuple(map(tuple, raw["weights"])), tuple(raw["bias"]))


def rounded(values: Sequence[float] | npt.NDArray[Any], digits: int = 5) -> tuple[float, ...]:
    """Return numbers short enough to be kept in a file."""
    return tuple(round(float(value), digits) for value in values)
