"""How a page of the console comes about: who may open it, in which transaction, what if it fails.

Every route names the roles that may open it, in ``Pages.permissions``; a test walks that table for
every role. A request that writes must come from our own pages (``Sec-Fetch-Site``, else
``Origin``), which together with the ``SameSite`` cookie is what keeps other sites from writing in
somebody's name; see https://web.dev/articles/fetch-metadata.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from bot.banners import LiveBanners
from bot.console.action_server import ActionServer
from bot.console.openid import SingleSignOn
from bot.rate_limit import RateLimits
from knowledge.listening import ListeningError
from knowledge.people import Member, NotAllowed, PeopleError, Role, member_of, team_exists
from knowledge.source_watch import TaskError
from knowledge.store import transaction
from knowledge.workflow import EditConflict, WorkflowError

logger = logging.getLogger(__name__)
COOKIE = "citewell_team"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
READING = frozenset({"GET", "HEAD"})
Page = AnyResponse | str
"""What a view gives back."""


class Refused(Exception):
    """A page that cannot be shown; its message says why and what to do."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Visit:
    """One request by somebody who is signed in.

    Attributes:
        session: the transaction of this request; it is committed when the page is made.
        member: who asks.
    """

    session: Session
    member: Member


@dataclass
class Pages:
    """The routes of the console.

    Attributes:
        blueprint: where they are.
        engine: of the store.
        is_secure: whether the cookie is for HTTPS only.
        action_server: tells why a question gets what it gets, and what a release would change.
        banners: what is said to everybody now.
        banner_sites: hosts that a banner may link beside those of CDC and WHO.
        locales: languages in which the content team writes, the first one first.
        drill_pass: gives what lets the team's own chat take part in drills.
        sso: where people may sign in who have an account elsewhere, or None.
        limits: makes limits.
        permissions: per method and rule the roles that may; an empty set means everybody who is
            signed in, None everybody.
    """

    blueprint: Blueprint
    engine: Engine
    is_secure: bool
    action_server: ActionServer
    banners: LiveBanners
    banner_sites: frozenset[str]
    locales: tuple[str, ...]
    drill_pass: Callable[[], str]
    sso: SingleSignOn | None
    limits: RateLimits
    permissions: dict[tuple[str, str], frozenset[Role] | None] = field(default_factory=dict)

    def get(self, rule: str, *roles: Role) -> Callable[[Callable[..., Page]], Callable[..., Page]]:
        """Register a page that only shows; the view gets a ``Visit`` first."""
        return self._add("GET", rule, frozenset(roles))

    def post(self, rule: str, *roles: Role) -> Callable[[Callable[..., Page]], Callable[..., Page]]:
        """Register a step that writes; the view gets a ``Visit`` first."""
        return self._add("POST", rule, frozenset(roles))

    def public(
        self, method: str, rule: str
    ) -> Callable[[Callable[..., Page]], Callable[..., Page]]:
        """Register what needs no sign-in; the view gets the ``Session`` first."""
        return self._add(method, rule, None)

    def _add(
        self, method: str, rule: str, roles: frozenset[Role] | None
    ) -> Callable[[Callable[..., Page]], Callable[..., Page]]:
        self.permissions[method, rule] = roles

        def register(view: Callable[..., Page]) -> Callable[..., Page]:
            @wraps(view)
            def answer(**parts: object) -> Page:
                return self._answer(view, roles, parts)

            self.blueprint.add_url_rule(rule, view.__name__, answer, methods=[method])
            return view

        return register

    def _answer(
        self, view: Callable[..., Page], roles: frozenset[Role] | None, parts: dict[str, object]
    ) -> Page:
        try:
            refuse_other_sites()
            with transaction(self.engine) as session:
                if roles is None:
                    return view(session, **parts)
                member = member_of(session, request.cookies.get(COOKIE, ""))
                if member is None:
                    return self._to_sign_in(session)
                if roles and not roles & member.roles:
                    names = " or ".join(f"“{role.value}”" for role in sorted(roles))
                    raise NotAllowed(f"this page needs the role {names}")
                return view(Visit(session, member), **parts)
        except (Refused, ListeningError, PeopleError, TaskError, WorkflowError) as error:
            return error_page(status_of(error), str(error))
        except OverflowError:  # a number in the address that no row can have
            return error_page(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        except SQLAlchemyError as error:
            logger.warning("console_store_failed", extra={"error": type(error).__name__})
            return error_page(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The database cannot be reached. Nothing was changed; please try again.",
            )

    def _to_sign_in(self, session: Session) -> Page:
        if request.method not in READING:
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "You are not signed in any more. Sign in in another tab, then send this again.",
            )
        if not team_exists(session):
            return page("first.html")
        return redirect(url_for("console.show_sign_in", to=request.full_path.rstrip("?")))

    def sign_in(self, token: str, to: str) -> AnyResponse:
        """Go to a page, signed in."""
        response = redirect(own_path(to))
        response.set_cookie(
            COOKIE, token, secure=self.is_secure, httponly=True, samesite="Lax", path="/console"
        )
        return response

    def sign_out(self) -> AnyResponse:
        """Go to the sign-in page without a cookie."""
        response = redirect(url_for("console.show_sign_in", done="signed_out"))
        response.delete_cookie(COOKIE, path="/console")
        return response


def status_of(error: Exception) -> HTTPStatus:
    """Return the HTTP status that fits an error."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, NotAllowed):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, EditConflict):
        return HTTPStatus.CONFLICT
    return HTTPStatus.BAD_REQUEST


def refuse_other_sites() -> None:
    """Refuse a write that does not come from a page of ours.

    Raises:
        Refused: it comes from another site, or does not say where from.
    """
    if request.method in READING:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        ours = site == "same-origin"
    else:
        origin = _split(request.headers.get("Origin", ""))
        ours = origin.netloc == request.host and origin.scheme == request.scheme
    if not ours:
        raise Refused(HTTPStatus.FORBIDDEN, "This did not come from a page of the console.")


def own_path(to: str) -> str:
    """Return a path of the console; its front page where this is none."""
    parts = _split(to)
    inside = parts.path == "/console" or parts.path.startswith("/console/")
    safe = not parts.scheme and not parts.netloc and inside and to.isprintable()
    return to if safe and "\\" not in to else url_for("console.show_start")


def _split(address: str) -> SplitResult:
    """Return the parts of an address, none of what is no address."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def page(template: str, status: int = 200, **words: object) -> Response:
    """Return a page."""
    response = make_response(render_template(f"console/{template}", **words), status)
    response.headers["Content-Security-Policy"] = CSP
    response.headers["Cache-Control"] = "no-store"
    return response


def error_page(status: HTTPStatus, message: str) -> Response:
    """Return a page that says what went wrong."""
    return page("error.html", status, title=status.phrase, message=message)


def done(endpoint: str, code: str, **parts: Any) -> AnyResponse:
    """Go to a page that says that something was done.

    Args:
        endpoint: of the page.
        code: of the message, a key of ``messages.MESSAGES``.
        parts: of the page's address.
    """
    return redirect(url_for(f"console.{endpoint}", done=code, **parts), HTTPStatus.SEE_OTHER)
