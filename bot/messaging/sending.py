"""From the outbox to the platforms, one message after the other of each conversation."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from bot.messaging.outbox import Departing, Outbox, Outcome, pause
from bot.messaging.sealing import Sealer, SealError
from knowledge.schema import now

logger = logging.getLogger(__name__)
SETTLE_ATTEMPTS = 5
SETTLE_PAUSE_SECONDS = 0.5
"""With the store's own half second, five seconds in all."""
KEY_LENGTH = 32


class Platform(Protocol):
    """The send call of a platform."""

    @property
    def credentials(self) -> str:
        """What calls are made with now."""

    def show_activity(self, person: str, sign: str) -> None:
        """Show that a reply is coming, where that can be done.

        Args:
            person: who waits.
            sign: what the channel's own event gave for this, such as the message to mark as read.
        """

    def send(self, person: str, payload: Mapping[str, object], key: str) -> Outcome:
        """Send one message; whatever happens, an outcome comes back.

        Args:
            person: whom it goes to.
            payload: what the platform's call takes.
            key: stands for this message, the same at each attempt and of no other message.
        """


class Sending:
    """Sends messages; safe to share between threads."""

    def __init__(
        self,
        outbox: Outbox,
        sealer: Sealer,
        platforms: Mapping[str, Platform],
        undelivered: Callable[[str, Mapping[str, object]], None] = lambda *_: None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the parts.

        Args:
            outbox: hands messages out.
            sealer: opens them.
            platforms: by name.
            undelivered: is told of each message that never arrives: its conversation, and what.
            clock: tells the time.
        """
        self._undelivered = undelivered
        self._clock = clock
        self._outbox = outbox
        self._sealer = sealer
        self._platforms = platforms
        self._refused: dict[str, str] = {}
        self._held_until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def step(self) -> bool:
        """Send one message; tell whether there was one.

        Raises:
            SQLAlchemyError: the store cannot be used. If that was after the call, nobody sends the
                message again.
        """
        open_now = [name for name in self._platforms if not self._is_stopped(name)]
        departing = self._outbox.claim(open_now) if open_now else None
        if departing is None:
            return False
        used = self._platforms[departing.platform].credentials
        outcome = self._send(departing)
        if outcome.stops:
            self._stop(departing.platform, used, outcome.code)
        if outcome.holds:
            self._hold(departing.platform, pause(departing, outcome), outcome.code)
        held = self._settle(departing, outcome)
        if held and outcome.state in {"failed", "late"}:
            self._tell_undelivered(departing)
        told = {"id": departing.id, "state": outcome.state, "code": outcome.code, "held": held}
        logger.info("message_done", extra={"channel": departing.platform, **told})
        return True

    def _send(self, departing: Departing) -> Outcome:
        try:
            content = self._sealer.open(departing.sealed)
        except SealError:
            return Outcome("failed", "not_opened")
        platform, person = self._platforms[departing.platform], str(content["person"])
        if departing.place == 0 and departing.attempts == 1:
            platform.show_activity(person, str(content.get("sign", "")))
        return platform.send(person, content["payload"], self._key(departing))

    def _tell_undelivered(self, departing: Departing) -> None:
        """Tell of a message that never arrives, as far as it can still be read."""
        try:
            content = self._sealer.open(departing.sealed)
        except SealError:
            return
        self._undelivered(departing.conversation_key, content["payload"])

    def _key(self, departing: Departing) -> str:
        """Return what stands for a message: no row's number, for that may come again.

        What is sealed stays as it is between two attempts, and is never the same twice.
        """
        return self._sealer.digest("outgoing", departing.sealed.decode("ascii"))[:KEY_LENGTH]

    def _settle(self, departing: Departing, outcome: Outcome) -> bool:
        """Keep what became of a message, although the store may be busy: the call was made.

        Raises:
            SQLAlchemyError: the store stays away; the message will be taken for lost, not repeated.
        """
        for _ in range(SETTLE_ATTEMPTS - 1):
            try:
                return self._outbox.settle(departing, outcome)
            except SQLAlchemyError as error:
                told = {"id": departing.id, "error": type(error).__name__}
                logger.warning("message_not_settled", extra=told)
                time.sleep(SETTLE_PAUSE_SECONDS)
        return self._outbox.settle(departing, outcome)

    def _is_stopped(self, name: str) -> bool:
        """Tell whether a platform takes nothing now.

        What calls are made with was refused and is still the same, or there were too many calls.
        """
        with self._lock:
            until = self._held_until.get(name)
            if until is not None and self._clock() < until:
                return True
            return self._refused.get(name) == self._platforms[name].credentials

    def _hold(self, name: str, seconds: float, code: str) -> None:
        """Leave a platform alone for a while: each refused call counts against the next."""
        with self._lock:
            until = self._clock() + timedelta(seconds=seconds)
            self._held_until[name] = max(until, self._held_until.get(name, until))
        told = {"channel": name, "code": code, "seconds": round(seconds)}
        logger.warning("sending_paused", extra=told)

    def _stop(self, name: str, used: str, code: str) -> None:
        with self._lock:
            is_known = self._refused.get(name) == used
            self._refused[name] = used
        if not is_known:
            logger.error("sending_stopped", extra={"channel": name, "code": code})
