"""Telegram: plain text, one keyboard on the last message, taps that need no memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.rendering.taps import Say, read_tap
from bot.rendering.telegram import render
from bot.turn import Link, Reply
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
    """Return the parameters."""
    return [message.payload() for message in render(reply, WORDS)]


def test_an_answer_has_a_link_and_two_buttons_that_rate_it() -> None:
    assert payloads(make_reply()) == [
        {
            "text": "Measles spreads through the air when people cough.\n\n"
            "General health information, not a diagnosis.\n\n"
            "Where this comes from:\nCDC: Measles (18 May 2026)\n" + SOURCE.url,
            "link_preview_options": {"is_disabled": True},
            "reply_markup": {
                "inline_keyboard": [
                    [{"text": "CDC: Measles", "url": SOURCE.url}],
                    [
                        {"text": "This helped", "callback_data": f"f:+:{REPLY_ID}"},
                        {"text": "Did not help", "callback_data": f"f:-:{REPLY_ID}"},
                    ],
                ]
            },
        }
    ]


def test_signs_of_a_format_are_sent_as_they_are() -> None:
    (only,) = payloads(make_reply(text="Use <b>soap</b> & *water*_."))
    assert only["text"].startswith("Use <b>soap</b> & *water*_.")
    assert "parse_mode" not in only


def test_a_long_answer_has_its_buttons_on_the_last_message() -> None:
    first, last = payloads(make_reply(text="Measles spreads in air. " * 200))
    assert "reply_markup" not in first
    assert last["reply_markup"]["inline_keyboard"][0][0]["url"] == SOURCE.url


def test_a_tap_says_the_text_whether_it_fits_the_button_or_not() -> None:
    short = "Who gets it?"
    long = "What should I do if my child has a fever and a rash that spreads?"
    arabic = "ما هي أعراض الحصبة عند الأطفال الصغار؟"
    (only,) = payloads(asking(short, long, arabic))
    buttons = [row[0] for row in only["reply_markup"]["inline_keyboard"]]
    said = [read_tap(button["callback_data"], button["text"]) for button in buttons]
    assert said == [Say(short), Say(long), Say(arabic)]
    assert len({button["callback_data"] for button in buttons}) == 3
    assert all(len(button["callback_data"].encode()) <= 64 for button in buttons)


def test_questions_that_the_app_would_cut_are_written_in_full() -> None:
    (only,) = payloads(asking("Who gets it?", "What should I do if my child has measles?"))
    assert only["text"].endswith("Choose one:\n• What should I do if my child has measles?")


def test_an_emergency_has_its_numbers_in_the_text_and_no_links_to_hit_by_mistake() -> None:
    line = replace(helpline("Poison Help", "1-800-222-1222", "+1"), url="https://example.org/")
    (only,) = payloads(emergency(line))
    assert "Poison Help: 1-800-222-1222" in only["text"]
    assert only["text"].endswith("https://example.org/")
    assert "reply_markup" not in only


def test_a_right_to_left_reply_keeps_addresses_and_numbers_in_order() -> None:
    link = Link("CDC en español", "https://www.cdc.gov/spanish/", "CDC")
    reply = make_reply(text="CDC تقول: اتصل الآن", dir="rtl", links=(link,), sources=())
    (only,) = payloads(reply)
    lines = only["text"].split("\n")
    assert lines[0] == "\u200fCDC تقول: اتصل الآن"
    assert "\u2068CDC en español\u2069" in lines
    assert "https://www.cdc.gov/spanish/" in lines
    (urgent,) = payloads(emergency(helpline("سموم", "1-800-222-1222", "112"), dir="rtl"))
    assert "سموم: \u20661-800-222-1222\u2069" in urgent["text"]
