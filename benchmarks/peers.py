"""What people would otherwise use for retrieval, on our corpus and questions; ``make bench-peers``.

Each system runs in a process of its own with the same processor threads, gets the same entries and
is asked the same questions, one at a time. Prints one table and writes it to
``docs/benchmarks.md``, unless only a part was measured.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.page import PAGE, write_part
from benchmarks.peers_exchange import (
    BEST,
    NEAREST_WORDINGS,
    PROGRESS,
    Report,
    Subject,
    Task,
    read_report,
    say,
    write_task,
)
from deploy.environments import (
    REQUIREMENTS,
    SetupError,
    bootstrap_uv,
    install,
    torch_options,
    uv_environment,
)
from deploy.supervision import RASA, RASA_ENVIRONMENT
from knowledge.embedder import PACKAGED_MODEL
from knowledge.evaluation import HELD_BACK_FILE, Question, QuestionsError, read_questions
from knowledge.exchange import CorpusError, read_corpus
from knowledge.settings import CORPUS_DIR, ENCODER_THREADS, ROOT

CORPUS = ROOT / "knowledge" / "corpus"
PEERS = ROOT / ".venv-peers"
EPOCHS = 20
"""Of Rasa's training, each about half a minute on two cores; `--epochs 100` is its own usual."""
THREADS = 1
SEED = 20261122
NOTHING = "–"
HEAD = (
    "System", "Indexed", "S@1", "S@3", f"MRR@{BEST}", "AUROC", "Median ms", "p95 ms", "MB",
)  # fmt: skip


@dataclass(frozen=True)
class System:
    """A way to find an entry that is measured.

    Attributes:
        name: what ``--only`` takes.
        label: what the table calls it.
        indexed: what it is given, as the table says it.
        module: the module that measures it.
        kind: which way of that module.
        python: the interpreter of its environment.
    """

    name: str
    label: str
    indexed: str
    module: str
    kind: str
    python: Path


@dataclass(frozen=True)
class Figures:
    """What one system achieved.

    Attributes:
        first: share of the answerable questions whose right entry came first, 0 to 1.
        third: share whose right entry was among the first three.
        reciprocal: mean of 1/rank of the first right entry, 0 where it is not among the first ten.
        separation: chance that an answerable question scores higher than one that must not be
            answered; None where one of the two kinds is missing.
        median: milliseconds a question, the middle one.
        p95: milliseconds that 95 of 100 questions stay below.
        megabytes: resident memory; None where it cannot be told.
    """

    first: float
    third: float
    reciprocal: float
    separation: float | None
    median: float
    p95: float
    megabytes: float | None


@dataclass(frozen=True)
class Outcome:
    """What became of one system.

    Attributes:
        system: which.
        figures: what it achieved; None where it failed.
        versions: of its libraries.
        reason: why it failed.
    """

    system: System
    figures: Figures | None
    versions: dict[str, str]
    reason: str = ""


def systems() -> tuple[System, ...]:
    """Return the systems in the order of the table."""
    ours, rasa, peers = Path(sys.executable), RASA / "python", PEERS / "bin" / "python"
    hay, plain = "benchmarks.peers_haystack", "benchmarks.peers_sentences"
    dense = "Haystack, embedding retriever"
    words = "Haystack, BM25 retriever"
    bare = "sentence-transformers, `semantic_search`"
    every = "questions, variants"
    return (
        System("ours", "**Citewell**", f"{every}, answers", "benchmarks.peers_ours",
               "wordings", ours),
        System("rasa", "Rasa `ResponseSelector`", every, "benchmarks.peers_rasa",
               "wordings", rasa),
        System("haystack-embedding-questions", dense, "questions", hay, "questions", peers),
        System("haystack-embedding-wordings", dense, every, hay, "wordings", peers),
        System("haystack-bm25-questions", words, "questions", hay, "bm25-questions", peers),
        System("haystack-bm25-wordings", words, every, hay, "bm25-wordings", peers),
        System("sentences-questions", bare, "questions", plain, "questions", ours),
        System("sentences-wordings", bare, every, plain, "wordings", ours),
    )  # fmt: skip


