"""What the live release holds, by language and topic; while the store is away the last one stays.

The store is read once per release, and looked at every two seconds at most.
"""

from __future__ import annotations

import logging
import threading
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot.replies.compose import is_page_of
from knowledge.entry import Aspect, Entry, Topic, TopicEntry
from knowledge.schema import ReleaseRevision, Revision
from knowledge.store import LiveEntry, live_release_id, read_live, transaction

logger = logging.getLogger(__name__)
FRESH_SECONDS = 2.0
FIRST_WAIT_SECONDS = 2.0
"""How long a reader waits for another one's first look at the store."""
ORDER = {aspect: place for place, aspect in enumerate(Aspect)}
EntryKey = tuple[str, str]
"""Locale and id of an entry."""


@dataclass(frozen=True)
class LiveTopic:
    """A topic in one language.

    Attributes:
        topic: its names.
        entries: its live entries, from what it is to what is said of it.
    """

    topic: Topic
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Shelf:
    """All that can be read in one release.

    Attributes:
        release_id: the release, or None where nothing was published yet.
        topics: per locale, in the order of their titles, by slug.
        entries: every live entry with its topic, by locale and id.
        gone: entries that were live once and are not any more.
    """

    release_id: int | None = None
    topics: Mapping[str, Mapping[str, LiveTopic]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    entries: Mapping[EntryKey, TopicEntry] = field(default_factory=lambda: MappingProxyType({}))
    gone: frozenset[EntryKey] = frozenset()

    def in_locale(self, locale: str) -> Mapping[str, LiveTopic]:
        """Return the topics of a language, by slug; none where nothing is live in it."""
        return self.topics.get(locale, {})

    def locale_named(self, tag: str) -> str | None:
        """Return the live locale that a language tag names in any case of letters, or None."""
        return next((one for one in self.topics if one.casefold() == tag.casefold()), None)


class LiveAnswers:
    """Keeps the shelf of the live release; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine of the store."""
        self._engine = engine
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._known: tuple[LiveEntry, ...] = ()
        self._shelf: Shelf | None = None

    def shelf(self) -> Shelf | None:
        """Return what is live, or None where the store could not be read so far."""
        # Nobody waits for a new release, but for the first one everybody does.
        wait = FIRST_WAIT_SECONDS if self._shelf is None else 0
        if not self._is_fresh() and self._lock.acquire(timeout=wait):
            try:
                if not self._is_fresh():
                    self._look()
            finally:
                self._lock.release()
        return self._shelf

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._looked < FRESH_SECONDS

    def _look(self) -> None:
        """Look for a new release."""
        try:
            with transaction(self._engine) as session:
                release_id = live_release_id(session)
                if self._shelf is None or release_id != self._shelf.release_id:
                    self._read(session)
        except (SQLAlchemyError, ValueError) as error:
            logger.warning("answers_not_read", extra={"error": type(error).__name__})
        finally:
            self._looked = time.monotonic()

    def _read(self, session: Session) -> None:
        live = read_live(session, self._known)
        if live is None:
            self._known, self._shelf = (), Shelf()
            return
        self._shelf = make_shelf(live.release_id, live.entries, were_live(session))
        self._known = live.entries


def were_live(session: Session) -> frozenset[EntryKey]:
    """Return every entry that is in any release, so that it is or was live."""
    rows = session.execute(
        sa.select(Revision.locale, Revision.entry_id)
        .join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id)
        .distinct()
    )
    return frozenset((locale, entry_id) for locale, entry_id in rows)


def make_shelf(
    release_id: int, live: Iterable[LiveEntry], ever_live: frozenset[EntryKey] = frozenset()
) -> Shelf:
    """Return the shelf of a release.

    An entry of which a source is no page of its publisher's is left out, as in the chat.

    Args:
        release_id: the release.
        live: its entries.
        ever_live: entries that are or were live.
    """
    pairs = [item.topic_entry for item in live if _is_sourced(item.topic_entry.entry)]
    entries = {(pair.topic.locale, pair.entry.id): pair for pair in pairs}
    grouped: dict[str, dict[str, list[TopicEntry]]] = {}
    for pair in pairs:
        of_locale = grouped.setdefault(pair.topic.locale, {})
        of_locale.setdefault(pair.topic.slug, []).append(pair)
    return Shelf(
        release_id=release_id,
        topics={locale: _by_title(grouped[locale]) for locale in sorted(grouped)},
        entries=entries,
        gone=ever_live - entries.keys(),
    )


def title_key(title: str) -> str:
    """Return what titles are sorted by: letters without case and accents."""
    letters = unicodedata.normalize("NFKD", title.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _by_title(grouped: Mapping[str, list[TopicEntry]]) -> dict[str, LiveTopic]:
    topics = [_topic(pairs) for pairs in grouped.values()]
    return {one.topic.slug: one for one in sorted(topics, key=lambda t: title_key(t.topic.title))}


def _topic(pairs: list[TopicEntry]) -> LiveTopic:
    # The topic's names stand with each entry: the entry changed last has the newest ones.
    newest = max(pairs, key=lambda pair: (pair.entry.date_modified, pair.entry.id))
    ordered = sorted(pairs, key=lambda pair: (ORDER[pair.entry.aspect], pair.entry.id))
    return LiveTopic(newest.topic, tuple(pair.entry for pair in ordered))


def _is_sourced(entry: Entry) -> bool:
    allowed = all(is_page_of(source.publisher, source.url) for source in entry.sources)
    if not allowed:
        logger.error("source_not_allowed", extra={"entry_id": entry.id})
    return allowed
