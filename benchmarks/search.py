"""What a search costs as the corpus grows, and how soon an edit is live; ``make bench-search``.

The entries are made: words of the shipped corpus mixed, vectors of the shipped wordings moved at
random. A process of its own builds and searches each size. One pass of the model is timed between
the searches, so that a noisy machine disturbs both alike: read the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from benchmarks.page import write_part
from knowledge.calibration import Calibration, load_calibration
from knowledge.document import Document, document_of, embedded_texts
from knowledge.embedder import Embedder, Vectors, load_embedder, text_key
from knowledge.emergency import read_exemplars
from knowledge.entry import Entry, Topic, TopicEntry
from knowledge.evaluation import HELD_BACK_FILE, read_questions
from knowledge.exchange import read_corpus
from knowledge.live import LiveAnswers
from knowledge.retriever import Retriever, texts_of
from knowledge.schema import Embedding
from knowledge.search_commands import tell
from knowledge.settings import KnowledgeSettings, read_settings
from knowledge.store import connect, import_entries, migrate, publish, transaction

SIZES = (1_000, 10_000, 100_000)
EDITED_SIZE = 10_000
VARIANTS = 10
PER_TOPIC = 12
"""Entries of one topic, about as many as in the shipped corpus."""
KEPT = 0.6
"""Share of words that a made text takes over; the others are any of the corpus's."""
ENTRY_NOISE = 0.7
TEXT_NOISE = 0.4
"""Lengths of the noise that an entry's vectors share, and of each vector's own."""
ROUNDS = 150
WARM_UP = 10
EDITS = 5
EDIT_AIM = 2.0
"""Seconds within which one changed entry of 10,000 should be live."""
BATCH = 20_000
MEGABYTE = 1024


