"""One shape for every error of the API: RFC 9457 ``application/problem+json``.

Errors::

    Problem             an HTTP error with a title, a detail and the fields that are wrong
      (raised by views; ``handle`` also maps werkzeug's HTTP errors and everything unexpected)

No error repeats what a person wrote.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request."""

    field: str
    message: str


class Problem(Exception):
    """An error that the caller can do something about."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after


def respond(problem: Problem) -> Response:
    """Return the response for a problem."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [{"field": e.field, "message": e.message} for e in problem.errors],
    }
    response = Response(json.dumps(body), status=problem.status, content_type=MEDIA_TYPE)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def init_app(app: Flask, as_page: Callable[[int, str], Response | None]) -> None:
    """Let every error of an app leave in the one shape, or as a page for people.

    Args:
        app: the app.
        as_page: gives the page for a status and a sentence where people met it, else None.
    """

    @app.errorhandler(Problem)
    def _problem(error: Problem) -> Response:
        return respond(error)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:
            return Response(status=status, headers=list(error.get_headers()))
        detail = _detail(status, app)
        response = as_page(status, detail) or respond(Problem(status, detail))
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        logger.error("unexpected_error", exc_info=error)
        detail = "Something went wrong here. Please try again."
        return as_page(500, detail) or respond(Problem(500, detail))


def _detail(status: int, app: Flask) -> str:
    limit = app.config["MAX_CONTENT_LENGTH"]
    return {
        400: "The request cannot be read.",
        404: "There is nothing at this address.",
        405: "This address does not take that method.",
        413: f"The request is larger than {limit} bytes.",
        415: "Send JSON: Content-Type: application/json.",
    }.get(status, HTTPStatus(status).description or HTTPStatus(status).phrase)
