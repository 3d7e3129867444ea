"""The country that somebody told us on a messaging platform, for emergency numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from bot.messaging.inbox import Also
from knowledge.schema import ChosenCountry, now
from knowledge.store import transaction

BEFORE = r"(?:(?:i am in|i'm in|im in|i live in|in|my country is|country)[\s:]+)?"
AROUND = re.compile(rf"{BEFORE}(.+?)[\s.!]*")
OTHER_NAMES = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "usa": "US",
    "us": "US",
    "united states of america": "US",
    "america": "US",
    "ksa": "SA",
    "norge": "NO",
    "france": "FR",
    "españa": "ES",
}


def read_country(text: str, names: Mapping[str, str]) -> str | None:
    """Return the country that a message names and nothing else, as an ISO 3166 code, or None.

    Args:
        text: what somebody wrote.
        names: of the countries that have numbers of their own, by their codes.
    """
    plain = unicodedata.normalize("NFC", text.replace("’", "'")).strip().casefold()
    found = AROUND.fullmatch(plain)
    if not found:
        return None
    known = {name.casefold(): code for code, name in names.items()}
    name = found[1].removeprefix("the ")
    code = known.get(name) or OTHER_NAMES.get(name)
    return code if code in names else None


class ChosenCountries:
    """Keeps the country of conversations; safe to share between threads and processes."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = now) -> None:
        """Take the store, and what tells the time."""
        self._engine = engine
        self._clock = clock

    def of(self, conversation_key: str) -> str | None:
        """Return the country that was told in a conversation, or None."""
        with transaction(self._engine) as session:
            row = session.get(ChosenCountry, conversation_key)
            return row.country if row else None

    def choose(self, conversation_key: str, country: str) -> Also:
        """Return what keeps a country."""

        def write(session: Session) -> None:
            row = ChosenCountry(
                conversation_key=conversation_key, country=country, at=self._clock()
            )
            session.merge(row)

        return write
