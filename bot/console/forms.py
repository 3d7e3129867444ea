"""The editor's form: an entry as fields, and fields as an entry.

Every field of an entry is a field of the form or is taken over as it was. What cannot be an entry
comes back as one sentence per field, and nothing that was typed is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import ValidationError

from knowledge.entry import Aspect, Entry, Evidence, Topic, TopicEntry

Fields = Mapping[str, str]
NEW_TOPIC = "+"
"""Chosen in the list of topics to make a new one."""
LONGEST_FIELD = 20_000
MOST_SOURCES = 6
MOST_DETAILS = 10
SPARE_DETAILS = 2
REVIEW_MONTHS = 12
SOURCE_FIELDS = (
    "key",
    "publisher",
    "title",
    "url",
    "section",
    "source_date",
    "evidence",
    "checked_on",
    "exception",
)
ASPECTS = tuple((aspect.value, aspect.value.replace("_", " ")) for aspect in Aspect)
EVIDENCE = (
    (Evidence.TEXT_SEEN.value, "I read the page"),
    (Evidence.EXCERPT_SEEN.value, "I read an excerpt"),
    (Evidence.URL_ONLY.value, "I only know the address"),
)
LEVELS = (
    ("none", "not urgent"),
    ("routine", "see somebody some time"),
    ("urgent", "see somebody soon"),
    ("emergency", "call an emergency number now"),
)
RATINGS = (("false", "false"), ("misleading", "misleading"), ("unproven", "unproven"))
AUDIENCES = ("general", "parents", "pregnancy", "older_adults", "travelers")
REGIONS = ("global", "US")


@dataclass(frozen=True)
class Filled:
    """What became of a filled form.

    Attributes:
        pair: the entry, or None where the fields make none.
        errors: what is wrong, by the name of the field; "" for the form as a whole.
    """

    pair: TopicEntry | None
    errors: dict[str, str]


def fields_of(pair: TopicEntry) -> dict[str, str]:
    """Return an entry as fields."""
    entry = pair.entry
    fields = {
        "topic": pair.topic.slug,
        "aspect": entry.aspect.value,
        "question": entry.question,
        "variants": "\n".join(entry.variants),
        "short_answer": entry.short_answer,
        "seek_care": entry.seek_care or "",
        "urgency_level": entry.urgency.level,
        "urgency_action": entry.urgency.action or "",
        "audience": entry.audience,
        "region": entry.region,
        "claim": entry.myth.claim if entry.myth else "",
        "rating": entry.myth.rating if entry.myth else "false",
        "conflict": entry.conflict or "",
        "review_due": entry.review_due.isoformat(),
    }
    for place, detail in enumerate(entry.details):
        fields[f"detail-{place}-text"] = detail.text
        fields[f"detail-{place}-cite"] = ", ".join(detail.cite)
    for place, source in enumerate(entry.sources):
        values = source.model_dump(mode="json")
        fields |= {f"source-{place}-{name}": values[name] or "" for name in SOURCE_FIELDS}
    return fields


def empty_fields(today: date) -> dict[str, str]:
    """Return the fields of a new entry."""
    return {
        "urgency_level": "none",
        "audience": "general",
        "region": "global",
        "rating": "false",
        "source-0-key": "s1",
        "source-0-publisher": "CDC",
        "review_due": a_year_after(today).isoformat(),
    }


def fields_to_translate(original: TopicEntry, topics: Mapping[str, Topic]) -> dict[str, str]:
    """Return the form of a translation: all that is no wording is taken over.

    Args:
        original: what is translated.
        topics: all topics in the language of the translation.
    """
    fields = fields_of(original)
    wording = re.compile(
        r"question|variants|short_answer|seek_care|claim|conflict|.*_action|.*-text"
    )
    return {name: "" if wording.fullmatch(name) else value for name, value in fields.items()}


def a_year_after(day: date) -> date:
    """Return the same day a year later; the 28th for the 29th of February."""
    return day.replace(year=day.year + 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def rows(fields: Fields, kind: str, most: int, spare: int) -> int:
    """Return how many rows of a kind the form shows: those filled, and some to spare."""
    filled = {
        int(found[1])
        for name, value in fields.items()
        if (found := re.fullmatch(rf"{kind}-(\d+)-\w+", name)) and value.strip()
    }
    return min(most, max(filled, default=-1) + 1 + spare)


def pair_of(
    fields: Fields,
    before: TopicEntry | None,
    topics: Mapping[str, Topic],
    today: date,
    *,
    original: TopicEntry | None = None,
    locale: str = "en",
) -> Filled:
    """Return the entry that a form describes.

    Args:
        fields: as they were sent.
        before: the entry that is edited, or None for a new one.
        topics: all topics in the language, by their slug.
        today: becomes the day of the change.
        original: what is translated, or None.
        locale: language of the entry.
    """
    errors = _too_long(fields)
    topic = before.topic if before else _topic(fields, topics, errors, original, locale)
    places: dict[str, list[int]] = {"detail": [], "source": []}
    raw = _raw(fields, before, today, places)
    if original and not before:
        raw["id"] = original.entry.id
    try:
        entry = Entry.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        _explain(error, places, errors)
        return Filled(None, errors)
    if errors or topic is None:
        return Filled(None, errors)
    return Filled(TopicEntry(topic=topic, entry=entry), {})


def _too_long(fields: Fields) -> dict[str, str]:
    return {
        name: f"is {len(value):,} characters long; {LONGEST_FIELD:,} is the limit of a field"
        for name, value in fields.items()
        if len(value) > LONGEST_FIELD
    }


def _topic(
    fields: Fields,
    topics: Mapping[str, Topic],
    errors: dict[str, str],
    original: TopicEntry | None,
    locale: str,
) -> Topic | None:
    chosen = original.topic.slug if original else fields.get("topic", "")
    if chosen in topics:
        return topics[chosen]
    if chosen != NEW_TOPIC and not original:
        errors["topic"] = "choose a topic"
        return None
    title = fields.get("topic_title", "").strip()
    aliases = lines(fields.get("topic_aliases", "")) or [title.casefold()]
    slug = original.topic.slug if original else slug_of(title)
    if not title or not slug:
        errors["topic_title"] = "write the name of the topic"
        return None
    if slug in topics:
        errors["topic_title"] = f"there is a topic {topics[slug].title!r} already: choose it above"
        return None
    try:
        related = original.topic.related if original else ()
        return Topic(slug=slug, title=title, aliases=tuple(aliases), related=related, locale=locale)
    except ValidationError as error:
        errors["topic_aliases"] = _sentence(error.errors()[0])
        return None


def _raw(
    fields: Fields, before: TopicEntry | None, today: date, places: dict[str, list[int]]
) -> dict[str, Any]:
    """Return the data of the entry; note which row became which part."""
    old = before.entry.model_dump(mode="json") if before else {}
    question = fields.get("question", "")
    claim = fields.get("claim", "").strip()
    return {
        **old,
        "id": old.get("id") or slug_of(question)[:80].strip("-"),
        "aspect": fields.get("aspect", ""),
        "question": question,
        "variants": lines(fields.get("variants", "")),
        "short_answer": _flat(fields, "short_answer"),
        "details": _details(fields, places["detail"]),
        "seek_care": _flat(fields, "seek_care") or None,
        "urgency": {
            "level": fields.get("urgency_level", ""),
            "action": _flat(fields, "urgency_action") or None,
        },
        "sources": _sources(fields, places["source"]),
        "audience": fields.get("audience", ""),
        "region": fields.get("region", ""),
        "myth": {"claim": claim, "rating": fields.get("rating", "")} if claim else None,
        "conflict": _flat(fields, "conflict") or None,
        "date_created": old.get("date_created") or today.isoformat(),
        "date_modified": today.isoformat(),
        # What a clinician reviewed was the text before.
        "last_reviewed": None,
        "reviewed_by": [],
        "status": "source_checked",
        "review_due": fields.get("review_due", ""),
    }


def _details(fields: Fields, places: list[int]) -> list[dict[str, Any]]:
    found = []
    for place in range(MOST_DETAILS):
        text = _flat(fields, f"detail-{place}-text")
        cite = re.split(r"[,;\s]+", fields.get(f"detail-{place}-cite", "").strip())
        if text:
            places.append(place)
            found.append({"text": text, "cite": [key for key in cite if key]})
    return found


def _sources(fields: Fields, places: list[int]) -> list[dict[str, Any]]:
    found = []
    for place in range(MOST_SOURCES):
        values = {name: fields.get(f"source-{place}-{name}", "").strip() for name in SOURCE_FIELDS}
        if values["title"] or values["url"]:
            places.append(place)
            values["key"] = values["key"] or f"s{place + 1}"
            found.append({name: value or None for name, value in values.items()})
    return found


def lines(text: str) -> list[str]:
    """Return the lines of a text that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def slug_of(text: str) -> str:
    """Return a text as an id: plain small letters and digits, joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold().replace("'", "")).strip("-")


def _flat(fields: Fields, name: str) -> str:
    """Return a text in one line: an answer is one paragraph, and blank lines would split it."""
    return " ".join(fields.get(name, "").split())


def _explain(
    error: ValidationError, places: Mapping[str, Sequence[int]], errors: dict[str, str]
) -> None:
    for item in error.errors():
        name = _field(item["loc"], places)
        errors.setdefault(name, _sentence(item))


def _field(loc: tuple[int | str, ...], places: Mapping[str, Sequence[int]]) -> str:
    """Return the name of the form's field for a place in an entry."""
    if not loc:
        return ""
    first = str(loc[0])
    if first in {"details", "sources"}:
        kind = first.removesuffix("s")
        if len(loc) < 2:
            return f"{kind}-0-{'text' if kind == 'detail' else 'title'}"
        inner = str(loc[2]) if len(loc) > 2 else "checked_on"
        return f"{kind}-{places[kind][int(loc[1])]}-{inner}"
    if first == "urgency":
        return f"urgency_{loc[-1]}"
    return {"myth": str(loc[-1]), "id": "question"}.get(first, first)


MESSAGES = {
    "string_too_short": "write something here",
    "string_too_long": "is too long",
    "too_short": "is not complete",
    "too_long": "is too much",
    "enum": "choose one",
    "literal_error": "choose one",
    "none_required": "has to be empty",
    "string_type": "write something here",
    "date_from_datetime_parsing": "write a date as 2027-01-31",
    "date_parsing": "write a date as 2027-01-31",
}


def _sentence(item: Any) -> str:
    """Return a pydantic error in words for an editor."""
    context = item.get("ctx") or {}
    if item["type"] == "too_short":
        return f"needs at least {context.get('min_length')}, and has {context.get('actual_length')}"
    if item["type"] == "string_too_long":
        return f"may have {context.get('max_length')} characters at most"
    if item["type"] == "string_pattern_mismatch":
        return PATTERNS.get(str(item["loc"][-1]), "is not written as it has to be")
    message = str(item["msg"]).removeprefix("Value error, ")
    return MESSAGES.get(item["type"], message)


PATTERNS = {
    "url": "write the whole address, beginning with https://",
    "checked_on": "write the month or day on which the page was read: 2026-11 or 2026-11-22",
    "key": "write s1, s2 and so on",
    "id": "needs letters or digits, from which the answer gets its name",
}
