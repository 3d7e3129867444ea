"""The editor asks the live answers in the wordings that are typed; nothing is saved by that."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot.settings import BotSettings
from knowledge.people import Role
from tests.bot.conftest import LoopbackServer
from tests.bot.test_console_answers import FLU, Colleague, flu, newest, shown

FOUND = {
    "found": [
        {
            "wording": "How does flu spread?",
            "kind": "answer",
            "entry_ids": [FLU],
            "score": 0.97,
        },
        {
            "wording": "is flu in the air",
            "kind": "choice",
            "entry_ids": ["stroke-signs", FLU],
            "score": 0.41,
        },
        {"wording": "<b>flu</b>", "kind": "no_answer", "entry_ids": [], "score": 0.02},
    ]
}


@pytest.fixture
def settings(settings: BotSettings, loopback: LoopbackServer) -> BotSettings:
    """Settings with an action server that tells what was found."""
    loopback.body = json.dumps(FOUND)
    return replace(settings, actions_url=loopback.url)


@pytest.fixture
def nora(app: Flask, engine: Engine) -> Colleague:
    """Nora writes."""
    return Colleague(app, engine, "nora", Role.AUTHOR)


def test_each_wording_tells_what_people_get_today_and_the_form_is_kept(
    nora: Colleague, engine: Engine
) -> None:
    before = newest(engine)
    page = nora.post("/answers/found", **flu(short_answer="Half a sen"))
    said = shown(page)
    assert "1 of 3 wordings get an answer, 1 of them this one" in said
    assert "“How does flu spread?”: this answer" in said
    assert "“is flu in the air”: a choice of stroke-signs , this answer" in said
    assert "“<b>flu</b>”: no answer" in said
    assert "<b>flu</b>" not in page.text
    assert "Half a sen" in page.text
    assert newest(engine) == before


def test_a_new_answer_can_ask_before_it_has_a_name(nora: Colleague) -> None:
    page = nora.post("/answers/found", question="How does flu spread?", variants="flu in the air")
    assert page.status_code == 200
    assert "1 of 3 wordings get an answer." in shown(page)


@pytest.mark.parametrize("body", ["{}", "no json", '{"found": [{"wording": 1}]}'])
def test_what_cannot_be_told_is_said_and_nothing_is_lost(
    nora: Colleague, loopback: LoopbackServer, body: str
) -> None:
    loopback.body = body
    page = nora.post("/answers/found", **flu(short_answer="Half a sen"))
    assert "cannot be reached right now" in shown(page)
    assert "Half a sen" in page.text


def test_releases_say_why_a_release_does_not_answer(
    nora: Colleague, loopback: LoopbackServer
) -> None:
    loopback.body = json.dumps({"release": 1, "failed": 2, "reason": "ValueError: no index"})
    assert "Release 2 could not be loaded, so release 1 goes on answering" in shown(
        nora.get("/releases")
    )
    loopback.body = json.dumps({"release": 2, "failed": None, "reason": ""})
    assert "could not be loaded" not in shown(nora.get("/releases"))
    loopback.status = 500
    assert "cannot be reached" in shown(nora.get("/releases"))
