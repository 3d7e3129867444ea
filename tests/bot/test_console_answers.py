"""Answers in the console: the editor, the steps to live, the way back; by three people."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.console.comparing import words_compared
from bot.console.forms import fields_of
from bot.console.pages import COOKIE
from knowledge import people, workflow
from knowledge.people import Role
from knowledge.schedule import run_due
from knowledge.schema import ScheduledRelease, now
from knowledge.store import import_entries, publish, read_live, transaction
from tests.bot.conftest import make_entry

FLU = "flu-spread"
OURS = {"Sec-Fetch-Site": "same-origin"}


class Colleague:
    """Somebody of the content team in a browser of their own."""

    def __init__(self, app: Flask, engine: Engine, name: str, *roles: Role) -> None:
        self.client: FlaskClient = app.test_client()
        with transaction(engine) as session:
            self.id, _ = people.invite(session, f"{name}@example.org", name, roles, None)
            token = people.begin_sign_in(session, self.id, "")
        self.client.set_cookie(COOKIE, token, path="/console")

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(f"/console{path}")

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Send a form."""
        return self.client.post(f"/console{path}", data=fields, headers=OURS)


@pytest.fixture
def nora(app: Flask, engine: Engine) -> Colleague:
    """Nora writes."""
    return Colleague(app, engine, "nora", Role.AUTHOR)


@pytest.fixture
def rita(app: Flask, engine: Engine) -> Colleague:
    """Rita reviews."""
    return Colleague(app, engine, "rita", Role.REVIEWER)


@pytest.fixture
def paul(app: Flask, engine: Engine) -> Colleague:
    """Paul publishes."""
    return Colleague(app, engine, "paul", Role.PUBLISHER)


def live(engine: Engine) -> dict[str, str]:
    """Return the live answers."""
    with transaction(engine) as session:
        found = read_live(session)
    assert found is not None
    entries = [item.topic_entry.entry for item in found.entries]
    return {entry.id: entry.short_answer for entry in entries}


def newest(engine: Engine, entry_id: str = FLU) -> tuple[int, int, str]:
    """Return id, number and state of an entry's newest revision."""
    with transaction(engine) as session:
        revision = workflow.newest_revision(session, entry_id, "en")
        assert revision is not None
        return revision.id, revision.number, revision.state


