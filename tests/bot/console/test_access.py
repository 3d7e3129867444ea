"""Who gets in, who may open what, and what other sites cannot do."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.console.access import SIGN_IN_LIMIT, WRONG
from bot.console.entries import STEPS
from bot.console.pages import COOKIE, CSP, Pages
from bot.settings import BotSettings
from knowledge import people
from knowledge.people import Role
from knowledge.schema import AuditRecord, Person, RoleGrant, SignIn, now
from knowledge.store import transaction
from tests.bot.console.conftest import (
    OURS,
    PASSWORD,
    Browser,
    Join,
    Teammate,
    alert_of,
    shown,
)

NORA = "nora@example.org"
TRIES = int(SIGN_IN_LIMIT.split("/")[0])

Roles = frozenset[Role] | None
ANYBODY: Roles = None
MEMBERS: Roles = frozenset()
AUTHORS: Roles = frozenset({Role.AUTHOR})
PUBLISHERS: Roles = frozenset({Role.PUBLISHER})
ADMINS: Roles = frozenset({Role.ADMIN})

DECIDED: dict[tuple[str, str], Roles] = {
    ("GET", "/sign-in"): ANYBODY,
    ("POST", "/sign-in"): ANYBODY,
    ("GET", "/sign-in/sso"): ANYBODY,
    ("GET", "/sign-in/sso/back"): ANYBODY,
    ("GET", "/welcome/<token>"): ANYBODY,
    ("POST", "/welcome/<token>"): ANYBODY,
    ("POST", "/sign-out"): MEMBERS,
    ("GET", "/"): MEMBERS,
    ("GET", "/answers"): MEMBERS,
    ("GET", "/answers/new"): AUTHORS,
    ("POST", "/answers/new"): AUTHORS,
    ("GET", "/answers/<entry_id>"): MEMBERS,
    ("GET", "/answers/<entry_id>/edit"): AUTHORS,
    ("POST", "/answers/<entry_id>/edit"): AUTHORS,
    ("POST", "/answers/preview"): AUTHORS,
    ("POST", "/answers/found"): AUTHORS,
    # Which role a step needs depends on the step: knowledge.workflow refuses the others.
    ("POST", "/revisions/<int:revision_id>/<step>"): MEMBERS,
    ("GET", "/releases"): MEMBERS,
    ("POST", "/releases"): PUBLISHERS,
    ("GET", "/releases/rehearsal"): PUBLISHERS,
    ("POST", "/releases/<int:release_id>/live"): PUBLISHERS,
    ("POST", "/releases/plans"): PUBLISHERS,
    ("POST", "/releases/plans/<int:plan_id>/<step>"): PUBLISHERS,
    ("GET", "/delivery"): MEMBERS,
    ("GET", "/banners"): MEMBERS,
    ("GET", "/banners/new"): PUBLISHERS,
    ("POST", "/banners/new"): PUBLISHERS,
    ("POST", "/banners/<int:banner_id>/<step>"): PUBLISHERS,
    ("POST", "/banners/drill"): MEMBERS,
    # What people asked, identifiers masked, is read by everybody on the team.
    ("GET", "/questions"): MEMBERS,
    ("GET", "/questions/trends"): MEMBERS,
    ("GET", "/questions/rumours"): MEMBERS,
    ("GET", "/questions/<what>.csv"): MEMBERS,
    ("POST", "/questions/<int:group_id>/<step>"): AUTHORS,
    ("POST", "/questions/<int:group_id>/draft"): AUTHORS,
    ("POST", "/questions/terms"): AUTHORS,
    ("POST", "/questions/terms/<int:term_id>/remove"): AUTHORS,
    ("GET", "/sources"): MEMBERS,
    # knowledge.source_watch refuses who is neither author nor reviewer.
    ("POST", "/sources/tasks/<int:task_id>/<step>"): frozenset({Role.AUTHOR, Role.REVIEWER}),
    ("POST", "/sources/look"): frozenset({Role.AUTHOR, Role.REVIEWER, Role.PUBLISHER}),
    ("GET", "/try"): MEMBERS,
    ("POST", "/try"): MEMBERS,
    ("GET", "/exchange"): MEMBERS,
    ("GET", "/exchange/answers.<kind>"): MEMBERS,
    ("POST", "/exchange/check"): AUTHORS,
    ("POST", "/exchange/import"): AUTHORS,
    ("POST", "/exchange/imports/<int:import_id>/undo"): AUTHORS,
    ("GET", "/account"): MEMBERS,
    ("POST", "/account/password"): MEMBERS,
    ("POST", "/account/sign-ins/end"): MEMBERS,
    ("POST", "/account/sign-ins/end-others"): MEMBERS,
    ("POST", "/account/authenticator"): MEMBERS,
    ("POST", "/account/authenticator/confirm"): MEMBERS,
    ("POST", "/account/authenticator/remove"): MEMBERS,
    ("POST", "/account/keys"): MEMBERS,
    ("POST", "/account/keys/end"): MEMBERS,
    ("GET", "/team"): ADMINS,
    ("POST", "/team"): ADMINS,
    ("GET", "/team/<int:person_id>"): ADMINS,
    ("POST", "/team/<int:person_id>/roles"): ADMINS,
    ("POST", "/team/<int:person_id>/roles/take"): ADMINS,
    ("POST", "/team/<int:person_id>/credentials"): ADMINS,
    ("POST", "/team/<int:person_id>/link"): ADMINS,
    ("POST", "/team/<int:person_id>/end"): ADMINS,
    ("POST", "/team/<int:person_id>/let-in"): ADMINS,
    ("POST", "/team/<int:person_id>/sso/disconnect"): ADMINS,
    ("POST", "/team/<int:person_id>/authenticator/remove"): ADMINS,
    ("GET", "/record"): MEMBERS,
    ("GET", "/record.csv"): MEMBERS,
}
"""Who may open what, decided here once more: a new route fails until somebody decides on it."""
ROUTES = [pytest.param(*route, id=" ".join(route)) for route in DECIDED]
POSTS = [pytest.param(rule, id=rule) for method, rule in DECIDED if method == "POST"]
GETS = [rule for method, rule in DECIDED if method == "GET"]
BEHIND = [
    pytest.param(*route, id=" ".join(route))
    for route, roles in DECIDED.items()
    if roles is not None
]


@pytest.fixture
def pages(app: Flask) -> Pages:
    """The table of the running app."""
    found = app.extensions["console"]
    assert isinstance(found, Pages)
    return found


@pytest.fixture
def path_of(join: Join) -> Callable[[str], str]:
    """Fills in the parts of a rule; people are somebody whose only role is to be acted on."""
    somebody = join("somebody")
    parts = {
        "entry_id": "flu-spread",
        "kind": "csv",
        "person_id": str(somebody.id),
        "release_id": "1",
        "revision_id": "1",
        "step": "submit",
        "token": "none-such",
        "what": "trends",
    }

    def fill(rule: str) -> str:
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parts.get(found[1], "1"), rule)

    return fill


def send(browser: Browser, method: str, path: str) -> TestResponse:
    """Open a page or send an empty form."""
    return browser.get(path) if method == "GET" else browser.post(path)


# --- the table of who may open what ---------------------------------------------------------------


def test_every_route_is_decided_on_here(pages: Pages) -> None:
    assert pages.permissions == DECIDED


def test_no_route_goes_round_the_table(app: Flask) -> None:
    routes = {
        (method, rule.rule.removeprefix("/console"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/console") and rule.endpoint != "console.static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(DECIDED)


@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_a_route_opens_to_exactly_the_roles_of_the_table(
    method: str, rule: str, join: Join, path_of: Callable[[str], str]
) -> None:
    decided, path = DECIDED[method, rule], path_of(rule)
    hands = [frozenset[Role](), *(frozenset({role}) for role in Role)]
    opened = set()
    for number, roles in enumerate(hands):
        response = send(join(f"person{number}", *roles), method, path)
        assert response.status_code not in {405, 500, 503}, roles
        if response.status_code != 403:
            opened.add(roles)
    expected = {roles for roles in hands if not decided or decided & roles}
    assert opened == expected


@pytest.mark.parametrize(("method", "rule"), BEHIND)
def test_who_is_not_signed_in_is_sent_to_sign_in_or_refused(
    method: str, rule: str, stranger: Browser, path_of: Callable[[str], str]
) -> None:
    path = path_of(rule)
    response = send(stranger, method, path)
    if method == "POST":
        assert response.status_code == 401
        return
    assert response.status_code == 302
    assert response.location.split("?")[0] == "/console/sign-in"
    expected = f"/console{path}".replace("/", "%2F")
    assert f"to={expected}" in response.location.replace("/console/sign-in", "").replace("/", "%2F")


def test_what_is_refused_is_not_done(nora: Teammate, join: Join, engine: Engine) -> None:
    other = join("otto")
    nora.post("/team", {"email": "new@example.org", "name": "New", "role": "admin"})
    nora.post(f"/team/{nora.id}/roles", {"role": "admin"})
    nora.post(f"/team/{other.id}/end")
    with transaction(engine) as session:
        assert people.roles_of(session, nora.id) == {Role.AUTHOR}
        assert session.scalar(sa.select(sa.func.count()).select_from(Person)) == 2
    assert other.is_signed_in


def test_a_person_with_the_wrong_role_does_no_step_of_the_workflow(
    join: Join, engine: Engine
) -> None:
    admin = join("only-admin", Role.ADMIN)
    before = live_state(engine)
    assert {"approve", "withdraw", "restore"} <= set(STEPS)
    for step in STEPS:
        assert admin.post(f"/revisions/1/{step}", {"note": "because"}).status_code == 409
    assert live_state(engine) == before


def live_state(engine: Engine) -> list[tuple[object, ...]]:
    """Return which release is live, and the state of every revision."""
    asked = sa.text(
        "SELECT live_release.release_id, revision.id, revision.state FROM live_release, revision "
        "ORDER BY revision.id"
    )
    with transaction(engine) as session:
        return [tuple(row) for row in session.execute(asked)]


def test_opening_a_page_writes_nothing_into_the_record(
    join: Join, path_of: Callable[[str], str], engine: Engine
) -> None:
    everything = join("eve", *Role)
    counted = sa.select(sa.func.count()).select_from(AuditRecord)
    with transaction(engine) as session:
        before = session.scalar(counted)
    for rule in GETS:
        assert everything.get(path_of(rule)).status_code in {200, 404, 409}
    with transaction(engine) as session:
        assert session.scalar(counted) == before


# --- what an administrator takes away is gone at once ---------------------------------------------


def test_who_loses_access_is_out_in_every_browser_and_with_every_key(
    ada: Teammate, nora: Teammate, stranger: Browser, engine: Engine
) -> None:
    second = nora.another_browser()
    with transaction(engine) as session:
        keys = [people.new_api_token(session, nora.id, name) for name in ("export", "import")]
    assert nora.is_signed_in
    assert second.is_signed_in

    ada.post(f"/team/{nora.id}/end")

    assert nora.get("/").status_code == 302
    assert second.post("/answers/preview").status_code == 401
    assert stranger.sign_in(NORA).status_code == 401
    with transaction(engine) as session:
        assert [people.member_of_api_token(session, key) for key in keys] == [None, None]


def test_who_is_let_in_again_has_to_sign_in_again(
    ada: Teammate, nora: Teammate, engine: Engine
) -> None:
    with transaction(engine) as session:
        key = people.new_api_token(session, nora.id, "export")
    ada.post(f"/team/{nora.id}/end")
    ada.post(f"/team/{nora.id}/let-in")
    assert not nora.is_signed_in
    with transaction(engine) as session:
        assert people.member_of_api_token(session, key) is None
    assert nora.sign_in(NORA).status_code == 302
    assert nora.get("/answers/new").status_code == 200


def test_a_role_that_is_taken_does_not_count_at_the_next_request(
    ada: Teammate, nora: Teammate
) -> None:
    assert nora.get("/answers/new").status_code == 200
    ada.post(f"/team/{nora.id}/roles/take", {"role": "author"})
    assert nora.get("/answers/new").status_code == 403
    assert nora.is_signed_in


@pytest.mark.parametrize(("days", "status"), [(-1, 403), (0, 200), (1, 200)])
def test_a_role_counts_until_the_end_of_its_last_day(
    days: int, status: int, nora: Teammate, engine: Engine
) -> None:
    last = datetime.now(UTC).date() + timedelta(days=days)
    with transaction(engine) as session:
        session.get_one(RoleGrant, (nora.id, Role.AUTHOR.value)).expires_on = last
    assert nora.get("/answers/new").status_code == status


# --- signing in -----------------------------------------------------------------------------------


def test_signing_in_opens_the_console(nora: Teammate, stranger: Browser) -> None:
    response = stranger.sign_in(" NORA@example.org ")
    assert (response.status_code, response.location) == (302, "/console/")
    assert "Nora" in stranger.get("/").text


def test_a_wrong_password_opens_nothing_and_keeps_the_address(
    nora: Teammate, stranger: Browser
) -> None:
    response = stranger.sign_in(NORA, "another password here", to="/console/answers")
    assert response.status_code == 401
    assert alert_of(response) == WRONG
    assert f'value="{NORA}"' in response.text
    assert 'value="/console/answers"' in response.text
    assert "Set-Cookie" not in response.headers


def test_a_locked_account_an_unknown_one_and_a_wrong_code_say_the_same(
    nora: Teammate, stranger: Browser, engine: Engine
) -> None:
    wrong = stranger.sign_in(NORA, "another password here")
    unknown = stranger.sign_in("nobody@example.org", "another password here")
    assert unknown.text.replace("nobody@example.org", NORA) == wrong.text
    with transaction(engine) as session:
        session.get_one(Person, nora.id).totp_secret = people.new_totp()
    no_code = stranger.sign_in(NORA)
    for _ in range(people.MOST_FAILURES):
        stranger.sign_in(NORA, "another password here")
    locked = Browser(stranger.client.application, "192.0.2.9").sign_in(NORA)
    assert {one.status_code for one in (wrong, unknown, no_code, locked)} == {401}
    assert wrong.text == no_code.text == locked.text


def test_a_locked_account_opens_again_after_its_time(
    nora: Teammate, stranger: Browser, engine: Engine
) -> None:
    for _ in range(people.MOST_FAILURES):
        stranger.sign_in(NORA, "another password here")
    assert stranger.sign_in(NORA).status_code == 401
    with transaction(engine) as session:
        session.get_one(Person, nora.id).locked_until = now() - timedelta(seconds=1)
    assert stranger.sign_in(NORA).status_code == 302


def test_a_code_is_asked_of_who_has_an_app_and_counts_once(
    nora: Teammate, app: Flask, engine: Engine
) -> None:
    secret = people.new_totp()
    with transaction(engine) as session:
        session.get_one(Person, nora.id).totp_secret = secret
    code = pyotp.TOTP(secret).now()
    first, second = Browser(app), Browser(app)
    assert first.sign_in(NORA).status_code == 401
    assert first.sign_in(NORA, code=code).status_code == 302
    assert second.sign_in(NORA, code=code).status_code == 401


def test_one_address_may_try_only_so_often(nora: Teammate, app: Flask) -> None:
    here, elsewhere = Browser(app, "192.0.2.7"), Browser(app, "192.0.2.8")
    for number in range(TRIES):
        assert here.sign_in(f"guess{number}@example.org").status_code == 401
    refused = here.sign_in(NORA)
    assert refused.status_code == 429
    assert re.match(
        r"There were too many tries to sign in from your network\. Please wait \d+ seconds",
        alert_of(refused),
    )
    assert "message" not in alert_of(refused)
    assert f'value="{NORA}"' in refused.text
    assert not here.is_signed_in
    assert elsewhere.sign_in(NORA).status_code == 302


def test_signing_in_gives_a_new_cookie_and_ends_the_one_before(
    nora: Teammate, join: Join, app: Flask
) -> None:
    browser = Browser(app)
    browser.token = planted = "value-that-somebody-planted"
    browser.sign_in(NORA)
    first = browser.token
    assert first != planted
    browser.sign_in(NORA)
    assert browser.token not in {first, planted}
    old = Browser(app)
    for token in (planted, first):
        old.token = token
        assert not old.is_signed_in
    assert browser.is_signed_in


def test_signing_in_over_somebody_elses_sign_in_ends_theirs(
    ada: Teammate, nora: Teammate, app: Flask
) -> None:
    browser = ada.another_browser()
    adas = browser.token
    browser.sign_in(NORA)
    assert browser.get("/team").status_code == 403
    browser.token = adas
    assert not browser.is_signed_in
    assert ada.is_signed_in


def test_a_failed_sign_in_ends_nothing(nora: Teammate) -> None:
    assert nora.sign_in(NORA, "another password here").status_code == 401
    assert nora.is_signed_in


def test_signing_out_ends_the_cookie_for_good(nora: Teammate) -> None:
    token = nora.token
    response = nora.post("/sign-out")
    assert response.location.startswith("/console/sign-in")
    assert nora.token == ""
    nora.token = token
    assert not nora.is_signed_in


@pytest.mark.parametrize("field", ["seen_at", "expires_at"])
def test_a_sign_in_ends_by_age_and_by_being_idle(
    field: str, nora: Teammate, engine: Engine
) -> None:
    past = now() - (people.IDLE_FOR if field == "seen_at" else timedelta()) - timedelta(seconds=1)
    with transaction(engine) as session:
        session.execute(sa.update(SignIn).values({field: past}))
    assert not nora.is_signed_in


@pytest.mark.parametrize("https_only", [False, True])
def test_the_cookie_goes_to_the_console_only_and_to_no_script(
    https_only: bool,
    nora: Teammate,
    start_app: Callable[..., Flask],
    settings: BotSettings,
) -> None:
    app = start_app(replace(settings, cookies_need_https=https_only))
    cookie = SimpleCookie(Browser(app).sign_in(NORA).headers["Set-Cookie"])[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/console")
    # It ends with the browser, and no other host gets it.
    assert (cookie["max-age"], cookie["expires"], cookie["domain"]) == ("", "", "")
    assert bool(cookie["secure"]) is https_only


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "///evil.example/console",
        "/\\evil.example/console",
        "\\\\evil.example/console",
        "/console\\..\\..\\@evil.example",
        " //evil.example/console",
        "/\t/evil.example/console",
        "\r\n//evil.example/console",
        "javascript:alert(1)//console",
        "evil.example/console",
        "/widget/chat",
        "",
    ],
)
def test_signing_in_leads_to_no_other_site(to: str, nora: Teammate, stranger: Browser) -> None:
    response = stranger.sign_in(NORA, to=to)
    assert (response.status_code, response.location) == (302, "/console/")


def test_signing_in_leads_to_the_page_that_was_asked_for(nora: Teammate, stranger: Browser) -> None:
    asked = stranger.get("/answers", words="flu", page=1)
    form = stranger.client.get(asked.location)
    assert 'value="/console/answers?words=flu&amp;page=1"' in form.text
    response = stranger.sign_in(NORA, to="/console/answers?words=flu&page=1")
    assert response.location == "/console/answers?words=flu&page=1"


@pytest.mark.parametrize("to", ["http://[evil", "/console/\r\nX-Planted: yes", "/console\n"])
def test_a_page_asked_for_that_is_no_address_does_not_keep_anybody_out(
    to: str, nora: Teammate, stranger: Browser
) -> None:
    response = stranger.sign_in(NORA, to=to)
    assert (response.status_code, response.location) == (302, "/console/")
    assert "X-Planted" not in response.headers


def test_what_is_in_the_address_is_no_mark_on_the_page(stranger: Browser, nora: Teammate) -> None:
    assert "<script>x" not in stranger.get("/sign-in", to='"><script>x</script>').text
    assert "<script>x" not in nora.get("/record", subject='"><script>x</script>').text


# --- the first password ---------------------------------------------------------------------------


def test_an_invitation_sets_one_password_once(
    ada: Teammate, stranger: Browser, engine: Engine
) -> None:
    with transaction(engine) as session:
        _, token = people.invite(session, "new@example.org", "New", (), ada.id)
    path = f"/welcome/{token}"
    assert stranger.get(path).status_code == 200
    fields = {"password": PASSWORD, "again": "not the same words"}
    assert stranger.post(path, fields).status_code == 400
    assert stranger.post(path, {"password": "short", "again": "short"}).status_code == 400
    assert stranger.post(path, {"password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert stranger.sign_in("new@example.org").status_code == 302
    assert stranger.get(path).status_code == 404
    again = {"password": "quite another one", "again": "quite another one"}
    assert stranger.post(path, again).status_code == 400
    assert Browser(stranger.client.application).sign_in("new@example.org").status_code == 302


def test_before_there_is_a_team_the_page_says_how_to_begin(stranger: Browser) -> None:
    response = stranger.get("/")
    assert response.status_code == 200
    assert "python -m knowledge team invite" in response.text


# --- what other sites cannot do -------------------------------------------------------------------

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": ""},
    # What the browser says itself goes before what the origin seems to be.
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost:8080"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://user@localhost"},
]


@pytest.mark.parametrize("rule", POSTS)
def test_a_form_of_another_site_is_refused_on_every_route(
    rule: str, join: Join, path_of: Callable[[str], str], engine: Engine
) -> None:
    everything, path = join("eve", *Role), path_of(rule)
    before = live_state(engine)
    statuses = {
        str(headers): everything.post(path, headers=headers).status_code for headers in FOREIGN
    }
    assert {name for name, status in statuses.items() if status != 403} == set()
    assert everything.is_signed_in
    assert live_state(engine) == before


def test_an_origin_that_is_no_address_is_refused(ada: Teammate) -> None:
    assert ada.post("/team", headers={"Origin": "http://[evil"}).status_code == 403


@pytest.mark.parametrize("rule", POSTS)
def test_a_form_of_our_own_pages_is_taken_on_every_route(
    rule: str, join: Join, path_of: Callable[[str], str]
) -> None:
    path = path_of(rule)
    for number, headers in enumerate([OURS, {"Origin": "http://localhost"}]):
        everything = join(f"eve{number}", *Role)
        assert everything.post(path, headers=headers).status_code != 403


def every_page(everything: Teammate, path_of: Callable[[str], str]) -> Iterator[TestResponse]:
    """Yield every page that shows something, and pages that say what is wrong."""
    for rule in GETS:
        yield everything.get(path_of(rule))
    yield everything.get("/team/987654")
    yield everything.post("/team")
    yield everything.post("/account/keys", {"key_name": "export"})
    yield everything.post("/account/authenticator")
    yield everything.post("/team", headers={})
    yield Browser(everything.app).post("/sign-in")


def test_no_page_can_be_framed_kept_or_run_a_foreign_script(
    join: Join, path_of: Callable[[str], str]
) -> None:
    for response in every_page(join("eve", *Role), path_of):
        where = response.request.path
        policy = response.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, where
        assert "default-src 'none'" in policy, where
        assert "unsafe" not in policy, where
        assert response.headers["Cache-Control"] == "no-store", where
        assert response.headers["X-Content-Type-Options"] == "nosniff", where
        assert response.headers["Referrer-Policy"] == "no-referrer", where
        assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", response.text), where


def test_a_redirect_cannot_be_framed_either(stranger: Browser, nora: Teammate) -> None:
    for response in (stranger.get("/answers"), nora.post("/account/sign-ins/end-others")):
        assert response.status_code in {302, 303}
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


# --- what is typed as a password is nowhere -------------------------------------------------------

TYPED = ("typed-old-password-1", "typed-new-password-2", "typed-other-password-3", "short-4")


def test_no_password_is_in_a_log_or_on_a_page(
    start_app: Callable[..., Flask],
    settings: BotSettings,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    knowledge = replace(settings.knowledge, log_level="DEBUG")
    browser = Browser(start_app(replace(settings, knowledge=knowledge)))
    logging.getLogger().addHandler(caplog.handler)
    old, new, other, short = TYPED
    with transaction(engine) as session:
        _, token = people.invite(session, NORA, "Nora", (), None)
    answers = [
        browser.post(f"/welcome/{token}", {"password": short, "again": short}),
        browser.post(f"/welcome/{token}", {"password": old, "again": other}),
        browser.post(f"/welcome/{token}", {"password": old, "again": old}),
        browser.sign_in(NORA, other),
        browser.sign_in(NORA, old),
        browser.post("/account/password", {"current": other, "password": new, "again": new}),
        browser.post("/account/password", {"current": old, "password": short, "again": short}),
        browser.post("/account/password", {"current": old, "password": new, "again": other}),
        browser.post("/account/authenticator/remove", {"password_for_app": other}),
        browser.post("/account/password", {"current": old, "password": new, "again": new}),
        browser.get("/account"),
        browser.get("/record"),
        browser.get("/record.csv"),
    ]
    assert [one.status_code for one in answers] == [
        *(400, 400, 303, 401, 302, 400, 400, 400, 400, 302, 200, 200, 200)
    ]
    with transaction(engine) as session:
        session.execute(sa.text("DROP TABLE sign_in"))
    broken = browser.sign_in(NORA, new)
    assert broken.status_code == 503
    records = [str(vars(record)) + record.getMessage() for record in caplog.records]
    printed = capfd.readouterr()
    assert any("console_store_failed" in record for record in records)
    for secret in TYPED:
        assert not any(secret in one.text or secret in str(one.headers) for one in answers)
        assert secret not in broken.text
        assert not any(secret in record for record in records)
        assert secret not in printed.out + printed.err


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing-here", 404), ("GET", "/revisions/1/approve", 405), ("POST", "/record", 405)],
)
def test_an_address_that_is_none_is_told_as_a_page(
    nora: Teammate, method: str, path: str, status: int
) -> None:
    response = send(nora, method, path)
    assert response.status_code == status
    assert response.content_type == "text/html; charset=utf-8"
    assert "To the front page of the console" in shown(response)
    assert response.headers["Content-Security-Policy"] == CSP
