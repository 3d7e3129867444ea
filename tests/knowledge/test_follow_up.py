"""Corrections and follow-ups, by their wording alone."""

from __future__ import annotations

import time

import pytest

from knowledge.follow_up import LONGEST_CORRECTION, correction, leans


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ("no, I meant stomach flu", "stomach flu"),
        ("No I meant the vaccine", "the vaccine"),
        ("i ment measles", "measles"),
        ("sorry, I was asking about babies", "babies"),
        ("we meant the rash", "the rash"),
        ("that's not what I asked, I meant how it spreads", "how it spreads"),
        ("not that, the vaccine", "the vaccine"),
        ("wrong one, I want to know about strokes", "strokes"),
        ("That isn't what I meant. How does flu spread?", "How does flu spread"),
        ("not lung, bowel", "bowel"),
        ("no, mumps, not measles", "mumps"),
        ("no the shot", "the shot"),
        ("nope, for kids", "for kids"),
    ],
)
def test_a_correction_says_what_was_meant(message: str, meant: str) -> None:
    assert correction(message) == meant


@pytest.mark.parametrize(
    "message",
    ["no", "No!", "nope.", "nah", "that's not it", "not that one", "wrong answer", "NO!!!"],
)
def test_a_bare_no_says_only_that_it_was_wrong(message: str) -> None:
    assert correction(message) == ""


@pytest.mark.parametrize(
    "message",
    [
        "how does flu spread?",
        "is it not dangerous?",
        "no fever but a rash",
        "nobody told me",
        "notice the rash",
        "norovirus",
        "what does not work",
        "",
        "no " * (LONGEST_CORRECTION + 1),
        "no, I meant " + "very " * LONGEST_CORRECTION + "long",
    ],
)
def test_a_question_of_its_own_corrects_nothing(message: str) -> None:
    assert correction(message) is None


@pytest.mark.parametrize(
    "question",
    [
        "and in babies?",
        "what about the vaccine",
        "is it contagious when people stay at home all day",
        "how long",
        "symptoms",
        "tell me whether they are all safe for people of my age",
    ],
)
def test_it_may_lean_on_what_was_said_before(question: str) -> None:
    assert leans(question)


def test_a_long_question_without_a_pointing_word_stands_alone() -> None:
    assert not leans("where does red blotchy skin rash begin on a face")


@pytest.mark.parametrize(
    "message",
    ["no," * 3300, "no" + "o" * 9998, "no, a" + "," * 9990 + "b", "not " + "a" * 9996,
     "that's not" + " " * 9990, "\x00" * 10_000, "麻" * 10_000],
)  # fmt: skip
def test_a_message_of_ten_thousand_characters_takes_no_time(message: str) -> None:
    started = time.thread_time()  # not of the clock: a machine may have other work
    correction(message)
    leans(message)
    assert time.thread_time() - started < 1
