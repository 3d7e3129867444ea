"""How often somebody may do something; what is too often is told with the seconds to wait.

Counts are in memory, or in Redis where several web processes count together. While Redis is away
each process counts for itself: a limit that holds a little less is better than a chatbot that
answers nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from http import HTTPStatus

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from bot.errors import Problem
from bot.settings import RedisSettings

logger = logging.getLogger(__name__)
MESSAGES = "Too many messages. Please wait {wait} seconds and send it again."
REDIS_SECONDS = 0.2
"""What a request may wait for Redis, twice at most."""
AWAY_SECONDS = 5.0
"""How long Redis is not asked after it did not answer."""


class RateLimit:
    """Counts hits per key over a moving window; safe to share between threads."""

    def __init__(
        self,
        limit: str,
        refusal: str = MESSAGES,
        name: str = "",
        redis: RedisSettings | None = None,
    ) -> None:
        """Take a limit, and what somebody is told who goes over it.

        Args:
            limit: in the words of the ``limits`` library ("20/10 seconds").
            refusal: a sentence; ``{wait}`` in it becomes the seconds to wait.
            name: tells its counts from those of other limits.
            redis: where they are kept, or None for memory.
        """
        self._refusal = refusal
        self._name = name
        self._item: RateLimitItem = parse(limit)
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = MovingWindowRateLimiter(_storage(redis.url)) if redis else None
        self._secret = redis.secret.encode() if redis else b""
        self._asked_again_at = 0.0
        self._lock = threading.Lock()

    def hit(self, key: str) -> None:
        """Count one.

        Raises:
            Problem: 429 with the seconds to wait.
        """
        try:
            wait = self._wait_together(key)
        except StorageError as error:
            self._leave_alone(error)
            wait = self._wait(self._own, key)
        if wait is not None:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                self._refusal.format(wait=wait),
                retry_after=wait,
            )

    def _wait(self, limiter: MovingWindowRateLimiter, key: str) -> int | None:
        """Count one; return the seconds to wait where that was too many."""
        if limiter.hit(self._item, self._name, key):
            return None
        stats = limiter.get_window_stats(self._item, self._name, key)
        return max(1, int(stats.reset_time - time.time()) + 1)

    def _wait_together(self, key: str) -> int | None:
        """Count one where all processes count, as far as that can be done."""
        with self._lock:
            is_away = time.monotonic() < self._asked_again_at
        if self._shared is None or is_away:
            return self._wait(self._own, key)
        # An address or a session's key has no place in another program's memory.
        hidden = hmac.new(self._secret, key.encode(), hashlib.sha256).hexdigest()
        return self._wait(self._shared, hidden)

    def _leave_alone(self, error: StorageError) -> None:
        with self._lock:
            self._asked_again_at = time.monotonic() + AWAY_SECONDS
        told = {"limit": self._name, "error": type(error.storage_error).__name__}
        logger.warning("redis_away", extra=told)


class RateLimits:
    """Makes limits that all count in one place."""

    def __init__(self, redis: RedisSettings | None = None) -> None:
        """Take where they count, None for the memory of this process."""
        self._redis = redis

    def of(self, name: str, limit: str, refusal: str = MESSAGES) -> RateLimit:
        """Return a limit; the arguments are those of ``RateLimit``."""
        return RateLimit(limit, refusal, name, self._redis)


def _storage(url: str) -> RedisStorage:
    return RedisStorage(
        url,
        wrap_exceptions=True,
        key_prefix="citewell",
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
    )
