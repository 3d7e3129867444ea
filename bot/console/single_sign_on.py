"""Signing in with an account elsewhere: to the identity provider, and back from it."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Response, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from bot.console.access import TOO_MANY, agent
from bot.console.openid import (
    ATTEMPT_SECONDS,
    Attempt,
    AttemptRefused,
    IdentityRefused,
    ProviderFailed,
    SignOnDeclined,
    SignOnError,
    SingleSignOn,
)
from bot.console.pages import COOKIE, Page, Pages, Refused, Visit, own_path, page
from bot.console.team import not_oneself, tried
from bot.errors import Problem
from knowledge import people
from knowledge.people import NotLetIn, Role

logger = logging.getLogger(__name__)
ATTEMPT_COOKIE = "citewell_sso"
START_LIMIT = "30/minute"
"""Sign-ins that one address may begin: a whole office may share one."""
LONGEST_PATH = 1000
"""Characters of the page to go to afterwards: browsers keep no cookie of more than 4096."""
REASONS: dict[type[SignOnError], tuple[HTTPStatus, str]] = {
    AttemptRefused: (
        HTTPStatus.BAD_REQUEST,
        "This sign-in was not begun in this browser, is older than ten minutes, or was finished "
        "before. Please begin again.",
    ),
    SignOnDeclined: (
        HTTPStatus.FORBIDDEN,
        "You were not signed in at {name}. If you pressed cancel there, all is well; if not, begin "
        "again, and tell whoever runs Citewell the code below.",
    ),
    ProviderFailed: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "There is no proper answer from {name}. Please try again in a minute. If it stays like "
        "this, tell whoever runs Citewell the code below.",
    ),
    IdentityRefused: (
        HTTPStatus.BAD_REQUEST,
        "What {name} says about you does not pass our checks, so nobody was signed in. Please "
        "begin again. If it stays like this, tell whoever runs Citewell the code below.",
    ),
}


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""
    tries = pages.limits.of("sso", START_LIMIT, TOO_MANY)

    # A link and no form: Chromium holds the redirect after a form against ``form-action 'self'``.
    @pages.public("GET", "/sign-in/sso")
    def start_single_sign_on(session: Session) -> Page:
        """Send the browser to the provider."""
        sso = switched_on(pages)
        to = request.args.get("to", "")
        try:
            tries.hit(request.remote_addr or "unknown")
        except Problem as error:
            return page("sign_in.html", 429, to=to, email="", error=str(error))
        attempt = Attempt.begin(own_path(to) if len(to) <= LONGEST_PATH else "")
        try:
            response = redirect(sso.provider.address(attempt, redirect_uri()))
        except ProviderFailed as error:
            return failed(sso, error, to)
        response.set_cookie(
            ATTEMPT_COOKIE,
            sso.attempts.pack(attempt),
            max_age=ATTEMPT_SECONDS,
            secure=pages.is_secure,
            httponly=True,
            samesite="Lax",
            path="/console",
        )
        return response

    @pages.public("GET", "/sign-in/sso/back")
    def finish_single_sign_on(session: Session) -> Page:
        """Sign in who comes back from the provider."""
        sso = switched_on(pages)
        cookie, state = request.cookies.get(ATTEMPT_COOKIE, ""), request.args.get("state", "")
        try:
            attempt = sso.attempts.take(cookie, state)
        except AttemptRefused as error:
            # The cookie stays: it may belong to a sign-in that goes on in another tab.
            return failed(sso, error, "")
        try:
            # Before the first statement there is no transaction yet: none waits for the provider.
            identity = sso.provider.identify(request.args, attempt, redirect_uri())
            token = people.sign_in_from_elsewhere(
                session, identity.subject, identity.email, agent()
            )
        except (SignOnError, NotLetIn) as error:
            response: AnyResponse = failed(sso, error, attempt.to)
        else:
            # Whatever was signed in before in this browser ends.
            people.drop_sign_in(session, request.cookies.get(COOKIE, ""))
            response = pages.sign_in(token, attempt.to)
        response.delete_cookie(ATTEMPT_COOKIE, path="/console")
        return response

    @pages.post("/team/<int:person_id>/sso/disconnect", Role.ADMIN)
    def disconnect_single_sign_on(visit: Visit, person_id: int) -> Page:
        """Forget by which account elsewhere a person signs in."""

        def disconnect() -> None:
            not_oneself(visit, person_id, "another administrator disconnects you")
            people.disconnect(visit.session, person_id, visit.member.id)

        return tried(visit, person_id, "sso_disconnected", disconnect)


def switched_on(pages: Pages) -> SingleSignOn:
    """Return single sign-on.

    Raises:
        Refused: it is off.
    """
    if pages.sso is None:
        raise Refused(HTTPStatus.NOT_FOUND, "There is no single sign-on here.")
    return pages.sso


def redirect_uri() -> str:
    """Return the whole address at which the provider gives the browser back."""
    return url_for("console.finish_single_sign_on", _external=True)


def failed(sso: SingleSignOn, error: SignOnError | NotLetIn, to: str) -> Response:
    """Return the sign-in page with what went wrong and its code, which is logged too."""
    logger.warning("console_sso_failed", extra={"code": error.code})
    if isinstance(error, NotLetIn):
        status, sentence = HTTPStatus.FORBIDDEN, f"You are known to {sso.name}, but {error}."
    else:
        status, words = REASONS[type(error)]
        sentence = words.format(name=sso.name)
    return page("sign_in.html", status, to=to, email="", error=sentence, code=error.code)
