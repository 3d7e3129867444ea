"""Words of the platforms and what a tap sends back."""

from __future__ import annotations

import pytest

from bot.rendering.taps import Rate, Say, label_token, rate_token, read_tap, say_token
from bot.rendering.words import filled, read_words
from bot.replies import ReplyFileError
from tests.bot.rendering.replies import REPLY_ID, WORDS


@pytest.mark.parametrize(
    ("iso", "written"),
    [
        ("2026-05-18", "18 May 2026"),
        ("2026-12-01", "1 December 2026"),
        ("2026-09", "September 2026"),
        ("2026-13", "2026-13"),
        ("2026", "2026"),
        ("soon", "soon"),
    ],
)
def test_a_date_is_written_as_people_write_it(iso: str, written: str) -> None:
    assert WORDS.date(iso) == written


def test_braces_in_a_value_stay_as_they_are() -> None:
    assert filled("{title} ({date})", title="On {date}", date="May") == "On {date} (May)"


def test_a_language_without_words_is_refused() -> None:
    with pytest.raises(ReplyFileError, match=r"tlh\.yml cannot be read"):
        read_words("tlh")


def test_a_tap_means_what_its_button_says() -> None:
    assert read_tap(say_token("Who needs a flu shot?")) == Say("Who needs a flu shot?")
    assert read_tap(say_token("f:+:x")) == Say("f:+:x")
    assert read_tap(label_token(3), "Who needs a flu shot?") == Say("Who needs a flu shot?")
    assert read_tap(rate_token(REPLY_ID, "helpful")) == Rate(REPLY_ID, "helpful")
    assert read_tap(rate_token(REPLY_ID, "not_helpful")) == Rate(REPLY_ID, "not_helpful")


@pytest.mark.parametrize("token", ["", "s:", "l:1", "f:", "f:+", "f:+:", "f:*:abc", "x:abc", "say"])
def test_a_token_that_is_not_ours_means_nothing(token: str) -> None:
    assert read_tap(token) is None
