"""``setup telegram``: webhook, commands and descriptions, written over HTTP to the stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.telegram.calls import Calls, TelegramProblem
from bot.channels.telegram.events import COMMANDS, START
from bot.channels.telegram.profile import properties_of, read_words, shown_url
from bot.replies import ReplyFileError
from bot.simulator.telegram.bot_api import WebhookState
from bot.simulator.telegram.stand_in import TelegramStandIn
from tests.bot.doctor.conftest import Spoken, run
from tests.bot.telegram.conftest import ACCOUNT

__all__ = ["run"]

Run = Callable[..., Spoken]
SETUP = ("setup", "telegram")
PUBLIC = "https://chat.example.org"
URL = f"{PUBLIC}/webhooks/telegram"


@pytest.fixture
def env(telegram: TelegramStandIn, tmp_path: Path) -> dict[str, str]:
    """The environment of an installation whose bot is known to nobody yet."""
    telegram.bot_api.webhook = WebhookState()
    return {
        "CITEWELL_DATA_DIR": str(tmp_path),
        "CITEWELL_PUBLIC_URL": PUBLIC,
        "CITEWELL_TELEGRAM_BOT_TOKEN": ACCOUNT.bot_token,
        "CITEWELL_TELEGRAM_WEBHOOK_SECRET": ACCOUNT.webhook_secret,
        "CITEWELL_TELEGRAM_API_URL": telegram.url,
    }


def writes(telegram: TelegramStandIn) -> list[str]:
    return [name for name in telegram.bot_api.calls if name.startswith(("set", "delete"))]


def test_it_shows_what_differs_asks_writes_reads_back_and_says_what_is_next(
    run: Run, env: dict[str, str], telegram: TelegramStandIn
) -> None:
    done = run(env, *SETUP, answers="y\n")
    assert done.code == 0, done
    assert done.out.startswith(
        "Bot: @citewell_simulated_bot, https://t.me/citewell_simulated_bot\n"
    )
    assert f"--- webhook, now\n+++ webhook, wanted\n@@ -0,0 +1,6 @@\n+url: {URL}\n" in done.out
    assert "+- command: forget\n+  description: Delete this conversation\n" in done.out
    assert "+I am a chatbot, not a doctor." in done.out
    assert "Written: webhook.\nWritten: commands.\n" in done.out
    assert "Read back: all is as it should be." in done.out
    webhook = telegram.bot_api.webhook
    assert (webhook.url, webhook.secret) == (URL, ACCOUNT.webhook_secret)
    assert webhook.updates == {"message", "callback_query", "message_reaction"}
    for secret in (ACCOUNT.bot_token, ACCOUNT.webhook_secret):
        assert secret not in done.out + done.err


def test_a_second_time_there_is_nothing_to_change(
    run: Run, env: dict[str, str], telegram: TelegramStandIn
) -> None:
    assert run(env, *SETUP, "--yes").code == 0
    before = writes(telegram)
    done = run(env, *SETUP)
    assert (done.code, done.out.splitlines()[1:]) == (
        0,
        ["Nothing to change: Telegram knows all that it should."],
    )
    assert writes(telegram) == before


def test_only_what_differs_is_written(
    run: Run, env: dict[str, str], telegram: TelegramStandIn
) -> None:
    run(env, *SETUP, "--yes")
    telegram.bot_api.profile.texts["description", ""] = "Shoes"
    telegram.bot_api.calls.clear()
    done = run(env, *SETUP, "--yes")
    assert "-Shoes\n+I am a chatbot" in done.out
    assert writes(telegram) == ["setmydescription"]


@pytest.mark.parametrize("answers", ["n\n", "\n", "", "yess\n", None])
def test_without_a_yes_nothing_is_written(
    run: Run, env: dict[str, str], telegram: TelegramStandIn, answers: str | None
) -> None:
    done = run(env, *SETUP, answers=answers)
    assert done.code == 1
    assert done.out.endswith("Nothing was written.\n")
    assert ("give --yes to write this" in done.out) is (answers is None)
    assert writes(telegram) == []


def test_a_changed_secret_is_written_when_asked_for_or_when_deliveries_are_refused(
    run: Run, env: dict[str, str], telegram: TelegramStandIn
) -> None:
    """Telegram never tells the secret, so that nobody can see by it whether it differs."""
    run(env, *SETUP, "--yes")
    changed = {**env, "CITEWELL_TELEGRAM_WEBHOOK_SECRET": "another-secret"}
    assert "Nothing to change" in run(changed, *SETUP, "--yes").out
    done = run(changed, *SETUP, "--yes", "--again")
    assert "webhook: is as it should be, as far as can be seen" in done.out
    assert telegram.bot_api.webhook.secret == "another-secret"
    telegram.bot_api.not_delivered("Wrong response from the webhook: 403 Forbidden")
    done = run(env, *SETUP, "--yes")
    assert "updates are refused: Wrong response from the webhook: 403 Forbidden" in done.out
    assert telegram.bot_api.webhook.secret == ACCOUNT.webhook_secret


def test_another_program_s_webhook_is_shown_without_the_token_that_many_have_in_it(
    run: Run, env: dict[str, str], telegram: TelegramStandIn
) -> None:
    telegram.bot_api.webhook = WebhookState(f"https://old.example.org/{ACCOUNT.bot_token}")
    done = run(env, *SETUP, "--yes")
    assert "-url: https://old.example.org/…\n" in done.out
    assert f"+url: {URL}\n" in done.out
    assert ACCOUNT.bot_token not in done.out
    assert telegram.bot_api.webhook.url == URL


def test_remove_deletes_the_webhook_and_nothing_else(
    run: Run, env: dict[str, str], telegram: TelegramStandIn
) -> None:
    run(env, *SETUP, "--yes")
    texts = dict(telegram.bot_api.profile.texts)
    refused = run(env, *SETUP, "--remove", answers="n\n")
    assert (refused.code, telegram.bot_api.webhook.url) == (1, URL)
    done = run({**env, "CITEWELL_PUBLIC_URL": ""}, *SETUP, "--remove", "--yes")
    assert done.code == 0, done
    assert f"-url: {URL}" in done.out
    assert telegram.bot_api.webhook.url == ""
    assert telegram.bot_api.profile.texts == texts
    again = run(env, *SETUP, "--remove")
    assert (again.code, "there is no webhook" in again.out) == (0, True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"CITEWELL_PUBLIC_URL": ""}, "CITEWELL_PUBLIC_URL: Telegram needs the https address"),
        (
            {"CITEWELL_TELEGRAM_BOT_TOKEN": "", "CITEWELL_TELEGRAM_WEBHOOK_SECRET": ""},
            "CITEWELL_TELEGRAM_BOT_TOKEN",
        ),
        ({"CITEWELL_TELEGRAM_WEBHOOK_SECRET": ""}, "CITEWELL_TELEGRAM_WEBHOOK_SECRET"),
        ({"CITEWELL_TELEGRAM_API_URL": "ftp://x"}, "CITEWELL_TELEGRAM_API_URL"),
    ],
)
def test_a_missing_setting_is_named(
    run: Run, env: dict[str, str], telegram: TelegramStandIn, change: dict[str, str], named: str
) -> None:
    if change == {"CITEWELL_PUBLIC_URL": ""}:
        change["CITEWELL_TELEGRAM_API_URL"] = "https://api.telegram.org"
    done = run({**env, **change}, *SETUP, "--yes")
    assert done.code == 1
    assert done.err.startswith(named)
    assert telegram.bot_api.calls == []


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("401", "BotFather shows it: /mybots"),
        ("500", "That is Telegram's own trouble"),
        ("429", "wait a minute"),
        ("502", "That is Telegram's own trouble"),
        ("sent-but-dropped", "Can this machine reach api.telegram.org"),
    ],
)
def test_a_refusal_is_explained(
    run: Run, env: dict[str, str], telegram: TelegramStandIn, fault: str, advice: str
) -> None:
    telegram.misbehaviour.next_calls(fault, kind="other")
    done = run(env, *SETUP, "--yes")
    assert done.code == 1
    assert advice in done.err
    assert ACCOUNT.bot_token not in done.out + done.err


def test_what_telegram_does_not_keep_is_told(
    run: Run, env: dict[str, str], telegram: TelegramStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = dict(telegram.bot_api.webhook.told())
    monkeypatch.setattr(WebhookState, "told", lambda _: told)
    done = run(env, *SETUP, "--yes")
    assert done.code == 1
    assert "yet tells something else of: webhook." in done.out


def test_nobody_at_the_other_end_is_told(telegram: TelegramStandIn) -> None:
    telegram.close()
    calls = Calls(telegram.url, lambda: ACCOUNT.bot_token)
    with pytest.raises(TelegramProblem, match=r"No connection to 127\.0\.0\.1") as caught:
        calls.result("getMe", {}, 1.0)
    assert caught.value.status == 0
    assert ACCOUNT.bot_token not in str(caught.value)


def test_a_sentence_of_somebody_else_has_no_token_and_one_line() -> None:
    said = f"Bad\nRequest: {ACCOUNT.bot_token}" + "x" * 1000

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"ok": False, "description": said})

    calls = Calls(
        "https://api.telegram.org", lambda: ACCOUNT.bot_token, httpx.MockTransport(answer)
    )
    with pytest.raises(TelegramProblem) as caught:
        calls.result("getMe", {}, 1.0)
    assert ACCOUNT.bot_token not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


# Words


def test_the_words_name_every_command_and_are_taken_by_telegram(
    telegram: TelegramStandIn,
) -> None:
    words = read_words()
    assert set(words["en"].commands) == {START, *COMMANDS}
    calls = Calls(telegram.url, lambda: ACCOUNT.bot_token)
    for one, value in properties_of("en", words).items():
        body = {one.key: value, "language_code": one.language}
        assert calls.result(f"set{one.method}", body, 2.0) is True


def test_the_chat_s_language_is_everybody_s_and_others_have_their_own() -> None:
    words = {"en": read_words()["en"], "nb": read_words()["en"]}
    found = {one.name: one.language for one in properties_of("en", words)}
    assert found["commands"] == ""
    assert found["short description (nb)"] == "nb"
    with pytest.raises(ReplyFileError, match=r"profile_words/de\.yml"):
        properties_of("de", words)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"description": "x" * 513}, "description"),
        ({"short_description": "x" * 121}, "short_description"),
        ({"short_description": ""}, "short_description"),
        ({"commands": {"start": "x"}}, "commands"),
        ({"commands": {**dict.fromkeys((START, *COMMANDS), "x"), "poem": "x"}}, "commands"),
        ({"greeting": "x"}, "greeting"),
    ],
)
def test_words_that_telegram_would_not_take_are_named(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    good = read_words()["en"].model_dump()
    (tmp_path / "en.yml").write_text(json.dumps({**good, **change}), encoding="utf-8")
    with pytest.raises(ReplyFileError, match=rf"en\.yml: {named}"):
        read_words(tmp_path)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, URL),
        ("https://h/123:abc", "https://h/…"),
        ("https://user:pass@h/x", "https://h/…"),
        (f"{URL}?token=x", "https://chat.example.org/…"),
    ],
)
def test_of_a_foreign_address_only_the_host_is_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
