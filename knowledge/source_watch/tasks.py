"""Review tasks: reasons to look at an entry again, opened by the watch, finished by people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import LiveRelease, ReviewTask, now
from knowledge.store import read_live


class TaskError(Exception):
    """A task cannot be finished or opened again; the message says why."""


def due_tasks(session: Session, today: date) -> int:
    """Open a review task for every live entry whose review date has passed, once for each date.

    Args:
        session: a transaction.
        today: the day that counts.

    Returns:
        The number of tasks opened.
    """
    one_at_a_time(session)
    live = read_live(session)
    asked = sa.select(ReviewTask.entry_id, ReviewTask.locale, ReviewTask.detail)
    known = {tuple(row) for row in session.execute(asked.where(ReviewTask.reason == "overdue"))}
    opened = 0
    for item in live.entries if live else ():
        entry, locale = item.topic_entry.entry, item.topic_entry.topic.locale
        detail = f"The review was due on {entry.review_due.isoformat()}."
        if entry.review_due < today and (entry.id, locale, detail) not in known:
            opened += open_task(session, entry.id, locale, "overdue", detail)
    return opened


def open_tasks(session: Session, limit: int | None = None, offset: int = 0) -> Sequence[ReviewTask]:
    """Return the tasks that wait for somebody, the oldest first.

    Args:
        session: a transaction.
        limit: tasks at most; None for all.
        offset: tasks to leave out at the beginning, for the next page.
    """
    asked = sa.select(ReviewTask).where(ReviewTask.done_at.is_(None))
    asked = asked.order_by(ReviewTask.at, ReviewTask.id).limit(limit).offset(offset)
    return session.scalars(asked).all()


def count_open_tasks(session: Session) -> int:
    """Return how many tasks wait for somebody."""
    asked = sa.select(sa.func.count()).select_from(ReviewTask)
    return session.scalar(asked.where(ReviewTask.done_at.is_(None))) or 0


def finish_task(session: Session, member: Member, task_id: int) -> None:
    """Note that a task is done.

    Raises:
        NotAllowed: the member is neither author nor reviewer.
        TaskError: there is no such task, or it is done already.
    """
    _must_edit(member, "finishing a task")
    task = _task(session, task_id)
    # One statement: of two people at once, one finds it done.
    done = session.execute(
        sa.update(ReviewTask)
        .where(ReviewTask.id == task_id, ReviewTask.done_at.is_(None))
        .values(done_at=now(), done_by=member.id)
    )
    if not getattr(done, "rowcount", 0):
        raise TaskError(f"task {task_id} is done already: look at the list again")
    _note(session, member, task, "task.done")


def undo_finish(session: Session, member: Member, task_id: int) -> None:
    """Open a task again that was done by mistake.

    Raises:
        NotAllowed: the member is neither author nor reviewer.
        TaskError: there is no such task, it is open, or the same one was opened since.
    """
    _must_edit(member, "opening a task again")
    one_at_a_time(session)
    task = _task(session, task_id)
    if _is_open(session, task.entry_id, task.locale, task.reason, task.detail):
        raise TaskError(f"task {task_id} is open, or the same one is: look at the list again")
    task.done_at = task.done_by = None
    _note(session, member, task, "task.reopened")


def _must_edit(member: Member, to: str) -> None:
    if member.roles.isdisjoint({Role.AUTHOR, Role.REVIEWER}):
        raise NotAllowed(f"{to} needs the role “author” or “reviewer”, which you do not have today")


def _task(session: Session, task_id: int) -> ReviewTask:
    task = session.get(ReviewTask, task_id)
    if task is None:
        raise TaskError(f"there is no task {task_id}")
    return task


def _is_open(session: Session, entry_id: str, locale: str, reason: str, detail: str) -> bool:
    found = session.scalar(
        sa.select(ReviewTask.id)
        .where(
            ReviewTask.entry_id == entry_id,
            ReviewTask.locale == locale,
            ReviewTask.reason == reason,
            ReviewTask.detail == detail,
            ReviewTask.done_at.is_(None),
        )
        .limit(1)
    )
    return found is not None


def open_task(session: Session, entry_id: str, locale: str, reason: str, detail: str) -> int:
    """Open a task unless the same one is open; return how many were opened."""
    if _is_open(session, entry_id, locale, reason, detail):
        return 0
    session.add(ReviewTask(entry_id=entry_id, locale=locale, reason=reason, detail=detail))
    session.flush()
    return 1


def _note(session: Session, member: Member, task: ReviewTask, action: str) -> None:
    subject = f"{task.entry_id} ({task.locale})"
    record(session, member.id, action, subject, task=task.id, reason=task.reason)
    session.flush()
    session.refresh(task)


def one_at_a_time(session: Session) -> None:
    """Let two watches at once wait for each other, lest both open the same task."""
    session.execute(sa.update(LiveRelease).where(LiveRelease.id == 1).values(id=1))
