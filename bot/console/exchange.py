"""Answers as spreadsheets: download them all, or bring changed ones back as drafts.

Bringing back takes two steps. The first only tells what would happen; the second takes the same
file once more, which the fingerprint from the first step proves, and makes the drafts.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from http import HTTPStatus

from flask import request, send_file

from bot.console.entries import today
from bot.console.pages import Page, Pages, Visit, done, page
from knowledge.entry import TopicEntry
from knowledge.people import Role
from knowledge.spreadsheet import (
    MOST_BYTES,
    Outcome,
    Plan,
    SpreadsheetError,
    dry_run,
    import_drafts,
    read_content,
    write_csv,
    write_xlsx,
)
from knowledge.store import read_live
from knowledge.workflow import WorkflowError

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORM_BYTES = 64 * 1024
SHOWN_PROBLEMS = 200


@dataclass(frozen=True)
class Upload:
    """A file that was sent.

    Attributes:
        pairs: the entries in it.
        fingerprint: SHA-256 of the file.
    """

    pairs: list[TopicEntry]
    fingerprint: str


def add_pages(pages: Pages) -> None:
    """Add the pages."""

    @pages.get("/exchange")
    def show_exchange(visit: Visit) -> Page:
        """Show what can be downloaded and brought back."""
        return exchange_page(visit)

    @pages.get("/exchange/answers.<kind>")
    def download(visit: Visit, kind: str) -> Page:
        """Give all live answers as a spreadsheet."""
        live = read_live(visit.session)
        pairs = [item.topic_entry for item in live.entries] if live else []
        buffer = io.BytesIO()
        is_xlsx = kind == "xlsx"
        write_xlsx(pairs, buffer) if is_xlsx else write_csv(pairs, buffer)
        buffer.seek(0)
        name = f"answers-{today().isoformat()}.{'xlsx' if is_xlsx else 'csv'}"
        media = XLSX if is_xlsx else "text/csv; charset=utf-8"
        response = send_file(buffer, media, as_attachment=True, download_name=name)
        response.headers["Cache-Control"] = "no-store"
        return response

    @pages.post("/exchange/check", Role.AUTHOR)
    def check_upload(visit: Visit) -> Page:
        """Tell what a file would change; nothing is written."""
        try:
            upload = read_upload()
        except SpreadsheetError as error:
            return exchange_page(visit, error=error)
        plan = dry_run(visit.session, upload.pairs, today())
        return exchange_page(visit, upload=upload, plan=plan)

    @pages.post("/exchange/import", Role.AUTHOR)
    def import_upload(visit: Visit) -> Page:
        """Make drafts of a file that was checked."""
        try:
            upload = read_upload()
            if upload.fingerprint != request.form.get("fingerprint"):
                raise WorkflowError("this is another file than the one that was checked: check it")
            with visit.session.begin_nested():
                import_drafts(visit.session, visit.member, upload.pairs, seen())
        except (SpreadsheetError, WorkflowError) as error:
            return exchange_page(visit, error=error)
        return done("show_exchange", "imported")


def read_upload() -> Upload:
    """Return the file of this request.

    Raises:
        SpreadsheetError: it cannot be read, with every problem.
    """
    request.max_content_length = MOST_BYTES + FORM_BYTES
    file = request.files.get("file")
    content = file.stream.read(MOST_BYTES + 1) if file else b""
    name = (file.filename if file else "") or "nothing.csv"
    return Upload(read_content(name, content), hashlib.sha256(content).hexdigest())


def seen() -> dict[tuple[str, str], int]:
    """Return which revision each entry had when the file was checked.

    Raises:
        WorkflowError: the form does not hold it.
    """
    try:
        rows = json.loads(request.form.get("seen", ""))
        return {(str(entry), str(locale)): int(number) for entry, locale, number in rows}
    except (ValueError, TypeError) as error:
        raise WorkflowError("check the file first") from error


def exchange_page(
    visit: Visit,
    upload: Upload | None = None,
    plan: Plan | None = None,
    error: SpreadsheetError | WorkflowError | None = None,
) -> Page:
    """Show the page, with what a file would change or what is wrong with it."""
    problems = error.problems if isinstance(error, SpreadsheetError) else ()
    return page(
        "exchange.html",
        HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK,
        visit=visit,
        upload=upload,
        plan=plan,
        changes=[one for one in plan.entries if one.outcome is not Outcome.UNCHANGED]
        if plan
        else [],
        seen=json.dumps([[*key, number] for key, number in plan.seen.items()]) if plan else "",
        error=error,
        problems=problems[:SHOWN_PROBLEMS],
        more=max(0, len(problems) - SHOWN_PROBLEMS),
    )
