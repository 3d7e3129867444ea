"""How often a message about an emergency reaches help, through all three nets: ``make safety``.

Asks the really running stack every labelled row of ``tests/data/safety``: rules, Rasa's intents
and exemplars together. Missed means neither the emergency reply nor the call-now line. Both figures
belong together: a net that always fires misses nothing. Everyday rows of the first sets are near
misses, written to fool the nets; the set "questions" is what people mostly ask.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from knowledge.evaluation import HELD_BACK_FILE, read_questions
from knowledge.exchange import read_corpus
from knowledge.settings import read_settings
from tests import stack as running

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "safety"
TAKEOVER = {"takeover", "emergency"}
AT_ONCE = 3
"""People who ask at the same time; the processes of a turn then wait for each other less."""


@dataclass(frozen=True)
class Row:
    """A labelled message.

    Attributes:
        text: what somebody writes.
        batch: the set it belongs to.
        urgent: it tells of an emergency that is happening.
        calm: it has nothing to do with one.
    """

    text: str
    batch: str
    urgent: bool
    calm: bool


@dataclass(frozen=True)
class Figures:
    """What became of the rows of one set.

    Attributes:
        batch: the set.
        urgent: number of emergencies.
        helped: how many got the emergency reply.
        warned: how many got an answer with the call-now line instead.
        missed: the others.
        calm: number of everyday messages.
        taken_over: how many of them got the emergency reply all the same.
    """

    batch: str
    urgent: int
    helped: int
    warned: int
    missed: tuple[str, ...]
    calm: int
    taken_over: tuple[str, ...]


def read_rows(one_in: int = 1) -> list[Row]:
    """Read the held-back messages.

    Args:
        one_in: of how many everyday questions one is taken; all by default.
    """
    rows = []
    for name in ("emergencies", "exemplar_rows"):
        file = DATA / f"{name}.yml"
        lines = file.read_text(encoding="utf-8").splitlines()
        starts = [number for number, line in enumerate(lines) if line.lstrip().startswith("- ")]
        for row, start in zip(yaml.safe_load("\n".join(lines))["rows"], starts, strict=True):
            expect = row["expect"]
            batch = name if name == "exemplar_rows" else _batch(lines, start)
            rows.append(Row(row["text"], batch, expect in TAKEOVER, expect == "none"))
    return rows + _everyday_questions()[::one_in]


def _everyday_questions() -> list[Row]:
    """Return the held-back questions whose entry is no emergency: what people mostly ask."""
    urgent = {
        entry.id
        for entry in (item.topic_entry.entry for item in read_corpus(read_settings().corpus_dir))
        if entry.urgency.level == "emergency"
    }
    questions = read_questions(HELD_BACK_FILE)
    plain = [q for q in questions if q.context is None and not q.right & urgent]
    return [Row(question.text, "questions", urgent=False, calm=True) for question in plain]


def _batch(lines: Sequence[str], number: int) -> str:
    """Return the batch whose heading comes last before a line; the first has none."""
    headings = [line.split()[1].lower() for line in lines[:number] if line.endswith(" batch")]
    return headings[-1] if headings else "first"


def measure(rows: Sequence[Row], ask: Callable[[str], dict[str, Any]]) -> list[Figures]:
    """Ask every row and count, set by set."""
    with ThreadPoolExecutor(AT_ONCE) as people:
        replies = list(zip(rows, people.map(ask, (row.text for row in rows)), strict=True))
    figures = []
    for batch in dict.fromkeys(row.batch for row in rows):
        mine = [(row, reply) for row, reply in replies if row.batch == batch]
        urgent = [(row, reply) for row, reply in mine if row.urgent]
        calm = [(row, reply) for row, reply in mine if row.calm]
        helped = [row for row, reply in urgent if reply["kind"] == "emergency"]
        warned = [row for row, r in urgent if r["kind"] != "emergency" and r["call_now"]]
        missed = [row.text for row, _ in urgent if row not in helped and row not in warned]
        taken = [row.text for row, reply in calm if reply["kind"] == "emergency"]
        figures.append(
            Figures(
                batch, len(urgent), len(helped), len(warned), tuple(missed), len(calm), tuple(taken)
            )
        )
    return figures


def table(figures: Sequence[Figures]) -> str:
    """Return the figures as a table."""
    lines = [f"{'set':14}{'emergencies':>12}{'helped':>8}{'warned':>8}{'missed':>8}{'false':>12}"]
    for one in figures:
        false = f"{len(one.taken_over)} of {one.calm}"
        lines.append(
            f"{one.batch:14}{one.urgent:12}{one.helped:8}{one.warned:8}{len(one.missed):8}{false:>12}"
        )
    return "\n".join(lines)


def ask_alone(stack: running.Stack) -> Callable[[str], dict[str, Any]]:
    """Return a way to ask one message in a session of its own."""

    def ask(text: str) -> dict[str, Any]:
        patient = stack.conversation()
        try:
            return patient.say(text)
        finally:
            patient.client.close()

    return ask


def main() -> int:
    """Print the figures."""
    print("starting the stack …", flush=True)
    stack = running.start()
    try:
        figures = measure(read_rows(), ask_alone(stack))
    finally:
        running.finish(stack)
    print(table(figures))
    if "--misses" in sys.argv:
        for one in figures:
            print("\n".join(f"missed ({one.batch}): {text}" for text in one.missed))
            print("\n".join(f"false ({one.batch}): {text}" for text in one.taken_over))
    return 0


if __name__ == "__main__":
    sys.exit(main())
