"""The reliability plot: of the questions with a confidence of 0.8, are 8 in 10 answered rightly?

``python -m knowledge reliability`` asks the held-back questions and draws it as SVG.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.settings import ROOT, KnowledgeSettings

if TYPE_CHECKING:
    from knowledge.answering import Answerer
    from knowledge.evaluation import Question

OUTPUT = ROOT / "docs" / "reliability.svg"
BINS = 10
Z95 = 1.96
"""Standard deviations that hold 95 % of a normal distribution."""

LEFT, TOP, SIDE = 70, 60, 400
"""The square of the plot, in units of the drawing."""
HISTOGRAM_TOP, HISTOGRAM_HEIGHT = TOP + SIDE + 24, 90
WIDTH, HEIGHT = LEFT + SIDE + 30, HISTOGRAM_TOP + HISTOGRAM_HEIGHT + 54


@dataclass(frozen=True)
class Asked:
    """How sure the search was of its first candidate, and whether that one was right."""

    confidence: float
    is_right: bool


@dataclass(frozen=True)
class Bin:
    """The questions whose confidence lies between two bounds.

    Attributes:
        low: lower bound, which belongs to the bin.
        high: upper bound, which belongs to the next bin, or is 1.
        questions: how many.
        predicted: their mean confidence; None where there are none.
        observed: share of them that were right; None where there are none.
        interval: Wilson's 95 % interval of that share; None where there are none.
    """

    low: float
    high: float
    questions: int
    predicted: float | None
    observed: float | None
    interval: tuple[float, float] | None


def wilson(right: int, questions: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson, 1927).

    Args:
        right: how many were right.
        questions: of how many; at least one.
    """
    share = right / questions
    spread = Z95**2 / questions
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * math.sqrt((share * (1 - share) + spread / 4) / questions)
    return max(0.0, middle - half), min(1.0, middle + half)


def bins_of(asked: Sequence[Asked], count: int = BINS) -> list[Bin]:
    """Return the questions in bins of equal width."""
    inside: list[list[Asked]] = [[] for _ in range(count)]
    for one in asked:
        inside[min(int(one.confidence * count), count - 1)].append(one)
    return [_bin(number / count, (number + 1) / count, one) for number, one in enumerate(inside)]


