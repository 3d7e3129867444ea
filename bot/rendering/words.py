"""What messaging platforms need in words beside a reply, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.replies import read_yaml

FOLDER = Path(__file__).parent


class Words(BaseModel):
    """Headings and labels in one language; en.yml says where each stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    locale: str
    drill: str
    question: str
    myth: str
    rating_false: str
    rating_misleading: str
    rating_unproven: str
    care: str
    conflict: str
    numbers: str
    steps: str
    contacts: str
    sources: str
    links: str
    dated: str
    read: str
    day: str
    month: str
    months: Annotated[tuple[str, ...], Field(min_length=12, max_length=12)]
    more: str
    choose: str
    open_related: str
    open_list: str
    call: str
    tap_to_call: str
    open_page: str
    helped: str
    helpful: str
    not_helpful: str

    def date(self, iso: str) -> str:
        """Return "2026-05-18" or "2026-05" as people write it; anything else as it is."""
        year, _, rest = iso.partition("-")
        month, _, day = rest.partition("-")
        if not (month.isdecimal() and 1 <= int(month) <= len(self.months)):
            return iso
        form = self.day if day else self.month
        return filled(form, day=day.lstrip("0"), month=self.months[int(month) - 1], year=year)


def filled(form: str, **values: str) -> str:
    """Fill values into braces, each once; braces inside of values stay as they are."""
    parts = form.replace("}", "{").split("{")
    return "".join(values[part] if at % 2 else part for at, part in enumerate(parts))


def read_words(locale: str = "en") -> Words:
    """Read the words of a language.

    Raises:
        ReplyFileError: there are none, or the file is broken.
    """
    return read_yaml(FOLDER / f"{locale}.yml", Words)
