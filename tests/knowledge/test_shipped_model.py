"""The shipped corpus under the shipped calibration and the packaged model: figures with floors.

The floors are a little below what was measured; a change that falls through one made the answers
worse. Rows that go wrong stay in their files.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from knowledge.answering import NO_CONTEXT, Answer, Answerer, Clarify, Context, NoAnswer, Purpose
from knowledge.calibration import load_calibration
from knowledge.embedder import PACKAGED_MODEL
from knowledge.emergency import Likeness
from knowledge.evaluation import HELD_BACK_FILE, Figures, evaluate, read_questions
from knowledge.settings import ROOT

pytestmark = pytest.mark.model
TODAY = date(2026, 11, 21)
EXEMPLAR_ROWS = ROOT / "tests" / "data" / "safety" / "exemplar_rows.yml"


@pytest.fixture(scope="module")
def figures(shipped: Answerer) -> Figures:
    """How the held-back questions fare."""
    known = frozenset(live.topic_entry.entry.id for live in shipped.entries)
    return evaluate(shipped, read_questions(HELD_BACK_FILE, known), TODAY)


@pytest.fixture(scope="module")
def nearness(shipped: Answerer) -> dict[str, list[Likeness | None]]:
    """How like an emergency the measuring rows sound, by what they are."""
    rows = yaml.safe_load(Path(EXEMPLAR_ROWS).read_text(encoding="utf-8"))["rows"]
    found: dict[str, list[Likeness | None]] = {"emergency": [], "none": []}
    for row in rows:
        found[row["expect"]].append(shipped.decide(row["text"], today=TODAY).likeness)
    return found


def answered(
    shipped: Answerer,
    question: str,
    context: Context = NO_CONTEXT,
    purpose: Purpose = Purpose.QUESTION,
) -> str | None:
    """Return the id of the entry that answers, or None."""
    decision = shipped.decide(question, context, today=TODAY, purpose=purpose)
    return decision.live.topic_entry.entry.id if isinstance(decision, Answer) else None


def test_the_calibration_was_learnt_with_the_packaged_model() -> None:
    assert load_calibration().model == PACKAGED_MODEL


# --- figures --------------------------------------------------------------------------------------


def test_enough_held_back_questions_are_measured(figures: Figures) -> None:
    assert figures.questions >= 1250
    assert figures.unanswerable >= 200


def test_the_right_entry_comes_first(figures: Figures) -> None:
    assert figures.right_first >= 0.911  # measured 0.921


def test_most_questions_are_answered_at_once(figures: Figures) -> None:
    assert figures.answered >= 0.606  # measured 0.636


def test_a_choice_nearly_always_holds_the_right_entry(figures: Figures) -> None:
    assert figures.offered_right >= 0.957  # measured 0.977


def test_a_wrong_answer_is_seldom_shown(figures: Figures) -> None:
    assert figures.wrong_shown <= 0.022  # measured 0.017


def test_what_must_not_be_answered_seldom_is(figures: Figures) -> None:
    assert figures.wrongly_answered <= 0.033  # measured 0.023


def test_described_emergencies_are_caught(nearness: dict[str, list[Likeness | None]]) -> None:
    rows = nearness["emergency"]
    caught = [likeness for likeness in rows if likeness and not likeness.asking]
    assert len(rows) >= 35
    assert len(caught) / len(rows) >= 0.80  # measured 0.829


def test_harmless_words_seldom_raise_an_alarm(nearness: dict[str, list[Likeness | None]]) -> None:
    rows = nearness["none"]
    taken_over = [likeness for likeness in rows if likeness and not likeness.asking]
    assert len(rows) >= 20
    assert len(taken_over) <= 4  # measured 3
    assert len([likeness for likeness in rows if likeness]) <= 5  # measured 4


# --- single questions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "entry_id"),
    [
        ("can I catch the flu from the flu shot?", "flu-shot-gives-flu"),
        ("does the vaccine cause autism", "vaccines-autism"),
        ("do cell towers spread corona virus", "covid-19-myths-5g"),
    ],
)
def test_it_answers(shipped: Answerer, question: str, entry_id: str) -> None:
    assert answered(shipped, question) == entry_id
    assert answered(shipped, question, purpose=Purpose.CLAIM) == entry_id


def test_every_entry_is_found_by_its_own_question(shipped: Answerer) -> None:
    lost = []
    for live in shipped.entries:
        entry = live.topic_entry.entry
        decision = shipped.decide(entry.question, today=TODAY)
        offered = [o.entry_id for o in decision.options] if isinstance(decision, Clarify) else []
        if answered(shipped, entry.question) != entry.id and entry.id not in offered:
            lost.append(entry.id)
    assert lost == []


@pytest.mark.parametrize(
    "question", ["what is quantum chromodynamics", "asdf qwer", "what is psoriasis"]
)
def test_it_abstains(shipped: Answerer, question: str) -> None:
    assert isinstance(shipped.decide(question, today=TODAY), NoAnswer)


def test_a_bare_topic_brings_its_menu(shipped: Answerer) -> None:
    decision = shipped.decide("tell me about the flu", today=TODAY)
    assert isinstance(decision, Clarify)
    assert decision.topic == "flu"
    assert len(decision.options) >= 4


@pytest.mark.parametrize(
    ("question", "context", "entry_id"),
    [
        ("and the first signs?", Context("malaria-prevention", "malaria"), "malaria-symptoms"),
        (
            "is there a shot for it",
            Context("hepatitis-b-spread", "hepatitis-b"),
            "hepatitis-b-prevention-treatment",
        ),
        ("how would I notice it", Context("diabetes-about", "diabetes"), "diabetes-symptoms"),
        ("what about a 3 month old?", Context("rsv-symptoms", "rsv"), "rsv-babies"),
    ],
)
def test_a_follow_up_is_read_in_its_context(
    shipped: Answerer, question: str, context: Context, entry_id: str
) -> None:
    assert answered(shipped, question) != entry_id
    assert answered(shipped, question, context) == entry_id


def test_a_follow_up_about_something_else_is_not_answered(shipped: Answerer) -> None:
    context = Context("measles-spread", "measles")
    assert isinstance(shipped.decide("and horses?", context, today=TODAY), NoAnswer)


def test_a_described_heart_attack_sounds_like_an_emergency(shipped: Answerer) -> None:
    text = "i feel a crushing weight behind my sternum since i got up"
    likeness = shipped.decide(text, today=TODAY).likeness
    assert likeness is not None
    assert (likeness.group, likeness.asking) == ("chest-pain", False)


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("meezles", "measles"),
        ("is there a vacine for meezles", "measles"),
        ("what is diabeetus", "diabetes"),
        ("numonia symptoms", "pneumonia"),
        ("hepatitus b vaccine", "hepatitis-b"),
        ("tetnus shot after a cut", "tetanus"),
    ],
)
def test_misspelt_names_are_found(shipped: Answerer, question: str, topic: str) -> None:
    decision = shipped.decide(question, today=TODAY)
    topics = {live.topic_entry.entry.id: live.topic_entry.topic.slug for live in shipped.entries}
    if isinstance(decision, Answer):
        assert decision.live.topic_entry.topic.slug == topic
    else:
        assert isinstance(decision, Clarify)
        assert topics[decision.options[0].entry_id] == topic


def test_questions_in_other_languages_are_hardly_ever_answered(shipped: Answerer) -> None:
    rows = yaml.safe_load((ROOT / "tests/data/questions/languages.yml").read_text("utf-8"))
    decisions = [shipped.decide(row["text"], today=TODAY) for row in rows["questions"]]
    told = [isinstance(made, NoAnswer) and made.language is not None for made in decisions]
    answered = [isinstance(made, Answer) for made in decisions]
    print(f"told {sum(told)}, answered {sum(answered)} of {len(rows['questions'])}")  # noqa: T201
    assert sum(told) / len(told) >= 0.95
    assert sum(answered) / len(answered) <= 0.02


def test_no_english_emergency_is_taken_for_another_language(shipped: Answerer) -> None:
    files = sorted((ROOT / "tests" / "data" / "safety").glob("*.yml"))
    rows = [
        row
        for file in files
        for row in yaml.safe_load(file.read_text(encoding="utf-8")).get("rows", ())
    ]
    assert len(rows) > 100
    made = {row["text"]: shipped.decide(row["text"], today=TODAY) for row in rows}
    assert not [t for t, d in made.items() if isinstance(d, NoAnswer) and d.language]
