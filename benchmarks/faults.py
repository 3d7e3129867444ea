"""``make faults``: every process is killed at random while people write; nothing is lost or twice.

The real processes under their supervisor, Messenger's stand-in in the place of Meta. A seed decides
who writes what and when, and what is killed when. At the end every message is accounted for.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx

from benchmarks.faults_audit import Audit, audit, median, moving, spread
from benchmarks.faults_traffic import QUESTIONS, Traffic, plan
from benchmarks.page import write_part
from bot.messaging.sealing import Sealer
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.transcript import Line, Said, Transcript
from knowledge.settings import ROOT
from knowledge.store import connect
from tests import databases
from tests import stack as running

SECRET_KEY = "of-a-benchmark-only-" * 2
PROCESSES = ("web", "rasa", "actions", "messaging", "worker")
KILL_AFTER = (3.0, 10.0)
"""Least and most seconds between two kills."""
SHARES = {
    "500": 0.001,
    "1200": 0.0005,
    "sent-but-error": 0.001,
    "sent-but-dropped": 0.0005,
    "timeout": 0.0003,
    "613": 0.002,
    "slow": 0.001,
}
"""Of the calls that send a message, how many go wrong in which way (messenger_faults.FAULTS)."""
KILL_HEAD = ("Killed", "Times", "Again before it was back", "Back after, median s", "most s")
BACK_WITHIN = 120.0
SETTLED_WITHIN = 1800.0
OPENING = 40
ASKED_AT_MOST = 10
AIM_MEDIAN, AIM_MOST = 0.1, 1.0
"""Seconds until the 200: the median, and always while web is up."""


def tell(text: str) -> None:
    """Print a line of progress at once."""
    print(text, file=sys.stderr, flush=True)


@dataclass
class Kill:
    """One SIGKILL.

    Attributes:
        process: to which.
        at: when, in seconds since 1970.
        back_after: seconds until it did its work again; None if it did not in time.
        is_repeated: whether it was killed again before that, so that the time says nothing.
    """

    process: str
    at: float
    back_after: float | None = None
    is_repeated: bool = False


@dataclass(frozen=True)
class Run:
    """What is asked for: how long, how much, and what decides it."""

    seconds: float = 300.0
    rate: float = 20.0
    seed: int = 1
    database: str = "sqlite"
    processes: tuple[str, ...] = PROCESSES
    settled_within: float = SETTLED_WITHIN


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        run: what was asked for.
        traffic: what people wrote, and how it was delivered.
        kills: in their order.
        audit: what became of each message.
        drained_after: seconds from the last delivery until nothing moved any more.
        left: messages of people that were not settled when the last one was delivered.
        ended_at: when that was; nothing was killed after it.
        has_redis: whether Redis ran.
    """

    run: Run
    traffic: Traffic
    kills: list[Kill]
    audit: Audit
    drained_after: float
    left: int
    ended_at: float
    has_redis: bool


