"""The client of the Graph API: what it sends, and what it makes of a refusal."""

from __future__ import annotations

import time

import pytest

from bot.channels.graph import Graph, GraphProblem, last_letters, what_to_do
from bot.simulator.messenger.account import TokenState
from bot.simulator.messenger.stand_in import MessengerStandIn
from tests.bot.doctor.conftest import ACCOUNT

SETTING = "CITEWELL_MESSENGER_PAGE_TOKEN"


def graph_of(meta: MessengerStandIn, token: str = ACCOUNT.page_token, **more: float) -> Graph:
    """Return a client of the stand-in."""
    return Graph(f"{meta.url}/v25.0", token, ACCOUNT.app_secret, **more)


def problem_of(graph: Graph, path: str = "me") -> GraphProblem:
    """Return what a call is refused with."""
    with pytest.raises(GraphProblem) as caught:
        graph.get(path)
    graph.close()
    return caught.value


def test_an_answer_says_by_which_version_it_came(meta: MessengerStandIn) -> None:
    graph = graph_of(meta)
    answer = graph.get("me", fields="name")
    graph.close()
    assert (answer.body["name"], answer.version) == (ACCOUNT.page_name, "v25.0")


def test_what_is_set_can_be_read_and_deleted(meta: MessengerStandIn) -> None:
    meta.graph.needs_proof = True
    graph = graph_of(meta)
    properties = {"get_started": {"payload": "GET_STARTED"}}
    assert graph.post("me/messenger_profile", properties).body == {"result": "success"}
    told = graph.get("me/messenger_profile", fields="get_started,greeting").body
    assert told == {"data": [properties]}
    graph.delete("me/messenger_profile", {"fields": ["get_started"]})
    assert meta.graph.profile == {}
    graph.close()


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        (TokenState(expires_at=1), "The token has expired"),
        (TokenState(is_withdrawn=True), "changed their password"),
    ],
)
def test_a_refused_token_is_told_with_its_reason(
    meta: MessengerStandIn, state: TokenState, advice: str
) -> None:
    meta.graph.token = state
    problem = problem_of(graph_of(meta))
    assert problem.is_of_token
    assert advice in what_to_do(problem, SETTING)
    assert what_to_do(problem, SETTING).endswith(f"set {SETTING}.")


def test_another_apps_token_is_told_by_the_proof(meta: MessengerStandIn) -> None:
    graph = Graph(f"{meta.url}/v25.0", ACCOUNT.page_token, "another secret of an app")
    problem = problem_of(graph)
    assert problem.is_of_proof
    assert not problem.is_of_token
    assert "of different apps" in what_to_do(problem, SETTING)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("613", "wait ten minutes"),
        ("429", "wait ten minutes"),
        ("500", "Meta's own trouble"),
        ("200", "A permission is missing"),
        ("10", "A permission is missing"),
        ("1200", "Error Codes"),
    ],
)
def test_each_kind_of_refusal_has_its_advice(
    meta: MessengerStandIn, name: str, advice: str
) -> None:
    meta.misbehaviour.next_calls(name, 1, "other")
    assert advice in what_to_do(problem_of(graph_of(meta)), SETTING)


def test_no_answer_in_time_is_no_refusal(meta: MessengerStandIn) -> None:
    meta.misbehaviour.next_calls("timeout", 1, "other")
    started = time.monotonic()
    problem = problem_of(graph_of(meta, seconds=0.3))
    assert time.monotonic() - started < 5
    assert not problem.is_refused
    assert str(problem) == "127.0.0.1 did not answer in time."
    assert "reach" in what_to_do(problem, SETTING)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token EAAabcdefghijklmnopqrst is bad", "token …qrst is bad"),
        ("app 1234567|abcdefghijklmnop", "app …mnop"),
        (f"proof {'0' * 60}cafe", "proof …cafe"),
        (f"key {ACCOUNT.app_secret}!", f"key …{ACCOUNT.app_secret[-4:]}!"),
        (f"t={ACCOUNT.page_token}", f"t=…{ACCOUNT.page_token[-4:]}"),
        ("two\nlines\x1b[31m", "two lines [31m"),
        ("EAA is a prefix", "EAA is a prefix"),
    ],
)
def test_what_looks_like_a_secret_is_shortened(
    meta: MessengerStandIn, text: str, shown: str
) -> None:
    graph = graph_of(meta)
    assert graph.without_secrets(text) == shown
    graph.close()


def test_of_a_short_secret_nothing_is_told() -> None:
    assert last_letters("x" * 15) == "…"
    assert last_letters("x" * 12 + "abcd") == "…abcd"
