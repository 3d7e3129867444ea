"""The answer pages: what stands on them, how honest they are, and how they travel."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from bot.faq import site as faq_site
from bot.faq.cards import shortened
from bot.replies import read_wording
from bot.replies.compose import CDC_HOME, WHO_HOME
from bot.turn import BannerNote, Link
from knowledge.entry import TopicEntry
from knowledge.store import connect
from tests.bot.conftest import FLU, SOURCE, make_entry
from tests.bot.faq.conftest import FULL, STROKE, Site, make_site, words_of

WORDING = read_wording()
SHOT = "/answers/flu/flu-shot-gives-flu"
PAGES = ("/answers", "/answers/flu", SHOT, "/answers/stroke/stroke-signs", "/answers/nothing")
REVIEWED = make_entry(
    status="clinician_reviewed",
    last_reviewed="2026-11-20",
    reviewed_by=[{"name": "Ada Okoye", "role": "Nurse", "credentials": "RN"}],
)


def note(
    text: str = "Boil tap water in Oslo until Friday.",
    url: str = "https://www.who.int/boil",
    country: str | None = None,
) -> BannerNote:
    """Return something that is said to everybody."""
    link = Link("What to do", url, "WHO")
    return BannerNote(1, text, link, country, "2026-11-23T00:00:00Z", is_drill=False)


def texts(page: BeautifulSoup, selector: str) -> list[str]:
    return [" ".join(found.get_text(" ").split()) for found in page.select(selector)]


def targets(page: BeautifulSoup, selector: str = "a") -> list[str]:
    return [str(link["href"]) for link in page.select(selector)]


# --- all topics -----------------------------------------------------------------------------------


def test_all_topics_are_listed_by_letter_with_their_counts(site: Site) -> None:
    page = site.page("/answers")
    assert texts(page, "h2") == ["F", "M", "S"]
    assert texts(page, ".topics li") == ["Flu 2 answers", "Measles 1 answer", "Stroke 1 answer"]
    assert targets(page, ".topics a") == ["/answers/flu", "/answers/measles", "/answers/stroke"]
    assert targets(page, ".letters a") == ["#l1", "#l2", "#l3"]
    assert "Topics: 3. Answers: 4." in words_of(page)


def test_titles_without_a_letter_come_first_and_together(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(
        make_entry({**FLU, "slug": "five-g", "title": "5G"}, id="a"),
        make_entry({**FLU, "slug": "oefen", "title": "Öfen"}, id="b"),
        make_entry({**FLU, "slug": "otitis", "title": "otitis"}, id="c"),
        make_entry({**FLU, "slug": "one", "title": "“Cold” sores"}, id="d"),
    )
    page = site.page("/answers")
    assert texts(page, "h2") == ["0–9", "O"]
    assert texts(page, ".topics a") == ["5G", "“Cold” sores", "Öfen", "otitis"]


def test_before_the_first_release_the_list_says_that_it_is_empty(empty_store: Engine) -> None:
    site = make_site(empty_store)
    assert "There are no answers here yet." in site.says("/answers")
    assert site.get("/answers/flu").status_code == 404
    assert site.get("/answers/sitemap.xml").status_code == 200


# --- one topic ------------------------------------------------------------------------------------


def test_a_topic_shows_each_question_with_its_short_answer_and_sources(site: Site) -> None:
    page = site.page("/answers/flu")
    assert texts(page, "h1") == ["Flu"]
    assert texts(page, "article h2 a") == [
        "How does flu spread?",
        "Can the flu shot give you the flu?",
    ]
    assert targets(page, "article h2 a")[1] == SHOT
    _, shot = page.select("article")
    assert "No. A flu shot cannot give you flu." in shot.get_text()
    assert targets(shot, ".sources a") == [source.url for source in FULL.entry.sources]
    assert WORDING.review.source_checked in shot.get_text()
    # The claim would be read without the fact here: it is on the page of the answer only.
    assert "gives you the flu." not in page.get_text()


def test_a_topic_leads_to_the_topics_near_it_as_far_as_they_are_live(site: Site) -> None:
    page = site.page("/answers/measles")
    assert targets(page, ".more a") == ["/answers/flu"]


def test_a_topic_that_is_an_emergency_says_so_above_the_answer(site: Site) -> None:
    (article,) = site.page("/answers/stroke").select("article")
    text = article.get_text()
    assert text.index(WORDING.call_now) < text.index(STROKE.entry.short_answer)


# --- one answer -----------------------------------------------------------------------------------


def test_an_answer_shows_all_that_it_says(site: Site) -> None:
    page = site.page(SHOT)
    assert texts(page, "h1") == ["Can the flu shot give you the flu?"]
    said = words_of(page)
    for part in (
        "No. A flu shot cannot give you flu.",
        "There is no live virus in it.",
        "Get help today if you cannot breathe well.",
        "Call a doctor if side effects last.",
        "CDC names people of 65, WHO older people.",
        "Written Oct 1, 2026. Last changed Nov 5, 2026. To be checked again by Nov 21, 2027.",
        WORDING.disclaimer,
        "It is not endorsed by CDC",
    ):
        assert part in said
    assert texts(page, "h2")[:3] == [
        "When to get care",
        "More details",
        "Where CDC and WHO differ",
    ]


def test_the_fact_comes_before_the_claim(site: Site) -> None:
    said = site.says(SHOT)
    fact, claim = "No. A flu shot cannot give you flu.", "The flu shot gives you the flu."
    assert said.index(fact) < said.index(claim) < said.index("This is false.")
    assert said.count(claim) == 1


@pytest.mark.parametrize(
    ("rating", "verdict"),
    [
        ("false", "This is false."),
        ("misleading", "This is misleading."),
        ("unproven", "This is unproven."),
    ],
)
def test_a_claim_is_rated(empty_store: Engine, rating: str, verdict: str) -> None:
    site = make_site(empty_store)
    site.publish(make_entry(myth={"claim": "It is so.", "rating": rating}))
    assert texts(site.page("/answers/flu/flu-spread"), ".myth strong") == [verdict]


def test_each_detail_leads_to_the_sources_that_carry_it(site: Site) -> None:
    page = site.page(SHOT)
    first, second = page.select(".details li")
    assert targets(first) == ["#source-2", "#source-1"]
    assert targets(second) == ["#source-1"]
    # A screen reader that reads links alone says more than a number.
    assert texts(page, ".cite") == ["Source [2]", "Source [1]", "Source [1]"]
    cited = page.select_one("#source-2")
    assert cited is not None
    assert "Influenza (seasonal)" in cited.get_text()


def test_a_source_tells_its_section_its_date_and_how_far_it_was_read(site: Site) -> None:
    assert texts(site.page(SHOT), ".sources > li") == [
        "CDC: About Influenza The page gives no date Page read Sep 2026",
        "WHO: Influenza (seasonal) Section: Symptoms Page dated Feb 28, 2025 "
        "Part of the page read Sep 30, 2026",
        "CDC: Flu and People The page gives no date Address known, page not read",
    ]


def test_a_month_that_is_none_is_shown_as_it_stands(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(make_entry(sources=[{**SOURCE, "checked_on": "2026-13"}]))
    assert "Page read 2026-13" in site.says("/answers/flu/flu-spread")


def test_the_review_is_told_as_in_the_chat(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(
        REVIEWED,
        make_entry(id="flu-draft", status="draft"),
        make_entry(id="flu-checked", status="source_checked"),
    )
    assert "Reviewed by Nurse on Nov 20, 2026." in site.says("/answers/flu/flu-spread")
    assert WORDING.review.draft in site.says("/answers/flu/flu-draft")
    assert WORDING.review.source_checked in site.says("/answers/flu/flu-checked")
    for other in ("flu-draft", "flu-checked"):
        assert "Reviewed by" not in site.says(f"/answers/flu/{other}")


@pytest.mark.parametrize("level", ["urgent", "routine", "none"])
def test_only_an_emergency_has_the_call_now_line(empty_store: Engine, level: str) -> None:
    site = make_site(empty_store)
    site.publish(make_entry(urgency={"level": level, "action": "Rest."}), STROKE)
    assert WORDING.call_now not in site.says("/answers/flu/flu-spread")
    said = site.says("/answers/stroke/stroke-signs")
    assert said.index(WORDING.call_now) < said.index(STROKE.entry.short_answer)


def test_what_to_do_is_said_once_where_care_says_the_same(empty_store: Engine) -> None:
    site = make_site(empty_store)
    action = "Call a doctor today."
    site.publish(make_entry(seek_care=action, urgency={"level": "urgent", "action": action}))
    assert site.says("/answers/flu/flu-spread").count(action) == 1


def test_an_answer_leads_on(site: Site) -> None:
    page = site.page(SHOT)
    assert targets(page, ".more a") == ["/answers/flu/flu-spread"]
    assert targets(page, ".place a") == ["/answers", "/answers/flu"]
    assert targets(page, ".ask a") == ["/widget/chat"]
    assert targets(site.page("/answers/stroke/stroke-signs"), ".more a") == ["/answers/flu"]


# --- past the review date -------------------------------------------------------------------------


def test_past_its_review_date_only_the_sources_of_an_answer_are_left(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(FULL)
    site.day = FULL.entry.review_due
    assert FULL.entry.short_answer in site.says(SHOT)
    site.day += timedelta(days=1)
    page = site.page(SHOT)
    assert targets(page, ".sources a") == [source.url for source in FULL.entry.sources]
    described = page.select_one("meta[name=description]")
    assert described is not None
    assert FULL.entry.short_answer not in str(described["content"])
    said = words_of(page)
    assert WORDING.expired in said
    assert WORDING.expired_emergency not in said
    assert "It was to be checked again by Nov 21, 2027." in said
    entry = FULL.entry
    assert entry.myth is not None
    hidden = (
        entry.short_answer,
        *(detail.text for detail in entry.details),
        entry.seek_care,
        entry.conflict,
        entry.urgency.action,
        entry.myth.claim,
    )
    for path in (SHOT, "/answers/flu"):
        text = site.get(path).text
        assert [part for part in hidden if part and part in text] == []
    assert WORDING.expired in site.says("/answers/flu")


def test_past_its_date_an_emergency_is_still_called_one(empty_store: Engine) -> None:
    site = make_site(empty_store)
    site.publish(STROKE)
    site.day = date(2028, 1, 1)
    for path in ("/answers/stroke/stroke-signs", "/answers/stroke"):
        said = site.says(path)
        assert f"{WORDING.expired} {WORDING.expired_emergency}" in said
        assert WORDING.call_now not in said


# --- where there is no page -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/answers/nothing", "/answers/flu/nothing", "/answers/x/y", "/answers?lang=xx"]
)
def test_an_unknown_page_is_404_and_leads_on(site: Site, path: str) -> None:
    page = site.page(path, 404)
    assert texts(page, "h1") == ["There is no such page"]
    led = targets(page, "main a")
    assert {"/answers", "/widget/chat", CDC_HOME} <= set(led)
    assert ("/answers/flu" in led) == path.startswith("/answers/flu")
    assert page.select_one("meta[name=robots][content=noindex]") is not None
    assert page.select_one("link[rel=canonical]") is None


def test_a_withdrawn_answer_is_410_and_leads_on(site: Site, empty_store: Engine) -> None:
    site.publish(make_entry(), STROKE)
    page = site.page(SHOT, 410)
    assert texts(page, "h1") == ["This answer was taken down"]
    assert targets(page, "main a")[:2] == ["/answers/flu", "/answers"]
    assert FULL.entry.short_answer not in page.get_text()
    assert site.get("/answers/flu/flu-never").status_code == 404
    site.publish(make_entry(), STROKE, FULL)
    assert site.get(SHOT).status_code == 200


def test_an_answer_whose_topic_changed_has_moved(site: Site) -> None:
    moved = site.get("/answers/colds/flu-shot-gives-flu")
    assert (moved.status_code, moved.headers["Location"]) == (301, SHOT)


def test_a_slash_at_the_end_does_no_harm(site: Site) -> None:
    for path in ("/answers", "/answers/flu", SHOT):
        assert site.get(f"{path}/").text == site.get(path).text


def test_a_store_that_was_never_read_is_503_and_leads_on(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'nothing.db'}")
    site = make_site(engine)
    for path in ("/answers", "/answers/flu", SHOT, "/answers.jsonld", "/answers/sitemap.xml"):
        page = site.page(path, 503)
        assert targets(page, "main a") == ["/widget/chat", CDC_HOME, WHO_HOME]
        assert "call your local emergency number" in page.get_text()
    response = site.get("/answers")
    assert response.headers["Cache-Control"] == "no-store"
    assert int(response.headers["Retry-After"]) > 0
    engine.dispose()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(site: Site, method: str) -> None:
    for path in (*PAGES, "/answers.jsonld", "/answers/sitemap.xml", "/answers.css"):
        assert site.client.open(path, method=method).status_code == 405


# --- how pages travel -----------------------------------------------------------------------------

KEPT = ("/answers", "/answers/flu", SHOT, "/answers.jsonld", "/answers/sitemap.xml")


@pytest.mark.parametrize("path", KEPT)
def test_an_unchanged_page_is_not_sent_twice(site: Site, path: str) -> None:
    first = site.get(path)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    tag = first.headers["ETag"]
    again = site.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == tag
    assert again.headers["Cache-Control"] == "public, max-age=60"
    assert site.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


@pytest.mark.parametrize("path", KEPT)
def test_a_new_release_and_a_new_day_are_sent(site: Site, path: str) -> None:
    old = {"If-None-Match": site.get(path).headers["ETag"]}
    site.day += timedelta(days=1)
    tomorrow = site.get(path, headers=old)
    assert tomorrow.status_code == 200
    site.publish(make_entry(), FULL, STROKE)
    same_day = {"If-None-Match": tomorrow.headers["ETag"]}
    assert site.get(path, headers=same_day).status_code == 200


@pytest.mark.parametrize("path", [*KEPT, *PAGES])
def test_head_gives_the_headers_alone(site: Site, path: str) -> None:
    whole, head = site.get(path), site.client.head(path)
    assert head.status_code == whole.status_code
    assert head.data == b""
    assert head.headers == whole.headers


def test_a_page_is_sent_again_when_its_make_changed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = faq_site.make_of_pages()
    assert faq_site.make_of_pages() == before
    monkeypatch.setattr(faq_site, "all_words", lambda: {})
    assert faq_site.make_of_pages() != before
    assert before in site.get("/answers").headers["ETag"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_nothing_and_loads_two_styles_and_a_mark(site: Site, path: str) -> None:
    response = site.get(path)
    directives = response.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'none'", "style-src 'self'"} <= set(directives)
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in response.headers
    page = BeautifulSoup(response.text, "html.parser")
    assert [one.get("type") for one in page.find_all("script")] in (
        [],
        ["application/ld+json"],
    )
    assert page.find_all(["style", "img", "iframe", "form", "object", "base"]) == []
    for element in page.find_all(True):
        assert not [name for name in element.attrs if name.startswith("on") or name == "style"]
    loaded = targets(page, "link[rel=icon], link[rel=stylesheet]")
    assert len(loaded) == 3
    for address in loaded:
        assert site.get(address, buffered=True).status_code == 200, address


def test_the_style_may_be_kept_and_has_a_new_address_when_it_changes(site: Site) -> None:
    (style,) = targets(site.page("/answers"), "link[href*='answers.css']")
    response = site.get(style, buffered=True)
    assert response.mimetype == "text/css"
    assert response.cache_control.max_age == 7 * 24 * 3600
    assert style.endswith(f"?v={faq_site.make_of_pages()}")


@pytest.mark.parametrize("path", [*PAGES, SHOT])
def test_a_page_is_built_for_screen_readers(site: Site, path: str) -> None:
    response = site.get(path)
    page = BeautifulSoup(response.text, "html.parser")
    assert len(page.find_all("h1")) == 1
    assert len(page.find_all("main")) == 1
    levels = [int(one.name[1]) for one in page.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    ids = [str(one["id"]) for one in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in targets(page) if link[0] == "#"} <= set(ids)
    assert targets(page, "a")[0] == "#main"
    labels = [
        str(one.get("aria-label") or one.get("aria-labelledby")) for one in page.select("nav")
    ]
    assert len(labels) == len(set(labels))
    assert "None" not in labels
    assert page.title is not None
    assert page.title.get_text().endswith("– Citewell")


# --- what is said to everybody --------------------------------------------------------------------


def test_what_is_said_to_everybody_stands_above_the_answers(site: Site) -> None:
    asked: list[tuple[str, str | None]] = []

    def notices(locale: str, topic: str | None) -> list[BannerNote]:
        asked.append((locale, topic))
        return [note(country="NO"), note("Second.", "javascript:alert(1)")]

    site.notices = notices
    for path in ("/answers", "/answers/flu", SHOT):
        page = site.page(path)
        (section,) = page.select("main > section")
        assert section["aria-label"] == "Important now"
        assert targets(section) == ["https://www.who.int/boil"]
        said = words_of(page)
        assert "Norway: Boil tap water" in said
        (heading,) = texts(page, "h1")
        assert said.index("Boil tap water") < said.index("Second.") < said.rindex(heading)
    assert asked == [("en", None), ("en", "flu"), ("en", "flu")]


def test_a_page_without_notices_has_no_place_for_them(site: Site) -> None:
    assert site.page("/answers/flu").select("main > section") == []


def test_a_new_notice_is_sent_to_whoever_has_the_page(site: Site) -> None:
    old = {"If-None-Match": site.get("/answers").headers["ETag"]}
    site.notices = lambda _locale, _topic: [note()]
    shown = site.get("/answers", headers=old)
    assert shown.status_code == 200
    site.notices = lambda _locale, _topic: []
    assert site.get("/answers", headers=old).status_code == 304


# --- small things ---------------------------------------------------------------------------------


def test_words_of_an_answer_cannot_become_markup(empty_store: Engine) -> None:
    site = make_site(empty_store)
    evil = "</script><script>alert(1)</script>\"'>&<b onclick=x>"
    fields: dict[str, Any] = {
        "question": f"What {evil}?",
        "short_answer": evil,
        "details": [{"text": evil, "cite": ["s1"]}],
        "seek_care": evil,
        "conflict": evil,
        "myth": {"claim": evil, "rating": "false"},
        "sources": [{**SOURCE, "title": evil, "section": evil}],
    }
    site.publish(make_entry({**FLU, "title": evil}, **fields))
    for path in ("/answers", "/answers/flu", "/answers/flu/flu-spread"):
        page = site.page(path)
        assert page.find_all("b") == []
        assert [one.get("type") for one in page.find_all("script")] in (
            [],
            ["application/ld+json"],
        )
        assert "<script>" not in site.get(path).text


def test_a_forged_host_cannot_write_into_a_page(site: Site) -> None:
    for path in ("/answers", SHOT, "/answers/sitemap.xml"):
        text = site.get(path, headers={"Host": 'x"><script>alert(1)</script>'}).text
        assert "<script>alert" not in text


@pytest.mark.parametrize(
    ("text", "cut"),
    [("one two", "one two"), ("one two three", "one two…"), ("abcdefghijkl", "abcdefghij…")],
)
def test_a_description_is_cut_between_words(text: str, cut: str) -> None:
    assert shortened(text, 11) == cut


@pytest.mark.parametrize("pair", [FULL, STROKE], ids=lambda pair: pair.entry.id)
def test_a_page_describes_itself(site: Site, pair: TopicEntry) -> None:
    page = site.page(f"/answers/{pair.topic.slug}/{pair.entry.id}")
    described, canonical = page.select("meta[name=description], link[rel=canonical]")
    assert described["content"] == pair.entry.short_answer
    assert canonical["href"] == f"http://localhost/answers/{pair.topic.slug}/{pair.entry.id}"


def test_the_app_shows_the_pages_and_the_front_page_leads_to_them(
    app: Flask, client: FlaskClient
) -> None:
    home = BeautifulSoup(client.get("/").text, "html.parser")
    assert "answers" in targets(home)
    page = client.get("/answers")
    assert page.status_code == 200
    assert "How does flu spread?" in client.get("/answers/flu").text
    assert client.get("/answers/flu/flu-spread").headers["X-Content-Type-Options"] == "nosniff"


def test_the_day_is_that_of_utc() -> None:
    assert abs(faq_site.today_in_utc() - date.today()) <= timedelta(days=1)
