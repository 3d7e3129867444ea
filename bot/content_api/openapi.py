"""The OpenAPI 3.1 document of the content API, made from the models that the routes use."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.channels.api.schema import ProblemResponse
from bot.content_api import schema
from bot.content_api.files import MEDIA_TYPES
from bot.errors import MEDIA_TYPE
from knowledge.exporting import FORMATS

_MODELS: tuple[type[BaseModel], ...] = (
    schema.AnswersResponse,
    schema.AnswerResponse,
    schema.CheckResponse,
    schema.ImportResponse,
    schema.QuestionsResponse,
    ProblemResponse,
)
_REF = "#/components/schemas/{model}"
PROBLEMS = {
    401: "The key is missing, unknown or ended.",
    403: "The owner of the key does not have the role today.",
    404: "There is no such file or answer, or nothing is live yet.",
    409: "It cannot be done by now: somebody changed something. Nothing was changed.",
    413: "The file is too large.",
    415: "The file has another media type.",
    422: "A parameter or the file is wrong; `errors` names each place.",
    429: "Too many requests with this key; wait `Retry-After` seconds.",
    503: "The database cannot be reached; try again.",
}
ALWAYS = (401, 422, 429, 503)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Citewell content API",
            "version": "1",
            "description": (
                "For programs of the content team: answers out, changed ones back as drafts, and "
                "what people ask. It approves nothing and makes nothing live."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> dict[str, Any]:
    return {
        "/api/v1/content/answers.{ending}": {"get": _export()},
        "/api/v1/content/answers": {
            "get": _operation(
                "listAnswers", "List answers", schema.AnswersResponse, (), schema.AnswersQuery
            )
        },
        "/api/v1/content/answers/{entry_id}": {"get": _answer()},
        "/api/v1/content/check": {
            "post": _upload("checkFile", "Tell what a file would change", schema.CheckResponse)
        },
        "/api/v1/content/import": {"post": _import()},
        "/api/v1/content/questions": {
            "get": _operation(
                "listQuestions",
                "List groups of questions that got no good answer; authors",
                schema.QuestionsResponse,
                (403,),
                schema.QuestionsQuery,
            )
        },
    }


def _export() -> dict[str, Any]:
    files = {
        one.media_type.split(";")[0]: {"schema": {"type": "string", "format": "binary"}}
        for one in FORMATS.values()
    }
    tag = {"ETag": {"description": "Tells one release from another.", "schema": {"type": "string"}}}
    operation = _operation("exportAnswers", "Give all live answers as a file", None, (404, 409))
    operation["responses"]["200"] |= {"content": files, "headers": tag}
    operation["responses"]["304"] = {"description": "The same release as before.", "headers": tag}
    operation["parameters"] = [
        _path_parameter("ending", {"type": "string", "enum": sorted(FORMATS)}),
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "`ETag` of what you have.",
            "required": False,
            "schema": {"type": "string"},
        },
    ]
    return operation


def _answer() -> dict[str, Any]:
    operation = _operation(
        "showAnswer",
        "Give an answer with its revisions",
        schema.AnswerResponse,
        (404,),
        schema.AnswerQuery,
    )
    operation["parameters"].append(_path_parameter("entry_id", {"type": "string", "minLength": 1}))
    return operation


def _upload(
    name: str, summary: str, response: type[BaseModel], query: type[BaseModel] | None = None
) -> dict[str, Any]:
    problems = (403, 409, 413, 415)
    operation = _operation(name, f"{summary}; authors", response, problems, query)
    operation["requestBody"] = {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in MEDIA_TYPES
        },
    }
    return operation


def _import() -> dict[str, Any]:
    operation = _upload(
        "importFile",
        "Make drafts of a file, all or none",
        schema.ImportResponse,
        schema.ImportQuery,
    )
    done = operation["responses"]["200"]
    operation["responses"]["201"] = {**done, "description": "Drafts were made."}
    operation["responses"]["200"] = {**done, "description": "Nothing in the file is different."}
    return operation


def _operation(
    name: str,
    summary: str,
    response: type[BaseModel] | None,
    problems: tuple[int, ...],
    query: type[BaseModel] | None = None,
) -> dict[str, Any]:
    success: dict[str, Any] = {"description": summary}
    if response is not None:
        success["content"] = {"application/json": {"schema": _ref(response)}}
    told = {str(code): _problem(code) for code in sorted({*ALWAYS, *problems})}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": _query_parameters(query) if query else [],
        "responses": {"200": success, **told},
        "security": [{"key": []}],
    }


def _query_parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the parameters of an address, none of which is ever null there."""
    found = query.model_json_schema()["properties"]
    parameters = []
    for name, field in found.items():
        kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
        told = {"title", "default", "description", "anyOf"}
        plain = {key: value for key, value in kinds[0].items() if key not in told}
        parameters.append(
            {
                "name": name,
                "in": "query",
                "description": field["description"],
                "required": False,
                "schema": plain,
            }
        )
    return parameters


def _path_parameter(name: str, plain: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": plain}


def _problem(code: int) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "description": PROBLEMS[code],
        "content": {MEDIA_TYPE: {"schema": _ref(ProblemResponse)}},
    }
    if code == 429:
        problem["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return problem


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = models_json_schema(
        [(model, "serialization") for model in _MODELS], ref_template=_REF
    )[1]["$defs"]
    return found