@dataclass(frozen=True)
class Size:
    """What a search over so many entries costs.

    Attributes:
        entries: how many.
        texts: that have a vector.
        build: seconds for the index, vectors ready.
        resident: megabytes of the process with the index and the model in it.
        peak: megabytes that it had at most, while building.
        search: milliseconds of each search, the vector ready.
        model: milliseconds of each pass of the model.
    """

    entries: int
    texts: int
    build: float
    resident: float
    peak: float
    search: tuple[float, ...]
    model: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median search over the median pass of the model."""
        return statistics.median(self.search) / statistics.median(self.model)


@dataclass(frozen=True)
class Edit:
    """How long one changed entry took to be live, in seconds, part by part."""

    imported: float
    published: float
    refreshed: float

    @property
    def whole(self) -> float:
        """Seconds from the import to the first answer from it."""
        return self.imported + self.published + self.refreshed


class Mixer:
    """Makes entries out of those of a corpus; with one seed always the same."""

    def __init__(self, pairs: Sequence[TopicEntry], seed: int = 0) -> None:
        """Count the words.

        Args:
            pairs: the corpus; at least one entry.
            seed: of the mixture.
        """
        self._pairs = pairs
        self._random = np.random.default_rng(seed)
        words = [word for pair in pairs for text in _wordings(pair.entry) for word in text.split()]
        # As often as in the corpus: rare words stay rare.
        self._words = np.array(words, dtype=object)

    def entries(self, count: int) -> Iterator[tuple[int, TopicEntry]]:
        """Return entries, each with the number of the one that it was made from."""
        topic = self._pairs[0].topic
        for number in range(count):
            base = number % len(self._pairs)
            if number % PER_TOPIC == 0:
                name = " ".join(self._any(2))
                topic = Topic(slug=f"topic-{number // PER_TOPIC}", title=name, aliases=(name,))
            yield (
                base,
                TopicEntry.model_construct(
                    topic=topic, entry=self._mixed(self._pairs[base].entry, f"entry-{number}")
                ),
            )

    def reworded(self, pair: TopicEntry) -> TopicEntry:
        """Return an entry with another question."""
        body = pair.entry.model_copy(update={"question": self._text(pair.entry.question, 120)})
        return TopicEntry.model_construct(topic=pair.topic, entry=body)

    def _mixed(self, entry: Entry, name: str) -> Entry:
        like = [entry.variants[number % len(entry.variants)] for number in range(VARIANTS)]
        return entry.model_copy(
            update={
                "id": name,
                "question": self._text(entry.question, 120),
                "variants": tuple(self._text(text) for text in like),
                "short_answer": self._text(entry.short_answer),
            }
        )

    def _text(self, text: str, longest: int | None = None) -> str:
        words = text.split()
        kept = self._random.random(len(words)) < KEPT
        mixed = zip(words, self._any(len(words)), kept, strict=True)
        return " ".join(own if keep else other for own, other, keep in mixed)[:longest].strip()

    def _any(self, count: int) -> list[str]:
        return list(self._words[self._random.integers(0, len(self._words), count)])


def _wordings(entry: Entry) -> tuple[str, ...]:
    return (entry.question, *entry.variants, entry.short_answer)


def moved(real: Sequence[Vectors], bases: Sequence[int], counts: Sequence[int]) -> Vectors:
    """Return vectors for made entries: those of the entries they were made from, moved at random.

    Args:
        real: per entry of the corpus, the vectors of its texts.
        bases: per made entry, the entry of the corpus.
        counts: per made entry, its texts.
    """
    random = np.random.default_rng(1)
    size = real[0].shape[1]
    found = np.empty((sum(counts), size), dtype=np.float32)
    begin = 0
    for base, count in zip(bases, counts, strict=True):
        block = found[begin : begin + count]
        random.standard_normal(block.shape, dtype=np.float32, out=block)
        block *= TEXT_NOISE / np.sqrt(size)
        block += random.standard_normal(size, dtype=np.float32) * (ENTRY_NOISE / np.sqrt(size))
        block += real[base][np.linspace(0, len(real[base]) - 1, count).astype(int)]
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        begin += count
    return found


def made(
    pairs: Sequence[TopicEntry], real: Sequence[Vectors], count: int
) -> tuple[list[Document], Vectors]:
    """Return so many made documents and the vectors of their texts."""
    bases, documents = [], []
    for base, pair in Mixer(pairs).entries(count):
        bases.append(base)
        documents.append(document_of(pair))
    counts = [len(document.wordings) + 2 * bool(document.answer) for document in documents]
    return documents, moved(real, bases, counts)


def measure_size(
    documents: Sequence[Document],
    vectors: list[Vectors],
    embedder: Embedder,
    questions: Sequence[str],
    calibration: Calibration,
    rounds: int = ROUNDS,
) -> Size:
    """Build an index and search it.

    Args:
        documents: what to search.
        vectors: one array, taken out of the list, so that nothing holds it after the build.
        embedder: the model.
        questions: what to ask, over and over.
        calibration: learnt weights.
        rounds: searches that are timed.
    """
    started = time.perf_counter()
    retriever = Retriever(documents, vectors.pop(), embedder, calibration)
    build = time.perf_counter() - started
    asked = [questions[number % len(questions)] for number in range(WARM_UP + rounds)]
    search, model = [], []
    for question in asked:
        before = time.perf_counter()
        vector = embedder.embed([question])[0]
        between = time.perf_counter()
        retriever.search_vector(question, vector)
        search.append((time.perf_counter() - between) * 1000)
        model.append((between - before) * 1000)
    resident = _resident()
    return Size(
        entries=len(documents),
        texts=sum(len(embedded_texts(document)) for document in documents),
        build=build,
        resident=resident,
        # The kernel counts the peak in batches, so that it may lag behind by a few pages.
        peak=max(resident, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE),
        search=tuple(search[WARM_UP:]),
        model=tuple(model[WARM_UP:]),
    )


def _resident() -> float:
    """Return the megabytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / MEGABYTE**2


def fill(engine: Engine, embedder: Embedder, pairs: Sequence[TopicEntry], vectors: Vectors) -> None:
    """Publish entries, and keep their vectors as if the model had made them."""
    texts = texts_of([document_of(pair) for pair in pairs])
    rows = {
        text_key(text): {"model": embedder.name, "vector": vector.tobytes()}
        for text, vector in zip(texts, vectors, strict=True)
    }
    keyed = [{"text_hash": key, **row} for key, row in rows.items()]
    with transaction(engine) as session:
        for begin in range(0, len(keyed), BATCH):
            session.execute(sa.insert(Embedding), keyed[begin : begin + BATCH])
        import_entries(session, pairs)
        publish(session, "made")


