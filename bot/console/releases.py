"""Releases: what was made live when, several approved answers at once, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

from flask import request

from bot.console.entries import today
from bot.console.pages import Page, Pages, Refused, Visit, done, page
from knowledge import desk, schedule, workflow
from knowledge.people import Role
from knowledge.schema import Revision, now
from knowledge.store import PUBLISHABLE
from knowledge.workflow import ChecksFailed, State, WorkflowError

A_PAGE = 30
PLAN_STEPS = {
    "cancel": ("plan_cancelled", schedule.cancel),
    "take-up": ("plan_taken_up", schedule.take_up),
}


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""

    @pages.get("/releases")
    def list_releases(visit: Visit) -> Page:
        """List the releases."""
        return releases_page(pages, visit)

    @pages.get("/releases/rehearsal", Role.PUBLISHER)
    def rehearse(visit: Visit) -> Page:
        """Show what would change if some approved answers were live."""
        chosen = request.args.getlist("revision", type=int)
        lines = [visit.session.get(Revision, one) for one in chosen]
        revisions = [one for one in lines if one and one.state in PUBLISHABLE]
        if not revisions:
            return releases_page(pages, visit, WorkflowError("choose at least one approved answer"))
        return page(
            "rehearsal.html",
            visit=visit,
            pairs=[(one, desk.pair_of(one)) for one in revisions],
            faults=workflow.faults_of(visit.session, revisions, today()),
            moment=now(),
            rehearsal=pages.action_server.rehearse([one.id for one in revisions]),
        )

    @pages.post("/releases", Role.PUBLISHER)
    def publish(visit: Visit) -> Page:
        """Make the chosen approved answers live as one release."""
        chosen = request.form.getlist("revision", type=int)
        try:
            with visit.session.begin_nested():
                workflow.release(
                    visit.session, visit.member, chosen, request.form.get("note", "").strip()
                )
        except WorkflowError as error:
            return releases_page(pages, visit, error)
        return done("list_releases", "published")

    @pages.post("/releases/<int:release_id>/live", Role.PUBLISHER)
    def go_back(visit: Visit, release_id: int) -> Page:
        """Make an older release live again."""
        try:
            with visit.session.begin_nested():
                workflow.go_back(visit.session, visit.member, release_id)
        except WorkflowError as error:
            return releases_page(pages, visit, error)
        return done("list_releases", "rolled_back")

    @pages.post("/releases/plans", Role.PUBLISHER)
    def plan_release(visit: Visit) -> Page:
        """Plan a release of the chosen answers for a time."""
        chosen = request.form.getlist("revision", type=int)
        try:
            run_at = moment_of(request.form.get("run_at", ""))
            with visit.session.begin_nested():
                schedule.plan(
                    visit.session, visit.member, chosen, run_at, request.form.get("note", "")
                )
        except WorkflowError as error:
            return releases_page(pages, visit, error)
        return done("list_releases", "planned")

    @pages.post("/releases/plans/<int:plan_id>/<step>", Role.PUBLISHER)
    def move_plan(visit: Visit, plan_id: int, step: str) -> Page:
        """Call a planned release off, or take it up again."""
        if step not in PLAN_STEPS:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such step.")
        code, act = PLAN_STEPS[step]
        try:
            with visit.session.begin_nested():
                act(visit.session, visit.member, plan_id)
        except WorkflowError as error:
            return releases_page(pages, visit, error)
        return done("list_releases", code)


def moment_of(text: str) -> datetime:
    """Return the moment in UTC that a field of a form holds.

    Raises:
        WorkflowError: it holds none.
    """
    try:
        return datetime.strptime(text.strip()[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise WorkflowError("time: write a day and a time in UTC: 2027-01-31T14:00") from error


def releases_page(pages: Pages, visit: Visit, error: WorkflowError | None = None) -> Page:
    """Show what can be made live, what is planned, and what was made live."""
    number = max(1, request.args.get("page", 1, int))
    lines = desk.release_lines(visit.session, A_PAGE + 1, (number - 1) * A_PAGE)
    return page(
        "releases.html",
        HTTPStatus.CONFLICT if error else HTTPStatus.OK,
        visit=visit,
        lines=lines[:A_PAGE],
        number=number,
        more=len(lines) > A_PAGE,
        plans=schedule.plans(visit.session),
        state_now=pages.action_server.state(),
        moment=now(),
        approved=desk.entry_lines(visit.session, state=State.APPROVED.value)[0],
        error=error,
        failed=error.faults if isinstance(error, ChecksFailed) else (),
    )
