"""Single sign-on: who gets in by an account elsewhere, and what a provider, or another, tries."""

from __future__ import annotations

import logging
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.console.openid import (
    GOOGLE,
    KEPT_SECONDS,
    Attempt,
    Attempts,
    Patience,
    Provider,
    ProviderFailed,
    SingleSignOn,
    verified_email,
)
from bot.console.pages import COOKIE, Pages
from bot.console.single_sign_on import ATTEMPT_COOKIE, LONGEST_PATH, START_LIMIT
from bot.settings import BotSettings, SsoSettings, read_bot_settings
from knowledge import people
from knowledge.audit import AuditLine, read_audit
from knowledge.people import Role
from knowledge.schema import Person, now
from knowledge.settings import SettingError
from knowledge.store import transaction
from tests.bot.console.conftest import (
    PASSWORD,
    Browser,
    Join,
    Teammate,
    alert_of,
    fields_without_label,
    repeated_ids,
    shown,
    value_of,
)
from tests.bot.console.identity_provider import (
    CLIENT_ID,
    SECRET,
    Account,
    Answer,
    FromNow,
    IdentityProvider,
    challenge_of,
    flat,
    identity_provider,
)

HERE = "http://localhost"
BACK = f"{HERE}/console/sign-in/sso/back"
NAME = "Acme ID"
NORA = "nora@example.org"
DOCUMENT = "/realm/.well-known/openid-configuration"
HTML = Answer(200, b"<h1>Welcome to the hotel network</h1>", "text/html")
QUICK = Patience(turn=0.05, connect=0.5, read=0.3, whole=0.3)


def account_of(email: str = NORA, sub: str = "4711", **claims: Any) -> Account:
    """Return somebody whom the provider knows, with an address that it has verified."""
    return Account(sub, {"email": email, "email_verified": True, **claims})


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    """A provider in front of which Nora sits."""
    with identity_provider() as running:
        running.redirect_uris.add(BACK)
        running.account = account_of()
        yield running


@pytest.fixture
def sso(provider: IdentityProvider) -> SsoSettings:
    """Its settings."""
    return SsoSettings(provider.issuer, CLIENT_ID, SECRET, NAME, is_only=False)


@pytest.fixture
def app(start_app: Callable[..., Flask], settings: BotSettings, sso: SsoSettings) -> Flask:
    """The app, with single sign-on beside passwords."""
    return start_app(replace(settings, sso=sso))


@pytest.fixture
def only(start_app: Callable[..., Flask], settings: BotSettings, sso: SsoSettings) -> Flask:
    """The app, with nothing but single sign-on."""
    return start_app(replace(settings, sso=replace(sso, is_only=True)))


@pytest.fixture
def invite(engine: Engine) -> Callable[..., int]:
    """Invites somebody who was not here yet."""

    def let_in(email: str = NORA, *roles: Role) -> int:
        with transaction(engine) as session:
            return people.invite(session, email, email.split("@")[0].title(), roles, None)[0]

    return let_in


def pages_of(app: Flask) -> Pages:
    """Return the console's table, with its single sign-on."""
    pages = app.extensions["console"]
    assert isinstance(pages, Pages)
    return pages


def put_provider(app: Flask, settings: SsoSettings, **parts: Any) -> Provider:
    """Let the app use a provider with other parts."""
    pages = pages_of(app)
    assert pages.sso is not None
    made = Provider(settings, **parts)
    pages.sso = replace(pages.sso, provider=made)
    return made


def go_there(browser: Browser, **query: str) -> TestResponse:
    """Press the button."""
    response = browser.get("/sign-in/sso", **query)
    assert response.status_code == 302, shown(response)
    return response


def sign_in_there(begun: TestResponse) -> str:
    """Do at the provider what is done there; return the path at which the browser comes back."""
    there = httpx.get(begun.location)
    assert there.status_code == 302, there.text
    location = there.headers["location"]
    assert location.startswith(f"{BACK}?")
    return str(location).removeprefix(HERE)


def come_back(browser: Browser, path: str) -> TestResponse:
    """Follow the provider's redirect: another site leads here."""
    return browser.client.get(path, headers={"Sec-Fetch-Site": "cross-site"})


def sign_in(browser: Browser, **query: str) -> TestResponse:
    """Go the whole way."""
    return come_back(browser, sign_in_there(go_there(browser, **query)))


def assert_refused(response: TestResponse, status: int, code: str, browser: Browser) -> None:
    """Nobody is signed in; the page says why, with its code, and shows the way to begin again."""
    page = BeautifulSoup(response.text, "html.parser")
    assert (response.status_code, page.select_one("main code").get_text()) == (status, code)
    assert alert_of(response)
    assert page.select_one("a[href^='/console/sign-in/sso']") is not None
    assert COOKIE not in " ".join(response.headers.getlist("Set-Cookie"))
    assert browser.token == ""


def attempt_cookie(browser: Browser) -> str:
    """Return what the browser keeps of a sign-in that it began; "" for nothing."""
    cookie = browser.client.get_cookie(ATTEMPT_COOKIE, path="/console")
    return cookie.value if cookie else ""


def subject_of(engine: Engine, email: str = NORA) -> str | None:
    """Return who somebody is to single sign-on."""
    with transaction(engine) as session:
        found = [one for one, _ in people.everybody(session) if one.email == email]
        return found[0].sso_subject


def lines(engine: Engine, action: str) -> list[AuditLine]:
    """Return what is in the record of one action, the newest first."""
    with transaction(engine) as session:
        return [line for _, line in read_audit(session) if line.action == action]


# --- the way in -----------------------------------------------------------------------------------


