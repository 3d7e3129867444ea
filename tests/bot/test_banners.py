"""Banners in the gateway: who sees which, where, from when until when, and drills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from bot import banners as live_banners
from bot.banners import LiveBanners
from bot.sessions import DRILL_PASS_SECONDS, Sessions
from bot.settings import BotSettings
from knowledge.schema import AskedQuestion, Banner, Person, TurnEvent, now
from knowledge.store import transaction
from tests.bot.conftest import Person as Patient
from tests.bot.conftest import ScriptedRasa, answer_payload

HOUR = timedelta(hours=1)
EMERGENCY = "my chest hurts and I can't breathe"


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is looked at for every request, not every two seconds."""
    monkeypatch.setattr(live_banners, "FRESH_SECONDS", 0.0)


@pytest.fixture
def announce(engine: Engine) -> Callable[..., int]:
    """Sets a banner; returns its id."""
    with transaction(engine) as session:
        person = Person(email="paul@example.org", name="Paul")
        session.add(person)
        session.flush()
        person_id = person.id

    def put(**fields: Any) -> int:
        known = {
            "text": "Boil water before you drink it.",
            "link_title": "Cholera",
            "link_url": "https://www.cdc.gov/cholera/index.html",
            "starts_at": now() - HOUR,
            "ends_at": now() + HOUR,
            "topics": [],
            "is_drill": False,
            "person_id": person_id,
        }
        with transaction(engine) as session:
            row = Banner(**(known | fields))
            session.add(row)
            session.flush()
            return row.id

    return put


def shown(client: FlaskClient, **query: str) -> list[str]:
    """Return what everybody is told."""
    response = client.get("/api/v1/banners", query_string=query)
    assert response.status_code == 200
    return [one["text"] for one in response.get_json()["banners"]]


def test_everybody_is_told_at_once_with_the_page_to_go_to(
    client: FlaskClient, announce: Callable[..., int]
) -> None:
    banner_id = announce(country="NO")
    body = client.get("/api/v1/banners").get_json()
    (one,) = body["banners"]
    assert one["banner_id"] == banner_id
    assert one["country"] == "NO"
    assert one["link"] == {
        "title": "Cholera",
        "url": "https://www.cdc.gov/cholera/index.html",
        "publisher": "CDC",
    }
    assert body["look_again_seconds"] + 2 <= 5


def test_nothing_is_said_before_its_start_after_its_end_or_when_taken_down(
    client: FlaskClient, announce: Callable[..., int]
) -> None:
    announce(starts_at=now() + HOUR)
    announce(starts_at=now() - 2 * HOUR, ends_at=now() - HOUR)
    announce(ended_at=now())
    assert shown(client) == []


def test_the_country_decides_only_where_somebody_named_one(
    client: FlaskClient, announce: Callable[..., int]
) -> None:
    announce(text="Norway only.", country="NO")
    announce(text="Everywhere.")
    assert shown(client, country="NO") == ["Everywhere.", "Norway only."]
    assert shown(client, country="US") == ["Everywhere."]
    assert shown(client) == ["Everywhere.", "Norway only."]


def test_the_language_decides(client: FlaskClient, announce: Callable[..., int]) -> None:
    announce(text="Hierva el agua.", locale="es")
    announce(text="Boil water.", locale="en")
    assert shown(client) == ["Boil water."]


def test_a_country_that_is_none_is_named(client: FlaskClient) -> None:
    response = client.get("/api/v1/banners", query_string={"country": "Norway"})
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == "country"


