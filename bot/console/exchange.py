"""Answers as files: download them all, or bring changed ones back as drafts.

Bringing back takes two steps. The first only tells what would happen; the second takes the same
file once more and makes the drafts, if they are still what the first step told.
"""

from __future__ import annotations

import io
from http import HTTPStatus

from flask import request, send_file
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from bot.console.entries import today
from bot.console.pages import COOKIE, Page, Pages, Refused, Visit, done, error_page, page
from knowledge.exporting import FORMATS, ExportError, exported, live_file
from knowledge.importing import (
    Incoming,
    Plan,
    UnreadableFile,
    dry_run,
    import_drafts,
    past_imports,
    read_incoming,
    undo_import,
)
from knowledge.people import Role
from knowledge.spreadsheet import MOST_BYTES
from knowledge.workflow import WorkflowError

FORM_BYTES = 64 * 1024
"""What a form has beside its file."""
UPLOADS = frozenset({"console.check_upload", "console.import_upload"})
SHOWN = 200
"""Lines of a list on the page."""
ENDINGS = ".csv,.xlsx,.yml,.yaml,.zip"


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""

    @pages.blueprint.before_request
    def take_in() -> AnyResponse | None:
        """Read a file before the transaction begins: a slow line must not hold the store."""
        if request.endpoint not in UPLOADS or COOKIE not in request.cookies:
            return None
        request.max_content_length = MOST_BYTES + FORM_BYTES
        try:
            request.files.get("file")
        except RequestEntityTooLarge:
            limit = f"The file is too large: {MOST_BYTES // 1_000_000} MB at most. Divide it."
            return error_page(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit)
        return None

    @pages.get("/exchange")
    def show_exchange(visit: Visit) -> Page:
        """Show what can be downloaded and brought back."""
        return exchange_page(visit)

    @pages.get("/exchange/answers.<kind>")
    def download(visit: Visit, kind: str) -> Page:
        """Give all live answers as a file."""
        if kind not in FORMATS:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such file.")
        try:
            live = live_file(visit.session, kind)
            content = live.content if live else exported([], kind)
        except ExportError as error:
            raise Refused(HTTPStatus.CONFLICT, str(error)) from error
        name = f"answers-{today().isoformat()}.{kind}"
        media = FORMATS[kind].media_type
        response = send_file(io.BytesIO(content), media, as_attachment=True, download_name=name)
        response.headers["Cache-Control"] = "no-store"
        return response

    @pages.post("/exchange/check", Role.AUTHOR)
    def check_upload(visit: Visit) -> Page:
        """Tell what a file would change; nothing is written."""
        try:
            incoming = read_upload()
        except UnreadableFile as error:
            return exchange_page(visit, HTTPStatus.BAD_REQUEST, error=error)
        plan = dry_run(visit.session, incoming.pairs, today())
        return exchange_page(visit, incoming=incoming, plan=plan)

    @pages.post("/exchange/import", Role.AUTHOR)
    def import_upload(visit: Visit) -> Page:
        """Make drafts of a file that was checked."""
        checked = request.form.get("checked", "")
        try:
            incoming = read_upload()
            with visit.session.begin_nested():
                made = import_drafts(
                    visit.session, visit.member, incoming.pairs, checked, incoming.name
                )
        except UnreadableFile as error:
            return exchange_page(visit, HTTPStatus.BAD_REQUEST, error=error)
        except WorkflowError as error:
            plan = dry_run(visit.session, incoming.pairs, today())
            return exchange_page(visit, HTTPStatus.CONFLICT, incoming, plan, error)
        return done("show_exchange", "imported" if made.revision_ids else "nothing_imported")

    @pages.post("/exchange/imports/<int:import_id>/undo", Role.AUTHOR)
    def undo(visit: Visit, import_id: int) -> Page:
        """Put the drafts of an import away."""
        try:
            with visit.session.begin_nested():
                undo_import(visit.session, visit.member, import_id)
        except WorkflowError as error:
            return exchange_page(visit, HTTPStatus.CONFLICT, error=error)
        return done("show_exchange", "import_undone")


def read_upload() -> Incoming:
    """Return the file of this request.

    Raises:
        UnreadableFile: it cannot be read, with everything that is wrong.
    """
    file = request.files.get("file")
    content = file.stream.read(MOST_BYTES + 1) if file else b""
    return read_incoming((file.filename if file else "") or "nothing.csv", content)


def exchange_page(
    visit: Visit,
    status: HTTPStatus = HTTPStatus.OK,
    incoming: Incoming | None = None,
    plan: Plan | None = None,
    error: UnreadableFile | WorkflowError | None = None,
) -> Page:
    """Show the page, with what a file would change or what is wrong with it."""
    flaws = error.flaws if isinstance(error, UnreadableFile) else ()
    findings = incoming.placed(plan.faults) if incoming and plan else []
    return page(
        "exchange.html",
        status,
        visit=visit,
        incoming=incoming,
        plan=plan,
        changes=plan.changes if plan else [],
        findings=findings,
        error=error,
        flaws=flaws,
        shown=SHOWN,
        endings=ENDINGS,
        imports=past_imports(visit.session),
    )
