"""Calls of the Graph API read as the platform reads them, whatever way they are written in."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from bot.simulator.meta.errors import GraphError, Refusal
from bot.simulator.server import Call


def parameters_of(call: Call) -> dict[str, Any]:
    """Return what a call says in its address and its body, which is JSON or a form.

    Raises:
        GraphError: the body is neither.
    """
    found: dict[str, Any] = {key: _read(value) for key, value in call.query.items()}
    if call.headers.get("content-type", "").startswith("application/json") and call.body:
        found |= _object_in(call.body)
    elif call.body:
        form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
        found |= {key: _read(value) for key, value in form.items()}
    return found


def _object_in(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise GraphError(Refusal(100, "(#100) The body is not valid JSON.")) from error
    if not isinstance(found, dict):
        raise GraphError(Refusal(100, "(#100) The body is not a JSON object."))
    return found


def _read(value: str) -> Any:
    """Return a field of a form; objects and lists come as JSON."""
    if not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def take_token(call: Call, parameters: dict[str, Any]) -> str:
    """Return the access token of a call, and take it out of the parameters."""
    given = str(parameters.pop("access_token", ""))
    scheme, _, bearer = call.headers.get("authorization", "").partition(" ")
    return given or (bearer if scheme in {"Bearer", "OAuth"} else "")


def is_same(given: str, right: str) -> bool:
    """Compare two secrets."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def names_in(parameters: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of names that comes as JSON or with commas between."""
    given = parameters.get(key, "")
    items = given if isinstance(given, list) else str(given).split(",")
    return [str(item) for item in items if item]


def missing(what: str, method: str) -> GraphError:
    """Return what is said of an object or an edge that there is not."""
    return GraphError(
        Refusal(
            100,
            f"Unsupported {method.lower()} request. Object with ID '{what}' does not exist, cannot"
            " be loaded due to missing permissions, or does not support this operation",
            subcode=33,
            kind="GraphMethodException",
        )
    )
