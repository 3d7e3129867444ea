"""Fixtures for WhatsApp: the stand-in, the webhook behind a real web server, and all in between."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot import errors
from bot.channel_settings import ChannelSettings, WhatsAppSettings
from bot.channels.whatsapp.views import PATH, create_blueprint
from bot.messaging.channels import FreshSettings, set_up
from bot.rendering.words import read_words
from bot.replies.compose import Composer
from bot.simulator.meta.signature import signature_headers
from bot.simulator.whatsapp.account import WhatsAppAccount
from bot.simulator.whatsapp.events import Event
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn
from tests.bot.messaging.conftest import Lines, Office, lines, make_office
from tests.bot.running import QuietHandler, served
from tests.knowledge.conftest import empty_store, sqlite_store, store

__all__ = ["Lines", "empty_store", "lines", "sqlite_store", "store"]

ACCOUNT = WhatsAppAccount()
PERSON = "15550100777"
CANARY = "my secret canary illness"
TLS = cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def _shared_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the certificates once for all tests; here nothing is encrypted."""
    monkeypatch.setattr("ssl.create_default_context", TLS)


def whatsapp_settings(api_url: str = "http://127.0.0.1:9") -> WhatsAppSettings:
    """Return the settings of a bot that answers for the stand-in's number."""
    return WhatsAppSettings(
        ACCOUNT.app_secret,
        ACCOUNT.verify_token,
        ACCOUNT.access_token,
        ACCOUNT.phone_number_id,
        api_url,
    )


@dataclass
class Branch:
    """A whole bot on WhatsApp: webhook, inbox, answering, outbox, calls; and the platform."""

    office: Office
    whatsapp: WhatsAppStandIn
    token: list[str]

    def run(self) -> None:
        """Answer and send whatever can be answered and sent now."""
        self.office.answer_all()
        self.office.send_all()
        self.office.outbox.fail_not_delivered()

    def deliver(self, *events: Event, **more: Any) -> None:
        """Let things happen, and work on them."""
        attempts = self.whatsapp.send(*events, **more)
        assert [attempt.problem for attempt in attempts if attempt.problem] == []
        self.run()

    def texts(self, event: Event) -> list[str]:
        """Return the words of what was sent in answer to an event."""
        return [words(dict(sent.message)) for sent in self.whatsapp.transcript.answers(event.key)]


def words(message: dict[str, Any]) -> str:
    """Return the words of a message of the Cloud API."""
    if message["type"] == "text":
        return str(message["text"]["body"])
    return str(message["interactive"]["body"]["text"])


@contextmanager
def opened(store: Engine, composer: Composer) -> Iterator[Branch]:
    """Put a bot together over a store and connect it with the stand-in over real HTTP."""
    app, token, offices = Flask("whatsapp"), [ACCOUNT.access_token], list[Office]()
    app.config["MAX_CONTENT_LENGTH"] = 64_000
    errors.init_app(app, lambda _status, _detail: None)

    def clock() -> float:
        return offices[0].clock().timestamp()

    with (
        served(app, QuietHandler) as address,
        WhatsAppStandIn(address + PATH, ACCOUNT, clock=clock, pauses=(0.0,)) as whatsapp,
    ):
        first = whatsapp_settings(f"{whatsapp.url}/v25.0")

        def read() -> ChannelSettings:
            return ChannelSettings(whatsapp=replace(first, access_token=token[0]))

        minutes = count(step=60)
        channels = set_up(FreshSettings(read(), read, lambda: next(minutes)), read_words())
        offices.append(make_office(store, composer, "", channels))
        app.register_blueprint(create_blueprint(first, offices[0].inbox, offices[0].outbox))
        yield Branch(offices[0], whatsapp, token)


@pytest.fixture
def branch(store: Engine, composer: Composer) -> Iterator[Branch]:
    """A whole bot over each kind of store."""
    with opened(store, composer) as made:
        yield made


@pytest.fixture
def sqlite_branch(sqlite_store: Engine, composer: Composer) -> Iterator[Branch]:
    """A whole bot over SQLite alone, where the kind of store makes no difference."""
    with opened(sqlite_store, composer) as made:
        yield made


def message(wamid: str, kind: str = "text", sender: str = PERSON, **parts: Any) -> dict[str, Any]:
    """Return a message as the webhook tells it, a text unless told otherwise."""
    parts = parts or {"text": {"body": "How does flu spread?"}}
    return {"from": sender, "id": wamid, "timestamp": "1790000000", "type": kind, **parts}


def value_of(*messages: object, **more: Any) -> dict[str, Any]:
    """Return what a number is told of some messages."""
    metadata = {
        "display_phone_number": "15550100100",
        "phone_number_id": ACCOUNT.phone_number_id,
    }
    contact = {"profile": {"name": CANARY}, "wa_id": PERSON}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "contacts": [contact]}
    return {**value, "messages": list(messages), **more}


def body_with(*values: object, field: str = "messages") -> bytes:
    """Return the body of a request."""
    entry = [{"id": ACCOUNT.waba_id, "changes": [{"value": v, "field": field}]} for v in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()


def batch(*messages: object, **more: Any) -> bytes:
    """Return the body of a request that tells of some messages."""
    return body_with(value_of(*messages, **more))


def signed(body: bytes, secret: str = ACCOUNT.app_secret) -> str:
    """Sign a body as WhatsApp does."""
    return signature_headers(secret, body)["X-Hub-Signature-256"]
