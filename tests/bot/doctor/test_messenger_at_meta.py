"""What ``doctor messenger`` finds at Meta, fault by fault, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from flask import Flask

from bot.doctor.findings import Level
from bot.simulator.messenger.account import TokenState
from bot.simulator.messenger.app import AppWebhook
from bot.simulator.messenger.events import FIELDS
from bot.simulator.messenger.graph import MessengerGraph
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.server import Call
from tests.bot.doctor.conftest import ACCOUNT, CANARIES, Installation, serving

DAY = 24 * 60 * 60


def without(*names: str) -> list[str]:
    """Return all webhook fields but some."""
    return [name for name in FIELDS if name not in names]


def has_token(**state: object) -> Callable[[MessengerStandIn], None]:
    """Return what changes the state of the page's token."""

    def change(meta: MessengerStandIn) -> None:
        meta.graph.token = replace(TokenState(), **state)

    return change


def has_webhook(webhook: AppWebhook | None) -> Callable[[MessengerStandIn], None]:
    """Return what changes the app's webhook."""

    def change(meta: MessengerStandIn) -> None:
        meta.graph.webhook = webhook

    return change


def fails(name: str, kind: str) -> Callable[[MessengerStandIn], None]:
    """Return what lets the next call of a kind go wrong."""
    return lambda meta: meta.misbehaviour.next_calls(name, 1, kind)


def has_other_app_only(meta: MessengerStandIn) -> None:
    """Let the Page send its events to an app of somebody else alone."""
    meta.graph.subscribe_page()
    meta.graph.other_apps["300000000000003"] = "Shop"


@dataclass(frozen=True)
class Fault:
    """Something wrong at Meta, and what is to be found and advised by which check."""

    name: str
    happens: Callable[[MessengerStandIn], None]
    check: str
    level: Level
    found: str
    advice: str


