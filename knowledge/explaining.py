"""Why a question got what it got: the signals behind each candidate, and the reason in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from knowledge.answering import Answer, Answerer, Clarify, Context, Decision, NoAnswer
from knowledge.follow_up import correction
from knowledge.retriever import FEATURES, Candidate, Found

SHOWN_SIGNALS = 5


@dataclass(frozen=True)
class SignalShare:
    """What one signal did for one candidate.

    Attributes:
        name: of the signal, as in ``FEATURES``.
        value: the signal itself.
        lift: log-odds by which it lifts the candidate over the usual candidate of this question.
    """

    name: str
    value: float
    lift: float


@dataclass(frozen=True)
class Line:
    """One candidate with its reasons.

    Attributes:
        entry_id: id of the entry.
        wording: its nearest wording.
        score: log-odds against the other candidates.
        signals: the signals that moved it most, strongest first.
    """

    entry_id: str
    wording: str
    score: float
    signals: tuple[SignalShare, ...]


@dataclass(frozen=True)
class Explanation:
    """What became of a question, and why.

    Attributes:
        asked: the question as it was searched, after spelling was corrected.
        reason: the decision and what it hangs on, in one sentence.
        confidence: probability that the first candidate answers the question.
        offer: probability that one of the first three does.
        unknown_words: words that no entry knows.
        lines: the candidates, best first.
    """

    asked: str
    reason: str
    confidence: float
    offer: float
    unknown_words: tuple[str, ...]
    lines: tuple[Line, ...]


def explain(
    answerer: Answerer, question: str, context: Context, *, today: date, top_k: int = 5
) -> Explanation:
    """Decide a question once more and tell why.

    Args:
        answerer: over the release.
        question: what was asked.
        context: what the conversation was about.
        today: as for the decision.
        top_k: candidates to tell about.
    """
    decision = answerer.decide(question, context, today=today)
    foreign = isinstance(decision, NoAnswer) and decision.language
    asked = question if foreign else answerer.corrected(question)
    meant = correction(asked) if context.topic else None
    found, _, goes_on = answerer.find(meant or asked, context)
    why = reason(answerer, decision, found, asked, context)
    return Explanation(
        asked,
        f"{why} (as a question that goes on with {context.topic})"
        if goes_on and meant != ""
        else why,
        found.confidence,
        found.offer,
        tuple(answerer.retriever.unknown_words(asked)),
        tuple(_line(answerer, found, candidate) for candidate in found.candidates[:top_k]),
    )


def reason(
    answerer: Answerer, decision: Decision, found: Found, asked: str, context: Context
) -> str:
    """Return in one sentence what was decided, and on which figure it hangs."""
    limits = answerer.retriever.calibration
    if isinstance(decision, Answer):
        return (
            f"answered: {decision.live.topic_entry.entry.id} is right with probability "
            f"{decision.score:.2f}, and {limits.answer_at:.2f} is enough"
        )
    if isinstance(decision, Clarify):
        if decision.topic_title:
            return f"offered a choice: the question only names {decision.topic_title!r}"
        if context.topic and correction(asked) == "":
            return "offered a choice: the last answer was not what was meant"
        return (
            f"offered a choice: the first is right with probability {decision.score:.2f}, below "
            f"{limits.answer_at:.2f}; one of three with {found.offer:.2f}, and "
            f"{limits.clarify_at:.2f} is enough"
        )
    if decision.language:
        return f"no answer: the question is in another language ({decision.language})"
    if decision.purpose.is_declined:
        return f"no answer: it wishes for a {decision.purpose.value} and names no topic"
    return (
        f"no answer: one of the first three is right with probability {found.offer:.2f}, below "
        f"{limits.clarify_at:.2f}"
    )


def _line(answerer: Answerer, found: Found, candidate: Candidate) -> Line:
    weights = np.array(answerer.retriever.calibration.rank_weights)
    usual = np.median([other.features for other in found.candidates], axis=0)
    values = np.array(candidate.features)
    lifts = weights * (values - usual)
    strongest = np.argsort(-np.abs(lifts))[:SHOWN_SIGNALS]
    shares = tuple(
        SignalShare(FEATURES[i], round(float(values[i]), 3), round(float(lifts[i]), 2))
        for i in strongest
        if abs(lifts[i]) >= 0.005
    )
    return Line(candidate.entry_id, candidate.wording, round(candidate.score, 2), shares)
