"""Every page of the corpus that ships: sourced, small, leading nowhere in vain, valid as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from markupsafe import escape

from bot.channels.widget.views import HERE as WIDGET
from bot.faq.site import HERE
from bot.replies import read_wording
from knowledge.entry import TopicEntry
from knowledge.exchange import read_corpus
from knowledge.settings import ROOT
from knowledge.store import connect, import_entries, migrate, publish, transaction
from tests.bot.faq import reading
from tests.bot.faq.conftest import DAY, Site, make_site

MOST_BYTES = 30_000
PUBLISHERS = {"www.cdc.gov", "www.who.int"}
SHARED = (
    HERE / "static" / "faq.css",
    WIDGET / "static" / "tokens.css",
    WIDGET / "static" / "mark.svg",
)


@cache
def corpus() -> tuple[TopicEntry, ...]:
    """Return the entries that ship; reading them takes seconds."""
    return tuple(item.topic_entry for item in read_corpus(ROOT / "knowledge" / "corpus"))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages over the corpus that ships."""
    file = tmp_path_factory.mktemp("shipped") / "citewell.db"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    with transaction(engine) as session:
        import_entries(session, corpus())
        publish(session, "shipped")
    yield make_site(engine)
    engine.dispose()


@dataclass(frozen=True)
class Shown:
    """A page as it was sent, and what it is made of."""

    html: str
    made_of: BeautifulSoup

    def links(self, selector: str) -> list[str]:
        """Return where links of the page lead."""
        return [str(link["href"]) for link in self.made_of.select(selector)]


Pages = dict[str, Shown]


def path_of(pair: TopicEntry) -> str:
    return f"/answers/{pair.topic.slug}/{pair.entry.id}"


@pytest.fixture(scope="module")
def pages(shipped: Site) -> Pages:
    """Every page by its path; reading them takes most of the time of these tests."""
    topics = {f"/answers/{pair.topic.slug}" for pair in corpus()}
    found = {}
    for path in ["/answers", *sorted(topics), *sorted(map(path_of, corpus()))]:
        response = shipped.get(path)
        assert response.status_code == 200, path
        found[path] = Shown(response.text, BeautifulSoup(response.text, "html.parser"))
    return found


def test_every_entry_has_a_page_and_is_listed(pages: Pages) -> None:
    assert len(corpus()) >= 390
    assert len(pages) == 1 + len({pair.topic.slug for pair in corpus()}) + len(corpus())
    topics = pages["/answers"].links(".topics a")
    assert set(topics) == {f"/answers/{pair.topic.slug}" for pair in corpus()}
    listed = [path for topic in topics for path in pages[topic].links("article h2 a")]
    assert sorted(listed) == sorted(path_of(pair) for pair in corpus())


def test_every_page_of_an_entry_names_its_sources(pages: Pages) -> None:
    for pair in corpus():
        named = pages[path_of(pair)].links(".sources a")
        assert named == [source.url for source in pair.entry.sources]
        assert named
        assert {urlsplit(address).hostname for address in named} <= PUBLISHERS


def test_every_page_says_all_of_its_entry_and_how_it_was_checked(pages: Pages) -> None:
    review = read_wording().review
    for pair in corpus():
        entry = pair.entry
        said = " ".join(pages[path_of(pair)].made_of.main.get_text(" ").split())
        parts = [
            entry.question,
            entry.short_answer,
            *(detail.text for detail in entry.details),
            entry.seek_care,
            entry.urgency.action,
            entry.conflict,
            entry.myth.claim if entry.myth else None,
            getattr(review, entry.status.value) if not entry.reviewed_by else None,
        ]
        assert [part for part in parts if part and " ".join(part.split()) not in said] == [], (
            entry.id
        )


def test_every_link_of_a_page_leads_somewhere(shipped: Site, pages: Pages) -> None:
    own = {link for page in pages.values() for link in page.links("a") if link.startswith("/")}
    assert own - set(pages) == {"/", "/widget/chat"}
    assert shipped.get("/widget/chat").status_code == 200
    for path, page in pages.items():
        ids = {str(one["id"]) for one in page.made_of.select("[id]")}
        anchors = {link.removeprefix("#") for link in page.links("a") if link.startswith("#")}
        assert anchors <= ids, path


def test_every_page_with_all_it_loads_is_small(pages: Pages) -> None:
    shared = sum(len(file.read_bytes()) for file in SHARED)
    weights = {path: len(page.html.encode()) + shared for path, page in pages.items()}
    assert {path: weight for path, weight in weights.items() if weight >= MOST_BYTES} == {}


def test_the_data_holds_every_entry_by_every_rule(shipped: Site) -> None:
    document = json.loads(shipped.get("/answers.jsonld").text)
    reading.check_faq(document, corpus(), DAY)
    questions = {question["url"]: question for question in document["mainEntity"]}
    assert len(questions) == len(corpus())
    for pair in corpus():
        text = questions[reading.address_of(pair)]["acceptedAnswer"]["text"]
        reading.check_whole_text(text, pair.entry)


def test_every_page_carries_its_own_data(pages: Pages) -> None:
    for pair in corpus():
        document = json.loads(pages[path_of(pair)].made_of.script.get_text())
        reading.check_faq(document, [pair], DAY)
    for slug in {pair.topic.slug for pair in corpus()}:
        of_topic = [pair for pair in corpus() if pair.topic.slug == slug]
        document = json.loads(pages[f"/answers/{slug}"].made_of.script.get_text())
        reading.check_topic(document, of_topic)


def test_an_emergency_says_so_on_its_page(pages: Pages) -> None:
    call_now = read_wording().call_now
    urgent = 0
    for pair in corpus():
        is_emergency = pair.entry.urgency.level == "emergency"
        urgent += is_emergency
        assert (call_now in pages[path_of(pair)].html) == is_emergency, pair.entry.id
    assert urgent >= 3


def test_past_all_review_dates_every_page_is_left_with_its_sources(shipped: Site) -> None:
    shipped.day = date(2100, 1, 1)
    try:
        for pair in corpus():
            html = shipped.get(path_of(pair)).text
            assert pair.entry.short_answer not in html
            for source in pair.entry.sources:
                assert f'href="{escape(source.url)}"' in html, pair.entry.id
    finally:
        shipped.day = DAY
