"""Replies on their way to an organisation's app: each until it is taken, under one id."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from bot.channel_settings import WebhookSettings
from bot.channels.posting import read_outcome
from bot.channels.webhook.client import ReplyClient
from bot.channels.webhook.events import address_of
from bot.channels.webhook.replies import render
from bot.messaging.inbox import Inbox, Incoming, Outgoing
from bot.messaging.outbox import CLAIM_SECONDS, LONGEST_HOLD, Outbox, Outcome
from bot.messaging.sealing import Sealer
from bot.messaging.sending import Sending
from bot.rendering.words import read_words
from bot.simulator.misbehaviour import Answer, Fault
from bot.simulator.stand_in import Listening
from bot.simulator.transcript import Refused, Sent
from bot.simulator.webhook.faults import FAULTS
from bot.simulator.webhook.stand_in import KEY as WRITTEN_KEY
from bot.simulator.webhook.stand_in import WebhookStandIn
from bot.turn import Reply
from knowledge.schema import OutboxMessage
from knowledge.store import transaction
from tests.bot.webhook.conftest import (
    ACCOUNT,
    CANARY,
    KEY,
    NEXT_KEY,
    PERSON,
    SET,
    Clock,
    Lines,
)

TLS = cache(ssl.create_default_context)
OTHER = "person-2"
WORDS = read_words("en")
BIG = Fault("Taken; a long answer", processes=True, answer=Answer(200, {"x": "y" * 200_000}))


def reply(text: str) -> Reply:
    return Reply("0" * 24, "notice", "x", "en", "ltr", text)


@dataclass
class Desk:
    """The store, what sends out of it, and the app that takes what is sent."""

    store: Engine
    clock: Clock
    inbox: Inbox
    outbox: Outbox
    sending: Sending
    app: WebhookStandIn
    settings: list[WebhookSettings]

    def put(self, *texts: str, person: str = PERSON, account: str = ACCOUNT) -> None:
        """Put replies to one event of a person into the outbox."""
        address = address_of(account, person)
        key = f"{person}-{texts}-{self.clock.at}"
        self.inbox.keep([Incoming("webhook", account, key, address, "text", self.clock.at)])
        claimed = self.inbox.claim()
        assert claimed is not None
        payloads = [one for text in texts for one in render(reply(text), WORDS, self.clock)]
        self.inbox.answer(claimed, address, [Outgoing(payload) for payload in payloads])

    def send_all(self) -> None:
        """Send whatever can be sent now."""
        while self.sending.step():
            pass

    def restart(self) -> None:
        """Begin to send anew, as another process does: with no memory of pauses."""
        self.sending = sending_of(self)

    def rows(self) -> list[OutboxMessage]:
        """Return the rows of the outbox in their order."""
        with transaction(self.store) as session:
            rows = list(session.scalars(sa.select(OutboxMessage).order_by(OutboxMessage.id)))
            session.expunge_all()
        return rows

    def states(self) -> list[tuple[str, str]]:
        """Return state and code of the outbox's rows."""
        return [(row.state, row.code) for row in self.rows()]

    def texts(self) -> list[str]:
        """Return what the app took, each once."""
        lines = self.app.transcript.lines()
        return [one.message["texts"][0] for one in lines if isinstance(one, Sent)]

    def refusals(self) -> list[str]:
        """Return why the app refused something."""
        return [one.message for one in self.app.transcript.lines() if isinstance(one, Refused)]


def sending_of(desk: Desk) -> Sending:
    client = ReplyClient(lambda: desk.settings[0], clock=desk.clock)
    return Sending(desk.outbox, Sealer("test-" * 8), {"webhook": client})


def made(store: Engine, clock: Clock, app: WebhookStandIn) -> Desk:
    sealer = Sealer("test-" * 8)
    inbox, outbox = Inbox(store, sealer, clock), Outbox(store, sealer, clock)
    settings = [replace(SET, reply_url=app.reply_url)]
    desk = Desk(store, clock, inbox, outbox, Sending(outbox, sealer, {}), app, settings)
    desk.restart()
    return desk


@pytest.fixture(autouse=True)
def _shared_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the certificates once for all tests."""
    monkeypatch.setattr("ssl.create_default_context", TLS)


@pytest.fixture
def app(clock: Clock) -> Iterator[WebhookStandIn]:
    """The organisation's app, with the clock of the test."""
    faults = {**FAULTS, "long": BIG}
    listening = Listening(clock=clock.seconds)
    with WebhookStandIn("http://127.0.0.1:9/none", WRITTEN_KEY, listening, faults) as started:
        yield started


@pytest.fixture
def desk(store: Engine, clock: Clock, app: WebhookStandIn) -> Desk:
    """Everything over each kind of store."""
    return made(store, clock, app)


