"""Lexical signals: rare words, misspellings and named topics."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.lexical import LexicalIndex, TopicNames, fold, words
from tests.knowledge.small import small_corpus

WORDINGS = [
    (0, "what does measles look like"),
    (0, "measles rash"),
    (1, "how does influenza spread"),
    (2, "how much sleep"),
]
DOCUMENTS = [
    "measles rash spots fever",
    "influenza spread cough fever",
    "sleep dark room fever",
]


@pytest.fixture
def index() -> LexicalIndex:
    """Three entries."""
    return LexicalIndex(WORDINGS, DOCUMENTS)


@pytest.fixture
def names() -> TopicNames:
    """The topics flu, measles and stroke."""
    return TopicNames(small_corpus())


def test_it_keeps_the_words_that_carry_a_subject() -> None:
    assert words("What are the symptoms of the flu, please?") == ["symptom", "flu"]
    assert words("I can’t do that") == []


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        ("babies", "baby"),
        ("ties", "tie"),
        ("shots", "shot"),
        ("kid's", "kid"),
        ("kids'", "kid"),
        ("virus", "virus"),
        ("illness", "illness"),
        ("meningitis", "meningitis"),
        ("gas", "gas"),
    ],
)
def test_it_folds_plurals_and_possessives(word: str, folded: str) -> None:
    assert fold(word) == folded


def test_it_finds_a_misspelt_word_by_its_letters(index: LexicalIndex) -> None:
    similarity = index.character_similarity("meesles rasch")
    assert int(np.argmax(similarity)) == 0
    assert 0 < similarity[0] < 1


def test_it_gives_each_entry_its_best_wording(index: LexicalIndex) -> None:
    similarity = index.character_similarity("measles rash")
    assert similarity.shape == (3,)
    assert similarity[0] == pytest.approx(1.0)
    assert similarity[0] > similarity[1:].max()


def test_it_weighs_a_rare_word_more_than_a_common_one(index: LexicalIndex) -> None:
    covered = index.coverage("fever rash")
    assert covered[0] == pytest.approx(1.0)
    assert 0 < covered[1] < 0.5
    assert covered[1] == pytest.approx(covered[2])


def test_it_weighs_a_word_that_no_entry_knows_most(index: LexicalIndex) -> None:
    assert index.coverage("measles")[0] == pytest.approx(1.0)
    assert index.coverage("measles psoriasis")[0] < 0.5


def test_it_covers_nothing_of_a_question_without_a_subject(index: LexicalIndex) -> None:
    assert index.coverage("what is that?").tolist() == [0.0, 0.0, 0.0]


def test_it_names_the_words_that_no_entry_knows(index: LexicalIndex) -> None:
    assert index.unknown_words("does measles cause psoriasis") == ["cause", "psoriasis"]


@pytest.mark.parametrize(
    ("question", "topics"),
    [
        ("flu", {"flu"}),
        ("FLU season", {"flu"}),
        ("the flu's symptoms", {"flu"}),
        ("is influenza worse than measles", {"flu", "measles"}),
        ("rubeola", {"measles"}),
        ("strokes", {"stroke"}),
        ("influential people", set()),
        ("fluid", set()),
        ("backstroke", set()),
    ],
)
def test_it_recognises_a_topic_by_whole_names(
    names: TopicNames, question: str, topics: set[str]
) -> None:
    assert names.named(question) == topics


@pytest.mark.parametrize("question", ["flu", "Flu?", "tell me about the flu", "what is measles"])
def test_it_knows_a_bare_topic(names: TopicNames, question: str) -> None:
    assert names.only_names(question)


@pytest.mark.parametrize("question", ["flu symptoms", "symptoms", "what is that", ""])
def test_it_knows_a_question_that_says_more_or_less(names: TopicNames, question: str) -> None:
    assert not names.only_names(question)


def test_a_word_that_only_the_left_out_wording_has_is_not_covered() -> None:
    wordings = [(0, "zebra flu"), (0, "flu at night"), (1, "measles")]
    index = LexicalIndex(wordings, ["zebra flu flu at night", "measles"])
    assert index.coverage("zebra flu")[0] == pytest.approx(1.0)
    without = index.coverage("zebra flu", leave_out=0)
    assert 0 < without[0] < 1
    assert without[1] == index.coverage("zebra flu")[1]
