"""The content team: who they are, how they sign in, what they may do.

Errors::

    PeopleError         what was asked cannot be done; the message says why and what to do
      NotAllowed        the person has no role that may do this
      NotLetIn          single sign-on knows somebody who has no access here

A password is stored as an Argon2id hash, a cookie's value as a SHA-256 hash: whoever reads the
database can sign in as nobody. All rights are looked up anew at each request, so that what an
administrator takes away is gone at once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache

import pyotp
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from knowledge.audit import LONGEST_SUBJECT, record
from knowledge.schema import ApiToken, AuditRecord, Invitation, Person, RoleGrant, SignIn, now

LONGEST_CREDENTIALS = 120
LEAST_PASSWORD = 12
"""Characters of a password: length counts, rules on signs do not (NIST SP 800-63B, 5.1.1)."""
LONGEST_PASSWORD = 200
MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
SIGNED_IN_FOR = timedelta(hours=12)
IDLE_FOR = timedelta(hours=2)
SEEN_EVERY = timedelta(minutes=1)
INVITED_FOR = timedelta(days=3)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TOTP_ISSUER = "Citewell"
_hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """Return a hash of no password.

    Somebody unknown costs as much time as somebody known, so that addresses cannot be tried out.
    """
    return _hasher.hash(secrets.token_hex(16))


class PeopleError(Exception):
    """What was asked cannot be done; the message says why and what to do."""


class NotAllowed(PeopleError):
    """The person has no role that may do this."""


class NotLetIn(PeopleError):
    """Single sign-on knows somebody who has no access here; ``code`` says why, for the log."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Role(StrEnum):
    """What a person may do."""

    AUTHOR = "author"
    REVIEWER = "reviewer"
    PUBLISHER = "publisher"
    ADMIN = "admin"


ROLE_HELP = {
    Role.AUTHOR: "writes answers and sends them to review",
    Role.REVIEWER: "a qualified person: approves what others wrote, or sends it back",
    Role.PUBLISHER: "makes approved answers live, withdraws them, speaks up in a crisis",
    Role.ADMIN: "lets people in, gives and takes roles",
}


@dataclass(frozen=True)
class Member:
    """A person as they act now.

    Attributes:
        id: of the person.
        email: their address.
        name: as others see it.
        roles: the roles that count today.
        has_totp: whether a second factor is asked of them.
        credentials: what they are qualified by, as readers see it, or "".
    """

    id: int
    email: str
    name: str
    roles: frozenset[Role]
    has_totp: bool = False
    credentials: str = ""

    def must_be(self, role: Role, to: str) -> None:
        """Refuse what only a role may do.

        Args:
            role: the role that may.
            to: what it is about, as in "to approve an answer".

        Raises:
            NotAllowed: the person does not have it today.
        """
        if role not in self.roles:
            raise NotAllowed(f"{to} needs the role “{role.value}”, which you do not have today")


# --- people and roles -----------------------------------------------------------------------------


def team_exists(session: Session) -> bool:
    """Tell whether anybody has access."""
    return session.scalar(sa.select(Person.id).where(Person.is_active).limit(1)) is not None


def invite(
    session: Session, email: str, name: str, roles: Iterable[Role], by: int | None
) -> tuple[int, str]:
    """Make an account, and a token with which its owner sets a password.

    Args:
        session: a transaction.
        email: address to sign in with.
        name: as others see it.
        roles: to begin with, without an end.
        by: the administrator, or None for the command line.

    Returns:
        Id of the person, and the token.

    Raises:
        PeopleError: the address or name makes no sense, or somebody has that address.
    """
    email, name = email.strip().casefold(), " ".join(name.split())
    if not EMAIL.fullmatch(email) or len(email) > 200:
        raise PeopleError("email: write an address such as nurse@example.org")
    if not 1 <= len(name) <= 120:
        raise PeopleError("name: write a name of 1 to 120 characters")
    if session.scalar(sa.select(Person.id).where(Person.email == email)) is not None:
        raise PeopleError(f"email: somebody with the address {email} is on the team already")
    person = Person(email=email, name=name)
    session.add(person)
    session.flush()
    record(session, by, "person.invited", email)
    for role in roles:
        grant(session, person.id, role, None, by)
    return person.id, new_invitation(session, person.id, by)


