"""Measure the retriever on any corpus: BEIR folders, labelled pairs, questions in and out of scope.

The same retriever as the product's answers here, under the weights for any corpus
(``general.json``), which were learnt on other questions.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from knowledge.calibration import Calibration
from knowledge.document import Document, DocumentError, plain_document
from knowledge.embedder import Embedder, Progress
from knowledge.retriever import FEATURES, Retriever, texts_of

DEPTH = 100
"""Documents that are ranked per query."""
RECALL = 0.95
RIVALS = 5
PAIR_COSINE = 25.0
"""Log-odds for which a cosine of 1 counts, beside the lead over the rivals. Of four values the best
on the pairs of the two public sets that docs/benchmarks.md judges by."""
BEST = FEATURES.index("best")
YES = {"1", "1.0", "in", "true", "yes", "similar"}
NO = {"0", "0.0", "out", "false", "no", "different", "oos"}
Tell = Callable[[str], None]
LONGEST_FIELD = 131_072
"""Characters of one field: the limit of Python's own reader."""


class DataError(Exception):
    """A file to measure on is broken; the message names file, line and field."""


@dataclass(frozen=True)
class Collection:
    """Documents, queries and which answer which.

    Attributes:
        documents: what to search.
        queries: text of each query by its id.
        right: per query id, how well each document fits (above 0: it answers).
    """

    documents: tuple[Document, ...]
    queries: dict[str, str]
    right: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Pair:
    """Two texts and whether they ask the same."""

    text_a: str
    text_b: str
    same: bool


def read_beir(folder: Path) -> Collection:
    """Read a folder in BEIR's layout; a document's ``title`` is its question, ``text`` its answer.

    A list ``variants`` of further wordings is read too; BEIR itself does not know it.

    Raises:
        DataError: a file is missing or broken, or names what is not there.
    """
    documents = [_document(row, place) for row, place in _json_lines(folder / "corpus.jsonl")]
    queries = {
        _text(row, "_id", place): _text(row, "text", place)
        for row, place in _json_lines(folder / "queries.jsonl")
    }
    right: dict[str, dict[str, int]] = {}
    known = {document.id for document in documents}
    for row, place in _table(folder / "qrels" / "test.tsv", ("query-id", "corpus-id", "score")):
        query, document, grade = row["query-id"], row["corpus-id"], _grade(row["score"], place)
        if query not in queries or document not in known:
            missing = query if query not in queries else document
            raise DataError(f"{place}: {missing!r} is neither among the queries nor the corpus")
        if grade > 0:
            right.setdefault(query, {})[document] = grade
    if not documents or not right:
        raise DataError(f"{folder}: needs at least one document and one query that it answers")
    return Collection(tuple(documents), queries, right)


def read_pairs(file: Path) -> list[Pair]:
    """Read pairs of texts with a label (1 or 0), from a .csv, .tsv or .jsonl file.

    Raises:
        DataError: the file is missing or broken.
    """
    return [
        Pair(row["text_a"], row["text_b"], _label(row["label"], place))
        for row, place in _rows(file, ("text_a", "text_b", "label"))
    ]


def read_scope(file: Path) -> list[tuple[str, bool]]:
    """Read questions with a label (in or out of scope), from a .csv, .tsv or .jsonl file.

    Raises:
        DataError: the file is missing or broken.
    """
    return [
        (row["text"], _label(row["label"], place)) for row, place in _rows(file, ("text", "label"))
    ]


def index(
    documents: Sequence[Document],
    embedder: Embedder,
    calibration: Calibration,
    progress: Progress | None = None,
) -> Retriever:
    """Return the product's retriever over any documents.

    Raises:
        DataError: they cannot be searched.
    """
    try:
        vectors = embedder.embed(texts_of(documents), progress)
        return Retriever(documents, vectors, embedder, calibration)
    except DocumentError as error:
        raise DataError(str(error)) from error


