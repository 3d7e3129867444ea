"""Vectors made ahead are the same vectors, made once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actions.prefetch import MOST_WAITING, PrefetchingEmbedder
from knowledge.embedder import Progress, Vectors
from tests.conftest import KNOWN_WORDS, WordEmbedder


class CountingEmbedder(WordEmbedder):
    """Remembers what it was asked to embed."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Note the texts, then embed them."""
        self.asked += texts
        return super().embed(texts, progress)


def test_it_embeds_a_text_once_that_was_told_ahead() -> None:
    counting = CountingEmbedder()
    embedder = PrefetchingEmbedder(counting)
    embedder.prefetch("flu symptoms")
    embedder.prefetch("flu symptoms")
    vectors = embedder.embed(["flu symptoms"])
    assert counting.asked == ["flu symptoms"]
    assert np.allclose(vectors, WordEmbedder().embed(["flu symptoms"]))


def test_it_forgets_a_text_as_soon_as_it_was_used() -> None:
    counting = CountingEmbedder()
    embedder = PrefetchingEmbedder(counting)
    embedder.prefetch("flu symptoms")
    embedder.embed(["flu symptoms"])
    embedder.embed(["flu symptoms"])
    assert counting.asked == ["flu symptoms", "flu symptoms"]


def test_it_mixes_texts_told_ahead_with_others_in_their_order() -> None:
    embedder = PrefetchingEmbedder(WordEmbedder())
    embedder.prefetch("measles")
    texts = ["flu", "measles", "flu"]
    assert np.allclose(embedder.embed(texts), WordEmbedder().embed(texts))


def test_it_embeds_nothing_again_and_tells_how_far_it_is() -> None:
    counting = CountingEmbedder()
    embedder = PrefetchingEmbedder(counting)
    embedder.prefetch("flu")
    told: list[tuple[int, int]] = []
    embedder.embed(["flu", "measles", "measles"], lambda done, total: told.append((done, total)))
    assert counting.asked == ["flu", "measles"]
    assert told == [(1, 1)]  # one text was left to do
    assert embedder.embed([]).shape[0] == 0


def test_it_knows_words_as_the_model_does() -> None:
    embedder = PrefetchingEmbedder(WordEmbedder())
    known = next(iter(KNOWN_WORDS))
    assert embedder.knows_word(known)
    assert not embedder.knows_word("xanthan")
    assert embedder.strangeness(["flu"]) == WordEmbedder().strangeness(["flu"])


def test_it_holds_only_so_many_texts() -> None:
    embedder = PrefetchingEmbedder(WordEmbedder())
    texts = [f"question {number}" for number in range(MOST_WAITING * 2)]
    for text in texts:
        embedder.prefetch(text)
    assert len(embedder._ahead) == MOST_WAITING
    assert np.allclose(embedder.embed(texts[:1]), WordEmbedder().embed(texts[:1]))
