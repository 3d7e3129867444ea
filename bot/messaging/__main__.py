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
from bot.channels.messenger.events import PLATFORM
from bot.channels.messenger.send_api import SendApi
from bot.event_log import EventLog
from bot.messaging.answering import Answering
from bot.messaging.inbox import Inbox
from bot.messaging.outbox import Outbox
from bot.messaging.sealing import Sealer
from bot.messaging.sending import Sending
from bot.rendering import messenger
from bot.rendering.message import Payload
from bot.rendering.words import read_words
from bot.replies import ReplyFileError
from bot.safety.log_lines import set_up_logging
from bot.safety.triage import TriageRulesError
from bot.settings import BotSettings, MessengerSettings, read_bot_settings
from bot.topics import LiveTopics
from bot.turn import Reply
from knowledge.settings import SettingError
from knowledge.store import connect

logger = logging.getLogger("bot.messaging")
ANSWERING_THREADS = 3
SENDING_THREADS = 3
IDLE_SECONDS = 0.25
AWAY_SECONDS = 2.0
BEAT_SECONDS = 30.0
CLEAN_SECONDS = timedelta(hours=1).total_seconds()
FRESH_SECONDS = 30.0


class FreshToken:
    """The Page's access token as it is set now: a file of secrets may change while we run."""

    def __init__(
        self,
        first: str,
        read: Callable[[], BotSettings] = read_bot_settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the token at the start, what reads the settings, and seconds that go forward."""
        self._token, self._read, self._clock = first, read, clock
        self._read_at = clock()
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Return the token."""
        with self._lock:
            if self._clock() - self._read_at >= FRESH_SECONDS:
                self._read_at = self._clock()
                self._token = self._newest()
            return self._token

    def _newest(self) -> str:
        try:
            settings = self._read().messenger
        except SettingError:
            return self._token  # the file is being written
        return settings.page_token if settings else self._token


class Messaging:
    """All that this process does."""

    def __init__(self, settings: BotSettings, platform: MessengerSettings, engine: Engine) -> None:
        """Put the parts together.

        Raises:
            ReplyFileError: a file of wording, helplines or contacts is broken.
            TriageRulesError: the triage rules are broken.
        """
        banners = LiveBanners(engine)
        gateway = build_gateway(settings, engine, LiveTopics(engine, settings.locale), banners)
        words = read_words(settings.locale)
        sealer = Sealer(settings.secret_key)

        def render(reply: Reply) -> list[Payload]:
            return [message.payload() for message in messenger.render(reply, words)]

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
            {PLATFORM: render},
            settings.country,
        )
        send_api = SendApi(platform.api_url, FreshToken(platform.page_token))
        self._sending = Sending(self._outbox, sealer, {PLATFORM: send_api})
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
        if settings.messenger is None:
            raise SettingError("no messaging platform is set up: see docs/messenger.md")
        set_up_logging(settings.knowledge.log_level)
        engine = connect(settings.knowledge.database_url)
        messaging = Messaging(settings, settings.messenger, engine)
    except (SettingError, ReplyFileError, TriageRulesError) as error:
        print(f"Messaging cannot start: {error}", file=sys.stderr)
        return 1
    messaging.run(stop)
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