def new_invitation(session: Session, person_id: int, by: int | None) -> str:
    """Return a new token with which a person sets a password; older ones end.

    Raises:
        PeopleError: there is no such person, or they have left.
    """
    person = _person(session, person_id)
    if not person.is_active:
        raise PeopleError(f"{person.name} has left the team: let them in again first")
    session.execute(sa.delete(Invitation).where(Invitation.person_id == person_id))
    token = secrets.token_urlsafe(32)
    session.add(
        Invitation(token_hash=_hash(token), person_id=person_id, expires_at=now() + INVITED_FOR)
    )
    record(session, by, "person.password_link", person.email)
    return token


def invited(session: Session, token: str) -> Person | None:
    """Return whom an invitation is for, or None where it does not count (any more)."""
    row = session.get(Invitation, _hash(token))
    if row is None or row.expires_at < now():
        return None
    person = session.get(Person, row.person_id)
    return person if person and person.is_active else None


def accept(session: Session, token: str, password: str) -> int:
    """Set a password by an invitation, which ends by that; return the person's id.

    Raises:
        PeopleError: the invitation does not count any more, or the password is too weak.
    """
    person = invited(session, token)
    if person is None:
        raise PeopleError("this link was used or is too old: ask an administrator for a new one")
    set_password(session, person, password)
    session.execute(sa.delete(Invitation).where(Invitation.person_id == person.id))
    record(session, person.id, "person.password_set", person.email)
    return person.id


def set_password(session: Session, person: Person, password: str) -> None:
    """Set a password, and end what was signed in by the old one.

    Raises:
        PeopleError: it is too short, too long, or says who the person is.
    """
    if not LEAST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise PeopleError(
            f"password: {LEAST_PASSWORD} to {LONGEST_PASSWORD} characters; a few words in a row "
            "are easy to remember"
        )
    told = {person.email, person.email.split("@")[0], person.name.casefold()}
    if password.casefold() in told or len(set(password)) < 4:
        raise PeopleError("password: this one is guessed at once; take a few words in a row")
    person.password_hash = _hasher.hash(password)
    person.failures, person.locked_until = 0, None
    end_sign_ins(session, person.id)


def grant(
    session: Session, person_id: int, role: Role, expires_on: date | None, by: int | None
) -> None:
    """Give a person a role, or change until when they have it.

    Args:
        session: a transaction.
        person_id: of the person.
        role: the role.
        expires_on: the last day on which it counts, or None for no end.
        by: the administrator, or None for the command line.

    Raises:
        PeopleError: nobody would be left who can let people in for good.
    """
    person = _person(session, person_id)
    if role is Role.ADMIN and expires_on is not None:
        _keep_an_admin(session, person_id)
    session.merge(
        RoleGrant(
            person_id=person_id, role=role.value, expires_on=expires_on, granted_by=by, at=now()
        )
    )
    until = expires_on.isoformat() if expires_on else None
    record(session, by, "person.role_given", person.email, role=role.value, until=until)


def revoke(session: Session, person_id: int, role: Role, by: int | None) -> None:
    """Take a role from a person.

    Raises:
        PeopleError: nobody would be left who can let people in.
    """
    person = _person(session, person_id)
    if role is Role.ADMIN:
        _keep_an_admin(session, person_id)
    session.execute(
        sa.delete(RoleGrant).where(RoleGrant.person_id == person_id, RoleGrant.role == role.value)
    )
    record(session, by, "person.role_taken", person.email, role=role.value)


def set_credentials(session: Session, person_id: int, credentials: str, by: int | None) -> None:
    """Set what a person is qualified by, as readers of the answers they review see it.

    Args:
        session: a transaction.
        person_id: of the person.
        credentials: such as "registered nurse"; "" for nothing.
        by: the administrator, who vouches for it, or None for the command line.

    Raises:
        PeopleError: it is too long.
    """
    person, credentials = _person(session, person_id), " ".join(credentials.split())
    if len(credentials) > LONGEST_CREDENTIALS:
        raise PeopleError(
            f"credentials: {LONGEST_CREDENTIALS} characters at most, these have {len(credentials)}"
        )
    person.credentials = credentials
    record(session, by, "person.credentials_set", person.email, credentials=credentials)


def deactivate(session: Session, person_id: int, by: int | None) -> None:
    """End a person's access: sign-ins, programs' keys and invitations are gone at once.

    Raises:
        PeopleError: nobody would be left who can let people in.
    """
    person = _person(session, person_id)
    _keep_an_admin(session, person_id)
    person.is_active = False
    end_sign_ins(session, person_id)
    for table in (ApiToken, Invitation):
        session.execute(sa.delete(table).where(table.person_id == person_id))
    record(session, by, "person.access_ended", person.email)


