"""A small bot and the stand-in of Messenger, connected with each other."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from functools import cache

import pytest

from bot.simulator.messenger.account import Account
from bot.simulator.messenger.stand_in import MessengerStandIn
from tests.bot.simulator.small_bot import (
    APP_SECRET,
    PAGE_TOKEN,
    VERIFY_TOKEN,
    SmallBot,
    running,
)

ACCOUNT = Account(app_secret=APP_SECRET, verify_token=VERIFY_TOKEN, page_token=PAGE_TOKEN)


# Reading the certificates takes most of a client's start; here nothing is encrypted.
TLS = cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def _shared_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the certificates once for all tests."""
    monkeypatch.setattr("ssl.create_default_context", TLS)


class Clock:
    """Seconds since 1970 that go by when a test says so."""

    def __init__(self) -> None:
        self.now = 1_780_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def bot() -> Iterator[SmallBot]:
    """A bot that repeats what it is told."""
    with running(SmallBot()) as started:
        yield started


@pytest.fixture
def messenger(bot: SmallBot, clock: Clock) -> Iterator[MessengerStandIn]:
    """Messenger, with the bot as the page's app; deliveries are repeated at once."""
    standin = MessengerStandIn(bot.url, ACCOUNT, clock=clock, pauses=(0.0, 0.0, 0.0))
    with standin as started:
        bot.api_url = started.url
        yield started


@pytest.fixture
def alice(messenger: MessengerStandIn) -> str:
    """Somebody who has written to the page."""
    person = messenger.new_person()
    messenger.graph.heard_from(person)
    return person
