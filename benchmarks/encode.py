"""What one text's vector costs: PyTorch, ONNX Runtime, OpenVINO; ``python -m benchmarks.encode``.

Each way runs in a process of its own, loaded once. They are asked one after the other, in another
order each round, so that a noisy machine disturbs all of them alike. Read the ratios; milliseconds
depend on the machine. OpenVINO is no part of Citewell: it is measured where it is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tokenizers import Tokenizer

from knowledge.embedder import Embedder, SentenceTransformerEmbedder, Vectors, load_embedder
from knowledge.exchange import read_corpus
from knowledge.onnx_model import TOKENIZER, Export, Graph, Numbers, OnnxEmbedder
from knowledge.settings import ROOT, KnowledgeSettings, read_settings

QUESTIONS = ROOT / "tests" / "data" / "questions" / "calibration.yml"
PAGE = ROOT / "docs" / "benchmarks.md"
START, END = "<!-- encode:start -->", "<!-- encode:end -->"
BASE = "torch"
BACKENDS = {
    BASE: "SentenceTransformer.encode (PyTorch)",
    "onnx": "ONNX Runtime",
    "onnx-int8": "ONNX Runtime, int8",
    "openvino": "OpenVINO",
    "openvino-int8": "OpenVINO, int8",
}
THREADS = (1, 2)
TOKENS = {"short": 6, "question": 12, "long": 60}
"""What is asked: name and tokens, with those that mark begin and end."""
QUESTIONS_EACH = 8
WARM_UP = 3
INDEXING = ("onnx", "onnx-int8")
"""Backends that also make vectors for every wording, to search an index of their own."""
AIM = 2.5


@dataclass(frozen=True)
class Way:
    """One way to make a vector.

    Attributes:
        backend: key of ``BACKENDS``.
        threads: processor threads for one pass.
    """

    backend: str
    threads: int

    @property
    def key(self) -> str:
        """Name on the command line."""
        return f"{self.backend}:{self.threads}"


@dataclass
class Figures:
    """What was measured of one way.

    Attributes:
        taken: milliseconds of each call, by what was asked.
        load: seconds until the first vector, imports included.
        memory: resident megabytes when all questions were asked one at a time.
        cosines: least and mean cosine of the questions' vectors with PyTorch's.
        same: share of the questions whose nearest wording is of the same entry as with PyTorch,
            over PyTorch's vectors of the wordings, and over its own where it made them.
    """

    load: float
    memory: float = 0.0
    taken: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in TOKENS})
    cosines: tuple[float, float] = (0.0, 0.0)
    same: tuple[float, float | None] = (0.0, None)

    def median(self, name: str) -> float:
        """Return the median of what was asked, in milliseconds."""
        return statistics.median(self.taken[name])


# --- the process of one way -----------------------------------------------------------------------


class OpenVinoEmbedder(OnnxEmbedder):
    """The same export, run by OpenVINO."""

    @staticmethod
    def open_graph(file: Path, threads: int) -> Graph:
        """Return a graph ready to run."""
        # Installed or not, the type checker is to say the same.
        openvino: Any = import_module("openvino")
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        request = openvino.Core().compile_model(file, "CPU", options).create_infer_request()

        def run(ids: Numbers, mask: Numbers) -> Vectors:
            return np.array(request.infer([ids, mask])[0], dtype=np.float32)

        return run


def load(way: Way, settings: KnowledgeSettings) -> Embedder:
    """Load the model the way that is measured."""
    settings = replace(settings, encoder_threads=way.threads)
    if way.backend == BASE:
        return SentenceTransformerEmbedder(settings.embedding_model, way.threads)
    if not way.backend.startswith("openvino"):
        return load_embedder(replace(settings, encoder=way.backend))
    folder = export_folder(settings)
    export = Export.model_validate_json((folder / "meta.json").read_text(encoding="utf-8"))
    rounded = way.backend.endswith("int8")
    return OpenVinoEmbedder(folder, export.model, export.reading, way.threads, rounded)


def export_folder(settings: KnowledgeSettings) -> Path:
    """Return the folder of the model's newest export."""
    found = sorted(
        (settings.data_dir / "models").glob("*/meta.json"), key=lambda file: file.stat().st_mtime
    )
    return found[-1].parent


