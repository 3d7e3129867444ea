"""``doctor telegram``: what it finds here, on the way and at Telegram, and what it advises."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot.channels.telegram.profile import properties_of, read_words
from bot.doctor.findings import Finding, examine
from bot.doctor.telegram import TelegramDoctor
from bot.event_log import EventLog
from bot.messaging.inbox import Inbox, Incoming
from bot.messaging.sealing import Sealer
from bot.settings import read_bot_settings
from bot.simulator.telegram.bot_api import WebhookState
from bot.simulator.telegram.stand_in import TelegramStandIn
from knowledge.schema import OutboxMessage, now
from knowledge.store import transaction
from tests.bot.conftest import LoopbackServer
from tests.bot.doctor.conftest import Spoken, run, serving
from tests.bot.telegram.conftest import ACCOUNT

__all__ = ["run"]
SECRET_KEY = "test-" * 8
HERE = ("web process", "parts", "webhook here")


@dataclass
class Installation:
    """What runs, and what it runs with."""

    env: dict[str, str]
    telegram: TelegramStandIn
    engine: Engine

    def examine(self, address: str = "", **env: str) -> dict[str, Finding]:
        """Return what the doctor finds, by the names of its checks."""
        doctor = TelegramDoctor({**self.env, **env}, address)
        try:
            return {finding.check: finding for finding in examine(doctor.checks())}
        finally:
            doctor.close()


@pytest.fixture
def site(telegram: TelegramStandIn, engine: Engine, tmp_path: Path) -> Installation:
    """An installation that is set up at Telegram, and whose processes do not run."""
    env = {
        "CITEWELL_DATA_DIR": str(tmp_path),
        "CITEWELL_TRACKER_DIR": str(tmp_path),
        "CITEWELL_SECRET_KEY": SECRET_KEY,
        "CITEWELL_PORT": "9",
        "CITEWELL_ACTIONS_PORT": "9",
        "CITEWELL_TELEGRAM_BOT_TOKEN": ACCOUNT.bot_token,
        "CITEWELL_TELEGRAM_WEBHOOK_SECRET": ACCOUNT.webhook_secret,
        "CITEWELL_TELEGRAM_API_URL": telegram.url,
    }
    for one, value in properties_of("en", read_words()).items():
        if one.key == "commands":
            telegram.bot_api.profile.methods["setmycommands"]({"commands": value})
        else:
            telegram.bot_api.profile.texts[one.key, ""] = str(value)
    return Installation(env, telegram, engine)


@pytest.fixture
def installation(
    start_app: Callable[..., Flask], loopback: LoopbackServer, site: Installation
) -> Iterator[Installation]:
    """An installation that runs, and in which all is well."""
    site.env["CITEWELL_ACTIONS_PORT"] = str(loopback.server.server_port)
    with serving(start_app(read_bot_settings(site.env))) as port:
        site.env["CITEWELL_PORT"] = str(port)
        public = f"http://127.0.0.1:{port}"
        site.env["CITEWELL_PUBLIC_URL"] = public
        api = site.telegram.bot_api
        api.webhook = replace(api.webhook, url=f"{public}/webhooks/telegram")
        events = EventLog(site.engine)
        for process in ("worker", "messaging"):
            events.beat(process)
        yield site


def keep(engine: Engine, name: str) -> int:
    """Keep an event, and return the id of its row."""
    event = Incoming("telegram", "6000000001", name, "7", "text", now(), text="private words")
    Inbox(engine, Sealer(SECRET_KEY)).keep([event])
    with transaction(engine) as session:
        return int(session.connection().exec_driver_sql("SELECT max(id) FROM inbox_event").scalar())


def fail(engine: Engine, code: str) -> None:
    """Keep a message that Telegram refused with a code."""
    row = OutboxMessage(
        inbox_id=keep(engine, "1:1"),
        place=0,
        platform="telegram",
        account="6000000001",
        conversation_key="k" * 32,
        sealed=b"",
        state="failed",
        code=code,
    )
    with transaction(engine) as session:
        session.add(row)


def test_where_all_is_well_it_says_so(installation: Installation) -> None:
    keep(installation.engine, "1:1")
    found = installation.examine()
    levels = {name: finding.level for name, finding in found.items()}
    assert levels.pop("public address") == "warning"  # on this machine there is no https
    assert set(levels.values()) == {"ok"}, found
    assert "@citewell_simulated_bot (6000000001)" in found["bot token"].found
    assert "1 waiting, the last one" in found["events"].found


def test_no_secret_is_ever_shown(installation: Installation) -> None:
    told = "".join(f"{one.found}{one.advice}" for one in installation.examine().values())
    for secret in (ACCOUNT.bot_token, ACCOUNT.bot_token.partition(":")[2], ACCOUNT.webhook_secret):
        assert secret not in told
    assert f"…{ACCOUNT.webhook_secret[-4:]}" in told


def test_a_missing_setting_is_named_with_where_it_is_found(site: Installation) -> None:
    found = site.examine(CITEWELL_TELEGRAM_BOT_TOKEN="", CITEWELL_TELEGRAM_WEBHOOK_SECRET="")
    assert found["settings"].level == "failed"
    assert "CITEWELL_TELEGRAM_BOT_TOKEN" in found["settings"].found
    assert "BotFather on Telegram: /mybots" in found["settings"].advice
    assert {one.level for name, one in found.items() if name != "settings"} == {"skipped"}


def test_a_token_that_was_copied_badly_is_told(site: Installation) -> None:
    found = site.examine(CITEWELL_TELEGRAM_BOT_TOKEN=f'"{ACCOUNT.bot_token}"')
    assert found["settings"].level == "failed"
    assert "quotation mark" in found["settings"].found


def test_processes_that_do_not_run_are_told(site: Installation) -> None:
    found = site.examine()
    assert found["web process"].level == "failed"
    assert found["webhook here"].level == "skipped"
    assert found["bot token"].level == "ok"


def test_a_web_process_with_another_secret_is_told(installation: Installation) -> None:
    found = installation.examine(CITEWELL_TELEGRAM_WEBHOOK_SECRET="another-secret")["webhook here"]
    assert (found.level, "refuses the secret" in found.found) == ("failed", True)
    assert "start Citewell anew" in found.advice


def test_a_web_process_that_knows_no_telegram_is_told(
    start_app: Callable[..., Flask], site: Installation
) -> None:
    without = {k: v for k, v in site.env.items() if "TELEGRAM" not in k}
    with serving(start_app(read_bot_settings(without))) as port:
        found = site.examine(CITEWELL_PORT=str(port))
    assert "no webhook at" in found["webhook here"].found
    assert "knows of no messaging platform" in found["parts"].found


def test_the_look_at_the_webhook_leaves_nothing_behind(installation: Installation) -> None:
    installation.examine()
    assert "no event has come yet" in installation.examine()["events"].found


def test_a_withdrawn_token_is_told_with_the_screen(installation: Installation) -> None:
    installation.telegram.bot_api.is_withdrawn = True
    found = installation.examine()
    assert found["bot token"].level == "failed"
    assert "BotFather shows it: /mybots, your bot, API Token" in found["bot token"].advice
    for name in ("webhook at Telegram", "deliveries", "commands and descriptions"):
        assert found[name].level == "skipped"
    for name in HERE:
        assert found[name].level == "ok"


def test_nobody_at_the_other_end_is_told(installation: Installation) -> None:
    found = installation.examine(CITEWELL_TELEGRAM_API_URL="http://127.0.0.1:9")["bot token"]
    assert (found.level, "No connection to 127.0.0.1" in found.found) == ("failed", True)
    assert "port 443" in found.advice


def test_no_webhook_and_another_one_are_told(installation: Installation) -> None:
    api = installation.telegram.bot_api
    api.webhook = replace(api.webhook, url="")
    found = installation.examine()["webhook at Telegram"]
    assert (found.level, found.found) == ("failed", "no webhook is set, so no update comes")
    assert "bot setup telegram" in found.advice
    api.webhook = replace(api.webhook, url=f"https://old.example.org/{ACCOUNT.bot_token}")
    found = installation.examine()["webhook at Telegram"]
    assert found.level == "failed"
    assert "updates go to https://old.example.org/…, not to http://127.0.0.1" in found.found


def test_a_kind_of_update_that_is_missing_is_told_with_what_is_lost(
    installation: Installation,
) -> None:
    api = installation.telegram.bot_api
    api.webhook = replace(api.webhook, updates=frozenset({"message", "message_reaction"}))
    found = installation.examine()["kinds of updates"]
    assert (found.level, found.found) == (
        "failed",
        "not asked for: callback_query: taps on buttons do not arrive",
    )
    api.webhook = replace(api.webhook, updates=WebhookState().updates)
    found = installation.examine()["kinds of updates"]
    assert (found.level, "message_reaction" in found.found) == ("warning", True)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("Wrong response from the webhook: 403 Forbidden", "another secret than is set here"),
        ("Wrong response from the webhook: 404 Not Found", "does not pass /webhooks/ on"),
        ("Wrong response from the webhook: 503 Service Unavailable", "log/web.log"),
        ("Wrong response from the webhook: 301 Moved Permanently", "follows no redirect"),
        ("Connection refused", "Nothing listens at the public address"),
        ("Connection timed out", "firewall"),
        ("SSL error {error:0A000086:certificate verify failed}", "whole chain"),
        ("Read timeout expired", "too late"),
        ("Something new", "webhook from outside"),
    ],
)
def test_deliveries_that_fail_are_told_with_what_helps(
    installation: Installation, error: str, advice: str
) -> None:
    api = installation.telegram.bot_api
    api.not_delivered(error)
    found = installation.examine()["deliveries"]
    when = r"(just now|\d+ seconds? ago)"
    told = rf"1 updates wait; the last failure {when}: {re.escape(error)}"
    assert found.level == "failed"
    assert re.fullmatch(told, found.found)
    assert advice in found.advice
    api.webhook = replace(api.webhook, pending=0)
    found = installation.examine()["deliveries"]
    assert (found.level, found.advice.startswith("All came since.")) == ("warning", True)
    assert advice in found.advice
    api.webhook = replace(api.webhook, error_at=api.webhook.error_at - 25 * 3600)
    found = installation.examine()["deliveries"]
    assert (found.level, "the last failure 1 day ago" in found.found) == ("ok", True)


def test_updates_that_pile_up_are_told(installation: Installation) -> None:
    api = installation.telegram.bot_api
    api.webhook = replace(api.webhook, pending=19)
    assert installation.examine()["deliveries"].level == "ok"
    api.webhook = replace(api.webhook, pending=20)
    assert installation.examine()["deliveries"].level == "warning"


@pytest.mark.parametrize(
    ("address", "level", "said"),
    [
        ("https://chat.example.org:8000", "failed", "port 8000"),
        ("https://chat.example.org:8443", "ok", "chat.example.org:8443"),
        ("http://chat.example.org", "failed", "is not https"),
        ("chat", "failed", "is no address"),
    ],
)
def test_an_address_that_telegram_would_not_call_is_told(
    site: Installation, address: str, level: str, said: str
) -> None:
    found = site.examine(address)["public address"]
    assert (found.level, said in found.found) == (level, True)


def test_an_address_of_this_machine_is_not_to_be_tried_with_a_phone(
    installation: Installation,
) -> None:
    found = installation.examine("http://127.0.0.1:9")["webhook from outside"]
    assert (found.level, found.advice) == ("warning", "Does Citewell listen on that port?")


def test_words_that_are_not_as_wanted_are_told(installation: Installation) -> None:
    installation.telegram.bot_api.profile.texts["description", ""] = "Shoes"
    found = installation.examine()["commands and descriptions"]
    assert (found.level, found.found) == ("warning", "not as wanted: description")
    assert "bot setup telegram" in found.advice


def test_sending_that_was_stopped_by_a_token_is_told(installation: Installation) -> None:
    fail(installation.engine, "error_401")
    found = installation.examine()
    assert found["sending"].level == "failed"
    assert "error_401" in found["sending"].found
    assert "1 messages failed (error_401)" in found["stuck or failed"].found
    assert "docs/telegram.md" in found["stuck or failed"].advice


def test_the_command_ends_with_1_where_something_failed_and_has_a_form_for_machines(
    run: Callable[..., Spoken], installation: Installation
) -> None:
    done = run(installation.env, "doctor", "telegram")
    assert done.code == 0, done.out
    assert "ok       bot token: @citewell_simulated_bot" in done.out
    installation.telegram.bot_api.is_withdrawn = True
    done = run(installation.env, "doctor", "telegram", "--json")
    assert done.code == 1
    content = json.loads(done.out)
    assert content["ok"] is False
    assert [one["check"] for one in content["checks"] if one["level"] == "failed"] == ["bot token"]
