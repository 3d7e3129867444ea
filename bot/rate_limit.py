"""How often somebody may do something; what is too often is told with the seconds to wait."""

from __future__ import annotations

import time
from http import HTTPStatus

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from bot.errors import Problem

MESSAGES = "Too many messages. Please wait {wait} seconds and send it again."


class RateLimit:
    """Counts hits per key over a moving window."""

    def __init__(self, limit: str, refusal: str = MESSAGES) -> None:
        """Take a limit, and what somebody is told who goes over it.

        Args:
            limit: in the words of the ``limits`` library ("20/10 seconds").
            refusal: a sentence; ``{wait}`` in it becomes the seconds to wait.
        """
        self._refusal = refusal
        self._item: RateLimitItem = parse(limit)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, key: str) -> None:
        """Count one.

        Raises:
            Problem: 429 with the seconds to wait.
        """
        if self._limiter.hit(self._item, key):
            return
        stats = self._limiter.get_window_stats(self._item, key)
        wait = max(1, int(stats.reset_time - time.time()) + 1)
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            self._refusal.format(wait=wait),
            retry_after=wait,
        )
