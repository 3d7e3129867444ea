"""A release before it is live: which questions would get another answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from knowledge.entry import TopicEntry
from knowledge.live import LiveAnswers
from knowledge.rehearsal import Labelled, Rehearsal, rehearse
from knowledge.schema import AskedQuestion, Embedding, Revision
from knowledge.store import import_entries, live_release_id, publish, transaction
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, EXEMPLARS, TODAY, make_pair, small_corpus

SPREAD = Labelled("how does flu spread", frozenset({"flu-spread"}))
SYMPTOMS = Labelled("what are the symptoms of flu", frozenset({"flu-symptoms"}))


@pytest.fixture
def answers(engine: Engine, embedder: WordEmbedder) -> Iterator[LiveAnswers]:
    """The small corpus, live."""
    with transaction(engine) as session:
        import_entries(session, small_corpus())
        publish(session, "first")
    made = LiveAnswers(engine, embedder, CALIBRATION, EXEMPLARS)
    made.refresh()
    yield made
    made.stop()


def try_out(
    answers: LiveAnswers, pair: TopicEntry, labelled: tuple[Labelled, ...] = (SPREAD, SYMPTOMS)
) -> Rehearsal:
    """Rehearse a release with one revision more."""
    with transaction(answers.engine) as session:
        import_entries(session, [pair])
        newest = session.scalar(sa.select(sa.func.max(Revision.id)))
        assert newest is not None
    with transaction(answers.engine) as session:
        found = rehearse(session, answers, [newest], labelled, TODAY)
    assert found is not None
    return found


def of_corpus(entry_id: str, **changes: object) -> TopicEntry:
    """Return an entry of the small corpus, some of its fields changed."""
    pair = next(one for one in small_corpus() if one.entry.id == entry_id)
    return pair.model_copy(update={"entry": pair.entry.model_copy(update=changes)})


def test_an_entry_that_asks_what_another_one_asks_is_told(answers: LiveAnswers) -> None:
    other = next(one.entry for one in small_corpus() if one.entry.id == "flu-symptoms")
    found = try_out(answers, make_pair(id="double", question=other.question))
    assert found.asked == 2
    assert (found.alike[0].entry_id, found.alike[0].other_id) == ("double", "flu-symptoms")
    assert found.alike[0].cosine > 0.9


def test_a_new_text_of_the_same_entry_is_told_as_its_new_revision(answers: LiveAnswers) -> None:
    found = try_out(answers, of_corpus("flu-spread", short_answer="Flu spreads when people talk."))
    told = {one.question: (one.before, one.after, one.is_worse) for one in found.changes}
    assert told[SPREAD.text] == (
        "answer: flu-spread, revision 1",
        "answer: flu-spread, revision 2",
        False,
    )
    assert SYMPTOMS.text not in told


def test_an_answer_that_would_be_lost_comes_first(answers: LiveAnswers) -> None:
    emptied = of_corpus(
        "flu-spread",
        question="Zebras gallop quickly?",
        variants=tuple(f"zebra wording {number}" for number in range(10)),
        short_answer="Zebras gallop.",
    )
    found = try_out(answers, emptied, (SYMPTOMS, SPREAD))
    assert found.changes[0].question == SPREAD.text
    assert found.changes[0].is_worse is True


def test_nothing_becomes_live_by_a_rehearsal(answers: LiveAnswers) -> None:
    with transaction(answers.engine) as session:
        before = live_release_id(session)
    loaded = answers.loaded
    try_out(answers, of_corpus("flu-spread", short_answer="Flu spreads when people talk."))
    with transaction(answers.engine) as session:
        assert live_release_id(session) == before
    assert answers.loaded is loaded


def test_what_people_asked_is_asked_too_and_leaves_no_vector(answers: LiveAnswers) -> None:
    text = "how does flu spread"
    with transaction(answers.engine) as session:
        session.add(
            AskedQuestion(reply_id="r1", session_key="s1", text=text, locale="en", kind="answer")
        )
    found = try_out(
        answers, of_corpus("flu-spread", short_answer="Flu spreads when people talk."), ()
    )
    (change,) = found.changes
    assert (change.question, change.is_labelled, change.is_worse) == (text, False, None)
    with transaction(answers.engine) as session:
        kept = session.scalar(sa.select(sa.func.count()).select_from(Embedding))
        session.execute(sa.delete(AskedQuestion))
    with transaction(answers.engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Embedding)) == kept
    assert kept is not None
    assert kept > 0


def test_without_questions_only_what_is_alike_is_told(answers: LiveAnswers) -> None:
    found = try_out(answers, make_pair(), ())
    assert (found.asked, found.changes) == (0, ())


def test_while_nothing_is_loaded_there_is_no_rehearsal(
    engine: Engine, embedder: WordEmbedder
) -> None:
    empty = LiveAnswers(engine, embedder, CALIBRATION, EXEMPLARS)
    with transaction(engine) as session:
        assert rehearse(session, empty, [], (), TODAY) is None
