"""The release in memory: swapped whole when another one becomes live."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from knowledge import live
from knowledge.answering import Answer
from knowledge.calibration import Calibration
from knowledge.document import document_of
from knowledge.embedder import Progress, Vectors
from knowledge.live import LiveAnswers
from knowledge.retriever import texts_of
from knowledge.schema import Embedding, Revision
from knowledge.store import import_entries, keep_refit, publish, roll_back, transaction
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, EXEMPLARS, make_pair, small_corpus

TODAY = date(2026, 11, 21)


@pytest.fixture
def answers(engine: Engine, embedder: WordEmbedder) -> Iterator[LiveAnswers]:
    """Nothing loaded yet, over an empty store."""
    made = LiveAnswers(engine, embedder, CALIBRATION, EXEMPLARS)
    yield made
    made.stop()


def release(engine: Engine, answer: str = "A first answer.") -> int:
    """Publish the small corpus and one further entry with this answer."""
    with transaction(engine) as session:
        import_entries(session, [*small_corpus(), make_pair(short_answer=answer)])
        return publish(session, "A note")


def says(answers: LiveAnswers) -> tuple[str, int]:
    """Return text and revision of the further entry."""
    assert answers.loaded is not None
    decision = answers.loaded.answerer.decide("How can I sleep better?", today=TODAY)
    assert isinstance(decision, Answer)
    return decision.live.topic_entry.entry.short_answer, decision.live.revision


class CountingEmbedder(WordEmbedder):
    """Notes which texts it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return the vectors and note the texts."""
        self.asked += texts
        return super().embed(texts, progress)


def refit(engine: Engine, release_id: int, body: Any) -> None:
    """Keep something with a release as its refit."""
    with transaction(engine) as session:
        keep_refit(session, release_id, "words", body)


def calibration(answers: LiveAnswers) -> Calibration:
    """Return the calibration in memory."""
    assert answers.loaded is not None
    return answers.loaded.answerer.retriever.calibration


def wait_until(condition: object) -> None:
    deadline = time.monotonic() + 5
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def test_it_has_nothing_before_the_first_release(answers: LiveAnswers) -> None:
    assert answers.refresh() is False
    assert answers.loaded is None


def test_it_loads_the_live_release_once(engine: Engine, answers: LiveAnswers) -> None:
    number = release(engine)
    assert answers.refresh() is True
    assert answers.loaded is not None
    assert answers.loaded.release_id == number
    kept = answers.loaded
    assert answers.refresh() is False
    assert answers.loaded is kept


def test_a_new_release_takes_the_place_of_the_old_one(engine: Engine, answers: LiveAnswers) -> None:
    release(engine)
    answers.refresh()
    old = answers.loaded
    release(engine, "A second answer.")
    assert says(answers) == ("A first answer.", 1)
    assert answers.refresh() is True
    assert says(answers) == ("A second answer.", 2)
    assert old is not None
    assert old is not answers.loaded


def test_a_draft_is_not_served(engine: Engine, answers: LiveAnswers) -> None:
    release(engine)
    answers.refresh()
    with transaction(engine) as session:
        import_entries(session, [make_pair(short_answer="A draft.")])
    assert answers.refresh() is False
    assert says(answers) == ("A first answer.", 1)


def test_a_rollback_is_served(engine: Engine, answers: LiveAnswers) -> None:
    first = release(engine)
    release(engine, "A second answer.")
    answers.refresh()
    with transaction(engine) as session:
        roll_back(session, first)
    assert answers.refresh() is True
    assert says(answers) == ("A first answer.", 1)


def test_an_edit_embeds_only_the_new_words(engine: Engine, answers: LiveAnswers) -> None:
    def vectors() -> int:
        with transaction(engine) as session:
            return session.scalar(sa.select(sa.func.count()).select_from(Embedding)) or 0

    release(engine)
    answers.refresh()
    before = vectors()
    release(engine, "A second answer.")
    answers.refresh()
    assert vectors() == before + 2  # the answer, and question and answer together


def test_what_is_unchanged_is_taken_from_memory(engine: Engine) -> None:
    embedder = CountingEmbedder()
    answers = LiveAnswers(engine, embedder, CALIBRATION, EXEMPLARS)
    release(engine)
    answers.refresh()
    assert answers.loaded is not None
    old = {id(live) for live in answers.loaded.answerer.entries}
    with transaction(engine) as session:
        session.execute(sa.delete(Embedding))  # so that no vector can come from the store
    embedder.asked.clear()
    release(engine, "A second answer.")
    answers.refresh()
    exemplars = {item.text for item in EXEMPLARS}
    new = [text for text in embedder.asked if text not in exemplars]
    assert new == texts_of([document_of(make_pair(short_answer="A second answer."))])
    assert sum(id(live) in old for live in answers.loaded.answerer.entries) == 6


def test_built_upon_the_release_before_it_answers_as_one_built_afresh(
    engine: Engine, answers: LiveAnswers, embedder: WordEmbedder
) -> None:
    release(engine)
    answers.refresh()
    release(engine, "Sleep in a dark room.")
    answers.refresh()
    fresh = LiveAnswers(engine, embedder, CALIBRATION, EXEMPLARS)
    fresh.refresh()
    assert answers.loaded is not None
    assert fresh.loaded is not None
    assert answers.loaded.answerer.entries == fresh.loaded.answerer.entries
    for question in ("How can I sleep better?", "meezles rash", "dark room", "how to bake bread"):
        built, new = (one.loaded.answerer for one in (answers, fresh) if one.loaded)
        assert built.decide(question, today=TODAY) == new.decide(question, today=TODAY)
        assert built.retriever.search(question) == new.retriever.search(question)


def test_another_refit_is_served_without_another_release(
    engine: Engine, answers: LiveAnswers
) -> None:
    number = release(engine)
    answers.refresh()
    assert calibration(answers) == CALIBRATION
    doubtful = replace(CALIBRATION, confidence_bias=-20.0)
    refit(engine, number, doubtful.refit())
    assert answers.refresh() is True
    assert calibration(answers) == doubtful
    assert answers.refresh() is False
    refit(engine, number, replace(CALIBRATION, confidence_bias=-9.0).refit())
    assert answers.refresh() is True
    assert calibration(answers).confidence_bias == -9.0


def test_a_refit_goes_with_its_release(engine: Engine, answers: LiveAnswers) -> None:
    first = release(engine)
    refit(engine, first, replace(CALIBRATION, confidence_bias=-20.0).refit())
    answers.refresh()
    release(engine, "A second answer.")
    answers.refresh()
    assert calibration(answers) == CALIBRATION
    with transaction(engine) as session:
        roll_back(session, first)
    answers.refresh()
    assert calibration(answers).confidence_bias == -20.0


@pytest.mark.parametrize(
    "body", [{}, {"confidence_weights": [1.0]}, [], [1], "nonsense", 7, [["a", 1]]]
)
def test_a_damaged_refit_is_told_of_and_what_ships_is_used(
    engine: Engine, answers: LiveAnswers, caplog: pytest.LogCaptureFixture, body: Any
) -> None:
    number = release(engine)
    refit(engine, number, body)
    assert answers.refresh() is True
    assert calibration(answers) == CALIBRATION
    assert says(answers) == ("A first answer.", 1)
    (record,) = [r for r in caplog.records if r.name == "knowledge.live"]
    assert (record.message, record.release_id) == ("release_calibration_unusable", number)
    assert "nonsense" not in caplog.text


def test_it_keeps_the_exemplars_and_the_entries_apart(engine: Engine, answers: LiveAnswers) -> None:
    release(engine)
    answers.refresh()
    assert answers.loaded is not None
    decision = answers.loaded.answerer.decide("an elephant sits on my chest", today=TODAY)
    assert decision.likeness is not None
    assert decision.likeness.cosine == pytest.approx(1.0, abs=1e-5)


def test_it_watches_for_releases_until_stopped(
    engine: Engine,
    answers: LiveAnswers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 0.01)
    caplog.set_level(logging.INFO, logger="knowledge.live")
    thread = answers.watch()
    assert thread.daemon
    number = release(engine)
    wait_until(lambda: answers.loaded is not None)
    wait_until(lambda: any(record.message == "release_loaded" for record in caplog.records))
    answers.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert [r.release_id for r in caplog.records if r.message == "release_loaded"] == [number]


def test_it_goes_on_answering_while_a_release_cannot_be_read(
    engine: Engine,
    answers: LiveAnswers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    release(engine)
    answers.refresh()
    broken = release(engine, "A second answer.")
    with transaction(engine) as session:
        # No page and no command can do this; a damaged file might.
        session.execute(sa.text("DROP TRIGGER revision_no_update"))
        newest = sa.select(Revision).order_by(Revision.id.desc()).limit(1)
        session.scalars(newest).one().body = {"secret": "words"}
    monkeypatch.setattr(live, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(live, "AGAIN_SECONDS", 0.1)
    thread = answers.watch()
    wait_until(lambda: any(r.message == "release_watch_failed" for r in caplog.records))
    assert thread.is_alive()
    assert answers.failure is not None
    assert answers.failure.release_id == broken
    assert "ValidationError" in answers.failure.reason
    assert "words" not in answers.failure.reason
    assert says(answers) == ("A first answer.", 1)
    assert "words" not in caplog.text
    with transaction(engine) as session:
        newest = sa.select(Revision).order_by(Revision.id.desc()).limit(1)
        session.scalars(newest).one().body = make_pair(short_answer="Mended.").model_dump(
            mode="json"
        )
    wait_until(lambda: answers.loaded is not None and answers.loaded.release_id == broken)
    assert says(answers) == ("Mended.", 2)
    assert answers.failure is None
    answers.stop()
    thread.join(5)


def test_a_release_that_failed_is_not_built_again_and_again(
    engine: Engine, answers: LiveAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(engine)
    answers.refresh()
    before = answers.loaded
    assert before is not None
    release(engine, "A release that fails.")
    tries = []

    def fail(*_args: object) -> None:
        tries.append(1)
        raise ValueError("no index")

    with monkeypatch.context() as broken:
        broken.setattr(live, "build", fail)
        with pytest.raises(ValueError, match="no index"):
            answers.refresh()
        assert answers.refresh() is False
        assert len(tries) == 1
        release(engine, "Another release.")
        with pytest.raises(ValueError, match="no index"):
            answers.refresh()
        assert answers.failure is not None
        with transaction(engine) as session:
            roll_back(session, before.release_id)
        assert answers.refresh() is False
        assert answers.failure is None
    release(engine, "A good one.")
    assert answers.refresh() is True


def test_a_store_that_is_busy_for_a_moment_delays_no_release(
    engine: Engine, answers: LiveAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(engine)

    def busy(*_args: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("database is locked"))

    with monkeypatch.context() as broken:
        broken.setattr(live, "build", busy)
        with pytest.raises(sa.exc.OperationalError):
            answers.refresh()
    assert answers.refresh() is True
