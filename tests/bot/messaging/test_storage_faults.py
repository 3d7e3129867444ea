"""A store that cannot be written: the platform is told so at once, and what it repeats is kept."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.settings import read_bot_settings
from knowledge.schema import InboxEvent
from knowledge.store import connect
from tests import databases
from tests.bot.messaging.conftest import (
    CANARY,
    PERSON,
    SECRET_KEY,
    SECRETS,
    Lines,
    batch,
    message,
    signature,
)

AT_ONCE = 1.0
"""Seconds: a platform waits for five of them, and so does everybody behind."""
MANY = 300
"""Events of a batch that fits into no room that a file may still have."""
NOBODY = 65534


@dataclass
class Site:
    """A site with a Page on Messenger.

    Attributes:
        client: calls its webhook.
        engine: another look at its store.
        file: its database, where that is a file.
    """

    client: FlaskClient
    engine: Engine
    file: Path

    def deliver(self, body: bytes) -> TestResponse:
        """Post a batch as Messenger does."""
        headers = {"X-Hub-Signature-256": signature(body), "Content-Type": "application/json"}
        return self.client.post("/webhooks/messenger", data=body, headers=headers)

    def kept(self) -> int:
        """Return how many events are stored."""
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count(InboxEvent.id))) or 0


Open = Callable[[Path, str], Site]


@pytest.fixture
def open_site(start_app: Callable[..., Flask], filled_database: Path) -> Iterator[Open]:
    """Open a site over a folder, with a database of its own or the one of an address."""
    engines: list[Engine] = []
    of_postgres: list[psycopg.Connection] = []

    def note(connection: object, *_: object) -> None:
        if isinstance(connection, psycopg.Connection):
            of_postgres.append(connection)

    event.listen(Engine, "connect", note)

    def open_it(folder: Path, url: str = "") -> Site:
        file = folder / "citewell.db"
        if not url:
            shutil.copy(filled_database, file)
        settings = read_bot_settings(
            {
                "CITEWELL_DATA_DIR": str(folder),
                "CITEWELL_TRACKER_DIR": str(folder),
                "CITEWELL_SECRET_KEY": SECRET_KEY,
                "CITEWELL_MESSENGER_APP_SECRET": SECRETS.app_secret,
                "CITEWELL_MESSENGER_VERIFY_TOKEN": SECRETS.verify_token,
                "CITEWELL_MESSENGER_PAGE_TOKEN": SECRETS.page_token,
                "DATABASE_URL": url,
            }
        )
        engines.append(connect(settings.knowledge.database_url))
        return Site(start_app(settings).test_client(), engines[-1], file)

    yield open_it
    event.remove(Engine, "connect", note)
    for engine in engines:
        engine.dispose()
    for connection in of_postgres:  # the app keeps its own open as long as its process lives
        connection.close()


def many() -> bytes:
    """Return a batch that needs room."""
    return batch(*(message(f"m{n}", f"{CANARY} {n} {'x' * 2000}") for n in range(MANY)))


@contextmanager
def listening() -> Iterator[Lines]:
    """Keep what is logged from now on: the start of an app sets logging up anew."""
    root, handler = logging.getLogger(), Lines()
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)


def assert_refused(site: Site, body: bytes) -> None:
    """Hold that a batch is refused at once, in a way that lets it come again, and is told of."""
    started = time.monotonic()
    with listening() as lines:
        response = site.deliver(body)
    assert time.monotonic() - started < AT_ONCE
    assert response.status_code == 503
    (told,) = [json.loads(line) for line in lines.lines if '"events_not_stored"' in line]
    assert (told["channel"], told["level"]) == ("messenger", "WARNING")
    for word in (CANARY, "canary", PERSON):
        assert word not in response.text
        assert not any(word in line for line in [*lines.lines, *lines.raw])


def assert_kept_once(site: Site, body: bytes, events: int) -> None:
    """Hold that a batch that was refused is taken when it comes again, and counts once."""
    assert site.kept() == 0, "all or nothing"
    assert site.deliver(body).status_code == 200
    assert site.deliver(body).status_code == 200
    assert site.kept() == events


# A full disk


def test_a_database_that_may_not_grow(open_site: Open, tmp_path: Path) -> None:
    limits = [0]

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={limits[0] or 2**30}")

    event.listen(Engine, "checkout", limit)
    try:
        site = open_site(tmp_path, "")
        with closing(sqlite3.connect(site.file)) as other:
            limits[0] = other.execute("PRAGMA page_count").fetchone()[0]
        assert_refused(site, many())
        limits[0] = 0
        assert_kept_once(site, many(), MANY)
    finally:
        event.remove(Engine, "checkout", limit)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Mount a small disk in memory, where that is allowed."""
    folder.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
    made = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        # Its files may still be open; it goes away with them.
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk to the last byte; return the file that does it."""
    file = folder / "filling"
    with file.open("wb", buffering=0) as filling:
        try:
            while filling.write(b"\0" * 4096):
                pass
        except OSError:
            return file


def test_a_disk_that_is_full(open_site: Open, filled_database: Path, tmp_path: Path) -> None:
    kilobytes = filled_database.stat().st_size // 1024 + 8 * 1024
    with small_disk(tmp_path / "disk", kilobytes) as folder:
        site = open_site(folder, "")
        filling = fill(folder)
        assert_refused(site, many())
        assert site.client.get("/healthz").status_code == 200
        filling.unlink()
        assert_kept_once(site, many(), MANY)


# A store that somebody else holds, or that may only be read


def test_a_database_that_somebody_else_has_locked(open_site: Open, tmp_path: Path) -> None:
    site, body = open_site(tmp_path, ""), batch(message("m1", CANARY))
    with closing(sqlite3.connect(site.file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert_refused(site, body)
        other.rollback()
    assert_kept_once(site, body, 1)


@contextmanager
def without_rights() -> Iterator[None]:
    """Be somebody who may not do everything: to root, no file is read-only."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_database_file_that_may_only_be_read(open_site: Open) -> None:
    # Not below pytest's folders, which only their owner may enter.
    with tempfile.TemporaryDirectory(prefix="citewell-read-only-") as name:
        folder, body = Path(name), batch(message("m1", CANARY))
        site = open_site(folder, "")
        modes = {file: file.stat().st_mode for file in (folder, *folder.glob("citewell.db*"))}
        for file in modes:
            file.chmod(0o555 if file.is_dir() else 0o444)
        with without_rights():
            assert_refused(site, body)
        for file, mode in modes.items():
            file.chmod(mode)
        assert_kept_once(site, body, 1)


