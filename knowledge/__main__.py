"""The corpus at the command line: check it, publish it, search it, measure it.

``python -m knowledge COMMAND --help`` tells what each takes; docs/content-guide.md tells when to
use which.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from knowledge import checks
from knowledge.calibration import SHIPPED, Calibration, CalibrationError, load_calibration
from knowledge.entry import TopicEntry
from knowledge.exchange import CorpusError, Fault, Located, read_corpus
from knowledge.settings import ROOT, KnowledgeSettings, SettingError, read_settings
from knowledge.store import (
    LiveEntry,
    LiveSet,
    StoreError,
    connect,
    import_entries,
    live_release_id,
    migrate,
    publish,
    read_live,
    roll_back,
    transaction,
    waiting_drafts,
)

if TYPE_CHECKING:
    from knowledge.answering import Answerer

INTENTS_FILE = ROOT / "bot" / "data" / "nlu" / "corpus.yml"
Command = Callable[[argparse.Namespace, KnowledgeSettings], int]


def show_check(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Check the corpus files and tell every fault; 1 if any is an error."""
    folder = args.corpus or settings.corpus_dir
    try:
        located = read_corpus(folder)
        pages = checks.read_cdc_pages(args.cdc_pages) if args.cdc_pages else None
        faults = checks.check(located, pages, date.today())
        count = len(located)
        if not args.quick:
            faults += compared(located, settings)
    except CorpusError as error:
        faults, count = list(error.faults), 0
    errors = sum(fault.level == "error" for fault in faults)
    if args.format == "json":
        print(json.dumps([asdict(fault) for fault in faults], indent=2, ensure_ascii=False))
    else:
        for fault in sorted(faults, key=lambda fault: (fault.level, fault.file, fault.line)):
            print(fault)
        print(f"{count} entries, {errors} errors, {len(faults) - errors} warnings")
    return 1 if errors else 0


def compared(located: Sequence[Located], settings: KnowledgeSettings) -> list[Fault]:
    """Compare the entries with each other by meaning."""
    from knowledge.checks.neighbours import compare
    from knowledge.embedder import SentenceTransformerEmbedder

    print(
        "comparing the entries by meaning (half a minute; --quick leaves it out)", file=sys.stderr
    )
    embedder = SentenceTransformerEmbedder(settings.embedding_model, settings.encoder_threads)
    return compare(located, embedder, load_calibration())


def checked_entries(folder: Path) -> list[TopicEntry]:
    """Read a corpus folder and refuse it if any check fails.

    Raises:
        CorpusError: with every error.
    """
    located = read_corpus(folder)
    errors = [fault for fault in checks.check(located) if fault.level == "error"]
    if errors:
        raise CorpusError(errors)
    return [item.topic_entry for item in located]


