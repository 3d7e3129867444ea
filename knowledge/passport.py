"""What an answer carries with it: its words, its sources and how it was checked, as plain JSON.

The action server sends this of a live entry, and the console's preview of one that is being
written, so that what an editor sees is what people get.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from knowledge.entry import Source, TopicEntry

CALL_NOW_LEVELS = {"emergency"}
"""Levels of urgency at which the call-now line goes on top of an answer."""


def passport(pair: TopicEntry, revision: int, *, expired: bool = False) -> dict[str, Any]:
    """Return what an entry says and what it rests on.

    Args:
        pair: the entry with its topic.
        revision: number of its wording.
        expired: whether its review date has passed, so that its words are withheld.
    """
    entry, topic = pair.entry, pair.topic
    reviewer = entry.reviewed_by[0].role if entry.reviewed_by else None
    return {
        "kind": "answer",
        "entry": {
            "entry_id": entry.id,
            "revision": revision,
            "question": entry.question,
            "topic": topic.slug,
            "topic_title": topic.title,
        },
        "locale": topic.locale,
        "text": "" if expired else entry.short_answer,
        "details": [] if expired else [detail.text for detail in entry.details],
        # When to get care stays: leaving it out would be the less careful mistake.
        "seek_care": entry.seek_care,
        "urgency": {"level": entry.urgency.level, "action": entry.urgency.action},
        "myth": entry.myth.model_dump() if entry.myth and not expired else None,
        "conflict": None if expired else entry.conflict,
        "sources": [_source(source) for source in entry.sources],
        "review": {
            "status": entry.status.value,
            "by_role": reviewer,
            "on": _iso(entry.last_reviewed),
            "due": _iso(entry.review_due),
        },
        "expired": expired,
    }


def calls_now(pair: TopicEntry) -> bool:
    """Tell whether the call-now line goes on top of an answer by its subject alone."""
    return pair.entry.urgency.level in CALL_NOW_LEVELS


def _source(source: Source) -> dict[str, Any]:
    return {
        "publisher": source.publisher,
        "title": source.title,
        "url": source.url,
        "section": source.section,
        "source_date": _iso(source.source_date),
        "checked_on": source.checked_on,
        "evidence": source.evidence.value,
    }


def _iso(day: date | None) -> str | None:
    return str(day) if day is not None else None
