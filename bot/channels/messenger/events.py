"""What Messenger's webhook tells, as events for the inbox; whatever else there is, is counted.

Nothing in a batch may keep the rest of it from being read: Messenger gives no past events again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.channels.receiving import MAX_ACCOUNT, MAX_ID, Batch, NotAnEvent, id_of, moment_of, text_of
from bot.messaging.inbox import Incoming, Rating

PLATFORM = "messenger"
START = "get_started"
"""Payload of the button Get Started, and of others that lead back to the menu; in any case."""
FEEDBACK: dict[str, Rating] = {"Good response": "helpful", "Bad response": "not_helpful"}
REACTIONS: dict[str, Rating] = {
    "like": "helpful",
    "love": "helpful",
    "dislike": "not_helpful",
}
"""Of the others nobody can tell whether the reply is meant, or its subject."""


def read_batch(body: bytes, now: datetime, handover_app: str = "") -> Batch:
    """Read the body of a request.

    Args:
        body: JSON, as it came.
        now: stands for a time that is missing or makes no sense.
        handover_app: app that conversations are passed to, or "".
    """
    events: list[Incoming] = []
    ignored = 0
    for item, is_ours in _items(body):
        try:
            read = _event if is_ours else _standby
            event = read(item, now)
            if handover_app and _new_owner(item) == handover_app:
                event = replace(event, kind="person_took")
            events.append(event)
        except NotAnEvent:
            ignored += 1
    return Batch(tuple(events), ignored)


def _items(body: bytes) -> Iterator[tuple[object, bool]]:
    """Yield what is in a batch, None for each part that cannot be read.

    With each comes whether the conversation is ours, and not another app's ("standby").
    """
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    entries = content.get("entry") if isinstance(content, dict) else None
    if not isinstance(entries, list) or content.get("object") != "page":
        yield None, True
        return
    for entry in entries:
        found = entry if isinstance(entry, dict) else {}
        parts = [(name, found.get(name)) for name in ("messaging", "standby")]
        lists = [(name, items) for name, items in parts if isinstance(items, list)]
        if not lists:
            yield None, True  # such as a change of the Page
        for name, items in lists:
            yield from ((item, name == "messaging") for item in items)


def _event(item: object, now: datetime) -> Incoming:
    """Return what one item means.

    Raises:
        NotAnEvent: nothing.
    """
    if not isinstance(item, dict):
        raise NotAnEvent
    sender, account = _id(item.get("sender")), _id(item.get("recipient"))
    if sender == account or len(account) > MAX_ACCOUNT:
        raise NotAnEvent
    stamp = item.get("timestamp")
    at = moment_of(_seconds(stamp), now)
    for name, read in READERS.items():
        part = item.get(name)
        if isinstance(part, dict):
            event_id, more = read(part)
            made = json.dumps([sender, stamp, name, event_id or part], sort_keys=True)
            return Incoming(
                platform=PLATFORM,
                account=account,
                event_id=event_id or made,
                person=sender,
                said_at=at,
                **more,
            )
    raise NotAnEvent


def _standby(item: object, now: datetime) -> Incoming:
    """Return that somebody wrote in a conversation that another app has; not what.

    Raises:
        NotAnEvent: it is something else.
    """
    part = item.get("message") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(part, dict):
        raise NotAnEvent
    ends = (_id(item.get("sender")), _id(item.get("recipient")))
    person, account = reversed(ends) if part.get("is_echo") else ends
    if person == account or len(account) > MAX_ACCOUNT:
        raise NotAnEvent
    stamp = item.get("timestamp")
    return Incoming(
        platform=PLATFORM,
        account=account,
        event_id=json.dumps(["standby", text_of(part.get("mid"), MAX_ID), person, stamp]),
        person=person,
        kind="person_active",
        said_at=moment_of(_seconds(stamp), now),
    )


def _new_owner(item: object) -> str:
    """Return the app that has a conversation from now on, where an item says so."""
    for name in ("pass_thread_control", "take_thread_control"):
        part = item.get(name) if isinstance(item, dict) else None
        if isinstance(part, dict) and part.get("new_owner_app_id"):
            return str(part["new_owner_app_id"])
    return ""


Read = tuple[str, dict[str, Any]]
"""What the event is called, "" where it has no id of its own; and what it means."""


def _message(part: dict[str, Any]) -> Read:
    """Read what somebody typed, tapped or sent along."""
    if part.get("is_echo") or part.get("is_deleted"):
        raise NotAnEvent
    mid = text_of(part.get("mid"), MAX_ID)
    tapped = part.get("quick_reply")
    text = text_of(tapped.get("payload") if isinstance(tapped, dict) else None)
    text = text or text_of(part.get("text"))
    if text:
        return mid, _said(text)
    if mid or part.get("attachments"):
        return mid, {"kind": "only_text"}
    raise NotAnEvent


def _postback(part: dict[str, Any]) -> Read:
    """Read a tap on a button, on an ice breaker or in the menu."""
    text = text_of(part.get("payload")) or text_of(part.get("title"))
    if not text:
        raise NotAnEvent
    return text_of(part.get("mid"), MAX_ID), _said(text)


def _referral(_part: dict[str, Any]) -> Read:
    """Read that somebody came by a link."""
    return "", {"kind": "welcome"}


def _response_feedback(part: dict[str, Any]) -> Read:
    """Read a tap on Messenger's own thumbs."""
    return _rated(part, FEEDBACK.get(text_of(part.get("feedback"))))


def _reaction(part: dict[str, Any]) -> Read:
    """Read a reaction to a message; what is taken back leaves the feedback as it was."""
    if part.get("action") != "react":
        raise NotAnEvent
    return _rated(part, REACTIONS.get(text_of(part.get("reaction"))))


def _rated(part: dict[str, Any], rating: Rating | None) -> Read:
    mid = text_of(part.get("mid"), MAX_ID)
    if rating is None or not mid:
        raise NotAnEvent
    return "", {"kind": "feedback", "about": mid, "rating": rating}


def _passed(_part: dict[str, Any]) -> Read:
    """Read that another app gave us the conversation."""
    return "", {"kind": "person_left"}


def _taken(_part: dict[str, Any]) -> Read:
    """Read that another app took the conversation."""
    return "", {"kind": "person_took"}


READERS = {
    "message": _message,
    "postback": _postback,
    "referral": _referral,
    "response_feedback": _response_feedback,
    "reaction": _reaction,
    "pass_thread_control": _passed,
    "take_thread_control": _taken,
}


def _said(text: str) -> dict[str, Any]:
    is_start = text.casefold() == START
    return {"kind": "welcome"} if is_start else {"kind": "text", "text": text}


def _id(part: object) -> str:
    """Return the id in a part.

    Raises:
        NotAnEvent: it has none.
    """
    return id_of(part.get("id") if isinstance(part, dict) else None)


def _seconds(stamp: object) -> float | None:
    if not isinstance(stamp, int) or isinstance(stamp, bool):
        return None
    return stamp / 1000
