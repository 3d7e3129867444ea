"""How often topics are asked about, day by day, and which far more than usual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from statistics import fmean, pstdev
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.listening.limits import as_day, between, days_of
from knowledge.schema import AskedQuestion

SURGE_DAYS = 28
SURGE_LEAST = 5
SURGE_DEVIATIONS = 3
SURGE_RULE = (
    f"A topic surges on a day when at least {SURGE_LEAST} conversations asked about it, and more "
    f"than the mean of the {SURGE_DAYS} days before plus {SURGE_DEVIATIONS} times the largest of "
    "their standard deviation, the square root of that mean, and 1. Days without a question count "
    "as 0; days are in UTC."
)


class DayCount(NamedTuple):
    """How many conversations asked on a day."""

    day: date
    conversations: int


@dataclass(frozen=True)
class Trend:
    """How often a topic was asked about.

    Attributes:
        topic: slug of the topic, or None for replies without an entry.
        days: one count for each day of the time, also where it is 0.
    """

    topic: str | None
    days: tuple[DayCount, ...]


@dataclass(frozen=True)
class Surge:
    """A topic that is asked about far more than usual: see ``SURGE_RULE``.

    Attributes:
        topic: slug of the topic.
        day: the day.
        conversations: how many asked on that day.
        mean: conversations a day in the days before.
        limit: what the day is above.
    """

    topic: str
    day: date
    conversations: int
    mean: float
    limit: float


def trend(session: Session, since: date, until: date, topic: str | None = None) -> list[Trend]:
    """Return how many conversations asked about each topic on each day, the most asked first.

    Args:
        session: a transaction.
        since: the first day.
        until: the last day.
        topic: slug of one topic; None for all that were asked about, and what has no topic.

    Raises:
        ListeningError: the time is turned around or too long.
    """
    days = days_of(since, until)
    day = sa.func.date(AskedQuestion.at)
    rows = (
        sa.select(AskedQuestion.topic, day, sa.func.count(AskedQuestion.session_key.distinct()))
        .where(*between(AskedQuestion.at, since, until))
        .group_by(AskedQuestion.topic, day)
    )
    if topic is not None:
        rows = rows.where(AskedQuestion.topic == topic)
    counts: dict[str | None, dict[date, int]] = {topic: {}} if topic is not None else {}
    for slug, on, many in session.execute(rows):
        counts.setdefault(slug, {})[as_day(on)] = many
    most = sorted(counts, key=lambda slug: (-sum(counts[slug].values()), slug or ""))
    return [
        Trend(slug, tuple(DayCount(one, counts[slug].get(one, 0)) for one in days)) for slug in most
    ]


def cut(found: Iterable[Trend], since: date) -> list[Trend]:
    """Return trends from a later first day on, the most asked first; without what nobody asked."""
    shorter = [Trend(one.topic, tuple(d for d in one.days if d.day >= since)) for one in found]
    asked = [(sum(day.conversations for day in one.days), one) for one in shorter]
    most = sorted(asked, key=lambda item: (-item[0], item[1].topic or ""))
    return [one for count, one in most if count]


def surges(session: Session, today: date) -> list[Surge]:
    """Return the topics that are asked about far more than usual on a day: see ``SURGE_RULE``."""
    return surges_in(trend(session, first_day_for_surges(today), today), today)


def first_day_for_surges(today: date) -> date:
    """Return the first day that must be known to tell what surges on a day."""
    return today - timedelta(days=SURGE_DAYS)


def surges_in(found: Iterable[Trend], today: date) -> list[Surge]:
    """Return what surges on a day, from trends that hold that day and ``SURGE_DAYS`` before it."""
    first, surging = first_day_for_surges(today), []
    for series in found:
        counts = {day.day: day.conversations for day in series.days}
        count = counts[today]
        if series.topic is None or count < SURGE_LEAST:
            continue
        usual = [counts[first + timedelta(days=number)] for number in range(SURGE_DAYS)]
        mean = fmean(usual)
        limit = mean + SURGE_DEVIATIONS * max(pstdev(usual), sqrt(mean), 1.0)
        if count > limit:
            surging.append(Surge(series.topic, today, count, mean, limit))
    return sorted(surging, key=lambda surge: (surge.limit - surge.conversations, surge.topic))
