"""The OpenAPI document: valid, complete, and true of what the routes really send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient

from bot.channels.api import openapi
from tests.bot.conftest import Person, ScriptedRasa, answer_payload

DOCUMENT = openapi.document()
PATHS: dict[str, dict[str, Any]] = DOCUMENT["paths"]
SELF = "/api/v1/openapi.json"


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from walk(child)


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_every_schema_is_valid_json_schema() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        assert jsonschema_rs.meta.is_valid(draft), name


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    references = [node["$ref"] for node in walk(DOCUMENT) if "$ref" in node]
    assert len(references) > 20
    for reference in references:
        prefix, _, name = reference.rpartition("/")
        assert prefix == "#/components/schemas"
        assert name in schemas


def test_every_schema_is_used() -> None:
    used = {node["$ref"].rsplit("/", 1)[1] for node in walk(DOCUMENT) if "$ref" in node}
    assert used == set(DOCUMENT["components"]["schemas"])


def test_every_route_is_described_and_every_description_has_its_route(app: Flask) -> None:
    routes = {
        (rule.rule, method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule != "/" and not rule.rule.startswith(("/answers", "/widget", "/console"))
        if not rule.rule.startswith("/api/v1/content/")  # has a document of its own
        if rule.rule != SELF
        for method in set(rule.methods or ()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, operations in PATHS.items() for method in operations}
    assert described == routes


def test_every_operation_has_an_id_of_its_own() -> None:
    operations = [operation for path in PATHS.values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"] for operation in operations)


def test_the_app_serves_it(client: FlaskClient) -> None:
    response = client.get(SELF)
    assert response.status_code == 200
    assert response.get_json() == DOCUMENT


def conforms(path: str, method: str, status: int, body: Any) -> None:
    """Check a body against what the document says of it."""
    (content,) = PATHS[path][method]["responses"][str(status)]["content"].values()
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(body)


def test_a_session_is_as_described(client: FlaskClient) -> None:
    response = client.post("/api/v1/sessions", json={"country": "NO"})
    conforms("/api/v1/sessions", "post", 201, response.get_json())


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("How does flu spread?", answer_payload()),
        (
            "How does flu spread?",
            answer_payload(myth={"claim": "x", "rating": "false"}, conflict="y", call_now=True),
        ),
        ("hi", {"kind": "notice", "code": "help", "text": "Hello!", "menu": True}),
        ("I want a person", {"kind": "notice", "code": "talk_to_person", "text": "Of course."}),
        ("x?", {"kind": "unavailable", "code": "no_release"}),
        ("I can't breathe", answer_payload()),
    ],
)
@pytest.mark.parametrize("country", ["GB", None])
def test_a_reply_is_as_described(
    alice: Person, rasa: ScriptedRasa, text: str, payload: dict[str, Any], country: str | None
) -> None:
    rasa.says(payload)
    conforms("/api/v1/messages", "post", 200, alice.say(text, country=country))


def test_a_body_that_lacks_a_field_would_not_conform(alice: Person) -> None:
    reply = alice.say("How does flu spread?")
    del reply["kind"]
    with pytest.raises(jsonschema_rs.ValidationError):
        conforms("/api/v1/messages", "post", 200, reply)


def test_the_other_bodies_are_as_described(client: FlaskClient) -> None:
    conforms("/api/v1/topics", "get", 200, client.get("/api/v1/topics").get_json())
    conforms("/healthz", "get", 200, client.get("/healthz").get_json())
    ready = client.get("/readyz")
    conforms("/readyz", "get", ready.status_code, ready.get_json())


def test_a_problem_is_as_described(client: FlaskClient) -> None:
    for status, response in (
        (422, client.post("/api/v1/sessions", json={"country": 7})),
        (400, client.post("/api/v1/sessions", data="{", content_type="application/json")),
    ):
        assert response.status_code == status
        conforms("/api/v1/sessions", "post", status, response.get_json(force=True))
