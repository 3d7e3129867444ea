"""The process that answers what messaging platforms tell us: ``python -m bot.messaging``.

Some threads answer, some send; each takes what is next from the store, so several such processes
may run. It is started only where a platform is set up.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.app import MESSAGING_HEART, build_gateway
from bot.banners import LiveBanners
from bot.event_log import EventLog
from bot.messaging.answering import Answering
from bot.messaging.channels import FreshSettings, set_up
from bot.messaging.inbox import Inbox
from bot.messaging.outbox import Outbox
from bot.messaging.sealing import Sealer
from bot.messaging.sending import Sending
from bot.rendering.words import read_words
from bot.replies import ReplyFileError
from bot.safety.log_lines import set_up_logging
from bot.safety.triage import TriageRulesError
from bot.settings import BotSettings, read_bot_settings
from bot.topics import LiveTopics
from knowledge.settings import SettingError
from knowledge.store import connect

logger = logging.getLogger("bot.messaging")
ANSWERING_THREADS = 3
SENDING_THREADS = 3
IDLE_SECONDS = 0.25
AWAY_SECONDS = 2.0
BEAT_SECONDS = 30.0
CLEAN_SECONDS = timedelta(hours=1).total_seconds()


class Messaging:
    """All that this process does."""

    def __init__(self, settings: BotSettings, engine: Engine) -> None:
        """Put the parts together.

        Raises:
            ReplyFileError: a file of wording, helplines or contacts is broken.
            TriageRulesError: the triage rules are broken.
        """
        banners = LiveBanners(engine)
        gateway = build_gateway(settings, engine, LiveTopics(engine, settings.locale), banners)
        sealer = Sealer(settings.secret_key)
        fresh = FreshSettings(settings.channels, lambda: read_bot_settings().channels)
        channels = set_up(fresh, read_words(settings.locale))
        self._events = EventLog(engine)
        self._retention_days = settings.retention_days
        self._inbox, self._outbox = Inbox(engine, sealer), Outbox(engine, sealer)
        self._answering = Answering(
            self._inbox,
            sealer,
            gateway.pipeline,
            gateway.composer,
            gateway.events,
            banners,
            {name: channel.render for name, channel in channels.items()},
            settings.country,
        )
        platforms = {name: channel.platform for name, channel in channels.items()}
        self._sending = Sending(self._outbox, sealer, platforms)
        self._cleaned = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Work until stopped; a turn or a call that runs is finished."""
        steps = [self._answering.step] * ANSWERING_THREADS + [self._sending.step] * SENDING_THREADS
        threads = [
            threading.Thread(target=work, args=(step, stop), name=f"messaging-{number}")
            for number, step in enumerate(steps)
        ]
        for thread in threads:
            thread.start()
        while True:
            self.look_after()
            if stop.wait(BEAT_SECONDS):
                break
        for thread in threads:
            thread.join()

    def look_after(self) -> None:
        """Beat, free what dead processes left, end what is too late, delete what is too old."""
        try:
            self._events.beat(MESSAGING_HEART)
            freed = self._inbox.free_dead()
            unknown, late = self._outbox.free_dead(), self._outbox.expire()
            if time.monotonic() - self._cleaned >= CLEAN_SECONDS:
                self._inbox.delete_older_than(self._retention_days)
                self._cleaned = time.monotonic()
            self._inbox.empty_write_ahead_log()
        except SQLAlchemyError as error:
            logger.warning("messages_not_looked_after", extra={"error": type(error).__name__})
            return
        if freed or unknown or late:
            told = {"freed": freed, "unknown": unknown, "late": late}
            logger.info("messages_looked_after", extra=told)


def work(step: Callable[[], bool], stop: threading.Event) -> None:
    """Do one step after the other until stopped; whatever fails, the next one is tried."""
    while not stop.is_set():
        try:
            pause = 0.0 if step() else IDLE_SECONDS
        except Exception as error:  # a thread that ends would be missed by nobody
            level = logging.WARNING if isinstance(error, SQLAlchemyError) else logging.ERROR
            logger.log(level, "messaging_step_failed", exc_info=error)
            pause = AWAY_SECONDS
        stop.wait(pause)


def main() -> int:
    """Work until stopped."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        settings = read_bot_settings()
        if not settings.channels.any:
            raise SettingError("no messaging platform is set up: see docs/messaging.md")
        set_up_logging(settings.knowledge.log_level)
        engine = connect(settings.knowledge.database_url)
        messaging = Messaging(settings, engine)
    except (SettingError, ReplyFileError, TriageRulesError) as error:
        print(f"Messaging cannot start: {error}", file=sys.stderr)
        return 1
    messaging.run(stop)
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
