"""How an answer reads: length, reading grade, wordings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import textstat

from knowledge.checks.finding import Finding
from knowledge.entry import Entry

MAX_SHORT_ANSWER_WORDS = 60
MAX_DETAIL_WORDS = 40
MAX_GRADE = 8.0
"""Reading grade that CDC and AHRQ advise at most for the public (docs/content-guide.md)."""
MIN_VARIANTS = 10
MAX_QUESTION = 90
"""Longest question that is read whole on a small phone."""


def grade(text: str) -> float:
    """Return the Flesch-Kincaid reading grade (Kincaid and others, 1975) of an English text."""
    return float(textstat.flesch_kincaid_grade(text))


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]


def length(entry: Entry) -> Iterator[Finding]:
    """An answer is read on a phone."""
    words = len(entry.short_answer.split())
    if words > MAX_SHORT_ANSWER_WORDS:
        longest = max(sentences(entry.short_answer), key=lambda part: len(part.split()))
        message = (
            f"has {words} words: at most {MAX_SHORT_ANSWER_WORDS}, move the rest to details; "
            f"longest sentence: “{longest}”"
        )
        yield Finding(("short_answer",), message)
    for number, detail in enumerate(entry.details):
        words = len(detail.text.split())
        if words > MAX_DETAIL_WORDS:
            message = f"has {words} words: at most {MAX_DETAIL_WORDS}, split it"
            yield Finding(("details", number, "text"), message)
    if len(entry.question) > MAX_QUESTION:
        message = f"has {len(entry.question)} characters: at most {MAX_QUESTION}, it is a button"
        yield Finding(("question",), message, "warning")


def readable(entry: Entry) -> Iterator[Finding]:
    """Health agencies advise plain words."""
    found = grade(entry.short_answer)
    if found > MAX_GRADE:
        hardest = max(sentences(entry.short_answer), key=grade)
        message = f"reading grade {found:.1f}, aim for {MAX_GRADE:.0f}; hardest: “{hardest}”"
        yield Finding(("short_answer",), message, "warning")


def variants(entry: Entry) -> Iterator[Finding]:
    """Variants are how an answer is found."""
    if len(entry.variants) < MIN_VARIANTS:
        message = f"only {len(entry.variants)}: write at least {MIN_VARIANTS}, as people ask"
        yield Finding(("variants",), message)
    seen: set[str] = {plain(entry.question)}
    for number, variant in enumerate(entry.variants):
        if plain(variant) in seen:
            yield Finding(("variants", number), "says the same as an earlier wording")
        seen.add(plain(variant))


def plain(text: str) -> str:
    """Return a text's words alone, folded, for comparison."""
    return " ".join(re.findall(r"\w+", text.casefold()))
