"""The benchmark of the grouping: its sets are those that it names, and its shares are true."""

from __future__ import annotations

import pytest

from benchmarks.grouping import Texts, measure, report, sets_of, table
from knowledge.exchange import read_corpus
from knowledge.grouping import SAME_MEANING
from knowledge.settings import ROOT
from tests.conftest import WordEmbedder

FLU, LAG = ("can dogs get flu", "dogs can get flu"), ("jet lag", "lag jet")


def texts(*rows: tuple[str, str, str]) -> Texts:
    wordings, entries, topics = zip(*rows, strict=True)
    return Texts("some", wordings, entries, topics)


def test_shares_are_those_of_pairs() -> None:
    made = texts(
        (FLU[0], "dogs", "flu"),
        (FLU[1], "cats", "flu"),
        (LAG[0], "lag", "sleep"),
        (LAG[1], "lag", "travel"),
        ("something else", "lag", "sleep"),
    )
    found = measure(made, WordEmbedder().embed(made.texts), SAME_MEANING)
    assert found.groups == 2
    # Two pairs came together: one on one topic, the other with the same entry.
    assert (found.one_topic, found.one_entry) == (0.5, 0.5)
    assert found.found == pytest.approx(1 / 3)


def test_nothing_together_is_no_share_of_anything() -> None:
    made = texts((FLU[0], "dogs", "flu"), (LAG[0], "lag", "sleep"))
    found = measure(made, WordEmbedder().embed(made.texts), 1.01)
    assert (found.groups, found.one_topic, found.one_entry, found.found) == (0, 0, 0, 0)
    assert table([found])[2:] == ["| some | 1.01 | 0 | – | – | 0.0% |"]


def test_the_sets_are_the_corpus_and_the_labelled_questions_with_an_answer() -> None:
    pairs = [item.topic_entry for item in read_corpus(ROOT / "knowledge" / "corpus")]
    sets = sets_of(pairs)
    assert [one.name for one in sets] == [
        "wordings of the corpus",
        "`calibration.yml`",
        "`held_back.yml`",
    ]
    known = {pair.entry.id: pair.topic.slug for pair in pairs}
    for one in sets:
        assert len(one.texts) == len(one.entries) == len(one.topics) > 500
        assert [known[entry] for entry in one.entries] == list(one.topics)


def test_the_limit_in_use_stands_out() -> None:
    made = texts((FLU[0], "dogs", "flu"), (FLU[1], "dogs", "flu"))
    vectors = WordEmbedder().embed(made.texts)
    figures = [measure(made, vectors, limit) for limit in (0.5, SAME_MEANING)]
    rows = table(figures)[2:]
    assert rows == [
        "| some | 0.50 | 1 | 100% | 100% | 100.0% |",
        f"| some | **{SAME_MEANING:.2f}** | 1 | 100% | 100% | 100.0% |",
    ]
    assert rows[1] in report(figures, [2, 0, 0])
