"""The store of record: revisions, releases, rollback, and a database that comes into shape."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from unittest.mock import ANY

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from knowledge import store
from knowledge.entry import TopicEntry
from knowledge.schema import (
    Base,
    Heartbeat,
    LiveRelease,
    Release,
    ReleaseRevision,
    Revision,
    RumourReport,
    now,
)
from knowledge.store import (
    MIGRATIONS,
    ImportResult,
    LiveEntry,
    StoreError,
    connect,
    content_hash,
    import_entries,
    keep_refit,
    live_release_id,
    live_state,
    migrate,
    publish,
    read_live,
    read_refit,
    roll_back,
    transaction,
    waiting_drafts,
    writing,
)
from tests.knowledge.small import make_pair, small_corpus


def reworded(pair: TopicEntry, answer: str = "Other words.") -> TopicEntry:
    """Return an entry with another short answer."""
    return pair.model_copy(update={"entry": pair.entry.model_copy(update={"short_answer": answer})})


def in_locale(pair: TopicEntry, locale: str) -> TopicEntry:
    return pair.model_copy(update={"topic": pair.topic.model_copy(update={"locale": locale})})


def write(engine: Engine, entries: Sequence[TopicEntry]) -> ImportResult:
    with transaction(engine) as session:
        return import_entries(session, entries)


def go_live(engine: Engine, entry_ids: frozenset[str] | None = None) -> int:
    with transaction(engine) as session:
        return publish(session, "A note", entry_ids)


def live_entries(engine: Engine) -> tuple[LiveEntry, ...]:
    with transaction(engine) as session:
        live = read_live(session)
    assert live is not None
    return live.entries


def live_answers(engine: Engine) -> dict[str, tuple[int, str]]:
    return {
        live.topic_entry.entry.id: (live.revision, live.topic_entry.entry.short_answer)
        for live in live_entries(engine)
    }


@pytest.fixture
def engine(store: Engine) -> Engine:
    """Every test here runs on SQLite and on PostgreSQL."""
    return store


# --- the database ---------------------------------------------------------------------------------


def test_the_migrations_lead_to_the_shape_that_the_code_expects(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    write(engine, [make_pair()])
    migrate(engine)
    with transaction(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Revision)) == 1


def test_the_migrations_can_be_taken_back(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]


def test_it_makes_the_folder_of_its_database(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'a' / 'b' / 'citewell.db'}")
    migrate(engine)
    engine.dispose()
    assert (tmp_path / "a" / "b" / "citewell.db").exists()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("secure_delete", 1), ("busy_timeout", 500)],
)
def test_every_sqlite_connection_is_prepared(
    sqlite_store: Engine, pragma: str, value: str | int
) -> None:
    with sqlite_store.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_deleted_word_is_gone_from_the_file(sqlite_store: Engine, tmp_path: Path) -> None:
    claim = "onions-heal-everything"
    with transaction(sqlite_store) as session:
        session.add(RumourReport(reply_id="r1", session_key="s1", claim=claim))
    with transaction(sqlite_store) as session:
        session.execute(sa.delete(RumourReport))
    sqlite_store.dispose()
    file = tmp_path / "data" / "citewell.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert claim.encode() not in file.read_bytes()


def test_its_errors_hold_no_values(engine: Engine) -> None:
    report = {"reply_id": "r1", "session_key": "s1", "at": now(), "claim": "my secret words"}
    with pytest.raises(IntegrityError) as caught, engine.begin() as connection:
        connection.execute(sa.insert(RumourReport), [report, report])
    assert "my secret words" not in str(caught.value)


def test_it_waits_for_a_writer_only_a_moment(sqlite_store: Engine, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "data" / "citewell.db", isolation_level=None)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            write(sqlite_store, [make_pair()])


def test_a_transaction_lands_as_a_whole_or_not_at_all(engine: Engine) -> None:
    def half_done() -> None:
        with transaction(engine) as session:
            import_entries(session, [make_pair()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    assert write(engine, [make_pair()]) == ImportResult(new=1, changed=0, unchanged=0)


def test_a_release_cannot_hold_a_revision_that_does_not_exist(engine: Engine) -> None:
    write(engine, [make_pair()])
    release = go_live(engine)
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.add(ReleaseRevision(release_id=release, revision_id=99))


# --- moments --------------------------------------------------------------------------------------


def test_a_moment_comes_back_aware_and_in_utc(engine: Engine) -> None:
    lagos = timezone(timedelta(hours=1))
    with transaction(engine) as session:
        session.add(Heartbeat(process="worker", at=datetime(2026, 11, 21, 0, 30, tzinfo=lagos)))
    with transaction(engine) as session:
        at = session.scalar(sa.select(Heartbeat.at))
        raw = session.execute(sa.text("SELECT at FROM heartbeat")).scalar()
    assert at == datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert at.tzinfo is UTC
    assert str(raw).startswith("2026-11-20 23:30")


def test_moments_compare_across_zones(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(Heartbeat(process="worker", at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC)))
    midnight_in_lagos = datetime(2026, 11, 21, 0, 0, tzinfo=timezone(timedelta(hours=1)))
    later = sa.select(Heartbeat.process).where(Heartbeat.at > midnight_in_lagos)
    with transaction(engine) as session:
        assert session.scalar(later) == "worker"


def test_no_moment_stays_none() -> None:
    kind = Heartbeat.__table__.c.at.type
    assert kind.process_bind_param(None, ANY) is None
    assert kind.process_result_value(None, ANY) is None


def test_now_is_aware() -> None:
    assert now().utcoffset() == timedelta(0)


# --- import ---------------------------------------------------------------------------------------


def test_importing_twice_writes_once(engine: Engine) -> None:
    corpus = small_corpus()
    assert write(engine, corpus) == ImportResult(new=6, changed=0, unchanged=0)
    assert write(engine, corpus) == ImportResult(new=0, changed=0, unchanged=6)
    with transaction(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Revision)) == 6


def test_a_changed_entry_gets_a_further_revision_and_keeps_the_old_one(engine: Engine) -> None:
    pair = make_pair()
    write(engine, [pair])
    assert write(engine, [reworded(pair)]) == ImportResult(new=0, changed=1, unchanged=0)
    with transaction(engine) as session:
        rows = session.scalars(sa.select(Revision).order_by(Revision.number)).all()
        bodies = [TopicEntry.model_validate(row.body) for row in rows]
        numbers = [row.number for row in rows]
    assert numbers == [1, 2]
    assert bodies == [pair, reworded(pair)]


def test_going_back_to_old_words_is_a_change_as_well(engine: Engine) -> None:
    pair = make_pair()
    for version in (pair, reworded(pair)):
        write(engine, [version])
    assert write(engine, [pair]) == ImportResult(new=0, changed=1, unchanged=0)


def test_a_change_of_the_topic_is_a_change_of_its_entries(engine: Engine) -> None:
    pair = make_pair()
    write(engine, [pair])
    renamed = pair.model_copy(update={"topic": pair.topic.model_copy(update={"title": "Rest"})})
    assert write(engine, [renamed]).changed == 1


def test_locales_of_one_entry_are_counted_apart(engine: Engine) -> None:
    pair = make_pair()
    write(engine, [pair])
    assert write(engine, [in_locale(pair, "es")]) == ImportResult(new=1, changed=0, unchanged=0)
    go_live(engine)
    assert [(e.topic_entry.topic.locale, e.revision) for e in live_entries(engine)] == [
        ("en", 1),
        ("es", 1),
    ]


def test_the_hash_does_not_depend_on_the_order_of_fields() -> None:
    assert content_hash({"a": 1, "b": "é"}) == content_hash({"b": "é", "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})


# --- releases -------------------------------------------------------------------------------------


def test_nothing_is_live_before_the_first_release(engine: Engine) -> None:
    write(engine, small_corpus())
    with transaction(engine) as session:
        assert live_release_id(session) is None
        assert read_live(session) is None


def test_publishing_makes_every_entry_live(engine: Engine) -> None:
    write(engine, reversed_corpus := small_corpus()[::-1])
    release = go_live(engine)
    entries = live_entries(engine)
    ids = sorted(pair.entry.id for pair in reversed_corpus)
    assert [live.topic_entry.entry.id for live in entries] == ids
    assert {live.revision for live in entries} == {1}
    with transaction(engine) as session:
        assert live_release_id(session) == release
        assert session.get_one(Release, release).note == "A note"


def test_a_draft_waits_until_it_is_published(engine: Engine) -> None:
    pair = make_pair()
    write(engine, [pair])
    go_live(engine)
    write(engine, [reworded(pair)])
    assert live_answers(engine)["sleep-how-much"] == (1, pair.entry.short_answer)
    go_live(engine)
    assert live_answers(engine)["sleep-how-much"] == (2, "Other words.")


def test_it_counts_the_drafts_that_wait(engine: Engine) -> None:
    def waiting() -> int:
        with transaction(engine) as session:
            return waiting_drafts(session)

    corpus = small_corpus()
    write(engine, corpus)
    assert waiting() == 6
    go_live(engine)
    assert waiting() == 0
    write(engine, [reworded(corpus[0]), reworded(corpus[1]), make_pair()])
    assert waiting() == 3
    write(engine, [reworded(corpus[0], "Still other words.")])
    assert waiting() == 3


def test_publishing_some_entries_makes_a_release_of_just_those(engine: Engine) -> None:
    write(engine, small_corpus())
    go_live(engine, frozenset({"flu-spread", "stroke-signs"}))
    assert sorted(live_answers(engine)) == ["flu-spread", "stroke-signs"]


@pytest.mark.parametrize("entry_ids", [None, frozenset({"unknown"})])
def test_it_refuses_to_publish_nothing(engine: Engine, entry_ids: frozenset[str] | None) -> None:
    with pytest.raises(StoreError, match="nothing to publish"):
        go_live(engine, entry_ids)


def test_a_refused_release_leaves_the_live_one_alone(engine: Engine) -> None:
    write(engine, [make_pair()])
    release = go_live(engine)
    with pytest.raises(StoreError):
        go_live(engine, frozenset({"unknown"}))
    with transaction(engine) as session:
        assert live_release_id(session) == release


def test_rolling_back_brings_the_older_words_back(engine: Engine) -> None:
    pair = make_pair()
    write(engine, [pair])
    first = go_live(engine)
    write(engine, [reworded(pair)])
    second = go_live(engine)
    with transaction(engine) as session:
        roll_back(session, first)
    assert second > first
    assert live_answers(engine)["sleep-how-much"] == (1, pair.entry.short_answer)
    with transaction(engine) as session:
        assert live_release_id(session) == first
        assert waiting_drafts(session) == 1
        roll_back(session, second)
    assert live_answers(engine)["sleep-how-much"] == (2, "Other words.")


def test_it_refuses_to_roll_back_to_a_release_that_never_was(engine: Engine) -> None:
    with pytest.raises(StoreError, match="no release 42"), transaction(engine) as session:
        roll_back(session, 42)


def test_it_tells_since_when_a_release_is_live(engine: Engine) -> None:
    write(engine, [make_pair()])
    release = go_live(engine)
    with transaction(engine) as session:
        session.get_one(LiveRelease, 1).since = datetime(2020, 1, 1, tzinfo=UTC)
    before = now()
    with transaction(engine) as session:
        roll_back(session, release)
    with transaction(engine) as session:
        assert session.get_one(LiveRelease, 1).since >= before


# --- what is in memory already --------------------------------------------------------------------


def test_entries_in_memory_are_not_read_again(engine: Engine) -> None:
    corpus = small_corpus()
    write(engine, corpus)
    go_live(engine)
    before = live_entries(engine)
    write(engine, [reworded(corpus[0]), make_pair()])
    go_live(engine)
    with transaction(engine) as session:
        again = read_live(session, before)
        fresh = read_live(session)
    assert again == fresh
    assert again is not None
    kept = {id(live) for live in before}
    assert sum(id(live) in kept for live in again.entries) == 5
    assert {live.revision for live in again.entries if id(live) not in kept} == {1, 2}


def test_entries_in_memory_that_left_the_release_are_gone(engine: Engine) -> None:
    write(engine, small_corpus())
    go_live(engine)
    before = live_entries(engine)
    go_live(engine, frozenset({"flu-spread"}))
    with transaction(engine) as session:
        live = read_live(session, before)
    assert live is not None
    assert [entry.topic_entry.entry.id for entry in live.entries] == ["flu-spread"]


def test_many_new_entries_are_read_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    write(engine, small_corpus())
    go_live(engine)
    one_by_one = live_entries(engine)
    monkeypatch.setattr(store, "FEW", 2)
    assert live_entries(engine) == one_by_one
    with transaction(engine) as session:
        mixed = read_live(session, one_by_one[:2])
    assert mixed is not None
    assert mixed.entries == one_by_one


# --- how sure to be of a release ------------------------------------------------------------------


def test_a_refit_belongs_to_one_release_and_one_model(engine: Engine) -> None:
    write(engine, [make_pair()])
    first, second = go_live(engine), go_live(engine)
    with transaction(engine) as session:
        keep_refit(session, first, "words", {"confidence_bias": 1.0})
    with transaction(engine) as session:
        assert read_refit(session, first, "words") == {"confidence_bias": 1.0}
        assert read_refit(session, second, "words") is None
        assert read_refit(session, first, "other") is None


def test_a_further_refit_takes_the_place_of_the_one_before(engine: Engine) -> None:
    write(engine, [make_pair()])
    release = go_live(engine)
    states = []
    for bias in (1.0, 2.0):
        with transaction(engine) as session:
            keep_refit(session, release, "words", {"confidence_bias": bias})
        with transaction(engine) as session:
            states.append(live_state(session, "words"))
    with transaction(engine) as session:
        assert read_refit(session, release, "words") == {"confidence_bias": 2.0}
    assert states[0] != states[1]


def test_the_state_changes_with_the_release_and_its_refit(engine: Engine) -> None:
    def state(model: str = "words") -> tuple[int, str] | None:
        with transaction(engine) as session:
            return live_state(session, model)

    write(engine, [make_pair()])
    assert state() is None
    release = go_live(engine)
    assert state() == (release, "")
    with transaction(engine) as session:
        keep_refit(session, release, "words", {})
    refitted = state()
    assert refitted is not None
    assert refitted[0] == release
    assert refitted[1] != ""
    assert state("other") == (release, "")
    assert go_live(engine) != release
    assert state() != refitted


def test_a_refit_of_a_release_that_never_was_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), transaction(engine) as session:
        keep_refit(session, 42, "words", {})


@pytest.mark.parametrize(("outlasts_power", "synchronous"), [(False, 1), (True, 2)])
def test_what_must_outlast_a_power_cut_is_on_the_disk_at_each_commit(
    tmp_path: Path, outlasts_power: bool, synchronous: int
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}", outlasts_power=outlasts_power)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == synchronous
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


def test_writers_of_one_process_wait_in_line_and_none_loses(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'line.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE told (who INTEGER)")
    writing_now: list[int] = []
    crossed: list[int] = []

    def write(who: int) -> None:
        for _ in range(5):
            with writing(engine) as session:
                crossed.extend(writing_now)
                writing_now.append(who)
                session.execute(sa.text("INSERT INTO told VALUES (:who)"), {"who": who})
                writing_now.remove(who)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crossed == []
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM told").scalar_one() == 40


def test_a_writer_that_fails_leaves_the_line(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'line.db'}")
    with pytest.raises(ZeroDivisionError), writing(engine):
        raise ZeroDivisionError
    with writing(engine) as session:
        assert session.scalar(sa.text("SELECT 1")) == 1


def test_who_stands_in_line_too_long_asks_the_database_itself(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'line.db'}")
    with writing(engine), writing(engine) as second:
        assert second.scalar(sa.text("SELECT 1")) == 1
