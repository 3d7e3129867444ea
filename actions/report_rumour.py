"""Take a rumour down for the content team."""

from __future__ import annotations

from actions.answer_question import ASKED_FOR_RUMOUR, reported
from actions.base import Outcome, TotalAction, Turn
from actions.payload import notice


class ActionReportRumour(TotalAction):
    """Report the claim that was just checked, or ask what was heard."""

    action_name = ASKED_FOR_RUMOUR

    def act(self, turn: Turn) -> Outcome:
        """Report the last claim; where there is none, the next message is taken as one."""
        claim = turn.slots.get("last_claim")
        if claim:
            return reported(str(claim))
        return Outcome(payloads=(notice("ask_for_rumour"),), slots={"awaiting_rumour": True})
