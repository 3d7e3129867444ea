"""Planned releases: made at their time, for the person who planned them, or told why not."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from knowledge import people, schedule, workflow
from knowledge.audit import read_audit
from knowledge.entry import TopicEntry
from knowledge.people import NotAllowed, Role
from knowledge.schedule import Plan
from knowledge.schema import ScheduledRelease, now
from knowledge.store import live_release_id, read_live, transaction
from knowledge.workflow import WorkflowError
from tests.knowledge.test_workflow import SLEEP, Team

SOON = timedelta(minutes=5)


@pytest.fixture
def team(store: Engine) -> Team:
    """A team over an empty store."""
    return Team(store)


def plan(team: Team, *revision_ids: int, note: str = "Sleep week") -> int:
    """Let Paul plan a release."""
    with transaction(team.store) as session:
        return schedule.plan(session, team.paul, revision_ids, now() + SOON, note)


def time_comes(team: Team, plan_id: int) -> None:
    """Move the time of a plan into the past."""
    with transaction(team.store) as session:
        moved = sa.update(ScheduledRelease).where(ScheduledRelease.id == plan_id)
        session.execute(moved.values(run_at=now() - SOON))


def only_plan(team: Team) -> Plan:
    """Return the one plan."""
    with transaction(team.store) as session:
        (found,) = schedule.plans(session)
    return found


def live_entries(team: Team) -> list[str]:
    """Return the ids of what is live."""
    with transaction(team.store) as session:
        live = read_live(session)
    return [one.topic_entry.entry.id for one in live.entries] if live else []


def test_a_planned_release_is_made_at_its_time_and_not_before(team: Team) -> None:
    plan_id = plan(team, team.approved())
    assert schedule.run_due(team.store) == 0
    assert live_entries(team) == []
    time_comes(team, plan_id)
    assert schedule.run_due(team.store) == 1
    assert live_entries(team) == [SLEEP]
    made = only_plan(team)
    assert (made.state, made.by, made.entries) == ("done", "Paul", ((SLEEP, "en", 1),))
    assert schedule.run_due(team.store) == 0
    with transaction(team.store) as session:
        who = {one.action: one.who for _, one in read_audit(session)}
    assert who["release.published"] == "Paul"
    assert who["release.plan_done"] is None


def test_of_two_workers_one_makes_it(team: Team) -> None:
    plan_id = plan(team, team.approved())
    time_comes(team, plan_id)
    barrier, made = Barrier(2), []

    def work() -> None:
        barrier.wait()
        made.append(schedule.run_due(team.store))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 1]
    with transaction(team.store) as session:
        assert live_release_id(session) == 1


def test_whoever_left_publishes_nothing_any_more(team: Team) -> None:
    plan_id = plan(team, team.approved())
    with transaction(team.store) as session:
        people.deactivate(session, team.paul.id, None)
    time_comes(team, plan_id)
    assert schedule.run_due(team.store) == 0
    assert live_entries(team) == []
    failed = only_plan(team)
    assert failed.state == "failed"
    assert "not on the team" in failed.reason


def test_a_role_that_ended_publishes_nothing(team: Team) -> None:
    plan_id = plan(team, team.approved())
    with transaction(team.store) as session:
        people.revoke(session, team.paul.id, Role.PUBLISHER, None)
    time_comes(team, plan_id)
    assert schedule.run_due(team.store) == 0
    assert "publisher" in only_plan(team).reason


def test_an_approval_taken_back_stops_the_plan_and_the_console_says_why(team: Team) -> None:
    revision_id = team.approved()
    plan_id = plan(team, revision_id)
    team.do(workflow.take_back, team.alice, revision_id)
    time_comes(team, plan_id)
    assert schedule.run_due(team.store) == 0
    assert "is not approved" in only_plan(team).reason
    with transaction(team.store) as session:
        assert "release.plan_failed" in {one.action for _, one in read_audit(session)}


def test_a_plan_can_be_called_off_and_taken_up_again(team: Team) -> None:
    plan_id = plan(team, team.approved())
    team.do(schedule.cancel, team.paul, plan_id)
    assert only_plan(team).state == "cancelled"
    with pytest.raises(WorkflowError, match="is cancelled by now"):
        team.do(schedule.cancel, team.paul, plan_id)
    team.do(schedule.take_up, team.paul, plan_id)
    assert only_plan(team).state == "waiting"
    team.do(schedule.cancel, team.paul, plan_id)
    time_comes(team, plan_id)
    assert schedule.run_due(team.store) == 0
    with pytest.raises(WorkflowError, match="time has passed"):
        team.do(schedule.take_up, team.paul, plan_id)


def test_one_answer_waits_in_one_plan_only(team: Team) -> None:
    revision_id = team.approved()
    first = plan(team, revision_id)
    with pytest.raises(WorkflowError, match=f"in plan {first} already"):
        plan(team, revision_id)
    team.do(schedule.cancel, team.paul, first)
    second = plan(team, revision_id)
    with pytest.raises(WorkflowError, match=f"in plan {second} by now"):
        team.do(schedule.take_up, team.paul, first)


@pytest.mark.parametrize("ahead", [timedelta(minutes=-1), timedelta(days=400)])
def test_the_time_lies_ahead_and_not_too_far(team: Team, ahead: timedelta) -> None:
    revision_id = team.approved()
    with transaction(team.store) as session, pytest.raises(WorkflowError, match="time: "):
        schedule.plan(session, team.paul, [revision_id], now() + ahead, "")


def test_only_publishers_plan_and_only_what_is_approved(team: Team) -> None:
    draft = team.draft()
    with transaction(team.store) as session, pytest.raises(WorkflowError, match="not approved"):
        schedule.plan(session, team.paul, [draft], now() + SOON, "")
    for nothing in ([], [999]):
        with transaction(team.store) as session, pytest.raises(WorkflowError, match="at least one"):
            schedule.plan(session, team.paul, nothing, now() + SOON, "")
    with transaction(team.store) as session, pytest.raises(NotAllowed):
        schedule.plan(session, team.alice, [draft], now() + SOON, "")


def test_an_answer_that_cannot_be_read_any_more_fails_its_plan_and_no_other(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = plan(team, team.approved())
    time_comes(team, plan_id)

    def read(*_args: object) -> int:
        TopicEntry.model_validate({"topic": {}})
        return 0

    monkeypatch.setattr(workflow, "release", read)
    assert schedule.run_due(team.store) == 0
    assert only_plan(team).state == "failed"
