"""What ``doctor whatsapp`` finds: in a right installation, and fault by fault, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot.doctor.findings import Finding, Level, examine
from bot.doctor.whatsapp import WhatsAppDoctor
from bot.event_log import EventLog
from bot.messaging.inbox import Inbox, Outgoing
from bot.messaging.outbox import Outbox, Outcome
from bot.messaging.sealing import Sealer
from bot.settings import read_bot_settings
from bot.simulator.whatsapp.account import MANAGEMENT, MESSAGING, system_user_token
from bot.simulator.whatsapp.app import AppWebhook
from bot.simulator.whatsapp.events import FIELDS
from bot.simulator.whatsapp.graph import NumberState
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn
from tests.bot.conftest import LoopbackServer
from tests.bot.messaging.conftest import SECRET_KEY
from tests.bot.running import QuietHandler, served
from tests.bot.whatsapp.conftest import ACCOUNT

PATH = "/webhooks/whatsapp"


@dataclass
class Site:
    """An installation with the stand-in in the place of Meta."""

    env: dict[str, str]
    meta: WhatsAppStandIn
    engine: Engine

    def examine(self, address: str = "", **env: str) -> dict[str, Finding]:
        """Return what the doctor finds, by the names of its checks."""
        doctor = WhatsAppDoctor({**self.env, **env}, address)
        try:
            return {finding.check: finding for finding in examine(doctor.checks())}
        finally:
            doctor.close()


@pytest.fixture
def site(
    start_app: Callable[..., Flask], engine: Engine, tmp_path: Path, loopback: LoopbackServer
) -> Iterator[Site]:
    """An installation that runs, and in which all is well."""
    with WhatsAppStandIn(f"http://127.0.0.1:9{PATH}", ACCOUNT) as meta:
        env = {
            "CITEWELL_DATA_DIR": str(tmp_path),
            "CITEWELL_TRACKER_DIR": str(tmp_path),
            "CITEWELL_SECRET_KEY": SECRET_KEY,
            "CITEWELL_ACTIONS_PORT": str(loopback.server.server_port),
            "CITEWELL_WHATSAPP_APP_SECRET": ACCOUNT.app_secret,
            "CITEWELL_WHATSAPP_VERIFY_TOKEN": ACCOUNT.verify_token,
            "CITEWELL_WHATSAPP_ACCESS_TOKEN": ACCOUNT.access_token,
            "CITEWELL_WHATSAPP_PHONE_NUMBER_ID": ACCOUNT.phone_number_id,
            "CITEWELL_WHATSAPP_API_URL": f"{meta.url}/v25.0",
        }
        with served(start_app(read_bot_settings(env)), QuietHandler) as address:
            env["CITEWELL_PORT"] = address.rpartition(":")[2]
            meta.graph.webhook = AppWebhook(address + PATH, FIELDS)
            for process in ("worker", "messaging"):
                EventLog(engine).beat(process)
            yield Site(env, meta, engine)


def test_all_is_well_and_no_secret_is_shown(site: Site) -> None:
    found = site.examine()
    levels = {finding.check: finding.level for finding in found.values()}
    expected = dict.fromkeys(levels, "ok")
    assert levels == {**expected, "public address": "warning", "events": "warning"}
    assert "Citewell (simulated), +1 555-010-0100; quality GREEN" in found["number"].found
    assert ACCOUNT.waba_id in found["account subscription"].found
    assert "no event has come yet" in found["events"].found
    told = " ".join(f"{one.found} {one.advice}" for one in found.values())
    for secret in (ACCOUNT.app_secret, ACCOUNT.verify_token, ACCOUNT.access_token):
        assert secret not in told


def has_token(**state: object) -> Callable[[WhatsAppStandIn], None]:
    """Return what changes the state of the token."""

    def change(meta: WhatsAppStandIn) -> None:
        meta.graph.token = replace(system_user_token(), **state)  # type: ignore[arg-type]

    return change


def has_number(**state: str) -> Callable[[WhatsAppStandIn], None]:
    """Return what changes the number."""

    def change(meta: WhatsAppStandIn) -> None:
        meta.graph.number = replace(NumberState(), **state)

    return change


def has_webhook(webhook: AppWebhook | None) -> Callable[[WhatsAppStandIn], None]:
    """Return what changes the app's webhook."""

    def change(meta: WhatsAppStandIn) -> None:
        meta.graph.webhook = webhook

    return change


def is_not_subscribed(meta: WhatsAppStandIn) -> None:
    meta.graph.is_subscribed = False