def shown(response: TestResponse) -> str:
    """Return the text of a page, without marks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def flu(**changes: str) -> dict[str, str]:
    """Return the form of the flu entry as it is live, some fields changed."""
    return {**fields_of(make_entry()), "based_on": "1", "entry_id": FLU, **changes}


NEW = {
    "topic": "flu",
    "aspect": "prevention",
    "question": "How can I keep from getting flu?",
    "variants": "\n".join(f"keep flu away wording {number}" for number in range(10)),
    "short_answer": "A flu shot each year is the best way to lower the chance of flu.",
    "detail-0-text": "Wash your hands often.",
    "detail-0-cite": "s1",
    "urgency_level": "routine",
    "audience": "general",
    "region": "global",
    "rating": "false",
    "source-0-key": "s1",
    "source-0-publisher": "CDC",
    "source-0-title": "About Influenza",
    "source-0-url": "https://www.cdc.gov/flu/about/index.html",
    "source-0-evidence": "text_seen",
    "source-0-checked_on": "2026-11",
    "review_due": "2027-11-22",
    "change": "new",
}


# --- the whole way --------------------------------------------------------------------------------


def test_a_new_answer_goes_live_through_three_people(
    engine: Engine, nora: Colleague, rita: Colleague, paul: Colleague
) -> None:
    saved = nora.post("/answers/new", **NEW)
    assert saved.status_code == 303
    entry_id = "how-can-i-keep-from-getting-flu"
    page = nora.get(f"/answers/{entry_id}")
    assert "Wash your hands often." in page.text
    revision_id, _, state = newest(engine, entry_id)
    assert state == "draft"
    assert "how-can-i-keep" in rita.get("/answers?state=draft").text
    for person, step, after in (
        (nora, "submit", "in_review"),
        (rita, "approve", "approved"),
    ):
        done = person.post(f"/revisions/{revision_id}/{step}", note="")
        assert done.status_code == 303
        assert newest(engine, entry_id)[2] == after
    rehearsal = paul.get(f"/releases/rehearsal?revision={revision_id}")
    assert "Before it is live" in shown(rehearsal)
    assert entry_id not in live(engine)
    assert paul.post("/releases", revision=str(revision_id), note="new").status_code == 303
    assert live(engine)[entry_id] == NEW["short_answer"]


def test_what_waits_is_on_the_front_page_of_whom_it_waits_for(
    engine: Engine, nora: Colleague, rita: Colleague, paul: Colleague
) -> None:
    nora.post(f"/answers/{FLU}/edit", **flu(short_answer="Flu spreads when people cough."))
    question = "How does flu spread?"
    assert question in shown(nora.get("/"))
    assert question not in shown(rita.get("/"))
    revision_id, _, _ = newest(engine)
    nora.post(f"/revisions/{revision_id}/submit")
    assert question in shown(rita.get("/"))
    assert question not in shown(paul.get("/"))
    rita.post(f"/revisions/{revision_id}/approve")
    assert question in shown(paul.get("/"))
    assert question not in shown(rita.get("/"))
    done = paul.post("/releases", revision=[str(revision_id)], note="shorter")
    assert done.status_code == 303
    assert question not in shown(paul.get("/"))
    assert live(engine)[FLU] == "Flu spreads when people cough."
    assert "shorter" in shown(paul.get("/releases"))


def test_a_reviewer_sees_what_is_different_from_the_live_text(
    engine: Engine, nora: Colleague, rita: Colleague
) -> None:
    text = "Flu spreads mainly by droplets when people cough or talk."
    nora.post(f"/answers/{FLU}/edit", **flu(short_answer=text, change="sneeze taken out"))
    page = rita.get(f"/answers/{FLU}")
    assert "<del>" in page.text
    assert "sneeze" in "".join(re.findall(r"<del>(.*?)</del>", page.text))
    assert "sneeze taken out" in shown(page)


def test_sent_back_with_a_note_it_is_the_authors_again(
    engine: Engine, nora: Colleague, rita: Colleague
) -> None:
    nora.post(f"/answers/{FLU}/edit", **flu(short_answer="Flu spreads when people cough."))
    revision_id, _, _ = newest(engine)
    nora.post(f"/revisions/{revision_id}/submit")
    refused = rita.post(f"/revisions/{revision_id}/send_back", note="  ")
    assert refused.status_code == 409
    assert "say what is to be changed" in shown(refused)
    rita.post(f"/revisions/{revision_id}/send_back", note="name who spreads it")
    assert newest(engine)[2] == "returned"
    assert "name who spreads it" in shown(nora.get(f"/answers/{FLU}"))


def test_an_answer_is_withdrawn_and_made_live_again(engine: Engine, paul: Colleague) -> None:
    revision_id, _, _ = newest(engine)
    assert paul.post(f"/revisions/{revision_id}/withdraw", note="").status_code == 409
    assert FLU in live(engine)
    paul.post(f"/revisions/{revision_id}/withdraw", note="the page was retracted")
    assert FLU not in live(engine)
    refused = paul.post("/releases/1/live")
    assert refused.status_code == 409
    assert "which was withdrawn" in shown(refused)
    paul.post(f"/revisions/{revision_id}/reinstate", note="the page is back")
    assert FLU in live(engine)


def test_an_older_release_is_made_live_again(engine: Engine, paul: Colleague) -> None:
    with transaction(engine) as session:
        # As the command line would without a team.
        publish(session, "without stroke", frozenset({FLU}))
    assert set(live(engine)) == {FLU}
    assert paul.post("/releases/1/live").status_code == 303
    assert len(live(engine)) == 2


# --- the editor -----------------------------------------------------------------------------------


def test_the_form_holds_every_field_of_an_entry_and_gives_it_back(
    engine: Engine, nora: Colleague
) -> None:
    pair = make_entry(
        id="rich",
        aspect="myth",
        question="Is it true that flu comes from the cold?",
        variants=[f"cold air flu wording {number}" for number in range(10)],
        details=[{"text": "Flu is a virus.", "cite": ["s1"]}],
        seek_care="See a doctor if it gets worse.",
        urgency={"level": "urgent", "action": "Call a doctor today."},
        myth={"claim": "Cold air gives you flu", "rating": "false"},
        conflict="CDC and WHO do not differ here.",
        compared=[{"entry": FLU, "why": "the other tells how it spreads"}],
    )
    with transaction(engine) as session:
        import_entries(session, [pair])
    form = BeautifulSoup(nora.get("/answers/rich/edit").text, "html.parser")
    fields = {str(one["name"]): str(one["value"]) for one in form.select("input[name]")}
    for area in form.select("textarea"):
        fields[str(area["name"])] = area.text.removeprefix("\n")
    for chosen in form.select("select option[selected]"):
        assert chosen.parent is not None
        fields[str(chosen.parent["name"])] = str(chosen["value"])
    changed = nora.post("/answers/rich/edit", **{**fields, "seek_care": "See a doctor soon."})
    assert changed.status_code == 303, shown(changed)
    with transaction(engine) as session:
        revision = workflow.newest_revision(session, "rich", "en")
        assert revision is not None
        body: Any = revision.body
    before = pair.model_dump(mode="json")
    same = {"date_modified", "seek_care"}
    assert {k: v for k, v in body["entry"].items() if k not in same} == {
        k: v for k, v in before["entry"].items() if k not in same
    }
    assert body["topic"] == before["topic"]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("question", "Hm", "question"),
        ("question", "x" * 121, "may have 120 characters at most"),
        ("variants", "one\ntwo", "needs at least 3, and has 2"),
        ("short_answer", "", "write something here"),
        ("source-0-url", "www.cdc.gov", "beginning with https://"),
        ("source-0-checked_on", "last week", "2026-11 or 2026-11-22"),
        ("review_due", "soon", "write a date as 2027-01-31"),
        ("aspect", "", "choose one"),
        ("topic", "", "choose a topic"),
        ("short_answer", "x" * 20_001, "20,000 is the limit of a field"),
        ("detail-0-cite", "s9", "which no source has"),
    ],
)
def test_what_cannot_be_an_answer_is_told_by_field_and_nothing_typed_is_lost(
    engine: Engine, nora: Colleague, field: str, value: str, told: str
) -> None:
    refused = nora.post("/answers/new", **{**NEW, field: value})
    assert refused.status_code == 400
    assert told in shown(refused)
    assert "Nothing is saved yet" in shown(refused)
    kept = NEW["short_answer"] if field != "short_answer" else NEW["question"]
    assert kept in unescape(refused.text)
    with transaction(engine) as session:
        assert workflow.newest_revision(session, "how-can-i-keep-from-getting-flu", "en") is None


def test_a_new_topic_can_be_made_with_the_first_answer(engine: Engine, nora: Colleague) -> None:
    fields = {**NEW, "topic": "+", "topic_title": "Hand washing", "topic_aliases": "clean hands"}
    assert nora.post("/answers/new", **fields).status_code == 303
    assert "Hand washing" in shown(nora.get("/answers"))
    again = {**NEW, "topic": "+", "topic_title": "Flu", "question": "Something quite different?"}
    assert "there is a topic 'Flu' already" in shown(nora.post("/answers/new", **again))


def test_the_second_of_two_editors_sees_both_texts_and_loses_nothing(
    app: Flask, engine: Engine, nora: Colleague
) -> None:
    other = Colleague(app, engine, "oskar", Role.AUTHOR)
    first = flu(short_answer="Flu spreads when people cough near you.")
    second = flu(short_answer="Flu spreads through droplets in the air.")
    assert nora.post(f"/answers/{FLU}/edit", **first).status_code == 303
    conflict = other.post(f"/answers/{FLU}/edit", **second)
    assert conflict.status_code == 409
    assert "Nothing of yours is lost" in shown(conflict)
    text = unescape(conflict.text)
    assert "through droplets in the air" in re.sub(r"</?(ins|del)>", "", text)
    assert other.post(f"/answers/{FLU}/edit", **{**second, "based_on": "2"}).status_code == 303
    assert newest(engine)[1] == 3


def test_the_preview_shows_the_answer_and_what_the_checks_say(nora: Colleague) -> None:
    fine = nora.post("/answers/preview", **flu())
    assert "Flu spreads mainly by droplets" in shown(fine)
    assert "Reading grade" in shown(fine)
    dose = nora.post("/answers/preview", **flu(short_answer="Take 500 mg twice a day."))
    assert "Has to be changed: short_answer" in shown(dose)
    empty = nora.post("/answers/preview", question="What?")
    assert "Fill in the question" in shown(empty)


def test_words_that_the_checks_refuse_do_not_go_to_review(engine: Engine, nora: Colleague) -> None:
    nora.post(f"/answers/{FLU}/edit", **flu(short_answer="Take 500 mg twice a day to be cured."))
    revision_id, _, state = newest(engine)
    refused = nora.post(f"/revisions/{revision_id}/submit")
    assert refused.status_code == 409
    assert "short_answer" in shown(refused)
    assert newest(engine)[2] == state == "draft"


@pytest.mark.parametrize("name", ["question", "short_answer", "variants", "claim", "change"])
def test_marks_in_any_field_are_shown_as_text(nora: Colleague, name: str) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    value = f"{evil}\nb\nc" if name == "variants" else evil
    for response in (
        nora.post("/answers/preview", **flu(**{name: value})),
        nora.post(f"/answers/{FLU}/edit", **flu(**{name: value, "review_due": "never"})),
        nora.post(f"/answers/{FLU}/edit", **flu(**{name: value})),
        nora.get(f"/answers/{FLU}"),
        nora.get("/answers"),
        nora.get("/"),
    ):
        assert "<script>alert" not in response.text
        assert "<img src=x" not in response.text


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"flu-spread", "stroke-signs"}),
        ("words=droplets+cough", {"flu-spread", "stroke-signs"}),
        ("words=STROKE", {"stroke-signs"}),
        ("words=100%25", set()),
        ("topic=stroke", {"stroke-signs"}),
        ("state=live", {"flu-spread", "stroke-signs"}),
        ("state=draft", set()),
        ("state=nonsense", {"flu-spread", "stroke-signs"}),
        ("page=0", {"flu-spread", "stroke-signs"}),
        ("page=999", set()),
        ("page=x", {"flu-spread", "stroke-signs"}),
    ],
)
def test_the_list_finds_by_words_topic_and_state(
    nora: Colleague, query: str, found: set[str]
) -> None:
    page = nora.get(f"/answers?{query}")
    assert page.status_code == 200
    assert set(re.findall(r'/console/answers/([a-z-]+)\?locale=en"', page.text)) == found


@pytest.mark.parametrize("path", ["/answers/nothing", "/answers/nothing/edit"])
def test_what_is_not_there_is_told(nora: Colleague, path: str) -> None:
    page = nora.get(path)
    assert page.status_code == 404
    assert "There is no answer 'nothing'" in shown(page)


@pytest.mark.parametrize("step", ["approve", "nonsense"])
def test_a_step_that_is_not_there_or_not_allowed_changes_nothing(
    engine: Engine, nora: Colleague, step: str
) -> None:
    revision_id, _, state = newest(engine)
    response = nora.post(f"/revisions/{revision_id}/{step}")
    assert response.status_code in {404, 409}
    assert newest(engine)[2] == state
    assert nora.post("/revisions/999/submit").status_code == 404


# --- pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ("a b c", "a x c", [("b", "del"), ("x", "ins")]),
        ("", "new words", [("new words", "ins")]),
        ("gone", "", [("gone", "del")]),
        ("same", "same", []),
    ],
)
def test_words_are_compared_one_by_one(
    before: str, after: str, kinds: list[tuple[str, str]]
) -> None:
    left, right = words_compared(before, after)
    assert "".join(piece.text for piece in left) == before
    assert "".join(piece.text for piece in right) == after
    assert [(piece.text, piece.kind) for piece in (*left, *right) if piece.kind] == kinds


def test_a_page_of_someone_without_a_role_only_shows(
    app: Flask, engine: Engine, paul: Colleague
) -> None:
    guest = Colleague(app, engine, "guest")
    assert "no role yet" in shown(guest.get("/"))
    pages: list[Callable[[], TestResponse]] = [
        lambda: guest.get("/answers"),
        lambda: guest.get(f"/answers/{FLU}"),
        lambda: guest.get("/releases"),
    ]
    for page in pages:
        response = page()
        assert response.status_code == 200
        assert "<button>Make release" not in response.text
        assert "Withdraw" not in response.text
    assert guest.get("/answers/new").status_code == 403


# --- planned releases and signatures --------------------------------------------------------------


def approve_new_flu(nora: Colleague, rita: Colleague, engine: Engine, **form: str) -> int:
    """Let Nora change the flu answer and Rita approve it; return the revision's id."""
    nora.post(f"/answers/{FLU}/edit", **flu(short_answer="Flu spreads by coughs and sneezes."))
    revision_id, _, _ = newest(engine)
    nora.post(f"/revisions/{revision_id}/submit")
    assert rita.post(f"/revisions/{revision_id}/approve", **form).status_code == 303
    return newest(engine)[0]


