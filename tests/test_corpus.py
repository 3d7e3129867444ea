"""The corpus that ships: it passes its own checks, and its sources are pages that exist."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from knowledge.checks import check, read_cdc_pages
from knowledge.entry import Entry, Evidence, Status
from knowledge.exchange import Located, read_corpus

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "knowledge" / "corpus"
CDC_PAGES = ROOT.parent / "shared" / "sources" / "cdc-urls-2024-12-01.txt.gz"


@cache
def shipped() -> tuple[Located, ...]:
    """Return the entries of the corpus; reading them takes a second."""
    return tuple(read_corpus(CORPUS))


def entries() -> list[Entry]:
    return [item.topic_entry.entry for item in shipped()]


def test_it_passes_its_checks() -> None:
    errors = [str(fault) for fault in check(shipped()) if fault.level == "error"]
    assert errors == []


def test_its_cdc_addresses_are_on_cdcs_own_list_of_pages() -> None:
    if not CDC_PAGES.exists():
        pytest.skip(f"CDC's list of pages is not here: {CDC_PAGES.name}")
    pages = read_cdc_pages(CDC_PAGES)
    assert len(pages) > 1000
    errors = [str(fault) for fault in check(shipped(), pages) if fault.level == "error"]
    assert errors == []


def test_it_covers_many_topics() -> None:
    assert len(shipped()) >= 60
    assert len({item.topic_entry.topic.slug for item in shipped()}) >= 30


def test_it_rests_on_both_cdc_and_who() -> None:
    publishers = Counter(source.publisher for entry in entries() for source in entry.sources)
    assert publishers["CDC"] >= 30
    assert publishers["WHO"] >= 30


def test_every_entry_was_written_from_a_page_that_somebody_read() -> None:
    unread = [
        entry.id
        for entry in entries()
        if all(source.evidence is Evidence.URL_ONLY for source in entry.sources)
    ]
    assert unread == []
    assert {entry.status for entry in entries()} <= {
        Status.SOURCE_CHECKED,
        Status.CLINICIAN_REVIEWED,
    }


def test_every_source_is_used_and_every_detail_is_sourced() -> None:
    for entry in entries():
        for detail in entry.details:
            assert set(detail.cite) <= {source.key for source in entry.sources}, entry.id


def test_nobody_is_claimed_as_a_reviewer_without_a_date() -> None:
    for entry in entries():
        assert bool(entry.reviewed_by) == (entry.last_reviewed is not None), entry.id


def test_an_emergency_says_what_to_do_first() -> None:
    urgent = [entry for entry in entries() if entry.urgency.level == "emergency"]
    assert len(urgent) >= 3
    for entry in urgent:
        assert entry.urgency.action, entry.id


def test_a_name_leads_to_one_topic() -> None:
    owners: dict[str, set[str]] = {}
    for item in shipped():
        topic = item.topic_entry.topic
        for alias in topic.aliases:
            owners.setdefault(alias.casefold(), set()).add(topic.slug)
    assert {alias: slugs for alias, slugs in owners.items() if len(slugs) > 1} == {}


def test_common_myths_are_answered() -> None:
    myths = {entry.id for entry in entries() if entry.myth is not None}
    assert {"flu-shot-gives-flu", "vaccines-autism", "covid-19-myths-5g"} <= myths
