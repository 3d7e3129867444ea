"""Refuse what Messenger's Send API and Messenger Profile API would refuse.

The figures are written down here again and counted in another way than in ``bot.rendering``, so
that one mistake is not made in both. Wordings of refusals are Meta's where they are known:
"(#105) param name_placeholder[buttons] has too many elements"
(https://github.com/botman/botman/issues/694) and "(#100) Length of param … must be less than or
equal to 1000" (https://github.com/microsoft/botframework-sdk/issues/2507). Where the documentation
names a limit and not what happens beyond it, this refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.messenger.faults import MENU_NEEDS_START
from bot.simulator.meta.checks import is_address, length
from bot.simulator.meta.errors import GraphError, Refusal

TEXT = 2000
METADATA = 1000
QUICK_REPLIES, QUICK_REPLY_TITLE, QUICK_REPLY_PAYLOAD = 13, 20, 1000
BUTTONS, BUTTON_TITLE, BUTTON_PAYLOAD = 3, 20, 1000
BUTTON_TEMPLATE_TEXT = 640
ELEMENTS, ELEMENT_TITLE, ELEMENT_SUBTITLE = 10, 80, 80
ICE_BREAKERS, ICE_BREAKER_QUESTION = 4, 80
"""Meta's page does not say how long a question may be; 80 is a guess on the careful side."""
MENU_ITEMS, MENU_TITLE = 20, 30
"""https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/persistent-menu"""
GET_STARTED_PAYLOAD = 1000
GREETING = 160
"""https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api/greeting"""

SEND_KEYS = {
    "recipient",
    "message",
    "messaging_type",
    "sender_action",
    "payload",
    "tag",
    "notification_type",
    "reply_to",
}
"""https://developers.facebook.com/docs/messenger-platform/reference/send-api"""

SENDER_ACTIONS = {"typing_on", "typing_off", "mark_seen", "react", "unreact"}
MESSAGING_TYPES = {"RESPONSE", "UPDATE", "MESSAGE_TAG"}
TAGS = {"HUMAN_AGENT"}
"""Three more tags ended on 27 April 2026."""

PHONE_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
"""https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/buttons/call"""

MEDIA_TYPES = {"image", "audio", "video", "file"}
PROFILE_KEYS = {
    "get_started",
    "greeting",
    "ice_breakers",
    "persistent_menu",
    "whitelisted_domains",
    "commands",
}

Check = Callable[[Mapping[str, Any], str], None]


def check_send(body: Mapping[str, Any]) -> None:
    """Check a call of the Send API by its form alone, not by whom it goes to.

    Raises:
        GraphError: the platform would refuse it.
    """
    _keys(body, SEND_KEYS, "the request")
    recipient = body.get("recipient")
    if not isinstance(recipient, Mapping) or not recipient:
        raise _refusal("The parameter recipient is required")
    if set(recipient) != {"id"} or not isinstance(recipient["id"], str) or not recipient["id"]:
        raise _refusal("param recipient must have an id, which is a string")
    if "message" in body and "sender_action" in body:
        raise _refusal("Cannot send both message and state at the same time")
    if "sender_action" in body:
        _check_action(body)
    else:
        _check_message_call(body)


def _check_action(body: Mapping[str, Any]) -> None:
    action = _one_of(body, "sender_action", SENDER_ACTIONS, "sender_action")
    if action in {"react", "unreact"}:
        payload = _object(body, "payload", "payload")
        _text(payload, "message_id", "payload[message_id]", METADATA)
        if action == "react":
            _text(payload, "reaction", "payload[reaction]", METADATA)


def _check_message_call(body: Mapping[str, Any]) -> None:
    if _one_of(body, "messaging_type", MESSAGING_TYPES, "messaging_type") == "MESSAGE_TAG":
        _one_of(body, "tag", TAGS, "tag")
    if "reply_to" in body:
        _text(_object(body, "reply_to", "reply_to"), "mid", "reply_to[mid]", METADATA)
    check_message(_object(body, "message", "message"))


