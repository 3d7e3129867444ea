"""Looks ahead at what waits for an answer, so that an emergency waits behind nobody."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.messaging.inbox import Inbox
from bot.messaging.sealing import Sealer, SealError

GATHERING_SECONDS = 0.1
"""Each look ends with a write, which waits for the disk: events of one moment share it."""


class Lookout:
    """Finds emergencies among what waits; safe to share between threads and processes.

    Not the webhook: a batch of a thousand long messages would take it many seconds, and a platform
    gives it five.
    """

    def __init__(self, inbox: Inbox, sealer: Sealer, is_alarm: Callable[[str], bool]) -> None:
        """Take the parts.

        Args:
            inbox: keeps what waits.
            sealer: opens it.
            is_alarm: tells whether words mean an emergency that takes over.
        """
        self._inbox = inbox
        self._sealer = sealer
        self._is_alarm = is_alarm

    def step(self) -> bool:
        """Look at what came in, after a moment in which more may come; tell whether anything had.

        Raises:
            SQLAlchemyError: the store cannot be used; nothing is lost but the precedence.
        """
        time.sleep(GATHERING_SECONDS)
        return self._inbox.sort(self._means_alarm) > 0

    def _means_alarm(self, sealed: bytes) -> bool:
        try:
            text = str(self._sealer.open(sealed)["text"])
        except SealError:
            return False  # whoever answers it tells of that
        return self._is_alarm(text)
