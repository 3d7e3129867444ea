"""When people of the team are there: ``Mon-Fri 09:00-16:30, Sat 10:00-14:00 Europe/Oslo``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)")
MINUTES_OF_A_DAY = 24 * 60


class OfficeHoursError(ValueError):
    """They cannot be read; the message says what is wrong."""


@dataclass(frozen=True)
class Span:
    """Some days of the week, and a time of the day.

    Attributes:
        days: 0 for Monday.
        opens: minutes after midnight.
        closes: minutes after midnight, up to 1440; the minute itself is closed.
    """

    days: frozenset[int]
    opens: int
    closes: int


@dataclass(frozen=True)
class OfficeHours:
    """When somebody is there.

    Attributes:
        text: as it was written.
        zone: time zone of the office.
        spans: when it is open, by its own clock.
        closed: days on which it is not.
    """

    text: str
    zone: ZoneInfo
    spans: tuple[Span, ...]
    closed: frozenset[date] = frozenset()

    def is_open(self, moment: datetime) -> bool:
        """Tell whether somebody is there at a moment, which has a time zone."""
        local = moment.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return local.date() not in self.closed and any(
            local.weekday() in span.days and span.opens <= minute < span.closes
            for span in self.spans
        )


def read_office_hours(text: str) -> OfficeHours:
    """Read office hours: spans separated by commas, then the name of a time zone.

    Raises:
        OfficeHoursError: they cannot be read.
    """
    *_, zone_name = text.split()
    spans = text.removesuffix(zone_name).casefold()
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise OfficeHoursError(
            f"{zone_name!r} is no time zone; end it with one such as Europe/Oslo"
        ) from error
    return OfficeHours(text, zone, tuple(_span(part.strip()) for part in spans.split(",")))


def read_days(text: str) -> frozenset[date]:
    """Read days as ``2026-12-25``, separated by spaces.

    Raises:
        OfficeHoursError: one of them is none.
    """
    return frozenset(_day(part) for part in text.split())


def _span(text: str) -> Span:
    found = SPAN.fullmatch(text)
    if not found:
        raise OfficeHoursError(f"{text!r} is no time; write it like Mon-Fri 09:00-16:30")
    first, last = found[1], found[2] or found[1]
    unknown = [day for day in (first, last) if day not in DAYS]
    if unknown:
        raise OfficeHoursError(f"{unknown[0]!r} is no day; write {', '.join(DAYS)}")
    opens, closes = _minutes(found[3], found[4]), _minutes(found[5], found[6])
    if opens >= closes:
        raise OfficeHoursError(f"{text!r} ends before it begins; write two spans for a night")
    begin, end = DAYS.index(first), DAYS.index(last)
    count = (end - begin) % len(DAYS) + 1
    return Span(frozenset((begin + n) % len(DAYS) for n in range(count)), opens, closes)


def _minutes(hours: str, minutes: str) -> int:
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > MINUTES_OF_A_DAY:
        raise OfficeHoursError(f"{hours}:{minutes} is no time of a day")
    return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise OfficeHoursError(f"{text!r} is no day; write it like 2026-12-25") from error
