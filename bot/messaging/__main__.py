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
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.banners import LiveBanners
from bot.bell import Bell, RedisBell
from bot.event_log import EventLog
from bot.gateway import MESSAGING_HEART, build_gateway
from bot.messaging.answering import Answering
from bot.messaging.channels import REPEATABLE, FreshSettings, desk, set_up
from bot.messaging.countries import ChosenCountries
from bot.messaging.handover import Reception
from bot.messaging.handovers import Handovers
from bot.messaging.inbox import Inbox
from bot.messaging.lookout import Lookout
from bot.messaging.outbox import DESK, Outbox
from bot.messaging.presence import Presence
from bot.messaging.sealing import Sealer
from bot.messaging.sending import Platform, Sending
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
SENDING_THREADS = 8
"""More, because they wait: a call takes a platform some tenths of a second, a reply up to five."""
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
        self._bell, self._bell_out = Bell(), Bell()
        self._far_bell = RedisBell(settings.redis.url) if settings.redis else None
        self._presence = _presence(settings.knowledge.data_dir / "messaging")
        claimant = self._presence.name if self._presence else None
        self._inbox = Inbox(
            engine,
            sealer,
            ring=self._bell.ring,
            ring_out=self._bell_out.ring,
            claimant=claimant,
        )
        self._outbox = Outbox(engine, sealer, claimant=claimant)
        self._lookout = Lookout(self._inbox, sealer, gateway.pipeline.is_alarm)
        handover = settings.channels.handover
        self._reception = Reception(
            Handovers(engine, sealer, timedelta(minutes=handover.minutes)),
            handover,
            gateway.composer,
            gateway.pipeline.is_alarm,
        )
        self._answering = Answering(
            self._inbox,
            sealer,
            gateway.pipeline,
            gateway.composer,
            gateway.events,
            banners,
            {name: channel.render for name, channel in channels.items()},
            self._reception,
            ChosenCountries(engine),
            settings.country,
        )
        platforms: dict[str, Platform] = {
            name: channel.platform for name, channel in channels.items()
        }
        told = desk(fresh)
        if told is not None:
            platforms[DESK] = told
        self._sending = Sending(self._outbox, sealer, platforms, self._undelivered)
        self._cleaned = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Work until stopped; a turn or a call that runs is finished."""
        doing = [(self._lookout.step, self._bell)]
        doing += [(self._answering.step, self._bell)] * ANSWERING_THREADS
        doing += [(self._sending.step, self._bell_out)] * SENDING_THREADS
        threads = [
            threading.Thread(target=work, args=(step, stop, bell), name=f"messaging-{number}")
            for number, (step, bell) in enumerate(doing)
        ]
        if self._far_bell is not None:
            listening = (self._bell, stop)
            threads.append(threading.Thread(target=self._far_bell.listen, args=listening))
        for thread in threads:
            thread.start()
        while not stop.wait(BEAT_SECONDS if self.look_after() else AWAY_SECONDS):
            pass
        for bell in (self._bell, self._bell_out):
            bell.ring()
        for thread in threads:
            thread.join()

    def _undelivered(self, conversation_key: str, payload: Mapping[str, object]) -> None:
        event = self._reception.undelivered(conversation_key, payload)
        if event is not None:
            self._inbox.keep([event])

    def end(self) -> None:
        """Show that this process works no more; it has no claims left."""
        if self._presence:
            self._presence.end()

    def look_after(self) -> bool:
        """Beat, free what dead processes left, end what is too late, delete what is too old.

        Returns:
            Whether the store could be used.
        """
        dead = self._presence.dead() if self._presence else []
        try:
            self._events.beat(MESSAGING_HEART)
            freed = self._inbox.free_dead(dead)
            unknown, late = self._outbox.free_dead(REPEATABLE, dead), self._outbox.expire()
            failed = self._outbox.fail_not_delivered()
            self._inbox.keep(self._reception.overdue())
            if time.monotonic() - self._cleaned >= CLEAN_SECONDS:
                self._inbox.delete_older_than(self._retention_days)
                self._cleaned = time.monotonic()
            self._inbox.empty_write_ahead_log()
        except SQLAlchemyError as error:
            logger.warning("messages_not_looked_after", extra={"error": type(error).__name__})
            return False
        if self._presence:
            self._presence.forget(dead)
        if freed or unknown or late or failed:
            told = {"freed": freed, "unknown": unknown, "late": late, "not_delivered": failed}
            logger.info("messages_looked_after", extra=told)
        return True


def _presence(folder: Path) -> Presence | None:
    """Show that this process lives; without that its claims end by themselves, only later."""
    try:
        return Presence(folder)
    except OSError as error:
        logger.warning("presence_not_shown", extra={"error": type(error).__name__})
        return None


def work(step: Callable[[], bool], stop: threading.Event, bell: Bell) -> None:
    """Do one step after the other until stopped; whatever fails, the next one is tried."""
    while not stop.is_set():
        heard = bell.count
        try:
            if not step():
                bell.wait(heard, IDLE_SECONDS)
        except Exception as error:  # a thread that ends would be missed by nobody
            level = logging.WARNING if isinstance(error, SQLAlchemyError) else logging.ERROR
            logger.log(level, "messaging_step_failed", exc_info=error)
            stop.wait(AWAY_SECONDS)


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
        engine = connect(settings.knowledge.database_url, outlasts_power=True)
        messaging = Messaging(settings, engine)
    except (SettingError, ReplyFileError, TriageRulesError) as error:
        print(f"Messaging cannot start: {error}", file=sys.stderr)
        return 1
    messaging.run(stop)
    messaging.end()
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
