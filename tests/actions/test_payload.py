"""What actions say: plain JSON with the whole passport of an answer."""

from __future__ import annotations

import json
from datetime import date

import pytest

from actions.payload import decision_payload, emergency, notice, unavailable
from knowledge.answering import Answer, Clarify, NoAnswer, Option
from knowledge.entry import TopicEntry
from knowledge.store import LiveEntry
from tests.knowledge.small import make_pair, small_corpus

CORPUS = {pair.entry.id: pair for pair in small_corpus()}
OPTION = Option("flu-spread", "How does flu spread?", "Flu (influenza)")


def answer(pair: TopicEntry, *, expired: bool = False) -> Answer:
    return Answer(LiveEntry(pair, 3), 0.98765432, expired, (OPTION,))


def test_an_answer_carries_its_passport() -> None:
    payload = decision_payload(answer(CORPUS["flu-symptoms"]))
    assert payload == {
        "kind": "answer",
        "entry": {
            "entry_id": "flu-symptoms",
            "revision": 3,
            "question": "What are the symptoms of flu?",
            "topic": "flu",
            "topic_title": "Flu (influenza)",
        },
        "locale": "en",
        "text": "Flu often starts fast. Fever, chills, a cough and body aches are common.",
        "details": ["Not all people with flu get a fever."],
        "seek_care": "Get care if it is hard to breathe.",
        "urgency": {"level": "routine", "action": None},
        "myth": None,
        "conflict": None,
        "sources": [
            {
                "publisher": "CDC",
                "title": "Signs and Symptoms of Flu",
                "url": "https://www.cdc.gov/flu/signs-symptoms/index.html",
                "section": "Symptoms",
                "source_date": "2024-08-26",
                "checked_on": "2026-09-30",
                "evidence": "text_seen",
            }
        ],
        "review": {
            "status": "source_checked",
            "by_role": None,
            "on": None,
            "due": "2099-01-01",
        },
        "expired": False,
        "score": 0.9877,
        "related": [
            {
                "entry_id": "flu-spread",
                "question": "How does flu spread?",
                "topic_title": "Flu (influenza)",
            }
        ],
        "call_now": False,
    }


def test_an_answer_names_the_role_of_its_reviewer_but_not_the_person() -> None:
    reviewed = make_pair(
        status="clinician_reviewed",
        last_reviewed="2026-11-02",
        reviewed_by=[{"name": "Ada Okoye", "role": "Nurse"}],
    )
    payload = decision_payload(answer(reviewed))
    assert payload["review"] == {
        "status": "clinician_reviewed",
        "by_role": "Nurse",
        "on": "2026-11-02",
        "due": "2099-01-01",
    }
    assert "Okoye" not in json.dumps(payload)


def test_an_expired_answer_keeps_only_its_sources() -> None:
    payload = decision_payload(answer(CORPUS["flu-symptoms"], expired=True))
    assert (payload["text"], payload["details"], payload["expired"]) == ("", [], True)
    assert payload["sources"]
    assert payload["seek_care"] == "Get care if it is hard to breathe."


def test_a_myth_comes_with_its_claim_and_rating() -> None:
    payload = decision_payload(answer(CORPUS["flu-shot-myth"]))
    assert payload["myth"] == {"claim": "The flu shot gives people flu.", "rating": "false"}
    assert [source["publisher"] for source in payload["sources"]] == ["CDC", "WHO"]


@pytest.mark.parametrize(
    ("entry_id", "call_now", "expected"),
    [
        ("flu-symptoms", False, False),
        ("flu-symptoms", True, True),
        ("measles-symptoms", False, False),
        ("stroke-signs", False, True),
    ],
)
def test_the_call_now_line_goes_with_an_emergency(
    entry_id: str, call_now: bool, expected: bool
) -> None:
    payload = decision_payload(answer(CORPUS[entry_id]), call_now=call_now)
    assert payload["call_now"] is expected


def test_a_choice_carries_its_options() -> None:
    clarify = Clarify((OPTION,), "Flu (influenza)", "flu", 0.51239)
    assert decision_payload(clarify, call_now=True) == {
        "kind": "clarify",
        "topic_title": "Flu (influenza)",
        "options": [
            {
                "entry_id": "flu-spread",
                "question": "How does flu spread?",
                "topic_title": "Flu (influenza)",
            }
        ],
        "score": 0.5124,
        "call_now": True,
        "is_claim": False,
    }


@pytest.mark.parametrize(("is_claim", "code"), [(False, "no_answer"), (True, "claim_not_found")])
def test_no_answer_carries_topics_and_words(is_claim: bool, code: str) -> None:
    none = NoAnswer((("flu", "Flu (influenza)"),), "bake bread", 0.1)
    assert decision_payload(none, is_claim=is_claim) == {
        "kind": "no_answer",
        "topics": [{"topic": "flu", "title": "Flu (influenza)"}],
        "words": "bake bread",
        "language": None,
        "score": 0.1,
        "code": code,
        "call_now": False,
    }


@pytest.mark.parametrize("is_claim", [False, True])
@pytest.mark.parametrize("language", ["es", "und"])
def test_a_question_in_another_language_carries_it_and_the_call_now_line(
    language: str, is_claim: bool
) -> None:
    none = NoAnswer((), "", 0.0, language=language)
    assert decision_payload(none, is_claim=is_claim) == {
        "kind": "no_answer",
        "topics": [],
        "words": "",
        "language": language,
        "score": 0.0,
        "code": "other_language",
        "call_now": True,  # nobody here can read whether it is an emergency
    }


def test_the_short_payloads_are_facts_and_codes() -> None:
    assert unavailable("no_release") == {"kind": "unavailable", "code": "no_release"}
    assert notice("ask_for_rumour") == {"kind": "notice", "code": "ask_for_rumour"}
    assert notice("rumour_reported", claim="x")["claim"] == "x"
    assert emergency("abuse", "intent") == {
        "kind": "emergency",
        "category": "abuse",
        "rule": "intent",
    }


@pytest.mark.parametrize("entry_id", CORPUS)
def test_every_answer_is_plain_json(entry_id: str) -> None:
    payload = decision_payload(answer(CORPUS[entry_id]))
    assert json.loads(json.dumps(payload)) == payload
    assert date.fromisoformat(payload["review"]["due"]) > date(2026, 11, 1)
