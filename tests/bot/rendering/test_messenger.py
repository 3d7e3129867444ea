"""Messenger: text, pages with buttons, numbers to call, quick replies on the last message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.rendering.messenger import render
from bot.turn import Link, Reply
from tests.bot.rendering.replies import SOURCE, WORDS, asking, emergency, helpline, make_reply

POISON = helpline("Poison Help", "1-800-222-1222", "+18002221222")
GENERAL = helpline("Emergency services", "911", "911")
LONG = "Measles spreads through the air. " * 40


def payloads(reply: Reply) -> list[Any]:
    """Return the message objects."""
    return [message.payload() for message in render(reply, WORDS)]


def test_a_short_answer_is_one_message_with_a_button_for_its_source() -> None:
    reply = make_reply(details=("Stay home.",), seek_care="See a doctor if it gets worse.")
    assert payloads(reply) == [
        {
            "attachment": {
                "type": "template",
                "payload": {
                    "template_type": "button",
                    "text": "Measles spreads through the air when people cough.\n\n• Stay home.\n\n"
                    "When to get care:\nSee a doctor if it gets worse.\n\n"
                    "General health information, not a diagnosis.\n\n"
                    "Where this comes from:\nCDC: Measles (18 May 2026)\n" + SOURCE.url,
                    "buttons": [{"type": "web_url", "title": "CDC: Measles", "url": SOURCE.url}],
                },
            }
        }
    ]


def test_a_long_answer_is_text_and_then_its_sources_with_buttons() -> None:
    sources = tuple(replace(SOURCE, url=f"{SOURCE.url}?{n}", title=f"Page {n}") for n in range(4))
    text, first, second = payloads(make_reply(text=LONG, sources=sources))
    assert text["text"].startswith("Measles spreads")
    assert SOURCE.url not in text["text"]
    links = [one["attachment"]["payload"] for one in (first, second)]
    assert [len(link["buttons"]) for link in links] == [3, 1]
    assert links[0]["text"].startswith("Where this comes from:\nCDC: Page 0")
    assert links[1]["text"] == f"CDC: Page 3 (18 May 2026)\n{SOURCE.url}?3"


def test_a_source_whose_title_leaves_no_room_for_buttons_is_text() -> None:
    _, page = payloads(make_reply(text=LONG, sources=(replace(SOURCE, title="Measles " * 90),)))
    assert page["text"].endswith(f"(18 May 2026)\n{SOURCE.url}")


def test_an_emergency_begins_with_its_numbers_and_calls_only_full_ones() -> None:
    first, second = payloads(emergency(GENERAL, POISON))
    template = first["attachment"]["payload"]
    assert "911" in template["text"]
    assert "1-800-222-1222" in template["text"]
    assert template["buttons"] == [
        {"type": "phone_number", "title": "Call 1-800-222-1222", "payload": "+18002221222"}
    ]
    assert second["text"].startswith("What to do:\n1. Call 911 now.\n2. Keep the pack.")


def test_an_emergency_without_a_full_number_is_text() -> None:
    (only,) = payloads(emergency(GENERAL))
    assert "Emergency services: 911" in only["text"]


def test_a_long_emergency_has_its_numbers_first_and_its_buttons_next() -> None:
    first, calls, *_ = payloads(emergency(GENERAL, POISON, text="Please get help now. " * 200))
    assert first["text"].startswith("Numbers to call:\n911 · 1-800-222-1222\n\nPlease get")
    assert calls["attachment"]["payload"]["text"] == WORDS.tap_to_call


def test_the_call_now_line_and_the_preface_come_first_and_a_myths_claim_after_its_fact() -> None:
    reply = make_reply(call_now="Call 911 now.", preface=("I cannot diagnose.",))
    text = render(reply, WORDS)[0].text
    assert text.startswith("Call 911 now.\n\nI cannot diagnose.\n\nMeasles spreads")


def test_suggestions_hang_on_the_last_message_and_send_their_text() -> None:
    *_, last = payloads(asking("Who gets it?", "Is it in the air?"))
    assert last["text"] == "Which of these do you mean?"
    assert last["quick_replies"] == [
        {"content_type": "text", "title": "Who gets it?", "payload": "Who gets it?"},
        {"content_type": "text", "title": "Is it in the air?", "payload": "Is it in the air?"},
    ]


def test_a_suggestion_that_a_button_cuts_is_written_in_full() -> None:
    (only,) = payloads(asking("What are the signs of measles?", "Who gets it?"))
    assert only["text"].endswith("Choose one:\n• What are the signs of measles?")
    assert only["quick_replies"][0]["title"] == "What are the signs…"


def test_suggestions_beyond_thirteen_are_written_to_be_typed() -> None:
    (only,) = payloads(asking(*(f"Question {n}" for n in range(20))))
    assert len(only["quick_replies"]) == 13
    assert only["text"].endswith("• Question 18\n• Question 19")


def test_suggestions_get_a_message_of_their_own_where_the_last_is_full() -> None:
    reply = make_reply(text=LONG, sources=(replace(SOURCE, title="Measles " * 65),))
    questions = asking("What are the signs of measles?").quick_replies
    *_, last = payloads(replace(reply, quick_replies=questions))
    assert last["text"] == "You can also ask:\n• What are the signs of measles?"


def test_links_of_a_reply_without_an_answer_have_buttons() -> None:
    links = (
        Link("CDC health topics", "https://www.cdc.gov/health-topics.html", "CDC"),
        Link("Health topics", "https://www.who.int/health-topics", "WHO"),
    )
    (only,) = payloads(make_reply(kind="no_answer", text="I don't know.", sources=(), links=links))
    template = only["attachment"]["payload"]
    assert [b["title"] for b in template["buttons"]] == ["CDC health topics", "WHO: Health topics"]
    assert "not a diagnosis" not in template["text"]