def test_what_did_not_change_is_not_sent_again(
    client: FlaskClient, announce: Callable[..., int]
) -> None:
    announce()
    first = client.get("/api/v1/banners")
    same = client.get("/api/v1/banners", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    announce(text="More.")
    other = client.get("/api/v1/banners", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


def test_it_stands_with_the_first_menu_and_above_related_answers_only(
    client: FlaskClient, announce: Callable[..., int], rasa: ScriptedRasa
) -> None:
    announce(text="On flu.", topics=["flu"])
    announce(text="On water.", topics=["cholera"])
    alice = Patient(client)
    welcome = alice.start()["welcome"]
    assert [one["text"] for one in welcome["banners"]] == ["On water.", "On flu."]
    rasa.says(answer_payload())
    assert [one["text"] for one in alice.say("how does flu spread?")["banners"]] == ["On flu."]
    rasa.says({"kind": "notice", "code": "greet", "text": "Hello.", "menu": True})
    assert [one["text"] for one in alice.say("hi")["banners"]] == ["On water.", "On flu."]
    rasa.says({"kind": "notice", "code": "goodbye", "text": "Goodbye."})
    assert alice.say("bye")["banners"] == []


def test_nothing_stands_beside_emergency_numbers(
    client: FlaskClient, announce: Callable[..., int]
) -> None:
    announce(topics=["flu", "heart-attack"])
    alice = Patient(client)
    alice.start()
    reply = alice.say(EMERGENCY)
    assert (reply["kind"], reply["banners"]) == ("emergency", [])


def test_a_drill_is_seen_with_a_pass_of_the_console_only(
    client: FlaskClient, announce: Callable[..., int], settings: BotSettings
) -> None:
    announce(text="Only a drill.", is_drill=True, topics=["flu"])
    drill_pass = Sessions(settings.secret_key, 3600).drill_pass()
    nora, alice, mallory = Patient(client), Patient(client), Patient(client)
    nora.start(drill=drill_pass)
    alice.start()
    mallory.start(drill="x" * 50)
    seen = [
        client.get("/api/v1/banners", headers=who.headers).get_json()["banners"]
        for who in (nora, alice, mallory)
    ]
    assert [len(one) for one in seen] == [1, 0, 0]
    assert seen[0][0]["is_drill"] is True
    assert [one["text"] for one in nora.say("how does flu spread?")["banners"]] == ["Only a drill."]
    assert alice.say("how does flu spread?")["banners"] == []


def test_what_is_asked_in_a_drill_is_no_question_of_people(
    client: FlaskClient, settings: BotSettings, engine: Engine
) -> None:
    nora = Patient(client)
    nora.start(drill=Sessions(settings.secret_key, 3600).drill_pass())
    nora.say("how does flu spread?")
    with transaction(engine) as session:
        assert [row.channel for row in session.query(TurnEvent)] == ["drill"]
        assert session.query(AskedQuestion).count() == 0


def test_a_pass_ends_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions("k" * 40, 3600)
    drill_pass = sessions.drill_pass()
    assert sessions.is_drill_pass(drill_pass)
    assert not sessions.is_drill_pass(sessions.start("en", None)[0])
    assert not Sessions("o" * 40, 3600).is_drill_pass(drill_pass)
    import time

    later = time.time() + DRILL_PASS_SECONDS + 2
    monkeypatch.setattr("time.time", lambda: later)
    assert not sessions.is_drill_pass(drill_pass)


def test_while_the_store_is_away_the_last_ones_stay_and_still_end(
    engine: Engine,
    database_file: Path,
    announce: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    announce()
    banners = LiveBanners(engine)
    assert len(banners.shown("en")) == 1
    engine.dispose()
    database_file.write_text("no database " * 1000)
    assert len(banners.shown("en")) == 1
    monkeypatch.setattr(live_banners, "now", lambda: now() + 2 * HOUR)
    assert banners.shown("en") == ()


def test_a_site_setting_that_is_no_site_stops_the_start() -> None:
    from bot.settings import read_bot_settings
    from knowledge.settings import SettingError

    known = {"CITEWELL_SECRET_KEY": "k" * 40}
    read = read_bot_settings({**known, "CITEWELL_BANNER_SITES": "www.fhi.no  www.helsenorge.no"})
    assert read.banner_sites == {"www.fhi.no", "www.helsenorge.no"}
    with pytest.raises(SettingError, match="CITEWELL_BANNER_SITES"):
        read_bot_settings({**known, "CITEWELL_BANNER_SITES": "https://www.fhi.no/"})
    assert replace(read, banner_sites=frozenset()) != read
