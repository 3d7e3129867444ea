"""Sparse text statistics: weights reckoned by hand, and counts taken over from before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from knowledge import postings
from knowledge.postings import LENGTH_PENALTY, SATURATION, Analyzer, Numbers, Postings

Weighting = Literal["cosine", "bm25", "share"]
TEXTS = ["red rash", "red red fever", "cough"]
COMMON, RARE, NEVER = np.log(4 / 3) + 1, np.log(4 / 2) + 1, np.log(4 / 1) + 1


def places(before: Sequence[str], texts: Sequence[str]) -> Numbers:
    """Return per text its place among those before, or -1."""
    return np.array([before.index(text) if text in before else -1 for text in texts])


def split(text: str) -> list[str]:
    return text.split()


def scores(weighting: Weighting, query: str, texts: list[str] | None = None) -> list[float]:
    found = Postings(texts or TEXTS, split, weighting).scores(query)
    assert found.dtype == np.float32
    return [float(score) for score in found]


# --- by hand --------------------------------------------------------------------------------------


def test_the_share_is_that_of_the_querys_terms_by_rarity() -> None:
    assert scores("share", "red rash") == pytest.approx([1.0, COMMON / (COMMON + RARE), 0.0])
    assert scores("share", "rash zebra") == pytest.approx([RARE / (RARE + NEVER), 0.0, 0.0])


def test_the_cosine_is_that_of_tf_idf_vectors() -> None:
    query = np.array([COMMON, RARE])
    first = np.array([COMMON, RARE])
    second = np.array([(1 + np.log(2)) * COMMON, RARE])  # "fever" is the second's rare term
    shared = query[0] * second[0] / np.linalg.norm(query) / np.linalg.norm(second)
    assert scores("cosine", "red rash") == pytest.approx([1.0, shared, 0.0])
    assert float(query @ first / np.linalg.norm(query) / np.linalg.norm(first)) == pytest.approx(1)


def test_bm25_is_held_against_a_perfect_text() -> None:
    usual = (2 + 3 + 1) / 3

    def weight(times: int, length: int) -> float:
        return times / (times + SATURATION * (1 - LENGTH_PENALTY + LENGTH_PENALTY * length / usual))

    assert scores("bm25", "red") == pytest.approx([weight(1, 2), weight(2, 3), 0.0])
    both = (COMMON * weight(1, 2) + RARE * weight(1, 2)) / (COMMON + RARE)
    assert scores("bm25", "red rash")[0] == pytest.approx(both)


def test_more_of_a_word_tells_less_and_less_and_never_more_than_one() -> None:
    many = scores("bm25", "red", ["red", "red red red", "red " * 50])
    assert max(many) < 1


def test_letters_see_a_misspelling_that_words_do_not() -> None:
    texts = ["measles", "stroke"]
    letters = Postings(texts, "characters", "cosine").scores("meesles")
    assert letters[0] > 0.2
    assert letters[1] == 0
    assert scores("bm25", "meesles", texts) == [0.0, 0.0]


# --- any text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighting", ["cosine", "bm25", "share"])
@pytest.mark.parametrize("query", ["", "zebra", "\x00", "red " * 2500])
def test_a_score_is_always_a_number_from_0_to_1(weighting: Weighting, query: str) -> None:
    found = scores(weighting, query, [*TEXTS, "", "красная сыпь", "x" * 10_000])
    assert np.isfinite(found).all()
    assert 0 <= min(found) <= max(found) <= 1 + 1e-6


@pytest.mark.parametrize("weighting", ["cosine", "bm25", "share"])
def test_texts_may_all_be_empty(weighting: Weighting) -> None:
    assert scores(weighting, "red", ["", " "]) == [0.0, 0.0]


# --- built upon counts from before ----------------------------------------------------------------


@pytest.mark.parametrize("weighting", ["cosine", "bm25", "share"])
@pytest.mark.parametrize("analyzer", [split, "characters"])
@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        TEXTS[::-1],
        ["new words", *TEXTS, "new words", "red rash"],
        ["cough"],
        ["nothing of it", "is old"],
        ["red rash"] * 3,
    ],
)
def test_with_and_without_counts_from_before_the_scores_are_the_same(
    weighting: Weighting, analyzer: Analyzer | Literal["characters"], texts: list[str]
) -> None:
    before = Postings(TEXTS, analyzer, weighting)
    fresh = Postings(texts, analyzer, weighting)
    built = Postings(texts, analyzer, weighting, before, places(TEXTS, texts))
    again = Postings(texts, analyzer, weighting, built, np.arange(len(texts)))
    for query in ("red rash", "new cough", "of it"):
        assert np.array_equal(fresh.scores(query), built.scores(query))
        assert np.array_equal(fresh.scores(query), again.scores(query))


def test_what_was_counted_before_is_not_counted_again() -> None:
    counted: list[str] = []

    def noting(text: str) -> list[str]:
        counted.append(text)
        return text.split()

    before = Postings(TEXTS, noting, "share")
    counted.clear()
    Postings([*TEXTS, "new words"], noting, "share", before, np.r_[np.arange(len(TEXTS)), -1])
    assert counted == ["new words"]


def test_too_many_texts_are_counted_again_rather_than_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postings, "KEEP_COUNTS_UP_TO", 2)
    before = Postings(TEXTS, split, "share")
    built = Postings(TEXTS[:2], split, "share", before, np.arange(2))
    assert np.array_equal(built.scores("red"), Postings(TEXTS[:2], split, "share").scores("red"))
