"""Fixtures for the gateway: a small live corpus, a Rasa that says what a test wants, two people."""

from __future__ import annotations

import json
import logging
import shutil
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy.engine import Engine
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from bot.app import create_app
from bot.rasa_client import RasaClient
from bot.replies import read_wording
from bot.replies.compose import Composer, TopicChoice
from bot.replies.helplines import read_helplines
from bot.safety.redaction import Redactor
from bot.safety.triage import load_rules
from bot.settings import BotSettings, read_bot_settings
from knowledge.entry import TopicEntry
from knowledge.store import connect, import_entries, migrate, publish, transaction

SOURCE = {
    "key": "s1",
    "publisher": "CDC",
    "title": "About Influenza",
    "url": "https://www.cdc.gov/flu/about/index.html",
    "evidence": "text_seen",
    "checked_on": "2026-09",
}
FLU = {"slug": "flu", "title": "Flu", "aliases": ["flu", "influenza"]}
STROKE = {"slug": "stroke", "title": "Stroke", "aliases": ["a stroke"]}


def make_entry(topic: dict[str, Any] = FLU, **fields: Any) -> TopicEntry:
    """Return an entry with what it needs; ``fields`` replace or add to that."""
    entry = {
        "id": "flu-spread",
        "aspect": "spread",
        "question": "How does flu spread?",
        "variants": ["how do you catch flu", *(f"flu spread wording {n}" for n in range(9))],
        "short_answer": "Flu spreads mainly by droplets when people cough, sneeze or talk.",
        "urgency": {"level": "routine"},
        "sources": [SOURCE],
        "date_created": "2026-11-21",
        "date_modified": "2026-11-21",
        "review_due": "2027-11-21",
        "status": "source_checked",
        **fields,
    }
    return TopicEntry.model_validate({"topic": topic, "entry": entry})


STROKE_ENTRY = make_entry(
    STROKE,
    id="stroke-signs",
    aspect="symptoms",
    question="What are the signs of a stroke?",
    variants=["stroke warning signs", *(f"stroke signs wording {n}" for n in range(9))],
    urgency={"level": "emergency", "action": "Call your local emergency number now."},
    sources=[{**SOURCE, "url": "https://www.cdc.gov/stroke/signs-symptoms/index.html"}],
)


def answer_payload(**fields: Any) -> dict[str, Any]:
    """Return the payload of an answer, as the action server sends it."""
    return {
        "kind": "answer",
        "entry": {
            "entry_id": "flu-spread",
            "revision": 1,
            "question": "How does flu spread?",
            "topic": "flu",
            "topic_title": "Flu",
        },
        "locale": "en",
        "text": "Flu spreads mainly by droplets.",
        "details": ["Stay home when you are sick."],
        "seek_care": "See a doctor if you get worse.",
        "urgency": {"level": "routine", "action": None},
        "myth": None,
        "conflict": None,
        "sources": [
            {
                "publisher": "CDC",
                "title": "About Influenza",
                "url": "https://www.cdc.gov/flu/about/index.html",
                "section": None,
                "source_date": "2024-09-04",
                "checked_on": "2026-09",
                "evidence": "text_seen",
            }
        ],
        "review": {"status": "source_checked", "by_role": None, "on": None, "due": "2027-11-21"},
        "expired": False,
        "score": 0.93,
        "related": [
            {"entry_id": "flu-shot", "question": "Who needs a flu shot?", "topic_title": "Flu"}
        ],
        "call_now": False,
        **fields,
    }


