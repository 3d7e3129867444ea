"""Fixtures for all tests: hand-made vectors instead of a model, and the really running stack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from knowledge.embedder import Vectors
from tests import stack as running

DIMENSIONS = 256


class WordEmbedder:
    """An embedder without a model: a text is the sum of its words' own random directions.

    Texts that share words are near each other, others are not; enough to test order and thresholds.
    """

    name = "words"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text."""
        rows = [self._one(text) for text in texts]
        return np.array(rows, dtype=np.float32)

    def _one(self, text: str) -> Vectors:
        total = np.zeros(DIMENSIONS, dtype=np.float32)
        for word in text.casefold().replace("?", " ").replace(".", " ").split():
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
        length = float(np.linalg.norm(total))
        return total / length if length else total


@pytest.fixture
def embedder() -> WordEmbedder:
    """An embedder that needs no model."""
    return WordEmbedder()


@pytest.fixture(scope="session")
def stack() -> Iterator[running.Stack]:
    """The four real processes, started once for all tests that need them."""
    started = running.start()
    yield started
    status = running.finish(started)
    assert status == 0, "\n".join(started.lines[-5:])


@pytest.fixture
def patient(stack: running.Stack) -> Iterator[running.Conversation]:
    """A patient with a new session."""
    conversation = stack.conversation()
    yield conversation
    conversation.client.close()
