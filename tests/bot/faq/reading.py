"""Reads the data of the answer pages by schema.org's rules, apart from the code that wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from knowledge.entry import Entry, Source, TopicEntry

HOST = "http://localhost"
QUESTION_FIELDS = {
    "@type",
    "@id",
    "url",
    "name",
    "inLanguage",
    "about",
    "dateCreated",
    "dateModified",
    "mainEntityOfPage",
    "acceptedAnswer",
}
ANSWER_FIELDS = {"@type", "url", "inLanguage", "dateCreated", "dateModified", "text", "citation"}
REVIEW_FIELDS = {"lastReviewed", "reviewedBy"}


def block_of(html: str) -> dict[str, Any]:
    """Return the one data block of a page."""
    page = BeautifulSoup(html, "html.parser")
    (block,) = page.find_all("script", type="application/ld+json")
    found: dict[str, Any] = json.loads(block.get_text())
    return found


def address_of(pair: TopicEntry, site_locale: str = "en") -> str:
    """Return the address that the page of an entry must have."""
    locale = pair.topic.locale
    lang = "" if locale == site_locale else f"?lang={locale}"
    return f"{HOST}/answers/{pair.topic.slug}/{pair.entry.id}{lang}"


def check_faq(document: dict[str, Any], pairs: Iterable[TopicEntry], today: date) -> None:
    """Check a page of questions: exactly the entries that may be shown, each by every rule.

    Args:
        document: what was read.
        pairs: the entries that belong on it.
        today: the day of the page.
    """
    shown = [pair for pair in pairs if today <= pair.entry.review_due]
    assert document["@context"] == "https://schema.org"
    assert document["@type"] == ("FAQPage" if shown else "WebPage")
    assert document["url"] == document["@id"]
    assert document["url"].startswith(f"{HOST}/answers")
    assert document["name"]
    if not shown:
        assert "mainEntity" not in document
        return
    questions = {question["url"]: question for question in document["mainEntity"]}
    assert len(questions) == len(document["mainEntity"])
    assert set(questions) == {address_of(pair) for pair in shown}
    for pair in shown:
        check_question(questions[address_of(pair)], pair)
    newest = max(pair.entry.date_modified for pair in shown)
    assert document["dateModified"] == newest.isoformat()


def check_question(question: dict[str, Any], pair: TopicEntry) -> None:
    """Check what stands for one entry."""
    topic, entry, address = pair.topic, pair.entry, address_of(pair)
    assert set(question) == QUESTION_FIELDS, entry.id
    assert question["@type"] == "Question"
    assert question["@id"] == f"{address}#question"
    assert question["name"] == entry.question
    about = question["about"]
    assert (about["@type"], about["name"]) == ("Thing", topic.title)
    assert urlsplit(about["url"]).path == f"/answers/{topic.slug}"
    check_dates(question, entry)
    assert question["inLanguage"] == topic.locale
    page = question["mainEntityOfPage"]
    assert (page["@type"], page["@id"]) == ("WebPage", address)
    check_review({name: page[name] for name in set(page) - {"@type", "@id"}}, entry)
    answer = question["acceptedAnswer"]
    assert set(answer) == ANSWER_FIELDS, entry.id
    assert (answer["@type"], answer["url"]) == ("Answer", address)
    assert answer["inLanguage"] == topic.locale
    check_dates(answer, entry)
    # The fact first, and nothing that the entry does not say.
    assert answer["text"].split("\n")[0] == entry.short_answer
    check_citations(answer["citation"], entry)


def check_topic(document: dict[str, Any], pairs: list[TopicEntry]) -> None:
    """Check the data of a topic's page, none of whose answers is past its date."""
    topic = pairs[0].topic
    assert (document["@context"], document["@type"]) == ("https://schema.org", "FAQPage")
    assert urlsplit(document["url"]).path == f"/answers/{topic.slug}"
    assert (document["name"], document["about"]["name"]) == (topic.title, topic.title)
    assert document["inLanguage"] == topic.locale
    questions = {question["url"]: question for question in document["mainEntity"]}
    assert set(questions) == {address_of(pair) for pair in pairs}
    for pair in pairs:
        question = questions[address_of(pair)]
        assert question["@type"] == "Question"
        assert (question["name"], question["inLanguage"]) == (pair.entry.question, topic.locale)
        check_dates(question, pair.entry)
        assert question["acceptedAnswer"] == {
            "@type": "Answer",
            "url": address_of(pair),
            "text": pair.entry.short_answer,
            "citation": [source.url for source in pair.entry.sources],
        }


def check_whole_text(text: str, entry: Entry) -> None:
    """Check that a text says all of an entry, and not the claim of a myth."""
    parts = [entry.short_answer, *(detail.text for detail in entry.details)]
    parts += [part for part in (entry.urgency.action, entry.seek_care, entry.conflict) if part]
    for part in parts:
        assert part in text, entry.id
    assert sorted(text.split("\n")) == sorted(
        line for part in dict.fromkeys(parts) for line in part.split("\n")
    )


def check_dates(node: dict[str, Any], entry: Entry) -> None:
    """Check when an entry was written and last changed."""
    assert date.fromisoformat(node["dateCreated"]) == entry.date_created
    assert date.fromisoformat(node["dateModified"]) == entry.date_modified


def check_review(node: dict[str, Any], entry: Entry) -> None:
    """Check that a review is claimed only where a named person made one."""
    if not entry.reviewed_by:
        assert node == {}, entry.id
        return
    assert set(node) == REVIEW_FIELDS
    assert node["lastReviewed"] == str(entry.last_reviewed)
    for person, reviewer in zip(node["reviewedBy"], entry.reviewed_by, strict=True):
        assert person["@type"] == "Person"
        assert (person["name"], person["jobTitle"]) == (reviewer.name, reviewer.role)
        has = person.get("hasCredential", {}).get("name")
        assert has == reviewer.credentials


def check_citations(citations: list[dict[str, Any]], entry: Entry) -> None:
    """Check that every source is cited, and nothing else."""
    assert len(citations) == len(entry.sources) >= 1
    for citation, source in zip(citations, entry.sources, strict=True):
        check_citation(citation, source)


def check_citation(citation: dict[str, Any], source: Source) -> None:
    """Check one source."""
    assert citation["@type"] == "CreativeWork"
    assert (citation["name"], citation["url"]) == (source.title, source.url)
    assert citation["publisher"] == {"@type": "Organization", "name": source.publisher}
    dated = {"dateModified"} if source.source_date else set()
    assert set(citation) == {"@type", "name", "url", "publisher"} | dated
    if source.source_date:
        assert citation["dateModified"] == source.source_date.isoformat()