def test_who_was_invited_gets_in_without_a_password(
    stranger: Browser, invite: Callable[..., int], engine: Engine, provider: IdentityProvider
) -> None:
    invite(NORA, Role.AUTHOR)
    response = sign_in(stranger)
    assert (response.status_code, response.location) == (302, "/console/")
    assert stranger.get("/answers/new").status_code == 200
    assert subject_of(engine) == f"{provider.issuer} 4711"
    assert attempt_cookie(stranger) == ""


def test_the_record_tells_by_which_way_somebody_came(
    stranger: Browser, invite: Callable[..., int], engine: Engine, provider: IdentityProvider
) -> None:
    invite()
    sign_in(stranger)
    sign_in(stranger)
    assert [(line.who, line.detail) for line in lines(engine, "person.signed_in")] == [
        ("Nora", {"via": "sso"}),
        ("Nora", {"via": "sso"}),
    ]
    (bound,) = lines(engine, "person.sso_bound")
    assert (bound.who, bound.subject, bound.detail) == ("Nora", NORA, {"issuer": provider.issuer})
    told = shown(stranger.get("/record"))
    assert "connected single sign-on with the account of" in told
    assert "via sso" in told


def test_the_browser_takes_a_code_and_a_challenge_and_nothing_else_of_use(
    stranger: Browser, provider: IdentityProvider
) -> None:
    asked = flat(urlsplit(go_there(stranger).location).query)
    assert asked["response_type"] == "code"
    assert asked["scope"].split() == ["openid", "email"]
    assert asked["redirect_uri"] == BACK
    assert asked["code_challenge_method"] == "S256"
    parts = URLSafeTimedSerializer("test-" * 8, salt="single-sign-on").loads(
        attempt_cookie(stranger)
    )
    state, nonce, verifier, _ = parts
    assert (asked["state"], asked["nonce"]) == (state, nonce)
    assert asked["code_challenge"] == challenge_of(verifier)
    assert len({state, nonce, verifier}) == 3
    assert verifier not in str(asked)
    again = flat(urlsplit(go_there(stranger).location).query)
    assert {asked[key] for key in ("state", "nonce", "code_challenge")}.isdisjoint(again.values())


