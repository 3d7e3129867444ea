"""The really running Citewell: four processes under their supervisor, started as people would."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import httpx
from supervisor.xmlrpc import SupervisorTransport

from bot.settings import read_bot_settings
from deploy import supervision
from tests import prepared

ROOT = Path(__file__).resolve().parent.parent
# Tests may run in several processes at once; each has a stack of its own.
DATA = ROOT / "var" / "test" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
# No promise to anybody: two stacks start at a time. How long one takes, `make measure` tells.
START_SECONDS = 480
PORTS = range(15_000, 32_000)
"""Below what Linux and others give to whoever asks for any port."""
PROCESSES = ("rasa", "actions", "web", "worker")
PR_SET_PDEATHSIG = 1
"""Of Linux's <sys/prctl.h>."""


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on.

    They are none that a system gives out by itself: until their server is up, others ask for those.
    """
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(PORTS)
        with socket.socket() as one:
            if port not in found and one.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; tell whether it did in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return condition()


@cache
def tls() -> ssl.SSLContext:
    """Return what every client would else load anew: the certificates, though none is asked for."""
    return ssl.create_default_context()


def environment(data: Path, ports: list[int]) -> dict[str, str]:
    """Return the settings of a stack of its own."""
    return {
        **prepared.without_settings(),
        "CITEWELL_DATA_DIR": str(data),
        "CITEWELL_PORT": str(ports[0]),
        "CITEWELL_RASA_PORT": str(ports[1]),
        "CITEWELL_ACTIONS_PORT": str(ports[2]),
        "CITEWELL_SESSION_LIMIT": "100000/minute",
        "CITEWELL_LOG_LEVEL": "DEBUG",
        # The browser tests embed the widget in a page of this name (tests/browser).
        "CITEWELL_FRAME_ANCESTORS": "http://clinic.example",
    }


@dataclass
class Conversation:
    """A patient who talks to the stack through the API."""

    client: httpx.Client
    token: str
    country: str | None = None

    def say(self, text: str) -> dict[str, Any]:
        """Send a message and return the reply."""
        response = self.send(text)
        assert response.status_code == 200, response.text
        reply: dict[str, Any] = response.json()
        return reply

    def send(self, text: str) -> httpx.Response:
        """Send a message and return the response as it is."""
        body = {"text": text, **({"country": self.country} if self.country else {})}
        return self.client.post("/api/v1/messages", json=body, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        """The header that carries the session."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Stack:
    """A running stack.

    Attributes:
        base_url: where the web process listens.
        data: its data folder.
        env: its settings.
        lines: what the start printed.
    """

    base_url: str
    data: Path
    env: dict[str, str]
    launcher: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def conversation(self, country: str | None = None) -> Conversation:
        """Start a session."""
        client = httpx.Client(base_url=self.base_url, timeout=15, verify=tls())
        try:
            response = client.post("/api/v1/sessions", json={})
        except httpx.TransportError:
            client.close()
            raise
        assert response.status_code == 201, response.text
        return Conversation(client, response.json()["session"], country)

    def ready(self) -> dict[str, str]:
        """Return what /readyz says of each part."""
        try:
            answer = httpx.get(f"{self.base_url}/readyz", timeout=5, verify=tls())
            checks: dict[str, str] = answer.json()["checks"]
        except (httpx.HTTPError, ValueError, KeyError):
            return {}
        return checks

    def is_ready(self) -> bool:
        """Tell whether everything is ready."""
        checks = self.ready()
        return bool(checks) and set(checks.values()) == {"ok"}

    def pid(self, process: str) -> int:
        """Return the process id of one of the four; 0 while it does not run."""
        # Not by supervisorctl, which takes half a second to start: this is asked often.
        wire = SupervisorTransport(serverurl=f"unix://{supervision.socket(self.data)}")
        try:
            with ServerProxy("http://127.0.0.1", wire) as supervisor:
                told: Any = supervisor.supervisor.getProcessInfo(process)
        except (OSError, HTTPException, Fault):
            return 0
        return int(told["pid"])

    def stop(self, process: str) -> None:
        """Stop one of the four and keep it stopped."""
        self._control("stop", process)

    def start(self, process: str) -> None:
        """Start one of the four again."""
        self._control("start", process)

    def signal(self, process: str, number: signal.Signals) -> None:
        """Send a signal to one of the four."""
        os.kill(self.pid(process), number)

    @property
    def tracker(self) -> Path:
        """The file of running conversations."""
        return read_bot_settings(self.env).tracker_file

    def tracker_rows(self) -> int:
        """Return how many events Rasa keeps."""
        with sqlite3.connect(self.tracker, timeout=5) as connection:
            rows: int = connection.execute("SELECT COUNT(*) FROM events").fetchone()[0]
        connection.close()
        return rows

    def _control(self, *words: str) -> subprocess.CompletedProcess[str]:
        config = str(self.data / "supervisord.conf")
        return subprocess.run(
            [sys.executable, "-m", "supervisor.supervisorctl", "-c", config, *words],
            text=True,
            capture_output=True,
            check=False,
        )


