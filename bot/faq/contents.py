"""What stands on each page, and in the data and the map of all pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

from flask import Response, render_template, request

from bot.faq import jsonld
from bot.faq.cards import all_cards, card_of, cards_of
from bot.faq.live import LiveTopic, title_key
from bot.faq.site import Page, Visit
from bot.faq.words import all_words, words_for
from knowledge.entry import Entry, Topic


class Alternate(NamedTuple):
    """The same page in a language, perhaps its own."""

    locale: str
    name: str
    url: str


class Letter(NamedTuple):
    """Topics whose titles begin alike; the name is "" for those that begin with no letter."""

    name: str
    topics: list[LiveTopic]


class Place(NamedTuple):
    """A page in the map for search engines."""

    url: str
    changed: date
    alternates: list[Alternate]


def index_page(visit: Visit) -> Page:
    """Return the list of all topics of a language."""
    live = list(visit.shelf.in_locale(visit.locale).values())
    content = {
        "canonical": visit.out.index(visit.locale),
        "alternates": _alternates(visit, visit.out.index),
        "letters": list(_letters(live)),
        "topic_count": len(live),
        "answer_count": sum(len(one.entries) for one in live),
        "data": visit.to.data(visit.locale),
    }
    return Page("index.html", content)


def topic_page(visit: Visit, live: LiveTopic) -> Page:
    """Return the page of a topic: its questions with their short answers."""
    out, topic = visit.out, live.topic
    cards = cards_of(live, visit.words, visit.day)
    content = {
        "canonical": out.topic(topic),
        "alternates": _alternates(visit, _topic_address(visit, topic.slug)),
        "topic": topic,
        "cards": cards,
        "related": _related(visit, topic),
        "structured": jsonld.in_script(jsonld.topic_page(topic, cards, out)),
    }
    return Page("topic.html", content)


def entry_page(visit: Visit, live: LiveTopic, entry: Entry) -> Page:
    """Return the page of an answer, whole."""
    out, topic = visit.out, live.topic
    card = card_of(topic, entry, visit.words, visit.day)
    content = {
        "canonical": out.entry(topic, entry),
        "alternates": _alternates(visit, _entry_address(visit, entry.id)),
        "topic": topic,
        "card": card,
        "siblings": [one for one in live.entries if one.id != entry.id],
        "related": _related(visit, topic),
        "structured": jsonld.in_script(jsonld.entry_page(card, out)),
    }
    return Page("entry.html", content)


def data(visit: Visit) -> Response:
    """Return the answers in the words of schema.org: of one language, or of all."""
    locales = [visit.locale] if "lang" in request.args else list(visit.shelf.topics)
    questions: list[jsonld.Document] = []
    for locale in locales:
        topics = visit.shelf.in_locale(locale).values()
        cards = all_cards(topics, words_for(locale, visit.locale), visit.day)
        questions += jsonld.questions_of(cards, visit.out)
    page = jsonld.faq_page(
        visit.out.index(visit.locale),
        visit.words.labels.index_title,
        locales or [visit.locale],
        questions,
    )
    return Response(jsonld.in_script(page), content_type="application/ld+json; charset=utf-8")


def site_map(visit: Visit) -> Response:
    """Return the addresses of all pages in all languages (https://www.sitemaps.org)."""
    text = render_template("faq/sitemap.xml", places=list(_places(visit)))
    return Response(text, content_type="application/xml; charset=utf-8")


def _related(visit: Visit, topic: Topic) -> list[Topic]:
    """Return the topics that a topic names as near, as far as they are live."""
    live = visit.shelf.in_locale(topic.locale)
    return [live[slug].topic for slug in topic.related if slug in live]


def _letters(live: Sequence[LiveTopic]) -> Iterator[Letter]:
    def first(one: LiveTopic) -> str:
        letter = title_key(one.topic.title)[:1].upper()
        return letter if letter.isalpha() else ""

    for letter, topics in groupby(sorted(live, key=first), first):
        yield Letter(letter, list(topics))


# --- other languages ------------------------------------------------------------------------------


def _alternates(visit: Visit, address: Callable[[str], str | None]) -> list[Alternate]:
    """Return a page in all languages that it is live in; its address in one may be None."""
    found = ((locale, address(locale)) for locale in visit.shelf.topics)
    return [Alternate(locale, _language(locale), url) for locale, url in found if url]


def _topic_address(visit: Visit, slug: str) -> Callable[[str], str | None]:
    def address(locale: str) -> str | None:
        live = visit.shelf.in_locale(locale).get(slug)
        return visit.out.topic(live.topic) if live else None

    return address


def _entry_address(visit: Visit, entry_id: str) -> Callable[[str], str | None]:
    def address(locale: str) -> str | None:
        pair = visit.shelf.entries.get((locale, entry_id))
        return visit.out.entry(pair.topic, pair.entry) if pair else None

    return address


def _language(locale: str) -> str:
    """Return the name of a language in itself; its tag where we have no words of it."""
    words = all_words().get(locale)
    return words.labels.language if words else locale


# --- the map --------------------------------------------------------------------------------------


def _places(visit: Visit) -> Iterator[Place]:
    """Yield every page with the day on which it last changed."""
    out = visit.out
    for locale, topics in visit.shelf.topics.items():
        entries = [entry for live in topics.values() for entry in live.entries]
        yield Place(out.index(locale), _changed(visit, entries), _alternates(visit, out.index))
        for live in topics.values():
            others = _alternates(visit, _topic_address(visit, live.topic.slug))
            yield Place(out.topic(live.topic), _changed(visit, live.entries), others)
            for entry in live.entries:
                others = _alternates(visit, _entry_address(visit, entry.id))
                yield Place(out.entry(live.topic, entry), _changed(visit, [entry]), others)


def _changed(visit: Visit, entries: Sequence[Entry]) -> date:
    """Return when entries last changed; one past its review date shrank on the day after that."""
    return max(
        entry.review_due + timedelta(days=1) if entry.is_expired(visit.day) else entry.date_modified
        for entry in entries
    )
