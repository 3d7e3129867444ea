"""Refuse a posted reply that has another form than docs/api.md and docs/webhook.md say.

The form is written down here again and not taken from the gateway's schema, so that one mistake is
not made in both. Fields that are not known pass: later versions may add some.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

TEXT_UNITS = 2000
KINDS = {"answer", "clarify", "no_answer", "emergency", "notice", "unavailable"}


class WrongForm(ValueError):
    """The body is no reply; the message names the field."""


def is_ping(body: bytes) -> bool:
    """Tell whether a body is a ping, which means nothing."""
    try:
        content = json.loads(body)
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("type") == "ping"


def read_reply(body: bytes) -> Mapping[str, Any]:
    """Return what a body tells in ``data``.

    Raises:
        WrongForm: it has another form.
    """
    try:
        content = json.loads(body)
    except ValueError as error:
        raise WrongForm("The body is not JSON.") from error
    fields = _fields(content, ENVELOPE, "")
    data = _fields(fields["data"], DATA, "data.")
    reply = _fields(data["reply"], REPLY, "data.reply.")
    if reply["kind"] == "answer" and not (reply["entry"] and reply["sources"]):
        raise WrongForm("data.reply is an answer without its entry or its source.")
    if reply["kind"] == "emergency" and not reply["emergency"]:
        raise WrongForm("data.reply is an emergency without its card.")
    for place, source in enumerate(reply["sources"]):
        _fields(source, SOURCE, f"data.reply.sources[{place}].")
    for place, choice in enumerate(reply["quick_replies"]):
        _fields(choice, CHOICE, f"data.reply.quick_replies[{place}].")
    return data


Is = Callable[[Any], bool]


def _fields(part: Any, form: Mapping[str, Is], where: str) -> Mapping[str, Any]:
    if not isinstance(part, dict):
        raise WrongForm(f"{where.rstrip('.') or 'The body'} is no object.")
    for name, is_right in form.items():
        if name not in part:
            raise WrongForm(f"{where}{name} is missing.")
        if not is_right(part[name]):
            raise WrongForm(f"{where}{name} has another form.")
    return part


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_text_or_null(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_object_or_null(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _is_score(value: Any) -> bool:
    return value is None or (isinstance(value, float | int) and 0 <= value <= 1)


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (ValueError, TypeError):
        return False


def _are_texts(value: Any) -> bool:
    """Tell whether these are plain texts, each of a length that every platform takes."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(_is_words(one) and len(one.encode("utf-16-le")) // 2 <= TEXT_UNITS for one in value)
    )


def _is_page(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("https://")


ENVELOPE: Mapping[str, Is] = {
    "type": lambda value: value == "reply.created",
    "timestamp": _is_moment,
    "data": _is_object,
}
DATA: Mapping[str, Is] = {
    "account": _is_text,
    "person": _is_words,
    "reply": _is_object,
    "texts": _are_texts,
}
REPLY: Mapping[str, Is] = {
    "reply_id": lambda value: (
        isinstance(value, str) and re.fullmatch("[0-9a-f]{24}", value) is not None
    ),
    "kind": lambda value: value in KINDS,
    "code": _is_text,
    "locale": _is_words,
    "dir": lambda value: value in {"ltr", "rtl"},
    "text": _is_text,
    "call_now": _is_text_or_null,
    "banners": _is_list,
    "preface": _is_list,
    "details": _is_list,
    "seek_care": _is_text_or_null,
    "urgency": _is_object_or_null,
    "entry": _is_object_or_null,
    "myth": _is_object_or_null,
    "conflict": _is_text_or_null,
    "sources": _is_list,
    "review": _is_object_or_null,
    "score": _is_score,
    "emergency": _is_object_or_null,
    "contacts": _is_list,
    "links": _is_list,
    "quick_replies": _is_list,
    "disclaimer": _is_text,
    "feedback": _is_truth,
    "session_ended": _is_truth,
}
SOURCE: Mapping[str, Is] = {
    "publisher": lambda value: value in {"CDC", "WHO"},
    "title": _is_words,
    "url": _is_page,
    "section": _is_text_or_null,
    "source_date": _is_text_or_null,
    "checked_on": _is_text_or_null,
    "evidence": lambda value: value in {"text_seen", "excerpt_seen", "url_only"},
}
CHOICE: Mapping[str, Is] = {"title": _is_words, "text": _is_words}
