"""The front page: what waits for the person who is signed in."""

from __future__ import annotations

from datetime import timedelta

from bot.console.pages import Page, Pages, Visit, page
from knowledge import desk, schedule
from knowledge.people import ROLE_HELP
from knowledge.schedule import Plan
from knowledge.schema import now

TOLD_FOR = timedelta(days=7)


def failed_plans(visit: Visit) -> list[Plan]:
    """Return planned releases that lately could not be made."""
    since = now() - TOLD_FOR
    planned = schedule.plans(visit.session)
    return [one for one in planned if one.state == schedule.FAILED and one.run_at > since]


def add_pages(pages: Pages) -> None:
    """Add the page."""

    @pages.get("/")
    def show_start(visit: Visit) -> Page:
        """Show what waits."""
        return page(
            "start.html",
            visit=visit,
            waiting=desk.waiting_for(visit.session, visit.member),
            counts=desk.counts(visit.session),
            role_help=ROLE_HELP,
            failed=failed_plans(visit),
        )
