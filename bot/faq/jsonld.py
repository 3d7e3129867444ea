"""Answers in the words of schema.org, for search engines and other programs.

A ``FAQPage`` holds one ``Question`` per entry. Answers past their review date are left out. What a
review is claimed by stands on ``WebPage``, because schema.org knows ``reviewedBy`` there only:
https://schema.org/FAQPage, https://schema.org/Question, https://schema.org/reviewedBy
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from bot.faq.addresses import Addresses
from bot.faq.cards import Card
from knowledge.entry import Entry, Reviewer, Source, Topic

CONTEXT = "https://schema.org"
Document = dict[str, Any]


def faq_page(
    address: str, name: str, locales: Sequence[str], questions: list[Document]
) -> Document:
    """Return the document of a page with questions; without any it is a plain web page.

    Args:
        address: of the page, with its host.
        name: its heading.
        locales: languages on it.
        questions: what ``question`` made.
    """
    page: Document = {
        "@context": CONTEXT,
        "@type": "FAQPage" if questions else "WebPage",
        "@id": address,
        "url": address,
        "name": name,
        "inLanguage": locales[0] if len(locales) == 1 else list(locales),
    }
    if questions:
        page["dateModified"] = max(one["dateModified"] for one in questions)
        page["mainEntity"] = questions
    return page


def entry_page(card: Card, to: Addresses) -> Document:
    """Return the document of an entry's own page; past its date it names the sources only."""
    questions = [] if card.is_expired else [question(card, to)]
    name, locales = card.entry.question, [card.topic.locale]
    page = faq_page(to.entry(card.topic, card.entry), name, locales, questions)
    if card.is_expired:
        return page | {"citation": _citations(card.entry)}
    return page | _review(card.entry)


def topic_page(topic: Topic, cards: Iterable[Card], to: Addresses) -> Document:
    """Return the document of a topic's page: short answers, whose own pages say more."""
    questions = [_short_question(card, to) for card in cards if not card.is_expired]
    page = faq_page(to.topic(topic), topic.title, [topic.locale], questions)
    return page | {"about": {"@type": "Thing", "name": topic.title}}


def questions_of(cards: Iterable[Card], to: Addresses) -> list[Document]:
    """Return what entries answer, whole, without those past their review date."""
    return [question(card, to) for card in cards if not card.is_expired]


def question(card: Card, to: Addresses) -> Document:
    """Return what an entry answers, with all that it says."""
    topic, entry = card.topic, card.entry
    address, dates = to.entry(topic, entry), _dates(entry)
    return {
        "@type": "Question",
        "@id": f"{address}#question",
        "url": address,
        "name": entry.question,
        "inLanguage": topic.locale,
        "about": {"@type": "Thing", "name": topic.title, "url": to.topic(topic)},
        **dates,
        "mainEntityOfPage": {"@type": "WebPage", "@id": address, **_review(entry)},
        "acceptedAnswer": {
            "@type": "Answer",
            "url": address,
            "inLanguage": topic.locale,
            **dates,
            "text": whole_text(entry),
            "citation": _citations(entry),
        },
    }


def whole_text(entry: Entry) -> str:
    """Return all that an entry says, each thing once, the fact first, one paragraph per line."""
    parts = [
        entry.short_answer,
        *(detail.text for detail in entry.details),
        entry.urgency.action,
        entry.seek_care,
        entry.conflict,
    ]
    return "\n".join(dict.fromkeys(part for part in parts if part))


def in_script(document: Document) -> Markup:
    """Return a document as it may stand in a ``script`` element of HTML.

    ``<``, ``>``, ``&`` and the line ends of JavaScript that JSON does not know are escaped.
    """
    return htmlsafe_json_dumps(document, dumps=_dumps)


def _dumps(document: Document) -> str:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _short_question(card: Card, to: Addresses) -> Document:
    """Return what an entry answers in short; a page of many has to stay small."""
    entry = card.entry
    address = to.entry(card.topic, entry)
    return {
        "@type": "Question",
        "url": address,
        "name": entry.question,
        "inLanguage": card.topic.locale,
        **_dates(entry),
        "acceptedAnswer": {
            "@type": "Answer",
            "url": address,
            "text": entry.short_answer,
            "citation": [source.url for source in entry.sources],
        },
    }


def _dates(entry: Entry) -> Document:
    return {
        "dateCreated": entry.date_created.isoformat(),
        "dateModified": entry.date_modified.isoformat(),
    }


def _citations(entry: Entry) -> list[Document]:
    return [_citation(source) for source in entry.sources]


def _citation(source: Source) -> Document:
    dated = {"dateModified": source.source_date.isoformat()} if source.source_date else {}
    return {
        "@type": "CreativeWork",
        "name": source.title,
        "url": source.url,
        "publisher": {"@type": "Organization", "name": source.publisher},
        **dated,
    }


def _review(entry: Entry) -> Document:
    """Return who reviewed an entry and when; nothing where nobody did."""
    if entry.last_reviewed is None or not entry.reviewed_by:
        return {}
    return {
        "lastReviewed": entry.last_reviewed.isoformat(),
        "reviewedBy": [_person(reviewer) for reviewer in entry.reviewed_by],
    }


def _person(reviewer: Reviewer) -> Document:
    proof = "EducationalOccupationalCredential"
    has = {"hasCredential": {"@type": proof, "name": reviewer.credentials}}
    return {
        "@type": "Person",
        "name": reviewer.name,
        "jobTitle": reviewer.role,
        **(has if reviewer.credentials else {}),
    }
