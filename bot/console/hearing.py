"""What people ask: groups of questions, trends, watched terms, ratings, reported rumours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus

from flask import Response, request

from bot.console import forms
from bot.console.entries import Work, editor, today
from bot.console.pages import Page, Pages, Visit, done, page
from knowledge import desk, listening
from knowledge.listening import ListeningError, Term, Wanted
from knowledge.people import NotAllowed, Role

DAYS = 28
A_PAGE = 30
MOST_LINES = 5_000
"""Groups in one CSV file."""
NO_TERM = Term("", "")
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
        undo = group_id if step != "reopen" else None
        return done("list_questions", code, state=request.form.get("state", ""), undo=undo)

    @pages.post("/questions/<int:group_id>/draft", Role.AUTHOR)
    def draft_of_group(visit: Visit, group_id: int) -> Page:
        """Begin a new answer with the wordings of a group, which becomes this person's."""
        found = listening.groups(visit.session, Wanted(group_id=group_id), limit=1)
        if not found:
            return questions_page(visit, ListeningError("this group is not there any more"))
        group = found[0]
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
        work = Work(group.locale, desk.known_topics(visit.session, group.locale))
        return editor(pages, visit, forms.empty_fields(today()) | fields, work)

    @pages.get("/questions/trends")
    def show_trends(visit: Visit) -> Page:
        """Show how often each topic was asked about, day by day."""
        return trends_page(visit)

    @pages.post("/questions/terms", Role.AUTHOR)
    def add_term(visit: Visit) -> Page:
        """Watch a term."""
        wish = Term(request.form.get("term", ""), request.form.get("note", ""))
        try:
            with visit.session.begin_nested():
                listening.add_term(visit.session, visit.member, *wish)
        except ListeningError as error:
            return trends_page(visit, wish, error)
        return done("show_trends", "term_added")

    @pages.post("/questions/terms/<int:term_id>/remove", Role.AUTHOR)
    def remove_term(visit: Visit, term_id: int) -> Page:
        """Watch a term no more."""
        try:
            removed = listening.remove_term(visit.session, visit.member, term_id)
        except ListeningError as error:
            return trends_page(visit, error=error)
        # Shown at once rather than by a redirect: a note may quote somebody, and belongs in no
        # address.
        return trends_page(visit, removed=removed)

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
            "groups": lambda: listening.groups_csv(
                listening.groups(visit.session, limit=MOST_LINES)
            ),
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
    wanted = Wanted(state=state)
    found = listening.groups(visit.session, wanted, A_PAGE + 1, (number - 1) * A_PAGE)
    return page(
        "questions.html",
        HTTPStatus.CONFLICT if error else HTTPStatus.OK,
        visit=visit,
        groups=found[:A_PAGE],
        more=len(found) > A_PAGE,
        number=number,
        state=state,
        states=[one.value for one in listening.GroupState],
        count=listening.count_groups(visit.session, wanted),
        least=listening.LEAST,
        undo=request.args.get("undo", type=int),
        error=error,
    )


def trends_page(
    visit: Visit,
    wish: Term = NO_TERM,
    error: Exception | None = None,
    removed: Term | None = None,
) -> Page:
    """Show how often each topic was asked about, day by day, and what belongs to that.

    Args:
        visit: this request.
        wish: what stands in the form for a new term.
        error: why it cannot be watched, or removed.
        removed: a term that was just removed, and can be brought back.
    """
    period = asked_period()
    session, since, until = visit.session, period.since, period.until
    # Read once: what surges today hangs on four weeks, whichever days are shown.
    whole = listening.trend(session, min(since, listening.first_day_for_surges(until)), until)
    trends = listening.cut(whole, since)
    rated = listening.ratings(session, since, until)
    return page(
        "trends.html",
        HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK,
        visit=visit,
        period=period,
        trends=trends[:A_PAGE],
        more_trends=max(0, len(trends) - A_PAGE),
        highest=max((d.conversations for one in trends for d in one.days), default=0),
        surges=listening.surges_in(whole, until),
        rule=listening.SURGE_RULE,
        ratings=rated[:A_PAGE],
        more_ratings=max(0, len(rated) - A_PAGE),
        terms=listening.term_counts(session, since, until),
        wish=wish,
        removed=removed,
        error=error,
        longest_term=listening.LONGEST_TERM,
        longest_note=listening.LONGEST_NOTE,
    )
