"""Puts questions that mean the same into groups, for the content team; here, where the model is."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from knowledge.embedder import Embedder
from knowledge.grouping import group_new, is_tidy, tidy
from knowledge.store import transaction

logger = logging.getLogger(__name__)
EVERY_SECONDS = 120.0
AT_ONCE = 100
"""Questions of one transaction: turns must not wait for the store."""


class Grouping:
    """Looks for new questions every two minutes, on a thread of its own."""

    def __init__(self, engine: Engine, embedder: Embedder, seconds: float = EVERY_SECONDS) -> None:
        """Take the store and the model."""
        self._engine = engine
        self._embedder = embedder
        self._seconds = seconds
        self._stop = threading.Event()

    def start(self) -> threading.Thread:
        """Begin; ``stop`` ends it."""
        thread = threading.Thread(target=self._run, name="question-groups", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End it."""
        self._stop.set()

    def group(self) -> int:
        """Group what is new and forget groups without questions; return how many were grouped."""
        grouped = 0
        while not self._stop.is_set():
            with transaction(self._engine) as session:
                count = group_new(session, self._embedder, limit=AT_ONCE)
            grouped += count
            if count < AT_ONCE:
                break
        with transaction(self._engine) as session:
            if not is_tidy(session):
                tidy(session)
        return grouped

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self.group()
            except (SQLAlchemyError, ValueError) as error:
                # Tried again in two minutes; no question is lost by that.
                logger.warning("grouping_failed", extra={"error": type(error).__name__})