def check_message(message: Mapping[str, Any]) -> None:
    """Check a message object.

    Raises:
        GraphError: the platform would refuse it.
    """
    _keys(message, {"text", "attachment", "quick_replies", "metadata"}, "message")
    if ("text" in message) == ("attachment" in message):
        raise _refusal("param message must have either text or attachment")
    if "text" in message:
        _text(message, "text", "message[text]", TEXT)
    else:
        _check_attachment(_object(message, "attachment", "message[attachment]"))
    if "metadata" in message:
        _text(message, "metadata", "message[metadata]", METADATA)
    if "quick_replies" in message:
        where = "message[quick_replies]"
        _each(message, "quick_replies", where, QUICK_REPLIES, _check_quick_reply)


def _check_quick_reply(reply: Mapping[str, Any], where: str) -> None:
    """Check one of https://developers.facebook.com/docs/messenger-platform/send-messages/quick-replies."""
    _keys(reply, {"content_type", "title", "payload", "image_url"}, where)
    kinds = {"text", "user_phone_number", "user_email"}
    if _one_of(reply, "content_type", kinds, f"{where}[content_type]") != "text":
        return
    _text(reply, "title", f"{where}[title]", QUICK_REPLY_TITLE)
    _text(reply, "payload", f"{where}[payload]", QUICK_REPLY_PAYLOAD)
    if "image_url" in reply:
        _address(reply, "image_url", f"{where}[image_url]")


def _check_attachment(attachment: Mapping[str, Any]) -> None:
    where = "message[attachment]"
    _keys(attachment, {"type", "payload"}, where)
    kind = _one_of(attachment, "type", {"template", *MEDIA_TYPES}, f"{where}[type]")
    payload = _object(attachment, "payload", f"{where}[payload]")
    if kind == "template":
        _check_template(payload, f"{where}[payload]")
        return
    _keys(payload, {"url", "is_reusable", "attachment_id"}, f"{where}[payload]")
    if "attachment_id" not in payload:
        _address(payload, "url", f"{where}[payload][url]")


def _check_template(payload: Mapping[str, Any], where: str) -> None:
    """Check a template; of those that Meta has, this stand-in knows the two with text."""
    kind = _one_of(payload, "template_type", {"button", "generic"}, f"{where}[template_type]")
    if kind == "button":
        _keys(payload, {"template_type", "text", "buttons", "sharable"}, where)
        _text(payload, "text", f"{where}[text]", BUTTON_TEMPLATE_TEXT)
        _each(payload, "buttons", "name_placeholder[buttons]", BUTTONS, _check_button)
        return
    _keys(payload, {"template_type", "elements", "sharable", "image_aspect_ratio"}, where)
    _each(payload, "elements", "name_placeholder[elements]", ELEMENTS, _check_element)


def _check_element(element: Mapping[str, Any], where: str) -> None:
    _keys(element, {"title", "subtitle", "image_url", "default_action", "buttons"}, where)
    _text(element, "title", f"{where}[title]", ELEMENT_TITLE)
    if "subtitle" in element:
        _text(element, "subtitle", f"{where}[subtitle]", ELEMENT_SUBTITLE)
    if "image_url" in element:
        _address(element, "image_url", f"{where}[image_url]")
    if "default_action" in element:
        action = _object(element, "default_action", f"{where}[default_action]")
        _address(action, "url", f"{where}[default_action][url]")
    if "buttons" in element:
        _each(element, "buttons", f"{where}[buttons]", BUTTONS, _check_button)


def _check_button(button: Mapping[str, Any], where: str) -> None:
    kinds = {"web_url", "postback", "phone_number"}
    kind = _one_of(button, "type", kinds, f"{where}[type]")
    _text(button, "title", f"{where}[title]", BUTTON_TITLE)
    if kind == "web_url":
        more = {"webview_height_ratio", "messenger_extensions", "fallback_url"}
        _keys(button, {"type", "title", "url", *more}, where)
        _address(button, "url", f"{where}[url]")
        return
    _keys(button, {"type", "title", "payload"}, where)
    payload = _text(button, "payload", f"{where}[payload]", BUTTON_PAYLOAD)
    if kind == "phone_number" and not PHONE_NUMBER.fullmatch(payload):
        raise _refusal(
            f"param {where}[payload] must be a phone number that begins with + and the"
            " country's code"
        )


