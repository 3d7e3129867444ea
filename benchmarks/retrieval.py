"""How often the right entry comes first, on public sets that nothing was learnt from.

``python -m benchmarks.retrieval SETS`` takes the folder ``judge`` that ``benchmarks.public_sets``
makes. Beside the product's retriever, what people would otherwise use: the cosine of the same
model over question vectors and over question-and-answer vectors, BM25, and the usual blend of the
two by reciprocal rank. ``--write`` puts the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.page import write_part
from knowledge.calibration import GENERAL, load_calibration
from knowledge.embedder import Embedder, load_embedder
from knowledge.measuring import (
    DEPTH,
    Collection,
    DataError,
    compare_pairs,
    index,
    rank,
    ranking_figures,
    read_beir,
    read_pairs,
    read_scope,
    tell_scope,
)
from knowledge.settings import read_settings

Scores = npt.NDArray[np.floating]
RRF = 60
"""The usual constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009)."""
SHOWN = ("S@1", "MRR@10", "nDCG@10", "R@5")


def tell(line: str) -> None:
    """Tell of progress, apart from the result."""
    print(line, file=sys.stderr, flush=True)


def question_cosines(collection: Collection, embedder: Embedder, queries: list[str]) -> Scores:
    """Return the cosine of every query with every question."""
    titles = embedder.embed([document.wordings[0] for document in collection.documents])
    return embedder.embed(queries) @ titles.T


def both_cosines(collection: Collection, embedder: Embedder, queries: list[str]) -> Scores:
    """Return the cosine of every query with question and answer as one text."""
    texts = [f"{item.wordings[0]} {item.answer}".strip() for item in collection.documents]
    return embedder.embed(queries) @ embedder.embed(texts).T


def bm25(collection: Collection, _embedder: Embedder, queries: list[str]) -> Scores:
    """Return BM25 of every query over question and answer, by bm25s with English stopwords."""
    import bm25s

    texts = [f"{item.wordings[0]} {item.answer}" for item in collection.documents]
    searcher = bm25s.BM25()
    searcher.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    pattern = re.compile(r"(?u)\b\w\w+\b")
    return np.array([searcher.get_scores(pattern.findall(query.lower())) for query in queries])


def fused(collection: Collection, embedder: Embedder, queries: list[str]) -> Scores:
    """Return the reciprocal rank fusion of question cosines and BM25."""
    parts = (bm25(collection, embedder, queries), question_cosines(collection, embedder, queries))
    both: Scores = np.sum([1 / (RRF + _places(part)) for part in parts], axis=0)
    return both


def _places(scores: Scores) -> npt.NDArray[np.integer]:
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
    return places


PEERS: dict[str, Callable[[Collection, Embedder, list[str]], Scores]] = {
    "model, question": question_cosines,
    "model, question and answer": both_cosines,
    "BM25": bm25,
    "fusion by rank": fused,
}


def figures_of(scores: Scores, collection: Collection) -> dict[str, float]:
    """Return the figures of a table of scores, queries by documents."""
    ids = [document.id for document in collection.documents]
    run = {}
    for query, row in zip(collection.right, scores, strict=True):
        order = np.argsort(-row, kind="stable")[:DEPTH]
        run[query] = {ids[i]: float(-place) for place, i in enumerate(order)}
    return ranking_figures(run, collection.right)


def sampled(collection: Collection, most: int) -> Collection:
    """Return a collection with so many of its queries, always the same ones."""
    names = sorted(collection.right)
    if len(names) <= most:
        return collection
    seeded = random.Random(0)  # noqa: S311 - the same ones each time
    chosen = seeded.sample(names, most)
    return replace(collection, right={name: collection.right[name] for name in chosen})


def measure(folder: Path, embedder: Embedder, most: int) -> dict[str, dict[str, float]]:
    """Return the figures of every system on one set."""
    collection = sampled(read_beir(folder), most)
    calibration = load_calibration(GENERAL)
    queries = [collection.queries[query] for query in collection.right]
    found = {
        name: figures_of(scores(collection, embedder, queries), collection)
        for name, scores in PEERS.items()
    }
    retriever = index(collection.documents, embedder, calibration)
    return found | {"Citewell": rank(retriever, collection, tell)}


def table(results: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Return the lines of the table: S@1 per set and system, and the means."""
    systems = [*PEERS, "Citewell"]
    lines = ["| Set | " + " | ".join(systems) + " |", "|---|" + "--:|" * len(systems)]
    for name, found in results.items():
        cells = (f"{found[system]['S@1']:.3f}" for system in systems)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for figure in SHOWN:
        means = (np.mean([found[s][figure] for found in results.values()]) for s in systems)
        lines.append(f"| **mean {figure}** | " + " | ".join(f"{m:.3f}" for m in means) + " |")
    return lines


def extras(folder: Path, embedder: Embedder) -> list[str]:
    """Return the lines on pairs and on questions out of scope."""
    calibration = load_calibration(GENERAL)
    lines = []
    for file in sorted(folder.glob("*/pairs.tsv")):
        pairs = read_pairs(file)
        found = compare_pairs(pairs, embedder, calibration)
        plain = _plain_auc(file, embedder)
        lines.append(
            f"- pairs of {file.parent.name} ({len(pairs)}): AUC {found['AUC']:.3f}, best accuracy "
            f"{found['best_accuracy']:.3f}; cosine alone: AUC {plain:.3f}"
        )
    for file in sorted(folder.glob("*/abstain.tsv")):
        retriever = index(read_beir(file.parent).documents, embedder, calibration)
        found = tell_scope(retriever, read_scope(file))
        lines.append(
            f"- out of scope, {file.parent.name}: AUROC {found['AUROC']:.3f}, let through at 95 % "
            f"recall {found['FPR@95']:.3f}"
        )
    return lines


def _plain_auc(file: Path, embedder: Embedder) -> float:
    from sklearn.metrics import roc_auc_score

    pairs = read_pairs(file)
    one = embedder.embed([pair.text_a for pair in pairs])
    other = embedder.embed([pair.text_b for pair in pairs])
    return float(roc_auc_score([pair.same for pair in pairs], (one * other).sum(axis=1)))


def main() -> int:
    """Measure every set in a folder and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("sets", type=Path, help="folder of sets in BEIR's layout")
    parser.add_argument("--queries", type=int, default=400, help="asked of each set at most")
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    args = parser.parse_args()
    folders = sorted(path.parent for path in args.sets.glob("*/corpus.jsonl"))
    if not folders:
        print(f"{args.sets} holds no set: `python -m benchmarks.public_sets` makes them")
        return 1
    embedder = load_embedder(read_settings(), tell)
    results = {}
    try:
        for folder in folders:
            tell(f"measuring {folder.name}")
            results[folder.name] = measure(folder, embedder, args.queries)
        lines = [*table(results), "", *extras(args.sets, embedder)]
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines))
    if args.write:
        write_part("retrieval", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
