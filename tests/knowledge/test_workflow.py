"""From draft to live: who may do which step, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge import people, workflow
from knowledge.audit import read_audit
from knowledge.entry import TopicEntry
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import Revision
from knowledge.store import import_entries, live_release_id, publish, read_live, transaction
from knowledge.workflow import ChecksFailed, EditConflict, State, WorkflowError
from tests.knowledge.conftest import Colleagues
from tests.knowledge.small import make_pair

SLEEP = "sleep-how-much"
DAY = date(2026, 11, 20)


def other_pair(name: str) -> TopicEntry:
    """Return an entry that shares no wording with the sleep entry."""
    variants = [f"{name} wording number {number}" for number in range(10)]
    return make_pair(id=name, question=f"What is {name} about?", variants=variants)


Step = Callable[[Session, Member, int], object]


class Team(Colleagues):
    """Alice writes, Rita reviews, Paul publishes, Wanda does all of it."""

    def __init__(self, store: Engine) -> None:
        super().__init__(store)
        self.alice = self.join("Alice", Role.AUTHOR)
        self.rita = self.join("Rita", Role.REVIEWER)
        self.paul = self.join("Paul", Role.PUBLISHER)
        self.wanda = self.join("Wanda", Role.AUTHOR, Role.REVIEWER, Role.PUBLISHER)

    def do(self, step: Callable[..., Any], *args: object, **more: object) -> Any:
        """Do one step in a transaction of its own; of a revision, its id comes back."""
        with transaction(self.store) as session:
            result = step(session, *args, **more)
            return result.id if isinstance(result, Revision) else result

    def draft(self, text: str = "Keep the room dark.", based_on: int | None = None) -> int:
        """Save a draft of the sleep entry by Alice; return its id."""
        found: int = self.do(
            workflow.save_draft, self.alice, make_pair(short_answer=text), based_on
        )
        return found

    def approved(self, text: str = "Keep the room dark.", based_on: int | None = None) -> int:
        """Return the id of a draft that Rita approved."""
        revision_id = self.draft(text, based_on)
        self.do(workflow.submit, self.alice, revision_id)
        self.do(workflow.approve, self.rita, revision_id)
        return revision_id

    def state(self, revision_id: int) -> State:
        """Return where a revision is."""
        with transaction(self.store) as session:
            revision = session.get(Revision, revision_id)
            assert revision is not None
            return State(revision.state)

    def live(self) -> dict[str, str]:
        """Return the live answers by their entries."""
        with transaction(self.store) as session:
            live = read_live(session)
        entries = [item.topic_entry.entry for item in live.entries] if live else []
        return {entry.id: entry.short_answer for entry in entries}


@pytest.fixture
def team(store: Engine) -> Team:
    """A team over a store in which one other entry is live."""
    with transaction(store) as session:
        import_entries(session, [other_pair("other")])
        publish(session, "first")
    return Team(store)


# --- the main path --------------------------------------------------------------------------------


def test_an_answer_goes_from_draft_to_live(team: Team) -> None:
    revision_id = team.draft("Keep the room dark.")
    assert team.state(revision_id) is State.DRAFT
    team.do(workflow.submit, team.alice, revision_id, "please look at the source")
    assert team.state(revision_id) is State.IN_REVIEW
    assert SLEEP not in team.live()
    team.do(workflow.approve, team.rita, revision_id, "fits the page")
    assert SLEEP not in team.live()
    team.do(workflow.release, team.paul, [revision_id], "sleep")
    assert team.live()[SLEEP] == "Keep the room dark."
    assert "other" in team.live()


def test_every_step_is_on_record_with_its_note(team: Team) -> None:
    revision_id = team.draft()
    team.do(workflow.submit, team.alice, revision_id, "please")
    team.do(workflow.send_back, team.rita, revision_id, "too long")
    with transaction(team.store) as session:
        steps = [(step.step, step.note) for step in workflow.steps_of(session, revision_id)]
        lines = [line for _, line in read_audit(session, subject=f"{SLEEP} (en)")]
    assert steps == [("saved", ""), ("in_review", "please"), ("returned", "too long")]
    assert [(line.action, line.who) for line in reversed(lines)] == [
        ("revision.saved", "Alice"),
        ("revision.in_review", "Alice"),
        ("revision.returned", "Rita"),
    ]


def test_the_live_text_stays_while_an_edit_waits(team: Team) -> None:
    team.do(workflow.release, team.paul, [team.approved("The first text.")], "one")
    second = team.draft("The second text.", based_on=1)
    team.do(workflow.submit, team.alice, second)
    assert team.live()[SLEEP] == "The first text."
    team.do(workflow.approve, team.rita, second)
    team.do(workflow.release, team.paul, [second], "two")
    assert team.live()[SLEEP] == "The second text."


def test_a_returned_draft_goes_to_review_again(team: Team) -> None:
    revision_id = team.draft()
    team.do(workflow.submit, team.alice, revision_id)
    team.do(workflow.send_back, team.rita, revision_id, "name the section")
    assert team.state(revision_id) is State.RETURNED
    team.do(workflow.submit, team.alice, revision_id)
    assert team.state(revision_id) is State.IN_REVIEW


def test_what_was_put_away_comes_back(team: Team) -> None:
    revision_id = team.draft()
    team.do(workflow.discard, team.alice, revision_id)
    assert team.state(revision_id) is State.DISCARDED
    team.do(workflow.restore, team.alice, revision_id)
    assert team.state(revision_id) is State.DRAFT


def test_an_approval_can_be_taken_back_until_it_is_live(team: Team) -> None:
    revision_id = team.approved()
    team.do(workflow.take_back, team.alice, revision_id)
    assert team.state(revision_id) is State.DRAFT
    other = team.approved("Another text.", based_on=1)
    team.do(workflow.release, team.paul, [other], "out")
    with pytest.raises(WorkflowError, match="it is live already"):
        team.do(workflow.take_back, team.alice, other)


# --- who may do what ------------------------------------------------------------------------------


STEPS: dict[str, tuple[Role, Step]] = {
    "save": (
        Role.AUTHOR,
        lambda s, m, _: workflow.save_draft(s, m, make_pair(short_answer="New words."), 1),
    ),
    "submit": (Role.AUTHOR, workflow.submit),
    "take back": (Role.AUTHOR, workflow.take_back),
    "discard": (Role.AUTHOR, workflow.discard),
    "restore": (Role.AUTHOR, workflow.restore),
    "approve": (Role.REVIEWER, workflow.approve),
    "send back": (Role.REVIEWER, lambda s, m, r: workflow.send_back(s, m, r, "why")),
    "release": (Role.PUBLISHER, lambda s, m, r: workflow.release(s, m, [r], "")),
    "withdraw": (Role.PUBLISHER, lambda s, m, _: workflow.withdraw(s, m, "other", "en", "why")),
    "reinstate": (Role.PUBLISHER, lambda s, m, r: workflow.reinstate(s, m, r, "why")),
    "go back": (Role.PUBLISHER, lambda s, m, _: workflow.go_back(s, m, 1)),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", STEPS)
def test_each_step_needs_its_role(team: Team, name: str, role: Role) -> None:
    wanted, step = STEPS[name]
    revision_id = team.draft()
    member = team.join("Zoe", role)
    try:
        team.do(step, member, revision_id)
        refused = False
    except NotAllowed:
        refused = True
    except WorkflowError:
        refused = False  # allowed, but not at this point
    assert refused == (role is not wanted)


def test_nobody_approves_their_own_words(team: Team) -> None:
    revision_id = team.do(workflow.save_draft, team.wanda, make_pair(), None)
    team.do(workflow.submit, team.wanda, revision_id)
    with pytest.raises(NotAllowed, match="nobody approves their own words"):
        team.do(workflow.approve, team.wanda, revision_id)
    team.do(workflow.approve, team.rita, revision_id)


def test_nor_what_somebody_else_saved_on_top_of_them(team: Team) -> None:
    team.do(workflow.save_draft, team.wanda, make_pair(short_answer="Wanda's own words."), None)
    comma = team.draft("Wanda's own words, with a comma.", based_on=1)
    team.do(workflow.submit, team.alice, comma)
    with pytest.raises(NotAllowed, match="nobody approves their own words"):
        team.do(workflow.approve, team.wanda, comma)


def test_what_was_approved_before_does_not_count_as_ones_own(team: Team) -> None:
    first = team.do(workflow.save_draft, team.wanda, make_pair(), None)
    team.do(workflow.submit, team.wanda, first)
    team.do(workflow.approve, team.rita, first)
    second = team.draft("Alice's words.", based_on=1)
    team.do(workflow.submit, team.alice, second)
    team.do(workflow.approve, team.wanda, second)
    assert team.state(second) is State.APPROVED


def test_a_reviewer_whose_role_ran_out_in_the_middle_approves_nothing(team: Team) -> None:
    revision_id = team.draft()
    team.do(workflow.submit, team.alice, revision_id)
    with transaction(team.store) as session:
        yesterday = date.today() - timedelta(days=2)
        people.grant(session, team.rita.id, Role.REVIEWER, yesterday, None)
        rita = people.member(session, team.rita.id)
    assert rita is not None
    with pytest.raises(NotAllowed, match="which you do not have today"):
        team.do(workflow.approve, rita, revision_id)
    assert team.state(revision_id) is State.IN_REVIEW


# --- two at once ----------------------------------------------------------------------------------


def test_the_second_of_two_editors_is_told_and_loses_nothing(team: Team) -> None:
    team.draft("The first text.")
    team.draft("Alice's text.", based_on=1)
    with pytest.raises(EditConflict, match="revision 2 is newer than") as caught:
        team.do(workflow.save_draft, team.wanda, make_pair(short_answer="Wanda's text."), 1)
    assert caught.value.number == 2
    assert caught.value.theirs.entry.short_answer == "Alice's text."


def test_two_new_entries_of_one_name_conflict(team: Team) -> None:
    team.draft("The first text.")
    with pytest.raises(EditConflict):
        team.draft("A second beginning.")


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Do several things at the same time; return what each failed with, or ""."""
    gate, told = Barrier(len(acts)), [""] * len(acts)

    def run(place: int) -> None:
        gate.wait()
        try:
            acts[place]()
        except Exception as error:
            told[place] = str(error) or type(error).__name__

    threads = [Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_of_two_approvals_at_once_one_counts(team: Team) -> None:
    revision_id = team.draft()
    team.do(workflow.submit, team.alice, revision_id)
    other = team.join("Rolf", Role.REVIEWER)
    told = at_once(
        lambda: team.do(workflow.approve, team.rita, revision_id),
        lambda: team.do(workflow.approve, other, revision_id),
    )
    assert sorted(text != "" for text in told) == [False, True]
    with transaction(team.store) as session:
        steps = [step.step for step in workflow.steps_of(session, revision_id)]
    assert steps.count("approved") == 1


def test_two_releases_at_once_keep_what_the_other_brought(team: Team) -> None:
    first = team.approved()
    second = team.do(workflow.save_draft, team.alice, other_pair("third"), None)
    team.do(workflow.submit, team.alice, second)
    team.do(workflow.approve, team.rita, second)
    told = at_once(
        lambda: team.do(workflow.release, team.paul, [first], "one"),
        lambda: team.do(workflow.release, team.wanda, [second], "two"),
    )
    done = {name for name, text in ((SLEEP, told[0]), ("third", told[1])) if not text}
    assert done
    assert set(team.live()) == {"other", *done}


# --- publishing and taking away -------------------------------------------------------------------


@pytest.mark.parametrize("state", ["draft", "in review"])
def test_only_what_is_approved_can_be_published(team: Team, state: str) -> None:
    revision_id = team.draft()
    if state == "in review":
        team.do(workflow.submit, team.alice, revision_id)
    with pytest.raises(WorkflowError, match="is not approved"):
        team.do(workflow.release, team.paul, [revision_id], "")
    assert SLEEP not in team.live()


def test_a_withdrawn_answer_is_gone_and_no_way_back_brings_it_by_mistake(team: Team) -> None:
    revision_id = team.approved()
    release_id = team.do(workflow.release, team.paul, [revision_id], "sleep")
    team.do(workflow.withdraw, team.paul, SLEEP, "en", "the page was retracted")
    assert set(team.live()) == {"other"}
    with pytest.raises(WorkflowError, match=f"holds {SLEEP}, which was withdrawn"):
        team.do(workflow.go_back, team.paul, release_id)
    with transaction(team.store) as session:
        publish(session, "from the command line")
    assert set(team.live()) == {"other"}
    team.do(workflow.reinstate, team.paul, revision_id, "the page is back")
    assert SLEEP in team.live()


def test_withdrawing_needs_a_reason_and_something_live(team: Team) -> None:
    with pytest.raises(WorkflowError, match="say why"):
        team.do(workflow.withdraw, team.paul, "other", "en", " ")
    with pytest.raises(WorkflowError, match="is not live"):
        team.do(workflow.withdraw, team.paul, "nothing", "en", "why")
    with pytest.raises(WorkflowError, match="the only live answer"):
        team.do(workflow.withdraw, team.paul, "other", "en", "why")


def test_an_older_release_can_be_live_again(team: Team) -> None:
    team.do(workflow.release, team.paul, [team.approved()], "sleep")
    team.do(workflow.go_back, team.paul, 1)
    assert set(team.live()) == {"other"}
    for release_id, reason in ((1, "is live already"), (99, "there is no release 99")):
        with pytest.raises(WorkflowError, match=reason):
            team.do(workflow.go_back, team.paul, release_id)


def test_the_command_line_publishes_nothing_that_waits_for_review(team: Team) -> None:
    team.draft()
    with transaction(team.store) as session:
        publish(session, "from the command line")
    assert set(team.live()) == {"other"}


def test_what_is_imported_beside_a_team_is_a_draft(team: Team) -> None:
    with transaction(team.store) as session:
        import_entries(session, [make_pair()])
        newest = workflow.newest_revision(session, SLEEP, "en")
        assert newest is not None
        assert newest.state == State.DRAFT


# --- the checks -----------------------------------------------------------------------------------


def test_words_that_the_checks_refuse_are_saved_but_go_no_further(team: Team) -> None:
    revision_id = team.draft("Take 500 mg twice a day and you will be cured.")
    with pytest.raises(ChecksFailed) as caught:
        team.do(workflow.submit, team.alice, revision_id)
    assert {fault.field for fault in caught.value.faults} == {"short_answer"}
    assert team.state(revision_id) is State.DRAFT


def test_the_gate_sees_what_came_live_after_the_approval(team: Team) -> None:
    first = team.approved()
    pair = make_pair(id="third", question="What is a third matter?")  # with the same variants
    second = team.do(workflow.save_draft, team.alice, pair, None)
    with transaction(team.store) as session:
        session.execute(
            sa.update(Revision).where(Revision.id == second).values(state=State.APPROVED.value)
        )
    team.do(workflow.release, team.paul, [first], "one")
    before = team.live()
    with pytest.raises(ChecksFailed, match="is also a wording of"):
        team.do(workflow.release, team.paul, [second], "two")
    assert team.live() == before


# --- bad input ------------------------------------------------------------------------------------


def test_nothing_new_is_no_draft(team: Team) -> None:
    team.draft()
    with pytest.raises(WorkflowError, match="nothing is different"):
        team.draft(based_on=1)


@pytest.mark.parametrize("based_on", [0, 7])
def test_a_change_of_what_never_was_is_refused(team: Team, based_on: int) -> None:
    with pytest.raises(WorkflowError, match="there is no entry"):
        team.draft(based_on=based_on)


def test_a_note_has_a_limit(team: Team) -> None:
    revision_id = team.draft()
    with pytest.raises(WorkflowError, match="note: 2000 characters at most, this has 2001"):
        team.do(workflow.submit, team.alice, revision_id, "x" * 2001)
    assert team.state(revision_id) is State.DRAFT


def test_steps_of_nothing_are_refused(team: Team) -> None:
    with pytest.raises(WorkflowError, match="there is no revision 999"):
        team.do(workflow.approve, team.rita, 999)
    with pytest.raises(WorkflowError, match="choose at least one"):
        team.do(workflow.release, team.paul, [], "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE revision SET body = '{}'",
        "UPDATE revision SET author_id = 1",
        "DELETE FROM revision WHERE entry_id = 'sleep-how-much'",
        "UPDATE review SET note = 'other words'",
        "DELETE FROM review",
    ],
)
def test_the_database_refuses_to_change_words_and_steps(team: Team, statement: str) -> None:
    team.draft()
    with (
        pytest.raises(sa.exc.DBAPIError, match="is append-only"),
        transaction(team.store) as session,
    ):
        session.execute(sa.text(statement))