def check_profile(body: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Check what a page wants its Messenger profile to be.

    https://developers.facebook.com/documentation/business-messaging/messenger-platform/reference/messenger-profile-api

    Args:
        body: the properties to set.
        current: those that are set.

    Raises:
        GraphError: the platform would refuse it.
    """
    _keys(body, PROFILE_KEYS, "the request")
    if not body:
        raise _refusal("At least one property of the profile is required")
    if "get_started" in body:
        started = _object(body, "get_started", "get_started")
        _text(started, "payload", "get_started[payload]", GET_STARTED_PAYLOAD)
    if "greeting" in body:
        _each_locale(body, "greeting", _check_greeting)
    if "ice_breakers" in body:
        _each_locale(body, "ice_breakers", _check_ice_breakers)
    if "persistent_menu" in body:
        if "get_started" not in {*body, *current}:
            raise GraphError(MENU_NEEDS_START)
        _each_locale(body, "persistent_menu", _check_menu)


def _check_greeting(greeting: Mapping[str, Any], where: str) -> None:
    _text(greeting, "text", f"{where}[text]", GREETING)


def _check_ice_breakers(group: Mapping[str, Any], where: str) -> None:
    place = f"{where}[call_to_actions]"
    _each(group, "call_to_actions", place, ICE_BREAKERS, _check_ice_breaker)


def _check_ice_breaker(breaker: Mapping[str, Any], where: str) -> None:
    _keys(breaker, {"question", "payload"}, where)
    _text(breaker, "question", f"{where}[question]", ICE_BREAKER_QUESTION)
    _text(breaker, "payload", f"{where}[payload]", GET_STARTED_PAYLOAD)


def _check_menu(menu: Mapping[str, Any], where: str) -> None:
    if "call_to_actions" in menu:
        place = f"{where}[call_to_actions]"
        _each(menu, "call_to_actions", place, MENU_ITEMS, _check_menu_item)
    elif not menu.get("composer_input_disabled"):
        raise _refusal(f"param {where}[call_to_actions] is required")


def _check_menu_item(item: Mapping[str, Any], where: str) -> None:
    kind = _one_of(item, "type", {"web_url", "postback"}, f"{where}[type]")
    _text(item, "title", f"{where}[title]", MENU_TITLE)
    if kind == "web_url":
        _address(item, "url", f"{where}[url]")
    else:
        _text(item, "payload", f"{where}[payload]", BUTTON_PAYLOAD)


def _each_locale(body: Mapping[str, Any], key: str, check: Check) -> None:
    """Check one object per locale, among which ``default`` must be."""
    _each(body, key, key, None, check)
    if "default" not in {group.get("locale") for group in body[key]}:
        raise _refusal(f"param {key} must have an object with the locale default")


def _refusal(message: str, code: int = 100) -> GraphError:
    return GraphError(Refusal(code, f"(#{code}) {message}."))


def _keys(given: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise _refusal(f'Invalid keys "{", ".join(unknown)}" were found in param "{where}"')


def _object(given: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = given.get(key)
    if not isinstance(value, Mapping):
        raise _refusal(f"param {where} must be an object")
    return value


def _one_of(given: Mapping[str, Any], key: str, known: set[str], where: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or value not in known:
        raise _refusal(f"param {where} must be one of {', '.join(sorted(known))}")
    return value


def _text(given: Mapping[str, Any], key: str, where: str, limit: int | None) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _refusal(f"param {where} must be a non-empty UTF-8 encoded string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:  # half of an emoji
        raise _refusal(f"param {where} must be a non-empty UTF-8 encoded string") from error
    if limit is not None and length(value) > limit:
        raise _refusal(f"Length of param {where} must be less than or equal to {limit}")
    return value


def _each(given: Mapping[str, Any], key: str, where: str, limit: int | None, check: Check) -> None:
    items = given.get(key)
    if not isinstance(items, list) or not items:
        raise _refusal(f"param {where} must be a non-empty array")
    if limit is not None and len(items) > limit:
        raise _refusal(f"param {where} has too many elements", 105)
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise _refusal(f"param {where}[{number}] must be an object")
        check(item, f"{where}[{number}]")


def _address(given: Mapping[str, Any], key: str, where: str) -> None:
    value = given.get(key)
    if not isinstance(value, str) or not is_address(value):
        raise _refusal(f"param {where} should represent a valid URL")
