"""One's own account: password, browsers, authenticator app, keys of programs."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import unquote

import pyotp
import pytest
import sqlalchemy as sa
from bs4 import BeautifulSoup
from sqlalchemy.engine import Engine

from bot.console.account import PASSWORD_LIMIT, qr_code
from knowledge import people
from knowledge.audit import read_audit
from knowledge.schema import ApiToken, SignIn, now
from knowledge.store import transaction
from tests.bot.console.conftest import (
    PASSWORD,
    Browser,
    Teammate,
    alert_of,
    fields_without_label,
    repeated_ids,
    shown,
    value_of,
)

NEW = "five other plain words"
TRIES = int(PASSWORD_LIMIT.split("/")[0])


def rows(browser: Browser, section: str) -> list[str]:
    """Return the lines of a section's table."""
    page = BeautifulSoup(browser.get("/account").text, "html.parser")
    part = page.find("section", attrs={"aria-labelledby": section})
    assert part is not None
    return [" ".join(row.get_text(" ").split()) for row in part.select("tbody tr")]


def hidden(browser: Browser, name: str) -> list[str]:
    """Return the values of the hidden fields of a name on the account's page."""
    page = BeautifulSoup(browser.get("/account").text, "html.parser")
    return [str(one["value"]) for one in page.find_all("input", attrs={"name": name})]


def actions(engine: Engine) -> list[str]:
    """Return what was done, the newest first."""
    with transaction(engine) as session:
        return [line.action for _, line in read_audit(session)]


def set_up(nora: Teammate) -> str:
    """Set up an authenticator app; return its secret."""
    secret = value_of(nora.post("/account/authenticator"), "secret")
    fields = {"secret": secret, "code": pyotp.TOTP(secret).now()}
    assert nora.post("/account/authenticator/confirm", fields).status_code == 303
    return secret


# --- password -------------------------------------------------------------------------------------


def test_a_new_password_signs_out_everywhere_but_here(
    nora: Teammate, stranger: Browser, engine: Engine
) -> None:
    second, old = nora.another_browser(), nora.token
    fields = {"current": PASSWORD, "password": NEW, "again": NEW}
    response = nora.post("/account/password", fields)
    assert response.location == "/console/account?done=password_changed"
    assert "Your password is changed" in nora.client.get(response.location).text
    assert nora.token != old
    assert not second.is_signed_in
    second.token = old
    assert not second.is_signed_in
    assert [line.split(" on ")[0] for line in rows(nora, "sign-ins")] == ["Firefox"]
    assert stranger.sign_in(nora.email).status_code == 401
    assert stranger.sign_in(nora.email, NEW).status_code == 302
    assert "person.password_changed" in actions(engine)


