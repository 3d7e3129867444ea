"""Fixtures for set-up and start."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from bot.safety.triage import load_rules
from bot.settings import BotSettings, read_bot_settings

# Compiling the triage rules takes half a second; they never change, so tests share them.
RULES = cache(load_rules)


@pytest.fixture(autouse=True)
def _shared_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.launch.load_rules", RULES)


@pytest.fixture
def read_settings_with(tmp_path: Path) -> Callable[..., BotSettings]:
    """Read settings with a data folder of this test's own."""

    def read(**env: str) -> BotSettings:
        basic = {"CITEWELL_DATA_DIR": str(tmp_path / "data"), "CITEWELL_SECRET_KEY": "k" * 40}
        return read_bot_settings({**basic, **env})

    return read


@pytest.fixture
def settings(read_settings_with: Callable[..., BotSettings]) -> BotSettings:
    """Settings as they are without any choice."""
    return read_settings_with()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


@pytest.fixture
def free_ports() -> list[int]:
    """Three ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(3)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    numbers = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return numbers