@pytest.mark.parametrize(
    ("happens", "check", "level", "found", "advice"),
    [
        (
            has_token(expires_at=1),
            "app",
            "failed",
            "code 190, subcode 463",
            "set CITEWELL_WHATSAPP_ACCESS_TOKEN",
        ),
        (has_token(is_withdrawn=True), "app", "failed", "code 190", "System users"),
        (
            has_token(expires_at=4_000_000_000, kind="USER"),
            "token details",
            "warning",
            "it ends on 2096",
            "for a system user, does not end",
        ),
        (has_token(kind="PAGE"), "token details", "failed", "kind PAGE", "a system user"),
        (
            has_token(scopes=(MANAGEMENT,)),
            "permissions",
            "failed",
            MESSAGING,
            "among its assets",
        ),
        (
            has_number(platform_type="NOT_APPLICABLE"),
            "number",
            "failed",
            "not registered",
            "/register",
        ),
        (has_number(quality_rating="RED"), "number", "warning", "quality RED", "Insights"),
        (
            has_number(code_verification_status="NOT_VERIFIED"),
            "number",
            "warning",
            "never verified",
            "WhatsApp Manager",
        ),
        (
            has_webhook(None),
            "webhook at Meta",
            "failed",
            "whatsapp_business_account",
            "Configuration: enter https://YOUR-ADDRESS/webhooks/whatsapp",
        ),
        (
            has_webhook(AppWebhook("https://x.example.org/other", FIELDS)),
            "webhook at Meta",
            "failed",
            "events go to https://x.example.org/other",
            "verify token",
        ),
        (
            has_webhook(AppWebhook(f"https://x.example.org{PATH}", ("account_update",))),
            "webhook at Meta",
            "failed",
            "fields missing: messages",
            "nothing that people write arrives",
        ),
        (
            is_not_subscribed,
            "account subscription",
            "failed",
            f"account {ACCOUNT.waba_id} is not subscribed",
            f"/{ACCOUNT.waba_id}/subscribed_apps",
        ),
    ],
)
def test_each_fault_at_meta_is_found_with_what_to_do(
    site: Site,
    happens: Callable[[WhatsAppStandIn], None],
    check: str,
    level: Level,
    found: str,
    advice: str,
) -> None:
    happens(site.meta)
    seen = site.examine()[check]
    assert (seen.level, found in seen.found) == (level, True), seen.found
    assert advice in seen.advice


@pytest.mark.parametrize(
    ("change", "check", "found", "advice"),
    [
        (
            {"CITEWELL_WHATSAPP_ACCESS_TOKEN": ""},
            "settings",
            "not set: CITEWELL_WHATSAPP_ACCESS_TOKEN",
            "System users",
        ),
        (
            {"CITEWELL_WHATSAPP_ACCESS_TOKEN": f"'{ACCOUNT.access_token}'"},
            "settings",
            "quotation mark",
            "Copy the value again",
        ),
        (
            {"CITEWELL_WHATSAPP_PHONE_NUMBER_ID": "+15550100100"},
            "settings",
            "CITEWELL_WHATSAPP_PHONE_NUMBER_ID",
            "docs/settings.md",
        ),
        (
            {"CITEWELL_WHATSAPP_PHONE_NUMBER_ID": "15550100100"},
            "number",
            "knows no number 15550100100",
            "and not the number itself",
        ),
        (
            {"CITEWELL_WHATSAPP_PHONE_NUMBER_ID": "15550100100"},
            "account subscription",
            f"none of the accounts {ACCOUNT.waba_id}",
            "assets",
        ),
        (
            {"CITEWELL_WHATSAPP_APP_SECRET": "0" * 32},
            "app",
            "appsecret_proof",
            "different apps",
        ),
        (
            {"CITEWELL_WHATSAPP_VERIFY_TOKEN": "another"},
            "webhook here",
            "refuses the verify token",
            "CITEWELL_WHATSAPP_VERIFY_TOKEN",
        ),
        ({"CITEWELL_PORT": "9"}, "web process", "nothing answers", "make run"),
    ],
)
def test_each_wrong_setting_is_found(
    site: Site, change: dict[str, str], check: str, found: str, advice: str
) -> None:
    seen = site.examine(**change)[check]
    assert (seen.level, found in seen.found) == ("failed", True), seen.found
    assert advice in seen.advice


def test_a_token_that_names_no_account_is_said_to_be_looked_at_by_hand(site: Site) -> None:
    site.meta.graph.names_accounts = False
    seen = site.examine()["account subscription"]
    assert seen.level == "skipped"
    assert "by hand" in seen.advice


def test_meta_that_cannot_be_reached_is_a_finding(site: Site) -> None:
    found = site.examine(CITEWELL_WHATSAPP_API_URL="http://127.0.0.1:9/v25.0")
    assert found["app"].level == "failed"
    assert found["number"].level == "skipped"
    assert found["events"].level == "warning", "what needs no Meta is looked at all the same"


def test_what_stands_in_the_store_is_told(site: Site) -> None:
    sealer = Sealer(SECRET_KEY)
    inbox, outbox = Inbox(site.engine, sealer), Outbox(site.engine, sealer)
    site.meta.send(site.meta.write.text("15550100777", "hello"))
    body = site.meta.body(site.meta.write.text("15550100777", "hello"))
    webhook = f"http://127.0.0.1:{site.env['CITEWELL_PORT']}{PATH}"
    site.meta.webhook.url = webhook
    assert site.meta.webhook.deliver(body)[-1].is_acknowledged
    claimed = inbox.claim()
    assert claimed is not None
    inbox.answer(claimed, "15550100777", [Outgoing({"type": "text"}, "r1")])
    departing = outbox.claim(["whatsapp"])
    assert departing is not None
    outbox.settle(departing, Outcome("failed", "error_190", stops=True))
    found = site.examine()
    assert found["events"].found.startswith("1 answered")
    assert "1 messages failed (error_190)" in found["stuck or failed"].found
    assert found["stuck or failed"].advice.startswith("docs/whatsapp.md")
    assert (found["sending"].level, "error_190" in found["sending"].found) == ("failed", True)


def test_the_command_tells_it_and_ends_with_1_where_something_failed(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bot.__main__ import main

    for name, value in site.env.items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert main(["doctor", "whatsapp"]) == 0
    assert "ok       number: Citewell (simulated)" in capsys.readouterr().out
    site.meta.graph.is_subscribed = False
    assert main(["doctor", "whatsapp", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"]
    assert "account subscription" in {c["check"] for c in told["checks"] if c["level"] == "failed"}