def show_coverage(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Tell what the corpus covers, by topic and aspect, with evidence and review state."""
    from knowledge.coverage import report

    located = read_corpus(args.corpus or settings.corpus_dir)
    page = report([item.topic_entry for item in located])
    if args.output is None:
        print(page, end="")
    else:
        args.output.write_text(page, encoding="utf-8")
        print(f"{args.output} tells of {len(located)} entries")
    return 0


def write_intents(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Write wordings of the corpus as training data for Rasa's intents."""
    from knowledge.intents import fold, training_data

    pairs = checked_entries(args.corpus or settings.corpus_dir)
    others = [file for file in args.output.parent.glob("*.yml") if file != args.output]
    lines = [line for file in others for line in file.read_text(encoding="utf-8").splitlines()]
    taken = frozenset(fold(line.strip()[2:]) for line in lines if line.strip().startswith("- "))
    args.output.write_text(training_data(pairs, taken), encoding="utf-8")
    print(f"{args.output} is written; the next start trains Rasa with it")
    return 0


def run_import(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Import the corpus files as drafts; publish them where nothing was published yet."""
    entries = checked_entries(args.corpus or settings.corpus_dir)
    engine = connect(settings.database_url)
    migrate(engine)
    with transaction(engine) as session:
        result = import_entries(session, entries)
        first = live_release_id(session) is None
        if first:
            publish(session, "First release: the starter corpus")
        waiting = waiting_drafts(session)
    print(f"{result.new} new, {result.changed} changed, {result.unchanged} unchanged")
    if first:
        print(f"published: {len(entries)} entries")
    elif waiting:
        print(f"{waiting} drafts wait; `python -m knowledge publish` makes them live")
    return 0


def run_publish(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Make the newest revision of every entry live as one release."""
    engine = connect(settings.database_url)
    migrate(engine)
    with transaction(engine) as session:
        if args.rollback is not None:
            roll_back(session, args.rollback)
            print(f"release {args.rollback} is live again")
        else:
            print(f"release {publish(session, args.note)} is live")
    return 0


def run_search(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Show what a question finds, with scores and the signals behind them."""
    from knowledge.answering import Context
    from knowledge.evaluation import describe
    from knowledge.retriever import FEATURES

    loaded = load(settings, load_calibration(), args.corpus)
    retriever = loaded.retriever
    topic = next(
        (
            e.topic_entry.topic.slug
            for e in retriever.entries
            if e.topic_entry.entry.id == args.after
        ),
        None,
    )
    decision = loaded.decide(args.question, Context(args.after, topic), today=date.today())
    found = retriever.search(args.question)
    limit = retriever.calibration
    print(f"decision: {describe(decision)}")
    print(f"answers from {limit.answer_at:.2f}, offers a choice from {limit.clarify_at:.2f}")
    if decision.likeness:
        print(f"sounds like an emergency: {decision.likeness.group} {decision.likeness.cosine:.2f}")
    print(f"\n{'score':>7}  " + "  ".join(f"{name:>10}" for name in FEATURES) + "  entry")
    for candidate in found.candidates[: args.top_k]:
        signals = "  ".join(f"{value:10.2f}" for value in candidate.features)
        print(f"{candidate.score:7.2f}  {signals}  {candidate.entry_id}  (“{candidate.wording}”)")
    return 0


def load(
    settings: KnowledgeSettings, calibration: Calibration, corpus: Path | None = None
) -> Answerer:
    """Load a corpus folder, else the live release; where nothing was published, the corpus files.

    Raises:
        CorpusError: the corpus files do not pass their checks.
    """
    from knowledge.embedder import SentenceTransformerEmbedder
    from knowledge.emergency import read_exemplars
    from knowledge.live import build

    embedder = SentenceTransformerEmbedder(settings.embedding_model, settings.encoder_threads)
    engine = connect(settings.database_url)
    migrate(engine)
    with transaction(engine) as session:
        live = None if corpus else read_live(session)
        if live is None:
            entries = checked_entries(corpus or settings.corpus_dir)
            live = LiveSet(0, tuple(LiveEntry(entry, 0) for entry in entries))
        return build(session, live, embedder, calibration, read_exemplars()).answerer


def run_calibrate(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Learn weights and thresholds from the calibration questions and write them down."""
    from knowledge.embedder import SentenceTransformerEmbedder
    from knowledge.emergency import read_exemplars
    from knowledge.evaluation import CALIBRATION_FILE, read_questions
    from knowledge.learning import calibrate, nothing_learnt
    from knowledge.retriever import Retriever, rows_of

    entries = [LiveEntry(entry, 0) for entry in checked_entries(settings.corpus_dir)]
    known = frozenset(live.topic_entry.entry.id for live in entries)
    questions = read_questions(args.questions or CALIBRATION_FILE, known)
    embedder = SentenceTransformerEmbedder(settings.embedding_model, settings.encoder_threads)
    vectors = embedder.embed([row.text for row in rows_of(entries)])
    exemplars = read_exemplars()
    exemplar_vectors = embedder.embed([item.text for item in exemplars])
    learnt = calibrate(
        Retriever(entries, np.ascontiguousarray(vectors), embedder, nothing_learnt(embedder.name)),
        exemplars,
        exemplar_vectors,
        questions,
    )
    learnt.save(args.output)
    print(f"answers from {learnt.answer_at}, offers a choice from {learnt.clarify_at}")
    for name, value in learnt.fitted_on.items():
        print(f"  {name}: {value}")
    return 0


def run_evaluate(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Measure on the held-back questions and list the misses."""
    from knowledge.evaluation import HELD_BACK_FILE, evaluate, read_questions

    answerer = load(settings, load_calibration(), args.corpus)
    known = frozenset(live.topic_entry.entry.id for live in answerer.retriever.entries)
    questions = read_questions(args.questions or HELD_BACK_FILE, known)
    print(f"asking {len(questions)} questions", file=sys.stderr)
    figures = evaluate(answerer, questions, date.today())
    if args.format == "json":
        print(json.dumps(asdict(figures), indent=2, ensure_ascii=False))
        return 0
    for name, value in asdict(figures).items():
        if name not in {"by_topic", "by_kind", "misses"}:
            print(
                f"{name:>19}: {value:.3f}" if isinstance(value, float) else f"{name:>19}: {value}"
            )
    if not args.brief:
        print("\nmust not be answered")
        _print_table([asdict(row) for row in figures.by_kind])
        print("\nby topic")
        _print_table([asdict(row) for row in figures.by_topic])
        print(f"\n{len(figures.misses)} misses")
        print("\n".join(figures.misses))
    return 0


def _print_table(rows: list[dict[str, object]]) -> None:
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


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(prog="python -m knowledge", description=__doc__.split("\n")[0])
    commands = root.add_subparsers(dest="command", required=True)

    def add(name: str, command: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=(command.__doc__ or "").split("\n")[0])
        sub.set_defaults(run=command)
        return sub

    check = add("check", show_check)
    check.add_argument("--corpus", type=Path, help="folder of corpus files")
    check.add_argument("--cdc-pages", type=Path, help="gzipped list of CDC's own pages")
    check.add_argument("--format", choices=("text", "json"), default="text")
    check.add_argument(
        "--quick", action="store_true", help="do not compare entries by meaning (needs no model)"
    )
    covering = add("coverage", show_coverage)
    covering.add_argument("--corpus", type=Path, help="folder of corpus files")
    covering.add_argument("--output", type=Path, metavar="FILE", help="write the page there")
    intending = add("intents", write_intents)
    intending.add_argument("--corpus", type=Path, help="folder of corpus files")
    intending.add_argument("--output", type=Path, metavar="FILE", default=INTENTS_FILE)
    importing = add("import", run_import)
    importing.add_argument("--corpus", type=Path, help="folder of corpus files")
    publishing = add("publish", run_publish)
    publishing.add_argument("--note", default="Published from the command line")
    publishing.add_argument("--rollback", type=int, metavar="RELEASE", help="go back to a release")
    search = add("search", run_search)
    search.add_argument("question")
    search.add_argument("--after", metavar="ENTRY", help="entry that was answered just before")
    search.add_argument("--top-k", type=int, default=5)
    search.add_argument("--corpus", type=Path, help="folder of corpus files, not the live release")
    calibrating = add("calibrate", run_calibrate)
    calibrating.add_argument("--questions", type=Path)
    calibrating.add_argument("--output", type=Path, default=SHIPPED)
    evaluating = add("evaluate", run_evaluate)
    evaluating.add_argument("--questions", type=Path)
    evaluating.add_argument(
        "--corpus", type=Path, help="folder of corpus files, not the live release"
    )
    evaluating.add_argument("--brief", action="store_true", help="no topics and no misses")
    evaluating.add_argument("--format", choices=("text", "json"), default="text")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a failure is one sentence."""
    from knowledge.embedder import ModelError
    from knowledge.emergency import ExemplarError
    from knowledge.evaluation import QuestionsError

    args = parser().parse_args(arguments)
    try:
        run: Command = args.run
        return run(args, read_settings())
    except CorpusError as error:
        for fault in error.faults[:20]:
            print(fault, file=sys.stderr)
        print("Nothing was imported or changed.", file=sys.stderr)
    except (
        CalibrationError,
        ExemplarError,
        ModelError,
        QuestionsError,
        SettingError,
        StoreError,
    ) as error:
        print(error, file=sys.stderr)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__)
        print(f"The database cannot be used ({reason}): check DATABASE_URL.", file=sys.stderr)
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
    except OSError as error:
        print(f"{error.strerror}: {error.filename}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
