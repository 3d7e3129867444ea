"""The cited pages, in the console: tasks, and looks on demand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.console.record import WORDS
from bot.event_log import EventLog
from knowledge.audit import record
from knowledge.people import Role
from knowledge.schema import Heartbeat, ReviewTask, SourceCheck, now
from knowledge.source_watch.looks import ALL_PAGES, BEGAN, LOOKED, REQUESTED
from knowledge.store import transaction
from tests.bot.console.conftest import fields_without_label, repeated_ids
from tests.bot.test_console_answers import FLU, Colleague, shown

GONE = "s1 “About Influenza”: The page is gone (404)."


@pytest.fixture
def rita(app: Flask, engine: Engine) -> Colleague:
    """Rita reviews."""
    return Colleague(app, engine, "rita", Role.REVIEWER)


@pytest.fixture
def worker(engine: Engine) -> None:
    """A worker that is alive."""
    EventLog(engine).beat("worker")


def add_task(engine: Engine, entry_id: str = FLU) -> None:
    with transaction(engine) as session:
        session.add(ReviewTask(entry_id=entry_id, locale="en", reason="source", detail=GONE))


def note(engine: Engine, action: str, subject: str = ALL_PAGES, **detail: object) -> None:
    with transaction(engine) as session:
        record(session, None, action, subject, **detail)


def buttons(page: TestResponse) -> list[str]:
    """Return what the buttons of a page's main part say."""
    main = BeautifulSoup(page.text, "html.parser").find("main")
    assert main is not None
    return [one.get_text() for one in main.find_all("button")]


def test_a_task_is_done_and_opened_again(rita: Colleague, engine: Engine) -> None:
    add_task(engine)
    assert GONE in shown(rita.get("/sources"))
    done = rita.post("/sources/tasks/1/done")
    page = rita.get(done.headers["Location"].removeprefix("/console"))
    assert "0 open." in shown(page)
    assert "Undo: open it again" in buttons(page)
    assert rita.post("/sources/tasks/1/reopen").status_code == 303
    assert GONE in shown(rita.get("/sources"))
    assert rita.post("/sources/tasks/1/reopen").status_code == 409
    assert rita.post("/sources/tasks/1/nonsense").status_code == 409


def test_a_look_is_asked_for_once(rita: Colleague, engine: Engine, worker: None) -> None:
    assert "The pages were not looked at yet." in shown(rita.get("/sources"))
    asked = rita.post("/sources/look")
    assert asked.status_code == 303
    page = rita.get("/sources?done=look_asked")
    assert "The look at the pages begins within a minute." in shown(page)
    assert "rita asked for a look on" in shown(page)
    assert "Look at the pages now" not in buttons(page)
    assert rita.post("/sources/look").status_code == 303
    assert shown(rita.get("/record?area=sources")).count("asked for a look at") == 1


@pytest.mark.parametrize("silent", [None, timedelta(minutes=4)])
def test_a_worker_that_is_not_there_is_told(
    rita: Colleague, engine: Engine, silent: timedelta | None
) -> None:
    if silent:
        with transaction(engine) as session:
            session.add(Heartbeat(process="worker", at=now() - silent))
    rita.post("/sources/look")
    assert "the worker, which looks at the pages, does not answer" in shown(rita.get("/sources"))


def test_a_running_look_tells_how_far_it_is(rita: Colleague, engine: Engine) -> None:
    note(engine, BEGAN, pages=3)
    with transaction(engine) as session:
        session.add(SourceCheck(url="https://www.cdc.gov/x", outcome="ok"))
    page = rita.get("/sources")
    assert "1 of 3 pages" in shown(page)
    assert 'max="3" value="1"' in page.text
    refused = rita.post("/sources/look")
    assert refused.status_code == 409
    assert "are being looked at now" in shown(refused)


def test_what_came_of_the_last_look_is_told(rita: Colleague, engine: Engine) -> None:
    note(engine, BEGAN, pages=3)
    note(engine, LOOKED, pages=3, read=2, changed=1, tasks=1)
    page = shown(rita.get("/sources"))
    assert "3 pages, 2 of them could be read. 1 had changed, and 1 task was opened." in page
    assert "You can ask again from" in page
    refused = rita.post("/sources/look")
    assert refused.status_code == 409
    assert "the last look began at" in shown(refused)


def test_a_look_that_reached_no_site_is_told(rita: Colleague, engine: Engine) -> None:
    note(engine, BEGAN, pages=3)
    note(engine, LOOKED, online=False)
    assert "no cited site could be reached from here" in shown(rita.get("/sources"))


def test_the_pages_of_one_answer_are_looked_at_beside_its_task(
    rita: Colleague, engine: Engine
) -> None:
    add_task(engine)
    assert rita.post("/sources/look", entry_id=FLU, locale="en").status_code == 303
    page = rita.get("/sources")
    assert "A look at its pages begins within a minute." in shown(page)
    assert "Look at its pages now" not in buttons(page)
    note(engine, BEGAN, f"{FLU} (en)", pages=1)
    note(engine, LOOKED, f"{FLU} (en)", pages=1, read=0, changed=0, tasks=0)
    page = rita.get("/sources")
    assert "0 of 1 could be read." in shown(page)
    assert "Look at its pages now" in buttons(page)
    assert rita.post("/sources/look", entry_id=FLU, locale="en").status_code == 409
    gone = rita.post("/sources/look", entry_id="no-such-answer", locale="en")
    assert gone.status_code == 409
    assert "no-such-answer is not live" in shown(gone)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.AUTHOR, {"Look at the pages now", "Done", "Look at its pages now"}),
        (Role.REVIEWER, {"Look at the pages now", "Done", "Look at its pages now"}),
        (Role.PUBLISHER, {"Look at the pages now", "Look at its pages now"}),
        (Role.ADMIN, set()),
    ],
)
def test_everybody_sees_the_buttons_of_their_roles(
    app: Flask, engine: Engine, role: Role, expected: set[str]
) -> None:
    add_task(engine)
    zoe = Colleague(app, engine, "zoe", role)
    assert set(buttons(zoe.get("/sources"))) == expected
    if not expected:
        assert zoe.post("/sources/look").status_code == 403


def test_many_tasks_come_in_pages(rita: Colleague, engine: Engine) -> None:
    for number in range(101):
        add_task(engine, f"entry-{number}")
    first, second = rita.get("/sources"), rita.get("/sources?page=2")
    assert "101 open, page 1 of 2." in shown(first)
    assert "entry-100" not in first.text
    assert "entry-100" in second.text
    assert "entry-99" not in second.text
    for odd in ("page=-1", "page=x", "page=99", "task=x", "task=-1"):
        assert rita.get(f"/sources?{odd}").status_code == 200


def test_the_page_can_be_used_without_seeing_it(rita: Colleague, engine: Engine) -> None:
    add_task(engine)
    note(engine, BEGAN, pages=3)
    page = rita.get("/sources")
    assert fields_without_label(page) == []
    assert repeated_ids(page) == set()
    headings = BeautifulSoup(page.text, "html.parser").find_all(["h1", "h2", "h3"])
    assert [one.name for one in headings] == ["h1", "h2", "h2"]


def test_what_is_on_record_has_words() -> None:
    assert {REQUESTED, BEGAN, LOOKED} <= set(WORDS)
