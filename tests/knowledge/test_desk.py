"""The lists of the content team: right after every step, and short however many answers there are.

On SQLite and on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge import desk, workflow
from knowledge.desk import entry_lines, known_topics
from knowledge.entry import Topic, TopicEntry
from knowledge.people import Role
from knowledge.schema import Person
from knowledge.store import connect, import_entries, migrate, publish, transaction
from knowledge.workflow import State
from tests.knowledge.conftest import Colleagues
from tests.knowledge.small import make_entry

FLU = Topic(slug="flu", title="Flu", aliases=("flu",))
SLEEP = Topic(slug="sleep", title="Sleep", aliases=("sleep",))


def pair(name: str, topic: Topic = SLEEP, **changes: Any) -> TopicEntry:
    """Return an entry that shares no wording with another."""
    fields = {
        "id": name,
        "question": f"What is {name} about?",
        "variants": [f"{name} wording number {number}" for number in range(10)],
        **changes,
    }
    return TopicEntry(topic=topic, entry=make_entry(**fields))


class Office(Colleagues):
    """A store with four live entries, and Wanda, who does everything; Alice only writes."""

    def __init__(self, store: Engine) -> None:
        super().__init__(store)
        self.add(
            pair("apnea"), pair("naps", review_due="2026-11-01"), pair("dreams"), pair("shot", FLU)
        )
        with transaction(store) as session:
            publish(session, "test")
        self.alice = self.join("Alice", Role.AUTHOR)
        self.rita = self.join("Rita", Role.REVIEWER)
        self.wanda = self.join("Wanda", Role.AUTHOR, Role.REVIEWER, Role.PUBLISHER)

    def add(self, *pairs: TopicEntry) -> None:
        """Import entries: beside a team they come in as drafts."""
        with transaction(self.store) as session:
            import_entries(session, pairs)

    def save(self, wanted: TopicEntry, based_on: int | None = None) -> int:
        """Save a draft by Alice; return its id."""
        with transaction(self.store) as session:
            return workflow.save_draft(session, self.alice, wanted, based_on).id

    def listed(self, **asked: Any) -> list[str]:
        """Return the ids of the answers in a list, in order."""
        lines, total = self.do(entry_lines, **asked)
        assert len(lines) == total
        return [line.entry_id for line in lines]

    def state(self, name: str) -> tuple[State, int, int | None]:
        """Return state and number of the newest revision of an entry, and its live number."""
        lines, _ = self.do(entry_lines, words=name)
        (line,) = [line for line in lines if line.entry_id == name]
        return line.state, line.number, line.live_number


@pytest.fixture
def office(store: Engine) -> Office:
    """An office over an empty store."""
    return Office(store)


class Reads:
    """The statements that a store was asked, and how many rows came back."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def rows(self, engine: Engine) -> int:
        """Ask all of it once more, and count."""
        with engine.connect() as connection:
            return sum(
                len(connection.exec_driver_sql(statement, parameters).all())
                for statement, parameters in self.asked
            )

    @property
    def of_bodies(self) -> int:
        """How many statements read what revisions say."""
        return sum("body" in statement for statement, _ in self.asked)


@contextmanager
def reads(engine: Engine) -> Iterator[Reads]:
    """Note what a store is asked."""
    noted = Reads()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        noted.asked.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


# --- what a list costs ----------------------------------------------------------------------------


def test_a_list_of_many_answers_reads_a_few_rows(office: Office) -> None:
    office.add(*(pair(f"made-{number}") for number in range(300)))
    asked: list[dict[str, Any]] = [
        {},
        {"words": "wording made-17"},
        {"words": "no such words"},
        {"topic": "sleep"},
        {"state": "live"},
        {"state": "overdue", "today": date(2099, 1, 1)},
        {"offset": 250},
    ]
    office.do(entry_lines)
    for wanted in asked:
        with reads(office.store) as noted:
            lines, _ = office.do(entry_lines, **wanted)
        assert len(lines) <= 50
        # One row tells that nothing changed; the names of the authors are the other statement.
        assert len(noted.asked) == 2
        assert noted.rows(office.store) == 1
        assert noted.of_bodies == 0