def in_an_hour() -> str:
    """Return a moment as the form sends it."""
    return (now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")


def test_a_release_is_planned_called_off_taken_up_and_made(
    nora: Colleague, rita: Colleague, paul: Colleague, engine: Engine
) -> None:
    revision_id = approve_new_flu(nora, rita, engine)
    planned = paul.post("/releases/plans", revision=revision_id, run_at=in_an_hour(), note="Flu")
    assert planned.status_code == 303
    page = shown(paul.get("/releases"))
    assert "Planned" in page
    assert "Call plan 1 off" in page
    assert "Call plan 1 off" not in shown(nora.get("/releases"))
    assert paul.post("/releases/plans/1/cancel").status_code == 303
    assert paul.post("/releases/plans/1/cancel").status_code == 409
    assert "Take plan 1 up again" in shown(paul.get("/releases"))
    assert paul.post("/releases/plans/1/take-up").status_code == 303
    assert paul.post("/releases/plans/1/forget").status_code == 404
    assert "coughs" not in live(engine)[FLU]
    with transaction(engine) as session:
        session.get_one(ScheduledRelease, 1).run_at = now()
    assert run_due(engine) == 1
    assert "coughs" in live(engine)[FLU]


@pytest.mark.parametrize(
    ("run_at", "said"),
    [
        ("", "write a day and a time"),
        ("soon", "write a day and a time"),
        ("2020-01-01T10:00", "in the future"),
    ],
)
def test_a_plan_without_a_time_that_comes_is_refused(
    nora: Colleague, rita: Colleague, paul: Colleague, engine: Engine, run_at: str, said: str
) -> None:
    revision_id = approve_new_flu(nora, rita, engine)
    refused = paul.post("/releases/plans", revision=revision_id, run_at=run_at)
    assert refused.status_code == 409
    assert said in shown(refused)


def test_a_clinician_signs_and_readers_see_the_qualification(
    nora: Colleague, rita: Colleague, paul: Colleague, engine: Engine
) -> None:
    with transaction(engine) as session:
        people.set_credentials(session, rita.id, "registered nurse", None)
    revision_id = approve_new_flu(nora, rita, engine, signed="1")
    page = shown(nora.get(f"/answers/{FLU}"))
    assert "Reviewed by registered nurse on" in page
    paul.post("/releases", revision=revision_id)
    with transaction(engine) as session:
        released = read_live(session)
    assert released is not None
    entries = {one.topic_entry.entry.id: one.topic_entry.entry for one in released.entries}
    entry = entries[FLU]
    assert (entry.status, entry.reviewed_by[0].name) == ("clinician_reviewed", "rita")


def test_without_a_qualification_there_is_nothing_to_sign_with(
    nora: Colleague, rita: Colleague, engine: Engine
) -> None:
    nora.post(f"/answers/{FLU}/edit", **flu(short_answer="Flu spreads by coughs and sneezes."))
    revision_id, _, _ = newest(engine)
    nora.post(f"/revisions/{revision_id}/submit")
    assert 'name="signed"' not in rita.get(f"/answers/{FLU}").text
    refused = rita.post(f"/revisions/{revision_id}/approve", signed="1")
    assert "no qualification" in shown(refused)
    assert newest(engine)[2] == "in_review"


def test_five_megabytes_are_refused_as_a_page_and_change_nothing(
    nora: Colleague, engine: Engine
) -> None:
    before = newest(engine)
    refused = nora.post(f"/answers/{FLU}/edit", **flu(short_answer="flu " * 1_300_000))
    assert refused.status_code == 413
    assert refused.content_type == "text/html; charset=utf-8"
    assert "larger than" in shown(refused)
    long = nora.post(f"/answers/{FLU}/edit", **flu(short_answer="flu " * 6_000))
    assert long.status_code == 400
    assert "24,000 characters long; 20,000 is the limit of a field" in shown(long)
    assert newest(engine) == before