@pytest.mark.parametrize("https_only", [False, True])
def test_what_is_kept_of_a_beginning_goes_to_no_script_and_not_for_long(
    https_only: bool, start_app: Callable[..., Flask], settings: BotSettings, sso: SsoSettings
) -> None:
    app = start_app(replace(settings, sso=sso, cookies_need_https=https_only))
    response = go_there(Browser(app))
    cookie = SimpleCookie(response.headers["Set-Cookie"])[ATTEMPT_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/console")
    assert (cookie["max-age"], cookie["domain"]) == ("600", "")
    assert bool(cookie["secure"]) is https_only


@pytest.mark.parametrize(
    ("secret", "methods"),
    [
        (SECRET, ("client_secret_basic",)),
        (SECRET, ("client_secret_post",)),
        (SECRET, ("private_key_jwt", "client_secret_basic", "client_secret_post")),
        ("", ("none",)),
    ],
)
def test_a_client_proves_itself_as_the_provider_wants_it(
    secret: str,
    methods: tuple[str, ...],
    app: Flask,
    sso: SsoSettings,
    provider: IdentityProvider,
    stranger: Browser,
    invite: Callable[..., int],
) -> None:
    invite()
    provider.secret, provider.methods = secret, methods
    put_provider(app, replace(sso, client_secret=secret))
    assert sign_in(stranger).status_code == 302
    assert stranger.is_signed_in


def test_an_address_that_is_told_apart_is_asked_for(
    stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    provider.email_in = "userinfo"
    assert sign_in(stranger).location == "/console/"
    assert "/userinfo" in provider.paths()


def test_a_code_of_an_app_is_not_asked_and_a_lock_does_not_count(
    nora: Teammate, stranger: Browser, engine: Engine
) -> None:
    with transaction(engine) as session:
        person = session.get_one(Person, nora.id)
        person.totp_secret, person.locked_until = people.new_totp(), now() + timedelta(minutes=9)
    assert stranger.sign_in(NORA).status_code == 401
    assert sign_in(stranger).status_code == 302
    assert stranger.is_signed_in


def test_nobody_waits_for_the_provider_with_a_transaction_open(
    app: Flask,
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
    database_file: Path,
) -> None:
    invite()
    held: list[int] = []

    def write_meanwhile() -> None:
        with closing(sqlite3.connect(database_file, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        held.append(pages_of(app).engine.pool.checkedout())

    provider.on_token = write_meanwhile
    assert sign_in(stranger).status_code == 302
    assert held == [0]


# --- the page that was asked for ------------------------------------------------------------------


def test_the_page_that_was_asked_for_opens_afterwards(
    stranger: Browser, invite: Callable[..., int]
) -> None:
    invite()
    asked = stranger.get("/answers", words="flu", page=1)
    form = stranger.client.get(asked.location)
    link = BeautifulSoup(form.text, "html.parser").find("a", string=f"Sign in with {NAME}")
    assert link is not None
    begun = stranger.client.get(str(link["href"]))
    response = come_back(stranger, sign_in_there(begun))
    assert response.location == "/console/answers?words=flu&page=1"


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "/\\evil.example/console",
        "/\t/evil.example/console",
        "javascript:alert(1)//console",
        "/widget/chat",
        f"/console/{'x' * LONGEST_PATH}",
    ],
)
def test_no_other_site_opens_afterwards(
    to: str, stranger: Browser, invite: Callable[..., int]
) -> None:
    invite()
    response = sign_in(stranger, to=to)
    assert (response.status_code, response.location) == (302, "/console/")


# --- whose sign-in it is --------------------------------------------------------------------------


def test_an_answer_is_taken_once(
    stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    begun = go_there(stranger)
    cookie, path = attempt_cookie(stranger), sign_in_there(begun)
    assert come_back(stranger, path).status_code == 302
    stranger.post("/sign-out")

    assert_refused(come_back(stranger, path), 400, "not_begun_here", stranger)
    stranger.client.set_cookie(ATTEMPT_COOKIE, cookie, path="/console")
    assert_refused(come_back(stranger, path), 400, "answered_before", stranger)
    assert provider.paths().count("/token") == 1


def test_a_beginning_that_failed_is_not_taken_up_again(
    stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    begun = go_there(stranger)
    cookie, path = attempt_cookie(stranger), sign_in_there(begun)
    provider.answers["/token"] = Answer(500)
    come_back(stranger, path)
    del provider.answers["/token"]
    stranger.client.set_cookie(ATTEMPT_COOKIE, cookie, path="/console")
    assert_refused(come_back(stranger, path), 400, "answered_before", stranger)


def test_what_another_browser_began_signs_nobody_in_here(
    app: Flask, nora: Teammate, provider: IdentityProvider, engine: Engine
) -> None:
    attacker, victim = Browser(app), nora.another_browser()
    path = sign_in_there(go_there(attacker))
    kept = victim.token
    response = come_back(victim, path)
    assert response.status_code == 400
    assert victim.token == kept
    assert "/token" not in provider.paths()

    # The same with a beginning of the victim's own, which stays as it is.
    begun = go_there(victim)
    mine = attempt_cookie(victim)
    assert "another_state" in come_back(victim, path).text
    assert (victim.token, attempt_cookie(victim)) == (kept, mine)
    assert come_back(victim, sign_in_there(begun)).status_code == 302


def test_a_code_that_another_browser_got_is_of_no_use(
    app: Flask, stranger: Browser, invite: Callable[..., int]
) -> None:
    invite()
    stolen = flat(urlsplit(sign_in_there(go_there(Browser(app)))).query)["code"]
    own = flat(urlsplit(sign_in_there(go_there(stranger))).query)
    path = f"/console/sign-in/sso/back?code={stolen}&state={own['state']}"
    assert_refused(come_back(stranger, path), 503, "token_invalid_grant", stranger)


@pytest.mark.parametrize("age", [599, 601])
def test_a_beginning_counts_for_ten_minutes(
    age: int, stranger: Browser, invite: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    invite()
    with monkeypatch.context() as past:
        past.setattr(TimestampSigner, "get_timestamp", lambda self: int(time.time()) - age)
        begun = go_there(stranger)
    response = come_back(stranger, sign_in_there(begun))
    assert response.status_code == (302 if age < 600 else 400)
    assert stranger.is_signed_in is (age < 600)


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: cookie[:-9] + ("A" if cookie[-9] != "A" else "B") + cookie[-8:],
        lambda cookie: "nothing signed",
        lambda cookie: URLSafeTimedSerializer("guess" * 8, salt="single-sign-on").dumps(
            ["s", "n", "v", "/console/"]
        ),
        # Signed here, but for something else.
        lambda cookie: URLSafeTimedSerializer("test-" * 8, salt="session").dumps(
            ["s", "n", "v", "/console/"]
        ),
        lambda cookie: URLSafeTimedSerializer("test-" * 8, salt="single-sign-on").dumps(["s"]),
    ],
)
def test_a_beginning_is_signed(
    forge: Callable[[str], str], stranger: Browser, invite: Callable[..., int]
) -> None:
    invite()
    path = sign_in_there(go_there(stranger))
    stranger.client.set_cookie(ATTEMPT_COOKIE, forge(attempt_cookie(stranger)), path="/console")
    for one in (path, "/console/sign-in/sso/back?code=c&state=s"):
        assert_refused(come_back(stranger, one), 400, "not_begun_here", stranger)


def test_signing_in_gives_a_new_cookie_and_ends_who_was_signed_in_before(
    app: Flask, ada: Teammate, invite: Callable[..., int]
) -> None:
    invite()
    planted, browser = Browser(app), ada.another_browser()
    planted.token = "value-that-somebody-planted"
    sign_in(planted)
    assert planted.token != "value-that-somebody-planted"
    assert planted.is_signed_in

    before = browser.token
    sign_in(browser)
    assert browser.get("/team").status_code == 403
    browser.token = before
    assert not browser.is_signed_in
    assert ada.is_signed_in


def test_a_sign_in_that_fails_ends_nothing(nora: Teammate, provider: IdentityProvider) -> None:
    provider.account = account_of("nobody@example.org", "1")
    assert sign_in(nora).status_code == 403
    assert nora.is_signed_in


# --- what the provider says has to hold -----------------------------------------------------------

HOLDS = [
    {"exp": FromNow(-1)},
    {"iat": FromNow(30)},
    {"nbf": FromNow(30)},
    {"aud": [CLIENT_ID]},
    {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
    {"at_hash": None},
]
DOES_NOT_HOLD = [
    ({"exp": FromNow(-120)}, "claim_exp"),
    ({"exp": None}, "claim_exp"),
    ({"exp": "tomorrow"}, "claim_exp"),
    ({"exp": True}, "claim_exp"),
    ({"exp": float("nan")}, "claim_exp"),
    ({"iat": FromNow(600)}, "claim_iat"),
    ({"iat": None}, "claim_iat"),
    ({"nbf": FromNow(600)}, "claim_nbf"),
    ({"aud": "another"}, "claim_aud"),
    ({"aud": ["another"]}, "claim_aud"),
    ({"aud": None}, "claim_aud"),
    ({"aud": {CLIENT_ID: True}}, "claim_aud"),
    ({"aud": [CLIENT_ID, "another"]}, "claim_azp"),
    ({"azp": "another"}, "claim_azp"),
    ({"iss": "https://evil.example"}, "claim_iss"),
    ({"iss": None}, "claim_iss"),
    ({"nonce": "another"}, "claim_nonce"),
    ({"nonce": None}, "claim_nonce"),
    ({"nonce": ""}, "claim_nonce"),
    ({"sub": None}, "claim_sub"),
    ({"sub": ""}, "claim_sub"),
    ({"sub": 5}, "claim_sub"),
    ({"sub": "x" * 256}, "claim_sub"),
    ({"sub": "4711\x00"}, "claim_sub"),
    ({"at_hash": "of another one"}, "claim_at_hash"),
]


@pytest.mark.parametrize("changes", HOLDS, ids=str)
def test_what_holds_is_taken(
    changes: dict[str, Any],
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
) -> None:
    invite()
    provider.changes = changes
    assert sign_in(stranger).status_code == 302
    assert stranger.is_signed_in


@pytest.mark.parametrize(("changes", "code"), DOES_NOT_HOLD, ids=str)
def test_what_does_not_hold_signs_nobody_in(
    changes: dict[str, Any],
    code: str,
    stranger: Browser,
    invite: Callable[..., int],
    engine: Engine,
    provider: IdentityProvider,
) -> None:
    invite()
    provider.changes = changes
    assert_refused(sign_in(stranger), 400, code, stranger)
    assert subject_of(engine) is None


def _damaged(provider: IdentityProvider, claims: dict[str, Any]) -> str:
    header, _, signature = provider.signed(claims).split(".")
    other = provider.signed({**claims, "email": "ada@example.org"}).split(".")[1]
    return f"{header}.{other}.{signature}"


FORGERIES: list[tuple[Callable[[IdentityProvider, dict[str, Any]], str], str]] = [
    (IdentityProvider.unsigned, "unsupported_algorithm"),
    (IdentityProvider.signed_with_what_is_public, "unsupported_algorithm"),
    (IdentityProvider.signed_with_a_key_of_its_own, "unknown_key"),
    (lambda one, claims: one.signed(claims, "somebody's"), "bad_signature"),
    (lambda one, claims: one.signed(claims, kid="encrypts"), "unknown_key"),
    (lambda one, claims: one.signed(claims, kid="nobody's"), "unknown_key"),
    (lambda one, claims: one.signed(claims, kid=["first"]), "invalid_header_value"),
    (lambda one, claims: one.signed(claims, alg="rs256"), "unsupported_algorithm"),
    (lambda one, claims: one.signed(claims, alg="PS256"), "unknown_key"),
    (lambda one, claims: one.signed(claims, crit=["exp"], exp=1), "unsupported_header"),
    (_damaged, "bad_signature"),
]


@pytest.mark.parametrize(("forge", "code"), FORGERIES)
def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(
    forge: Callable[[IdentityProvider, dict[str, Any]], str],
    code: str,
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
) -> None:
    invite()
    provider.signer = lambda claims: forge(provider, claims)
    assert_refused(sign_in(stranger), 400, code, stranger)


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "....", "é.é.é", "W10.W10.W10"])
def test_what_is_no_token_signs_nobody_in(
    token: str, stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    provider.signer = lambda claims: token
    response = sign_in(stranger)
    assert response.status_code == 400
    assert stranger.token == ""


def test_a_new_key_of_the_provider_is_fetched_once(
    stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    sign_in(stranger)
    sign_in(stranger)
    assert provider.paths().count("/keys") == 1
    provider.key_name = "second"
    for _ in range(2):
        stranger.token = ""
        assert sign_in(stranger).status_code == 302
        assert stranger.is_signed_in
    assert provider.paths().count("/keys") == 2

    # The old key is not published any more, so it counts no more.
    provider.signer = lambda claims: provider.signed(claims, "first", kid="first")
    stranger.token = ""
    assert_refused(sign_in(stranger), 400, "unknown_key", stranger)
    assert provider.paths().count("/keys") == 3


def test_a_key_that_the_provider_gave_up_counts_no_longer_than_an_hour(
    app: Flask,
    sso: SsoSettings,
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
) -> None:
    invite()
    times = [0.0]
    put_provider(app, sso, clock=lambda: times[0])
    sign_in(stranger)
    provider.key_name = "second"
    provider.signer = lambda claims: provider.signed(claims, "first", kid="first")
    assert sign_in(stranger).location == "/console/"
    times[0] = KEPT_SECONDS + 1
    stranger.token = ""
    assert_refused(sign_in(stranger), 400, "unknown_key", stranger)
    assert provider.paths().count(DOCUMENT) == 2


def test_a_token_that_names_no_key_is_checked_with_the_only_one_there_is_now(
    stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    provider.signer = lambda claims: provider.signed(claims, kid=None)
    for key_name in ("first", "second"):
        stranger.token, provider.key_name = "", key_name
        assert sign_in(stranger).status_code == 302
        assert stranger.is_signed_in
    stranger.token, provider.also_published = "", ("first",)
    assert_refused(sign_in(stranger), 400, "unknown_key", stranger)


@pytest.mark.parametrize("change", [{"iss": "https://evil.example"}, {"iss": None}])
def test_an_answer_of_another_issuer_is_not_taken(
    change: dict[str, str | None],
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
) -> None:
    invite()
    provider.says_issuer = True
    path = sign_in_there(go_there(stranger))
    told = {**flat(urlsplit(path).query), **change}
    query = {name: value for name, value in told.items() if value is not None}
    response = stranger.get("/sign-in/sso/back", **query)
    assert_refused(response, 400, "answer_of_another_issuer", stranger)
    assert "/token" not in provider.paths()
    assert sign_in(stranger).status_code == 302


# --- who is let in --------------------------------------------------------------------------------


def test_who_was_not_invited_is_told_so_and_gets_no_account(
    stranger: Browser, ada: Teammate, provider: IdentityProvider, engine: Engine
) -> None:
    provider.account = account_of("new@example.org")
    response = sign_in(stranger)
    assert_refused(response, 403, "not_invited", stranger)
    assert "nobody has invited new@example.org" in alert_of(response)
    with transaction(engine) as session:
        assert [one.email for one, _ in people.everybody(session)] == [ada.email]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": NORA},
        {"email": NORA, "email_verified": False},
        {"email": NORA, "email_verified": None},
        {"email": NORA, "email_verified": "yes"},
        {"email": NORA, "email_verified": [True]},
        {"email": NORA, "email_verified": False, "xms_edov": True},
        {"email": NORA, "xms_edov": "0"},
        {"email": [NORA], "email_verified": True},
        {"email": f"{NORA}\x00", "email_verified": True},
        {"email": "", "email_verified": True},
        {"preferred_username": NORA, "email_verified": True},
        {},
    ],
    ids=str,
)
def test_an_address_that_was_not_verified_matches_nobody(
    claims: dict[str, Any],
    stranger: Browser,
    invite: Callable[..., int],
    engine: Engine,
    provider: IdentityProvider,
) -> None:
    invite()
    provider.account = Account("4711", claims)
    response = sign_in(stranger)
    assert_refused(response, 403, "no_verified_email", stranger)
    assert "docs/single-sign-on.md" in alert_of(response)
    assert subject_of(engine) is None


@pytest.mark.parametrize("said", [True, 1, "1", "true"])
def test_what_microsoft_says_instead_counts(
    said: object, stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    provider.account = Account("4711", {"email": NORA, "xms_edov": said})
    assert sign_in(stranger).status_code == 302


@pytest.mark.parametrize(
    ("claims", "counts"),
    [
        ({"email": "nora@gmail.com"}, True),
        ({"email": NORA, "hd": "example.org"}, True),
        ({"email": NORA}, False),
        ({"email": "nora@gmail.com.example.org"}, False),
    ],
)
def test_of_another_domain_google_is_believed_only_where_it_runs_it(
    claims: dict[str, str], counts: bool
) -> None:
    told = {**claims, "email_verified": True}
    assert verified_email(GOOGLE, told) == (claims["email"] if counts else "")
    assert verified_email("https://login.example.org", told) == claims["email"]


def test_an_address_counts_in_any_case_but_not_in_letters_that_only_look_like_it(
    app: Flask, invite: Callable[..., int], provider: IdentityProvider, engine: Engine
) -> None:
    invite("sam@example.org")
    provider.account = account_of("ſam@example.org", "evil")
    browser = Browser(app)
    assert_refused(sign_in(browser), 403, "not_invited", browser)
    provider.account = account_of(" SAM@Example.org ", "right")
    assert sign_in(browser).status_code == 302
    assert subject_of(engine, "sam@example.org") == f"{provider.issuer} right"


def test_an_address_that_somebody_else_has_now_opens_nothing(
    app: Flask, stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite(NORA, Role.ADMIN)
    sign_in(stranger)
    provider.account = account_of(NORA, "somebody-new")
    thief = Browser(app)
    response = sign_in(thief)
    assert_refused(response, 403, "another_account", thief)
    assert "connected to another account" in alert_of(response)
    assert stranger.is_signed_in


def test_who_is_known_gets_in_whatever_their_address_is_now(
    app: Flask, ada: Teammate, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    first = Browser(app)
    sign_in(first)
    for claims in ({"email": ada.email, "email_verified": True}, {}):
        provider.account = Account("4711", claims)
        browser = Browser(app)
        assert sign_in(browser).status_code == 302
        assert "Nora" in browser.get("/").text
        assert browser.get("/team").status_code == 403


def test_who_is_known_gets_in_where_the_address_cannot_be_asked_for(
    stranger: Browser, invite: Callable[..., int], provider: IdentityProvider
) -> None:
    invite()
    sign_in(stranger)
    stranger.token = ""
    provider.email_in, provider.answers["/userinfo"] = "userinfo", Answer(500)
    assert sign_in(stranger).status_code == 302


def test_the_address_of_somebody_else_is_not_taken_for_theirs(
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    invite()
    provider.email_in = "userinfo"
    told = f'{{"sub": "1", "email": "{NORA}", "email_verified": true}}'
    provider.answers["/userinfo"] = Answer(body=told.encode())
    assert_refused(sign_in(stranger), 403, "no_verified_email", stranger)
    assert "console_sso_userinfo_failed" in caplog.messages


def test_the_same_subject_of_another_issuer_is_somebody_else(
    stranger: Browser, invite: Callable[..., int], engine: Engine, provider: IdentityProvider
) -> None:
    person_id = invite()
    with transaction(engine) as session:
        session.get_one(Person, person_id).sso_subject = "https://old.example 4711"
    assert_refused(sign_in(stranger), 403, "another_account", stranger)


@pytest.mark.parametrize("was_here", [False, True])
def test_who_has_no_access_any_more_does_not_get_in(
    was_here: bool, ada: Teammate, stranger: Browser, invite: Callable[..., int], engine: Engine
) -> None:
    person_id = invite()
    if was_here:
        sign_in(stranger)
    ada.post(f"/team/{person_id}/end")
    assert not stranger.is_signed_in
    stranger.token = ""
    assert_refused(sign_in(stranger), 403, "access_ended", stranger)
    assert (subject_of(engine) is not None) is was_here
    ada.post(f"/team/{person_id}/let-in")
    assert sign_in(stranger).status_code == 302


# --- a provider that does not answer as it should -------------------------------------------------

FAILURES = [
    (DOCUMENT, Answer(500, b"{}"), "document_status_500"),
    (DOCUMENT, Answer(404, b"gone", "text/plain"), "no_json_status_404"),
    (DOCUMENT, HTML, "no_json_status_200"),
    (DOCUMENT, Answer(302, location="https://evil.example"), "document_status_302"),
    (DOCUMENT, Answer(body=b"[]"), "no_json_status_200"),
    (DOCUMENT, Answer(body=b"[" * 100_000), "no_json_status_200"),
    (DOCUMENT, Answer(body=b"\xff\xfe{"), "no_json_status_200"),
    (DOCUMENT, Answer(body=b"{}"), "document"),
    (DOCUMENT, Answer(body=b" " * 600_000), "too_large"),
    (DOCUMENT, Answer(wait=1), "timeout"),
    (DOCUMENT, Answer(body=b" " * 50, drip=0.02), "timeout"),
    ("/keys", Answer(500, b"{}"), "keys_status_500"),
    ("/keys", Answer(body=b'{"keys": 1}'), "keys_status_200"),
    ("/keys", HTML, "no_json_status_200"),
    ("/token", Answer(500, b"<h1>500</h1>", "text/html"), "no_json_status_500"),
    ("/token", Answer(500, b'{"error": "server_error"}'), "token_server_error"),
    ("/token", Answer(401, b'{"error": "invalid_client"}'), "token_invalid_client"),
    ("/token", Answer(400, b'{"error": "<b>nora</b>"}'), "token_other_error"),
    ("/token", Answer(400, b'{"error": ["invalid_grant"]}'), "token_other_error"),
    ("/token", Answer(307, b"{}", location="https://evil.example"), "token_other_error"),
    ("/token", HTML, "no_json_status_200"),
    ("/token", Answer(body=b'{"access_token": "x"}'), "no_id_token"),
    ("/token", Answer(body=b'{"id_token": 5}'), "no_id_token"),
    ("/token", Answer(body=b'{"id_token": "a.b.c", "access_token": "x\\r\\ny"}'), "no_id_token"),
    ("/token", Answer(wait=1), "timeout"),
]


@pytest.mark.parametrize(("path", "answer", "code"), FAILURES)
def test_a_provider_out_of_order_is_told_with_a_code_and_can_be_tried_again(
    path: str,
    answer: Answer,
    code: str,
    app: Flask,
    sso: SsoSettings,
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    invite()
    put_provider(app, sso, patience=QUICK)
    provider.answers[path] = answer
    response = stranger.get("/sign-in/sso", to="/console/answers")
    if path != DOCUMENT:
        response = come_back(stranger, sign_in_there(response))
    assert_refused(response, 503, code, stranger)
    assert NAME in alert_of(response)
    (record,) = [one for one in caplog.records if one.msg == "console_sso_failed"]
    assert vars(record)["code"] == code
    assert "to=/console/answers" in response.text.replace("%2F", "/")

    del provider.answers[path]
    put_provider(app, sso)
    assert sign_in(stranger).status_code == 302


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issuer": "https://evil.example"}, "document_of_another_issuer"),
        ({"token_endpoint": "http://evil.example/token"}, "document_without_https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "document_without_https"),
        ({"jwks_uri": "file:///etc/passwd"}, "document_without_https"),
        ({"userinfo_endpoint": "http://me@127.0.0.1/"}, "document_without_https"),
        ({"jwks_uri": None}, "document"),
    ],
)
def test_a_document_that_leads_elsewhere_is_not_followed(
    changes: dict[str, Any], code: str, stranger: Browser, provider: IdentityProvider
) -> None:
    provider.document_changes = changes
    response = stranger.get("/sign-in/sso")
    assert_refused(response, 503, code, stranger)
    assert provider.paths() == [DOCUMENT]


def test_a_provider_that_is_down_is_told_and_passwords_still_work(
    app: Flask, sso: SsoSettings, nora: Teammate, stranger: Browser
) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    put_provider(app, replace(sso, issuer=f"http://127.0.0.1:{port}"))
    assert_refused(stranger.get("/sign-in/sso"), 503, "unreachable", stranger)
    assert stranger.sign_in(NORA).status_code == 302


def test_a_slow_provider_holds_few_threads(sso: SsoSettings, provider: IdentityProvider) -> None:
    patience = Patience(turn=0.05, read=5.0, at_once=1)
    slow = Provider(sso, patience)
    provider.answers[DOCUMENT] = Answer(wait=0.6)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(slow.address, Attempt.begin(""), BACK) for _ in range(2)]
        errors = [one.exception() for one in both]
    codes = {one.code for one in errors if isinstance(one, ProviderFailed)}
    assert codes == {"busy", "document"}


def test_pressing_cancel_there_is_said_kindly(
    stranger: Browser, provider: IdentityProvider
) -> None:
    provider.account = None
    response = sign_in(stranger)
    assert_refused(response, 403, "canceled", stranger)
    assert "If you pressed cancel there, all is well" in alert_of(response)
    assert attempt_cookie(stranger) == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("login_required", "provider_login_required"),
        ("<script>alert(1)</script>", "provider_other_error"),
        ("", "provider_other_error"),
    ],
)
def test_an_error_of_the_provider_is_shown_by_its_code_only(
    error: str, code: str, stranger: Browser
) -> None:
    state = flat(urlsplit(go_there(stranger).location).query)["state"]
    response = stranger.get(
        "/sign-in/sso/back", error=error, error_description="<b>call 555-0100</b>", state=state
    )
    assert_refused(response, 403, code, stranger)
    assert "555-0100" not in response.text
    assert "<script>alert" not in response.text


@pytest.mark.parametrize("query", ["", "?code=x", "?state=", "?error=access_denied", "?state=%ff"])
def test_who_comes_from_nowhere_is_told_to_begin(query: str, stranger: Browser) -> None:
    response = stranger.client.get(f"/console/sign-in/sso/back{query}")
    assert_refused(response, 400, "not_begun_here", stranger)


def test_one_address_may_begin_only_so_often(app: Flask) -> None:
    here, elsewhere = Browser(app, "192.0.2.7"), Browser(app, "192.0.2.8")
    for _ in range(int(START_LIMIT.split("/")[0])):
        go_there(here)
    refused = here.get("/sign-in/sso")
    assert refused.status_code == 429
    assert "wait" in alert_of(refused)
    go_there(elsewhere)


# --- the pages ------------------------------------------------------------------------------------


def test_the_button_is_a_link_that_no_policy_holds_back(stranger: Browser) -> None:
    response = stranger.get("/sign-in")
    page = BeautifulSoup(response.text, "html.parser")
    link = page.find("a", string=f"Sign in with {NAME}")
    assert link is not None
    # Chromium applies form-action to where a form is redirected, so it must be in none.
    assert link.find_parent("form") is None
    assert "form-action 'self'" in response.headers["Content-Security-Policy"]
    assert page.find("input", {"name": "password"}) is not None
    assert fields_without_label(response) == []
    assert [one.name for one in page.find_all(["h1", "h2", "h3"])] == ["h1", "h2"]

    begun = stranger.client.get(str(link["href"]))
    assert "frame-ancestors 'none'" in begun.headers["Content-Security-Policy"]
    assert begun.headers["Cache-Control"] == "no-store"
    assert begun.headers["Referrer-Policy"] == "no-referrer"


def test_without_single_sign_on_there_is_no_sign_of_it(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    browser = Browser(start_app(settings))
    assert "/sso" not in browser.get("/sign-in").text
    assert browser.get("/sign-in/sso").status_code == 404
    assert browser.get("/sign-in/sso/back", code="x", state="y").status_code == 404


def test_an_administrator_disconnects_somebody_who_can_then_come_with_another_account(
    ada: Teammate,
    stranger: Browser,
    invite: Callable[..., int],
    engine: Engine,
    provider: IdentityProvider,
) -> None:
    person_id = invite()
    assert "Disconnect" not in ada.get(f"/team/{person_id}").text
    sign_in(stranger)
    page = ada.get(f"/team/{person_id}")
    assert f"Disconnect from {NAME}" in shown(page)
    assert repeated_ids(page) == set()

    done = ada.post(f"/team/{person_id}/sso/disconnect")
    assert done.status_code == 303
    assert "signed out everywhere" in ada.client.get(done.location).text
    assert not stranger.is_signed_in
    (line,) = lines(engine, "person.sso_unbound")
    assert (line.who, line.subject) == ("Ada", NORA)

    stranger.token = ""
    provider.account = account_of(sub="her-new-account")
    assert sign_in(stranger).status_code == 302
    again = ada.post(f"/team/{ada.id}/sso/disconnect")
    assert (again.status_code, "not for yourself" in again.text) == (400, True)
    assert ada.post("/team/987654/sso/disconnect").status_code == 404


def test_who_is_not_connected_cannot_be_disconnected(ada: Teammate, nora: Teammate) -> None:
    response = ada.post(f"/team/{nora.id}/sso/disconnect")
    assert response.status_code == 400
    assert "Nora is not connected to single sign-on" in alert_of(response)
    assert nora.is_signed_in


def test_ones_own_account_says_where_password_and_code_are_set(
    stranger: Browser, invite: Callable[..., int], nora_page: Callable[[Browser], TestResponse]
) -> None:
    invite()
    sign_in(stranger)
    page = nora_page(stranger)
    assert "no code of an authenticator app is asked here" in shown(page)
    assert 'id="password"' not in page.text


@pytest.fixture
def nora_page() -> Callable[[Browser], TestResponse]:
    """Opens one's own account, and looks whether it is whole."""

    def opened(browser: Browser) -> TestResponse:
        page = browser.get("/account")
        assert page.status_code == 200
        assert fields_without_label(page) == []
        assert repeated_ids(page) == set()
        return page

    return opened


def test_who_has_a_password_too_keeps_it(
    nora: Teammate, stranger: Browser, nora_page: Callable[[Browser], TestResponse]
) -> None:
    sign_in(stranger)
    assert 'id="password"' in nora_page(stranger).text
    assert stranger.sign_in(NORA).status_code == 302


# --- nothing but single sign-on -------------------------------------------------------------------


@pytest.fixture
def link_of(engine: Engine) -> Callable[[int], str]:
    """Makes a link on the command line; returns its path."""

    def made(person_id: int) -> str:
        with transaction(engine) as session:
            return f"/welcome/{people.new_invitation(session, person_id, None)}"

    return made


def test_passwords_open_nothing_where_single_sign_on_is_the_only_way(
    only: Flask, join: Join, engine: Engine, provider: IdentityProvider
) -> None:
    join("nora", Role.ADMIN)
    browser = Browser(only)
    page = browser.get("/sign-in")
    assert f"Sign in with {NAME}" in shown(page)
    assert "<input" not in page.text
    refused = browser.sign_in(NORA, PASSWORD)
    assert refused.status_code == 403
    assert not browser.is_signed_in
    assert sign_in(browser).status_code == 302
    assert 'id="password"' not in browser.get("/account").text


def test_an_administrator_gets_back_in_by_a_link_of_the_command_line_once(
    only: Flask, invite: Callable[..., int], link_of: Callable[[int], str], engine: Engine
) -> None:
    person_id = invite(NORA, Role.ADMIN)
    path, browser = link_of(person_id), Browser(only)
    page = browser.get(path)
    assert page.status_code == 200
    assert f"without {NAME}, once" in shown(page)
    assert "<input" not in page.text
    # Opening it is not enough: programs open links in mail.
    assert not browser.is_signed_in
    assert browser.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403

    assert browser.post(path).location == "/console/"
    assert browser.get("/team").status_code == 200
    (line,) = lines(engine, "person.signed_in")
    assert (line.who, line.detail) == ("Nora", {"via": "link"})
    another = Browser(only)
    assert another.get(path).status_code == 404
    assert another.post(path).status_code == 404
    assert not another.is_signed_in


def test_no_other_link_is_a_way_in(
    only: Flask, ada: Teammate, invite: Callable[..., int], link_of: Callable[[int], str]
) -> None:
    author, admin = invite("author@example.org", Role.AUTHOR), invite(NORA, Role.ADMIN)
    link_of(admin)
    # Made by another administrator, in the console of an app where passwords count.
    console = value_of(ada.post(f"/team/{admin}/link"), "link").removeprefix(f"{HERE}/console")
    for path in (link_of(author), console, "/welcome/none-such"):
        browser = Browser(only)
        page = browser.get(path)
        assert page.status_code == 404
        assert f"Sign in with {NAME}" in shown(page)
        assert browser.post(path).status_code == 404
        assert not browser.is_signed_in


def test_inviting_shows_no_link_where_none_is_needed(only: Flask, ada: Teammate) -> None:
    browser = Browser(only)
    browser.token = ada.token
    page = browser.post("/team", {"email": NORA, "name": "Nora", "role": "author"})
    assert page.status_code == 200
    assert "/welcome/" not in page.text
    assert "Nora needs no link" in shown(page)
    assert "Make a new link" not in shown(page)
    newcomer = Browser(only)
    assert sign_in(newcomer).status_code == 302
    assert newcomer.get("/answers/new").status_code == 200


# --- settings -------------------------------------------------------------------------------------

RIGHT = {
    "CITEWELL_SECRET_KEY": "k" * 40,
    "CITEWELL_SSO_ISSUER": "https://login.example.org/realms/team",
    "CITEWELL_SSO_CLIENT_ID": "citewell",
}


def test_the_settings_are_read_with_their_defaults() -> None:
    assert read_bot_settings({"CITEWELL_SECRET_KEY": "k" * 40}).sso is None
    settings = read_bot_settings({**RIGHT, "CITEWELL_SSO_CLIENT_SECRET": "not to be printed"})
    assert settings.sso == SsoSettings(
        RIGHT["CITEWELL_SSO_ISSUER"], "citewell", "not to be printed", "single sign-on", False
    )
    assert "not to be printed" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CITEWELL_SSO_ISSUER", "login.example.org"),
        ("CITEWELL_SSO_ISSUER", "http://login.example.org"),
        ("CITEWELL_SSO_ISSUER", "http://127.0.0.1.evil.example"),
        ("CITEWELL_SSO_ISSUER", "https://me:secret@login.example.org"),
        ("CITEWELL_SSO_ISSUER", "https://login.example.org?realm=team"),
        ("CITEWELL_SSO_ISSUER", "https://login.example.org/#team"),
        ("CITEWELL_SSO_ISSUER", "https://login.example.org/a b"),
        ("CITEWELL_SSO_ISSUER", "https://login.example.org:port"),
        ("CITEWELL_SSO_ISSUER", "https://"),
        ("CITEWELL_SSO_ISSUER", f"https://login.example.org/{'x' * 140}"),
        ("CITEWELL_SSO_CLIENT_ID", ""),
        ("CITEWELL_SSO_NAME", "x" * 41),
        ("CITEWELL_SSO_NAME", "two\nlines"),
        ("CITEWELL_SSO_ONLY", "yes"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        read_bot_settings({**RIGHT, name: value})


def test_the_only_way_in_cannot_be_one_that_is_off() -> None:
    with pytest.raises(SettingError, match="CITEWELL_SSO_ONLY"):
        read_bot_settings({"CITEWELL_SECRET_KEY": "k" * 40, "CITEWELL_SSO_ONLY": "1"})


# --- what is secret stays so ----------------------------------------------------------------------


def test_no_token_and_no_secret_is_in_a_log_or_on_a_page(
    stranger: Browser,
    invite: Callable[..., int],
    provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.INFO)
    invite()
    answers, secrets = [], {SECRET}
    for claim, value in (("nonce", "x"), ("exp", 1), ("aud", "x"), ("email", "x@example.org")):
        provider.changes = {claim: value}
        begun = go_there(stranger)
        secrets |= set(
            URLSafeTimedSerializer("test-" * 8, salt="single-sign-on").loads(
                attempt_cookie(stranger)
            )[:3]
        )
        answers.append(come_back(stranger, sign_in_there(begun)))
    provider.changes, provider.email_in = {}, "userinfo"
    answers += [sign_in(stranger), stranger.get("/"), stranger.get("/record.csv")]
    assert [one.status_code for one in answers] == [400, 400, 400, 403, 302, 200, 200]

    records = [str(vars(record)) + record.getMessage() for record in caplog.records]
    printed = capfd.readouterr()
    assert any("console_sso_failed" in record for record in records)
    for secret in secrets | provider.secrets_given:
        assert not any(secret in one.text or secret in str(one.headers) for one in answers)
        # The browser of this test logs where it goes; our own process must not.
        ours = [one for one in records if "authorize" not in one]
        assert not any(secret in record for record in ours)
        assert secret not in printed.out + printed.err


def test_a_beginning_is_forgotten_when_nobody_can_answer_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = Attempts("k" * 40)
    for _ in range(3):
        attempt = Attempt.begin("")
        attempts.take(attempts.pack(attempt), attempt.state)
    later = time.monotonic() + 601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    attempt = Attempt.begin("")
    attempts.take(attempts.pack(attempt), attempt.state)
    assert len(attempts._answered) == 1


def test_the_browser_that_signs_in_is_named(
    stranger: Browser, invite: Callable[..., int], engine: Engine
) -> None:
    person_id = invite()
    sign_in(stranger)
    with transaction(engine) as session:
        assert [one.agent for one in people.sign_ins(session, person_id)] == ["Firefox on Linux"]


def test_single_sign_on_is_off_without_its_settings(settings: BotSettings) -> None:
    assert SingleSignOn.from_settings(settings) is None
