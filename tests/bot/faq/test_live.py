"""The shelf of the live release: read once, kept while the store is away, shared by threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from bot.faq import live
from bot.faq.live import FRESH_SECONDS, LiveAnswers, Shelf
from knowledge.entry import TopicEntry
from knowledge.store import (
    connect,
    import_entries,
    live_release_id,
    publish,
    roll_back,
    transaction,
)
from tests.bot.conftest import FLU, SOURCE, make_entry
from tests.bot.faq.conftest import FULL, STROKE


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
    monkeypatch.setattr("bot.faq.live.time", clock)
    return clock


def make_live(engine: Engine, *entries: TopicEntry) -> int:
    """Publish exactly these entries; return the id of the release."""
    with transaction(engine) as session:
        import_entries(session, entries)
        return publish(session, "test", frozenset(pair.entry.id for pair in entries))


def read(answers: LiveAnswers) -> Shelf:
    """Return the shelf, which must be there."""
    shelf = answers.shelf()
    assert shelf is not None
    return shelf


def test_it_holds_the_live_answers_by_language_and_topic(store: Engine) -> None:
    release = make_live(store, make_entry(), FULL, STROKE)
    shelf = read(LiveAnswers(store))
    assert shelf.release_id == release
    assert list(shelf.topics) == ["en"]
    assert list(shelf.in_locale("en")) == ["flu", "stroke"]
    # The spread of a disease comes before what is said of it.
    assert [e.id for e in shelf.in_locale("en")["flu"].entries] == [
        "flu-spread",
        "flu-shot-gives-flu",
    ]
    assert shelf.entries["en", "stroke-signs"] == STROKE
    assert shelf.gone == frozenset()


def test_it_knows_what_was_live_once(store: Engine) -> None:
    first = make_live(store, make_entry(), FULL, STROKE)
    make_live(store, STROKE)
    with transaction(store) as session:
        import_entries(session, [make_entry(id="flu-never-live")])
    answers = LiveAnswers(store)
    assert read(answers).gone == {("en", "flu-spread"), ("en", "flu-shot-gives-flu")}
    with transaction(store) as session:
        roll_back(session, first)
    assert read(LiveAnswers(store)).gone == frozenset()


def test_languages_are_apart(store: Engine) -> None:
    spanish = make_entry({**FLU, "title": "Gripe", "locale": "es"}, question="¿Y la gripe?")
    make_live(store, make_entry(), spanish, STROKE)
    make_live(store, STROKE)
    shelf = read(LiveAnswers(store))
    assert shelf.gone == {("en", "flu-spread"), ("es", "flu-spread")}
    make_live(store, make_entry(), spanish, STROKE)
    shelf = read(LiveAnswers(store))
    assert list(shelf.topics) == ["en", "es"]
    assert shelf.in_locale("es")["flu"].topic.title == "Gripe"
    assert shelf.in_locale("de") == {}
    assert (shelf.locale_named("ES"), shelf.locale_named("de")) == ("es", None)


def test_a_new_release_shows_within_two_seconds(empty_store: Engine, clock: Clock) -> None:
    make_live(empty_store, make_entry())
    answers = LiveAnswers(empty_store)
    assert len(read(answers).entries) == 1
    make_live(empty_store, make_entry(), FULL)
    clock.now += FRESH_SECONDS - 0.01
    assert len(read(answers).entries) == 1
    clock.now += 0.02
    assert len(read(answers).entries) == 2
    assert FRESH_SECONDS <= 2


def test_answers_are_read_only_when_the_release_changed(
    empty_store: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_live(empty_store, make_entry())
    answers = LiveAnswers(empty_store)
    first = read(answers)
    monkeypatch.setattr(live, "read_live", lambda *_: pytest.fail("read again"))
    clock.now += FRESH_SECONDS
    assert read(answers) is first


def test_what_is_in_memory_is_not_read_again(empty_store: Engine, clock: Clock) -> None:
    make_live(empty_store, make_entry(), STROKE)
    answers = LiveAnswers(empty_store)
    before = read(answers).entries["en", "stroke-signs"]
    make_live(empty_store, make_entry(), FULL, STROKE)
    clock.now += FRESH_SECONDS
    assert read(answers).entries["en", "stroke-signs"] is before


def test_before_the_first_release_the_shelf_is_empty(empty_store: Engine, clock: Clock) -> None:
    answers = LiveAnswers(empty_store)
    assert read(answers) == Shelf()
    make_live(empty_store, make_entry())
    clock.now += FRESH_SECONDS
    assert len(read(answers).entries) == 1


def test_without_the_store_the_last_answers_stay(
    empty_store: Engine, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_live(empty_store, make_entry())
    answers = LiveAnswers(empty_store)
    before = read(answers)
    empty_store.dispose()
    (tmp_path / "answers.db").write_text("no database " * 1000)
    clock.now += FRESH_SECONDS
    assert answers.shelf() is before
    assert [record.msg for record in caplog.records] == ["answers_not_read"]


def test_a_store_that_was_never_read_gives_nothing_and_is_asked_again(
    tmp_path: Path, clock: Clock, empty_database: Path
) -> None:
    file = tmp_path / "late.db"
    engine = connect(f"sqlite:///{file}")
    answers = LiveAnswers(engine)
    assert answers.shelf() is None
    engine.dispose()
    file.write_bytes(empty_database.read_bytes())
    assert answers.shelf() is None
    clock.now += FRESH_SECONDS
    assert answers.shelf() == Shelf()
    engine.dispose()


def test_one_thread_reads_and_the_others_do_not_wait(empty_store: Engine, clock: Clock) -> None:
    make_live(empty_store, make_entry())
    answers = LiveAnswers(empty_store)
    before = read(answers)
    make_live(empty_store, make_entry(), FULL)
    clock.now += FRESH_SECONDS
    with answers._lock:  # as if another thread were reading
        assert answers.shelf() is before
    assert answers.shelf() is not before


def test_whoever_comes_during_the_first_look_gets_what_it_finds(
    empty_store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_live(empty_store, make_entry())
    answers = LiveAnswers(empty_store)
    looks: list[int | None] = []

    def counted(session: Session) -> int | None:
        looks.append(live_release_id(session))
        return looks[-1]

    monkeypatch.setattr(live, "live_release_id", counted)
    with ThreadPoolExecutor(8) as readers:
        shelves = list(readers.map(lambda _: answers.shelf(), range(8)))
    assert all(shelf is not None and shelf.entries for shelf in shelves)
    assert len({id(shelf) for shelf in shelves}) == 1
    assert len(looks) == 1


def test_an_answer_with_a_source_from_elsewhere_is_left_out(
    empty_store: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = {**SOURCE, "key": "s2", "url": "https://www.cdc.gov.example.org/flu"}
    make_live(empty_store, make_entry(), make_entry(id="flu-bad", sources=[SOURCE, elsewhere]))
    assert list(read(LiveAnswers(empty_store)).entries) == [("en", "flu-spread")]
    (record,) = caplog.records
    assert (record.msg, vars(record)["entry_id"]) == ("source_not_allowed", "flu-bad")


def test_titles_are_sorted_as_people_sort_them(empty_store: Engine) -> None:
    titles = ["Zika", "eczema", "Épilepsie", "Anemia"]
    topics = [{**FLU, "slug": f"t{number}", "title": title} for number, title in enumerate(titles)]
    make_live(empty_store, *(make_entry(topic, id=f"e-{topic['slug']}") for topic in topics))
    listed = read(LiveAnswers(empty_store)).in_locale("en").values()
    assert [one.topic.title for one in listed] == ["Anemia", "eczema", "Épilepsie", "Zika"]


def test_the_newest_entry_names_the_topic(empty_store: Engine) -> None:
    older = make_entry({**FLU, "title": "Flu (influenza)"}, id="a", date_modified="2026-11-01")
    newer = make_entry(FLU, id="b", date_modified="2026-11-20")
    make_live(empty_store, older, newer)
    assert read(LiveAnswers(empty_store)).in_locale("en")["flu"].topic.title == "Flu"
