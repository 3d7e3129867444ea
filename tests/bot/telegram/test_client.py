"""What is sent to Telegram, what its answers mean, and where the token never stands."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.telegram.calls import Calls, WithToken, _proxy
from bot.channels.telegram.client import LONG_SECONDS, BotApi, read_outcome
from bot.messaging.outbox import Outcome
from bot.simulator.telegram.stand_in import TelegramStandIn
from bot.simulator.transcript import Acted, Refused, Sent
from tests.bot.messaging.conftest import Lines
from tests.bot.telegram.conftest import ACCOUNT

RELAXED = settings(deadline=None)  # a busy machine is no fault
TOKEN = ACCOUNT.bot_token
PAYLOAD = {"text": "Flu spreads by droplets.", "link_preview_options": {"is_disabled": True}}
KEY = "k" * 32


@pytest.fixture
def api(telegram: TelegramStandIn) -> BotApi:
    """A client of the stand-in."""
    return BotApi(telegram.url, lambda: TOKEN)


def answering(*answers: Callable[[httpx.Request], httpx.Response]) -> BotApi:
    """Return a client whose network answers so, call by call."""
    left = list(answers)
    transport = httpx.MockTransport(lambda request: left.pop(0)(request))
    return BotApi("https://api.telegram.org", lambda: TOKEN, transport)


def failing(error: Exception) -> BotApi:
    """Return a client whose network fails so."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return answering(fail)


# Sending


def test_a_message_is_sent_and_named_with_its_chat(
    telegram: TelegramStandIn, api: BotApi, alice: str
) -> None:
    outcome = api.send(alice, PAYLOAD, KEY)
    assert outcome == Outcome("sent", message_id=f"{alice}:1")
    (sent,) = [line for line in telegram.transcript.lines() if isinstance(line, Sent)]
    assert (sent.person, sent.message) == (alice, PAYLOAD)


def test_the_first_messages_of_two_chats_have_different_names(
    telegram: TelegramStandIn, api: BotApi, alice: str
) -> None:
    bob = telegram.new_person()
    telegram.bot_api.heard_from(bob)
    names = {api.send(person, PAYLOAD, KEY).message_id for person in (alice, bob)}
    assert names == {f"{alice}:1", f"{bob}:1"}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("500", Outcome("unknown", "error_500")),
        ("502", Outcome("unknown", "status_502")),
        ("sent-but-error", Outcome("unknown", "error_500")),
        ("sent-but-dropped", Outcome("unknown", "RemoteProtocolError")),
        ("429", Outcome("waiting", "error_429", after=1.0)),
        ("429-long", Outcome("waiting", "error_429", after=30.0, holds=True)),
        ("401", Outcome("failed", "error_401", stops=True)),
        ("404", Outcome("failed", "error_404", stops=True)),
        ("403", Outcome("failed", "error_403_blocked")),
        ("403-gone", Outcome("failed", "error_403_deactivated")),
        ("400", Outcome("failed", "error_400_chat_not_found")),
        ("400-migrated", Outcome("failed", "error_400_migrated")),
    ],
)
def test_what_goes_wrong_has_its_outcome(
    telegram: TelegramStandIn, api: BotApi, alice: str, fault: str, expected: Outcome
) -> None:
    telegram.misbehaviour.next_calls(fault)
    assert api.send(alice, PAYLOAD, KEY) == expected


def test_who_blocked_the_bot_or_is_gone_cannot_be_reached(
    telegram: TelegramStandIn, api: BotApi, alice: str
) -> None:
    telegram.bot_api.block(alice)
    assert api.send(alice, PAYLOAD, KEY).code == "error_403_blocked"
    telegram.bot_api.leave(alice)
    assert api.send(alice, PAYLOAD, KEY).code == "error_403_deactivated"
    assert api.send("5000009999", PAYLOAD, KEY).code == "error_400_chat_not_found"


