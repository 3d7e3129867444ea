"""Databases for tests: SQLite in a file, and a really running PostgreSQL on loopback.

A database in the newest shape is made once; each test gets a copy, which takes milliseconds.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from knowledge.store import connect, migrate

STARTED_WITHIN = 30.0


class NoPostgres(Exception):
    """PostgreSQL cannot be started here; the message says why."""


class Postgres:
    """A server with a database to copy from."""

    def __init__(self, port: int) -> None:
        self._server = f"postgresql+psycopg://citewell@127.0.0.1:{port}"
        # No pool: a test that closes what is connected must not close this for those after it.
        self._admin = sa.create_engine(
            f"{self._server}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        )
        self._template = ""

    def new_database(self) -> str:
        """Return the address of a new database in the newest shape."""
        if not self._template:
            name = self._create("template1")
            engine = connect(f"{self._server}/{name}")
            migrate(engine)
            engine.dispose()
            self._template = name
        return f"{self._server}/{self._create(self._template)}"

    def close(self) -> None:
        """Let go of the server."""
        self._admin.dispose()

    def _create(self, template: str) -> str:
        name = f"test_{secrets.token_hex(6)}"
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server in a folder of its own, on a free port of loopback, and stop it at the end.

    Raises:
        NoPostgres: its programs are missing, or it does not start.
    """
    if not shutil.which("initdb") or not shutil.which("postgres"):
        raise NoPostgres("PostgreSQL's initdb and postgres are not on the PATH")
    # Not below pytest's folders, which only their owner may enter.
    with tempfile.TemporaryDirectory(prefix="citewell-postgres-") as folder:
        with _server(Path(folder)) as running:
            yield running


@contextmanager
def _server(data: Path) -> Iterator[Postgres]:
    # It refuses to run as root.
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": ()}
        shutil.chown(data, "postgres", "postgres")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = subprocess.run(
        [
            "initdb",
            "-D",
            data,
            "-U",
            "citewell",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
        ],
        capture_output=True,
        text=True,
        check=False,
        **as_user,
    )
    if made.returncode:
        raise NoPostgres(f"initdb failed: {made.stderr.strip()[-300:]}")
    # Nothing in it outlives the server, and no table grows large.
    options = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    options |= {"autovacuum": "off", "jit": "off", "wal_level": "minimal", "max_wal_senders": "0"}
    options |= {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        ["postgres", "-D", data, "-p", str(port), *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **as_user,
    )
    try:
        _wait(port, server)
        running = Postgres(port)
        yield running
        running.close()
    finally:
        # At once: waiting for connections and writing hundreds of databases to disk takes long.
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=STARTED_WITHIN)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=citewell dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise NoPostgres("postgres did not start")
