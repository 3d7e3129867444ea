"""Meta's side of the webhook: handshake, signature, forms of events, repeated deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bot.simulator.delivery import ACKNOWLEDGE_SECONDS, Attempt
from bot.simulator.messenger.events import EventWriter, on_standby
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.meta.signature import signature_headers
from tests.bot.simulator.conftest import ACCOUNT, Clock
from tests.bot.simulator.small_bot import APP_SECRET, PAGE_TOKEN, SmallBot, running

WRITE = EventWriter("page", "77", lambda: 1_780_000_000.5)
MADE: list[tuple[Callable[[], Any], str, dict[str, Any]]] = [
    (lambda: WRITE.text("1", "æ"), "message", {"text": "æ"}),
    (
        lambda: WRITE.quick_reply("1", "Menu", "menu"),
        "message",
        {"text": "Menu", "quick_reply": {"payload": "menu"}},
    ),
    (
        lambda: WRITE.sticker("1", 5),
        "message",
        {
            "attachments": [
                {
                    "type": "sticker",
                    "payload": {"url": "https://cdn.example.org/5.png", "sticker_id": 5},
                }
            ]
        },
    ),
    (
        lambda: WRITE.image("1"),
        "message",
        {
            "attachments": [
                {"type": "image", "payload": {"url": "https://cdn.example.org/photo.jpg"}}
            ]
        },
    ),
    (
        lambda: WRITE.postback("1", "Menu", "menu", ref="poster"),
        "postback",
        {
            "title": "Menu",
            "payload": "menu",
            "referral": {"ref": "poster", "source": "SHORTLINK", "type": "OPEN_THREAD"},
        },
    ),
    (
        lambda: WRITE.get_started("1", "start"),
        "postback",
        {"title": "Get Started", "payload": "start"},
    ),
    (
        lambda: WRITE.referral("1", "poster"),
        "referral",
        {"ref": "poster", "source": "SHORTLINK", "type": "OPEN_THREAD"},
    ),
    (
        lambda: WRITE.edit("1", "m_1", "new", 2),
        "message_edit",
        {"mid": "m_1", "text": "new", "num_edit": 2},
    ),
    (
        lambda: WRITE.reaction("1", "m_1"),
        "reaction",
        {"mid": "m_1", "action": "react", "reaction": "love", "emoji": "❤️"},
    ),
    (
        lambda: WRITE.reaction("1", "m_1", is_taken_back=True),
        "reaction",
        {"mid": "m_1", "action": "unreact"},
    ),
    (
        lambda: WRITE.feedback("1", "m_1", is_good=False),
        "response_feedback",
        {"mid": "m_1", "feedback": "Bad response"},
    ),
    (
        lambda: WRITE.delivery("1", ["m_1"]),
        "delivery",
        {"mids": ["m_1"], "watermark": 1_780_000_000_500},
    ),
    (lambda: WRITE.read("1"), "read", {"watermark": 1_780_000_000_500}),
]


@pytest.mark.parametrize(("make", "part", "content"), MADE)
def test_events_have_the_documented_form(
    make: Callable[[], Any], part: str, content: dict[str, Any]
) -> None:
    event = make()
    body = json.loads(json.dumps(event.body))
    mid = body[part].pop("mid", None)
    if "mid" in content:
        assert mid == content["mid"]
    else:
        assert mid == (event.key if part in {"message", "postback"} else None)
    assert body == {
        "sender": {"id": "1"},
        "recipient": {"id": "page"},
        "timestamp": 1_780_000_000_500,
        part: {key: value for key, value in content.items() if key != "mid"},
    }


def test_an_echo_comes_from_the_page_and_has_no_quick_replies() -> None:
    sent = {"attachment": {"type": "template", "payload": {"text": "x"}}, "quick_replies": [{}]}
    echo = WRITE.echo("1", "m_1", sent)
    assert echo.body["sender"] == {"id": "page"}
    assert echo.body["recipient"] == {"id": "1"}
    assert echo.body["message"] == {
        "mid": "m_1",
        "is_echo": True,
        "app_id": 77,
        "attachments": [sent["attachment"]],
    }
    assert not echo.is_of_person


def test_on_standby_a_postback_has_no_payload_and_stands_in_a_list_of_its_own(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    event = on_standby(messenger.write.postback("1", "Menu", "menu"))
    messenger.send(event)
    (entry,) = json.loads(bot.bodies[0])["entry"]
    assert "messaging" not in entry
    assert entry["standby"][0]["postback"] == {"mid": event.key, "title": "Menu"}


def test_the_webhook_is_verified(messenger: MessengerStandIn) -> None:
    assert messenger.verify() == ""
    assert not messenger.takes_wrong_token()


def test_a_bot_that_takes_any_token_is_found_out(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    bot.verify_token = f"{ACCOUNT.verify_token}x"
    assert messenger.takes_wrong_token()
    assert messenger.verify().startswith("The webhook refused the verify token")


def test_a_webhook_that_is_not_there_is_told_so() -> None:
    with running(SmallBot()) as gone:
        pass
    with MessengerStandIn(gone.url, ACCOUNT, pauses=()) as messenger:
        assert messenger.verify().startswith("Nothing answers at http://127.0.0.1:")
        (attempt,) = messenger.send(messenger.write.text("1", "hi"))
    assert attempt.status is None
    assert not attempt.is_acknowledged


def test_what_is_signed_is_the_body_as_it_is_sent(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    for is_escaped in (True, False):
        messenger.send(messenger.write.text("1", "Høns/😀"), escaped=is_escaped)
    escaped, plain = bot.bodies
    assert rb"H\u00f8ns\/\ud83d\ude00" in escaped
    assert "Høns/😀".encode() in plain
    assert [event["message"]["text"] for event in bot.events] == ["Høns/😀"] * 2


def test_the_signature_is_that_of_the_app_secret() -> None:
    right = hmac.new(APP_SECRET.encode(), b"{}", hashlib.sha256).hexdigest()
    assert signature_headers(APP_SECRET, b"{}")["X-Hub-Signature-256"] == f"sha256={right}"


def test_a_wrong_secret_is_refused_and_the_delivery_given_up(bot: SmallBot) -> None:
    wrong = MessengerStandIn(bot.url, pauses=(0.0, 0.0))
    with wrong:
        attempts = wrong.send(wrong.write.text("1", "hi"))
    assert [attempt.status for attempt in attempts] == [403, 403, 403]
    assert attempts[0].problem == "The webhook answered 403, not 200."
    assert bot.events == []


def test_a_delivery_is_repeated_until_it_is_acknowledged(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    bot.statuses = [500, 202]
    attempts = messenger.send(messenger.write.text("1", "hi"))
    assert [attempt.status for attempt in attempts] == [500, 202, 200]
    assert bot.bodies[0] == bot.bodies[1] == bot.bodies[2]
    assert len(bot.events) == 1


def test_an_acknowledgement_that_comes_too_late_counts_as_none() -> None:
    assert Attempt(200, ACKNOWLEDGE_SECONDS).is_acknowledged
    late = Attempt(200, ACKNOWLEDGE_SECONDS + 0.2)
    assert not late.is_acknowledged
    assert late.problem == "The webhook answered after 5.2 seconds; 5 are allowed."


def test_duplicates_are_the_same_delivery_again(messenger: MessengerStandIn, bot: SmallBot) -> None:
    event = messenger.write.text("1", "hi")
    messenger.send(event, copies=2)
    assert len(bot.events) == 2
    assert bot.bodies[0] == bot.bodies[1]
    assert messenger.transcript.times_answered(event.key) == 1


def test_a_bot_that_answers_a_duplicate_again_is_found_out(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    bot.knows_mids = False
    event = messenger.write.text("1", "hi")
    messenger.send(event, copies=2)
    assert messenger.transcript.times_answered(event.key) == 2


def test_events_come_in_batches_in_the_order_given(
    messenger: MessengerStandIn, bot: SmallBot, clock: Clock
) -> None:
    events = []
    for number in range(5):
        clock.now += 1
        events.append(messenger.write.text(str(number), f"text {number}"))
    messenger.send(*reversed(events), batch=2)
    assert [event["message"]["text"] for event in bot.events] == [
        f"text {n}" for n in (4, 3, 2, 1, 0)
    ]
    sizes = [[len(e["messaging"]) for e in json.loads(body)["entry"]] for body in bot.bodies]
    assert sizes == [[1, 1], [1, 1], [1]]
    messenger.send(*events, one_entry=True)
    (entry,) = json.loads(bot.bodies[-1])["entry"]
    assert entry["id"] == ACCOUNT.page_id
    assert len(entry["messaging"]) == 5


def test_a_field_that_the_page_is_not_subscribed_to_is_not_delivered(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    address = f"{messenger.url}/v25.0/{ACCOUNT.page_id}/subscribed_apps"
    headers = {"Authorization": f"Bearer {PAGE_TOKEN}"}
    body = {"subscribed_fields": ["messages", "messaging_postbacks"]}
    assert httpx.post(address, headers=headers, json=body, trust_env=False).json() == {
        "success": True
    }
    messenger.send(messenger.write.read("1"), messenger.write.text("1", "hi"))
    assert [set(event) & {"read", "message"} for event in bot.events] == [{"message"}]


def test_receipts_tell_of_each_message_of_the_bot(bot: SmallBot) -> None:
    with MessengerStandIn(bot.url, ACCOUNT, receipts=True) as messenger:
        bot.api_url = messenger.url
        event = messenger.write.text("1", "hi")
        messenger.send(event)
        (sent,) = messenger.transcript.wait_for_answer(event.key, 5)
        end = time.monotonic() + 5
        while len(bot.events) < 4 and time.monotonic() < end:
            time.sleep(0.01)
    echo, delivery, read = bot.events[1:4]
    assert echo["message"]["is_echo"] is True
    assert echo["message"]["mid"] == sent.mid
    assert delivery["delivery"]["mids"] == [sent.mid]
    assert "watermark" in read["read"]
    assert messenger.transcript.times_answered(event.key) == 1
