"""Answers: the list, one answer with its history, the editor, and each step of the workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus

import langcodes
from flask import request

from bot.console import forms
from bot.console.action_server import FoundNow
from bot.console.comparing import Compared, compared
from bot.console.pages import Page, Pages, Refused, Visit, done, page
from bot.console.platforms import on_platforms
from knowledge import desk, people, workflow
from knowledge.checks import grade, is_english
from knowledge.entry import Topic, TopicEntry
from knowledge.exchange import Fault
from knowledge.people import Role
from knowledge.schema import Revision
from knowledge.store import PUBLISHABLE
from knowledge.workflow import ChecksFailed, EditConflict, WorkflowError

A_PAGE = 50
MOST_WORDINGS = 61
"""A question with the 60 other wordings that an entry may have."""
LONGEST_WORDING = 1000
LONGEST_TAG = 10


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
        return editor(pages, visit, fields, work_on(pages, visit))

    @pages.post("/answers/new", Role.AUTHOR)
    def create_entry(visit: Visit) -> Page:
        """Save a new answer as a draft."""
        return save(pages, visit, work_on(pages, visit))

    @pages.get("/answers/<entry_id>")
    def show_entry(visit: Visit, entry_id: str) -> Page:
        """Show an answer with its history."""
        revisions = desk.revisions_of(visit.session, entry_id, asked_locale(pages))
        if not revisions:
            raise Refused(HTTPStatus.NOT_FOUND, f"There is no answer {entry_id!r}.")
        wanted = request.args.get("revision", type=int)
        shown = next((one for one in revisions if one.number == wanted), revisions[0])
        return entry_page(pages, visit, revisions, shown)

    @pages.get("/answers/<entry_id>/edit", Role.AUTHOR)
    def edit_entry(visit: Visit, entry_id: str) -> Page:
        """Show the editor for the newest revision."""
        work = work_on(pages, visit, entry_id)
        return editor(pages, visit, work.fields(), work)

    @pages.post("/answers/<entry_id>/edit", Role.AUTHOR)
    def save_entry(visit: Visit, entry_id: str) -> Page:
        """Save a change as a draft."""
        return save(pages, visit, work_on(pages, visit, entry_id))

    @pages.post("/answers/preview", Role.AUTHOR)
    def preview(visit: Visit) -> Page:
        """Show how what is typed will look and what the checks say of it."""
        work = work_on(pages, visit, request.form.get("entry_id", ""))
        filled = work.filled(request.form)
        faults = faults_of(visit, filled.pair) if filled.pair else []
        return page(
            "beside.html",
            pair=filled.pair,
            faults=faults,
            grade=grade_of(filled.pair),
            platforms=on_platforms(filled.pair),
        )

    @pages.post("/answers/found", Role.AUTHOR)
    def find_now(visit: Visit) -> Page:
        """Show what people get today who ask in the wordings that are typed; saves nothing."""
        work = work_on(pages, visit, request.form.get("entry_id", ""))
        typed = [request.form.get("question", ""), *forms.lines(request.form.get("variants", ""))]
        wordings = [one.strip()[:LONGEST_WORDING] for one in typed if one.strip()]
        found = pages.action_server.found(wordings[:MOST_WORDINGS])
        return editor(pages, visit, request.form, work, found=found, asked=True)

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
            return entry_page(pages, visit, revisions, revision, error, note)
        # Two steps make a further revision, which is the newest.
        number = None if code in {"signed", "taken_back"} else revision.number
        place = {"entry_id": revision.entry_id, "locale": revision.locale}
        return done("show_entry", code, revision=number, **place)


# --- the editor -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """What an author works on.

    Attributes:
        locale: its language.
        topics: all topics in that language, by their slug.
        newest: the newest revision, or None for what is new in this language.
        original: the answer in another language that is to be translated, or None.
    """

    locale: str
    topics: Mapping[str, Topic]
    newest: Revision | None = None
    original: TopicEntry | None = None

    @property
    def before(self) -> TopicEntry | None:
        """What the newest revision says."""
        return desk.pair_of(self.newest) if self.newest else None

    @property
    def entry_id(self) -> str:
        """Id of the answer; "" for one that has none yet."""
        if self.newest:
            return self.newest.entry_id
        return self.original.entry.id if self.original else ""

    def fields(self) -> dict[str, str]:
        """Return the form to begin with."""
        if self.before:
            return forms.fields_of(self.before)
        if self.original:
            return forms.fields_to_translate(self.original, self.topics)
        return forms.empty_fields(today())

    def filled(self, fields: Mapping[str, str]) -> forms.Filled:
        """Return the entry that a form describes."""
        return forms.pair_of(
            fields, self.before, self.topics, today(), original=self.original, locale=self.locale
        )


def work_on(pages: Pages, visit: Visit, entry_id: str = "") -> Work:
    """Return what the request works on: an answer in a language, a translation, or a new answer.

    Raises:
        Refused: there is no such answer.
    """
    session, locale = visit.session, asked_locale(pages)
    topics = desk.known_topics(session, locale)
    if not entry_id:
        return Work(locale, topics)
    newest = workflow.newest_revision(session, entry_id, locale)
    if newest is not None:
        return Work(locale, topics, newest)
    for other in languages_of(pages, visit, entry_id):
        original = workflow.newest_revision(session, entry_id, other)
        if original is not None:
            return Work(locale, topics, None, desk.pair_of(original))
    raise Refused(HTTPStatus.NOT_FOUND, f"There is no answer {entry_id!r}.")


def asked_locale(pages: Pages) -> str:
    """Return the language that a request is about; the team's first one where it names none.

    Raises:
        Refused: it is no language.
    """
    locale = request.values.get("locale") or pages.locales[0]
    if not langcodes.tag_is_valid(locale) or len(locale) > LONGEST_TAG:
        raise Refused(HTTPStatus.NOT_FOUND, "There is no such language.")
    return locale


def languages_of(pages: Pages, visit: Visit, entry_id: str) -> list[str]:
    """Return the languages of the team, and those that an answer has beside them."""
    return list(dict.fromkeys([*pages.locales, *desk.languages_of(visit.session, entry_id)]))


def tabs(pages: Pages, visit: Visit, entry_id: str) -> list[tuple[str, str, bool]]:
    """Return an answer's languages as ``(tag, name, whether there is a revision)``."""
    known = desk.languages_of(visit.session, entry_id) if entry_id else []
    found = languages_of(pages, visit, entry_id) if entry_id else list(pages.locales)
    return [(tag, langcodes.get(tag).display_name(), tag in known) for tag in found]


