"""``python -m knowledge team``: the first administrator, and a way in when nobody has one."""

from __future__ import annotations

import argparse
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge import people
from knowledge.people import PeopleError, Role
from knowledge.schema import Person
from knowledge.settings import KnowledgeSettings
from knowledge.store import connect, migrate, transaction


def run_team(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Let people into the console, give them a new link, list them, end their access."""
    engine = connect(settings.database_url)
    migrate(engine)
    try:
        with transaction(engine) as session:
            STEPS[args.step](session, args)
    finally:
        engine.dispose()
    return 0


def _invite(session: Session, args: argparse.Namespace) -> None:
    roles = [Role(name) for name in args.role]
    _, token = people.invite(session, args.email, args.name, roles, None)
    _tell_link(token)


def _link(session: Session, args: argparse.Namespace) -> None:
    _tell_link(people.new_invitation(session, _person(session, args.email).id, None))


def _tell_link(token: str) -> None:
    print("With this link the password is set, once, within three days:")
    print(f"/console/welcome/{token}")
    print("Put the address of your Citewell before it, such as http://127.0.0.1:8000")
    print("Where only single sign-on lets in, it signs an administrator in instead, once.")


def _list(session: Session, args: argparse.Namespace) -> None:
    listed = people.everybody(session)
    for person, roles in listed:
        told = [row.role + (f" until {row.expires_on}" if row.expires_on else "") for row in roles]
        state = "" if person.is_active else " (no access)"
        print(f"{person.email}  {person.name}{state}: {', '.join(told) or 'no role'}")
    if not listed:
        print("Nobody is on the team yet: `python -m knowledge team invite --help`")


def _leave(session: Session, args: argparse.Namespace) -> None:
    person = _person(session, args.email)
    people.deactivate(session, person.id, None)
    print(f"{person.name} has no access any more")


def _role(session: Session, args: argparse.Namespace) -> None:
    person = _person(session, args.email)
    if args.take:
        people.revoke(session, person.id, Role(args.role), None)
    else:
        people.grant(session, person.id, Role(args.role), args.until, None)
    roles = ", ".join(sorted(people.roles_of(session, person.id))) or "none"
    print(f"{person.name} has the roles: {roles}")


def _credentials(session: Session, args: argparse.Namespace) -> None:
    person = _person(session, args.email)
    people.set_credentials(session, person.id, args.credentials, None)
    print(f"{person.name}: {person.credentials or 'no qualification'}")


def _disconnect(session: Session, args: argparse.Namespace) -> None:
    person = _person(session, args.email)
    people.disconnect(session, person.id, None)
    print(f"{person.name} is signed out, and connected anew at their next single sign-on")


STEPS = {
    "invite": _invite,
    "link": _link,
    "list": _list,
    "leave": _leave,
    "role": _role,
    "disconnect": _disconnect,
    "credentials": _credentials,
}


def _person(session: Session, email: str) -> Person:
    found = session.scalar(sa.select(Person).where(Person.email == email.strip().casefold()))
    if found is None:
        raise PeopleError(f"nobody on the team has the address {email}")
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the steps on the command line."""
    steps = parser.add_subparsers(dest="step", required=True)
    roles = [role.value for role in Role]
    inviting = steps.add_parser("invite", help="make an account; prints a link for the password")
    inviting.add_argument("email")
    inviting.add_argument("name")
    inviting.add_argument("--role", action="append", choices=roles, default=[])
    linking = steps.add_parser(
        "link", help="print a new link for somebody's password, or an administrator's way back in"
    )
    linking.add_argument("email")
    steps.add_parser("list", help="who is on the team, with which roles")
    leaving = steps.add_parser("leave", help="end somebody's access at once")
    leaving.add_argument("email")
    disconnecting = steps.add_parser(
        "disconnect", help="forget by which account of single sign-on somebody signs in"
    )
    disconnecting.add_argument("email")
    giving = steps.add_parser("role", help="give somebody a role, or take it")
    giving.add_argument("email")
    giving.add_argument("role", choices=roles)
    giving.add_argument("--until", type=date.fromisoformat, metavar="DAY", help="its last day")
    giving.add_argument("--take", action="store_true", help="take it instead")
    vouching = steps.add_parser("credentials", help="set what somebody is qualified by")
    vouching.add_argument("email")
    vouching.add_argument("credentials", help='such as "registered nurse"; "" for nothing')
