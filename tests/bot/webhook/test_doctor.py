"""What ``doctor webhook`` finds: all well with what runs, and each thing that can be wrong."""

from __future__ import annotations

import argparse
import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot.__main__ import parser
from bot.doctor.findings import Finding, examine
from bot.doctor.webhook import WebhookDoctor
from bot.event_log import EventLog
from bot.messaging.inbox import Inbox, Incoming
from bot.messaging.sealing import Sealer
from bot.settings import BotSettings, read_bot_settings
from bot.simulator.webhook.conformance import OTHER_KEY
from bot.simulator.webhook.stand_in import KEY as WRITTEN_KEY
from bot.simulator.webhook.stand_in import WebhookStandIn
from knowledge.schema import now
from tests.bot.conftest import LoopbackServer
from tests.bot.running import served
from tests.bot.webhook.conftest import CANARY

TLS = cache(ssl.create_default_context)
SECRET, REPLY_URL = "CITEWELL_WEBHOOK_SECRET", "CITEWELL_WEBHOOK_REPLY_URL"
BOTH = f"{OTHER_KEY} {WRITTEN_KEY}"


@dataclass
class Installation:
    """What runs, and the environment that it runs with."""

    env: dict[str, str]
    app: WebhookStandIn
    engine: Engine

    def examine(self, address: str = "", *, ping: bool = False, **env: str) -> dict[str, Finding]:
        """Return what the doctor finds, by the names of its checks."""
        doctor = WebhookDoctor({**self.env, **env}, address, ping=ping)
        try:
            return {finding.check: finding for finding in examine(doctor.checks())}
        finally:
            doctor.close()


@pytest.fixture
def installation(
    start_app: Callable[..., Flask],
    loopback: LoopbackServer,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Installation]:
    """An installation that runs, with an organisation's app behind it, and all is well."""
    monkeypatch.setattr("ssl.create_default_context", TLS)
    with WebhookStandIn("http://127.0.0.1:9/none") as app:
        env = {
            "CITEWELL_DATA_DIR": str(tmp_path),
            "CITEWELL_TRACKER_DIR": str(tmp_path),
            "CITEWELL_SECRET_KEY": "test-" * 8,
            "CITEWELL_ACTIONS_PORT": str(loopback.server.server_port),
            SECRET: WRITTEN_KEY,
            REPLY_URL: app.reply_url,
        }
        for process in ("worker", "messaging"):
            EventLog(engine).beat(process)
        with served(start_app(settings_of(env))) as url:
            yield Installation({**env, "CITEWELL_PORT": url.rpartition(":")[2]}, app, engine)


def settings_of(env: dict[str, str]) -> BotSettings:
    return read_bot_settings(env)


def levels(found: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.level for name, finding in found.items()}


def test_where_all_is_well_nothing_fails(installation: Installation) -> None:
    Inbox(installation.engine, Sealer("test-" * 8)).keep(
        [Incoming("webhook", "", "e1", "x", "text", now(), text=CANARY)]
    )
    port = installation.env["CITEWELL_PORT"]
    found = installation.examine(f"http://localhost:{port}", ping=True)
    assert levels(found) == {
        "settings": "ok",
        "keys": "ok",
        "web process": "ok",
        "parts": "ok",
        "webhook here": "ok",
        "public address": "warning",  # this machine only
        "certificate": "ok",
        "webhook from outside": "ok",
        "reply address": "ok",
        "ping": "ok",
        "events": "ok",
        "stuck or failed": "ok",
    }
    told = str(found)
    assert WRITTEN_KEY not in told
    assert CANARY not in told


def test_a_ping_is_posted_only_when_asked_for(installation: Installation) -> None:
    installation.app.misbehaviour.next_calls("500")
    assert installation.examine()["ping"].level == "skipped"
    asked = [installation.examine(ping=True)["ping"].level for _ in range(2)]
    assert asked == ["failed", "ok"], "the first one met what was to go wrong next"


def test_a_key_that_the_other_side_does_not_know_is_found(installation: Installation) -> None:
    found = installation.examine(ping=True, **{SECRET: OTHER_KEY})["ping"]
    assert "status_401" in found.found
    assert "compare the keys" in found.advice


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("401", "compare the keys"),
        ("404", "look at the path"),
        ("410", "wants nothing more"),
        ("302", "Redirects are not followed"),
        ("422", "Answer 2xx also to a type you do not know."),
        ("500", "Answer 2xx"),
    ],
)
def test_each_answer_to_a_ping_has_its_advice(
    installation: Installation, fault: str, advice: str
) -> None:
    installation.app.misbehaviour.next_calls(fault)
    found = installation.examine(ping=True)["ping"]
    assert found.level == "failed"
    assert fault in found.found
    assert advice in found.advice


@pytest.mark.parametrize(
    ("env", "check", "found"),
    [
        ({SECRET: ""}, "settings", f"not set: {SECRET}"),
        ({REPLY_URL: ""}, "settings", f"not set: {REPLY_URL}"),
        ({SECRET: "", REPLY_URL: ""}, "settings", f"{SECRET}, {REPLY_URL}"),
        ({SECRET: "whsec_x"}, "settings", "24 to 64 bytes"),
        ({f"{SECRET}_FILE": "/nowhere"}, "settings", SECRET),
        ({SECRET: BOTH}, "keys", "two"),
        ({SECRET: OTHER_KEY}, "webhook here", "refuses our signature"),
        ({"CITEWELL_PORT": "9"}, "web process", "nothing answers"),
        ({REPLY_URL: "http://127.0.0.1:9/x"}, "reply address", "cannot be reached"),
        ({REPLY_URL: "https://127.0.0.1:9/x"}, "reply address", "refuses the connection"),
        ({"CITEWELL_PUBLIC_URL": "http://127.0.0.1:9"}, "webhook from outside", "gave no answer"),
    ],
)
def test_what_is_wrong_is_found_with_what_to_do(
    installation: Installation, env: dict[str, str], check: str, found: str
) -> None:
    finding = installation.examine(**env)[check]
    assert finding.level in {"failed", "warning"}
    assert found in finding.found
    assert finding.advice


def test_two_keys_work_while_they_change(
    installation: Installation, start_app: Callable[..., Flask]
) -> None:
    both = {**installation.env, SECRET: BOTH}
    with served(start_app(settings_of(both))) as url:
        found = installation.examine(**{SECRET: BOTH, "CITEWELL_PORT": url.rpartition(":")[2]})
    assert found["webhook here"].level == "ok"


def test_a_web_process_from_before_knows_no_webhook(
    installation: Installation, start_app: Callable[..., Flask]
) -> None:
    before = replace(settings_of(installation.env), channels=type(read_none().channels)())
    with served(start_app(before)) as url:
        found = installation.examine(CITEWELL_PORT=url.rpartition(":")[2])
    assert "knows of no messaging platform" in found["parts"].found
    assert "there is no webhook at" in found["webhook here"].found


def read_none() -> BotSettings:
    return read_bot_settings({"CITEWELL_SECRET_KEY": "test-" * 8})


def test_without_an_address_it_is_not_looked_at(installation: Installation) -> None:
    found = installation.examine()
    assert found["public address"].level == "skipped"
    assert found["webhook from outside"].level == "skipped"


def test_the_command_tells_it_to_programs(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in installation.env.items():
        monkeypatch.setenv(name, value)
    args: argparse.Namespace = parser().parse_args(["doctor", "webhook", "--json"])
    assert args.run(args) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    monkeypatch.setenv(SECRET, OTHER_KEY)
    assert args.run(args) == 1
