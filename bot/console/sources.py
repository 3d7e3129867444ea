"""The cited pages: what changed on them, and answers that are to be looked at again."""

from __future__ import annotations

from http import HTTPStatus

from bot.console.pages import Page, Pages, Visit, done, page
from knowledge import source_watch
from knowledge.people import NotAllowed, Role
from knowledge.source_watch import TaskError

STEPS = {
    "done": ("task_done", source_watch.finish_task),
    "reopen": ("task_open", source_watch.undo_finish),
}


def add_pages(pages: Pages) -> None:
    """Add the pages."""

    @pages.get("/sources")
    def list_tasks(visit: Visit) -> Page:
        """Show what is to be looked at again."""
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


def tasks_page(visit: Visit, error: Exception | None = None) -> Page:
    """Show the open tasks."""
    return page(
        "sources.html",
        HTTPStatus.CONFLICT if error else HTTPStatus.OK,
        visit=visit,
        tasks=source_watch.open_tasks(visit.session),
        error=error,
    )
