"""The OpenAPI document of the generic webhook: valid, and true of both directions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask.testing import FlaskClient

from bot.channels.webhook import openapi
from bot.simulator.webhook.stand_in import WebhookStandIn
from tests.bot.webhook.conftest import PATH, Deliver, event
from tests.stack import wait_for

DOCUMENT = openapi.document()
REPLY_ID = "0123456789abcdef01234567"


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from walk(child)


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def request_schema() -> dict[str, Any]:
    body: dict[str, Any] = DOCUMENT["paths"][PATH]["post"]["requestBody"]
    schema: dict[str, Any] = body["content"]["application/json"]["schema"]
    return schema


def test_it_is_valid_openapi_3_1() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    for name, schema in DOCUMENT["components"]["schemas"].items():
        draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        assert jsonschema_rs.meta.is_valid(draft), name


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    references = {node["$ref"] for node in walk(DOCUMENT) if "$ref" in node}
    schemas = DOCUMENT["components"]["schemas"]
    assert references == {f"#/components/schemas/{name}" for name in schemas}


def test_it_is_served_without_a_signature(webhook_client: FlaskClient) -> None:
    response = webhook_client.get(f"{PATH}/openapi.json")
    assert (response.status_code, response.get_json()) == (200, DOCUMENT)


@pytest.mark.parametrize(
    "content",
    [
        event(country="NO"),
        event("conversation.started"),
        event("message.unreadable"),
        event("feedback.given", reply_id=REPLY_ID, rating="helpful"),
        {"type": "ping"},
        {"events": [{"id": "evt_1", "event": event()}]},
        {"events": []},
    ],
)
def test_what_the_schema_allows_is_taken(deliver: Deliver, content: dict[str, Any]) -> None:
    validator(request_schema()).validate(content)
    assert deliver(content).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        {},
        {**event(), "type": "message.sent"},
        {**event(), "timestamp": "yesterday"},
        event(text=""),
        event(person=""),
        event(country="no"),
        event(locale="en"),
        event("feedback.given", reply_id="x", rating="helpful"),
        {"events": [{"id": "evt.1", "event": event()}]},
        {"events": [event()]},
    ],
)
def test_what_the_schema_forbids_is_refused(deliver: Deliver, content: dict[str, Any]) -> None:
    assert not validator(request_schema()).is_valid(content)
    response = deliver(content)
    assert response.status_code == 422
    responses = DOCUMENT["paths"][PATH]["post"]["responses"]
    problem = responses["422"]["content"]["application/problem+json"]["schema"]
    validator(problem).validate(response.get_json(force=True))


def test_what_is_posted_is_as_described(talking: WebhookStandIn) -> None:
    for text in ("how do you catch flu", "my father has crushing chest pain"):
        talking.send(talking.write.text(talking.new_person(), text, "NO"))
    kinds = {"answer", "emergency"}
    assert wait_for(lambda: kinds <= {one["reply"]["kind"] for one in taken(talking)}, 20)
    posted = DOCUMENT["webhooks"]["reply.created"]["post"]["requestBody"]
    schema = posted["content"]["application/json"]["schema"]
    for post in talking.posts:
        validator(schema).validate(json.loads(post.body))
    broken = json.loads(talking.posts[0].body)
    del broken["data"]["reply"]["kind"]
    assert not validator(schema).is_valid(broken)


def taken(app: WebhookStandIn) -> list[dict[str, Any]]:
    return [dict(one) for one in app.taken.values()]
