"""Questions are grouped where the model is, without anybody asking for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from actions.grouping import Grouping
from knowledge.schema import AskedQuestion, QuestionGroup
from knowledge.store import connect, migrate, transaction
from tests.conftest import WordEmbedder

ASKED = "is cold brew coffee bad"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store in which three people asked the same."""
    made = connect(f"sqlite:///{tmp_path / 'citewell.db'}")
    migrate(made)
    with transaction(made) as session:
        session.add_all(
            AskedQuestion(
                reply_id=f"r{n}", session_key=f"s{n}", text=ASKED, locale="en", kind="no_answer"
            )
            for n in range(3)
        )
    yield made
    made.dispose()


def sizes(engine: Engine) -> list[int]:
    with transaction(engine) as session:
        return list(session.scalars(sa.select(QuestionGroup.size)))


def test_what_is_new_is_grouped_and_what_is_forgotten_leaves(engine: Engine) -> None:
    grouping = Grouping(engine, WordEmbedder())
    assert grouping.group() == 3
    assert sizes(engine) == [3]
    with transaction(engine) as session:
        session.execute(sa.delete(AskedQuestion))
    assert grouping.group() == 0
    assert sizes(engine) == []


def test_groups_are_not_written_to_where_nothing_changed(engine: Engine) -> None:
    grouping = Grouping(engine, WordEmbedder())
    grouping.group()
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith("SELECT"):
            written.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    assert grouping.group() == 0
    assert written == []
    with transaction(engine) as session:
        session.execute(sa.delete(AskedQuestion).where(AskedQuestion.reply_id == "r1"))
    grouping.group()
    assert sizes(engine) == [2]
    assert len(written) > 1, "the listener hears what is written"


def test_it_goes_on_when_the_store_comes_back(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE question_group RENAME TO away")
    grouping = Grouping(engine, WordEmbedder(), seconds=0.01)
    with caplog.at_level(logging.WARNING):
        thread = grouping.start()
        _wait(lambda: "grouping_failed" in caplog.text)
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO question_group")
        _wait(lambda: sizes(engine) == [3])
    grouping.stop()
    thread.join()
    assert ASKED not in caplog.text


def _wait(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
