"""The answers as data: what schema.org asks for, honest about reviews, safe inside a page."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy.engine import Engine

from knowledge.entry import TopicEntry
from knowledge.exchange import read_corpus
from tests.bot.conftest import FLU, SOURCE, make_entry
from tests.bot.faq import reading
from tests.bot.faq.conftest import DAY, FULL, STROKE, WHO_PAGE, Site, make_site
from tests.bot.faq.test_pages import REVIEWED, SHOT

SMALL = Path(__file__).parents[2] / "data" / "corpus"
NAMES = {"map": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}


def places(site: Site) -> dict[str, ElementTree.Element]:
    """Return the map's rows by their address."""
    response = site.get("/answers/sitemap.xml")
    assert response.content_type == "application/xml; charset=utf-8"
    tree = ElementTree.fromstring(response.text)  # noqa: S314 made by the code under test
    rows = tree.findall("map:url", NAMES)
    found = {str(row.findtext("map:loc", namespaces=NAMES)): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_the_small_corpus_is_valid_data(empty_store: Engine) -> None:
    pairs = [item.topic_entry for item in read_corpus(SMALL)]
    assert len(pairs) >= 3
    site = make_site(empty_store)
    site.publish(*pairs)
    response = site.get("/answers.jsonld")
    assert response.content_type == "application/ld+json; charset=utf-8"
    document = json.loads(response.text)
    reading.check_faq(document, pairs, DAY)
    assert (document["url"], document["inLanguage"]) == ("http://localhost/answers", "en")
    texts = {one["url"]: one["acceptedAnswer"]["text"] for one in document["mainEntity"]}
    for pair in pairs:
        text = texts.pop(reading.address_of(pair), None)
        if pair.entry.id == "measles-vaccine":
            assert (pair.entry.review_due < DAY, text) == (True, None)
        else:
            reading.check_whole_text(text or "", pair.entry)
    assert texts == {}


@pytest.mark.parametrize("pair", [FULL, STROKE, REVIEWED], ids=lambda pair: pair.entry.id)
def test_the_page_of_an_answer_has_its_data(empty_store: Engine, pair: TopicEntry) -> None:
    site = make_site(empty_store)
    site.publish(pair)
    path = f"/answers/{pair.topic.slug}/{pair.entry.id}"
    document = reading.block_of(site.get(path).text)
    reading.check_faq(document, [pair], DAY)
    assert document["url"] == f"http://localhost{path}"
    (question,) = document["mainEntity"]
    reading.check_whole_text(question["acceptedAnswer"]["text"], pair.entry)
    review = {name: document[name] for name in reading.REVIEW_FIELDS & set(document)}
    reading.check_review(review, pair.entry)


def test_the_page_of_a_topic_has_the_short_answers_as_data(site: Site) -> None:
    document = reading.block_of(site.get("/answers/flu").text)
    reading.check_topic(document, [make_entry(), FULL])


def test_a_review_is_claimed_with_its_person_only(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(REVIEWED, FULL)
    text = site.get("/answers.jsonld").text
    assert text.count("reviewedBy") == text.count("lastReviewed") == 1
    page = reading.block_of(site.get("/answers/flu/flu-spread").text)
    assert page["lastReviewed"] == "2026-11-20"
    (person,) = page["reviewedBy"]
    assert (person["name"], person["jobTitle"]) == ("Ada Okoye", "Nurse")
    assert person["hasCredential"]["name"] == "RN"
    assert "reviewedBy" not in site.get(SHOT).text


def test_only_a_dated_source_has_a_date(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(make_entry(sources=[SOURCE, WHO_PAGE]))
    (question,) = json.loads(site.get("/answers.jsonld").text)["mainEntity"]
    cdc, who = question["acceptedAnswer"]["citation"]
    assert "dateModified" not in cdc
    assert who["dateModified"] == "2025-02-28"


def test_an_answer_past_its_review_date_is_left_out(empty_store: Engine) -> None:
    site = make_site(empty_store)
    old = make_entry(id="flu-old", short_answer="Old words.", review_due="2026-11-21")
    site.publish(make_entry(), old)
    document = json.loads(site.get("/answers.jsonld").text)
    reading.check_faq(document, [make_entry(), old], DAY)
    assert len(document["mainEntity"]) == 1
    for path in ("/answers.jsonld", "/answers/flu"):
        assert "Old words." not in site.get(path).text
    reading.check_topic(reading.block_of(site.get("/answers/flu").text), [make_entry()])
    page = reading.block_of(site.get("/answers/flu/flu-old").text)
    assert page["@type"] == "WebPage"
    assert "mainEntity" not in page
    assert old.entry.short_answer not in json.dumps(page)
    reading.check_citations(page["citation"], old.entry)
    site.day = date(2030, 1, 1)
    for path in ("/answers.jsonld", "/answers/flu"):
        assert "mainEntity" not in site.get(path).text


def test_before_the_first_release_the_data_has_no_questions(empty_store: Engine) -> None:
    document = json.loads(make_site(empty_store).get("/answers.jsonld").text)
    assert (document["@type"], document["inLanguage"]) == ("WebPage", "en")
    assert "mainEntity" not in document


def test_words_cannot_end_the_block(empty_store: Engine) -> None:
    site = make_site(empty_store)
    evil = "</script><!--<script>&amp; ' \u2028 \u2029 end"
    pair = make_entry({**FLU, "title": evil}, short_answer=evil, question=f"Is it {evil}?")
    site.publish(pair)
    for path in ("/answers/flu", "/answers/flu/flu-spread", "/answers.jsonld"):
        text = site.get(path).text
        block = text
        if path != "/answers.jsonld":
            start = text.index('<script type="application/ld+json">')
            block = text[start + 35 : text.index("</script>", start)]
        for character in "<>&'\u2028\u2029":
            assert character not in block, (path, character)
        (question,) = json.loads(block)["mainEntity"]
        assert question["acceptedAnswer"]["text"] == evil
        assert json.loads(block).get("about", question.get("about"))["name"] == evil


# --- the map --------------------------------------------------------------------------------------


def test_the_map_has_every_page_with_the_day_it_changed(site: Site) -> None:
    found = places(site)
    assert len(found) == 1 + 3 + 4
    for address in found:
        assert site.get(address.removeprefix(reading.HOST)).status_code == 200
    days = {
        address.removeprefix(reading.HOST): row.findtext("map:lastmod", namespaces=NAMES)
        for address, row in found.items()
    }
    assert days["/answers"] == "2026-11-21"
    assert days[SHOT] == "2026-11-05"


def test_the_map_says_when_an_answer_shrank(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(FULL)
    site.day = FULL.entry.review_due + timedelta(days=9)
    for row in places(site).values():
        assert row.findtext("map:lastmod", namespaces=NAMES) == "2027-11-22"
