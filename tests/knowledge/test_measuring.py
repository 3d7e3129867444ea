"""Measuring on any corpus: files read strictly, figures that can be reckoned by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knowledge.document import plain_document
from knowledge.measuring import (
    Collection,
    DataError,
    Pair,
    compare_pairs,
    index,
    rank,
    ranking_figures,
    read_beir,
    read_pairs,
    read_scope,
    tell_scope,
)
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION

CORPUS = [
    {"_id": "d1", "title": "how does flu spread", "text": "by drops", "variants": ["flu?", " "]},
    {"_id": "d2", "text": "measles rash"},
    {"_id": 3, "title": "signs of stroke", "text": ""},
]
QUERIES = [{"_id": "q1", "text": "flu spread"}, {"_id": "q2", "text": "rash"}]
QRELS = [("q1", "d1", "1"), ("q2", "d2", "2"), ("q2", "3", "0")]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(rows: list[tuple[str, ...]], head: tuple[str, ...]) -> str:
    return "".join("\t".join(row) + "\n" for row in [head, *rows])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small collection in BEIR's layout."""
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text(lines(CORPUS), encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text(lines(QUERIES), encoding="utf-8")
    head = ("query-id", "corpus-id", "score")
    (tmp_path / "qrels" / "test.tsv").write_text(table(QRELS, head), encoding="utf-8")
    return tmp_path


def silent(line: str) -> None:
    """Tell nobody."""


# --- BEIR -----------------------------------------------------------------------------------------


def test_it_reads_documents_queries_and_what_answers_them(folder: Path) -> None:
    found = read_beir(folder)
    assert found.queries == {"q1": "flu spread", "q2": "rash"}
    assert found.right == {"q1": {"d1": 1}, "q2": {"d2": 2}}
    first, second, third = found.documents
    assert (first.wordings, first.answer) == (("how does flu spread", "flu?"), "by drops")
    assert (second.wordings, second.answer) == (("measles rash",), "")  # its text is all it has
    assert (third.id, third.answer) == ("3", "")


def test_a_byte_order_mark_and_empty_lines_are_no_matter(folder: Path) -> None:
    text = (folder / "queries.jsonl").read_text(encoding="utf-8")
    (folder / "queries.jsonl").write_text(f"\ufeff{text}\n\n", encoding="utf-8")
    assert len(read_beir(folder).queries) == 2


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: No such file"):
        read_beir(folder)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_file_in_another_encoding_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xff\xfe\x00flu")
    with pytest.raises(DataError, match=f"{name}: is not UTF-8"):
        read_beir(folder)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("corpus.jsonl", "{broken", r"corpus\.jsonl: line 4: is no JSON"),
        ("corpus.jsonl", "[1]", r"corpus\.jsonl: line 4: needs an object in braces"),
        ("corpus.jsonl", '{"title": "flu"}', r"corpus\.jsonl: line 4: `_id` is missing or empty"),
        ("corpus.jsonl", '{"_id": "x"}', r"line 4: needs a `title` or a `text`"),
        ("corpus.jsonl", '{"_id": "x", "title": 3, "text": "a"}', r"line 4: needs a `title`"),
        ("corpus.jsonl", '{"_id": "x", "text": null}', r"line 4: `text` must be a text"),
        ("corpus.jsonl", '{"_id": "x", "text": "a", "variants": "b"}', r"line 4: `variants` must"),
        ("corpus.jsonl", '{"_id": "x", "text": "a", "variants": [1]}', r"line 4: `variants` must"),
        ("queries.jsonl", '{"_id": "q3"}', r"queries\.jsonl: line 3: `text` is missing or empty"),
        ("queries.jsonl", '{"_id": "q3", "text": " "}', r"line 3: `text` is missing or empty"),
        ("qrels/test.tsv", "q9\td1\t1", r"test\.tsv: line 5: 'q9' is neither among the queries"),
        ("qrels/test.tsv", "q1\td9\t1", r"test\.tsv: line 5: 'd9' is neither among the queries"),
        ("qrels/test.tsv", "q1\td1\thigh", r"line 5: `score` must be a number, not 'high'"),
        ("qrels/test.tsv", "q1\td1\tnan", r"line 5: `score` must be a number, not 'nan'"),
        ("qrels/test.tsv", "q1\td1\tinf", r"line 5: `score` must be a number, not 'inf'"),
        ("qrels/test.tsv", "q1\td1", r"line 5: `score` is missing or empty"),
        ("qrels/test.tsv", "q1", r"line 5: `corpus-id` is missing or empty"),
        ("qrels/test.tsv", "q" * 200_000 + "\td1\t1", r"test\.tsv: line 5: field larger"),
    ],
)
def test_a_broken_line_is_named_with_its_field(
    folder: Path, name: str, line: str, message: str
) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=message):
        read_beir(folder)