@contextmanager
def timed(taken: list[float]) -> Iterator[None]:
    """Add the seconds that something takes to a list."""
    started = time.perf_counter()
    yield
    taken.append(time.perf_counter() - started)


def measure_edits(
    engine: Engine,
    embedder: Embedder,
    pairs: Sequence[TopicEntry],
    calibration: Calibration,
    count: int = EDITS,
) -> list[Edit]:
    """Reword one entry after another of a published corpus, and load each release."""
    live = LiveAnswers(engine, embedder, calibration, read_exemplars())
    live.refresh()
    mixer = Mixer(pairs, seed=1)
    edits = []
    for number in range(count):
        changed = mixer.reworded(pairs[number * len(pairs) // count])
        taken: list[float] = []
        with timed(taken), transaction(engine) as session:
            import_entries(session, [changed])
        with timed(taken), transaction(engine) as session:
            publish(session, "edit")
        with timed(taken):
            live.refresh()
        edits.append(Edit(*taken))
        loaded = live.loaded
        if loaded is None or changed.entry.question not in {
            item.topic_entry.entry.question for item in loaded.answerer.entries
        }:
            raise SystemExit("the edit is not live")
    return edits


def table(sizes: Sequence[Size]) -> list[str]:
    """Return the figures as a Markdown table."""
    lines = [
        "| Entries | Vectors | Build | Memory (most) | Search, ms | p95 | Model, ms | p95 | "
        "Search : model |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for size in sizes:
        asked, passes = statistics.median(size.search), statistics.median(size.model)
        lines.append(
            f"| {size.entries:,} | {size.texts:,} | {size.build:.1f} s "
            f"| {size.resident:,.0f} MB ({size.peak:,.0f}) "
            f"| {asked:.1f} | {_p95(size.search):.1f} | {passes:.1f} | {_p95(size.model):.1f} "
            f"| {size.ratio:.2f} |"
        )
    return lines


def edit_lines(edits: Sequence[Edit], entries: int) -> list[str]:
    """Return the seconds of the edits in a table, and whether the aim is met."""
    middle = sorted(edits, key=lambda edit: edit.whole)[len(edits) // 2]
    reached = "met" if middle.whole < EDIT_AIM else "missed"
    return [
        "| Edit | Import | Publish | Load | Together |",
        "|---:|---:|---:|---:|---:|",
        *(
            f"| {number} | {edit.imported:.2f} s | {edit.published:.2f} s "
            f"| {edit.refreshed:.2f} s | {edit.whole:.2f} s |"
            for number, edit in enumerate(edits, start=1)
        ),
        "",
        f"One changed entry of {entries:,} is live after {middle.whole:.2f} s (the middle one); "
        f"the aim of less than {EDIT_AIM:.0f} s is {reached}.",
    ]


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


def real_vectors(
    pairs: Sequence[TopicEntry], embedder: Embedder
) -> tuple[list[Vectors], npt.NDArray[np.int64]]:
    """Return the model's vectors of some texts of each entry, and where each entry's begin."""
    texts = [[*_wordings(pair.entry)[: VARIANTS // 2], pair.entry.short_answer] for pair in pairs]
    starts = np.cumsum([0, *map(len, texts)])
    flat = embedder.embed([text for several in texts for text in several])
    return np.split(flat, starts[1:-1]), starts


def child(count: int, kept: Path) -> int:
    """Measure one size and print it as JSON."""
    settings = read_settings()
    embedder = load_embedder(settings)
    pairs = [located.topic_entry for located in read_corpus(settings.corpus_dir)]
    documents, vectors = made(pairs, _kept(kept), count)
    questions = [row.text for row in read_questions(HELD_BACK_FILE) if row.context is None]
    held = [vectors]
    del vectors
    print(
        json.dumps(asdict(measure_size(documents, held, embedder, questions, load_calibration())))
    )
    return 0


def _kept(file: Path) -> list[Vectors]:
    with np.load(file) as arrays:
        return np.split(arrays["vectors"], arrays["starts"][1:-1])


def in_child(count: int, kept: Path) -> Size:
    """Measure one size in a process of its own."""
    tell(f"building and searching {count:,} entries")
    command = [sys.executable, "-m", "benchmarks.search", "--child", str(count), str(kept)]
    done = subprocess.run(  # noqa: S603 - our own command
        command, check=True, stdout=subprocess.PIPE, text=True
    )
    raw = json.loads(done.stdout)
    return Size(**{**raw, "search": tuple(raw["search"]), "model": tuple(raw["model"])})


def edits_of_made(
    folder: Path, pairs: Sequence[TopicEntry], real: Sequence[Vectors], embedder: Embedder
) -> list[Edit]:
    """Publish a corpus of 10,000 made entries in a folder, and edit it."""
    tell(f"editing one entry of {EDITED_SIZE:,}")
    bases, entries = map(list, zip(*Mixer(pairs).entries(EDITED_SIZE), strict=True))
    counts = [len(embedded_texts(document_of(pair))) for pair in entries]
    engine = connect(f"sqlite:///{folder / 'made.db'}")
    migrate(engine)
    fill(engine, embedder, entries, moved(real, bases, counts))
    edits = measure_edits(engine, embedder, entries, load_calibration())
    engine.dispose()
    return edits


def report(sizes: Sequence[Size], edits: Sequence[Edit], command: str, busy: float) -> str:
    """Return the part of the page."""
    return "\n".join(
        [
            "## Search by size of the corpus, and how soon an edit is live",
            "",
            f"`{command}`, {date.today()}, {os.cpu_count()} cores ({platform.machine()}), load "
            f"average {busy:.1f} before the start, Python {platform.python_version()}.",
            "",
            f"The entries are made, as {max(size.texts for size in sizes):,} texts cannot be "
            f"embedded here: each is a shipped entry with {VARIANTS} variants in which "
            f"{1 - KEPT:.0%} of the words are exchanged for others of the corpus, and its vectors "
            "are those of the shipped wordings with seeded noise, of length 1. So the cost is "
            "right and the answers mean nothing. **Search** is everything but the model's pass; "
            "**model** is one pass of it over the same question, timed in turn with the searches "
            f"({ROUNDS} of each; medians and 95th percentiles). **Memory** is of the whole "
            "process with the model in it, after the searches, and the most while it was built.",
            "",
            *table(sizes),
            *(["", *edit_lines(edits, EDITED_SIZE)] if edits else []),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 if an edit takes longer than it should."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--entries", type=int, nargs="+", default=SIZES, metavar="COUNT")
    parser.add_argument("--no-edit", action="store_true", help="leave the edit out")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.child:
        return child(int(args.child[0]), Path(args.child[1]))
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "benchmarks.search", *given])
    busy = os.getloadavg()[0]
    part, edits = measure(read_settings(), args.entries, not args.no_edit, command, busy)
    print(part)
    if args.write:
        write_part("search", part)
    slow = edits and statistics.median(edit.whole for edit in edits) >= EDIT_AIM
    return 1 if slow else 0


def measure(
    settings: KnowledgeSettings, counts: Sequence[int], edit: bool, command: str, busy: float
) -> tuple[str, list[Edit]]:
    """Measure every size and the edits; return the part of the page and the edits."""
    embedder = load_embedder(settings, tell)
    pairs = [located.topic_entry for located in read_corpus(settings.corpus_dir)]
    tell("embedding the shipped wordings")
    real, starts = real_vectors(pairs, embedder)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "vectors.npz"
        np.savez(kept, vectors=np.concatenate(real), starts=starts)
        sizes = [in_child(count, kept) for count in counts]
        edits = edits_of_made(Path(folder), pairs, real, embedder) if edit else []
    return report(sizes, edits, command, busy), edits


if __name__ == "__main__":
    sys.exit(main())
