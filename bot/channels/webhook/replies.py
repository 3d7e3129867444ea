"""A reply as the generic webhook posts it: as the API gives it, and as plain texts beside that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from bot.channels.webhook.events import read_address
from bot.channels.webhook.openapi import REPLY_CREATED
from bot.rendering.limits import MESSENGER_TEXT
from bot.rendering.message import Payload
from bot.rendering.saying import note, said
from bot.rendering.text import split
from bot.rendering.words import Words
from bot.turn import Reply
from knowledge.schema import now

TEXT = MESSENGER_TEXT
"""Length of a plain text, in UTF-16 units: the least that a platform here takes."""


def render(reply: Reply, words: Words, clock: Callable[[], datetime] = now) -> tuple[Payload, ...]:
    """Return a reply as one message."""
    at = clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return ({"timestamp": at, "reply": asdict(reply), "texts": plain_texts(reply, words)},)


def plain_texts(reply: Reply, words: Words) -> list[str]:
    """Return a reply as plain texts of a length that every platform takes."""
    what = said(reply, words, TEXT)
    listed = note(what.prompt, [choice.text for choice in what.choices])
    return [*split(what.text, TEXT), *split(listed, TEXT)]


def body_of(address: str, payload: Mapping[str, object]) -> bytes:
    """Return the body of the request that carries a reply to a person; the same at each attempt."""
    account, person = read_address(address)
    data = {
        "account": account,
        "person": person,
        "reply": payload["reply"],
        "texts": payload["texts"],
    }
    content = {"type": REPLY_CREATED, "timestamp": payload["timestamp"], "data": data}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
