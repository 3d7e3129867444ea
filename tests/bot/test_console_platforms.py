"""The editor's preview on messaging platforms: what people would get, counted, without a script."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from actions.payload import decision_payload
from bot.console.forms import fields_of
from bot.console.pages import COOKIE
from bot.console.platforms import PREVIEW_ID, REFUSED, OnPlatform, on_platforms, payload_of
from bot.rasa_client import AnswerPayload
from bot.rendering import PLATFORMS
from bot.rendering.words import read_words
from bot.replies.compose import Composer
from knowledge import people
from knowledge.answering import Answer
from knowledge.entry import TopicEntry
from knowledge.people import Role
from knowledge.store import LiveEntry, transaction
from tests.bot.conftest import SOURCE, STROKE_ENTRY, make_entry

OURS = {"Sec-Fetch-Site": "same-origin"}
NAMES = ["Messenger", "WhatsApp", "Telegram"]


@pytest.fixture
def nora(app: Flask, engine: Engine) -> FlaskClient:
    """An author in a browser of her own."""
    client = app.test_client()
    with transaction(engine) as session:
        member, _ = people.invite(session, "nora@example.org", "nora", [Role.AUTHOR], None)
        token = people.begin_sign_in(session, member, "")
    client.set_cookie(COOKIE, token, path="/console")
    return client


def preview(nora: FlaskClient, **changes: str) -> BeautifulSoup:
    """Return the preview of the flu entry with some fields changed."""
    fields = {**fields_of(make_entry()), "based_on": "1", "entry_id": "flu-spread", **changes}
    response = nora.post("/console/answers/preview", data=fields, headers=OURS)
    assert response.status_code == 200
    return BeautifulSoup(response.text, "html.parser")


def platform(page: BeautifulSoup, name: str) -> Tag:
    """Return the part of a page that shows a platform."""
    found = page.find("details", id=f"on-{name.lower()}")
    assert isinstance(found, Tag)
    return found


def shown(tag: Tag) -> str:
    """Return the text of a part, on one line."""
    return " ".join(unescape(tag.get_text(" ")).split())


def on(pair: TopicEntry, name: str) -> OnPlatform:
    """Return an entry on a platform."""
    return next(one for one in on_platforms(pair) if one.name == name)


@pytest.mark.parametrize("pair", [make_entry(), STROKE_ENTRY], ids=["flu", "stroke"])
def test_what_is_previewed_is_what_the_action_server_sends(pair: TopicEntry) -> None:
    live = Answer(LiveEntry(pair, 0), 1.0, False, ())
    assert payload_of(pair) == AnswerPayload.model_validate(decision_payload(live))


def test_the_preview_shows_the_messages_that_the_renderers_make(composer: Composer) -> None:
    reply = composer.compose(PREVIEW_ID, [payload_of(STROKE_ENTRY)], None)
    for name, render in PLATFORMS.items():
        messages = render(reply, read_words())
        assert [one.text for one in on(STROKE_ENTRY, name).bubbles] == [m.text for m in messages]
    assert on(STROKE_ENTRY, "Telegram").bubbles[0].text.startswith(composer.wording.call_now)


def test_the_editor_shows_all_three_without_a_script(nora: FlaskClient) -> None:
    page = BeautifulSoup(nora.get("/console/answers/flu-spread/edit").text, "html.parser")
    summaries = [tag.get_text() for tag in page.select("#beside details.platform > summary")]
    assert summaries == [f"As on {name}" for name in NAMES]
    assert SOURCE["url"] in shown(platform(page, "WhatsApp"))


@pytest.mark.parametrize("name", NAMES)
def test_each_message_has_its_count_against_its_limit(nora: FlaskClient, name: str) -> None:
    part = platform(preview(nora), name)
    for item in part.select("ol.messages > li"):
        said = item.select_one(".said")
        assert said is not None
        text = said.get_text()
        count = len(text.encode("utf-16-le")) // 2
        assert re.search(rf"\b{count:,} of [\d,]+ characters", shown(item))
    assert re.search(r"\d of \d+ buttons", shown(part))


def test_what_is_typed_is_what_is_shown_and_never_as_html(nora: FlaskClient) -> None:
    page = preview(nora, short_answer="Flu spreads <b>fast</b> & wide.")
    for name in NAMES:
        part = platform(page, name)
        assert "Flu spreads <b>fast</b> & wide." in shown(part)
        assert part.find("b") is None


def test_a_long_answer_is_said_to_be_split(nora: FlaskClient) -> None:
    text = "Flu spreads when people cough. " * 90
    page = preview(nora, short_answer=text)
    split = "A paragraph is too long for one message and is split."
    assert split in shown(platform(page, "Messenger"))
    assert split not in shown(platform(page, "Telegram"))
    assert "People get this as 3 messages." in shown(platform(page, "Messenger"))


def test_it_is_said_which_sources_have_no_button_and_which_titles_are_cut() -> None:
    sources: list[dict[str, Any]] = [
        {**SOURCE, "key": f"s{n}", "url": f"{SOURCE['url']}?{n}", "title": f"Influenza part {n}"}
        for n in range(1, 3)
    ]
    pair = make_entry(sources=sources)
    missing = "2 of 2 sources have no button here. Their addresses stand in the text."
    assert missing in on(pair, "WhatsApp").warnings
    assert on(pair, "Messenger").warnings == ("2 of 2 buttons have no room for their whole title.",)
    assert on(pair, "Telegram").warnings == ()


def test_an_answer_that_the_chat_would_refuse_is_not_shown(nora: FlaskClient) -> None:
    page = preview(nora, **{"source-0-url": "https://example.org/flu"})
    for name in NAMES:
        part = platform(page, name)
        assert REFUSED in shown(part)
        assert part.select("ol.messages > li") == []


def test_without_an_entry_there_is_nothing_to_preview(nora: FlaskClient) -> None:
    assert on_platforms(None) == ()
    assert preview(nora, short_answer="").find("details") is None