def test_a_failed_step_leaves_everything_as_it_was(team: Team) -> None:
    revision_id = team.approved()
    with transaction(team.store) as session:
        before = live_release_id(session)
    with pytest.raises(WorkflowError):
        team.do(workflow.release, team.paul, [revision_id, 999], "")
    with transaction(team.store) as session:
        assert live_release_id(session) == before
        assert not read_audit(session, area="release")


def nurse_with_work(team: Team) -> tuple[Member, int]:
    """Let Rita be a nurse; return her, and a draft that waits for her review."""
    with transaction(team.store) as session:
        people.set_credentials(session, team.rita.id, "  registered  nurse ", None)
        rita = people.member(session, team.rita.id)
    assert rita is not None
    revision_id = team.draft()
    team.do(workflow.submit, team.alice, revision_id)
    return rita, revision_id


def test_a_clinicians_signature_stands_in_the_words_that_go_live(team: Team) -> None:
    rita, revision_id = nurse_with_work(team)
    with transaction(team.store) as session:
        signed = workflow.approve(session, rita, revision_id, "Read it all.", signed_on=DAY)
    assert team.state(revision_id) is State.REPLACED
    assert team.state(signed) is State.APPROVED
    team.do(workflow.release, team.paul, [signed], "First")
    with transaction(team.store) as session:
        live = read_live(session)
        row = session.get(Revision, signed)
        assert row is not None
        assert (row.author_id, row.based_on) == (team.alice.id, 1)
    assert live is not None
    entries = {one.topic_entry.entry.id: one.topic_entry.entry for one in live.entries}
    entry = entries[SLEEP]
    assert entry.status == "clinician_reviewed"
    assert entry.last_reviewed == DAY
    assert [(one.name, one.role) for one in entry.reviewed_by] == [("Rita", "registered nurse")]


