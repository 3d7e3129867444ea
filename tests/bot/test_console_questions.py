"""What people ask, in the console: groups, trends, terms, rumours."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from knowledge.people import Role
from knowledge.schema import AskedQuestion, QuestionGroup, RumourReport, now
from knowledge.store import transaction
from tests.bot.test_console_answers import FLU, Colleague, shown

ASKED = "is cold brew coffee bad for you"
RARE = "something that one person asked"


@pytest.fixture
def nora(app: Flask, engine: Engine) -> Colleague:
    """Nora writes."""
    return Colleague(app, engine, "nora", Role.AUTHOR)


@pytest.fixture(autouse=True)
def asked(engine: Engine) -> None:
    """Three people asked one thing, one person another; somebody reported a claim."""
    centre = np.ones(4, dtype=np.float32).tobytes()
    with transaction(engine) as session:
        for group, (text, people) in enumerate(((ASKED, 3), (RARE, 1)), start=1):
            session.add(QuestionGroup(id=group, centre=centre, size=people, model="words"))
            session.flush()
            session.add_all(
                AskedQuestion(
                    reply_id=f"r{group}{n}",
                    session_key=f"s{group}{n}",
                    at=now() - timedelta(minutes=n),
                    text=text,
                    locale="en",
                    kind="no_answer",
                    group_id=group,
                )
                for n in range(people)
            )
        session.add(RumourReport(reply_id="q1", session_key="s1", claim="onions heal it all"))


def test_only_what_several_people_asked_is_shown(nora: Colleague) -> None:
    page = nora.get("/questions")
    assert ASKED in shown(page)
    assert "3 conversations" in shown(page)
    assert RARE not in page.text
    assert "1 smaller one is not shown" in shown(page)
    assert RARE not in nora.get("/questions/groups.csv").text


def test_a_group_becomes_a_draft_and_is_taken_by_its_author(nora: Colleague) -> None:
    editor = nora.post("/questions/1/draft")
    assert editor.status_code == 200
    assert f'value="{ASKED}"' in editor.text
    assert "Save as draft" in editor.text
    assert "taken by nora" in shown(nora.get("/questions?state=taken"))


@pytest.mark.parametrize(
    ("step", "words", "state"),
    [("take", "", "taken"), ("answer", FLU, "answered"), ("reject", "off topic", "rejected")],
)
def test_a_group_goes_through_its_states_and_back(
    nora: Colleague, step: str, words: str, state: str
) -> None:
    assert nora.post(f"/questions/1/{step}", words=words).status_code == 303
    assert ASKED in shown(nora.get(f"/questions?state={state}"))
    assert ASKED not in shown(nora.get("/questions"))
    assert nora.post("/questions/1/reopen").status_code == 303
    assert ASKED in shown(nora.get("/questions"))


@pytest.mark.parametrize(
    ("step", "words"), [("answer", "no-such-entry"), ("reject", ""), ("nonsense", "")]
)
def test_a_step_that_cannot_be_is_told_and_changes_nothing(
    nora: Colleague, step: str, words: str
) -> None:
    refused = nora.post(f"/questions/1/{step}", words=words)
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert ASKED in shown(nora.get("/questions"))


def test_two_people_do_not_take_the_same_group(app: Flask, engine: Engine, nora: Colleague) -> None:
    other = Colleague(app, engine, "oskar", Role.AUTHOR)
    assert nora.post("/questions/1/take").status_code == 303
    assert other.post("/questions/1/take").status_code == 409
    assert other.post("/questions/1/draft").status_code == 409


def test_terms_are_watched_and_counted(nora: Colleague) -> None:
    assert nora.post("/questions/terms", term="Cold Brew", note="a slogan").status_code == 303
    page = shown(nora.get("/questions/trends"))
    assert "Cold Brew a slogan 3" in page
    assert nora.post("/questions/terms", term="cold brew").status_code == 400
    assert nora.post("/questions/terms/1/remove").status_code == 200
    assert "No term is watched" in shown(nora.get("/questions/trends"))


def button_form(page: TestResponse, words: str) -> tuple[str, dict[str, str]]:
    """Return where the form of a button leads, and what it sends."""
    for form in BeautifulSoup(page.text, "html.parser").find_all("form"):
        button = form.find("button")
        if button is not None and words in button.get_text():
            hidden = form.find_all("input", type="hidden")
            fields = {str(one["name"]): str(one["value"]) for one in hidden}
            return str(form["action"]).removeprefix("/console"), fields
    raise AssertionError(f"no button {words!r}")


def test_a_term_that_was_removed_comes_back_with_its_note(nora: Colleague) -> None:
    nora.post("/questions/terms", term="Cold Brew", note='he said "cold brew"')
    removed = nora.post("/questions/terms/1/remove")
    assert removed.status_code == 200
    assert "“Cold Brew” is watched no more." in shown(removed)
    path, fields = button_form(removed, "Undo")
    assert nora.post(path, **fields).status_code == 303
    assert 'Cold Brew he said "cold brew" 3' in shown(nora.get("/questions/trends"))
    again = nora.post("/questions/terms/99/remove")  # as a reload of the page would do
    assert again.status_code == 400
    assert "there is no watched term 99" in shown(again)


def test_a_term_that_is_refused_stays_in_the_form(nora: Colleague) -> None:
    refused = nora.post("/questions/terms", term="x", note="why so short")
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text
    assert "term: write 2 to 80 characters" in shown(refused)
    assert 'value="x"' in refused.text
    assert 'value="why so short"' in refused.text


@pytest.mark.parametrize(
    ("step", "words"), [("take", ""), ("answer", FLU), ("reject", "off topic")]
)
def test_each_step_with_a_group_can_be_undone_at_once(
    nora: Colleague, step: str, words: str
) -> None:
    done = nora.post(f"/questions/1/{step}", words=words, state="new")
    page = nora.get(done.headers["Location"].removeprefix("/console"))
    path, fields = button_form(page, "Undo")
    after = nora.post(path, **fields)
    assert after.status_code == 303
    assert ASKED in shown(nora.get("/questions"))
    assert "Undo" not in nora.get(after.headers["Location"].removeprefix("/console")).text


def test_a_group_of_another_language_says_so(nora: Colleague, engine: Engine) -> None:
    with transaction(engine) as session:
        session.execute(sa.update(QuestionGroup).values(locale="nb"))
    assert 'lang="nb"' in nora.get("/questions").text


def test_lists_that_are_cut_say_how_much_more_there_is(nora: Colleague, engine: Engine) -> None:
    with transaction(engine) as session:
        for number in range(35):
            session.add(
                AskedQuestion(
                    reply_id=f"t{number}",
                    session_key="s",
                    text="about it",
                    locale="en",
                    kind="answer",
                    topic=f"topic-{number}",
                )
            )
    assert "The 30 topics asked about most; 6 more in the CSV." in shown(
        nora.get("/questions/trends")
    )


def test_trends_and_rumours_are_shown(nora: Colleague) -> None:
    trends = shown(nora.get("/questions/trends"))
    assert "Surges today" in trends
    assert "no answer or a choice 4" in trends
    assert "onions heal it all" in shown(nora.get("/questions/rumours"))


@pytest.mark.parametrize("what", ["groups", "trends", "ratings"])
def test_each_list_comes_as_csv(nora: Colleague, what: str) -> None:
    response = nora.get(f"/questions/{what}.csv")
    assert response.status_code == 200
    assert response.mimetype == "text/csv"
    assert "attachment" in response.headers["Content-Disposition"]


@pytest.mark.parametrize("query", ["days=0", "days=x", "days=99999", "state=nonsense", "page=-3"])
def test_nonsense_in_the_address_does_no_harm(nora: Colleague, query: str) -> None:
    for path in ("/questions", "/questions/trends"):
        assert nora.get(f"{path}?{query}").status_code == 200
    assert nora.get("/questions/other.csv").status_code == 404