class Redis:
    """A real redis-server on loopback that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        """Start it on a free port."""
        (self.port,) = running.free_ports(1)
        self._folder = folder
        self._start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        """Kill it, and start another one a second later."""
        self._process.kill()
        self._process.wait()
        time.sleep(1.0)
        self._start()

    def answers(self) -> bool:
        """Tell whether it says PONG."""
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), 1.0)) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(timeout=20)

    def _start(self) -> None:
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "")
        self._process = subprocess.Popen(  # noqa: S603
            ["redis-server", *options, "--dir", str(self._folder)],  # noqa: S607
            stdout=subprocess.DEVNULL,
        )


def plan_kills(seed: int, seconds: float, names: Sequence[str]) -> list[tuple[float, str]]:
    """Return after how many seconds which process is killed."""
    chance = random.Random(seed)  # noqa: S311 - decides a benchmark, no secret
    made, after = list[tuple[float, str]](), chance.uniform(*KILL_AFTER)
    while after < seconds:
        made.append((after, chance.choice(names)))
        after += chance.uniform(*KILL_AFTER)
    return made


class Killer:
    """Kills one process after the other, and watches how long each is away."""

    def __init__(
        self, run: Run, stack: running.Stack, transcript: Transcript, redis: Redis | None
    ) -> None:
        """Decide by the seed what is killed when."""
        self._stack, self._transcript, self._redis = stack, transcript, redis
        names = (*run.processes, *(("redis",) if redis else ()))
        self._plan = plan_kills(run.seed, run.seconds, names)
        self._stop = threading.Event()
        self._watchers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._work)
        self.kills: list[Kill] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Kill no more; return when everything is back or was waited for long enough."""
        self._stop.set()
        for thread in (self._thread, *self._watchers):
            thread.join()

    def _work(self) -> None:
        began = time.monotonic()
        for after, name in self._plan:
            if self._stop.wait(max(0.0, began + after - time.monotonic())):
                return
            self._kill(name)

    def _kill(self, name: str) -> None:
        kill = Kill(name, time.time())
        if name == "redis" and self._redis:
            back: Callable[[], bool] = self._redis.answers
            self._redis.kill()
        else:
            pid = self._stack.pid(name)
            if not pid:
                tell(f"{name} is not running, so it cannot be killed")
                return
            kill.at = time.time()
            os.killpg(pid, signal.SIGKILL)  # gunicorn has a process behind it
            back = self._back(name, pid, kill.at)
        tell(f"killed {name}")
        for earlier in self.kills:
            if earlier.process == name and earlier.back_after is None:
                earlier.is_repeated = True
        self.kills.append(kill)
        watcher = threading.Thread(target=_watch, args=(kill, back), daemon=True)
        watcher.start()
        self._watchers.append(watcher)

    def _back(self, name: str, killed: int, at: float) -> Callable[[], bool]:
        """Return what tells whether a process does its work again."""
        env = self._stack.env
        addresses = {
            "web": f"{self._stack.base_url}/healthz",
            "rasa": f"http://127.0.0.1:{env['CITEWELL_RASA_PORT']}/webhooks/rest/",
            "actions": f"http://127.0.0.1:{env['CITEWELL_ACTIONS_PORT']}/ready",
        }
        if name in addresses:
            return lambda: _answers(addresses[name])
        if name == "messaging":
            seen = len(self._transcript.lines())
            return lambda: any(line.at > at + 0.5 for line in self._bot_lines(seen))
        return lambda: self._stack.pid(name) not in {0, killed}

    def _bot_lines(self, start: int) -> Iterator[Line]:
        return (line for line in self._transcript.lines(start) if not isinstance(line, Said))


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _watch(kill: Kill, back: Callable[[], bool]) -> None:
    time.sleep(0.3)
    while time.time() - kill.at < BACK_WITHIN:
        if back():
            kill.back_after = time.time() - kill.at
            return
        time.sleep(0.25)


@contextmanager
def _database(kind: str) -> Iterator[dict[str, str]]:
    """Give the setting of a database: none for SQLite in the data folder, or a PostgreSQL."""
    if kind == "sqlite":
        yield {}
        return
    with databases.postgres() as server:
        yield {"DATABASE_URL": server.new_database()}


@contextmanager
def _redis() -> Iterator[Redis | None]:
    """Run Redis where it is installed."""
    if not shutil.which("redis-server"):
        tell("redis-server is not installed (Debian: apt-get install redis-server): without it")
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="citewell-redis-") as folder:
        server = Redis(Path(folder))
        try:
            yield server
        finally:
            server.close()


def settings_of(stand_in: MessengerStandIn) -> dict[str, str]:
    """Return the settings of a site whose Messenger is a stand-in."""
    return {
        "CITEWELL_SECRET_KEY": SECRET_KEY,
        "CITEWELL_MESSENGER_APP_SECRET": stand_in.account.app_secret,
        "CITEWELL_MESSENGER_VERIFY_TOKEN": stand_in.account.verify_token,
        "CITEWELL_MESSENGER_PAGE_TOKEN": stand_in.account.page_token,
        "CITEWELL_MESSENGER_API_URL": f"{stand_in.url}/v25.0",
        "CITEWELL_LOG_LEVEL": "INFO",
    }


def openings(stack: running.Stack) -> dict[int, str]:
    """Ask each question until it is answered; return how its answer begins.

    Raises:
        RuntimeError: one of them gets no answer, or two get the same.
    """
    found = {number: _opening(stack, question) for number, question in enumerate(QUESTIONS)}
    if len(set(found.values())) < len(found):
        raise RuntimeError("two questions of the plan get the same answer")
    return found


def _opening(stack: running.Stack, question: str) -> str:
    for _ in range(ASKED_AT_MOST):
        patient = stack.conversation()
        with closing(patient.client):
            reply = patient.say(question)
        if reply["kind"] == "answer":
            return str(reply["text"]).split('"')[0].split("\n")[0][:OPENING]
        time.sleep(1.0)  # a slow machine may need a while after the start
    raise RuntimeError(f"no answer to a question of the plan: {question}")


