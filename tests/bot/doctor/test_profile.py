"""What a profile is made of, and that the bot answers whatever can be tapped in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from bot.channels.messenger import profile, profile_limits
from bot.channels.messenger.profile import (
    Live,
    ProfileError,
    difference,
    differing,
    read_properties,
    read_words,
    wanted_profile,
)
from bot.channels.messenger.profile_command import profile_of
from bot.messaging.sealing import Sealer
from bot.rendering.limits import units
from bot.replies import ReplyFileError
from bot.replies.compose import TopicChoice
from bot.simulator.messenger.checks import check_profile
from knowledge.schema import InboxEvent
from knowledge.settings import ROOT
from knowledge.store import transaction
from tests.bot.doctor.conftest import SECRET_KEY, Installation

FLU = TopicChoice("flu", "Flu (influenza)", "flu")
WORDS = {
    "locales": ["es_LA", "es_ES"],
    "greeting": "Soy un chatbot.",
    "menu": {"first": [{"title": "Ayuda", "text": "ayuda"}], "last": []},
    "ice_breakers": ["flu-symptoms"],
}


def live(*topics: TopicChoice, **questions: str) -> Callable[[str], Live]:
    """Return what tells what is live in English, and nothing in other languages."""
    asked = {name.replace("_", "-"): question for name, question in questions.items()}
    there = Live(topics or (FLU,), asked)
    return lambda language: there if language == "en" else Live((), {})


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of words with those in English."""
    english = profile.FOLDER / "en.yml"
    (tmp_path / "en.yml").write_text(english.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(profile.read_words, "__defaults__", (tmp_path,))
    return tmp_path


def actions(properties: dict[str, Any], name: str, place: int = 0) -> list[dict[str, str]]:
    """Return what can be tapped of a property in one language."""
    found: list[dict[str, str]] = properties[name][place]["call_to_actions"]
    return found


def examples() -> set[str]:
    """Return every example that Rasa learns from, in lowercase."""
    found: set[str] = set()
    for file in (ROOT / "bot" / "data" / "nlu").glob("*.yml"):
        for intent in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            lines = str(intent.get("examples", "")).splitlines()
            found |= {line.removeprefix("- ").strip().casefold() for line in lines}
    return found


def test_the_greeting_says_what_this_is_and_is_not() -> None:
    greeting = wanted_profile("en", live())["greeting"]
    assert [one["locale"] for one in greeting] == ["default"]
    text = greeting[0]["text"]
    assert "chatbot, not a doctor" in text
    assert "emergency, don't write here" in text
    assert units(text) <= 160


def test_the_menu_offers_live_topics_between_the_ways() -> None:
    stress = TopicChoice("stress", "Stress", "stress")
    other = TopicChoice("snakebites", "Snakebites", "snakebite")
    menu = actions(wanted_profile("en", live(stress, other, FLU)), "persistent_menu")
    assert [item["title"] for item in menu] == [
        "What can you do?",
        "Check a rumor",
        "Talk to a person",
        "Flu (influenza)",
        "Stress",
        "Forget me",
    ]
    assert {item["type"] for item in menu} == {"postback"}
    assert menu[3]["payload"] == "flu"
    assert wanted_profile("en", live())["persistent_menu"][0]["composer_input_disabled"] is False


def test_a_long_title_is_shortened_and_stays_one_of_its_own() -> None:
    long = "Heart disease and how to live with it well"
    topics = (TopicChoice("flu", f"{long} 1", "a"), TopicChoice("colds", f"{long} 2", "b"))
    titles = [i["title"] for i in actions(wanted_profile("en", live(*topics)), "persistent_menu")]
    assert max(map(units, titles)) <= 30
    assert len(set(titles)) == len(titles)


def test_more_topics_than_the_menu_holds_leave_room_for_the_ways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profile_limits, "MENU_ITEMS", 6)
    slugs = ("flu", "colds", "covid-19", "measles")
    topics = tuple(TopicChoice(slug, slug.title(), slug) for slug in slugs)
    titles = [i["title"] for i in actions(wanted_profile("en", live(*topics)), "persistent_menu")]
    assert len(titles) == 6
    assert titles[-1] == "Forget me"


