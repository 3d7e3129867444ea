"""What people ask: groups of questions, trends, watched terms, ratings, reported rumours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus

from flask import Response, request

from bot.console import forms
from bot.console.entries import editor, today
from bot.console.pages import Page, Pages, Visit, done, page
from knowledge import listening
from knowledge.listening import ListeningError
from knowledge.people import NotAllowed, Role

DAYS = 28
A_PAGE = 30
STEPS: dict[str, tuple[str, Callable[[Visit, int, str], None]]] = {
    "take": ("taken", lambda visit, group, _: listening.take(visit.session, visit.member, group)),
    "answer": (
        "answered",
        lambda visit, group, words: listening.answer(visit.session, visit.member, group, words),
    ),
    "reject": (
        "rejected",
        lambda visit, group, words: listening.reject(visit.session, visit.member, group, words),
    ),
    "reopen": (
        "reopened",
        lambda visit, group, _: listening.reopen(visit.session, visit.member, group),
    ),
}
"""What can be done with a group: the message afterwards, and the step."""


@dataclass(frozen=True)
class Period:
    """The days that a page is about."""

    since: date
    until: date


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""

    @pages.get("/questions")
    def list_questions(visit: Visit) -> Page:
        """Show groups of questions that got no answer or a bad one."""
        return questions_page(visit)

    @pages.post("/questions/<int:group_id>/<step>", Role.AUTHOR)
    def move_group(visit: Visit, group_id: int, step: str) -> Page:
        """Do one step with a group of questions."""
        if step not in STEPS:
            return questions_page(visit, ListeningError("there is no such step"))
        code, act = STEPS[step]
        try:
            with visit.session.begin_nested():
                act(visit, group_id, request.form.get("words", "").strip())
        except (ListeningError, NotAllowed) as error:
            return questions_page(visit, error)
        return done("list_questions", code, state=request.form.get("state", ""))

    @pages.post("/questions/<int:group_id>/draft", Role.AUTHOR)
    def draft_of_group(visit: Visit, group_id: int) -> Page:
        """Begin a new answer with the wordings of a group, which becomes this person's."""
        group = next(
            (one for one in listening.groups(visit.session, limit=500) if one.id == group_id), None
        )
        if group is None:
            return questions_page(visit, ListeningError("this group is not there any more"))
        try:
            with visit.session.begin_nested():
                listening.take(visit.session, visit.member, group_id)
        except (ListeningError, NotAllowed) as error:
            return questions_page(visit, error)
        # Shown at once rather than by a redirect: what people wrote belongs in no address.
        fields = {
            "question": group.samples[0][:120],
            "variants": "\n".join(group.samples),
            "topic": group.topic or "",
            "change": f"People asked this: {group.size} conversations.",
        }
        return editor(visit, forms.empty_fields(today()) | fields, None)

    @pages.get("/questions/trends")
    def show_trends(visit: Visit) -> Page:
        """Show how often each topic was asked about, day by day."""
        period = asked_period()
        trends = listening.trend(visit.session, period.since, period.until)
        busiest = sorted(trends, key=lambda one: -sum(day.conversations for day in one.days))
        return page(
            "trends.html",
            visit=visit,
            period=period,
            trends=busiest[:A_PAGE],
            highest=max((d.conversations for one in trends for d in one.days), default=0),
            surges=listening.surges(visit.session, today()),
            rule=listening.SURGE_RULE,
            ratings=listening.ratings(visit.session, period.since, period.until)[:A_PAGE],
            terms=listening.term_counts(visit.session, period.since, period.until),
            error="",
        )

    @pages.post("/questions/terms", Role.AUTHOR)
    def add_term(visit: Visit) -> Page:
        """Watch a term."""
        form = request.form
        try:
            with visit.session.begin_nested():
                listening.add_term(
                    visit.session, visit.member, form.get("term", ""), form.get("note", "")
                )
        except ListeningError as error:
            return page("error.html", HTTPStatus.BAD_REQUEST, title="Not added", message=error)
        return done("show_trends", "term_added")

    @pages.post("/questions/terms/<int:term_id>/remove", Role.AUTHOR)
    def remove_term(visit: Visit, term_id: int) -> Page:
        """Watch a term no more."""
        listening.remove_term(visit.session, visit.member, term_id)
        return done("show_trends", "term_removed")

    @pages.get("/questions/rumours")
    def list_rumours(visit: Visit) -> Page:
        """Show the claims that people reported."""
        return page(
            "rumours.html", visit=visit, rumours=listening.rumours(visit.session, limit=200)
        )

    @pages.get("/questions/<what>.csv")
    def export(visit: Visit, what: str) -> Page:
        """Give groups, trends or ratings as a spreadsheet."""
        period = asked_period()
        since, until = period.since, period.until
        files: dict[str, Callable[[], str]] = {
            "groups": lambda: listening.groups_csv(listening.groups(visit.session, limit=5_000)),
            "trends": lambda: listening.trends_csv(listening.trend(visit.session, since, until)),
            "ratings": lambda: listening.ratings_csv(
                listening.ratings(visit.session, since, until)
            ),
        }
        if what not in files:
            return page("error.html", 404, title="Not found", message="There is no such file.")
        response = Response(files[what](), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f"attachment; filename={what}-{until}.csv"
        response.headers["Cache-Control"] = "no-store"
        return response


def asked_period() -> Period:
    """Return the days that the request asks for; the last four weeks where it asks for none."""
    days = min(max(request.args.get("days", DAYS, int), 1), 365)
    return Period(today() - timedelta(days=days - 1), today())


def questions_page(visit: Visit, error: Exception | None = None) -> Page:
    """Show the groups of questions in one state."""
    state = request.args.get("state", "") or request.form.get("state", "") or "new"
    if state not in {one.value for one in listening.GroupState}:
        state = "new"
    number = max(1, request.args.get("page", 1, int))
    found = listening.groups(
        visit.session, state=state, limit=A_PAGE + 1, offset=(number - 1) * A_PAGE
    )
    return page(
        "questions.html",
        HTTPStatus.CONFLICT if error else HTTPStatus.OK,
        visit=visit,
        groups=found[:A_PAGE],
        more=len(found) > A_PAGE,
        number=number,
        state=state,
        states=[one.value for one in listening.GroupState],
        count=listening.count_groups(visit.session, state=state),
        least=listening.LEAST,
        error=error,
    )
