"""Releases: what was made live when, several approved answers at once, and the way back."""

from __future__ import annotations

from http import HTTPStatus

from flask import request

from bot.console.entries import today
from bot.console.pages import Page, Pages, Visit, done, page
from knowledge import desk, workflow
from knowledge.people import Role
from knowledge.schema import Revision
from knowledge.store import PUBLISHABLE
from knowledge.workflow import ChecksFailed, State, WorkflowError

A_PAGE = 30


def add_pages(pages: Pages) -> None:
    """Add the pages."""

    @pages.get("/releases")
    def list_releases(visit: Visit) -> Page:
        """List the releases."""
        return releases_page(visit)

    @pages.get("/releases/rehearsal", Role.PUBLISHER)
    def rehearse(visit: Visit) -> Page:
        """Show what would change if some approved answers were live."""
        chosen = request.args.getlist("revision", type=int)
        lines = [visit.session.get(Revision, one) for one in chosen]
        revisions = [one for one in lines if one and one.state in PUBLISHABLE]
        if not revisions:
            return releases_page(visit, WorkflowError("choose at least one approved answer"))
        return page(
            "rehearsal.html",
            visit=visit,
            pairs=[(one, desk.pair_of(one)) for one in revisions],
            faults=workflow.faults_of(visit.session, revisions, today()),
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
            return releases_page(visit, error)
        return done("list_releases", "published")

    @pages.post("/releases/<int:release_id>/live", Role.PUBLISHER)
    def go_back(visit: Visit, release_id: int) -> Page:
        """Make an older release live again."""
        try:
            with visit.session.begin_nested():
                workflow.go_back(visit.session, visit.member, release_id)
        except WorkflowError as error:
            return releases_page(visit, error)
        return done("list_releases", "rolled_back")


def releases_page(visit: Visit, error: WorkflowError | None = None) -> Page:
    """Show what can be made live, and what was."""
    number = max(1, request.args.get("page", 1, int))
    lines = desk.release_lines(visit.session, A_PAGE + 1, (number - 1) * A_PAGE)
    return page(
        "releases.html",
        HTTPStatus.CONFLICT if error else HTTPStatus.OK,
        visit=visit,
        lines=lines[:A_PAGE],
        number=number,
        more=len(lines) > A_PAGE,
        approved=desk.entry_lines(visit.session, state=State.APPROVED.value)[0],
        error=error,
        failed=error.faults if isinstance(error, ChecksFailed) else (),
    )
