"""Learnt weights and thresholds: what turns signals into an order, and an order into a decision.

``python -m knowledge calibrate`` fits them on labelled questions and writes ``calibration.json``;
nobody sets a threshold by hand. One model tells the right entry from the others (the order), one
whether the first is right at all (the confidence), one which aspect a question asks about, and one
whether it wishes for a diagnosis or a dose.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SHIPPED = Path(__file__).parent / "calibration.json"
Table = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

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
        answer_at: confidence from which the first candidate is shown as the answer.
        clarify_at: confidence from which the best candidates are offered to choose from.
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
        logit = float(features @ np.array(self.confidence_weights))
        return float(1 / (1 + np.exp(-np.clip(logit + self.confidence_bias, -50, 50))))

    def save(self, file: Path) -> None:
        """Write the calibration, one line per number or row of numbers."""
        file.write_text(_lines(asdict(self)) + "\n", encoding="utf-8")


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
                "aspects": _classifier(raw["aspects"]),
                "wishes": _classifier(raw["wishes"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(
            f"{file.name} is missing or damaged: run `python -m knowledge calibrate`"
        ) from error


def _classifier(raw: dict[str, Any] | None) -> Classifier | None:
    if raw is None:
        return None
    return Classifier(tuple(raw["classes"]), tuple(map(tuple, raw["weights"])), tuple(raw["bias"]))


def rounded(values: Sequence[float] | npt.NDArray[Any], digits: int = 5) -> tuple[float, ...]:
    """Return numbers short enough to be kept in a file."""
    return tuple(round(float(value), digits) for value in values)
