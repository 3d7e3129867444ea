"""What may be published: every rule with wording that it must stop and wording that it must not."""

from __future__ import annotations

import gzip
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from knowledge.checks import check, grade, read_cdc_pages
from knowledge.exchange import Fault, Located, read_corpus
from tests.knowledge.small import CORPUS, ENTRY, make_pair

SOURCE = ENTRY["sources"][0]
CDC_PAGE = "https://www.cdc.gov/sleep/about/index.html"


def locate(**changes: Any) -> Located:
    node = yaml.compose("{}", Loader=yaml.SafeLoader)
    return Located(make_pair(**changes), "sleep.yml", node)


def faults(**changes: Any) -> list[Fault]:
    return check([locate(**changes)])


def source(**changes: Any) -> list[dict[str, Any]]:
    return [{**SOURCE, **changes}]


def test_it_finds_nothing_wrong_with_a_good_corpus() -> None:
    # The files must not expire while the tests live, so they are due long after they should be.
    found = [fault for fault in check(read_corpus(CORPUS)) if fault.field != "review_due"]
    assert found == []


def test_it_tells_file_line_entry_and_field(tmp_path: Path) -> None:
    text = (CORPUS / "stroke.yml").read_text(encoding="utf-8")
    spoilt = text.replace("Call 911 or your", "Take 2 tablets or call your")
    (tmp_path / "stroke.yml").write_text(spoilt, encoding="utf-8")
    line = 1 + spoilt[: spoilt.index("Take 2")].count("\n")
    (fault,) = [fault for fault in check(read_corpus(tmp_path)) if fault.level == "error"]
    assert (fault.file, fault.line, fault.entry) == ("stroke.yml", line, "stroke-signs")
    assert (fault.field, fault.level) == ("urgency.action", "error")


@pytest.mark.parametrize(
    ("publisher", "url"),
    [
        ("CDC", "https://cdc.gov.example.org/flu"),
        ("CDC", "https://www.cdc.gov@example.org/flu"),
        ("CDC", "https://example.org/?www.cdc.gov"),
        ("CDC", "https://www.who.int/flu"),
        ("WHO", "https://www.cdc.gov/flu"),
        ("WHO", "https://who.int/flu"),
        ("WHO", "https://[broken/flu"),
    ],
)
def test_it_refuses_a_source_on_another_host(publisher: str, url: str) -> None:
    (fault,) = faults(sources=source(publisher=publisher, url=url))
    assert fault.field == "sources.0.url"
    assert f"not a {publisher} host" in fault.message


@pytest.mark.parametrize("tail", ["", "#evidence", "?lang=en"])
def test_it_refuses_the_page_that_no_longer_carries_its_claim(tail: str) -> None:
    url = f"https://www.cdc.gov/vaccine-safety/about/autism.html{tail}"
    (fault,) = faults(sources=source(url=url))
    assert "cite WHO" in fault.message


def test_it_refuses_an_address_that_is_not_on_cdcs_own_list() -> None:
    (fault,) = check([locate()], frozenset({"https://www.cdc.gov/other.html"}))
    assert fault.field == "sources.0.url"
    assert "CDC's own list" in fault.message


def test_it_takes_an_address_on_cdcs_list_or_with_a_stated_exception() -> None:
    pages = frozenset({CDC_PAGE})
    newer = source(url="https://www.cdc.gov/new.html", exception="Seen on 2026-09-30.")
    who = source(publisher="WHO", url="https://www.who.int/sleep")
    located = [locate(), locate(sources=newer), locate(sources=who)]
    assert check(located, pages) == []


def test_it_reads_cdcs_list_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "pages.txt.gz"
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        lines.write(f"{CDC_PAGE}\n\n https://www.cdc.gov/flu/index.html \n")
    assert read_cdc_pages(file) == {CDC_PAGE, "https://www.cdc.gov/flu/index.html"}


