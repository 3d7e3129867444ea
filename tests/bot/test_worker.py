"""The worker: its chores do their work, and none of them can stop it."""

from __future__ import annotations

import sqlite3
import sys
import threading
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
from bot.worker import Chores, Refitting, create_huey, main
from knowledge.schema import Person, ReleaseRevision, RumourReport, now
from knowledge.source_watch import Summary
from knowledge.store import (
    StoreError,
    connect,
    copy_refits,
    keep_refit,
    live_release_id,
    make_release,
    point_to,
    transaction,
    waits_for_refit,
)


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


def test_a_look_holds_nothing_else_up_and_there_is_one_at_a_time(
    engine: Engine, tracker_file: Path
) -> None:
    began, goes_on, looks = threading.Event(), threading.Event(), list[str]()

    def look() -> Summary | None:
        looks.append("night")
        began.set()
        assert goes_on.wait(10)
        return None

    def look_as_asked() -> int:
        looks.append("asked")
        return 1

    events, trackers = EventLog(engine), TrackerStore(tracker_file)
    chores = Chores(events, trackers, 30, look, look_as_asked=look_as_asked)
    nightly = chores.beside(chores.watch_sources)
    assert began.wait(10)
    chores.beat()
    chores.look_as_asked()
    assert looks == ["night"]
    goes_on.set()
    nightly.join(timeout=10)
    chores.look_as_asked()
    assert looks == ["night", "asked"]


def test_a_look_that_fails_is_logged_and_tried_again(
    engine: Engine, tracker_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> int:
        raise StoreError("a page that nobody cites any more")

    chores = Chores(EventLog(engine), TrackerStore(tracker_file), 30, look_as_asked=fail)
    chores.look_as_asked()
    chores.look_as_asked()
    assert [record.msg for record in caplog.records] == ["sources_not_watched"] * 2


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


# --- after a release by the content team ----------------------------------------------------------


@pytest.fixture
def released_by_hand(engine: Engine) -> int:
    """A release that a person made; nothing was refitted for it yet."""
    with transaction(engine) as session:
        before = live_release_id(session)
        assert before is not None
        keep_refit(session, before, "a-model", {"a": 1})
        members = session.scalars(
            sa.select(ReleaseRevision.revision_id).where(ReleaseRevision.release_id == before)
        )
        person = Person(email="paul@example.org", name="Paul")
        session.add(person)
        session.flush()
        release_id = make_release(session, list(members), "by hand", person.id)
        copy_refits(session, before, release_id)
        point_to(session, release_id)
    return release_id


def ended(refitting: Refitting, seconds: float = 20.0) -> None:
    """Wait until nothing runs any more."""
    until = time.monotonic() + seconds
    while refitting.is_running and time.monotonic() < until:
        time.sleep(0.02)
        refitting.step()
    assert not refitting.is_running


def test_a_release_by_hand_is_refitted_once_in_a_process_beside(
    engine: Engine, released_by_hand: int, tmp_path: Path
) -> None:
    file = tmp_path / "runs"
    script = f"open({str(file)!r}, 'a').write('x')"
    refitting = Refitting(engine, (sys.executable, "-c", script))
    refitting.step()
    assert refitting.is_running
    ended(refitting)
    refitting.step()
    assert not refitting.is_running
    assert file.read_text() == "x"


def test_what_was_refitted_or_came_from_the_command_line_waits_for_nothing(
    engine: Engine, released_by_hand: int
) -> None:
    with transaction(engine) as session:
        assert waits_for_refit(session) == released_by_hand
        keep_refit(session, released_by_hand, "a-model", {"a": 2})
    with transaction(engine) as session:
        assert waits_for_refit(session) is None
        point_to(session, 1)
    with transaction(engine) as session:
        assert waits_for_refit(session) is None


def test_a_refit_that_fails_or_takes_too_long_is_told_and_not_begun_again(
    engine: Engine,
    released_by_hand: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Refitting(engine, (sys.executable, "-c", "raise SystemExit(3)"))
    failing.step()
    ended(failing)
    monkeypatch.setattr("bot.worker.REFIT_SECONDS", 0.2)
    slow = Refitting(engine, (sys.executable, "-c", "import time; time.sleep(60)"))
    slow.step()
    ended(slow)
    assert [one.message for one in caplog.records].count("refit_failed") == 2
    slow.step()
    assert not slow.is_running
