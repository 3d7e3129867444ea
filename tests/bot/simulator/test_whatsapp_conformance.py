"""The points that a bot on WhatsApp is examined on: a right one passes, each mistake is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot.simulator.conformance import Patience
from bot.simulator.whatsapp.conformance import POINTS, examine
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn
from tests.bot.simulator.small_bot import running
from tests.bot.simulator.whatsapp_bot import ACCOUNT, WhatsAppBot, repeat

PATIENCE = Patience(answer=0.2, silence=0.05)
"""The small bot answers before it acknowledges, so nothing comes later than that."""

FRAME = {"The webhook is verified", "No call of the bot was refused"}


@pytest.fixture
def whatsapp_bot() -> Iterator[WhatsAppBot]:
    """A bot that repeats what it is told."""
    with running(WhatsAppBot()) as started:
        assert isinstance(started, WhatsAppBot)
        yield started


def problems(bot: WhatsAppBot) -> dict[str, str]:
    """Examine a bot; return what was wrong at which point."""
    with WhatsAppStandIn(bot.url, ACCOUNT, pauses=(0.0,)) as whatsapp:
        bot.api_url = whatsapp.url
        found = list(examine(whatsapp, PATIENCE))
    assert {one.point for one in found} <= FRAME | set(POINTS)
    return {one.point: one.problem for one in found if one.problem}


def test_a_right_bot_passes(whatsapp_bot: WhatsAppBot) -> None:
    with WhatsAppStandIn(whatsapp_bot.url, ACCOUNT, receipts=True) as whatsapp:
        whatsapp_bot.api_url = whatsapp.url
        found = list(examine(whatsapp, PATIENCE))
    assert {one.point for one in found} == FRAME | set(POINTS)
    assert [one for one in found if one.problem] == []


def only_text(message: dict[str, Any]) -> list[str]:
    return repeat(message) if message["type"] == "text" else []


def only_ascii(message: dict[str, Any]) -> list[str]:
    return repeat(message) if message.get("text", {}).get("body", "x").isascii() else []


def not_from_ads(message: dict[str, Any]) -> list[str]:
    return [] if "referral" in message else repeat(message)


def too_long(message: dict[str, Any]) -> list[str]:
    return [*repeat(message), "x" * 4097] if repeat(message) else []


@pytest.mark.parametrize(
    ("mistake", "point"),
    [
        ({"takes_any_token": True}, "Somebody without the verify token is refused"),
        ({"takes_any_signature": True}, "A delivery without a signature is refused"),
        ({"takes_any_signature": True}, "A delivery with a wrong signature is refused"),
        ({"marks_nothing": True}, "A message is marked as read before it is answered"),
        ({"needs_number": True}, "Somebody who shows a user name and no number is answered"),
        ({"reply": not_from_ads}, "Somebody who comes from an ad is answered"),
        ({"knows_mids": False}, "A message that is delivered twice is answered once"),
        ({"reads_first_only": True}, "Of several entries in a delivery, each is answered"),
        ({"reads_first_change": True}, "Of several changes in an entry, each is answered"),
        ({"reads_first_message": True}, "Of several messages in a change, each is answered"),
        ({"reply": only_ascii}, "Other letters, escaped as Meta does, are answered"),
        ({"reply": only_text}, "A sticker is answered"),
        ({"answers_groups": True}, "Receipts, echoes, edits and groups are not answered"),
        ({"breaks_on_unknown": True}, "A message of an unknown type is acknowledged"),
        ({"sends_again": True}, "A message that was sent with an error is not sent again"),
        ({"reply": too_long}, "No call of the bot was refused"),
        ({"reply": lambda _: []}, "A message is answered once"),
    ],
)
def test_each_mistake_is_found(
    whatsapp_bot: WhatsAppBot, mistake: dict[str, Any], point: str
) -> None:
    for name, value in mistake.items():
        assert hasattr(whatsapp_bot, name)
        setattr(whatsapp_bot, name, value)
    assert point in problems(whatsapp_bot)


def test_without_the_handshake_nothing_more_is_tried(whatsapp_bot: WhatsAppBot) -> None:
    whatsapp_bot.verify_token = "another"
    assert list(problems(whatsapp_bot)) == ["The webhook is verified"]