def test_ice_breakers_are_live_questions_and_ask_themselves() -> None:
    asked = {
        "stress_cope": "How can I cope with stress?",
        "flu_symptoms": "What are the symptoms of the flu?",
        "colds_how_long": "x" * 81,
    }
    assert actions(wanted_profile("en", live(**asked)), "ice_breakers") == [
        {"question": asked[name], "payload": asked[name]}
        for name in ("flu_symptoms", "stress_cope")
    ]


def test_there_are_four_ice_breakers_at_most_and_none_where_none_is_live() -> None:
    (english,) = read_words().values()
    asked = {name.replace("-", "_"): f"{name}?" for name in english.ice_breakers}
    assert len(asked) > 4
    assert len(actions(wanted_profile("en", live(**asked)), "ice_breakers")) == 4
    assert "ice_breakers" not in wanted_profile("en", live())


def test_the_entries_of_ice_breakers_are_in_the_corpus_with_short_questions() -> None:
    files = (ROOT / "knowledge" / "corpus").glob("*.yml")
    corpus = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    questions = {e["id"]: e["question"] for topic in corpus for e in topic["entries"]}
    (english,) = read_words().values()
    asked = [questions[entry_id] for entry_id in english.ice_breakers]
    assert max(map(units, asked)) <= profile_limits.QUESTION


def test_what_the_ways_of_the_menu_say_is_what_rasa_learned() -> None:
    (english,) = read_words().values()
    said = {
        entry.text.casefold().rstrip("?") for entry in (*english.menu.first, *english.menu.last)
    }
    assert said == {
        "what can you do",
        "i want to check a claim",
        "i want to talk to a person",
        "forget me",
    }
    assert said <= examples()


def test_whatever_can_be_tapped_reaches_the_bot_as_if_it_was_typed(
    installation: Installation,
) -> None:
    installation.set_up()
    properties = profile_of(installation.settings)
    meta, sealer = installation.meta, Sealer(SECRET_KEY)
    taps = [(i["title"], i["payload"]) for i in actions(properties, "persistent_menu")]
    taps += [(i["question"], i["payload"]) for i in actions(properties, "ice_breakers")]
    person = meta.new_person()
    events = [meta.write.postback(person, title, payload) for title, payload in taps]
    started = meta.write.get_started(person, properties["get_started"]["payload"])
    attempts = meta.send(started, *events)
    assert all(attempt.is_acknowledged for attempt in attempts)
    with transaction(installation.engine) as session:
        rows = session.scalars(sa.select(InboxEvent).order_by(InboxEvent.id)).all()
        assert [row.kind for row in rows] == ["welcome", *["text"] * len(taps)]
        texts = [sealer.open(row.sealed)["text"] for row in rows[1:]]
    assert texts == [payload for _, payload in taps]
    assert "How can I cope with stress?" in texts


def test_the_platform_takes_what_is_wanted(installation: Installation) -> None:
    check_profile(profile_of(installation.settings), {})


# --- other languages ------------------------------------------------------------------------------


def test_a_language_with_words_and_answers_is_written_under_its_names(words: Path) -> None:
    (words / "es.yml").write_text(yaml.safe_dump(WORDS), encoding="utf-8")
    there = Live((TopicChoice("flu", "Gripe", "gripe"),), {"flu-symptoms": "¿Qué es la gripe?"})
    wanted = wanted_profile("en", lambda code: there if code == "es" else live()(code))
    assert [one["locale"] for one in wanted["greeting"]] == ["default", "es_LA", "es_ES"]
    assert actions(wanted, "persistent_menu", 1) == [
        {"type": "postback", "title": "Ayuda", "payload": "ayuda"},
        {"type": "postback", "title": "Gripe", "payload": "gripe"},
    ]
    # Meta wants ice breakers for everybody, or for nobody.
    assert "ice_breakers" not in wanted
    check_profile(wanted, {})


