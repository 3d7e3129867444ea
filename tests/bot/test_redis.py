"""Redis, a real one: limits that processes share, rings that wake, and life without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bot import bell as bells
from bot import rate_limit
from bot.bell import Bell, RedisBell
from bot.errors import Problem
from bot.rate_limit import RateLimits
from bot.settings import RedisSettings, read_bot_settings
from knowledge.settings import SettingError
from tests.redis_server import RedisServer
from tests.stack import free_ports, wait_for

SECRET = "s" * 32


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of its own."""
    (port,) = free_ports(1)
    server = RedisServer(tmp_path, port)
    server.start()
    yield server
    server.kill()


def refused(limits: RateLimits, key: str = "198.51.100.7", limit: str = "3/minute") -> bool:
    try:
        limits.of("sessions", limit).hit(key)
    except Problem as problem:
        return problem.status == 429 and 1 <= (problem.retry_after or 0) <= 61
    return False


def test_processes_count_together(redis: RedisServer) -> None:
    here, there = (RateLimits(RedisSettings(redis.url, SECRET)) for _ in range(2))
    assert [refused(here), refused(there), refused(here)] == [False] * 3
    assert refused(there)
    assert not refused(there, "198.51.100.8")
    here.of("messages", "3/minute").hit("198.51.100.7")


def test_without_redis_each_counts_for_itself() -> None:
    one, other = RateLimits().of("sessions", "1/minute"), RateLimits().of("sessions", "1/minute")
    one.hit("a")
    other.hit("a")
    with pytest.raises(Problem):
        one.hit("a")


def test_no_address_reaches_redis(redis: RedisServer) -> None:
    refused(RateLimits(RedisSettings(redis.url, SECRET)))
    names = Redis.from_url(redis.url).keys()
    assert names
    assert all(name.startswith(b"citewell") for name in names)
    assert not any(b"198.51" in name for name in names)


def test_a_limit_holds_on_while_redis_is_away_and_is_quick(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = RateLimits(RedisSettings(redis.url, SECRET)).of("sessions", "2/minute")
    limit.hit("a")
    redis.kill()
    started = time.monotonic()
    limit.hit("a")
    limit.hit("a")
    with pytest.raises(Problem):
        limit.hit("a")
    assert time.monotonic() - started < 2
    redis.start()
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: started + 60)
    limit.hit("a")  # the server began anew, and counts from one again
    limit.hit("a")
    with pytest.raises(Problem):
        limit.hit("a")


def test_a_server_that_does_not_answer_holds_nobody_up() -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        started = time.monotonic()
        RateLimits(RedisSettings(url, SECRET)).of("sessions", "2/minute").hit("a")
        RedisBell(url).ring()
        assert time.monotonic() - started < 1.5


# The bell


def test_who_waits_is_woken_and_a_ring_before_is_not_missed() -> None:
    bell = Bell()
    heard = bell.count
    bell.ring()
    started = time.monotonic()
    bell.wait(heard, 30)
    heard = bell.count  # before the timer, which may be quicker than the next line
    threading.Timer(0.05, bell.ring).start()
    bell.wait(heard, 30)
    assert time.monotonic() - started < 5


def test_nobody_waits_longer_than_they_said() -> None:
    started = time.monotonic()
    bell = Bell()
    bell.wait(bell.count, 0.05)
    assert time.monotonic() - started < 5


def test_a_ring_reaches_another_process_and_again_after_redis_was_away(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "AWAY_SECONDS", 0.05)
    near, stop = Bell(), threading.Event()
    far = RedisBell(redis.url)
    listening = threading.Thread(target=RedisBell(redis.url).listen, args=(near, stop))
    listening.start()

    def rings() -> bool:
        before = near.count
        far.ring()
        near.wait(before, 0.3)
        return near.count > before

    try:
        assert wait_for(rings, 10)
        redis.kill()
        far.ring()
        redis.start()
        assert wait_for(rings, 20)
    finally:
        stop.set()
        listening.join()


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://127.0.0.1", "redis:// a"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    env = {"CITEWELL_SECRET_KEY": SECRET, "CITEWELL_REDIS_URL": url}
    with pytest.raises(SettingError, match="CITEWELL_REDIS_URL"):
        read_bot_settings(env)


def test_its_password_is_not_shown() -> None:
    url = "redis://:hunter2@127.0.0.1:6379/0"
    settings = read_bot_settings({"CITEWELL_SECRET_KEY": SECRET, "CITEWELL_REDIS_URL": url})
    assert settings.redis is not None
    assert settings.redis.url == url
    assert "hunter2" not in repr(settings)
