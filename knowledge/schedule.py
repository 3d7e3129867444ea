"""Releases at a time: planned by a publisher, made by the worker, told where they could not be.

A planned release acts for the person who planned it, with the rights of the moment in which it is
made: whoever left the team by then, or is no publisher any more, publishes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge import workflow
from knowledge.audit import record
from knowledge.people import Member, NotAllowed, Role, member
from knowledge.schema import Person, Revision, ScheduledRelease, now
from knowledge.store import PUBLISHABLE, transaction
from knowledge.workflow import WorkflowError

logger = logging.getLogger(__name__)
FURTHEST = timedelta(days=366)
LONGEST_REASON = 300
WAITING, DONE, CANCELLED, FAILED = "waiting", "done", "cancelled", "failed"


@dataclass(frozen=True)
class Plan:
    """A planned release.

    Attributes:
        id: of the plan.
        run_at: when it is made.
        entries: the answers in it, as ``(entry_id, locale, revision number)``.
        note: what changes.
        by: name of the person who planned it.
        state: ``waiting``, ``done``, ``cancelled`` or ``failed``.
        reason: why it failed, or "".
    """

    id: int
    run_at: datetime
    entries: tuple[tuple[str, str, int], ...]
    note: str
    by: str
    state: str
    reason: str


def plan(
    session: Session, who: Member, revision_ids: Sequence[int], run_at: datetime, note: str
) -> int:
    """Plan a release of approved revisions; return the plan's id.

    Raises:
        NotAllowed: the member is no publisher.
        ChecksFailed: the checks find an error already.
        WorkflowError: a revision is not approved, there is none, or the time makes no sense.
    """
    who.must_be(Role.PUBLISHER, "planning a release")
    if run_at <= now():
        raise WorkflowError("time: has to lie in the future")
    if run_at - now() > FURTHEST:
        raise WorkflowError(f"time: may lie {FURTHEST.days} days ahead at most")
    chosen = sorted(set(revision_ids))
    revisions = session.scalars(sa.select(Revision).where(Revision.id.in_(chosen))).all()
    if not chosen or len(revisions) < len(chosen):
        raise WorkflowError("choose at least one approved answer")
    for one in revisions:
        if one.state not in PUBLISHABLE:
            raise WorkflowError(f"revision {one.number} of {one.entry_id} is not approved")
        if taken := _waiting_with(session, one.id):
            raise WorkflowError(f"{one.entry_id} is in plan {taken} already")
    errors = [one for one in workflow.faults_of(session, revisions) if one.level == "error"]
    if errors:
        raise workflow.ChecksFailed(errors)
    row = ScheduledRelease(
        run_at=run_at,
        revision_ids=chosen,
        note=note.strip()[: workflow.LONGEST_RELEASE_NOTE],
        person_id=who.id,
    )
    session.add(row)
    session.flush()
    entries = [f"{one.entry_id} ({one.locale})" for one in revisions]
    record(
        session,
        who.id,
        "release.planned",
        str(row.id),
        entries=entries,
        at=run_at.isoformat(timespec="minutes"),
    )
    return row.id


def cancel(session: Session, who: Member, plan_id: int) -> None:
    """Call a planned release off; ``take_up`` undoes it.

    Raises:
        NotAllowed: the member is no publisher.
        WorkflowError: there is no such plan, or it waits no more.
    """
    who.must_be(Role.PUBLISHER, "calling a release off")
    _move(session, plan_id, WAITING, CANCELLED)
    record(session, who.id, "release.called_off", str(plan_id))


def take_up(session: Session, who: Member, plan_id: int) -> None:
    """Take a plan up again that was called off.

    Raises:
        NotAllowed: the member is no publisher.
        WorkflowError: there is no such plan, it was not called off, or its time has passed.
    """
    who.must_be(Role.PUBLISHER, "taking a plan up again")
    row = _row(session, plan_id)
    if row.run_at <= now():
        raise WorkflowError("its time has passed: plan it anew")
    for revision_id in row.revision_ids:
        if taken := _waiting_with(session, revision_id):
            raise WorkflowError(f"one of its answers is in plan {taken} by now")
    _move(session, plan_id, CANCELLED, WAITING)
    record(session, who.id, "release.taken_up", str(plan_id))


def plans(session: Session, limit: int = 50) -> list[Plan]:
    """Return the plans: those that wait by their time, then the others, the newest first."""
    rows = session.execute(
        sa.select(ScheduledRelease, Person.name)
        .join(Person, Person.id == ScheduledRelease.person_id)
        .order_by(ScheduledRelease.id.desc())
        .limit(limit)
    ).all()
    names = _entries(session, {one for row, _ in rows for one in row.revision_ids})
    found = [
        Plan(
            row.id,
            row.run_at,
            tuple(names[one] for one in row.revision_ids if one in names),
            row.note,
            name,
            row.state,
            row.reason,
        )
        for row, name in rows
    ]
    waiting = sorted((one for one in found if one.state == WAITING), key=lambda one: one.run_at)
    return waiting + [one for one in found if one.state != WAITING]


def run_due(engine: Engine) -> int:
    """Make the releases whose time has come; return how many were made.

    Each has a transaction of its own, and of two workers only one makes it.
    """
    with transaction(engine) as session:
        due = session.scalars(
            sa.select(ScheduledRelease.id)
            .where(ScheduledRelease.state == WAITING, ScheduledRelease.run_at <= now())
            .order_by(ScheduledRelease.run_at, ScheduledRelease.id)
        ).all()
    return sum(_run(engine, plan_id) for plan_id in due)


def _run(engine: Engine, plan_id: int) -> bool:
    try:
        with transaction(engine) as session:
            if not _take(session, plan_id, WAITING, DONE):
                return False
            row = _row(session, plan_id)
            who = member(session, row.person_id)
            if who is None:
                raise WorkflowError("the person who planned it is not on the team any more")
            note = row.note or f"Planned release {plan_id}"
            release_id = workflow.release(session, who, row.revision_ids, note)
            record(session, None, "release.plan_done", str(plan_id), release=release_id)
    # An answer that an older version wrote may not pass this one's own form any more.
    except (WorkflowError, NotAllowed, ValidationError) as error:
        # What was begun is undone with its transaction; that it failed is kept in another one.
        with transaction(engine) as session:
            if _take(session, plan_id, WAITING, FAILED):
                _row(session, plan_id).reason = str(error)[:LONGEST_REASON]
                record(session, None, "release.plan_failed", str(plan_id), why=str(error))
        logger.warning(
            "planned_release_failed", extra={"plan_id": plan_id, "error": type(error).__name__}
        )
        return False
    logger.info("planned_release_made", extra={"plan_id": plan_id, "release_id": release_id})
    return True


def _row(session: Session, plan_id: int) -> ScheduledRelease:
    row = session.get(ScheduledRelease, plan_id)
    if row is None:
        raise WorkflowError(f"there is no plan {plan_id}")
    return row


def _move(session: Session, plan_id: int, before: str, after: str) -> None:
    row = _row(session, plan_id)
    if not _take(session, plan_id, before, after):
        session.refresh(row)
        raise WorkflowError(f"plan {plan_id} is {row.state} by now: look at it again")
    session.refresh(row)


def _take(session: Session, plan_id: int, before: str, after: str) -> bool:
    """Move a plan on, if it still is where the caller believes it to be."""
    done = session.execute(
        sa.update(ScheduledRelease)
        .where(ScheduledRelease.id == plan_id, ScheduledRelease.state == before)
        .values(state=after)
    )
    return bool(getattr(done, "rowcount", 0))


def _waiting_with(session: Session, revision_id: int) -> int | None:
    """Return the plan that waits with a revision in it, or None."""
    waiting = session.scalars(sa.select(ScheduledRelease).where(ScheduledRelease.state == WAITING))
    return next((row.id for row in waiting if revision_id in row.revision_ids), None)


def _entries(session: Session, revision_ids: set[int]) -> dict[int, tuple[str, str, int]]:
    rows = session.execute(
        sa.select(Revision.id, Revision.entry_id, Revision.locale, Revision.number).where(
            Revision.id.in_(revision_ids)
        )
    )
    return {row_id: (entry_id, locale, number) for row_id, entry_id, locale, number in rows}
