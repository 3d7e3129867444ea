"""What ``doctor messenger`` finds on its own machine: settings, processes, webhook, store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, request
from sqlalchemy.engine import Engine

from bot.channel_settings import ChannelSettings, MessengerSettings
from bot.messaging.inbox import Inbox, Incoming
from bot.messaging.sealing import Sealer
from knowledge.schema import Heartbeat, InboxEvent, OutboxMessage, now
from knowledge.settings import ROOT
from knowledge.store import transaction
from tests.bot.conftest import LoopbackServer, ScriptedRasa
from tests.bot.doctor.conftest import ACCOUNT, CANARIES, SECRET_KEY, Installation, serving

APP_SECRET, PAGE_TOKEN = "CITEWELL_MESSENGER_APP_SECRET", "CITEWELL_MESSENGER_PAGE_TOKEN"


def event(name: str, **more: object) -> Incoming:
    """Return something that somebody said."""
    fields = {"person": "7", "kind": "text", "said_at": now(), "text": "private words", **more}
    return Incoming(platform="messenger", account="1", event_id=name, **fields)


def keep(engine: Engine, *events: Incoming) -> None:
    """Put events into the inbox."""
    Inbox(engine, Sealer(SECRET_KEY)).keep(events)


def message(inbox_id: int, state: str, code: str = "", **more: object) -> OutboxMessage:
    """Return a row of the outbox."""
    return OutboxMessage(
        inbox_id=inbox_id,
        place=0,
        platform="messenger",
        account="1",
        conversation_key="k" * 32,
        sealed=b"",
        state=state,
        code=code,
        **more,
    )


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "found", "advice"),
    [
        ({APP_SECRET: ""}, f"not set: {APP_SECRET}", "App settings > Basic > App secret"),
        ({PAGE_TOKEN: " "}, f"not set: {PAGE_TOKEN}", "Generate access tokens"),
        (
            {"CITEWELL_MESSENGER_VERIFY_TOKEN": ""},
            "not set: CITEWELL_MESSENGER_VERIFY_TOKEN",
            "make one up",
        ),
        (
            {APP_SECRET: "", PAGE_TOKEN: ""},
            f"not set: {APP_SECRET}, {PAGE_TOKEN}",
            "Generate access tokens",
        ),
        (
            {PAGE_TOKEN: f'"{ACCOUNT.page_token}"'},
            f"a quotation mark is in {PAGE_TOKEN}",
            "Copy the value again",
        ),
        (
            {PAGE_TOKEN: f"{ACCOUNT.page_token[:9]} {ACCOUNT.page_token[9:]}"},
            f"a quotation mark is in {PAGE_TOKEN}",
            "Copy the value again",
        ),
        ({f"{PAGE_TOKEN}_FILE": "/nowhere/token"}, f"{PAGE_TOKEN}_FILE: cannot", "readable"),
        (
            {"CITEWELL_MESSENGER_API_URL": "http://graph.example.org"},
            "CITEWELL_MESSENGER_API_URL: needs an address",
            "docs/settings.md",
        ),
        ({"CITEWELL_SECRET_KEY": "short"}, "CITEWELL_SECRET_KEY: needs 32", "docs/settings.md"),
    ],
)
def test_a_wrong_setting_is_named_and_where_its_value_is(
    site: Installation, env: dict[str, str], found: str, advice: str
) -> None:
    findings = site.examine(**env)
    assert findings["settings"].level == "failed"
    assert found in findings["settings"].found
    assert advice in findings["settings"].advice
    assert {f.level for name, f in findings.items() if name != "settings"} == {"skipped"}
    assert not [secret for secret in CANARIES if secret in str(findings)]


def test_of_a_secret_the_last_letters_are_shown(site: Installation) -> None:
    told = site.examine()["settings"]
    assert told.level == "ok"
    assert f"{PAGE_TOKEN} …{ACCOUNT.page_token[-4:]}" in told.found


def test_of_a_short_secret_nothing_is_shown(site: Installation) -> None:
    told = site.examine(CITEWELL_MESSENGER_VERIFY_TOKEN="short-one")["settings"]
    assert "VERIFY_TOKEN …," in told.found


# --- processes ------------------------------------------------------------------------------------


def test_where_all_runs_all_is_well(installation: Installation) -> None:
    installation.set_up()
    found = installation.examine()
    levels = {name: finding.level for name, finding in found.items() if finding.level != "ok"}
    assert levels == {"public address": "warning", "events": "warning"}
    assert found["parts"].found == ("ready: rasa, actions, database, release, worker, messaging")
    assert found["webhook here"].found.startswith("takes the verify token, and refuses")
    assert "does the handshake in 0." in found["webhook from outside"].found
    with transaction(installation.engine) as session:  # looking leaves nothing behind
        assert session.scalar(sa.select(sa.func.count()).select_from(InboxEvent)) == 0


def test_a_web_process_that_is_not_there(site: Installation) -> None:
    found = site.examine()
    assert found["web process"].level == "failed"
    assert "nothing answers at http://127.0.0.1:9" in found["web process"].found
    assert "make run" in found["web process"].advice
    assert found["parts"].level == found["webhook here"].level == "skipped"
    assert found["page token"].level == "ok"


def test_another_program_on_the_port(site: Installation, loopback: LoopbackServer) -> None:
    found = site.examine(CITEWELL_PORT=str(loopback.server.server_port))["web process"]
    assert found.level == "failed"
    assert "is not Citewell" in found.found


def test_parts_that_are_not_ready_are_named(installation: Installation, rasa: ScriptedRasa) -> None:
    rasa.is_up = False
    with transaction(installation.engine) as session:
        session.execute(
            sa.update(Heartbeat)
            .where(Heartbeat.process == "messaging")
            .values(at=now() - timedelta(hours=1))
        )
    found = installation.examine()["parts"]
    assert (found.level, found.found) == ("failed", "not ready: rasa, messaging")
    assert "log/rasa.log" in found.advice
    assert "process messaging is not alive" in found.advice


def test_an_app_that_was_started_before_messenger_was_set_up(
    start_app: Callable[..., Flask], site: Installation
) -> None:
    with serving(start_app(replace(site.settings, channels=ChannelSettings()))) as port:
        found = site.examine(CITEWELL_PORT=str(port))
    assert found["parts"].level == "failed"
    assert "start Citewell anew" in found["parts"].advice
    assert found["webhook here"].level == "failed"
    assert "there is no webhook at" in found["webhook here"].found


def test_an_app_that_was_started_with_another_verify_token(
    start_app: Callable[..., Flask], site: Installation
) -> None:
    other = MessengerSettings(ACCOUNT.app_secret, "another", ACCOUNT.page_token, site.meta.url)
    channels = ChannelSettings(messenger=other)
    with serving(start_app(replace(site.settings, channels=channels))) as port:
        found = site.examine(CITEWELL_PORT=str(port))["webhook here"]
    assert found.level == "failed"
    assert "refuses the verify token" in found.found
    assert "CITEWELL_MESSENGER_VERIFY_TOKEN" in found.advice


def test_a_webhook_that_lets_everybody_in(site: Installation) -> None:
    careless = Flask("careless")
    careless.add_url_rule("/healthz", "health", lambda: {"status": "ok"})
    careless.add_url_rule(
        "/webhooks/messenger",
        endpoint="webhook",
        view_func=lambda: request.args.get("hub.challenge", ""),
        methods=["GET", "POST"],
    )
    with serving(careless) as port:
        found = site.examine(CITEWELL_PORT=str(port))["webhook here"]
    assert found.level == "failed"
    assert found.found.startswith("a wrong verify token and a delivery without a signature is not")


# --- the store ------------------------------------------------------------------------------------


def test_before_the_first_event_it_says_how_to_try(site: Installation) -> None:
    found = site.examine()
    assert found["events"].level == "warning"
    assert "Write to the Page" in found["events"].advice
    assert found["stuck or failed"].level == "ok"
    assert found["sending"].found == "nothing was sent yet"


def test_events_are_told_by_their_age(site: Installation) -> None:
    keep(site.engine, event("1"), event("2"), event("3"))
    with transaction(site.engine) as session:
        first, second, third = session.scalars(sa.select(InboxEvent).order_by(InboxEvent.id))
        first.state, first.received_at = "answered", now() - timedelta(hours=3, minutes=5)
        second.state, second.received_at = "answered", now() - timedelta(minutes=2, seconds=5)
        third.state, third.received_at = "failed", now() - timedelta(days=2)
        third.code = "ValueError"
        third.platform = "messenger"
    keep(site.engine, replace(event("4"), platform="telegram"))
    found = site.examine()
    assert found["events"].found == (
        "2 answered, the last one 2 minutes ago; 1 failed, the last one 2 days ago"
    )
    assert found["events"].level == "ok"
    assert found["stuck or failed"].level == "warning"
    assert found["stuck or failed"].found == "1 events failed (ValueError)"
    assert "docs/messenger.md" in found["stuck or failed"].advice
    assert "private words" not in str(found)


def test_what_is_stuck_is_counted_by_its_code(site: Installation) -> None:
    keep(site.engine, event("1"))
    with transaction(site.engine) as session:
        row = session.scalars(sa.select(InboxEvent)).one()
        row.received_at = now() - timedelta(minutes=5)
        for state, code in (("unknown", "timed_out"), ("unknown", "timed_out"), ("sent", "")):
            session.add(message(row.id, state, code))
    assert site.examine()["stuck or failed"].found == (
        "1 events waiting; 2 messages unknown (timed_out)"
    )


def test_sending_that_a_refused_token_stopped_is_told_until_something_is_sent(
    site: Installation,
) -> None:
    keep(site.engine, event("1"))
    with transaction(site.engine) as session:
        row_id = session.scalars(sa.select(InboxEvent.id)).one()
        refused = message(row_id, "failed", "error_190_463")
        # Whatever the machine has to do before it is looked at.
        refused.created_at = now() + timedelta(minutes=1)
        session.add(refused)
    found = site.examine()["sending"]
    assert found.level == "failed"
    assert found.found == "stopped just now by error_190_463"
    assert PAGE_TOKEN in found.advice
    with transaction(site.engine) as session:
        sent_at = now() - timedelta(minutes=1, seconds=1)
        session.add(message(row_id, "sent", sent_at=sent_at))
    found = site.examine()["sending"]
    assert (found.level, found.found) == ("ok", "the last message was sent 1 minute ago")


def test_a_store_that_is_not_there_is_a_finding_and_is_not_made(
    site: Installation, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    found = site.examine(DATABASE_URL=f"sqlite:///{elsewhere}")
    for name in ("events", "stuck or failed", "sending", "profile"):
        assert found[name].level == "failed"
        assert str(elsewhere) in found[name].found
    assert not elsewhere.exists()


def test_a_store_without_tables_is_a_finding(site: Installation, tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    found = site.examine(DATABASE_URL=f"sqlite:///{empty}")
    assert found["events"].found == "the store cannot be read (OperationalError)"
    assert found["events"].level == "failed"


# --- the command ----------------------------------------------------------------------------------


def doctor(env: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "doctor", "messenger", *options],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_tells_line_by_line_and_ends_well(installation: Installation) -> None:
    installation.set_up()
    done = doctor(installation.env)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok       settings: CITEWELL_MESSENGER_APP_SECRET …")
    assert "ok       page token: Page Citewell (simulated) (100000000000001)" in lines
    assert "warning  events: no event has come yet" in lines
    assert lines[-1] == "16 ok, 2 warning"
    assert (done.returncode, done.stderr) == (0, "")
    assert not [secret for secret in CANARIES if secret in done.stdout]


def test_the_command_fails_where_something_failed(site: Installation) -> None:
    done = doctor(site.env, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["ok"] is False
    by_name = {check["check"]: check for check in told["checks"]}
    assert set(by_name["web process"]) == {"check", "level", "found", "advice"}
    assert by_name["web process"]["level"] == "failed"
    assert by_name["parts"]["level"] == "skipped"
    assert done.stderr == ""


def test_without_settings_the_command_names_them(tmp_path: Path) -> None:
    done = doctor({"CITEWELL_DATA_DIR": str(tmp_path), "CITEWELL_SECRET_KEY": SECRET_KEY})
    assert done.returncode == 1
    assert APP_SECRET in done.stdout.splitlines()[0]
    assert done.stderr == ""
