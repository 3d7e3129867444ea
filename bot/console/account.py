"""One's own account: password, where one is signed in, authenticator app, keys of programs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import segno
from flask import request, url_for

from bot.console.pages import COOKIE, Page, Pages, Visit, done, page
from bot.errors import Problem
from bot.rate_limit import RateLimit
from knowledge import people
from knowledge.audit import record
from knowledge.people import PeopleError
from knowledge.schema import Person, SignIn, now

PASSWORD_LIMIT = "10/15 minutes"  # noqa: S105 a number of tries
"""Times that one person may give the current password in their own account."""
SECRET = re.compile(r"[A-Z2-7]{32}")
"""What ``people.new_totp`` makes: the form brings it back, so it is looked at again."""
QR_SCALE = 5


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""
    wrong_passwords = pages.limits.of("passwords", PASSWORD_LIMIT)

    @pages.get("/account")
    def show_account(visit: Visit) -> Page:
        """Show one's own account."""
        return account_page(visit)

    @pages.post("/account/password")
    def change_password(visit: Visit) -> Page:
        """Change one's own password; every other browser is signed out by that."""
        given = request.form.get("password", "")
        agent = next((one.agent for one in signed_in_now(visit) if one.token_hash == here()), "")
        try:
            with visit.session.begin_nested():
                must_know_password(visit, "current", wrong_passwords)
                if given != request.form.get("again", ""):
                    raise PeopleError("again: the two passwords are not the same")
                person = visit.session.get_one(Person, visit.member.id)
                people.set_password(visit.session, person, given)
                record(visit.session, person.id, "person.password_changed", person.email)
        except PeopleError as error:
            return account_page(visit, by_field(error, PASSWORD_FIELDS))
        # The old cookie ended with the old password, so this browser gets a new one.
        token = people.begin_sign_in(visit.session, visit.member.id, agent)
        return pages.sign_in(token, url_for("console.show_account", done="password_changed"))

    @pages.post("/account/sign-ins/end")
    def end_sign_in(visit: Visit) -> Page:
        """Sign out in one browser."""
        end_sign_ins(visit, {request.form.get("sign_in", "")})
        return done("show_account", "ended")

    @pages.post("/account/sign-ins/end-others")
    def end_other_sign_ins(visit: Visit) -> Page:
        """Sign out everywhere else."""
        listed = people.sign_ins(visit.session, visit.member.id)
        end_sign_ins(visit, {one.token_hash for one in listed} - {here()})
        return done("show_account", "others_ended")

    @pages.post("/account/authenticator")
    def set_up_authenticator(visit: Visit) -> Page:
        """Show a new secret for an authenticator app; it counts once a code of it is given."""
        if visit.member.has_totp:
            return account_page(visit, HAS_AUTHENTICATOR)
        return account_page(visit, secret=people.new_totp())

    @pages.post("/account/authenticator/confirm")
    def confirm_authenticator(visit: Visit) -> Page:
        """Ask for codes of this secret from now on."""
        if visit.member.has_totp:
            return account_page(visit, HAS_AUTHENTICATOR)
        secret = request.form.get("secret", "")
        if not SECRET.fullmatch(secret):
            return account_page(visit, {"": "Begin the set-up again, please."})
        try:
            with visit.session.begin_nested():
                people.confirm_totp(
                    visit.session, visit.member.id, secret, request.form.get("code", "")
                )
        except PeopleError as error:
            return account_page(visit, by_field(error, {"code": "code"}), secret=secret)
        return done("show_account", "totp_set")

    @pages.post("/account/authenticator/remove")
    def remove_authenticator(visit: Visit) -> Page:
        """Ask for no code any more."""
        try:
            must_know_password(visit, "password_for_app", wrong_passwords)
        except PeopleError as error:
            return account_page(visit, by_field(error, {"password_for_app": "password_for_app"}))
        people.remove_totp(visit.session, visit.member.id, visit.member.id)
        return done("show_account", "totp_removed")

    @pages.post("/account/keys")
    def make_key(visit: Visit) -> Page:
        """Make a key for a program, and show it this once."""
        try:
            key = people.new_api_token(
                visit.session, visit.member.id, request.form.get("key_name", "")
            )
        except PeopleError as error:
            return account_page(visit, by_field(error, {"name": "key_name"}))
        return account_page(visit, key=key)

    @pages.post("/account/keys/end")
    def end_key(visit: Visit) -> Page:
        """End a program's key."""
        people.end_api_token(visit.session, visit.member.id, request.form.get("key", ""))
        return done("show_account", "key_ended")


PASSWORD_FIELDS = {name: name for name in ("current", "password", "again")}
HAS_AUTHENTICATOR = {"": "An authenticator app is set up already: remove it first."}


def account_page(
    visit: Visit, errors: Mapping[str, str] | None = None, *, secret: str = "", key: str = ""
) -> Page:
    """Show one's own account.

    Args:
        visit: this request.
        errors: what is wrong, by field; "" for what is about no field.
        secret: of an authenticator app that is being set up.
        key: a program's new key, to be shown once.
    """
    return page(
        "account.html",
        HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        visit=visit,
        errors=errors or {},
        person=visit.session.get_one(Person, visit.member.id),
        sign_ins=signed_in_now(visit),
        here=here(),
        keys=people.api_tokens(visit.session, visit.member.id),
        key=key,
        key_name=request.form.get("key_name", "") if not key else "",
        secret=secret,
        qr=qr_code(people.totp_link(visit.member, secret)) if secret else "",
    )


def by_field(error: PeopleError, fields: Mapping[str, str]) -> dict[str, str]:
    """Return an error by the field of the form that it is about.

    Args:
        error: "name: write a name", or a sentence about no field.
        fields: per name in an error the name of the field in the form.
    """
    name, _, sentence = str(error).partition(": ")
    return {fields[name]: sentence} if name in fields else {"": str(error)}


def must_know_password(visit: Visit, field: str, tries: RateLimit) -> None:
    """Ask once more for the password: somebody may have found the browser open.

    Args:
        visit: this request.
        field: of the form, with the password.
        tries: counts the wrong ones.

    Raises:
        PeopleError: it is wrong, or there were too many tries.
    """
    person = visit.session.get_one(Person, visit.member.id)
    try:
        tries.hit(str(person.id))
    except Problem as error:
        minutes = -(-(error.retry_after or 60) // 60)
        raise PeopleError(f"{field}: too many tries; wait {minutes} minutes") from None
    given = request.form.get(field, "")[: people.LONGEST_PASSWORD + 1]
    if not people.password_is_right(visit.session, person.id, given):
        raise PeopleError(f"{field}: this is not your password")


def here() -> str:
    """Return under which hash the sign-in of this browser is kept."""
    return people.sign_in_hash(request.cookies.get(COOKIE, ""))


def signed_in_now(visit: Visit) -> Sequence[SignIn]:
    """Return where the person is signed in, without what ended by being idle."""
    since = now() - people.IDLE_FOR
    return [one for one in people.sign_ins(visit.session, visit.member.id) if one.seen_at >= since]


def end_sign_ins(visit: Visit, hashes: set[str]) -> None:
    """End some of one's own sign-ins; what is none of them is left alone."""
    for one in people.sign_ins(visit.session, visit.member.id):
        if one.token_hash in hashes:
            people.end_sign_in(visit.session, visit.member.id, one.token_hash)


def qr_code(text: str) -> str:
    """Return a QR code as a ``data:`` address of an SVG, dark on white in every colour scheme."""
    return segno.make(text, micro=False).svg_data_uri(scale=QR_SCALE, light="white")
