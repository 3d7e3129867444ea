"""Splitting, shortening and direction: no word lost, no character cut in two."""

from __future__ import annotations

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.rendering.limits import units
from bot.rendering.text import (
    clusters,
    directed,
    isolated,
    isolated_number,
    labels,
    shortened,
    split,
)
from tests.bot.rendering.replies import LONG, ODD, SAMPLES, SHORT, bare

QUICK = settings(max_examples=100, deadline=None)
ADDRESS = "https://www.who.int/news-room/fact-sheets/detail/measles?a=1.2!&b=3"


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("One two. Three.", 40, ("One two. Three.",)),
        ("First part.\n\nSecond part.", 15, ("First part.", "Second part.")),
        ("Heading:\n• one thing\n• another", 22, ("Heading:\n• one thing", "• another")),
        ("It spreads. Stay home! Rest?", 14, ("It spreads.", "Stay home!", "Rest?")),
        ("He said “stop.” She went.", 18, ("He said “stop.”", "She went.")),
        ("Give 2.5 parts of it.", 12, ("Give 2.5", "parts of it.")),
        ("مرض معدٍ؟ لا تقلق۔ انتظر", 12, ("مرض معدٍ؟", "لا تقلق۔", "انتظر")),
        ("बुखार है। आराम करें।", 12, ("बुखार है।", "आराम करें।")),
        ("发烧了。要休息！多喝水。", 5, ("发烧了。", "要休息！", "多喝水。")),
        ("one two three", 8, ("one two", "three")),
        ("   \n\n  ", 10, ()),
    ],
)
def test_a_text_is_split_at_the_best_place(text: str, limit: int, pieces: tuple[str, ...]) -> None:
    assert split(text, limit) == pieces


def test_a_paragraph_that_fits_a_message_is_not_broken_to_fill_the_one_before() -> None:
    long, short = "word " * 12, "another paragraph of this text"
    assert split(f"{long}\n\n{short}", 80)[1] == short


def test_a_paragraph_that_fits_no_message_begins_in_the_room_that_is_left() -> None:
    assert split("Short.\n\nOne is here. Two is here. Three is here.", 24) == (
        "Short.\n\nOne is here.",
        "Two is here.",
        "Three is here.",
    )


@pytest.mark.parametrize("before", ["See ", "见", "See this.", "x" * 30])
def test_an_address_is_never_cut_while_it_fits(before: str) -> None:
    pieces = split(f"{before}{ADDRESS} and then more.", units(ADDRESS) + 1)
    assert [piece for piece in pieces if ADDRESS in piece]


def test_an_address_that_is_longer_than_a_message_is_cut_rather_than_lost() -> None:
    address = "https://www.who.int/" + "x" * 100
    assert "".join(split(address, 30)) == address


@given(st.one_of(LONG, ODD), st.integers(2, 300))
@QUICK
def test_pieces_fit_and_hold_every_word(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(0 < units(piece) <= limit for piece in pieces)
    assert bare("".join(pieces)) == bare(text)


@given(LONG, st.integers(60, 300))
@QUICK
def test_a_piece_ends_where_a_word_ends_if_words_fit(text: str, limit: int) -> None:
    # Chinese sentences have no space between them, so there a piece may end inside of a "word".
    spaced = text.replace("。", "。 ").replace("！", "！ ")
    assert " ".join(split(spaced, limit)).split() == spaced.split()


# Of the marks that Unicode joins, hypothesis meets few by chance.
TIED = (
    "a क्ष्मा त्र \u200d \u200c 👩🏽 👨‍👩‍👧 🇺🇸🇬🇧 1️⃣ e\u0301 각 \u1100\u1161\u11a8 กำ \u0600١ ം"
).split(" ")
JOINED = st.lists(st.sampled_from([*TIED, " "]), max_size=12).map("".join)
ASSIGNED = st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=30)


@given(st.one_of(JOINED, ASSIGNED))
@example("\r\n")
@example("क्ष")
@settings(max_examples=400, deadline=None)
def test_no_character_that_people_see_is_cut(text: str) -> None:
    cut, at = set(), 0
    for cluster in clusters(text):
        at += len(cluster)
        cut.add(at)
    assert "".join(clusters(text)) == text
    assert cut <= {match.end() for match in regex.finditer(r"\X", text)}


def test_characters_are_cut_apart_where_nothing_ties_them() -> None:
    assert list(clusters("abcé发烧")) == ["a", "b", "c", "é", "发", "烧"]


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("CDC: About Influenza", 20, "CDC: About Influenza"),
        ("What are the signs of a stroke?", 20, "What are the signs…"),
        ("Donaudampfschifffahrt", 10, "Donaudamp…"),
        ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 15, "👩‍👩‍👧‍👦…"),
    ],
)
def test_a_label_is_shortened_after_a_word(text: str, limit: int, short: str) -> None:
    assert shortened(text, limit) == short


def test_labels_that_begin_alike_show_their_ends() -> None:
    titles = ["What are the signs of a stroke?", "What are the signs of measles?", "Who can call?"]
    assert labels(titles, 20) == ("…signs of a stroke?", "…signs of measles?", "Who can call?")


def test_labels_that_are_alike_all_over_are_numbered() -> None:
    assert labels(["Measles", "Measles", "Flu"], 20) == ("1. Measles", "2. Measles", "3. Flu")


@given(st.lists(st.one_of(ODD.filter(str.strip), SHORT, LONG), max_size=30), st.integers(20, 24))
@QUICK
def test_labels_fit_and_differ(titles: list[str], limit: int) -> None:
    found = labels(titles, limit)
    assert len(set(found)) == len(titles)
    assert all(0 < units(label) <= limit for label in found)


def test_a_line_of_the_replys_direction_that_begins_with_a_foreign_word_is_marked() -> None:
    assert directed("CDC: الحصبة", "rtl") == "\u200fCDC: الحصبة"
    assert directed("الحصبة CDC", "rtl") == "الحصبة CDC"
    assert directed("الحصبة is measles", "ltr") == "\u200eالحصبة is measles"


@pytest.mark.parametrize("line", ["", "911", ADDRESS, "If this is an emergency, call now."])
def test_a_line_in_one_direction_is_left_alone(line: str) -> None:
    assert directed(line, "rtl") == line
    assert directed(line, "ltr") == line


def test_foreign_words_and_numbers_keep_their_order() -> None:
    assert isolated("CDC: Measles (18 May)", "rtl") == "\u2068CDC: Measles (18 May)\u2069"
    assert isolated("CDC: Measles (18 May)", "ltr") == "CDC: Measles (18 May)"
    assert isolated_number("1-800-222-1222", "rtl") == "\u20661-800-222-1222\u2069"
    assert isolated_number("1-800-222-1222", "ltr") == "1-800-222-1222"


def test_samples_hold_what_is_hard() -> None:
    assert any(len(list(clusters(word))) < len(word) for word in SAMPLES)
