"""Refuse what WhatsApp's Cloud API would refuse of a message, by its form alone.

The figures are written down here again and counted in another way than in ``bot.rendering``, so
that one mistake is not made in both. Pages, all below
https://developers.facebook.com/documentation/business-messaging/whatsapp:
``messages/text-messages``, ``messages/interactive-reply-buttons-messages``,
``messages/interactive-list-messages``, ``messages/interactive-cta-url-messages`` and
``typing-indicators``. Where they name a limit and not what happens beyond it, this refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.simulator.meta.checks import is_address, length
from bot.simulator.meta.errors import GraphError, Refusal

TEXT, BUTTON_TEXT, LIST_TEXT, LINK_TEXT = 4096, 1024, 4096, 1024
FOOTER, HEADER = 60, 60
BUTTONS, BUTTON_TITLE, BUTTON_ID = 3, 20, 256
SECTIONS, SECTION_TITLE, ROWS = 10, 24, 10
ROW_TITLE, ROW_ID, ROW_DESCRIPTION = 24, 200, 72
CALLBACK_DATA = 512

WA_ID = re.compile(r"\+?[0-9]{5,20}")
USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
"""https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids"""

CALL_KEYS = {
    "messaging_product",
    "recipient_type",
    "to",
    "recipient",
    "type",
    "text",
    "interactive",
    "context",
    "biz_opaque_callback_data",
}
READ_KEYS = {"messaging_product", "status", "message_id", "typing_indicator"}

Part = Mapping[str, Any]


def check_call(body: Part) -> None:
    """Check a call of ``messages``.

    Raises:
        GraphError: the platform would refuse it.
    """
    _one_of(body, "messaging_product", {"whatsapp"}, "messaging_product")
    if "status" in body:
        _check_read(body)
        return
    _keys(body, CALL_KEYS, "the request")
    if "recipient_type" in body:
        _one_of(body, "recipient_type", {"individual"}, "recipient_type")
    _check_recipient(body)
    # Of the types that there are, this stand-in knows those of words and buttons.
    kind = _one_of(body, "type", {"text", "interactive"}, "type")
    part = _object(body, kind, kind)
    if {"text", "interactive"} & set(body) != {kind}:
        raise invalid(f"only {kind} goes with the type {kind}")
    if kind == "text":
        _check_text(part)
    else:
        _check_interactive(part)
    if "context" in body:
        _text(_object(body, "context", "context"), "message_id", "context.message_id", None)
    if "biz_opaque_callback_data" in body:
        _text(body, "biz_opaque_callback_data", "biz_opaque_callback_data", CALLBACK_DATA)


def _check_read(body: Part) -> None:
    _keys(body, READ_KEYS, "the request")
    _one_of(body, "status", {"read"}, "status")
    _text(body, "message_id", "message_id", None)
    if "typing_indicator" in body:
        shown = _object(body, "typing_indicator", "typing_indicator")
        _one_of(shown, "type", {"text"}, "typing_indicator.type")


def _check_recipient(body: Part) -> None:
    if "to" not in body and "recipient" not in body:
        raise missing("to")
    if "to" in body and not WA_ID.fullmatch(str(body["to"])):
        raise invalid("to is not a phone number")
    if "recipient" in body and not USER_ID.fullmatch(str(body["recipient"])):
        raise invalid("recipient is not an id of a user")


def _check_text(part: Part) -> None:
    _keys(part, {"body", "preview_url"}, "text")
    _text(part, "body", "text.body", TEXT)
    if not isinstance(part.get("preview_url", False), bool):
        raise invalid("text.preview_url must be true or false")


def _check_interactive(part: Part) -> None:
    kind = _one_of(part, "type", {"button", "list", "cta_url"}, "interactive.type")
    _keys(part, {"type", "header", "body", "footer", "action"}, "interactive")
    limit = {"button": BUTTON_TEXT, "list": LIST_TEXT, "cta_url": LINK_TEXT}[kind]
    _text(_object(part, "body", "interactive.body"), "text", "interactive.body.text", limit)
    if "footer" in part:
        _text(_object(part, "footer", "interactive.footer"), "text", "footer.text", FOOTER)
    if "header" in part:
        header = _object(part, "header", "interactive.header")
        _one_of(header, "type", {"text"}, "interactive.header.type")
        _text(header, "text", "interactive.header.text", HEADER)
    action = _object(part, "action", "interactive.action")
    {"button": _check_buttons, "list": _check_list, "cta_url": _check_link}[kind](action)


def _check_buttons(action: Part) -> None:
    _keys(action, {"buttons"}, "interactive.action")
    buttons = _each(action, "buttons", BUTTONS)
    replies = []
    for button in buttons:
        _keys(button, {"type", "reply"}, "action.buttons")
        _one_of(button, "type", {"reply"}, "action.buttons.type")
        reply = _object(button, "reply", "action.buttons.reply")
        _keys(reply, {"id", "title"}, "action.buttons.reply")
        _text(reply, "id", "action.buttons.reply.id", BUTTON_ID)
        _text(reply, "title", "action.buttons.reply.title", BUTTON_TITLE)
        if reply["id"] != reply["id"].strip():
            raise invalid("action.buttons.reply.id must not begin or end with a space")
        replies.append(reply)
    _unlike(replies, "id", "Duplicated button id")
    _unlike(replies, "title", "Duplicated button title")


def _check_list(action: Part) -> None:
    _keys(action, {"button", "sections"}, "interactive.action")
    _text(action, "button", "action.button", BUTTON_TITLE)
    sections = _each(action, "sections", SECTIONS)
    rows: list[Part] = []
    for section in sections:
        _keys(section, {"title", "rows"}, "action.sections")
        if len(sections) > 1 or "title" in section:
            _text(section, "title", "action.sections.title", SECTION_TITLE)
        rows += _each(section, "rows", ROWS)
    if len(rows) > ROWS:
        raise invalid(f"Total row count exceed max allowed count: {ROWS}")
    for row in rows:
        _keys(row, {"id", "title", "description"}, "action.sections.rows")
        _text(row, "id", "action.sections.rows.id", ROW_ID)
        _text(row, "title", "action.sections.rows.title", ROW_TITLE)
        if "description" in row:
            _text(row, "description", "action.sections.rows.description", ROW_DESCRIPTION)
    _unlike(rows, "id", "Duplicated row id")


def _check_link(action: Part) -> None:
    _keys(action, {"name", "parameters"}, "interactive.action")
    _one_of(action, "name", {"cta_url"}, "action.name")
    parameters = _object(action, "parameters", "action.parameters")
    _keys(parameters, {"display_text", "url"}, "action.parameters")
    _text(parameters, "display_text", "action.parameters.display_text", BUTTON_TITLE)
    if not isinstance(parameters.get("url"), str) or not is_address(parameters["url"]):
        raise invalid("action.parameters.url is not a valid URL")


def invalid(details: str) -> GraphError:
    """Return the refusal of a value."""
    return GraphError(Refusal(131009, f"(#131009) Parameter value is not valid: {details}."))


def missing(name: str) -> GraphError:
    """Return the refusal of a call that lacks something."""
    return GraphError(Refusal(131008, f"(#131008) Required parameter is missing: {name}."))


def _keys(given: Part, known: set[str], where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise GraphError(
            Refusal(100, f'(#100) Invalid parameter: unexpected key "{unknown[0]}" on {where}.')
        )


def _object(given: Part, key: str, where: str) -> Part:
    if key not in given:
        raise missing(where)
    value = given[key]
    if not isinstance(value, Mapping):
        raise invalid(f"{where} must be an object")
    return value


def _one_of(given: Part, key: str, known: set[str], where: str) -> str:
    if key not in given:
        raise missing(where)
    value = given[key]
    if not isinstance(value, str) or value not in known:
        raise invalid(f"{where} must be one of {', '.join(sorted(known))}")
    return value


def _text(given: Part, key: str, where: str, limit: int | None) -> None:
    if key not in given:
        raise missing(where)
    value = given[key]
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"{where} must be a text that is not empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:  # half of an emoji
        raise invalid(f"{where} is not UTF-8") from error
    if limit is not None and length(value) > limit:
        raise invalid(f"{where} has {length(value)} characters; {limit} are allowed")


def _each(given: Part, key: str, limit: int) -> list[Part]:
    items = given.get(key)
    if not isinstance(items, list) or not items:
        raise invalid(f"{key} must be a list that is not empty")
    if len(items) > limit:
        raise invalid(f"{key} has {len(items)} items; {limit} are allowed")
    if not all(isinstance(item, Mapping) for item in items):
        raise invalid(f"{key} must hold objects")
    return items


def _unlike(items: Sequence[Part], key: str, problem: str) -> None:
    values = [item[key] for item in items]
    if len(set(values)) < len(values):
        raise invalid(problem)
