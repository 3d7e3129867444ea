"""The cited pages: what changed on them, and answers that are to be looked at again."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from flask import request

from bot.console.pages import Page, Pages, Visit, done, page
from knowledge import source_watch
from knowledge.people import NotAllowed, Role
from knowledge.schema import Heartbeat, now
from knowledge.source_watch import LookError, TaskError, Wish

A_PAGE = 100
STEPS = {
    "done": ("task_done", source_watch.finish_task),
    "reopen": ("task_open", source_watch.undo_finish),
}
WORKER_SILENT = timedelta(minutes=3)
"""A worker that was not heard of for so long takes nothing up."""


def add_pages(pages: Pages) -> None:
    """Add the pages."""

    @pages.get("/sources")
    def list_tasks(visit: Visit) -> Page:
        """Show what is to be looked at again, and when the pages were looked at."""
        return tasks_page(visit)

    @pages.post("/sources/tasks/<int:task_id>/<step>", Role.AUTHOR, Role.REVIEWER)
    def move_task(visit: Visit, task_id: int, step: str) -> Page:
        """Mark a task as done, or open it again."""
        if step not in STEPS:
            return tasks_page(visit, TaskError("there is no such step"))
        code, act = STEPS[step]
        try:
            with visit.session.begin_nested():
                act(visit.session, visit.member, task_id)
        except (TaskError, NotAllowed) as error:
            return tasks_page(visit, error)
        return done("list_tasks", code, task=task_id if step == "done" else None)

    @pages.post("/sources/look", *source_watch.MAY_ASK)
    def ask_for_look(visit: Visit) -> Page:
        """Ask the worker to look at all cited pages, or at those of one answer."""
        form = request.form
        wish = Wish(form.get("entry_id") or None, form.get("locale") or None)
        try:
            with visit.session.begin_nested():
                source_watch.ask(visit.session, visit.member, wish)
        except LookError as error:
            return tasks_page(visit, error)
        return done("list_tasks", "look_asked")


def tasks_page(visit: Visit, error: Exception | None = None) -> Page:
    """Show the open tasks, and where the looks at the pages stand."""
    number = max(1, request.args.get("page", 1, int))
    session = visit.session
    total = source_watch.count_open_tasks(session)
    tasks = source_watch.open_tasks(session, A_PAGE, (number - 1) * A_PAGE)
    wishes = {one.id: Wish(one.entry_id, one.locale) for one in tasks}
    roles = visit.member.roles
    return page(
        "sources.html",
        HTTPStatus.CONFLICT if error else HTTPStatus.OK,
        visit=visit,
        tasks=tasks,
        wishes=wishes,
        waiting=source_watch.waiting(session),
        looks=source_watch.looks_of(session, set(wishes.values())),
        total=total,
        number=number,
        last=max(1, -(-total // A_PAGE)),
        standing=source_watch.standing(session),
        worker_is_there=worker_is_there(visit),
        may_finish=not roles.isdisjoint({Role.AUTHOR, Role.REVIEWER}),
        may_ask=not roles.isdisjoint(source_watch.MAY_ASK),
        error=error,
    )


def worker_is_there(visit: Visit) -> bool:
    """Tell whether the worker, which looks at the pages, was heard of lately."""
    beat = visit.session.get(Heartbeat, "worker")
    return beat is not None and now() - beat.at < WORKER_SILENT
