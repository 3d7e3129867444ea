"""Times and numbers that are asked for, and what is refused of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

LEAST = 3
"""Conversations that a group must have to be shown."""
MOST_DAYS = 400
AT_ONCE = 2000
"""Rows that are read at once where all of a time are looked at."""


class ListeningError(Exception):
    """What was asked cannot be done; the message says why and what to do."""


def between(at: Any, since: date | None, until: date | None) -> list[sa.ColumnElement[bool]]:
    """Return that a moment lies within some days, the last one included.

    Raises:
        ListeningError: the time is turned around.
    """
    if since and until and since > until:
        raise ListeningError(f"time: it begins on {since}, after its last day {until}")
    conditions: list[sa.ColumnElement[bool]] = []
    if since:
        conditions.append(at >= start_of(since))
    if until:
        conditions.append(at < start_of(until) + timedelta(days=1))
    return conditions


def days_of(since: date, until: date) -> list[date]:
    """Return all days of a time, the last one included.

    Raises:
        ListeningError: the time is turned around or too long.
    """
    count = (until - since).days + 1
    if not 1 <= count <= MOST_DAYS:
        raise ListeningError(
            f"time: from {since} to {until} are {count} days; ask for 1 to {MOST_DAYS}"
        )
    return [since + timedelta(days=number) for number in range(count)]


def start_of(day: date) -> datetime:
    """Return the first moment of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def as_day(value: date | str) -> date:
    """Return a day as the database gave it: SQLite has no type for one."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def check_least(least: int) -> None:
    """Refuse a smallest size of groups that lets everything through.

    Raises:
        ListeningError: it is below 1.
    """
    if least < 1:
        raise ListeningError(f"smallest group: at least 1 conversation, not {least}")


def check_page(limit: int, offset: int) -> None:
    """Refuse a page that cannot be.

    Raises:
        ListeningError: the limit is below 1, or the offset below 0.
    """
    if limit < 1 or offset < 0:
        raise ListeningError("page: a limit of at least 1 and no negative offset")