def reactivate(session: Session, person_id: int, by: int | None) -> None:
    """Let a person in again, with the roles they had and the password they knew."""
    person = _person(session, person_id)
    person.is_active = True
    person.failures, person.locked_until = 0, None
    record(session, by, "person.access_given", person.email)


def _keep_an_admin(session: Session, without: int) -> None:
    others = (
        sa.select(sa.func.count())
        .select_from(RoleGrant)
        .join(Person, Person.id == RoleGrant.person_id)
        .where(
            RoleGrant.role == Role.ADMIN.value,
            RoleGrant.person_id != without,
            RoleGrant.expires_on.is_(None),
            Person.is_active,
            # Who was invited and never came may never come. Which of the two ways counts is a
            # setting that can change at any time; the command line is the way back from both.
            sa.or_(Person.password_hash.is_not(None), Person.sso_subject.is_not(None)),
        )
    )
    is_admin = session.get(RoleGrant, (without, Role.ADMIN.value)) is not None
    if is_admin and not session.scalar(others):
        raise PeopleError("this is the last administrator: make somebody else one first")


def roles_of(session: Session, person_id: int, today: date | None = None) -> frozenset[Role]:
    """Return the roles that a person has on a day (today in UTC by default)."""
    today = today or datetime.now(UTC).date()
    rows = session.scalars(sa.select(RoleGrant).where(RoleGrant.person_id == person_id))
    return frozenset(
        Role(row.role) for row in rows if row.expires_on is None or row.expires_on >= today
    )


def everybody(session: Session) -> Sequence[tuple[Person, Sequence[RoleGrant]]]:
    """Return all people with their roles, by name."""
    people = session.scalars(sa.select(Person).order_by(Person.name, Person.id)).all()
    grants = session.scalars(sa.select(RoleGrant).order_by(RoleGrant.role)).all()
    return [(one, [row for row in grants if row.person_id == one.id]) for one in people]


# --- signing in -----------------------------------------------------------------------------------


def sign_in(
    session: Session, email: str, password: str, code: str = "", agent: str = ""
) -> str | None:
    """Sign a person in; the new sign-in's token goes into a cookie.

    A failure is counted here, so the transaction must be committed whatever comes back.

    Args:
        session: a transaction.
        email: address.
        password: password.
        code: six digits, where the person has a second factor.
        agent: what browser it is, for the list of sign-ins.

    Returns:
        The token, or None where address, password or code are wrong or the account is locked.
        Which of them it was is for nobody to know.
    """
    person = session.scalar(sa.select(Person).where(Person.email == email.strip().casefold()))
    known = person.password_hash if person and person.is_active else None
    nobody = _nobody()  # made at the first sign-in, whoever that is
    right = _verify(known or nobody, password[: LONGEST_PASSWORD + 1]) and known is not None
    if person is None:
        return None
    if person.locked_until and person.locked_until > now():
        return None
    if not right or not _code_is_right(person, code):
        person.failures += 1
        if person.failures >= MOST_FAILURES:
            person.failures, person.locked_until = 0, now() + LOCKED_FOR
            record(session, person.id, "person.locked", person.email)
        return None
    person.failures, person.locked_until = 0, None
    if known and _hasher.check_needs_rehash(known):
        person.password_hash = _hasher.hash(password)
    return begin_sign_in(session, person.id, agent)


def password_is_right(session: Session, person_id: int, password: str) -> bool:
    """Tell whether this is a person's password."""
    known = _person(session, person_id).password_hash
    return known is not None and _verify(known, password)


def begin_sign_in(session: Session, person_id: int, agent: str, via: str = "") -> str:
    """Begin a sign-in of somebody who proved who they are; return its token.

    Args:
        session: a transaction.
        person_id: of the person.
        agent: which browser it is, in a few words.
        via: by which way they came, for the record; "" for a password.
    """
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_hash=_hash(token),
            person_id=person_id,
            agent=agent[:120],
            expires_at=now() + SIGNED_IN_FOR,
        )
    )
    record(session, person_id, "person.signed_in", **({"via": via} if via else {}))
    return token


def member_of(session: Session, token: str) -> Member | None:
    """Return who is signed in by a token, with the rights of this moment; None for nobody."""
    row = session.get(SignIn, _hash(token))
    moment = now()
    if row is None or row.expires_at < moment or row.seen_at + IDLE_FOR < moment:
        return None
    if row.seen_at + SEEN_EVERY < moment:
        row.seen_at = moment
    return member(session, row.person_id)


