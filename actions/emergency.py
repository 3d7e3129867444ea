"""The second safety net: Rasa took the message for an emergency, self-harm or abuse."""

from __future__ import annotations

from actions.answer_question import AnsweringAction, context_of, slots_after, today
from actions.base import Outcome, Turn
from actions.payload import decision_payload, emergency
from knowledge.answering import Answer, Answerer
from knowledge.emergency import ASKING

# Below this Rasa is guessing between several intents; then the retriever may overrule it.
SURE = 0.5


class ActionEmergency(AnsweringAction):
    """Give the emergency reply; answer instead where the person plainly asks about one."""

    action_name = "action_emergency"

    def act(self, turn: Turn) -> Outcome:
        """Work even without a release: an emergency needs no corpus."""
        if self.answers.loaded is None:
            return Outcome(payloads=(emergency(turn.intent, "intent"),))
        return super().act(turn)

    def answer(self, turn: Turn, answerer: Answerer) -> Outcome:
        """Weigh the intent against what the message asks for."""
        decision = answerer.decide(turn.text, context_of(turn), today=today())
        asks = bool(ASKING.search(turn.text)) and isinstance(decision, Answer)
        alike = decision.likeness is not None and not decision.likeness.asking
        if alike or (turn.confidence >= SURE and not asks):
            category = turn.intent
            if decision.likeness:
                category = decision.likeness.category
            return Outcome(payloads=(emergency(category, "intent"),))
        payload = decision_payload(decision, call_now=True)
        return Outcome(payloads=(payload,), slots=slots_after(decision))
