"""Labelled questions: read strictly, counted rightly, learnt from without flattery."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from knowledge.answering import Answerer
from knowledge.calibration import CONFIDENCE_FEATURES, REFITTED, Calibration, Classifier
from knowledge.evaluation import (
    CALIBRATION_FILE,
    HELD_BACK_FILE,
    Question,
    QuestionsError,
    evaluate,
    read_questions,
)
from knowledge.learning import (
    LEAST_EMERGENCY_COSINE,
    calibrate,
    nothing_learnt,
    prepare,
    refit,
    still_answerable,
)
from knowledge.lexical import CUES
from knowledge.retriever import FEATURES
from tests.conftest import DIMENSIONS, WordEmbedder
from tests.knowledge.small import EXEMPLARS, TODAY, small_corpus

KNOWN = frozenset(pair.entry.id for pair in small_corpus())

# What the small corpus answers and does not, in words of its own entries and in words of none.
TRAINING = [
    *(Question(text=f"tell {wording}", entry=pair.entry.id)
      for pair in small_corpus() for wording in pair.entry.variants[:5]),
    *(Question(text=f"my {thing} is broken", entry=None, kind="off_topic")
      for thing in ("car", "phone", "bike", "roof", "shoe", "lamp", "door", "desk", "chair",
                    "oven", "sink", "bed", "pen", "bag", "hat")),
    Question(text="and that?", entry="flu-spread", context="flu-symptoms"),
]  # fmt: skip


LIMITS = (0.8, 0.3)


def write(folder: Path, text: str) -> Path:
    file = folder / "questions.yml"
    file.write_text(text, encoding="utf-8")
    return file


# --- reading --------------------------------------------------------------------------------------


def test_it_reads_labels_contexts_and_reasons(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "questions:\n"
        "  - {text: flu, entry: flu-symptoms, also: [flu-spread]}\n"
        "  - {text: and horses, entry: null, context: flu-spread, kind: near_topic}\n",
    )
    first, second = read_questions(file, KNOWN)
    assert first.right == {"flu-symptoms", "flu-spread"}
    assert (second.right, second.context, second.kind) == (
        frozenset(),
        "flu-spread",
        "near_topic",
    )


@pytest.mark.parametrize(
    "content", ["", "[]", "questions: [", "rows: []", "questions:", "questions: flu"]
)
def test_it_refuses_a_file_without_a_list_of_questions(tmp_path: Path, content: str) -> None:
    with pytest.raises(QuestionsError, match=r"questions\.yml: needs a list under `questions:`"):
        read_questions(write(tmp_path, content))


def test_it_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match="nowhere"):
        read_questions(tmp_path / "nowhere.yml")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{text: flu}", "row 2: entry"),
        ("{text: flu, entry: null, kind: boring}", "row 2: kind"),
        ("{text: flu, entry: null, mood: bad}", "row 2: mood"),
        ("{text: flu, entry: unknown}", "row 2: no entry unknown"),
        ("{text: flu, entry: flu-spread, also: [unknown]}", "row 2: no entry unknown"),
        ("{text: flu, entry: null, context: unknown}", "row 2: no entry unknown"),
    ],
)
def test_it_names_the_row_that_is_wrong(tmp_path: Path, row: str, message: str) -> None:
    file = write(tmp_path, f"questions:\n  - {{text: a, entry: null}}\n  - {row}\n")
    with pytest.raises(QuestionsError, match=message):
        read_questions(file, KNOWN)


def test_the_questions_that_measure_are_not_those_that_were_learnt_from() -> None:
    learnt = {question.text.casefold() for question in read_questions(CALIBRATION_FILE)}
    measuring = [question.text.casefold() for question in read_questions(HELD_BACK_FILE)]
    assert len(measuring) > 200
    assert learnt.isdisjoint(measuring)


# --- measuring ------------------------------------------------------------------------------------

MEASURED = [
    Question(text="what are the symptoms of flu", entry="flu-symptoms"),  # answered, right
    Question(text="how does flu spread?", entry="flu-symptoms"),  # answered, wrong
    Question(text="how does flu spread", entry="flu-symptoms", also=("flu-spread",)),  # right
    Question(text="measles rash or vaccine", entry="measles-vaccine"),  # choice, right second
    Question(text="flu", entry="measles-vaccine"),  # choice, right not among them
    Question(text="bread with fever", entry="flu-symptoms"),  # not answered, first all the same
    Question(text="bake bread", entry=None, kind="off_topic"),  # rightly not answered
    Question(text="face drooping stroke", entry=None, kind="diagnosis"),  # answered all the same
]


def test_it_counts_what_became_of_every_question(answerer: Answerer) -> None:
    figures = evaluate(answerer, MEASURED, TODAY)
    assert (figures.questions, figures.unanswerable) == (6, 2)
    assert figures.answered == pytest.approx(3 / 6)
    assert figures.wrong_shown == pytest.approx(1 / 6)
    assert figures.clarified == pytest.approx(2 / 6)
    assert figures.offered_right == pytest.approx(1 / 2)
    assert figures.right_first == pytest.approx(3 / 6)
    assert figures.wrongly_answered == pytest.approx(1 / 2)


def test_it_counts_by_topic_and_by_kind(answerer: Answerer) -> None:
    figures = evaluate(answerer, MEASURED, TODAY)
    flu, measles = figures.by_topic
    assert (flu.topic, flu.questions, measles.topic, measles.questions) == ("flu", 4, "measles", 2)
    assert flu.answered + flu.clarified + flu.abstained == pytest.approx(1.0)
    assert (flu.wrong_shown, measles.wrong_shown) == (pytest.approx(1 / 4), 0.0)
    kinds = {kind.kind: kind for kind in figures.by_kind}
    assert (kinds["off_topic"].wrongly_answered, kinds["diagnosis"].wrongly_answered) == (0.0, 1.0)


def test_a_refusal_is_not_counted_as_an_answer(answerer: Answerer) -> None:
    dose = Question(text="face drooping stroke 5 mg", entry=None, kind="dose")
    plain = Question(text="does a face drooping come with stroke", entry="stroke-signs")
    figures = evaluate(wary(answerer), [dose, plain], TODAY)
    assert (figures.wrongly_answered, figures.declined) == (0.0, 1.0)
    assert figures.declined_by_mistake == 0.0
    assert evaluate(answerer, [dose, plain], TODAY).wrongly_answered == 1.0


def over(answerer: Answerer, calibration: Calibration) -> Answerer:
    """Return the same entries under another calibration."""
    retriever = answerer.retriever.with_calibration(calibration)
    return Answerer(answerer.entries, retriever, answerer.exemplars)


def wary(answerer: Answerer) -> Answerer:
    """Take every text with "mg" or "dose" for a wish for a dose."""
    classifier = cue_classifier("dose", 5)
    calibration = replace(answerer.retriever.calibration, wishes=classifier, declines_at=0.5)
    return over(answerer, calibration)


def cue_classifier(name: str, cue: int) -> Classifier:
    """Return a classifier that looks at nothing but one cue."""
    weights = {
        label: [0.0] * (DIMENSIONS + len(CUES)) for label in ("question", "diagnosis", "dose")
    }
    weights[name][DIMENSIONS + cue] = 20.0
    bias = {"question": 5.0, "diagnosis": 0.0, "dose": 0.0}
    return Classifier(
        tuple(weights), tuple(tuple(row) for row in weights.values()), tuple(bias.values())
    )


def test_it_lists_what_went_wrong_and_what_came_instead(answerer: Answerer) -> None:
    misses = evaluate(answerer, MEASURED, TODAY).misses
    texts = ["how does flu spread?", "flu", "bread with fever", "face drooping stroke"]
    assert [miss.split("'")[1] for miss in misses] == texts
    assert misses[0].startswith("'how does flu spread?': wanted flu-symptoms, got flu-spread (")
    assert "got choice of flu-symptoms, flu-spread, flu-shot-myth (1.00)" in misses[1]
    assert "got no answer (0." in misses[2]
    assert "wanted diagnosis, got stroke-signs (" in misses[3]


def test_it_asks_a_follow_up_in_its_context(answerer: Answerer) -> None:
    question = Question(text="what are the signs of it", entry="flu-symptoms")
    alone = evaluate(answerer, [question], TODAY)
    after = question.model_copy(update={"context": "flu-spread"})
    assert (alone.right_first, evaluate(answerer, [after], TODAY).right_first) == (0.0, 1.0)


def test_it_measures_nothing_without_falling_over(answerer: Answerer) -> None:
    figures = evaluate(answerer, [], TODAY)
    assert (figures.questions, figures.right_first, figures.misses) == (0, 0.0, ())


# --- learning -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnt(answerer: Answerer) -> Calibration:
    """Learnt from the training questions, starting from weights that know nothing."""
    vectors = answerer.retriever.embedder.embed([exemplar.text for exemplar in EXEMPLARS])
    retriever = answerer.retriever.with_calibration(nothing_learnt("words"))
    return calibrate(retriever, EXEMPLARS, vectors, TRAINING, LIMITS)


def test_it_learns_to_answer_and_to_abstain(answerer: Answerer, learnt: Calibration) -> None:
    wiser = over(answerer, learnt)
    figures = evaluate(wiser, [q for q in TRAINING if q.context is None], TODAY)
    assert figures.right_first >= 0.9
    assert figures.answered >= 0.8
    assert figures.wrongly_answered <= 0.05


def test_what_it_learnt_has_the_right_shape(learnt: Calibration) -> None:
    assert learnt.model == "words"
    assert len(learnt.rank_weights) == len(FEATURES)
    assert len(learnt.confidence_weights) == len(CONFIDENCE_FEATURES) + len(FEATURES)
    assert learnt.rank_weights[FEATURES.index("best")] > 0
    assert (learnt.answer_at, learnt.clarify_at) == LIMITS
    assert learnt.emergency_at >= LEAST_EMERGENCY_COSINE


def test_it_tells_what_it_was_learnt_on_without_the_follow_ups(learnt: Calibration) -> None:
    assert learnt.fitted_on["file"] == "calibration.yml"
    assert learnt.fitted_on["questions"] == len(TRAINING) - 1
    assert learnt.fitted_on["answerable"] == 30
    assert float(learnt.fitted_on["wrong_shown"]) <= 0.05


def test_ordinary_questions_seldom_sound_like_an_emergency(
    answerer: Answerer, learnt: Calibration, embedder: WordEmbedder
) -> None:
    vectors = embedder.embed([exemplar.text for exemplar in EXEMPLARS])
    alarming = Question(text="an elephant sits on my chest again", entry=None, kind="off_topic")
    wary = calibrate(answerer.retriever, EXEMPLARS, vectors, [*TRAINING, alarming], LIMITS)
    nearness = float(np.max(embedder.embed([alarming.text]) @ vectors.T))
    assert learnt.emergency_at < nearness < wary.emergency_at


# --- learning how sure to be, for another release -------------------------------------------------


def labelled(entry: str | None, also: tuple[str, ...] = ()) -> Question:
    return Question(text="a question", entry=entry, also=also)


@pytest.mark.parametrize(
    ("question", "entry", "also"),
    [
        (labelled("a", ("b", "c")), "a", ("b", "c")),
        (labelled("a", ("gone", "b")), "a", ("b",)),
        (labelled("gone", ("c", "b")), "b", ("c",)),
        (labelled("gone"), None, ()),
        (labelled("gone", ("lost",)), None, ()),
        (labelled(None), None, ()),
    ],
)
def test_a_label_holds_as_far_as_the_release_has_its_entries(
    question: Question, entry: str | None, also: tuple[str, ...]
) -> None:
    (kept,) = still_answerable([question], {"a", "b", "c"})
    assert (kept.entry, kept.also) == (entry, also)
    assert kept.text == question.text


@pytest.fixture(scope="module")
def refitted(answerer: Answerer, learnt: Calibration) -> Calibration:
    """Learnt anew for the release of the training questions, as if it were another."""
    plain = [question for question in TRAINING if question.context is None]
    retriever = answerer.retriever.with_calibration(learnt)
    vectors = retriever.embedder.embed([question.text for question in plain])
    return refit(learnt, retriever, prepare(retriever, plain, vectors))


def test_a_refit_changes_nothing_but_how_sure_to_be(
    learnt: Calibration, refitted: Calibration
) -> None:
    assert learnt.with_refit(refitted.refit()) == refitted
    kept = {name: value for name, value in asdict(learnt).items() if name not in REFITTED}
    assert kept.items() <= asdict(refitted).items()


def test_a_refit_is_as_able_to_answer_and_to_abstain(
    answerer: Answerer, refitted: Calibration
) -> None:
    questions = [question for question in TRAINING if question.context is None]
    figures = evaluate(over(answerer, refitted), questions, TODAY)
    assert figures.answered >= 0.8
    assert figures.wrongly_answered <= 0.05


def test_with_too_little_to_learn_from_it_stays_as_sure_as_it_was(
    answerer: Answerer, learnt: Calibration
) -> None:
    retriever = answerer.retriever.with_calibration(learnt)
    for few in (TRAINING[:4], []):
        vectors = retriever.embedder.embed([question.text for question in few])
        assert refit(learnt, retriever, prepare(retriever, few, vectors)) == learnt
