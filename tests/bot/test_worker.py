"""The worker: its chores do their work, and none of them can stop it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from huey import SqliteHuey
from sqlalchemy.engine import Engine

from bot.event_log import EventLog
from bot.settings import BotSettings
from bot.tracker_store import IDLE_SECONDS, TrackerStore
from bot.worker import Chores, create_huey, main
from knowledge.schema import RumourReport, now
from knowledge.store import connect, transaction


@pytest.fixture
def tracker_file(settings: BotSettings) -> Path:
    file = settings.tracker_file
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id TEXT, timestamp FLOAT)"
        )
        connection.execute(
            "INSERT INTO events (sender_id, timestamp) VALUES ('idle', ?), ('new', ?)",
            (time.time() - IDLE_SECONDS - 5, time.time()),
        )
    return file


@pytest.fixture
def chores(engine: Engine, tracker_file: Path) -> Chores:
    return Chores(EventLog(engine), TrackerStore(tracker_file), 30)


@pytest.fixture
def broken(tmp_path: Path) -> Chores:
    """Chores whose stores cannot be used."""
    file = tmp_path / "broken.db"
    file.write_text("no database " * 1000)
    return Chores(EventLog(connect(f"sqlite:///{file}")), TrackerStore(file), 30)


def senders(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[0] for row in connection.execute("SELECT sender_id FROM events")]


def add_rumour(engine: Engine, days_ago: float) -> None:
    row = RumourReport(reply_id=f"r{days_ago}", session_key="alice", claim="x")
    row.at = now() - timedelta(days=days_ago)
    with transaction(engine) as session:
        session.add(row)


def rumours(engine: Engine) -> int:
    with transaction(engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(RumourReport)) or 0


def test_it_beats(chores: Chores, engine: Engine) -> None:
    chores.beat()
    assert (EventLog(engine).last_beat_seconds("worker") or 0) < 5


def test_it_purges_idle_conversations(
    chores: Chores, tracker_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        chores.purge_idle()
        chores.purge_idle()
    assert senders(tracker_file) == ["new"]
    purged = [record for record in caplog.records if record.msg == "conversations_purged"]
    assert [vars(record)["rows"] for record in purged] == [1]


def test_it_deletes_what_is_older_than_the_retention_time(chores: Chores, engine: Engine) -> None:
    add_rumour(engine, 29)
    add_rumour(engine, 31)
    chores.delete_old()
    assert rumours(engine) == 1


@pytest.mark.parametrize(
    ("chore", "code"),
    [("beat", "beat_failed"), ("purge_idle", "purge_failed"), ("delete_old", "retention_failed")],
)
def test_a_chore_that_fails_is_logged_and_tried_again(
    broken: Chores, caplog: pytest.LogCaptureFixture, chore: str, code: str
) -> None:
    getattr(broken, chore)()
    getattr(broken, chore)()
    assert [record.msg for record in caplog.records] == [code, code]


@pytest.fixture
def huey(settings: BotSettings, tracker_file: Path) -> SqliteHuey:
    return create_huey(settings)


def test_it_starts_with_every_chore(
    huey: SqliteHuey, engine: Engine, tracker_file: Path, settings: BotSettings
) -> None:
    add_rumour(engine, settings.retention_days + 1)
    for begin in huey._startup.values():
        begin()
    assert EventLog(engine).last_beat_seconds("worker") is not None
    assert senders(tracker_file) == ["new"]
    assert rumours(engine) == 0, "the night may have passed while nothing ran"


def due(huey: SqliteHuey, moment: datetime) -> list[str]:
    return sorted(type(task).__name__ for task in huey.read_periodic(moment))


def test_chores_are_due_every_minute_and_every_night(huey: SqliteHuey) -> None:
    for hour, minute in ((0, 0), (3, 16), (12, 30), (23, 59)):
        assert due(huey, datetime(2026, 11, 21, hour, minute)) == ["every_minute"]
    assert due(huey, datetime(2026, 11, 21, 3, 17)) == ["every_minute", "every_night"]


def test_a_due_chore_does_its_work(
    huey: SqliteHuey, engine: Engine, tracker_file: Path, settings: BotSettings
) -> None:
    add_rumour(engine, settings.retention_days + 1)
    for task in huey.read_periodic(datetime(2026, 11, 21, 3, 17)):
        task.execute()
    assert EventLog(engine).last_beat_seconds("worker") is not None
    assert senders(tracker_file) == ["new"]
    assert rumours(engine) == 0


def test_the_retention_time_is_the_sites_own(settings: BotSettings, engine: Engine) -> None:
    add_rumour(engine, 8)
    huey = create_huey(replace(settings, retention_days=7))
    for task in huey.read_periodic(datetime(2026, 11, 21, 3, 17)):
        task.execute()
    assert rumours(engine) == 0


def test_the_queue_is_kept_in_the_data_folder(huey: SqliteHuey, settings: BotSettings) -> None:
    assert (settings.knowledge.data_dir / "queue.db").exists()


def test_it_says_in_one_sentence_why_it_cannot_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITEWELL_PORT", "nonsense")
    assert main() == 1
    error = capsys.readouterr().err
    assert error.startswith("The worker cannot start: CITEWELL_PORT: needs a whole number")
    assert error.count("\n") == 1