def member(session: Session, person_id: int) -> Member | None:
    """Return a person as they act now, or None where they have no access."""
    person = session.get(Person, person_id)
    if person is None or not person.is_active:
        return None
    return Member(
        person.id,
        person.email,
        person.name,
        roles_of(session, person.id),
        person.totp_secret is not None,
        person.credentials,
    )


def sign_ins(session: Session, person_id: int) -> Sequence[SignIn]:
    """Return where a person is signed in, the newest first."""
    asked = sa.select(SignIn).where(SignIn.person_id == person_id, SignIn.expires_at >= now())
    return session.scalars(asked.order_by(SignIn.at.desc())).all()


def end_sign_in(session: Session, person_id: int, token_hash: str) -> None:
    """End one sign-in of a person."""
    session.execute(
        sa.delete(SignIn).where(SignIn.person_id == person_id, SignIn.token_hash == token_hash)
    )
    record(session, person_id, "person.signed_out")


def drop_sign_in(session: Session, token: str) -> None:
    """End the sign-in of a token, whoever's it is."""
    session.execute(sa.delete(SignIn).where(SignIn.token_hash == _hash(token)))


def end_sign_ins(session: Session, person_id: int) -> None:
    """End all sign-ins of a person."""
    session.execute(sa.delete(SignIn).where(SignIn.person_id == person_id))


def sign_in_hash(token: str) -> str:
    """Return under which hash a sign-in's token is kept."""
    return _hash(token)


# --- single sign-on -------------------------------------------------------------------------------


def sign_in_from_elsewhere(session: Session, subject: str, email: str, agent: str = "") -> str:
    """Sign in somebody whom single sign-on knows; return the token of the sign-in.

    The subject alone says who it is. Only where nobody has it, a verified address names a person
    who was invited, and the subject is theirs from then on: an address may pass to somebody else, a
    subject does not. No code of an authenticator app is asked, and no lock counts: both guard the
    password, which is not used.

    Args:
        session: a transaction.
        subject: issuer and subject, joined by a space.
        email: address that the provider has verified; "" for none.
        agent: which browser it is, in a few words.

    Raises:
        NotLetIn: nobody who has access is meant.
    """
    person = session.scalar(sa.select(Person).where(Person.sso_subject == subject))
    if person is None:
        person = _invited_by(session, email)
        _bind(session, person, subject)
    _must_have_access(person)
    return begin_sign_in(session, person.id, agent, via="sso")


def _invited_by(session: Session, email: str) -> Person:
    """Return the person with an address that a provider has verified."""
    email = email.strip()
    if not email:
        raise NotLetIn(
            "no_verified_email",
            "it does not say which email address of yours it has verified, so that nobody can tell "
            "who on the team you are; whoever set it up has to add that (docs/single-sign-on.md)",
        )
    # Folding makes plain letters of some others (“ſ” becomes “s”), and with them another address.
    plain = email.casefold() if email.isascii() else email
    person = session.scalar(sa.select(Person).where(Person.email == plain))
    if person is None:
        raise NotLetIn(
            "not_invited",
            f"nobody has invited {email} to this team; ask an administrator for it, or sign out "
            "there and come back with another account",
        )
    _must_have_access(person)
    return person


def _must_have_access(person: Person) -> None:
    if not person.is_active:
        raise NotLetIn("access_ended", "your access to this team was ended; ask an administrator")


def _bind(session: Session, person: Person, subject: str) -> None:
    """Make a subject a person's own, unless they have one; a link for a password ends by that."""
    done = session.execute(
        sa.update(Person)
        .where(Person.id == person.id, Person.sso_subject.is_(None))
        .values(sso_subject=subject)
    )
    if not getattr(done, "rowcount", 0):
        raise NotLetIn(
            "another_account",
            f"{person.email} is connected to another account there; ask an administrator of this "
            "team to disconnect it",
        )
    session.execute(sa.delete(Invitation).where(Invitation.person_id == person.id))
    issuer = subject.partition(" ")[0]
    record(session, person.id, "person.sso_bound", person.email, issuer=issuer)


def disconnect(session: Session, person_id: int, by: int | None) -> None:
    """Forget by which account elsewhere a person signs in, and sign them out everywhere.

    Raises:
        PeopleError: there is no such person, or they are connected to none.
    """
    person = _person(session, person_id)
    if person.sso_subject is None:
        raise PeopleError(f"{person.name} is not connected to single sign-on")
    person.sso_subject = None
    end_sign_ins(session, person_id)
    record(session, by, "person.sso_unbound", person.email)


