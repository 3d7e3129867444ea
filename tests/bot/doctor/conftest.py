"""An installation that runs, with the stand-in of Messenger in the place of Meta."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot.channels.messenger.profile_command import profile_of
from bot.doctor.findings import Finding, examine
from bot.doctor.messenger import MessengerDoctor
from bot.event_log import EventLog
from bot.settings import BotSettings, read_bot_settings
from bot.simulator.messenger.account import Account
from bot.simulator.messenger.stand_in import MessengerStandIn
from knowledge.store import connect, import_entries, migrate, publish, transaction
from tests.bot.conftest import STROKE_ENTRY, LoopbackServer, make_entry
from tests.bot.running import served

ACCOUNT = Account()
SECRET_KEY = "test-" * 8
TLS = cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def _shared_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the certificates of this machine once: that takes most of a client's start."""
    monkeypatch.setattr("ssl.create_default_context", TLS)


@pytest.fixture(scope="session")
def filled_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a live release, of which two questions can be ice breakers."""
    file = tmp_path_factory.mktemp("doctor") / "citewell.db"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    symptoms = make_entry(id="flu-symptoms", question="What are the symptoms of the flu?")
    stress = {"slug": "stress", "title": "Stress", "aliases": ["stress"]}
    cope = make_entry(stress, id="stress-cope", question="How can I cope with stress?")
    with transaction(engine) as session:
        import_entries(session, [symptoms, cope, STROKE_ENTRY])
        publish(session, "test")
    engine.dispose()
    return file


@contextmanager
def serving(app: Flask) -> Iterator[int]:
    """Let an app answer on a free port for a while."""
    with served(app) as url:
        yield int(url.rpartition(":")[2])


@dataclass
class Installation:
    """What runs, and what it runs with.

    Attributes:
        env: its environment.
        meta: the stand-in of Messenger.
        engine: of its store.
    """

    env: dict[str, str]
    meta: MessengerStandIn
    engine: Engine

    @property
    def settings(self) -> BotSettings:
        """Its settings."""
        return read_bot_settings(self.env)

    def examine(
        self, address: str = "", tls: ssl.SSLContext | None = None, **env: str
    ) -> dict[str, Finding]:
        """Return what the doctor finds, by the names of its checks."""
        doctor = MessengerDoctor({**self.env, **env}, profile_of, address, tls)
        try:
            return {finding.check: finding for finding in examine(doctor.checks())}
        finally:
            doctor.close()

    def set_up(self) -> None:
        """Set the profile that is wanted."""
        self.meta.graph.set_profile(profile_of(self.settings))


def environment(folder: Path, port: int, actions_port: int, api_url: str) -> dict[str, str]:
    """Return the environment of an installation with a Page on Messenger."""
    return {
        "CITEWELL_DATA_DIR": str(folder),
        "CITEWELL_TRACKER_DIR": str(folder),
        "CITEWELL_SECRET_KEY": SECRET_KEY,
        "CITEWELL_PORT": str(port),
        "CITEWELL_ACTIONS_PORT": str(actions_port),
        "CITEWELL_MESSENGER_APP_SECRET": ACCOUNT.app_secret,
        "CITEWELL_MESSENGER_VERIFY_TOKEN": ACCOUNT.verify_token,
        "CITEWELL_MESSENGER_PAGE_TOKEN": ACCOUNT.page_token,
        "CITEWELL_MESSENGER_API_URL": f"{api_url}/v25.0",
    }


@pytest.fixture
def meta() -> Iterator[MessengerStandIn]:
    """The stand-in of Messenger."""
    with MessengerStandIn("http://127.0.0.1:9/webhooks/messenger", ACCOUNT) as started:
        yield started


@pytest.fixture
def site(meta: MessengerStandIn, engine: Engine, tmp_path: Path) -> Installation:
    """An installation that is set up at Meta, and whose processes do not run."""
    return Installation(environment(tmp_path, 9, 9, meta.url), meta, engine)


@pytest.fixture
def installation(
    start_app: Callable[..., Flask], loopback: LoopbackServer, site: Installation
) -> Iterator[Installation]:
    """An installation that runs, and in which all is well."""
    site.env["CITEWELL_ACTIONS_PORT"] = str(loopback.server.server_port)
    with serving(start_app(site.settings)) as port:
        site.env["CITEWELL_PORT"] = str(port)
        site.meta.webhook.url = f"http://127.0.0.1:{port}/webhooks/messenger"
        site.meta.graph.enter_webhook(site.meta.webhook.url)
        events = EventLog(site.engine)
        for process in ("worker", "messaging"):
            events.beat(process)
        yield site


@dataclass
class Spoken:
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Spoken]:
    """Run ``python -m bot`` in this process with an environment and something to read."""
    from bot.__main__ import main

    def speak(env: Mapping[str, str], *arguments: str, answers: str | None = None) -> Spoken:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", Typed(answers))
        capsys.readouterr()
        code = main(list(arguments))
        told = capsys.readouterr()
        return Spoken(code, told.out, told.err)

    return speak


class Typed(StringIO):
    """A terminal at which something is typed; a pipe where that is None."""

    def __init__(self, answers: str | None) -> None:
        super().__init__(answers or "")
        self._is_terminal = answers is not None

    def isatty(self) -> bool:
        """Tell whether somebody sits there."""
        return self._is_terminal


CANARIES = (ACCOUNT.app_secret, ACCOUNT.verify_token, ACCOUNT.page_token)
"""What nobody may ever read in an output."""