def test_it_keeps_an_entry_a_draft_until_a_source_was_read() -> None:
    unread = source(evidence="url_only", checked_on=None)
    (fault,) = faults(sources=unread)
    assert fault.field == "status"
    assert faults(sources=unread, status="draft") == []


def test_it_warns_where_the_heading_on_the_page_is_missing() -> None:
    (fault,) = faults(sources=source(section=None))
    assert (fault.field, fault.level) == ("sources.0.section", "warning")


@pytest.mark.parametrize(
    "text",
    [
        "Take 200 mg now.",
        "Give 5ml to a child.",
        "Two or 2 tablets are fine.",
        "Drink 1 teaspoon of it.",
        "Do it every 6 hours.",
        "A drop of 0.5 µg helps.",
    ],
)
@pytest.mark.parametrize("field", ["short_answer", "details", "seek_care", "urgency"])
def test_it_refuses_a_dose_wherever_it_stands(text: str, field: str) -> None:
    value: Any = text
    place = field
    if field == "details":
        value, place = [{"text": text, "cite": ["s1"]}], "details.0.text"
    if field == "urgency":
        value, place = {"level": "urgent", "action": text}, "urgency.action"
    (fault,) = faults(**{field: value})
    assert (fault.field, fault.level) == (place, "error")
    assert "reads like a dose" in fault.message


@pytest.mark.parametrize(
    "text", ["Wash for 20 seconds.", "Keep 2 meters away.", "Most get well in 7 days."]
)
def test_it_takes_numbers_that_are_no_dose(text: str) -> None:
    assert faults(short_answer=text) == []


def test_it_refuses_a_vaccine_schedule() -> None:
    (fault,) = faults(short_answer="Babies get it at 12 months, and that is the first dose.")
    assert "vaccine schedule" in fault.message


@pytest.mark.parametrize(
    "text",
    [
        "You have the flu.",
        "You probably have measles.",
        "This shows you have an infection.",
        "Rest, you may have covid.",
    ],
)
def test_it_refuses_to_tell_people_what_they_have(text: str) -> None:
    (fault,) = faults(short_answer=text)
    assert "tells people what they have" in fault.message


@pytest.mark.parametrize(
    "text",
    [
        "If you have the flu, stay home.",
        "Stay home when you have a cold.",
        "Tell people that you have measles.",
        "Ask a doctor whether you have diabetes.",
        "If you think you have flu, call.",
    ],
)
def test_it_takes_a_condition_for_no_diagnosis(text: str) -> None:
    assert faults(short_answer=text) == []


@pytest.mark.parametrize(
    "text",
    [
        "It is guaranteed.",
        "It works 100%.",
        "The shot is 100 % safe.",
        "It is a miracle.",
        "There is no risk.",
        "It will cure flu.",
    ],
)
def test_it_refuses_a_promise(text: str) -> None:
    (fault,) = faults(short_answer=text)
    assert "is a promise" in fault.message


def test_it_refuses_a_short_answer_that_is_long() -> None:
    assert faults(short_answer="Go to bed now. " * 15) == []
    (fault,) = faults(short_answer="Go to bed now. " * 15 + "Rest.")
    assert "has 61 words" in fault.message


def test_it_refuses_a_long_detail() -> None:
    details = [{"text": "Go to bed now. " * 10 + "Rest.", "cite": ["s1"]}]
    (fault,) = faults(details=details)
    assert fault.field == "details.0.text"
    assert "has 41 words" in fault.message


def test_it_warns_of_a_hard_text_and_shows_the_hardest_sentence() -> None:
    hard = "Epidemiological investigations demonstrate considerable respiratory transmissibility."
    (fault,) = faults(short_answer=f"Go to bed. {hard}")
    assert fault.level == "warning"
    assert hard in fault.message


def test_its_reading_grade_rises_with_harder_words() -> None:
    easy = grade("The cat sat on the mat. The dog ran to the door.")
    hard = grade("Immunological considerations necessitate individualized recommendations.")
    assert easy < 3 < 12 < hard


