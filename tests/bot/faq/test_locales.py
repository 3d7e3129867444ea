"""Answers in several languages: each has its address, its direction and its name."""

from __future__ import annotations

import json

import pytest
from bs4 import BeautifulSoup
from sqlalchemy.engine import Engine

from bot.faq.words import Labels, all_words, direction, words_for
from bot.replies import FOLDER
from tests.bot.conftest import FLU, make_entry
from tests.bot.faq import reading
from tests.bot.faq.conftest import DAY, FULL, Site, make_site
from tests.bot.faq.test_data import NAMES, places
from tests.bot.faq.test_pages import targets

SPANISH = make_entry(
    {**FLU, "title": "Gripe", "locale": "es"},
    question="¿Cómo se contagia la gripe?",
    short_answer="La gripe se contagia por gotitas.",
)
ARABIC = make_entry(
    {**FLU, "title": "الإنفلونزا", "locale": "ar"},
    question="كيف تنتشر الإنفلونزا؟",
    short_answer="تنتشر الإنفلونزا بالرذاذ.",
    seek_care="اتصل بالطبيب.",
    myth={"claim": "لا توجد إنفلونزا.", "rating": "false"},
)
ENGLISH = make_entry()


@pytest.fixture
def world(empty_store: Engine, _always_looks: None) -> Site:
    """The pages over one answer in three languages, and one in English alone."""
    site = make_site(empty_store)
    site.publish(ENGLISH, SPANISH, ARABIC, FULL)
    return site


def alternates(page: BeautifulSoup) -> dict[str, str]:
    links = page.select("link[rel=alternate][hreflang]")
    return {str(link["hreflang"]): str(link["href"]) for link in links}


def test_without_a_language_the_pages_are_in_that_of_the_site(world: Site) -> None:
    assert "Gripe" not in world.page("/answers").get_text()
    assert ENGLISH.entry.short_answer in world.says("/answers/flu/flu-spread")


@pytest.mark.parametrize("tag", ["es", "ES"])
def test_another_language_has_pages_of_its_own(world: Site, tag: str) -> None:
    page = world.page(f"/answers?lang={tag}")
    assert targets(page, ".topics a") == ["/answers/flu?lang=es"]
    assert "Flu" not in page.get_text()
    topic = world.page(f"/answers/flu?lang={tag}")
    assert targets(topic, "article h2 a") == ["/answers/flu/flu-spread?lang=es"]
    assert SPANISH.entry.short_answer in world.says(f"/answers/flu/flu-spread?lang={tag}")
    canonical = topic.select_one("link[rel=canonical]")
    assert canonical is not None
    assert canonical["href"] == "http://localhost/answers/flu?lang=es"


def test_the_language_of_the_site_has_one_address(world: Site) -> None:
    page = world.page("/answers/flu?lang=en")
    canonical = page.select_one("link[rel=canonical]")
    assert canonical is not None
    assert canonical["href"] == "http://localhost/answers/flu"


@pytest.mark.parametrize(("locale", "dir"), [("en", "ltr"), ("es", "ltr"), ("ar", "rtl")])
@pytest.mark.parametrize("path", ["/answers", "/answers/flu", "/answers/flu/flu-spread"])
def test_a_page_names_its_language_and_direction(
    world: Site, path: str, locale: str, dir: str
) -> None:
    html = world.page(f"{path}?lang={locale}").find("html")
    assert html is not None
    assert (html["lang"], html["dir"]) == (locale, dir)


def test_words_of_ours_in_another_language_are_marked_as_such(world: Site) -> None:
    page = world.page("/answers/flu/flu-spread?lang=ar")
    for selector in (".skip", "header", "footer", "#care", ".sources + h2", ".facts"):
        found = page.select_one(selector)
        assert found is not None, selector
        assert (found["lang"], found["dir"]) == ("en", "ltr"), selector
    for selector in ("h1", ".answer", ".care p"):
        found = page.select_one(selector)
        assert found is not None
        assert found.find_parent(attrs={"lang": "en"}) is None
        assert found.get("lang") is None
    english = world.page("/answers/flu/flu-spread")
    assert english.select("main [lang='en'][dir]") == []


def test_each_page_names_itself_in_the_other_languages(world: Site) -> None:
    host = "http://localhost/answers"
    assert alternates(world.page("/answers?lang=es")) == {
        "ar": f"{host}?lang=ar",
        "en": host,
        "es": f"{host}?lang=es",
        "x-default": host,
    }
    for lang in ("", "?lang=ar"):
        assert alternates(world.page(f"/answers/flu/flu-spread{lang}")) == {
            "ar": f"{host}/flu/flu-spread?lang=ar",
            "en": f"{host}/flu/flu-spread",
            "es": f"{host}/flu/flu-spread?lang=es",
            "x-default": f"{host}/flu/flu-spread",
        }
    assert alternates(world.page("/answers/flu/flu-shot-gives-flu")) == {}


