"""The OpenAPI 3.1 document, made from the models that the routes use."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from bot.channels.api import schema
from bot.turn import Reply

PROBLEM = "application/problem+json"
_MODELS: tuple[type[BaseModel], ...] = (
    schema.SessionRequest,
    schema.MessageRequest,
    schema.FeedbackRequest,
    schema.SessionResponse,
    schema.TopicsResponse,
    schema.BannersResponse,
    schema.ProblemResponse,
    schema.ReadyResponse,
    schema.HealthResponse,
)
_REF = "#/components/schemas/{model}"
PROBLEMS = {
    400: "The body is not JSON.",
    401: "The session is unknown or has expired.",
    404: "There is no such reply in this session.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A field is missing or wrong; `errors` names it.",
    429: "Too many requests; wait `Retry-After` seconds.",
    503: "Cannot be done right now; try again.",
}


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Citewell API",
            "version": "1",
            "description": (
                "Health questions in, reviewed answers out, each with the CDC or WHO page it rests "
                "on. Nothing is generated."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> dict[str, Any]:
    return {
        "/api/v1/sessions": {
            "post": _operation(
                "startSession",
                "Start a session",
                201,
                schema.SessionResponse,
                (400, 413, 415, 422, 429),
                schema.SessionRequest,
                secured=False,
            )
        },
        "/api/v1/sessions/current": {
            "delete": _operation(
                "endSession", "Delete the conversation everywhere", 204, None, (401, 503)
            )
        },
        "/api/v1/messages": {
            "post": _operation(
                "sendMessage",
                "Send a message, get the reply",
                200,
                Reply,
                (400, 401, 413, 415, 422, 429),
                schema.MessageRequest,
            )
        },
        "/api/v1/feedback": {
            "post": _operation(
                "giveFeedback",
                "Say what a reply was worth",
                204,
                None,
                (400, 401, 404, 413, 415, 422, 429, 503),
                schema.FeedbackRequest,
            )
        },
        "/api/v1/topics": {
            "get": _operation(
                "listTopics",
                "List what can be asked",
                200,
                schema.TopicsResponse,
                (),
                secured=False,
            )
        },
        "/api/v1/banners": {"get": _banners()},
        "/healthz": {
            "get": _operation(
                "health", "Is the web server alive?", 200, schema.HealthResponse, (), secured=False
            )
        },
        "/readyz": {"get": _readiness()},
    }


def _banners() -> dict[str, Any]:
    shown = _operation(
        "listBanners",
        "List what is said to everybody now",
        200,
        schema.BannersResponse,
        (401, 422),
        secured=False,
    )
    country = {"type": "string", "pattern": "^[A-Z]{2}$"}
    shown["parameters"] = [
        {
            "name": "country",
            "in": "query",
            "description": "ISO 3166 code of the person's country; else the session's.",
            "required": False,
            "schema": country,
        }
    ]
    # With a session it is the banners of that session, without one those of everybody.
    shown["security"] = [{}, {"session": []}]
    return shown


def _readiness() -> dict[str, Any]:
    ready = _operation(
        "ready", "Can questions be answered?", 200, schema.ReadyResponse, (), secured=False
    )
    ready["responses"]["503"] = {
        "description": "Something is not ready; `checks` names it.",
        "content": {"application/json": {"schema": _ref(schema.ReadyResponse)}},
    }
    return ready


def _operation(
    name: str,
    summary: str,
    status: int,
    response: type | None,
    problems: tuple[int, ...],
    body: type | None = None,
    *,
    secured: bool = True,
) -> dict[str, Any]:
    success: dict[str, Any] = {"description": summary}
    if response is not None:
        success["content"] = {"application/json": {"schema": _ref(response)}}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {str(status): success, **{str(code): _problem(code) for code in problems}},
        "security": [{"session": []}] if secured else [],
    }
    if body is not None:
        content = {"application/json": {"schema": _ref(body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _problem(code: int) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "description": PROBLEMS[code],
        "content": {PROBLEM: {"schema": _ref(schema.ProblemResponse)}},
    }
    if code == 429:
        problem["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return problem


def _ref(model: type) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas() -> dict[str, Any]:
    requests = models_json_schema([(model, "validation") for model in _MODELS], ref_template=_REF)[
        1
    ]["$defs"]
    reply = TypeAdapter(Reply).json_schema(mode="serialization", ref_template=_REF)
    parts = reply.pop("$defs", {})
    return {**requests, **parts, "Reply": reply}
