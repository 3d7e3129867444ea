"""The team's page: inviting, roles with a last day, new links, ending access and its undo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from knowledge import people
from knowledge.audit import read_audit
from knowledge.people import Role
from knowledge.schema import Person, RoleGrant, now
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

TODAY = datetime.now(UTC).date()
NEW = {"email": "new@example.org", "name": "Nell New"}
LAST_ONE = "this is the last administrator: make somebody else one first"


def grants_of(engine: Engine, person_id: int) -> dict[str, date | None]:
    """Return the roles that a person was given, each with its last day."""
    with transaction(engine) as session:
        everybody = people.everybody(session)
        return {
            one.role: one.expires_on
            for person, grants in everybody
            for one in grants
            if person.id == person_id
        }


def emails(engine: Engine) -> set[str]:
    """Return the addresses of all accounts."""
    with transaction(engine) as session:
        return {person.email for person, _ in people.everybody(session)}


def person_id_of(engine: Engine, email: str) -> int:
    """Return the id of the person with an address."""
    with transaction(engine) as session:
        return next(one.id for one, _ in people.everybody(session) if one.email == email)


def done_actions(engine: Engine) -> list[tuple[str | None, str, str]]:
    """Return who did what to whom, the newest first."""
    with transaction(engine) as session:
        return [(line.who, line.action, line.subject) for _, line in read_audit(session)]


def path_in(link: str) -> str:
    """Return the console's path of a link."""
    host = "http://localhost/console"
    assert link.startswith(f"{host}/welcome/")
    return link.removeprefix(host)


# --- inviting -------------------------------------------------------------------------------------


def test_an_invitation_shows_a_link_once_with_which_the_person_gets_in(
    ada: Teammate, stranger: Browser, engine: Engine
) -> None:
    until = (TODAY + timedelta(days=30)).isoformat()
    fields = {**NEW, "role": ["author", "reviewer"], "until-reviewer": until}
    response = ada.post("/team", fields)
    assert response.status_code == 200
    link = value_of(response, "link")
    person_id = person_id_of(engine, NEW["email"])
    assert grants_of(engine, person_id) == {
        "author": None,
        "reviewer": TODAY + timedelta(days=30),
    }
    # It is on this one page, and in no address.
    assert link not in ada.get(f"/team/{person_id}").text
    assert link not in ada.get("/team").text
    assert link not in response.request.url

    path = path_in(link)
    assert "Nell New" in stranger.get(path).text
    stranger.post(path, {"password": PASSWORD, "again": PASSWORD})
    assert stranger.sign_in(NEW["email"]).status_code == 302
    assert stranger.get("/answers/new").status_code == 200


def test_an_invitation_is_in_the_record_with_who_gave_it(ada: Teammate, engine: Engine) -> None:
    ada.post("/team", {**NEW, "role": "author"})
    assert done_actions(engine)[:3] == [
        ("Ada", "person.role_given", NEW["email"]),
        ("Ada", "person.password_link", NEW["email"]),
        ("Ada", "person.invited", NEW["email"]),
    ]


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"email": "no address"}, "email", "such as nurse@example.org"),
        ({"email": "ADA@example.org"}, "email", "is on the team already"),
        ({"name": "  "}, "name", "1 to 120 characters"),
        ({"until-reviewer": "next year"}, "until-reviewer", "write the last day as"),
        ({"until-reviewer": "2020-01-31"}, "until-reviewer", "is over"),
    ],
)
def test_a_wrong_invitation_is_told_at_the_field_and_keeps_what_was_typed(
    change: dict[str, str], field: str, told: str, ada: Teammate, engine: Engine
) -> None:
    given = {**NEW, "role": "reviewer", "until-reviewer": str(TODAY), **change}
    response = ada.post("/team", given)
    assert response.status_code == 400
    assert told in alert_of(response)
    page = BeautifulSoup(response.text, "html.parser")
    wrong = page.find(id=field)
    assert wrong is not None
    assert wrong["aria-invalid"] == "true"
    described = page.find(id=str(wrong["aria-describedby"]).split()[-1])
    assert described is not None
    assert told in described.get_text()
    kept = {name: value_of(response, name) for name in ("email", "name", "until-reviewer")}
    assert kept == {name: given[name] for name in kept}
    chosen = page.find_all("input", attrs={"type": "checkbox", "checked": True})
    assert [one["value"] for one in chosen] == ["reviewer"]
    assert emails(engine) == {ada.email}


def test_a_last_day_of_a_role_that_is_not_chosen_gives_nothing(
    ada: Teammate, engine: Engine
) -> None:
    ada.post("/team", {**NEW, "until-reviewer": str(TODAY), "until-admin": "rubbish"})
    assert grants_of(engine, person_id_of(engine, NEW["email"])) == {}


