"""Who a program acts for: its key is looked up at each request, with the roles of that moment."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps

from flask import Blueprint, Response, request
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from bot.content_api.files import read_sent
from bot.errors import Problem
from bot.rate_limit import RateLimits
from knowledge.exporting import ExportError
from knowledge.importing import Incoming, UnreadableFile
from knowledge.listening import ListeningError
from knowledge.people import Member, NotAllowed, Role, member_of_api_token
from knowledge.store import transaction
from knowledge.workflow import WorkflowError

logger = logging.getLogger(__name__)
TOO_MANY = "Too many requests with this key. Please wait {wait} seconds and send it again."
Sent = Incoming | UnreadableFile
View = Callable[..., Response]


@dataclass(frozen=True)
class Call:
    """One request of a program.

    Attributes:
        session: the transaction of this request; it is committed when the response is made.
        member: for whom the program acts.
    """

    session: Session
    member: Member


@dataclass
class Routes:
    """The routes of the content API.

    Attributes:
        blueprint: where they are.
        engine: of the store.
        limit: requests per key, in the words of the ``limits`` library.
        limits: makes limits.
        permissions: per method and rule the roles that may; an empty set means everybody of the
            content team.
    """

    blueprint: Blueprint
    engine: Engine
    limit: str
    limits: RateLimits
    permissions: dict[tuple[str, str], frozenset[Role]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keys = self.limits.of("content-keys", self.limit, TOO_MANY)
        self._strangers = self.limits.of("content-strangers", self.limit, TOO_MANY)

    def get(self, rule: str, *roles: Role) -> Callable[[View], View]:
        """Register what only shows; the view gets a ``Call`` first."""
        return self._add("GET", rule, frozenset(roles))

    def post(self, rule: str, *roles: Role) -> Callable[[View], View]:
        """Register what takes a file; the view gets a ``Call`` and the file first."""
        return self._add("POST", rule, frozenset(roles))

    def _add(self, method: str, rule: str, roles: frozenset[Role]) -> Callable[[View], View]:
        self.permissions[method, rule] = roles

        def register(view: View) -> View:
            @wraps(view)
            def answer(**parts: object) -> Response:
                with _as_problems():
                    return self._answer(view, roles, parts)

            self.blueprint.add_url_rule(rule, view.__name__, answer, methods=[method])
            return view

        return register

    def _answer(self, view: View, roles: frozenset[Role], parts: dict[str, object]) -> Response:
        if request.method != "POST":
            with transaction(self.engine) as session:
                return view(Call(session, self._caller(session, roles)), **parts)
        # Who may not is refused before the file is read, and no transaction waits for a slow line;
        # what was taken from them meanwhile is found by looking again.
        with transaction(self.engine) as session:
            self._caller(session, roles)
        sent = read_sent(request)
        with transaction(self.engine) as session:
            return view(Call(session, _allowed(_member(session), roles)), sent, **parts)

    def _caller(self, session: Session, roles: frozenset[Role]) -> Member:
        """Return for whom the program acts, and count the request.

        Raises:
            Problem: 401, the key does not count; 403, a role is missing; 429, too often.
        """
        try:
            found = _member(session)
        except Problem:
            self._strangers.hit(request.remote_addr or "unknown")
            raise
        # By its hash: what limits keep in memory signs nobody in.
        self._keys.hit(hashlib.sha256(_key().encode("utf-8", "replace")).hexdigest())
        return _allowed(found, roles)


def _key() -> str:
    """Return the key of this request; "" for none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _member(session: Session) -> Member:
    found = member_of_api_token(session, _key())
    if found is None:
        raise Problem(
            401, "The key does not count (any more): make one in the console, under Account."
        )
    return found


def _allowed(member: Member, roles: frozenset[Role]) -> Member:
    if roles and not roles & member.roles:
        names = " or ".join(f"“{role.value}”" for role in sorted(roles))
        raise Problem(403, f"This needs the role {names}, which the key's owner does not have.")
    return member


@contextmanager
def _as_problems() -> Iterator[None]:
    """Turn every error from below into a problem."""
    try:
        yield
    except (WorkflowError, ExportError) as error:
        raise Problem(409, _sentence(error)) from error
    except NotAllowed as error:
        raise Problem(403, _sentence(error)) from error
    except ListeningError as error:
        raise Problem(422, _sentence(error)) from error
    except IntegrityError as error:
        raise Problem(
            409, "Somebody saved one of these answers at the same moment. Please send it again."
        ) from error
    except SQLAlchemyError as error:
        logger.warning("content_api_store_failed", extra={"error": type(error).__name__})
        raise Problem(
            503, "The database cannot be reached. Nothing was changed; please try again."
        ) from error


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
