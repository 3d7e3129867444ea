"""Helplines per country: every number with the page it was read on, and when.

A number without readable evidence is not in the file. Where a country or a kind of line is missing,
the general rule speaks ("your local emergency number") with a directory, never another country's
number.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bot.replies import FOLDER, read_yaml
from bot.turn import Category, Helpline, TextLine

FILE = FOLDER / "helplines.yml"
# Which kinds of line each kind of emergency shows, after the emergency number.
KINDS: dict[Category, tuple[str, ...]] = {
    "emergency": (),
    "poisoning": ("poison",),
    "self_harm": ("suicide_crisis",),
    "abuse": ("domestic_violence", "child"),
}


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    number: str | None = None
    tel: str | None = None
    text_line: str | None = None
    url: str | None = None
    hours: str | None = None
    area: str | None = None
    source: str
    source_publisher: str
    page_dated: str | None = None
    checked_on: str
    seen: str | None = None

    def helpline(self) -> Helpline:
        """Return the line as replies carry it."""
        return Helpline(
            name=f"{self.name} ({self.area})" if self.area else self.name,
            number=self.number,
            tel=f"tel:{self.tel}" if self.tel else None,
            sms=_text_line(self.text_line),
            url=self.url,
            hours=self.hours,
            publisher=self.source_publisher,
            checked_on=self.checked_on,
        )


class _Country(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    emergency: tuple[_Line, ...]
    suicide_crisis: tuple[_Line, ...] = ()
    poison: tuple[_Line, ...] = ()
    domestic_violence: tuple[_Line, ...] = ()
    child: tuple[_Line, ...] = ()


class _Directory(_Line):
    covers: tuple[str, ...]


class _General(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    directories: tuple[_Directory, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    countries: dict[str, _Country]
    general: _General


@dataclass(frozen=True)
class Lines:
    """What can be called in one kind of emergency in one country.

    Attributes:
        emergency: the emergency numbers; empty where the country is not known.
        special: lines for this kind of emergency; where there is none, directories.
        has_special: whether ``special`` holds lines of this country.
    """

    emergency: tuple[Helpline, ...]
    special: tuple[Helpline, ...]
    has_special: bool


def _text_line(text: str | None) -> TextLine | None:
    """Return how to text a line, from "START to 88788" or a bare number; nothing else is SMS."""
    if text is None or text.startswith("WhatsApp"):
        return None
    number = "".join(character for character in text.split()[-1] if character.isdigit())
    return TextLine(f"Text {text}", f"sms:{number}")


class HelplineBook:
    """The helplines of all countries."""

    def __init__(self, content: _File) -> None:
        """Take the file's content."""
        self._content = content

    @property
    def countries(self) -> tuple[str, ...]:
        """Codes of the countries that have numbers."""
        return tuple(sorted(self._content.countries))

    def emergency_number(self, country: str | None) -> str | None:
        """Return the first emergency number of a country, or None where it is not known."""
        record = self._content.countries.get(country or "")
        return record.emergency[0].number if record and record.emergency else None

    def lines(self, category: Category, country: str | None) -> Lines:
        """Return what can be called."""
        record = self._content.countries.get(country or "")
        own = [line for kind in KINDS[category] for line in getattr(record, kind)] if record else []
        fallback = [
            directory
            for directory in self._content.general.directories
            if not own and set(directory.covers) & set(KINDS[category])
        ]
        return Lines(
            emergency=tuple(line.helpline() for line in record.emergency) if record else (),
            special=tuple(line.helpline() for line in [*own, *fallback]),
            has_special=bool(own),
        )


def read_helplines(file: Path = FILE) -> HelplineBook:
    """Read the helplines.

    Raises:
        ReplyFileError: the file is missing or broken.
    """
    return HelplineBook(read_yaml(file, _File))