def rank(retriever: Retriever, collection: Collection, tell: Tell) -> dict[str, float]:
    """Search every query that has an answer and return the figures.

    Args:
        retriever: over the collection's documents.
        collection: the queries and what answers them.
        tell: told of progress.

    Returns:
        S@1, MRR@10, P@5, nDCG@5, nDCG@10, MAP, R@1, R@5, R@10 (all 0 to 1; means over the queries),
        and the median and 95th percentile of the milliseconds per query, encoding included.
    """
    run: dict[str, dict[str, float]] = {}
    times = []
    retriever.search("warm up")
    for number, query in enumerate(collection.right, start=1):
        started = time.perf_counter()
        found = retriever.search(collection.queries[query], top_k=DEPTH)
        times.append(1000 * (time.perf_counter() - started))
        # By place, not by score: two documents with one score keep their order.
        run[query] = {c.entry_id: float(-place) for place, c in enumerate(found.candidates)}
        if number % 500 == 0:
            tell(f"{number} of {len(collection.right)} queries")
    return ranking_figures(run, collection.right) | {
        "ms_median": float(np.median(times)),
        "ms_p95": float(np.percentile(times, 95)),
    }


def ranking_figures(
    run: dict[str, dict[str, float]], right: dict[str, dict[str, int]]
) -> dict[str, float]:
    """Return the usual figures of rankings, by ir-measures.

    Args:
        run: per query id, the score of each document brought.
        right: per query id, how well each document fits.
    """
    from ir_measures import AP, RR, P, R, Success, calc_aggregate, nDCG

    measures = {
        "S@1": Success @ 1,
        "MRR@10": RR @ 10,
        "P@5": P @ 5,
        "nDCG@5": nDCG @ 5,
        "nDCG@10": nDCG @ 10,
        "MAP": AP,
        "R@1": R @ 1,
        "R@5": R @ 5,
        "R@10": R @ 10,
    }
    found = calc_aggregate(list(measures.values()), right, run)
    return {name: float(found[measure]) for name, measure in measures.items()}


def compare_pairs(
    pairs: Sequence[Pair], embedder: Embedder, calibration: Calibration
) -> dict[str, float]:
    """Tell how well the score separates pairs that ask the same from those that do not.

    Each text is searched among the other texts of the pairs; what counts is the lead of its partner
    over the nearest ones together with their cosine, the mean of both ways.

    Returns:
        AUC, the best accuracy that any threshold reaches, and the share of pairs that ask the same.

    Raises:
        DataError: all pairs have one label, or a text cannot be searched.
    """
    from sklearn.metrics import roc_auc_score

    same = _both_kinds([pair.same for pair in pairs], "pairs")
    scores = np.mean(
        [
            _partner_scores([(p.text_a, p.text_b) for p in pairs], embedder, calibration),
            _partner_scores([(p.text_b, p.text_a) for p in pairs], embedder, calibration),
        ],
        axis=0,
    )
    order = np.argsort(-scores)
    hits = np.r_[0, np.cumsum(same[order])]
    rejected = (~same).sum() - np.r_[0, np.cumsum(~same[order])]
    return {
        "pairs": float(len(pairs)),
        "same": float(same.mean()),
        "AUC": float(roc_auc_score(same, scores)),
        "best_accuracy": float((hits + rejected).max() / len(pairs)),
    }


def _partner_scores(
    pairs: Sequence[tuple[str, str]], embedder: Embedder, calibration: Calibration
) -> npt.NDArray[np.float64]:
    texts = list(dict.fromkeys(text for _, text in pairs))
    places = {text: place for place, text in enumerate(texts)}
    documents = [plain_document(str(place), text) for place, text in enumerate(texts)]
    retriever = index(documents, embedder, calibration)
    asked = list(dict.fromkeys(text for text, _ in pairs))
    vectors = dict(zip(asked, embedder.embed(asked), strict=True))
    scores = []
    for text, partner in pairs:
        wanted = np.array([places[partner]])
        signals = retriever.signals(text, vectors[text], wanted)
        row = int(np.searchsorted(signals.numbers, wanted[0]))
        ranked = calibration.rank(signals.table)
        lead = ranked[row] - np.sort(ranked)[-RIVALS:].mean()
        scores.append(float(lead + PAIR_COSINE * signals.table[row, BEST]))
    return np.array(scores)