URL = "https://chat.example.org/webhooks/messenger"
FAULTS = [
    Fault(
        "the token has expired",
        has_token(expires_at=1),
        "page token",
        "failed",
        "code 190, subcode 463",
        "The token has expired. Make a new one and set CITEWELL_MESSENGER_PAGE_TOKEN.",
    ),
    Fault(
        "the token was withdrawn",
        has_token(is_withdrawn=True),
        "page token",
        "failed",
        "code 190, subcode 460",
        "changed their password",
    ),
    Fault(
        "the token is a person's",
        has_token(kind="USER"),
        "token details",
        "failed",
        "of the kind USER",
        "Generate access tokens",
    ),
    Fault(
        "the token ends",
        has_token(expires_at=int(time.time()) + 40 * DAY),
        "token details",
        "warning",
        "it ends on 20",
        "does not end",
    ),
    Fault(
        "the access to data ends soon",
        has_token(data_access_expires_at=int(time.time()) + 3 * DAY),
        "token details",
        "warning",
        "access to data does, on 20",
        "grant access again",
    ),
    Fault(
        "the access to data ends later",
        has_token(data_access_expires_at=int(time.time()) + 80 * DAY),
        "token details",
        "ok",
        "access to data until on 20",
        "",
    ),
    Fault(
        "no permission to write",
        has_token(scopes=("pages_manage_metadata",)),
        "permissions",
        "failed",
        "not granted: pages_messaging",
        "Advanced Access",
    ),
    Fault(
        "no permission to write, seen by the profile",
        has_token(scopes=("pages_manage_metadata",)),
        "profile",
        "failed",
        "code 200",
        "A permission is missing",
    ),
    Fault(
        "no permission to see subscriptions",
        has_token(scopes=("pages_messaging",)),
        "Page subscription",
        "failed",
        "code 200",
        "pages_manage_metadata",
    ),
    Fault(
        "no address entered",
        has_webhook(None),
        "webhook at Meta",
        "failed",
        "no address is entered",
        "Configure webhooks: enter",
    ),
    Fault(
        "webhook switched off",
        has_webhook(AppWebhook(URL, is_active=False)),
        "webhook at Meta",
        "failed",
        "switched off",
        "Configure webhooks",
    ),
    Fault(
        "another path",
        has_webhook(AppWebhook("https://chat.example.org/webhook")),
        "webhook at Meta",
        "failed",
        "events go to https://chat.example.org/webhook, not to",
        "/webhooks/messenger and the verify token",
    ),
    Fault(
        "the app does not ask for messages",
        has_webhook(AppWebhook(URL, tuple(without("messages")))),
        "webhook at Meta",
        "failed",
        "fields missing: messages",
        "nothing that people write arrives",
    ),
    Fault(
        "the app does not ask for feedback",
        has_webhook(AppWebhook(URL, tuple(without("response_feedback", "message_reactions")))),
        "webhook at Meta",
        "warning",
        "fields missing: message_reactions, response_feedback",
        "no thumbs",
    ),
    Fault(
        "the Page is not subscribed",
        lambda meta: meta.graph.subscribe_page(),
        "Page subscription",
        "failed",
        "not subscribed to the app",
        "after an hour",
    ),
    Fault(
        "the Page is subscribed to another app only",
        has_other_app_only,
        "Page subscription",
        "failed",
        "not subscribed to the app",
        "Webhook subscription",
    ),
    Fault(
        "the Page does not send taps",
        lambda meta: meta.graph.subscribe_page(*without("messaging_postbacks")),
        "Page subscription",
        "failed",
        "fields missing: messaging_postbacks",
        "taps on Get Started",
    ),
    Fault(
        "the Page does not tell of links",
        lambda meta: meta.graph.subscribe_page(*without("messaging_referrals")),
        "Page subscription",
        "warning",
        "fields missing: messaging_referrals",
        "is not greeted",
    ),
    Fault(
        "Meta answers by another version",
        lambda meta: setattr(meta.graph, "version", "v27.0"),
        "API version",
        "warning",
        "v25.0 is asked for, and Meta answers as v27.0",
        "CITEWELL_MESSENGER_API_URL",
    ),
    Fault(
        "Meta has trouble",
        fails("500", "other"),
        "page token",
        "failed",
        "status 500, code 2",
        "Meta's own trouble",
    ),
    Fault(
        "Meta does not tell the profile",
        fails("500", "profile"),
        "profile",
        "failed",
        "status 500, code 2",
        "try again",
    ),
    Fault(
        "too many calls",
        fails("613", "profile"),
        "profile",
        "warning",
        "code 613",
        "wait ten minutes",
    ),
    Fault(
        "the connection breaks",
        fails("sent-but-dropped", "other"),
        "page token",
        "failed",
        "The connection to 127.0.0.1 broke",
        "Can this machine reach",
    ),
    Fault(
        "no profile", lambda _: None, "profile", "warning", "not as wanted: get_started", "setup"
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_at_meta_is_found_and_told_what_to_do(site: Installation, fault: Fault) -> None:
    fault.happens(site.meta)
    found = site.examine()
    finding = found[fault.check]
    assert finding.level == fault.level, finding
    assert fault.found in finding.found
    assert fault.advice in finding.advice
    assert bool(finding.advice) == (finding.level != "ok")
    assert not [secret for secret in CANARIES if secret in str(found)]


def test_where_all_is_well_at_meta_it_says_so(site: Installation) -> None:
    site.set_up()
    found = site.examine()
    told = {name: (found[name].level, found[name].found) for name in found}
    assert told["page token"] == ("ok", "Page Citewell (simulated) (100000000000001)")
    assert told["API version"] == ("ok", "v25.0")
    assert told["app"][0] == "ok"
    assert "(200000000000002)" in told["app"][1]
    assert told["token details"] == ("ok", "valid, of a Page, does not end")
    assert told["permissions"] == ("ok", "pages_messaging, pages_manage_metadata")
    assert told["webhook at Meta"][1].endswith("/webhooks/messenger; all fields that are needed")
    assert told["Page subscription"][1] == "the Page sends its events; all fields that are needed"
    assert told["profile"] == ("ok", "as `setup messenger` writes it")


def test_a_profile_without_ice_breakers_is_a_choice(site: Installation) -> None:
    site.set_up()
    assert "ice_breakers" in site.meta.graph.profile
    site.meta.graph.remove_profile("ice_breakers")
    assert site.examine()["profile"].found.endswith("without ice breakers")


def test_app_secret_and_token_of_different_apps_are_told_apart(site: Installation) -> None:
    found = site.examine(CITEWELL_MESSENGER_APP_SECRET="0" * 32)
    assert found["page token"].level == "failed"
    assert "of different apps" in found["page token"].advice
    assert "App settings > Basic" in found["page token"].advice
    for name in ("app", "token details", "webhook at Meta", "Page subscription", "profile"):
        assert found[name].level == "skipped"
    assert found["token details"].found == "needs “app”"


def test_an_app_that_needs_the_proof_gets_it(site: Installation) -> None:
    site.meta.graph.needs_proof = True
    found = site.examine()
    assert {found[name].level for name in ("page token", "app", "token details")} == {"ok"}


def test_tokens_stand_in_headers_and_the_proof_goes_with_each_call(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Call] = []
    answer = MessengerGraph.answer

    def remember(graph: MessengerGraph, call: Call) -> object:
        calls.append(call)
        return answer(graph, call)

    monkeypatch.setattr(MessengerGraph, "answer", remember)
    site.examine()
    assert {call.path for call in calls} >= {"/v25.0/me", "/v25.0/debug_token"}
    for call in calls:
        assert len(call.query["appsecret_proof"]) == 64
        assert call.headers["authorization"].startswith("Bearer ")
        # Of debug_token alone, the token that is asked about stands in the address.
        asked = {name: value for name, value in call.query.items() if name != "input_token"}
        assert not [secret for secret in CANARIES if secret in str(asked)]


def test_an_address_other_than_the_one_here_is_told(site: Installation) -> None:
    site.meta.graph.enter_webhook(URL)
    found = site.examine(CITEWELL_PUBLIC_URL="https://other.example.org")["webhook at Meta"]
    assert found.level == "failed"
    assert "not to https://other.example.org/webhooks/messenger" in found.found


def test_fields_of_a_handover_are_needed_where_there_is_one(site: Installation) -> None:
    site.meta.graph.subscribe_page(*without("standby", "messaging_handovers"))
    assert site.examine()["Page subscription"].level == "ok"
    found = site.examine(CITEWELL_MESSENGER_HANDOVER_APP="263902037430900")["Page subscription"]
    assert found.level == "warning"
    assert found.found.endswith("fields missing: messaging_handovers, standby")
    assert "standby: else the bot does not see that a person still answers" in found.advice


def test_an_api_address_without_a_version_is_told(site: Installation) -> None:
    found = site.examine(CITEWELL_MESSENGER_API_URL=site.meta.url)["API version"]
    assert found.level == "warning"
    assert "names no version" in found.found


def test_no_way_to_meta_is_a_finding(site: Installation) -> None:
    found = site.examine(CITEWELL_MESSENGER_API_URL="http://127.0.0.1:9/v25.0")
    assert found["page token"].level == "failed"
    assert found["page token"].found.startswith("No connection to 127.0.0.1")
    assert found["app"].level == "skipped"
    assert found["events"].level == "warning"  # what needs no Meta is looked at all the same


def test_something_else_in_the_place_of_meta_is_a_finding(site: Installation) -> None:
    portal = Flask("portal")
    portal.add_url_rule("/v25.0/me", view_func=lambda: "<h1>Welcome to our Wi-Fi</h1>")
    with serving(portal) as port:
        found = site.examine(CITEWELL_MESSENGER_API_URL=f"http://127.0.0.1:{port}/v25.0")
    assert found["page token"].level == "failed"
    assert "is not the Graph API (status 200, no JSON)" in found["page token"].found


def test_a_secret_that_meta_repeats_is_not_told_on(site: Installation) -> None:
    graph = Flask("graph")
    message = f"Malformed access token {ACCOUNT.page_token} of {ACCOUNT.app_token}"
    graph.add_url_rule(
        "/v25.0/me", view_func=lambda: ({"error": {"message": message, "code": 190}}, 400)
    )
    with serving(graph) as port:
        found = site.examine(CITEWELL_MESSENGER_API_URL=f"http://127.0.0.1:{port}/v25.0")
    told = found["page token"].found
    assert f"Malformed access token …{ACCOUNT.page_token[-4:]} of …" in told
    assert not [secret for secret in CANARIES if secret in told]
