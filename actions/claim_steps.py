"""Check a claim that no entry answers: WHO's seven steps, one at a time.

The steps are those of WHO's "Let's flatten the infodemic curve"; their wording is the gateway's.
"""

from __future__ import annotations

from actions.base import Outcome, TotalAction, Turn
from actions.payload import notice
from knowledge.words import fold, words

CLAIM_STEP = "action_claim_step"
STEPS = 7

# Words that ask for a check without saying of what.
ABOUT_CLAIMS = frozenset(
    # Folded as ``words`` folds them, so that "facts" and "fact" count as one.
    fold(word)
    for word in """check checking fact fake false myth hoax rumor rumour news post story message
    video lie lying truth correct legit something anything information info online internet want
    like need help""".split()
)


def claims_something(text: str) -> bool:
    """Tell whether a message names the claim that is to be checked."""
    return bool(set(words(text)) - ABOUT_CLAIMS)


def step(number: int) -> Outcome:
    """Return one step; after the last one the walk is over."""
    following = number if number < STEPS else None
    return Outcome(payloads=(notice(f"claim_step_{number}"),), slots={"claim_step": following})


def step_after(turn: Turn) -> Outcome:
    """Return the step after the one shown last; other words are asked for where none was."""
    last = turn.slots.get("claim_step")
    if not isinstance(last, int | float) or not 1 <= last < STEPS:
        return Outcome(responses=("utter_default",))
    return step(int(last) + 1)


class ActionClaimStep(TotalAction):
    """Show the first step, or the next one."""

    action_name = CLAIM_STEP

    def act(self, turn: Turn) -> Outcome:
        """Begin where the steps were asked for, else go on."""
        return step(1) if turn.intent == "check_steps" else step_after(turn)
