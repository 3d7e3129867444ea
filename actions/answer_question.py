"""Answer a question, check a claim, or give the answer that was offered."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from actions.base import Outcome, TotalAction, Turn
from actions.claim_steps import CLAIM_STEP, claims_something, step_after
from actions.payload import decision_payload, emergency, notice, unavailable
from knowledge.answering import (
    NO_CONTEXT,
    Answer,
    Answerer,
    Clarify,
    Context,
    Decision,
    NoAnswer,
    Purpose,
)
from knowledge.follow_up import correction
from knowledge.live import LiveAnswers

ASKED_FOR_RUMOUR = "action_report_rumour"
ASKED_FOR_CLAIM = "action_check_claim"
PURPOSES = {"ask_for_diagnosis": Purpose.DIAGNOSIS, "ask_for_dose": Purpose.DOSE}
SURE = 0.5
SHORT_NO_WORDS = 3
NO_RELEASE = Outcome(payloads=(unavailable("no_release"),))


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def context_of(turn: Turn) -> Context:
    """Return what the conversation was about."""
    rivals = turn.slots.get("rivals") or ()
    return Context(turn.slots.get("last_entry_id"), turn.slots.get("last_topic"), tuple(rivals))


def slots_after(decision: Decision) -> dict[str, Any]:
    """Return what the next turn should know of this one."""
    slots: dict[str, Any] = {"offered_entry_id": None, "last_claim": None, "claim_step": None}
    if isinstance(decision, Answer):
        pair = decision.live.topic_entry
        slots |= {
            "last_entry_id": pair.entry.id,
            "last_topic": pair.topic.slug,
            "rivals": list(decision.rivals),
        }
    if isinstance(decision, Clarify):
        slots["last_topic"] = decision.topic
        slots["offered_entry_id"] = decision.options[0].entry_id
    return slots


def reported(claim: str) -> Outcome:
    """Return the outcome of a reported rumour."""
    payload = notice("rumour_reported", claim=claim[:1000])
    return Outcome(payloads=(payload,), slots={"last_claim": None, "awaiting_rumour": False})


def takeover(decision: Decision) -> Outcome | None:
    """Return the emergency reply for a message that only resembles an emergency, or None.

    Rasa took it for something else, so the nets do not agree: the answer gets the call-now line.
    Only likeness to self-harm or abuse takes over alone, because there a miss weighs most.
    """
    likeness = decision.likeness
    if likeness is None or likeness.asking or likeness.category not in {"self_harm", "abuse"}:
        return None
    return Outcome(payloads=(emergency(likeness.category, likeness.group),))


def is_awaited_rumour(turn: Turn) -> bool:
    """Tell whether this message was asked for as a rumour, in the very turn before."""
    return turn.previous_action == ASKED_FOR_RUMOUR and bool(turn.slots.get("awaiting_rumour"))


def is_awaited_claim(turn: Turn) -> bool:
    """Tell whether this message was asked for as a claim, in the very turn before."""
    return turn.previous_action == ASKED_FOR_CLAIM and bool(turn.slots.get("awaiting_claim"))


def checked(turn: Turn, answerer: Answerer) -> Outcome:
    """Check a message as a claim: its entry, a choice, or the way to check it oneself."""
    decision = answerer.decide(turn.text, context_of(turn), today=today(), purpose=Purpose.CLAIM)
    if taken_over := takeover(decision):
        return taken_over
    payload = decision_payload(decision, is_claim=True, call_now=decision.likeness is not None)
    slots = slots_after(decision) | {"last_claim": turn.text, "awaiting_claim": False}
    return Outcome(payloads=(payload,), slots=slots)


def answered(decision: Decision, *, told: Purpose, call_now: bool) -> Outcome:
    """Return a decision as what is said of it, and the refusal first where one is due.

    Args:
        decision: what was decided.
        told: what Rasa saw that the person wants; a rule has declined that already.
        call_now: whether the call-now line goes on top.
    """
    unseen = decision.purpose is not told and decision.purpose.is_declined
    responses = (f"utter_decline_{decision.purpose.value}",) if unseen else ()
    payload = decision_payload(decision, call_now=call_now)
    return Outcome(payloads=(payload,), responses=responses, slots=slots_after(decision))


def is_short_no(turn: Turn) -> bool:
    """Tell whether Rasa is sure that a message of a few words only says no.

    "Leave it" and "no stop" resemble despair by themselves; in such a message the call-now line is
    enough.
    """
    return turn.confidence >= SURE and len(turn.text.split()) <= SHORT_NO_WORDS


class AnsweringAction(TotalAction):
    """Base of the actions that need the live release."""

    def __init__(self, answers: LiveAnswers) -> None:
        """Take the live release."""
        self.answers = answers

    def act(self, turn: Turn) -> Outcome:
        """Answer with the release in memory, or say that there is none."""
        loaded = self.answers.loaded
        return self.answer(turn, loaded.answerer) if loaded else NO_RELEASE

    def answer(self, turn: Turn, answerer: Answerer) -> Outcome:
        """Decide what to say with the entries of the release."""
        raise NotImplementedError


class ActionAnswerQuestion(AnsweringAction):
    """Answer, offer a choice, or say that there is no answer: the score decides."""

    action_name = "action_answer_question"

    def answer(self, turn: Turn, answerer: Answerer) -> Outcome:
        """Answer the message as a question."""
        if is_awaited_rumour(turn):
            return reported(turn.text)
        if is_awaited_claim(turn):
            return checked(turn, answerer)
        purpose = PURPOSES.get(turn.intent, Purpose.QUESTION)
        decision = answerer.decide(turn.text, context_of(turn), today=today(), purpose=purpose)
        if taken_over := takeover(decision):
            return taken_over
        return answered(decision, told=purpose, call_now=decision.likeness is not None)


class ActionCorrect(AnsweringAction):
    """After "no": give what was meant instead, or ask for other words."""

    action_name = "action_correct"

    def answer(self, turn: Turn, answerer: Answerer) -> Outcome:
        """Answer the message where it corrects the last answer or is a question after all."""
        # "Skip it" is no follow-up, and a "no" between the steps is about the steps.
        corrects = correction(turn.text) is not None and turn.previous_action != CLAIM_STEP
        context = context_of(turn) if corrects else NO_CONTEXT
        decision = answerer.decide(turn.text, context, today=today())
        taken_over = takeover(decision)
        if taken_over and not is_short_no(turn):
            return taken_over
        call_now = decision.likeness is not None
        if isinstance(decision, NoAnswer) and decision.language is None and not call_now:
            return Outcome(responses=("utter_default",))
        return answered(decision, told=Purpose.QUESTION, call_now=call_now)


class ActionCheckClaim(AnsweringAction):
    """Answer "I heard that …" with the entry on that claim, or say how to check it."""

    action_name = ASKED_FOR_CLAIM

    def answer(self, turn: Turn, answerer: Answerer) -> Outcome:
        """Check the message as a claim; where it names none, ask for it."""
        if is_awaited_rumour(turn):
            return reported(turn.text)
        if not claims_something(turn.text):
            return Outcome(payloads=(notice("ask_for_claim"),), slots={"awaiting_claim": True})
        return checked(turn, answerer)


class ActionAnswerOffer(AnsweringAction):
    """Go on with what was offered, after a plain "yes": an entry, or the next step."""

    action_name = "action_answer_offer"

    def answer(self, turn: Turn, answerer: Answerer) -> Outcome:
        """Answer with the offered entry, or ask for other words where none was."""
        if turn.previous_action == CLAIM_STEP:
            return step_after(turn)
        offered = turn.slots.get("offered_entry_id")
        answer = answerer.answer_entry(str(offered), today=today()) if offered else None
        if answer is None:
            return Outcome(responses=("utter_default",))
        return Outcome(payloads=(decision_payload(answer),), slots=slots_after(answer))
