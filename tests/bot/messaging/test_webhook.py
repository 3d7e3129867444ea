"""Messenger's webhook: only what is signed, all of it, each event once; safe before the 200."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from bot.settings import BotSettings
from knowledge.schema import InboxEvent
from knowledge.store import transaction
from tests.bot.messaging.conftest import (
    CANARY,
    PAGE,
    PERSON,
    Deliver,
    Lines,
    batch,
    item,
    message,
    signature,
)
from tests.bot.meta_webhooks import (
    first_stored,
    kept,
    see_that_a_locked_store_is_told,
    see_that_nothing_stands_open,
    see_that_routes_are_documented,
    see_that_unescaped_counts_as_signed,
    texts,
)

PATH = "/webhooks/messenger"


# Verification


def test_the_challenge_comes_back_for_the_right_word(messenger_client: FlaskClient) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "4711"}
    response = messenger_client.get(PATH, query_string=query)
    assert (response.status_code, response.text) == (200, "4711")
    assert response.mimetype == "text/plain"


@pytest.mark.parametrize(
    "change",
    [
        {"hub.verify_token": "verify-m"},
        {"hub.verify_token": "verify-me2"},
        {"hub.verify_token": "vérify-me"},
        {"hub.verify_token": ""},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": ""},
    ],
)
def test_the_challenge_does_not_come_back_otherwise(
    messenger_client: FlaskClient, change: dict[str, str]
) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "4711"}
    response = messenger_client.get(PATH, query_string={**query, **change})
    assert response.status_code == 403
    assert "4711" not in response.text


def test_without_settings_there_is_no_such_address(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    client = start_app(settings).test_client()
    body = batch(message("m1"))
    headers = {"X-Hub-Signature-256": signature(body)}
    assert client.get(PATH).status_code == 404
    assert client.post(PATH, data=body, headers=headers).status_code == 404


def test_the_routes_are_documented(messenger_app: Flask) -> None:
    see_that_routes_are_documented(messenger_app, "messenger")


# Signature


def test_a_signed_batch_is_stored(deliver: Deliver, engine: Engine) -> None:
    response = deliver(batch(message("m1", "Is it flu?"), message("m2", "Or a cold?")))
    assert (response.status_code, response.text) == (200, "EVENT_RECEIVED")
    assert texts(engine) == ["Is it flu?", "Or a cold?"]


@pytest.mark.parametrize(
    "signed",
    [
        None,
        "sha256=",
        "sha256=" + "0" * 64,
        signature(batch(message("m1")), "another-secret"),
        signature(batch(message("m2"))),
        signature(batch(message("m1"))).removeprefix("sha256="),
        signature(batch(message("m1"))).replace("sha256", "sha1"),
        signature(batch(message("m1"))) + "0",
        "sha256=é",
    ],
)
def test_what_is_not_rightly_signed_is_refused(
    deliver: Deliver, engine: Engine, signed: str | None
) -> None:
    assert deliver(batch(message("m1")), signed).status_code == 403
    assert kept(engine) == []


def test_a_body_with_escaped_characters_is_read(deliver: Deliver, engine: Engine) -> None:
    body = batch(message("m1", "Fièvre 🤒?"))
    assert b"\\u00e8" in body
    assert b"\\ud83e" in body
    assert deliver(body).status_code == 200
    assert texts(engine) == ["Fièvre 🤒?"]


def test_a_body_that_was_unescaped_underway_counts_as_signed(
    deliver: Deliver, engine: Engine
) -> None:
    escaped = batch(message("m1", "Fièvre 🤒?"))
    see_that_unescaped_counts_as_signed(deliver, engine, escaped, signature(escaped))


def test_raw_bytes_are_signed_and_not_what_json_makes_of_them(
    deliver: Deliver, engine: Engine
) -> None:
    body = batch(message("m1")).replace(b'"entry": ', b'"entry":   \n')
    assert deliver(body).status_code == 200
    assert len(kept(engine)) == 1


def test_a_body_larger_than_any_batch_is_refused(deliver: Deliver, engine: Engine) -> None:
    assert deliver(batch(message("m1", "x" * 17_000_000))).status_code == 413
    assert deliver(batch(message("m1", "x" * 900_000))).status_code == 200
    assert len(kept(engine)) == 1


# Storing


def test_a_batch_of_a_thousand_is_stored_whole(deliver: Deliver, engine: Engine) -> None:
    items = [message(f"m{n}", f"question {n}", sender=str(n % 50 + 1)) for n in range(1000)]
    assert deliver(batch(*items)).status_code == 200
    assert texts(engine) == [f"question {n}" for n in range(1000)]


def test_an_event_that_comes_again_is_stored_once(deliver: Deliver, engine: Engine) -> None:
    assert deliver(batch(message("m1"), message("m1"), message("m2"))).status_code == 200
    assert deliver(batch(message("m2"), message("m3"))).status_code == 200
    assert len(kept(engine)) == 3


def test_what_has_no_id_is_known_by_sender_time_and_content(
    deliver: Deliver, engine: Engine
) -> None:
    tap = {"payload": "What is measles?", "title": "Measles"}
    deliver(batch(item(postback=tap), item(postback=tap), item(postback=tap, sender="77")))
    deliver(batch(item(postback=tap), item(postback=tap, at=1_790_000_000_001)))
    assert len(kept(engine)) == 3


def test_a_locked_store_makes_messenger_send_it_again(
    deliver: Deliver, engine: Engine, database_file: Path
) -> None:
    see_that_a_locked_store_is_told(deliver, engine, database_file, batch(message("m1")))


def test_nothing_of_a_person_stands_open_in_the_store_or_in_a_log(
    deliver: Deliver, engine: Engine, tmp_path: Path, lines: Lines
) -> None:
    broken = {**item(message={"mid": "m9"}), "recipient": CANARY}
    deliver(batch(message("m1", CANARY), broken, item(postback={"payload": CANARY})))
    deliver(batch(message("m1", CANARY)), "sha256=" + CANARY)
    deliver(CANARY.encode())
    see_that_nothing_stands_open(engine, tmp_path, lines, (CANARY, "canary", PERSON))
    first = first_stored(lines)
    assert (first["events"], first["ignored"]) == (2, 1)


def test_the_token_in_the_address_is_in_no_log(messenger_client: FlaskClient, lines: Lines) -> None:
    messenger_client.get(PATH, query_string={"hub.verify_token": "verify-me"})
    assert not any("verify-me" in line for line in [*lines.lines, *lines.raw])


# What events mean


@pytest.mark.parametrize(
    ("parts", "meant"),
    [
        ({"message": {"mid": "m", "text": "hello"}}, ("text", "hello")),
        (
            {"message": {"mid": "m", "text": "Flu", "quick_reply": {"payload": "What is flu?"}}},
            ("text", "What is flu?"),
        ),
        (
            {"message": {"mid": "m", "text": "look", "attachments": [{"type": "fallback"}]}},
            ("text", "look"),
        ),
        (
            {"postback": {"mid": "m", "title": "T", "payload": "What is flu?"}},
            ("text", "What is flu?"),
        ),
        ({"postback": {"title": "What is flu?"}}, ("text", "What is flu?")),
        ({"postback": {"title": "Get Started", "payload": "GET_STARTED"}}, ("welcome", "")),
        ({"referral": {"ref": "poster", "source": "SHORTLINK"}}, ("welcome", "")),
        *(
            ({"message": {"mid": "m", "attachments": [{"type": kind}]}}, ("only_text", ""))
            for kind in ("image", "audio", "video", "file", "sticker", "location", "reel")
        ),
        ({"message": {"mid": "m", "sticker_id": 369239263222822}}, ("only_text", "")),
        ({"message": {"mid": "m", "text": "a \ud83d b"}}, ("text", "a \ufffd b")),
    ],
)
def test_what_people_do_is_understood(
    deliver: Deliver, engine: Engine, parts: dict[str, Any], meant: tuple[str, str]
) -> None:
    assert deliver(batch(item(**parts))).status_code == 200
    (event,) = kept(engine)
    assert (event["kind"], event["text"], event["person"]) == (*meant, PERSON)


@pytest.mark.parametrize(
    ("parts", "rating"),
    [
        ({"response_feedback": {"feedback": "Good response", "mid": "out"}}, "helpful"),
        ({"response_feedback": {"feedback": "Bad response", "mid": "out"}}, "not_helpful"),
        ({"reaction": {"action": "react", "reaction": "love", "mid": "out"}}, "helpful"),
        ({"reaction": {"action": "react", "reaction": "dislike", "mid": "out"}}, "not_helpful"),
    ],
)
def test_thumbs_and_reactions_are_feedback(
    deliver: Deliver, engine: Engine, parts: dict[str, Any], rating: str
) -> None:
    deliver(batch(item(**parts)))
    (event,) = kept(engine)
    assert (event["kind"], event["about"], event["rating"]) == ("feedback", "out", rating)


IGNORED: list[object] = [
    item(message={"mid": "m", "text": "ours", "is_echo": True}),
    item(message={"mid": "m", "is_deleted": True}),
    item(delivery={"mids": ["m"], "watermark": 1}),
    item(read={"watermark": 1}),
    item(message_edit={"mid": "m", "text": "new", "num_edit": 1}),
    item(optin={"type": "x"}),
    item(account_linking={"status": "linked"}),
    item(reaction={"action": "unreact", "reaction": "love", "mid": "out"}),
    item(reaction={"action": "react", "reaction": "sad", "mid": "out"}),
    item(response_feedback={"feedback": "So so", "mid": "out"}),
    item(response_feedback={"feedback": "Good response"}),
    item(postback={}),
    item(message={}),
    item(message="text"),
    item(sender=PAGE, message={"mid": "m", "text": "ours"}),
    {"recipient": {"id": PAGE}, "message": {"mid": "m", "text": "from nobody"}},
    {**item(), "sender": {"id": None}, "message": {"mid": "m", "text": "x"}},
    {**item(), "recipient": {"id": "9" * 65}, "message": {"mid": "m", "text": "x"}},
    "text",
    None,
    7,
    [],
]


@pytest.mark.parametrize("ignored", IGNORED)
def test_what_is_not_for_us_is_ignored_and_the_rest_is_kept(
    deliver: Deliver, engine: Engine, ignored: object
) -> None:
    response = deliver(batch(message("m1", "before"), ignored, message("m2", "after")))
    assert response.status_code == 200
    assert texts(engine) == ["before", "after"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"object": "page"}',
        b'{"object": "page", "entry": {}}',
        b'{"object": "page", "entry": [7, null, {"id": "1", "changes": []}]}',
        batch(message("m1")).replace(b'"page"', b'"instagram"'),
        json.dumps({"object": "page", "entry": [{"id": PAGE, "standby": [7, {}]}]}).encode(),
    ],
)
def test_what_cannot_be_read_is_not_asked_for_again(
    deliver: Deliver, engine: Engine, body: bytes
) -> None:
    assert deliver(body).status_code == 200
    assert kept(engine) == []


@pytest.mark.parametrize("at", [None, "soon", -5, 0, 10**30, True, 4_000_000_000_000])
def test_a_time_that_makes_no_sense_is_the_time_of_arrival(
    deliver: Deliver, engine: Engine, at: Any
) -> None:
    deliver(batch(message("m1", at=at)))
    with transaction(engine) as session:
        (row,) = session.scalars(sa.select(InboxEvent))
        assert abs((row.received_at - row.said_at).total_seconds()) < 5


def test_a_batch_of_the_most_and_longest_messages_is_kept_whole(
    deliver: Deliver, engine: Engine
) -> None:
    body = batch(*(message(f"m{number}", "ж" * 2000) for number in range(1000)))
    assert len(body) > 12_000_000, "escaped as Messenger does"
    assert deliver(body).status_code == 200
    assert len(texts(engine)) == 1000
