"""How many calls a platform takes within a time; safe only under a lock of whoever counts."""

from __future__ import annotations

from collections import deque


class Rate:
    """A limit on calls, and those of the last moments."""

    def __init__(self, most: int, seconds: float) -> None:
        """Begin with none.

        Args:
            most: how many may be made.
            seconds: within this time.
        """
        self._most, self._seconds = most, seconds
        self._times: deque[float] = deque()

    def is_used_up(self, now: float) -> bool:
        """Tell whether one more would be too many."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return len(self._times) >= self._most

    def count(self, now: float) -> None:
        """Count a call."""
        self._times.append(now)