def test_a_reviewer_is_suggested_for_a_year(ada: Teammate, nora: Teammate) -> None:
    for response in (ada.get("/team"), ada.get(f"/team/{nora.id}")):
        suggested = date.fromisoformat(value_of(response, "until-reviewer"))
        assert timedelta(364) <= suggested - TODAY <= timedelta(366)
        assert value_of(response, "until-author") == ""


# --- the list -------------------------------------------------------------------------------------


def test_the_list_tells_roles_last_days_and_how_access_stands(
    ada: Teammate, nora: Teammate, join: Join, engine: Engine
) -> None:
    left, locked, reviewer = join("lena"), join("lars"), join("rita", Role.REVIEWER)
    ada.post("/team", NEW)
    with transaction(engine) as session:
        people.deactivate(session, left.id, None)
        session.get_one(Person, locked.id).locked_until = now() + timedelta(minutes=5)
        session.get_one(RoleGrant, (reviewer.id, "reviewer")).expires_on = date(2020, 1, 31)
    page = BeautifulSoup(ada.get("/team").text, "html.parser")
    lines = {}
    for row in page.select("tbody tr"):
        heading = row.find("a")
        assert heading is not None
        lines[heading.get_text()] = " ".join(row.get_text(" ").split())
    assert "admin has access you" in lines["Ada"]
    assert "author has access End access" in lines["Nora"]
    assert "reviewer ended on 31 Jan 2020" in lines["Rita"]
    assert "invited, no password yet" in lines["Nell New"]
    assert "locked until" in lines["Lars"]
    assert "no access Let in again" in lines["Lena"]
    assert list(lines)[-1] == "Lena"


def test_who_is_alone_is_told_whom_to_invite(ada: Teammate) -> None:
    assert "nobody approves their own words" in shown(ada.get("/team"))


@pytest.mark.parametrize("person_id", ["987654", "99999999999999999999999"])
def test_a_person_who_is_not_there_is_not_found(person_id: str, ada: Teammate) -> None:
    assert ada.get(f"/team/{person_id}").status_code == 404
    for step in ("roles", "roles/take", "link", "end", "let-in", "authenticator/remove"):
        assert ada.post(f"/team/{person_id}/{step}", {"role": "author"}).status_code == 404


def test_every_field_has_a_label_and_every_id_is_there_once(ada: Teammate, nora: Teammate) -> None:
    for response in (
        ada.get("/team"),
        ada.post("/team"),
        ada.get(f"/team/{nora.id}"),
        ada.post(f"/team/{nora.id}/link"),
    ):
        assert fields_without_label(response) == []
        assert repeated_ids(response) == set()


# --- roles ----------------------------------------------------------------------------------------


def test_a_role_is_given_with_a_last_day_changed_and_taken(
    ada: Teammate, nora: Teammate, engine: Engine
) -> None:
    path, until = f"/team/{nora.id}/roles", TODAY + timedelta(days=365)
    response = ada.post(path, {"role": "reviewer", "until-reviewer": str(until)})
    assert response.status_code == 303
    page = ada.client.get(response.location)
    assert "The role is given." in page.text
    assert value_of(page, "until-reviewer") == str(until)
    assert grants_of(engine, nora.id) == {"author": None, "reviewer": until}

    ada.post(path, {"role": "reviewer", "until-reviewer": ""})
    assert grants_of(engine, nora.id)["reviewer"] is None

    assert ada.post(f"{path}/take", {"role": "reviewer"}).status_code == 303
    assert grants_of(engine, nora.id) == {"author": None}
    assert done_actions(engine)[0] == ("Ada", "person.role_taken", nora.email)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"role": "queen"}, "choose one of the roles author, reviewer, publisher, admin"),
        ({}, "choose one of the roles"),
        ({"role": "author", "until-author": "soon"}, "write the last day as"),
        ({"role": "author", "until-author": "2020-01-31"}, "is over"),
    ],
)
def test_a_wrong_role_or_day_is_told_on_the_persons_page(
    fields: dict[str, str], told: str, ada: Teammate, nora: Teammate, engine: Engine
) -> None:
    response = ada.post(f"/team/{nora.id}/roles", fields)
    assert response.status_code == 400
    assert told in alert_of(response)
    assert value_of(response, "until-author") == fields.get("until-author", "")
    assert grants_of(engine, nora.id) == {"author": None}


# --- the last administrator -----------------------------------------------------------------------


def give_end(ada: Teammate) -> TestResponse:
    """Give Ada's own role a last day."""
    return ada.post(f"/team/{ada.id}/roles", {"role": "admin", "until-admin": str(TODAY)})


def take(ada: Teammate) -> TestResponse:
    """Take Ada's own role."""
    return ada.post(f"/team/{ada.id}/roles/take", {"role": "admin"})


