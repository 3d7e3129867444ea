"""The stand-in of Telegram's Bot API: what it takes, what it refuses, and with which sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simulator.misbehaviour import UnknownFault
from bot.simulator.server import Call
from bot.simulator.stand_in import Listening
from bot.simulator.telegram.account import Account
from bot.simulator.telegram.bot_api import SENDS_PER_SECOND, TelegramBotApi
from bot.simulator.telegram.faults import FAULTS
from bot.simulator.telegram.stand_in import TelegramStandIn
from bot.simulator.transcript import Refused, Sent, Transcript
from tests.bot.simulator.conftest import Clock

RELAXED = settings(deadline=None)  # a busy machine is no fault
TOKEN = Account().bot_token
NOWHERE = "http://127.0.0.1:9/webhooks/telegram"
HTTPS = "https://chat.example.org/webhooks/telegram"


@pytest.fixture
def telegram(clock: Clock) -> Iterator[TelegramStandIn]:
    """Telegram, with nobody behind the webhook."""
    with TelegramStandIn(NOWHERE, listening=Listening(clock=clock, pauses=())) as started:
        yield started


@pytest.fixture
def kari(telegram: TelegramStandIn) -> str:
    """Somebody who has written to the bot."""
    person = telegram.new_person()
    telegram.bot_api.heard_from(person)
    return person


def call(telegram: TelegramStandIn, method: str, token: str = TOKEN, **body: Any) -> httpx.Response:
    url = f"{telegram.url}/bot{token}/{method}"
    headers = {"Content-Type": "application/json"}
    return httpx.post(url, content=json.dumps(body), headers=headers, timeout=5, trust_env=False)


def told(response: httpx.Response) -> tuple[int, str]:
    content = response.json()
    assert content["ok"] is False
    assert content["error_code"] == response.status_code
    return response.status_code, content["description"]


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [[button] for button in buttons]}


def button(**more: Any) -> dict[str, Any]:
    return {"text": "Flu", **more}


# Who calls


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (TOKEN[:-1], (401, "Unauthorized")),
        (TOKEN + "x", (401, "Unauthorized")),
        ("nonsense", (401, "Unauthorized: invalid token specified")),
    ],
)
def test_another_token_is_refused(
    telegram: TelegramStandIn, token: str, expected: tuple[int, str]
) -> None:
    assert told(call(telegram, "getMe", token)) == expected


def test_a_withdrawn_token_is_refused(telegram: TelegramStandIn) -> None:
    assert call(telegram, "getMe").json()["result"]["username"] == "citewell_simulated_bot"
    telegram.bot_api.is_withdrawn = True
    assert told(call(telegram, "getMe")) == (401, "Unauthorized")


def test_names_of_calls_may_be_written_in_any_case_but_must_exist(
    telegram: TelegramStandIn,
) -> None:
    assert call(telegram, "GETME").status_code == 200
    assert told(call(telegram, "sendPoem")) == (404, "Not Found: method not found")
    missing = httpx.get(f"{telegram.url}/getMe", trust_env=False)
    assert told(missing) == (404, "Not Found")


def test_a_form_will_do_as_well_as_json(telegram: TelegramStandIn, kari: str) -> None:
    form = {"chat_id": kari, "text": "hello", "link_preview_options": '{"is_disabled":true}'}
    url = f"{telegram.url}/bot{TOKEN}/sendMessage"
    assert httpx.post(url, data=form, trust_env=False).status_code == 200
    (sent,) = [line for line in telegram.transcript.lines() if isinstance(line, Sent)]
    assert sent.message["link_preview_options"] == {"is_disabled": True}


# Messages


def test_a_message_comes_back_as_it_was_sent(telegram: TelegramStandIn, kari: str) -> None:
    markup = keyboard(button(callback_data="s:flu"), button(url="https://www.cdc.gov/flu"))
    sent = call(telegram, "sendMessage", chat_id=int(kari), text="hello", reply_markup=markup)
    result = sent.json()["result"]
    assert (result["message_id"], result["text"]) == (1, "hello")
    assert result["chat"]["id"] == int(kari)
    assert result["reply_markup"] == markup
    assert result["from"]["is_bot"] is True


def test_each_chat_counts_its_own_messages(telegram: TelegramStandIn, kari: str) -> None:
    other = telegram.new_person()
    telegram.bot_api.heard_from(other)
    numbers = [
        call(telegram, "sendMessage", chat_id=person, text="x").json()["result"]["message_id"]
        for person in (kari, kari, other)
    ]
    assert numbers == [1, 2, 1]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, 'Field "text" must be of type String'),
        ({"text": ""}, "message text is empty"),
        ({"text": " \n"}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "\ud83e"}, "strings must be encoded in UTF-8"),
        ({"text": "x", "disable_web_page_preview": True}, "unknown parameters"),
        ({"text": "x", "link_preview_options": True}, "must be of type Object"),
        ({"text": "x", "link_preview_options": {"off": True}}, "unknown parameters off"),
        ({"text": "x", "reply_markup": {"keyboard": []}}, "unknown parameters keyboard"),
        ({"text": "x", "reply_markup": {"inline_keyboard": [{}]}}, "Array of Arrays"),
        ({"text": "x", "reply_markup": {"inline_keyboard": [["x"]]}}, "must be an Object"),
        ({"text": "x", "reply_markup": keyboard()}, "no buttons"),
        (
            {"text": "x", "reply_markup": keyboard(*[button(callback_data="x")] * 101)},
            "reply markup is too long",
        ),
        ({"text": "x", "reply_markup": keyboard(button())}, "Text buttons are unallowed"),
        (
            {"text": "x", "reply_markup": keyboard({"text": "", "callback_data": "x"})},
            "text buttons need a text",
        ),
        (
            {
                "text": "x",
                "reply_markup": keyboard(button(callback_data="x", url="https://who.int")),
            },
            "Text buttons are unallowed",
        ),
        ({"text": "x", "reply_markup": keyboard(button(callback_data=""))}, "BUTTON_DATA_INVALID"),
        (
            {"text": "x", "reply_markup": keyboard(button(callback_data="é" * 33))},
            "BUTTON_DATA_INVALID",
        ),
        (
            {"text": "x", "reply_markup": keyboard(button(url="tel:+4711311"))},
            "Unsupported URL protocol",
        ),
        ({"text": "x", "reply_markup": keyboard(button(url="https://"))}, "Wrong HTTP URL"),
        (
            {"text": "x", "reply_markup": keyboard(button(url="https://w w.int"))},
            "Wrong HTTP URL",
        ),
    ],
)
def test_what_telegram_would_not_take_is_refused(
    telegram: TelegramStandIn, kari: str, body: dict[str, Any], sentence: str
) -> None:
    status, description = told(call(telegram, "sendMessage", chat_id=kari, **body))
    assert status == 400
    assert sentence in description
    (refused,) = [line for line in telegram.transcript.lines() if isinstance(line, Refused)]
    assert refused.message == description


def test_a_message_with_a_wrong_token_is_kept_as_refused(
    telegram: TelegramStandIn, kari: str
) -> None:
    telegram.bot_api.is_withdrawn = True
    call(telegram, "getMe")
    assert told(call(telegram, "sendMessage", chat_id=kari, text="x")) == (401, "Unauthorized")
    (refused,) = telegram.transcript.lines()
    assert isinstance(refused, Refused)
    assert (refused.person, refused.code) == ("", 401)


@pytest.mark.parametrize(
    "body",
    [
        {"text": "x" * 4096},
        {"text": "😷" * 4096},
        {"text": "x", "reply_markup": keyboard(button(callback_data="é" * 32))},
        {"text": "x", "reply_markup": keyboard(*[button(callback_data="x")] * 100)},
    ],
)
def test_what_just_fits_is_taken(
    telegram: TelegramStandIn, kari: str, body: dict[str, Any]
) -> None:
    assert call(telegram, "sendMessage", chat_id=kari, **body).status_code == 200


@pytest.mark.parametrize("chat", [None, "", True, 1.5])
def test_a_chat_must_be_named(telegram: TelegramStandIn, chat: object) -> None:
    refused = call(telegram, "sendMessage", chat_id=chat, text="x")
    assert told(refused) == (400, "Bad Request: chat_id is empty")


def test_nobody_is_written_to_who_did_not_write_first_or_does_not_want_to(
    telegram: TelegramStandIn, kari: str
) -> None:
    stranger = call(telegram, "sendMessage", chat_id=int(telegram.new_person()), text="x")
    assert told(stranger) == (400, "Bad Request: chat not found")
    telegram.bot_api.block(kari)
    blocked = call(telegram, "sendMessage", chat_id=int(kari), text="x")
    assert told(blocked) == (403, "Forbidden: bot was blocked by the user")
    telegram.bot_api.block(kari, is_blocked=False)
    assert call(telegram, "sendMessage", chat_id=int(kari), text="x").status_code == 200
    telegram.bot_api.leave(kari)
    gone = call(telegram, "sendMessage", chat_id=int(kari), text="x")
    assert told(gone) == (403, "Forbidden: user is deactivated")


def test_too_many_messages_in_a_second_are_refused(
    telegram: TelegramStandIn, kari: str, clock: Clock
) -> None:
    for _ in range(SENDS_PER_SECOND):
        assert call(telegram, "sendMessage", chat_id=kari, text="x").status_code == 200
    refused = call(telegram, "sendMessage", chat_id=kari, text="x")
    assert told(refused) == (429, "Too Many Requests: retry after 1")
    assert refused.json()["parameters"] == {"retry_after": 1}
    clock.now += 1
    assert call(telegram, "sendMessage", chat_id=kari, text="x").status_code == 200


# Taps and typing


def test_a_tap_waits_until_it_is_answered_once(telegram: TelegramStandIn, kari: str) -> None:
    tap = telegram.write.tap(kari, "s:flu", None)
    telegram.note(tap)
    query = tap.part["id"]
    assert telegram.bot_api.waiting_taps == {query}
    assert call(telegram, "answerCallbackQuery", callback_query_id=query).json()["result"] is True
    again = call(telegram, "answerCallbackQuery", callback_query_id=query)
    assert "query is too old" in told(again)[1]


def test_a_tap_cannot_be_answered_for_ever(
    telegram: TelegramStandIn, kari: str, clock: Clock
) -> None:
    tap = telegram.write.tap(kari, "s:flu", None)
    telegram.note(tap)
    clock.now += 151
    late = call(telegram, "answerCallbackQuery", callback_query_id=tap.part["id"])
    assert "query is too old" in told(late)[1]


def test_typing_has_a_name(telegram: TelegramStandIn, kari: str) -> None:
    assert call(telegram, "sendChatAction", chat_id=kari, action="typing").status_code == 200
    assert call(telegram, "sendChatAction", chat_id=kari, action="thinking").status_code == 400


# The webhook


def test_the_webhook_is_told_without_its_secret(telegram: TelegramStandIn) -> None:
    secret = "s" * 20
    body = {
        "url": HTTPS,
        "secret_token": secret,
        "allowed_updates": ["message", "callback_query"],
        "max_connections": 8,
    }
    assert call(telegram, "setWebhook", **body).json() == {"ok": True, "result": True}
    info = call(telegram, "getWebhookInfo")
    assert info.json()["result"] == {
        "url": HTTPS,
        "has_custom_certificate": False,
        "pending_update_count": 0,
        "max_connections": 8,
        "ip_address": "127.0.0.1",
        "allowed_updates": ["callback_query", "message"],
    }
    assert secret not in info.text
    assert telegram.headers(b"")["X-Telegram-Bot-Api-Secret-Token"] == secret


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"url": "http://chat.example.org"}, "An HTTPS URL must be provided"),
        ({"url": "https://chat.example.org:8000"}, "only on ports 80, 88, 443 or 8443"),
        ({"url": "https://x y"}, "invalid webhook URL"),
        ({"url": HTTPS, "secret_token": "é"}, "unallowed characters"),
        ({"url": HTTPS, "secret_token": "x" * 257}, "unallowed characters"),
        ({"url": HTTPS, "max_connections": 101}, "max_connections"),
        ({"url": HTTPS, "allowed_updates": ["messages"]}, "allowed updates"),
        ({"url": HTTPS, "secret": "x"}, "unknown parameters secret"),
    ],
)
def test_a_webhook_that_telegram_would_not_take_is_refused(
    telegram: TelegramStandIn, body: dict[str, Any], sentence: str
) -> None:
    status, description = told(call(telegram, "setWebhook", **body))
    assert status == 400
    assert sentence in description
    assert telegram.bot_api.webhook.url == NOWHERE


def test_kinds_of_updates_that_are_not_named_stay_as_they_were(telegram: TelegramStandIn) -> None:
    before = telegram.bot_api.webhook.updates
    call(telegram, "setWebhook", url=HTTPS)
    assert telegram.bot_api.webhook.updates == before
    call(telegram, "setWebhook", url=HTTPS, allowed_updates=[])
    assert "message" in telegram.bot_api.webhook.updates
    assert "message_reaction" not in telegram.bot_api.webhook.updates
    assert "allowed_updates" not in call(telegram, "getWebhookInfo").json()["result"]


def test_without_a_webhook_nothing_is_delivered(telegram: TelegramStandIn, kari: str) -> None:
    assert len(telegram.send(telegram.write.text(kari, "hello"))) == 1
    call(telegram, "deleteWebhook", drop_pending_updates=True)
    assert call(telegram, "getWebhookInfo").json()["result"]["url"] == ""
    assert telegram.send(telegram.write.text(kari, "hello")) == ()


def test_what_was_not_taken_is_told(telegram: TelegramStandIn, kari: str, clock: Clock) -> None:
    telegram.send(telegram.write.text(kari, "hello"))
    info = call(telegram, "getWebhookInfo").json()["result"]
    assert info["pending_update_count"] == 1
    assert info["last_error_date"] == int(clock.now)
    assert "nothing listens" in info["last_error_message"]


def test_errors_are_forgotten_with_another_secret_and_not_with_the_same(
    telegram: TelegramStandIn,
) -> None:
    call(telegram, "setWebhook", url=HTTPS, secret_token="one")
    telegram.bot_api.not_delivered("Connection refused")
    for secret, is_told in (("one", True), ("two", False)):
        call(telegram, "setWebhook", url=HTTPS, secret_token=secret)
        info = call(telegram, "getWebhookInfo").json()["result"]
        assert ("last_error_message" in info) is is_told
        assert info["pending_update_count"] == 1


# What people see beside the chat


def test_commands_are_kept_per_language(telegram: TelegramStandIn) -> None:
    commands = [{"command": "help", "description": "What I can do"}]
    call(telegram, "setMyCommands", commands=commands)
    assert call(telegram, "getMyCommands").json()["result"] == commands
    assert call(telegram, "getMyCommands", language_code="no").json()["result"] == []
    call(telegram, "deleteMyCommands")
    assert call(telegram, "getMyCommands").json()["result"] == []


@pytest.mark.parametrize(
    "commands",
    [
        None,
        ["help"],
        [{"command": "Help", "description": "x"}],
        [{"command": "/help", "description": "x"}],
        [{"command": "h" * 33, "description": "x"}],
        [{"command": "help", "description": ""}],
        [{"command": "help", "description": "x" * 257}],
        [{"command": "help"}],
        [{"command": "help", "description": "x"}] * 101,
    ],
)
def test_commands_that_telegram_would_not_take_are_refused(
    telegram: TelegramStandIn, commands: object
) -> None:
    assert call(telegram, "setMyCommands", commands=commands).status_code == 400


@pytest.mark.parametrize(
    ("name", "key", "limit"),
    [("Description", "description", 512), ("ShortDescription", "short_description", 120)],
)
def test_descriptions_have_their_limits(
    telegram: TelegramStandIn, name: str, key: str, limit: int
) -> None:
    assert call(telegram, f"setMy{name}", **{key: "x" * limit}).status_code == 200
    assert call(telegram, f"getMy{name}").json()["result"] == {key: "x" * limit}
    assert call(telegram, f"setMy{name}", **{key: "x" * (limit + 1)}).status_code == 400
    assert call(telegram, f"setMy{name}", language_code="english").status_code == 400
    assert call(telegram, f"setMy{name}").status_code == 200
    assert call(telegram, f"getMy{name}").json()["result"] == {key: ""}


# Whatever comes

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats()
values = st.recursive(
    scalars | st.sampled_from(["5", HTTPS, "https://x:y", "https://[", "typing", "en"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["inline_keyboard", "text", "url", "callback_data", "command", "type"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
KEYS = (
    "chat_id",
    "text",
    "reply_markup",
    "link_preview_options",
    "action",
    "callback_query_id",
    "url",
    "secret_token",
    "allowed_updates",
    "max_connections",
    "commands",
    "scope",
    "language_code",
    "description",
    "short_description",
)
METHODS = (
    "sendMessage",
    "sendChatAction",
    "answerCallbackQuery",
    "setWebhook",
    "deleteWebhook",
    "setMyCommands",
    "getMyCommands",
    "setMyDescription",
    "getMyShortDescription",
)


@RELAXED
@given(
    method=st.sampled_from(METHODS),
    body=st.dictionaries(st.sampled_from(KEYS), values, max_size=4),
)
def test_no_parameters_make_the_stand_in_raise(method: str, body: dict[str, Any]) -> None:
    api = TelegramBotApi(Account(), Transcript())
    api.heard_from("5")
    headers = {"content-type": "application/json"}
    path = f"/bot{TOKEN}/{method}"
    found = api.answer(Call("POST", path, {}, headers, json.dumps(body).encode()))
    assert found.body["ok"] is (found.status == 200)


# What goes wrong


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in {"timeout", "slow"}])
def test_a_fault_happens_once_and_sends_only_where_it_says_so(
    telegram: TelegramStandIn, kari: str, name: str
) -> None:
    telegram.misbehaviour.next_calls(name)
    try:
        status = call(telegram, "sendMessage", chat_id=kari, text="x").status_code
    except httpx.RemoteProtocolError:
        status = 0
    assert status != 200
    sent = [line for line in telegram.transcript.lines() if isinstance(line, Sent)]
    assert len(sent) == (1 if FAULTS[name].means.startswith("Sent") else 0)
    assert call(telegram, "sendMessage", chat_id=kari, text="x").status_code == 200


def test_a_fault_of_messages_meets_no_other_call(telegram: TelegramStandIn, kari: str) -> None:
    telegram.misbehaviour.next_calls("500")
    assert call(telegram, "getMe").status_code == 200
    assert call(telegram, "sendChatAction", chat_id=kari, action="typing").status_code == 200
    assert call(telegram, "sendMessage", chat_id=kari, text="x").status_code == 500
    with pytest.raises(UnknownFault, match="429-long"):
        telegram.misbehaviour.next_calls("503")
