"""The content team: accounts, sign-ins and roles, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pyotp
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge import people
from knowledge.audit import read_audit
from knowledge.people import NotAllowed, PeopleError, Role
from knowledge.schema import Invitation, Person, SignIn, now
from knowledge.store import transaction

PASSWORD = "four plain words here"
ALICE = "alice@example.org"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed for real, but with less work."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(people, "_hasher", hasher)
    monkeypatch.setattr(people, "_nobody", lambda: hasher.hash("nobody"))


def join(store: Engine, email: str = ALICE, *roles: Role, password: str = PASSWORD) -> int:
    """Let somebody in who has set a password; return their id."""
    with transaction(store) as session:
        person_id, token = people.invite(session, email, email.split("@")[0].title(), roles, None)
        people.accept(session, token, password)
        return person_id


def enter(store: Engine, email: str = ALICE, password: str = PASSWORD, code: str = "") -> str:
    """Sign in; return the token, or "" where that fails."""
    with transaction(store) as session:
        return people.sign_in(session, email, password, code, "Firefox on Linux") or ""


def who(store: Engine, token: str) -> people.Member | None:
    with transaction(store) as session:
        return people.member_of(session, token)


# --- invitations and passwords --------------------------------------------------------------------


def test_an_invited_person_sets_a_password_and_signs_in(store: Engine) -> None:
    person_id = join(store, ALICE, Role.AUTHOR)
    member = who(store, enter(store))
    assert member is not None
    assert (member.id, member.email, member.name) == (person_id, ALICE, "Alice")
    assert member.roles == {Role.AUTHOR}


def test_an_address_counts_in_any_case(store: Engine) -> None:
    join(store, "Alice@Example.ORG")
    assert enter(store, " ALICE@example.org ")
    with (
        pytest.raises(PeopleError, match="on the team already"),
        transaction(store) as session,
    ):
        people.invite(session, "aLice@example.org", "Another", (), None)


def test_an_invitation_counts_once_and_only_for_a_time(store: Engine) -> None:
    with transaction(store) as session:
        person_id, token = people.invite(session, ALICE, "Alice", (), None)
        people.accept(session, token, PASSWORD)
    with (
        pytest.raises(PeopleError, match="was used or is too old"),
        transaction(store) as session,
    ):
        people.accept(session, token, PASSWORD)
    with transaction(store) as session:
        late = people.new_invitation(session, person_id, None)
        session.execute(sa.update(Invitation).values(expires_at=now() - timedelta(seconds=1)))
        assert people.invited(session, late) is None


def test_a_newer_invitation_ends_the_older_one(store: Engine) -> None:
    with transaction(store) as session:
        person_id, first = people.invite(session, ALICE, "Alice", (), None)
        second = people.new_invitation(session, person_id, None)
        assert people.invited(session, first) is None
        assert people.invited(session, second) is not None


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("eleven char", "12 to 200 characters"),
        ("x" * 201, "12 to 200 characters"),
        ("aaaaaaaaaaaaab", "guessed at once"),
        (ALICE, "guessed at once"),
    ],
)
def test_a_weak_password_is_refused(store: Engine, password: str, reason: str) -> None:
    with transaction(store) as session:
        _, token = people.invite(session, ALICE, "Alice", (), None)
    with pytest.raises(PeopleError, match=reason), transaction(store) as session:
        people.accept(session, token, password)
    with transaction(store) as session:
        assert people.invited(session, token) is not None  # it can be tried again


@pytest.mark.parametrize("email", ["", "alice", "alice@", "a b@example.org", "a@b", "x" * 250])
def test_an_address_that_makes_no_sense_is_refused(store: Engine, email: str) -> None:
    with pytest.raises(PeopleError, match="email: write"), transaction(store) as session:
        people.invite(session, email, "Alice", (), None)


def test_nothing_in_the_store_signs_anybody_in(store: Engine) -> None:
    join(store)
    token = enter(store)
    with transaction(store) as session:
        kept = session.scalars(sa.select(SignIn.token_hash)).one()
        password_hash = session.scalars(sa.select(Person.password_hash)).one()
    assert token != kept
    assert str(password_hash).startswith("$argon2id$")
    assert who(store, kept) is None


# --- signing in -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "password"),
    [(ALICE, "four other words here"), ("bob@example.org", PASSWORD), ("", ""), (ALICE, "")],
)
def test_a_wrong_address_or_password_signs_nobody_in(
    store: Engine, email: str, password: str
) -> None:
    join(store)
    assert enter(store, email, password) == ""


def test_after_five_failures_even_the_right_password_waits(store: Engine) -> None:
    join(store)
    for _ in range(people.MOST_FAILURES):
        assert enter(store, password="wrong wrong wrong") == ""
    assert enter(store) == ""
    with transaction(store) as session:
        session.execute(sa.update(Person).values(locked_until=now() - timedelta(seconds=1)))
    assert enter(store)


def test_a_success_forgets_the_failures_before(store: Engine) -> None:
    join(store)
    for _ in range(2):
        for _ in range(people.MOST_FAILURES - 1):
            enter(store, password="wrong wrong wrong")
        assert enter(store)


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": now() - timedelta(seconds=1)},
        {"seen_at": now() - people.IDLE_FOR - timedelta(seconds=1)},
    ],
)
def test_a_sign_in_ends_by_itself(store: Engine, change: dict[str, object]) -> None:
    join(store)
    token = enter(store)
    with transaction(store) as session:
        session.execute(sa.update(SignIn).values(**change))
    assert who(store, token) is None


def test_sign_ins_end_one_by_one(store: Engine) -> None:
    person_id = join(store)
    first, second = enter(store), enter(store)
    with transaction(store) as session:
        assert len(people.sign_ins(session, person_id)) == 2
        people.end_sign_in(session, person_id, people.sign_in_hash(first))
    assert who(store, first) is None
    assert who(store, second) is not None


def test_nobody_ends_the_sign_in_of_another(store: Engine) -> None:
    join(store)
    other = join(store, "bob@example.org")
    token = enter(store)
    with transaction(store) as session:
        people.end_sign_in(session, other, people.sign_in_hash(token))
    assert who(store, token) is not None


def test_a_new_password_ends_what_was_signed_in_by_the_old_one(store: Engine) -> None:
    person_id = join(store)
    token = enter(store)
    with transaction(store) as session:
        people.accept(session, people.new_invitation(session, person_id, None), "another long one")
    assert who(store, token) is None
    assert enter(store) == ""
    assert enter(store, password="another long one")


# --- roles and access -----------------------------------------------------------------------------


def test_a_role_counts_until_its_last_day(store: Engine) -> None:
    person_id = join(store)
    day = date(2027, 1, 31)
    with transaction(store) as session:
        people.grant(session, person_id, Role.REVIEWER, day, None)
        assert people.roles_of(session, person_id, day) == {Role.REVIEWER}
        assert people.roles_of(session, person_id, day + timedelta(days=1)) == frozenset()


def test_a_role_taken_is_gone_at_the_next_look(store: Engine) -> None:
    person_id = join(store, ALICE, Role.AUTHOR, Role.PUBLISHER)
    token = enter(store)
    with transaction(store) as session:
        people.revoke(session, person_id, Role.PUBLISHER, None)
    member = who(store, token)
    assert member is not None
    assert member.roles == {Role.AUTHOR}
    with pytest.raises(NotAllowed, match="publishing needs the role “publisher”"):
        member.must_be(Role.PUBLISHER, "publishing")


def test_a_leaver_is_out_everywhere_at_once(store: Engine) -> None:
    join(store, "admin@example.org", Role.ADMIN)
    person_id = join(store, ALICE, Role.AUTHOR)
    tokens = [enter(store), enter(store)]
    with transaction(store) as session:
        key = people.new_api_token(session, person_id, "nightly export")
        link = people.new_invitation(session, person_id, None)
        assert people.member_of_api_token(session, key) is not None
        people.deactivate(session, person_id, None)
        assert people.member_of_api_token(session, key) is None
        assert people.invited(session, link) is None
    assert [who(store, token) for token in tokens] == [None, None]
    assert enter(store) == ""
    with transaction(store) as session:
        people.reactivate(session, person_id, None)
    assert who(store, tokens[0]) is None
    assert enter(store)


@pytest.mark.parametrize(
    "act",
    [
        lambda session, person: people.revoke(session, person, Role.ADMIN, None),
        lambda session, person: people.deactivate(session, person, None),
        lambda session, person: people.grant(session, person, Role.ADMIN, date.today(), None),
    ],
)
def test_the_last_administrator_stays(store: Engine, act: Callable[[Session, int], None]) -> None:
    first = join(store, ALICE, Role.ADMIN)
    with pytest.raises(PeopleError, match="last administrator"), transaction(store) as session:
        act(session, first)
    join(store, "bob@example.org", Role.ADMIN)
    with transaction(store) as session:
        act(session, first)
        assert people.roles_of(session, first, date.max) == frozenset() or not people.member(
            session, first
        )


def test_everybody_is_listed_with_their_roles(store: Engine) -> None:
    join(store, "bob@example.org", Role.AUTHOR, Role.REVIEWER)
    join(store, ALICE)
    with transaction(store) as session:
        listed = [(one.name, [row.role for row in rows]) for one, rows in people.everybody(session)]
    assert listed == [("Alice", []), ("Bob", ["author", "reviewer"])]


# --- second factor and keys -----------------------------------------------------------------------


def test_with_a_second_factor_the_password_alone_is_not_enough(store: Engine) -> None:
    person_id, secret = join(store), people.new_totp()
    totp = pyotp.TOTP(secret)
    with transaction(store) as session:
        people.confirm_totp(session, person_id, secret, totp.now())
        session.execute(sa.update(Person).values(totp_used=None))  # as if that was long ago
    assert enter(store) == ""
    assert enter(store, code="000000") == ""
    code = totp.now()
    assert enter(store, code=f" {code[:3]} {code[3:]}")
    assert enter(store, code=code) == ""  # nobody who looked on can use it again


def test_a_code_of_another_secret_sets_nothing(store: Engine) -> None:
    person_id = join(store)
    with (
        pytest.raises(PeopleError, match="not the one that the app shows"),
        transaction(store) as session,
    ):
        people.confirm_totp(session, person_id, people.new_totp(), "123456")
    assert enter(store)


def test_the_app_is_told_whose_code_it_is(store: Engine) -> None:
    join(store)
    member = who(store, enter(store))
    assert member is not None
    link = people.totp_link(member, "JBSWY3DPEHPK3PXP" * 2)
    assert link.startswith("otpauth://totp/Citewell:alice%40example.org?secret=JBSWY3DPEHPK3PXP")


def test_a_key_of_a_program_acts_for_its_owner_until_it_is_ended(store: Engine) -> None:
    person_id = join(store, ALICE, Role.AUTHOR)
    with transaction(store) as session:
        key = people.new_api_token(session, person_id, "nightly export")
        member = people.member_of_api_token(session, key)
        (row,) = people.api_tokens(session, person_id)
        assert row.used_at is not None
        people.end_api_token(session, person_id, row.token_hash)
        assert people.member_of_api_token(session, key) is None
    assert member is not None
    assert member.roles == {Role.AUTHOR}


# --- the record -----------------------------------------------------------------------------------


def test_what_administrators_do_is_on_record_without_secrets(store: Engine) -> None:
    admin = join(store, "admin@example.org", Role.ADMIN)
    with transaction(store) as session:
        person_id, token = people.invite(session, ALICE, "Alice", [Role.AUTHOR], admin)
        people.accept(session, token, PASSWORD)
        people.deactivate(session, person_id, admin)
    with transaction(store) as session:
        lines = [line for _, line in read_audit(session, subject=ALICE)]
    assert [line.action for line in lines] == [
        "person.access_ended",
        "person.password_set",
        "person.password_link",
        "person.role_given",
        "person.invited",
    ]
    assert {line.who for line in lines} == {"Admin", "Alice"}
    assert not any(secret in str(line.detail) for line in lines for secret in (token, PASSWORD))


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_record SET action = 'x'", "DELETE FROM audit_record"]
)
def test_the_database_refuses_to_change_the_record(store: Engine, statement: str) -> None:
    join(store)
    with (
        pytest.raises(sa.exc.DBAPIError, match="audit_record is append-only"),
        transaction(store) as session,
    ):
        session.execute(sa.text(statement))
