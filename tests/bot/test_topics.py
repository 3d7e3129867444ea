"""The live topics: fresh within seconds, and still there while the store is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from bot.topics import FRESH_SECONDS, LiveTopics
from knowledge.store import connect, import_entries, migrate, publish, transaction
from tests.bot.conftest import FLU, make_entry


class Clock:
    """Stands for the ``time`` module: seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bot.topics.time", clock)
    return clock


def add_entry(engine: Engine) -> None:
    """Publish one more entry on flu."""
    with transaction(engine) as session:
        import_entries(session, [make_entry(id="flu-shot", question="Who needs a flu shot?")])
        publish(session, "more")


def test_it_lists_topics_by_title_with_their_questions(engine: Engine) -> None:
    flu, stroke = LiveTopics(engine).topics().topics
    assert (flu.topic, flu.title) == ("flu", "Flu")
    assert [(e.entry_id, e.question) for e in flu.entries] == [
        ("flu-spread", "How does flu spread?")
    ]
    assert stroke.topic == "stroke"


def test_a_choice_asks_with_the_first_alias(engine: Engine) -> None:
    choices = LiveTopics(engine).choices()
    assert [(c.slug, c.title, c.ask) for c in choices] == [
        ("flu", "Flu", "flu"),
        ("stroke", "Stroke", "a stroke"),
    ]


def test_titles_are_sorted_as_people_sort_them(engine: Engine) -> None:
    with transaction(engine) as session:
        topic = {**FLU, "slug": "hiv", "title": "eczema"}
        import_entries(session, [make_entry(topic, id="eczema")])
        publish(session, "more")
    assert [c.title for c in LiveTopics(engine).choices()] == ["eczema", "Flu", "Stroke"]


def test_a_new_release_shows_within_two_seconds(engine: Engine, clock: Clock) -> None:
    live = LiveTopics(engine)
    assert len(live.topics().topics[0].entries) == 1
    add_entry(engine)
    clock.now += FRESH_SECONDS - 0.01
    assert len(live.topics().topics[0].entries) == 1
    clock.now += 0.02
    assert len(live.topics().topics[0].entries) == 2
    assert FRESH_SECONDS <= 2


def test_entries_are_read_only_when_the_release_changed(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveTopics(engine)
    first = live.topics()
    monkeypatch.setattr("bot.topics.read_live", lambda _session: pytest.fail("read again"))
    clock.now += FRESH_SECONDS
    assert live.topics() is first


def test_before_the_first_release_there_is_nothing(tmp_path: Path, clock: Clock) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(engine)
    live = LiveTopics(engine)
    assert live.topics().topics == ()
    assert live.choices() == ()
    add_entry(engine)
    clock.now += FRESH_SECONDS
    assert [c.slug for c in live.choices()] == ["flu"]
    engine.dispose()


def test_without_the_store_the_last_topics_stay(
    engine: Engine, clock: Clock, database_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveTopics(engine)
    before = live.topics()
    engine.dispose()
    database_file.write_text("no database " * 1000)
    clock.now += FRESH_SECONDS
    assert live.topics() is before
    assert [record.msg for record in caplog.records] == ["topics_not_read"]


def test_a_store_without_tables_gives_no_topics_and_no_error(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'empty.db'}")
    assert LiveTopics(engine).choices() == ()
    engine.dispose()


def test_one_thread_reads_and_the_others_do_not_wait(engine: Engine, clock: Clock) -> None:
    live = LiveTopics(engine)
    before = live.topics()
    add_entry(engine)
    clock.now += FRESH_SECONDS
    with live._lock:  # as if another thread were reading
        assert live.topics() is before
    assert live.topics() is not before
