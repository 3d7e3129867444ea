"""How long Messenger waits for its 200: signed batches to the real web process, Rasa dead.

``python -m benchmarks.webhook`` starts gunicorn over a SQLite of its own, first with nothing behind
it, then with the process that answers at work on thousands of events; both are stopped at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import multiprocessing
import os
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from benchmarks.page import write_part
from bot.messaging.inbox import Inbox, Incoming
from bot.messaging.sealing import Sealer
from bot.simulator.messenger.stand_in import MessengerStandIn
from knowledge.schema import InboxEvent, now
from knowledge.settings import ROOT
from knowledge.store import connect, migrate, transaction

SECRET_KEY = "of-a-benchmark-only-" * 2
FIRST_PERSON = 10**15
ROUNDS = {1: 300, 10: 100, 100: 50, 1000: 10}
"""How often a batch of each size is sent."""
STARTED_WITHIN = 60.0
BACKLOG = 5000
"""Events that wait for the process that answers: more than it can do meanwhile."""
NOTHING, BUSY = "nothing", "messaging, at work"
HEAD = ("behind web", "events", "batches", "median ms", "95 % ms", "most ms")


def body(size: int, number: int) -> bytes:
    """Return a batch of questions, none of which was there before."""
    stamp = int(time.time() * 1000)
    entry = [
        {
            "id": "1",
            "time": stamp,
            "messaging": [
                {
                    "sender": {"id": str(FIRST_PERSON + place)},
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


@dataclass(frozen=True)
class Platform:
    """The stand-in of Messenger: where it is, and what both sides prove themselves with."""

    url: str
    app_secret: str
    page_token: str


def settings_of(folder: Path, platform: Platform) -> dict[str, str]:
    """Return the settings of a site whose Rasa is dead, and whose Messenger is a stand-in."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        **os.environ,
        "CITEWELL_DATA_DIR": str(folder),
        "CITEWELL_TRACKER_DIR": str(folder),
        "CITEWELL_SECRET_KEY": SECRET_KEY,
        "CITEWELL_PORT": str(port),
        "CITEWELL_RASA_PORT": "9",
        "CITEWELL_MESSENGER_APP_SECRET": platform.app_secret,
        "CITEWELL_MESSENGER_VERIFY_TOKEN": "v",
        "CITEWELL_MESSENGER_PAGE_TOKEN": platform.page_token,
        "CITEWELL_MESSENGER_API_URL": f"{platform.url}/v25.0",
        "DATABASE_URL": "",
    }


def _stand_in(line: Connection) -> None:
    """Play Messenger until told to stop; everybody may be written to."""
    with MessengerStandIn("http://127.0.0.1:9") as messenger:
        for place in range(BACKLOG):
            messenger.graph.heard_from(str(FIRST_PERSON + place))
        account = messenger.account
        line.send(Platform(messenger.url, account.app_secret, account.page_token))
        line.recv()


@contextmanager
def stand_in() -> Iterator[Platform]:
    """Run the stand-in in a process of its own, so that it does not hold up what is measured."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_stand_in, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


@contextmanager
def web(env: Mapping[str, str]) -> Iterator[str]:
    """Run the web process; give the webhook's address."""
    address = f"http://127.0.0.1:{env['CITEWELL_PORT']}"
    with _running(env, "gunicorn", "-c", "deploy/gunicorn_conf.py", "bot.app:create_app()") as one:
        wait(f"{address}/healthz", one)
        yield f"{address}/webhooks/messenger"


@contextmanager
def messaging(env: Mapping[str, str], engine: Engine) -> Iterator[None]:
    """Run the process that answers, with a backlog; return when it is at work."""
    inbox = Inbox(engine, Sealer(SECRET_KEY))
    inbox.keep([_event(place) for place in range(BACKLOG)])
    with _running(env, "bot.messaging") as process:
        deadline = time.monotonic() + STARTED_WITHIN
        while left(engine) == BACKLOG:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the process messaging did not start")
            time.sleep(0.1)
        yield


