"""Fixtures for messaging: a store of each kind, Messenger's Send API on loopback, a set-up app."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.channel_settings import ChannelSettings, HandoverSettings, MessengerSettings
from bot.channels.desk.client import DeskClient
from bot.channels.messenger.send_api import SendApi
from bot.messaging.answering import Answering
from bot.messaging.channels import Channel
from bot.messaging.countries import ChosenCountries
from bot.messaging.handover import Reception
from bot.messaging.handovers import Handovers
from bot.messaging.inbox import Inbox, Incoming
from bot.messaging.lookout import Lookout
from bot.messaging.outbox import DESK, Outbox
from bot.messaging.sealing import Sealer
from bot.messaging.sending import Sending
from bot.rendering import messenger
from bot.rendering.words import read_words
from bot.replies.compose import Composer
from bot.safety.log_lines import LogLineFormatter
from bot.safety.triage import load_rules, takes_over
from bot.settings import BotSettings
from bot.turn import BannerNote, Message, Reply
from knowledge.schema import InboxEvent, OutboxMessage, now
from knowledge.settings import ROOT
from knowledge.store import transaction
from tests.bot.messaging import another_process
from tests.knowledge.conftest import empty_store, sqlite_store, store

__all__ = ["empty_store", "sqlite_store", "store"]

SECRET_KEY = another_process.SECRET_KEY
SECRETS = MessengerSettings("app-secret", "verify-me", "page-token", "http://127.0.0.1:9")
PAGE, PERSON = "1000200030004000", "7000600050004000"
CANARY = "my secret canary illness"
RULES = cache(load_rules)
"""Reading them takes most of the time that an office needs to open; they never change."""


class Clock:
    """Tells the time that a test wants."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.at += timedelta(**time)


class Graph:
    """Messenger's Send API as a real web server; answers as a test says, remembers what it got."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: list[tuple[int, object]] = []
        self.headers: dict[str, str] = {}
        self.before: Callable[[dict[str, Any]], None] = lambda _call: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                call = {name: values[0] for name, values in form.items()}
                outer.paths.append(self.path)
                outer.calls.append(call)
                outer.before(call)
                status, answer = outer._answer(call)
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v25.0"

    def _answer(self, call: dict[str, Any]) -> tuple[int, object]:
        if "sender_action" in call:
            return 200, {"recipient_id": "x"}
        if self.answers:
            return self.answers.pop(0)
        return 200, {"recipient_id": "x", "message_id": f"m_out_{len(self.messages)}"}

    def refuses(self, status: int, code: int, subcode: int = 0) -> None:
        """Answer the next message with an error."""
        error = {"message": "No.", "code": code, "error_subcode": subcode, "fbtrace_id": "x"}
        self.answers.append((status, {"error": error}))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was to be sent, without the sender actions."""
        return [json.loads(call["message"]) for call in self.calls if "message" in call]

    @property
    def texts(self) -> list[str]:
        """The words of all that was to be sent."""
        return [one.get("text") or one["attachment"]["payload"]["text"] for one in self.messages]


@pytest.fixture
def graph() -> Iterator[Graph]:
    """The Send API on this machine."""
    made = Graph()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@dataclass
class Turns:
    """Answers as a test says, and remembers what it heard."""

    heard: list[Message] = field(default_factory=list)
    answer: Callable[[Message], Reply] = lambda message: plain(f"About: {message.text}")

    def answer_turn(self, message: Message) -> Reply:
        """Return what the test wants."""
        self.heard.append(message)
        return self.answer(message)


def plain(text: str, **more: Any) -> Reply:
    """Return a short reply."""
    reply_id = hashlib.sha256(text.encode()).hexdigest()[:24]
    return Reply(reply_id, "notice", "x", "en", "ltr", text, **more)


class NoBanners:
    """Nothing is said to everybody."""

    def shown(self, *_: object, **__: object) -> tuple[BannerNote, ...]:
        """Return nothing."""
        return ()

    about = shown


@dataclass
class Ratings:
    """Keeps feedback in memory."""

    kept: list[tuple[str, str]] = field(default_factory=list)
    works: bool = True

    def feedback(self, session_key: str, reply_id: str, rating: str, reason: str | None) -> bool:
        """Keep it, as far as that works."""
        if self.works:
            self.kept.append((reply_id, rating))
        return self.works


@dataclass
class Office:
    """Everything between the webhook and the Send API over one store."""

    store: Engine
    clock: Clock
    turns: Turns
    ratings: Ratings
    sealer: Sealer
    inbox: Inbox
    outbox: Outbox
    answering: Answering
    sending: Sending
    token: list[str]
    handovers: Handovers
    reception: Reception
    lookout: Lookout

    def answer_all(self) -> None:
        """Answer whatever can be answered now."""
        while self.answering.step():
            pass

    def send_all(self) -> None:
        """Send whatever can be sent now."""
        while self.sending.step():
            pass

    def events(self) -> list[InboxEvent]:
        """Return the rows of the inbox in their order."""
        with transaction(self.store) as session:
            rows = list(session.scalars(sa.select(InboxEvent).order_by(InboxEvent.id)))
            session.expunge_all()
        return rows

    def messages(self) -> list[OutboxMessage]:
        """Return the rows of the outbox in their order."""
        with transaction(self.store) as session:
            rows = list(session.scalars(sa.select(OutboxMessage).order_by(OutboxMessage.id)))
            session.expunge_all()
        return rows

    def states(self) -> list[tuple[str, str]]:
        """Return state and code of the outbox's rows."""
        return [(row.state, row.code) for row in self.messages()]


