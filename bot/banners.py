"""The banners that people see now, read from the store; while it is away the last ones stay."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.turn import BannerNote, Link
from knowledge.banners import Words, coming, publisher_of, words_of
from knowledge.schema import now
from knowledge.store import transaction

logger = logging.getLogger(__name__)
FRESH_SECONDS = 2.0


class LiveBanners:
    """What is said to everybody now; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine of the store."""
        self._engine = engine
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._known: tuple[tuple[int, Words], ...] = ()

    def shown(
        self, locale: str, country: str | None = None, *, drills: bool = False
    ) -> tuple[BannerNote, ...]:
        """Return what a person sees now, the newest first.

        Somebody who named no country sees those of every country, because the country is never
        guessed; each says which one it is about.

        Args:
            locale: language of the person's chat.
            country: the country that they chose, or None.
            drills: whether they take part in a drill.
        """
        return tuple(note for note, _topics in self._matching(locale, country, drills))

    def about(
        self, topic: str, locale: str, country: str | None = None, *, drills: bool = False
    ) -> tuple[BannerNote, ...]:
        """Return what stands above an answer on a topic; the arguments are those of ``shown``."""
        matching = self._matching(locale, country, drills)
        return tuple(note for note, topics in matching if topic in topics)

    def _matching(
        self, locale: str, country: str | None, drills: bool
    ) -> list[tuple[BannerNote, tuple[str, ...]]]:
        self._refresh()
        moment = now()
        return [
            (self._note(banner_id, words), words.topics)
            for banner_id, words in self._known
            # The clock decides at each look: a banner ends on time though nobody reads the store.
            if words.starts_at <= moment < words.ends_at
            and words.locale in {None, locale}
            and (words.country is None or country in {None, words.country})
            and (drills or not words.is_drill)
        ]

    @staticmethod
    def _note(banner_id: int, words: Words) -> BannerNote:
        return BannerNote(
            banner_id=banner_id,
            text=words.text,
            link=Link(words.link_title, words.link_url, publisher_of(words.link_url)),
            country=words.country,
            ends_at=words.ends_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            is_drill=words.is_drill,
        )

    def _refresh(self) -> None:
        """Look at the store, at most every two seconds and one thread at a time."""
        if time.monotonic() - self._looked < FRESH_SECONDS or not self._lock.acquire(
            blocking=False
        ):
            return
        try:
            with transaction(self._engine) as session:
                rows = coming(session, now())
                self._known = tuple((row.id, words_of(row)) for row in rows)
        except SQLAlchemyError as error:
            logger.warning("banners_not_read", extra={"error": type(error).__name__})
        finally:
            self._looked = time.monotonic()
            self._lock.release()
