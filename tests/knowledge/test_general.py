"""Weights for any corpus: learnt on several small sets at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge.calibration import CONFIDENCE_FEATURES, Calibration, CalibrationError
from knowledge.general import FOREIGN, LETTERS, learn_general
from knowledge.learning import nothing_learnt
from knowledge.measuring import DataError, index, rank, read_beir
from knowledge.retriever import FEATURES
from tests.conftest import WordEmbedder

THINGS = (
    "flu measles stroke mumps rabies malaria cholera polio tetanus gout asthma eczema lupus "
    "croup scurvy rickets typhus dengue zika ebola"
).split()
ASPECTS = {"signs": "fever shows", "spread": "drops carry", "cure": "rest helps"}


def write_set(folder: Path, things: list[str]) -> None:
    """Write a set of questions in BEIR's layout: three on each thing."""
    (folder / "qrels").mkdir(parents=True)
    corpus, queries, qrels = [], [], ["query-id\tcorpus-id\tscore"]
    for thing in things:
        for aspect, answer in ASPECTS.items():
            name = f"{thing}-{aspect}"
            title = f"what are the {aspect} of {thing}"
            corpus.append({"_id": name, "title": title, "text": f"{answer} with {thing}"})
            queries.append({"_id": f"q-{name}", "text": f"tell me {thing} {aspect} please"})
            qrels.append(f"q-{name}\t{name}\t1")
    for name, rows in (("corpus", corpus), ("queries", queries)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets, one of them with questions from elsewhere."""
    folder = tmp_path_factory.mktemp("sets")
    write_set(folder / "one", THINGS[:10])
    write_set(folder / "two", THINGS[10:])
    rows = ["text\tlabel", *(f"repair my {n} car\tout" for n in range(20)), "flu signs\tin"]
    (folder / "two" / "abstain.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What was told while learning."""
    return []


@pytest.fixture(scope="module")
def learnt(sets: Path, told: list[str]) -> Calibration:
    """Learnt on the two sets."""
    return learn_general(sets, WordEmbedder(), told.append)


def test_what_it_learnt_has_the_right_shape(learnt: Calibration) -> None:
    assert learnt.model == "words"
    assert len(learnt.rank_weights) == len(FEATURES)
    assert len(learnt.confidence_weights) == len(CONFIDENCE_FEATURES) + len(FEATURES)
    assert learnt.rank_weights[FEATURES.index("best")] > 0
    assert 0 < learnt.clarify_at < learnt.answer_at < 1


def test_it_is_better_than_nothing_learnt(sets: Path, learnt: Calibration) -> None:
    collection = read_beir(sets / "one")
    nothing = index(collection.documents, WordEmbedder(), nothing_learnt("words"))
    before = rank(nothing, collection, print)
    after = rank(nothing.with_calibration(learnt), collection, print)
    assert after["S@1"] > 0.9 > before["S@1"]


def test_it_is_surer_of_what_the_sets_answer(sets: Path, learnt: Calibration) -> None:
    retriever = index(read_beir(sets / "one").documents, WordEmbedder(), learnt)
    inside = retriever.search("tell me measles signs please").confidence
    outside = retriever.search("repair my 3 car").confidence
    assert inside > outside


def test_it_tells_of_each_set_and_how_it_did_unseen(learnt: Calibration, told: list[str]) -> None:
    assert told == [f"{name}: 30 documents, 30 queries" for name in ("one", "two")]
    assert learnt.fitted_on["sets"] == "one, two"
    figures = [float(value) for name, value in learnt.fitted_on.items() if "S@1" in name]
    assert len(figures) == 4  # each also in strange letters
    assert all(0 <= figure <= 1 for figure in figures)


def test_strange_letters_lose_nothing() -> None:
    assert sorted(FOREIGN) == sorted(LETTERS)


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"`python -m benchmarks\.public_sets` makes them"):
        learn_general(tmp_path, WordEmbedder(), print)


def test_a_broken_set_is_named(tmp_path: Path) -> None:
    write_set(tmp_path / "one", THINGS[:2])
    (tmp_path / "one" / "queries.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"queries\.jsonl: line 1: is no JSON"):
        learn_general(tmp_path, WordEmbedder(), print)