def test_a_person_can_change_the_language(world: Site) -> None:
    page = world.page("/answers/flu")
    links = page.select(".languages a")
    assert [(link["hreflang"], link["lang"], link["href"]) for link in links] == [
        ("ar", "ar", "http://localhost/answers/flu?lang=ar"),
        ("es", "es", "http://localhost/answers/flu?lang=es"),
    ]
    for link in links:
        assert world.get(str(link["href"]).removeprefix("http://localhost")).status_code == 200


def test_an_answer_that_a_language_lacks_is_not_shown_in_another(world: Site) -> None:
    page = world.page("/answers/flu/flu-shot-gives-flu?lang=es", 404)
    assert "/answers/flu?lang=es" in targets(page, "main a")


def test_a_withdrawal_counts_for_its_language(world: Site) -> None:
    world.publish(FULL)
    for lang in ("", "?lang=en"):
        assert world.get(f"/answers/flu/flu-spread{lang}").status_code == 410
    # With its last answer the language itself is gone.
    assert world.get("/answers/flu/flu-spread?lang=es").status_code == 404


def test_a_moved_answer_stays_in_its_language(world: Site) -> None:
    moved = world.get("/answers/colds/flu-spread?lang=es")
    assert moved.status_code == 301
    assert moved.headers["Location"] == "/answers/flu/flu-spread?lang=es"


def test_the_data_has_all_languages_or_one(world: Site) -> None:
    document = json.loads(world.get("/answers.jsonld").text)
    reading.check_faq(document, [ENGLISH, SPANISH, ARABIC, FULL], DAY)
    assert document["inLanguage"] == ["ar", "en", "es"]
    spanish = json.loads(world.get("/answers.jsonld?lang=es").text)
    reading.check_faq(spanish, [SPANISH], DAY)
    assert spanish["inLanguage"] == "es"
    assert spanish["url"] == "http://localhost/answers?lang=es"


def test_the_map_names_the_other_languages_of_a_page(world: Site) -> None:
    found = places(world)
    assert len(found) == 3 + 3 + 4
    row = found["http://localhost/answers/flu/flu-spread?lang=es"]
    links = row.findall("x:link", NAMES)
    assert [link.get("hreflang") for link in links] == ["ar", "en", "es"]
    assert found["http://localhost/answers/flu/flu-shot-gives-flu"].findall("x:link", NAMES) == []


def test_a_site_in_another_language_shows_that_one_first(empty_store: Engine) -> None:
    site = make_site(empty_store, "es")
    site.publish(ENGLISH, SPANISH)
    assert targets(site.page("/answers"), ".topics a") == ["/answers/flu"]
    assert SPANISH.entry.short_answer in site.says("/answers/flu/flu-spread")
    assert ENGLISH.entry.short_answer in site.says("/answers/flu/flu-spread?lang=en")


def test_a_site_without_answers_in_its_language_leads_to_the_others(empty_store: Engine) -> None:
    site = make_site(empty_store, "es")
    site.publish(ENGLISH)
    page = site.page("/answers")
    assert "There are no answers here yet." in page.get_text()
    assert site.get("/answers?lang=en").status_code == 200


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en", "ltr"),
        ("ar", "rtl"),
        ("ar-EG", "rtl"),
        ("fa", "rtl"),
        ("he", "rtl"),
        ("ur", "rtl"),
        ("pa-Arab", "rtl"),
        ("pa", "ltr"),
        ("ja", "ltr"),
    ],
)
def test_a_language_is_written_in_its_direction(locale: str, expected: str) -> None:
    assert direction(locale) == expected


def test_a_region_has_the_words_of_its_language(empty_store: Engine) -> None:
    assert words_for("en-GB") is words_for("en") is words_for("tlh", "en") is words_for("tlh")
    site = make_site(empty_store)
    site.publish(make_entry({**FLU, "locale": "en-GB"}))
    page = site.page("/answers/flu?lang=en-GB")
    html = page.find("html")
    assert html is not None
    assert html["lang"] == "en-GB"
    assert page.select("main [lang='en']") == []


def test_every_language_has_all_words_and_a_wording() -> None:
    assert "en" in all_words()
    for locale, words in all_words().items():
        assert words.wording.locale == words.labels.locale == locale
        assert words.labels.dir == direction(locale)
        assert (FOLDER / f"{locale}.yml").is_file()
        for name in Labels.model_fields:
            assert getattr(words.labels, name), f"{locale}: {name}"
