"""What WhatsApp's webhook tells, as events for the inbox; whatever else there is, is counted.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
has a page for each type of message. Nothing in a batch may keep the rest of it from being read:
WhatsApp gives no past events again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.channels.answers import number_of
from bot.channels.receiving import MAX_ID, Batch, NotAnEvent, id_of, moment_of, text_of
from bot.messaging.inbox import Incoming, Rating
from bot.rendering.taps import Rate, Say, read_tap

PLATFORM = "whatsapp"
REACTIONS: dict[str, Rating] = {
    "\N{THUMBS UP SIGN}": "helpful",
    "\N{HEAVY BLACK HEART}": "helpful",
    "\N{THUMBS DOWN SIGN}": "not_helpful",
}
"""Of the others nobody can tell whether the reply is meant, or its subject."""
SHADES = re.compile("[\N{VARIATION SELECTOR-16}\U0001f3fb-\U0001f3ff]")
"""What makes a heart red and gives a thumb its skin."""


@dataclass(frozen=True)
class Told:
    """What one request told.

    Attributes:
        batch: what people did.
        not_delivered: messages of ours that WhatsApp had taken and could not deliver; why, by what
            it calls each.
    """

    batch: Batch
    not_delivered: dict[str, str] = field(default_factory=dict)


def read_body(body: bytes, phone_number_id: str, now: datetime) -> Told:
    """Read the body of a request.

    Args:
        body: JSON, as it came.
        phone_number_id: the number that is ours; what another one is told is ignored.
        now: stands for a time that is missing or makes no sense.
    """
    events: list[Incoming] = []
    not_delivered: dict[str, str] = {}
    ignored = 0
    for value in _values(body, phone_number_id):
        for item in _list(value, "messages") if value else [None]:
            try:
                events.append(_event(item, _only_contact(value), phone_number_id, now))
            except NotAnEvent:
                ignored += 1
        for item in _list(value, "statuses"):
            try:
                not_delivered.update([_not_delivered(item)])
            except NotAnEvent:
                ignored += 1
    return Told(Batch(tuple(events), ignored), not_delivered)


def _values(body: bytes, phone_number_id: str) -> Iterator[dict[str, Any]]:
    """Yield what our number is told, nothing ({}) for each part that is not for it."""
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("object") != "whatsapp_business_account":
        yield {}
        return
    for entry in _list(content, "entry"):
        for change in _list(entry, "changes"):
            yield _value(change, phone_number_id)


def _value(change: object, phone_number_id: str) -> dict[str, Any]:
    """Return what a change tells our number; {} where it tells nothing that we act on."""
    # Other fields tell of templates and the account, and of what staff wrote in WhatsApp's own app.
    if not isinstance(change, dict) or change.get("field") != "messages":
        return {}
    value = change.get("value")
    metadata = value.get("metadata") if isinstance(value, dict) else None
    number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
    return value if isinstance(value, dict) and str(number) == phone_number_id else {}


def _list(part: object, name: str) -> list[Any]:
    found = part.get(name) if isinstance(part, dict) else None
    return found if isinstance(found, list) else []


def _event(item: object, contact: str, phone_number_id: str, now: datetime) -> Incoming:
    """Return what one message means.

    Raises:
        NotAnEvent: nothing.
    """
    # What is said in a group is not said to us, and a reply there would be read by all.
    if not isinstance(item, dict) or item.get("group_id"):
        raise NotAnEvent
    event_id = id_of(item.get("id"))
    kind = item.get("type")
    read = READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise NotAnEvent
    part = item.get(str(kind))
    return Incoming(
        platform=PLATFORM,
        account=phone_number_id,
        event_id=event_id,
        person=_person(item, contact),
        said_at=moment_of(_seconds(item.get("timestamp")), now),
        sign=event_id,
        **read(part if isinstance(part, dict) else {}),
    )


def _person(item: dict[str, Any], contact: str) -> str:
    """Return who wrote: their number, else the id that stands for it where they have a user name.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids

    Raises:
        NotAnEvent: it is not told.
    """
    return id_of(item.get("from") or item.get("from_user_id") or contact)


def _only_contact(value: object) -> str:
    """Return the id of the person that the messages are of, "" where there are several or none."""
    contacts = _list(value, "contacts")
    if len(contacts) != 1 or not isinstance(contacts[0], dict):
        return ""
    return text_of(contacts[0].get("wa_id"), MAX_ID) or text_of(contacts[0].get("user_id"), MAX_ID)


Read = Callable[[dict[str, Any]], dict[str, Any]]
"""Tells what the part of a message means that is named after its type."""


def _text(part: dict[str, Any]) -> dict[str, Any]:
    """Read what somebody typed, be it as an answer to an ad."""
    text = text_of(part.get("body"))
    if not text:
        raise NotAnEvent
    return _said(text)


def _media(part: dict[str, Any]) -> dict[str, Any]:
    """Read something that is looked at or listened to: what is written below it, if anything is."""
    caption = text_of(part.get("caption"))
    return _said(caption) if caption.strip() else _only_text(part)


def _only_text(_part: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "only_text"}


def _interactive(part: dict[str, Any]) -> dict[str, Any]:
    """Read a tap on a button or on a row of a list."""
    kind = part.get("type")
    tapped = part.get(kind) if kind in {"button_reply", "list_reply"} else None
    if not isinstance(tapped, dict):
        return _only_text(part)
    return _tap(text_of(tapped.get("id")), text_of(tapped.get("title")))


def _button(part: dict[str, Any]) -> dict[str, Any]:
    """Read a tap on a button below a template, which somebody else has sent for this number."""
    return _tap(text_of(part.get("payload")), text_of(part.get("text")))


def _tap(token: str, label: str) -> dict[str, Any]:
    """Read a tap; of a button that is not ours, what stands on it counts as said."""
    meant = read_tap(token, label)
    if isinstance(meant, Rate):
        return {"kind": "feedback", "reply_id": meant.reply_id, "rating": meant.rating}
    text = meant.text if isinstance(meant, Say) else label or token
    if not text:
        raise NotAnEvent
    return _said(text)


def _reaction(part: dict[str, Any]) -> dict[str, Any]:
    """Read a reaction to a message; what is taken back leaves the feedback as it was."""
    rating = REACTIONS.get(SHADES.sub("", text_of(part.get("emoji"))))
    about = text_of(part.get("message_id"), MAX_ID)
    if rating is None or not about:
        raise NotAnEvent
    return {"kind": "feedback", "about": about, "rating": rating}


def _welcome(_part: dict[str, Any]) -> dict[str, Any]:
    """Read that somebody opened the chat for the first time."""
    return {"kind": "welcome"}


READERS: dict[str, Read] = {
    "text": _text,
    "interactive": _interactive,
    "button": _button,
    "reaction": _reaction,
    "request_welcome": _welcome,
    **dict.fromkeys(("image", "video", "document"), _media),
    **dict.fromkeys(
        ("audio", "voice", "sticker", "location", "contacts", "order", "unsupported"), _only_text
    ),
}
"""Other types ask for nothing: "system" (a number changed), "edit", "revoke", "ephemeral"."""


def _said(text: str) -> dict[str, Any]:
    return {"kind": "text", "text": text}


def _not_delivered(status: object) -> tuple[str, str]:
    """Return what a status tells of a message that was not delivered: its id, and why.

    Raises:
        NotAnEvent: it was, or nothing is known yet.
    """
    if not isinstance(status, dict) or status.get("status") != "failed":
        raise NotAnEvent
    errors = [error for error in _list(status, "errors") if isinstance(error, dict)]
    code = number_of(errors[0].get("code")) if errors else 0
    return id_of(status.get("id")), f"error_{code}"


def _seconds(stamp: object) -> float | None:
    """Return a time since 1970, which WhatsApp writes as a string."""
    is_number = isinstance(stamp, int) and not isinstance(stamp, bool)
    text = str(stamp) if is_number or isinstance(stamp, str) else ""
    return float(text) if re.fullmatch(r"[0-9]{1,15}", text) else None
