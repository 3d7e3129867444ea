"""Learn the weights for any corpus, for ``python -m knowledge learn``.

Weights learnt on one corpus fit that corpus. These are learnt on several at once, each counting the
same: health questions and others, short and long, with and without answers or variants, in a
language that the model knows and in ones that it does not. Which sets they were is written into the
result; docs/benchmarks.md tells where they come from.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knowledge.calibration import Calibration, CalibrationError, rounded
from knowledge.document import plain_document
from knowledge.embedder import Embedder, Vectors
from knowledge.evaluation import Question
from knowledge.learning import (
    Flags,
    Rows,
    corrected,
    fit_confidence,
    learn_order,
    nothing_learnt,
    prepare,
    right_in_first,
)
from knowledge.measuring import Collection, index, read_beir, read_scope
from knowledge.retriever import FEATURES, Floats, Retriever, Signals

MOST_QUERIES = 400
"""Queries taken from one set, so that a large one costs no more time than it teaches."""
OUT_OF_SCOPE = 250
HELD = 0.25
"""How strongly the weights are held to the plain cosine. Of ten values and starts the one by which
sets that were left out of the learning did best; `learn` prints those figures."""
PLAIN = {"best": 9.0, "both": 6.0}
"""Where the weights start: the cosine with the question and with question and answer."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FOREIGN = "oqxevzgwujtpkfihbyrdalsnmc"
"""Letters put for ``LETTERS``: a language in which the model knows no word but texts are as alike
by their letters as before. Public questions in such languages are rare; this stands for them."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class LearningSet:
    """One set of questions to learn from.

    Attributes:
        name: of its folder.
        retriever: over its documents.
        rows: its queries, prepared.
    """

    name: str
    retriever: Retriever
    rows: Rows


def learn_general(folder: Path, embedder: Embedder, tell: Tell) -> Calibration:
    """Learn order and confidence from all sets in a folder.

    Args:
        folder: holds folders in BEIR's layout; one of them may have an ``abstain.tsv``.
        embedder: the model.
        tell: told of progress.

    Raises:
        CalibrationError: the folder holds no set.
        DataError: a set is broken.
    """
    names = sorted(path.parent.name for path in folder.glob("*/corpus.jsonl"))
    if not names:
        raise CalibrationError(
            f"{folder} holds no folder with a corpus.jsonl: "
            "`python -m benchmarks.public_sets` makes them"
        )
    sets = []
    for name in names:
        collection = read_beir(folder / name)
        tell(f"{name}: {len(collection.documents)} documents, {len(collection.right)} queries")
        sets.append(_prepared(name, collection, embedder))
        if not name.endswith("variants"):
            sets.append(_prepared(f"{name} (strange letters)", _foreign(collection), embedder))
    draft = nothing_learnt(embedder.name)
    figures = {f"S@1 {item.name}": _unseen_success(sets, item) for item in sets}
    weights = _order(sets)
    draft = replace(draft, rank_weights=rounded(weights), fitted_on={"sets": ", ".join(names)})
    strangers = _out_of_scope(folder, embedder)
    table, right, offered = _confidence_rows(draft, sets, strangers)
    learnt, _ = fit_confidence(draft, table, right, offered)
    return replace(
        learnt,
        answer_at=0.85,
        clarify_at=0.4,
        fitted_on=learnt.fitted_on | {name: round(value, 4) for name, value in figures.items()},
    )


def _prepared(name: str, collection: Collection, embedder: Embedder) -> LearningSet:
    retriever = index(collection.documents, embedder, nothing_learnt(embedder.name))
    asked = sorted(collection.right)
    seeded = random.Random(0)  # noqa: S311 - the same ones each time
    chosen = seeded.sample(asked, min(MOST_QUERIES, len(asked)))
    questions = corrected(retriever, [_question(collection, query) for query in chosen])
    vectors = embedder.embed([question.text for question in questions])
    return LearningSet(name, retriever, prepare(retriever, questions, vectors))


def _question(collection: Collection, query: str) -> Question:
    first, *also = sorted(collection.right[query])
    return Question(text=collection.queries[query], entry=first, also=tuple(also))


def _foreign(collection: Collection) -> Collection:
    """Return a collection in letters that make no word the model knows."""
    letters = str.maketrans(LETTERS + LETTERS.upper(), FOREIGN + FOREIGN.upper())
    documents = tuple(
        plain_document(
            item.id,
            item.wordings[0].translate(letters),
            item.answer.translate(letters),
            tuple(wording.translate(letters) for wording in item.wordings[1:]),
        )
        for item in collection.documents
    )
    queries = {name: text.translate(letters) for name, text in collection.queries.items()}
    return Collection(documents, queries, collection.right)


def _unseen_success(sets: Sequence[LearningSet], left_out: LearningSet) -> float:
    """Return how often the first document is right in a set by weights learnt on the others.

    Sets made from the same questions ("own", "own-variants") are left out together.
    """
    stem = _stem(left_out.name)
    weights = _order([item for item in sets if _stem(item.name) != stem])
    scores = left_out.rows.scores(weights)
    return float(right_in_first(scores, left_out.rows.right, 1).mean())


def _order(sets: Sequence[LearningSet]) -> Floats:
    start = np.array([PLAIN.get(name, 0.0) for name in FEATURES])
    return learn_order([item.rows for item in sets], decay=HELD, towards=start)


def _stem(name: str) -> str:
    return name.split(" ")[0].split("-")[0]


def _out_of_scope(folder: Path, embedder: Embedder) -> tuple[list[str], Vectors]:
    texts = [
        text
        for file in sorted(folder.glob("*/abstain.tsv"))
        for text, is_in in read_scope(file)
        if not is_in
    ][:OUT_OF_SCOPE]
    return texts, embedder.embed(texts) if texts else np.zeros((0, 0), dtype=np.float32)


def _confidence_rows(
    draft: Calibration,
    sets: Sequence[LearningSet],
    strangers: tuple[list[str], Vectors],
) -> tuple[Floats, Flags, Flags]:
    """Return what tells how sure to be, for queries with and without an answer.

    Every second query is asked of its index without the documents that answer it: a question near
    the topic that has no answer. So are questions from elsewhere.
    """
    table, right, offered = [], [], []

    def add(item: LearningSet, text: str, vector: Vectors, signals: Signals, flags: Flags) -> None:
        scores = draft.rank(signals.table)
        order = np.argsort(-scores, kind="stable")
        features = item.retriever.with_calibration(draft).confidence_features(
            text, vector, scores, signals, int(order[0])
        )
        table.append(features)
        right.append(bool(flags[order[0]]))
        offered.append(bool(flags[order[:3]].any()))

    for item in sets:
        rows = item.rows
        for place, question in enumerate(rows.questions):
            signals, flags = rows.signals[place], rows.right[place]
            if place % 2 and not flags.all():
                signals = Signals(signals.numbers[~flags], signals.table[~flags])
                flags = np.zeros(len(signals.numbers), dtype=bool)
            add(item, question.text, rows.vectors[place], signals, flags)
        for text, vector in zip(*strangers, strict=True):
            signals = item.retriever.signals(text, vector)
            add(item, text, vector, signals, np.zeros(len(signals.numbers), dtype=bool))
    return np.array(table), np.array(right), np.array(offered)