def make_office(
    store: Engine,
    composer: Composer,
    url: str,
    channels: Mapping[str, Channel] | None = None,
    handover: HandoverSettings | None = None,
) -> Office:
    """Put an office together over a store and Messenger's Send API, or other platforms."""
    clock, turns, ratings, sealer = Clock(), Turns(), Ratings(), Sealer(SECRET_KEY)
    inbox, outbox = Inbox(store, sealer, clock), Outbox(store, sealer, clock)
    words, token = read_words(), ["page-token"]

    def render(reply: Reply) -> list[Any]:
        return [message.payload() for message in messenger.render(reply, words)]

    if channels is None:
        channels = {"messenger": Channel(render, SendApi(url, lambda: token[0], "app-secret"))}
    renders = {name: channel.render for name, channel in channels.items()}
    platforms = {name: channel.platform for name, channel in channels.items()}
    handovers = Handovers(store, sealer, timedelta(minutes=60), clock)
    handover = handover or HandoverSettings()
    rules = RULES(ROOT / "bot" / "safety" / "triage_rules" / "en.yml")

    def is_alarm(text: str) -> bool:
        return takes_over(text, rules)

    reception = Reception(handovers, handover, composer, is_alarm, clock)
    answering = Answering(
        inbox,
        sealer,
        turns,
        composer,
        ratings,
        NoBanners(),
        renders,
        reception,
        ChosenCountries(store, clock),
        "NO",
        clock,
    )
    if handover.desk is not None:
        desk = handover.desk
        platforms[DESK] = DeskClient(lambda: desk, None, clock)

    def undelivered(conversation_key: str, payload: Mapping[str, object]) -> None:
        event = reception.undelivered(conversation_key, payload)
        if event is not None:
            inbox.keep([event])

    sending = Sending(outbox, sealer, platforms, undelivered, clock)
    return Office(
        store,
        clock,
        turns,
        ratings,
        sealer,
        inbox,
        outbox,
        answering,
        sending,
        token,
        handovers,
        reception,
        Lookout(inbox, sealer, is_alarm),
    )


@pytest.fixture
def office(store: Engine, composer: Composer, graph: Graph) -> Office:
    """Everything over each kind of store."""
    return make_office(store, composer, graph.url)


@pytest.fixture
def sqlite_office(sqlite_store: Engine, composer: Composer, graph: Graph) -> Office:
    """Everything over SQLite alone, where the kind of store makes no difference."""
    return make_office(sqlite_store, composer, graph.url)


def message(mid: str, text: str = "How does flu spread?", **more: Any) -> dict[str, Any]:
    """Return a text message as the webhook tells it."""
    return item(message={"mid": mid, "text": text}, **more)


def item(sender: str = PERSON, at: int = 1_790_000_000_000, **parts: Any) -> dict[str, Any]:
    """Return one item of a batch."""
    return {"sender": {"id": sender}, "recipient": {"id": PAGE}, "timestamp": at, **parts}


def batch(*items: object) -> bytes:
    """Return the body of a request."""
    entry = [{"id": PAGE, "time": 1, "messaging": [one]} for one in items]
    return json.dumps({"object": "page", "entry": entry}).encode()


def signature(body: bytes, secret: str = SECRETS.app_secret) -> str:
    """Sign a body as Messenger does."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def said(office: Office, mid: str, text: str = "hello", **more: Any) -> Incoming:
    """Return what somebody says to an office now, unless told otherwise."""
    fields = {"person": PERSON, "kind": "text", "said_at": office.clock(), **more}
    return Incoming(platform="messenger", account=PAGE, event_id=mid, text=text, **fields)


Deliver = Callable[..., TestResponse]


@pytest.fixture
def messenger_app(start_app: Callable[..., Flask], settings: BotSettings) -> Flask:
    """The app of a site with a Page on Messenger."""
    return start_app(replace(settings, channels=ChannelSettings(messenger=SECRETS)))


@pytest.fixture
def messenger_client(messenger_app: Flask) -> FlaskClient:
    """Somebody who calls that app."""
    return messenger_app.test_client()


@pytest.fixture
def deliver(messenger_client: FlaskClient) -> Deliver:
    """Post a body to the webhook as Messenger does, rightly signed unless told otherwise."""

    def post(body: bytes, signed: str | None = "", **more: Any) -> TestResponse:
        headers = {"Content-Type": "application/json"}
        if signed is not None:
            headers["X-Hub-Signature-256"] = signed or signature(body)
        return messenger_client.post("/webhooks/messenger", data=body, headers=headers, **more)

    return post


class Lines(logging.Handler):
    """Keeps every line as it would be written, and as it would be without our formatter."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(LogLineFormatter())
        self.lines: list[str] = []
        self.raw: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(self.format(record))
        self.raw.append(f"{record.getMessage()} {vars(record)}")


@pytest.fixture
def lines() -> Iterator[Lines]:
    """All that this process logs."""
    root = logging.getLogger()
    handler, level = Lines(), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
