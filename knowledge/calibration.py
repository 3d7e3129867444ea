"""Learnt weights and thresholds: what turns signals into an order, and an order into a decision.

``python -m knowledge calibrate`` fits them on labelled questions and writes ``calibration.json``;
nobody sets a threshold by hand. Two logistic regressions: one tells the right entry from the others
(the order), one tells whether the first is right at all (the confidence).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

SHIPPED = Path(__file__).parent / "calibration.json"
Table = npt.NDArray[np.float32]


class CalibrationError(Exception):
    """The calibration file cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Calibration:
    """Weights and thresholds.

    Attributes:
        model: embedding model they were learnt with; they hold for no other.
        rank_weights: one per signal of the retriever.
        rank_bias: added to the weighted signals.
        confidence_weights: for the first candidate's score, its lead over the second, and its
            signals.
        confidence_bias: added to them.
        answer_at: confidence from which the first candidate is shown as the answer.
        clarify_at: confidence from which the best candidates are offered to choose from.
        emergency_at: cosine with an emergency exemplar from which the call-now line appears.
        fitted_on: what they were learnt on, and the figures reached there.
    """

    model: str
    rank_weights: tuple[float, ...]
    rank_bias: float
    confidence_weights: tuple[float, ...]
    confidence_bias: float
    answer_at: float
    clarify_at: float
    emergency_at: float
    fitted_on: dict[str, float | str]

    def rank(self, features: Table) -> npt.NDArray[np.float64]:
        """Return the log-odds of each entry to be the right one, from its signals."""
        scores: npt.NDArray[np.float64] = features @ np.array(self.rank_weights) + self.rank_bias
        return scores

    def confidence(self, table: Table) -> float:
        """Return the probability that the first of some candidates is right, 0 to 1.

        Args:
            table: score and signals per candidate, best first.
        """
        if not len(table):
            return 0.0
        logit = float(confidence_features(table) @ np.array(self.confidence_weights))
        return float(1 / (1 + np.exp(-np.clip(logit + self.confidence_bias, -50, 50))))

    def save(self, file: Path) -> None:
        """Write the calibration."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def confidence_features(table: Table) -> npt.NDArray[np.float64]:
    """Return what the confidence looks at: score, lead over the second, signals of the first."""
    lead = table[0, 0] - table[1, 0] if len(table) > 1 else 10.0
    return np.array([table[0, 0], min(float(lead), 10.0), *table[0, 1:]], dtype=np.float64)


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
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(
            f"{file.name} is missing or damaged: run `python -m knowledge calibrate`"
        ) from error
