"""Posts replies to the organisation's own address, each until it was surely taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from bot.channel_settings import WebhookSettings
from bot.channels.posting import SignedPosts, Target
from bot.channels.webhook.replies import body_of
from bot.messaging.outbox import Outcome
from knowledge.schema import now


class ReplyClient(SignedPosts):
    """Posts replies; safe to share between threads."""

    def __init__(
        self,
        settings: Callable[[], WebhookSettings],
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Prepare a client.

        Args:
            settings: gives address and keys as they are set now.
            transport: what carries the requests; the network by default.
            clock: tells the time.
        """

        def target() -> Target:
            mine = settings()
            return Target(mine.reply_url, mine.keys)

        super().__init__(target, transport, clock)

    def send(self, person: str, payload: Mapping[str, object], key: str) -> Outcome:
        """Post one reply; whatever happens, an outcome comes back.

        Args:
            person: account and person, as ``address_of`` has them.
            payload: what ``render`` made.
            key: by which the receiver knows a reply that comes twice.
        """
        return self.post(body_of(person, payload), f"msg_{key}")
