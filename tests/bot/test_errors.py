"""One error shape: every route, wrongly used in every way, answers ``problem+json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bot.app import MAX_BODY_BYTES
from bot.channels.api import openapi
from bot.errors import MEDIA_TYPE
from bot.sessions import Sessions
from bot.settings import BotSettings
from tests.bot.conftest import Person

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Every route that takes a body, with a good one.
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/sessions": {"locale": "en", "country": "NO"},
    "/api/v1/messages": {"text": "How does flu spread?"},
    "/api/v1/feedback": {"reply_id": "0" * 24, "rating": "helpful"},
}
SECURED = {
    ("POST", "/api/v1/messages"),
    ("POST", "/api/v1/feedback"),
    ("DELETE", "/api/v1/sessions/current"),
}
PERHAPS = {("GET", "/api/v1/banners")}
"""Routes that a session may be shown to, and need none."""
CANARY = "canary words"


def routes(app: Flask) -> Iterator[tuple[str, set[str]]]:
    """Yield every route of the app with its methods; the console's pages tell errors as pages."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("console."):
            continue
        yield rule.rule.replace("<path:filename>", "chat.css"), set(rule.methods or ())


def assert_problem(response: TestResponse, status: int) -> dict[str, Any]:
    """Check the one shape, and return it."""
    assert response.status_code == status, f"{response.request.path}: {response.text}"
    assert response.content_type == MEDIA_TYPE
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    problem: dict[str, Any] = response.get_json(force=True)
    assert list(problem) == ["type", "title", "status", "detail", "errors"]
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert all(set(error) == {"field", "message"} for error in problem["errors"])
    assert "canary" not in response.text
    return problem


def post(person: Person, path: str, **arguments: Any) -> TestResponse:
    return person.client.post(path, headers=person.headers, **arguments)


def test_the_walk_knows_every_route_with_a_body(app: Flask) -> None:
    # What takes files, not JSON, is walked in test_content_api.py.
    taken = {rule for rule, methods in routes(app) if "POST" in methods}
    assert set(BODIES) == {rule for rule in taken if not rule.startswith("/api/v1/content/")}


def test_every_secured_operation_is_walked(app: Flask) -> None:
    documented = {
        (method.upper(), path)
        for path, operations in openapi.document()["paths"].items()
        for method, operation in operations.items()
        if operation["security"] and {} not in operation["security"]
    }
    assert documented == SECURED


def test_good_bodies_are_good(alice: Person) -> None:
    for path, body in BODIES.items():
        status = post(alice, path, json=body).status_code
        assert status == (404 if path.endswith("feedback") else {"s": 201, "m": 200}[path[8]])


def test_a_wrong_method_is_405_on_every_route(app: Flask, client: FlaskClient) -> None:
    walked = 0
    for path, methods in routes(app):
        for method in set(METHODS) - methods:
            problem = assert_problem(client.open(path, method=method), 405)
            assert problem["errors"] == []
            walked += 1
    assert walked > 30


def test_a_405_names_the_right_methods(client: FlaskClient) -> None:
    response = client.get("/api/v1/messages")
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1",
        "/api/v2/messages",
        "/api/v1/sessions/",
        "/api/v1/" + CANARY,
        "/widget/static/nothing.js",
        "/widget/static/../views.py",
        "/widget/static/%2e%2e/views.py",
    ],
)
def test_an_unknown_address_is_404(client: FlaskClient, path: str) -> None:
    assert_problem(client.get(path), 404)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"canary words",
        b"\xff\xfe",
        b'{"text": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"canary words"',
        b"12",
        b"9" * 5000,
    ],
)
def test_bad_json_is_400(alice: Person, path: str, body: bytes) -> None:
    problem = assert_problem(post(alice, path, data=body, content_type="application/json"), 400)
    assert problem["errors"] == []


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "text/json"]
)
def test_another_content_type_is_415(alice: Person, path: str, kind: str) -> None:
    body = json.dumps(BODIES[path])
    assert_problem(post(alice, path, data=body, content_type=kind), 415)


@pytest.mark.parametrize("path", BODIES)
def test_json_with_a_charset_is_read(alice: Person, path: str) -> None:
    body = json.dumps(BODIES[path])
    response = post(alice, path, data=body, content_type="application/json; charset=utf-8")
    assert response.status_code not in {400, 415, 422}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("wrong", [7, True, [CANARY], {"a": CANARY}, CANARY * 20_000])
def test_a_wrong_type_is_422_and_named(alice: Person, path: str, wrong: object) -> None:
    for field in BODIES[path]:
        if isinstance(wrong, str) and len(wrong) > MAX_BODY_BYTES:
            wrong = wrong[: MAX_BODY_BYTES - 200]
        problem = assert_problem(post(alice, path, json={**BODIES[path], field: wrong}), 422)
        assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize("path", BODIES)
