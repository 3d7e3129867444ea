"""WhatsApp: addresses in the text, rating buttons, suggestions as buttons or as a list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.rendering.taps import Rate, Say, read_tap
from bot.rendering.whatsapp import render
from bot.turn import Reply
from tests.bot.rendering.replies import (
    REPLY_ID,
    SOURCE,
    WORDS,
    asking,
    emergency,
    helpline,
    make_reply,
)


def payloads(reply: Reply) -> list[Any]:
    """Return the bodies."""
    return [message.payload() for message in render(reply, WORDS)]


def test_an_answer_has_its_source_and_two_buttons_that_rate_it() -> None:
    (only,) = payloads(make_reply())
    assert only == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {
                "text": "Measles spreads through the air when people cough.\n\n"
                "General health information, not a diagnosis.\n\n"
                "Where this comes from:\nCDC: Measles (18 May 2026)\n" + SOURCE.url
            },
            "action": {
                "buttons": [
                    {
                        "type": "reply",
                        "reply": {"id": f"f:+:{REPLY_ID}", "title": "This helped"},
                    },
                    {
                        "type": "reply",
                        "reply": {"id": f"f:-:{REPLY_ID}", "title": "Did not help"},
                    },
                ]
            },
        },
    }
    tapped = only["interactive"]["action"]["buttons"][1]["reply"]["id"]
    assert read_tap(tapped) == Rate(REPLY_ID, "not_helpful")


def test_a_long_answer_is_text_and_then_the_question_whether_it_helped() -> None:
    text, rating = payloads(make_reply(text="Measles spreads in air. " * 60))
    assert text["type"] == "text"
    assert text["text"]["body"].endswith(SOURCE.url)
    assert text["text"]["preview_url"] is False
    assert rating["interactive"]["body"]["text"] == "Did this help?"


def test_related_questions_are_a_list_after_the_answer_with_each_question_in_full() -> None:
    questions = asking("What are the signs of measles?", "Who gets it?").quick_replies
    answer, related = payloads(replace(make_reply(), quick_replies=questions))
    assert answer["interactive"]["type"] == "button"
    assert related["interactive"]["body"]["text"] == "You can also ask:"
    assert related["interactive"]["action"] == {
        "button": "Related questions",
        "sections": [
            {
                "title": "Related questions",
                "rows": [
                    {
                        "id": "s:What are the signs of measles?",
                        "title": "What are the signs of…",
                        "description": "What are the signs of measles?",
                    },
                    {"id": "s:Who gets it?", "title": "Who gets it?"},
                ],
            }
        ],
    }


def test_a_long_answer_carries_its_related_questions_and_is_rated_below() -> None:
    questions = asking("Who gets it?").quick_replies
    answer, rating = payloads(make_reply(text="Measles spreads. " * 70, quick_replies=questions))
    assert answer["interactive"]["type"] == "list"
    assert answer["interactive"]["body"]["text"].startswith("Measles spreads.")
    assert rating["interactive"]["body"]["text"] == "Did this help?"


def test_up_to_three_short_suggestions_are_buttons_on_the_text() -> None:
    (only,) = payloads(asking("Who gets it?", "Is it in the air?", "Is there a shot?"))
    interactive = only["interactive"]
    assert interactive["type"] == "button"
    assert interactive["body"]["text"] == "Which of these do you mean?"
    replies = [button["reply"] for button in interactive["action"]["buttons"]]
    assert read_tap(replies[0]["id"]) == Say("Who gets it?")


def test_suggestions_beyond_ten_are_written_to_be_typed() -> None:
    (only,) = payloads(asking(*(f"Question {n}" for n in range(12))))
    assert len(only["interactive"]["action"]["sections"][0]["rows"]) == 10
    assert only["interactive"]["body"]["text"].endswith("• Question 10\n• Question 11")


def test_a_question_that_a_row_has_no_room_for_is_written_in_full() -> None:
    question = "What should I do if my child has a fever and a rash that spreads, and will not eat?"
    (only,) = payloads(asking(question))
    assert question in only["interactive"]["body"]["text"]


def test_a_reply_with_one_page_and_nothing_to_tap_has_a_link_button() -> None:
    (only,) = payloads(make_reply(feedback=False))
    interactive = only["interactive"]
    assert interactive["type"] == "cta_url"
    assert interactive["action"] == {
        "name": "cta_url",
        "parameters": {"display_text": "Open the page", "url": SOURCE.url},
    }
    assert SOURCE.url in interactive["body"]["text"]


def test_an_emergency_has_its_numbers_in_the_text_and_no_link_to_hit_by_mistake() -> None:
    line = helpline("Poison Help", "1-800-222-1222", "+18002221222")
    (only,) = payloads(emergency(replace(line, url="https://example.org/")))
    assert only["text"]["body"].endswith("https://example.org/")
    assert only["text"]["body"].startswith(
        "Please get help now.\n\nNumbers to call:\nPoison Help: 1-800-222-1222"
    )
