"""The live release in memory: built once, swapped when another release becomes live.

The swap is one assignment of a finished object, so a turn sees the old release or the new one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from knowledge.answering import Answerer
from knowledge.calibration import Calibration
from knowledge.embedder import Embedder, embed_cached
from knowledge.emergency import EmergencyExemplars, Exemplar
from knowledge.retriever import Retriever, rows_of
from knowledge.store import LiveSet, live_release_id, read_live, transaction

logger = logging.getLogger(__name__)
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Loaded:
    """A release that is ready to answer.

    Attributes:
        release_id: id of the release.
        answerer: decides over its entries.
    """

    release_id: int
    answerer: Answerer


def build(
    session: Session,
    live: LiveSet,
    embedder: Embedder,
    calibration: Calibration,
    exemplars: list[Exemplar],
) -> Loaded:
    """Embed what has no vector yet and index a release."""
    rows = rows_of(live.entries)
    texts = [row.text for row in rows] + [item.text for item in exemplars]
    vectors = embed_cached(session, embedder, texts)
    entry_vectors = np.ascontiguousarray(vectors[: len(rows)])
    exemplar_vectors = np.ascontiguousarray(vectors[len(rows) :])
    retriever = Retriever(live.entries, entry_vectors, embedder, calibration)
    net = EmergencyExemplars(exemplars, exemplar_vectors, calibration.emergency_at)
    return Loaded(live.release_id, Answerer(retriever, net))


class LiveAnswers:
    """Keeps the live release loaded."""

    def __init__(
        self,
        engine: Engine,
        embedder: Embedder,
        calibration: Calibration,
        exemplars: list[Exemplar],
    ) -> None:
        """Take what a release is built with; ``refresh`` loads it."""
        self._engine = engine
        self._embedder = embedder
        self._calibration = calibration
        self._exemplars = exemplars
        self._loaded: Loaded | None = None
        self._stop = threading.Event()

    @property
    def loaded(self) -> Loaded | None:
        """The release in memory, or None while there is none."""
        return self._loaded

    def refresh(self) -> bool:
        """Load the live release if it is another than the one in memory; tell whether it was."""
        with transaction(self._engine) as session:
            release_id = live_release_id(session)
            if release_id is None or (self._loaded and self._loaded.release_id == release_id):
                return False
            live = read_live(session)
            if live is None:
                return False
            self._loaded = build(session, live, self._embedder, self._calibration, self._exemplars)
        return True

    def watch(self) -> threading.Thread:
        """Look for a new release every two seconds, on a thread of its own, until ``stop``."""
        thread = threading.Thread(target=self._watch, name="release-watch", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                if self.refresh() and self._loaded:
                    logger.info("release_loaded", extra={"release_id": self._loaded.release_id})
            except (SQLAlchemyError, ValueError) as error:
                # The release in memory goes on answering until the store is back.
                logger.warning("release_watch_failed", extra={"error": type(error).__name__})
