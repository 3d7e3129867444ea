"""The API as people and pages use it, with a Rasa that says what the test wants."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from bot.errors import Problem
from bot.event_log import EventLog
from bot.rate_limit import RateLimit
from bot.replies import read_wording
from bot.settings import BotSettings
from knowledge.schema import Feedback, RumourReport, TurnEvent
from knowledge.store import transaction
from tests.bot.conftest import LoopbackServer, Person, ScriptedRasa, answer_payload

EMERGENCY = "my chest hurts and I can't breathe"
FORGET_ME = {"kind": "notice", "code": "forget_me", "text": "Done. It is deleted."}

# Sessions


def test_a_session_brings_everything_for_a_first_screen(client: FlaskClient) -> None:
    person = Person(client)
    started = person.start()
    assert started["session"]
    assert started["expires_at"].endswith("Z")
    assert (started["locale"], started["dir"], started["country"]) == ("en", "ltr", None)
    assert started["max_message_characters"] == 1000
    assert set(started["notice"]) == {"title", "text", "points", "agree"}
    assert {"code": "NO", "name": "Norway"} in started["countries"]
    welcome = started["welcome"]
    assert (welcome["kind"], welcome["code"]) == ("notice", "welcome")
    assert [q["title"] for q in welcome["quick_replies"]] == ["Flu", "What can you do?"]


def test_the_country_is_the_one_that_was_chosen(alice: Person) -> None:
    assert alice.start(country="NO")["country"] == "NO"
    reply = alice.say(EMERGENCY)
    assert reply["emergency"]["country"] == "NO"
    assert reply["emergency"]["lines"][0]["tel"] == "tel:113"


def test_a_message_can_name_another_country(alice: Person) -> None:
    alice.start(country="NO")
    assert alice.say(EMERGENCY, country="US")["emergency"]["lines"][0]["number"] == "911"
    assert alice.say(EMERGENCY)["emergency"]["country"] == "NO"


def test_no_country_is_guessed_from_where_somebody_is(client: FlaskClient) -> None:
    headers = {"Accept-Language": "nb-NO", "X-Forwarded-For": "193.213.112.4"}
    response = client.post("/api/v1/sessions", json={}, headers=headers)
    assert response.get_json()["country"] is None
    person = Person(client, response.get_json()["session"])
    emergency = person.say(EMERGENCY)["emergency"]
    assert emergency["country"] is None
    assert emergency["country_hint"]
    assert all(line["tel"] is None for line in emergency["lines"])


def test_the_sites_own_country_holds_where_none_was_chosen(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    person = Person(start_app(replace(settings, country="GB")).test_client())
    assert person.start()["country"] == "GB"
    assert person.start(country="US")["country"] == "US"


def test_sessions_are_not_stored(alice: Person, engine: Engine, tmp_path: Path) -> None:
    alice.say("How does flu spread?")
    for file in tmp_path.glob("*.db*"):
        assert alice.token.encode() not in file.read_bytes()
    with transaction(engine) as session:
        (event,) = session.scalars(sa.select(TurnEvent))
        assert event.session_key not in alice.token


# Messages


def test_an_answer_comes_with_its_source(alice: Person, rasa: ScriptedRasa) -> None:
    reply = alice.say("How does flu spread?")
    assert (reply["kind"], reply["code"]) == ("answer", "answer")
    assert reply["sources"][0]["url"] == "https://www.cdc.gov/flu/about/index.html"
    assert reply["entry"]["entry_id"] == "flu-spread"
    assert reply["feedback"] is True
    assert [heard["message"] for heard in rasa.heard] == ["How does flu spread?"]


def test_a_reply_has_every_field_always(alice: Person, rasa: ScriptedRasa) -> None:
    answer = alice.say("How does flu spread?")
    rasa.returns(500, "")
    assert set(alice.say("x y z")) == set(answer) == set(alice.say(EMERGENCY))


def test_every_conversation_has_its_own_tracker(
    alice: Person, bob: Person, rasa: ScriptedRasa
) -> None:
    for person in (alice, bob, alice):
        person.say("How does flu spread?")
    first, second, third = (heard["sender"] for heard in rasa.heard)
    assert first == third != second
    assert alice.token not in first


def test_without_rasa_there_is_still_a_reply(
    alice: Person, rasa: ScriptedRasa, engine: Engine
) -> None:
    rasa.fails(httpx.ConnectError("refused"))
    codes = [alice.say("How does flu spread?")["code"] for _ in range(3)]
    assert codes == ["rasa_unreachable", "rasa_unreachable", "rasa_breaker_open"]
    assert alice.say(EMERGENCY)["kind"] == "emergency"


def test_without_a_database_emergencies_and_answers_go_on(
    alice: Person, rasa: ScriptedRasa, database_file: Path
) -> None:
    for file in database_file.parent.glob("citewell.db*"):
        file.unlink()
    database_file.write_text("no database " * 1000)
    assert alice.say(EMERGENCY)["kind"] == "emergency"
    assert alice.say("How does flu spread?")["kind"] == "answer"
    rasa.fails(httpx.ConnectError("refused"))
    assert alice.say(EMERGENCY)["kind"] == "emergency"


def test_a_long_text_is_triaged_to_its_end(alice: Person, rasa: ScriptedRasa) -> None:
    text = ("the weather is nice today. " * 60)[: 1001 - len(EMERGENCY)] + EMERGENCY
    assert len(text) == 1001
    assert alice.say(text)["kind"] == "emergency"
    calm = alice.say("the weather is nice today. " * 60)
    assert (calm["kind"], calm["code"]) == ("notice", "too_long")
    assert rasa.heard == []


@pytest.mark.parametrize("text", ["", " \n ", "🤧🤧🤧", "?", "\u200b", "\u202e\u202c", "/"])
def test_a_message_without_words_gets_a_menu(alice: Person, rasa: ScriptedRasa, text: str) -> None:
    reply = alice.say(text)
    assert (reply["kind"], reply["code"]) == ("notice", "empty")
    assert reply["quick_replies"]
    assert rasa.heard == []


@pytest.mark.parametrize("text", ["/restart", "\u200b/restart", "\u202e/restart", "\x00 //restart"])
def test_commands_are_only_words(alice: Person, rasa: ScriptedRasa, text: str) -> None:
    alice.say(text)
    assert rasa.heard[0]["message"] == "restart"


def test_control_and_direction_characters_go_no_further(alice: Person, rasa: ScriptedRasa) -> None:
    alice.say("how\x00 does\x1b[31m \u202eflu\u202c\u2066 spread\u2069\x7f?\r\n")
    (heard,) = rasa.heard
    assert heard["message"] == "how does [31m flu spread ?"


def test_lone_surrogates_are_read(alice: Person, rasa: ScriptedRasa) -> None:
    body = '{"text": "flu \\ud83d spread \\ude00"}'
    response = alice.client.post(
        "/api/v1/messages", data=body, content_type="application/json", headers=alice.headers
    )
    assert response.status_code == 200
    assert rasa.heard[0]["message"] == "flu \ufffd spread \ufffd"


def test_identifiers_do_not_reach_rasa(alice: Person, rasa: ScriptedRasa) -> None:
    alice.say("I am jane.doe@example.org, call (415) 555-2671, do I have flu")
    (heard,) = rasa.heard
    assert "jane" not in heard["message"]
    assert "2671" not in heard["message"]


def test_markup_comes_back_as_it_was_written(alice: Person, rasa: ScriptedRasa) -> None:
    rasa.says({"kind": "notice", "code": "greet", "text": "<b>ما</b> & é"})
    response = alice.post("/api/v1/messages", {"text": "hi"})
    assert response.content_type == "application/json"
    assert response.get_json()["text"] == "<b>ما</b> & é"
    assert "ما" in response.text, "text is readable, not escaped"


def test_what_people_write_is_in_no_log_line(
    alice: Person, rasa: ScriptedRasa, capsys: pytest.CaptureFixture[str]
) -> None:
    alice.say("canary words of a person")
    rasa.returns(200, '[{"custom": {"kind": "canary words"}}]')
    alice.say("canary words of a person")
    alice.post("/api/v1/messages", {"text": 7, "canary words": 1})
    alice.client.get("/canary words")
    out, err = capsys.readouterr()
    assert "canary" not in out + err


# Feedback


def test_feedback_is_kept_and_can_be_changed(alice: Person, engine: Engine) -> None:
    reply_id = alice.say("How does flu spread?")["reply_id"]
    first = {"reply_id": reply_id, "rating": "not_helpful", "reason": "unclear"}
    for body in (first, {"reply_id": reply_id, "rating": "helpful"}):
        response = alice.post("/api/v1/feedback", body)
        assert (response.status_code, response.data) == (204, b"")
    with transaction(engine) as session:
        (row,) = session.scalars(sa.select(Feedback))
        assert (row.rating, row.reason) == ("helpful", None)


def test_nobody_rates_anothers_reply(alice: Person, bob: Person, engine: Engine) -> None:
    reply_id = alice.say("How does flu spread?")["reply_id"]
    for person, wanted in ((bob, reply_id), (alice, "f" * 24), (alice, "0" * 24)):
        response = person.post("/api/v1/feedback", {"reply_id": wanted, "rating": "helpful"})
        assert response.status_code == 404
    with transaction(engine) as session:
        assert session.scalars(sa.select(Feedback)).all() == []


@pytest.mark.parametrize("method", ["owns", "feedback"])
def test_feedback_that_cannot_be_kept_is_503(
    alice: Person, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    reply_id = alice.say("How does flu spread?")["reply_id"]

    def owns(*_: object) -> bool:
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(EventLog, method, owns if method == "owns" else lambda *_: False)
    response = alice.post("/api/v1/feedback", {"reply_id": reply_id, "rating": "helpful"})
    assert response.status_code == 503


# Deleting


@pytest.fixture
def tracker_file(settings: BotSettings) -> Path:
    """Rasa's file with a conversation under every sender that is given."""
    with closing(sqlite3.connect(settings.tracker_file)) as connection, connection:
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id, timestamp)")
    return settings.tracker_file