def measure(run: Run, data: Path, more: Mapping[str, str] | None = None) -> Outcome:
    """Start everything, let people write while processes die, and account for every message.

    Args:
        run: what is asked for.
        data: folder of the stack; what was stored there is deleted.
        more: further settings of the stack.
    """
    with ExitStack() as opened:
        database = opened.enter_context(_database(run.database))
        redis = opened.enter_context(_redis())
        stand_in = opened.enter_context(MessengerStandIn("http://127.0.0.1:9", seed=run.seed))
        further = {"CITEWELL_REDIS_URL": redis.url} if redis else {}
        settings = {**settings_of(stand_in), **database, **further, **(more or {})}
        tell("starting the stack")
        stack = running.start(data, settings=settings)
        opened.callback(running.finish, stack)
        stand_in.webhook.url = f"{stack.base_url}/webhooks/messenger"
        return _work(run, stack, stand_in, redis)


def _work(
    run: Run, stack: running.Stack, stand_in: MessengerStandIn, redis: Redis | None
) -> Outcome:
    beginnings = openings(stack)
    for name, share in SHARES.items():
        stand_in.misbehaviour.sometimes(name, share)
    traffic = Traffic(stand_in, plan(run.seed, run.rate, run.seconds))
    killer = Killer(run, stack, stand_in.transcript, redis)
    tell(f"{run.rate:g} messages a second for {run.seconds:g} seconds")
    killer.start()
    traffic.run()
    killer.finish()
    engine = connect(stack.env.get("DATABASE_URL") or f"sqlite:///{stack.data / 'citewell.db'}")
    began, ended_at = time.monotonic(), time.time()
    left = moving(engine)[0]
    _settle(lambda: moving(engine), run.settled_within)
    drained_after = time.monotonic() - began
    found = audit(engine, Sealer(SECRET_KEY), traffic.asked, stand_in.transcript, beginnings)
    engine.dispose()
    has_redis = redis is not None
    return Outcome(run, traffic, killer.kills, found, drained_after, left, ended_at, has_redis)


def _settle(left: Callable[[], tuple[int, int]], seconds: float) -> None:
    """Wait until nothing moves any more, and tell how far it is."""
    deadline, told_at = time.monotonic() + seconds, 0.0
    while any(now := left()) and time.monotonic() < deadline:
        if time.monotonic() - told_at > 10:
            tell(f"{now[0]} events and {now[1]} messages are not settled yet")
            told_at = time.monotonic()
        time.sleep(1.0)


def latencies(outcome: Outcome) -> tuple[list[float], list[float]]:
    """Return the seconds until each 200: of all, and of those asked for while web was up."""
    away = [
        (k.at, k.at + (k.back_after or BACK_WITHIN)) for k in outcome.kills if k.process == "web"
    ]
    taken = [one for one in outcome.traffic.tried if one.status == httpx.codes.OK]
    while_up = [
        one.seconds
        for one in taken
        if not any(start <= one.at + one.seconds and one.at <= end for start, end in away)
    ]
    return [one.seconds for one in taken], while_up


def report(outcome: Outcome, command: str, busy: float) -> str:
    """Return the tables, as Markdown."""
    run = outcome.run
    store = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[run.database]
    head = (
        f"`{command}`, {date.today()}, {os.cpu_count()} cores, load average {busy:.1f} before the "
        f"start, {store}, {'with' if outcome.has_redis else 'without'} Redis."
    )
    rows = [*_event_rows(outcome), *_time_rows(outcome)]
    broken = outcome.audit.broken
    ending = (
        "Broken: " + ", ".join(f"{name} ({count})" for name, count in broken.items()) + "."
        if broken
        else "Every invariant holds."
    )
    return "\n".join(
        [
            "## Everything is killed while people write",
            "",
            head,
            "",
            *_table(("What", "Figure"), rows),
            "",
            *_table(KILL_HEAD, _kill_rows(outcome)),
            "",
            f"{ending} {_aim(outcome)}",
        ]
    )


