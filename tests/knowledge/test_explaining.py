"""Why a question got what it got: the reason in words, and the signals behind each candidate."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from knowledge.answering import NO_CONTEXT, Answerer, Context
from knowledge.calibration import Classifier
from knowledge.explaining import SHOWN_SIGNALS, Explanation, explain
from knowledge.lexical import CUES
from knowledge.retriever import FEATURES
from tests.conftest import DIMENSIONS
from tests.knowledge.small import CALIBRATION, RANK_WEIGHTS, TODAY

AFTER_FLU = Context("flu-symptoms", "flu", ("flu-spread", "measles-symptoms"))


def told(answerer: Answerer, question: str, context: Context = NO_CONTEXT) -> Explanation:
    return explain(answerer, question, context, today=TODAY)


@pytest.mark.parametrize(
    ("question", "context", "reason"),
    [
        (
            "what are the symptoms of flu",
            NO_CONTEXT,
            "answered: flu-symptoms is right with probability 1.00, and 0.80 is enough",
        ),
        (
            "measles rash or vaccine",
            NO_CONTEXT,
            "offered a choice: the first is right with probability 0.64, below 0.80; "
            "one of three with 0.64, and 0.20 is enough",
        ),
        ("flu", NO_CONTEXT, "offered a choice: the question only names 'Flu (influenza)'"),
        ("no", AFTER_FLU, "offered a choice: the last answer was not what was meant"),
        (
            "how to bake bread",
            NO_CONTEXT,
            "no answer: one of the first three is right with probability 0.13, below 0.20",
        ),
        (
            "¿Cuáles son los síntomas de la gripe?",
            NO_CONTEXT,
            "no answer: the question is in another language (es)",
        ),
    ],
)
def test_it_gives_the_reason_in_words(
    answerer: Answerer, question: str, context: Context, reason: str
) -> None:
    assert told(answerer, question, context).reason == reason


def test_a_wish_that_is_declined_is_a_reason_too(answerer: Answerer) -> None:
    columns = DIMENSIONS + len(CUES)
    always = Classifier(("diagnosis", "dose", "question"), ((0.0,) * columns,) * 3, (0.0, 9.0, 0.0))
    calibration = replace(CALIBRATION, wishes=always, declines_at=0.5)
    retriever = answerer.retriever.with_calibration(calibration)
    wary = Answerer(answerer.entries, retriever, answerer.exemplars)
    reason = told(wary, "red spots and runny nose").reason
    assert reason == "no answer: it wishes for a dose and names no topic"


def test_it_tells_how_a_misspelt_question_was_read(answerer: Answerer) -> None:
    assert told(answerer, "meezles rash").asked == "measles rash"


def test_a_follow_up_is_told_with_what_was_found_in_its_topic(answerer: Answerer) -> None:
    context = Context("flu-symptoms", "flu")
    found = told(answerer, "and how does it spread?", context)
    assert found.reason.endswith("(as a question that goes on with flu)")
    assert found.lines[0].entry_id == "flu-spread"
    assert f"probability {found.confidence:.2f}" in found.reason
    assert "goes on with" not in told(answerer, "what are the symptoms of measles", context).reason


def test_it_names_the_words_that_no_entry_knows(answerer: Answerer) -> None:
    assert told(answerer, "how to bake bread").unknown_words == ("bake", "bread")


def test_its_lines_are_the_candidates_best_first(answerer: Answerer) -> None:
    found = explain(answerer, "signs of influenza", NO_CONTEXT, today=TODAY, top_k=3)
    assert len(found.lines) == 3
    assert found.lines[0].entry_id == "flu-symptoms"
    assert found.lines[0].wording == "first signs of influenza"
    scores = [line.score for line in found.lines]
    assert scores == sorted(scores, reverse=True)


def test_a_lift_is_weight_times_what_the_signal_has_beyond_the_usual(answerer: Answerer) -> None:
    question = "signs of influenza"
    candidates = answerer.retriever.search(question).candidates
    for line, candidate in zip(told(answerer, question).lines, candidates, strict=False):
        assert len(line.signals) <= SHOWN_SIGNALS
        for signal in line.signals:
            place = FEATURES.index(signal.name)
            values = sorted(other.features[place] for other in candidates)
            usual = (values[2] + values[3]) / 2  # the median of six
            lift = RANK_WEIGHTS[signal.name] * (candidate.features[place] - usual)
            assert signal.value == pytest.approx(candidate.features[place], abs=6e-4)
            assert signal.lift == pytest.approx(lift, abs=6e-3)


def test_signals_come_strongest_first_and_idle_ones_not_at_all(answerer: Answerer) -> None:
    for line in told(answerer, "signs of influenza").lines:
        lifts = [abs(signal.lift) for signal in line.signals]
        assert lifts == sorted(lifts, reverse=True)
        assert {signal.name for signal in line.signals} <= set(RANK_WEIGHTS)


def test_it_can_be_written_as_json(answerer: Answerer) -> None:
    written = json.loads(json.dumps(asdict(told(answerer, "flu spread"))))
    assert set(written) == {"asked", "reason", "confidence", "offer", "unknown_words", "lines"}
