"""When people of the team are there, by the clock of their office."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from bot.office_hours import OfficeHoursError, read_days, read_office_hours
from bot.settings import read_bot_settings
from knowledge.settings import SettingError

HOURS = read_office_hours("Mon-Fri 09:00-16:30, Sat 10:00-14:00 Europe/Oslo")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T08:00+00:00", True),  # Monday, 9 in Oslo
        ("2026-11-23T07:59+00:00", False),
        ("2026-11-23T15:29+00:00", True),
        ("2026-11-23T15:30+00:00", False),
        ("2026-07-06T07:00+00:00", True),  # Monday, 9 in Oslo: summer time
        ("2026-07-06T14:30+00:00", False),
        ("2026-11-28T09:30+00:00", True),  # Saturday
        ("2026-11-28T13:00+00:00", False),
        ("2026-11-29T10:00+00:00", False),  # Sunday
        ("2026-11-23T23:30+14:00", True),  # 10:30 in Oslo
    ],
)
def test_somebody_is_there_by_the_clock_of_the_office(moment: str, is_open: bool) -> None:
    assert HOURS.is_open(at(moment)) is is_open


def test_nobody_is_there_on_a_day_off() -> None:
    hours = replace(HOURS, closed=read_days("2026-12-24 2026-12-25"))
    assert not hours.is_open(at("2026-12-24T10:00+00:00"))
    assert not hours.is_open(at("2026-12-24T23:30+00:00"))  # the 25th in Oslo
    assert hours.is_open(at("2026-12-23T10:00+00:00"))


def test_days_may_go_over_the_weekend_and_a_day_to_its_end() -> None:
    hours = read_office_hours("Sat-Mon 00:00-24:00 UTC")
    assert hours.is_open(at("2026-11-28T00:00+00:00"))
    assert hours.is_open(at("2026-11-30T23:59+00:00"))
    assert not hours.is_open(at("2026-12-01T00:00+00:00"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Mon-Fri 09:00-16:30", "'09:00-16:30' is no time zone"),
        ("Mon-Fri 09:00-16:30 Europe/Osloo", "'Europe/Osloo' is no time zone"),
        ("Mon-Fri 09:00-16:30 ../../etc/passwd", "is no time zone"),
        ("Mon-Fry 09:00-16:30 UTC", "'fry' is no day"),
        ("Mon-Fri 9-16 UTC", "'mon-fri 9-16' is no time"),
        ("Mon-Fri 09:60-16:30 UTC", "09:60 is no time"),
        ("Mon-Fri 09:00-24:01 UTC", "24:01 is no time"),
        ("Mon-Fri 22:00-06:00 UTC", "ends before it begins"),
        ("Mon-Fri 09:00-16:30, UTC", "'' is no time"),
        ("UTC", "'' is no time"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, named: str) -> None:
    with pytest.raises(OfficeHoursError) as caught:
        read_office_hours(text)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CITEWELL_HANDOVER_HOURS", "always"),
        ("CITEWELL_HANDOVER_CLOSED", "Christmas"),
        ("CITEWELL_HANDOVER_MINUTES", "0"),
        ("CITEWELL_HANDOVER_URL", "http://desk.example.org"),
        ("CITEWELL_HANDOVER_SECRET", "whsec_c2hvcnQ="),
        ("CITEWELL_MESSENGER_HANDOVER_APP", "inbox"),
    ],
)
def test_a_setting_of_the_handover_that_makes_no_sense_is_named(name: str, value: str) -> None:
    right = {
        "CITEWELL_SECRET_KEY": "k" * 32,
        "CITEWELL_HANDOVER_HOURS": "Mon-Fri 09:00-16:30 Europe/Oslo",
        "CITEWELL_HANDOVER_CLOSED": "2026-12-25",
        "CITEWELL_HANDOVER_URL": "https://desk.example.org/citewell",
        "CITEWELL_HANDOVER_SECRET": "whsec_" + "QUJD" * 8,
        "CITEWELL_MESSENGER_HANDOVER_APP": "263902037430900",
    }
    handover = read_bot_settings(right).channels.handover
    assert handover.desk is not None
    assert handover.hours is not None
    assert "QUJD" not in repr(handover)
    with pytest.raises(SettingError) as caught:
        read_bot_settings({**right, name: value})
    assert str(caught.value).startswith(name)


def test_days_off_without_hours_are_refused() -> None:
    env = {"CITEWELL_SECRET_KEY": "k" * 32, "CITEWELL_HANDOVER_CLOSED": "2026-12-25"}
    with pytest.raises(SettingError, match="needs CITEWELL_HANDOVER_HOURS"):
        read_bot_settings(env)