def test_a_language_without_answers_is_left_out(words: Path) -> None:
    (words / "es.yml").write_text(yaml.safe_dump(WORDS), encoding="utf-8")
    assert [one["locale"] for one in wanted_profile("en", live())["greeting"]] == ["default"]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("greeting", "x" * 161, "es.yml: greeting: Value error, has 161 characters, Messenger"),
        ("greeting", "", "es.yml: greeting"),
        ("locales", ["es"], "es.yml: locales.0"),
        ("poem", "x", "es.yml: poem"),
        (
            "menu",
            {"first": [{"title": "x" * 31, "text": "x"}], "last": []},
            "es.yml: menu.first.0.title: Value error, has 31 characters, Messenger takes 30",
        ),
        (
            "menu",
            {"first": [{"title": "x", "text": "x" * 1001}], "last": []},
            "es.yml: menu.first.0.text",
        ),
    ],
)
def test_words_that_messenger_would_not_take_are_refused_with_their_place(
    words: Path, field: str, value: object, told: str
) -> None:
    (words / "es.yml").write_text(yaml.safe_dump({**WORDS, field: value}), encoding="utf-8")
    with pytest.raises(ReplyFileError) as caught:
        wanted_profile("en", live())
    assert str(caught.value).startswith(told)


def test_a_language_without_words_is_told() -> None:
    with pytest.raises(ProfileError, match=r"profile in 'sw': write .*profile_words/sw\.yml"):
        wanted_profile("sw", live())


def test_nothing_live_is_told() -> None:
    with pytest.raises(ProfileError, match="make run"):
        wanted_profile("en", lambda _: Live((), {}))


# --- what is there --------------------------------------------------------------------------------

GROUP = {"locale": "default", "call_to_actions": [{"question": "a?", "payload": "a?"}]}


@pytest.mark.parametrize(
    "data",
    [
        [{"ice_breakers": [GROUP]}],
        [GROUP],
        [{"ice_breakers": GROUP["call_to_actions"]}],
        GROUP["call_to_actions"],
        [{"ice_breakers": []}, GROUP],
    ],
)
def test_ice_breakers_are_read_in_each_of_their_forms(data: object) -> None:
    start = {"get_started": {"payload": "x"}}
    assert read_properties([start, *data]) == {**start, "ice_breakers": [GROUP]}  # type: ignore[misc]


@pytest.mark.parametrize("data", [None, [], {}, "x", [None, 1, "x"], [{"greeting": []}]])
def test_nothing_is_read_from_nothing(data: object) -> None:
    assert read_properties(data) == {}


@pytest.mark.parametrize(
    "there",
    [
        {"greeting": "x"},
        {"greeting": [None, {"text": "x"}]},
        {"persistent_menu": [{"locale": "default", "call_to_actions": "x"}]},
        {"persistent_menu": [{"call_to_actions": [None]}]},
        {"ice_breakers": [{"locale": 1, "call_to_actions": [1]}]},
        {"get_started": "x"},
    ],
)
def test_what_makes_no_sense_differs_and_can_be_shown(there: dict[str, Any]) -> None:
    wanted = wanted_profile("en", live(flu_symptoms="a?"))
    (name,) = there
    assert name in differing(there, wanted)
    assert difference(name, there, wanted).startswith(f"--- {name}, now\n+++ {name}, wanted\n")


def test_order_and_additions_of_meta_make_no_difference() -> None:
    menu = {"locale": "default", "call_to_actions": [{"type": "postback", "title": "a"}]}
    other = {**menu, "locale": "es_LA"}
    wanted = {"persistent_menu": [menu, other]}
    told = {"persistent_menu": [{**other, "composer_input_disabled": False}, {**menu, "id": "1"}]}
    assert differing(told, wanted) == []
    told["persistent_menu"][0]["composer_input_disabled"] = True
    assert differing(told, wanted) == ["persistent_menu"]