def test_a_table_without_its_header_is_refused(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\nq2\td2\t1\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: `query-id` is missing"):
        read_beir(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("corpus.jsonl", ""),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\n"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t0\n"),
    ],
)
def test_a_collection_without_anything_to_find_is_refused(
    folder: Path, name: str, content: str
) -> None:
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError):
        read_beir(folder)


def test_two_documents_with_one_id_cannot_be_indexed(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"_id": "d1", "text": "again"}\n')
    documents = read_beir(folder).documents
    with pytest.raises(DataError, match="two documents have the id 'd1'"):
        index(documents, WordEmbedder(), CALIBRATION)


def test_no_documents_cannot_be_indexed() -> None:
    with pytest.raises(DataError, match="the corpus is empty"):
        index([], WordEmbedder(), CALIBRATION)


# --- rankings -------------------------------------------------------------------------------------


def test_the_figures_are_those_reckoned_by_hand() -> None:
    right = {"first": {"a": 1}, "third": {"c": 1, "x": 1}, "never": {"z": 1}, "nothing": {"a": 1}}
    order = {"a": 0.0, "b": -1.0, "c": -2.0, "d": -3.0, "e": -4.0, "f": -5.0, "x": -6.0}
    run = {"first": order, "third": order, "never": order, "nothing": {}}
    figures = ranking_figures(run, right)
    assert figures["S@1"] == pytest.approx(1 / 4)
    assert figures["MRR@10"] == pytest.approx((1 + 1 / 3) / 4)
    assert figures["P@5"] == pytest.approx((1 / 5 + 1 / 5) / 4)
    assert figures["R@1"] == pytest.approx(1 / 4)
    assert figures["R@5"] == pytest.approx((1 + 1 / 2) / 4)
    assert figures["R@10"] == pytest.approx((1 + 1) / 4)
    assert figures["MAP"] == pytest.approx((1 + (1 / 3 + 2 / 7) / 2) / 4)


def test_it_asks_every_query_and_measures_the_time(folder: Path) -> None:
    collection = read_beir(folder)
    figures = rank(index(collection.documents, WordEmbedder(), CALIBRATION), collection, silent)
    assert figures["S@1"] == figures["MRR@10"] == figures["R@1"] == 1.0
    assert figures["P@5"] == pytest.approx(1 / 5)
    assert 0 < figures["ms_median"] <= figures["ms_p95"]


def test_of_documents_with_one_score_the_order_is_kept() -> None:
    twins = tuple(plain_document(name, "flu spread") for name in ("b", "a", "c"))
    collection = Collection(twins, {"q": "flu spread"}, {"q": {"b": 1}})
    figures = rank(index(twins, WordEmbedder(), CALIBRATION), collection, silent)
    assert figures["S@1"] == 1.0


# --- pairs and scope ------------------------------------------------------------------------------

READERS: list[tuple[Callable[[Path], Any], tuple[str, ...]]] = [
    (read_pairs, ("text_a", "text_b", "label")),
    (read_scope, ("text", "label")),
]


def write_rows(folder: Path, kind: str, fields: tuple[str, ...], rows: list[list[str]]) -> Path:
    """Write rows as a .csv, .tsv or .jsonl file."""
    file = folder / f"rows.{kind}"
    if kind == "jsonl":
        text = "".join(json.dumps(dict(zip(fields, row, strict=False))) + "\n" for row in rows)
    else:
        mark = "\t" if kind == "tsv" else ","
        text = "".join(mark.join(row) + "\n" for row in [list(fields), *rows])
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_pairs_and_questions_are_read_from_any_kind_of_file(tmp_path: Path, kind: str) -> None:
    rows = [["flu", "influenza", "1"], ["flu", "measles", "different"]]
    pairs = read_pairs(write_rows(tmp_path, kind, READERS[0][1], rows))
    assert pairs == [Pair("flu", "influenza", True), Pair("flu", "measles", False)]
    scope = read_scope(write_rows(tmp_path, kind, READERS[1][1], [["flu", "in"], ["car", "OOS"]]))
    assert scope == [("flu", True), ("car", False)]


