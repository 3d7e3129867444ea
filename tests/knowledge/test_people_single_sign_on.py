"""People who sign in with an account elsewhere, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge import people
from knowledge.__main__ import main
from knowledge.audit import read_audit
from knowledge.people import NotLetIn, PeopleError, Role
from knowledge.schema import Person
from knowledge.store import connect, migrate, transaction

ALICE = "alice@example.org"
SUBJECT = "https://login.example.org 4711"
PASSWORD = "four plain words here"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed for real, but with less work."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(people, "_hasher", hasher)


def invite(store: Engine, email: str = ALICE, *roles: Role) -> tuple[int, str]:
    """Invite somebody; return their id and the token of the link for a password."""
    with transaction(store) as session:
        return people.invite(session, email, email.split("@")[0].title(), roles, None)


def enter(store: Engine, subject: str = SUBJECT, email: str = ALICE) -> people.Member:
    """Sign in with an account elsewhere; return as whom."""
    with transaction(store) as session:
        token = people.sign_in_from_elsewhere(session, subject, email, "Firefox on Linux")
    with transaction(store) as session:
        member = people.member_of(session, token)
    assert member is not None
    return member


def refused(store: Engine, subject: str = SUBJECT, email: str = ALICE) -> str:
    """Fail to sign in; return the code, after a look that nothing was changed."""
    before = subjects(store)
    with pytest.raises(NotLetIn) as caught, transaction(store) as session:
        people.sign_in_from_elsewhere(session, subject, email)
    assert subjects(store) == before
    return caught.value.code


def subjects(store: Engine) -> dict[str, str | None]:
    """Return by address who is who to single sign-on."""
    with transaction(store) as session:
        return {one.email: one.sso_subject for one, _ in people.everybody(session)}


def test_the_first_time_a_verified_address_says_who_it_is_then_the_subject_alone(
    store: Engine,
) -> None:
    person_id, _ = invite(store, ALICE, Role.AUTHOR)
    invite(store, "bob@example.org")
    member = enter(store, email=" ALICE@example.org ")
    assert (member.id, member.roles) == (person_id, {Role.AUTHOR})
    for email in ("", "bob@example.org", "nobody@example.org"):
        assert enter(store, email=email).id == person_id
    assert subjects(store) == {ALICE: SUBJECT, "bob@example.org": None}


def test_somebody_elses_subject_never_gets_in_by_an_address_that_is_taken(store: Engine) -> None:
    invite(store)
    enter(store)
    assert refused(store, f"{SUBJECT}2") == "another_account"
    assert refused(store, "https://other.example 4711") == "another_account"


def test_of_two_who_come_first_at_once_one_gets_in(store: Engine) -> None:
    person_id, _ = invite(store)
    with transaction(store) as late:
        person = late.get_one(Person, person_id)
        assert person.sso_subject is None
        enter(store)
        with pytest.raises(NotLetIn, match="another account"):
            people._bind(late, person, f"{SUBJECT}2")
    assert subjects(store) == {ALICE: SUBJECT}


def test_without_an_invitation_or_a_verified_address_nobody_gets_in(store: Engine) -> None:
    invite(store)
    assert refused(store, email="bob@example.org") == "not_invited"
    assert refused(store, email="") == "no_verified_email"
    assert refused(store, email="  ") == "no_verified_email"
    assert refused(store, email="alıce@example.org") == "not_invited"


def test_who_has_left_does_not_get_in_before_somebody_lets_them(store: Engine) -> None:
    person_id, _ = invite(store)
    with transaction(store) as session:
        people.deactivate(session, person_id, None)
    assert refused(store) == "access_ended"
    with transaction(store) as session:
        people.reactivate(session, person_id, None)
    enter(store)
    with transaction(store) as session:
        people.deactivate(session, person_id, None)
    assert refused(store) == "access_ended"


def test_who_came_needs_no_link_for_a_password_any_more(store: Engine) -> None:
    _, token = invite(store)
    enter(store)
    with transaction(store) as session:
        assert people.invited(session, token) is None


def test_who_is_disconnected_is_out_and_may_come_with_another_account(store: Engine) -> None:
    person_id, _ = invite(store)
    with transaction(store) as session:
        token = people.sign_in_from_elsewhere(session, SUBJECT, ALICE)
    with transaction(store) as session:
        people.disconnect(session, person_id, None)
    with transaction(store) as session:
        assert people.member_of(session, token) is None
        newest = next(line for _, line in read_audit(session, area="person"))
    assert (newest.who, newest.action, newest.subject) == (None, "person.sso_unbound", ALICE)
    with pytest.raises(PeopleError, match="is not connected"), transaction(store) as session:
        people.disconnect(session, person_id, None)
    enter(store, f"{SUBJECT}2")
    assert refused(store) == "another_account"


@pytest.mark.parametrize(
    "act",
    [
        lambda session, person: people.revoke(session, person, Role.ADMIN, None),
        lambda session, person: people.deactivate(session, person, None),
    ],
)
def test_an_administrator_who_came_by_single_sign_on_counts_as_one(
    store: Engine, act: Callable[[Session, int], None]
) -> None:
    first, token = invite(store, ALICE, Role.ADMIN)
    with transaction(store) as session:
        people.accept(session, token, PASSWORD)
    invite(store, "bob@example.org", Role.ADMIN)
    with pytest.raises(PeopleError, match="last administrator"), transaction(store) as session:
        act(session, first)
    enter(store, email="bob@example.org")
    with transaction(store) as session:
        act(session, first)


def test_a_link_of_the_command_line_signs_an_administrator_in_once(store: Engine) -> None:
    admin, _ = invite(store, ALICE, Role.ADMIN)
    author, _ = invite(store, "bob@example.org", Role.AUTHOR)
    with transaction(store) as session:
        for person_id, by in ((author, None), (admin, admin)):
            token = people.new_invitation(session, person_id, by)
            assert people.opened_by_link(session, token) is None
            assert people.sign_in_by_link(session, token) is None
        token = people.new_invitation(session, admin, None)
    with transaction(store) as session:
        opened = people.opened_by_link(session, token)
        assert opened is not None
        assert opened.id == admin
        entered = people.sign_in_by_link(session, token, "Firefox")
    with transaction(store) as session:
        member = people.member_of(session, entered or "")
        assert member is not None
        assert member.id == admin
        assert people.sign_in_by_link(session, token) is None


def test_the_command_line_disconnects_somebody(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    engine = connect(database_url)
    migrate(engine)
    invite(engine)
    enter(engine)
    assert main(["team", "disconnect", " Alice@example.org "]) == 0
    assert "Alice is signed out" in capsys.readouterr().out
    assert subjects(engine) == {ALICE: None}
    with transaction(engine) as session:
        assert session.scalar(sa.text("SELECT count(*) FROM sign_in")) == 0
    assert main(["team", "disconnect", ALICE]) != 0
    assert "not connected" in capsys.readouterr().err
    engine.dispose()