def test_an_edit_ends_what_a_clinician_signed(team: Team) -> None:
    rita, revision_id = nurse_with_work(team)
    with transaction(team.store) as session:
        signed = workflow.approve(session, rita, revision_id, signed_on=DAY)
        pair = TopicEntry.model_validate(session.get_one(Revision, signed).body)
    with pytest.raises(WorkflowError, match="nothing is different"):
        team.do(workflow.save_draft, team.alice, pair, 2)
    longer = pair.entry.model_copy(update={"short_answer": "Keep the room dark and cool."})
    edited = pair.model_copy(update={"entry": longer})
    draft = team.do(workflow.save_draft, team.alice, edited, 2)
    with transaction(team.store) as session:
        entry = TopicEntry.model_validate(session.get_one(Revision, draft).body).entry
    assert (entry.status, entry.last_reviewed, entry.reviewed_by) == ("source_checked", None, ())


def test_a_signed_approval_taken_back_leaves_an_unsigned_draft(team: Team) -> None:
    rita, revision_id = nurse_with_work(team)
    with transaction(team.store) as session:
        signed = workflow.approve(session, rita, revision_id, signed_on=DAY)
    team.do(workflow.take_back, team.alice, signed)
    with transaction(team.store) as session:
        newest = workflow.newest_revision(session, SLEEP, "en")
        assert newest is not None
        assert (newest.number, newest.state) == (3, "draft")
        assert TopicEntry.model_validate(newest.body).entry.reviewed_by == ()
    assert team.state(signed) is State.REPLACED


