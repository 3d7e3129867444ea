"""The worker process: what happens by itself; started by ``python -m bot.worker``.

Every minute idle conversations are deleted from Rasa's store; every night and at the start what is
older than the retention time is deleted from ours. Its heartbeat is what ``/readyz`` looks at.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Callable

from huey import SqliteHuey, crontab
from sqlalchemy.exc import SQLAlchemyError

from bot.event_log import EventLog
from bot.safety.log_lines import set_up_logging
from bot.settings import BotSettings, read_bot_settings
from bot.tracker_store import TrackerStore
from knowledge.settings import SettingError
from knowledge.source_watch import Summary, watch_all
from knowledge.store import StoreError, connect

logger = logging.getLogger("bot.worker")


class Chores:
    """What the worker does, each chore total: a failure is logged and tried again next time."""

    def __init__(
        self,
        events: EventLog,
        trackers: TrackerStore,
        retention_days: int,
        look_at_sources: Callable[[], Summary | None] = lambda: None,
    ) -> None:
        """Take the stores, and what looks at the cited pages."""
        self._look_at_sources = look_at_sources
        self._events = events
        self._trackers = trackers
        self._retention_days = retention_days

    def beat(self) -> None:
        """Note that the worker is alive."""
        try:
            self._events.beat("worker")
        except SQLAlchemyError as error:
            logger.warning("beat_failed", extra={"error": type(error).__name__})

    def purge_idle(self) -> None:
        """Delete idle conversations from Rasa's store."""
        try:
            deleted = self._trackers.purge()
        except sqlite3.Error as error:
            logger.warning("purge_failed", extra={"error": type(error).__name__})
            return
        if deleted:
            logger.info("conversations_purged", extra={"rows": deleted})

    def delete_old(self) -> None:
        """Delete what is older than the retention time."""
        try:
            deleted = self._events.delete_older_than(self._retention_days)
        except SQLAlchemyError as error:
            logger.warning("retention_failed", extra={"error": type(error).__name__})
            return
        logger.info("old_rows_deleted", extra={"rows": deleted})

    def watch_sources(self) -> None:
        """Look at the cited pages."""
        try:
            found = self._look_at_sources()
        except (SQLAlchemyError, StoreError, SettingError) as error:
            logger.warning("sources_not_watched", extra={"error": type(error).__name__})
            return
        if found is None:
            logger.warning("no_source_reachable")
            return
        logger.info("sources_watched", extra={"changed": found.changed, "tasks": found.tasks})


def create_huey(settings: BotSettings) -> SqliteHuey:
    """Return the queue with its chores."""
    engine = connect(settings.knowledge.database_url)
    contact = settings.knowledge.contact
    chores = Chores(
        EventLog(engine),
        TrackerStore(settings.tracker_file),
        settings.retention_days,
        lambda: watch_all(engine, contact, logger.debug),
    )
    huey = SqliteHuey("citewell", filename=str(settings.knowledge.data_dir / "queue.db"))

    @huey.on_startup()  # type: ignore[untyped-decorator]
    def begin() -> None:
        chores.beat()
        chores.purge_idle()
        chores.delete_old()  # the night may have passed while nothing ran

    @huey.periodic_task(crontab(minute="*"))  # type: ignore[untyped-decorator]
    def every_minute() -> None:
        chores.beat()
        chores.purge_idle()

    @huey.periodic_task(crontab(hour="3", minute="17"))  # type: ignore[untyped-decorator]
    def every_night() -> None:
        chores.delete_old()

    @huey.periodic_task(crontab(hour="4", minute="7"))  # type: ignore[untyped-decorator]
    def later_at_night() -> None:
        chores.watch_sources()

    return huey


def main() -> int:
    """Work until stopped."""
    try:
        settings = read_bot_settings()
    except SettingError as error:
        print(f"The worker cannot start: {error}", file=sys.stderr)  # noqa: T201 to the operator
        return 1
    set_up_logging(settings.knowledge.log_level)
    create_huey(settings).create_consumer(workers=1, check_worker_health=True).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
