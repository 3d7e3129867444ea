"""The corpus that ships: it passes its own checks, and its sources are pages that exist."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from knowledge.checks import check, grade, read_cdc_pages
from knowledge.checks.reading import MAX_GRADE, plain
from knowledge.coverage import best_evidence, report
from knowledge.entry import Entry, Evidence, Status
from knowledge.evaluation import CALIBRATION_FILE, HELD_BACK_FILE, read_questions
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
    assert len(shipped()) >= 250
    assert len({item.topic_entry.topic.slug for item in shipped()}) >= 100


def test_every_entry_has_ten_to_twenty_wordings() -> None:
    counts = {entry.id: len(entry.variants) for entry in entries()}
    assert {name: count for name, count in counts.items() if not 10 <= count <= 20} == {}


def test_nine_of_ten_answers_are_plain() -> None:
    plain = [entry for entry in entries() if grade(entry.short_answer) <= MAX_GRADE]
    assert len(plain) / len(entries()) >= 0.9


def test_the_page_on_what_it_covers_is_current() -> None:
    page = (ROOT / "docs" / "corpus.md").read_text(encoding="utf-8")
    made = report([item.topic_entry for item in shipped()])
    assert page == made, "run `python -m knowledge coverage --output docs/corpus.md`"


def test_five_held_back_questions_are_there_for_every_entry() -> None:
    known = frozenset(entry.id for entry in entries())
    asked = Counter(question.entry for question in read_questions(HELD_BACK_FILE, known))
    assert {name for name in known if asked[name] < 5} == set()
    assert asked[None] >= 200


def test_every_entry_has_questions_to_learn_from() -> None:
    known = frozenset(entry.id for entry in entries())
    asked = Counter(question.entry for question in read_questions(CALIBRATION_FILE, known))
    assert {name for name in known if asked[name] < 3} == set()


def test_no_labelled_question_is_a_wording_of_the_corpus() -> None:
    wordings = {plain(text) for entry in entries() for text in (entry.question, *entry.variants)}
    for file in (CALIBRATION_FILE, HELD_BACK_FILE):
        questions = [q.text for q in read_questions(file) if q.context is None]
        assert [text for text in questions if plain(text) in wordings] == [], file.name


def test_it_rests_on_both_cdc_and_who() -> None:
    publishers = Counter(source.publisher for entry in entries() for source in entry.sources)
    assert publishers["CDC"] >= 30
    assert publishers["WHO"] >= 30


def test_every_entry_was_written_from_a_page_that_somebody_read() -> None:
    unread = [entry.id for entry in entries() if best_evidence(entry) is Evidence.URL_ONLY]
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
    assert len(myths) >= 40