class ScriptedRasa:
    """Rasa's REST channel as a transport: says what it was told to and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.is_up = True
        self._answer: Callable[[], httpx.Response] = lambda: httpx.Response(200, json=[])
        self.says(answer_payload())

    def says(self, *payloads: dict[str, Any]) -> None:
        """Answer every turn with these payloads."""
        body = json.dumps([{"recipient_id": "x", "custom": payload} for payload in payloads])
        self.returns(200, body)

    def returns(self, status: int, body: str) -> None:
        """Answer every turn with this status and body."""
        self._answer = lambda: httpx.Response(status, text=body)

    def fails(self, error: Exception) -> None:
        """Let every turn fail with this error."""

        def fail() -> httpx.Response:
            raise error

        self._answer = fail

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.method == "GET":
            return httpx.Response(200 if self.is_up else 500)
        self.heard.append(json.loads(request.content))
        return self._answer()


@dataclass
class Person:
    """Somebody with a session of their own."""

    client: FlaskClient
    token: str = ""
    started: dict[str, Any] = field(default_factory=dict)

    def start(self, **body: Any) -> dict[str, Any]:
        """Start a session."""
        response = self.client.post("/api/v1/sessions", json=body)
        assert response.status_code == 201, response.text
        self.started = response.get_json()
        self.token = self.started["session"]
        return self.started

    @property
    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, body: Any) -> TestResponse:
        """Send JSON with the token."""
        return self.client.post(path, json=body, headers=self.headers)

    def say(self, text: str, **more: Any) -> dict[str, Any]:
        """Send a message and return the reply."""
        response = self.post("/api/v1/messages", {"text": text, **more})
        assert response.status_code == 200, response.text
        reply: dict[str, Any] = response.get_json()
        return reply


class LoopbackServer:
    """A small web server on this machine, in the place of Rasa or of the action server."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps({"ready": True})
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.body.encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def loopback() -> Iterator[LoopbackServer]:
    """A web server on this machine."""
    made = LoopbackServer()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what starting the app does to the logging of this process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("httpx", "httpcore", "sanic.access"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def filled_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a live release of two entries, to be copied."""
    file = tmp_path_factory.mktemp("database") / "citewell.db"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    with transaction(engine) as session:
        import_entries(session, [make_entry(), STROKE_ENTRY])
        publish(session, "test")
    engine.dispose()
    return file


@pytest.fixture
def database_file(filled_database: Path, tmp_path: Path) -> Path:
    """A database of this test's own."""
    return Path(shutil.copy(filled_database, tmp_path / "citewell.db"))


@pytest.fixture
def engine(database_file: Path) -> Iterator[Engine]:
    """The engine of this test's database."""
    made = connect(f"sqlite:///{database_file}")
    yield made
    made.dispose()


@pytest.fixture
def settings(tmp_path: Path, database_file: Path) -> BotSettings:
    """Settings with this test's own folder and roomy rate limits."""
    return read_bot_settings(
        {
            "CITEWELL_DATA_DIR": str(tmp_path),
            "CITEWELL_TRACKER_DIR": str(tmp_path),
            "CITEWELL_SECRET_KEY": "test-" * 8,
            "CITEWELL_MESSAGE_LIMIT": "1000/minute",
            "CITEWELL_SESSION_LIMIT": "1000/minute",
        }
    )


@pytest.fixture
def rasa() -> ScriptedRasa:
    """A Rasa that answers with one entry until told otherwise."""
    return ScriptedRasa()


class CompiledTemplates(BytecodeCache):
    """What templates were compiled to, by their text: each app would compile its own anew."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Find what a template was compiled to."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what a template was compiled to."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


def when_first_built(
    compiles: Callable[[Rule, bool], Callable[..., tuple[str, str]]],
) -> Callable[..., Callable[..., tuple[str, str]]]:
    """Put off compiling how a route's address is built, until one is."""

    def compile_later(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = cache(partial(compiles, rule, append_unknown))
        return lambda *args, **values: compiled()(*args, **values)

    return compile_later


@pytest.fixture(scope="session", autouse=True)
def _apps_start_fast() -> Iterator[None]:
    """Hundreds of apps share compiled templates, and do not compile what they never use."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Flask, "jinja_options", {"bytecode_cache": CompiledTemplates()})
        later = when_first_built(Rule._compile_builder)
        patched.setattr(Rule, "_compile_builder", later)
        yield


# Reading these takes most of a start; none of them ever changes, so tests share them.
SHARED = {
    "load_rules": cache(load_rules),
    "read_wording": cache(read_wording),
    "read_helplines": cache(read_helplines),
    "Redactor": cache(Redactor),
}
TLS = cache(ssl.create_default_context)


@pytest.fixture
def start_app(rasa: ScriptedRasa, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Flask]:
    """Start the app as it is, only with the scripted Rasa on the other end of the line."""
    for name, shared in SHARED.items():
        monkeypatch.setattr(f"bot.gateway.{name}", shared)
    monkeypatch.setattr("ssl.create_default_context", TLS)
    monkeypatch.setattr(
        "bot.gateway.RasaClient", partial(RasaClient, transport=httpx.MockTransport(rasa))
    )
    return create_app


@pytest.fixture
def app(start_app: Callable[..., Flask], settings: BotSettings) -> Flask:
    """The app."""
    return start_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody without a session."""
    return app.test_client()


@pytest.fixture
def alice(client: FlaskClient) -> Person:
    """A person with a session."""
    person = Person(client)
    person.start()
    return person


@pytest.fixture
def bob(client: FlaskClient) -> Person:
    """Another one."""
    person = Person(client)
    person.start()
    return person


@pytest.fixture(scope="session")
def composer() -> Composer:
    """A composer with the real wording and helplines, and two live topics."""
    live = (TopicChoice("flu", "Flu", "flu"), TopicChoice("stroke", "Stroke", "a stroke"))
    return Composer(read_wording(), read_helplines(), (), lambda: live, 1000)