def _event(place: int) -> Incoming:
    person = str(FIRST_PERSON + place)
    return Incoming("messenger", "1", f"m_{place}", person, "text", now(), "what is the flu?")


@contextmanager
def _running(env: Mapping[str, str], *module: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", *module]
    process = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, env=dict(env), stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=STARTED_WITHIN)


def left(engine: Engine) -> int:
    """Return how many events are not done."""
    waiting = sa.select(sa.func.count(InboxEvent.id)).where(
        InboxEvent.state.in_(("waiting", "working"))
    )
    with transaction(engine) as session:
        return session.scalar(waiting) or 0


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


def measure(client: httpx.Client, address: str, secret: str, size: int, rounds: int) -> list[float]:
    """Return the milliseconds that each batch of a size took.

    Raises:
        RuntimeError: one was not taken.
    """
    taken = []
    for number in range(rounds):
        content = body(size, number)
        digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
        started = time.perf_counter()
        response = client.post(address, content=content, headers=headers)
        taken.append((time.perf_counter() - started) * 1000)
        if response.status_code != httpx.codes.OK:
            raise RuntimeError(f"status {response.status_code}")
    return taken


def rows(behind: str, address: str, secret: str) -> list[tuple[str, ...]]:
    """Measure each size of batch; return the rows of the table."""
    found = list[tuple[str, ...]]()
    with httpx.Client(trust_env=False, timeout=30) as client:
        for size, rounds in ROUNDS.items():
            taken = sorted(measure(client, address, secret, size, rounds))
            high = taken[int(len(taken) * 0.95)]
            figures = (statistics.median(taken), high, taken[-1])
            found.append((behind, str(size), str(rounds), *(f"{one:.1f}" for one in figures)))
    return found


def one_site(platform: Platform, behind: str) -> tuple[list[tuple[str, ...]], int, int]:
    """Measure over a store of its own; return the rows, the events stored, and those left to do."""
    with tempfile.TemporaryDirectory(prefix="citewell-webhook-") as folder:
        engine = connect(f"sqlite:///{Path(folder) / 'citewell.db'}")
        migrate(engine)
        env = settings_of(Path(folder), platform)
        with web(env) as address, httpx.Client(trust_env=False, timeout=30) as client:
            measure(client, address, platform.app_secret, 1, 1)
            with transaction(engine) as session:
                session.execute(sa.delete(InboxEvent))
            if behind == NOTHING:
                found, to_do = rows(behind, address, platform.app_secret), 0
            else:
                with messaging(env, engine):
                    found = rows(behind, address, platform.app_secret)
                    to_do = left(engine)
        with transaction(engine) as session:
            stored = session.scalar(sa.select(sa.func.count(InboxEvent.id))) or 0
        engine.dispose()
    return found, stored, to_do


def report(found: Sequence[Sequence[str]], command: str, busy: float, ends: Sequence[str]) -> str:
    """Return the table, as Markdown."""
    lines = [HEAD, ["---", *["--:"] * (len(HEAD) - 1)], *found]
    return "\n".join(
        [
            "## Until a platform has its 200",
            "",
            f"`{command}`, {date.today()}, {os.cpu_count()} cores, load average {busy:.1f} before "
            "the start, SQLite. Rasa is dead all the time.",
            "",
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
            *ends,
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and check that every event was stored."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    args = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    busy = os.getloadavg()[0]
    expected = sum(size * rounds for size, rounds in ROUNDS.items())
    with stand_in() as platform:
        alone, stored_alone, _ = one_site(platform, NOTHING)
        beside, stored, to_do = one_site(platform, BUSY)
    is_whole = (stored_alone, stored) == (expected, expected + BACKLOG)
    ends = [
        f"{stored_alone} of {expected} and {stored} of {expected + BACKLOG} events were stored; "
        f"{to_do} were not answered yet when the last was delivered."
    ]
    command = shlex.join(["python", "-m", "benchmarks.webhook", *given])
    part = report([*alone, *beside], command, busy, ends)
    print(part)
    if args.write:
        write_part("webhook", part)
    return 0 if is_whole and to_do else 1


if __name__ == "__main__":
    sys.exit(main())
