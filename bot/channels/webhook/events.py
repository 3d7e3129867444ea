"""What the generic webhook is told, as events for the inbox; what has another form is refused.

The other side is a program of the organisation's own, so a mistake is named and not passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.channels.receiving import Batch
from bot.channels.webhook.schema import (
    BATCH,
    EVENT,
    ConversationStarted,
    Event,
    FeedbackGiven,
    Malformed,
    MessageReceived,
    MessageUnreadable,
    Ping,
)
from bot.errors import FieldError
from bot.messaging.inbox import Incoming

PLATFORM = "webhook"
TYPES = (
    "message.received",
    "conversation.started",
    "message.unreadable",
    "feedback.given",
    "ping",
)
UNKNOWN = "(unknown field)"
"""An unknown name is not repeated, it may hold anything."""
MOST_ERRORS = 20
WRONG = "Some fields are missing or wrong."


def read_events(body: bytes, webhook_id: str) -> Batch:
    """Read the body of a request.

    Args:
        body: JSON, as it came: an event, or several with an id each.
        webhook_id: what one event alone is called.

    Raises:
        Malformed: it is no event; nothing of it may be stored.
    """
    content = _object(body)
    told = _several(content) if "events" in content else [(webhook_id, _one(content))]
    events = [incoming for event_id, event in told for incoming in _meant(event, event_id)]
    return Batch(tuple(events), len(told) - len(events))


def address_of(account: str, person: str) -> str:
    """Return who is meant in one text: a person of each account is another."""
    return json.dumps([account, person])


def read_address(address: str) -> tuple[str, str]:
    """Return account and person of what ``address_of`` made."""
    account, person = json.loads(address)
    return account, person


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = _whole(json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is not valid JSON.", is_json=False) from error
    if not isinstance(content, dict):
        raise Malformed("The body must be a JSON object.", is_json=False)
    return content


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _whole(value: object) -> object:
    """Return JSON without lone surrogates, which it can carry and nothing else can."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(one) for name, one in value.items()}
    return value


def _one(content: dict[str, Any]) -> Event:
    try:
        return EVENT.validate_python(content)
    except ValidationError as error:
        raise Malformed(WRONG, _field_errors(error), is_json=True) from error


def _several(content: dict[str, Any]) -> list[tuple[str, Event]]:
    try:
        items = BATCH.validate_python(content).events
    except ValidationError as error:
        raise Malformed(WRONG, _field_errors(error), is_json=True) from error
    twice = tuple(_twice([item.id for item in items]))
    if twice:
        raise Malformed(WRONG, twice[:MOST_ERRORS], is_json=True)
    return [(item.id, item.event) for item in items]


def _twice(ids: Sequence[str]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for place, one in enumerate(ids):
        if one in seen:
            yield FieldError(f"events.{place}.id", "is that of another event of this request")
        seen.add(one)


def _meant(event: Event, event_id: str) -> Iterator[Incoming]:
    """Yield what an event means; a ping means nothing."""
    if isinstance(event, Ping):
        return
    data = event.data
    yield Incoming(
        platform=PLATFORM,
        account=data.account,
        event_id=event_id,
        person=address_of(data.account, data.person),
        said_at=event.timestamp,
        **_content(event),
    )


def _content(
    event: MessageReceived | ConversationStarted | MessageUnreadable | FeedbackGiven,
) -> dict[str, Any]:
    match event:
        case MessageReceived(data=data):
            return {"kind": "text", "text": data.text, "country": data.country}
        case ConversationStarted(data=data):
            return {"kind": "welcome", "country": data.country}
        case MessageUnreadable():
            return {"kind": "only_text"}
        case FeedbackGiven(data=data):
            return {"kind": "feedback", "reply_id": data.reply_id, "rating": data.rating}


def _field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """Return what is wrong with which field, without what was sent."""
    found = error.errors(include_url=False, include_input=False)
    return tuple(_field_error(one) for one in found[:MOST_ERRORS])


def _field_error(one: ErrorDetails) -> FieldError:
    # The type of an event is a step of its own on the way to a field; people see none there.
    path = [str(part) for part in one["loc"] if part not in TYPES]
    if one["type"] == "extra_forbidden":
        path[-1] = UNKNOWN
    if one["type"].startswith("union_tag"):
        return FieldError(".".join([*path, "type"]), f"must be one of {', '.join(TYPES)}")
    return FieldError(".".join(path), one["msg"].removeprefix("Value error, "))
