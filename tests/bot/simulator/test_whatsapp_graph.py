"""The stand-in's Graph API for WhatsApp: whom it lets in, what it takes, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bot.simulator.meta.signature import signed
from bot.simulator.transcript import Acted, Refused, Sent
from bot.simulator.whatsapp.account import MANAGEMENT, MESSAGING
from bot.simulator.whatsapp.app import AppWebhook
from bot.simulator.whatsapp.faults import FAULTS
from bot.simulator.whatsapp.graph import PAIR_BURST, SENDS_PER_SECOND, NumberState
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn
from tests.bot.simulator.conftest import Clock
from tests.bot.simulator.small_bot import running
from tests.bot.simulator.whatsapp_bot import ACCOUNT, WhatsAppBot

ALICE = "15550100001"
NUMBER = ACCOUNT.phone_number_id


@pytest.fixture
def whatsapp_bot() -> Iterator[WhatsAppBot]:
    """A bot that repeats what it is told."""
    with running(WhatsAppBot()) as started:
        assert isinstance(started, WhatsAppBot)
        yield started


@pytest.fixture
def whatsapp(whatsapp_bot: WhatsAppBot, clock: Clock) -> Iterator[WhatsAppStandIn]:
    """WhatsApp, with the bot behind the webhook, and Alice who has written."""
    standin = WhatsAppStandIn(
        whatsapp_bot.url, ACCOUNT, clock=clock, pauses=(0.0, 0.0), receipts=True
    )
    with standin as started:
        whatsapp_bot.api_url = started.url
        started.graph.heard_from(ALICE, "wamid.in")
        yield started


def call(
    whatsapp: WhatsAppStandIn,
    method: str,
    path: str,
    token: str = ACCOUNT.access_token,
    body: dict[str, Any] | None = None,
    **query: str,
) -> httpx.Response:
    return httpx.request(
        method,
        f"{whatsapp.url}/v25.0/{path}",
        headers={"Authorization": f"Bearer {token}"} if token else {},
        params=query,
        json=body,
        trust_env=False,
        timeout=5,
    )


def send(whatsapp: WhatsAppStandIn, to: str = ALICE, **more: Any) -> httpx.Response:
    body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Hi"}}
    return call(whatsapp, "POST", f"{NUMBER}/messages", body={**body, **more})


def code(response: httpx.Response) -> int:
    return int(response.json()["error"]["code"])


def test_a_message_is_taken_as_documented(whatsapp: WhatsAppStandIn) -> None:
    answer = send(whatsapp, f"+{ALICE}").json()
    (sent,) = [line for line in whatsapp.transcript.lines() if isinstance(line, Sent)]
    assert answer == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": ALICE, "wa_id": ALICE}],
        "messages": [{"id": sent.mid}],
    }
    assert sent.mid.startswith("wamid.")
    assert sent.message == {"type": "text", "text": {"body": "Hi"}}


@pytest.mark.parametrize(
    ("token", "status"), [("", 2500), ("EAAwrong", 190), (f"{ACCOUNT.app_id}|wrong", 190)]
)
def test_a_wrong_token_is_refused(whatsapp: WhatsAppStandIn, token: str, status: int) -> None:
    assert code(call(whatsapp, "POST", f"{NUMBER}/messages", token, {})) == status


def test_a_proof_must_be_right_and_may_be_asked_for(whatsapp: WhatsAppStandIn) -> None:
    right = signed(ACCOUNT.app_secret, ACCOUNT.access_token.encode())
    path = f"{NUMBER}/messages"
    body = {
        "messaging_product": "whatsapp",
        "to": ALICE,
        "type": "text",
        "text": {"body": "Hi"},
    }

    def ask(**query: str) -> httpx.Response:
        return call(whatsapp, "POST", path, body=body, **query)

    assert ask(appsecret_proof=right).status_code == 200
    assert ask(appsecret_proof=right[:-1]).json()["error"]["message"].startswith("Invalid appsec")
    whatsapp.graph.needs_proof = True
    assert ask().status_code == 400
    assert ask(appsecret_proof=right).status_code == 200


def test_nobody_is_written_to_who_has_not_written(whatsapp: WhatsAppStandIn) -> None:
    assert code(send(whatsapp, "15550100999")) == 131026
    (refused,) = [one for one in whatsapp.transcript.lines() if isinstance(one, Refused)]
    assert (refused.person, refused.code) == ("15550100999", 131026)


def test_after_24_hours_the_window_is_closed(whatsapp: WhatsAppStandIn, clock: Clock) -> None:
    clock.now += 24 * 3600
    assert send(whatsapp).status_code == 200
    clock.now += 1
    assert code(send(whatsapp)) == 131047
    whatsapp.send(whatsapp.write.text(ALICE, "I am back"))
    assert send(whatsapp).status_code == 200


def test_one_person_gets_a_burst_and_then_one_message_in_six_seconds(
    whatsapp: WhatsAppStandIn, clock: Clock
) -> None:
    bob = "15550100002"
    whatsapp.graph.heard_from(bob, "wamid.bob")
    assert {send(whatsapp).status_code for _ in range(PAIR_BURST)} == {200}
    assert code(send(whatsapp)) == 131056
    assert send(whatsapp, bob).status_code == 200
    clock.now += 6
    assert send(whatsapp).status_code == 200
    assert code(send(whatsapp)) == 131056


def test_a_number_sends_so_many_messages_a_second(whatsapp: WhatsAppStandIn, clock: Clock) -> None:
    people = [str(15550100100 + n) for n in range(SENDS_PER_SECOND + 1)]
    for person in people:
        whatsapp.graph.heard_from(person, f"wamid.{person}")
    assert {send(whatsapp, person).status_code for person in people[:-1]} == {200}
    assert code(send(whatsapp, people[-1])) == 130429
    clock.now += 1.01
    assert send(whatsapp, people[-1]).status_code == 200


def test_only_a_message_to_the_number_can_be_marked_as_read(whatsapp: WhatsAppStandIn) -> None:
    path = f"{NUMBER}/messages"
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.in"}
    answer = call(whatsapp, "POST", path, body={**body, "typing_indicator": {"type": "text"}})
    assert answer.json() == {"success": True}
    signs = [line for line in whatsapp.transcript.lines() if isinstance(line, Acted)]
    assert [(sign.person, sign.action) for sign in signs] == [(ALICE, "read"), (ALICE, "typing_on")]
    assert code(call(whatsapp, "POST", path, body={**body, "message_id": "wamid.x"})) == 131009


def test_what_becomes_of_a_message_is_told(
    whatsapp: WhatsAppStandIn, whatsapp_bot: WhatsAppBot
) -> None:
    told: list[dict[str, Any]] = []
    take = whatsapp_bot.take

    def remember(body: bytes, signature: str) -> int:
        told.extend(httpx.Response(200, content=body).json()["entry"])
        return take(body, signature)

    whatsapp_bot.take = remember  # type: ignore[method-assign]
    send(whatsapp)
    wait_for(lambda: len(told) == 3)
    whatsapp.graph.lose(ALICE)
    assert send(whatsapp).status_code == 200
    wait_for(lambda: len(told) == 4)
    statuses = [entry["changes"][0]["value"]["statuses"][0] for entry in told]
    assert [one["status"] for one in statuses] == ["sent", "delivered", "read", "failed"]
    assert statuses[-1]["errors"][0]["code"] == 131026
    assert {one["recipient_id"] for one in statuses} == {ALICE}


def wait_for(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)


# What is told of number, account, app and token


def test_the_number_is_told_of(whatsapp: WhatsAppStandIn) -> None:
    fields = "verified_name,code_verification_status,quality_rating,display_phone_number"
    assert call(whatsapp, "GET", NUMBER, fields=fields).json() == {
        "id": NUMBER,
        "verified_name": ACCOUNT.verified_name,
        "code_verification_status": "VERIFIED",
        "quality_rating": "GREEN",
        "display_phone_number": ACCOUNT.display_phone_number,
    }
    whatsapp.graph.number = replace(NumberState(), quality_rating="RED")
    assert call(whatsapp, "GET", NUMBER, fields="quality_rating").json()["quality_rating"] == "RED"
    assert code(call(whatsapp, "GET", NUMBER, fields="poem")) == 100
    numbers = call(whatsapp, "GET", f"{ACCOUNT.waba_id}/phone_numbers").json()["data"]
    assert [one["id"] for one in numbers] == [NUMBER]
    assert code(call(whatsapp, "GET", "123")) == 100


def test_an_account_that_is_not_subscribed_sends_nothing(
    whatsapp: WhatsAppStandIn, whatsapp_bot: WhatsAppBot
) -> None:
    path = f"{ACCOUNT.waba_id}/subscribed_apps"
    data = call(whatsapp, "GET", path).json()["data"]
    assert data[0]["whatsapp_business_api_data"]["id"] == ACCOUNT.app_id
    assert call(whatsapp, "DELETE", path).json() == {"success": True}
    assert call(whatsapp, "GET", path).json() == {"data": []}
    assert whatsapp.send(whatsapp.write.text(ALICE, "Hello?")) == ()
    assert call(whatsapp, "POST", path, body={}).json() == {"success": True}
    assert len(whatsapp.send(whatsapp.write.text(ALICE, "Hello?"))) == 1
    whatsapp.graph.webhook = AppWebhook("https://x.example.org", ("account_update",))
    assert whatsapp.send(whatsapp.write.text(ALICE, "Hello?")) == ()


def test_the_token_is_told_of(whatsapp: WhatsAppStandIn) -> None:
    app_token = ACCOUNT.keys.app_token

    def ask(token: str) -> dict[str, Any]:
        answer = call(whatsapp, "GET", "debug_token", app_token, input_token=token)
        return dict(answer.json()["data"])

    data = ask(ACCOUNT.access_token)
    assert (data["is_valid"], data["type"], data["app_id"]) == (True, "SYSTEM_USER", ACCOUNT.app_id)
    assert {one["scope"]: one["target_ids"] for one in data["granular_scopes"]} == {
        MANAGEMENT: [ACCOUNT.waba_id],
        MESSAGING: [ACCOUNT.waba_id],
    }
    assert ask("EAAwrong")["is_valid"] is False
    whatsapp.graph.token = replace(whatsapp.graph.token, is_withdrawn=True)
    assert ask(ACCOUNT.access_token)["error"]["subcode"] == 460
    assert code(call(whatsapp, "GET", "debug_token", app_token)) == 100


def test_an_object_that_there_is_not_is_named(whatsapp: WhatsAppStandIn) -> None:
    told = call(whatsapp, "GET", "1234567890/phone_numbers").json()["error"]
    assert (told["code"], told["error_subcode"]) == (100, 33)
    assert "ID '1234567890' does not exist" in told["message"]
    told = call(whatsapp, "GET", f"{NUMBER}/poems").json()["error"]
    assert "ID 'poems' does not exist" in told["message"]


def test_only_the_app_itself_sees_where_events_go(whatsapp: WhatsAppStandIn) -> None:
    path = f"{ACCOUNT.app_id}/subscriptions"
    assert call(whatsapp, "GET", path).status_code == 400
    (told,) = call(whatsapp, "GET", path, ACCOUNT.keys.app_token).json()["data"]
    assert (told["object"], told["callback_url"]) == (
        "whatsapp_business_account",
        whatsapp.webhook.url,
    )
    whatsapp.graph.webhook = None
    assert call(whatsapp, "GET", path, ACCOUNT.keys.app_token).json() == {"data": []}
    assert call(whatsapp, "GET", "app").json()["id"] == ACCOUNT.app_id


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [(MESSAGING, "POST", f"{NUMBER}/messages"), (MANAGEMENT, "GET", NUMBER)],
)
def test_a_missing_permission_closes_a_call(
    whatsapp: WhatsAppStandIn, scope: str, method: str, path: str
) -> None:
    rest = tuple({MANAGEMENT, MESSAGING} - {scope})
    whatsapp.graph.token = replace(whatsapp.graph.token, scopes=rest)
    assert code(call(whatsapp, method, path, body={} if method == "POST" else None)) == 200


# What goes wrong


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"timeout", "slow"}))
def test_each_fault_goes_wrong_as_it_says(whatsapp: WhatsAppStandIn, name: str) -> None:
    fault = FAULTS[name]
    whatsapp.misbehaviour.next_calls(name)
    if fault.drops:
        with pytest.raises(httpx.HTTPError):
            send(whatsapp)
    else:
        assert send(whatsapp).status_code >= 400
    sent = [line for line in whatsapp.transcript.lines() if isinstance(line, Sent)]
    assert len(sent) == int(fault.processes)
    assert fault.means.startswith("Sent" if fault.processes else "Nothing is sent")
    assert send(whatsapp).status_code == 200


def test_a_fault_of_a_message_is_not_used_up_by_a_read_mark(whatsapp: WhatsAppStandIn) -> None:
    whatsapp.misbehaviour.next_calls("131000")
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.in"}
    assert call(whatsapp, "POST", f"{NUMBER}/messages", body=body).status_code == 200
    assert code(send(whatsapp)) == 131000
