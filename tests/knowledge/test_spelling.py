"""Misspelt words become words of the corpus; names and words that the model knows stay."""

from __future__ import annotations

import pytest

from knowledge.document import document_of, plain_document
from knowledge.spelling import Spelling
from tests.conftest import KNOWN_WORDS
from tests.knowledge.small import small_corpus

FURTHER = [
    plain_document("diabetes", "What is diabetes?", "Too much sugar in the blood."),
    plain_document("hepatitis", "How does hepatitis spread?", variants=("hepatitis carriers",)),
]


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    """Knows the words of the small corpus and of two more documents."""
    documents = [*(document_of(pair) for pair in small_corpus()), *FURTHER]
    return Spelling(documents, KNOWN_WORDS.__contains__)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("meezles", "measles"),
        ("measels", "measles"),
        ("diabeetus", "diabetes"),
        ("vacine", "vaccine"),
        ("infleunza", "influenza"),
        ("hepatitus", "hepatitis"),
        ("symtoms", "symptoms"),
    ],
)
def test_a_misspelt_word_becomes_that_of_the_corpus(
    spelling: Spelling, typed: str, meant: str
) -> None:
    assert spelling.corrected(typed) == meant
    assert spelling.corrected(typed.upper()) == meant
    assert spelling.corrected(f"what about {typed}, please?") == f"what about {meant}, please?"


@pytest.mark.parametrize(
    "text",
    [
        "psoriasis",  # a name that is new to the corpus
        "zika and ebola",
        "measures",  # near to "measles", but a word
        "fewer",
        "measle's spots",
        "Measles vaccine in women",
        "flu",
        "flo",  # too short to be judged
        "h3patitis",
        "hepatitis-like",
        "please tell me",
        "",
        "麻疹 сыпь",
        "meez\x00les",
    ],
)
def test_everything_else_stays_as_it_is(spelling: Spelling, text: str) -> None:
    assert spelling.corrected(text) == text


def test_a_word_that_only_the_model_knows_stays() -> None:
    documents = [document_of(pair) for pair in small_corpus()]
    assert Spelling(documents, lambda word: False).corrected("meezles") == "measles"
    assert Spelling(documents, lambda word: word == "meezles").corrected("meezles") == "meezles"


def test_of_two_words_as_near_the_more_frequent_is_taken() -> None:
    documents = [plain_document("1", "mantle"), plain_document("2", "mantis mantis mantis")]
    assert Spelling(documents, lambda word: False).corrected("mantls") == "mantis"


def test_a_slip_in_a_variant_is_corrected_all_the_same() -> None:
    documents = [plain_document("1", "Is a vaccine safe?", variants=("is the vacine safe",))]
    assert Spelling(documents, lambda word: False).corrected("vacine") == "vaccine"


def test_two_forms_of_one_word_do_not_contend() -> None:
    documents = [plain_document("1", "vaccine"), plain_document("2", "vaccines vaccines")]
    assert Spelling(documents, lambda word: False).corrected("vaccinees") == "vaccines"


def test_a_pasted_page_and_an_endless_word_are_taken(spelling: Spelling) -> None:
    assert spelling.corrected("meezles " * 1250) == "measles " * 1250
    assert spelling.corrected("m" * 10_000) == "m" * 10_000