def prepare(
    data: Path = DATA, *, keep: bool = False, settings: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Make a data folder ready for a start, models and vectors in it; return its settings.

    Args:
        data: the folder.
        keep: whether what was stored stays, as for people who start again.
        settings: further ones, which replace those that every stack has.
    """
    data.mkdir(parents=True, exist_ok=True)
    env = environment(data, free_ports(3))
    env["CITEWELL_TRACKER_DIR"] = str(tracker_folder(data))
    env |= settings or {}
    tracker = Path(env["CITEWELL_TRACKER_DIR"])
    old = [*data.glob("*.db*"), *data.glob("log/*"), *tracker.glob("*.db*")]
    for file in [] if keep else old:
        file.unlink()
    prepared.fill(data)
    return env


def tracker_folder(data: Path) -> Path:
    """Return where a stack keeps running conversations: in memory, where that can be."""
    memory = Path("/dev/shm")  # noqa: S108 as in bot/settings.py
    own = memory / f"citewell-test-{os.getuid()}-{data.name}"
    return own if memory.is_dir() else data


def stop_with_the_tests() -> None:
    """Let this process be told to stop when the one that started it ends, however it ends.

    pytest-xdist kills its processes when somebody presses Ctrl-C; no fixture ends then. Only Linux
    can do this.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def start(
    data: Path = DATA, *, keep: bool = False, settings: Mapping[str, str] | None = None
) -> Stack:
    """Start a stack with `python -m deploy.launch` and wait until it answers."""
    env = prepare(data, keep=keep, settings=settings)
    launcher = subprocess.Popen(
        [sys.executable, "-m", "deploy.launch"],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=stop_with_the_tests,
    )
    stack = Stack(f"http://127.0.0.1:{env['CITEWELL_PORT']}", data, env, launcher)

    def read() -> None:
        assert launcher.stdout is not None
        for line in launcher.stdout:
            stack.lines.append(line.rstrip())

    threading.Thread(target=read, daemon=True).start()
    answers = wait_for(
        lambda: any("answers at" in line for line in stack.lines) or launcher.poll() is not None,
        START_SECONDS,
    )
    if not answers or launcher.poll() is not None:
        finish(stack)
        raise AssertionError("the stack did not start:\n" + "\n".join(stack.lines))
    return stack


def finish(stack: Stack) -> int:
    """Stop a stack as Ctrl-C would; return the launcher's exit status."""
    if stack.launcher.poll() is None:
        stack.launcher.send_signal(signal.SIGINT)
    try:
        status = stack.launcher.wait(timeout=40)
    except subprocess.TimeoutExpired:
        os.killpg(stack.launcher.pid, signal.SIGKILL)
        status = stack.launcher.wait()
    if stack.launcher.stdout is not None:
        stack.launcher.stdout.close()
    return status
