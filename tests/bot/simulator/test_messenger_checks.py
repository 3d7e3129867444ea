"""What the Send API and the profile refuse: every limit at its edge, and each wrong form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.rendering import limits
from bot.rendering.messenger import render
from bot.simulator.messenger import checks
from bot.simulator.meta.checks import length
from bot.simulator.meta.errors import GraphError
from tests.bot.rendering.replies import WORDS, make_reply

LINK = {"type": "web_url", "title": "CDC: Measles", "url": "https://www.cdc.gov/measles/"}
CALL = {"type": "phone_number", "title": "Call", "payload": "+18002221222"}
BACK = {"type": "postback", "title": "Menu", "payload": "menu"}


def call(message: Any = None, **fields: Any) -> dict[str, Any]:
    body = {
        "recipient": {"id": "4001"},
        "messaging_type": "RESPONSE",
        "message": {"text": "Hello."} if message is None else message,
        **fields,
    }
    return {key: value for key, value in body.items() if value is not ...}


def quick_reply(**fields: Any) -> dict[str, Any]:
    return {"content_type": "text", "title": "Menu", "payload": "menu", **fields}


def template(**payload: Any) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": payload}}


def buttons(*given: Any, text: str = "Read on:") -> dict[str, Any]:
    return template(template_type="button", text=text, buttons=list(given))


def cards(*given: Any) -> dict[str, Any]:
    return template(template_type="generic", elements=list(given))


def code_of(check: Callable[..., None], *given: Any) -> int:
    with pytest.raises(GraphError) as caught:
        check(*given)
    return caught.value.refusal.code


@pytest.mark.parametrize(
    "body",
    [
        call(),
        call({"text": "x" * 2000}),
        call({"text": "😀" * 1000}),
        call({"text": "Hi", "quick_replies": [quick_reply(title="x" * 20)] * 13}),
        call({"text": "Hi", "quick_replies": [quick_reply(payload="x" * 1000)]}),
        call({"text": "Hi", "quick_replies": [{"content_type": "user_email"}]}),
        call(buttons(LINK, CALL, BACK, text="x" * 640)),
        call(cards(*[{"title": "x" * 80, "subtitle": "x" * 80, "buttons": [LINK] * 3}] * 10)),
        call({"attachment": {"type": "image", "payload": {"url": "https://example.org/a.png"}}}),
        call(messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT"),
        call(reply_to={"mid": "m_1"}),
        {"recipient": {"id": "4001"}, "sender_action": "typing_on"},
        {
            "recipient": {"id": "4001"},
            "sender_action": "react",
            "payload": {"message_id": "m_1", "reaction": "❤"},
        },
    ],
)
def test_what_the_platform_takes_passes(body: dict[str, Any]) -> None:
    checks.check_send(body)


@pytest.mark.parametrize(
    "body",
    [
        call(recipient=...),
        call(recipient={}),
        call(recipient={"id": 4001}),
        call(recipient={"id": ""}),
        call(recipient={"id": "1", "phone_number": "+1"}),
        call(messaging_type=...),
        call(messaging_type="REPLY"),
        call(messaging_type="MESSAGE_TAG"),
        call(messaging_type="MESSAGE_TAG", tag="ACCOUNT_UPDATE"),
        call(message=...),
        call(message="Hello."),
        call(surprise=1),
        call(sender_action="typing_on"),
        {"recipient": {"id": "1"}, "sender_action": "dance"},
        {"recipient": {"id": "1"}, "sender_action": "react", "payload": {"message_id": "m_1"}},
        call({}),
        call({"text": "Hi", "surprise": 1}),
        call({"text": "Hi", **buttons(LINK)}),
        call({"text": " \n"}),
        call({"text": None}),
        call({"text": "half \ud83d"}),
        call({"text": "x" * 2001}),
        call({"text": "😀" * 1001}),
        call({"text": "Hi", "quick_replies": []}),
        call({"text": "Hi", "quick_replies": [quick_reply(title="x" * 21)]}),
        call({"text": "Hi", "quick_replies": [quick_reply(title="")]}),
        call({"text": "Hi", "quick_replies": [quick_reply(payload="x" * 1001)]}),
        call({"text": "Hi", "quick_replies": [quick_reply(content_type="menu")]}),
        call({"text": "Hi", "quick_replies": [quick_reply(image_url="a.png")]}),
        call({"text": "Hi", "quick_replies": ["Menu"]}),
        call({"attachment": {"type": "poem", "payload": {}}}),
        call({"attachment": {"type": "image", "payload": {"url": "ftp://example.org/"}}}),
        call(buttons(LINK, text="x" * 641)),
        call(buttons(LINK, text="")),
        call(buttons()),
        call(buttons({**LINK, "title": "x" * 21})),
        call(buttons({**LINK, "url": "www.cdc.gov"})),
        call(buttons({**LINK, "url": "https://www.cdc.gov/a b"})),
        call(buttons({**LINK, "url": "https://[broken"})),
        call(buttons({**LINK, "payload": "x"})),
        call(buttons({**CALL, "payload": "911"})),
        call(buttons({**CALL, "payload": "+1-800-222-1222"})),
        call(buttons({**BACK, "payload": "x" * 1001})),
        call(buttons({**BACK, "type": "poem"})),
        call(cards({"title": "x" * 81})),
        call(cards({"title": "x", "subtitle": "x" * 81})),
        call(cards({"subtitle": "x"})),
        call(cards({"title": "x", "default_action": {"url": "x"}})),
        call(template(template_type="poem")),
    ],
)
def test_what_the_platform_would_refuse_is_refused(body: dict[str, Any]) -> None:
    assert code_of(checks.check_send, body) == 100


@pytest.mark.parametrize(
    "message",
    [
        {"text": "Hi", "quick_replies": [quick_reply()] * 14},
        buttons(LINK, LINK, LINK, LINK),
        cards(*[{"title": "x"}] * 11),
        cards({"title": "x", "buttons": [LINK] * 4}),
    ],
)
def test_too_many_of_a_thing_has_a_code_of_its_own(message: dict[str, Any]) -> None:
    assert code_of(checks.check_message, message) == 105


def test_the_figures_are_those_of_the_renderer_though_written_and_counted_apart() -> None:
    assert checks.TEXT == limits.MESSENGER_TEXT
    assert checks.BUTTON_TEMPLATE_TEXT == limits.MESSENGER_TEMPLATE_TEXT
    assert checks.BUTTONS == limits.MESSENGER_BUTTONS
    assert {checks.BUTTON_TITLE, checks.QUICK_REPLY_TITLE} == {limits.MESSENGER_LABEL}
    assert checks.QUICK_REPLIES == limits.MESSENGER_QUICK_REPLIES
    assert checks.QUICK_REPLY_PAYLOAD == limits.MESSENGER_PAYLOAD
    for text in ("flu", "æøå", "❤️", "👩‍⚕️", "مرحبا"):
        assert length(text) == limits.units(text)


def test_what_the_renderer_makes_passes() -> None:
    for reply in (make_reply(), make_reply(text="Measles spreads. 😀 " * 300)):
        for message in render(reply, WORDS):
            checks.check_message(message.payload())


STARTED = {"get_started": {"payload": "get_started"}}
ITEM = {"type": "postback", "title": "Menu", "payload": "menu"}


def menu(*items: Any, **fields: Any) -> dict[str, Any]:
    return {
        "persistent_menu": [{"locale": "default", "call_to_actions": list(items), **fields}],
    }


def breakers(number: int, locale: str = "default", question: str = "Flu?") -> dict[str, Any]:
    asked = [{"question": question, "payload": "flu"}] * number
    return {"ice_breakers": [{"locale": locale, "call_to_actions": asked}]}


@pytest.mark.parametrize(
    ("body", "current"),
    [
        (STARTED, {}),
        ({"greeting": [{"locale": "default", "text": "x" * 160}]}, {}),
        (breakers(4), {}),
        ({**STARTED, **menu(ITEM)}, {}),
        (menu(LINK), STARTED),
        ({"whitelisted_domains": ["https://example.org"]}, {}),
    ],
)
def test_a_profile_that_fits_passes(body: dict[str, Any], current: dict[str, Any]) -> None:
    checks.check_profile(body, current)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"surprise": 1},
        {"get_started": "get_started"},
        {"get_started": {"payload": "x" * 1001}},
        {"greeting": [{"locale": "default", "text": "x" * 161}]},
        {"greeting": [{"locale": "nb_NO", "text": "Hei"}]},
        breakers(1, locale="en_US"),
        breakers(1, question=" "),
        menu(ITEM),
        {**STARTED, **menu({**ITEM, "title": ""})},
        {**STARTED, **menu({**ITEM, "type": "nested"})},
        {**STARTED, "persistent_menu": [{"locale": "default"}]},
    ],
)
def test_a_profile_that_does_not_fit_is_refused(body: dict[str, Any]) -> None:
    assert code_of(checks.check_profile, body, {}) == 100


def test_more_than_four_ice_breakers_are_refused() -> None:
    assert code_of(checks.check_profile, breakers(5), {}) == 105
