"""An answer as its pages show it on one day; past its review date only the sources are left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from bot.faq.live import LiveTopic
from bot.faq.words import Words
from bot.replies.compose import expired_text, review_text
from knowledge.entry import Entry, Topic

LONGEST_DESCRIPTION = 160
"""Characters of a page's description; search engines cut longer ones."""


@dataclass(frozen=True)
class Card:
    """An entry on one day.

    Attributes:
        topic: of the entry.
        entry: the entry.
        is_expired: whether its review date has passed.
        text: the short answer, or why it is not shown.
        call_now: the line on top of a subject that is an emergency, or None.
        review: how it was checked, as a sentence.
        numbers: the number of each source on the page, by its key.
    """

    topic: Topic
    entry: Entry
    is_expired: bool
    text: str
    call_now: str | None
    review: str
    numbers: dict[str, int]

    @property
    def description(self) -> str:
        """The beginning of the text, for the lists of search engines."""
        return shortened(self.text, LONGEST_DESCRIPTION)


def card_of(topic: Topic, entry: Entry, words: Words, today: date) -> Card:
    """Return an entry as it is shown on a day."""
    expired = entry.is_expired(today)
    urgency, wording = entry.urgency.level, words.wording
    # What is said of an answer past its date has an emergency line of its own.
    call_now = wording.call_now if urgency == "emergency" and not expired else None
    return Card(
        topic=topic,
        entry=entry,
        is_expired=expired,
        text=expired_text(wording, urgency) if expired else entry.short_answer,
        call_now=call_now,
        review=_review(entry, words),
        numbers={source.key: number for number, source in enumerate(entry.sources, 1)},
    )


def cards_of(live: LiveTopic, words: Words, today: date) -> tuple[Card, ...]:
    """Return all entries of a topic as they are shown on a day."""
    return tuple(card_of(live.topic, entry, words, today) for entry in live.entries)


def all_cards(topics: Iterable[LiveTopic], words: Words, today: date) -> Iterable[Card]:
    """Yield the entries of many topics as they are shown on a day."""
    for live in topics:
        yield from cards_of(live, words, today)


def shortened(text: str, limit: int) -> str:
    """Return a text of at most so many characters, cut between words."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 1].rsplit(maxsplit=1)[0]}…"


def _review(entry: Entry, words: Words) -> str:
    role = entry.reviewed_by[0].role if entry.reviewed_by else None
    on = words.day(entry.last_reviewed) if entry.last_reviewed else None
    return review_text(words.wording, entry.status.value, role, on)
