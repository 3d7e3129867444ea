"""What the answers of platforms have in common, and what it means where none comes.

A message that may have arrived is not sent again: no platform here knows one that comes twice. Only
what surely did not leave this machine waits.
"""

from __future__ import annotations

import json
from typing import Any

import httpx

from bot.messaging.outbox import Outcome

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def no_answer(error: httpx.HTTPError) -> Outcome:
    """Return what it means for a message that its call got no answer."""
    if isinstance(error, NOT_SENT):
        return Outcome("waiting", "not_connected")
    if isinstance(error, httpx.TimeoutException):
        return Outcome("unknown", "timed_out")
    return Outcome("unknown", type(error).__name__)


def read_object(body: bytes) -> dict[str, Any] | None:
    """Return the object that JSON holds; None for all else."""
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    return content if isinstance(content, dict) else None


def number_of(value: object) -> int:
    """Return a whole number as JSON has it; 0 for all else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
