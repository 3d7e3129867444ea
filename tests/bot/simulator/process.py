"""``python -m bot simulate`` as a process of its own, in a pipe."""

from __future__ import annotations

import subprocess
import sys

from knowledge.settings import ROOT
from tests.stack import free_ports


def free_port() -> int:
    """Return a port that nothing listens on."""
    return free_ports(1)[0]


def simulate(
    platform: str, webhook: str, text: str, *more: str, port: int
) -> subprocess.CompletedProcess[str]:
    """Run the command with lines on its standard input."""
    command = (sys.executable, "-m", "bot", "simulate", platform)
    return subprocess.run(
        [*command, f"--webhook={webhook}", f"--port={port}", *more],
        input=text,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
