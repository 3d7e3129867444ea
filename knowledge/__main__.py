"""The corpus at the command line: check it, publish it, search it, measure it.

``python -m knowledge COMMAND --help`` tells what each takes; docs/content-guide.md tells when to
use which.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from threadpoolctl import threadpool_limits

from knowledge.calibration import GENERAL, SHIPPED, CalibrationError, load_calibration
from knowledge.corpus_files import corpus_files
from knowledge.exchange import CorpusError, Fault, Located, read_corpus
from knowledge.exporting import exported, live_pairs, newest_pairs, write_file, write_folder
from knowledge.people import PeopleError
from knowledge.reliability import OUTPUT as RELIABILITY_PLOT
from knowledge.reliability import run_reliability
from knowledge.search_commands import (
    checked_entries,
    refit_live,
    run_calibrate,
    run_evaluate,
    run_learn,
    run_prepare,
    run_search,
    tell,
)
from knowledge.settings import ROOT, KnowledgeSettings, SettingError, read_settings
from knowledge.source_watch import run_watch
from knowledge.store import (
    StoreError,
    connect,
    import_entries,
    live_release_id,
    migrate,
    publish,
    roll_back,
    transaction,
    waiting_drafts,
)
from knowledge.team_commands import add_arguments as add_team_arguments
from knowledge.team_commands import run_team

INTENTS_FILE = ROOT / "bot" / "data" / "nlu" / "corpus.yml"
Command = Callable[[argparse.Namespace, KnowledgeSettings], int]


def show_check(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Check the corpus files and tell every fault; 1 if any is an error."""
    from knowledge import checks

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
    from knowledge.embedder import load_embedder

    tell("comparing the entries by meaning (half a minute; --quick leaves it out)")
    return compare(located, load_embedder(settings, tell), load_calibration())


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


def run_export(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Write the live answers to a file, or to a folder that import reads."""
    engine = connect(settings.database_url)
    migrate(engine)
    with transaction(engine) as session:
        pairs = newest_pairs(session) if args.drafts else live_pairs(session)
    engine.dispose()
    if not pairs:
        raise StoreError("there is nothing to export: publish first, or add --drafts")
    output: Path = args.output
    ending = "zip" if args.format == "yaml" else args.format
    if args.format == "yaml" and output.suffix != ".zip":
        write_folder(output, corpus_files(pairs), force=args.force)
    else:
        write_file(output, exported(pairs, ending), force=args.force)
    print(f"{output} holds {len(pairs)} answers")
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
    if args.rollback is None:
        # With other wordings beside it, the same nearness means another probability.
        refit_live(settings, engine)
    engine.dispose()
    return 0


def run_refit(_args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Learn anew how sure to be of the live release."""
    engine = connect(settings.database_url)
    migrate(engine)
    refit_live(settings, engine)
    engine.dispose()
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(prog="python -m knowledge", description=__doc__.split("\n")[0])
    commands = root.add_subparsers(dest="command", required=True)

    def add(name: str, command: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=(command.__doc__ or "").split("\n")[0])
        sub.set_defaults(run=command)
        return sub

    add("refit", run_refit)
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
    exporting = add("export", run_export)
    exporting.add_argument("--format", choices=("yaml", "csv", "xlsx"), required=True)
    exporting.add_argument(
        "--output", type=Path, required=True, metavar="PATH", help="yaml: a folder, or a .zip file"
    )
    exporting.add_argument(
        "--drafts", action="store_true", help="the newest wordings, also those that are not live"
    )
    exporting.add_argument("--force", action="store_true", help="overwrite what is there")
    publishing = add("publish", run_publish)
    publishing.add_argument("--note", default="Published from the command line")
    publishing.add_argument("--rollback", type=int, metavar="RELEASE", help="go back to a release")
    add("prepare", run_prepare)
    add_team_arguments(add("team", run_team))
    watching = add("sources", run_watch)
    watching.add_argument("--url", help="look at this cited page only")
    search = add("search", run_search)
    search.add_argument("question")
    search.add_argument("--after", metavar="ENTRY", help="entry that was answered just before")
    search.add_argument("--top-k", type=int, default=5)
    search.add_argument("--explain", action="store_true", help="tell which signal brought what")
    search.add_argument("--format", choices=("text", "json"), default="text")
    search.add_argument("--corpus", type=Path, help="folder of corpus files, not the live release")
    calibrating = add("calibrate", run_calibrate)
    calibrating.add_argument("--questions", type=Path)
    calibrating.add_argument("--output", type=Path, default=SHIPPED)
    learning = add("learn", run_learn)
    learning.add_argument("sets", type=Path, help="folder of sets in BEIR's layout")
    learning.add_argument("--output", type=Path, default=GENERAL)
    evaluating = add("evaluate", run_evaluate)
    evaluating.add_argument(
        "--beir", type=Path, metavar="FOLDER", help="corpus.jsonl, queries.jsonl, qrels/test.tsv"
    )
    evaluating.add_argument(
        "--pairs", type=Path, metavar="FILE", help="columns text_a, text_b, label (1 or 0)"
    )
    evaluating.add_argument(
        "--abstain",
        type=Path,
        metavar="FILE",
        help="columns text, label (in or out), asked of --beir, --corpus or the live release",
    )
    evaluating.add_argument("--questions", type=Path)
    evaluating.add_argument(
        "--corpus", type=Path, help="folder of corpus files, not the live release"
    )
    evaluating.add_argument("--brief", action="store_true", help="no topics and no misses")
    evaluating.add_argument("--format", choices=("text", "json"), default="text")
    drawing = add("reliability", run_reliability)
    drawing.add_argument("--questions", type=Path)
    drawing.add_argument("--corpus", type=Path, help="folder of corpus files, not the live release")
    drawing.add_argument("--output", type=Path, metavar="FILE", default=RELIABILITY_PLOT)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a failure is one sentence."""
    from knowledge.embedder import ModelError
    from knowledge.emergency import ExemplarError
    from knowledge.evaluation import QuestionsError
    from knowledge.index import VectorError
    from knowledge.measuring import DataError

    args = parser().parse_args(arguments)
    # Small matrices on one thread: handing them out to others costs more than reckoning. What is
    # loaded already is told so, what comes later reads it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        run: Command = args.run
        with threadpool_limits(1, user_api="blas"):
            return run(args, read_settings())
    except CorpusError as error:
        for fault in error.faults[:20]:
            print(fault, file=sys.stderr)
        print("Nothing was imported or changed.", file=sys.stderr)
    except (
        CalibrationError,
        DataError,
        ExemplarError,
        ModelError,
        PeopleError,
        QuestionsError,
        SettingError,
        StoreError,
        VectorError,
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
