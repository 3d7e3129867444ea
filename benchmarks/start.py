"""How long a warm start takes and what each process holds in memory. ``make measure``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests import stack as running

STARTS = 3


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    total = 0
    for child in _family(pid):
        for line in Path(f"/proc/{child}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def _family(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    children = [
        int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()
    ]
    return [pid, *(other for child in children for other in _family(child))]


def main() -> int:
    """Start the stack a few times and print the figures."""
    if not Path("/proc/self/status").exists():
        print("this reads /proc, which only Linux has", file=sys.stderr)
        return 1
    print("preparing …", flush=True)
    running.finish(running.start())
    seconds = []
    memory: dict[str, float] = {}
    for _ in range(STARTS):
        started = time.monotonic()
        stack = running.start(keep=True)
        seconds.append(time.monotonic() - started)
        stack.conversation().say("can I catch the flu from the flu shot?")
        memory = {name: resident_megabytes(stack.pid(name)) for name in running.PROCESSES}
        running.finish(stack)
    print(f"warm start to first answer: {', '.join(f'{value:.1f} s' for value in seconds)}")
    for name, megabytes in memory.items():
        print(f"{name:8} {megabytes:6.0f} MB")
    print(f"{'all':8} {sum(memory.values()):6.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
