"""The generic webhook's route: only what is signed, all or nothing, each event once, sealed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from bot.channel_settings import ChannelSettings
from bot.channels.receiving import MAX_BODY_BYTES
from bot.channels.signing import signature_headers
from bot.messaging.sealing import Sealer
from bot.settings import BotSettings
from knowledge.schema import InboxEvent, now
from knowledge.settings import ROOT
from knowledge.store import transaction
from tests.bot.webhook.conftest import (
    CANARY,
    KEY,
    NEXT_KEY,
    PATH,
    PERSON,
    SET,
    Deliver,
    Lines,
    batch,
    encoded,
    event,
)


def kept(engine: Engine) -> list[dict[str, Any]]:
    """Return kind and content of the stored events in their order."""
    sealer = Sealer("test-" * 8)
    with transaction(engine) as session:
        rows = session.scalars(sa.select(InboxEvent).order_by(InboxEvent.id))
        return [{"kind": row.kind, **sealer.open(row.sealed)} for row in rows]


# Proof


def test_a_signed_event_is_stored(deliver: Deliver, engine: Engine) -> None:
    response = deliver(event(text="Is it flu?", country="NO"))
    assert (response.status_code, response.get_json()) == (200, {"accepted": 1})
    (stored,) = kept(engine)
    assert (stored["kind"], stored["text"], stored["country"]) == ("text", "Is it flu?", "NO")


def test_a_ping_shows_that_the_key_is_right_and_stores_nothing(
    deliver: Deliver, engine: Engine
) -> None:
    response = deliver({"type": "ping"})
    assert (response.status_code, response.get_json()) == (200, {"accepted": 0})
    assert kept(engine) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_signature": ""},
        {"webhook_signature": "v1,AAAA"},
        {"webhook_id": "evt_2"},
        {"webhook_id": ""},
        {"webhook_timestamp": "1614265330"},
        {"webhook_timestamp": "soon"},
    ],
)
def test_what_is_not_rightly_signed_is_refused(
    deliver: Deliver, engine: Engine, lines: Lines, changed: dict[str, str]
) -> None:
    response = deliver(event(text=CANARY), **changed)
    assert response.status_code == 403
    assert response.mimetype == "application/problem+json"
    assert kept(engine) == []
    assert any("webhook_refused" in line for line in lines.lines)


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (6, 403), (-4, 200), (-6, 403)])
def test_a_signature_is_good_for_five_minutes(deliver: Deliver, minutes: int, status: int) -> None:
    assert deliver(event(), at=now() - timedelta(minutes=minutes)).status_code == status


def test_another_key_is_refused_whatever_the_body(deliver: Deliver) -> None:
    assert deliver(event(), key=NEXT_KEY).status_code == 403
    assert deliver(b"no json", key=NEXT_KEY).status_code == 403


def test_while_the_key_changes_both_are_taken(
    start_app: Callable[..., Flask], settings: BotSettings, engine: Engine
) -> None:
    both = replace(SET, keys=(NEXT_KEY, KEY))
    client = start_app(replace(settings, channels=ChannelSettings(webhook=both))).test_client()
    for number, key in enumerate((KEY, NEXT_KEY)):
        body = encoded(event())
        headers = signature_headers(key, f"evt_{number}", now(), body)
        assert client.post(PATH, data=body, headers=headers).status_code == 200
    assert len(kept(engine)) == 2


def test_exactly_the_bytes_are_signed(deliver: Deliver, webhook_client: FlaskClient) -> None:
    body = encoded(event())
    headers = signature_headers(KEY, "evt_1", now(), body)
    spaced = body.replace(b": ", b":")
    assert json.loads(spaced) == json.loads(body)
    assert webhook_client.post(PATH, data=spaced, headers=headers).status_code == 403


def test_without_settings_there_is_no_such_address(client: FlaskClient) -> None:
    body = encoded(event())
    headers = signature_headers(KEY, "evt_1", now(), body)
    assert client.post(PATH, data=body, headers=headers).status_code == 404


# Once


def test_an_event_that_comes_twice_is_stored_once(deliver: Deliver, engine: Engine) -> None:
    for _ in range(2):
        assert deliver(event()).status_code == 200
    assert len(kept(engine)) == 1


def test_the_id_alone_decides(deliver: Deliver, engine: Engine) -> None:
    deliver(event(text="one"), "evt_1")
    deliver(event(text="two"), "evt_1")
    deliver(event(text="one"), "evt_2")
    assert [one["text"] for one in kept(engine)] == ["one", "one"]


def test_an_event_that_comes_again_in_a_batch_is_known(deliver: Deliver, engine: Engine) -> None:
    deliver(event(text="one"), "evt_1")
    response = deliver(batch(("evt_1", event(text="one")), ("evt_2", event(text="two"))), "evt_9")
    assert response.get_json() == {"accepted": 2}
    assert [one["text"] for one in kept(engine)] == ["one", "two"]


# All or nothing


def test_of_a_batch_with_a_mistake_nothing_is_stored(deliver: Deliver, engine: Engine) -> None:
    response = deliver(batch(("a", event()), ("b", event(country="Norway"))))
    assert response.status_code == 422
    assert response.get_json(force=True)["errors"] == [
        {
            "field": "events.1.event.data.country",
            "message": "String should match pattern '^[A-Z]{2}$'",
        }
    ]
    assert kept(engine) == []


def test_what_is_no_json_is_told_so(deliver: Deliver) -> None:
    response = deliver(b"{")
    assert response.status_code == 400
    assert response.get_json(force=True)["detail"] == "The body is not valid JSON."


def test_a_store_that_cannot_be_written_says_so(
    deliver: Deliver, engine: Engine, database_file: Path
) -> None:
    with closing(sqlite3.connect(database_file)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert deliver(event()).status_code == 503
        other.rollback()
    assert deliver(event()).status_code == 200
    assert len(kept(engine)) == 1


def test_a_body_that_is_too_long_is_refused_with_its_limit(deliver: Deliver) -> None:
    response = deliver(b" " * (MAX_BODY_BYTES + 1))
    assert response.status_code == 413
    assert f"{MAX_BODY_BYTES} bytes" in response.get_json(force=True)["detail"]
    long = deliver(batch(*((f"e{n}", event(text="x" * 5000)) for n in range(190))))
    assert long.status_code == 200, "longer than what the API takes"


# Nothing of a person


def test_nothing_of_a_person_is_in_the_log_or_open_in_the_store(
    deliver: Deliver, engine: Engine, lines: Lines, database_file: Path
) -> None:
    deliver(event(text=CANARY, person=f"{PERSON}-canary"))
    deliver(event(text=CANARY, person=f"{PERSON}-canary", country="Norway"), "evt_2")
    deliver({"type": CANARY}, "evt_3")
    deliver(event(text=CANARY, **{CANARY: CANARY}), "evt_4")
    assert len(kept(engine)) == 1
    told = "\n".join([*lines.lines, *lines.raw])
    assert "events_stored" in told
    assert "webhook_malformed" in told
    for word in (CANARY, "canary"):
        assert word not in told
        assert word.encode() not in database_file.read_bytes()


def test_no_answer_repeats_what_was_sent(deliver: Deliver) -> None:
    for content in (
        {"type": CANARY},
        event(text=CANARY, country=CANARY),
        event(**{CANARY: 1}),
        {"events": [{"id": CANARY, "event": event()}]},
    ):
        response = deliver(content)
        assert response.status_code == 422
        assert CANARY not in response.text


def test_the_routes_are_documented(webhook_app: Flask) -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    found = [rule for rule in webhook_app.url_map.iter_rules() if rule.rule.startswith(PATH)]
    assert found
    for rule in found:
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert f"| `{method} {rule.rule}` |" in page
