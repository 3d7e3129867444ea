"""The event log: ids, codes and scores of a turn, and nothing that was said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.event_log import OF_A_SESSION, EventLog
from bot.turn import EntryRef, Message, Reply
from knowledge.schema import (
    AskedQuestion,
    Feedback,
    Heartbeat,
    RumourReport,
    TurnEvent,
    now,
)
from knowledge.store import connect, transaction

CANARY = "my secret canary illness"
MESSAGE = Message(CANARY, "alice", "web", country="NO")
REPLY = Reply(
    "r1",
    "answer",
    "answer",
    "en",
    "ltr",
    f"You asked: {CANARY}",
    entry=EntryRef("flu-spread", 3, "How does flu spread?", "flu", "Flu"),
    score=0.5,
)


@pytest.fixture
def log(engine: Engine) -> EventLog:
    return EventLog(engine)


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[EventLog]:
    """A log whose database has no tables."""
    engine = connect(f"sqlite:///{tmp_path / 'empty.db'}")
    yield EventLog(engine)
    engine.dispose()


def count(engine: Engine, table: type) -> int:
    with transaction(engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def age(engine: Engine, days: float) -> None:
    """Make everything that is there older."""
    with transaction(engine) as session:
        for table in OF_A_SESSION:
            session.execute(sa.update(table).values(at=now() - timedelta(days=days)))


def test_it_records_a_turn_without_a_word_of_it(
    log: EventLog, engine: Engine, tmp_path: Path
) -> None:
    assert log.record(MESSAGE, REPLY, ("phone", "email"), 42)
    with transaction(engine) as session:
        event = session.get_one(TurnEvent, "r1")
        assert (event.session_key, event.channel, event.kind, event.code) == (
            "alice",
            "web",
            "answer",
            "answer",
        )
        assert (event.entry_id, event.revision, event.score) == ("flu-spread", 3, 0.5)
        assert (event.redacted_kinds, event.milliseconds) == ("phone,email", 42)
    assert not any(b"canary" in file.read_bytes() for file in tmp_path.glob("citewell.db*"))


def test_a_long_code_is_cut_to_its_column(log: EventLog, engine: Engine) -> None:
    reply = Reply("r2", "notice", "c" * 100, "en", "ltr", "x")
    assert log.record(MESSAGE, reply, (), 1)
    with transaction(engine) as session:
        event = session.get_one(TurnEvent, "r2")
        assert (event.code, event.entry_id) == ("c" * 60, None)


def test_a_reply_belongs_to_one_conversation(log: EventLog) -> None:
    log.record(MESSAGE, REPLY, (), 1)
    assert log.owns("alice", "r1")
    assert not log.owns("bob", "r1")
    assert not log.owns("alice", "r2")


def test_the_last_word_on_a_reply_counts(log: EventLog, engine: Engine) -> None:
    assert log.feedback("alice", "r1", "not_helpful", "unclear")
    assert log.feedback("alice", "r1", "helpful", None)
    with transaction(engine) as session:
        row = session.get_one(Feedback, "r1")
        assert (row.rating, row.reason) == ("helpful", None)
    assert count(engine, Feedback) == 1


def test_forgetting_takes_everything_of_one_conversation(log: EventLog, engine: Engine) -> None:
    for person in ("alice", "bob"):
        message = Message("x", person, "web")
        log.record(message, Reply(person, "answer", "answer", "en", "ltr", "x"), (), 1, "x")
        log.feedback(person, person, "helpful", None)
        log.rumour(person, person, "a claim")
    assert log.forget("alice")
    for table in (TurnEvent, Feedback, RumourReport, AskedQuestion):
        with transaction(engine) as session:
            assert [row.session_key for row in session.scalars(sa.select(table))] == ["bob"]


def test_a_question_is_kept_as_it_is_given_with_what_it_got(log: EventLog, engine: Engine) -> None:
    assert log.record(MESSAGE, REPLY, ("phone",), 42, "how does flu spread [phone]")
    with transaction(engine) as session:
        asked = session.get_one(AskedQuestion, "r1")
        assert (asked.session_key, asked.text) == ("alice", "how does flu spread [phone]")
        assert (asked.locale, asked.kind) == ("en", "answer")
        assert (asked.entry_id, asked.topic, asked.group_id) == ("flu-spread", "flu", None)
        assert session.get(TurnEvent, "r1") is not None


def test_where_no_questions_are_kept_the_turn_still_is(engine: Engine) -> None:
    assert EventLog(engine, keeps_questions=False).record(MESSAGE, REPLY, (), 5, CANARY)
    assert count(engine, AskedQuestion) == 0
    assert count(engine, TurnEvent) == 1


def test_a_question_without_an_entry_has_no_topic(log: EventLog, engine: Engine) -> None:
    assert log.record(MESSAGE, Reply("r2", "no_answer", "no_answer", "en", "ltr", "x"), (), 1, "q")
    with transaction(engine) as session:
        asked = session.get_one(AskedQuestion, "r2")
        assert (asked.kind, asked.entry_id, asked.topic) == ("no_answer", None, None)


def test_a_turn_whose_words_are_not_to_be_kept_leaves_none(log: EventLog, engine: Engine) -> None:
    assert log.record(MESSAGE, REPLY, (), 1)
    assert (count(engine, TurnEvent), count(engine, AskedQuestion)) == (1, 0)


def test_a_long_question_is_cut_to_its_column(log: EventLog, engine: Engine) -> None:
    assert log.record(MESSAGE, REPLY, (), 1, "é" * 1500)
    with transaction(engine) as session:
        assert session.get_one(AskedQuestion, "r1").text == "é" * 1000


def test_a_forgotten_question_is_not_in_any_file(
    log: EventLog, engine: Engine, tmp_path: Path
) -> None:
    def found() -> list[str]:
        files = tmp_path.glob("citewell.db*")
        return [file.name for file in files if CANARY.encode() in file.read_bytes()]

    log.record(MESSAGE, REPLY, (), 1, CANARY)
    assert found(), "the test needs the question to be there first"
    assert log.forget("alice")
    assert (found(), count(engine, AskedQuestion)) == ([], 0)


def test_a_question_is_deleted_when_it_is_too_old(log: EventLog, engine: Engine) -> None:
    log.record(MESSAGE, REPLY, (), 1, "how does flu spread")
    age(engine, 29.9)
    assert log.delete_older_than(30) == 0
    age(engine, 30.1)
    assert log.delete_older_than(30) == 2
    assert count(engine, AskedQuestion) == 0


def test_a_forgotten_claim_is_not_in_any_file(log: EventLog, tmp_path: Path) -> None:
    def found() -> list[str]:
        files = tmp_path.glob("citewell.db*")
        return [file.name for file in files if CANARY.encode() in file.read_bytes()]

    log.rumour("alice", "r1", CANARY)
    assert found(), "the test needs the claim to be there first"
    assert log.forget("alice")
    assert found() == []


def test_an_old_claim_is_not_in_any_file(log: EventLog, engine: Engine, tmp_path: Path) -> None:
    log.rumour("alice", "r1", CANARY)
    age(engine, 31)
    assert log.delete_older_than(30) == 1
    assert not [f for f in tmp_path.glob("citewell.db*") if CANARY.encode() in f.read_bytes()]


def test_only_what_is_too_old_is_deleted(log: EventLog, engine: Engine) -> None:
    log.record(MESSAGE, REPLY, (), 1)
    log.feedback("alice", "r1", "helpful", None)
    log.rumour("alice", "r1", "a claim")
    age(engine, 29.9)
    assert log.delete_older_than(30) == 0
    age(engine, 30.1)
    log.feedback("bob", "r2", "helpful", None)
    assert log.delete_older_than(30) == 3
    assert (count(engine, TurnEvent), count(engine, RumourReport)) == (0, 0)
    assert count(engine, Feedback) == 1


def test_a_heartbeat_tells_its_age(log: EventLog, engine: Engine) -> None:
    assert log.last_beat_seconds("worker") is None
    log.beat("worker")
    log.beat("worker")
    assert 0 <= (log.last_beat_seconds("worker") or 99) < 5
    with transaction(engine) as session:
        session.execute(sa.update(Heartbeat).values(at=now() - timedelta(minutes=5)))
    assert 299 < (log.last_beat_seconds("worker") or 0) < 310


def test_a_lost_database_costs_no_reply(lost: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    assert not lost.record(MESSAGE, REPLY, (), 1, CANARY)
    assert not lost.feedback("alice", "r1", "helpful", None)
    assert not lost.rumour("alice", "r1", CANARY)
    assert not lost.forget("alice")
    assert [record.msg for record in caplog.records] == [
        "event_not_recorded",
        "feedback_not_recorded",
        "rumour_not_recorded",
        "not_forgotten",
    ]
    assert not any("canary" in str(vars(record)) for record in caplog.records)
    with pytest.raises(SQLAlchemyError):
        lost.owns("alice", "r1")


def test_a_busy_database_does_not_hold_a_turn_up(
    log: EventLog, engine: Engine, database_file: Path
) -> None:
    other = connect(f"sqlite:///{database_file}")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        started = now()
        assert not log.record(MESSAGE, REPLY, (), 1)
        assert (now() - started).total_seconds() < 3
        connection.rollback()
    assert log.record(MESSAGE, REPLY, (), 1)
    other.dispose()
