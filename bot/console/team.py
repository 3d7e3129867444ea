"""The team: who is on it, who may do what until when, letting in, and ending access at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from bot.console.account import by_field
from bot.console.entries import today
from bot.console.forms import a_year_after
from bot.console.pages import Page, Pages, Refused, Visit, done, page
from knowledge import people
from knowledge.people import ROLE_HELP, PeopleError, Role
from knowledge.schema import Person, RoleGrant, now


@dataclass(frozen=True)
class RoleHeld:
    """A role that somebody was given.

    Attributes:
        role: which.
        until: its last day, or None for no end.
        counts: whether that day is not over yet.
    """

    role: Role
    until: date | None
    counts: bool


@dataclass(frozen=True)
class Teammate:
    """Somebody on the team, as the pages show them.

    Attributes:
        id: of the person.
        name: as others see it.
        email: their address.
        is_active: whether they have access.
        has_totp: whether a code of an app is asked of them.
        state: how their access stands, in words.
        is_connected: whether they sign in with an account of single sign-on.
        credentials: what they are qualified by, as readers see it, or "".
        roles: what they were given.
    """

    id: int
    name: str
    email: str
    is_active: bool
    has_totp: bool
    state: str
    is_connected: bool
    credentials: str
    roles: tuple[RoleHeld, ...]

    def held(self, role: Role) -> RoleHeld | None:
        """Return a role as they have it, or None."""
        return next((one for one in self.roles if one.role is role), None)


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""

    @pages.get("/team", Role.ADMIN)
    def show_team(visit: Visit) -> Page:
        """List the people, and ask whom to invite."""
        return team_page(visit)

    @pages.post("/team", Role.ADMIN)
    def invite(visit: Visit) -> Page:
        """Make an account, and show the link for its password this once."""
        form = request.form
        try:
            with visit.session.begin_nested():
                roles = {
                    role: last_day(f"until-{role.value}")
                    for role in Role
                    if role.value in form.getlist("role")
                }
                person_id, token = people.invite(
                    visit.session, form.get("email", ""), form.get("name", ""), (), visit.member.id
                )
                for role, until in roles.items():
                    people.grant(visit.session, person_id, role, until, visit.member.id)
        except PeopleError as error:
            return team_page(visit, by_field(error, INVITE_FIELDS))
        return person_page(visit, person_id, link=link_of(token))

    @pages.get("/team/<int:person_id>", Role.ADMIN)
    def show_teammate(visit: Visit, person_id: int) -> Page:
        """Show one person."""
        return person_page(visit, person_id)

    @pages.post("/team/<int:person_id>/roles", Role.ADMIN)
    def give_role(visit: Visit, person_id: int) -> Page:
        """Give a role, or change its last day."""

        def give() -> None:
            role = role_asked()
            until = last_day(f"until-{role.value}")
            if role is Role.ADMIN and until is not None:
                keep_an_admin(visit, person_id)
            people.grant(visit.session, person_id, role, until, visit.member.id)

        return tried(visit, person_id, "role_given", give)

    @pages.post("/team/<int:person_id>/roles/take", Role.ADMIN)
    def take_role(visit: Visit, person_id: int) -> Page:
        """Take a role away."""

        def take() -> None:
            people.revoke(visit.session, person_id, role_asked(), visit.member.id)

        return tried(visit, person_id, "role_taken", take)

    @pages.post("/team/<int:person_id>/credentials", Role.ADMIN)
    def set_credentials(visit: Visit, person_id: int) -> Page:
        """Set what a person is qualified by."""

        def put() -> None:
            not_oneself(visit, person_id, "another administrator vouches for your qualification")
            credentials = request.form.get("credentials", "")
            people.set_credentials(visit.session, person_id, credentials, visit.member.id)

        return tried(visit, person_id, "credentials_set", put)

    @pages.post("/team/<int:person_id>/link", Role.ADMIN)
    def new_link(visit: Visit, person_id: int) -> Page:
        """Make a new link for a password, and show it this once."""
        teammate_of(visit, person_id)
        try:
            not_oneself(visit, person_id, "change your own password under “Account”")
            token = people.new_invitation(visit.session, person_id, visit.member.id)
        except PeopleError as error:
            return person_page(visit, person_id, {"": str(error)})
        return person_page(visit, person_id, link=link_of(token))

    @pages.post("/team/<int:person_id>/end", Role.ADMIN)
    def end_access(visit: Visit, person_id: int) -> Page:
        """End a person's access; the page that follows can undo it."""

        def end() -> None:
            not_oneself(visit, person_id, "your own access is ended by another administrator")
            people.deactivate(visit.session, person_id, visit.member.id)

        return tried(visit, person_id, "access_ended", end)

    @pages.post("/team/<int:person_id>/let-in", Role.ADMIN)
    def let_in(visit: Visit, person_id: int) -> Page:
        """Let a person in again."""

        def let() -> None:
            people.reactivate(visit.session, person_id, visit.member.id)

        return tried(visit, person_id, "access_given", let)

    @pages.post("/team/<int:person_id>/authenticator/remove", Role.ADMIN)
    def remove_teammates_authenticator(visit: Visit, person_id: int) -> Page:
        """Ask a person for no code any more: their phone is lost."""

        def remove() -> None:
            not_oneself(visit, person_id, "remove your own app under “Account”")
            people.remove_totp(visit.session, person_id, visit.member.id)

        return tried(visit, person_id, "totp_removed", remove)


