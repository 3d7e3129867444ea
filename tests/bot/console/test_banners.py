"""Banners in the console: set, looked at first, changed, taken down, put back; drills."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.engine import Engine

from bot import banners as live_banners
from bot.sessions import Sessions
from bot.settings import BotSettings
from knowledge.audit import read_audit
from knowledge.people import Role
from knowledge.schema import Banner, now
from knowledge.store import transaction
from tests.bot.console.conftest import (
    Join,
    Teammate,
    alert_of,
    fields_without_label,
    repeated_ids,
    shown,
)

TEXT = "Boil water before you drink it."


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_banners, "FRESH_SECONDS", 0.0)


@pytest.fixture
def paul(join: Join) -> Teammate:
    """Paul, who publishes."""
    return join("paul", Role.PUBLISHER)


def fields(**other: str) -> dict[str, Any]:
    """Return the form of a banner that may be set."""
    end = (now() + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")
    return {
        "text": TEXT,
        "link_title": "Cholera",
        "link_url": "https://www.cdc.gov/cholera/index.html",
        "ends_at": end,
        **other,
    }


def rows(engine: Engine) -> list[Banner]:
    """Return all banners."""
    with transaction(engine) as session:
        found = list(session.query(Banner).order_by(Banner.id))
        session.expunge_all()
    return found


def told(app: Flask) -> list[str]:
    """Return what people are told."""
    body = app.test_client().get("/api/v1/banners").get_json()
    return [one["text"] for one in body["banners"]]


def test_a_banner_is_looked_at_first_then_set_and_people_are_told(
    paul: Teammate, app: Flask, engine: Engine
) -> None:
    looked = paul.post("/banners/new", fields(look="1", topics="flu"))
    assert looked.status_code == 200
    assert "As people will see it" in shown(looked)
    assert "Nothing is set yet" in shown(looked)
    assert (rows(engine), told(app)) == ([], [])
    done = paul.post("/banners/new", fields(topics="flu"))
    assert done.status_code == 303
    (row,) = rows(engine)
    assert (row.text, row.topics, row.person_id) == (TEXT, ["flu"], paul.id)
    assert told(app) == [TEXT]
    page = paul.get("/banners")
    assert "Set by Paul." in shown(page)
    assert "showing" in shown(page)


def test_a_wrong_banner_keeps_what_was_typed_and_names_the_field(
    paul: Teammate, engine: Engine
) -> None:
    wrong = fields(text="Take 500 mg.", link_url="https://www.example.org/", ends_at="tomorrow")
    page = paul.post("/banners/new", wrong)
    assert page.status_code == 400
    assert "write a day and a time in UTC" in alert_of(page)
    page = paul.post("/banners/new", wrong | {"ends_at": fields()["ends_at"], "topics": "unicorns"})
    said = alert_of(page)
    assert "names a dose" in said
    assert "has to be on one of these sites" in said
    assert "there is no topic 'unicorns'" in said
    assert "Take 500 mg." in shown(page)
    assert rows(engine) == []


def test_taken_down_it_is_gone_and_can_be_put_back(
    paul: Teammate, app: Flask, engine: Engine
) -> None:
    paul.post("/banners/new", fields())
    (row,) = rows(engine)
    assert paul.post(f"/banners/{row.id}/down").status_code == 303
    assert told(app) == []
    assert f"Put banner {row.id} back" in shown(paul.get("/banners"))
    assert paul.post(f"/banners/{row.id}/down").status_code == 409
    assert paul.post(f"/banners/{row.id}/back").status_code == 303
    assert told(app) == [TEXT]
    assert paul.post(f"/banners/{row.id}/sideways").status_code == 404


def test_a_change_begins_with_the_words_and_replaces_them(
    paul: Teammate, app: Flask, engine: Engine
) -> None:
    paul.post("/banners/new", fields(country="NO"))
    (row,) = rows(engine)
    form = paul.get("/banners/new", like=row.id, instead=1)
    page = BeautifulSoup(form.text, "html.parser")
    assert TEXT in shown(form)
    typed = {
        str(one["name"]): str(one.get("value", ""))
        for one in page.select("form input[name]")
        if one.get("type") != "checkbox"
    }
    assert typed["country"] == "NO"
    done = paul.post("/banners/new", {**typed, "text": "Boil water for one minute."})
    assert done.status_code == 303
    assert told(app) == ["Boil water for one minute."]


def test_a_drill_is_seen_on_the_consoles_pages_and_in_a_chat_of_its_own(
    paul: Teammate, join: Join, app: Flask, settings: BotSettings
) -> None:
    nora = join("nora", Role.AUTHOR)
    paul.post("/banners/new", fields(drill="1"))
    assert told(app) == []
    assert "Drill: Boil water" in shown(nora.get("/answers"))
    to_chat = nora.post("/banners/drill")
    assert to_chat.status_code == 303
    address = to_chat.headers["Location"]
    assert address.startswith("/widget/chat?drill=")
    sessions = Sessions(settings.secret_key, 3600)
    assert sessions.is_drill_pass(address.partition("=")[2])


def test_a_drill_is_made_real_with_times_of_its_own(paul: Teammate, engine: Engine) -> None:
    paul.post("/banners/new", fields(drill="1"))
    (row,) = rows(engine)
    page = BeautifulSoup(paul.get("/banners/new", like=row.id).text, "html.parser")
    drill = page.select_one("input[name=drill]")
    assert drill is not None
    assert not drill.has_attr("checked")
    start = page.select_one("input[name=starts_at]")
    assert start is not None
    assert start["value"] == ""


def test_who_may_not_set_one_sees_them_and_no_buttons(
    paul: Teammate, join: Join, engine: Engine
) -> None:
    nora = join("nora", Role.AUTHOR)
    paul.post("/banners/new", fields())
    (row,) = rows(engine)
    page = nora.get("/banners")
    assert TEXT in shown(page)
    assert "Take banner" not in shown(page)
    assert nora.post("/banners/new", fields()).status_code == 403
    assert nora.post(f"/banners/{row.id}/down").status_code == 403


def test_the_pages_name_every_field_once(paul: Teammate) -> None:
    for page in (paul.get("/banners"), paul.get("/banners/new")):
        assert fields_without_label(page) == []
        assert repeated_ids(page) == set()


def test_there_is_no_such_banner_to_begin_with(paul: Teammate) -> None:
    assert paul.get("/banners/new", like=99).status_code == 404


def test_markup_in_a_banner_is_shown_as_text(paul: Teammate, engine: Engine) -> None:
    paul.post("/banners/new", fields(text="<script>alert(1)</script>", drill="1"))
    page = paul.get("/banners").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    with transaction(engine) as session:
        assert "banner.set" in {one.action for _, one in read_audit(session)}
