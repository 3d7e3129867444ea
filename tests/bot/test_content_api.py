"""The content API: for whom a program acts, what it gets, and that it makes nothing live."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trying
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from bot.console.pages import COOKIE
from bot.content_api import openapi
from bot.content_api.files import ENDINGS, MEDIA_TYPES
from bot.content_api.keys import Routes
from bot.content_api.views import PREFIX
from bot.errors import MEDIA_TYPE
from bot.settings import BotSettings
from knowledge import people, workflow
from knowledge.audit import read_audit
from knowledge.corpus_files import read_archive, write_archive
from knowledge.exporting import FORMATS
from knowledge.importing import read_incoming, undo_import
from knowledge.people import Role
from knowledge.schema import ApiToken, AskedQuestion, QuestionGroup, Revision, now
from knowledge.spreadsheet import MOST_BYTES
from knowledge.store import import_entries, live_release_id, publish, transaction
from tests.bot.conftest import make_entry
from tests.bot.test_console_exchange import changed

FLU = "flu-spread"
DOCUMENT = openapi.document()
PATHS: dict[str, dict[str, Any]] = DOCUMENT["paths"]
CSV = "text/csv"
XLSX = FORMATS["xlsx"].media_type
MEMBERS: frozenset[Role] = frozenset()
AUTHORS = frozenset({Role.AUTHOR})
DECIDED = {
    ("GET", "/answers.<ending>"): MEMBERS,
    ("GET", "/answers"): MEMBERS,
    ("GET", "/answers/<entry_id>"): MEMBERS,
    ("POST", "/check"): AUTHORS,
    ("POST", "/import"): AUTHORS,
    ("GET", "/questions"): AUTHORS,
}
"""Who may use what, decided here once more: a new route fails until somebody decides on it."""
ROUTES = [pytest.param(*route, id=" ".join(route)) for route in DECIDED]


class Program:
    """A program with the key of somebody who has some roles."""

    def __init__(self, app: Flask, engine: Engine, name: str, *roles: Role) -> None:
        self.client = app.test_client()
        self.engine = engine
        with transaction(engine) as session:
            self.person_id, _ = people.invite(
                session, f"{name}@example.org", name.title(), roles, None
            )
            self.key = people.new_api_token(session, self.person_id, "script")

    @property
    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        return {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        """Ask for something."""
        return self.client.get(
            f"{PREFIX}{path}", query_string=query, headers={**self.headers, **(headers or {})}
        )

    def post(self, path: str, content: bytes, kind: str = CSV, **query: str) -> TestResponse:
        """Send a file."""
        return self.client.post(
            f"{PREFIX}{path}",
            data=content,
            content_type=kind,
            headers=self.headers,
            query_string=query,
        )

    def use(self, method: str, rule: str) -> TestResponse:
        """Use a route of the table."""
        path = rule.replace("<ending>", "csv").replace("<entry_id>", FLU)
        return self.get(path) if method == "GET" else self.post(path, b"a,b\n1,2\n")


@pytest.fixture
def nora(app: Flask, engine: Engine) -> Program:
    """A program of Nora, who writes."""
    return Program(app, engine, "nora", Role.AUTHOR)


def assert_problem(response: TestResponse, status: int) -> dict[str, Any]:
    """Check the one shape of errors, and return it."""
    assert response.status_code == status, response.text
    assert response.content_type == MEDIA_TYPE
    assert response.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = response.get_json(force=True)
    assert list(problem) == ["type", "title", "status", "detail", "errors"]
    assert problem["detail"].endswith(".")
    return problem


def revisions(engine: Engine) -> list[tuple[str, int, str]]:
    """Return entry, number and state of every revision."""
    with transaction(engine) as session:
        rows = session.scalars(sa.select(Revision).order_by(Revision.id)).all()
        return [(row.entry_id, row.number, row.state) for row in rows]


def edited(who: Program, text: str = "Flu spreads when people cough.") -> bytes:
    """Return the live answers as CSV, the answer of one changed."""
    return changed(who.get("/answers.csv").data, FLU, "short_answer", text)


# --- who may --------------------------------------------------------------------------------------


def test_every_route_is_decided_on_here_and_described(app: Flask) -> None:
    routes = app.extensions["content_api"]
    assert isinstance(routes, Routes)
    assert routes.permissions == DECIDED
    described = {
        (method.upper(), re.sub(r"\{(\w+)\}", r"<\1>", path.removeprefix(PREFIX)))
        for path, operations in PATHS.items()
        for method in operations
    }
    assert described == set(DECIDED)
    served = {
        (method, rule.rule.removeprefix(PREFIX))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == {*DECIDED, ("GET", "/openapi.json")}


@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_a_route_opens_to_exactly_the_roles_of_the_table(
    app: Flask, engine: Engine, method: str, rule: str
) -> None:
    hands = [frozenset[Role](), *(frozenset({role}) for role in Role)]
    opened = set()
    for number, roles in enumerate(hands):
        response = Program(app, engine, f"person{number}", *roles).use(method, rule)
        assert response.status_code in {200, 403, 422}
        if response.status_code == 403:
            assert "role" in assert_problem(response, 403)["detail"]
        else:
            opened.add(roles)
    decided = DECIDED[method, rule]
    assert opened == {roles for roles in hands if not decided or decided & roles}


@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_without_a_key_that_counts_there_is_nothing(nora: Program, method: str, rule: str) -> None:
    good = nora.key
    for header in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer cw_none-such",
        f"Basic {good}",
        f"Bearer {good[:-1]}",
        f"Bearer {good} {good}",
        "Bearer é",
    ):
        path = f"{PREFIX}{rule}".replace("<ending>", "csv").replace("<entry_id>", FLU)
        headers = {"Authorization": header} if header else {}
        response = nora.client.open(path, method=method, headers=headers, data=b"x")
        assert "key" in assert_problem(response, 401)["detail"]


def test_the_consoles_cookie_counts_for_nothing(nora: Program, engine: Engine) -> None:
    with transaction(engine) as session:
        token = people.begin_sign_in(session, nora.person_id, "")
    nora.client.set_cookie(COOKIE, token, path="/")
    ours = {"Sec-Fetch-Site": "same-origin"}
    assert nora.client.get("/console/exchange").status_code == 200
    for path in ("/answers", "/answers.csv", "/questions"):
        assert_problem(nora.client.get(f"{PREFIX}{path}", headers=ours), 401)
    sent = nora.client.post(f"{PREFIX}/import", data=b"x", content_type=CSV, headers=ours)
    assert_problem(sent, 401)


def test_what_is_taken_counts_at_the_next_request(nora: Program, engine: Engine) -> None:
    content = edited(nora)
    with transaction(engine) as session:
        people.revoke(session, nora.person_id, Role.AUTHOR, None)
    assert_problem(nora.post("/import", content), 403)
    assert nora.get("/answers").status_code == 200
    with transaction(engine) as session:
        (row,) = people.api_tokens(session, nora.person_id)
        people.end_api_token(session, nora.person_id, row.token_hash)
    assert_problem(nora.get("/answers"), 401)
    assert len(revisions(engine)) == 2


def test_a_key_that_ends_while_its_file_is_read_imports_nothing(
    nora: Program, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(*arguments: Any) -> Any:
        with transaction(engine) as session:
            people.deactivate(session, nora.person_id, None)
        return read_incoming(*arguments)

    content = edited(nora)
    monkeypatch.setattr("bot.content_api.files.read_incoming", read_slowly)
    assert_problem(nora.post("/import", content), 401)
    assert len(revisions(engine)) == 2


def test_when_a_key_was_used_is_written_once_a_minute(nora: Program, engine: Engine) -> None:
    def used() -> Any:
        with transaction(engine) as session:
            return session.scalar(sa.select(ApiToken.used_at))

    assert used() is None
    nora.get("/answers")
    first = used()
    nora.get("/answers")
    assert used() == first
    with transaction(engine) as session:
        earlier = now() - timedelta(seconds=61)
        session.execute(sa.update(ApiToken).values(used_at=earlier))
    nora.get("/answers")
    assert used() > earlier


def test_each_key_has_a_limit_of_its_own(
    start_app: Callable[..., Flask], settings: BotSettings, engine: Engine
) -> None:
    app = start_app(replace(settings, content_api_limit="2/minute"))
    nora = Program(app, engine, "nora", Role.AUTHOR)
    other = Program(app, engine, "other")
    for _ in range(2):
        assert nora.get("/answers").status_code == 200
    refused = nora.get("/answers")
    assert "with this key" in assert_problem(refused, 429)["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert other.get("/answers").status_code == 200
    nora.key = "cw_guess"
    assert [nora.get("/answers").status_code for _ in range(3)] == [401, 401, 429]


# --- answers out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FORMATS)
def test_all_live_answers_come_as_a_file(nora: Program, ending: str) -> None:
    response = nora.get(f"/answers.{ending}")
    assert response.status_code == 200
    assert response.content_type == FORMATS[ending].media_type
    assert response.headers["Content-Disposition"] == f'attachment; filename="answers.{ending}"'
    pairs = read_incoming(f"a.{ending}", response.data).pairs
    assert {pair.entry.id for pair in pairs} == {FLU, "stroke-signs"}


def test_a_file_is_sent_again_only_after_a_release(nora: Program, engine: Engine) -> None:
    first = nora.get("/answers.zip")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = nora.get("/answers.zip", {"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert nora.get("/answers.csv", {"If-None-Match": tag}).status_code == 200
    with transaction(engine) as session:
        import_entries(session, [make_entry(short_answer="Flu spreads when people cough.")])
        session.execute(sa.update(Revision).values(state="approved"))
        publish(session, "next")
    after = nora.get("/answers.zip", {"If-None-Match": tag})
    assert after.status_code == 200
    assert after.headers["ETag"] != tag
    flu = next(pair for pair in read_incoming("a.zip", after.data).pairs if pair.entry.id == FLU)
    assert flu.entry.short_answer == "Flu spreads when people cough."


def test_no_cell_of_a_spreadsheet_is_a_formula(nora: Program, engine: Engine) -> None:
    with transaction(engine) as session:
        import_entries(session, [make_entry(short_answer='=HYPERLINK("https://evil.example")')])
        session.execute(sa.update(Revision).values(state="approved"))
        publish(session, "next")
    rows = list(csv.reader(io.StringIO(nora.get("/answers.csv").data.decode("utf-8-sig"))))
    cell = rows[1][rows[0].index("short_answer")]
    assert cell == '\'=HYPERLINK("https://evil.example")'


@pytest.mark.parametrize("ending", ["pdf", "yml", "CSV", "csv.csv"])
def test_another_format_is_404(nora: Program, ending: str) -> None:
    assert_problem(nora.get(f"/answers.{ending}"), 404)


def test_answers_are_listed_page_by_page(nora: Program, engine: Engine) -> None:
    nora.post("/import", edited(nora))
    first = nora.get("/answers", limit=1).get_json()
    second = nora.get("/answers", limit=1, cursor=first["next_cursor"]).get_json()
    assert second["next_cursor"] is None
    told = [*first["answers"], *second["answers"]]
    assert [
        (one["entry_id"], one["revision"], one["state"], one["live_revision"]) for one in told
    ] == [
        ("stroke-signs", 1, "imported", 1),
        (FLU, 2, "draft", 1),
    ]
    assert first["release"] == 1
    assert nora.get("/answers").get_json()["answers"] == told


def test_answers_are_found_by_topic_state_language_and_change(nora: Program) -> None:
    before = now().isoformat()
    nora.post("/import", edited(nora))

    def found(**asked: str) -> list[str]:
        response = nora.get("/answers", **asked)
        assert response.status_code == 200, response.text
        return [one["entry_id"] for one in response.get_json()["answers"]]

    assert found(topic="flu") == [FLU]
    assert found(state="draft") == [FLU]
    assert found(state="live") == ["stroke-signs", FLU]
    assert found(locale="es") == []
    assert found(changed_since=before) == [FLU]
    assert found(changed_since="2999-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/answers", "topic", "No Topic"),
        ("/answers", "topic", "x" * 81),
        ("/answers", "state", "done"),
        ("/answers", "locale", "../en"),
        ("/answers", "changed_since", "yesterday"),
        ("/answers", "changed_since", "2026-11-22T10:00:00"),
        ("/answers", "changed_since", "0001-01-01T00:00:00+23:00"),
        ("/answers", "cursor", "-1"),
        ("/answers", "cursor", "9" * 16),
        ("/answers", "limit", "0"),
        ("/answers", "limit", "201"),
        ("/answers", "limit", "many"),
        (f"/answers/{FLU}", "locale", "english"),
        ("/questions", "state", "old"),
        ("/questions", "limit", "1e9"),
    ],
)
def test_a_wrong_parameter_is_named(nora: Program, path: str, name: str, value: str) -> None:
    problem = assert_problem(nora.get(path, **{name: value}), 422)
    assert [error["field"] for error in problem["errors"]] == [name]
    assert value not in str(problem) or len(value) < 5


@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_an_unknown_parameter_is_refused_and_not_repeated(
    nora: Program, method: str, rule: str
) -> None:
    path = rule.replace("<ending>", "csv").replace("<entry_id>", FLU)
    query = {"<script>": "1"}
    response = (
        nora.get(path, **query) if method == "GET" else nora.post(path, edited(nora), **query)
    )
    problem = assert_problem(response, 422)
    assert [error["field"] for error in problem["errors"]] == ["(unknown parameter)"]


def test_a_parameter_given_twice_is_refused(nora: Program) -> None:
    problem = assert_problem(nora.get("/answers", limit=["1", "2"]), 422)
    assert problem["errors"] == [{"field": "limit", "message": "is given more than once"}]


def test_an_answer_comes_with_its_revisions(nora: Program) -> None:
    nora.post("/import", edited(nora))
    told = nora.get(f"/answers/{FLU}").get_json()
    assert told["newest"]["entry"]["short_answer"] == "Flu spreads when people cough."
    assert told["live"]["entry"]["short_answer"] == make_entry().entry.short_answer
    states = [(one["revision"], one["state"], one["is_live"]) for one in told["revisions"]]
    assert states == [(2, "draft", False), (1, "imported", True)]


@pytest.mark.parametrize("entry_id", ["none-such", "%00", "..%2f", "' OR 1=1", "x" * 2_000])
def test_an_answer_that_is_not_there_is_404(nora: Program, entry_id: str) -> None:
    assert_problem(nora.get(f"/answers/{entry_id}"), 404)
    assert_problem(nora.get(f"/answers/{FLU}", locale="es"), 404)


# --- files in -------------------------------------------------------------------------------------


def test_a_check_tells_what_would_change_and_writes_nothing(nora: Program, engine: Engine) -> None:
    before = revisions(engine)
    told = nora.post("/check", edited(nora, "Take 500 mg twice a day.")).get_json()
    assert told["readable"]
    assert (told["new"], told["changed"], told["unchanged"]) == (0, 1, 1)
    assert told["changes"] == [
        {
            "entry_id": FLU,
            "locale": "en",
            "outcome": "changed",
            "fields": ["short_answer"],
            "based_on": 1,
            "replaces_draft": False,
        }
    ]
    dose = next(one for one in told["problems"] if one["field"] == "short_answer")
    assert (dose["level"], dose["row"], dose["entry_id"], dose["line"]) == ("error", 2, FLU, None)
    assert revisions(engine) == before
    with transaction(engine) as session:
        assert not read_audit(session, area="import")


def test_a_check_tells_every_problem_with_its_place(nora: Program) -> None:
    content = changed(edited(nora), FLU, "aspect", "gossip")
    content = changed(content, "stroke-signs", "review_due", "soon")
    told = nora.post("/check", content).get_json()
    assert not told["readable"]
    assert told["checked"] is None
    places = [(one["row"], one["field"], one["entry_id"]) for one in told["problems"]]
    assert places == [(2, "aspect", FLU), (3, "review_due", "stroke-signs")]
    problem = assert_problem(nora.post("/import", content), 422)
    assert problem["detail"] == "Nothing was imported: 2 things are wrong with the file."
    assert [error["field"] for error in problem["errors"]] == [
        f"row 2, {FLU}, column aspect",
        "row 3, stroke-signs, column review_due",
    ]


def test_an_import_makes_drafts_and_nothing_live(nora: Program, engine: Engine) -> None:
    content = edited(nora)
    response = nora.post("/import", content)
    assert response.status_code == 201
    told = response.get_json()
    assert told["drafts"] == [{"entry_id": FLU, "locale": "en", "revision": 2}]
    assert revisions(engine)[2:] == [(FLU, 2, "draft")]
    with transaction(engine) as session:
        assert live_release_id(session) == 1
        ((number, line),) = read_audit(session, area="import")
    assert (number, line.who) == (told["import_id"], "Nora")
    again = nora.post("/import", content)
    assert again.status_code == 200
    assert again.get_json() == {
        "new": 0,
        "changed": 0,
        "unchanged": 2,
        "drafts": [],
        "import_id": None,
    }
    assert len(revisions(engine)) == 3
    with transaction(engine) as session:
        nora_herself = people.member(session, nora.person_id)
        assert nora_herself is not None
        assert undo_import(session, nora_herself, told["import_id"]).put_away == 1


@pytest.mark.parametrize(
    ("ending", "kinds"), [("csv", [CSV]), ("xlsx", [XLSX]), ("zip", ["application/zip"])]
)
def test_what_was_given_changes_nothing_when_it_comes_back(
    nora: Program, ending: str, kinds: list[str]
) -> None:
    content = nora.get(f"/answers.{ending}").data
    for kind in [*kinds, *(one for one, name in ENDINGS.items() if name == ending)]:
        response = nora.post("/import", content, f"{kind}; charset=utf-8")
        assert (response.status_code, response.get_json()["unchanged"]) == (200, 2)


@pytest.mark.parametrize("kind", [one for one, ending in ENDINGS.items() if ending == "yml"])
def test_one_yaml_file_is_taken(nora: Program, kind: str) -> None:
    (flu, _) = read_archive("a.zip", nora.get("/answers.zip").data)
    content = flu.content.replace(b"Flu spreads mainly", b"Flu goes round mainly")
    told = nora.post("/check", content, kind).get_json()
    assert (told["changed"], told["unchanged"]) == (1, 0)


def test_a_problem_in_yaml_has_file_and_line(nora: Program) -> None:
    files = read_archive("a.zip", nora.get("/answers.zip").data)
    spoilt = [
        file._replace(content=file.content.replace(b"aspect: spread", b"aspect: gossip"))
        for file in files
    ]
    told = nora.post("/check", write_archive(spoilt), "application/zip").get_json()
    (flaw,) = told["problems"]
    line = spoilt[0].content.decode().splitlines().index("    aspect: gossip") + 1
    assert (flaw["file"], flaw["line"], flaw["row"]) == ("flu.yml", line, None)


def test_what_was_checked_is_imported_or_nothing(nora: Program, engine: Engine) -> None:
    content = edited(nora)
    checked = nora.post("/check", content).get_json()["checked"]
    other = edited(nora, "Words that nobody checked.")
    assert_problem(nora.post("/import", other, checked=checked), 409)
    with transaction(engine) as session:
        member = people.member(session, nora.person_id)
        assert member is not None
        workflow.save_draft(session, member, make_entry(seek_care="See a doctor."), 1)
    problem = assert_problem(nora.post("/import", content, checked=checked), 409)
    assert "in between" in problem["detail"]
    assert len(revisions(engine)) == 3
    fresh = nora.post("/check", content).get_json()
    assert fresh["changes"][0]["replaces_draft"]
    assert nora.post("/import", content, checked=fresh["checked"]).status_code == 201
    assert revisions(engine)[2:] == [(FLU, 2, "replaced"), (FLU, 3, "draft")]


def test_a_review_that_a_file_claims_is_noted(nora: Program) -> None:
    (flu, _) = read_archive("a.zip", nora.get("/answers.zip").data)
    text = flu.content.decode().replace("status: source_checked", "status: clinician_reviewed")
    text = text.replace("last_reviewed: null", "last_reviewed: 2026-11-21")
    text = text.replace("reviewed_by: []", "reviewed_by: [{name: Dr. Nobody, role: doctor}]")
    told = nora.post("/check", text.encode(), "application/yaml").get_json()
    assert told["changes"] == []
    assert "An import is no review" in told["notes"][0]


@pytest.mark.parametrize("path", ["/check", "/import"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "multipart/form-data"])
def test_another_media_type_is_415(nora: Program, path: str, kind: str) -> None:
    problem = assert_problem(nora.post(path, b"x", kind), 415)
    assert all(one in problem["detail"] for one in MEDIA_TYPES)


@pytest.mark.parametrize("path", ["/check", "/import"])
def test_too_large_a_file_is_413(nora: Program, path: str) -> None:
    problem = assert_problem(nora.post(path, b"x" * (MOST_BYTES + 1)), 413)
    assert "20 MB" in problem["detail"]


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe\x00", b"PK\x03\x04", b"[" * 100_000])
def test_what_is_no_file_of_ours_is_refused_with_a_sentence(
    nora: Program, engine: Engine, kind: str, content: bytes
) -> None:
    told = nora.post("/check", content, kind).get_json()
    assert not told["readable"]
    assert all(one["message"] for one in told["problems"])
    assert assert_problem(nora.post("/import", content, kind), 422)["errors"]
    assert len(revisions(engine)) == 2


def test_five_megabytes_in_one_field_are_refused_with_place_and_limit(nora: Program) -> None:
    (flaw,) = nora.post("/check", edited(nora, "A long story. " * 360_000)).get_json()["problems"]
    assert (flaw["row"], flaw["field"]) == (2, "short_answer")
    assert "5,000 characters at most" in flaw["message"]


def test_a_script_comes_back_as_json_and_nothing_else(nora: Program) -> None:
    script = "<script>alert(1)</script>"
    response = nora.post("/import", edited(nora, script))
    assert response.status_code == 201
    answer = nora.get(f"/answers/{FLU}")
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.get_json()["newest"]["entry"]["short_answer"] == script


def test_logs_hold_nothing_of_a_file(nora: Program, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    nora.post("/import", edited(nora, "canary words"))
    nora.post("/import", b"canary,words\n1,2\n")
    assert "canary" not in caplog.text
    assert nora.key not in caplog.text


def test_a_store_that_is_away_is_503(nora: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("canary"))

    monkeypatch.setattr("bot.content_api.keys.member_of_api_token", away)
    problem = assert_problem(nora.get("/answers"), 503)
    assert "canary" not in problem["detail"]


# --- what people ask ------------------------------------------------------------------------------


def ask(session: Session, text: str, conversations: int, state: str = "new") -> None:
    """Let so many conversations ask something that gets no answer."""
    group = QuestionGroup(state=state, centre=b"", size=conversations, model="words")
    session.add(group)
    session.flush()
    for number in range(conversations):
        session.add(
            AskedQuestion(
                reply_id=f"{group.id}-{number}",
                session_key=f"{group.id}-{number}",
                text=text,
                locale="en",
                kind="no_answer",
                group_id=group.id,
            )
        )


def test_groups_of_questions_are_listed_from_three_conversations_up(
    nora: Program, engine: Engine
) -> None:
    with transaction(engine) as session:
        ask(session, "how long is a cold", 5)
        ask(session, "does honey help", 3)
        ask(session, "a secret of two", 2)
        ask(session, "answered by now", 4, "answered")
    first = nora.get("/questions", state="new", limit=1)
    told = first.get_json()
    (group,) = told["groups"]
    assert (group["wordings"], group["conversations"]) == (["how long is a cold"], 5)
    assert (told["least"], told["smaller"]) == (3, 1)
    rest = nora.get("/questions", state="new", limit=1, cursor=told["next_cursor"]).get_json()
    assert [one["wordings"] for one in rest["groups"]] == [["does honey help"]]
    assert rest["next_cursor"] is None
    assert "secret" not in nora.get("/questions").text
    assert len(nora.get("/questions").get_json()["groups"]) == 3


# --- the document ---------------------------------------------------------------------------------


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from walk(child)


def test_the_document_is_valid_and_whole(app: Flask) -> None:
    assert app.test_client().get(f"{PREFIX}/openapi.json").get_json() == DOCUMENT
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    used = {node["$ref"].rsplit("/", 1)[1] for node in walk(DOCUMENT) if "$ref" in node}
    assert used == set(DOCUMENT["components"]["schemas"])
    for name, schema in DOCUMENT["components"]["schemas"].items():
        draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        assert jsonschema_rs.meta.is_valid(draft), name
    ids = [one["operationId"] for path in PATHS.values() for one in path.values()]
    assert len(set(ids)) == len(ids) == len(DECIDED)


def conforms(path: str, response: TestResponse) -> None:
    """Check a response against what the document says of it."""
    described = PATHS[f"{PREFIX}{path}"][response.request.method.lower()]["responses"]
    (content,) = described[str(response.status_code)]["content"].values()
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(response.get_json(force=True))


def test_every_body_is_as_described(nora: Program, engine: Engine) -> None:
    with transaction(engine) as session:
        ask(session, "how long is a cold", 5)
    content = edited(nora)
    conforms("/check", nora.post("/check", content))
    conforms("/check", nora.post("/check", b"x"))
    conforms("/import", nora.post("/import", content))
    conforms("/import", nora.post("/import", content))
    conforms("/import", nora.post("/import", b"x"))
    conforms("/answers", nora.get("/answers"))
    conforms("/answers", nora.get("/answers", limit=0))
    conforms("/answers/{entry_id}", nora.get(f"/answers/{FLU}"))
    conforms("/answers/{entry_id}", nora.get("/answers/none-such"))
    conforms("/questions", nora.get("/questions"))
    lacking = nora.get("/answers").get_json()
    del lacking["answers"][0]["state"]
    schema = {"$ref": "#/components/schemas/AnswersResponse", "components": DOCUMENT["components"]}
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.Draft202012Validator(schema).validate(lacking)


def test_a_schema_based_fuzzer_finds_nothing(
    start_app: Callable[..., Flask], settings: BotSettings, engine: Engine
) -> None:
    app = start_app(replace(settings, content_api_limit="100000/minute"))
    nora = Program(app, engine, "nora", *Role)
    nora.post("/import", edited(nora))
    document = schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", app)
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) == len(DECIDED)
    for operation in operations:

        @trying(
            max_examples=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def probe(case: schemathesis.Case) -> None:
            # No schema can say which bytes are a file of answers.
            excluded = [positive_data_acceptance] if case.method == "POST" else []
            case.call_and_validate(headers=nora.headers, excluded_checks=excluded)

        probe()
