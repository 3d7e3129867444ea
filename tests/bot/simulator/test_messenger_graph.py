"""The Graph API of the stand-in: tokens, sends, profile, subscription, and going wrong."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bot.simulator.messenger.faults import FAULTS
from bot.simulator.messenger.graph import SENDS_PER_SECOND, WINDOW_SECONDS
from bot.simulator.messenger.profile import PROFILE_CALLS
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.transcript import Acted, Refused, Sent
from tests.bot.simulator.conftest import ACCOUNT, Clock
from tests.bot.simulator.small_bot import APP_SECRET, PAGE_TOKEN, SmallBot

TOKEN = {"access_token": PAGE_TOKEN}


class Graph:
    """A client of the stand-in."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=5)

    def __call__(self, method: str, path: str, **more: Any) -> Any:
        """Call with the page's token; return the body."""
        response = self.client.request(method, path, **{"params": TOKEN, **more})
        return response.json()

    def code(self, method: str, path: str, **more: Any) -> tuple[int, int | None]:
        """Call, and return code and subcode of the refusal."""
        error = self(method, path, **more)["error"]
        assert set(error) - {"error_subcode"} == {"message", "type", "code", "fbtrace_id"}
        return error["code"], error.get("error_subcode")

    def send(self, person: str, text: str = "Hello.", **more: Any) -> httpx.Response:
        """Send a text."""
        body = message_to(person, text)
        return self.client.post("/v25.0/me/messages", params=TOKEN, json=body | more)


def message_to(person: str, text: str = "Hello.") -> dict[str, Any]:
    return {"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": {"text": text}}


@pytest.fixture
def graph(messenger: MessengerStandIn) -> Any:
    made = Graph(messenger.url)
    yield made
    made.client.close()


def test_a_message_is_taken_and_kept_with_its_time(
    graph: Graph, messenger: MessengerStandIn, alice: str, clock: Clock
) -> None:
    body = graph.send(alice).json()
    assert body == {"recipient_id": alice, "message_id": body["message_id"]}
    (sent,) = messenger.transcript.lines()
    assert sent == Sent(alice, body["message_id"], {"text": "Hello."}, clock.now)


@pytest.mark.parametrize("path", ["/me/messages", "/v26.0/100000000000001/messages"])
def test_the_page_has_two_names_and_needs_no_version(graph: Graph, alice: str, path: str) -> None:
    assert graph("POST", path, json=message_to(alice))["recipient_id"] == alice


def test_the_token_may_come_in_address_header_or_body(graph: Graph, alice: str) -> None:
    body = message_to(alice)
    for given in (
        {"params": TOKEN, "json": body},
        {"params": {}, "headers": {"Authorization": f"Bearer {PAGE_TOKEN}"}, "json": body},
        {"params": {}, "json": body | TOKEN},
    ):
        assert "message_id" in graph("POST", "/me/messages", **given)


def test_a_form_is_read_like_json(graph: Graph, alice: str) -> None:
    form = {
        "recipient": f'{{"id": "{alice}"}}',
        "messaging_type": "RESPONSE",
        "message": '{"text": "Hello."}',
    }
    assert "message_id" in graph("POST", "/me/messages", data=form)
    assert "message_id" in graph("POST", "/me/messages", params=form | TOKEN)


def test_a_sender_action_has_no_message_id(
    graph: Graph, messenger: MessengerStandIn, alice: str
) -> None:
    body = {"recipient": {"id": alice}, "sender_action": "typing_on"}
    assert graph("POST", "/me/messages", json=body) == {"recipient_id": alice}
    (line,) = messenger.transcript.lines()
    assert isinstance(line, Acted)
    assert line.action == "typing_on"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, (2500, None)),
        ({"access_token": "wrong"}, (190, None)),
        ({"access_token": "é"}, (190, None)),
    ],
)
def test_without_the_right_token_nothing_is_taken(
    graph: Graph, alice: str, params: dict[str, str], code: tuple[int, int | None]
) -> None:
    assert graph.code("POST", "/me/messages", params=params, json=message_to(alice)) == code


def test_a_proof_of_the_app_secret_must_be_right_where_it_is_given(
    graph: Graph, alice: str
) -> None:
    proof = hmac.new(APP_SECRET.encode(), PAGE_TOKEN.encode(), hashlib.sha256).hexdigest()
    given = {**TOKEN, "appsecret_proof": proof}
    assert "message_id" in graph("POST", "/me/messages", params=given, json=message_to(alice))
    given["appsecret_proof"] = "0" * 64
    assert graph.code("POST", "/me/messages", params=given, json=message_to(alice)) == (100, None)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"'])
