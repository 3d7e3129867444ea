"""From the outbox to Messenger: in order, each at most once, whatever Messenger says."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import sqlite3
import threading
from contextlib import closing
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from bot.channels.messenger.send_api import SendApi, read_outcome
from bot.messaging.inbox import Outgoing
from bot.messaging.outbox import CLAIM_SECONDS, Departing, Outcome
from bot.turn import Message, Reply
from tests.bot.messaging.conftest import CANARY, PERSON, Graph, Lines, Office, said

OTHER = "8000"


def put(office: Office, *texts: str, person: str = PERSON) -> None:
    """Put a reply of several messages into the outbox."""
    office.inbox.keep([said(office, f"{person}-{texts}-{office.clock()}", person=person)])
    claimed = office.inbox.claim()
    assert claimed is not None
    office.inbox.answer(claimed, person, [Outgoing({"text": text}, "r1") for text in texts])


# In order


def test_the_messages_of_a_reply_are_sent_in_order(office: Office, graph: Graph) -> None:
    put(office, "one", "two", "three")
    put(office, "four")
    office.send_all()
    assert graph.texts == ["one", "two", "three", "four"]
    assert office.states() == [("sent", "")] * 4
    assert all(row.sealed == b"" and row.sent_at for row in office.messages())


def test_a_call_is_as_messenger_documents_it(sqlite_office: Office, graph: Graph) -> None:
    put(sqlite_office, "Fièvre & more = 100 %")
    sqlite_office.send_all()
    call = graph.calls[-1]
    assert call == {
        "recipient": json.dumps({"id": PERSON}),
        "messaging_type": "RESPONSE",
        "message": json.dumps({"text": "Fièvre & more = 100 %"}, ensure_ascii=False),
        "access_token": "page-token",
        "appsecret_proof": hmac.new(b"app-secret", b"page-token", hashlib.sha256).hexdigest(),
    }
    assert set(graph.paths) == {"/v25.0/me/messages"}, "no token in an address"


def test_a_reply_is_announced_once(sqlite_office: Office, graph: Graph) -> None:
    graph.refuses(400, 613)
    put(sqlite_office, "one", "two")
    sqlite_office.send_all()
    sqlite_office.clock.wait(seconds=3)
    sqlite_office.send_all()
    assert [call.get("sender_action", "message") for call in graph.calls] == [
        "mark_seen",
        "typing_on",
        "message",
        "message",
        "message",
    ]


def test_a_message_is_marked_before_the_call(office: Office, graph: Graph) -> None:
    seen: list[str] = []
    graph.before = lambda call: seen.extend(
        row.state for row in office.messages() if "message" in call
    )
    put(office, "one", "two")
    office.send_all()
    assert seen == ["sending", "waiting", "sent", "sending"]


def test_many_at_once_send_each_message_once_and_in_order(office: Office, graph: Graph) -> None:
    people = [str(number) for number in range(1, 5)]
    for person in people:
        put(office, *(f"{person} {n}" for n in range(5)), person=person)

    def send() -> None:
        while any(state in {"waiting", "sending"} for state, _ in office.states()):
            try:
                office.sending.step()
            except OperationalError:
                continue  # SQLite was busy for half a second

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(graph.texts) == 20
    for person in people:
        assert [text for text in graph.texts if text.startswith(f"{person} ")] == [
            f"{person} {n}" for n in range(5)
        ]


# What Messenger says


@pytest.mark.parametrize(
    ("status", "code", "subcode", "outcome"),
    [
        (400, 613, 0, Outcome("waiting", "error_613")),
        (400, 4, 0, Outcome("waiting", "error_4", holds=True)),
        (403, 32, 0, Outcome("waiting", "error_32", holds=True)),
        (429, 99, 0, Outcome("waiting", "error_99", holds=True)),
        (500, 613, 0, Outcome("waiting", "error_613")),
        (500, 1, 1357046, Outcome("unknown", "error_1_1357046")),
        (400, 1, 1357046, Outcome("unknown", "error_1_1357046")),
        (500, 2, 0, Outcome("unknown", "error_2")),
        (503, 999, 0, Outcome("unknown", "error_999")),
        (400, 551, 0, Outcome("failed", "error_551")),
        (400, 10, 0, Outcome("failed", "error_10")),
        (400, 100, 2018001, Outcome("failed", "error_100_2018001")),
        (403, 200, 0, Outcome("failed", "error_200")),
        (400, 10, 2534022, Outcome("late", "error_10_2534022")),
        (400, 1545041, 0, Outcome("late", "error_1545041")),
        (401, 190, 463, Outcome("failed", "error_190_463", stops=True)),
    ],
)
def test_each_error_means_what_messenger_says(
    status: int, code: int, subcode: int, outcome: Outcome
) -> None:
    error = {"code": code, "error_subcode": subcode, "message": CANARY}
    assert read_outcome(status, json.dumps({"error": error}).encode()) == outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"message_id": "m1"}', Outcome("sent", message_id="m1")),
        (200, b"{}", Outcome("unknown", "no_message_id")),
        (200, b'{"message_id": 7}', Outcome("unknown", "no_message_id")),
        (200, b"<html>", Outcome("unknown", "no_message_id")),
        (200, b'{"error": {"code": "190"}}', Outcome("unknown", "error_0")),
        (429, b"slow down", Outcome("waiting", "status_429", holds=True)),
        (404, b"<html>", Outcome("failed", "status_404")),
        (502, b"<html>", Outcome("unknown", "status_502")),
        (302, b"", Outcome("unknown", "status_302")),
    ],
)
def test_an_answer_in_another_form_is_not_taken_for_more_than_it_is(
    status: int, body: bytes, outcome: Outcome
) -> None:
    assert read_outcome(status, body) == outcome


def test_what_was_refused_for_now_is_sent_later_and_in_order(office: Office, graph: Graph) -> None:
    graph.refuses(400, 613)
    graph.refuses(429, 613)
    put(office, "one", "two")
    put(office, "other", person=OTHER)
    office.send_all()
    assert office.states()[:2] == [("waiting", "error_613"), ("waiting", "")]
    office.clock.wait(seconds=2.1)
    office.send_all()
    office.clock.wait(seconds=4.1)
    office.send_all()
    assert [state for state, _ in office.states()] == ["sent"] * 3
    tries = [text for text in graph.texts if text != "other"]
    assert tries[-2:] == ["one", "two"]
    assert tries.count("two") == 1


def test_too_many_calls_of_the_page_hold_everybody(office: Office, graph: Graph) -> None:
    graph.refuses(400, 4)
    put(office, "one")
    put(office, "other", person=OTHER)
    office.send_all()
    assert graph.texts == ["one"]
    office.clock.wait(seconds=2.1)
    office.send_all()
    assert sorted(graph.texts) == ["one", "one", "other"]
    assert [state for state, _ in office.states()] == ["sent", "sent"]


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ('{"1": [{"type": "pages", "estimated_time_to_regain_access": 3}]}', 180),
        ('{"1": [{"estimated_time_to_regain_access": 1e9}]}', 3600),
        ('{"1": [{"estimated_time_to_regain_access": "soon"}]}', 2),
        ('{"1": [{"estimated_time_to_regain_access": NaN}]}', 2),
        ('{"1": [{}]}', 2),
        ("[7]", 2),
        ("{", 2),
    ],
)
def test_the_pause_is_as_long_as_meta_asks_for_but_an_hour_at_most(
    sqlite_office: Office, graph: Graph, usage: str, seconds: int
) -> None:
    office = sqlite_office
    graph.headers["X-Business-Use-Case-Usage"] = usage
    graph.refuses(400, 4)
    put(office, "one")
    office.send_all()
    (row,) = office.messages()
    assert (row.next_at - office.clock()).total_seconds() == seconds
    office.clock.wait(seconds=seconds - 0.5)
    assert not office.sending.step()
    office.clock.wait(seconds=1)
    office.send_all()
    assert [state for state, _ in office.states()] == ["sent"]


def test_pauses_grow_to_five_minutes(sqlite_office: Office, graph: Graph) -> None:
    office = sqlite_office
    put(office, "one")
    pauses = []
    for _ in range(10):
        graph.refuses(400, 613)
        office.send_all()
        (row,) = office.messages()
        pauses.append((row.next_at - office.clock()).total_seconds())
        office.clock.at = row.next_at
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize(("status", "code", "subcode"), [(500, 1, 1357046), (500, 2, 0)])
def test_what_may_have_arrived_is_not_sent_again_and_the_rest_is(
    office: Office, graph: Graph, status: int, code: int, subcode: int
) -> None:
    graph.refuses(status, code, subcode)
    put(office, "one", "two")
    office.send_all()
    office.clock.wait(hours=1)
    office.send_all()
    assert graph.texts == ["one", "two"]
    assert [state for state, _ in office.states()] == ["unknown", "sent"]
    assert all(row.sealed == b"" for row in office.messages())


def test_what_is_refused_for_good_ends_its_reply_and_no_other(office: Office, graph: Graph) -> None:
    graph.refuses(400, 551)
    put(office, "one", "two", "three")
    put(office, "other", person=OTHER)
    office.send_all()
    assert graph.texts == ["one", "other"]
    assert office.states() == [("failed", "error_551")] * 3 + [("sent", "")]
    assert all(row.sealed == b"" for row in office.messages())


def test_a_refused_token_stops_sending_until_it_is_another_one(
    office: Office, graph: Graph, lines: Lines
) -> None:
    graph.refuses(401, 190, 463)
    put(office, "one", "two")
    put(office, "other", person=OTHER)
    office.send_all()
    office.send_all()
    assert graph.texts == ["one"]
    assert office.states() == [("failed", "error_190_463")] * 2 + [("waiting", "")]
    stopped = [json.loads(line) for line in lines.lines if "sending_stopped" in line]
    assert [line["code"] for line in stopped] == ["error_190_463"]
    office.token[0] = "another-token"
    office.send_all()
    assert graph.texts == ["one", "other"]
    assert graph.calls[-1]["access_token"] == "another-token"
    for word in ("page-token", "another-token", PERSON):
        assert not any(word in line for line in [*lines.lines, *lines.raw])


def test_a_day_after_the_last_word_of_a_person_nothing_is_sent(
    office: Office, graph: Graph
) -> None:
    put(office, "one", "two")
    office.clock.wait(hours=23, minutes=59)
    assert office.outbox.expire() == 0
    put(office, "newer")
    office.clock.wait(minutes=2)
    assert office.outbox.expire() == 0, "the person wrote again"
    office.clock.wait(hours=24)
    assert office.outbox.expire() == 3
    office.send_all()
    assert graph.texts == []
    assert office.states() == [("late", "window_closed")] * 3
    assert all(row.sealed == b"" for row in office.messages())


def test_a_message_that_is_too_late_is_never_tried(office: Office, graph: Graph) -> None:
    put(office, "one")
    office.clock.wait(hours=24, seconds=1)
    office.send_all()  # before anybody ended it
    assert graph.texts == []
    assert office.states() == [("late", "window_closed")]


def test_who_looked_before_a_pause_was_asked_for_keeps_to_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(office, "one")
    take = office.outbox._take

    def another_is_quicker(row_id: int) -> Departing | None:
        monkeypatch.setattr(office.outbox, "_take", take)
        first = office.outbox.claim(["messenger"])
        assert first is not None
        assert office.outbox.settle(first, Outcome("waiting", "error_613", after=30))
        return take(row_id)

    monkeypatch.setattr(office.outbox, "_take", another_is_quicker)
    assert office.outbox.claim(["messenger"]) is None
    office.clock.wait(seconds=30)
    assert office.outbox.claim(["messenger"]) is not None


# What breaks


def test_a_process_that_died_while_sending_leaves_it_unknown(office: Office, graph: Graph) -> None:
    put(office, "one", "two")
    assert office.outbox.claim(["messenger"]) is not None  # nothing more is heard of who took it
    assert office.outbox.free_dead() == 0
    office.send_all()
    assert graph.texts == [], "the rest waits for what becomes of the first"
    office.clock.wait(seconds=CLAIM_SECONDS + 1)
    assert office.outbox.free_dead() == 1
    office.send_all()
    assert graph.texts == ["two"]
    assert office.states() == [("unknown", "process_ended"), ("sent", "")]


def test_what_a_slow_call_says_in_the_end_changes_nothing(office: Office, graph: Graph) -> None:
    put(office, "one")
    departing = office.outbox.claim(["messenger"])
    assert departing is not None
    office.clock.wait(seconds=CLAIM_SECONDS + 1)
    office.outbox.free_dead()
    assert not office.outbox.settle(departing, Outcome("waiting", "error_613"))
    office.send_all()
    assert graph.texts == []


def test_a_store_that_is_busy_after_the_call_does_not_lose_what_became_of_it(
    sqlite_office: Office, graph: Graph
) -> None:
    file = str(sqlite_office.store.url.database)
    other = sqlite3.connect(file, check_same_thread=False)
    release = threading.Timer(1.2, other.rollback)

    def lock(call: dict[str, Any]) -> None:
        if "message" in call and not release.is_alive():
            other.execute("BEGIN IMMEDIATE")
            release.start()

    graph.before = lock
    put(sqlite_office, "one")
    sqlite_office.sending.step()
    release.join()
    other.close()
    assert sqlite_office.states() == [("sent", "")]
    assert graph.texts == ["one"]


def test_without_a_connection_it_is_tried_again(sqlite_office: Office) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert SendApi(url, lambda: "t", "s").send(PERSON, {"text": "x"}, "k1") == Outcome(
        "waiting", "not_connected"
    )


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectTimeout("x"), Outcome("waiting", "not_connected")),
        (httpx.PoolTimeout("x"), Outcome("waiting", "not_connected")),
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

    api = SendApi("https://graph.example", lambda: "t", "s", httpx.MockTransport(fail))
    assert api.send(PERSON, {"text": "x"}, "k1") == outcome


def test_a_server_that_hangs_up_leaves_it_unknown(sqlite_office: Office, graph: Graph) -> None:
    def hang_up(call: dict[str, Any]) -> None:
        if "message" in call:
            raise ConnectionAbortedError

    graph.server.handle_error = lambda *_: None  # type: ignore[method-assign]
    graph.before = hang_up
    put(sqlite_office, "one")
    sqlite_office.send_all()
    graph.before = lambda _call: None
    sqlite_office.clock.wait(hours=1)
    sqlite_office.send_all()
    assert sqlite_office.states() == [("unknown", "RemoteProtocolError")]
    assert graph.texts == ["one"]


def test_an_announcement_that_fails_holds_nothing_up(sqlite_office: Office, graph: Graph) -> None:
    def hang_up(call: dict[str, Any]) -> None:
        if "sender_action" in call:
            raise ConnectionAbortedError

    graph.server.handle_error = lambda *_: None  # type: ignore[method-assign]
    graph.before = hang_up
    put(sqlite_office, "one")
    sqlite_office.send_all()
    assert sqlite_office.states() == [("sent", "")]


def test_forgetting_while_a_message_is_being_sent_hurts_no_other(
    office: Office, graph: Graph
) -> None:
    put(office, "one")
    departing = office.outbox.claim(["messenger"])
    assert departing is not None
    office.turns.answer = forgotten
    office.inbox.keep([said(office, "m1", "forget me")])
    office.answer_all()
    assert office.outbox.settle(departing, Outcome("waiting", "error_613"))
    office.clock.wait(seconds=10)
    office.send_all()
    assert graph.texts[-1] == "Deleted."
    assert graph.texts.count("one") == 0
    assert [state for state, _ in office.states()] == ["failed", "sent"]


def forgotten(_: Message) -> Reply:
    return Reply("r9", "notice", "forget_me", "en", "ltr", "Deleted.", session_ended=True)
