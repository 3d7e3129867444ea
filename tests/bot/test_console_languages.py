"""Answers in more than one language: tabs, translations, each checked and live by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.settings import BotSettings, read_bot_settings
from knowledge import workflow
from knowledge.live import in_language
from knowledge.people import Role
from knowledge.settings import SettingError
from knowledge.store import read_live, transaction
from tests.bot.test_console_answers import FLU, Colleague, shown

SPANISH = {
    "question": "¿Cómo se contagia la gripe?",
    "short_answer": "La gripe se contagia por las gotitas de la tos, los estornudos o el habla.",
    "variants": "\n".join(f"cómo se pega la gripe {number}" for number in range(10)),
    "topic_title": "Gripe",
    "topic_aliases": "gripe\ninfluenza",
}


@pytest.fixture
def app(start_app: Callable[..., Flask], settings: BotSettings) -> Flask:
    """The app of a team that writes English and Spanish."""
    return start_app(replace(settings, content_locales=("en", "es")))


@pytest.fixture
def nora(app: Flask, engine: Engine) -> Colleague:
    """Nora writes."""
    return Colleague(app, engine, "nora", Role.AUTHOR)


def typed(page: TestResponse) -> dict[str, Any]:
    """Return what stands in the fields of the editor."""
    form = BeautifulSoup(page.text, "html.parser").select_one("#editor")
    assert form is not None
    fields = {str(one["name"]): str(one.get("value", "")) for one in form.select("input[name]")}
    for one in form.select("textarea[name]"):
        fields[str(one["name"])] = one.get_text().removeprefix("\n")
    for one in form.select("select[name]"):
        chosen = one.select_one("option[selected]") or one.select_one("option")
        fields[str(one["name"])] = str(chosen["value"]) if chosen else ""
    return fields


def translate(nora: Colleague) -> TestResponse:
    """Save a Spanish draft of the flu answer."""
    form = nora.get(f"/answers/{FLU}/edit?locale=es")
    return nora.post(f"/answers/{FLU}/edit", **(typed(form) | SPANISH))


def test_a_translation_begins_with_all_that_is_no_wording(nora: Colleague) -> None:
    page = nora.get(f"/answers/{FLU}/edit?locale=es")
    assert "Translate: How does flu spread?" in shown(page)
    assert "Flu spreads mainly by droplets" in shown(page)
    fields = typed(page)
    assert (fields["question"], fields["short_answer"], fields["variants"]) == ("", "", "")
    assert fields["source-0-url"] == "https://www.cdc.gov/flu/about/index.html"
    assert (fields["locale"], fields["entry_id"]) == ("es", FLU)


def test_a_translation_goes_its_own_way_to_live_under_the_same_id(
    nora: Colleague, app: Flask, engine: Engine
) -> None:
    saved = translate(nora)
    assert saved.status_code == 303, shown(saved)
    assert "locale=es" in saved.headers["Location"]
    with transaction(engine) as session:
        draft = workflow.newest_revision(session, FLU, "es")
        assert draft is not None
        assert (draft.number, draft.state) == (1, "draft")
        revision_id = draft.id
    rita = Colleague(app, engine, "rita", Role.REVIEWER)
    paul = Colleague(app, engine, "paul", Role.PUBLISHER)
    assert nora.post(f"/revisions/{revision_id}/submit").status_code == 303
    assert rita.post(f"/revisions/{revision_id}/approve").status_code == 303
    assert paul.post("/releases", revision=revision_id).status_code == 303
    with transaction(engine) as session:
        live = read_live(session)
    assert live is not None
    said = {(one.topic_entry.entry.id, one.topic_entry.topic.locale) for one in live.entries}
    assert {(FLU, "en"), (FLU, "es")} <= said
    # The chat speaks English: there, one id is one answer.
    assert {one.topic_entry.topic.locale for one in in_language(live).entries} == {"en"}
    topics = app.test_client().get("/api/v1/topics").get_json()["topics"]
    assert [one["title"] for one in topics] == ["Flu", "Stroke"]


def test_the_tabs_lead_from_language_to_language(nora: Colleague) -> None:
    before = BeautifulSoup(nora.get(f"/answers/{FLU}").text, "html.parser")
    tabs = before.select_one("nav[aria-label=Languages]")
    assert tabs is not None
    assert [one.get_text(strip=True) for one in tabs.select("li")] == [
        "English",
        "Spanish: translate",
    ]
    translate(nora)
    after = BeautifulSoup(nora.get(f"/answers/{FLU}?locale=es").text, "html.parser")
    assert after.h1 is not None
    assert after.h1.get_text() == SPANISH["question"]
    here = after.select_one("nav[aria-label=Languages] [aria-current]")
    assert here is not None
    assert here.get_text() == "Spanish"


def test_english_rules_are_not_held_against_spanish_and_a_person_is_asked(nora: Colleague) -> None:
    translate(nora)
    page = shown(nora.get(f"/answers/{FLU}?locale=es"))
    assert "know English only" in page
    assert "Reading grade of the answer" not in page


def test_the_same_name_may_be_a_topic_in_two_languages(nora: Colleague) -> None:
    # "influenza" is an alias of the English topic too.
    translate(nora)
    page = nora.get(f"/answers/{FLU}?locale=es")
    assert "is also an alias" not in shown(page)


def test_a_topic_needs_a_name_in_the_new_language(nora: Colleague) -> None:
    form = typed(nora.get(f"/answers/{FLU}/edit?locale=es"))
    page = nora.post(f"/answers/{FLU}/edit", **(form | SPANISH | {"topic_title": " "}))
    assert page.status_code == 400
    assert "write the name of the topic" in shown(page)
    assert SPANISH["question"] in page.text


def test_the_same_words_are_a_conflict_only_in_the_same_language(nora: Colleague) -> None:
    translate(nora)
    form = typed(nora.get(f"/answers/{FLU}/edit?locale=es"))
    nora.post(f"/answers/{FLU}/edit", **(form | {"short_answer": "Por la tos."}))
    again = nora.post(f"/answers/{FLU}/edit", **(form | {"short_answer": "Por los estornudos."}))
    assert again.status_code == 409
    assert "Nothing of yours is lost" in shown(again)
    leave = re.search(r'href="([^"]+)">Leave mine', again.text)
    assert leave is not None
    assert "locale=es" in leave[1]


@pytest.mark.parametrize("tag", ["xx-notalanguage-at-all", "<b>", "e" * 300])
def test_a_language_that_is_none_is_told(nora: Colleague, tag: str) -> None:
    for path in (f"/answers/{FLU}", f"/answers/{FLU}/edit", "/answers/new"):
        response = nora.client.get(f"/console{path}", query_string={"locale": tag})
        assert response.status_code == 404


def test_nothing_is_translated_that_is_not_there(nora: Colleague) -> None:
    assert nora.get("/answers/no-such-answer/edit?locale=es").status_code == 404


def test_a_language_of_the_team_that_is_none_stops_the_start() -> None:
    key = {"CITEWELL_SECRET_KEY": "k" * 40}
    read = read_bot_settings(key | {"CITEWELL_CONTENT_LOCALES": "en es  pt-BR en"})
    assert read.content_locales == ("en", "es", "pt-BR")
    for wrong in ("english", "en_US", "pt-br"):
        with pytest.raises(SettingError, match="CITEWELL_CONTENT_LOCALES"):
            read_bot_settings(key | {"CITEWELL_CONTENT_LOCALES": wrong})
