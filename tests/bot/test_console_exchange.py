"""Import and export in the console: answers out as files, and back as drafts."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from bot.console.pages import Pages
from knowledge import workflow
from knowledge.corpus_files import read_archive, write_archive
from knowledge.entry import TopicEntry
from knowledge.importing import dry_run, past_imports, read_incoming
from knowledge.people import Member, Role, member
from knowledge.spreadsheet import MOST_BYTES
from knowledge.store import transaction
from tests.bot.console.conftest import fields_without_label, repeated_ids
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


def send(
    who: Colleague, step: str, content: bytes, name: str = "answers.csv", **fields: str
) -> TestResponse:
    """Send a file."""
    # Encoded here: of what is large, the test client makes a file that it never closes.
    upload = FileStorage(io.BytesIO(content), name, "file")
    boundary, body = encode_multipart({**fields, "file": upload})
    kind = f"multipart/form-data; boundary={boundary}"
    path = f"/console/exchange/{step}"
    return who.client.post(path, data=body, content_type=kind, headers=OURS)


def hidden(page: TestResponse) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


KINDS = ("csv", "xlsx", "zip")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_downloaded_holds_every_live_answer(nora: Colleague, kind: str) -> None:
    pairs = read_incoming(f"answers.{kind}", download(nora, kind)).pairs
    assert {pair.entry.id for pair in pairs} == {FLU, "stroke-signs"}


def test_another_kind_of_file_is_not_there(nora: Colleague) -> None:
    assert nora.get("/exchange/answers.pdf").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_downloaded_changes_nothing_when_it_comes_back(nora: Colleague, kind: str) -> None:
    page = send(nora, "check", download(nora, kind), f"answers.{kind}")
    assert page.status_code == 200
    assert "0 of 2 answers would get a draft" in shown(page)


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
    for content, sent in ((other, fields), (file, {}), (file, {"checked": "x"})):
        refused = send(nora, "import", content, **sent)
        assert refused.status_code == 409
        assert "Nothing was imported" in shown(refused)
        assert "this is not what was checked" in shown(refused)
    assert newest(engine)[1] == 1
    # The page shows what that other file would do, so that it can be agreed to.
    agreed = hidden(send(nora, "import", other, **fields))
    assert send(nora, "import", other, **agreed).status_code == 303
    assert newest(engine)[1] == 2


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
    assert refused.status_code == 409
    assert "somebody saved one of its answers in between" in shown(refused)
    assert "takes the place of a draft that somebody works on" in shown(refused)
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
    alert = BeautifulSoup(page.text, "html.parser").select_one("[role=alert]")
    assert alert is not None
    cells = [[cell.text for cell in row("td")] for row in alert("tr")[1:]]
    assert [cell[:3] for cell in cells] == [
        ["row 2", FLU, "review_due"],
        ["row 3", "stroke-signs", "aspect"],
    ]
    assert cells[0][3].startswith("error: is no day")
    assert "Nothing was imported" in alert.text
    assert newest(engine)[1] == 1


def test_a_problem_in_yaml_is_told_with_file_and_line(engine: Engine, nora: Colleague) -> None:
    files = read_archive("answers.zip", download(nora, "zip"))
    spoilt = [
        file._replace(content=file.content.replace(b"aspect: spread", b"aspect: gossip"))
        for file in files
    ]
    line = spoilt[0].content.decode().splitlines().index("    aspect: gossip") + 1
    page = send(nora, "check", write_archive(spoilt), "answers.zip")
    assert page.status_code == 400
    assert f"flu.yml, line {line} {FLU} aspect error:" in shown(page)
    one = send(nora, "check", spoilt[0].content, "flu (1).yml")
    assert f"flu (1).yml, line {line} {FLU} aspect error:" in shown(one)
    assert newest(engine)[1] == 1


def test_one_yaml_file_makes_drafts(engine: Engine, nora: Colleague) -> None:
    (file, _) = read_archive("answers.zip", download(nora, "zip"))
    content = file.content.replace(b"Flu spreads mainly", b"Flu goes round mainly")
    assert content != file.content
    fields = hidden(send(nora, "check", content, "flu.yml"))
    assert send(nora, "import", content, "flu.yml", **fields).status_code == 303
    assert newest(engine)[1:] == (2, "draft")


def test_a_review_that_a_file_claims_is_noted_and_not_taken_over(
    engine: Engine, nora: Colleague
) -> None:
    file = changed(download(nora), FLU, "status", "clinician_reviewed")
    file = changed(file, FLU, "last_reviewed", "2026-11-21")
    header, *rows = csv.reader(io.StringIO(file.decode()))
    header += ["reviewer1_name", "reviewer1_role"] if "reviewer1_name" not in header else []
    for row in rows:
        row += [""] * (len(header) - len(row))
        if row[header.index("id")] == FLU:
            row[header.index("reviewer1_name")] = "Dr. Nobody"
            row[header.index("reviewer1_role")] = "doctor"
            row[header.index("short_answer")] = "Flu spreads when people cough."
    buffer = io.StringIO()
    csv.writer(buffer).writerows([header, *rows])
    content = buffer.getvalue().encode()
    page = send(nora, "check", content)
    assert "An import is no review" in shown(page)
    assert send(nora, "import", content, **hidden(page)).status_code == 303
    with transaction(engine) as session:
        revision = workflow.newest_revision(session, FLU, "en")
        assert revision is not None
        entry = TopicEntry.model_validate(revision.body).entry
    assert (entry.status, entry.reviewed_by, entry.last_reviewed) == ("source_checked", (), None)
    assert entry.short_answer == "Flu spreads when people cough."


def test_a_script_in_every_field_stays_a_text(engine: Engine, nora: Colleague) -> None:
    script = "<script>alert(1)</script>"
    header, *rows = csv.reader(io.StringIO(download(nora).decode("utf-8-sig")))
    good = {"id", "locale", "topic", "aspect", "urgency_level", "audience", "region", "status"}
    for row in rows:
        for place, name in enumerate(header):
            is_text = not name.endswith(("_key", "_url", "_publisher", "_evidence", "_cite"))
            if name not in good and is_text and row[place] and "date" not in name:
                is_day = name.endswith(("_due", "_on"))
                row[place] = row[place] if is_day else f"{script}{row[place]}"
    buffer = io.StringIO()
    csv.writer(buffer).writerows([header, *rows])
    content = buffer.getvalue().encode()
    page = send(nora, "check", content, f"{script}.csv")
    assert page.status_code == 200
    assert "2 of 2 answers would get a draft" in shown(page)
    assert script not in page.text
    assert send(nora, "import", content, f"{script}.csv", **hidden(page)).status_code == 303
    after = nora.get("/exchange")
    assert "&lt;script&gt;" in after.text
    assert script not in after.text
    assert script not in nora.get(f"/answers/{FLU}").text
    every = csv.writer(spoilt := io.StringIO())
    every.writerows([[f"{script}{name}" for name in header], [script] * len(header)])
    wrong = send(nora, "check", spoilt.getvalue().encode())
    assert wrong.status_code == 400
    assert script not in wrong.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in wrong.text


def test_five_megabytes_in_one_cell_are_refused_with_place_and_limit(nora: Colleague) -> None:
    file = changed(download(nora), FLU, "short_answer", "A long story. " * 360_000)
    page = send(nora, "check", file)
    assert page.status_code == 400
    assert f"row 2 {FLU} short_answer error: is too long: 5,000 characters at most" in shown(page)


def test_too_large_a_file_and_too_much_beside_it_are_refused_with_the_limit(
    nora: Colleague,
) -> None:
    for content, fields in (
        (b"x" * (MOST_BYTES + 100_000), {}),
        (b"x", {"checked": "x" * 600_000}),
    ):
        page = send(nora, "check", content, **fields)
        assert page.status_code == 413
        assert "20 MB at most" in shown(page)
        assert page.content_type.startswith("text/html")


def test_nobody_sends_a_file_without_being_signed_in(app: Flask) -> None:
    data = {"file": (io.BytesIO(b"x" * 1_000), "a.csv")}
    response = app.test_client().post("/console/exchange/check", data=data, headers=OURS)
    assert response.status_code == 401


def test_a_file_that_is_no_different_any_more_makes_no_draft(
    engine: Engine, nora: Colleague
) -> None:
    fields = hidden_of_nothing(nora)
    done = send(nora, "import", download(nora), **fields)
    assert done.status_code == 303
    assert "no draft was made" in shown(nora.get("/exchange?done=nothing_imported"))
    assert "done=nothing_imported" in done.location
    assert newest(engine)[1] == 1


def hidden_of_nothing(who: Colleague) -> dict[str, str]:
    """Return what the page would send of a file that changes nothing."""
    incoming = read_incoming("a.csv", download(who))
    with transaction(who_engine(who)) as session:
        return {"checked": dry_run(session, incoming.pairs).checked}


def who_engine(who: Colleague) -> Engine:
    """Return the store of somebody's console."""
    pages: Pages = who.client.application.extensions["console"]
    return pages.engine


