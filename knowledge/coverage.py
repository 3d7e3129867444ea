"""What the corpus covers, as Markdown: by topic and aspect, with evidence and review state.

``python -m knowledge coverage --output docs/corpus.md`` writes the page; a test holds it to the
corpus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from knowledge.checks.reading import MAX_GRADE, grade
from knowledge.entry import Aspect, Entry, Evidence, Status, TopicEntry

HEADS = {
    Aspect.OVERVIEW: "what it is",
    Aspect.SYMPTOMS: "symptoms",
    Aspect.SPREAD: "spread",
    Aspect.CONTAGIOUS: "contagious",
    Aspect.PREVENTION: "prevention",
    Aspect.HOME_CARE: "home care",
    Aspect.TREATMENT: "treatment",
    Aspect.SEEK_CARE: "seek care",
    Aspect.VACCINE: "vaccine",
    Aspect.TESTS: "tests",
    Aspect.RISK: "risk",
    Aspect.CHILDREN: "children",
    Aspect.PREGNANCY: "pregnancy",
    Aspect.FIRST_AID: "first aid",
    Aspect.MYTH: "myth",
}
STATES = {
    Evidence.TEXT_SEEN: "its text was read",
    Evidence.EXCERPT_SEEN: "an excerpt was read",
    Evidence.URL_ONLY: "only the address is known",
}


def report(pairs: Sequence[TopicEntry]) -> str:
    """Return the page.

    Args:
        pairs: all entries with their topics, at least one.
    """
    parts = [
        "# What the corpus covers",
        "Made by `python -m knowledge coverage --output docs/corpus.md`; a test compares it with "
        "the corpus. How an entry is written is in [content-guide.md](content-guide.md).",
        "## In figures",
        _figures(pairs),
        "## Topics and aspects",
        "How many entries a topic has on each aspect.",
        _aspects(pairs),
        "## Evidence and review",
        "Evidence is how much of the best source of an entry was read. No entry counts as "
        "reviewed until a named person reviewed it. After the day it is due, an answer shrinks to "
        "its link.",
        _evidence(pairs),
        "## Claims that are answered",
        _claims(pairs),
        "## Where CDC and WHO differ",
        _conflicts(pairs),
    ]
    return "\n\n".join(parts) + "\n"


def best_evidence(entry: Entry) -> Evidence:
    """Return how much was read of the source of an entry that was read most."""
    order = list(Evidence)
    return min((source.evidence for source in entry.sources), key=order.index)


def _figures(pairs: Sequence[TopicEntry]) -> str:
    entries = [pair.entry for pair in pairs]
    evidence = Counter(best_evidence(entry) for entry in entries)
    readable = sum(grade(entry.short_answer) <= MAX_GRADE for entry in entries)
    pages = {source.url: source.publisher for entry in entries for source in entry.sources}
    publishers = Counter(pages.values())
    variants = [len(entry.variants) for entry in entries]
    reviewed = sum(entry.status is Status.CLINICIAN_REVIEWED for entry in entries)
    rows = [
        ("entries", str(len(entries))),
        ("topics", str(len(_topics(pairs)))),
        ("entries that answer a claim", str(sum(entry.myth is not None for entry in entries))),
        ("wordings besides the question", f"{sum(variants)}, {min(variants)} to {max(variants)}"),
        ("pages cited", f"{len(pages)}: CDC {publishers['CDC']}, WHO {publishers['WHO']}"),
        *((f"entries of whose best page {STATES[s]}", str(evidence[s])) for s in Evidence),
        ("entries reviewed by a named person", str(reviewed)),
        (
            f"short answers of reading grade {MAX_GRADE:.0f} or less",
            f"{readable} ({readable / len(entries):.0%})",
        ),
    ]
    return _table(("", ""), rows)


def _aspects(pairs: Sequence[TopicEntry]) -> str:
    rows = []
    for slug, (title, entries) in _topics(pairs).items():
        counts = Counter(entry.aspect for entry in entries)
        rows.append((f"{title} (`{slug}`)", *(str(counts[a] or "") for a in HEADS)))
    totals = Counter(pair.entry.aspect for pair in pairs)
    rows.append(("**all**", *(str(totals[a]) for a in HEADS)))
    return _table(("topic", *HEADS.values()), rows)


def _evidence(pairs: Sequence[TopicEntry]) -> str:
    rows = []
    for slug, (_, entries) in _topics(pairs).items():
        evidence = Counter(best_evidence(entry) for entry in entries)
        status = Counter(entry.status for entry in entries)
        rows.append(
            (
                f"`{slug}`",
                *(str(evidence[state] or "") for state in Evidence),
                *(str(status[state] or "") for state in Status),
                str(min(entry.review_due for entry in entries)),
            )
        )
    heads = ("topic", "text", "excerpt", "address", "draft", "source checked", "reviewed")
    return _table((*heads, "next review due"), rows)


def _claims(pairs: Sequence[TopicEntry]) -> str:
    rows = [
        (pair.entry.myth.claim, pair.entry.myth.rating, f"`{pair.entry.id}`")
        for pair in pairs
        if pair.entry.myth is not None
    ]
    return _table(("claim", "rating", "entry"), rows)


def _conflicts(pairs: Sequence[TopicEntry]) -> str:
    rows = [(f"`{pair.entry.id}`", pair.entry.conflict) for pair in pairs if pair.entry.conflict]
    return _table(("entry", "how"), rows) if rows else "Nowhere that an entry speaks of."


def _topics(pairs: Sequence[TopicEntry]) -> dict[str, tuple[str, list[Entry]]]:
    found: dict[str, tuple[str, list[Entry]]] = {}
    for pair in sorted(pairs, key=lambda pair: pair.topic.slug):
        found.setdefault(pair.topic.slug, (pair.topic.title, []))[1].append(pair.entry)
    return found


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
