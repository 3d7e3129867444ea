"""Lexical signals: rare words, misspellings and named topics."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.document import Document, document_of, plain_document
from knowledge.lexical import LexicalIndex, TopicNames, topic_names
from knowledge.words import fold, words
from tests.knowledge.small import small_corpus

DOCUMENTS = [
    Document(
        "measles",
        ("what does measles look like", "measles rash"),
        "",
        "what does measles look like measles rash spots fever",
        "measles",
    ),
    Document("flu", ("how does influenza spread",), "", "influenza spread cough fever", "flu"),
    Document("sleep", ("how much sleep",), "", "sleep dark room fever", "sleep"),
]


@pytest.fixture
def index() -> LexicalIndex:
    """Three documents with four wordings."""
    return LexicalIndex(DOCUMENTS)


@pytest.fixture(scope="module")
def names() -> TopicNames:
    """The topics flu, measles and stroke."""
    return topic_names([document_of(pair) for pair in small_corpus()])


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
    match = index.match("meesles rasch")
    assert int(np.argmax(match.characters)) == 1
    assert 0 < match.characters[1] < 1
    assert match.words.max() == 0


def test_it_compares_with_every_wording_and_every_document(index: LexicalIndex) -> None:
    match = index.match("measles rash")
    assert (len(match.characters), len(match.words), len(match.coverage)) == (4, 4, 3)
    assert match.characters[1] == pytest.approx(1.0)
    assert match.characters[1] > np.delete(match.characters, 1).max()
    assert int(np.argmax(match.words)) == 1
    assert 0 < match.words[0] < match.words[1] <= 1


def test_it_weighs_a_rare_word_more_than_a_common_one(index: LexicalIndex) -> None:
    covered = index.match("fever rash").coverage
    assert covered[0] == pytest.approx(1.0)
    assert 0 < covered[1] < 0.5
    assert covered[1] == pytest.approx(covered[2])


def test_rarity_is_known_by_hand(index: LexicalIndex) -> None:
    assert index.rarity("fever") == pytest.approx(1.0)  # in all three
    assert index.rarity("rash") == pytest.approx(np.log(4 / 2) + 1)
    assert index.rarity("psoriasis") == pytest.approx(np.log(4) + 1)
    covered = index.match("fever rash").coverage
    assert covered[1] == pytest.approx(1 / (2 + np.log(2)))


def test_it_weighs_a_word_that_no_document_knows_most(index: LexicalIndex) -> None:
    assert index.match("measles").coverage[0] == pytest.approx(1.0)
    assert index.match("measles psoriasis").coverage[0] < 0.5


def test_it_covers_nothing_of_a_question_without_a_subject(index: LexicalIndex) -> None:
    match = index.match("what is that?")
    assert match.coverage.tolist() == [0.0, 0.0, 0.0]
    assert match.words.tolist() == [0.0] * 4


def test_it_tells_the_rarity_of_what_a_document_does_not_know(index: LexicalIndex) -> None:
    assert index.uncovered("measles rash", 0) == []
    missing = [index.rarity("cough"), index.rarity("psoriasis")]
    assert sorted(index.uncovered("cough psoriasis cough", 0)) == pytest.approx(missing)


def test_it_knows_a_word_in_the_plural_and_in_capitals(index: LexicalIndex) -> None:
    assert index.knows("Spots")
    assert index.knows("spot")
    assert not index.knows("psoriasis")


def test_it_names_the_words_that_no_document_knows(index: LexicalIndex) -> None:
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


def test_it_puts_another_name_in_the_place_of_a_topics(names: TopicNames) -> None:
    text = "Can a Flu Shot give me it?"
    assert names.swapped(text, "flu", "mumps") == "Can a mumps give me it?"
    assert names.swapped("What does rubeola's rash do?", "measles", "mumps") == (
        "What does mumps rash do?"
    )
    assert names.swapped(text, "measles", "mumps") is None


# --- a wording left out ---------------------------------------------------------------------------


def test_a_wording_left_out_counts_for_nothing() -> None:
    zebra = Document("zebra", ("zebra flu", "flu at night"), "", "zebra flu flu at night", "flu")
    index = LexicalIndex([zebra, DOCUMENTS[0]])
    whole, without = index.match("zebra flu"), index.match("zebra flu", leave_out=0)
    assert (without.characters[0], without.words[0]) == (0.0, 0.0)
    assert whole.coverage[0] == pytest.approx(1.0)
    assert 0 < without.coverage[0] < 1  # "flu" is in the other wording too, "zebra" is not
    assert np.array_equal(without.characters[1:], whole.characters[1:])
    assert np.array_equal(without.words[1:], whole.words[1:])
    assert without.coverage[1] == whole.coverage[1]


def test_a_word_that_the_answer_has_stays_when_its_wording_is_left_out() -> None:
    flu = plain_document("flu", "zebra flu", "It is a flu of zebras.")
    index = LexicalIndex([flu, DOCUMENTS[0]])
    assert index.match("zebra flu", leave_out=0).coverage[0] == pytest.approx(1.0)


# --- built upon an index before -------------------------------------------------------------------


def test_built_upon_another_index_it_tells_the_same() -> None:
    grown = [*DOCUMENTS[1:], plain_document("mumps", "what is mumps", "Swollen cheeks, fever.")]
    fresh, built = LexicalIndex(grown), LexicalIndex(grown, LexicalIndex(DOCUMENTS))
    for query in ("fever", "mumps cheeks", "influensa spread", "measles rash", ""):
        one, other = fresh.match(query), built.match(query)
        assert np.array_equal(one.characters, other.characters)
        assert np.array_equal(one.words, other.words)
        assert np.array_equal(one.coverage, other.coverage)
    assert built.unknown_words("measles rash mumps") == ["measle", "rash"]


# --- any text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["", " \t\n", "\x00\x07", "?!", "麻疹 сыпь rash", "rash " * 2000, "a" * 10_000]
)
def test_it_takes_any_text(index: LexicalIndex, query: str) -> None:
    match = index.match(query)
    for scores in (match.characters, match.words, match.coverage):
        assert np.isfinite(scores).all()
        assert scores.min() >= 0
        assert scores.max() <= 1 + 1e-5
