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


@pytest.fixture(scope="session")
def answerer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answerer]:
    """Decides over the small corpus; nothing can change it, so all tests share it."""
    made = connect(f"sqlite:///{tmp_path_factory.mktemp('answerer') / 'citewell.db'}")
    migrate(made)
    with transaction(made) as session:
        loaded = build(session, small_release(), WordEmbedder(), CALIBRATION, EXEMPLARS)
    yield loaded.answerer
    made.dispose()
