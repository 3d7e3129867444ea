"""Neutralising: any text becomes harmless to machines and stays the same to people."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.safety.neutralise import as_utterance, neutralise, says_something

# Lone surrogates included: JSON can carry them.
ANY_TEXT = st.text(st.characters(exclude_categories=()))
# Ordinary random text rarely holds these, and never next to each other.
SPECIAL = st.text(
    st.sampled_from(
        "ae/ \n\t\r0é\u0301\u200b\u202e\u2066\u061c\u00ad\ufeff"
        "\x00\x1c\x7f\x85\u2028\u3000\ud83d\ude00\U0001f600"
    )
)
TEXTS = st.one_of(ANY_TEXT, SPECIAL)
# The Unicode property Bidi_Control, written out.
BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(TEXTS)
@example("e\u200b\u0301")
@example("\ud83d\u200b\ude00")
@example("\ufeff\ufeffa")
@settings(max_examples=150)
def test_nothing_that_only_machines_see_comes_out(text: str) -> None:
    clean = neutralise(text)
    clean.encode("utf-8")
    assert not BIDI_CONTROLS & set(clean)
    assert not [c for c in clean if unicodedata.category(c) in {"Cc", "Cs"} and c != "\n"]
    assert clean == clean.strip()
    assert "\n\n\n" not in clean
    assert "  " not in clean


@given(TEXTS)
@example("e\u200b\u0301")
@example("\n \u200b\n\u200b \n\n")
@settings(max_examples=150)
def test_neutralising_twice_changes_nothing(text: str) -> None:
    once = neutralise(text)
    assert neutralise(once) == once


@given(TEXTS)
@example("/ /restart")
@example("\u200b/\x00/restart")
@settings(max_examples=150)
def test_an_utterance_is_one_line_and_never_a_command(text: str) -> None:
    for utterance in (as_utterance(text), as_utterance(neutralise(text))):
        assert not utterance.startswith("/")
        assert utterance == " ".join(utterance.split())


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
@settings(max_examples=50)
def test_words_stay_as_they_were(text: str) -> None:
    assert neutralise(text) == unicodedata.normalize("NFC", text)
    assert says_something(text)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  two   words ", "two words"),
        ("a\tb\x0bc\u00a0d\u3000e", "a b c d e"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("flu\u202e shot\u202c", "flu shot"),
        ("f\u200blu", "flu"),
        ("f\u00adlu", "flu"),
        ("\u061cflu\u061c", "flu"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("a\x00b\x7fc", "a b c"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("\ud83d\ude00", "\U0001f600"),
        # Joiners carry meaning in Persian and in Indian scripts, and hold emoji together.
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d⚕", "👩\u200d⚕"),
    ],
)
def test_it_cleans(text: str, clean: str) -> None:
    assert neutralise(text) == clean


@pytest.mark.parametrize("text", ["a", "7", "é", "ما", "流感", "😀 a"])
def test_a_letter_or_a_digit_says_something(text: str) -> None:
    assert says_something(text)


@pytest.mark.parametrize("text", ["", " ", "😀", "?!", "…", "/", "\u200d", "\ufffd"])
def test_signs_alone_say_nothing(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize(
    ("text", "utterance"),
    [
        ("/restart", "restart"),
        ("//greet", "greet"),
        (" / / greet{}", "greet{}"),
        ("and/or", "and/or"),
        ("24/7", "24/7"),
        ("a\n b", "a b"),
        ("///", ""),
    ],
)
def test_only_a_leading_slash_is_taken_away(text: str, utterance: str) -> None:
    assert as_utterance(text) == utterance
