"""Commands that search: try a question, learn, measure; ``knowledge.__main__`` lists them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge.calibration import GENERAL, Calibration, load_calibration
from knowledge.entry import TopicEntry
from knowledge.exchange import CorpusError, read_corpus
from knowledge.settings import KnowledgeSettings
from knowledge.store import (
    LiveEntry,
    LiveSet,
    connect,
    keep_refit,
    live_release_id,
    migrate,
    read_live,
    read_refit,
    transaction,
)

if TYPE_CHECKING:
    from knowledge.answering import Answerer
    from knowledge.embedder import Embedder, Progress
    from knowledge.evaluation import Figures
    from knowledge.explaining import Explanation
    from knowledge.measuring import Collection
    from knowledge.retriever import Retriever

TOLD_EVERY = 500
"""Texts after which it is told how far the embedding is; fewer take no time worth a word."""


def tell(line: str) -> None:
    """Tell of progress, apart from the result."""
    print(line, file=sys.stderr, flush=True)


def told_share() -> Progress:
    """Return what tells, after every 500 texts of a large corpus, how many are embedded."""
    told = 0

    def tell_share(done: int, total: int) -> None:
        nonlocal told
        if total > TOLD_EVERY and (done == total or done // TOLD_EVERY > told):
            told = done // TOLD_EVERY
            tell(f"embedding: {done} of {total} texts ({100 * done // total} %)")

    return tell_share


def checked_entries(folder: Path) -> list[TopicEntry]:
    """Read a corpus folder and refuse it if any check fails.

    Raises:
        CorpusError: with every error.
    """
    from knowledge import checks  # half of what a start would otherwise wait for

    located = read_corpus(folder)
    errors = [fault for fault in checks.check(located) if fault.level == "error"]
    if errors:
        raise CorpusError(errors)
    return [item.topic_entry for item in located]


def calibrated(settings: KnowledgeSettings) -> Calibration:
    """Return the shipped calibration under the settings' limits."""
    return replace(
        load_calibration(), answer_at=settings.answer_from, clarify_at=settings.offer_from
    )


def load(
    settings: KnowledgeSettings,
    calibration: Calibration,
    corpus: Path | None = None,
    embedder: Embedder | None = None,
) -> Answerer:
    """Load a corpus folder, else the live release; where nothing was published, the corpus files.

    Raises:
        CorpusError: the corpus files do not pass their checks.
    """
    engine = connect(settings.database_url)
    migrate(engine)
    try:
        with transaction(engine) as session:
            return _loaded(session, settings, calibration, corpus, embedder)
    finally:
        engine.dispose()


def _loaded(
    session: Session,
    settings: KnowledgeSettings,
    calibration: Calibration,
    corpus: Path | None,
    embedder: Embedder | None,
) -> Answerer:
    from knowledge.embedder import load_embedder
    from knowledge.emergency import read_exemplars
    from knowledge.live import build

    embedder = embedder or load_embedder(settings, tell)
    live = _entries(session, settings, corpus)
    return build(
        session, live, embedder, calibration, read_exemplars(), progress=told_share()
    ).answerer


def _entries(session: Session, settings: KnowledgeSettings, corpus: Path | None) -> LiveSet:
    """Return what is searched: a corpus folder, else what is live, else the corpus files."""
    live = None if corpus else read_live(session)
    if live is None:
        entries = checked_entries(corpus or settings.corpus_dir)
        live = LiveSet(0, tuple(LiveEntry(entry, 0) for entry in entries))
    return live