def test_a_body_that_is_no_object_is_refused(graph: Graph, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    refused = graph.code("POST", "/me/messages", content=content, headers=headers)
    assert refused == (100, None)


def test_a_refusal_is_kept_too(graph: Graph, messenger: MessengerStandIn, alice: str) -> None:
    assert graph.send(alice, "x" * 2001).status_code == 400
    (line,) = messenger.transcript.lines()
    assert isinstance(line, Refused)
    assert (line.person, line.code) == (alice, 100)
    assert "message[text] must be less than or equal to 2000" in line.message


@pytest.mark.parametrize(
    ("path", "token", "code"),
    [("/me/messages", "EAAwrong", 190), ("/1234567890/messages", PAGE_TOKEN, 100)],
)
def test_a_message_of_which_nobody_knows_whom_it_is_for_is_kept_as_refused(
    graph: Graph, messenger: MessengerStandIn, alice: str, path: str, token: str, code: int
) -> None:
    given = {"access_token": token}
    assert graph.code("POST", path, params=given, json=message_to(alice))[0] == code
    graph("GET", "/me/messenger_profile", params=given)
    (line,) = messenger.transcript.lines()
    assert isinstance(line, Refused)
    assert (line.person, line.code) == ("", code)


def test_nobody_can_be_written_to_who_has_not_written(
    graph: Graph, messenger: MessengerStandIn
) -> None:
    body = message_to(messenger.new_person())
    assert graph.code("POST", "/me/messages", json=body) == (100, 2018001)


def test_somebody_who_blocks_the_page_cannot_be_written_to(
    graph: Graph, messenger: MessengerStandIn, alice: str
) -> None:
    messenger.graph.block(alice)
    assert graph.code("POST", "/me/messages", json=message_to(alice)) == (551, 1545041)
    messenger.graph.block(alice, is_blocked=False)
    assert "message_id" in graph("POST", "/me/messages", json=message_to(alice))


def test_the_window_closes_after_a_day_and_opens_by_what_a_person_does(
    graph: Graph, messenger: MessengerStandIn, alice: str, clock: Clock
) -> None:
    clock.now += WINDOW_SECONDS
    assert graph.send(alice).status_code == 200
    clock.now += 1
    assert graph.code("POST", "/me/messages", json=message_to(alice)) == (10, 2018278)
    tagged = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    assert graph.send(alice, **tagged).status_code == 200
    messenger.send(messenger.write.read(alice))
    assert graph.send(alice).status_code == 400
    messenger.send(messenger.write.postback(alice, "Menu", "menu"))
    assert graph.send(alice).status_code == 200


def test_more_sends_in_a_second_than_allowed_are_refused(
    graph: Graph, alice: str, clock: Clock
) -> None:
    for _ in range(SENDS_PER_SECOND):
        assert graph.send(alice).status_code == 200
    assert graph.code("POST", "/me/messages", json=message_to(alice)) == (613, None)
    clock.now += 1
    assert graph.send(alice).status_code == 200


def test_the_profile_is_set_read_and_deleted(graph: Graph) -> None:
    started = {"get_started": {"payload": "start"}}
    items = [{"type": "postback", "title": "Menu", "payload": "menu"}]
    menu = {"persistent_menu": [{"locale": "default", "call_to_actions": items}]}
    path = "/v25.0/me/messenger_profile"
    assert graph.code("POST", path, json=menu) == (100, None)
    assert graph("POST", path, json=started) == {"result": "success"}
    assert graph("POST", path, json=menu) == {"result": "success"}
    asked = {**TOKEN, "fields": "get_started,greeting"}
    assert graph("GET", path, params=asked) == {"data": [started]}
    assert graph.code("DELETE", path, params={**TOKEN, "fields": "get_started"}) == (100, None)
    both = {**TOKEN, "fields": "get_started,persistent_menu"}
    assert graph("DELETE", path, params=both) == {"result": "success"}
    assert graph("GET", path, params=asked) == {"data": []}
    assert graph.code("GET", path, params={**TOKEN, "fields": "poem"}) == (100, None)


def test_the_profile_may_be_called_only_so_often(graph: Graph, clock: Clock) -> None:
    asked = {"params": {**TOKEN, "fields": "greeting"}}
    for _ in range(PROFILE_CALLS):
        assert graph("GET", "/me/messenger_profile", **asked) == {"data": []}
    assert graph.code("GET", "/me/messenger_profile", **asked) == (613, None)
    clock.now += 600
    assert graph("GET", "/me/messenger_profile", **asked) == {"data": []}


def test_the_page_tells_its_name_and_nothing_that_it_has_not(graph: Graph) -> None:
    named = {"id": ACCOUNT.page_id, "name": ACCOUNT.page_name}
    assert graph("GET", "/v25.0/me", params={**TOKEN, "fields": "name"}) == named
    assert graph("GET", f"/v25.0/{ACCOUNT.page_id}") == named
    assert graph.code("GET", "/me", params={**TOKEN, "fields": "poem"}) == (100, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me/messages"),
        ("POST", "/12345/messages"),
        ("GET", "/v25.0/me/poems"),
        ("GET", "/"),
        ("DELETE", "/me"),
    ],
)
def test_what_there_is_not_is_told_so(graph: Graph, method: str, path: str) -> None:
    assert graph.code(method, path) == (100, 33)


