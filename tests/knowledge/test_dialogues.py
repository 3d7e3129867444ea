"""The context of the last answer is used when, and only when, a message cannot stand alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from knowledge.answering import Answer, Answerer, Clarify, Context, Decision

FILE = Path(__file__).parent.parent / "data" / "questions" / "dialogues.yml"
TODAY = date(2026, 11, 22)
FLOORS = {"follow_up": 0.88, "switch": 0.84, "correction": 0.8, "unanswerable": 0.88}
pytestmark = pytest.mark.model


@dataclass(frozen=True)
class Outcome:
    """What came of one turn."""

    kind: str
    ask: str
    fine: bool
    first: bool
    got: str


def read_dialogues() -> list[dict[str, Any]]:
    """Return the labelled dialogues."""
    dialogues: list[dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))["dialogues"]
    return dialogues


def shown(decision: Decision) -> list[str]:
    """Return the ids of the entries that a decision shows or offers."""
    if isinstance(decision, Answer):
        return [decision.live.topic_entry.entry.id]
    return [o.entry_id for o in decision.options] if isinstance(decision, Clarify) else []


def is_fine(turn: dict[str, Any], decision: Decision, before: str | None) -> bool:
    """Tell whether a turn got what its label asks for: the right entry shown, or offered."""
    ids = shown(decision)
    if turn.get("rivals"):
        return isinstance(decision, Clarify) and before not in ids
    if turn["entry"] is None:
        return not isinstance(decision, Answer)
    return bool({turn["entry"], *turn.get("also", ())} & set(ids))


def play(answerer: Answerer, dialogue: dict[str, Any]) -> list[Outcome]:
    """Ask every turn in the context that the turns before left."""
    context, outcomes = Context(), []
    for number, turn in enumerate(dialogue["turns"]):
        decision = answerer.decide(turn["ask"], context, today=TODAY)
        fine = is_fine(turn, decision, context.entry_id)
        got = ",".join(shown(decision)) or "no answer"
        outcomes.append(Outcome(dialogue["kind"], turn["ask"], fine, number == 0, got))
        if isinstance(decision, Answer):
            pair = decision.live.topic_entry
            context = Context(pair.entry.id, pair.topic.slug, decision.rivals)
        elif isinstance(decision, Clarify) and decision.topic:
            context = Context(context.entry_id, decision.topic, context.rivals)
    return outcomes


def test_there_are_enough_dialogues_of_each_kind() -> None:
    kinds = Counter(dialogue["kind"] for dialogue in read_dialogues())
    assert sum(kinds.values()) >= 60
    assert min(kinds[kind] for kind in ("follow_up", "switch", "correction", "unanswerable")) >= 8


def test_dialogues_go_on_as_people_mean_them(shipped: Answerer) -> None:
    """Floors a little below what was measured; `-s` shows every turn that went astray."""
    outcomes = [o for dialogue in read_dialogues() for o in play(shipped, dialogue)]
    later = [outcome for outcome in outcomes if not outcome.first]
    for outcome in later:
        if not outcome.fine:
            print(f"{outcome.kind}: {outcome.ask!r} got {outcome.got}")  # noqa: T201
    for kind, least in FLOORS.items():
        fine = [outcome.fine for outcome in later if outcome.kind == kind]
        share = sum(fine) / len(fine)
        print(f"{kind}: {sum(fine)} of {len(fine)}")  # noqa: T201
        assert share >= least, f"{kind}: {share:.3f}"