def save(pages: Pages, visit: Visit, work: Work) -> Page:
    """Save the form of this request as a draft; show it again where that cannot be."""
    filled = work.filled(request.form)
    if filled.pair is None:
        return editor(pages, visit, request.form, work, filled.errors)
    based_on = request.form.get("based_on", type=int)
    try:
        with visit.session.begin_nested():
            revision = workflow.save_draft(
                visit.session, visit.member, filled.pair, based_on, request.form.get("change", "")
            )
    except EditConflict as error:
        return conflict(visit, filled.pair, error)
    except WorkflowError as error:
        return editor(pages, visit, request.form, work, {"": str(error)})
    place = {"entry_id": revision.entry_id, "locale": revision.locale}
    return done("show_entry", "saved", revision=revision.number, **place)


def editor(
    pages: Pages,
    visit: Visit,
    fields: Mapping[str, str],
    work: Work,
    errors: Mapping[str, str] | None = None,
    *,
    found: Sequence[FoundNow] | None = None,
    asked: bool = False,
) -> Page:
    """Show the editor.

    Args:
        pages: the console.
        visit: this request.
        fields: what stands in the form.
        work: what is edited.
        errors: what is wrong, by field.
        found: what the wordings get today; None where nobody can tell.
        asked: whether that was asked.
    """
    pair = work.filled(fields).pair
    return page(
        "editor.html",
        HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        visit=visit,
        fields=fields,
        errors=errors or {},
        work=work,
        newest=work.newest,
        tabs=tabs(pages, visit, work.entry_id),
        topics=work.topics,
        forms=forms,
        pair=pair,
        found=found,
        asked=asked,
        faults=faults_of(visit, pair) if pair else [],
        grade=grade_of(pair),
        platforms=on_platforms(pair),
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
        locale=own.topic.locale,
    )


def faults_of(visit: Visit, pair: TopicEntry) -> list[Fault]:
    """Return what the checks say of an entry, beside the live ones."""
    revision = Revision(
        entry_id=pair.entry.id, locale=pair.topic.locale, body=pair.model_dump(mode="json")
    )
    return workflow.faults_of(visit.session, [revision], today())


def grade_of(pair: TopicEntry | None) -> float | None:
    """Return the school grade that an English answer's text asks for; None for other languages."""
    if pair is None or not is_english(pair.topic.locale):
        return None
    return round(grade(pair.entry.short_answer), 1)


# --- one answer -----------------------------------------------------------------------------------


def entry_page(
    pages: Pages,
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
        tabs=tabs(pages, visit, shown.entry_id),
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
    signed_on = today() if request.form.get("signed") else None
    workflow.approve(visit.session, visit.member, revision.id, note, signed_on=signed_on)
    return "signed" if signed_on else "approved"


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


def today() -> date:
    """Return the day it is in UTC."""
    return datetime.now(UTC).date()
