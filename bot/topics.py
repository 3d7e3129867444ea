"""The live topics, read from the store; while it is away the last ones stay."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.api.schema import TopicEntryResponse, TopicResponse, TopicsResponse
from bot.replies.compose import TopicChoice
from knowledge.store import LiveSet, live_release_id, read_live, transaction

logger = logging.getLogger(__name__)
FRESH_SECONDS = 2.0


class LiveTopics:
    """What can be asked; safe to share between threads."""

    def __init__(self, engine: Engine, locale: str = "en") -> None:
        """Take the engine of the store, and the language of the chat."""
        self._engine = engine
        self._language = locale.partition("-")[0]
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._release: int | None = None
        self._topics = TopicsResponse(topics=())
        self._choices: tuple[TopicChoice, ...] = ()

    def topics(self) -> TopicsResponse:
        """Return the live topics with their questions."""
        self._refresh()
        return self._topics

    def choices(self) -> tuple[TopicChoice, ...]:
        """Return the live topics for menus."""
        self._refresh()
        return self._choices

    def _refresh(self) -> None:
        """Look for a new release, at most every two seconds and one thread at a time."""
        if time.monotonic() - self._looked < FRESH_SECONDS or not self._lock.acquire(
            blocking=False
        ):
            return
        try:
            with transaction(self._engine) as session:
                release = live_release_id(session)
                live = read_live(session) if release != self._release else None
            if live is not None:
                self._take(live)
        except (SQLAlchemyError, ValueError) as error:
            logger.warning("topics_not_read", extra={"error": type(error).__name__})
        finally:
            self._looked = time.monotonic()
            self._lock.release()

    def _take(self, live: LiveSet) -> None:
        grouped: dict[str, list[TopicEntryResponse]] = {}
        names: dict[str, TopicChoice] = {}
        for item in live.entries:
            topic, entry = item.topic_entry.topic, item.topic_entry.entry
            if topic.locale.partition("-")[0] != self._language:
                continue
            asked = TopicEntryResponse(entry_id=entry.id, question=entry.question)
            grouped.setdefault(topic.slug, []).append(asked)
            names[topic.slug] = TopicChoice(topic.slug, topic.title, topic.aliases[0])
        ordered = sorted(names.values(), key=lambda choice: choice.title.casefold())
        self._topics = TopicsResponse(
            topics=tuple(
                TopicResponse(topic=c.slug, title=c.title, entries=tuple(grouped[c.slug]))
                for c in ordered
            )
        )
        self._choices = tuple(ordered)
        self._release = live.release_id
