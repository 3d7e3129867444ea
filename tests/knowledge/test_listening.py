"""What people ask, as the content team sees it: on SQLite and PostgreSQL."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, get_args

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from bot.channels.api.schema import FeedbackRequest
from knowledge import listening
from knowledge.audit import read_audit
from knowledge.listening import GroupState, ListeningError, Wanted
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import (
    AskedQuestion,
    Feedback,
    QuestionGroup,
    RumourReport,
    TurnEvent,
)
from knowledge.settings import ROOT
from knowledge.store import import_entries, transaction
from tests.knowledge.conftest import Colleagues
from tests.knowledge.small import make_pair

TODAY = date(2026, 11, 20)
CANARY = "canary words of a patient"


class Desk(Colleagues):
    """A store with a team, and short ways to fill it."""

    def __init__(self, store: Engine) -> None:
        super().__init__(store)
        self._numbers = count(1)
        self.alice = self.join("Alice", Role.AUTHOR)
        self.bea = self.join("Bea", Role.AUTHOR)

    def group(self, state: str = "new", locale: str = "en") -> int:
        """Make a group without questions."""
        with transaction(self.store) as session:
            group = QuestionGroup(state=state, locale=locale, centre=b"", model="words")
            session.add(group)
            session.flush()
            return group.id

    def ask(
        self,
        text: str = "is it flu",
        *people_asking: str,
        day: date = TODAY,
        rating: str | None = None,
        reason: str | None = None,
        **fields: Any,
    ) -> None:
        """Let people ask the same thing on a day, one after the other."""
        at = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
        with transaction(self.store) as session:
            for person in people_asking or ("somebody",):
                reply_id = f"r{next(self._numbers)}"
                given = {"kind": "no_answer", "locale": "en", **fields}
                session.add(
                    AskedQuestion(reply_id=reply_id, session_key=person, at=at, text=text, **given)
                )
                if rating:
                    session.add(
                        Feedback(
                            reply_id=reply_id,
                            session_key=person,
                            at=at,
                            rating=rating,
                            reason=reason,
                        )
                    )

    def many(self, topic: str | None, counts: dict[int, int]) -> None:
        """Let so many conversations ask about a topic, so many days before today."""
        for ago, conversations in counts.items():
            names = [f"{topic}-{ago}-{number}" for number in range(conversations)]
            if names:
                day = TODAY - timedelta(days=ago)
                self.ask("about it", *names, day=day, topic=topic, kind="answer")


@pytest.fixture
def desk(store: Engine) -> Desk:
    """A desk over an empty store."""
    return Desk(store)


@pytest.fixture
def small_desk(engine: Engine) -> Desk:
    """A desk over SQLite only, where the database makes no difference."""
    return Desk(engine)


# --- groups ---------------------------------------------------------------------------------------


def test_a_group_tells_how_many_asked_when_and_in_which_words(desk: Desk) -> None:
    group = desk.group()
    desk.ask("can dogs get flu", "a", "b", group_id=group, day=TODAY - timedelta(days=3))
    desk.ask("Can dogs get flu?!", "c", group_id=group)
    desk.ask("flu in dogs", "c", group_id=group)
    (found,) = desk.do(listening.groups)
    assert (found.id, found.state, found.size) == (group, GroupState.NEW, 3)
    assert (found.first_day, found.last_day) == (TODAY - timedelta(days=3), TODAY)
    assert found.samples == ("can dogs get flu", "flu in dogs")
    assert (found.topic, found.person, found.entry_id, found.badly_rated) == (None, None, None, 0)


def test_a_small_group_is_counted_and_nothing_else(desk: Desk) -> None:
    large, small = desk.group(), desk.group()
    desk.ask("a", "a", "b", "c", group_id=large)
    desk.ask(CANARY, "a", "b", group_id=small)
    found = desk.do(listening.groups)
    assert [one.id for one in found] == [large]
    assert CANARY not in repr(found)
    assert desk.do(listening.count_groups) == (1, 1)
    assert desk.do(listening.count_groups, Wanted(least=4)) == (0, 2)
    assert [one.id for one in desk.do(listening.groups, Wanted(least=2))] == [large, small]


def test_one_person_who_asks_ten_times_is_one(desk: Desk) -> None:
    group = desk.group()
    desk.ask("a", *["a"] * 10, "b", group_id=group)
    assert desk.do(listening.groups) == []
    (found,) = desk.do(listening.groups, Wanted(least=2))
    assert found.size == 2


def test_a_group_that_is_large_only_outside_the_time_is_not_shown(desk: Desk) -> None:
    group = desk.group()
    desk.ask("a", "a", "b", group_id=group, day=TODAY - timedelta(days=1))
    desk.ask(CANARY, "c", group_id=group)
    assert [one.size for one in desk.do(listening.groups)] == [3]
    assert desk.do(listening.groups, Wanted(since=TODAY)) == []
    assert desk.do(listening.count_groups, Wanted(since=TODAY)) == (0, 1)
    assert desk.do(listening.groups, Wanted(until=TODAY - timedelta(days=1))) == []
    since = TODAY - timedelta(days=1)
    assert len(desk.do(listening.groups, Wanted(since=since, until=TODAY))) == 1


def test_answers_count_where_they_were_rated_badly(desk: Desk) -> None:
    group = desk.group()
    flu: dict[str, Any] = {"kind": "answer", "topic": "flu", "group_id": group}
    desk.ask("a", "a", "b", rating="not_helpful", **flu)
    desk.ask("b", "c", rating="helpful", **flu)
    desk.ask("c", "d", "e", group_id=group)
    (found,) = desk.do(listening.groups)
    assert (found.size, found.topic, found.badly_rated) == (4, "flu", 0.5)
    assert "b" not in found.samples
    assert desk.do(listening.groups, Wanted(badly_rated=False)) == []
    assert [one.size for one in desk.do(listening.groups, Wanted(kinds=("answer",)))] == [3]


def test_the_most_asked_come_first_and_pages_follow(desk: Desk) -> None:
    made = [desk.group() for _ in range(3)]
    for group, size in zip(made, (3, 5, 4), strict=True):
        desk.ask("a", *[str(number) for number in range(size)], group_id=group)
    assert [one.size for one in desk.do(listening.groups)] == [5, 4, 3]
    assert [one.size for one in desk.do(listening.groups, limit=1, offset=1)] == [4]


def test_groups_are_found_by_their_state(desk: Desk) -> None:
    new, rejected = desk.group(), desk.group("rejected")
    for group in (new, rejected):
        desk.ask("a", "a", "b", "c", group_id=group)
    assert [one.id for one in desk.do(listening.groups, Wanted(state="rejected"))] == [rejected]
    assert desk.do(listening.count_groups, Wanted(state=GroupState.NEW)) == (1, 0)


@pytest.mark.parametrize("bad", [{"limit": 0}, {"offset": -1}])
def test_a_page_that_makes_no_sense_is_refused(small_desk: Desk, bad: dict[str, int]) -> None:
    with pytest.raises(ListeningError, match=r"^page: "):
        small_desk.do(listening.groups, **bad)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"least": 0}, "^smallest group: at least 1"),
        ({"state": "old"}, "^state: one of new, taken, answered, rejected"),
        ({"since": TODAY, "until": TODAY - timedelta(days=1)}, "after its last day"),
    ],
)
def test_groups_that_cannot_be_are_refused(bad: dict[str, Any], why: str) -> None:
    with pytest.raises(ListeningError, match=why):
        Wanted(**bad)


def test_one_group_alone_and_those_of_one_language_can_be_asked_for(desk: Desk) -> None:
    first, second = desk.group(), desk.group(locale="nb")
    for group in (first, second):
        desk.ask("a", "a", "b", "c", group_id=group)
    assert [one.id for one in desk.do(listening.groups, Wanted(group_id=second))] == [second]
    (found,) = desk.do(listening.groups, Wanted(locale="nb"))
    assert (found.id, found.locale) == (second, "nb")
    assert desk.do(listening.count_groups, Wanted(locale="en")) == (1, 0)


def test_the_most_typical_wordings_come_first() -> None:
    wordings = [
        ("something else altogether", 1),
        ("can dogs catch flu", 1),
        ("CAN DOGS CATCH FLÚ??", 1),
        ("dogs flu", 1),
        ("can my dogs flu", 1),
        ("cats", 1),
        ("dogs", 1),
    ]
    found = listening.typical(wordings)
    assert found[0] == "can dogs catch flu"
    assert len(found) == 5
    assert "something else altogether" not in found
    assert "CAN DOGS CATCH FLÚ??" not in found


# --- what the team makes of a group ---------------------------------------------------------------


def state_of(desk: Desk, group_id: int) -> tuple[str, int | None, str | None, str]:
    with transaction(desk.store) as session:
        group = session.get_one(QuestionGroup, group_id)
        return group.state, group.person_id, group.entry_id, group.note


def test_a_group_is_taken_answered_and_opened_again(desk: Desk) -> None:
    with transaction(desk.store) as session:
        import_entries(session, [make_pair()])
    group = desk.group()
    desk.ask("a", "a", "b", "c", group_id=group)
    desk.do(listening.take, desk.alice, group)
    (found,) = desk.do(listening.groups, Wanted(state="taken"))
    assert (found.person_id, found.person) == (desk.alice.id, "Alice")
    desk.do(listening.answer, desk.alice, group, "sleep-how-much")
    assert state_of(desk, group) == ("answered", desk.alice.id, "sleep-how-much", "")
    desk.do(listening.reopen, desk.bea, group)
    assert state_of(desk, group) == ("new", None, None, "")
    with transaction(desk.store) as session:
        lines = [line for _, line in read_audit(session, area="question")]
    assert [(line.action, line.who, line.detail) for line in reversed(lines)] == [
        ("question.taken", "Alice", {}),
        ("question.answered", "Alice", {"entry": "sleep-how-much"}),
        ("question.reopened", "Bea", {}),
    ]
    assert {line.subject for line in lines} == {f"questions {group}"}


def test_a_group_is_rejected_with_a_reason_that_only_the_group_keeps(desk: Desk) -> None:
    group = desk.group()
    desk.do(listening.reject, desk.alice, group, f"  not about health:\n{CANARY} ")
    note = f"not about health: {CANARY}"
    assert state_of(desk, group) == ("rejected", desk.alice.id, None, note)
    with transaction(desk.store) as session:
        assert CANARY not in repr(read_audit(session))


def test_nobody_takes_over_what_somebody_else_took(desk: Desk) -> None:
    with transaction(desk.store) as session:
        import_entries(session, [make_pair()])
    group = desk.group()
    desk.do(listening.take, desk.alice, group)
    for step, more in (
        (listening.take, ()),
        (listening.answer, ("sleep-how-much",)),
        (listening.reject, ("no",)),
    ):
        with pytest.raises(ListeningError, match=f"group {group} is taken by Alice"):
            desk.do(step, desk.bea, group, *more)
    assert state_of(desk, group)[:2] == ("taken", desk.alice.id)


def test_what_is_done_is_opened_again_first(small_desk: Desk) -> None:
    group = small_desk.group()
    small_desk.do(listening.reject, small_desk.alice, group, "no")
    with pytest.raises(ListeningError, match=r"is rejected by Alice: .* open it again first"):
        small_desk.do(listening.take, small_desk.alice, group)
    small_desk.do(listening.reopen, small_desk.alice, group)
    with pytest.raises(ListeningError, match="is new already"):
        small_desk.do(listening.reopen, small_desk.alice, group)


def test_a_group_is_answered_only_by_an_entry_that_is_there(small_desk: Desk) -> None:
    group = small_desk.group()
    with pytest.raises(ListeningError, match="there is no entry 'nothing'"):
        small_desk.do(listening.answer, small_desk.alice, group, "nothing")
    assert state_of(small_desk, group)[0] == "new"


@pytest.mark.parametrize("why", ["", "  ", "x" * 301])
def test_a_rejection_needs_a_reason(small_desk: Desk, why: str) -> None:
    group = small_desk.group()
    with pytest.raises(ListeningError, match="reason: say in 1 to 300 characters why"):
        small_desk.do(listening.reject, small_desk.alice, group, why)
    assert state_of(small_desk, group)[0] == "new"


STEPS: dict[str, Callable[[Session, Member], object]] = {
    "take": lambda s, m: listening.take(s, m, 99),
    "answer": lambda s, m: listening.answer(s, m, 99, "sleep-how-much"),
    "reject": lambda s, m: listening.reject(s, m, 99, "why"),
    "reopen": lambda s, m: listening.reopen(s, m, 99),
    "add term": lambda s, m: listening.add_term(s, m, "ivermectin"),
    "remove term": lambda s, m: listening.remove_term(s, m, 99),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_is_for_authors_only(small_desk: Desk, name: str) -> None:
    others = small_desk.join("Otto", Role.REVIEWER, Role.PUBLISHER, Role.ADMIN)
    with pytest.raises(NotAllowed, match="needs the role “author”"):
        small_desk.do(STEPS[name], others)


@pytest.mark.parametrize("name", ["take", "answer", "reject", "reopen", "remove term"])
def test_what_is_not_there_is_said_so(small_desk: Desk, name: str) -> None:
    with transaction(small_desk.store) as session:
        import_entries(session, [make_pair()])
    with pytest.raises(ListeningError, match=r"there is no (group of questions|watched term) 99"):
        small_desk.do(STEPS[name], small_desk.alice)


# --- trends and surges ----------------------------------------------------------------------------


def test_a_trend_has_every_day_and_counts_conversations(desk: Desk) -> None:
    desk.many("flu", {0: 2, 2: 1})
    desk.ask("again", "flu-0-0", topic="flu", kind="answer")
    desk.many("colds", {1: 1, 3: 7})
    desk.many(None, {1: 1})
    found = desk.do(listening.trend, TODAY - timedelta(days=2), TODAY)
    assert [one.topic for one in found] == ["flu", None, "colds"]
    assert [day.conversations for day in found[0].days] == [1, 0, 2]
    assert [day.day for day in found[0].days] == [TODAY - timedelta(days=n) for n in (2, 1, 0)]
    assert [day.conversations for day in found[2].days] == [0, 1, 0]


def test_a_trend_of_a_topic_nobody_asked_about_is_flat(desk: Desk) -> None:
    desk.many("flu", {0: 2})
    (found,) = desk.do(listening.trend, TODAY, TODAY, topic="colds")
    assert (found.topic, found.days) == ("colds", ((TODAY, 0),))
    (found,) = desk.do(listening.trend, TODAY, TODAY, topic="flu")
    assert found.days == ((TODAY, 2),)


@pytest.mark.parametrize("days", [-1, 400])
def test_a_trend_over_no_time_or_too_much_of_it_is_refused(small_desk: Desk, days: int) -> None:
    with pytest.raises(ListeningError, match="ask for 1 to 400"):
        small_desk.do(listening.trend, TODAY - timedelta(days=days), TODAY)


def surging(desk: Desk) -> list[str]:
    return [surge.topic for surge in desk.do(listening.surges, TODAY)]


def test_a_topic_that_nobody_asked_about_surges_with_five(desk: Desk) -> None:
    desk.many("four", {0: 4})
    desk.many("five", {0: 5})
    desk.many(None, {0: 50})
    (surge,) = desk.do(listening.surges, TODAY)
    assert (surge.topic, surge.day, surge.conversations) == ("five", TODAY, 5)
    assert (surge.mean, surge.limit) == (0, 3)


def test_a_busy_topic_surges_only_far_above_its_usual_days(small_desk: Desk) -> None:
    # 4 a day, never more or less: the limit is 4 + 3 * sqrt(4) = 10.
    usual = dict.fromkeys(range(1, 29), 4)
    small_desk.many("ten", {**usual, 0: 10})
    small_desk.many("eleven", {**usual, 0: 11})
    assert surging(small_desk) == ["eleven"]


def test_a_topic_with_wild_days_needs_more_to_surge(small_desk: Desk) -> None:
    # 0 and 8 in turn: mean 4, deviation 4, limit 16.
    wild = {ago: 8 * (ago % 2) for ago in range(1, 29)}
    small_desk.many("sixteen", {**wild, 0: 16})
    small_desk.many("seventeen", {**wild, 0: 17})
    assert surging(small_desk) == ["seventeen"]


def test_a_trend_that_is_cut_is_the_trend_of_fewer_days(desk: Desk) -> None:
    desk.many("flu", {0: 2, 2: 1})
    desk.many("colds", {1: 1, 3: 7})
    desk.many("measles", {3: 2})
    desk.many(None, {1: 1})
    since = TODAY - timedelta(days=2)
    whole = desk.do(listening.trend, TODAY - timedelta(days=40), TODAY)
    assert listening.cut(whole, since) == desk.do(listening.trend, since, TODAY)


def test_surges_are_the_same_in_a_longer_trend(desk: Desk) -> None:
    usual = dict.fromkeys(range(1, 29), 4)
    desk.many("ten", {**usual, 0: 10, 35: 90})
    desk.many("eleven", {**usual, 0: 11, 35: 90})
    whole = desk.do(listening.trend, TODAY - timedelta(days=40), TODAY)
    assert listening.surges_in(whole, TODAY) == desk.do(listening.surges, TODAY)
    assert [one.topic for one in listening.surges_in(whole, TODAY)] == ["eleven"]


def test_days_before_the_last_four_weeks_do_not_count(small_desk: Desk) -> None:
    small_desk.many("flu", {29: 40, 0: 5})
    assert surging(small_desk) == ["flu"]
    small_desk.many("flu", {28: 40})
    assert surging(small_desk) == []


def test_the_rule_is_told_with_its_numbers() -> None:
    for number in ("28 days", "at least 5", "3 times"):
        assert number in listening.SURGE_RULE


# --- watched terms --------------------------------------------------------------------------------


def test_a_term_is_counted_as_whole_words_without_case_and_accents(desk: Desk) -> None:
    for term in ("Ivermectin", "sante publique", "COVID-19", "flu"):
        desk.do(listening.add_term, desk.alice, term)
    desk.ask("does IVERMECTIN help?", "a", "b")
    desk.ask("ivermectin, ivermectin!", "a", kind="answer")
    desk.ask("ivermectins and influenza", "c")
    desk.ask("qui est Santé  Publique", "d")
    desk.ask("sante. publique", "e", day=TODAY - timedelta(days=1))
    desk.ask("covid 19 or Covid-19", "f")
    found = {one.term: one.conversations for one in desk.do(listening.term_counts)}
    assert found == {"Ivermectin": 2, "sante publique": 2, "COVID-19": 1, "flu": 0}
    today = {one.term: one.conversations for one in desk.do(listening.term_counts, TODAY, TODAY)}
    assert today["sante publique"] == 1


def test_a_term_is_watched_once_and_let_go(desk: Desk) -> None:
    term = desk.do(listening.add_term, desk.alice, " detox \n tea ", "seen on a poster")
    with pytest.raises(ListeningError, match="'detox tea' is watched already"):
        desk.do(listening.add_term, desk.bea, "DETOX tea")
    with transaction(desk.store) as session:
        (row,) = listening.terms(session)
        assert (row.term, row.note, row.person_id) == (
            "detox tea",
            "seen on a poster",
            desk.alice.id,
        )
    removed = desk.do(listening.remove_term, desk.bea, term)
    assert desk.do(listening.term_counts) == []
    assert removed == ("detox tea", "seen on a poster")
    with transaction(desk.store) as session:
        lines = [(line.action, line.subject) for _, line in read_audit(session, area="term")]
        assert "poster" not in repr(read_audit(session))
    assert lines == [("term.unwatched", "detox tea"), ("term.watched", "detox tea")]
    desk.do(listening.add_term, desk.bea, *removed)
    with transaction(desk.store) as session:
        assert [(row.term, row.note) for row in listening.terms(session)] == [removed]


@pytest.mark.parametrize(
    ("term", "note", "field"),
    [("x", "", "term"), ("x" * 81, "", "term"), ("--", "", "term"), ("tea", "x" * 201, "note")],
)
def test_a_term_that_cannot_be_found_is_refused(
    small_desk: Desk, term: str, note: str, field: str
) -> None:
    with pytest.raises(ListeningError, match=f"^{field}: "):
        small_desk.do(listening.add_term, small_desk.alice, term, note)
    assert small_desk.do(listening.term_counts) == []


@pytest.mark.parametrize("term", ["5G", "x" * 80, "水痘"])
def test_a_term_may_be_short_or_long(small_desk: Desk, term: str) -> None:
    small_desk.do(listening.add_term, small_desk.alice, term)
    small_desk.ask(f"about {term}?", "a")
    assert [one.conversations for one in small_desk.do(listening.term_counts)] == [1]


# --- ratings and rumours --------------------------------------------------------------------------


def rate(
    desk: Desk,
    reply_id: str,
    revision: int,
    rating: str,
    reason: str | None = None,
    entry_id: str | None = "flu-spread",
    day: date = TODAY,
) -> None:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with transaction(desk.store) as session:
        session.add_all(
            [
                TurnEvent(
                    reply_id=reply_id,
                    session_key="a",
                    channel="web",
                    kind="answer",
                    code="answer",
                    entry_id=entry_id,
                    revision=revision,
                    milliseconds=1,
                ),
                Feedback(reply_id=reply_id, session_key="a", at=at, rating=rating, reason=reason),
            ]
        )


def test_ratings_are_counted_by_revision(desk: Desk) -> None:
    rate(desk, "1", 1, "not_helpful", "unclear")
    rate(desk, "2", 1, "not_helpful", "unclear")
    rate(desk, "3", 1, "not_helpful")
    rate(desk, "4", 1, "helpful")
    rate(desk, "5", 2, "helpful")
    rate(desk, "6", 1, "helpful", entry_id="colds-cause", day=TODAY - timedelta(days=1))
    rate(desk, "7", 1, "helpful", entry_id=None)
    colds, first, second = desk.do(listening.ratings)
    assert (colds.entry_id, colds.revision, colds.helpful) == ("colds-cause", 1, 1)
    assert (first.entry_id, first.revision) == ("flu-spread", 1)
    assert (first.helpful, first.not_helpful) == (1, 3)
    assert first.reasons == {
        "not_my_question": 0,
        "unclear": 2,
        "outdated": 0,
        "felt_unsafe": 0,
    }
    assert (second.revision, second.helpful, second.not_helpful) == (2, 1, 0)
    assert desk.do(listening.ratings, TODAY, TODAY) == [first, second]
    assert desk.do(listening.ratings, entry_id="colds-cause") == [colds]


def test_ratings_and_reasons_are_those_that_the_api_takes() -> None:
    fields = FeedbackRequest.model_fields
    assert set(get_args(fields["rating"].annotation)) == {listening.HELPFUL, listening.NOT_HELPFUL}
    reasons = {
        value
        for part in get_args(fields["reason"].annotation)
        for value in get_args(part)
        if value is not None
    }
    assert reasons == set(listening.REASONS)


def test_equal_rumours_are_put_together_the_newest_first(desk: Desk) -> None:
    told = [
        ("Garlic cures flu!", "a", 3),
        ("garlic  cures FLU", "b", 1),
        ("garlic cures flu", "b", 2),
        ("5G spreads it", "c", 0),
    ]
    with transaction(desk.store) as session:
        for number, (claim, person, ago) in enumerate(told):
            at = datetime(2026, 11, 20, tzinfo=UTC) - timedelta(days=ago)
            session.add(RumourReport(reply_id=f"r{number}", session_key=person, at=at, claim=claim))
    newest, garlic = desk.do(listening.rumours)
    assert (newest.claim, newest.size) == ("5G spreads it", 1)
    assert (garlic.claim, garlic.size) == ("garlic  cures FLU", 2)
    assert (TODAY - garlic.first_day).days == 3
    assert (TODAY - garlic.last_day).days == 1
    assert desk.do(listening.rumours, least=2) == [garlic]
    assert desk.do(listening.rumours, limit=1, offset=1) == [garlic]
    assert desk.do(listening.rumours, since=TODAY) == [newest]


# --- files ----------------------------------------------------------------------------------------


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "  =1+1", "＝1", '=HYPERLINK("x")']
)
def test_a_formula_in_a_file_is_only_text(cell: str) -> None:
    ((harmless,),) = rows_of(listening.as_csv(["ok"], [[cell]]))[1:]
    assert harmless == f"'{cell}"


def test_ordinary_cells_stay_as_they_are() -> None:
    cells = ['a "b", c', "x=1", None, -5, 0.25, TODAY]
    assert rows_of(listening.as_csv(["=h", *"bcdef"], [cells])) == [
        ["'=h", "b", "c", "d", "e", "f"],
        ['a "b", c', "x=1", "", "-5", "0.25", "2026-11-20"],
    ]


def test_a_file_of_groups_has_no_small_ones(small_desk: Desk) -> None:
    large, small = small_desk.group(), small_desk.group()
    small_desk.ask("=flu", "a", "b", "c", group_id=large)
    small_desk.ask(CANARY, "a", "b", group_id=small)
    found = small_desk.do(listening.groups, Wanted(least=1))
    head, row = rows_of(listening.groups_csv(found))
    told = dict(zip(head, row, strict=True))
    assert (told["group"], told["conversations"], told["wording_1"]) == (str(large), "3", "'=flu")


def test_a_file_of_trends_does_not_tell_small_counts(small_desk: Desk) -> None:
    small_desk.many("flu", {0: 3, 1: 2})
    found = small_desk.do(listening.trend, TODAY - timedelta(days=2), TODAY)
    assert rows_of(listening.trends_csv(found)) == [
        ["day", "topic", "conversations"],
        ["2026-11-18", "flu", "0"],
        ["2026-11-19", "flu", "fewer than 3"],
        ["2026-11-20", "flu", "3"],
    ]


def test_a_file_of_ratings_does_not_tell_small_counts(small_desk: Desk) -> None:
    for number in range(3):
        rate(small_desk, str(number), 1, "not_helpful", "unclear" if number else "outdated")
    head, row = rows_of(listening.ratings_csv(small_desk.do(listening.ratings)))
    assert dict(zip(head, row, strict=True)) == {
        "entry_id": "flu-spread",
        "revision": "1",
        "helpful": "0",
        "not_helpful": "3",
        "not_my_question": "0",
        "unclear": "fewer than 3",
        "outdated": "fewer than 3",
        "felt_unsafe": "0",
    }


# --- as a whole -----------------------------------------------------------------------------------


def test_no_model_is_loaded_to_listen() -> None:
    heavy = ["torch", "faiss", "onnxruntime", "sentence_transformers", "sklearn", "scipy", "numpy"]
    code = f"import sys, knowledge.listening; print([m for m in {heavy!r} if m in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.stdout, finished.stderr) == ("[]\n", "")
