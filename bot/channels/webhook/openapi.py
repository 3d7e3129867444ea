"""The OpenAPI 3.1 document of the generic webhook: what it takes, and what it posts."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.json_schema import models_json_schema

from bot.channels.webhook import schema
from bot.turn import Reply

PATH = "/webhooks/generic"
REPLY_CREATED = "reply.created"
_REF = "#/components/schemas/{model}"
_EVENTS = ("MessageReceived", "ConversationStarted", "MessageUnreadable", "FeedbackGiven", "Ping")
HEADERS = {
    "webhook-id": "What the event is called: the same each time that it is sent.",
    "webhook-timestamp": "Time of this attempt, in seconds since 1970.",
    "webhook-signature": "Signatures with a space between: v1, a comma, and the HMAC-SHA256 of "
    "id.timestamp.body in base64.",
}
PROBLEMS = {
    400: "The body is not JSON.",
    403: "The signature is missing, wrong, or made more than 5 minutes ago.",
    413: "The body is too large.",
    422: "A field is missing or wrong; `errors` names it. Nothing was stored.",
    503: "Cannot be stored right now; send it again.",
}


class ReplyData(BaseModel):
    """A reply, to whom it goes, and how it can be shown without any form."""

    account: str = Field(description="As the event had it; empty where it had none.")
    person: str = Field(description="As the event had it.")
    texts: list[str] = Field(description="The reply as plain texts, to be shown in this order.")


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Citewell's generic webhook",
            "version": "1",
            "description": "Events in, signed; replies out, signed: https://www.standardwebhooks.com",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {PATH: {"post": _taken()}},
        "webhooks": {REPLY_CREATED: {"post": _posted()}},
        "components": {"schemas": _schemas()},
    }


def _taken() -> dict[str, Any]:
    success = {
        "description": "Taken; also where it had come before.",
        "content": {"application/json": {"schema": _ref("Accepted")}},
    }
    return {
        "operationId": "receiveEvents",
        "summary": "Tell what people did",
        "parameters": _headers(),
        "requestBody": _body([_ref(name) for name in (*_EVENTS, "EventBatch")]),
        "responses": {"200": success, **{str(code): _problem(code) for code in PROBLEMS}},
        "security": [],
    }


def _posted() -> dict[str, Any]:
    return {
        "operationId": "replyCreated",
        "summary": "Posted to CITEWELL_WEBHOOK_REPLY_URL for each reply, until it is taken",
        "parameters": _headers(),
        "requestBody": _body([_ref("ReplyCreated")]),
        "responses": {"2XX": {"description": "Taken. The body of the answer is not read."}},
        "security": [],
    }


def _headers() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in HEADERS.items()
    ]


def _body(forms: list[dict[str, str]]) -> dict[str, Any]:
    form = forms[0] if len(forms) == 1 else {"oneOf": forms}
    return {"required": True, "content": {"application/json": {"schema": form}}}


def _problem(code: int) -> dict[str, Any]:
    return {
        "description": PROBLEMS[code],
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


def _schemas() -> dict[str, Any]:
    models = (schema.EventBatch, schema.Accepted, ReplyData)
    _, found = models_json_schema([(one, "validation") for one in models], ref_template=_REF)
    reply = TypeAdapter(Reply).json_schema(mode="serialization", ref_template=_REF)
    parts = reply.pop("$defs", {})
    schemas = {**found["$defs"], **parts, "Reply": reply, "Problem": _PROBLEM}
    data = schemas["ReplyData"]
    data["properties"]["reply"] = _ref("Reply")
    data["required"] = [*data["required"], "reply"]
    return {**schemas, "ReplyCreated": _REPLY_CREATED}


_REPLY_CREATED = {
    "type": "object",
    "description": "Later versions may add fields.",
    "properties": {
        "type": {"const": REPLY_CREATED},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": {"$ref": _REF.format(model="ReplyData")},
    },
    "required": ["type", "timestamp", "data"],
}
_PROBLEM = {
    "type": "object",
    "description": "An error, RFC 9457.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "errors"],
}
