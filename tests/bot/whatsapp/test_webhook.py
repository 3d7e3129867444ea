"""WhatsApp's webhook: only what is signed, all of it, each event once; safe before the 200."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.channel_settings import ChannelSettings
from bot.settings import BotSettings
from tests.bot.meta_webhooks import (
    first_stored,
    kept,
    see_that_a_locked_store_is_told,
    see_that_nothing_stands_open,
    see_that_routes_are_documented,
    see_that_unescaped_counts_as_signed,
    texts,
)
from tests.bot.whatsapp.conftest import (
    ACCOUNT,
    CANARY,
    PERSON,
    Lines,
    batch,
    body_with,
    message,
    signed,
    value_of,
    whatsapp_settings,
)

PATH = "/webhooks/whatsapp"
Deliver = Callable[..., TestResponse]


@pytest.fixture
def whatsapp_app(start_app: Callable[..., Flask], settings: BotSettings) -> Flask:
    """The app of a site with a number on WhatsApp."""
    return start_app(replace(settings, channels=ChannelSettings(whatsapp=whatsapp_settings())))


@pytest.fixture
def whatsapp_client(whatsapp_app: Flask) -> FlaskClient:
    """Somebody who calls that app."""
    return whatsapp_app.test_client()


@pytest.fixture
def deliver(whatsapp_client: FlaskClient) -> Deliver:
    """Post a body to the webhook as WhatsApp does, rightly signed unless told otherwise."""

    def post(body: bytes, signature: str | None = "", **more: Any) -> TestResponse:
        headers = {"Content-Type": "application/json"}
        if signature is not None:
            headers["X-Hub-Signature-256"] = signature or signed(body)
        return whatsapp_client.post(PATH, data=body, headers=headers, **more)

    return post


# Verification


def test_the_challenge_comes_back_for_the_right_word(whatsapp_client: FlaskClient) -> None:
    token = ACCOUNT.verify_token
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "4711"}
    response = whatsapp_client.get(PATH, query_string=query)
    assert (response.status_code, response.text) == (200, "4711")
    assert response.mimetype == "text/plain"


@pytest.mark.parametrize("token", ["", "vérify", f"{ACCOUNT.verify_token}2"])
def test_the_challenge_does_not_come_back_otherwise(
    whatsapp_client: FlaskClient, token: str
) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "4711"}
    response = whatsapp_client.get(PATH, query_string=query)
    assert response.status_code == 403
    assert "4711" not in response.text


def test_without_settings_there_is_no_such_address(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    client, body = start_app(settings).test_client(), batch(message("w1"))
    assert client.get(PATH).status_code == 404
    headers = {"X-Hub-Signature-256": signed(body)}
    assert client.post(PATH, data=body, headers=headers).status_code == 404


def test_the_routes_are_documented(whatsapp_app: Flask) -> None:
    see_that_routes_are_documented(whatsapp_app, "whatsapp")


# Signature and storing


def test_a_signed_batch_is_stored(deliver: Deliver, engine: Engine) -> None:
    response = deliver(batch(message("w1"), message("w2", text={"body": "Or a cold?"})))
    assert (response.status_code, response.text) == (200, "EVENT_RECEIVED")
    assert texts(engine) == ["How does flu spread?", "Or a cold?"]
    assert {event["person"] for event in kept(engine)} == {PERSON}
    assert [event["sign"] for event in kept(engine)] == ["w1", "w2"]


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "sha256=",
        "sha256=" + "0" * 64,
        signed(batch(message("w1")), "another-secret"),
        signed(batch(message("w2"))),
        signed(batch(message("w1"))).replace("sha256", "sha1"),
        "sha256=é",
    ],
)
def test_what_is_not_rightly_signed_is_refused(
    deliver: Deliver, engine: Engine, signature: str | None
) -> None:
    assert deliver(batch(message("w1")), signature).status_code == 403
    assert kept(engine) == []


def test_a_body_that_was_unescaped_underway_counts_as_signed(
    deliver: Deliver, engine: Engine
) -> None:
    escaped = batch(message("w1", text={"body": "Fièvre 🤒?"}))
    see_that_unescaped_counts_as_signed(deliver, engine, escaped, signed(escaped))


def test_a_body_over_three_megabytes_is_refused(deliver: Deliver, engine: Engine) -> None:
    long = [message("w1", text={"body": "x" * size}) for size in (3 * 1024 * 1024, 3_000_000)]
    assert deliver(batch(long[0])).status_code == 413
    assert deliver(batch(long[1])).status_code == 200
    assert len(kept(engine)) == 1


def test_a_batch_of_a_thousand_is_stored_whole(deliver: Deliver, engine: Engine) -> None:
    items = [
        message(f"w{n}", sender=str(15_550_100_000 + n % 50), text={"body": f"question {n}"})
        for n in range(1000)
    ]
    assert deliver(body_with(*(value_of(one) for one in items))).status_code == 200
    assert texts(engine) == [f"question {n}" for n in range(1000)]


def test_an_event_that_comes_again_is_stored_once(deliver: Deliver, engine: Engine) -> None:
    assert deliver(batch(message("w1"), message("w1"), message("w2"))).status_code == 200
    assert deliver(batch(message("w2"), message("w3"))).status_code == 200
    assert len(kept(engine)) == 3


def test_a_locked_store_makes_whatsapp_send_it_again(
    deliver: Deliver, engine: Engine, database_file: Path
) -> None:
    see_that_a_locked_store_is_told(deliver, engine, database_file, batch(message("w1")))


def test_nothing_of_a_person_stands_open_in_the_store_or_in_a_log(
    deliver: Deliver, engine: Engine, tmp_path: Path, lines: Lines
) -> None:
    said = message("wamid.secret", text={"body": CANARY})
    deliver(batch(said, {**said, "id": None}, message("w2", "image", image={"id": CANARY})))
    deliver(batch(said), "sha256=" + CANARY)
    deliver(CANARY.encode())
    see_that_nothing_stands_open(engine, tmp_path, lines, (CANARY, "canary", PERSON, "wamid"))
    first = first_stored(lines)
    assert (first["channel"], first["events"], first["ignored"]) == ("whatsapp", 2, 1)


def test_the_token_in_the_address_is_in_no_log(whatsapp_client: FlaskClient, lines: Lines) -> None:
    whatsapp_client.get(PATH, query_string={"hub.verify_token": ACCOUNT.verify_token})
    assert not any(ACCOUNT.verify_token in line for line in [*lines.lines, *lines.raw])
