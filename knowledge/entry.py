"""The entry: one question with its answer and the pages it rests on, as the corpus files hold it.

Outside data enters here, so these are strict pydantic models: an unknown field, a wrong type or a
missing value is an error that names its place. Field names follow schema.org where it has one
(docs/content-guide.md lists them).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

import langcodes
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=80)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}(-\d{2})?$")]


def _language_tag(tag: str) -> str:
    """Return a language tag as BCP 47 writes it; refuse what names no language."""
    if not langcodes.tag_is_valid(tag):
        raise ValueError(f"{tag!r} is no language tag: write `en`, or with a region `pt-BR`")
    if (standard := langcodes.standardize_tag(tag)) != tag:
        raise ValueError(f"{tag!r} is written {standard!r}")
    return tag


class Aspect(StrEnum):
    """What an entry tells about its topic."""

    OVERVIEW = "overview"
    SYMPTOMS = "symptoms"
    SPREAD = "spread"
    CONTAGIOUS = "contagious"
    PREVENTION = "prevention"
    HOME_CARE = "home_care"
    TREATMENT = "treatment"
    SEEK_CARE = "seek_care"
    VACCINE = "vaccine"
    TESTS = "tests"
    RISK = "risk"
    CHILDREN = "children"
    PREGNANCY = "pregnancy"
    FIRST_AID = "first_aid"
    MYTH = "myth"


class Evidence(StrEnum):
    """How much of the cited page was read when the entry was written."""

    TEXT_SEEN = "text_seen"
    EXCERPT_SEEN = "excerpt_seen"
    URL_ONLY = "url_only"


class Status(StrEnum):
    """How far an entry has been checked; ``clinician_reviewed`` needs a named reviewer."""

    DRAFT = "draft"
    SOURCE_CHECKED = "source_checked"
    CLINICIAN_REVIEWED = "clinician_reviewed"


class Record(BaseModel):
    """Base of everything read from a corpus file: frozen, and strict about unknown fields."""

    # Error messages must not carry field values into logs.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Source(Record):
    """A page that an entry rests on."""

    key: Annotated[str, StringConstraints(pattern=r"^s[0-9]+$")]
    publisher: Literal["CDC", "WHO"]
    title: Text
    url: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$", max_length=400)]
    section: Text | None = None
    source_date: date | None = None
    evidence: Evidence
    checked_on: Month | None = None
    exception: Text | None = None
    """Why an address outside CDC's list of pages is right all the same."""

    @model_validator(mode="after")
    def _checked_means_read(self) -> Source:
        if (self.evidence is Evidence.URL_ONLY) != (self.checked_on is None):
            raise ValueError(
                "checked_on is the date of the copy that was read: "
                "give it for text_seen and excerpt_seen, leave it null for url_only"
            )
        return self


class Detail(Record):
    """One bullet below the short answer, with the keys of the sources that carry it."""

    text: Text
    cite: Annotated[tuple[str, ...], Field(min_length=1)]


class Urgency(Record):
    """How urgent the subject of an entry is, and what to do when it is."""

    level: Literal["emergency", "urgent", "routine", "none"]
    action: Text | None = None


class Myth(Record):
    """A claim that the entry answers; the answer leads with the fact."""

    claim: Text
    rating: Literal["false", "misleading", "unproven"]


class Reviewer(Record):
    """A named person who reviewed an entry."""

    name: Text
    role: Text
    credentials: Text | None = None


class Compared(Record):
    """A near entry that an editor compared this one with, and why both are right."""

    entry: Slug
    why: Text


class Entry(Record):
    """One question, its answer and its provenance."""

    id: Slug
    aspect: Aspect
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=5, max_length=120)]
    variants: Annotated[tuple[Text, ...], Field(min_length=3, max_length=60)]
    short_answer: Text
    details: tuple[Detail, ...] = ()
    seek_care: Text | None = None
    urgency: Urgency
    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=6)]
    audience: Literal["general", "parents", "pregnancy", "older_adults", "travelers"] = "general"
    region: Literal["global", "US"] = "global"
    myth: Myth | None = None
    conflict: Text | None = None
    compared: tuple[Compared, ...] = ()
    """Entries that look like a duplicate or a contradiction of this one and are neither."""
    date_created: date
    date_modified: date
    last_reviewed: date | None = None
    reviewed_by: tuple[Reviewer, ...] = ()
    review_due: date
    status: Status

    @model_validator(mode="after")
    def _keys_resolve(self) -> Entry:
        keys = [source.key for source in self.sources]
        if len(set(keys)) != len(keys):
            raise ValueError("two sources share one key")
        unknown = {key for detail in self.details for key in detail.cite} - set(keys)
        if unknown:
            raise ValueError(f"details cite {', '.join(sorted(unknown))}, which no source has")
        return self

    @model_validator(mode="after")
    def _review_is_named(self) -> Entry:
        claims = {
            self.status is Status.CLINICIAN_REVIEWED,
            bool(self.reviewed_by),
            self.last_reviewed is not None,
        }
        if len(claims) > 1:
            raise ValueError(
                "clinician_reviewed, last_reviewed and reviewed_by go together: "
                "set all three after a named person's review, or none"
            )
        return self

    @model_validator(mode="after")
    def _urgent_says_what_to_do(self) -> Entry:
        if self.urgency.level in {"emergency", "urgent"} and not self.urgency.action:
            raise ValueError("urgency.action is missing: say what to do now")
        return self

    def is_expired(self, today: date) -> bool:
        """Tell whether the review date has passed, so that only the sources may be shown."""
        return self.review_due < today


class Topic(Record):
    """What the entries of one file are about."""

    slug: Slug
    title: Text
    aliases: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    related: tuple[Slug, ...] = ()
    locale: Annotated[str, AfterValidator(_language_tag)] = "en"


class TopicEntry(Record):
    """An entry together with its topic: what a revision stores and a release serves."""

    topic: Topic
    entry: Entry

    def unreviewed(self) -> TopicEntry:
        """Return the same words without the claim that somebody reviewed them."""
        if self.entry.status is not Status.CLINICIAN_REVIEWED:
            return self
        update = {"status": Status.SOURCE_CHECKED, "last_reviewed": None, "reviewed_by": ()}
        return self.model_copy(update={"entry": self.entry.model_copy(update=update)})

    def reviewed(self, by: Reviewer, on: date) -> TopicEntry:
        """Return the same words as reviewed by a named person."""
        update = {
            "status": Status.CLINICIAN_REVIEWED,
            "last_reviewed": on,
            "reviewed_by": (by,),
        }
        return self.model_copy(update={"entry": self.entry.model_copy(update=update)})