def test_nobody_signs_without_a_qualification_that_readers_can_see(team: Team) -> None:
    revision_id = team.draft()
    team.do(workflow.submit, team.alice, revision_id)
    with transaction(team.store) as session, pytest.raises(WorkflowError, match="no qualification"):
        workflow.approve(session, team.rita, revision_id, signed_on=DAY)
    assert team.state(revision_id) is State.IN_REVIEW


def test_no_draft_claims_a_review(team: Team) -> None:
    claimed = make_pair(
        status="clinician_reviewed",
        last_reviewed=DAY.isoformat(),
        reviewed_by=[{"name": "Dr. Who", "role": "physician"}],
    )
    draft = team.do(workflow.save_draft, team.alice, claimed, None)
    with transaction(team.store) as session:
        import_entries(session, [other_claimed(claimed)])
        bodies = session.scalars(sa.select(Revision.body)).all()
    assert draft is not None
    entries = [TopicEntry.model_validate(body).entry for body in bodies]
    assert {"other-entry", SLEEP} <= {entry.id for entry in entries}
    assert {entry.reviewed_by for entry in entries} == {()}


def other_claimed(pair: TopicEntry) -> TopicEntry:
    """Return the same claim of a review, of another entry."""
    update = {"id": "other-entry", "question": "What about another thing?"}
    return pair.model_copy(update={"entry": pair.entry.model_copy(update=update)})


def test_what_is_live_beside_an_answer_is_read_once_and_then_only_what_is_new(team: Team) -> None:
    read: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "revision.body" in statement:
            read.append(statement)

    with transaction(team.store) as session:
        before = workflow.live_beside(session)
    sa.event.listen(team.store, "before_cursor_execute", note)
    with transaction(team.store) as session:
        assert workflow.live_beside(session) is before
    assert read == []
    revision_id = team.approved("Keep the room cool and dark.")
    team.do(workflow.release, team.paul, [revision_id], "One more")
    read.clear()
    with transaction(team.store) as session:
        after = workflow.live_beside(session)
    assert len(read) == 1
    assert SLEEP in after.entries
    assert SLEEP not in before.entries
    assert before.entries < after.entries
    team.do(workflow.withdraw, team.paul, SLEEP, "en", "only a test")
    with transaction(team.store) as session:
        assert workflow.live_beside(session).entries == before.entries
