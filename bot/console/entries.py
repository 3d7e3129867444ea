"""Answers: the list, one answer with its history, the editor, and each step of the workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus

from flask import request

from bot.console import forms
from bot.console.comparing import Compared, compared
from bot.console.pages import Page, Pages, Refused, Visit, done, page
from knowledge import desk, people, workflow
from knowledge.checks import grade
from knowledge.entry import TopicEntry
from knowledge.exchange import Fault
from knowledge.people import Role
from knowledge.schema import Revision
from knowledge.store import PUBLISHABLE
from knowledge.workflow import ChecksFailed, EditConflict, WorkflowError

A_PAGE = 50
LOCALE = "en"


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""

    @pages.get("/answers")
    def list_entries(visit: Visit) -> Page:
        """List the answers."""
        asked = {name: request.args.get(name, "") for name in ("words", "topic", "state")}
        number = max(1, request.args.get("page", 1, int))
        if asked["state"] not in desk.FILTERS:
            asked["state"] = ""
        lines, total = desk.entry_lines(
            visit.session,
            words=asked["words"],
            topic=asked["topic"],
            state=asked["state"],
            today=today(),
            limit=A_PAGE,
            offset=(number - 1) * A_PAGE,
        )
        return page(
            "entries.html",
            visit=visit,
            lines=lines,
            total=total,
            asked=asked,
            number=number,
            last=max(1, -(-total // A_PAGE)),
            filters=desk.FILTERS,
            topics=desk.known_topics(visit.session),
        )

    @pages.get("/answers/new", Role.AUTHOR)
    def new_entry(visit: Visit) -> Page:
        """Show the editor for a new answer."""
        fields = forms.empty_fields(today()) | {
            name: request.args.get(name, "")
            for name in ("question", "topic", "variants")
            if request.args.get(name)
        }
        return editor(visit, fields, None)

    @pages.post("/answers/new", Role.AUTHOR)
    def create_entry(visit: Visit) -> Page:
        """Save a new answer as a draft."""
        return save(visit, None)

    @pages.get("/answers/<entry_id>")
    def show_entry(visit: Visit, entry_id: str) -> Page:
        """Show an answer with its history."""
        revisions = desk.revisions_of(visit.session, entry_id, LOCALE)
        if not revisions:
            raise Refused(HTTPStatus.NOT_FOUND, f"There is no answer {entry_id!r}.")
        wanted = request.args.get("revision", type=int)
        shown = next((one for one in revisions if one.number == wanted), revisions[0])
        return entry_page(visit, revisions, shown)

    @pages.get("/answers/<entry_id>/edit", Role.AUTHOR)
    def edit_entry(visit: Visit, entry_id: str) -> Page:
        """Show the editor for the newest revision."""
        newest = newest_of(visit, entry_id)
        return editor(visit, forms.fields_of(desk.pair_of(newest)), newest)

    @pages.post("/answers/<entry_id>/edit", Role.AUTHOR)
    def save_entry(visit: Visit, entry_id: str) -> Page:
        """Save a change as a draft."""
        return save(visit, newest_of(visit, entry_id))

    @pages.post("/answers/preview", Role.AUTHOR)
    def preview(visit: Visit) -> Page:
        """Show how what is typed will look and what the checks say of it."""
        entry_id = request.form.get("entry_id", "")
        before = workflow.newest_revision(visit.session, entry_id, LOCALE) if entry_id else None
        filled = filled_form(visit, desk.pair_of(before) if before else None)
        faults = faults_of(visit, filled.pair) if filled.pair else []
        return page("beside.html", pair=filled.pair, faults=faults, grade=grade_of(filled.pair))

    @pages.post("/revisions/<int:revision_id>/<step>")
    def move(visit: Visit, revision_id: int, step: str) -> Page:
        """Do one step of the workflow with a revision."""
        revision = visit.session.get(Revision, revision_id)
        if revision is None or step not in STEPS:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such step.")
        note = request.form.get("note", "")
        try:
            # Only this step is undone if it is refused: what was typed is shown again.
            with visit.session.begin_nested():
                code = STEPS[step](visit, revision, note)
        except (WorkflowError, people.NotAllowed) as error:
            revisions = desk.revisions_of(visit.session, revision.entry_id, revision.locale)
            return entry_page(visit, revisions, revision, error, note)
        return done("show_entry", code, entry_id=revision.entry_id, revision=revision.number)


# --- the editor -----------------------------------------------------------------------------------


def filled_form(visit: Visit, before: TopicEntry | None) -> forms.Filled:
    """Return the entry that the form of this request describes."""
    return forms.pair_of(request.form, before, desk.known_topics(visit.session), today())


def save(visit: Visit, newest: Revision | None) -> Page:
    """Save the form of this request as a draft; show it again where that cannot be."""
    before = desk.pair_of(newest) if newest else None
    filled = filled_form(visit, before)
    if filled.pair is None:
        return editor(visit, request.form, newest, filled.errors)
    based_on = request.form.get("based_on", type=int)
    try:
        with visit.session.begin_nested():
            revision = workflow.save_draft(
                visit.session, visit.member, filled.pair, based_on, request.form.get("change", "")
            )
    except EditConflict as error:
        return conflict(visit, filled.pair, error)
    except WorkflowError as error:
        return editor(visit, request.form, newest, {"": str(error)})
    return done("show_entry", "saved", entry_id=revision.entry_id, revision=revision.number)


def editor(
    visit: Visit,
    fields: Mapping[str, str],
    newest: Revision | None,
    errors: Mapping[str, str] | None = None,
) -> Page:
    """Show the editor.

    Args:
        visit: this request.
        fields: what stands in the form.
        newest: the newest revision, or None for a new entry.
        errors: what is wrong, by field.
    """
    topics = desk.known_topics(visit.session)
    before = desk.pair_of(newest) if newest else None
    pair = forms.pair_of(fields, before, topics, today()).pair
    return page(
        "editor.html",
        HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        visit=visit,
        fields=fields,
        errors=errors or {},
        newest=newest,
        topics=topics,
        forms=forms,
        pair=pair,
        faults=faults_of(visit, pair) if pair else [],
        grade=grade_of(pair),
        details=forms.rows(fields, "detail", forms.MOST_DETAILS, forms.SPARE_DETAILS),
        sources=max(1, forms.rows(fields, "source", forms.MOST_SOURCES, 1)),
    )


def conflict(visit: Visit, own: TopicEntry, error: EditConflict) -> Page:
    """Show both texts side by side where somebody else saved in between; nothing is lost."""
    return page(
        "conflict.html",
        HTTPStatus.CONFLICT,
        visit=visit,
        error=error,
        rows=compared(error.theirs, own),
        fields=request.form,
        entry_id=own.entry.id,
    )


def faults_of(visit: Visit, pair: TopicEntry) -> list[Fault]:
    """Return what the checks say of an entry, beside the live ones."""
    revision = Revision(
        entry_id=pair.entry.id, locale=pair.topic.locale, body=pair.model_dump(mode="json")
    )
    return workflow.faults_of(visit.session, [revision], today())


def grade_of(pair: TopicEntry | None) -> float | None:
    """Return the school grade that an answer's text asks for."""
    return round(grade(pair.entry.short_answer), 1) if pair else None