def test_a_token_is_looked_into(graph: Graph) -> None:
    app = {"access_token": f"{ACCOUNT.app_id}|{ACCOUNT.app_secret}"}
    good = graph("GET", "/debug_token", params={**app, "input_token": PAGE_TOKEN})["data"]
    assert good["is_valid"] is True
    assert good["profile_id"] == ACCOUNT.page_id
    assert "pages_messaging" in good["scopes"]
    bad = graph("GET", "/debug_token", params={**app, "input_token": "wrong"})["data"]
    assert (bad["is_valid"], bad["error"]["code"]) == (False, 190)
    assert graph.code("GET", "/debug_token", params={"access_token": "x"}) == (190, None)
    assert graph.code("GET", "/debug_token") == (100, None)


def test_the_subscription_is_read_changed_and_ended(graph: Graph) -> None:
    path = f"/v25.0/{ACCOUNT.page_id}/subscribed_apps"
    (app,) = graph("GET", path)["data"]
    assert app["id"] == ACCOUNT.app_id
    assert "response_feedback" in app["subscribed_fields"]
    asked = {**TOKEN, "subscribed_fields": "messages,standby"}
    assert graph("POST", path, params=asked) == {"success": True}
    assert graph("GET", path)["data"][0]["subscribed_fields"] == ["messages", "standby"]
    wrong = {**TOKEN, "subscribed_fields": "messages,poems"}
    assert graph.code("POST", path, params=wrong) == (100, None)
    assert graph("DELETE", path) == {"success": True}
    assert graph("GET", path) == {"data": []}


@pytest.mark.parametrize(
    ("fault", "status", "code", "is_sent"),
    [
        ("500", 500, 2, False),
        ("1200", 500, 1200, False),
        ("613", 400, 613, False),
        ("429", 429, 4, False),
        ("190", 401, 190, False),
        ("200", 403, 200, False),
        ("551", 400, 551, False),
        ("10", 400, 10, False),
        ("sent-but-error", 500, 1, True),
    ],
)
def test_a_fault_is_told_with_its_code(
    graph: Graph,
    messenger: MessengerStandIn,
    alice: str,
    fault: str,
    status: int,
    code: int,
    is_sent: bool,
) -> None:
    messenger.misbehaviour.next_calls(fault)
    typing = {"recipient": {"id": alice}, "sender_action": "typing_on"}
    assert graph("POST", "/me/messages", json=typing) == {"recipient_id": alice}
    response = graph.send(alice)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    sent = [line for line in messenger.transcript.lines() if isinstance(line, Sent)]
    assert bool(sent) is is_sent
    assert graph.send(alice).status_code == 200


def test_a_message_may_be_sent_though_the_connection_breaks(
    graph: Graph, messenger: MessengerStandIn, alice: str
) -> None:
    messenger.misbehaviour.next_calls("sent-but-dropped")
    with pytest.raises(httpx.RemoteProtocolError):
        graph.send(alice)
    (line,) = messenger.transcript.lines()
    assert isinstance(line, Sent)


def test_a_timeout_sends_nothing_and_does_not_hold_up_the_end(bot: SmallBot) -> None:
    with MessengerStandIn(bot.url, ACCOUNT) as messenger:
        person = messenger.new_person()
        messenger.graph.heard_from(person)
        messenger.misbehaviour.next_calls("timeout")
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{messenger.url}/me/messages",
                params=TOKEN,
                json=message_to(person),
                timeout=0.2,
                trust_env=False,
            )
        start = time.monotonic()
    assert time.monotonic() - start < FAULTS["timeout"].wait_seconds / 3
    assert messenger.transcript.lines() == ()


def test_a_slow_answer_is_a_right_one(bot: SmallBot) -> None:
    slow = replace(FAULTS["slow"], wait_seconds=0.3)
    with MessengerStandIn(bot.url, ACCOUNT, faults={"slow": slow}) as messenger:
        bot.api_url = messenger.url
        messenger.misbehaviour.next_calls("slow")
        start = time.monotonic()
        event = messenger.write.text("1", "hi")
        (attempt,) = messenger.send(event)
        assert attempt.is_acknowledged
        assert time.monotonic() - start >= 0.3
        assert messenger.transcript.times_answered(event.key) == 1
