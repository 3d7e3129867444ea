"""What an examination finds, check by check, and how that is told."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TextIO

Level = Literal["ok", "warning", "failed", "skipped"]
LABELS: dict[Level, str] = {
    "ok": "ok",
    "warning": "warning",
    "failed": "FAILED",
    "skipped": "skipped",
}
WIDTH = 100
INDENT = " " * 9
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True)
class Seen:
    """What one check found.

    Attributes:
        level: how good that is.
        found: what is there, as a sentence.
        advice: what to do about it: the exact setting or screen; "" where nothing is to be done.
    """

    level: Level
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Finding:
    """What was found, and by which check."""

    check: str
    level: Level
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes:
        name: what it is called in the report.
        look: looks.
        needs: checks that must not have failed before this one makes sense.
    """

    name: str
    look: Callable[[], Seen]
    needs: Sequence[str] = ()


class Stopped(Exception):
    """A check cannot go on; ``seen`` is what it found."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen.found)
        self.seen = seen


def ok(found: str) -> Seen:
    """Return that all is well."""
    return Seen("ok", found)


def warning(found: str, advice: str) -> Seen:
    """Return that it works, or may, and is worth a look."""
    return Seen("warning", found, advice)


def failed(found: str, advice: str) -> Seen:
    """Return that it does not work."""
    return Seen("failed", found, advice)


def skipped(found: str, advice: str = "") -> Seen:
    """Return that this could not be looked at."""
    return Seen("skipped", found, advice)


def ago(seconds: float) -> str:
    """Return how long ago something was, in words."""
    for name, length in UNITS:
        count = int(seconds // length)
        if count > 0:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield what each check finds as soon as it is known; what needs a failed one is skipped."""
    closed: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in closed]
        seen = skipped(f"needs “{missing[0]}”") if missing else _look(check)
        if seen.level in {"failed", "skipped"}:
            closed.add(check.name)
        yield Finding(check.name, seen.level, seen.found, seen.advice)


def _look(check: Check) -> Seen:
    try:
        return check.look()
    except Stopped as stopped:
        return stopped.seen


def report(findings: Iterable[Finding], out: TextIO, *, as_json: bool = False) -> int:
    """Write findings, each as it comes; return the exit code: 1 where something failed.

    Args:
        findings: what was found.
        out: where to.
        as_json: write one JSON object at the end instead of lines for people.
    """
    told: list[Finding] = []
    for finding in findings:
        told.append(finding)
        if not as_json:
            _write(finding, out)
    counts = Counter(finding.level for finding in told)
    if as_json:
        content = {"ok": not counts["failed"], "checks": [asdict(finding) for finding in told]}
        out.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    else:
        parts = [f"{counts[level]} {label}" for level, label in LABELS.items() if counts[level]]
        out.write(f"\n{', '.join(parts)}\n")
    return 1 if counts["failed"] else 0


def _write(finding: Finding, out: TextIO) -> None:
    """Write one finding: what was found on its first line, what to do below."""
    out.write(f"{LABELS[finding.level]:<7}  {finding.check}: {finding.found}\n")
    for line in finding.advice.splitlines():
        first, then = f"{INDENT}-> ", f"{INDENT}   "
        wrapped = textwrap.wrap(
            line,
            WIDTH,
            initial_indent=first,
            subsequent_indent=then,
            break_long_words=False,
            break_on_hyphens=False,
        )
        out.write("".join(f"{one}\n" for one in wrapped))
    out.flush()
