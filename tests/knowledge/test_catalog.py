"""Answers as programs list them: filters, pages, and the history of one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from knowledge import workflow
from knowledge.catalog import STATES, answer_lines, history
from knowledge.entry import Topic, TopicEntry
from knowledge.schema import now
from knowledge.store import import_entries, transaction
from knowledge.workflow import State
from tests.knowledge.small import make_pair
from tests.knowledge.test_importing import SLEEP, Desk, other_pair


@pytest.fixture
def desk(store: Engine) -> Desk:
    """A team with two live answers, a draft of one of them, and one in Spanish."""
    made = Desk(store)
    made.save(make_pair(short_answer="Go to bed early."), 1)
    spanish = Topic(slug="sueno", title="Sueño", aliases=("sueño",), locale="es")
    made.save(TopicEntry(topic=spanish, entry=make_pair().entry), None)
    return made


def listed(desk: Desk, **asked: object) -> list[tuple[str, str]]:
    """Return id and language of the answers that are found."""
    with transaction(desk.store) as session:
        lines = answer_lines(session, **asked)  # type: ignore[arg-type] # each test names its own
    return [(line.entry_id, line.locale) for line in lines]


def test_every_answer_is_listed_once_with_its_newest_revision(desk: Desk) -> None:
    with transaction(desk.store) as session:
        lines = answer_lines(session)
    told = [
        (one.entry_id, one.locale, one.topic, one.revision, one.state, one.live_revision)
        for one in lines
    ]
    assert told == [
        ("other", "en", "sleep", 1, "approved", 1),
        (SLEEP, "en", "sleep", 2, "draft", 1),
        (SLEEP, "es", "sueno", 1, "draft", None),
    ]
    assert lines[1].question == make_pair().entry.question
    assert lines[1].review_due == "2099-01-01"
    assert lines[2].topic_title == "Sueño"


def test_they_are_found_by_topic_language_and_state(desk: Desk) -> None:
    assert listed(desk, topic="sueno") == [(SLEEP, "es")]
    assert listed(desk, locale="en") == [("other", "en"), (SLEEP, "en")]
    assert listed(desk, state="live") == [("other", "en"), (SLEEP, "en")]
    assert listed(desk, state="draft") == [(SLEEP, "en"), (SLEEP, "es")]
    assert listed(desk, state="draft", locale="es", topic="sueno") == [(SLEEP, "es")]
    assert listed(desk, state="withdrawn") == []


def test_every_state_can_be_asked_for(desk: Desk) -> None:
    assert set(STATES) == {"live", *State}
    for state in STATES:
        listed(desk, state=state)


def test_pages_follow_each_other_without_gap_or_double(desk: Desk) -> None:
    found: list[tuple[str, str]] = []
    after = 0
    with transaction(desk.store) as session:
        while page := answer_lines(session, after=after, limit=1):
            found += [(line.entry_id, line.locale) for line in page]
            after = page[-1].revision_id
    assert found == listed(desk)


def test_what_was_moved_on_since_is_found_again(desk: Desk) -> None:
    moment = now()
    assert listed(desk, changed_since=moment + timedelta(hours=1)) == []
    assert len(listed(desk, changed_since=moment - timedelta(hours=1))) == 3
    before = now()
    with transaction(desk.store) as session:
        newest = workflow.newest_revision(session, SLEEP, "en")
        assert newest is not None
        workflow.submit(session, desk.alice, newest.id)
    assert listed(desk, changed_since=before) == [(SLEEP, "en")]


def test_an_answer_has_its_history(desk: Desk) -> None:
    with transaction(desk.store) as session:
        found = history(session, SLEEP, "en")
        assert found is not None
        assert [(one.number, one.state) for one in found.revisions] == [
            (2, "draft"),
            (1, "approved"),
        ]
        assert found.live_revision == 1
        spanish = history(session, SLEEP, "es")
        assert spanish is not None
        assert spanish.live_revision is None
        assert history(session, "other", "es") is None
        assert history(session, "'; --", "en") is None


def test_a_withdrawn_answer_is_not_live(desk: Desk) -> None:
    with transaction(desk.store) as session:
        workflow.withdraw(session, desk.paul, "other", "en", "It is wrong.")
    assert listed(desk, state="withdrawn") == [("other", "en")]
    assert listed(desk, state="live") == [(SLEEP, "en")]


def test_an_import_on_the_command_line_counts_from_when_it_was_written(desk: Desk) -> None:
    before = now()
    with transaction(desk.store) as session:
        import_entries(session, [other_pair("newer")])
    assert listed(desk, changed_since=before) == [("newer", "en")]
