"""The front page: what waits for the person who is signed in."""

from __future__ import annotations

from bot.console.pages import Page, Pages, Visit, page
from knowledge import desk
from knowledge.people import ROLE_HELP


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
        )