@pytest.fixture
def sqlite_desk(sqlite_store: Engine, clock: Clock, app: WebhookStandIn) -> Desk:
    """Everything over SQLite alone, where the kind of store makes no difference."""
    return made(sqlite_store, clock, app)


# What is posted


def test_replies_come_in_order_signed_and_each_under_its_own_id(desk: Desk) -> None:
    desk.put("one", "two")
    desk.put("three")
    desk.send_all()
    assert desk.texts() == ["one", "two", "three"]
    assert desk.states() == [("sent", "")] * 3
    assert desk.refusals() == []
    assert len({post.message_id for post in desk.app.posts}) == 3
    assert all(row.sealed == b"" and row.sent_at for row in desk.rows())


def test_a_post_is_as_documented(sqlite_desk: Desk) -> None:
    sqlite_desk.put("Fièvre 🤒?")
    sqlite_desk.send_all()
    (post,) = sqlite_desk.app.posts
    assert post.message_id.startswith("msg_")
    assert "Fièvre 🤒?".encode() in post.body
    content = json.loads(post.body)
    assert list(content) == ["type", "timestamp", "data"]
    assert list(content["data"]) == ["account", "person", "reply", "texts"]
    assert content["type"] == "reply.created"
    assert content["timestamp"].endswith("Z")
    assert (content["data"]["account"], content["data"]["person"]) == (ACCOUNT, PERSON)


def test_the_id_tells_nothing_and_no_row_has_anothers(sqlite_desk: Desk) -> None:
    """Row numbers come again in SQLite once the last row was deleted."""
    ids = []
    for _ in range(3):
        sqlite_desk.put("one")
        sqlite_desk.send_all()
        ids.append((sqlite_desk.app.posts[-1].message_id, sqlite_desk.rows()[0].id))
        sqlite_desk.clock.wait(days=3)
        assert sqlite_desk.inbox.delete_older_than(2) == 1
    assert len({row for _, row in ids}) == 1
    assert len({message_id for message_id, _ in ids}) == 3


# Again, under the same id


@pytest.mark.parametrize(
    "fault", ["500", "503", "429", "dropped", "401", "404", "302", "taken-but-500"]
)
def test_what_may_not_have_arrived_comes_again_and_is_taken_once(
    sqlite_desk: Desk, fault: str
) -> None:
    desk = sqlite_desk
    desk.app.misbehaviour.next_calls(fault, 2)
    desk.put("one", "two")
    for _ in range(4):
        desk.send_all()
        desk.clock.wait(minutes=5)
        desk.restart()
    assert desk.texts() == ["one", "two"]
    assert [state for state, _ in desk.states()] == ["sent", "sent"]
    assert desk.app.lost == 0
    assert desk.refusals() == []


def test_a_lost_answer_costs_nothing(desk: Desk) -> None:
    desk.app.misbehaviour.next_calls("taken-but-dropped")
    desk.put("one")
    desk.send_all()
    assert desk.states() == [("waiting", "RemoteProtocolError")]
    desk.clock.wait(seconds=3)
    desk.send_all()
    first, again = desk.app.posts
    assert (first.message_id, first.body) == (again.message_id, again.body)
    assert again.is_again
    assert desk.texts() == ["one"]
    assert desk.states() == [("sent", "")]


def test_each_attempt_is_signed_anew(sqlite_desk: Desk) -> None:
    sqlite_desk.app.misbehaviour.next_calls("taken-but-500")
    sqlite_desk.put("one")
    sqlite_desk.send_all()
    sqlite_desk.clock.wait(hours=2)
    sqlite_desk.restart()
    sqlite_desk.send_all()
    assert [post.is_again for post in sqlite_desk.app.posts] == [False, True]
    assert sqlite_desk.refusals() == [], "an old signature would be refused"


def test_what_a_dead_process_was_posting_is_posted_again(desk: Desk) -> None:
    desk.put("one", "two")
    assert desk.outbox.claim(["webhook"]) is not None  # nothing more is heard of who took it
    assert desk.outbox.free_dead(["webhook"]) == 0
    desk.clock.wait(seconds=CLAIM_SECONDS + 1)
    assert desk.outbox.free_dead(["webhook"]) == 0
    desk.send_all()
    assert desk.texts() == ["one", "two"]


def test_on_another_platform_it_is_not(desk: Desk) -> None:
    desk.put("one", "two")
    assert desk.outbox.claim(["webhook"]) is not None
    desk.clock.wait(seconds=CLAIM_SECONDS + 1)
    assert desk.outbox.free_dead(["another"]) == 1
    desk.send_all()
    assert desk.texts() == ["two"]


