"""Spreadsheets in the console: out, and back as drafts."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from knowledge import workflow
from knowledge.entry import TopicEntry
from knowledge.people import Member, Role, member
from knowledge.spreadsheet import read_content
from knowledge.store import transaction
from tests.bot.test_console_answers import FLU, OURS, Colleague, live, newest, shown


@pytest.fixture
def nora(app: Flask, engine: Engine) -> Colleague:
    """Nora writes."""
    return Colleague(app, engine, "nora", Role.AUTHOR)


def download(who: Colleague, kind: str = "csv") -> bytes:
    """Return all live answers as a spreadsheet."""
    response = who.get(f"/exchange/answers.{kind}")
    assert response.status_code == 200
    assert "attachment" in response.headers["Content-Disposition"]
    return response.data


def changed(content: bytes, entry_id: str, column: str, value: str) -> bytes:
    """Return a CSV with another value in one cell."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    for row in rows[1:]:
        if row[rows[0].index("id")] == entry_id:
            row[rows[0].index(column)] = value
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def send(who: Colleague, step: str, content: bytes, **fields: str) -> TestResponse:
    """Send a file."""
    data = {**fields, "file": (io.BytesIO(content), "answers.csv")}
    return who.client.post(f"/console/exchange/{step}", data=data, headers=OURS)


def hidden(page: TestResponse) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found if name in {"fingerprint", "seen"}}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_downloaded_holds_every_live_answer(nora: Colleague, kind: str) -> None:
    pairs = read_content(f"answers.{kind}", download(nora, kind))
    assert {pair.entry.id for pair in pairs} == {FLU, "stroke-signs"}


def test_a_file_that_changes_nothing_imports_nothing(engine: Engine, nora: Colleague) -> None:
    page = send(nora, "check", download(nora))
    assert "0 of 2 answers would get a draft" in shown(page)
    assert "Import as drafts" not in page.text


def test_a_changed_file_is_checked_first_and_then_makes_drafts(
    engine: Engine, nora: Colleague
) -> None:
    file = changed(download(nora), FLU, "short_answer", "Flu spreads when people cough.")
    page = send(nora, "check", file)
    assert "1 of 2 answers would get a draft" in shown(page)
    assert "short_answer" in shown(page)
    assert newest(engine)[1] == 1
    before = live(engine)
    assert send(nora, "import", file, **hidden(page)).status_code == 303
    assert newest(engine)[1:] == (2, "draft")
    assert live(engine) == before


def test_another_file_than_the_one_checked_is_not_imported(engine: Engine, nora: Colleague) -> None:
    file = changed(download(nora), FLU, "short_answer", "Flu spreads when people cough.")
    fields = hidden(send(nora, "check", file))
    other = changed(file, FLU, "short_answer", "Something that nobody checked.")
    for content, sent in ((other, fields), (file, {}), (file, {**fields, "seen": "x"})):
        refused = send(nora, "import", content, **sent)
        assert refused.status_code == 400
        assert "Nothing was imported" in shown(refused)
    assert newest(engine)[1] == 1


def test_an_edit_in_between_stops_the_import(engine: Engine, nora: Colleague) -> None:
    file = changed(download(nora), FLU, "short_answer", "Flu spreads when people cough.")
    fields = hidden(send(nora, "check", file))
    with transaction(engine) as session:
        author = acting(session, nora)
        revision = workflow.newest_revision(session, FLU, "en")
        assert revision is not None
        pair = TopicEntry.model_validate(revision.body)
        entry = pair.entry.model_copy(update={"seek_care": "See a doctor."})
        workflow.save_draft(session, author, pair.model_copy(update={"entry": entry}), 1)
    refused = send(nora, "import", file, **fields)
    assert "was changed in between" in shown(refused)
    assert newest(engine)[1] == 2


def acting(session: Session, who: Colleague) -> Member:
    """Return somebody as they act."""
    found = member(session, who.id)
    assert found is not None
    return found


def test_every_problem_is_told_with_row_and_column_and_nothing_lands(
    engine: Engine, nora: Colleague
) -> None:
    file = changed(download(nora), FLU, "review_due", "some day")
    file = changed(file, "stroke-signs", "aspect", "nonsense")
    page = send(nora, "check", file)
    assert page.status_code == 400
    assert "review_due" in shown(page)
    assert "aspect" in shown(page)
    assert "Nothing was imported" in shown(page)
    assert newest(engine)[1] == 1


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n"])
def test_what_is_no_spreadsheet_of_ours_is_refused(nora: Colleague, content: bytes) -> None:
    page = send(nora, "check", content)
    assert page.status_code == 400
    assert "Nothing was imported" in shown(page)


def test_without_a_file_it_says_so(nora: Colleague) -> None:
    assert nora.post("/exchange/check").status_code == 400


def test_only_authors_bring_answers_back(app: Flask, engine: Engine, nora: Colleague) -> None:
    paul = Colleague(app, engine, "paul", Role.PUBLISHER)
    file = download(paul)
    assert send(paul, "check", file).status_code == 403
    assert send(paul, "import", file).status_code == 403
