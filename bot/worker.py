"""The worker process: what happens by itself; started by ``python -m bot.worker``.

Every minute planned releases are made and idle conversations are deleted from Rasa's store. After
a release by the content team it is learnt anew how sure to be of it. Every night and at the start
what is too old is deleted from our store. Its heartbeat is what ``/readyz`` looks at.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from huey import SqliteHuey, crontab
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.event_log import EventLog
from bot.safety.log_lines import set_up_logging
from bot.settings import BotSettings, read_bot_settings
from bot.tracker_store import TrackerStore
from knowledge.schedule import run_due
from knowledge.settings import ROOT, SettingError
from knowledge.source_watch import Summary, look_as_asked, watch_all
from knowledge.store import StoreError, connect, transaction, waits_for_refit

logger = logging.getLogger("bot.worker")
REFIT = (sys.executable, "-m", "knowledge", "refit")
REFIT_SECONDS = 900.0
NICE = 10


class Chores:
    """What the worker does, each chore total: a failure is logged and tried again next time."""

    def __init__(
        self,
        events: EventLog,
        trackers: TrackerStore,
        retention_days: int,
        look_at_sources: Callable[[], Summary | None] = lambda: None,
        release_due: Callable[[], int] = lambda: 0,
        look_as_asked: Callable[[], int] = lambda: 0,
    ) -> None:
        """Take the stores, what looks at the cited pages, and what makes planned releases."""
        self._look_as_asked = look_as_asked
        self._looks = threading.Lock()
        self._release_due = release_due
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
            with self._looks:
                found = self._look_at_sources()
        except (SQLAlchemyError, StoreError, SettingError) as error:
            logger.warning("sources_not_watched", extra={"error": type(error).__name__})
            return
        if found is None:
            logger.warning("no_source_reachable")
            return
        logger.info("sources_watched", extra={"changed": found.changed, "tasks": found.tasks})

    def look_as_asked(self) -> None:
        """Look at the cited pages that somebody asked for in the console."""
        if not self._looks.acquire(blocking=False):
            return  # a look runs; what was asked for is still there in a minute
        try:
            looks = self._look_as_asked()
        except (SQLAlchemyError, StoreError, SettingError) as error:
            logger.warning("sources_not_watched", extra={"error": type(error).__name__})
            return
        finally:
            self._looks.release()
        if looks:
            logger.info("sources_watched_as_asked", extra={"looks": looks})

    def beside(self, chore: Callable[[], None]) -> threading.Thread:
        """Do a chore on a thread of its own: a look takes minutes, and others must not wait."""
        thread = threading.Thread(target=chore, name="looks", daemon=True)
        thread.start()
        return thread

    def release_planned(self) -> None:
        """Make the releases whose time has come."""
        try:
            self._release_due()
        except (SQLAlchemyError, StoreError) as error:
            logger.warning("plans_not_run", extra={"error": type(error).__name__})


class Refitting:
    """Learns anew how sure to be of a release that the console made, in a process beside.

    That process holds the model for half a minute; the worker itself stays small, and its heart
    goes on beating. A release is tried once: where there is too little to learn from, what was
    learnt for the one before stays.
    """

    def __init__(self, engine: Engine, command: Sequence[str] = REFIT) -> None:
        """Take the engine of the store, and the command that refits."""
        self._engine = engine
        self._command = command
        self._running: subprocess.Popen[bytes] | None = None
        self._tried: int | None = None
        self._since = 0.0

    @property
    def is_running(self) -> bool:
        """Whether a process beside works."""
        return self._running is not None

    def step(self) -> None:
        """Begin where something waits, end what takes too long; returns at once."""
        if self._running is not None:
            self._look()
            return
        try:
            with transaction(self._engine) as session:
                release_id = waits_for_refit(session)
        except SQLAlchemyError as error:
            logger.warning("refit_not_begun", extra={"error": type(error).__name__})
            return
        if release_id is None or release_id == self._tried:
            return
        self._tried, self._since = release_id, time.monotonic()
        self._running = subprocess.Popen(  # noqa: S603 our own command
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        # Turns come first.
        os.setpriority(os.PRIO_PROCESS, self._running.pid, NICE)
        logger.info("refit_begun", extra={"release_id": release_id})

    def _look(self) -> None:
        running = self._running
        if running is None:
            return
        status = running.poll()
        if status is None:
            if time.monotonic() - self._since < REFIT_SECONDS:
                return
            running.kill()
            status = running.wait()
        self._running = None
        told = {"release_id": self._tried, "status": status}
        if status:
            logger.warning("refit_failed", extra=told)
        else:
            logger.info("refitted", extra=told)


def create_huey(settings: BotSettings) -> SqliteHuey:
    """Return the queue with its chores."""
    engine = connect(settings.knowledge.database_url)
    contact = settings.knowledge.contact
    chores = Chores(
        EventLog(engine),
        TrackerStore(settings.tracker_file),
        settings.retention_days,
        lambda: watch_all(engine, contact, logger.debug),
        lambda: run_due(engine),
        lambda: look_as_asked(engine, contact, logger.debug),
    )
    refitting = Refitting(engine)
    huey = SqliteHuey("citewell", filename=str(settings.knowledge.data_dir / "queue.db"))

    @huey.on_startup()  # type: ignore[untyped-decorator]
    def begin() -> None:
        chores.beat()
        chores.purge_idle()
        chores.delete_old()  # the night may have passed while nothing ran

    @huey.periodic_task(crontab(minute="*"))  # type: ignore[untyped-decorator]
    def every_minute() -> None:
        chores.beat()
        chores.release_planned()
        refitting.step()
        chores.purge_idle()
        chores.beside(chores.look_as_asked)

    @huey.periodic_task(crontab(hour="3", minute="17"))  # type: ignore[untyped-decorator]
    def every_night() -> None:
        chores.delete_old()

    @huey.periodic_task(crontab(hour="4", minute="7"))  # type: ignore[untyped-decorator]
    def later_at_night() -> None:
        chores.beside(chores.watch_sources)

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
