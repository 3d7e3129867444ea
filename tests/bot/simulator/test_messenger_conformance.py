"""The points that a bot is examined on: a right bot passes, and each mistake is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.simulator.messenger.conformance import POINTS, Patience, examine
from bot.simulator.messenger.stand_in import MessengerStandIn
from tests.bot.simulator.conftest import ACCOUNT
from tests.bot.simulator.small_bot import SmallBot, repeat_text

PATIENCE = Patience(answer=0.2, silence=0.05)
"""The small bot answers before it acknowledges, so nothing comes later than that."""

FRAME = {"The webhook is verified", "No call of the bot was refused"}


def kind(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer a text with itself and a sticker with a sentence."""
    message = event.get("message", {})
    if message.get("attachments") and not message.get("is_echo"):
        return [{"text": "I can only read text."}]
    return repeat_text(event)


def problems(bot: SmallBot) -> dict[str, str]:
    """Examine a bot; return what was wrong at which point."""
    with MessengerStandIn(bot.url, ACCOUNT, pauses=(0.0,)) as messenger:
        bot.api_url = messenger.url
        found = list(examine(messenger, PATIENCE))
    assert {one.point for one in found} <= FRAME | set(POINTS)
    return {one.point: one.problem for one in found if one.problem}


def test_a_right_bot_passes(bot: SmallBot) -> None:
    bot.answer = kind
    with MessengerStandIn(bot.url, ACCOUNT, receipts=True) as messenger:
        bot.api_url = messenger.url
        found = list(examine(messenger, PATIENCE))
    assert {one.point for one in found} == FRAME | set(POINTS)
    assert [one for one in found if one.problem] == []


def test_a_page_that_is_not_subscribed_any_more_is_examined_to_the_end(bot: SmallBot) -> None:
    with MessengerStandIn(bot.url, ACCOUNT) as messenger:
        messenger.graph.subscribe_page()
        found = {one.point: one.problem for one in examine(messenger, PATIENCE)}
    assert set(found) == FRAME | set(POINTS)
    assert found["A message is answered once"] == "It was answered 0 times, not once."


def forget_mids(bot: SmallBot) -> None:
    bot.knows_mids = False


def take_any_token(bot: SmallBot) -> None:
    bot.takes_any_token = True


def take_any_signature(bot: SmallBot) -> None:
    bot.takes_any_signature = True


def read_first_event_only(bot: SmallBot) -> None:
    bot.reads_first_only = True


def answer_nothing_but_text(bot: SmallBot) -> None:
    bot.answer = repeat_text


def answer_echoes(bot: SmallBot) -> None:
    def answer(event: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"text": "Hello."}] if "message" in event else []

    bot.answer = answer


def break_on_the_unknown(bot: SmallBot) -> None:
    bot.breaks_on_unknown = True


def send_again_on_error(bot: SmallBot) -> None:
    bot.sends_again = True


def send_too_long(bot: SmallBot) -> None:
    def answer(event: dict[str, Any]) -> list[dict[str, Any]]:
        return [*kind(event), {"text": "x" * 2001}] if kind(event) else []

    bot.answer = answer


def answer_wrongly_escaped(bot: SmallBot) -> None:
    def answer(event: dict[str, Any]) -> list[dict[str, Any]]:
        text = event.get("message", {}).get("text", "")
        return kind(event) if text.isascii() else []

    bot.answer = answer


@pytest.mark.parametrize(
    ("mistake", "point"),
    [
        (take_any_token, "Somebody without the verify token is refused"),
        (take_any_signature, "A delivery without a signature is refused"),
        (take_any_signature, "A delivery with a wrong signature is refused"),
        (forget_mids, "A message that is delivered twice is answered once"),
        (read_first_event_only, "Of several entries in a delivery, each is answered"),
        (read_first_event_only, "Of several events in an entry, each is answered"),
        (answer_wrongly_escaped, "Other letters, escaped as Meta does, are answered"),
        (answer_nothing_but_text, "A sticker is answered"),
        (answer_echoes, "Echoes, receipts and standby are not answered"),
        (break_on_the_unknown, "An event of an unknown kind is acknowledged"),
        (send_again_on_error, "A message that was sent with an error is not sent again"),
        (send_too_long, "No call of the bot was refused"),
    ],
)
def test_each_mistake_is_found(
    bot: SmallBot, mistake: Callable[[SmallBot], None], point: str
) -> None:
    bot.answer = kind
    mistake(bot)
    assert point in problems(bot)


def test_a_bot_that_says_nothing_fails_where_an_answer_is_due(bot: SmallBot) -> None:
    bot.answer = lambda event: []
    found = problems(bot)
    assert found["A message is answered once"] == "It was answered 0 times, not once."
    assert "Echoes, receipts and standby are not answered" not in found


def test_without_the_handshake_nothing_more_is_tried(bot: SmallBot) -> None:
    bot.verify_token = "another"
    assert list(problems(bot)) == ["The webhook is verified"]
    assert bot.bodies == []