def read_subjects() -> tuple[Subject, ...]:
    """Read the corpus as far as the systems are told of it.

    Raises:
        CorpusError: a file of the corpus is broken.
    """
    entries = [item.topic_entry.entry for item in read_corpus(CORPUS)]
    return tuple(Subject(e.id, e.question, e.variants, e.short_answer) for e in entries)


def pick_questions(subjects: Sequence[Subject], count: int | None) -> list[Question]:
    """Read the held-back questions that stand alone, or the same sample of them each time.

    Args:
        subjects: the entries that exist.
        count: size of the sample; None takes all.

    Raises:
        QuestionsError: the file is broken.
    """
    known = frozenset(subject.id for subject in subjects)
    alone = [q for q in read_questions(HELD_BACK_FILE, known) if q.context is None]
    if count is None or count >= len(alone):
        return alone
    return random.Random(SEED).sample(alone, count)  # noqa: S311  (no secret)


def model_folder() -> str:
    """Return the folder of the model that all systems with vectors use."""
    spec = find_spec(PACKAGED_MODEL.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise SystemExit(f"the package {PACKAGED_MODEL} is missing: run `make setup`")
    return str(Path(spec.origin).parent / "model")


def environment(threads: int) -> dict[str, str]:
    """Return the environment of every system: quiet, private, and the same number of threads."""
    count = str(threads)
    return {
        **os.environ,
        **RASA_ENVIRONMENT,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "TF_INTRA_OP_PARALLELISM_THREADS": count,
        "TF_INTER_OP_PARALLELISM_THREADS": count,
        ENCODER_THREADS.name: count,
        CORPUS_DIR.name: str(CORPUS),
    }


def run(system: System, task: Task, threads: int) -> Report:
    """Let a system do the task in a process of its own.

    Raises:
        RuntimeError: it could not; the message is its last word.
    """
    if not system.python.exists():
        raise RuntimeError("its environment is missing")
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        task_file, report_file = Path(folder) / "task.json", Path(folder) / "report.json"
        write_task(task, task_file)
        command = [str(system.python), "-m", system.module, str(task_file), str(report_file)]
        said: deque[str] = deque(maxlen=20)
        with subprocess.Popen(  # noqa: S603  (our own modules)
            command,
            cwd=ROOT,
            env=environment(threads),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stderr or ():
                if line.startswith(PROGRESS):
                    print(line, end="", file=sys.stderr, flush=True)
                elif line.strip():
                    said.append(line.strip())
        if process.returncode or not report_file.exists():
            raise RuntimeError(said[-1] if said else f"it ended with {process.returncode}")
        return read_report(report_file)


def figures_of(report: Report, questions: Sequence[Question]) -> Figures:
    """Compare what a system found with the labels."""
    pairs = list(zip(questions, report.hits, strict=True))
    ranks = [rank(hit.ids, question.right) for question, hit in pairs if question.right]
    answerable = [bool(question.right) for question in questions]
    return Figures(
        first=share([place == 1 for place in ranks]),
        third=share([place is not None and place <= 3 for place in ranks]),
        reciprocal=sum(1 / place for place in ranks if place) / max(1, len(ranks)),
        separation=separation(answerable, [hit.score for hit in report.hits]),
        median=statistics.median(report.milliseconds),
        p95=float(np.percentile(report.milliseconds, 95)),
        megabytes=report.megabytes,
    )


def rank(ids: Sequence[str], right: frozenset[str]) -> int | None:
    """Return the place of the first right entry, counted from 1; None where there is none."""
    return next((place for place, found in enumerate(ids[:BEST], 1) if found in right), None)


def share(hits: Sequence[bool]) -> float:
    """Return the share of hits, 0 to 1."""
    return sum(hits) / max(1, len(hits))


def separation(answerable: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Return the area under the ROC curve; None where one of the two kinds is missing."""
    if len(set(answerable)) < 2:
        return None
    return float(roc_auc_score(answerable, scores))


def measure(system: System, task: Task, questions: Sequence[Question], threads: int) -> Outcome:
    """Run one system; what goes wrong becomes its row."""
    say(f"{system.name} …")
    started = time.monotonic()
    try:
        report = run(system, task, threads)
        outcome = Outcome(system, figures_of(report, questions), report.versions)
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).replace(f"{ROOT}/", "").replace("|", "/").splitlines()[-1][:160]
        outcome = Outcome(system, None, {}, reason)
    say(f"{system.name}: {outcome.reason or 'done'} ({time.monotonic() - started:.0f} s)")
    return outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the figures as a Markdown table, padded so that it also reads well in a terminal."""
    lines = [list(HEAD), *(cells(outcome) for outcome in outcomes)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    rows = [
        [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    ruler = ["-" * w if column < 2 else "-" * (w - 1) + ":" for column, w in enumerate(widths)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], ruler, *rows[1:]])


def cells(outcome: Outcome) -> list[str]:
    """Return one row of the table; a system that failed says why in its second cell."""
    system, got = outcome.system, outcome.figures
    if got is None:
        return [system.label, f"failed: {outcome.reason}", *[NOTHING] * (len(HEAD) - 2)]
    return [
        system.label,
        system.indexed,
        f"{got.first:.3f}",
        f"{got.third:.3f}",
        f"{got.reciprocal:.3f}",
        NOTHING if got.separation is None else f"{got.separation:.3f}",
        f"{got.median:.1f}",
        f"{got.p95:.1f}",
        NOTHING if got.megabytes is None else f"{got.megabytes:.0f}",
    ]


def section(
    outcomes: Sequence[Outcome], task: Task, questions: Sequence[Question], threads: int
) -> str:
    """Return the table with what it was measured on and with."""
    right = sum(bool(question.right) for question in questions)
    wordings = sum(1 + len(subject.variants) for subject in task.subjects)
    # Half of a 95 % interval of a share, where it is widest.
    doubt = 1.96 * (0.25 / max(1, right)) ** 0.5
    trained = any(outcome.system.name == "rasa" and outcome.figures for outcome in outcomes)
    return "\n".join(
        [
            f"Measured on {date.today().isoformat()}: {len(task.subjects)} entries with "
            f"{wordings} wordings; {right} answerable questions and {len(questions) - right} that "
            f"must not be answered. {os.cpu_count()} processor cores, {threads} thread"
            f"{'' if threads == 1 else 's'} a system."
            + (f" Rasa was trained for {task.epochs} epochs." if trained else ""),
            "",
            table(outcomes),
            "",
            f"A share of {right} questions is uncertain by up to ±{doubt:.3f} (95 %).",
            "",
            *(f"- {line}" for line in libraries(outcomes)),
        ]
    )


def libraries(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line per product: which libraries did the work, and their versions."""
    used: dict[str, dict[str, str]] = {}
    for outcome in outcomes:
        label = outcome.system.label.split(",")[0].strip("*")
        used.setdefault(label, {}).update(outcome.versions)
    return [
        f"{label}: {', '.join(f'{name} {number}' for name, number in versions.items())}"
        for label, versions in used.items()
        if versions
    ]


def explanation() -> str:
    """Return what the table means, and what it does not."""
    return f"""## Retrieval compared with what people would otherwise use

The same entries and questions for every system, in one run:

```bash
make bench-peers
```

**Questions.** The rows of `tests/data/questions/held_back.yml` that stand alone (no `context`).
S@1 and S@3 are the share of answerable questions with a right entry (`entry` or `also`) first or
among the first three. MRR@{BEST} is the mean of 1/rank, 0 beyond {BEST}. AUROC tells how well the
score of the first entry separates answerable questions from those that must not be answered: 0.5 is
chance, 1 is perfect.

**Time and memory.** One question at a time in a warm process, with the same threads for all, one
system after the other. It is the search only, without dialogue and network. Milliseconds depend on
the machine and on what else it does: compare them within one run. MB is the resident memory of the
process after the last question, with its libraries and without training.

**Systems.**

- *Citewell*: the retriever as the product loads it. Its score is the calibrated confidence.
- *Rasa*: one retrieval intent, the wordings as examples. The pipeline is that of `rasa init`
  without what finds entities and intents, because there is one intent only. Its score is the
  selector's confidence.
- *Haystack*: the in-memory document store, a document per question or per wording, with the
  all-MiniLM-L6-v2 weights that ours uses, or BM25 with its defaults. An entry counts at its best
  document. Its score is the cosine, or BM25's.
- *sentence-transformers*: the same weights with `util.semantic_search`. Its score is the cosine.

Where every wording is a document, the nearest {NEAREST_WORDINGS} are asked for, because several
belong to one entry.

**What it does not show.**

- The corpus and the questions are ours. Another corpus may give another order.
- Our weights and our confidence were learnt from `calibration.yml`, never from `held_back.yml`.
  Both files name the same kinds of questions that must not be answered, which helps our AUROC.
  The other systems learn nothing from `calibration.yml`.
- The other systems are not tuned: default parameters, no reranker, no fine-tuning, no larger
  model. Rasa's training takes a fixed seed, but its last digits may differ from run to run.
- Rasa gets fewer rounds of training here than its usual 100, which take most of an hour on two
  cores; more of them may help it."""


def install_peers() -> None:
    """Make or renew the environment of the peers.

    Raises:
        SetupError: a package could not be had.
    """
    with contextlib.redirect_stdout(sys.stderr):
        lock = REQUIREMENTS / "peers.txt"
        options = torch_options(uv_environment())
        install(bootstrap_uv(), PEERS, sys.executable, lock, options)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--only", choices=[system.name for system in systems()], metavar="NAME")
    parser.add_argument("--questions", type=int, metavar="N", help="ask a sample of this size")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of Rasa's training")
    parser.add_argument("--threads", type=int, default=THREADS, help="of every system")
    return parser.parse_args()


def main() -> int:
    """Print the table; write the page where everything was measured. 1 where a system failed."""
    args = arguments()
    chosen = [system for system in systems() if args.only in (None, system.name)]
    try:
        subjects = read_subjects()
        questions = pick_questions(subjects, args.questions)
        if any(system.python == PEERS / "bin" / "python" for system in chosen):
            install_peers()
    except (CorpusError, QuestionsError) as error:
        print(error, file=sys.stderr)
        return 1
    except SetupError as error:
        # The peers in it fail one by one and say so in their rows; the others are still measured.
        print(error, file=sys.stderr)
    texts = tuple(question.text for question in questions)
    training_threads = min(2, os.cpu_count() or 1)
    tasks = [
        Task(system.kind, subjects, texts, model_folder(), args.epochs, training_threads)
        for system in chosen
    ]
    # The one that trains for minutes goes first, so that the others' latencies are taken together.
    pairs = sorted(zip(chosen, tasks, strict=True), key=lambda pair: pair[0].name != "rasa")
    measured = {
        system.name: measure(system, task, questions, args.threads) for system, task in pairs
    }
    outcomes = [measured[system.name] for system in chosen]
    text = section(outcomes, tasks[0], questions, args.threads)
    print(text)
    is_whole = (args.only, args.questions, args.epochs, args.threads) == (
        None, None, EPOCHS, THREADS,
    )  # fmt: skip
    if is_whole:
        write_part("peers", f"{explanation()}\n\n### Results\n\n{text}")
    else:
        say(f"docs/{PAGE.name} is left as it is: this was not the whole measurement")
    return int(any(outcome.figures is None for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
