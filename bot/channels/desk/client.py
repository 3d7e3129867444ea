"""Tells the team's desk what happens in the conversations that it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from bot.channel_settings import DeskSettings
from bot.channels.posting import SignedPosts, Target
from bot.messaging.outbox import Outcome
from knowledge.schema import now


class DeskClient(SignedPosts):
    """Posts to the desk; safe to share between threads."""

    def __init__(
        self,
        settings: Callable[[], DeskSettings],
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take what gives the settings as they are now, what carries requests, and the time."""

        def target() -> Target:
            found = settings()
            return Target(found.url, found.keys)

        super().__init__(target, transport, clock)

    def send(self, person: str, payload: Mapping[str, object], key: str) -> Outcome:
        """Post what happened.

        Args:
            person: nobody in particular; the payload names the conversation.
            payload: what happened.
            key: by which the desk knows what comes twice.
        """
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return self.post(body, f"msg_{key}")