def test_topics_and_counts_come_from_the_same_list(office: Office) -> None:
    office.do(entry_lines)
    for look in (known_topics, desk.counts):
        with reads(office.store) as noted:
            office.do(look)
        assert len(noted.asked) == 1
        assert noted.rows(office.store) == 1


def test_after_a_change_only_what_is_new_is_read(office: Office) -> None:
    office.add(*(pair(f"made-{number}") for number in range(300)))
    office.do(entry_lines)
    office.save(pair("made-17", short_answer="Other words."), 1)
    with reads(office.store) as noted:
        assert office.listed(words="other words") == ["made-17"]
    (bodies,) = [one for one in noted.asked if "body" in one[0]]
    noted.asked = [bodies]
    assert noted.rows(office.store) == 1


def test_a_release_of_what_is_known_reads_no_body_again(office: Office) -> None:
    revision_id = office.save(pair("naps", short_answer="Naps are short."), 1)
    office.do(workflow.submit, office.alice, revision_id)
    office.do(workflow.approve, office.wanda, revision_id)
    office.do(entry_lines)
    office.do(workflow.release, office.wanda, [revision_id], "naps")
    with reads(office.store) as noted:
        assert office.state("naps") == (State.APPROVED, 2, 2)
    assert noted.of_bodies == 0


# --- nothing is missed ----------------------------------------------------------------------------


def test_every_step_shows_in_the_next_list(office: Office) -> None:
    """What is held must be read anew after whatever ``workflow`` can do."""
    wanda = office.wanda
    assert office.state("naps") == (State.IMPORTED, 1, 1)
    first = office.save(pair("naps", short_answer="Naps are short."), 1)
    assert office.state("naps") == (State.DRAFT, 2, 1)
    office.do(workflow.submit, wanda, first)
    assert office.state("naps")[0] is State.IN_REVIEW
    office.do(workflow.send_back, wanda, first, "shorter")
    assert office.state("naps")[0] is State.RETURNED
    office.do(workflow.discard, wanda, first)
    assert office.state("naps")[0] is State.DISCARDED
    office.do(workflow.restore, wanda, first)
    assert office.state("naps")[0] is State.DRAFT
    office.do(workflow.submit, wanda, first)
    office.do(workflow.take_back, wanda, first)
    assert office.state("naps")[0] is State.DRAFT
    office.do(workflow.submit, wanda, first)
    office.do(workflow.approve, office.rita, first)
    assert office.state("naps") == (State.APPROVED, 2, 1)
    release = office.do(workflow.release, wanda, [first], "naps")
    assert office.state("naps") == (State.APPROVED, 2, 2)
    office.do(workflow.go_back, wanda, release - 1)
    assert office.state("naps") == (State.APPROVED, 2, 1)
    office.do(workflow.go_back, wanda, release)
    office.do(workflow.withdraw, wanda, "naps", "en", "wrong")
    assert office.state("naps") == (State.WITHDRAWN, 2, None)
    office.do(workflow.reinstate, wanda, first, "right")
    assert office.state("naps") == (State.APPROVED, 2, 2)
    office.save(pair("naps", short_answer="Naps are long."), 2)
    office.save(pair("naps", short_answer="Naps are neither."), 3)
    assert office.state("naps") == (State.DRAFT, 4, 2)
    assert office.listed(words="naps are short") == []


def test_what_was_undone_is_not_listed(office: Office) -> None:
    office.do(entry_lines)

    def undone(session: Session) -> None:
        workflow.save_draft(session, office.alice, pair("undone", short_answer="One."), None)
        assert entry_lines(session, words="undone")[1] == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        office.do(undone)
    assert office.listed(words="undone") == []
    with pytest.raises(ZeroDivisionError):
        office.do(undone)
    # The next revision may get the id of the one that was undone.
    office.save(pair("other", short_answer="Two."))
    assert office.listed(words="undone") == []
    assert office.listed(words="two.") == ["other"]


def test_what_lands_later_with_a_smaller_id_is_listed(office: Office) -> None:
    if office.store.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with transaction(office.store) as slow:
        workflow.save_draft(slow, office.alice, pair("slow"), None)
        office.save(pair("quick"))
        assert office.listed(words="slow") == []
        assert office.listed(words="quick") == ["quick"]
    assert office.listed(words="slow") == ["slow"]


