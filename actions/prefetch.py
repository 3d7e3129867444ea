"""Vectors made ahead: the model reads a question while Rasa is still working out its intent.

The gateway sends each question here and to Rasa at the same moment. When Rasa then calls the
action, the pass of the model, the longest single step of a turn, is done or nearly so. Nothing
depends on it: a question that was not sent ahead is embedded when it is needed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from knowledge.embedder import Embedder, Progress, Vectors

MOST_WAITING = 32
"""Questions held at most; the oldest goes first. Each is dropped as soon as it is used."""


class PrefetchingEmbedder:
    """An embedder that can be told of a text before its vector is asked for.

    Attributes:
        name: name of the model.
    """

    def __init__(self, embedder: Embedder) -> None:
        """Take the embedder that does the work."""
        self.name = embedder.name
        self._embedder = embedder
        self._lock = threading.Lock()
        self._ahead: OrderedDict[str, Future[Vectors]] = OrderedDict()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")

    def prefetch(self, text: str) -> None:
        """Begin to embed a text, unless that has begun already."""
        with self._lock:
            if text in self._ahead:
                return
            while len(self._ahead) >= MOST_WAITING:
                self._ahead.popitem(last=False)[1].cancel()
            self._ahead[text] = self._thread.submit(self._one, text)

    def knows_word(self, word: str) -> bool:
        """Tell whether the model has a piece of its own for a word."""
        return self._embedder.knows_word(word)

    def strangeness(self, texts: Sequence[str]) -> float:
        """Return how strange texts are to the model, 0 for plain English."""
        return self._embedder.strangeness(texts)

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return one vector of length 1 per text, taking what was made ahead."""
        if not texts:
            return self._embedder.embed(texts)
        with self._lock:
            ahead = {text: self._ahead.pop(text) for text in set(texts) if text in self._ahead}
        missing = [text for text in dict.fromkeys(texts) if text not in ahead]
        fresh = self._embedder.embed(missing, progress) if missing else ()
        made = dict(zip(missing, fresh, strict=True))
        for text, future in ahead.items():
            made[text] = self._one(text) if future.cancelled() else future.result()
        return np.stack([made[text] for text in texts])

    def _one(self, text: str) -> Vectors:
        vector: Vectors = self._embedder.embed([text])[0]
        return vector