def track(file: Path, rasa: ScriptedRasa) -> None:
    """Write what Rasa heard into its file, as it would."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(
            "INSERT INTO events (sender_id, timestamp) VALUES (?, ?)",
            [(heard["sender"], time.time()) for heard in rasa.heard],
        )


def tracked(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[0] for row in connection.execute("SELECT DISTINCT sender_id FROM events")]


def events(engine: Engine) -> int:
    with transaction(engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(TurnEvent)) or 0


@pytest.mark.parametrize("how", ["route", "words"])
def test_a_conversation_is_deleted_everywhere(
    alice: Person,
    bob: Person,
    rasa: ScriptedRasa,
    engine: Engine,
    tracker_file: Path,
    how: str,
) -> None:
    alice.say("How does flu spread?")
    bob.say("How does flu spread?")
    track(tracker_file, rasa)
    if how == "route":
        response = alice.client.delete("/api/v1/sessions/current", headers=alice.headers)
        assert (response.status_code, response.data) == (204, b"")
    else:
        rasa.says(FORGET_ME)
        reply = alice.say("delete my data")
        assert (reply["code"], reply["session_ended"]) == ("forget_me", True)
    assert tracked(tracker_file) == [rasa.heard[1]["sender"]]
    assert events(engine) == 1


@pytest.mark.parametrize("how", ["route", "words"])
def test_the_token_of_a_deleted_session_is_refused(
    alice: Person, bob: Person, rasa: ScriptedRasa, engine: Engine, how: str
) -> None:
    if how == "route":
        alice.client.delete("/api/v1/sessions/current", headers=alice.headers)
    else:
        rasa.says(FORGET_ME)
        alice.say("delete my data")
    assert alice.post("/api/v1/messages", {"text": "hello"}).status_code == 401
    again = alice.client.delete("/api/v1/sessions/current", headers=alice.headers)
    assert again.status_code == 401
    rasa.says(answer_payload())
    assert bob.say("How does flu spread?")["kind"] == "answer"
    assert events(engine) == 1


def test_a_conversation_that_cannot_be_deleted_is_503(
    alice: Person, rasa: ScriptedRasa, engine: Engine, settings: BotSettings
) -> None:
    alice.say("How does flu spread?")
    settings.tracker_file.write_text("no database " * 1000)
    response = alice.client.delete("/api/v1/sessions/current", headers=alice.headers)
    assert response.status_code == 503
    assert events(engine) == 0, "one store that fails does not keep the other"
    rasa.says(FORGET_ME)
    reply = alice.say("delete my data")
    assert (reply["code"], reply["session_ended"]) == ("forget_failed", False)
    settings.tracker_file.unlink()
    again = alice.client.delete("/api/v1/sessions/current", headers=alice.headers)
    assert again.status_code == 204, "what failed can be tried again with the same token"


def test_a_reported_claim_is_kept_until_it_is_deleted(
    alice: Person, rasa: ScriptedRasa, engine: Engine
) -> None:
    rasa.says({"kind": "notice", "code": "rumour_reported", "claim": "garlic cures flu"})
    assert alice.say("report it")["code"] == "rumour_reported"
    with transaction(engine) as session:
        assert [row.claim for row in session.scalars(sa.select(RumourReport))] == [
            "garlic cures flu"
        ]
    alice.client.delete("/api/v1/sessions/current", headers=alice.headers)
    with transaction(engine) as session:
        assert session.scalars(sa.select(RumourReport)).all() == []


# Topics, health, readiness


def test_topics_need_no_session(client: FlaskClient) -> None:
    topics = client.get("/api/v1/topics").get_json()["topics"]
    assert topics == [
        {
            "topic": "flu",
            "title": "Flu",
            "entries": [{"entry_id": "flu-spread", "question": "How does flu spread?"}],
        },
        {
            "topic": "stroke",
            "title": "Stroke",
            "entries": [
                {"entry_id": "stroke-signs", "question": "What are the signs of a stroke?"}
            ],
        },
    ]


def test_the_web_server_is_alive_without_anything_else(
    client: FlaskClient, rasa: ScriptedRasa
) -> None:
    rasa.is_up = False
    assert client.get("/healthz").get_json() == {"status": "ok"}


@pytest.fixture
def whole(
    start_app: Callable[..., Flask],
    settings: BotSettings,
    engine: Engine,
    loopback: LoopbackServer,
) -> FlaskClient:
    """An app whose every part is ready."""
    EventLog(engine).beat("worker")
    return start_app(replace(settings, actions_url=loopback.url)).test_client()


def failing(client: FlaskClient) -> set[str]:
    response = client.get("/readyz")
    body = response.get_json()
    failed = {name for name, state in body["checks"].items() if state == "failed"}
    assert set(body["checks"]) == {"rasa", "actions", "database", "release", "worker"}
    assert body["ready"] == (not failed)
    assert response.status_code == (503 if failed else 200)
    return failed


def test_it_is_ready_when_every_part_is(whole: FlaskClient) -> None:
    assert failing(whole) == set()


def test_a_proxy_of_the_machine_is_not_asked_for_its_own_parts(
    start_app: Callable[..., Flask],
    settings: BotSettings,
    loopback: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    app = start_app(replace(settings, actions_url=loopback.url))
    assert "actions" not in failing(app.test_client())


def test_it_names_rasa(whole: FlaskClient, rasa: ScriptedRasa) -> None:
    rasa.is_up = False
    assert failing(whole) == {"rasa"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, '{"ready": false}'),
        (200, '{"ready": false}'),
        (200, "{}"),
        (200, "nonsense"),
        (200, "[]"),
        (200, "null"),
    ],
)
def test_it_names_the_action_server(
    whole: FlaskClient, loopback: LoopbackServer, status: int, body: str
) -> None:
    loopback.status, loopback.body = status, body
    assert failing(whole) == {"actions"}


def test_it_names_the_worker_that_fell_silent(whole: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE heartbeat SET at = '2020-01-01 00:00:00'")
    assert failing(whole) == {"worker"}


def test_it_names_the_release_that_is_missing(whole: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM live_release")
    assert failing(whole) == {"release"}


def test_it_names_the_database(whole: FlaskClient, database_file: Path, engine: Engine) -> None:
    engine.dispose()
    for file in database_file.parent.glob("citewell.db*"):
        file.unlink()
    database_file.write_text("no database " * 1000)
    assert failing(whole) == {"database", "release", "worker"}


# Limits


def test_too_many_messages_are_told_when_to_go_on(
    start_app: Callable[..., Flask], settings: BotSettings, rasa: ScriptedRasa
) -> None:
    client = start_app(replace(settings, message_limit="3/minute")).test_client()
    alice, bob = Person(client), Person(client)
    alice.start()
    bob.start()
    for _ in range(3):
        alice.say("How does flu spread?")
    response = alice.post("/api/v1/messages", {"text": EMERGENCY})
    assert response.status_code == 429
    assert response.content_type == "application/problem+json"
    wait = int(response.headers["Retry-After"])
    assert 1 <= wait <= 61
    assert f"{wait} seconds" in response.get_json(force=True)["detail"]
    assert len(rasa.heard) == 3
    assert bob.say("How does flu spread?")["kind"] == "answer", "others are not slowed down"


def test_too_many_sessions_of_one_address_are_refused(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    client = start_app(replace(settings, session_limit="2/minute")).test_client()
    here = {"REMOTE_ADDR": "192.0.2.1"}
    codes = [
        client.post("/api/v1/sessions", json={}, environ_overrides=here).status_code
        for _ in range(3)
    ]
    assert codes == [201, 201, 429]
    there = {"REMOTE_ADDR": "192.0.2.2"}
    assert client.post("/api/v1/sessions", json={}, environ_overrides=there).status_code == 201


@pytest.mark.parametrize(("proxies", "second"), [(0, 429), (1, 201)])
def test_the_address_is_believed_only_from_a_trusted_proxy(
    start_app: Callable[..., Flask], settings: BotSettings, proxies: int, second: int
) -> None:
    app = start_app(replace(settings, session_limit="1/minute", trusted_proxies=proxies))
    client = app.test_client()
    codes = [
        client.post("/api/v1/sessions", json={}, headers={"X-Forwarded-For": ip}).status_code
        for ip in ("192.0.2.1", "192.0.2.2")
    ]
    assert codes == [201, second]


def test_a_limit_is_over_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.time()
    limit = RateLimit("2/10 seconds")
    limit.hit("alice")
    limit.hit("alice")
    with pytest.raises(Problem) as caught:
        limit.hit("alice")
    assert caught.value.status == 429
    assert 1 <= (caught.value.retry_after or 0) <= 11
    monkeypatch.setattr(time, "time", lambda: started + 11)
    limit.hit("alice")


def test_a_body_of_unknown_length_is_read(alice: Person, rasa: ScriptedRasa) -> None:
    rasa.says(answer_payload())
    body: dict[str, Any] = {"text": "x" * 40_000}
    assert alice.post("/api/v1/messages", body).get_json()["code"] == "too_long"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ما هي أعراض الحصبة؟", "ar"),
        ("أشعر بألم في صدري", "ar"),
        ("什么是流感的症状？", "zh"),
        ("какие симптомы кори", "ru"),
        ("मलेरिया के लक्षण क्या हैं", "hi"),
        ("はしかの症状は何ですか", "ja"),
        ("홍역 증상", "ko"),
        ("اعراض سرخک چیست", "fa"),
        ("খসরা রোগের লক্ষণ কী", "bn"),
        ("лол", None),
    ],
)
def test_letters_that_nobody_here_reads_get_the_emergency_advice_without_rasa(
    alice: Person, rasa: ScriptedRasa, text: str, language: str | None
) -> None:
    # Rasa knows none of these letters, and would take a cry for help for small talk.
    rasa.says({"kind": "notice", "code": "rephrase", "text": "Please say it in other words."})
    reply = alice.say(text)
    assert (reply["kind"], reply["code"]) == ("no_answer", "other_language")
    assert reply["call_now"]
    assert rasa.heard == []
    told = read_wording().other_language.texts
    if language in told:
        assert (reply["locale"], reply["text"]) == (language, told[language])


@pytest.mark.parametrize(
    "text", ["β blocker", "5 μg?", "naïve café", "flu 流感 symptoms and spread"]
)
def test_a_foreign_letter_or_two_are_a_question_as_any(
    alice: Person, rasa: ScriptedRasa, text: str
) -> None:
    assert alice.say(text)["kind"] == "answer"
    assert len(rasa.heard) == 1