def run_search(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Show what a question finds, and with --explain why."""
    from knowledge.answering import Context
    from knowledge.evaluation import describe
    from knowledge.explaining import explain

    answerer = load(settings, calibrated(settings), args.corpus)
    topics = {e.topic_entry.entry.id: e.topic_entry.topic.slug for e in answerer.entries}
    context = Context(args.after, topics.get(args.after))
    told = explain(answerer, args.question, context, today=date.today(), top_k=args.top_k)
    if args.format == "json":
        print(json.dumps(asdict(told), indent=2, ensure_ascii=False))
        return 0
    decision = answerer.decide(args.question, context, today=date.today())
    print(f"decision: {describe(decision)}")
    if told.asked != args.question:
        print(f"searched as: {told.asked}")
    if decision.likeness:
        print(f"sounds like an emergency: {decision.likeness.group} {decision.likeness.cosine:.2f}")
    _print_candidates(told, args.explain)
    return 0


def _print_candidates(told: Explanation, with_reasons: bool) -> None:
    if with_reasons:
        print(told.reason)
        if told.unknown_words:
            print(f"no entry knows: {', '.join(told.unknown_words)}")
    for line in told.lines:
        print(f"{line.score:7.2f}  {line.entry_id}  (“{line.wording}”)")
        if with_reasons:
            shares = (f"{s.name} {s.value:.2f} ({s.lift:+.1f})" for s in line.signals)
            print(f"{'':9}{', '.join(shares)}")
    if with_reasons:
        print("In brackets: log-odds by which a signal lifts it over the usual candidate.")


def run_calibrate(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Learn weights and thresholds from the calibration questions and write them down."""
    from knowledge.document import document_of
    from knowledge.embedder import load_embedder
    from knowledge.emergency import read_exemplars
    from knowledge.evaluation import CALIBRATION_FILE, read_questions
    from knowledge.learning import calibrate, nothing_learnt
    from knowledge.retriever import Retriever, texts_of

    documents = [document_of(pair) for pair in checked_entries(settings.corpus_dir)]
    known = frozenset(document.id for document in documents)
    file = args.questions or CALIBRATION_FILE
    questions = read_questions(file, known)
    embedder = load_embedder(settings, tell)
    tell(f"embedding {len(documents)} entries and {len(questions)} questions")
    vectors = embedder.embed(texts_of(documents))
    exemplars = read_exemplars()
    learnt = calibrate(
        Retriever(documents, vectors, embedder, nothing_learnt(embedder.name)),
        exemplars,
        embedder.embed([item.text for item in exemplars]),
        questions,
        (settings.answer_from, settings.offer_from),
        file.name,
    )
    _save(learnt, args.output)
    return 0


def run_learn(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Learn the weights for any corpus from public sets of questions."""
    from knowledge.embedder import load_embedder
    from knowledge.general import learn_general

    _save(learn_general(args.sets, load_embedder(settings, tell), tell), args.output)
    return 0


def _save(learnt: Calibration, file: Path) -> None:
    learnt.save(file)
    print(f"{file} is written")
    for name, value in learnt.fitted_on.items():
        print(f"  {name}: {value}")


def run_prepare(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Make the model ready and embed what has no vector yet; each start does it by itself."""
    from knowledge.document import document_of
    from knowledge.embedder import embed_cached, load_embedder
    from knowledge.emergency import read_exemplars
    from knowledge.retriever import texts_of

    embedder = load_embedder(settings, tell)
    engine = connect(settings.database_url)
    migrate(engine)
    with transaction(engine) as session:
        live = _entries(session, settings, None)
        texts = texts_of([document_of(entry.topic_entry) for entry in live.entries])
        texts += [exemplar.text for exemplar in read_exemplars()]
        embed_cached(session, embedder, texts, progress=told_share())
        refitted = read_refit(session, live.release_id, embedder.name)
    is_released = live.release_id > 0
    if is_released and refitted is None and load_calibration().model != embedder.name:
        tell(f"the calibration that ships was learnt with another model than {embedder.name}")
        refit_live(settings, engine, embedder)
    engine.dispose()
    print(f"{embedder.name} is ready, with vectors of {len(texts)} texts")
    return 0


def refit_live(
    settings: KnowledgeSettings, engine: Engine, embedder: Embedder | None = None
) -> None:
    """Learn anew how sure to be of the live release, and keep that with it.

    Args:
        settings: name the model and the limits.
        engine: the store.
        embedder: the model, where it is loaded already.

    Raises:
        QuestionsError: the labelled questions cannot be read.
    """
    from knowledge.evaluation import CALIBRATION_FILE, read_questions
    from knowledge.learning import LEAST_TO_REFIT, corrected, prepare, refit, still_answerable

    with transaction(engine) as session:
        release_id = live_release_id(session)
        live = _entries(session, settings, None)
    questions = [q for q in read_questions(CALIBRATION_FILE) if q.context is None]
    questions = still_answerable(questions, {item.topic_entry.entry.id for item in live.entries})
    count = sum(bool(question.right) for question in questions)
    if count < LEAST_TO_REFIT:
        tell(
            f"only {count} labelled questions have an answer in this release, {LEAST_TO_REFIT} are "
            "needed to learn how sure to be: the shipped figures stay"
        )
        return
    with transaction(engine) as session:
        retriever = _loaded(session, settings, calibrated(settings), None, embedder).retriever
    questions = corrected(retriever, questions)
    tell(f"learning how sure to be of this release, from {len(questions)} labelled questions")
    vectors = retriever.embedder.embed([question.text for question in questions])
    refitted = refit(retriever.calibration, retriever, prepare(retriever, questions, vectors))
    with transaction(engine) as session:
        if release_id is not None:
            keep_refit(session, release_id, retriever.embedder.name, refitted.refit())


def run_evaluate(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Measure on the held-back questions, or on files of one's own."""
    if args.beir or args.pairs or args.abstain:
        return _evaluate_files(args, settings)
    from knowledge.evaluation import HELD_BACK_FILE, evaluate, read_questions

    answerer = load(settings, calibrated(settings), args.corpus)
    known = frozenset(live.topic_entry.entry.id for live in answerer.entries)
    questions = read_questions(args.questions or HELD_BACK_FILE, known)
    tell(f"asking {len(questions)} questions")
    figures = evaluate(answerer, questions, date.today())
    if args.format == "json":
        print(json.dumps(asdict(figures), indent=2, ensure_ascii=False))
    else:
        _print_figures(figures, args.brief)
    return 0


def _evaluate_files(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.embedder import load_embedder
    from knowledge.measuring import compare_pairs, read_beir, read_pairs, read_scope

    # Everything is read before anything is measured: a broken file costs no waiting.
    collection = read_beir(args.beir) if args.beir else None
    pairs = read_pairs(args.pairs) if args.pairs else []
    scope = read_scope(args.abstain) if args.abstain else []
    _check_both(args.pairs, [pair.same for pair in pairs])
    _check_both(args.abstain, [is_in for _, is_in in scope])
    embedder = load_embedder(settings, tell)
    general = load_calibration(GENERAL)
    figures: dict[str, dict[str, float]] = {}
    if collection:
        figures |= _evaluate_beir(collection, scope, embedder, general)
    elif scope:
        answerer = load(settings, calibrated(settings), args.corpus, embedder)
        figures["abstain"] = _evaluate_scope(scope, answerer.retriever)
    if pairs:
        tell(f"comparing {len(pairs)} pairs")
        figures["pairs"] = compare_pairs(pairs, embedder, general)
    _print_shares(figures, args.format)
    return 0


def _print_shares(figures: dict[str, dict[str, float]], form: str) -> None:
    if form == "json":
        print(json.dumps(figures, indent=2))
        return
    for values in figures.values():
        for name, value in values.items():
            print(f"{name:>19}: {value:.0f}" if value > 1 else f"{name:>19}: {value:.4f}")


def _check_both(file: Path | None, labels: Sequence[bool]) -> None:
    """Check that a file of labels holds both: with one alone there is nothing to tell apart.

    Raises:
        DataError: it does not.
    """
    from knowledge.measuring import DataError

    if file and len(set(labels)) < 2:
        raise DataError(f"{file.name}: needs rows with either label, of both kinds at least one")


def _evaluate_beir(
    collection: Collection,
    scope: Sequence[tuple[str, bool]],
    embedder: Embedder,
    general: Calibration,
) -> dict[str, dict[str, float]]:
    from knowledge.measuring import index, rank

    tell(f"indexing {len(collection.documents)} documents")
    retriever = index(collection.documents, embedder, general, told_share())
    figures = {"beir": rank(retriever, collection, tell)}
    if scope:
        figures["abstain"] = _evaluate_scope(scope, retriever)
    return figures


def _evaluate_scope(scope: Sequence[tuple[str, bool]], retriever: Retriever) -> dict[str, float]:
    from knowledge.measuring import tell_scope

    tell(f"asking {len(scope)} questions")
    return tell_scope(retriever, scope)


def _print_figures(figures: Figures, brief: bool) -> None:
    for name, value in asdict(figures).items():
        if name not in {"by_topic", "by_kind", "misses"}:
            print(
                f"{name:>19}: {value:.3f}" if isinstance(value, float) else f"{name:>19}: {value}"
            )
    if brief:
        return
    print("\nmust not be answered")
    _print_table([asdict(row) for row in figures.by_kind])
    print("\nby topic")
    _print_table([asdict(row) for row in figures.by_topic])
    print(f"\n{len(figures.misses)} misses")
    print("\n".join(figures.misses))


def _print_table(rows: Sequence[dict[str, object]]) -> None:
    """Print records below their names, shares with two digits."""
    if not rows:
        return
    cells = [list(rows[0])] + [
        [f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    for line in cells:
        _, *rest = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join([line[0].ljust(widths[0]), *rest]))
