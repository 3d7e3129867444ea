"""The reliability plot: bins, intervals and errors by hand, and a drawing that others can read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from knowledge.answering import Answerer
from knowledge.evaluation import Question
from knowledge.reliability import (
    Asked,
    Bin,
    ask,
    bins_of,
    calibration_error,
    svg,
    table,
    wilson,
)

SVG = "{http://www.w3.org/2000/svg}"
ASKED = [Asked(0.95, True), Asked(0.97, True), Asked(0.9, False), Asked(0.32, True)]


def test_bins_hold_their_lower_bound_and_the_last_one_also_one() -> None:
    counts = [
        one.questions for one in bins_of([Asked(0.0, False), Asked(0.1, True), Asked(1.0, True)])
    ]
    assert counts == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_a_bin_has_the_mean_confidence_and_the_share_that_was_right() -> None:
    last = bins_of(ASKED)[9]
    assert (last.low, last.high, last.questions) == (0.9, 1.0, 3)
    assert last.predicted == pytest.approx((0.95 + 0.97 + 0.9) / 3)
    assert last.observed == pytest.approx(2 / 3)
    assert last.interval == wilson(2, 3)


def test_an_empty_bin_has_no_figures() -> None:
    assert bins_of(ASKED)[5] == Bin(0.5, 0.6, 0, None, None, None)


@pytest.mark.parametrize(
    ("right", "questions", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilsons_interval(right: int, questions: int, low: float, high: float) -> None:
    assert wilson(right, questions) == pytest.approx((low, high), abs=5e-5)


def test_the_calibration_error_weighs_bins_by_their_questions() -> None:
    # 0.94 against 2/3 three times, 0.32 against 1 once.
    expected = (3 * (0.94 - 2 / 3) + 0.68) / 4
    assert calibration_error(bins_of(ASKED)) == pytest.approx(expected)


def test_without_questions_there_is_no_error() -> None:
    assert calibration_error(bins_of([])) == 0.0


@pytest.mark.parametrize("asked", [ASKED, [], [Asked(1.0, True)]])
def test_the_drawing_is_xml_without_holes(asked: list[Asked]) -> None:
    drawn = svg(bins_of(asked), 0.9, 0.5)
    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    assert not re.search(
        r"\b(?:nan|none|inf)\b", re.sub(r"<style>.*?</style>", "", drawn, flags=re.S), re.I
    )
    names = root.get("aria-labelledby", "").split()
    assert {root.find(f"{SVG}title").get("id"), root.find(f"{SVG}desc").get("id")} == set(names)  # type: ignore[union-attr]
    filled = [one for one in bins_of(asked) if one.questions]
    assert len(root.findall(f"{SVG}circle")) == len(filled)


def test_the_drawing_puts_a_bin_where_its_figures_are() -> None:
    root = ET.fromstring(svg(bins_of([Asked(0.75, True), Asked(0.75, False)]), 0.9, 0.5))  # noqa: S314
    (dot,) = root.findall(f"{SVG}circle")
    # The square goes from 70 to 470 across and from 60 to 460 down.
    assert (dot.get("cx"), dot.get("cy")) == ("370.0", "260.0")
    limits = [line.get("x1") for line in root.findall(f"{SVG}line[@class='limit']")]
    assert limits == ["270.0", "430.0"]


def test_the_description_tells_the_figures_in_words() -> None:
    root = ET.fromstring(svg(bins_of(ASKED), 0.9, 0.5))  # noqa: S314
    told = root.findtext(f"{SVG}desc", "")
    assert "From 0.9 to 1.0: 3 questions, 67% right." in told
    assert "4 questions by" in told


def test_the_table_has_a_line_per_bin() -> None:
    lines = table(bins_of(ASKED))
    assert len(lines) == 11
    assert lines[10].split()[:5] == ["0.9", "-", "1.0", "3", "0.940"]
    assert lines[6].split() == ["0.5", "-", "0.6", "0", "–", "–"]


def test_only_questions_without_context_are_asked_and_unanswerable_ones_are_never_right(
    answerer: Answerer,
) -> None:
    known = answerer.entries[0].topic_entry.entry
    other = answerer.entries[1].topic_entry.entry
    questions = [
        Question(text=known.question, entry=known.id),
        Question(text=known.question, entry=other.id),
        Question(text=known.question, entry=None, kind="near_topic"),
        Question(text=known.question, entry=known.id, context=other.id),
    ]
    asked = ask(answerer, questions)
    assert [one.is_right for one in asked] == [True, False, False]
    assert len({one.confidence for one in asked}) == 1
