"""Wakes the process ``messaging`` as soon as there is something to do.

A ring says nothing and nothing depends on it: who waits looks at the store by itself after a while.
Within a process it costs nothing; between processes it needs Redis.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)
CHANNEL = "citewell:bell"
ASK_SECONDS = 0.2
"""What a request may wait for Redis."""
AWAY_SECONDS = 5.0
"""How long Redis is not asked after it did not answer."""
LISTEN_SECONDS = 1.0


class Bell:
    """Wakes threads of this process."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often it rang so far; to be taken before one looks for work."""
        return self._count

    def ring(self) -> None:
        """Wake whoever waits."""
        with self._rung:
            self._count += 1
            self._rung.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Wait until it rings, at most some seconds; not at all if it rang since ``heard``."""
        with self._rung:
            self._rung.wait_for(lambda: self._count != heard, seconds)


class RedisBell:
    """Carries rings from one process to another; while Redis is away, none."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Take Redis's address, and seconds that go forward."""
        self._redis = Redis.from_url(
            url,
            socket_timeout=ASK_SECONDS,
            socket_connect_timeout=ASK_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._listener = Redis.from_url(url, socket_connect_timeout=ASK_SECONDS)
        self._clock = clock
        self._asked_again_at = 0.0

    def ring(self) -> None:
        """Wake the other processes, if Redis is there."""
        if self._clock() < self._asked_again_at:
            return
        try:
            self._redis.publish(CHANNEL, b"")
        except RedisError as error:
            self._asked_again_at = self._clock() + AWAY_SECONDS
            logger.warning("redis_away", extra={"error": type(error).__name__})

    def listen(self, bell: Bell, stop: threading.Event) -> None:
        """Ring a bell of this process whenever another one rings, until stopped."""
        pool = self._listener.connection_pool
        while not stop.is_set():
            try:
                with PubSub(pool, ignore_subscribe_messages=True) as rings:
                    rings.subscribe(CHANNEL)
                    while not stop.is_set():
                        if rings.get_message(timeout=LISTEN_SECONDS) is not None:
                            bell.ring()
            except RedisError as error:
                logger.warning("redis_away", extra={"error": type(error).__name__})
                stop.wait(AWAY_SECONDS)