def tell_scope(retriever: Retriever, questions: Sequence[tuple[str, bool]]) -> dict[str, float]:
    """Tell how well the confidence separates questions in scope from those out of it.

    Returns:
        AUROC, and the share of the questions out of scope that would be let through where 95 % of
        those in scope are.

    Raises:
        DataError: all questions have one label.
    """
    from sklearn.metrics import roc_auc_score

    inside = _both_kinds([is_in for _, is_in in questions], "questions")
    confidence = np.array([retriever.search(text).confidence for text, _ in questions])
    enough = float(np.quantile(confidence[inside], 1 - RECALL, method="lower"))
    return {
        "in_scope": float(inside.sum()),
        "out_of_scope": float((~inside).sum()),
        "AUROC": float(roc_auc_score(inside, confidence)),
        "FPR@95": float((confidence[~inside] >= enough).mean()),
    }


def _both_kinds(labels: Sequence[bool], what: str) -> npt.NDArray[np.bool_]:
    """Return labels as an array.

    Raises:
        DataError: all are the same, so that there is nothing to tell apart.
    """
    if len(set(labels)) < 2:
        raise DataError(f"{what}: needs some with the label 1 and some with 0")
    return np.array(labels)


def _document(row: dict[str, object], place: str) -> Document:
    answer = row.get("text", "")
    variants = row.get("variants", [])
    if not isinstance(answer, str):
        raise DataError(f"{place}: `text` must be a text")
    if not isinstance(variants, list) or not all(isinstance(v, str) for v in variants):
        raise DataError(f"{place}: `variants` must be a list of texts")
    title = row.get("title") or answer
    if not isinstance(title, str) or not title.strip():
        raise DataError(f"{place}: needs a `title` or a `text`")
    usable = tuple(variant for variant in variants if variant.strip())
    return plain_document(
        _text(row, "_id", place), title, answer if row.get("title") else "", usable
    )


def _text(row: dict[str, object], field: str, place: str) -> str:
    value = row.get(field)
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{place}: `{field}` is missing or empty")
    return value


def _grade(value: str, place: str) -> int:
    try:
        return int(float(value))
    except (OverflowError, ValueError) as error:
        raise DataError(f"{place}: `score` must be a number, not {value!r}") from error


def _label(value: str, place: str) -> bool:
    plain = value.strip().casefold()
    if plain not in YES | NO:
        raise DataError(f"{place}: `label` must be 1 or 0, in or out, not {value!r}")
    return plain in YES


def _rows(file: Path, fields: Sequence[str]) -> Iterator[tuple[dict[str, str], str]]:
    if file.suffix == ".jsonl":
        for row, place in _json_lines(file):
            yield {field: str(row.get(field, "")) for field in _present(row, fields, place)}, place
        return
    yield from _table(file, fields)


def _table(file: Path, fields: Sequence[str]) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the rows of a file with a header, tabs in .tsv (unquoted), else commas."""
    tabs = file.suffix == ".tsv"
    # For the whole process, and whoever reads spreadsheets sets it too.
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.DictReader(
        io.StringIO(_read(file), newline=""),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
    )
    try:
        for row in reader:
            place = f"{file.name}: line {reader.line_num}"
            _present(row, fields, place)
            yield {field: row[field] for field in fields}, place
    except csv.Error as error:
        raise DataError(f"{file.name}: line {reader.line_num + 1}: {error}") from error


def _json_lines(file: Path) -> Iterator[tuple[dict[str, object], str]]:
    for number, line in enumerate(_read(file).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{file.name}: line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{place}: is no JSON") from error
        if not isinstance(row, dict):
            raise DataError(f"{place}: needs an object in braces")
        yield row, place


def _present(
    row: dict[str, object] | dict[str, str], fields: Sequence[str], place: str
) -> Sequence[str]:
    for field in fields:
        if row.get(field) in (None, ""):
            raise DataError(f"{place}: `{field}` is missing or empty")
    return fields


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8") from error