UNTIL_FIELDS = {f"until-{role.value}": f"until-{role.value}" for role in Role}
PERSON_FIELDS = {"credentials": "credentials", **UNTIL_FIELDS}
INVITE_FIELDS = {"email": "email", "name": "name", **UNTIL_FIELDS}


def tried(visit: Visit, person_id: int, code: str, step: Callable[[], None]) -> Page:
    """Do something with a person, then show them; where it is refused, say so on that page.

    Args:
        visit: this request.
        person_id: of the person.
        code: of the message when it is done.
        step: what to do.

    Raises:
        Refused: there is no such person.
    """
    teammate_of(visit, person_id)
    try:
        with visit.session.begin_nested():
            step()
    except PeopleError as error:
        return person_page(visit, person_id, by_field(error, PERSON_FIELDS))
    # An administrator who gave up the role may not see the person's page any more.
    if Role.ADMIN not in people.roles_of(visit.session, visit.member.id):
        return done("show_start", code)
    return done("show_teammate", code, person_id=person_id)


def team_page(visit: Visit, errors: Mapping[str, str] | None = None) -> Page:
    """Show the list and the form to invite somebody.

    Args:
        visit: this request.
        errors: what is wrong with the form, by field.
    """
    typed = request.form if errors else MultiDict(suggested_ends())
    return page(
        "team.html",
        HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        visit=visit,
        person=None,
        teammates=teammates(visit),
        errors=errors or {},
        typed=typed,
        chosen=typed.getlist("role"),
        roles=ROLE_HELP,
        today=today().isoformat(),
    )


def person_page(
    visit: Visit, person_id: int, errors: Mapping[str, str] | None = None, *, link: str = ""
) -> Page:
    """Show one person.

    Args:
        visit: this request.
        person_id: of the person.
        errors: what is wrong, by field; "" for what is about no field.
        link: for their password, to be shown once.
    """
    person = teammate_of(visit, person_id)
    ends = {f"until-{one.role.value}": str(one.until or "") for one in person.roles}
    return page(
        "team.html",
        HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        visit=visit,
        person=person,
        errors=errors or {},
        typed={**suggested_ends(), **ends, **(request.form if errors else {})},
        roles=ROLE_HELP,
        today=today().isoformat(),
        link=link,
    )


def suggested_ends() -> dict[str, str]:
    """Return last days to begin with: a qualification is looked at anew each year."""
    return {f"until-{Role.REVIEWER.value}": a_year_after(today()).isoformat()}


def teammates(visit: Visit) -> list[Teammate]:
    """Return everybody, those without access last."""
    found = [_teammate(person, grants) for person, grants in people.everybody(visit.session)]
    return sorted(found, key=lambda one: not one.is_active)


def teammate_of(visit: Visit, person_id: int) -> Teammate:
    """Return one person.

    Raises:
        Refused: there is none.
    """
    found = next((one for one in teammates(visit) if one.id == person_id), None)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, f"There is no person {person_id}.")
    return found


def _teammate(person: Person, grants: Sequence[RoleGrant]) -> Teammate:
    roles = (
        RoleHeld(
            Role(one.role), one.expires_on, one.expires_on is None or one.expires_on >= today()
        )
        for one in grants
    )
    return Teammate(
        id=person.id,
        name=person.name,
        email=person.email,
        is_active=person.is_active,
        has_totp=person.totp_secret is not None,
        state=_state(person),
        is_connected=person.sso_subject is not None,
        credentials=person.credentials,
        roles=tuple(roles),
    )


def _state(person: Person) -> str:
    if not person.is_active:
        return "no access"
    if person.password_hash is None and person.sso_subject is None:
        return "invited, no password yet"
    if person.locked_until and person.locked_until > now():
        return f"locked until {person.locked_until:%H:%M} UTC"
    return "has access"


def role_asked() -> Role:
    """Return the role that the form names.

    Raises:
        PeopleError: there is no such role.
    """
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        names = ", ".join(role.value for role in Role)
        raise PeopleError(f"choose one of the roles {names}") from None


def last_day(field: str) -> date | None:
    """Return the day in a field of the form; None where it is empty.

    Raises:
        PeopleError: it is none, or is over.
    """
    text = request.form.get(field, "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise PeopleError(f"{field}: write the last day as {today()}") from None
    if day < today():
        raise PeopleError(f"{field}: {day} is over; choose today or a later day")
    return day


def keep_an_admin(visit: Visit, person_id: int) -> None:
    """Refuse what leaves nobody who is an administrator without an end.

    Raises:
        PeopleError: this is the last one.
    """
    # Taking the role, tried and undone, asks the same rule that taking it for good would.
    with visit.session.begin_nested() as attempt:
        people.revoke(visit.session, person_id, Role.ADMIN, visit.member.id)
        attempt.rollback()


def not_oneself(visit: Visit, person_id: int, instead: str) -> None:
    """Refuse to do to oneself what another administrator has to do, or asks for a password.

    Raises:
        PeopleError: it is oneself; the message says what to do instead.
    """
    if person_id == visit.member.id:
        raise PeopleError(f"not for yourself here: {instead}")


def link_of(token: str) -> str:
    """Return the whole address at which a password is set."""
    return url_for("console.show_welcome", token=token, _external=True)