def test_an_unknown_field_is_422_and_not_repeated(alice: Person, path: str) -> None:
    body = {**BODIES[path], CANARY: CANARY}
    problem = assert_problem(post(alice, path, json=body), 422)
    assert [error["field"] for error in problem["errors"]] == ["(unknown field)"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/messages", "text"),
        ("/api/v1/feedback", "reply_id"),
        ("/api/v1/feedback", "rating"),
    ],
)
def test_a_missing_field_is_422_and_named(alice: Person, path: str, field: str) -> None:
    body = {name: value for name, value in BODIES[path].items() if name != field}
    problem = assert_problem(post(alice, path, json=body), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/api/v1/sessions", "country", "no"),
        ("/api/v1/sessions", "country", "NOR"),
        ("/api/v1/sessions", "country", "NO\n"),
        ("/api/v1/sessions", "locale", "../en"),
        ("/api/v1/messages", "country", "Norway"),
        ("/api/v1/messages", "text", None),
        ("/api/v1/messages", "text", "x" * 50_001),
        ("/api/v1/feedback", "reply_id", "0" * 23),
        ("/api/v1/feedback", "reply_id", "' OR 1=1"),
        ("/api/v1/feedback", "rating", CANARY),
        ("/api/v1/feedback", "reason", CANARY),
    ],
)
def test_a_wrong_value_is_422_and_named(
    alice: Person, path: str, field: str, value: object
) -> None:
    problem = assert_problem(post(alice, path, json={**BODIES[path], field: value}), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_all_wrong_fields_are_named_at_once(alice: Person) -> None:
    problem = assert_problem(post(alice, "/api/v1/feedback", json={"rating": 7, "x": 1}), 422)
    assert {error["field"] for error in problem["errors"]} == {
        "reply_id",
        "rating",
        "(unknown field)",
    }


@pytest.mark.parametrize("path", BODIES)
def test_a_body_over_the_limit_is_413(alice: Person, path: str) -> None:
    body = b'{"text": "' + b"x" * MAX_BODY_BYTES + b'"}'
    problem = assert_problem(post(alice, path, data=body, content_type="application/json"), 413)
    assert str(MAX_BODY_BYTES) in problem["detail"]


def forged(app_settings: BotSettings) -> Iterator[str]:
    yield ""
    yield "Bearer"
    yield "Bearer "
    yield "Bearer " + CANARY
    yield "Bearer é"
    good, _ = Sessions(app_settings.secret_key, 3600).start("en", None)
    other, _ = Sessions("another key, " * 5, 3600).start("en", None)
    yield f"Bearer {other}"
    yield f"Basic {good}"
    yield f"Bearer {good[:-3]}"
    yield f"Bearer {good} {good}"


@pytest.mark.parametrize(("method", "path"), sorted(SECURED))
def test_it_answers_401_to_a_forged_session(
    client: FlaskClient, settings: BotSettings, method: str, path: str
) -> None:
    for header in forged(settings):
        headers = {"Authorization": header} if header else {}
        response = client.open(path, method=method, headers=headers, json=BODIES.get(path))
        problem = assert_problem(response, 401)
        assert "/api/v1/sessions" in problem["detail"]


@pytest.mark.parametrize(("method", "path"), sorted(SECURED))
def test_it_answers_401_to_an_expired_session(
    start_app: Callable[..., Flask], settings: BotSettings, method: str, path: str
) -> None:
    client = start_app(replace(settings, session_seconds=-1)).test_client()
    person = Person(client)
    person.start()
    response = client.open(path, method=method, headers=person.headers, json=BODIES.get(path))
    assert_problem(response, 401)


@pytest.mark.parametrize(("method", "path"), sorted(PERHAPS))
def test_a_forged_session_is_refused_where_none_is_needed(
    client: FlaskClient, settings: BotSettings, method: str, path: str
) -> None:
    assert client.open(path, method=method).status_code == 200
    for header in filter(None, forged(settings)):
        response = client.open(path, method=method, headers={"Authorization": header})
        assert_problem(response, 401)


def test_a_forged_session_is_refused_before_the_body_is_read(client: FlaskClient) -> None:
    response = client.post("/api/v1/messages", data=b"x", content_type="text/plain")
    assert_problem(response, 401)


def test_an_unexpected_error_is_500_without_its_words(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError(CANARY)

    app.view_functions["api.list_topics"] = fail  # this test's own app
    problem = assert_problem(client.get("/api/v1/topics"), 500)
    assert "try again" in problem["detail"]


def test_a_doubled_slash_redirects_and_is_no_error(client: FlaskClient) -> None:
    response = client.get("/api//v1/topics")
    assert response.status_code == 308
    assert response.headers["Location"].endswith("/api/v1/topics")


@pytest.mark.parametrize("path", sorted(openapi.document()["paths"]))
def test_every_status_of_the_walk_is_documented(path: str) -> None:
    for method, operation in openapi.document()["paths"][path].items():
        codes = set(operation["responses"])
        if "requestBody" in operation:
            assert codes >= {"400", "413", "415", "422"}
        assert ("401" in codes) == ((method.upper(), path) in SECURED | PERHAPS)