def opened_by_link(session: Session, token: str) -> Person | None:
    """Return which administrator a link signs in where passwords open nothing, or None.

    Only a link of the command line does: whoever can run that has the database in hand, while one
    that was made in the console would let an administrator in as another.
    """
    person = invited(session, token)
    if person is None or Role.ADMIN not in roles_of(session, person.id):
        return None
    newest = session.scalars(
        sa.select(AuditRecord)
        .where(
            AuditRecord.action == "person.password_link",
            AuditRecord.subject == person.email[:LONGEST_SUBJECT],
        )
        .order_by(AuditRecord.id.desc())
        .limit(1)
    ).first()
    return person if newest is not None and newest.person_id is None else None


def sign_in_by_link(session: Session, token: str, agent: str = "") -> str | None:
    """Sign in whom ``opened_by_link`` names, once; return the sign-in's token, or None."""
    person = opened_by_link(session, token)
    if person is None:
        return None
    session.execute(sa.delete(Invitation).where(Invitation.person_id == person.id))
    return begin_sign_in(session, person.id, agent, via="link")


# --- second factor and keys of programs -----------------------------------------------------------


def new_totp() -> str:
    """Return a new secret for an authenticator app; it counts once ``confirm_totp`` took it."""
    return pyotp.random_base32()


def totp_link(person: Member, secret: str) -> str:
    """Return the ``otpauth:`` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=TOTP_ISSUER)


def confirm_totp(session: Session, person_id: int, secret: str, code: str) -> None:
    """Ask a person for codes of this secret from now on.

    Raises:
        PeopleError: the code is none of this secret.
    """
    person = _person(session, person_id)
    person.totp_secret, person.totp_used = secret, None
    if not _code_is_right(person, code):
        raise PeopleError("code: that is not the one that the app shows now; wait for the next one")
    record(session, person_id, "person.totp_set", person.email)


def remove_totp(session: Session, person_id: int, by: int) -> None:
    """Ask a person for no code any more."""
    person = _person(session, person_id)
    person.totp_secret = person.totp_used = None
    record(session, by, "person.totp_removed", person.email)


def new_api_token(session: Session, person_id: int, name: str) -> str:
    """Return a new key with which a program acts for a person.

    Raises:
        PeopleError: the name is empty or too long.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80:
        raise PeopleError("name: say in 1 to 80 characters what the key is for")
    token = f"cw_{secrets.token_urlsafe(32)}"
    session.add(ApiToken(token_hash=_hash(token), person_id=person_id, name=name))
    record(session, person_id, "token.made", name)
    return token


def member_of_api_token(session: Session, token: str) -> Member | None:
    """Return for whom a program acts, or None where the key does not count."""
    row = session.get(ApiToken, _hash(token))
    if row is None:
        return None
    moment = now()
    if row.used_at is None or row.used_at + SEEN_EVERY < moment:
        row.used_at = moment
    return member(session, row.person_id)


def api_tokens(session: Session, person_id: int) -> Sequence[ApiToken]:
    """Return the keys of a person, the newest first."""
    asked = sa.select(ApiToken).where(ApiToken.person_id == person_id)
    return session.scalars(asked.order_by(ApiToken.at.desc())).all()


def end_api_token(session: Session, person_id: int, token_hash: str) -> None:
    """End one key of a person."""
    row = session.get(ApiToken, token_hash)
    if row is not None and row.person_id == person_id:
        record(session, person_id, "token.ended", row.name)
        session.delete(row)
        session.flush()


def _person(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise PeopleError(f"there is no person {person_id}")
    return person


def _verify(known: str, password: str) -> bool:
    try:
        return _hasher.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False


def _code_is_right(person: Person, code: str) -> bool:
    """Tell whether a code is right, one step early or late at most, and was not used before."""
    if person.totp_secret is None:
        return True
    totp, moment = pyotp.TOTP(person.totp_secret), datetime.now(UTC)
    digits = re.sub(r"\D", "", code)
    for step in (totp.timecode(moment) + shift for shift in (-1, 0, 1)):
        fresh = person.totp_used is None or step > person.totp_used
        if fresh and secrets.compare_digest(totp.generate_otp(step), digits):
            person.totp_used = step
            return True
    return False


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
