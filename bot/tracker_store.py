"""Rasa's own store of running conversations, from outside: forget one, purge the idle, stay small.

Rasa has no route to delete a conversation and never deletes one itself. Its SQLite file has one
table of events; deleted rows are overwritten, so nothing can be read back from the file.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)
IDLE_SECONDS = 30 * 60
MAX_EVENTS = 100_000
"""About 60 MB, mostly of memory: more means a flood, and the oldest conversations go first."""
BUSY_SECONDS = 2.0


class TrackerStore:
    """The file that Rasa keeps running conversations in."""

    def __init__(self, file: Path) -> None:
        """Take the path of the file, which Rasa makes when it starts."""
        self._file = file

    def forget(self, sender: str) -> bool:
        """Delete one conversation; tell whether that could be done."""
        if not self._file.exists():
            return True
        try:
            with self._open() as connection:
                connection.execute("DELETE FROM events WHERE sender_id = ?", (sender,))
        except sqlite3.Error as error:
            logger.warning("tracker_not_forgotten", extra={"error": type(error).__name__})
            return False
        return True

    def purge(self, idle_seconds: float = IDLE_SECONDS, max_events: int = MAX_EVENTS) -> int:
        """Delete idle conversations, and the oldest ones beyond the limit.

        Args:
            idle_seconds: a conversation without an event for so long is deleted.
            max_events: at most so many events are kept.

        Returns:
            How many events were deleted.

        Raises:
            sqlite3.Error: the file cannot be used.
        """
        if not self._file.exists():
            return 0
        limit = time.time() - idle_seconds
        with self._open() as connection:
            idle = connection.execute(
                "DELETE FROM events WHERE sender_id IN "
                "(SELECT sender_id FROM events GROUP BY sender_id HAVING MAX(timestamp) < ?)",
                (limit,),
            ).rowcount
            surplus = connection.execute(
                "DELETE FROM events WHERE id <= (SELECT COALESCE(MAX(id), 0) - ? FROM events)",
                (max_events,),
            ).rowcount
        return int(idle + surplus)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            with connection:
                yield connection