def test_it_wants_ten_wordings() -> None:
    (fault,) = faults(variants=ENTRY["variants"][:9])
    assert fault.field == "variants"
    assert "only 9" in fault.message


def test_it_refuses_a_wording_given_twice_even_in_other_punctuation() -> None:
    variants = [*ENTRY["variants"], "HOW can I sleep better"]
    (fault,) = faults(variants=variants)
    assert fault.field == "variants.10"


def test_it_refuses_a_wording_that_two_entries_claim() -> None:
    other = locate(id="sleep-other", question="What helps with sleep?")
    found = check([locate(), other])
    assert {fault.entry for fault in found} == {"sleep-other"}
    assert [fault.field for fault in found] == [f"variants.{n}" for n in range(10)]
    assert "is also a wording of sleep-how-much (sleep.yml)" in found[0].message


def test_it_wants_claim_and_rating_of_a_myth() -> None:
    (fault,) = faults(aspect="myth")
    assert fault.field == "myth"
    assert faults(aspect="myth", myth={"claim": "A claim.", "rating": "false"}) == []


@pytest.mark.parametrize("due", ["2098-06-30", "2098-07-01"])
def test_it_wants_the_next_review_after_the_last_change(due: str) -> None:
    (fault,) = faults(review_due=due)
    assert fault.field == "review_due"


def test_it_refuses_a_related_topic_that_is_missing_and_names_the_nearest(tmp_path: Path) -> None:
    text = (CORPUS / "measles.yml").read_text(encoding="utf-8")
    text = text.replace("related: [flu]", "related: [measels, nothing-like-it]")
    (tmp_path / "measles.yml").write_text(text, encoding="utf-8")
    near, far = [fault for fault in check(read_corpus(tmp_path)) if fault.level == "error"]
    line = 1 + text[: text.index("measels")].count("\n")
    assert (near.file, near.line, near.field) == ("measles.yml", line, "related.0")
    assert near.message == "no corpus file has the topic 'measels': did you mean 'measles'?"
    assert far.message.endswith("correct it or take it out")


