"""Rasa's file of running conversations: forgotten words are not in it any more, byte for byte."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.tracker_store import IDLE_SECONDS, TrackerStore

CANARY = "my secret canary illness"
# As Rasa 3.6.21 makes it.
TABLE = """
CREATE TABLE events (
    id INTEGER NOT NULL,
    sender_id VARCHAR(255) NOT NULL,
    type_name VARCHAR(255) NOT NULL,
    timestamp FLOAT,
    intent_name VARCHAR(255),
    action_name VARCHAR(255),
    data TEXT,
    PRIMARY KEY (id)
)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rasa-tracker.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(TABLE)
        connection.execute("CREATE INDEX ix_events_sender_id ON events (sender_id)")
    return path


@pytest.fixture(autouse=True)
def _library_that_keeps_deleted_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo the default of those SQLite libraries that overwrite deleted rows without being told."""
    connect = sqlite3.connect

    def plain(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", plain)


@pytest.fixture
def trackers(file: Path) -> TrackerStore:
    return TrackerStore(file)


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that stays open, as Rasa's own does."""
    with closing(sqlite3.connect(file)) as opened:
        yield opened


def say(
    connection: sqlite3.Connection, sender: str, text: str, seconds_ago: float = 0, times: int = 1
) -> None:
    row = (sender, "user", time.time() - seconds_ago, "ask", json.dumps({"text": text}))
    with connection:
        connection.executemany(
            "INSERT INTO events (sender_id, type_name, timestamp, intent_name, data) "
            "VALUES (?, ?, ?, ?, ?)",
            [row] * times,
        )


def senders(connection: sqlite3.Connection) -> dict[str, int]:
    rows = connection.execute("SELECT sender_id, COUNT(*) FROM events GROUP BY sender_id")
    return dict(rows.fetchall())


def holds(folder: Path, words: str) -> bool:
    """Tell whether any file of the store, journals included, holds these words."""
    return any(words.encode() in file.read_bytes() for file in folder.glob("rasa-tracker.db*"))


def test_forgetting_takes_one_conversation(
    trackers: TrackerStore, connection: sqlite3.Connection
) -> None:
    say(connection, "alice", "hello", times=3)
    say(connection, "bob", "hello", times=2)
    assert trackers.forget("alice")
    assert senders(connection) == {"bob": 2}


@pytest.mark.parametrize("length", [0, 9000], ids=["short", "over several pages"])
def test_a_forgotten_conversation_cannot_be_read_back(
    trackers: TrackerStore, connection: sqlite3.Connection, tmp_path: Path, length: int
) -> None:
    say(connection, "bob", "something else", times=20)
    say(connection, "alice", CANARY + "." * length, times=20)
    say(connection, "bob", "something else", times=20)
    assert holds(tmp_path, CANARY), "the test needs the words to be there first"
    assert trackers.forget("alice")
    assert not holds(tmp_path, CANARY)
    assert not holds(tmp_path, "alice")


def test_a_purged_conversation_cannot_be_read_back(
    trackers: TrackerStore, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    say(connection, "alice", CANARY, seconds_ago=IDLE_SECONDS + 5, times=20)
    assert trackers.purge() == 20
    assert not holds(tmp_path, CANARY)


def test_only_idle_conversations_are_purged(
    trackers: TrackerStore, connection: sqlite3.Connection
) -> None:
    say(connection, "idle", "a", seconds_ago=IDLE_SECONDS + 5, times=2)
    say(connection, "old but talking", "a", seconds_ago=IDLE_SECONDS + 5)
    say(connection, "old but talking", "b", seconds_ago=1)
    say(connection, "new", "a", seconds_ago=IDLE_SECONDS - 30)
    assert trackers.purge() == 2
    assert senders(connection) == {"new": 1, "old but talking": 2}
    assert trackers.purge() == 0


def test_the_oldest_events_go_beyond_the_limit(
    trackers: TrackerStore, connection: sqlite3.Connection
) -> None:
    for sender in ("first", "second", "third"):
        say(connection, sender, "a", times=10)
    assert trackers.purge(max_events=15) == 15
    assert senders(connection) == {"second": 5, "third": 10}
    assert trackers.purge(max_events=15) == 0


def test_it_counts_idle_and_surplus_together(
    trackers: TrackerStore, connection: sqlite3.Connection
) -> None:
    say(connection, "idle", "a", seconds_ago=IDLE_SECONDS + 5, times=3)
    say(connection, "new", "a", times=4)
    assert trackers.purge(max_events=2) == 5
    assert senders(connection) == {"new": 2}


def test_before_rasa_made_its_file_there_is_nothing_to_do(tmp_path: Path) -> None:
    file = tmp_path / "rasa-tracker.db"
    trackers = TrackerStore(file)
    assert trackers.forget("alice")
    assert trackers.purge() == 0
    assert not file.exists()


def test_a_file_that_is_no_database_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rasa-tracker.db"
    file.write_text("no database at all, only text " * 100)
    assert not TrackerStore(file).forget("alice")
    assert [record.msg for record in caplog.records] == ["tracker_not_forgotten"]
    with pytest.raises(sqlite3.Error):
        TrackerStore(file).purge()


def test_a_locked_file_is_told_in_time(
    trackers: TrackerStore, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.tracker_store.BUSY_SECONDS", 0.05)
    say(connection, "alice", "hello")
    connection.execute("BEGIN IMMEDIATE")
    assert not trackers.forget("alice")
    connection.rollback()
    assert trackers.forget("alice")
    assert senders(connection) == {}
