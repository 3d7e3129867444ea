"""Words of the pages, by language, and how that language writes days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from langcodes import Language
from pydantic import BaseModel, ConfigDict, Field

from bot.replies import Wording, read_wording, read_yaml
from knowledge.entry import Evidence, Source

FOLDER = Path(__file__).parent / "strings"
DEFAULT = "en"
# Scripts that are written from right to left: https://www.w3.org/International/questions/qa-scripts
RIGHT_TO_LEFT = {"Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"}


class Labels(BaseModel):
    """The file of one language; every label must be there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    locale: str
    dir: Literal["ltr", "rtl"]
    language: str
    day: str
    month: str
    months: Annotated[tuple[str, ...], Field(min_length=12, max_length=12)]
    skip: str
    menu: str
    all_topics: str
    ask: str
    place: str
    banners: str
    languages: str
    footer: str
    index_title: str
    index_text: str
    index_counts: str
    index_empty: str
    letters: str
    digits: str
    count_one: str
    count_other: str
    topic_text: str
    related: str
    siblings: str
    myth: str
    rating_false: str
    rating_misleading: str
    rating_unproven: str
    care: str
    details: str
    conflict: str
    sources: str
    source: str
    section: str
    dated: str
    undated: str
    text_seen: str
    excerpt_seen: str
    url_only: str
    checked: str
    created: str
    modified: str
    due: str
    overdue: str
    chat: str
    missing_title: str
    missing_text: str
    gone_title: str
    gone_text: str
    away_title: str
    away_text: str
    instead: str


@dataclass(frozen=True)
class Words:
    """What is said around the answers in one language.

    Attributes:
        labels: of the pages.
        wording: what the chat says too, of reviews, dates passed and emergencies.
    """

    labels: Labels
    wording: Wording

    def day(self, day: date) -> str:
        """Return a day as people write it."""
        return self._date(self.labels.day, day.year, day.month, day.day)

    def day_or_month(self, text: str) -> str:
        """Return "2026-09" or "2026-09-30" as people write it; as it stands where it is no date."""
        year, month, *day = map(int, text.split("-"))
        if not 1 <= month <= len(self.labels.months):
            return text
        form = self.labels.day if day else self.labels.month
        return self._date(form, year, month, day[0] if day else 0)

    def count(self, answers: int) -> str:
        """Return how many answers there are."""
        labels = self.labels
        return (labels.count_one if answers == 1 else labels.count_other).replace(
            "{count}", str(answers)
        )

    def read(self, source: Source) -> str:
        """Return how far a source was read, and when."""
        label: str = getattr(self.labels, source.evidence.value)
        if source.evidence is Evidence.URL_ONLY or source.checked_on is None:
            return label
        return label.replace("{date}", self.day_or_month(source.checked_on))

    def _date(self, form: str, year: int, month: int, day: int) -> str:
        named = form.replace("{month}", self.labels.months[month - 1])
        return named.replace("{day}", str(day)).replace("{year}", str(year))


@cache
def all_words() -> dict[str, Words]:
    """Return the words of all languages that have them, by locale.

    Raises:
        ReplyFileError: a file is broken, or the wording of its language is missing.
    """
    found = (read_yaml(file, Labels) for file in sorted(FOLDER.glob("*.yml")))
    return {labels.locale: Words(labels, read_wording(labels.locale)) for labels in found}


def words_for(*locales: str) -> Words:
    """Return the words of the first of these languages that has some; else the English ones."""
    known = all_words()
    for locale in locales:
        found = known.get(locale) or known.get(Language.get(locale).language or "")
        if found:
            return found
    return known[DEFAULT]


@cache
def direction(locale: str) -> Literal["ltr", "rtl"]:
    """Return the direction in which a language is written."""
    return "rtl" if Language.get(locale).maximize().script in RIGHT_TO_LEFT else "ltr"
