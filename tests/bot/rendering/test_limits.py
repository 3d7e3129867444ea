"""Any reply, on every platform: within each limit, whole, in order, and the same every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bot.rendering import PLATFORMS, messenger, telegram, whatsapp
from bot.turn import Reply
from tests.bot.rendering.replies import REPLIES, WORDS, bare

ANY_REPLY = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RENDERED = {
    "reply_id", "kind", "dir", "text", "call_now", "banners", "preface", "details", "seek_care",
    "urgency", "entry", "myth", "conflict", "sources", "review", "emergency", "contacts", "links",
    "quick_replies", "disclaimer", "feedback",
}  # fmt: skip
NOT_SAID = {"code", "locale", "score", "session_ended"}
"""What no person reads."""


def length(text: str) -> int:
    """Count as JavaScript and Java do, apart from how the renderer counts."""
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def texts(name: str, reply: Reply) -> list[str]:
    """Return the texts of all messages."""
    return [message.text for message in PLATFORMS[name](reply, WORDS)]


def check_messenger(body: dict[str, Any]) -> None:
    """Hold a message object against the pages of limits.py."""
    assert set(body) <= {"text", "attachment", "quick_replies"}
    assert ("text" in body) != ("attachment" in body)
    if "attachment" in body:
        template = body["attachment"]["payload"]
        assert template["template_type"] == "button"
        assert 1 <= length(template["text"]) <= 640
        assert 1 <= len(template["buttons"]) <= 3
        for button in template["buttons"]:
            assert 1 <= length(button["title"]) <= 20
            if button["type"] == "phone_number":
                assert button["payload"][0] == "+"
                assert button["payload"][1:].isdecimal()
            else:
                assert button["type"] == "web_url"
                assert button["url"].startswith("https://")
    else:
        assert 1 <= length(body["text"]) <= 2000
    for quick in body.get("quick_replies", []):
        assert quick["content_type"] == "text"
        assert 1 <= length(quick["title"]) <= 20
        assert 1 <= length(quick["payload"]) <= 1000
    if "quick_replies" in body:
        titles = [quick["title"] for quick in body["quick_replies"]]
        assert 1 <= len(titles) == len(set(titles)) <= 13


def check_whatsapp(body: dict[str, Any]) -> None:
    """Hold a body against the pages of limits.py."""
    assert body["messaging_product"] == "whatsapp"
    if body["type"] == "text":
        assert 1 <= length(body["text"]["body"]) <= 4096
        return
    interactive = body["interactive"]
    shape, said, action = interactive["type"], interactive["body"]["text"], interactive["action"]
    assert 1 <= length(said) <= {"button": 1024, "list": 4096, "cta_url": 1024}[shape]
    if shape == "cta_url":
        assert 1 <= length(action["parameters"]["display_text"]) <= 20
        assert action["parameters"]["url"].startswith("https://")
        return
    if shape == "button":
        options = [button["reply"] for button in action["buttons"]]
        assert 1 <= len(options) <= 3
        label, token = 20, 256
    else:
        assert 1 <= length(action["button"]) <= 20
        assert all(1 <= length(section["title"]) <= 24 for section in action["sections"])
        options = [row for section in action["sections"] for row in section["rows"]]
        assert 1 <= len(options) <= 10
        assert all(length(row.get("description", "")) <= 72 for row in options)
        label, token = 24, 200
    for option in options:
        assert 1 <= length(option["title"]) <= label
        assert 1 <= length(option["id"]) <= token
        assert option["id"] == option["id"].strip()
    for key in ("id", "title"):
        assert len({option[key] for option in options}) == len(options)


def check_telegram(body: dict[str, Any]) -> None:
    """Hold the parameters against the pages of limits.py."""
    assert 1 <= length(body["text"]) <= 4096
    assert "parse_mode" not in body
    assert body["link_preview_options"] == {"is_disabled": True}
    keyboard = body.get("reply_markup", {"inline_keyboard": [[]]})["inline_keyboard"]
    buttons = [button for row in keyboard for button in row]
    assert len(buttons) <= 100
    for button in buttons:
        assert 1 <= length(button["text"]) <= 128
        assert ("url" in button) != ("callback_data" in button)
        assert button.get("url", "https://").startswith("https://")
        assert 1 <= len(button.get("callback_data", "x").encode()) <= 64
    tokens = [button["callback_data"] for button in buttons if "callback_data" in button]
    assert len(set(tokens)) == len(tokens)


CHECKS = {"Messenger": check_messenger, "WhatsApp": check_whatsapp, "Telegram": check_telegram}


@pytest.mark.parametrize("name", PLATFORMS)
@given(reply=REPLIES)
@ANY_REPLY
def test_every_message_is_within_every_limit(name: str, reply: Reply) -> None:
    messages = PLATFORMS[name](reply, WORDS)
    for message in messages:
        CHECKS[name](json.loads(json.dumps(message.payload())))
        assert all(0 < measure.count <= measure.limit for measure in message.measures())


@pytest.mark.parametrize("name", PLATFORMS)
@given(reply=REPLIES)
@ANY_REPLY
def test_no_word_is_lost(name: str, reply: Reply) -> None:
    # What calls may stand between two pieces of an emergency's text.
    together = bare("".join(one for one in texts(name, reply) if one != WORDS.tap_to_call))
    for part in said_parts(reply):
        assert bare(part) in together


def said_parts(reply: Reply) -> Iterator[str]:
    """Yield what has to be said, whatever the length."""
    yield from (reply.text, reply.seek_care or "", reply.conflict or "", reply.call_now or "")
    yield from (*reply.details, *reply.preface)
    yield from (banner.text for banner in reply.banners)
    if reply.emergency:
        yield from reply.emergency.steps
    if reply.myth:
        yield reply.myth.claim
    if reply.urgency and reply.urgency.action:
        yield reply.urgency.action


@pytest.mark.parametrize("name", PLATFORMS)
@given(reply=REPLIES)
@ANY_REPLY
def test_every_address_is_whole_and_on_a_line_of_its_own(name: str, reply: Reply) -> None:
    lines = {line for text in texts(name, reply) for line in text.split("\n")}
    addresses = {page.url for page in (*reply.sources, *reply.links)}
    addresses |= {contact.url for contact in reply.contacts if contact.url}
    addresses |= {banner.link.url for banner in reply.banners}
    assert addresses <= lines


@pytest.mark.parametrize("name", PLATFORMS)
@given(reply=REPLIES.filter(lambda reply: reply.emergency is not None))
@ANY_REPLY
def test_the_numbers_of_an_emergency_are_in_the_first_message(name: str, reply: Reply) -> None:
    assert reply.emergency is not None
    first = "".join(texts(name, reply)[:1])
    assert [line.number for line in reply.emergency.lines if (line.number or "") not in first] == []


@pytest.mark.parametrize("name", PLATFORMS)
@given(reply=REPLIES)
@ANY_REPLY
def test_every_suggestion_can_be_tapped_or_read(name: str, reply: Reply) -> None:
    messages = PLATFORMS[name](reply, WORDS)
    together = bare("".join(message.text for message in messages))
    shown = {bare(button.title) for message in messages for button in message.buttons}
    for choice in reply.quick_replies:
        is_said = bare(choice.text) in together or bare(choice.title) in together
        assert is_said or {bare(choice.title), bare(choice.text)} & shown or not bare(choice.text)


@pytest.mark.parametrize("name", PLATFORMS)
@given(reply=REPLIES)
@settings(ANY_REPLY, max_examples=5)
def test_the_same_reply_is_always_the_same_messages(name: str, reply: Reply) -> None:
    assert PLATFORMS[name](reply, WORDS) == PLATFORMS[name](reply, WORDS)


def test_a_new_field_of_a_reply_has_to_be_thought_of_here() -> None:
    assert {field.name for field in fields(Reply)} == RENDERED | NOT_SAID


def test_the_words_on_buttons_have_room() -> None:
    openers = (WORDS.open_related, WORDS.open_list, WORDS.open_page)
    assert all(length(label) <= 20 for label in openers)
    assert all(length(label) <= 20 for label in (WORDS.helpful, WORDS.not_helpful))
    prompts = (WORDS.more, WORDS.choose, WORDS.helped, WORDS.tap_to_call)
    assert all(1 <= length(prompt) <= 640 for prompt in prompts)


def test_an_empty_reply_is_no_message() -> None:
    empty = Reply("0" * 24, "notice", "x", "en", "ltr", "")
    assert messenger.render(empty, WORDS) == ()
    assert whatsapp.render(empty, WORDS) == ()
    assert telegram.render(empty, WORDS) == ()
