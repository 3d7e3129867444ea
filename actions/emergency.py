"""The second safety net: Rasa took the message for an emergency, self-harm or abuse."""

from __future__ import annotations

from typing import cast

from actions.answer_question import SURE, AnsweringAction, answered, context_of, today
from actions.base import Outcome, Turn
from actions.payload import emergency
from knowledge.answering import Answer, Answerer, Decision, Purpose
from knowledge.emergency import ASKING, Category

CALM = {"none", "routine"}


def _is_ordinary(decision: Decision, category: Category) -> bool:
    """Tell whether a message is surely a question that an entry on nothing urgent answers.

    Its answer then comes with the call-now line, so that nobody is left without. Self-harm is never
    ordinary, and abuse not where the exemplars see it too.
    """
    if not isinstance(decision, Answer) or category == "self_harm":
        return False
    seen = decision.likeness.category if decision.likeness else None
    if seen in {"self_harm", "abuse"}:
        return False
    return decision.live.topic_entry.entry.urgency.level in CALM


class ActionEmergency(AnsweringAction):
    """Give the emergency reply where the exemplars agree; else answer, with the call-now line."""

    action_name = "action_emergency"

    def act(self, turn: Turn) -> Outcome:
        """Work even without a release: an emergency needs no corpus."""
        if self.answers.loaded is None:
            return Outcome(payloads=(emergency(turn.intent, "intent"),))
        return super().act(turn)

    def answer(self, turn: Turn, answerer: Answerer) -> Outcome:
        """Weigh the intent against what the message asks for and what it resembles."""
        decision = answerer.decide(turn.text, context_of(turn), today=today())
        likeness = decision.likeness
        category = cast(Category, turn.intent)
        as_answer = answered(decision, told=Purpose.QUESTION, call_now=True)
        if _is_ordinary(decision, category):
            return as_answer
        if likeness is not None and not likeness.asking:
            # Where Rasa is sure, it tells self-harm and abuse from bodily harm better than nearness
            # does; only what poisons is no intent of its own.
            poisons = category == "emergency" and likeness.category == "poisoning"
            kind = likeness.category if poisons or turn.confidence < SURE else category
            return Outcome(payloads=(emergency(kind, likeness.group),))
        if not ASKING.search(turn.text) and answerer.confirms_emergency(turn.text, category):
            return Outcome(payloads=(emergency(category, "intent"),))
        return as_answer