@pytest.mark.parametrize("step", [give_end, take])
def test_the_last_administrator_stays_one(
    step: Callable[[Teammate], TestResponse], ada: Teammate, nora: Teammate, engine: Engine
) -> None:
    before = done_actions(engine)
    response = step(ada)
    assert response.status_code == 400
    assert LAST_ONE in alert_of(response)
    assert grants_of(engine, ada.id) == {"admin": None}
    assert done_actions(engine) == before


@pytest.mark.parametrize("step", [give_end, take])
def test_an_administrator_beside_another_may_give_up_the_role(
    step: Callable[[Teammate], TestResponse], ada: Teammate, join: Join
) -> None:
    join("otto", Role.ADMIN)
    response = step(ada)
    assert response.status_code == 303
    assert ada.client.get(response.location).status_code == 200


def test_a_last_day_of_an_administrator_is_one_line_of_the_record(
    ada: Teammate, join: Join, engine: Engine
) -> None:
    join("otto", Role.ADMIN)
    before = done_actions(engine)
    give_end(ada)
    assert grants_of(engine, ada.id) == {"admin": TODAY}
    assert done_actions(engine) == [("Ada", "person.role_given", ada.email), *before]


def test_an_administrator_who_has_not_set_a_password_yet_does_not_count(ada: Teammate) -> None:
    ada.post("/team", {**NEW, "role": "admin"})
    assert LAST_ONE in alert_of(take(ada))


def test_nobody_ends_their_own_access_or_takes_their_own_app_here(
    ada: Teammate, join: Join, engine: Engine
) -> None:
    join("otto", Role.ADMIN)
    with transaction(engine) as session:
        session.get_one(Person, ada.id).totp_secret = secret = people.new_totp()
    for step in ("end", "authenticator/remove", "link"):
        response = ada.post(f"/team/{ada.id}/{step}")
        assert response.status_code == 400
        assert "not for yourself here" in alert_of(response)
    with transaction(engine) as session:
        assert session.get_one(Person, ada.id).totp_secret == secret
    assert ada.is_signed_in


# --- access ---------------------------------------------------------------------------------------


def test_access_ends_with_one_click_and_comes_back_with_another(
    ada: Teammate, nora: Teammate, engine: Engine
) -> None:
    response = ada.post(f"/team/{nora.id}/end")
    page = ada.client.get(response.location)
    assert "no access" in shown(page)
    form = BeautifulSoup(page.text, "html.parser").find(
        "form", attrs={"action": f"/console/team/{nora.id}/let-in"}
    )
    assert form is not None
    assert "Let Nora in again" in form.get_text()
    assert not nora.is_signed_in

    assert ada.post(f"/team/{nora.id}/let-in").status_code == 303
    assert nora.sign_in(nora.email).status_code == 302
    assert grants_of(engine, nora.id) == {"author": None}
    assert [line[:2] for line in done_actions(engine)[:3]] == [
        ("Nora", "person.signed_in"),
        ("Ada", "person.access_given"),
        ("Ada", "person.access_ended"),
    ]


def test_a_new_link_sets_a_new_password_and_ends_older_links(
    ada: Teammate, nora: Teammate, stranger: Browser
) -> None:
    first = path_in(value_of(ada.post(f"/team/{nora.id}/link"), "link"))
    second = path_in(value_of(ada.post(f"/team/{nora.id}/link"), "link"))
    # Until it is used, the password that Nora knows counts.
    assert nora.is_signed_in
    assert stranger.get(first).status_code == 404
    new = "five other plain words"
    assert stranger.post(second, {"password": new, "again": new}).status_code == 303
    assert not nora.is_signed_in
    assert stranger.sign_in(nora.email).status_code == 401
    assert stranger.sign_in(nora.email, new).status_code == 302


def test_who_has_left_gets_no_link(ada: Teammate, nora: Teammate) -> None:
    ada.post(f"/team/{nora.id}/end")
    response = ada.post(f"/team/{nora.id}/link")
    assert response.status_code == 400
    assert "let them in again first" in alert_of(response)


def test_a_lost_phone_is_taken_off_by_an_administrator(
    ada: Teammate, nora: Teammate, stranger: Browser, engine: Engine
) -> None:
    with transaction(engine) as session:
        session.get_one(Person, nora.id).totp_secret = people.new_totp()
    assert stranger.sign_in(nora.email).status_code == 401
    assert "lost phone" in ada.get(f"/team/{nora.id}").text
    ada.post(f"/team/{nora.id}/authenticator/remove")
    assert stranger.sign_in(nora.email).status_code == 302
    assert done_actions(engine)[1] == ("Ada", "person.totp_removed", nora.email)
