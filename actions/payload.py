"""What actions say: plain JSON objects that Rasa carries whole to the gateway.

The gateway parses them strictly (``bot/rasa_client.py``); a contract test holds the two together.
Wording that is not from the corpus is the gateway's; here are facts and codes.
"""

from __future__ import annotations

from typing import Any

from knowledge.answering import Answer, Clarify, Decision, NoAnswer, Option
from knowledge.passport import calls_now, passport

Payload = dict[str, Any]


def unavailable(code: str) -> Payload:
    """Return the payload for "this cannot be answered right now"."""
    return {"kind": "unavailable", "code": code}


def notice(code: str, **fields: str) -> Payload:
    """Return a notice whose wording the gateway has."""
    return {"kind": "notice", "code": code, **fields}


def emergency(category: str, rule: str) -> Payload:
    """Return the payload that lets the gateway give the emergency reply."""
    return {"kind": "emergency", "category": category, "rule": rule}


def decision_payload(
    decision: Decision, *, is_claim: bool = False, call_now: bool = False
) -> Payload:
    """Return the payload for a decision.

    Args:
        decision: what was decided.
        is_claim: whether a claim was to be checked, which the person can also do step by step.
        call_now: whether the call-now line goes on top.
    """
    if isinstance(decision, Answer):
        return {**_answer(decision), "call_now": call_now or calls_now(decision.live.topic_entry)}
    if isinstance(decision, Clarify):
        return {**_clarify(decision), "is_claim": is_claim, "call_now": call_now}
    if decision.language:
        # Nobody here can read whether it is an emergency.
        return {**_no_answer(decision), "code": "other_language", "call_now": True}
    code = "claim_not_found" if is_claim else "no_answer"
    return {**_no_answer(decision), "code": code, "call_now": call_now}


def _answer(answer: Answer) -> Payload:
    live = answer.live
    return {
        **passport(live.topic_entry, live.revision, expired=answer.expired),
        "score": round(answer.score, 4),
        "related": [_option(option) for option in answer.related],
    }


def _clarify(clarify: Clarify) -> Payload:
    return {
        "kind": "clarify",
        "topic_title": clarify.topic_title,
        "options": [_option(option) for option in clarify.options],
        "score": round(clarify.score, 4),
    }


def _no_answer(none: NoAnswer) -> Payload:
    return {
        "kind": "no_answer",
        "topics": [{"topic": slug, "title": title} for slug, title in none.nearest],
        "words": none.words,
        "language": none.language,
        "score": round(none.score, 4),
    }


def _option(option: Option) -> Payload:
    return {
        "entry_id": option.entry_id,
        "question": option.question,
        "topic_title": option.topic_title,
    }
