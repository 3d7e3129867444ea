"""Fixtures for the generic webhook: a set-up app, and all of it behind a real web server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.channel_settings import ChannelSettings, WebhookSettings
from bot.channels.signing import signature_headers
from bot.messaging.__main__ import Messaging
from bot.settings import BotSettings
from bot.simulator.stand_in import Listening
from bot.simulator.webhook.stand_in import KEY as WRITTEN_KEY
from bot.simulator.webhook.stand_in import WebhookStandIn
from knowledge.schema import now
from tests.bot.messaging.conftest import Lines, lines
from tests.bot.running import served, working
from tests.knowledge.conftest import empty_store, sqlite_store, store

__all__ = ["Lines", "empty_store", "lines", "sqlite_store", "store"]

PATH = "/webhooks/generic"
KEY = base64.b64decode(WRITTEN_KEY.removeprefix("whsec_"))
NEXT_KEY = b"n" * 32
SET = WebhookSettings((KEY,), "http://127.0.0.1:9/replies")
ACCOUNT, PERSON = "app-1", "person-1"
CANARY = "my secret canary illness"


def event(kind: str = "message.received", at: str = "", **data: Any) -> dict[str, Any]:
    """Return an event of now, unless told otherwise."""
    content = {"account": ACCOUNT, "person": PERSON, **data}
    if kind == "message.received":
        content = {"text": "How does flu spread?", **content}
    return {"type": kind, "timestamp": at or now().isoformat(), "data": content}


def batch(*items: tuple[str, object]) -> bytes:
    """Return the body that tells several events, each with its id."""
    return json.dumps({"events": [{"id": key, "event": one} for key, one in items]}).encode()


def encoded(content: object) -> bytes:
    """Return JSON as a body."""
    return json.dumps(content).encode()


@pytest.fixture
def webhook_app(start_app: Callable[..., Flask], settings: BotSettings) -> Flask:
    """The app of a site with the generic webhook."""
    return start_app(replace(settings, channels=ChannelSettings(webhook=SET)))


@pytest.fixture
def webhook_client(webhook_app: Flask) -> FlaskClient:
    """Somebody who calls that app."""
    return webhook_app.test_client()


Deliver = Callable[..., TestResponse]


@pytest.fixture
def deliver(webhook_client: FlaskClient) -> Deliver:
    """Post a body, rightly signed unless told otherwise."""

    def post(
        body: object,
        event_id: str = "evt_1",
        key: bytes = KEY,
        at: datetime | None = None,
        **changed: str,
    ) -> TestResponse:
        raw = body if isinstance(body, bytes) else encoded(body)
        headers = signature_headers(key, event_id, at or now(), raw)
        renamed = {name.replace("_", "-"): value for name, value in changed.items()}
        return webhook_client.post(PATH, data=raw, headers={**headers, **renamed})

    return post


@dataclass
class Clock:
    """Tells the time that a test wants."""

    at: datetime

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at

    def seconds(self) -> float:
        """Return the time as seconds since 1970."""
        return self.at.timestamp()

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    """A clock that goes on when a test says so."""
    return Clock(now())


@pytest.fixture
def standin(webhook_app: Flask) -> Iterator[WebhookStandIn]:
    """An organisation's app, which speaks to the real web process over HTTP."""
    with served(webhook_app) as url:
        listening = Listening(pauses=(0.0,))
        with WebhookStandIn(f"{url}{PATH}", WRITTEN_KEY, listening) as app:
            yield app


@pytest.fixture
def messaging(settings: BotSettings, standin: WebhookStandIn, engine: Engine) -> Messaging:
    """The parts of the process that answers, with the scripted Rasa behind it."""
    webhook = replace(SET, reply_url=standin.reply_url)
    return Messaging(replace(settings, channels=ChannelSettings(webhook=webhook)), engine)


@pytest.fixture
def talking(standin: WebhookStandIn, messaging: Messaging) -> Iterator[WebhookStandIn]:
    """An organisation's app, while all of Citewell works behind the webhook."""
    with working(messaging):
        yield standin