# --- one answer -----------------------------------------------------------------------------------


def entry_page(
    visit: Visit,
    revisions: Sequence[Revision],
    shown: Revision,
    error: Exception | None = None,
    note: str = "",
) -> Page:
    """Show one revision of an answer, what it changes, and what can be done with it."""
    session = visit.session
    live = workflow.live_revision(session, shown.entry_id, shown.locale)
    pair = desk.pair_of(shown)
    return page(
        "entry.html",
        HTTPStatus.OK if error is None else HTTPStatus.CONFLICT,
        visit=visit,
        revisions=revisions,
        names={one.id: one.name for one, _ in people.everybody(session)},
        shown=shown,
        live=live,
        pair=pair,
        rows=against(shown, live, revisions),
        faults=workflow.faults_of(session, [shown], today()),
        grade=grade_of(pair),
        steps=workflow.steps_of(session, shown.id),
        possible=possible_steps(visit, shown, live, shown.id == revisions[0].id),
        error=error,
        failed=error.faults if isinstance(error, ChecksFailed) else (),
        note=note,
    )


def against(
    shown: Revision, live: Revision | None, revisions: Sequence[Revision]
) -> list[Compared]:
    """Return what a revision changes: against the live one, else against the one before."""
    other = live if live and live.id != shown.id else None
    other = other or next((one for one in revisions if one.number == shown.based_on), None)
    return compared(desk.pair_of(other), desk.pair_of(shown)) if other else []


