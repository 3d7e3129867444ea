"""The record of who did what: a page with filters, and the same as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from flask import Response, request

from bot.console.pages import Page, Pages, Visit, page
from knowledge import people
from knowledge.audit import AuditLine, read_audit

A_PAGE = 50
MOST_LINES = 10_000
"""Lines of one CSV file, the newest first; the next file begins where it ends."""
LARGEST_ID = 2**31 - 1
BY_ITSELF = "command line or schedule"
COLUMNS = ("number", "at", "who", "action", "what", "subject", "detail")
FORMULA = re.compile(r"[=+\-@\t\r\n]")
"""First characters by which spreadsheet programs know a formula (OWASP, "CSV Injection")."""
AREAS = {
    "revision": "answers",
    "import": "imports",
    "release": "releases",
    "banner": "banners",
    "person": "people",
    "token": "keys of programs",
    "question": "questions",
    "term": "watched terms",
    "task": "tasks",
    "sources": "cited pages",
}
WORDS = {
    "banner.put_back": "put back banner",
    "banner.set": "set banner",
    "banner.taken_down": "took down banner",
    "import.made": "imported as drafts",
    "import.undone": "put away the drafts of import",
    "person.access_ended": "ended the access of",
    "person.access_given": "let in again",
    "person.invited": "invited",
    "person.locked": "was locked out after too many wrong passwords",
    "person.password_changed": "changed their own password",
    "person.password_link": "made a link for a new password of",
    "person.credentials_set": "set the qualification of",
    "person.password_set": "set a password by a link",
    "person.role_given": "gave a role to",
    "person.role_taken": "took a role from",
    "person.signed_in": "signed in",
    "person.signed_out": "signed out",
    "person.sso_bound": "connected single sign-on with the account of",
    "person.sso_unbound": "disconnected from single sign-on",
    "person.totp_removed": "removed the authenticator app of",
    "person.totp_set": "set up an authenticator app",
    "question.answered": "pointed to an answer for",
    "question.rejected": "put aside",
    "question.reopened": "opened again",
    "question.taken": "took",
    "release.called_off": "called off planned release",
    "release.plan_done": "made planned release",
    "release.plan_failed": "could not make planned release",
    "release.planned": "planned release",
    "release.published": "made live release",
    "release.rolled_back": "made live again the older release",
    "release.taken_up": "took up again planned release",
    "release.withdrawn": "withdrew an answer by release",
    "revision.approved": "approved",
    "revision.discarded": "put away the draft of",
    "revision.draft": "made a draft again of",
    "revision.in_review": "sent to review",
    "revision.returned": "sent back to the author",
    "revision.saved": "saved a draft of",
    "revision.replaced": "replaced by a signed or unsigned one",
    "revision.signed": "approved as a clinician",
    "revision.withdrawn": "withdrew",
    "sources.began": "began a look at",
    "sources.looked": "ended a look at",
    "sources.requested": "asked for a look at",
    "task.done": "marked as done a task of",
    "task.reopened": "opened again a task of",
    "term.unwatched": "stopped watching",
    "term.watched": "began to watch",
    "token.ended": "ended the key",
    "token.made": "made the key",
}
"""Per action what the person did, so that the subject can follow."""


class Asked(TypedDict):
    """Which lines of the record are asked for; see ``knowledge.audit.read_audit``."""

    subject: str | None
    person_id: int | None
    area: str | None
    before: int | None


@dataclass(frozen=True)
class Line:
    """One line of the record, in words.

    Attributes:
        number: of the line.
        line: as it is kept.
        who: who did it.
        what: what they did.
        detail: more.
    """

    number: int
    line: AuditLine
    who: str
    what: str
    detail: str


def add_pages(pages: Pages) -> None:
    """Add the pages."""

    @pages.get("/record")
    def show_record(visit: Visit) -> Page:
        """Show what was done, the newest first."""
        asked = asked_for()
        found = lines_of(visit, asked, A_PAGE + 1)
        return page(
            "record.html",
            visit=visit,
            lines=found[:A_PAGE],
            older=found[A_PAGE - 1].number if len(found) > A_PAGE else None,
            asked=asked,
            kept=kept(asked),
            areas=AREAS,
            team=[(one.id, one.name) for one, _ in people.everybody(visit.session)],
            most=MOST_LINES,
        )

    @pages.get("/record.csv")
    def export_record(visit: Visit) -> Page:
        """Give the same lines as CSV."""
        response = Response(
            csv_of(lines_of(visit, asked_for(), MOST_LINES)), content_type="text/csv; charset=utf-8"
        )
        response.headers["Content-Disposition"] = 'attachment; filename="citewell-record.csv"'
        response.headers["Cache-Control"] = "no-store"
        return response


def asked_for() -> Asked:
    """Return what the address of this page asks for; what makes no sense asks for nothing."""
    args = request.args
    return {
        "subject": args.get("subject", "").strip() or None,
        "person_id": _id("person"),
        "area": args.get("area", "").strip() or None,
        "before": _id("before"),
    }


def _id(name: str) -> int | None:
    number = request.args.get(name, type=int)
    return number if number is not None and 0 < number <= LARGEST_ID else None


def kept(asked: Asked) -> dict[str, str | int]:
    """Return the filters as they stand in an address, without the page."""
    filters = {"person": asked["person_id"], "area": asked["area"], "subject": asked["subject"]}
    return {name: value for name, value in filters.items() if value is not None}


def lines_of(visit: Visit, asked: Asked, limit: int) -> list[Line]:
    """Return lines of the record in words."""
    return [
        Line(number, line, line.who or BY_ITSELF, words_for(line.action), detail_words(line.detail))
        for number, line in read_audit(visit.session, limit=limit, **asked)
    ]


def words_for(action: str) -> str:
    """Return an action in plain words; its code where there are none."""
    return WORDS.get(action, action)


def detail_words(detail: Mapping[str, object]) -> str:
    """Return the detail of a line in words: "role reviewer, until 2027-11-22"."""
    return ", ".join(
        f"{name.replace('_', ' ')} {_words(value)}"
        for name, value in detail.items()
        if value not in (None, "", [])
    )


def _words(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def csv_of(lines: Sequence[Line]) -> str:
    """Return lines as CSV; no cell is a formula, whatever it begins with."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for one in lines:
        line = one.line
        at = line.at.isoformat(timespec="seconds")
        cells = (str(one.number), at, one.who, line.action, one.what, line.subject, one.detail)
        writer.writerow([guarded(cell) for cell in cells])
    return file.getvalue()


def guarded(cell: str) -> str:
    """Return a cell that no program takes for a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell
