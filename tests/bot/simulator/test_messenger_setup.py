"""What the stand-in of Messenger tells of token, app, subscription and profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.simulator.messenger.account import Account, TokenState
from bot.simulator.messenger.stand_in import MessengerStandIn
from tests.bot.simulator.conftest import ACCOUNT, Clock
from tests.bot.simulator.small_bot import PAGE_TOKEN, SmallBot
from tests.bot.simulator.test_messenger_graph import TOKEN, Graph

APP = {"access_token": ACCOUNT.app_token}


@pytest.fixture
def graph(messenger: MessengerStandIn) -> Iterator[Graph]:
    """A client of the stand-in."""
    made = Graph(messenger.url)
    yield made
    made.client.close()


def test_ids_and_secrets_are_the_same_at_each_start() -> None:
    # Settings that somebody wrote down go on working.
    account = Account()
    assert (account.page_id, account.app_id) == ("100000000000001", "200000000000002")
    assert account.app_secret == "a1e16ee70c918ffe856351b692faa590"
    assert account.verify_token == "0202e2c3e975cde766171ff7"
    assert account.page_token.startswith("EAAc2f89a1")


def test_the_app_tells_its_name_to_its_page_and_to_itself(graph: Graph) -> None:
    named = {"id": ACCOUNT.app_id, "name": ACCOUNT.app_name}
    assert graph("GET", "/v25.0/app") == named
    assert graph("GET", f"/v25.0/{ACCOUNT.app_id}", params=APP) == named
    assert graph.code("GET", "/app", params={**APP, "fields": "poem"}) == (100, None)


def test_where_events_go_is_told_to_the_app_alone(graph: Graph, bot: SmallBot) -> None:
    path = f"/v25.0/{ACCOUNT.app_id}/subscriptions"
    (told,) = graph("GET", path, params=APP)["data"]
    assert (told["object"], told["callback_url"], told["active"]) == ("page", bot.url, True)
    assert {"name": "messages", "version": "v25.0"} in told["fields"]
    assert graph.code("GET", path) == (100, 33)
    wrong = {"access_token": f"{ACCOUNT.app_id}|wrong"}
    assert graph.code("GET", path, params=wrong) == (190, None)


def test_an_address_can_be_entered(
    graph: Graph, messenger: MessengerStandIn, alice: str, bot: SmallBot
) -> None:
    path = f"/{ACCOUNT.app_id}/subscriptions"
    asked = {**APP, "object": "page", "callback_url": "https://x.example.org", "fields": "messages"}
    assert graph("POST", path, params=asked) == {"success": True}
    (told,) = graph("GET", path, params=APP)["data"]
    assert told["callback_url"] == "https://x.example.org"
    assert graph.code("POST", path, params={**asked, "fields": "poems"}) == (100, None)
    # The page asks for more than the app, and gets what both ask for.
    messenger.send(messenger.write.postback(alice, "Menu", "menu"))
    messenger.send(messenger.write.text(alice, "hello"))
    assert [list(event)[-1] for event in bot.events] == ["message"]


def test_an_app_without_an_address_gets_nothing(
    graph: Graph, messenger: MessengerStandIn, alice: str
) -> None:
    messenger.graph.webhook = None
    assert graph("GET", f"/{ACCOUNT.app_id}/subscriptions", params=APP) == {"data": []}
    assert messenger.send(messenger.write.text(alice, "hello")) == ()


@pytest.mark.parametrize(
    ("state", "subcode"),
    [({"expires_at": 1_780_000_000}, 463), ({"is_withdrawn": True}, 460)],
)
def test_a_token_that_has_ended_is_refused_everywhere(
    graph: Graph, messenger: MessengerStandIn, state: dict[str, Any], subcode: int
) -> None:
    messenger.graph.token = replace(TokenState(), **state)
    for path in ("/me", "/app", "/me/subscribed_apps", "/me/messenger_profile"):
        assert graph.code("GET", path) == (190, subcode)
    told = graph("GET", "/debug_token", params={**APP, "input_token": PAGE_TOKEN})["data"]
    assert (told["is_valid"], told["error"]["subcode"]) == (False, subcode)


def test_a_token_that_will_end_is_told_and_works_until_then(
    graph: Graph, messenger: MessengerStandIn, clock: Clock
) -> None:
    messenger.graph.token = TokenState(expires_at=int(clock.now) + 60)
    told = graph("GET", "/debug_token", params={**APP, "input_token": PAGE_TOKEN})["data"]
    assert (told["is_valid"], told["expires_at"]) == (True, int(clock.now) + 60)
    assert graph("GET", "/me")["id"] == ACCOUNT.page_id
    clock.now += 60
    assert graph.code("GET", "/me") == (190, 463)


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("pages_messaging", "GET", "/me/messenger_profile"),
        ("pages_messaging", "POST", "/me/messenger_profile"),
        ("pages_messaging", "DELETE", "/me/messenger_profile"),
        ("pages_messaging", "POST", "/me/messages"),
        ("pages_manage_metadata", "GET", "/me/subscribed_apps"),
        ("pages_manage_metadata", "POST", "/me/subscribed_apps"),
        ("pages_manage_metadata", "DELETE", "/me/subscribed_apps"),
    ],
)
def test_a_missing_permission_closes_what_needs_it(
    graph: Graph, messenger: MessengerStandIn, scope: str, method: str, path: str
) -> None:
    kept = tuple(name for name in TokenState().scopes if name != scope)
    messenger.graph.token = TokenState(scopes=kept)
    assert graph.code(method, path) == (200, None)
    assert graph("GET", "/me")["id"] == ACCOUNT.page_id


def test_a_proof_can_be_needed(graph: Graph, messenger: MessengerStandIn) -> None:
    messenger.graph.needs_proof = True
    assert graph.code("GET", "/me") == (100, None)
    assert "require an appsecret_proof" in graph("GET", "/me")["error"]["message"]


def test_ice_breakers_can_be_read_without_their_name(
    graph: Graph, messenger: MessengerStandIn
) -> None:
    group = {"locale": "default", "call_to_actions": [{"question": "a?", "payload": "a"}]}
    messenger.graph.set_profile({"ice_breakers": [group], "get_started": {"payload": "x"}})
    asked = {**TOKEN, "fields": "ice_breakers,get_started"}
    told = graph("GET", "/me/messenger_profile", params=asked)["data"]
    assert told == [{"ice_breakers": [group], "get_started": {"payload": "x"}}]
    messenger.graph.tell_bare_ice_breakers()
    told = graph("GET", "/me/messenger_profile", params=asked)["data"]
    assert told == [{"get_started": {"payload": "x"}}, group]


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"greeting": [{"locale": "default", "text": "x" * 161}]}, 100),
        ({"greeting": [{"locale": "en_US", "text": "x"}]}, 100),
        (
            {
                "ice_breakers": [
                    {
                        "locale": "default",
                        "call_to_actions": [{"question": "x" * 81, "payload": "x"}],
                    }
                ]
            },
            100,
        ),
        (
            {
                "ice_breakers": [
                    {
                        "locale": "default",
                        "call_to_actions": [{"question": "x", "payload": "x"}] * 5,
                    }
                ]
            },
            105,
        ),
        (
            {
                "get_started": {"payload": "x"},
                "persistent_menu": [
                    {
                        "locale": "default",
                        "call_to_actions": [
                            {"type": "postback", "title": "x" * 31, "payload": "x"}
                        ],
                    }
                ],
            },
            100,
        ),
        (
            {
                "get_started": {"payload": "x"},
                "persistent_menu": [
                    {
                        "locale": "default",
                        "call_to_actions": [{"type": "postback", "title": "x", "payload": "x"}]
                        * 21,
                    }
                ],
            },
            105,
        ),
    ],
)
def test_a_profile_beyond_the_limits_is_refused_whole(
    graph: Graph, messenger: MessengerStandIn, properties: dict[str, Any], code: int
) -> None:
    assert graph.code("POST", "/me/messenger_profile", json=properties) == (code, None)
    assert messenger.graph.profile == {}


@pytest.mark.parametrize(("name", "code"), [("500", 2), ("613", 613), ("190", 190)])
def test_the_profile_can_go_wrong(
    graph: Graph, messenger: MessengerStandIn, name: str, code: int
) -> None:
    messenger.misbehaviour.next_calls(name, 1, "profile")
    assert graph("GET", "/me")["id"] == ACCOUNT.page_id
    assert graph("GET", "/me/messenger_profile")["error"]["code"] == code


def test_each_answer_says_by_which_version(graph: Graph, messenger: MessengerStandIn) -> None:
    def version(path: str) -> str:
        return graph.client.get(path, params=TOKEN).headers["facebook-api-version"]

    assert (version("/v24.0/me"), version("/me"), version("/v25.0/x")) == (
        "v24.0",
        "v25.0",
        "v25.0",
    )
    messenger.graph.version = "v26.0"
    assert version("/v25.0/me") == "v26.0"
