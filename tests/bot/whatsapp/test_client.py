"""The calls of the Cloud API: their form, and what each answer means for the message."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.meta import appsecret_proof
from bot.channels.whatsapp.client import CloudApi, read_outcome
from bot.messaging.outbox import Outcome
from bot.simulator.transcript import Acted, Sent
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn
from tests.bot.whatsapp.conftest import ACCOUNT, PERSON

TEXT = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "type": "text",
    "text": {"preview_url": False, "body": "Fièvre & more 🤒"},
}
USER_ID = "US.13491208655302741918"


def client(url: str, transport: httpx.BaseTransport | None = None) -> CloudApi:
    token, number = ACCOUNT.access_token, ACCOUNT.phone_number_id
    return CloudApi(url, number, lambda: token, ACCOUNT.app_secret, transport)


@pytest.fixture
def whatsapp() -> Iterator[WhatsAppStandIn]:
    """The platform, and no bot behind the webhook."""
    with WhatsAppStandIn("http://127.0.0.1:9/webhooks/whatsapp", ACCOUNT) as started:
        yield started


def test_a_message_is_sent_to_a_number_or_to_a_user_id(whatsapp: WhatsAppStandIn) -> None:
    whatsapp.graph.needs_proof = True
    for person in (PERSON, USER_ID):
        whatsapp.graph.heard_from(person, "wamid.x")
        outcome = client(f"{whatsapp.url}/v25.0").send(person, TEXT, "key")
        sent = whatsapp.transcript.lines()[-1]
        assert isinstance(sent, Sent)
        assert (outcome.state, outcome.message_id) == ("sent", sent.mid)
        assert (sent.person, sent.message["text"]["body"]) == (person, "Fièvre & more 🤒")


def test_a_call_is_as_whatsapp_documents_it() -> None:
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200, json={"messages": [{"id": "wamid.1"}]})

    api = client("https://graph.example/v25.0", httpx.MockTransport(answer))
    api.send(PERSON, TEXT, "key")
    api.send(USER_ID, TEXT, "key")
    api.show_activity(PERSON, "wamid.2")
    assert [json.loads(call.content) for call in calls] == [
        {**TEXT, "to": PERSON},
        {**TEXT, "recipient": USER_ID},
        {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": "wamid.2",
            "typing_indicator": {"type": "text"},
        },
    ]
    for call in calls:
        assert call.method == "POST"
        assert call.url.path == f"/v25.0/{ACCOUNT.phone_number_id}/messages"
        assert call.headers["authorization"] == f"Bearer {ACCOUNT.access_token}"
        assert call.headers["content-type"] == "application/json"
        proof = appsecret_proof(ACCOUNT.access_token, ACCOUNT.app_secret)
        assert dict(call.url.params) == {"appsecret_proof": proof}, "no token in an address"


def test_a_message_is_marked_as_read_while_a_reply_is_written(whatsapp: WhatsAppStandIn) -> None:
    whatsapp.graph.heard_from(PERSON, "wamid.in")
    client(whatsapp.url).show_activity(PERSON, "wamid.in")
    lines = whatsapp.transcript.lines()
    assert [line.action for line in lines if isinstance(line, Acted)] == ["read", "typing_on"]


def test_an_announcement_that_cannot_be_made_holds_nothing_up(whatsapp: WhatsAppStandIn) -> None:
    api = client(whatsapp.url)
    api.show_activity(PERSON, "")
    assert whatsapp.transcript.lines() == ()
    whatsapp.misbehaviour.next_calls("sent-but-dropped", kind="action")
    api.show_activity(PERSON, "wamid.in")
    whatsapp.misbehaviour.next_calls("190", kind="action")
    api.show_activity(PERSON, "wamid.in")


def test_without_a_connection_it_is_tried_again() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert client(url).send(PERSON, TEXT, "key") == Outcome("waiting", "not_connected")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectTimeout("x"), Outcome("waiting", "not_connected")),
        (httpx.PoolTimeout("x"), Outcome("waiting", "not_connected")),
        (httpx.ProxyError("x"), Outcome("waiting", "not_connected")),
        (httpx.ReadTimeout("x"), Outcome("unknown", "timed_out")),
        (httpx.WriteTimeout("x"), Outcome("unknown", "timed_out")),
        (httpx.ReadError("x"), Outcome("unknown", "ReadError")),
        (httpx.RemoteProtocolError("x"), Outcome("unknown", "RemoteProtocolError")),
    ],
)
def test_how_a_call_breaks_decides_whether_it_is_made_again(
    error: Exception, outcome: Outcome
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    api = client("https://graph.example", httpx.MockTransport(fail))
    assert api.send(PERSON, TEXT, "key") == outcome


def refused(code: object, status: int = 400, after: float = 0.0) -> Outcome:
    error = {"message": "No.", "type": "OAuthException", "code": code, "fbtrace_id": "x"}
    return read_outcome(status, json.dumps({"error": error}).encode(), after)


@pytest.mark.parametrize(("code", "status"), [(190, 401), (102, 401), (0, 401)])
def test_a_refused_token_stops_everything(code: int, status: int) -> None:
    assert refused(code, status) == Outcome("failed", f"error_{code}", stops=True)


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80007, 130429, 429])
def test_too_many_calls_hold_everybody(code: int) -> None:
    found = refused(code, 429) if code == 429 else refused(code)
    assert (found.state, found.holds, found.stops) == ("waiting", True, False)


@pytest.mark.parametrize(
    "code", [3, 10, 200, 299, 33, 368, 131005, 131031, 131037, 131042, 131045, 131048, 133010]
)
def test_what_is_wrong_with_the_account_holds_everybody_for_a_quarter_of_an_hour(
    code: int,
) -> None:
    for status in (400, 403, 500):
        found = refused(code, status)
        assert found == Outcome("waiting", f"error_{code}", after=900.0, holds=True)


def test_too_many_messages_to_one_person_hold_nobody_else() -> None:
    assert refused(131056) == Outcome("waiting", "error_131056", after=6.0)
    assert refused(131057, 500) == Outcome("waiting", "error_131057", after=60.0, holds=True)


def test_a_closed_window_is_too_late() -> None:
    assert refused(131047) == Outcome("late", "error_131047")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (1, 400),
        (2, 503),
        (131000, 400),
        (131000, 500),
        (131016, 400),
        (131016, 503),
        (999, 500),
        (0, 400),
        (None, 400),
        ("x", 400),
    ],
)
def test_what_may_have_arrived_is_unknown(code: object, status: int) -> None:
    assert refused(code, status).state == "unknown"


@pytest.mark.parametrize(
    "code", [100, 131008, 131009, 131021, 131026, 131030, 131049, 131051, 131062, 130472, 130497]
)
def test_what_can_never_be_sent_fails(code: int) -> None:
    assert refused(code) == Outcome("failed", f"error_{code}")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"messages": [{"id": "wamid.1"}]}, Outcome("sent", message_id="wamid.1")),
        (200, {"messages": []}, Outcome("unknown", "no_message_id")),
        (200, {"messages": [{"id": 7}]}, Outcome("unknown", "no_message_id")),
        (200, {"success": True}, Outcome("unknown", "no_message_id")),
        (200, [], Outcome("unknown", "no_message_id")),
        (400, {}, Outcome("failed", "status_400")),
        (502, "<html>", Outcome("unknown", "status_502")),
        (302, {}, Outcome("unknown", "status_302")),
    ],
)
def test_other_answers_mean_what_their_status_says(
    status: int, body: object, outcome: Outcome
) -> None:
    assert read_outcome(status, json.dumps(body).encode()) == outcome


@pytest.mark.parametrize(
    ("header", "after"), [("30", 30.0), ("", 0.0), ("soon", 0.0), ("-1", 0.0), ("9" * 9, 0.0)]
)
def test_whatsapp_says_how_long_to_wait(header: str, after: float) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"retry-after": header} if header else {})

    api = client("https://graph.example", httpx.MockTransport(answer))
    found = api.send(PERSON, TEXT, "key")
    assert found == Outcome("waiting", "status_429", after=after, holds=True)
    assert refused(131056, after=30.0).after == 30.0
    assert refused(200, after=30.0).after == 900.0


@given(st.integers(100, 599), st.binary(max_size=30) | st.from_regex(rb'\{"error": .{0,9}\}'))
def test_any_answer_has_an_outcome(status: int, body: bytes) -> None:
    found = read_outcome(status, body)
    assert found.state != "sent"
    assert found.code
    if status >= 500 and b"code" not in body:
        assert found.state == "unknown"


def test_no_secret_is_shown_by_what_holds_it() -> None:
    api: Any = client("https://graph.example")
    assert ACCOUNT.access_token not in repr(api)
    assert api.credentials == ACCOUNT.access_token