def possible_steps(
    visit: Visit, shown: Revision, live: Revision | None, is_newest: bool
) -> list[str]:
    """Return which steps this person may do with a revision now."""
    is_live = live is not None and live.id == shown.id
    state, roles = workflow.State(shown.state), visit.member.roles
    found: list[str] = []
    if Role.AUTHOR in roles and is_newest:
        found += BY_AUTHOR.get(state, ()) if not is_live else ()
    if Role.REVIEWER in roles and state is workflow.State.IN_REVIEW:
        own = visit.member.id in workflow.authors_of(visit.session, shown)
        found += ["send_back"] if own else ["approve", "send_back"]
    if Role.PUBLISHER in roles:
        if is_live:
            found.append("withdraw")
        elif state is workflow.State.WITHDRAWN and live is None:
            found.append("reinstate")
        elif state.value in PUBLISHABLE and is_newest:
            found.append("publish")
    return found


BY_AUTHOR: dict[workflow.State, tuple[str, ...]] = {
    workflow.State.DRAFT: ("submit", "discard"),
    workflow.State.RETURNED: ("submit", "discard"),
    workflow.State.IN_REVIEW: ("take_back",),
    workflow.State.APPROVED: ("take_back",),
    workflow.State.DISCARDED: ("restore",),
}


def _submit(visit: Visit, revision: Revision, note: str) -> str:
    workflow.submit(visit.session, visit.member, revision.id, note)
    return "submitted"


def _take_back(visit: Visit, revision: Revision, note: str) -> str:
    workflow.take_back(visit.session, visit.member, revision.id, note)
    return "taken_back"


def _discard(visit: Visit, revision: Revision, note: str) -> str:
    workflow.discard(visit.session, visit.member, revision.id)
    return "discarded"


def _restore(visit: Visit, revision: Revision, note: str) -> str:
    workflow.restore(visit.session, visit.member, revision.id)
    return "restored"


def _approve(visit: Visit, revision: Revision, note: str) -> str:
    workflow.approve(visit.session, visit.member, revision.id, note)
    return "approved"


def _send_back(visit: Visit, revision: Revision, note: str) -> str:
    workflow.send_back(visit.session, visit.member, revision.id, note)
    return "returned"


def _withdraw(visit: Visit, revision: Revision, note: str) -> str:
    workflow.withdraw(visit.session, visit.member, revision.entry_id, revision.locale, note)
    return "withdrawn"


def _reinstate(visit: Visit, revision: Revision, note: str) -> str:
    workflow.reinstate(visit.session, visit.member, revision.id, note)
    return "live_again"


STEPS = {
    "submit": _submit,
    "take_back": _take_back,
    "discard": _discard,
    "restore": _restore,
    "approve": _approve,
    "send_back": _send_back,
    "withdraw": _withdraw,
    "reinstate": _reinstate,
}


def newest_of(visit: Visit, entry_id: str) -> Revision:
    """Return the newest revision of an entry.

    Raises:
        Refused: there is none.
    """
    newest = workflow.newest_revision(visit.session, entry_id, LOCALE)
    if newest is None:
        raise Refused(HTTPStatus.NOT_FOUND, f"There is no answer {entry_id!r}.")
    return newest


def today() -> date:
    """Return the day it is in UTC."""
    return datetime.now(UTC).date()
