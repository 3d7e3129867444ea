"""What a second process does to a store; it imports no more than it needs, so it starts fast."""

from __future__ import annotations

from bot.messaging.inbox import Inbox, Incoming
from bot.messaging.sealing import Sealer
from knowledge.schema import now
from knowledge.store import connect

SECRET_KEY = "test-" * 8


def keep_a_hundred(url: str, first: int) -> None:
    """Store a hundred events, from a number on."""
    engine = connect(url)
    events = [
        Incoming("messenger", "page", f"m{number}", "somebody", "text", now(), text="x")
        for number in range(first, first + 100)
    ]
    for event in events:
        Inbox(engine, Sealer(SECRET_KEY)).keep([event])
    engine.dispose()