# --- undoing --------------------------------------------------------------------------------------


def import_changed(engine: Engine, who: Colleague) -> int:
    """Import a file with one change; return the id of the import."""
    file = changed(download(who), FLU, "short_answer", "Flu spreads when people cough.")
    assert send(who, "import", file, **hidden(send(who, "check", file))).status_code == 303
    with transaction(engine) as session:
        return past_imports(session)[0].id


def test_one_click_puts_the_drafts_of_an_import_away(engine: Engine, nora: Colleague) -> None:
    import_id = import_changed(engine, nora)
    before = live(engine)
    page = nora.get("/exchange")
    form = BeautifulSoup(page.text, "html.parser").find("form", action=re.compile("undo"))
    assert form is not None
    assert form["action"] == f"/console/exchange/imports/{import_id}/undo"
    assert "answers.csv" in shown(page)
    done = nora.client.post(form["action"], headers=OURS)
    assert (done.status_code, newest(engine)[1:]) == (303, (2, "discarded"))
    assert live(engine) == before
    after = nora.client.get(done.location)
    assert "The drafts of that import are put away" in shown(after)
    assert "/undo" not in after.text
    assert "put away the drafts of import" in shown(nora.get("/record?area=import"))


def test_what_somebody_moved_on_is_not_put_away(engine: Engine, nora: Colleague) -> None:
    import_id = import_changed(engine, nora)
    assert nora.post(f"/revisions/{newest(engine)[0]}/submit").status_code == 303
    refused = nora.post(f"/exchange/imports/{import_id}/undo")
    assert refused.status_code == 409
    assert "somebody moved all of it on" in shown(refused)
    assert newest(engine)[1:] == (2, "in_review")


def test_only_authors_undo_and_see_the_button(app: Flask, engine: Engine, nora: Colleague) -> None:
    import_id = import_changed(engine, nora)
    paul = Colleague(app, engine, "paul", Role.PUBLISHER)
    assert paul.post(f"/exchange/imports/{import_id}/undo").status_code == 403
    assert "/undo" not in paul.get("/exchange").text
    assert nora.post("/exchange/imports/999999/undo").status_code == 409
    assert newest(engine)[1:] == (2, "draft")


# --- the page -------------------------------------------------------------------------------------


def test_every_field_has_a_label_and_headings_are_in_order(engine: Engine, nora: Colleague) -> None:
    import_changed(engine, nora)
    file = changed(download(nora), FLU, "short_answer", "Take 500 mg twice a day.")
    for page in (nora.get("/exchange"), send(nora, "check", file), send(nora, "check", b"")):
        assert fields_without_label(page) == []
        assert repeated_ids(page) == set()
        found = BeautifulSoup(page.text, "html.parser").find_all(re.compile("h[1-6]"))
        levels = [int(heading.name[1]) for heading in found]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


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
