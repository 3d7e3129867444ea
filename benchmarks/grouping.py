"""From which nearness on questions belong in one group; ``python -m benchmarks.grouping``.

Three sets of texts with a known entry are grouped as if people had asked them, by one limit after
the other: the wordings of the corpus, the questions that the calibration is learnt from, and those
that are held back. Nothing is learnt here; ``knowledge.grouping`` holds the limit that was chosen.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import comb

from benchmarks.page import write_part
from knowledge.embedder import Embedder, Vectors, load_embedder
from knowledge.entry import TopicEntry
from knowledge.evaluation import CALIBRATION_FILE, HELD_BACK_FILE, read_questions
from knowledge.exchange import read_corpus
from knowledge.grouping import SAME_MEANING, places_of
from knowledge.search_commands import tell
from knowledge.settings import read_settings

LIMITS = (0.65, 0.70, 0.75, 0.80, 0.85, 0.90)


@dataclass(frozen=True)
class Texts:
    """Texts of which it is known what they are about.

    Attributes:
        name: of the set.
        texts: as people would ask them.
        entries: the entry that each is about.
        topics: the topic that each is about.
    """

    name: str
    texts: tuple[str, ...]
    entries: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """What one limit makes of one set.

    Attributes:
        name: of the set.
        limit: cosine with a group's centre from which a text joins it.
        groups: of two texts or more.
        one_topic: share of the pairs in one group that are about one topic.
        one_entry: share of them that have the same entry.
        found: share of the pairs with the same entry that are in one group.
    """

    name: str
    limit: float
    groups: int
    one_topic: float
    one_entry: float
    found: float


def sets_of(pairs: Sequence[TopicEntry]) -> list[Texts]:
    """Return the three sets."""
    topics = {pair.entry.id: pair.topic.slug for pair in pairs}
    wordings = [(text, pair.entry.id) for pair in pairs for text in pair.entry.variants]
    found = [_texts("wordings of the corpus", wordings, topics)]
    for file in (CALIBRATION_FILE, HELD_BACK_FILE):
        rows = read_questions(file, frozenset(topics))
        asked = [(row.text, row.entry) for row in rows if row.entry is not None]
        found.append(_texts(f"`{file.name}`", asked, topics))
    return found


def _texts(name: str, rows: Sequence[tuple[str, str]], topics: dict[str, str]) -> Texts:
    entries = tuple(entry for _, entry in rows)
    return Texts(name, tuple(text for text, _ in rows), entries, tuple(topics[e] for e in entries))


def measure(texts: Texts, vectors: Vectors, limit: float) -> Figures:
    """Group the texts by one limit, and look at the pairs that came together."""
    places = places_of(vectors, limit)
    together = _pairs(places)
    of_entry = _pairs(zip(places, texts.entries, strict=True))
    return Figures(
        name=texts.name,
        limit=limit,
        groups=sum(count > 1 for count in Counter(places).values()),
        one_topic=_share(_pairs(zip(places, texts.topics, strict=True)), together),
        one_entry=_share(of_entry, together),
        found=_share(of_entry, _pairs(texts.entries)),
    )


def _pairs(labels: Iterable[Hashable]) -> int:
    """Return how many pairs have the same label."""
    return sum(comb(count, 2) for count in Counter(labels).values())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def table(figures: Sequence[Figures]) -> list[str]:
    """Return the figures as a Markdown table, the limit in use in bold."""
    by_name: dict[str, list[Figures]] = defaultdict(list)
    for one in figures:
        by_name[one.name].append(one)
    lines = [
        "| Texts | From a cosine of | Groups of two or more | Pairs on one topic "
        "| Pairs with the same entry | Of all such pairs |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, rows in by_name.items():
        for one in rows:
            limit = f"{one.limit:.2f}"
            limit = f"**{limit}**" if one.limit == SAME_MEANING else limit
            right = f"{one.one_topic:.0%} | {one.one_entry:.0%}" if one.groups else "– | –"
            lines.append(f"| {name} | {limit} | {one.groups:,} | {right} | {one.found:.1%} |")
    return lines


def report(figures: Sequence[Figures], counts: Sequence[int]) -> str:
    """Return the part of the page."""
    return "\n".join(
        [
            "## From which nearness on questions are put into one group",
            "",
            f"`python -m benchmarks.grouping --write`, {date.today()}, Python "
            f"{platform.python_version()}. {counts[0]:,} wordings, {counts[1]:,} and "
            f"{counts[2]:,} questions, one after the other as if people had asked them. The limit "
            "in use is in bold. Where several entries answer a question, the first named one "
            "counts.",
            "",
            *table(figures),
        ]
    )


def run(embedder: Embedder, pairs: Sequence[TopicEntry], limits: Sequence[float]) -> str:
    """Measure every set by every limit; return the part of the page."""
    sets = sets_of(pairs)
    figures = []
    for texts in sets:
        tell(f"embedding and grouping {len(texts.texts):,} {texts.name}")
        vectors = embedder.embed(texts.texts)
        figures += [measure(texts, vectors, limit) for limit in limits]
    return report(figures, [len(texts.texts) for texts in sets])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--limits", type=float, nargs="+", default=LIMITS, metavar="COSINE")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    args = parser.parse_args(arguments)
    settings = read_settings()
    pairs = [located.topic_entry for located in read_corpus(settings.corpus_dir)]
    part = run(load_embedder(settings, tell), pairs, args.limits)
    print(part)
    if args.write:
        write_part("grouping", part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
