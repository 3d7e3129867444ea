"""What is posted: the API's own reply, and the same as plain texts."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from bot.channels.webhook.events import address_of
from bot.channels.webhook.openapi import document
from bot.channels.webhook.replies import TEXT, body_of, plain_texts, render
from bot.messaging.sealing import Sealer
from bot.rendering.limits import units
from bot.rendering.words import read_words
from bot.simulator.webhook.checks import REPLY, WrongForm, read_reply
from bot.turn import QuickReply, Reply
from tests.bot.conftest import Person
from tests.bot.rendering.replies import REPLIES, bare
from tests.bot.webhook.conftest import ACCOUNT, PERSON

WORDS = read_words("en")
AT = datetime(2026, 11, 22, 15, 4, 5, 123_456, UTC)


def posted(reply: Reply) -> dict[str, Any]:
    """Return what is posted, after it was sealed as in the outbox."""
    sealer = Sealer("test-" * 8)
    (payload,) = render(reply, WORDS, lambda: AT)
    kept = sealer.open(sealer.seal({"payload": dict(payload)}))["payload"]
    content: dict[str, Any] = json.loads(body_of(address_of(ACCOUNT, PERSON), kept))
    return content


def test_the_reply_is_the_apis_own(alice: Person) -> None:
    by_api = alice.say("How does flu spread?")
    reply = Reply("0" * 24, "notice", "x", "en", "ltr", "Hello.")
    mine = posted(reply)["data"]["reply"]
    assert list(mine) == list(by_api), "the same fields in the same order"
    assert mine == json.loads(json.dumps(asdict(reply)))
    assert set(REPLY) == {field.name for field in fields(Reply)}


def test_the_time_is_that_of_the_reply_and_not_of_an_attempt() -> None:
    (payload,) = render(Reply("0" * 24, "notice", "x", "en", "ltr", "Hi."), WORDS, lambda: AT)
    bodies = {body_of(address_of(ACCOUNT, PERSON), payload) for _ in range(3)}
    assert len(bodies) == 1
    assert b'"timestamp":"2026-11-22T15:04:05.123Z"' in bodies.pop()


def test_suggestions_stand_in_the_plain_texts() -> None:
    choices = (QuickReply("Symptoms", "What are the symptoms of flu?"),)
    reply = Reply("0" * 24, "notice", "x", "en", "ltr", "Hello.", quick_replies=choices)
    first, listed = plain_texts(reply, WORDS)
    assert first == "Hello."
    assert "• What are the symptoms of flu?" in listed


@settings(max_examples=60, deadline=None)
@given(REPLIES.filter(lambda reply: reply.text.strip()))
def test_every_reply_passes_what_a_receiver_checks(reply: Reply) -> None:
    texts = plain_texts(reply, WORDS)
    assert all(units(text) <= TEXT for text in texts)
    content = posted(reply)
    assert content["data"]["texts"] == texts
    numbers = [line.number for line in reply.emergency.lines] if reply.emergency else []
    shown = bare("".join(texts))
    assert all(bare(number) in shown for number in numbers if number)


def test_the_stand_in_refuses_what_is_no_reply() -> None:
    right = posted(Reply("0" * 24, "notice", "x", "en", "ltr", "Hi."))
    assert read_reply(json.dumps(right).encode())["person"] == PERSON
    for path, value in (
        (("type",), "reply.updated"),
        (("timestamp",), "2026-11-22T15:04:05"),
        (("data", "person"), ""),
        (("data", "texts"), []),
        (("data", "texts"), ["x" * 2001]),
        (("data", "reply", "kind"), "other"),
        (("data", "reply", "kind"), "answer"),
        (("data", "reply", "sources"), [{"url": "javascript:x"}]),
    ):
        wrong = json.loads(json.dumps(right))
        part = wrong
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value
        with pytest.raises(WrongForm):
            read_reply(json.dumps(wrong).encode())


def test_the_document_describes_the_reply() -> None:
    schemas = document()["components"]["schemas"]
    assert set(schemas["Reply"]["properties"]) == {field.name for field in fields(Reply)}
