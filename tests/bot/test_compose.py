"""Wording: every kind of payload becomes a complete reply, and no answer without its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import TypeAdapter

from bot.rasa_client import Payload, RasaUnavailable
from bot.replies import read_wording
from bot.replies.compose import ALLOWED_HOSTS, Composer, TopicChoice, is_allowed
from bot.turn import Category, Contact, Reply, Source
from tests.bot.conftest import answer_payload

ID = "0123456789abcdef01234567"
CATEGORIES: tuple[Category, ...] = get_args(Category)
COUNTRIES = ("EG", "ES", "FR", "GB", "NO", "SA", "US")
OPTION = {"entry_id": "flu-shot", "question": "Who needs a flu shot?", "topic_title": "Flu"}
DECLINE = {"kind": "notice", "code": "decline_dose", "text": "I do not give amounts."}


def parsed(payload: dict[str, Any]) -> Payload:
    result: Payload = TypeAdapter(Payload).validate_python(payload)
    return result


@pytest.fixture
def compose(composer: Composer) -> Callable[..., Reply]:
    def compose(*payloads: dict[str, Any], country: str | None = None) -> Reply:
        return composer.compose(ID, [parsed(payload) for payload in payloads], country)

    return compose


Compose = Callable[..., Reply]


def clarify(**fields: Any) -> dict[str, Any]:
    base = {"kind": "clarify", "topic_title": None, "score": 0.4, "call_now": False}
    return {**base, "options": [OPTION], **fields}


def no_answer(**fields: Any) -> dict[str, Any]:
    base = {"kind": "no_answer", "code": "no_answer", "topics": [], "score": 0.1}
    return {**base, "words": "moon milk", "call_now": False, **fields}


def source(url: str, publisher: Any = "CDC") -> dict[str, Any]:
    return {**answer_payload()["sources"][0], "url": url, "publisher": publisher}


def test_an_answer_keeps_everything_of_its_entry(compose: Compose) -> None:
    payload = answer_payload(
        myth={"claim": "Cold air gives you flu.", "rating": "misleading"},
        conflict="CDC and WHO differ.",
    )
    reply = compose(payload)
    assert (reply.kind, reply.code, reply.reply_id) == ("answer", "answer", ID)
    assert reply.text == payload["text"]
    assert list(reply.details) == payload["details"]
    assert reply.seek_care == payload["seek_care"]
    assert reply.entry is not None
    assert reply.entry.entry_id == "flu-spread"
    assert reply.myth is not None
    assert reply.conflict == "CDC and WHO differ."
    assert [s.url for s in reply.sources] == [payload["sources"][0]["url"]]
    assert reply.score == 0.93
    assert reply.feedback
    assert reply.disclaimer
    assert [(q.title, q.text) for q in reply.quick_replies] == [(OPTION["question"],) * 2]


@pytest.mark.parametrize(
    ("review", "words"),
    [
        ({"status": "draft", "by_role": None, "on": None}, "not read"),
        ({"status": "source_checked", "by_role": None, "on": None}, "Not yet reviewed"),
        (
            {"status": "clinician_reviewed", "by_role": "Nurse", "on": "2026-11-20"},
            "Reviewed by Nurse on 2026-11-20.",
        ),
    ],
)
def test_an_answer_says_how_it_was_checked(
    compose: Compose, review: dict[str, Any], words: str
) -> None:
    reply = compose(answer_payload(review={**review, "due": "2027-11-21"}))
    assert reply.review is not None
    assert words in reply.review.text
    assert "{" not in reply.review.text
    assert reply.review.due == "2027-11-21"


@pytest.mark.parametrize("level", ["routine", "emergency"])
def test_an_expired_answer_shows_its_source_but_not_its_text(
    compose: Compose, composer: Composer, level: str
) -> None:
    urgency = {"level": level, "action": "Call now."}
    reply = compose(answer_payload(expired=True, urgency=urgency, text="old words", details=[]))
    assert reply.code == "expired"
    assert reply.text.startswith(composer.wording.expired)
    assert "old words" not in reply.text
    assert (composer.wording.expired_emergency in reply.text) == (level == "emergency")
    assert reply.sources


@pytest.mark.parametrize(
    ("url", "publisher", "allowed"),
    [
        ("https://www.cdc.gov/flu/", "CDC", True),
        ("https://www.who.int/flu", "WHO", True),
        ("http://www.cdc.gov/flu/", "CDC", False),
        ("https://cdc.gov/flu/", "CDC", False),
        ("https://www.cdc.gov.example.org/", "CDC", False),
        ("https://www.cdc.gov@example.org/", "CDC", False),
        ("https://example.org/?https://www.cdc.gov/", "CDC", False),
        ("https://www.who.int/flu", "CDC", False),
        ("https://www.cdc.gov/flu/", "WHO", False),
        ("javascript:alert(1)//www.cdc.gov", "CDC", False),
        ("//www.cdc.gov/flu/", "CDC", False),
        ("https://[www.cdc.gov/", "CDC", False),
        ("", "CDC", False),
    ],
)
def test_only_pages_of_cdc_and_who_are_sources(
    compose: Compose, url: str, publisher: Any, allowed: bool
) -> None:
    assert is_allowed(Source(publisher, "t", url, None, None, None, "url_only")) is allowed
    good = source("https://www.cdc.gov/flu/")
    payload = answer_payload(sources=[good, source(url, publisher)])
    if allowed:
        assert len(compose(payload).sources) == 2
        return
    with pytest.raises(RasaUnavailable) as caught:
        compose(payload)
    assert caught.value.code == "source_not_allowed"


def test_a_choice_offers_its_questions(compose: Compose, composer: Composer) -> None:
    reply = compose(clarify())
    assert (reply.kind, reply.code) == ("clarify", "clarify")
    assert reply.text == composer.wording.clarify
    assert [q.text for q in reply.quick_replies] == ["Who needs a flu shot?"]
    assert reply.score == 0.4
    assert not reply.feedback


def test_a_choice_within_a_topic_names_it(compose: Compose) -> None:
    reply = compose(clarify(topic_title="Flu"))
    assert "Flu" in reply.text
    assert "{" not in reply.text


def test_no_answer_offers_live_topics_searches_and_a_person(
    compose: Compose, composer: Composer
) -> None:
    topics = [{"topic": "gone", "title": "Gone"}, {"topic": "flu", "title": "Old title"}]
    reply = compose(no_answer(topics=topics))
    assert (reply.kind, reply.code, reply.text) == (
        "no_answer",
        "no_answer",
        composer.wording.no_answer,
    )
    assert [q.title for q in reply.quick_replies] == ["Flu", "Talk to a person"]
    assert [link.publisher for link in reply.links] == ["CDC", "WHO"]
    assert reply.sources == ()
    assert reply.feedback


LANGUAGES = sorted(read_wording().other_language.texts)


def other_language(language: str | None) -> dict[str, Any]:
    return no_answer(code="other_language", words="", score=0.0, language=language, call_now=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_in_another_language_is_met_in_that_language(
    language: str, compose: Compose, composer: Composer
) -> None:
    reply = compose(other_language(language))
    assert (reply.kind, reply.code, reply.locale) == ("no_answer", "other_language", language)
    assert reply.text == composer.wording.other_language.texts[language]
    assert reply.dir == ("rtl" if language == "ar" else "ltr")
    assert reply.text != composer.wording.other_language.default
    assert reply.score is None
    assert not reply.feedback


@pytest.mark.parametrize("language", ["und", "", "xx", "en", None])
def test_a_language_without_wording_is_met_in_plain_english(
    language: str | None, compose: Compose, composer: Composer
) -> None:
    reply = compose(other_language(language))
    assert reply.text == composer.wording.other_language.default
    assert (reply.locale, reply.dir) == ("en", "ltr")
    assert reply.links == composer.wording.other_language.default_links


@pytest.mark.parametrize("language", [*LANGUAGES, "und"])
def test_nobody_is_left_without_help_in_another_language(
    language: str, compose: Compose, composer: Composer
) -> None:
    reply = compose(other_language(language))
    assert reply.call_now == composer.wording.call_now
    assert reply.quick_replies == (composer.wording.quick_replies.urgent,)
    assert reply.links
    for link in reply.links:
        parts = urlsplit(link.url)
        assert (parts.scheme, parts.hostname) == ("https", ALLOWED_HOSTS[link.publisher])


def test_an_unknown_claim_can_be_reported(compose: Compose, composer: Composer) -> None:
    reply = compose(no_answer(code="claim_not_found"))
    assert reply.code == "claim_not_found"
    assert reply.text == composer.wording.claim_not_found
    ways = composer.wording.quick_replies
    assert reply.quick_replies[:2] == (ways.check_steps, ways.report_claim)


def test_a_choice_after_a_claim_can_be_left_for_the_steps(
    compose: Compose, composer: Composer
) -> None:
    steps = composer.wording.quick_replies.check_steps
    assert compose(clarify(is_claim=True)).quick_replies[-1] == steps
    assert steps not in compose(clarify()).quick_replies


def step(number: int) -> dict[str, Any]:
    return {"kind": "notice", "code": f"claim_step_{number}"}


@pytest.mark.parametrize("number", range(1, 7))
def test_a_step_says_where_it_is_and_leads_on(
    number: int, compose: Compose, composer: Composer
) -> None:
    reply, ways = compose(step(number)), composer.wording.quick_replies
    assert reply.preface[0].startswith(f"Step {number} of 7:")
    assert reply.text == composer.wording.claim_steps.steps[number - 1].text
    assert reply.quick_replies == (ways.next_step, ways.report_claim, ways.stop)
    assert [link.publisher for link in reply.links] == ["WHO"]


def test_the_last_step_names_fact_checkers_and_the_report(
    compose: Compose, composer: Composer
) -> None:
    reply, ways = compose(step(7)), composer.wording.quick_replies
    assert len(reply.links) >= 3
    assert reply.links[0].publisher == "WHO"
    assert ways.report_claim in reply.quick_replies
    assert ways.next_step not in reply.quick_replies


@pytest.mark.parametrize("number", [0, 8])
def test_there_are_seven_steps(number: int, compose: Compose) -> None:
    with pytest.raises(RasaUnavailable):
        compose(step(number))


@pytest.mark.parametrize(
    "words", ["moon milk", "a&b=c#d", "50% off", "søvn", "<script>", "a+b", '"x"', "ما هي"]
)
def test_search_links_carry_the_words_and_nothing_else(composer: Composer, words: str) -> None:
    cdc, who = composer.search_links(words)
    for link, host, name in ((cdc, "search.cdc.gov", "query"), (who, "www.who.int", "searchQuery")):
        parts = urlsplit(link.url)
        assert (parts.scheme, parts.hostname, parts.fragment) == ("https", host, "")
        assert parse_qs(parts.query, strict_parsing=True)[name] == [words]
        assert words in link.title
    assert set(parse_qs(urlsplit(cdc.url).query)) == {"query"}
    assert set(parse_qs(urlsplit(who.url).query)) == {
        "indexCatalogue",
        "searchQuery",
        "wordsMode",
    }


def test_without_words_the_links_are_the_front_pages(composer: Composer) -> None:
    assert [urlsplit(link.url).query for link in composer.search_links("")] == ["", ""]


def test_notices_before_the_last_payload_become_the_preface(compose: Compose) -> None:
    reply = compose(DECLINE, answer_payload())
    assert reply.preface == (DECLINE["text"],)
    assert reply.kind == "answer"
    assert reply.seek_care == answer_payload()["seek_care"]


@pytest.mark.parametrize("code", ["decline_dose", "decline_diagnosis"])
@pytest.mark.parametrize("then", [answer_payload(seek_care=None), clarify()])
def test_a_declined_wish_always_says_when_to_get_care(
    compose: Compose, composer: Composer, code: str, then: dict[str, Any]
) -> None:
    assert compose({**DECLINE, "code": code}, then).seek_care == composer.wording.seek_care_declined
    assert compose(then).seek_care is None


def test_a_declined_wish_without_an_answer_points_to_people(
    compose: Compose, composer: Composer
) -> None:
    near = no_answer(topics=[{"topic": "flu", "title": "Flu"}])
    reply = compose(DECLINE, near)
    assert reply.text == composer.wording.no_answer_declined
    assert reply.preface == (DECLINE["text"],)
    # A list of near diseases would be a diagnosis after all.
    assert reply.quick_replies == (composer.wording.quick_replies.talk_to_person,)
    assert compose(near).quick_replies[0].title == "Flu"


def test_another_notice_before_an_answer_declines_nothing(compose: Compose) -> None:
    reply = compose({**DECLINE, "code": "greet"}, answer_payload(seek_care=None))
    assert reply.seek_care is None


@pytest.mark.parametrize("payload", [answer_payload(call_now=True), clarify(call_now=True)])
def test_the_call_now_line_follows_the_payload(
    compose: Compose, composer: Composer, payload: dict[str, Any]
) -> None:
    assert compose(payload).call_now == composer.wording.call_now
    assert compose({**payload, "call_now": False}).call_now is None


@pytest.mark.parametrize("payload", [clarify(), no_answer()])
def test_where_it_may_be_urgent_the_first_suggestion_is_help(
    compose: Compose, composer: Composer, payload: dict[str, Any]
) -> None:
    urgent = composer.wording.quick_replies.urgent
    assert compose({**payload, "call_now": True}).quick_replies[0] == urgent
    assert urgent not in compose(payload).quick_replies


def test_the_call_now_line_names_the_number_of_a_known_country(composer: Composer) -> None:
    assert "113" in composer.call_now("NO")
    assert "911" in composer.call_now("US")
    for unknown in (None, "", "ZZ"):
        assert composer.call_now(unknown) == composer.wording.call_now


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("country", [*COUNTRIES, "ZZ", None])
def test_an_emergency_is_worded_for_every_country(
    composer: Composer, category: Category, country: str | None
) -> None:
    reply = composer.emergency(ID, category, "rule-1", country)
    card = reply.emergency
    assert card is not None
    assert (reply.kind, reply.code, card.category, card.country) == (
        "emergency",
        "rule-1",
        category,
        country,
    )
    assert "{" not in reply.text + "".join(card.steps)
    assert len(card.steps) >= 3
    number = composer.helplines.emergency_number(country)
    call = number or composer.wording.emergency.call_local
    assert any(f"all {call}" in step for step in card.steps)
    if number:
        assert card.lines[0].number == number
    else:
        digits = {c for step in card.steps for c in step if c.isdigit()}
        assert digits == set()
    assert (card.country_hint is None) == (country is not None)


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_payload_of_an_emergency_gives_the_same_reply(
    compose: Compose, composer: Composer, category: Category
) -> None:
    payload = {"kind": "emergency", "category": category, "rule": "intent"}
    assert compose(payload, country="NO") == composer.emergency(ID, category, "intent", "NO")


def test_an_emergency_names_the_line_for_its_kind(composer: Composer) -> None:
    steps = {c: " ".join(composer.emergency(ID, c, "r", "US").emergency.steps) for c in CATEGORIES}  # type: ignore[union-attr]
    assert "1-800-222-1222" in steps["poisoning"]
    assert "988" in steps["self_harm"]
    assert "1-800-799-7233" in steps["abuse"]
    assert "988" not in steps["emergency"]


def test_the_action_server_can_say_that_it_cannot_answer(compose: Compose) -> None:
    with pytest.raises(RasaUnavailable) as caught:
        compose({"kind": "unavailable", "code": "no_release"})
    assert caught.value.code == "no_release"


def test_unavailable_points_to_cdc_and_who(composer: Composer) -> None:
    reply = composer.unavailable(ID, "rasa_timed_out")
    assert (reply.kind, reply.code) == ("unavailable", "rasa_timed_out")
    assert [urlsplit(link.url).hostname for link in reply.links] == ["www.cdc.gov", "www.who.int"]


def test_a_notice_without_wording_is_refused(compose: Compose) -> None:
    with pytest.raises(RasaUnavailable) as caught:
        compose({"kind": "notice", "code": "never_heard_of"})
    assert caught.value.code == "notice_without_wording"


def test_a_notice_of_an_action_gets_the_gateways_wording(
    compose: Compose, composer: Composer
) -> None:
    reply = compose({"kind": "notice", "code": "ask_for_rumour"})
    assert reply.text == composer.wording.notices["ask_for_rumour"]
    assert reply.quick_replies == ()


def test_a_notice_with_a_menu_offers_live_topics_and_its_own_suggestions(compose: Compose) -> None:
    own = {"title": "Delete my chat", "text": "Delete my data"}
    payload = {"kind": "notice", "code": "help", "text": "I can help.", "menu": True}
    reply = compose({**payload, "quick_replies": [own]})
    assert [q.title for q in reply.quick_replies] == ["Flu", "Delete my chat"]


def test_the_menu_holds_only_live_topics_and_help(composer: Composer) -> None:
    menu = composer.menu()
    assert [(q.title, q.text) for q in menu[:-1]] == [("Flu", "flu")]
    assert menu[-1] == composer.wording.quick_replies.help


def test_the_welcome_and_the_empty_notice_offer_the_menu(composer: Composer) -> None:
    for code in ("welcome", "empty"):
        assert composer.notice(ID, code).quick_replies == composer.menu()
    assert composer.notice(ID, "too_long").quick_replies == ()


def test_the_too_long_notice_names_the_limit(composer: Composer) -> None:
    assert "1,000 characters" in composer.notice(ID, "too_long").text


TALK = {"kind": "notice", "code": "talk_to_person", "text": "Of course."}


def test_talk_to_person_names_people_of_the_country(compose: Compose, composer: Composer) -> None:
    reply = compose(TALK, country="GB")
    names = [contact.name for contact in reply.contacts]
    assert names[: len(composer.wording.talk_to_person)] == [
        contact.name for contact in composer.wording.talk_to_person
    ]
    assert any("Samaritans" in name for name in names)
    assert not any("988" in name for name in names)


def test_talk_to_person_without_a_country_gives_directories_and_no_number(
    compose: Compose, composer: Composer
) -> None:
    reply = compose(TALK)
    assert len(reply.contacts) > len(composer.wording.talk_to_person)
    assert all(contact.tel is None for contact in reply.contacts)


def test_talk_to_person_puts_the_sites_own_contacts_first(composer: Composer) -> None:
    desk = Contact("Front desk", phone="020 7946 0018", tel="tel:+442079460018")
    own = Composer(composer.wording, composer.helplines, (desk,), lambda: (), 1000)
    reply = own.compose(ID, [parsed(TALK)], None)
    assert reply.contacts[0] == desk
    assert not set(composer.wording.talk_to_person) & set(reply.contacts)


def test_another_language_points_to_cdc_and_who(compose: Compose) -> None:
    reply = compose({"kind": "notice", "code": "change_language", "text": "English only."})
    assert [link.publisher for link in reply.links] == ["CDC", "WHO"]


def test_with_call_now_changes_nothing_else(composer: Composer) -> None:
    reply = composer.notice(ID, "too_long")
    raised = composer.with_call_now(reply, "NO")
    assert raised.call_now is not None
    assert replace(raised, call_now=None) == reply


def test_topics_are_read_anew_for_every_menu(composer: Composer) -> None:
    live = [TopicChoice("flu", "Flu", "flu")]
    changing = Composer(composer.wording, composer.helplines, (), lambda: live, 1000)
    assert len(changing.menu()) == 2
    live.clear()
    assert changing.menu() == (composer.wording.quick_replies.help,)
