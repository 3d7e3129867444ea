"""Fixtures for the answer pages: a site over its own release, on a day of the test's choice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot import errors
from bot.channels.api.schema import TopicsResponse
from bot.channels.widget import views as widget
from bot.faq import live
from bot.faq.views import create_blueprint
from bot.turn import BannerNote
from knowledge.entry import TopicEntry
from knowledge.store import connect, import_entries, migrate, publish, transaction
from tests import databases
from tests.bot.conftest import FLU, SOURCE, make_entry

DAY = date(2026, 11, 22)
MEASLES = {"slug": "measles", "title": "Measles", "aliases": ["measles"], "related": ["flu", "x"]}
WHO_PAGE = {
    "key": "s2",
    "publisher": "WHO",
    "title": "Influenza (seasonal)",
    "url": "https://www.who.int/news-room/fact-sheets/detail/influenza-(seasonal)",
    "section": "Symptoms",
    "evidence": "excerpt_seen",
    "checked_on": "2026-09-30",
    "source_date": "2025-02-28",
}
UNREAD = {**SOURCE, "key": "s3", "title": "Flu and People", "evidence": "url_only"} | {
    "checked_on": None
}
FULL = make_entry(
    id="flu-shot-gives-flu",
    aspect="myth",
    question="Can the flu shot give you the flu?",
    short_answer="No. A flu shot cannot give you flu.",
    details=[
        {"text": "There is no live virus in it.", "cite": ["s2", "s1"]},
        {"text": "A sore arm is common.", "cite": ["s1"]},
    ],
    seek_care="Call a doctor if side effects last.",
    urgency={"level": "urgent", "action": "Get help today if you cannot breathe well."},
    sources=[SOURCE, WHO_PAGE, UNREAD],
    myth={"claim": "The flu shot gives you the flu.", "rating": "false"},
    conflict="CDC names people of 65, WHO older people.",
    date_created="2026-10-01",
    date_modified="2026-11-05",
)
STROKE_TOPIC = {"slug": "stroke", "title": "Stroke", "aliases": ["a stroke"], "related": ["flu"]}
STROKE = make_entry(
    STROKE_TOPIC,
    id="stroke-signs",
    aspect="symptoms",
    question="What are the signs of a stroke?",
    urgency={"level": "emergency", "action": "Call your local emergency number now."},
)


@dataclass
class Site:
    """The pages over a release, as somebody visits them.

    Attributes:
        engine: of their store.
        client: the visitor.
        day: the day it is.
        notices: what is said to everybody, by locale and topic.
    """

    engine: Engine
    client: FlaskClient
    day: date = DAY
    notices: Callable[[str, str | None], Sequence[BannerNote]] = lambda _locale, _topic: ()

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, **options)

    def page(self, path: str, status: int = 200) -> BeautifulSoup:
        """Open a page and return what it is made of."""
        response = self.get(path)
        assert response.status_code == status, response.text
        assert response.content_type == "text/html; charset=utf-8"
        return BeautifulSoup(response.text, "html.parser")

    def says(self, path: str, status: int = 200) -> str:
        """Open a page and return its words."""
        return words_of(self.page(path, status))

    def publish(self, *entries: TopicEntry) -> None:
        """Make exactly these entries live."""
        with transaction(self.engine) as session:
            import_entries(session, entries)
            publish(session, "test", frozenset(pair.entry.id for pair in entries))


def words_of(page: BeautifulSoup) -> str:
    """Return the words of a page, without data blocks."""
    for block in page.find_all("script"):
        block.extract()
    return " ".join(page.get_text(" ").split())


def make_site(engine: Engine, locale: str = "en") -> Site:
    """Return the pages over a store, with the errors and headers of the whole app."""
    app = Flask("site", static_folder=None)
    errors.init_app(app, lambda _status, _message: None)
    app.config["MAX_CONTENT_LENGTH"] = 1000
    app.register_blueprint(widget.create_blueprint(lambda: TopicsResponse(topics=()), (), locale))
    site = Site(engine, app.test_client())
    pages = create_blueprint(
        engine, locale, lambda asked, topic: site.notices(asked, topic), lambda: site.day
    )
    app.register_blueprint(pages)
    widget.init_headers(app.after_request)
    return site


@pytest.fixture
def _always_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request looks for a new release."""
    monkeypatch.setattr(live, "FRESH_SECONDS", 0)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in the newest shape, to be copied."""
    file = tmp_path_factory.mktemp("answers") / "citewell.db"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def empty_store(empty_database: Path, tmp_path: Path) -> Iterator[Engine]:
    """A store of this test's own, with nothing in it."""
    made = connect(f"sqlite:///{shutil.copy(empty_database, tmp_path / 'answers.db')}")
    yield made
    made.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty store in the newest shape, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("empty_store")
        return
    server: databases.Postgres = request.getfixturevalue("postgres_server")
    made = connect(server.new_database())
    yield made
    made.dispose()


@pytest.fixture
def site(empty_store: Engine, _always_looks: None) -> Site:
    """The pages over four answers on three topics."""
    made = make_site(empty_store)
    measles = make_entry(MEASLES, id="measles-rash", question="What does measles look like?")
    made.publish(make_entry(FLU), FULL, STROKE, measles)
    return made
