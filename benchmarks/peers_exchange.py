"""What ``benchmarks.peers`` and the systems it measures hand each other, as two JSON files.

Standard library only, and nothing later than Python 3.10: it is imported in the environment of
every system that is measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

PROGRESS = "peers: "
BEST = 10
"""Entries that are ranked for a question: MRR@10 looks no further."""
NEAREST_WORDINGS = 100
"""Wordings that are asked for where every wording is a document of its own.

Several of the nearest belong to one entry, so ten would leave too few entries.
"""
WARM_UP = 20


@dataclass(frozen=True)
class Subject:
    """An entry of the corpus, as far as the systems are told of it.

    Attributes:
        id: slug of the entry.
        question: its question.
        variants: other wordings of the question.
        answer: its short answer.
    """

    id: str
    question: str
    variants: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Task:
    """What a system is asked to do.

    Attributes:
        kind: which way of the system's module is measured.
        subjects: the entries to index.
        queries: the questions to ask, one at a time.
        model: folder of the sentence-transformers model.
        epochs: how often training sees each wording, where there is training.
        training_threads: processor threads for training.
    """

    kind: str
    subjects: tuple[Subject, ...]
    queries: tuple[str, ...]
    model: str
    epochs: int
    training_threads: int

    def documents(self) -> tuple[list[str], list[str]]:
        """Return the texts to index and, for each, the id of its entry.

        They are the questions, or all wordings where the kind ends in ``wordings``.
        """
        with_variants = self.kind.endswith("wordings")
        pairs = [
            (text, subject.id)
            for subject in self.subjects
            for text in (subject.question, *(subject.variants if with_variants else ()))
        ]
        return [text for text, _ in pairs], [owner for _, owner in pairs]

    @property
    def nearest(self) -> int:
        """Number of documents to ask for."""
        return NEAREST_WORDINGS if self.kind.endswith("wordings") else BEST


@dataclass(frozen=True)
class Hit:
    """What a system found for one question.

    Attributes:
        ids: entries, the best first, each once.
        score: the system's own score of the first; higher is surer. 0 where it found nothing.
    """

    ids: tuple[str, ...]
    score: float


@dataclass(frozen=True)
class Report:
    """What a system hands back.

    Attributes:
        hits: one per question, in their order.
        milliseconds: what each took.
        megabytes: resident memory after the last question; None where it cannot be told.
        versions: of the libraries that did the work.
    """

    hits: tuple[Hit, ...]
    milliseconds: tuple[float, ...]
    megabytes: float | None
    versions: dict[str, str]


def say(text: str) -> None:
    """Tell of progress."""
    print(f"{PROGRESS}{text}", file=sys.stderr, flush=True)


def first_of_each(found: Iterable[tuple[str, float]]) -> Hit:
    """Return the entries of some documents, each entry at its best document.

    Args:
        found: entry and score of each document, the best first.
    """
    pairs = list(found)
    ids = tuple(dict.fromkeys(owner for owner, _ in pairs))[:BEST]
    return Hit(ids, pairs[0][1] if pairs else 0.0)


def ask_all(ask: Callable[[str], Hit], queries: Sequence[str], libraries: Sequence[str]) -> Report:
    """Ask every question, one at a time, after a few to warm up.

    Args:
        ask: searches for one question.
        queries: the questions.
        libraries: names of the installed packages whose versions are told.
    """
    for query in queries[:WARM_UP]:
        ask(query)
    hits, milliseconds = [], []
    for number, query in enumerate(queries, start=1):
        started = time.perf_counter()
        hits.append(ask(query))
        milliseconds.append((time.perf_counter() - started) * 1000)
        if number % 500 == 0:
            say(f"  {number} of {len(queries)} questions")
    return Report(
        tuple(hits),
        tuple(milliseconds),
        resident_megabytes(),
        {name: version(name) for name in libraries},
    )


def resident_megabytes() -> float | None:
    """Return the resident memory of this process; None where there is no ``/proc``."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = status.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def write_task(task: Task, file: Path) -> None:
    """Write a task as JSON."""
    file.write_text(json.dumps(asdict(task)), encoding="utf-8")


def read_task(file: Path) -> Task:
    """Read what ``write_task`` wrote."""
    data = json.loads(file.read_text(encoding="utf-8"))
    subjects = tuple(
        Subject(**{**subject, "variants": tuple(subject["variants"])})
        for subject in data.pop("subjects")
    )
    return Task(subjects=subjects, queries=tuple(data.pop("queries")), **data)


def write_report(report: Report, file: Path) -> None:
    """Write a report as JSON."""
    file.write_text(json.dumps(asdict(report)), encoding="utf-8")


def read_report(file: Path) -> Report:
    """Read what ``write_report`` wrote."""
    data = json.loads(file.read_text(encoding="utf-8"))
    hits = tuple(Hit(tuple(hit["ids"]), hit["score"]) for hit in data["hits"])
    return Report(hits, tuple(data["milliseconds"]), data["megabytes"], data["versions"])


def run_system(measure: Callable[[Task], Report]) -> int:
    """Be the process of one system: ``python -m MODULE TASK REPORT``.

    Args:
        measure: indexes and asks.
    """
    task_file, report_file = (Path(word) for word in sys.argv[1:3])
    write_report(measure(read_task(task_file)), report_file)
    return 0
