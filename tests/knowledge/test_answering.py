"""Decisions over the small corpus: answer, offer a choice, or say that there is no answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from knowledge.answering import (
    NO_CONTEXT,
    Answer,
    Answerer,
    Clarify,
    Context,
    Decision,
    NoAnswer,
    Purpose,
)
from knowledge.calibration import Calibration
from tests.knowledge.small import CALIBRATION, TODAY

FLU = Context("flu-symptoms", "flu")
MEASLES = Context("measles-symptoms", "measles")
STROKE = Context("stroke-signs", "stroke")


def decide(
    answerer: Answerer,
    question: str,
    context: Context = NO_CONTEXT,
    purpose: Purpose = Purpose.QUESTION,
) -> Decision:
    return answerer.decide(question, context, today=TODAY, purpose=purpose)


def over(answerer: Answerer, calibration: Calibration) -> Answerer:
    """Return the same entries under another calibration."""
    retriever = answerer.retriever.with_calibration(calibration)
    return Answerer(answerer.entries, retriever, answerer.exemplars)


def answered(decision: Decision) -> str | None:
    """Return the id of the entry that answers, or None."""
    return decision.live.topic_entry.entry.id if isinstance(decision, Answer) else None


def options(decision: Decision) -> list[str]:
    assert isinstance(decision, Clarify)
    return [option.entry_id for option in decision.options]


# --- the score decides ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "entry_id"),
    [
        ("what are the symptoms of flu", "flu-symptoms"),
        ("how does flu spread?", "flu-spread"),
        ("red spots and runny nose", "measles-symptoms"),
        ("does the flu shot cause flu", "flu-shot-myth"),
        ("face drooping stroke", "stroke-signs"),
    ],
)
def test_it_answers_what_an_entry_is_about(
    answerer: Answerer, question: str, entry_id: str
) -> None:
    decision = decide(answerer, question)
    assert answered(decision) == entry_id
    assert decision.score >= CALIBRATION.answer_at


def test_it_offers_a_choice_between_close_entries(answerer: Answerer) -> None:
    decision = decide(answerer, "measles rash or vaccine")
    assert isinstance(decision, Clarify)
    assert options(decision) == ["measles-symptoms", "measles-vaccine"]
    assert (decision.topic, decision.topic_title) == ("measles", None)
    assert CALIBRATION.clarify_at <= decision.score < CALIBRATION.answer_at
    assert decision.options[0].question == "What does measles look like?"
    assert decision.options[0].topic_title == "Measles"


def test_it_offers_three_entries_at_most(answerer: Answerer) -> None:
    assert len(options(decide(answerer, "can influenza spread with fever"))) == 3


def test_it_abstains_below_the_threshold(answerer: Answerer) -> None:
    decision = decide(answerer, "how to bake bread")
    assert isinstance(decision, NoAnswer)
    assert decision.score < CALIBRATION.clarify_at


def test_it_offers_the_nearest_topics_once_each_where_it_abstains(answerer: Answerer) -> None:
    decision = decide(answerer, "how to bake bread with fever")
    assert isinstance(decision, NoAnswer)
    assert sorted(decision.nearest) == [
        ("flu", "Flu (influenza)"),
        ("measles", "Measles"),
        ("stroke", "Stroke"),
    ]


def test_it_hands_on_the_questions_own_words_for_a_search(answerer: Answerer) -> None:
    decision = decide(answerer, "How do I bake bread, bread, and cakes with yeast in a tin oven?")
    assert isinstance(decision, NoAnswer)
    assert decision.words == "bake bread cake yeast tin oven"


def test_it_keeps_the_search_to_six_words(answerer: Answerer) -> None:
    decision = decide(answerer, "bake bread cakes cookies muffins pies scones tarts")
    assert isinstance(decision, NoAnswer)
    assert len(decision.words.split()) == 6


def test_the_thresholds_are_the_calibrations_own(answerer: Answerer) -> None:
    timid = replace(CALIBRATION, answer_at=1.01, clarify_at=0.2)
    shy = replace(CALIBRATION, answer_at=1.01, clarify_at=1.01)
    question = "what are the symptoms of flu"
    offering = over(answerer, timid)
    silent = over(answerer, shy)
    assert isinstance(decide(offering, question), Clarify)
    assert isinstance(decide(silent, question), NoAnswer)


def test_an_answer_leads_on_to_its_topic(answerer: Answerer) -> None:
    decision = decide(answerer, "how does flu spread?")
    assert isinstance(decision, Answer)
    assert [option.entry_id for option in decision.related] == ["flu-symptoms", "flu-shot-myth"]


def test_it_answers_an_entry_by_its_id(answerer: Answerer) -> None:
    answer = answerer.answer_entry("flu-spread", today=TODAY)
    assert answer is not None
    assert (answered(answer), answer.score) == ("flu-spread", 1.0)
    assert answerer.answer_entry("unknown", today=TODAY) is None


# --- topics ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["flu", "Influenza?", "tell me about the flu"])
def test_a_bare_topic_brings_its_menu(answerer: Answerer, question: str) -> None:
    decision = decide(answerer, question)
    assert isinstance(decision, Clarify)
    assert options(decision) == ["flu-symptoms", "flu-spread", "flu-shot-myth"]
    assert (decision.topic, decision.topic_title) == ("flu", "Flu (influenza)")


def test_do_i_have_it_brings_the_symptoms(answerer: Answerer) -> None:
    decision = decide(answerer, "do I have the flu?", purpose=Purpose.DIAGNOSIS)
    assert answered(decision) == "flu-symptoms"


# --- purposes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", [Purpose.DIAGNOSIS, Purpose.DOSE])
def test_it_names_no_disease_where_it_was_asked_for_one(
    answerer: Answerer, purpose: Purpose
) -> None:
    question = "red spots and runny nose"
    assert answered(decide(answerer, question)) == "measles-symptoms"
    decision = decide(answerer, question, purpose=purpose)
    assert isinstance(decision, NoAnswer)


@pytest.mark.parametrize("purpose", [Purpose.DIAGNOSIS, Purpose.DOSE])
def test_it_informs_about_a_disease_that_the_person_named(
    answerer: Answerer, purpose: Purpose
) -> None:
    assert answered(decide(answerer, "red spots of measles", purpose=purpose)) == "measles-symptoms"


def test_it_answers_a_claim_with_a_myth_only(answerer: Answerer) -> None:
    assert (
        answered(decide(answerer, "flu shot gives flu", purpose=Purpose.CLAIM)) == "flu-shot-myth"
    )
    question = "flu spread person to person"
    assert answered(decide(answerer, question)) == "flu-spread"
    assert options(decide(answerer, question, purpose=Purpose.CLAIM))[0] == "flu-spread"


@pytest.mark.parametrize(
    ("purpose", "declined"),
    [
        (Purpose.QUESTION, False),
        (Purpose.CLAIM, False),
        (Purpose.DIAGNOSIS, True),
        (Purpose.DOSE, True),
    ],
)
def test_it_declines_diagnosis_and_dose(purpose: Purpose, declined: bool) -> None:
    assert purpose.is_declined is declined


# --- follow-ups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "context", "entry_id"),
    [
        ("and the symptoms?", FLU, "flu-symptoms"),
        ("what does it look like", Context("measles-vaccine", "measles"), "measles-symptoms"),
        ("and the warning signs?", STROKE, "stroke-signs"),
        ("is it contagious", FLU, "flu-spread"),
        ("which vaccine protects against it", MEASLES, "measles-vaccine"),
    ],
)
def test_a_follow_up_is_read_in_the_light_of_the_last_answer(
    answerer: Answerer, question: str, context: Context, entry_id: str
) -> None:
    assert answered(decide(answerer, question, context)) == entry_id


def test_the_same_words_lead_elsewhere_after_another_answer(answerer: Answerer) -> None:
    question = "what are the signs of it"
    found = [answered(decide(answerer, question, context)) for context in (FLU, STROKE)]
    assert found == ["flu-symptoms", "stroke-signs"]
    assert answered(decide(answerer, question)) != "flu-symptoms"


def test_a_follow_up_that_names_a_topic_leaves_the_old_one(answerer: Answerer) -> None:
    assert answered(decide(answerer, "and signs of stroke?", FLU)) == "stroke-signs"


def test_a_follow_up_with_a_subject_that_no_entry_knows_is_not_answered(
    answerer: Answerer,
) -> None:
    assert isinstance(decide(answerer, "signs of it in horses", FLU), NoAnswer)


def test_a_question_of_its_own_is_not_bent_to_the_context(answerer: Answerer) -> None:
    question = "where does red blotchy skin rash begin on the face"
    assert answered(decide(answerer, question, FLU)) == "measles-symptoms"


def test_a_context_whose_topic_is_gone_is_no_context(answerer: Answerer) -> None:
    gone = Context("zika-spread", "zika")
    question = "is it contagious"
    assert answered(decide(answerer, question, gone)) == answered(decide(answerer, question))


# --- review dates ---------------------------------------------------------------------------------


def test_an_answer_past_its_review_date_is_expired(answerer: Answerer) -> None:
    due = date(2026, 11, 10)
    on_the_day = answerer.answer_entry("measles-vaccine", today=due)
    day_after = answerer.answer_entry("measles-vaccine", today=due + timedelta(days=1))
    assert on_the_day is not None
    assert day_after is not None
    assert (on_the_day.expired, day_after.expired) == (False, True)


def test_a_question_finds_an_expired_answer_as_such(answerer: Answerer) -> None:
    decision = decide(answerer, "mmr vaccine side effects")
    assert isinstance(decision, Answer)
    assert decision.expired


# --- emergencies ----------------------------------------------------------------------------------


def test_a_description_of_an_emergency_is_marked(answerer: Answerer) -> None:
    likeness = decide(answerer, "help, an elephant sits on my chest").likeness
    assert likeness is not None
    assert (likeness.category, likeness.group) == ("emergency", "chest-pain")
    assert likeness.cosine >= CALIBRATION.emergency_at
    assert not likeness.asking


def test_asking_about_it_is_told_from_reporting_it(answerer: Answerer) -> None:
    likeness = decide(answerer, "why does an elephant sits on my chest?").likeness
    assert likeness is not None
    assert likeness.asking


def test_it_is_marked_in_a_follow_up_as_well(answerer: Answerer) -> None:
    likeness = decide(answerer, "and nobody would miss me", FLU).likeness
    assert likeness is not None
    assert likeness.category == "self_harm"


def test_it_is_marked_where_a_diagnosis_was_asked_for(answerer: Answerer) -> None:
    decision = decide(answerer, "an elephant sits on my chest", purpose=Purpose.DIAGNOSIS)
    assert decision.likeness is not None


@pytest.mark.parametrize("question", ["an elephant sat on my phone", "how does flu spread?"])
def test_everyday_words_are_not_marked(answerer: Answerer, question: str) -> None:
    assert decide(answerer, question).likeness is None


# --- misspellings and other languages -------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "entry_id"),
    [("meezles rash", "measles-symptoms"), ("mmr vacine side effects", "measles-vaccine")],
)
def test_a_misspelt_question_is_answered(answerer: Answerer, question: str, entry_id: str) -> None:
    assert answered(decide(answerer, question)) == entry_id


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("¿Cuáles son los síntomas de la gripe?", "es"),
        ("¿Es contagioso para los niños?", "es"),
        ("麻疹有什么症状", "zh"),
    ],
)
@pytest.mark.parametrize("context", [NO_CONTEXT, FLU])
def test_a_question_in_another_language_is_not_answered(
    answerer: Answerer, question: str, language: str, context: Context
) -> None:
    decision = decide(answerer, question, context)
    assert isinstance(decision, NoAnswer)
    assert decision.language == language
    assert decision.nearest == ()


def test_a_question_in_ours_that_has_no_answer_names_no_language(answerer: Answerer) -> None:
    decision = decide(answerer, "how to bake bread")
    assert isinstance(decision, NoAnswer)
    assert decision.language is None


# --- corrections ----------------------------------------------------------------------------------

AFTER_FLU = Context("flu-symptoms", "flu", ("flu-spread", "measles-symptoms", "gone"))


def test_an_answer_names_what_came_next_to_it(answerer: Answerer) -> None:
    decision = decide(answerer, "what are the symptoms of flu")
    assert isinstance(decision, Answer)
    assert "flu-symptoms" not in decision.rivals
    assert 0 < len(decision.rivals) <= 3
    assert len(set(decision.rivals)) == len(decision.rivals)


@pytest.mark.parametrize("message", ["no", "No!", "that's not it", "wrong answer"])
def test_a_bare_no_offers_what_came_next(answerer: Answerer, message: str) -> None:
    decision = decide(answerer, message, AFTER_FLU)
    assert options(decision) == ["flu-spread", "measles-symptoms"]  # what is gone is not offered


def test_a_bare_no_after_which_nothing_comes_is_not_answered(answerer: Answerer) -> None:
    assert isinstance(decide(answerer, "no", Context("flu-symptoms", "flu")), NoAnswer)
    assert isinstance(decide(answerer, "no"), NoAnswer)


@pytest.mark.parametrize(
    ("message", "entry_id"),
    [
        ("no, stroke", "stroke-signs"),
        ("no, I meant signs of stroke", "stroke-signs"),
        ("not that, the red measles rash", "measles-symptoms"),
        ("sorry, I was asking about mmr vaccine side effects", "measles-vaccine"),
    ],
)
def test_a_correction_is_answered_by_what_was_meant(
    answerer: Answerer, message: str, entry_id: str
) -> None:
    assert answered(decide(answerer, message, AFTER_FLU)) == entry_id


def test_a_correction_to_something_that_no_entry_knows_is_not_answered(
    answerer: Answerer,
) -> None:
    assert isinstance(decide(answerer, "no, I meant psoriasis", AFTER_FLU), NoAnswer)


@pytest.mark.parametrize(
    "message",
    [
        "no",
        "no, I meant flu",
        "no, I meant the symptoms",
        "no, I meant flu symptoms",
        "no, the signs of flu",
        "that's not what I asked. what are the symptoms of flu",
        "wrong one, flu fever cough aches",
    ],
)
def test_what_was_rejected_never_comes_first_again(answerer: Answerer, message: str) -> None:
    decision = decide(answerer, message, AFTER_FLU)
    assert answered(decision) != "flu-symptoms"
    if isinstance(decision, Clarify):
        assert options(decision)[0] != "flu-symptoms"


def test_without_an_answer_before_nothing_is_corrected(answerer: Answerer) -> None:
    assert answered(decide(answerer, "no, the signs of flu")) == "flu-symptoms"


# --- any text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    ["", " \n\t", "?!", "\x00\x07\x1b", "\ud83d", "麻疹 rash сыпь", "flu " * 2500, "x" * 10_000],
)
@pytest.mark.parametrize("context", [NO_CONTEXT, AFTER_FLU])
def test_it_decides_about_any_text(answerer: Answerer, question: str, context: Context) -> None:
    assert isinstance(decide(answerer, question, context), Answer | Clarify | NoAnswer)