def _event_rows(outcome: Outcome) -> list[tuple[str, str]]:
    found, traffic = outcome.audit, outcome.traffic
    accepted = found.accepted
    refused = Counter(one.status for one in traffic.tried if one.status != httpx.codes.OK)
    told = ", ".join(
        f"{status or 'no answer'}: {n}" for status, n in sorted(refused.items(), key=str)
    )
    died = sum(n for reason, n in found.ends.items() if reason.startswith("event failed"))
    kinds = ", ".join(f"{kind} {n}" for kind, n in found.kinds.most_common())
    ends = ", ".join(f"{reason} {n}" for reason, n in found.ends.most_common()) or "none"
    return [
        (
            "messages written, by people",
            f"{len(traffic.asked)}, {len({a.person for a in traffic.asked})}",
        ),
        ("deliveries tried; without a 200", f"{len(traffic.tried)}; {told or 'none'}"),
        ("messages accepted", f"{len(accepted)}"),
        ("never accepted, however often repeated", f"{len(found.fates) - len(accepted)}"),
        ("answered exactly once", f"{sum(fate.is_answered for fate in accepted)}"),
        ("of these while processes were killed", f"{_answered_under_fire(outcome)}"),
        ("their kinds", kinds),
        ("answered twice", f"{found.strangers + found.repeated}"),
        ("lost", f"{sum(fate.is_lost for fate in accepted)}"),
        ("not settled in time", f"{sum(fate.is_moving for fate in accepted)}"),
        ("recorded as not answered or uncertain", f"{sum(bool(fate.ends) for fate in accepted)}"),
        ("their reasons", ends),
        ("of these given up before there was a reply", f"{died}"),
        ("not on the page Delivery", f"{found.invisible}"),
        ("replies out of order", f"{found.unordered}"),
        ("answers recognised by their words", f"{found.told}"),
    ]


def _answered_under_fire(outcome: Outcome) -> int:
    """Count the answers that arrived while processes were killed: the others prove less."""
    answered = (fate for fate in outcome.audit.accepted if fate.is_answered)
    return sum(max(fate.times) <= outcome.ended_at for fate in answered)


def _time_rows(outcome: Outcome) -> list[tuple[str, str]]:
    every, while_up = latencies(outcome)
    waits = [max(fate.times) - fate.asked.at for fate in outcome.audit.accepted if fate.is_answered]
    drain = outcome.left / outcome.drained_after if outcome.drained_after > 1 else 0.0
    return [
        ("until the 200, median, p99, most", _milliseconds(every)),
        ("the same while web was up", _milliseconds(while_up)),
        (
            "until the whole answer, median, p95, most",
            f"{median(waits):.1f}, {spread(waits, 0.95):.1f}, {max(waits, default=0):.1f} s",
        ),
        (
            "left when the last was delivered; drained after",
            f"{outcome.left}; {outcome.drained_after:.0f} s ({drain:.1f} a second)",
        ),
    ]


def _aim(outcome: Outcome) -> str:
    """Say whether the 200 came as quickly as it should."""
    _, while_up = latencies(outcome)
    is_met = median(while_up) <= AIM_MEDIAN and max(while_up, default=0.0) <= AIM_MOST
    aim = f"{AIM_MEDIAN * 1000:.0f} ms in the median and always {AIM_MOST:g} s while web is up"
    return f"The aim for the 200, {aim}, is {'met' if is_met else 'missed'}."


def _milliseconds(seconds: Sequence[float]) -> str:
    values = (median(seconds), spread(seconds, 0.99), max(seconds, default=0.0))
    return ", ".join(f"{value * 1000:.0f}" for value in values) + " ms"


def _kill_rows(outcome: Outcome) -> list[tuple[str, ...]]:
    rows = list[tuple[str, ...]]()
    for name in sorted({kill.process for kill in outcome.kills}):
        kills = [kill for kill in outcome.kills if kill.process == name]
        again = sum(kill.is_repeated for kill in kills)
        alone = [kill for kill in kills if not kill.is_repeated]
        back = [kill.back_after for kill in alone if kill.back_after is not None]
        most = f"{max(back, default=0):.1f}" if len(back) == len(alone) else "not back in time"
        rows.append((name, str(len(kills)), str(again), f"{median(back):.1f}", most))
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 if a message was lost, answered twice, out of order or is not told of."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=Run.seconds)
    parser.add_argument("--rate", type=float, default=Run.rate, help="messages a second")
    parser.add_argument("--seed", type=int, default=Run.seed)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default=Run.database)
    parser.add_argument("--data", type=Path, default=ROOT / "var" / "faults", help="folder")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    args = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "benchmarks.faults", *given])
    busy = os.getloadavg()[0]
    run = Run(args.seconds, args.rate, args.seed, args.database)
    outcome = measure(run, args.data, {"CITEWELL_TRACKER_DIR": str(tracker_folder())})
    part = report(outcome, command, busy)
    print(part)
    if args.write:
        write_part("faults", part)
    return 1 if outcome.audit.broken else 0


def tracker_folder(name: str = "faults") -> Path:
    """Return where running conversations are kept: apart from those of other stacks."""
    memory = Path("/dev/shm")  # noqa: S108 as in bot/settings.py
    folder = f"citewell-{name}-{os.getuid()}"
    return memory / folder if memory.is_dir() else Path(tempfile.gettempdir()) / folder


if __name__ == "__main__":
    sys.exit(main())
