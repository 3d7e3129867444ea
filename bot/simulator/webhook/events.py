"""Events as an organisation's own app sends them to the generic webhook; docs/webhook.md."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


def new_id() -> str:
    """Return the id of a new event."""
    return f"evt_{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        key: its id.
        content: what it says.
    """

    key: str
    content: Mapping[str, Any]

    @property
    def person(self) -> str:
        """Who did it; empty where nobody did."""
        return str(self.content["data"].get("person", ""))

    @property
    def text(self) -> str:
        """What was said, if something was."""
        return str(self.content["data"].get("text", ""))


@dataclass(frozen=True)
class EventWriter:
    """Writes events.

    Attributes:
        account: which of the organisation's apps they come by.
        clock: seconds since 1970.
    """

    account: str
    clock: Callable[[], float] = time.time

    def text(self, person: str, text: str, country: str | None = None) -> Event:
        """Return a typed message."""
        more = {"country": country} if country else {}
        return self.event("message.received", person=person, text=text, **more)

    def start(self, person: str) -> Event:
        """Return that somebody opened the chat."""
        return self.event("conversation.started", person=person)

    def photo(self, person: str) -> Event:
        """Return that somebody sent what is no text."""
        return self.event("message.unreadable", person=person)

    def feedback(self, person: str, reply_id: str, *, is_good: bool) -> Event:
        """Return what somebody thinks of a reply."""
        rating = "helpful" if is_good else "not_helpful"
        return self.event("feedback.given", person=person, reply_id=reply_id, rating=rating)

    def ping(self) -> Event:
        """Return a ping, which means nothing."""
        return Event(new_id(), {"type": "ping", "timestamp": self._now(), "data": {}})

    def event(self, kind: str, **data: Any) -> Event:
        """Return an event of any kind."""
        content = {"account": self.account, **data}
        return Event(new_id(), {"type": kind, "timestamp": self._now(), "data": content})

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self.clock(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def body_of(event: Event, *, escaped: bool = False) -> bytes:
    r"""Return the body that tells one event; ``escaped`` writes other letters as ``\u00e6``."""
    return json.dumps(event.content, ensure_ascii=escaped).encode()


def batch_of(events: Sequence[Event]) -> bytes:
    """Return the body that tells several events."""
    items = [{"id": event.key, "event": event.content} for event in events]
    return json.dumps({"events": items}, ensure_ascii=False).encode()