def test_a_quote_in_a_tab_separated_file_is_a_quote(tmp_path: Path) -> None:
    file = write_rows(tmp_path, "tsv", READERS[1][1], [['"flu', "in"], ["car", "out"]])
    assert [text for text, _ in read_scope(file)] == ['"flu', "car"]


def test_a_comma_between_quotes_is_text(tmp_path: Path) -> None:
    file = write_rows(tmp_path, "csv", READERS[1][1], [['"flu, or cold"', "in"]])
    assert read_scope(file) == [("flu, or cold", True)]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize(("read", "fields"), READERS)
def test_a_bad_label_is_named_with_its_line(
    tmp_path: Path, kind: str, read: Callable[[Path], Any], fields: tuple[str, ...]
) -> None:
    texts = ["flu"] * (len(fields) - 1)
    file = write_rows(tmp_path, kind, fields, [[*texts, "1"], [*texts, "maybe"]])
    line = 2 if kind == "jsonl" else 3
    with pytest.raises(DataError, match=rf"rows\.{kind}: line {line}: `label` must be .*'maybe'"):
        read(file)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize(("read", "fields"), READERS)
def test_a_missing_field_is_named_with_its_line(
    tmp_path: Path, kind: str, read: Callable[[Path], Any], fields: tuple[str, ...]
) -> None:
    file = write_rows(tmp_path, kind, fields, [["flu"] * (len(fields) - 1)])
    line = 1 if kind == "jsonl" else 2
    with pytest.raises(DataError, match=rf"line {line}: `label` is missing or empty"):
        read(file)


@pytest.mark.parametrize(("read", "fields"), READERS)
def test_a_missing_file_of_rows_is_named(
    tmp_path: Path, read: Callable[[Path], Any], fields: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: No such file"):
        read(tmp_path / "nowhere.csv")


def test_pairs_that_ask_the_same_are_told_from_others() -> None:
    pairs = [
        Pair("how does flu spread", "flu spread how", True),
        Pair("measles rash", "rash of measles", True),
        Pair("signs of stroke", "how to bake bread", False),
        Pair("mmr vaccine", "cars and bikes", False),
    ]
    figures = compare_pairs(pairs, WordEmbedder(), CALIBRATION)
    assert figures == {"pairs": 4.0, "same": 0.5, "AUC": 1.0, "best_accuracy": 1.0}


def test_a_pair_that_is_labelled_against_its_words_costs_accuracy() -> None:
    pairs = [
        Pair("how does flu spread", "flu spread how", False),
        Pair("measles rash", "rash of measles", True),
        Pair("signs of stroke", "how to bake bread", False),
        Pair("mmr vaccine", "cars and bikes", True),
    ]
    figures = compare_pairs(pairs, WordEmbedder(), CALIBRATION)
    assert figures["AUC"] <= 0.75
    assert figures["best_accuracy"] <= 0.75


def test_questions_in_scope_are_told_from_those_out_of_it() -> None:
    documents = [plain_document("a", "how does flu spread"), plain_document("b", "measles rash")]
    retriever = index(documents, WordEmbedder(), CALIBRATION)
    questions = [
        ("flu spread", True),
        ("measles rash", True),
        ("bake bread", False),
        ("wash cars", False),
    ]
    figures = tell_scope(retriever, questions)
    assert figures == {"in_scope": 2.0, "out_of_scope": 2.0, "AUROC": 1.0, "FPR@95": 0.0}
    turned = tell_scope(retriever, [(text, not is_in) for text, is_in in questions])
    assert (turned["AUROC"], turned["FPR@95"]) == (0.0, 1.0)


@pytest.mark.parametrize("label", [True, False])
def test_with_one_label_only_there_is_nothing_to_tell_apart(label: bool) -> None:
    message = "needs some with the label 1 and some with 0"
    with pytest.raises(DataError, match=message):
        compare_pairs([Pair("a", "b", label), Pair("c", "d", label)], WordEmbedder(), CALIBRATION)
    retriever = index([plain_document("a", "flu")], WordEmbedder(), CALIBRATION)
    with pytest.raises(DataError, match=message):
        tell_scope(retriever, [("flu", label), ("rash", label)])
    with pytest.raises(DataError, match=message):
        tell_scope(retriever, [])