@pytest.mark.parametrize(
    ("current", "password", "again", "field", "told"),
    [
        ("not my password", NEW, NEW, "current", "this is not your password"),
        ("", NEW, NEW, "current", "this is not your password"),
        (PASSWORD, NEW, f"{NEW} too", "again", "are not the same"),
        (PASSWORD, "short", "short", "password", "12 to 200 characters"),
        (PASSWORD, "nora@example.org", "nora@example.org", "password", "guessed at once"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why_at_the_field(
    current: str, password: str, again: str, field: str, told: str, nora: Teammate, engine: Engine
) -> None:
    token = nora.token
    fields = {"current": current, "password": password, "again": again}
    response = nora.post("/account/password", fields)
    assert response.status_code == 400
    assert told in alert_of(response)
    wrong = BeautifulSoup(response.text, "html.parser").find(id=f"{field}-error")
    assert wrong is not None
    assert told in wrong.get_text()
    # What was typed as a password is not given back.
    assert {value_of(response, name) for name in fields} == {""}
    assert nora.token == token
    assert nora.is_signed_in
    with transaction(engine) as session:
        assert people.sign_in(session, nora.email, PASSWORD) is not None


def test_nobody_tries_out_passwords_in_an_open_browser(nora: Teammate, ada: Teammate) -> None:
    wrong = {"current": "not my password", "password": NEW, "again": NEW}
    for _ in range(TRIES - 1):
        nora.post("/account/password", wrong)
    nora.post("/account/authenticator/remove", {"password_for_app": "not my password"})
    response = nora.post("/account/password", {**wrong, "current": PASSWORD})
    assert "too many tries" in alert_of(response)
    # Somebody else is not kept waiting by that.
    assert ada.post("/account/password", {**wrong, "current": PASSWORD}).status_code == 302


# --- where one is signed in -----------------------------------------------------------------------


def test_the_list_tells_each_browser_and_which_is_this_one(nora: Teammate, ada: Teammate) -> None:
    nora.another_browser()
    lines = rows(nora, "sign-ins")
    assert len(lines) == 2
    assert sum("this browser" in line for line in lines) == 1
    assert all(line.startswith("Firefox on Linux") for line in lines)
    assert len(rows(ada, "sign-ins")) == 1


def test_a_sign_in_that_ended_by_being_idle_is_not_listed(nora: Teammate, engine: Engine) -> None:
    second = nora.another_browser()
    with transaction(engine) as session:
        row = session.get_one(SignIn, people.sign_in_hash(second.token))
        row.seen_at = now() - people.IDLE_FOR - timedelta(seconds=1)
    assert len(rows(nora, "sign-ins")) == 1


def test_one_browser_is_signed_out_from_another(nora: Teammate) -> None:
    second, third = nora.another_browser(), nora.another_browser()
    assert len(hidden(nora, "sign_in")) == 2
    response = nora.post("/account/sign-ins/end", {"sign_in": people.sign_in_hash(second.token)})
    assert response.location == "/console/account?done=ended"
    assert (nora.is_signed_in, second.is_signed_in, third.is_signed_in) == (True, False, True)


def test_all_other_browsers_are_signed_out_at_once(nora: Teammate, ada: Teammate) -> None:
    others = [nora.another_browser(), nora.another_browser()]
    nora.post("/account/sign-ins/end-others")
    assert nora.is_signed_in
    assert ada.is_signed_in
    assert not any(one.is_signed_in for one in others)
    assert "nowhere else" in shown(nora.get("/account"))


def test_nobody_signs_somebody_else_out(nora: Teammate, ada: Teammate, engine: Engine) -> None:
    before = actions(engine)
    for value in (people.sign_in_hash(ada.token), "none such", ""):
        assert nora.post("/account/sign-ins/end", {"sign_in": value}).status_code == 303
    assert ada.is_signed_in
    assert actions(engine) == before


# --- authenticator app ----------------------------------------------------------------------------


def test_an_app_is_set_up_by_scanning_and_a_code(nora: Teammate, stranger: Browser) -> None:
    response = nora.post("/account/authenticator")
    secret = value_of(response, "secret")
    image = BeautifulSoup(response.text, "html.parser").select_one("#authenticator ~ ol img")
    assert image is not None
    assert str(image["src"]).startswith("data:image/svg+xml")
    link = people.totp_link(people.Member(nora.id, nora.email, "Nora", frozenset()), secret)
    assert image["src"] == qr_code(link)
    # Nothing is asked for before a code has shown that the app works.
    assert Browser(nora.app).sign_in(nora.email).status_code == 302

    code = pyotp.TOTP(secret).now()
    fields = {"secret": secret, "code": code}
    assert nora.post("/account/authenticator/confirm", fields).status_code == 303
    assert secret not in nora.get("/account").text
    assert stranger.sign_in(nora.email).status_code == 401
    # A code counts once, so the next one is for signing in.
    later = pyotp.TOTP(secret).generate_otp(pyotp.TOTP(secret).timecode(now()) + 1)
    assert stranger.sign_in(nora.email, code=later).status_code == 302


def test_the_qr_code_is_dark_on_white_and_draws_itself_without_a_script() -> None:
    drawing = unquote(qr_code("otpauth://totp/Citewell:nora@example.org?secret=ABC"))
    assert drawing.startswith("data:image/svg+xml;charset=utf-8,<svg ")
    assert "fill='#fff'" in drawing
    assert "script" not in drawing


def test_a_wrong_code_keeps_the_same_secret_and_changes_nothing(nora: Teammate) -> None:
    secret = value_of(nora.post("/account/authenticator"), "secret")
    right = pyotp.TOTP(secret).now()
    wrong = "000000" if right != "000000" else "111111"
    response = nora.post("/account/authenticator/confirm", {"secret": secret, "code": wrong})
    assert response.status_code == 400
    assert "not the one that the app shows now" in alert_of(response)
    assert value_of(response, "secret") == secret
    assert Browser(nora.app).sign_in(nora.email).status_code == 302


@pytest.mark.parametrize("secret", ["", "A", "not base32!", "A" * 33, "é" * 32])
def test_a_secret_that_we_did_not_make_is_not_taken(secret: str, nora: Teammate) -> None:
    fields = {"secret": secret, "code": "123456"}
    response = nora.post("/account/authenticator/confirm", fields)
    assert response.status_code == 400
    assert "Begin the set-up again" in alert_of(response)


def test_an_app_is_not_replaced_without_the_password(nora: Teammate, stranger: Browser) -> None:
    set_up(nora)
    assert nora.post("/account/authenticator").status_code == 400
    other = people.new_totp()
    fields = {"secret": other, "code": pyotp.TOTP(other).now()}
    response = nora.post("/account/authenticator/confirm", fields)
    assert "remove it first" in alert_of(response)
    assert stranger.sign_in(nora.email, code=pyotp.TOTP(other).now()).status_code == 401


def test_an_app_is_removed_with_the_password_only(nora: Teammate, stranger: Browser) -> None:
    set_up(nora)
    path = "/account/authenticator/remove"
    response = nora.post(path, {"password_for_app": "not my password"})
    assert response.status_code == 400
    assert "this is not your password" in alert_of(response)
    assert stranger.sign_in(nora.email).status_code == 401
    assert nora.post(path, {"password_for_app": PASSWORD}).status_code == 303
    assert stranger.sign_in(nora.email).status_code == 302


# --- keys of programs -----------------------------------------------------------------------------


def test_a_key_is_shown_once_and_acts_for_its_person(nora: Teammate, engine: Engine) -> None:
    assert "You have no keys" in shown(nora.get("/account"))
    response = nora.post("/account/keys", {"key_name": "nightly export"})
    key = value_of(response, "new-key")
    assert key not in nora.get("/account").text
    assert key not in response.request.url
    assert "never" in rows(nora, "keys")[0]
    with transaction(engine) as session:
        member = people.member_of_api_token(session, key)
    assert member is not None
    assert member.id == nora.id
    assert rows(nora, "keys")[0].startswith("nightly export")
    assert "never" not in rows(nora, "keys")[0]


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_key_without_a_proper_name_is_not_made(name: str, nora: Teammate, engine: Engine) -> None:
    response = nora.post("/account/keys", {"key_name": name})
    assert response.status_code == 400
    assert "1 to 80 characters" in alert_of(response)
    assert value_of(response, "key_name") == name
    with transaction(engine) as session:
        assert session.scalars(sa.select(ApiToken)).all() == []


def test_a_key_that_is_ended_does_not_count(nora: Teammate, engine: Engine) -> None:
    keys = [
        value_of(nora.post("/account/keys", {"key_name": name}), "new-key") for name in ("a", "b")
    ]
    response = nora.post("/account/keys/end", {"key": people.sign_in_hash(keys[0])})
    assert response.location == "/console/account?done=key_ended"
    with transaction(engine) as session:
        found = [people.member_of_api_token(session, key) is not None for key in keys]
    assert found == [False, True]


def test_nobody_ends_the_key_of_somebody_else(
    nora: Teammate, ada: Teammate, engine: Engine
) -> None:
    key = value_of(ada.post("/account/keys", {"key_name": "export"}), "new-key")
    nora.post("/account/keys/end", {"key": people.sign_in_hash(key)})
    with transaction(engine) as session:
        assert people.member_of_api_token(session, key) is not None
    assert rows(nora, "keys") == []


def test_every_field_has_a_label_and_every_id_is_there_once(nora: Teammate) -> None:
    nora.another_browser()
    for response in (
        nora.get("/account"),
        nora.post("/account/authenticator"),
        nora.post("/account/keys", {"key_name": "export"}),
        nora.post("/account/password"),
    ):
        assert fields_without_label(response) == []
        assert repeated_ids(response) == set()
    set_up(nora)
    assert fields_without_label(nora.get("/account")) == []
