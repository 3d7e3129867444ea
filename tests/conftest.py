"""Fixtures for all tests: hand-made vectors instead of a model, and the really running stack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from xdist.scheduler import LoadFileScheduling

from knowledge.embedder import Progress, Vectors
from tests import databases
from tests import stack as running

DIMENSIONS = 256
KNOWN_WORDS = frozenset({"measures", "fewer", "influence"})
"""Words that the embedder without a model "knows": each is near to one of the small corpus."""


class ByStack(LoadFileScheduling):
    """Gives the tests of a file to one process, and all tests that share a stack.

    One process has the browser, another one breaks the four processes of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Return what the tests that belong together have in common."""
        shared = ("tests/browser/", "tests/integration/")
        return next((place for place in shared if nodeid.startswith(place)), nodeid.split("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByStack | None:
    """Replace the scheduling by files, and no other."""
    return ByStack(config, log) if config.getoption("dist") == "loadfile" else None


class WordEmbedder:
    """An embedder without a model: a text is the sum of its words' own random directions.

    Texts that share words are near each other, others are not; enough to test order and thresholds.
    """

    name = "words"

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return one vector of length 1 per text."""
        rows = [self._one(text) for text in texts]
        if progress and rows:
            progress(len(rows), len(rows))
        return np.array(rows, dtype=np.float32).reshape(len(rows), DIMENSIONS)

    def knows_word(self, word: str) -> bool:
        """Tell whether a word is one of the few that it has heard of."""
        return word in KNOWN_WORDS

    def strangeness(self, texts: Sequence[str]) -> float:
        """Return 0: to it, every text is plain English."""
        return 0.0

    def _one(self, text: str) -> Vectors:
        total = np.zeros(DIMENSIONS, dtype=np.float32)
        for word in text.casefold().replace("?", " ").replace(".", " ").split():
            seed = int.from_bytes(
                hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big"
            )
            total += np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
        length = float(np.linalg.norm(total))
        return total / length if length else total


@pytest.fixture
def embedder() -> WordEmbedder:
    """An embedder that needs no model."""
    return WordEmbedder()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[databases.Postgres]:
    """A running PostgreSQL, one for all tests."""
    try:
        with databases.postgres() as server:
            yield server
    except databases.NoPostgres as error:
        pytest.skip(str(error))


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
