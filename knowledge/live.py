"""The live release in memory: built once, swapped when another release becomes live.

The swap is one assignment of a finished object, so a turn sees the old release or the new one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from knowledge.answering import Answerer
from knowledge.calibration import Calibration, CalibrationError
from knowledge.document import Document, document_of
from knowledge.embedder import Embedder, Progress, Vectors, embed_cached
from knowledge.emergency import EmergencyExemplars, Exemplar
from knowledge.retriever import Retriever, texts_of
from knowledge.store import LiveEntry, LiveSet, live_state, read_live, read_refit, transaction

logger = logging.getLogger(__name__)
POLL_SECONDS = 2.0
LANGUAGE = "en"
"""Of the chat. Answers in other languages are read on the public pages: here an id is one entry."""
AGAIN_SECONDS = 30.0
LONGEST_REASON = 300


@dataclass(frozen=True)
class Failure:
    """A release that could not be loaded; the one before goes on answering.

    Attributes:
        release_id: id of the release.
        reason: why, without a word of any text.
    """

    release_id: int
    reason: str


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
    previous: Loaded | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Embed what has no vector yet and index a release.

    Args:
        session: a transaction; new vectors are added to the store.
        live: the release.
        embedder: the model.
        calibration: learnt weights; what was refitted for this very release takes their place.
        exemplars: the emergency exemplars.
        previous: the release in memory, of which everything unchanged is taken over.
        progress: told of texts embedded and texts to embed.
    """
    live = in_language(live)
    before = previous.answerer.retriever if previous else None
    documents = _documents(live, previous)
    texts = [item.text for item in exemplars]
    of_exemplars = embed_cached(session, embedder, texts, progress)
    vectors = _vectors(session, documents, embedder, before, progress)
    refitted = _refitted(session, live.release_id, calibration, embedder.name)
    retriever = Retriever(documents, vectors, embedder, refitted, before)
    net = EmergencyExemplars(exemplars, of_exemplars, calibration.emergency_at)
    return Loaded(live.release_id, Answerer(live.entries, retriever, net))


def in_language(live: LiveSet) -> LiveSet:
    """Return the entries of a release in the language of the chat, with its regions."""
    entries = (one for one in live.entries if speaks(one.topic_entry.topic.locale))
    return LiveSet(live.release_id, tuple(entries))


def speaks(locale: str) -> bool:
    """Tell whether the chat answers in a language."""
    return locale.partition("-")[0] == LANGUAGE


def _documents(live: LiveSet, previous: Loaded | None) -> list[Document]:
    """Return the entries of a release as documents; of unchanged ones, those in memory."""
    known: dict[int, Document] = {}
    if previous:
        answerer = previous.answerer
        pairs = zip(answerer.entries, answerer.retriever.documents, strict=True)
        known = {id(entry): document for entry, document in pairs}
    return [known.get(id(entry)) or document_of(entry.topic_entry) for entry in live.entries]


def _vectors(
    session: Session,
    documents: list[Document],
    embedder: Embedder,
    before: Retriever | None,
    progress: Progress | None,
) -> Vectors:
    """Return the vectors of all texts; of unchanged documents, those in memory."""
    if before is None:
        return embed_cached(session, embedder, texts_of(documents), progress)
    rows = before.rows_of(documents)
    same = rows >= 0
    vectors = np.empty((len(rows), before.dimensions), dtype=np.float32)
    vectors[same] = before.vectors(rows[same])
    if not same.all():
        known = {id(item) for item in before.documents} if same.any() else set()
        changed = [item for item in documents if id(item) not in known]
        vectors[~same] = embed_cached(session, embedder, texts_of(changed), progress)
    return vectors


def _refitted(
    session: Session, release_id: int, calibration: Calibration, model: str
) -> Calibration:
    kept = read_refit(session, release_id, model)
    if kept is None:
        return calibration
    try:
        return calibration.with_refit(kept)
    except CalibrationError:
        # Kept by another version: what is shipped is nearer to the truth than nothing.
        logger.warning("release_calibration_unusable", extra={"release_id": release_id})
        return calibration


def reason_of(error: Exception) -> str:
    """Return why something failed, as far as it is no text of a database row."""
    kind = type(error).__name__
    told = "" if isinstance(error, SQLAlchemyError) else str(error).partition("\n")[0]
    return f"{kind}: {told}"[:LONGEST_REASON] if told else kind


class LiveAnswers:
    """Keeps the live release loaded.

    Attributes:
        engine: of the store.
        embedder: the model.
    """

    def __init__(
        self,
        engine: Engine,
        embedder: Embedder,
        calibration: Calibration,
        exemplars: list[Exemplar],
    ) -> None:
        """Take what a release is built with; ``refresh`` loads it."""
        self.engine = engine
        self.embedder = embedder
        self._calibration = calibration
        self._exemplars = exemplars
        self._loaded: Loaded | None = None
        self._state: tuple[int, str] | None = None
        self._failure: Failure | None = None
        self._failed: tuple[int, str] | None = None
        self._again_at = 0.0
        self._stop = threading.Event()

    def try_out(self, session: Session, entries: Sequence[LiveEntry]) -> Loaded | None:
        """Return the release in memory with other entries, without making it live.

        Args:
            session: a transaction; vectors of new texts are added to the store.
            entries: all entries of it.
        """
        before = self._loaded
        if before is None:
            return None
        release = LiveSet(before.release_id, tuple(entries))
        return build(session, release, self.embedder, self._calibration, self._exemplars, before)

    @property
    def loaded(self) -> Loaded | None:
        """The release in memory, or None while there is none."""
        return self._loaded

    @property
    def failure(self) -> Failure | None:
        """Why the live release is not the one in memory, or None where it is."""
        return self._failure

    def refresh(self) -> bool:
        """Load the live release if it, or how sure to be of it, is another than the one in memory.

        Returns:
            Whether it was.
        """
        with transaction(self.engine) as session:
            state = live_state(session, self.embedder.name)
            if state == self._state:
                self._failure = None  # somebody went back to what is in memory
                return False
            if state is None or self._failed_lately(state):
                return False
            before = self._loaded
            try:
                live = read_live(session, before.answerer.entries if before else ())
                if live is None:
                    return False
                self._loaded = build(
                    session, live, self.embedder, self._calibration, self._exemplars, before
                )
            except Exception as error:
                self._failure = Failure(state[0], reason_of(error))
                if not isinstance(error, SQLAlchemyError):  # a busy store is free in a moment
                    self._failed, self._again_at = state, time.monotonic() + AGAIN_SECONDS
                raise
            self._state, self._failure = state, None
        return True

    def _failed_lately(self, state: tuple[int, str]) -> bool:
        """Tell whether building this very release failed a moment ago: it costs seconds."""
        return state == self._failed and time.monotonic() < self._again_at

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
            except Exception as error:  # whatever it is, the release in memory goes on answering
                logger.warning("release_watch_failed", extra={"error": type(error).__name__})
