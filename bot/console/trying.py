"""Try a question: what it gets, and why; the view that patients never see."""

from __future__ import annotations

from flask import request

from bot.console.pages import Page, Pages, Visit, page
from bot.pipeline import MAX_CHARACTERS


def add_pages(pages: Pages) -> None:
    """Add the page."""

    @pages.get("/try")
    def try_question(visit: Visit) -> Page:
        """Ask for a question."""
        return page("try.html", visit=visit, question="", after="", told=None, error="")

    @pages.post("/try")
    def explain_question(visit: Visit) -> Page:
        """Show what a question gets from the live release, and why."""
        question = " ".join(request.form.get("question", "").split())
        after = request.form.get("after", "").strip()
        error, told = "", None
        if not question or len(question) > MAX_CHARACTERS:
            error = f"write a question of 1 to {MAX_CHARACTERS:,} characters"
        else:
            told = pages.action_server.explain(question, after or None)
            if told is None:
                error = "the process that holds the model does not answer: try again in a minute"
        return page(
            "try.html",
            400 if error else 200,
            visit=visit,
            question=question[:MAX_CHARACTERS],
            after=after,
            told=told,
            error=error,
        )