def serve(way: Way) -> None:
    """Make vectors for the process that measures: one line of JSON in, one out."""
    started = time.perf_counter()
    embedder = load(way, read_settings())
    embedder.embed(["warm up"])
    print(json.dumps({"load": time.perf_counter() - started}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        started = time.perf_counter()
        vectors = embedder.embed(asked["texts"])
        milliseconds = (time.perf_counter() - started) * 1000
        if asked["file"]:
            np.save(asked["file"], vectors)
        print(json.dumps({"ms": milliseconds, "memory": resident_megabytes()}), flush=True)


def resident_megabytes() -> float:
    """Return the resident memory of this process; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+)", status.read_text(), re.MULTILINE)
    return int(kilobytes) / 1024


class Server:
    """The process of one way."""

    def __init__(self, way: Way, stack: ExitStack) -> None:
        """Start it; ``stack`` ends it.

        Raises:
            RuntimeError: it could not load.
        """
        self._process = subprocess.Popen(  # noqa: S603  (our own module)
            [sys.executable, "-m", "benchmarks.encode", "--serve", way.key],
            cwd=ROOT,
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        stack.callback(self._end)
        started = time.perf_counter()
        self._read()
        self.load = time.perf_counter() - started

    def ask(self, texts: Sequence[str], file: Path | None = None) -> dict[str, float]:
        """Have vectors made; return ``ms`` and ``memory``."""
        asked = {"texts": list(texts), "file": str(file) if file else None}
        assert self._process.stdin is not None  # noqa: S101 - it has pipes, see above
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "vectors.npy"
            self.ask(texts, file)
            found: Vectors = np.load(file)
            return found

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None  # noqa: S101 - it has pipes, see above
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("cannot load")
        found: dict[str, float] = json.loads(line)
        return found

    def _end(self) -> None:
        # Closes its input, which ends it.
        self._process.communicate(timeout=60)


# --- the process that measures --------------------------------------------------------------------


@dataclass(frozen=True)
class Material:
    """What is asked and searched.

    Attributes:
        asked: questions of about the same length, by the name of that length.
        questions: all labelled questions.
        wordings: every wording of the corpus.
        owners: number of the entry that each wording belongs to.
    """

    asked: dict[str, list[str]]
    questions: list[str]
    wordings: list[str]
    owners: Vectors


def read_material(tokenizer: Tokenizer, every: int) -> Material:
    """Read the questions and the corpus; compare on every so many of both."""
    rows = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))["questions"]
    questions = [row["text"] for row in rows]
    tokens = {text: len(tokenizer.encode(text)) for text in questions}
    asked = {
        name: sorted(questions, key=lambda text: (abs(tokens[text] - count), text))[:QUESTIONS_EACH]
        for name, count in TOKENS.items()
    }
    located = read_corpus(ROOT / "knowledge" / "corpus")
    entries = [item.topic_entry.entry for item in located]
    pairs = [
        (number, text)
        for number, entry in enumerate(entries)
        for text in (entry.question, *entry.variants)
    ]
    return Material(
        asked,
        questions[::every],
        [text for _, text in pairs[::every]],
        np.array([number for number, _ in pairs[::every]], dtype=np.float32),
    )


def time_all(
    servers: dict[Way, Server], asked: dict[str, list[str]], rounds: int
) -> dict[Way, Figures]:
    """Ask every way the same questions, one at a time, in an order that turns."""
    figures = {way: Figures(server.load) for way, server in servers.items()}
    ways = list(servers)
    for number in range(WARM_UP + rounds):
        print(f"\rround {number + 1} of {WARM_UP + rounds}", end="", file=sys.stderr, flush=True)
        turned = ways[number % len(ways) :] + ways[: number % len(ways)]
        for name, texts in asked.items():
            for way in turned:
                told = servers[way].ask([texts[number % len(texts)]])
                figures[way].memory = told["memory"]
                if number >= WARM_UP:
                    figures[way].taken[name].append(told["ms"])
    print(file=sys.stderr)
    return figures


def compare_all(
    servers: dict[Way, Server], figures: dict[Way, Figures], material: Material
) -> None:
    """Compare the vectors, and what they find, with PyTorch's."""
    # Threads change no vector: those of one thread count stand for all.
    chosen = {way.backend: server for way, server in servers.items() if way.threads == THREADS[0]}
    wordings = _vectors(chosen[BASE], material.wordings, BASE)
    questions = _vectors(chosen[BASE], material.questions, BASE)
    first = nearest(questions, wordings, material.owners)
    for backend, server in chosen.items():
        own = questions if backend == BASE else _vectors(server, material.questions, backend)
        cosines = (own * questions).sum(axis=1)
        same = float((nearest(own, wordings, material.owners) == first).mean())
        same_own: float | None = None
        if backend in INDEXING:
            index = _vectors(server, material.wordings, backend)
            same_own = float((nearest(own, index, material.owners) == first).mean())
        for way, measured in figures.items():
            if way.backend == backend:
                measured.cosines = float(cosines.min()), float(cosines.mean())
                measured.same = same, same_own


def _vectors(server: Server, texts: Sequence[str], backend: str) -> Vectors:
    print(f"{backend}: {len(texts)} texts", file=sys.stderr, flush=True)
    return server.vectors(texts)


def nearest(questions: Vectors, wordings: Vectors, owners: Vectors) -> Vectors:
    """Return the number of the entry whose wording is nearest to each question."""
    found: Vectors = owners[np.argmax(questions @ wordings.T, axis=1)]
    return found


def table(figures: dict[Way, Figures], missing: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the table."""
    asked = [f"{count} tokens" for count in TOKENS.values()]
    yield (
        f"| Way | Threads | {' | '.join(f'{name}, ms' for name in asked)} | × PyTorch "
        "| Cosine, least (mean) | Same first entry | Its own index | Memory | Load |"
    )
    yield "|---|---|" + "---|" * (len(asked) + 6)
    for way, measured in figures.items():
        base, own = figures[Way(BASE, way.threads)], measured.same[1]
        cells = [
            f"{measured.median(name):.1f} ({np.percentile(measured.taken[name], 95):.1f})"
            for name in TOKENS
        ]
        ratios = [base.median(name) / measured.median(name) for name in TOKENS]
        yield (
            f"| {BACKENDS[way.backend]} | {way.threads} | {' | '.join(cells)} "
            f"| {' / '.join(f'{ratio:.1f}' for ratio in ratios)} "
            f"| {measured.cosines[0]:.4f} ({measured.cosines[1]:.4f}) "
            f"| {measured.same[0]:.2%} | {'–' if own is None else f'{own:.2%}'} "
            f"| {measured.memory:.0f} MB | {measured.load:.1f} s |"
        )
    for backend, reason in missing.items():
        yield f"| {BACKENDS[backend]} | – | {reason} |" + " – |" * (len(asked) + 5)


def report(
    figures: dict[Way, Figures],
    missing: dict[str, str],
    material: Material,
    command: str,
    busy: float,
) -> str:
    """Return the part of the page.

    Args:
        figures: what was measured.
        missing: backends that were not measured, and why.
        material: what was asked and searched.
        command: what printed this.
        busy: load average of the machine before anything was started.
    """
    rounds = len(figures[Way(BASE, 1)].taken["question"])
    base, ours = figures[Way(BASE, 1)], figures[Way("onnx", 1)]
    ratio = base.median("question") / ours.median("question")
    reached = "reached" if ratio >= AIM and ours.same[0] == 1.0 else "missed"
    packages = ("torch", "sentence-transformers", "onnxruntime", "tokenizers", "openvino")
    return "\n".join(
        [
            "## One text to its vector",
            "",
            f"`{command}`, {date.today()}, {os.cpu_count()} cores ({platform.machine()}), load "
            f"average {busy:.1f} before the start, Python {platform.python_version()}, "
            + ", ".join(f"{name} {_version(name)}" for name in packages)
            + ".",
            "",
            f"Median (95th percentile) of {rounds} calls with one text each, over questions of "
            f"`calibration.yml` of about that length. **× PyTorch**: how many times as fast as "
            "`SentenceTransformer.encode` with as many threads, per length. **Cosine** with "
            f"PyTorch's vectors, over {len(material.questions)} questions. **Same first entry**: "
            f"share of those whose nearest of {len(material.wordings)} wordings is of the same "
            "entry as with PyTorch; over PyTorch's vectors of the wordings, then over its own. "
            "**Memory** and **load** are of the whole process, imports included. "
            "Ratios for two threads are against PyTorch with two, which may be slower than with "
            "one.",
            "",
            *table(figures, missing),
            "",
            f"What ships (ONNX Runtime, one thread) reads a question {ratio:.1f} times as fast as "
            f"PyTorch and finds the same first entry for {ours.same[0]:.2%} of the questions; the "
            f"aim of {AIM} times with the same entries is {reached}.",
        ]
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def write(part: str) -> None:
    """Put the part on the page, in its place or at the end."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Benchmarks\n"
    marked = f"{START}\n{part}\n{END}"
    if START in page and END in page:
        before, after = page.split(START)[0], page.split(END, 1)[1]
        page = before + marked + after
    else:
        page = f"{page.rstrip()}\n\n{marked}\n"
    PAGE.write_text(page, encoding="utf-8")


def start_all(stack: ExitStack) -> tuple[dict[Way, Server], dict[str, str]]:
    """Start a process per way; return them and why others are missing."""
    servers: dict[Way, Server] = {}
    missing: dict[str, str] = {}
    for way in (Way(backend, threads) for backend in BACKENDS for threads in THREADS):
        if way.backend.startswith("openvino") and find_spec("openvino") is None:
            missing[way.backend] = "not installed"
            continue
        print(f"loading {way.key}", file=sys.stderr, flush=True)
        try:
            servers[way] = Server(way, stack)
        except RuntimeError as error:
            missing[way.backend] = str(error)
    return servers, missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 if what ships misses its aim."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100, help="calls per way and length")
    parser.add_argument("--every", type=int, default=1, help="compare on every so many texts")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--serve", metavar="WAY", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.serve:
        backend, threads = args.serve.split(":")
        serve(Way(backend, int(threads)))
        return 0
    busy = os.getloadavg()[0]
    settings = read_settings()
    # Where the export is missing it is made before anything is timed.
    load_embedder(settings, lambda line: print(line, file=sys.stderr))
    tokenizer = Tokenizer.from_file(str(export_folder(settings) / TOKENIZER))
    material = read_material(tokenizer, args.every)
    with ExitStack() as stack:
        servers, missing = start_all(stack)
        figures = time_all(servers, material.asked, args.rounds)
        compare_all(servers, figures, material)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "benchmarks.encode", *given])
    part = report(figures, missing, material, command, busy)
    print(part)
    if args.write:
        write(part)
    ours, base = figures[Way("onnx", 1)], figures[Way(BASE, 1)]
    return 0 if base.median("question") / ours.median("question") >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
