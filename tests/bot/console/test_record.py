"""The record's page: newest first, filters, pages, plain words, CSV without formulas."""

from __future__ import annotations

import ast
import csv
import io
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.console import record as record_page
from bot.console.record import A_PAGE, AREAS, COLUMNS, WORDS, detail_words, guarded, words_for
from knowledge.audit import record
from knowledge.settings import ROOT
from knowledge.store import transaction
from tests.bot.console.conftest import Teammate, fields_without_label, shown


def lines(response: TestResponse) -> list[list[str]]:
    """Return the cells of the list, line by line."""
    page = BeautifulSoup(response.text, "html.parser")
    return [
        [" ".join(cell.get_text(" ").split()) for cell in row.find_all("td")]
        for row in page.select("tbody tr")
    ]


def link_to(response: TestResponse, label: str) -> str | None:
    """Return where a link of a page leads, or None without one."""
    found = BeautifulSoup(response.text, "html.parser").find("a", string=label)
    return str(found["href"]) if found else None


def rows(response: TestResponse) -> list[dict[str, str]]:
    """Return a CSV file."""
    return list(csv.DictReader(io.StringIO(response.text)))


def note(engine: Engine, person: Teammate | None, *actions: tuple[str, str]) -> None:
    """Write into the record."""
    with transaction(engine) as session:
        for action, subject in actions:
            record(session, person.id if person else None, action, subject)


def test_everybody_on_the_team_reads_it_newest_first_in_plain_words(
    nora: Teammate, engine: Engine
) -> None:
    note(engine, nora, ("revision.saved", "flu-spread (en)"))
    with transaction(engine) as session:
        record(session, None, "person.role_given", "x@example.org", role="author", until=None)
    found = [cells[1:] for cells in lines(nora.get("/record"))]
    assert found[:2] == [
        ["command line or schedule", "gave a role to", "x@example.org", "role author"],
        ["Nora", "saved a draft of", "flu-spread (en)", ""],
    ]


def test_an_action_without_words_is_shown_by_its_code(nora: Teammate, engine: Engine) -> None:
    note(engine, nora, ("comet.sighted", "west"))
    assert lines(nora.get("/record"))[0][1:4] == ["Nora", "comet.sighted", "west"]


def test_it_is_filtered_by_person_area_and_subject(
    nora: Teammate, ada: Teammate, engine: Engine
) -> None:
    note(engine, nora, ("revision.saved", "a (en)"), ("release.published", "7"))
    note(engine, ada, ("revision.approved", "a (en)"), ("revision.approved", "b (en)"))

    def subjects(**query: object) -> set[tuple[str, str]]:
        return {(cells[1], cells[3]) for cells in lines(nora.get("/record", **query))}

    both = {("Nora", "a (en)"), ("Ada", "a (en)")}
    assert subjects(area="revision") == both | {("Ada", "b (en)")}
    assert subjects(subject="a (en)") == both
    assert subjects(person=ada.id, area="revision") == {("Ada", "a (en)"), ("Ada", "b (en)")}
    assert subjects(person=nora.id, subject="7") == {("Nora", "7")}


def test_the_filters_stay_filled_in(nora: Teammate) -> None:
    response = nora.get("/record", person=nora.id, area="person", subject="nora@example.org")
    page = BeautifulSoup(response.text, "html.parser")
    chosen = [one["value"] for one in page.find_all("option", selected=True)]
    assert chosen == [str(nora.id), "person"]
    assert 'value="nora@example.org"' in response.text
    assert fields_without_label(response) == []


def test_where_no_line_fits_the_page_says_what_to_do(nora: Teammate) -> None:
    response = nora.get("/record", subject="none such")
    assert "No line fits. Show everything" in shown(response)
    assert link_to(response, "Show everything") == "/console/record"


@pytest.mark.parametrize(
    "query",
    [{"before": "99999999999999999999"}, {"before": "-1"}, {"before": "x"}, {"person": "9" * 30}],
)
def test_an_address_that_makes_no_sense_shows_everything(
    query: dict[str, str], nora: Teammate
) -> None:
    assert lines(nora.get("/record", **query)) == lines(nora.get("/record"))
    assert nora.get("/record.csv", **query).status_code == 200


