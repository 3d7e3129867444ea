"""Fixtures for Telegram: its stand-in on loopback, the app behind a real server, an office."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.serving import make_server

from bot.channel_settings import ChannelSettings, TelegramSettings
from bot.channels.telegram.client import BotApi
from bot.messaging.__main__ import Messaging
from bot.messaging.channels import Channel
from bot.rendering import telegram as rendering
from bot.rendering.words import read_words
from bot.replies.compose import Composer
from bot.settings import BotSettings
from bot.simulator.stand_in import Listening
from bot.simulator.telegram.account import Account
from bot.simulator.telegram.stand_in import TelegramStandIn
from bot.turn import Reply
from tests.bot.messaging.conftest import (
    Lines,
    Office,
    lines,
    make_office,
)
from tests.knowledge.conftest import empty_store, sqlite_store, store

__all__ = ["Lines", "empty_store", "lines", "sqlite_store", "store"]

ACCOUNT = Account()
TLS = cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def _shared_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the certificates once for all tests; here nothing is encrypted."""
    monkeypatch.setattr("ssl.create_default_context", TLS)


NOWHERE = "http://127.0.0.1:9/webhooks/telegram"


def settings_of(account: Account, api_url: str) -> TelegramSettings:
    """Return the settings that belong to a bot."""
    return TelegramSettings(account.bot_token, account.webhook_secret, api_url)


@pytest.fixture
def telegram() -> Iterator[TelegramStandIn]:
    """Telegram, with nobody behind the webhook."""
    with TelegramStandIn(NOWHERE, ACCOUNT, Listening(pauses=())) as started:
        yield started


@pytest.fixture
def alice(telegram: TelegramStandIn) -> str:
    """Somebody who has written to the bot."""
    person = telegram.new_person()
    telegram.bot_api.heard_from(person)
    return person


# The webhook alone


@pytest.fixture
def client(start_app: Callable[..., Flask], settings: BotSettings) -> FlaskClient:
    """Somebody who calls the app of a site with a bot on Telegram."""
    channels = ChannelSettings(telegram=settings_of(ACCOUNT, "http://127.0.0.1:9"))
    return start_app(replace(settings, channels=channels)).test_client()


# Everything between the webhook and the Bot API, over each kind of store


def office_over(engine: Engine, composer: Composer, url: str) -> Office:
    """Put an office together over a store and a Bot API."""
    words = read_words()

    def render(reply: Reply) -> list[Any]:
        return [message.payload() for message in rendering.render(reply, words)]

    channel = Channel(render, BotApi(url, lambda: ACCOUNT.bot_token))
    return make_office(engine, composer, url, {"telegram": channel})


@pytest.fixture
def office(store: Engine, composer: Composer, telegram: TelegramStandIn) -> Office:
    """Everything over each kind of store."""
    return office_over(store, composer, telegram.url)


@pytest.fixture
def sqlite_office(sqlite_store: Engine, composer: Composer, telegram: TelegramStandIn) -> Office:
    """Everything over SQLite alone, where the kind of store makes no difference."""
    return office_over(sqlite_store, composer, telegram.url)


# The whole installation but Rasa


@dataclass
class Site:
    """A running installation, and Telegram on the other side."""

    telegram: TelegramStandIn
    messaging: Messaging


@pytest.fixture
def site(start_app: Callable[..., Flask], settings: BotSettings, engine: Engine) -> Iterator[Site]:
    """The app behind a real web server, the process that answers and sends, and the stand-in."""
    app: list[Flask] = []

    def late(environ: dict[str, Any], start_response: Any) -> Any:
        return app[0](environ, start_response)

    server = make_server("127.0.0.1", 0, late, threaded=True)
    url = f"http://127.0.0.1:{server.server_port}/webhooks/telegram"
    with TelegramStandIn(url, ACCOUNT, Listening(pauses=(0.0, 0.0))) as telegram:
        channels = ChannelSettings(telegram=settings_of(ACCOUNT, telegram.url))
        ours = replace(settings, channels=channels)
        app.append(start_app(ours))
        messaging, stop = Messaging(ours, engine), threading.Event()
        threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}),
            threading.Thread(target=messaging.run, args=(stop,)),
        ]
        for thread in threads:
            thread.start()
        yield Site(telegram, messaging)
        stop.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()