def test_after_a_day_nothing_is_tried(sqlite_desk: Desk) -> None:
    desk = sqlite_desk
    desk.app.misbehaviour.sometimes("500", 1.0)
    desk.put("one")
    end = desk.clock.at + timedelta(hours=24, minutes=10)
    tries = 0
    while desk.clock.at < end:
        tries += desk.sending.step()
        desk.clock.wait(minutes=10)
    assert desk.states() == [("late", "window_closed")]
    assert tries > 100
    assert desk.rows()[0].sealed == b""


# What ends a reply


def test_what_the_app_refuses_itself_ends_and_others_go_on(desk: Desk) -> None:
    desk.app.misbehaviour.next_calls("422")
    desk.put("one", "two")
    desk.put("other", person=OTHER)
    desk.send_all()
    assert desk.states() == [("failed", "status_422"), ("failed", "status_422"), ("sent", "")]
    assert desk.texts() == ["other"]


def test_nothing_is_posted_after_410_until_the_settings_change(
    sqlite_desk: Desk, lines: Lines
) -> None:
    desk = sqlite_desk
    desk.app.misbehaviour.next_calls("410")
    desk.put("one")
    desk.put("other", person=OTHER)
    desk.send_all()
    desk.clock.wait(hours=1)
    desk.send_all()
    assert [state for state, _ in desk.states()] == ["waiting", "waiting"]
    assert any("sending_stopped" in line and "status_410" in line for line in lines.lines)
    desk.settings[0] = replace(desk.settings[0], reply_url=f"{desk.app.url}/replies?")
    desk.send_all()
    assert sorted(desk.texts()) == ["one", "other"], "not even that one is lost"


# Pauses


def test_a_pause_that_is_asked_for_holds_for_everybody(sqlite_desk: Desk) -> None:
    desk = sqlite_desk
    desk.app.misbehaviour.next_calls("503")
    desk.put("one")
    desk.put("other", person=OTHER)
    desk.send_all()
    assert desk.states() == [("waiting", "status_503"), ("waiting", "")]
    assert desk.rows()[0].next_at - desk.clock.at == timedelta(seconds=3)


def test_a_mistake_of_one_reply_holds_nobody_up(sqlite_desk: Desk) -> None:
    desk = sqlite_desk
    desk.app.misbehaviour.next_calls("500")
    desk.put("one")
    desk.put("other", person=OTHER)
    desk.send_all()
    assert desk.texts() == ["other"]


def test_an_app_that_is_away_is_left_alone_for_a_while(sqlite_desk: Desk) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = ReplyClient(lambda: WebhookSettings((KEY,), url))
    payload = render(reply("x"), WORDS)[0]
    outcome = client.send(address_of(ACCOUNT, PERSON), payload, "k1")
    assert outcome == Outcome("waiting", "not_connected", holds=True)


# Keys


def test_a_new_key_is_used_at_once_and_both_while_it_changes(sqlite_desk: Desk) -> None:
    desk = sqlite_desk
    desk.settings[0] = replace(desk.settings[0], keys=(NEXT_KEY,))
    desk.put("one")
    desk.send_all()
    assert desk.states() == [("waiting", "status_401")]
    assert desk.refusals() == ["No signature in webhook-signature is right."]
    desk.settings[0] = replace(desk.settings[0], keys=(NEXT_KEY, KEY))
    desk.clock.wait(seconds=3)
    desk.send_all()
    assert desk.texts() == ["one"]


def test_what_calls_are_made_with_is_known_without_being_shown() -> None:
    settings = [SET]
    client = ReplyClient(lambda: settings[0])
    seen = {client.credentials}
    for changed in (replace(SET, reply_url="https://x.example"), replace(SET, keys=(NEXT_KEY,))):
        settings[0] = changed
        seen.add(client.credentials)
    assert len(seen) == 3
    assert not any(KEY.hex() in one or repr(KEY) in one or WRITTEN_KEY in one for one in seen)


