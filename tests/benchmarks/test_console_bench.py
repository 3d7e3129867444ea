"""The benchmark of the console: its store is as it says, and its table is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from benchmarks import console
from benchmarks.console import (
    AFTER,
    CASES,
    Timing,
    fill,
    measure,
    report,
    settings_for,
    slow_ones,
    table,
)
from knowledge.exchange import read_corpus
from knowledge.schema import AskedQuestion, QuestionGroup, Release, ReviewTask, Revision
from knowledge.store import connect, migrate, read_live, transaction
from tests.knowledge.small import CORPUS

ENTRIES = 60


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty store."""
    opened = connect(f"sqlite:///{tmp_path / 'made.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few of everything."""
    few = {"DRAFTS": 6, "QUESTIONS": 300, "GROUPS": 20, "TASKS": 5, "ENTRIES": ENTRIES}
    for name, count in few.items():
        monkeypatch.setattr(console, name, count)


def test_every_page_is_asked_for_over_a_real_store(engine: Engine, tmp_path: Path) -> None:
    pairs = [located.topic_entry for located in read_corpus(CORPUS)]
    member = fill(engine, pairs, ENTRIES)
    with transaction(engine) as session:
        live = read_live(session)
        assert live is not None
        assert len(live.entries) == ENTRIES
        many = {
            table: session.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (Revision, Release, AskedQuestion, QuestionGroup, ReviewTask)
        }
    assert many == {Revision: 66, Release: 5, AskedQuestion: 300, QuestionGroup: 20, ReviewTask: 5}
    found = measure(engine, settings_for(engine, str(tmp_path)), member, pairs, rounds=2)
    assert [one.name for one in found] == [
        *(case.name for case in CASES),
        *(name for name, _ in AFTER),
    ]
    assert all(len(one.taken) == 2 and min(one.taken) > 0 for one in found)


def test_a_page_that_is_not_there_is_no_figure(engine: Engine, tmp_path: Path) -> None:
    pairs = [located.topic_entry for located in read_corpus(CORPUS)]
    member = fill(engine, pairs, ENTRIES)
    client = console.signed_in(settings_for(engine, str(tmp_path)), engine, member)
    with pytest.raises(SystemExit, match="/nowhere: the answer was 404"):
        console.timed(client, "/nowhere")


def test_the_table_has_median_and_tail_of_each_database() -> None:
    quick = Timing(CASES[0].name, (10.0, 20.0, 30.0))
    slow = Timing(CASES[0].name, (100.0, 200.0, 900.0))
    found = [("SQLite", [quick]), ("PostgreSQL", [slow])]
    assert table(found) == [
        "| Page | SQLite, ms | p95 | PostgreSQL, ms | p95 |",
        "|---|---:|---:|---:|---:|",
        "| list, first page | 20 | 29 | 200 | 830 |",
    ]
    assert slow_ones(found) == ["list, first page (PostgreSQL)"]
    assert "is missed by: list, first page (PostgreSQL)" in report(found, "command", 0.5, 60)
    assert "is met by every page" in report(found[:1], "command", 0.5, 60)


def test_the_first_page_after_a_change_is_told_and_not_judged() -> None:
    late = Timing(AFTER[0][0], (5_000.0,))
    assert slow_ones([("SQLite", [late])]) == []
