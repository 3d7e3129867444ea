"""Why a question gets what it gets, shown to the content team."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot.settings import BotSettings
from tests.bot.conftest import LoopbackServer
from tests.bot.test_console_answers import Colleague, shown

TOLD = {
    "asked": "how does flu spread",
    "reason": "answered: flu-spread is right with probability 0.97, and 0.85 is enough",
    "confidence": 0.97,
    "offer": 0.99,
    "unknown_words": ["zebra"],
    "lines": [
        {
            "entry_id": "flu-spread",
            "wording": "How does flu spread?",
            "score": 4.2,
            "signals": [{"name": "best", "value": 0.91, "lift": 2.5}],
        }
    ],
}


@pytest.fixture
def settings(settings: BotSettings, loopback: LoopbackServer) -> BotSettings:
    """Settings with an action server that tells one explanation."""
    from dataclasses import replace

    loopback.body = json.dumps(TOLD)
    return replace(settings, actions_url=loopback.url)


@pytest.fixture
def guest(app: Flask, engine: Engine) -> Colleague:
    """Somebody without a role."""
    return Colleague(app, engine, "guest")


def test_it_shows_the_reason_and_what_moved_each_candidate(guest: Colleague) -> None:
    page = shown(guest.post("/try", question="how does flu spread zebra"))
    assert "Answered: flu-spread is right with probability 0.97" in page
    assert "best 0.91 (+2.50)" in page
    assert "zebra" in page


@pytest.mark.parametrize("question", ["", "   ", "x" * 1001])
def test_a_question_needs_words_and_has_a_limit(guest: Colleague, question: str) -> None:
    refused = guest.post("/try", question=question)
    assert refused.status_code == 400
    assert "1 to 1,000 characters" in shown(refused)


@pytest.mark.parametrize(("status", "body"), [(503, ""), (200, "{}"), (200, "no json")])
def test_where_the_model_does_not_answer_it_says_so(
    guest: Colleague, loopback: LoopbackServer, status: int, body: str
) -> None:
    loopback.status, loopback.body = status, body
    refused = guest.post("/try", question="how does flu spread")
    assert "does not answer: try again" in shown(refused)
