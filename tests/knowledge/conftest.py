"""Fixtures for the tests of the corpus: a database in a folder of its own, a release in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from knowledge.answering import Answerer
from knowledge.live import build
from knowledge.store import connect, migrate, transaction
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, EXEMPLARS, small_release


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Address of a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'data' / 'citewell.db'}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty store in the newest shape."""
    made = connect(database_url)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def answerer(engine: Engine, embedder: WordEmbedder) -> Answerer:
    """Decides over the small corpus."""
    with transaction(engine) as session:
        return build(session, small_release(), embedder, CALIBRATION, EXEMPLARS).answerer