def test_a_withdrawn_token_stops_and_a_new_one_is_used_at_once(
    telegram: TelegramStandIn, alice: str
) -> None:
    token = ["6000000001:AAwithdrawn-withdrawn-withdrawn"]
    api = BotApi(telegram.url, lambda: token[0])
    assert api.send(alice, PAYLOAD, KEY) == Outcome("failed", "error_401", stops=True)
    token[0] = TOKEN
    assert api.credentials == TOKEN
    assert api.send(alice, PAYLOAD, KEY).state == "sent"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("no"), Outcome("waiting", "not_connected")),
        (httpx.ConnectTimeout("no"), Outcome("waiting", "not_connected")),
        (httpx.PoolTimeout("no"), Outcome("waiting", "not_connected")),
        (httpx.ProxyError("no"), Outcome("waiting", "not_connected")),
        (httpx.ReadTimeout("no"), Outcome("unknown", "timed_out")),
        (httpx.WriteTimeout("no"), Outcome("unknown", "timed_out")),
        (httpx.ReadError("no"), Outcome("unknown", "ReadError")),
    ],
)
def test_what_surely_did_not_leave_waits_and_all_else_is_unknown(
    error: Exception, expected: Outcome
) -> None:
    assert failing(error).send("5", PAYLOAD, KEY) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"", Outcome("unknown", "no_message_id")),
        (200, b"[]", Outcome("unknown", "no_message_id")),
        (200, b'{"ok":true,"result":true}', Outcome("unknown", "no_message_id")),
        (200, b'{"ok":true,"result":{"message_id":true}}', Outcome("unknown", "no_message_id")),
        (200, b'{"result":{"message_id":5}}', Outcome("unknown", "no_message_id")),
        (200, b'{"ok":false}', Outcome("unknown", "error_200")),
        (302, b"", Outcome("unknown", "status_302")),
        (403, b"<html>a proxy</html>", Outcome("failed", "status_403")),
        (404, b"<html>a proxy</html>", Outcome("failed", "status_404")),
        (408, b"", Outcome("unknown", "status_408")),
        (429, b"", Outcome("waiting", "status_429", holds=True)),
        (504, b"", Outcome("unknown", "status_504")),
        (429, b'{"ok":false,"error_code":429}', Outcome("waiting", "error_429")),
        (
            429,
            b'{"ok":false,"error_code":429,"parameters":{"retry_after":-3}}',
            Outcome("waiting", "error_429"),
        ),
        (
            429,
            b'{"ok":false,"error_code":429,"parameters":{"retry_after":10}}',
            Outcome("waiting", "error_429", after=10.0, holds=True),
        ),
        (
            429,
            b'{"ok":false,"parameters":{"retry_after":"soon"}}',
            Outcome("waiting", "error_429"),
        ),
        (421, b'{"ok":false,"error_code":421}', Outcome("failed", "error_421", stops=True)),
        (400, b'{"ok":false,"error_code":400,"description":5}', Outcome("failed", "error_400")),
        (
            400,
            b'{"ok":false,"description":"Bad Request: BUTTON_DATA_INVALID"}',
            Outcome("failed", "error_400_button_data"),
        ),
    ],
)
def test_an_answer_means(status: int, body: bytes, expected: Outcome) -> None:
    assert read_outcome(status, body, "5") == expected


@RELAXED
@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=40)
    | st.dictionaries(
        st.sampled_from(["ok", "error_code", "description", "parameters", "result"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.dictionaries(
            st.sampled_from(["retry_after", "message_id", "migrate_to_chat_id"]),
            st.integers() | st.text(max_size=3) | st.floats(),
        ),
    ).map(lambda content: json.dumps(content).encode()),
)
def test_whatever_is_answered_nothing_is_sent_twice(status: int, body: bytes) -> None:
    """Only what Telegram surely refused may wait: too many calls."""
    outcome = read_outcome(status, body, "5")
    if outcome.state == "waiting":
        assert outcome.code.endswith("429")
    assert 0 <= outcome.after <= 10**6
    assert not outcome.holds or outcome.after >= LONG_SECONDS or outcome.code == "status_429"


def test_half_an_emoji_is_refused_and_breaks_nothing(api: BotApi, alice: str) -> None:
    assert api.send(alice, {"text": "half \ud83e"}, KEY) == Outcome("failed", "error_400")


def test_a_chat_is_named_by_its_number() -> None:
    seen: list[Any] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json={"ok": True, "result": {"message_id": 9}})

    answering(keep).send("5000000042", PAYLOAD, KEY)
    assert seen == [{**PAYLOAD, "chat_id": 5000000042}]


# Showing activity


