"""Delivery: what became of what messaging platforms brought, and of what was sent back."""

from __future__ import annotations

from bot.console.pages import Page, Pages, Visit, page
from bot.messaging import overview
from knowledge.schema import now

WORDS = {
    "answered": "answered",
    "failed": "given up",
    "ignored": "nothing to say",
    "late": "too late: the platform takes replies for 24 hours",
    "sending": "on its way",
    "sent": "sent",
    "unknown": "nobody knows whether it arrived; it is not sent twice",
    "waiting": "waiting",
    "working": "being answered",
}
"""Per state what it means."""

WAYS = {"desk": "your team's desk", "messenger": "Messenger, another app"}
"""Per way of a handover where the person is."""


def add_pages(pages: Pages) -> None:
    """Add the page."""

    @pages.get("/delivery")
    def show_delivery(visit: Visit) -> Page:
        """Show counts, and what is stuck; nobody sees what was said."""
        moment = now()
        return page(
            "delivery.html",
            visit=visit,
            counts=overview.counts(visit.session, moment),
            stuck=overview.stuck(visit.session, moment),
            with_person=overview.with_person(visit.session),
            words=WORDS,
            ways=WAYS,
            days=overview.DAYS,
            most=overview.MOST,
        )
