"""The country that somebody told us on a messaging platform, for emergency numbers."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from bot.messaging.inbox import Also
from bot.replies import CountryWords
from knowledge.schema import ChosenCountry, now
from knowledge.store import transaction

LONGEST = 100
"""Characters of a message that may name a country and nothing else."""
AROUND = string.whitespace + ".!"


def read_country(text: str, names: Mapping[str, str], words: CountryWords) -> str | None:
    """Return the country that a message names and nothing else, as an ISO 3166 code, or None.

    Args:
        text: what somebody wrote.
        names: of the countries that have numbers of their own, by their codes.
        words: how people write that.
    """
    if len(text) > LONGEST:
        return None
    plain = unicodedata.normalize("NFC", text.replace("’", "'")).casefold().strip(AROUND)
    before = "|".join(re.escape(one) for one in words.before)
    around = rf"(?:(?:{before})[\s:]+)?(?:{re.escape(words.article)}\s+)?(.+)"
    found = re.fullmatch(around, plain)
    if not found:
        return None
    known = {other: code for code, others in words.other_names.items() for other in others}
    known |= {name.casefold(): code for code, name in names.items()}
    code = known.get(found[1])
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