def test_it_refuses_a_name_that_leads_to_two_topics(tmp_path: Path) -> None:
    for name in ("flu", "measles"):
        text = (CORPUS / f"{name}.yml").read_text(encoding="utf-8")
        text = re.sub(r"aliases: \[", "aliases: [Spots, ", text)
        (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
    (fault,) = [fault for fault in check(read_corpus(tmp_path)) if fault.level == "error"]
    assert (fault.file, fault.field) == ("measles.yml", "aliases.0")
    assert "alias of the topic flu" in fault.message


def test_it_refuses_a_comparison_with_an_entry_that_is_missing() -> None:
    (fault,) = faults(compared=[{"entry": "sleep-how-long", "why": "Other question."}])
    assert fault.field == "compared.0.entry"
    assert "did you mean 'sleep-how-much'?" in fault.message


# --- evidence and dates ---------------------------------------------------------------------------


def test_it_refuses_a_number_that_nobody_read() -> None:
    unread = source(evidence="url_only", checked_on=None)
    (fault,) = faults(sources=unread, status="draft", short_answer="Sleep 7 hours a night.")
    assert fault.field == "short_answer"
    assert "“7”" in fault.message
    fine = "COVID-19 and type 2 diabetes can make sleep hard."
    assert faults(sources=unread, status="draft", short_answer=fine) == []


def test_it_refuses_cdc_for_vaccines_and_autism() -> None:
    question = "Do vaccines cause autism?"
    (fault,) = faults(question=question)
    assert fault.field == "sources.0.publisher"
    who = source(publisher="WHO", url="https://www.who.int/news/item/vaccines-and-autism")
    assert faults(question=question, sources=who) == []
    assert faults(question="What are early signs of autism?") == []


def test_it_warns_of_a_source_that_no_detail_uses() -> None:
    two = [*source(), {**SOURCE, "key": "s2"}]
    (fault,) = faults(sources=two)
    assert (fault.field, fault.level) == ("sources.1.key", "warning")
    details = [{"text": "Put away screens.", "cite": ["s1", "s2"]}]
    assert faults(sources=two, details=details) == []


def test_it_refuses_a_change_before_the_entry_was_written() -> None:
    (fault,) = faults(date_modified="2098-06-01")
    assert fault.field == "date_modified"


@pytest.mark.parametrize(
    ("aspect", "due", "warns"),
    [
        ("overview", "2099-06-30", False),
        ("overview", "2099-08-01", True),
        ("vaccine", "2099-01-01", False),
        ("vaccine", "2099-03-01", True),
        ("treatment", "2099-06-30", True),
    ],
)
def test_it_warns_of_a_review_that_is_due_too_late(aspect: str, due: str, warns: bool) -> None:
    found = faults(aspect=aspect, review_due=due)
    assert [(fault.field, fault.level) for fault in found] == [("review_due", "warning")] * warns


def test_it_tells_what_is_overdue_or_not_yet_written() -> None:
    (overdue,) = check([locate()], today=date(2099, 1, 2))
    assert (overdue.field, overdue.level) == ("review_due", "warning")
    (early,) = check([locate()], today=date(2098, 6, 30))
    assert (early.field, early.level) == ("date_modified", "error")
    assert check([locate()], today=date(2099, 1, 1)) == []


# --- wording --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Take two tablets.",
        "Half a pill is enough.",
        "Use it every six hours.",
        "Use the inhaler twice a day.",
        "Give the syrup three times a day.",
    ],
)
def test_it_refuses_a_dose_in_words(text: str) -> None:
    (fault,) = faults(seek_care=text)
    assert fault.field == "seek_care"
    assert "dose" in fault.message


@pytest.mark.parametrize(
    "text",
    [
        "Brush your teeth twice a day.",
        "Be active for an hour a day, at least three times a week.",
        "Ask about medicine. Eat fruit twice a day.",
    ],
)
def test_it_takes_habits_for_no_dose(text: str) -> None:
    assert faults(seek_care=text) == []


def test_it_wants_to_know_whom_to_call() -> None:
    (fault,) = faults(urgency={"level": "emergency", "action": "Seek care."})
    assert fault.field == "urgency.action"
    fine = {"level": "emergency", "action": "Call your local emergency number (911 in the US) now."}
    assert faults(urgency=fine) == []


def test_it_refuses_a_us_number_alone() -> None:
    (fault,) = faults(urgency={"level": "emergency", "action": "Call an ambulance: 911."})
    assert "local emergency number" in fault.message


def test_it_refuses_an_urgent_answer_that_is_called_routine() -> None:
    text = "Call an ambulance now."
    (fault,) = faults(short_answer=text)
    assert fault.field == "urgency.level"
    assert faults(short_answer=text, urgency={"level": "emergency", "action": text}) == []


def test_it_warns_of_letters_that_nobody_explains() -> None:
    (fault,) = faults(short_answer="A UTI can hurt. UTIs are common.")
    assert (fault.field, fault.level) == ("short_answer", "warning")
    assert "“UTI” is not explained" in fault.message
    assert faults(short_answer="A urinary tract infection (UTI) can hurt. A UTI is common.") == []
    assert faults(short_answer="CDC and WHO say that HIV is a virus.") == []


def test_it_refuses_a_myth_that_opens_with_the_claim() -> None:
    myth = {"claim": "Milk brings sleep.", "rating": "false"}
    (fault,) = faults(myth=myth, short_answer="Milk brings sleep, people say. It is not so.")
    assert fault.field == "short_answer"
    assert faults(myth=myth, short_answer="A calm hour brings sleep. Milk is a drink.") == []
    assert faults(myth=myth, short_answer="Milk does not bring sleep.") == []
