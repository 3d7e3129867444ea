"""Signing in and out, the first password, and an administrator's way back in."""

from __future__ import annotations

from flask import request
from sqlalchemy.orm import Session

from bot.console.pages import COOKIE, Page, Pages, Visit, done, page
from bot.errors import Problem
from knowledge import people
from knowledge.people import PeopleError

SIGN_IN_LIMIT = "10/minute"
"""Sign-ins that one address may try; an account is locked by its own failures besides."""
TOO_MANY = (
    "There were too many tries to sign in from your network. Please wait {wait} seconds, then sign "
    "in again. If it was not you, tell your administrator."
)
WRONG = (
    "The address, the password or the code is not right, or there were too many tries: after "
    f"{people.MOST_FAILURES} wrong ones an account waits for 15 minutes."
)
NO_PASSWORDS = "Nobody signs in with a password here. Use the button."


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""
    tries = pages.limits.of("sign-in", SIGN_IN_LIMIT, TOO_MANY)

    @pages.public("GET", "/sign-in")
    def show_sign_in(session: Session) -> Page:
        """Ask who it is."""
        return page("sign_in.html", to=request.args.get("to", ""), email="", error="")

    @pages.public("POST", "/sign-in")
    def sign_in(session: Session) -> Page:
        """Sign somebody in."""
        form = request.form
        email = form.get("email", "")
        to = form.get("to", "")
        if is_only(pages):
            return page("sign_in.html", 403, to=to, email=email, error=NO_PASSWORDS)
        try:
            tries.hit(request.remote_addr or "unknown")
        except Problem as error:
            return page("sign_in.html", 429, to=to, email=email, error=str(error))
        token = people.sign_in(
            session, email, form.get("password", ""), form.get("code", ""), agent()
        )
        if token is None:
            return page("sign_in.html", 401, to=to, email=email, error=WRONG)
        # Whatever was signed in before in this browser ends: nobody is left with another's session.
        people.drop_sign_in(session, request.cookies.get(COOKIE, ""))
        return pages.sign_in(token, to)

    @pages.post("/sign-out")
    def sign_out(visit: Visit) -> Page:
        """Sign out in this browser."""
        token_hash = people.sign_in_hash(request.cookies.get(COOKIE, ""))
        people.end_sign_in(visit.session, visit.member.id, token_hash)
        return pages.sign_out()

    @pages.public("GET", "/welcome/<token>")
    def show_welcome(session: Session, token: str) -> Page:
        """Ask an invited person for a password; without passwords, let an administrator in."""
        if is_only(pages):
            person = people.opened_by_link(session, token)
            return page("way_back.html", 200 if person else 404, person=person, token=token)
        person = people.invited(session, token)
        status = 200 if person else 404
        return page("welcome.html", status, person=person, token=token, error="")

    @pages.public("POST", "/welcome/<token>")
    def welcome(session: Session, token: str) -> Page:
        """Set the password; without passwords, sign an administrator in, once."""
        if is_only(pages):
            entered = people.sign_in_by_link(session, token, agent())
            if entered is None:
                return page("way_back.html", 404, person=None, token=token)
            people.drop_sign_in(session, request.cookies.get(COOKIE, ""))
            return pages.sign_in(entered, "")
        password, again = request.form.get("password", ""), request.form.get("again", "")
        error = "" if password == again else "again: the two passwords are not the same"
        if not error:
            try:
                people.accept(session, token, password)
                return done("show_sign_in", "password_set")
            except PeopleError as refused:
                error = str(refused)
        person = people.invited(session, token)
        return page("welcome.html", 400, person=person, token=token, error=error)


def is_only(pages: Pages) -> bool:
    """Tell whether nobody signs in with a password."""
    return pages.sso is not None and pages.sso.is_only


def agent() -> str:
    """Return which browser it is, in a few words."""
    told = request.user_agent.string
    browser = next((name for name in ("Firefox", "Edg", "Chrome", "Safari") if name in told), "")
    system = next(
        (name for name in ("Android", "iPhone", "Windows", "Mac", "Linux") if name in told), ""
    )
    return " on ".join(part for part in (browser or "a browser", system) if part)
