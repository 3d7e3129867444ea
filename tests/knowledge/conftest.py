"""Fixtures for the tests of the corpus: a database in a folder of its own, a release in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from threadpoolctl import threadpool_limits

from knowledge import people
from knowledge.answering import Answerer
from knowledge.embedder import load_embedder
from knowledge.emergency import read_exemplars
from knowledge.live import build
from knowledge.people import Member, Role
from knowledge.schema import Person
from knowledge.search_commands import calibrated, checked_entries
from knowledge.settings import ROOT, read_settings
from knowledge.store import LiveEntry, LiveSet, connect, migrate, transaction
from tests import databases, prepared
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, EXEMPLARS, small_release


class Colleagues:
    """People over a store, and a short way to let them do something."""

    def __init__(self, store: Engine) -> None:
        self.store = store

    def join(self, name: str, *roles: Role) -> Member:
        """Let somebody in."""
        with transaction(self.store) as session:
            person = Person(email=f"{name.casefold()}@example.org", name=name)
            session.add(person)
            session.flush()
            for role in roles:
                people.grant(session, person.id, role, None, None)
            found = people.member(session, person.id)
        assert found is not None
        return found

    def do(self, step: Callable[..., Any], *args: object, **more: object) -> Any:
        """Do one step in a transaction of its own."""
        with transaction(self.store) as session:
            return step(session, *args, **more)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on one thread: handing them out costs more than reckoning."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Address of a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'data' / 'citewell.db'}"


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file in the newest shape, to copy."""
    file = tmp_path_factory.mktemp("empty") / "citewell.db"
    made = connect(f"sqlite:///{file}")
    migrate(made)
    made.dispose()
    return file


@pytest.fixture
def sqlite_store(tmp_path: Path, empty_store: Path) -> Iterator[Engine]:
    """An empty store in the newest shape, in a file."""
    file = tmp_path / "data" / "citewell.db"
    file.parent.mkdir()
    shutil.copy(empty_store, file)
    made = connect(f"sqlite:///{file}")
    yield made
    made.dispose()


@pytest.fixture
def engine(sqlite_store: Engine) -> Engine:
    """An empty store in the newest shape."""
    return sqlite_store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty store in the newest shape, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_store")
        return
    server: databases.Postgres = request.getfixturevalue("postgres_server")
    made = connect(server.new_database())
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


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answerer]:
    """Everything as it ships."""
    folder = tmp_path_factory.mktemp("shipped")
    prepared.fill(folder, dialogue=False)
    settings = read_settings({"CITEWELL_DATA_DIR": str(folder)})
    engine = connect(settings.database_url)
    migrate(engine)
    entries = checked_entries(ROOT / "knowledge" / "corpus")
    live = LiveSet(1, tuple(LiveEntry(entry, 1) for entry in entries))
    with transaction(engine) as session:
        embedder = load_embedder(settings)
        loaded = build(session, live, embedder, calibrated(settings), read_exemplars())
    yield loaded.answerer
    engine.dispose()
