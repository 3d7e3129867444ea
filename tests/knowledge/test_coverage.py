"""The page on what the corpus covers."""

from __future__ import annotations

from typing import Any

from knowledge.coverage import HEADS, best_evidence, report
from knowledge.entry import Aspect, Evidence
from tests.knowledge.small import ENTRY, make_entry, make_pair

SOURCE = ENTRY["sources"][0]


def source(key: str, evidence: str) -> dict[str, Any]:
    checked = None if evidence == "url_only" else SOURCE["checked_on"]
    return {**SOURCE, "key": key, "evidence": evidence, "checked_on": checked}


def test_every_aspect_has_a_column() -> None:
    assert set(HEADS) == set(Aspect)


def test_the_best_read_source_counts() -> None:
    sources = [source("s1", "url_only"), source("s2", "excerpt_seen")]
    assert best_evidence(make_entry(sources=sources)) is Evidence.EXCERPT_SEEN


def test_it_counts_by_topic_and_aspect() -> None:
    page = report([make_pair(), make_pair(id="sleep-2"), make_pair(id="sleep-3", aspect="tests")])
    row = next(line for line in page.splitlines() if line.startswith("| Sleep (`sleep`)"))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert dict(zip(HEADS, cells, strict=True))[Aspect.OVERVIEW] == "2"
    assert dict(zip(HEADS, cells, strict=True))[Aspect.TESTS] == "1"
    assert "| topics | 1 |" in page


def test_it_lists_claims_and_differences() -> None:
    myth = {"claim": "Milk | brings sleep.", "rating": "false"}
    page = report([make_pair(myth=myth, conflict="CDC says more than WHO.")])
    assert "| Milk \\| brings sleep. | false | `sleep-how-much` |" in page
    assert "| `sleep-how-much` | CDC says more than WHO. |" in page


def test_it_claims_no_review_that_nobody_made() -> None:
    assert "| entries reviewed by a named person | 0 |" in report([make_pair()])