def test_typing_is_shown(telegram: TelegramStandIn, api: BotApi, alice: str) -> None:
    api.show_activity(alice, "")
    acted = [line.action for line in telegram.transcript.lines() if isinstance(line, Acted)]
    assert acted == ["typing_on"]
    assert telegram.bot_api.calls == ["sendchataction"]


def test_the_waiting_sign_of_a_tap_ends(telegram: TelegramStandIn, api: BotApi, alice: str) -> None:
    tap = telegram.write.tap(alice, "s:flu", None)
    telegram.note(tap)
    assert telegram.bot_api.waiting_taps == {tap.part["id"]}
    api.show_activity(alice, f"callback:{tap.part['id']}")
    assert telegram.bot_api.waiting_taps == frozenset()
    assert telegram.bot_api.calls == ["answercallbackquery", "sendchataction"]


def test_a_tap_that_is_too_old_does_no_harm(
    telegram: TelegramStandIn, api: BotApi, alice: str
) -> None:
    api.show_activity(alice, "callback:4711")
    assert telegram.bot_api.calls == ["answercallbackquery", "sendchataction"]
    assert not [line for line in telegram.transcript.lines() if isinstance(line, Refused)]


def test_without_a_network_showing_does_no_harm() -> None:
    failing(httpx.ConnectError("no")).show_activity("5", "callback:1")


# The token


def test_the_token_stands_in_the_address_that_leaves_and_nowhere_else(lines: Lines) -> None:
    left: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        left.append(request)
        return httpx.Response(200, json={"ok": True, "result": True})

    transport = httpx.MockTransport(keep)
    calls = Calls("https://api.telegram.org", lambda: TOKEN, transport)
    response = calls.post("getMe", {}, 1.0)
    assert str(left[0].url) == f"https://api.telegram.org/bot{TOKEN}/getMe"
    assert TOKEN not in str(response.request.url)
    assert any("HTTP Request: POST https://api.telegram.org/getMe" in raw for raw in lines.raw)
    assert not any(TOKEN in raw for raw in lines.raw)


@pytest.mark.parametrize("fault", [None, "500", "401", "sent-but-dropped"])
def test_no_log_at_any_level_has_the_token_whatever_happens(
    telegram: TelegramStandIn, api: BotApi, alice: str, lines: Lines, fault: str | None
) -> None:
    if fault:
        telegram.misbehaviour.next_calls(fault)
    api.show_activity(alice, "callback:1")
    api.send(alice, PAYLOAD, KEY)
    assert len(lines.raw) > 5  # httpx and httpcore do speak at this level
    assert logging.getLogger("httpx").getEffectiveLevel() == logging.DEBUG
    assert not any(TOKEN in raw or TOKEN.partition(":")[2] in raw for raw in lines.raw)


def test_no_error_has_the_token(telegram: TelegramStandIn) -> None:
    telegram.close()
    calls = Calls(telegram.url, lambda: TOKEN)
    with pytest.raises(httpx.ConnectError) as caught:
        calls.post("getMe", {}, 1.0)
    told = f"{caught.value!r} {caught.value.request.url} {caught.value.__cause__!r}"
    assert TOKEN not in told


def test_an_address_with_a_path_of_its_own_keeps_it() -> None:
    seen: list[str] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={})

    inner = httpx.MockTransport(keep)
    with httpx.Client(transport=WithToken(lambda: TOKEN, inner)) as client:
        client.post("https://proxy.example.org/telegram/getMe")
    assert seen == [f"https://proxy.example.org/telegram/bot{TOKEN}/getMe"]


# The way there


@pytest.mark.parametrize(
    ("env", "url", "expected"),
    [
        ({}, "https://api.telegram.org", None),
        ({"https_proxy": "http://proxy:3128"}, "https://api.telegram.org", "http://proxy:3128"),
        ({"all_proxy": "http://proxy:3128"}, "https://api.telegram.org", "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "http://127.0.0.1:9", None),
        (
            {"https_proxy": "http://proxy:3128", "no_proxy": "telegram.org"},
            "https://api.telegram.org",
            None,
        ),
    ],
)
def test_the_proxy_of_the_machine_is_used_for_the_internet_only(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], url: str, expected: str | None
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert _proxy(url) == expected