# PostgreSQL


@pytest.fixture
def postgres_url(postgres_server: databases.Postgres) -> str:
    """A database of this test's own on a server that others use, too."""
    return postgres_server.new_database()


def test_a_table_that_somebody_else_has_locked(
    open_site: Open, postgres_url: str, tmp_path: Path
) -> None:
    site, body = open_site(tmp_path, postgres_url), batch(message("m1", CANARY))
    with site.engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE inbox_event IN EXCLUSIVE MODE")
        assert_refused(site, body)
    assert_kept_once(site, body, 1)


class Power:
    """Switches a PostgreSQL off, as if its machine had none, and on again."""

    def __init__(self, engine: Engine) -> None:
        with engine.connect() as connection:
            self._folder = str(connection.exec_driver_sql("SHOW data_directory").scalar())
        self._port = engine.url.port

    def off(self) -> None:
        """Stop it."""
        self._control("stop", "-m", "immediate")

    def on(self) -> None:
        """Start it."""
        self._control("start", "-l", f"{self._folder}/again.log", "-o", f"-p {self._port}")

    def _control(self, *words: str) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*as_user, "pg_ctl", "-w", "-D", self._folder, *words],
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def test_a_server_that_stops_in_between(open_site: Open, tmp_path: Path) -> None:
    if not shutil.which("pg_ctl"):
        pytest.skip("PostgreSQL's pg_ctl is not on the PATH")
    body = batch(message("m1", CANARY))
    try:
        with databases.postgres() as server:
            site = open_site(tmp_path, server.new_database())
            assert site.deliver(batch()).status_code == 200
            power = Power(site.engine)
            power.off()
            assert_refused(site, body)
            assert_refused(site, body)
            power.on()
            try:
                assert_kept_once(site, body, 1)
            finally:
                power.off()
    except databases.NoPostgres as error:
        pytest.skip(str(error))
