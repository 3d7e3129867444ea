"""The benchmark of the search: what it makes is seeded and well-formed, and its table is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from benchmarks.search import (
    VARIANTS,
    Edit,
    Mixer,
    Size,
    edit_lines,
    fill,
    in_child,
    made,
    measure_edits,
    measure_size,
    moved,
    report,
    table,
)
from knowledge.document import document_of
from knowledge.embedder import Vectors, embed_cached
from knowledge.entry import TopicEntry
from knowledge.exchange import read_corpus
from knowledge.retriever import texts_of
from knowledge.store import connect, migrate, read_live, transaction
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, CORPUS

EMBEDDER = WordEmbedder()


@pytest.fixture(scope="module")
def pairs() -> list[TopicEntry]:
    """The entries of the small corpus."""
    return [located.topic_entry for located in read_corpus(CORPUS)]


@pytest.fixture(scope="module")
def real(pairs: list[TopicEntry]) -> list[Vectors]:
    """Two vectors per entry."""
    return [EMBEDDER.embed([pair.entry.question, pair.entry.short_answer]) for pair in pairs]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty store."""
    opened = connect(f"sqlite:///{tmp_path / 'made.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def test_a_mixture_is_the_same_each_time_and_other_with_another_seed(
    pairs: list[TopicEntry],
) -> None:
    first, again, other = (list(Mixer(pairs, seed).entries(30)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_made_entries_are_valid_and_have_ten_variants_of_the_corpus_words(
    pairs: list[TopicEntry],
) -> None:
    known = {word for pair in pairs for text in document_of(pair).wordings for word in text.split()}
    known |= {word for pair in pairs for word in pair.entry.short_answer.split()}
    for base, pair in Mixer(pairs).entries(30):
        assert TopicEntry.model_validate(pair.model_dump(mode="json")).entry.id == pair.entry.id
        assert len(pair.entry.variants) == VARIANTS
        assert pair.entry.short_answer.split()[0] in known
        assert pair.entry.aspect == pairs[base].entry.aspect


def test_entries_have_ids_of_their_own_and_share_topics(pairs: list[TopicEntry]) -> None:
    made_ones = [pair for _, pair in Mixer(pairs).entries(30)]
    assert len({pair.entry.id for pair in made_ones}) == 30
    assert len({pair.topic.slug for pair in made_ones}) == 3


def test_rewording_changes_the_question_only(pairs: list[TopicEntry]) -> None:
    changed = Mixer(pairs, seed=1).reworded(pairs[0])
    assert changed.entry.question != pairs[0].entry.question
    body = changed.entry.model_copy(update={"question": pairs[0].entry.question})
    assert body == pairs[0].entry


def test_moved_vectors_have_length_one_and_stay_near_their_entry(real: list[Vectors]) -> None:
    found = moved(real, [0, 1, 0], [5, 4, 3])
    assert found.shape == (12, real[0].shape[1])
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(12), abs=1e-5)
    for place, base in ((0, 0), (5, 1), (9, 0)):
        assert found[place] @ real[base][0] > 0.5
    assert np.array_equal(found, moved(real, [0, 1, 0], [5, 4, 3]))


def test_a_size_is_measured_on_every_round(pairs: list[TopicEntry], real: list[Vectors]) -> None:
    documents, vectors = made(pairs, real, 40)
    held = [vectors]
    size = measure_size(documents, held, EMBEDDER, ["is it safe"], CALIBRATION, rounds=5)
    assert (size.entries, size.texts) == (40, len(texts_of(documents)))
    assert (len(size.search), len(size.model)) == (5, 5)
    assert min(*size.search, size.build, size.resident) > 0
    assert size.peak >= size.resident
    assert held == []


def test_filled_vectors_are_taken_for_the_models(
    engine: Engine, pairs: list[TopicEntry], real: list[Vectors]
) -> None:
    bases, entries = map(list, zip(*Mixer(pairs).entries(8), strict=True))
    documents = [document_of(pair) for pair in entries]
    vectors = moved(real, bases, [len(texts_of([document])) for document in documents])
    fill(engine, EMBEDDER, entries, vectors)
    told: list[int] = []
    with transaction(engine) as session:
        kept = embed_cached(
            session,
            EMBEDDER,
            texts_of(documents),
            progress=lambda done, total: told.append(total),
        )
        live = read_live(session)
    assert live is not None
    assert len(live.entries) == 8
    assert told == []
    assert np.array_equal(kept[-1], vectors[-1])


def test_every_edit_is_live_at_the_end(
    engine: Engine, pairs: list[TopicEntry], real: list[Vectors]
) -> None:
    bases, entries = map(list, zip(*Mixer(pairs).entries(30), strict=True))
    counts = [len(texts_of([document_of(pair)])) for pair in entries]
    fill(engine, EMBEDDER, entries, moved(real, bases, counts))
    edits = measure_edits(engine, EMBEDDER, entries, CALIBRATION, count=2)
    assert len(edits) == 2
    assert all(min(edit.imported, edit.published, edit.refreshed) > 0 for edit in edits)
    with transaction(engine) as session:
        live = read_live(session)
    assert live is not None
    assert live.release_id == 3
    assert sum(entry.revision == 2 for entry in live.entries) == 2


def test_the_table_has_the_median_the_tail_and_the_ratio() -> None:
    size = Size(1000, 13000, 5.04, 412.4, 500.2, (2.0, 4.0, 6.0), (8.0, 8.0, 80.0))
    assert table([size])[2] == (
        "| 1,000 | 13,000 | 5.0 s | 412 MB (500) | 4.0 | 5.8 | 8.0 | 72.8 | 0.50 |"
    )


@pytest.mark.parametrize(("refreshed", "reached"), [(1.5, "met"), (1.9, "missed")])
def test_the_aim_is_about_all_parts_of_an_edit(refreshed: float, reached: str) -> None:
    lines = edit_lines([Edit(0.1, 0.2, refreshed)], 10_000)
    assert lines[2] == f"| 1 | 0.10 s | 0.20 s | {refreshed:.2f} s | {0.3 + refreshed:.2f} s |"
    assert lines[-1].endswith(f"the aim of less than 2 s is {reached}.")


def test_the_page_says_that_the_entries_are_made() -> None:
    size = Size(1000, 13000, 5.0, 412.0, 500.0, (2.0,), (8.0,))
    page = report([size], [], "python -m benchmarks.search", 0.5)
    assert "The entries are made" in page
    assert "| Edit |" not in page


@pytest.mark.model
def test_a_process_of_its_own_measures_a_size(tmp_path: Path, real: list[Vectors]) -> None:
    vectors = np.random.default_rng(0).standard_normal((2000, 384)).astype(np.float32)
    file = tmp_path / "vectors.npz"
    np.savez(file, vectors=vectors, starts=np.arange(0, 2001, 2))
    size = in_child(50, file)
    assert (size.entries, size.texts) == (50, 50 * (VARIANTS + 3))