def test_each_store_has_a_list_of_its_own(office: Office, database_url: str) -> None:
    url = database_url.replace("citewell.db", "other.db")
    other = connect(url)
    migrate(other)
    assert Colleagues(other).do(entry_lines) == ([], 0)
    assert len(office.listed()) == 4
    other.dispose()


# --- what is asked for ----------------------------------------------------------------------------


def test_words_are_looked_for_in_id_question_and_answer(office: Office) -> None:
    office.add(pair("flu-spread", FLU, question="How does FLÚ spread?"))
    assert office.listed(words="flu-spr") == ["flu-spread"]
    assert office.listed(words="SPREAD flú") == ["flu-spread"]
    assert office.listed(words="spread same time") == ["flu-spread"]
    assert office.listed(words="spread 100%") == []
    assert len(office.listed(words="  ")) == 5


def test_answers_are_found_by_topic_and_state(office: Office) -> None:
    assert office.listed(topic="flu") == ["shot"]
    assert office.listed(topic="none") == []
    assert set(office.listed(state=desk.LIVE)) == {"apnea", "naps", "dreams", "shot"}
    assert office.listed(state=desk.OVERDUE, today=date(2026, 11, 1)) == []
    assert office.listed(state=desk.OVERDUE, today=date(2026, 11, 2)) == ["naps"]
    draft = office.save(pair("dreams", short_answer="Other."), 1)
    assert office.listed(state="draft") == ["dreams"]
    assert office.listed(author_id=office.alice.id) == ["dreams"]
    assert office.listed(author_id=office.wanda.id) == []
    office.do(workflow.submit, office.alice, draft)
    office.do(workflow.approve, office.rita, draft)
    assert office.listed(state="approved") == ["dreams"]
    office.do(workflow.release, office.wanda, [draft], "dreams")
    assert office.listed(state="approved") == []
    assert office.do(desk.counts) == {"live": 4, "draft": 0, "in_review": 0, "returned": 0}


def test_the_newest_change_comes_first_and_pages_follow(office: Office) -> None:
    office.save(pair("dreams", short_answer="Other."), 1)
    lines, total = office.do(entry_lines, limit=1)
    assert (total, [line.entry_id for line in lines]) == (4, ["dreams"])
    assert (lines[0].author, lines[0].author_id) == ("Alice", office.alice.id)
    rest, _ = office.do(entry_lines, limit=10, offset=1)
    assert [line.entry_id for line in rest] == ["shot", "naps", "apnea"]
    assert {line.author for line in rest} == {None}


def test_a_name_that_changes_is_shown_at_once(office: Office) -> None:
    office.save(pair("dreams", short_answer="Other."), 1)
    office.do(entry_lines)
    with transaction(office.store) as session:
        session.get_one(Person, office.alice.id).name = "Alicia"
    lines, _ = office.do(entry_lines, words="dreams")
    assert [line.author for line in lines] == ["Alicia"]


def test_a_topic_is_as_its_newest_entry_has_it(office: Office) -> None:
    renamed = Topic(slug="flu", title="Influenza", aliases=("flu", "influenza"))
    office.save(pair("shot", renamed, short_answer="Other."), 1)
    found = office.do(known_topics)
    assert list(found) == ["flu", "sleep"]
    assert found["flu"] == renamed


def test_one_may_review_what_a_namesake_wrote(office: Office) -> None:
    other = office.join("alice2", Role.REVIEWER)
    with transaction(office.store) as session:
        session.get_one(Person, other.id).name = "Alice"
    draft = office.save(pair("dreams", short_answer="Other."), 1)
    office.do(workflow.submit, office.alice, draft)
    waiting = office.do(desk.waiting_for, other)
    assert [line.entry_id for line in waiting.to_review] == ["dreams"]


def test_releases_are_counted(office: Office) -> None:
    office.do(workflow.withdraw, office.wanda, "naps", "en", "wrong")
    lines = office.do(desk.release_lines)
    assert [(line.entries, line.by, line.is_live) for line in lines] == [
        (3, "Wanda", True),
        (4, None, False),
    ]
    assert [line.entries for line in office.do(desk.release_lines, 1, 1)] == [4]
