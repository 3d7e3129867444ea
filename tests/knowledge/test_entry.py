"""What an entry refuses: outside data enters the corpus here and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from knowledge.entry import Aspect, Entry, Status, Topic
from tests.knowledge.small import ENTRY, entry_data, make_entry, small_corpus

SOURCE = ENTRY["sources"][0]
REVIEWER = {"name": "Ada Okoye", "role": "Nurse"}


def source(**changes: Any) -> list[dict[str, Any]]:
    return [{**SOURCE, **changes}]


def test_it_reads_every_field_into_its_type() -> None:
    entry = make_entry()
    assert entry.aspect is Aspect.OVERVIEW
    assert entry.status is Status.SOURCE_CHECKED
    assert entry.review_due.year == 2099
    assert entry.details[0].cite == ("s1",)


def test_it_survives_the_way_into_the_database_and_back() -> None:
    for pair in small_corpus():
        assert type(pair).model_validate(pair.model_dump(mode="json")) == pair


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"colour": "red"}, "colour"),
        ({"id": "Sleep Better"}, "id"),
        ({"id": "sleep_better"}, "id"),
        ({"aspect": "gossip"}, "aspect"),
        ({"question": "Hm?"}, "question"),
        ({"question": "x" * 121}, "question"),
        ({"variants": ["one", "two"]}, "variants"),
        ({"variants": ["one", "two", "   "]}, "variants.2"),
        ({"short_answer": " "}, "short_answer"),
        ({"details": [{"text": "A fact.", "cite": []}]}, "details.0.cite"),
        ({"urgency": {"level": "maybe"}}, "urgency.level"),
        ({"sources": []}, "sources"),
        ({"sources": source(publisher="Blog")}, "sources.0.publisher"),
        ({"sources": source(url="http://www.cdc.gov/sleep")}, "sources.0.url"),
        ({"sources": source(url="https://www.cdc.gov/a b")}, "sources.0.url"),
        ({"sources": source(checked_on="last week")}, "sources.0.checked_on"),
        ({"sources": source(key="first")}, "sources.0.key"),
        ({"myth": {"claim": "x", "rating": "true"}}, "myth.rating"),
        ({"review_due": "soon"}, "review_due"),
    ],
)
def test_it_refuses_a_wrong_field_and_names_it(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make_entry(**changes)
    assert ".".join(map(str, caught.value.errors()[0]["loc"])) == place


@pytest.mark.parametrize("missing", sorted(set(ENTRY) - {"details"}))
def test_it_refuses_an_entry_without(missing: str) -> None:
    data = entry_data()
    del data[missing]
    with pytest.raises(ValidationError, match=missing):
        Entry.model_validate(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": [*source(), *source()]}, "two sources share one key"),
        ({"details": [{"text": "A fact.", "cite": ["s1", "s9"]}]}, "details cite s9"),
        ({"sources": source(evidence="url_only")}, "checked_on"),
        ({"sources": source(checked_on=None)}, "checked_on"),
        ({"urgency": {"level": "emergency"}}, "say what to do now"),
        ({"urgency": {"level": "urgent", "action": None}}, "say what to do now"),
    ],
)
def test_it_refuses_fields_that_contradict_each_other(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_entry(**changes)


def test_it_takes_a_page_that_nobody_read_only_without_a_reading_date() -> None:
    entry = make_entry(sources=source(evidence="url_only", checked_on=None))
    assert entry.sources[0].checked_on is None


@pytest.mark.parametrize(
    "claim",
    [
        {"status": "clinician_reviewed"},
        {"last_reviewed": "2026-11-02"},
        {"reviewed_by": [REVIEWER]},
        {"status": "clinician_reviewed", "last_reviewed": "2026-11-02"},
        {"status": "clinician_reviewed", "reviewed_by": [REVIEWER]},
        {"last_reviewed": "2026-11-02", "reviewed_by": [REVIEWER]},
    ],
)
def test_it_refuses_half_a_claim_of_review(claim: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="go together"):
        make_entry(**claim)


def test_it_takes_the_review_of_a_named_person() -> None:
    entry = make_entry(
        status="clinician_reviewed", last_reviewed="2026-11-02", reviewed_by=[REVIEWER]
    )
    assert entry.reviewed_by[0].role == "Nurse"


def test_it_keeps_field_values_out_of_its_errors() -> None:
    with pytest.raises(ValidationError) as caught:
        make_entry(short_answer={"patient": "Jane Roe"})
    assert "Jane Roe" not in str(caught.value)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_entry().question = "Another question?"


@pytest.mark.parametrize("locale", ["en", "en-US", "es"])
def test_it_takes_a_locale_with_or_without_region(locale: str) -> None:
    assert Topic(slug="flu", title="Flu", aliases=("flu",), locale=locale).locale == locale


@pytest.mark.parametrize("locale", ["EN", "english", "en_US"])
def test_it_refuses_another_way_to_write_a_locale(locale: str) -> None:
    with pytest.raises(ValidationError, match="locale"):
        Topic(slug="flu", title="Flu", aliases=("flu",), locale=locale)