def test_pages_follow_each_other_without_a_gap(nora: Teammate, engine: Engine) -> None:
    count = 2 * A_PAGE + 1
    note(engine, nora, *(("release.published", str(number)) for number in range(count)))
    response, seen = nora.get("/record", area="release"), list[str]()
    assert link_to(response, "Newest") is None
    for size in (A_PAGE, A_PAGE, 1):
        found = [cells[3] for cells in lines(response)]
        assert len(found) == size
        seen += found
        older = link_to(response, "Older")
        response = nora.client.get(older) if older else response
    assert seen == [str(number) for number in reversed(range(count))]
    assert older is None
    assert link_to(response, "Newest") == "/console/record?area=release"


def test_a_full_last_page_has_no_next_one(nora: Teammate, engine: Engine) -> None:
    note(engine, nora, *(("release.published", str(number)) for number in range(A_PAGE)))
    assert link_to(nora.get("/record", area="release"), "Older") is None


# --- CSV ------------------------------------------------------------------------------------------


def test_the_file_holds_the_filtered_lines_of_all_pages(nora: Teammate, engine: Engine) -> None:
    note(engine, nora, *(("release.published", str(number)) for number in range(A_PAGE + 5)))
    link = link_to(nora.get("/record", area="release"), "Download as CSV")
    assert link is not None
    response = nora.client.get(link)
    assert response.mimetype == "text/csv"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    found = rows(response)
    assert tuple(found[0]) == COLUMNS
    assert [row["subject"] for row in found] == [str(n) for n in reversed(range(A_PAGE + 5))]
    assert {(row["who"], row["action"], row["what"]) for row in found} == {
        ("Nora", "release.published", "made live release")
    }


def test_a_file_has_a_limit_and_the_next_one_begins_there(
    nora: Teammate, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_page, "MOST_LINES", 3)
    note(engine, nora, *(("release.published", str(number)) for number in range(5)))
    first = rows(nora.get("/record.csv", area="release"))
    second = rows(nora.get("/record.csv", area="release", before=first[-1]["number"]))
    assert [row["subject"] for row in first + second] == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil.example")']
)
def test_no_cell_of_the_file_is_a_formula(text: str, nora: Teammate, engine: Engine) -> None:
    note(engine, nora, ("token.made", text))
    assert rows(nora.get("/record.csv", area="token"))[0]["subject"] == f"'{text}"


def test_a_name_that_looks_like_a_formula_is_none_either(
    ada: Teammate, nora: Teammate, engine: Engine
) -> None:
    ada.post("/team", {"email": "=cmd@example.org", "name": "=1+1"})
    found = rows(nora.get("/record.csv", area="person"))
    cells = [cell for row in found for cell in row.values()]
    assert "'=cmd@example.org" in cells
    assert not [cell for cell in cells if re.match(r"[=+\-@\t\r\n]", cell)]


@pytest.mark.parametrize("text", ["", "flu-spread (en)", "a=1", "'quoted", "1-2"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


# --- words ----------------------------------------------------------------------------------------


def actions_in(file: Path) -> set[str]:
    """Return the actions that a module names outright in calls that keep the record."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        argument.value
        for call in calls
        if getattr(call.func, "id", "") in {"record", "_release", "_note"}
        for argument in call.args
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and re.fullmatch(r"[a-z]+\.[a-z_]+", argument.value)
    }


def test_every_action_has_words_and_an_area() -> None:
    files = (
        "knowledge/people.py",
        "knowledge/workflow.py",
        "knowledge/listening/handling.py",
        "knowledge/listening/terms.py",
        "knowledge/source_watch/tasks.py",
        "bot/console/account.py",
    )
    named = set[str]().union(*(actions_in(ROOT / file) for file in files))
    assert len(named) > 15
    assert {action for action in named if action not in WORDS} == set()
    assert {action.split(".")[0] for action in WORDS} == set(AREAS)


def test_a_detail_is_told_in_words() -> None:
    detail = {"role": "author", "until": None, "entries": ["a (en)", "b (en)"], "note": ""}
    assert detail_words(detail) == "role author, entries a (en); b (en)"
    assert detail_words({}) == ""
    assert words_for("person.invited") == "invited"