def _bin(low: float, high: float, asked: Sequence[Asked]) -> Bin:
    total = len(asked)
    if not total:
        return Bin(low, high, 0, None, None, None)
    right = sum(one.is_right for one in asked)
    predicted = sum(one.confidence for one in asked) / total
    return Bin(low, high, total, predicted, right / total, wilson(right, total))


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean gap of the bins, by their questions; 0 to 1.

    Without any question it is 0.
    """
    total = sum(one.questions for one in bins)
    gaps = (
        one.questions * abs(one.predicted - one.observed)
        for one in bins
        if one.predicted is not None and one.observed is not None
    )
    return sum(gaps) / max(1, total)


def ask(answerer: Answerer, questions: Sequence[Question]) -> list[Asked]:
    """Search for every question that stands by itself, without a conversation before it.

    A question that must not be answered is never right.
    """
    asked = []
    for question in questions:
        if question.context is not None:
            continue
        found = answerer.retriever.search(question.text)
        is_right = bool(found.candidates) and found.candidates[0].entry_id in question.right
        asked.append(Asked(found.confidence, is_right))
    return asked


def table(bins: Sequence[Bin]) -> list[str]:
    """Return the bins as lines of text."""
    lines = ["confidence  questions  predicted  observed  95 % interval"]
    for one in bins:
        lines.append(f"{one.low:.1f} - {one.high:.1f}  {one.questions:>9}{_figures(one)}")
    return lines


def _figures(one: Bin) -> str:
    if one.predicted is None or one.observed is None or one.interval is None:
        return f"{'–':>11}{'–':>10}"
    low, high = one.interval
    return f"{one.predicted:>11.3f}{one.observed:>10.3f}  {low:.3f} - {high:.3f}"


STYLE = """
svg { color-scheme: light dark; }
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.small { font-size: 11px; }
.head { font-size: 15px; font-weight: 600; }
.ground { fill: #ffffff; }
.axis { stroke: #59636e; fill: none; }
.grid { stroke: #d1d9e0; }
.ideal { stroke: #59636e; stroke-dasharray: 2 4; }
.limit { stroke: #9a4b00; stroke-dasharray: 7 4; }
.limit-name { fill: #9a4b00; }
.seen { stroke: #0550ae; stroke-width: 2; }
.dot, .bar { fill: #0550ae; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .ground { fill: #0d1117; }
  .axis, .ideal { stroke: #9198a1; }
  .grid { stroke: #3d444d; }
  .limit { stroke: #f0a35e; }
  .limit-name { fill: #f0a35e; }
  .seen { stroke: #79c0ff; }
  .dot, .bar { fill: #79c0ff; }
}
"""


def svg(bins: Sequence[Bin], answer_at: float, clarify_at: float) -> str:
    """Return the plot as an SVG document.

    Args:
        bins: what to draw.
        answer_at: confidence from which an answer is shown, 0 to 1.
        clarify_at: probability from which a choice is offered, 0 to 1.
    """
    total = sum(one.questions for one in bins)
    described = (
        f"{total} questions by how sure the search was of its first candidate. "
        f"{_told(bins)} The expected calibration error is {calibration_error(bins):.3f}. "
        f"Dashed lines: a choice is offered from {clarify_at:.2f}, an answer shown from "
        f"{answer_at:.2f}."
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="name told">',
        '<title id="name">Reliability: confidence and how often it was right</title>',
        f'<desc id="told">{described}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(LEFT, 28, "How often the first candidate was right", "head", "start"),
        *_axes(),
        *_limit(clarify_at, "offer"),
        *_limit(answer_at, "answer"),
        *(mark for one in bins for mark in _marks(one)),
        *_histogram(bins),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _told(bins: Sequence[Bin]) -> str:
    """Return the bins in words, for those who cannot see the plot."""
    return " ".join(
        f"From {one.low:.1f} to {one.high:.1f}: {one.questions} questions, "
        f"{one.observed:.0%} right."
        for one in bins
        if one.observed is not None
    )


def _across(value: float) -> float:
    return LEFT + SIDE * value


def _down(value: float) -> float:
    return TOP + SIDE * (1 - value)


def _axes() -> list[str]:
    parts = []
    for step in range(0, 11, 2):
        value = step / 10
        parts += [
            _line(LEFT, _down(value), LEFT + SIDE, _down(value), "grid"),
            _text(LEFT - 8, _down(value) + 4, f"{value:.1f}", "small", "end"),
            _text(_across(value), TOP + SIDE + 16, f"{value:.1f}", "small"),
        ]
    middle = TOP + SIDE / 2
    return [
        *parts,
        f'<rect class="axis" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>',
        _line(_across(0), _down(0), _across(1), _down(1), "ideal"),
        f'<g transform="rotate(-90 22 {middle:g})">{_text(22, middle, "share that was right")}</g>',
    ]


def _limit(value: float, name: str) -> list[str]:
    return [
        _line(_across(value), TOP, _across(value), TOP + SIDE, "limit"),
        _text(_across(value), TOP - 8, f"{name} from {value:.2f}", "small limit-name"),
    ]


def _marks(one: Bin) -> list[str]:
    if one.predicted is None or one.observed is None or one.interval is None:
        return []
    low, high = one.interval
    across = _across(one.predicted)
    return [
        _line(across, _down(low), across, _down(high), "seen"),
        f'<circle class="dot" cx="{across:.1f}" cy="{_down(one.observed):.1f}" r="4.5"/>',
    ]


def _histogram(bins: Sequence[Bin]) -> list[str]:
    highest = max((one.questions for one in bins), default=0) or 1
    ground = HISTOGRAM_TOP + HISTOGRAM_HEIGHT
    parts = [_line(LEFT, ground, LEFT + SIDE, ground, "axis")]
    for one in bins:
        height = (HISTOGRAM_HEIGHT - 16) * one.questions / highest
        left, width = _across(one.low) + 2, SIDE * (one.high - one.low) - 4
        parts += [
            f'<rect class="bar" x="{left:.1f}" y="{ground - height:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}"/>',
            _text(left + width / 2, ground - height - 4, str(one.questions), "small"),
        ]
    middle = LEFT + SIDE / 2
    return [
        *parts,
        _text(middle, ground + 20, "questions per bin"),
        _text(middle, ground + 40, "confidence of the first candidate"),
    ]


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def run_reliability(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Draw how far the confidence can be believed, from the held-back questions."""
    from knowledge.evaluation import HELD_BACK_FILE, read_questions
    from knowledge.search_commands import calibrated, load, tell

    calibration = calibrated(settings)
    answerer = load(settings, calibration, args.corpus)
    known = frozenset(live.topic_entry.entry.id for live in answerer.entries)
    questions = read_questions(args.questions or HELD_BACK_FILE, known)
    tell(f"asking {len(questions)} questions")
    bins = bins_of(ask(answerer, questions))
    output: Path = args.output
    output.write_text(svg(bins, calibration.answer_at, calibration.clarify_at), encoding="utf-8")
    print("\n".join(table(bins)))
    print(f"{sum(one.questions for one in bins)} questions without a conversation before them")
    print(f"expected calibration error: {calibration_error(bins):.3f}")
    print(f"{output} is written")
    return 0
