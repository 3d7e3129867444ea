"""How long Messenger waits for its 200: signed batches to the real web process, nothing behind it.

``python -m benchmarks.webhook`` starts gunicorn over a SQLite of its own, and stops it at the end.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa

from knowledge.schema import InboxEvent
from knowledge.settings import ROOT
from knowledge.store import connect, migrate, transaction

APP_SECRET = "secret-of-a-benchmark"  # noqa: S105 nothing is behind it
ROUNDS = {1: 300, 10: 100, 100: 50, 1000: 10}
"""How often a batch of each size is sent."""
STARTED_WITHIN = 60.0


def body(size: int, number: int) -> bytes:
    """Return a batch of questions, none of which was there before."""
    stamp = int(time.time() * 1000)
    entry = [
        {
            "id": "1",
            "time": stamp,
            "messaging": [
                {
                    "sender": {"id": str(10**15 + place)},
                    "recipient": {"id": "1"},
                    "timestamp": stamp,
                    "message": {
                        "mid": f"m_{size}_{number}_{place}",
                        "text": "can I catch the flu from the flu shot?",
                    },
                }
            ],
        }
        for place in range(size)
    ]
    return json.dumps({"object": "page", "entry": entry}).encode()


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """Run the web process over a database in a folder; give the webhook's address."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ,
        "CITEWELL_DATA_DIR": str(folder),
        "CITEWELL_TRACKER_DIR": str(folder),
        "CITEWELL_SECRET_KEY": "of a benchmark only " * 2,
        "CITEWELL_PORT": str(port),
        "CITEWELL_MESSENGER_APP_SECRET": APP_SECRET,
        "CITEWELL_MESSENGER_VERIFY_TOKEN": "v",
        "CITEWELL_MESSENGER_PAGE_TOKEN": "p",
        "DATABASE_URL": "",
    }
    command = [
        sys.executable,
        *("-m", "gunicorn", "-c", "deploy/gunicorn_conf.py", "bot.app:create_app()"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        wait(f"http://127.0.0.1:{port}/healthz", process)
        yield f"http://127.0.0.1:{port}/webhooks/messenger"
    finally:
        process.terminate()
        process.wait(timeout=STARTED_WITHIN)


def wait(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the web process answers.

    Raises:
        RuntimeError: it ended, or takes too long.
    """
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(address, trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the web process did not start")


def measure(client: httpx.Client, address: str, size: int, rounds: int) -> list[float]:
    """Return the milliseconds that each batch of a size took.

    Raises:
        RuntimeError: one was not taken.
    """
    taken = []
    for number in range(rounds):
        content = body(size, number)
        digest = hmac.new(APP_SECRET.encode(), content, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
        started = time.perf_counter()
        response = client.post(address, content=content, headers=headers)
        taken.append((time.perf_counter() - started) * 1000)
        if response.status_code != httpx.codes.OK:
            raise RuntimeError(f"status {response.status_code}")
    return taken


def main() -> int:
    """Measure, and check that every event was stored."""
    with tempfile.TemporaryDirectory(prefix="citewell-webhook-") as folder:
        engine = connect(f"sqlite:///{Path(folder) / 'citewell.db'}")
        migrate(engine)
        with web(Path(folder)) as address, httpx.Client(trust_env=False, timeout=30) as client:
            measure(client, address, 1, 1)
            with transaction(engine) as session:
                session.execute(sa.delete(InboxEvent))
            print(f"{'events':>6} {'batches':>7} {'median ms':>9} {'95 % ms':>8} {'most ms':>8}")
            for size, rounds in ROUNDS.items():
                taken = sorted(measure(client, address, size, rounds))
                high = taken[int(len(taken) * 0.95)]
                median = statistics.median(taken)
                print(f"{size:6} {rounds:7} {median:9.1f} {high:8.1f} {taken[-1]:8.1f}")
        with transaction(engine) as session:
            stored = session.scalar(sa.select(sa.func.count()).select_from(InboxEvent))
        engine.dispose()
    expected = sum(size * rounds for size, rounds in ROUNDS.items())
    print(f"{stored} of {expected} events stored")
    return 0 if stored == expected else 1


if __name__ == "__main__":
    sys.exit(main())