# What an answer means


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome("sent", message_id="msg_1")),
        (204, Outcome("sent", message_id="msg_1")),
        (301, Outcome("waiting", "status_301")),
        (304, Outcome("waiting", "status_304")),
        (400, Outcome("failed", "status_400")),
        (401, Outcome("waiting", "status_401")),
        (403, Outcome("waiting", "status_403")),
        (404, Outcome("waiting", "status_404")),
        (408, Outcome("waiting", "status_408")),
        (409, Outcome("failed", "status_409")),
        (410, Outcome("waiting", "status_410", stops=True)),
        (413, Outcome("failed", "status_413")),
        (429, Outcome("waiting", "status_429", holds=True)),
        (500, Outcome("waiting", "status_500")),
        (502, Outcome("waiting", "status_502", holds=True)),
        (503, Outcome("waiting", "status_503", holds=True)),
        (504, Outcome("waiting", "status_504", holds=True)),
    ],
)
def test_each_status_means_what_the_documentation_says(status: int, outcome: Outcome) -> None:
    assert read_outcome(status, "", "msg_1", datetime(2026, 1, 1, tzinfo=UTC)) == outcome


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("soon", 0.0),
        ("\u0667", 0.0),
        ("9" * 400, 999_999_999.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 00:01:00", 0.0),
        ("Thu, 01 Jan 99999 00:01:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(written: str, seconds: float) -> None:
    outcome = read_outcome(429, written, "msg_1", datetime(2026, 1, 1, tzinfo=UTC))
    assert outcome.after == seconds


@given(st.integers(200, 599), st.text(max_size=40))
def test_whatever_is_answered_has_a_meaning(status: int, written: str) -> None:
    outcome = read_outcome(status, written, "msg_1", datetime(2026, 1, 1, tzinfo=UTC))
    assert outcome.state in {"sent", "waiting", "failed"}
    assert (outcome.state == "sent") == (200 <= status < 300)
    assert outcome.after >= 0


def test_a_wait_of_years_is_an_hour(sqlite_desk: Desk) -> None:
    faults = {"429": Fault("", answer=Answer(429, headers={"Retry-After": "99999999"}))}
    listening = Listening(clock=sqlite_desk.clock.seconds)
    with WebhookStandIn("http://127.0.0.1:9/none", WRITTEN_KEY, listening, faults) as app:
        sqlite_desk.settings[0] = replace(sqlite_desk.settings[0], reply_url=app.reply_url)
        app.misbehaviour.next_calls("429")
        sqlite_desk.put("one")
        sqlite_desk.send_all()
    (row,) = sqlite_desk.rows()
    assert (row.next_at - sqlite_desk.clock.at).total_seconds() == LONGEST_HOLD


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectTimeout("x"), Outcome("waiting", "not_connected", holds=True)),
        (httpx.PoolTimeout("x"), Outcome("waiting", "not_connected", holds=True)),
        (httpx.ReadTimeout("x"), Outcome("waiting", "timed_out", holds=True)),
        (httpx.WriteTimeout("x"), Outcome("waiting", "timed_out", holds=True)),
        (httpx.ReadError("x"), Outcome("waiting", "ReadError")),
        (httpx.RemoteProtocolError("x"), Outcome("waiting", "RemoteProtocolError")),
        (httpx.InvalidURL("x"), Outcome("waiting", "bad_address", stops=True)),
    ],
)
def test_however_a_call_breaks_it_is_made_again(error: Exception, outcome: Outcome) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    client = ReplyClient(lambda: SET, httpx.MockTransport(fail))
    payload = render(reply("x"), WORDS)[0]
    assert client.send(address_of(ACCOUNT, PERSON), payload, "k1") == outcome


def test_a_long_answer_is_not_read_to_its_end_and_counts(sqlite_desk: Desk) -> None:
    sqlite_desk.app.misbehaviour.next_calls("long", 2)
    sqlite_desk.put("one", "two")
    sqlite_desk.send_all()
    assert sqlite_desk.states() == [("sent", "")] * 2


def test_an_answer_that_breaks_off_counts_by_its_status() -> None:
    def breaking() -> Iterator[bytes]:
        yield b"x"
        raise httpx.ReadError("x")

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return breaking()

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Body())

    client = ReplyClient(lambda: SET, httpx.MockTransport(answer))
    payload = render(reply("x"), WORDS)[0]
    assert client.send(address_of(ACCOUNT, PERSON), payload, "k1").state == "sent"


def test_no_proxy_sees_what_stays_on_this_machine(
    sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    sqlite_desk.restart()
    sqlite_desk.put("one")
    sqlite_desk.send_all()
    assert sqlite_desk.texts() == ["one"]


def test_nothing_of_an_answer_is_in_the_log(sqlite_desk: Desk, lines: Lines) -> None:
    words: dict[str, Any] = {"error": CANARY}
    faults = {"422": Fault("", answer=Answer(422, words, {"X-Canary": CANARY}))}
    listening = Listening(clock=sqlite_desk.clock.seconds)
    with WebhookStandIn("http://127.0.0.1:9/none", WRITTEN_KEY, listening, faults) as app:
        sqlite_desk.settings[0] = replace(sqlite_desk.settings[0], reply_url=app.reply_url)
        app.misbehaviour.next_calls("422")
        sqlite_desk.put(CANARY)
        sqlite_desk.send_all()
    assert sqlite_desk.states() == [("failed", "status_422")]
    told = "\n".join(lines.lines)
    assert "status_422" in told
    assert CANARY not in told
    assert PERSON not in told
