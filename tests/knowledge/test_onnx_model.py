"""Exported models: the vectors of sentence-transformers, without torch, whatever the text.

The models are made on the spot: small, of random weights, each of another build.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from knowledge.embedder import (
    PACKAGED_MODEL,
    ModelError,
    SentenceTransformerEmbedder,
    Vectors,
    load_embedder,
)
from knowledge.onnx_model import (
    FULL,
    META,
    PROBES,
    ROUNDED,
    TOKENIZER,
    OnnxEmbedder,
    batches,
    model_digest,
    read_export,
)
from knowledge.settings import ROOT, KnowledgeSettings, read_settings

QUESTIONS = ROOT / "tests" / "data" / "questions" / "calibration.yml"
WIDTH = 32
LONGEST = 24
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789?.,;麻疹क"
WORDS = ["what", "is", "flu", "the", "shot", "measles", "cold", "how"]
VOCABULARY = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *LETTERS]
VOCABULARY += [f"##{letter}" for letter in LETTERS]
PAD = VOCABULARY.index("[PAD]")
"""Not 0, so that a batch filled up with the wrong token is found out."""
SIZES: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": LONGEST + 8,
    "pad_token_id": PAD,
}
TEXTS = [
    "what is the flu shot?",
    "",
    "measles",
    "   ",
    "how cold is the flu, and what is measles? " * 300,
    "麻疹 क what is it? Как",
    "what\u0000is\tthe\u202eflu\u200b\r\n?",
    "the",
]


def tokenizer_file(folder: Path) -> None:
    """Write a WordPiece tokenizer with a vocabulary of single letters and a few words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {token: number for number, token in enumerate(VOCABULARY)}
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(token, ids[token]) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=LONGEST,
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def build(
    folder: Path, kind: str, pooling: str, dense: int = 0, include_prompt: bool = True
) -> Path:
    """Save a small sentence-transformers model; return its folder."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import (
        Dense,
        Normalize,
        Pooling,
        Transformer,
    )

    torch.manual_seed(7)
    plain = folder / "plain"
    config = getattr(transformers, f"{kind}Config")(**SIZES)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(plain)
    tokenizer_file(plain)
    modules = [
        Transformer(str(plain), max_seq_length=LONGEST),
        Pooling(WIDTH, pooling_mode=pooling, include_prompt=include_prompt),
    ]
    if dense:
        modules += [Dense(WIDTH, dense), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


def set_prompt(model: Path) -> None:
    """Give a saved model words that it puts before every text."""
    file = model / "config_sentence_transformers.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config |= {"prompts": {"query": "how is "}, "default_prompt_name": "query"}
    file.write_text(json.dumps(config), encoding="utf-8")


BUILDS: dict[str, Callable[[Path], Path]] = {
    "bert-mean": lambda folder: build(folder, "Bert", "mean"),
    "bert-cls": lambda folder: build(folder, "Bert", "cls"),
    "bert-cls-dense": lambda folder: build(folder, "Bert", "cls", dense=16),
    "mpnet-mean": lambda folder: build(folder, "MPNet", "mean"),
    "xlm-roberta-max": lambda folder: build(folder, "XLMRoberta", "max"),
}


def settings_for(model: Path | str, data: Path, encoder: str = "onnx") -> KnowledgeSettings:
    return read_settings(
        {
            "CITEWELL_DATA_DIR": str(data),
            "CITEWELL_EMBEDDING_MODEL": str(model),
            "CITEWELL_ENCODER": encoder,
        }
    )


def load_onnx(settings: KnowledgeSettings) -> OnnxEmbedder:
    """Load an export, and nothing but an export."""
    loaded = load_embedder(settings)
    assert isinstance(loaded, OnnxEmbedder)
    return loaded


def exports(settings: KnowledgeSettings) -> list[Path]:
    """Return the folders of all exports that are there."""
    return [file.parent for file in (settings.data_dir / "models").glob(f"*/{META}")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeSettings:
    """A small BERT whose export is made."""
    folder = tmp_path_factory.mktemp("tiny")
    settings = settings_for(BUILDS["bert-mean"](folder), folder / "data")
    load_onnx(settings)
    return settings


@pytest.fixture(scope="module")
def embedder(tiny: KnowledgeSettings) -> OnnxEmbedder:
    """The small BERT, without torch."""
    return load_onnx(tiny)


@pytest.fixture
def own(tiny: KnowledgeSettings, tmp_path: Path) -> KnowledgeSettings:
    """The small BERT with an export that a test may damage."""
    shutil.copytree(tiny.data_dir / "models", tmp_path / "models")
    return replace(tiny, data_dir=tmp_path)


def lengths(vectors: Vectors) -> list[float]:
    return [float(value) for value in np.linalg.norm(vectors, axis=1)]


# --- the vectors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BUILDS)
def test_it_makes_the_vectors_of_sentence_transformers(kind: str, tmp_path: Path) -> None:
    settings = settings_for(BUILDS[kind](tmp_path), tmp_path / "data")
    wanted = SentenceTransformerEmbedder(settings.embedding_model).embed(TEXTS)
    loaded = load_onnx(settings)
    assert loaded.name == settings.embedding_model
    assert np.abs(loaded.embed(TEXTS) - wanted).max() < 1e-4
    assert min(lengths(wanted)) > 0.99


def test_it_puts_the_models_own_words_before_every_text(tmp_path: Path) -> None:
    model = BUILDS["bert-mean"](tmp_path)
    settings = settings_for(model, tmp_path / "data")
    before = load_onnx(settings).embed(["the flu"])
    set_prompt(model)
    vectors = load_onnx(settings).embed(["the flu"])
    wanted = SentenceTransformerEmbedder(str(model)).embed(["the flu"])
    assert np.abs(vectors - wanted).max() < 1e-4
    assert np.abs(vectors - before).max() > 1e-3


def test_a_text_has_the_same_vector_alone_and_among_others(embedder: OnnxEmbedder) -> None:
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.abs(embedder.embed(TEXTS) - alone).max() < 1e-5


def test_no_texts_have_no_vectors(embedder: OnnxEmbedder) -> None:
    assert embedder.embed([]).shape == (0, WIDTH)


def test_a_text_is_read_up_to_the_models_length(embedder: OnnxEmbedder) -> None:
    long = "what is the flu shot? " * 500
    assert len(long) > 10_000
    other = long[:-50] + "measles " * 50
    first, second, short = embedder.embed([long, other, "what is the flu shot?"])
    assert np.array_equal(first, second)
    assert np.abs(first - short).max() > 1e-3


@pytest.mark.parametrize("text", ["", " ", "\u0000", "\u200b\u202e", "\n\r\t", "\ud83d", "💊" * 9])
def test_whatever_text_there_is_has_a_vector_of_length_one(
    text: str, embedder: OnnxEmbedder
) -> None:
    assert lengths(embedder.embed([text, "flu"])) == pytest.approx([1, 1], abs=1e-5)


def test_control_characters_count_for_nothing(embedder: OnnxEmbedder) -> None:
    with_them, without = embedder.embed(["what\u0000 is\u202e flu\u200b", "what is flu"])
    assert np.array_equal(with_them, without)


def test_half_a_surrogate_pair_counts_as_a_question_mark(embedder: OnnxEmbedder) -> None:
    half, mark = embedder.embed(["flu \ud83d", "flu ?"])
    assert np.array_equal(half, mark)


def test_it_tells_how_far_it_is(embedder: OnnxEmbedder) -> None:
    told: list[tuple[int, int]] = []
    embedder.embed(["how is the flu " * 9] * 400, lambda done, of: told.append((done, of)))
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] == (400, 400)
    assert {of for _, of in told} == {400}


@given(st.lists(st.integers(0, 60)), st.integers(1, 120))
def test_batches_hold_every_text_once_and_keep_to_the_limit(sizes: list[int], most: int) -> None:
    made = list(batches(sizes, most))
    assert sorted(place for batch in made for place in batch) == list(range(len(sizes)))
    for batch in made:
        assert len(batch) == 1 or len(batch) * max(sizes[place] for place in batch) <= most
    in_order = [sizes[place] for batch in made for place in batch]
    assert in_order == sorted(in_order, reverse=True)


def test_several_threads_may_embed_at_once(embedder: OnnxEmbedder) -> None:
    wanted = embedder.embed(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(lambda _: embedder.embed(TEXTS), range(12)):
            assert np.array_equal(made, wanted)


# --- weights of 8 bits ----------------------------------------------------------------------------


def test_rounded_weights_make_vectors_of_another_name(
    tiny: KnowledgeSettings, embedder: OnnxEmbedder
) -> None:
    rounded = load_onnx(replace(tiny, encoder="onnx-int8"))
    assert rounded.name == f"{tiny.embedding_model}/int8"
    full, other = embedder.embed(TEXTS), rounded.embed(TEXTS)
    assert not np.array_equal(full, other)
    assert (full * other).sum(axis=1).min() > 0.9
    (folder,) = exports(tiny)
    assert (folder / ROUNDED).stat().st_size < (folder / FULL).stat().st_size


# --- the export -----------------------------------------------------------------------------------


def test_it_runs_without_torch(tiny: KnowledgeSettings) -> None:
    code = (
        "import sys\n"
        "from knowledge.embedder import load_embedder\n"
        "from knowledge.settings import read_settings\n"
        "load_embedder(read_settings()).embed(['what is the flu', ''])\n"
        "heavy = ('torch', 'transformers', 'sentence_transformers')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            "CITEWELL_DATA_DIR": str(tiny.data_dir),
            "CITEWELL_EMBEDDING_MODEL": tiny.embedding_model,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (finished.stdout, finished.stderr) == ("[]\n", "")


def test_an_export_is_made_once_and_says_so(tiny: KnowledgeSettings, tmp_path: Path) -> None:
    settings = replace(tiny, data_dir=tmp_path)
    told: list[str] = []
    load_embedder(settings, told.append)
    (folder,) = exports(settings)
    before = (folder / FULL).stat().st_mtime_ns
    load_embedder(settings, told.append)
    assert (folder / FULL).stat().st_mtime_ns == before
    (line,) = told
    assert line.startswith(f"preparing the embedding model {settings.embedding_model}")
    assert [file.name for file in (tmp_path / "models").iterdir() if file.is_dir()] == [folder.name]


def test_what_is_known_of_an_export_is_written_beside_it(tiny: KnowledgeSettings) -> None:
    (folder,) = exports(tiny)
    export = read_export(folder, rounded=False)
    assert export is not None
    assert (export.model, export.dimensions) == (tiny.embedding_model, WIDTH)
    assert export.digest == model_digest(Path(tiny.embedding_model))
    assert (export.reading.max_length, export.reading.pad_id) == (LONGEST, PAD)
    assert export.agreement[FULL] > 0.9999
    assert set(export.files) == {FULL, ROUNDED, TOKENIZER}
    assert {"onnx", "onnxruntime", "torch"} <= set(export.versions)


@pytest.mark.parametrize("name", [FULL, TOKENIZER, META])
@pytest.mark.parametrize("harm", ["missing", "cut", "changed"])
def test_a_damaged_export_is_made_again(name: str, harm: str, own: KnowledgeSettings) -> None:
    wanted = load_onnx(own).embed(TEXTS)
    (folder,) = exports(own)
    file = folder / name
    content = file.read_bytes()
    if harm == "missing":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        file.write_bytes(content[:middle] + b"\xff\x00\xff" + content[middle + 3 :])
    told: list[str] = []
    again = load_embedder(own, told.append)
    assert len(told) == 1
    assert isinstance(again, OnnxEmbedder)
    assert np.abs(again.embed(TEXTS) - wanted).max() < 1e-6
    assert exports(own) == [folder]


def test_a_changed_model_is_exported_anew_and_its_old_export_removed(tmp_path: Path) -> None:
    model = BUILDS["bert-mean"](tmp_path)
    settings = settings_for(model, tmp_path / "data")
    before = load_onnx(settings).embed(TEXTS)
    (old,) = exports(settings)
    others = old.with_name("another-" + old.name.rpartition("-")[2])
    others.mkdir()
    (others / META).touch()
    file = model / "1_Pooling" / "config.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"mean"', '"cls"'), encoding="utf-8")
    assert np.abs(load_onnx(settings).embed(TEXTS) - before).max() > 1e-3
    assert others in exports(settings)
    assert old not in exports(settings)
    assert len(exports(settings)) == 2


def test_two_at_once_make_one_export(tiny: KnowledgeSettings, tmp_path: Path) -> None:
    settings = replace(tiny, data_dir=tmp_path)
    told: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(load_embedder, settings, told.append) for _ in range(2)]
        first, second = (job.result().embed(TEXTS) for job in jobs)
    assert np.array_equal(first, second)
    assert len(told) == 1


# --- models that cannot be exported ---------------------------------------------------------------


def check_fallback(settings: KnowledgeSettings, caplog: pytest.LogCaptureFixture) -> str:
    """Check that a model runs with PyTorch and that a line says so; return the reason it gives."""
    with caplog.at_level(logging.WARNING, logger="knowledge"):
        loaded = load_embedder(settings)
    assert isinstance(loaded, SentenceTransformerEmbedder)
    wanted = SentenceTransformerEmbedder(settings.embedding_model).embed(TEXTS)
    assert np.allclose(loaded.embed(TEXTS), wanted)
    (record,) = (item for item in caplog.records if item.name == "knowledge.embedder")
    assert record.getMessage() == "encoder_runs_with_torch"
    assert vars(record)["model"] == settings.embedding_model
    return str(vars(record)["reason"])


def test_a_model_without_a_transformer_runs_with_torch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer_file(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / TOKENIZER))
    static = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_dim=WIDTH)], device="cpu"
    )
    static.save(str(tmp_path / "model"))
    assert check_fallback(settings_for(tmp_path / "model", tmp_path / "data"), caplog) != ""


def test_a_model_whose_export_makes_other_vectors_runs_with_torch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Words before each text that are read but left out of the mean: no export can know of that.
    model = build(tmp_path, "Bert", "mean", include_prompt=False)
    set_prompt(model)
    settings = settings_for(model, tmp_path / "data")
    assert check_fallback(settings, caplog) == "other_vectors"
    assert exports(settings) == []


def test_a_data_folder_that_takes_no_export_is_no_obstacle(
    tiny: KnowledgeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "models").write_text("a file where the folder would be", encoding="utf-8")
    assert check_fallback(replace(tiny, data_dir=tmp_path), caplog) == "unwritable"


def test_torch_runs_the_model_where_it_is_set_to(tiny: KnowledgeSettings) -> None:
    loaded = load_embedder(replace(tiny, encoder="torch"))
    assert isinstance(loaded, SentenceTransformerEmbedder)


@pytest.mark.parametrize("encoder", ["onnx", "onnx-int8", "torch"])
def test_a_model_that_is_not_there_is_refused_with_advice(encoder: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "nowhere", tmp_path / "data", encoder)
    with pytest.raises(ModelError, match="set CITEWELL_EMBEDDING_MODEL to"):
        load_embedder(settings)


# --- the packaged model ---------------------------------------------------------------------------


@pytest.mark.model
def test_the_packaged_model_makes_the_same_vectors_as_with_torch(tmp_path: Path) -> None:
    rows = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))["questions"]
    texts = [row["text"] for row in rows[::20]]
    settings = settings_for(PACKAGED_MODEL, tmp_path)
    wanted = SentenceTransformerEmbedder().embed([*texts, *PROBES])
    assert len(texts) > 50
    assert np.abs(load_onnx(settings).embed([*texts, *PROBES]) - wanted).max() < 1e-4
