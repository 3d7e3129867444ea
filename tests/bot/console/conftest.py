"""Fixtures for the console: people with a password, and browsers in which they are signed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from argon2 import PasswordHasher
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.console.pages import COOKIE
from knowledge import people
from knowledge.people import Role
from knowledge.store import transaction

PASSWORD = "four plain words here"
OURS = {"Sec-Fetch-Site": "same-origin"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Browser:
    """A browser of its own; what it sends comes from our own pages unless a test says otherwise."""

    def __init__(self, app: Flask, address: str = "192.0.2.1") -> None:
        self.client = app.test_client()
        self.client.environ_base |= {"REMOTE_ADDR": address, "HTTP_USER_AGENT": FIREFOX}

    def get(self, path: str, **query: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(f"/console{path}", query_string=query)

    def post(
        self, path: str, fields: dict[str, Any] | None = None, headers: dict[str, str] = OURS
    ) -> TestResponse:
        """Send a form."""
        return self.client.post(f"/console{path}", data=fields or {}, headers=headers)

    def sign_in(
        self, email: str, password: str = PASSWORD, code: str = "", to: str = ""
    ) -> TestResponse:
        """Fill in the sign-in page."""
        fields = {"email": email, "password": password, "code": code, "to": to}
        return self.post("/sign-in", fields)

    @property
    def token(self) -> str:
        """Value of the cookie; "" without one."""
        cookie = self.client.get_cookie(COOKIE, path="/console")
        return cookie.value if cookie else ""

    @token.setter
    def token(self, value: str) -> None:
        self.client.set_cookie(COOKIE, value, path="/console")

    @property
    def is_signed_in(self) -> bool:
        """Whether the front page opens."""
        return self.get("/").status_code == 200


class Teammate(Browser):
    """Somebody of the team, signed in."""

    def __init__(self, app: Flask, engine: Engine, name: str, *roles: Role) -> None:
        super().__init__(app)
        self.app, self.engine, self.email = app, engine, f"{name}@example.org"
        with transaction(engine) as session:
            self.id, token = people.invite(session, self.email, name.title(), roles, None)
            people.accept(session, token, PASSWORD)
        self.token = self.sign_in_elsewhere()

    def sign_in_elsewhere(self) -> str:
        """Sign in once more; return the cookie's value."""
        with transaction(self.engine) as session:
            return people.begin_sign_in(session, self.id, "Firefox on Linux")

    def another_browser(self) -> Browser:
        """Return a second browser in which the person is signed in."""
        other = Browser(self.app)
        other.token = self.sign_in_elsewhere()
        return other


Join = Callable[..., Teammate]


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed for real, but with less work."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(people, "_hasher", hasher)
    monkeypatch.setattr(people, "_nobody", lambda: hasher.hash("nobody"))


@pytest.fixture
def join(app: Flask, engine: Engine) -> Join:
    """Lets somebody in, by name and roles."""

    def let_in(name: str, *roles: Role) -> Teammate:
        return Teammate(app, engine, name, *roles)

    return let_in


@pytest.fixture
def ada(join: Join) -> Teammate:
    """Ada, the administrator."""
    return join("ada", Role.ADMIN)


@pytest.fixture
def nora(join: Join) -> Teammate:
    """Nora, who writes."""
    return join("nora", Role.AUTHOR)


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """A browser in which nobody is signed in."""
    return Browser(app)


def shown(response: TestResponse) -> str:
    """Return the text of a page, without marks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def value_of(response: TestResponse, field: str) -> str:
    """Return what stands in a field of a page, by its id."""
    found = BeautifulSoup(response.text, "html.parser").find(id=field)
    assert found is not None, f"no field {field}"
    return str(found["value"])


def alert_of(response: TestResponse) -> str:
    """Return what a screen reader is told at once."""
    found = BeautifulSoup(response.text, "html.parser").select_one("[role=alert]")
    assert found is not None, "no alert"
    return " ".join(found.get_text(" ").split())


def fields_without_label(response: TestResponse) -> list[str]:
    """Return the visible fields of a page that no label names."""
    page = BeautifulSoup(response.text, "html.parser")
    named = {str(label.get("for")) for label in page.find_all("label")}
    return [
        str(field)
        for field in page.find_all(["input", "select", "textarea"])
        if field.get("type") != "hidden"
        and field.get("id") not in named
        and field.find_parent("label") is None
    ]


def repeated_ids(response: TestResponse) -> set[str]:
    """Return ids that stand on a page more than once."""
    ids = [str(one["id"]) for one in BeautifulSoup(response.text, "html.parser").find_all(id=True)]
    return {one for one in ids if ids.count(one) > 1}
