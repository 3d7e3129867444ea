"""From a question to a decision: answer, offer a choice, or say that there is no answer.

The score decides, not the intent. Follow-ups ("and in babies?") are read in the light of the entry
that was answered last. Nothing here words a medical fact: every text comes from an entry.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from knowledge.embedder import Vectors
from knowledge.emergency import Category, EmergencyExemplars, Likeness
from knowledge.entry import Aspect
from knowledge.lexical import words
from knowledge.retriever import FEATURES, Candidate, Found, Retriever
from knowledge.store import LiveEntry

BEST, COVERAGE = FEATURES.index("best"), FEATURES.index("coverage")
ASPECTS = tuple(Aspect)
MAX_OPTIONS = 3
MAX_MENU = 6
NEAREST_TOPICS = 4
SEARCH_WORDS = 6
# A candidate five log-odds behind is over a hundred times less likely than the first.
CLOSE_LOG_ODDS = 5.0

# Beginnings and words that lean on what was said before. A question that has one of them, or is
# very short, and names no topic of its own is read as a follow-up.
LEANING = re.compile(
    r"^\s*(?:and|but|or|also|so|then|what about|how about|what if|what else|same|is it|does it|"
    r"can it|will it|are they|do they|is that|does that|how long|how soon|how serious|when)\b"
    r"|\b(?:it|this|that|them|they|these)\b",
    re.IGNORECASE,
)
SHORT_QUESTION_WORDS = 6
# A follow-up must have something in common with the entry by itself, not only through the topic put
# before it; unrelated questions stay below this (tests/data/questions, rows with a context).
LEAST_FOLLOW_UP_COSINE = 0.25


@dataclass(frozen=True)
class Context:
    """What the conversation was about.

    Attributes:
        entry_id: the entry answered last, or None.
        topic: its topic's slug, or the topic last offered to choose from.
    """

    entry_id: str | None = None
    topic: str | None = None


NO_CONTEXT = Context()


class Purpose(Enum):
    """What a person wants of an answer; Rasa's intent tells."""

    QUESTION = "question"
    CLAIM = "claim"
    DIAGNOSIS = "diagnosis"
    DOSE = "dose"

    @property
    def is_declined(self) -> bool:
        """Whether the wish itself is declined, and only general information may follow."""
        return self in {Purpose.DIAGNOSIS, Purpose.DOSE}


@dataclass(frozen=True)
class Option:
    """An entry that is offered to choose from."""

    entry_id: str
    question: str
    topic_title: str


@dataclass(frozen=True)
class Answer:
    """One entry answers the question.

    Attributes:
        live: the entry and its revision.
        score: probability that it is the right one.
        expired: its review date has passed, so only its source may be shown.
        related: further entries of the same topic, to go on with.
        likeness: how like an emergency the question sounds, or None.
        purpose: what the person wants of the answer, as far as it is known.
    """

    live: LiveEntry
    score: float
    expired: bool
    related: tuple[Option, ...]
    likeness: Likeness | None = None
    purpose: Purpose = Purpose.QUESTION


@dataclass(frozen=True)
class Clarify:
    """Several entries are near: the person chooses.

    Attributes:
        options: what can be chosen, likeliest first.
        topic_title: set when all that was named is this topic.
        topic: its slug.
        score: probability of the likeliest.
        likeness: how like an emergency the question sounds, or None.
        purpose: what the person wants of the answer, as far as it is known.
    """

    options: tuple[Option, ...]
    topic_title: str | None
    topic: str | None
    score: float
    likeness: Likeness | None = None
    purpose: Purpose = Purpose.QUESTION


@dataclass(frozen=True)
class NoAnswer:
    """No entry answers the question.

    Attributes:
        nearest: topics to offer, as ``(slug, title)``.
        words: the question's own words, for a search at CDC and WHO.
        score: probability of the likeliest entry.
        likeness: how like an emergency the question sounds, or None.
        purpose: what the person wants of the answer, as far as it is known.
    """

    nearest: tuple[tuple[str, str], ...]
    words: str
    score: float
    likeness: Likeness | None = None
    purpose: Purpose = Purpose.QUESTION


Decision = Answer | Clarify | NoAnswer


class Answerer:
    """Decides over one release."""

    def __init__(self, retriever: Retriever, exemplars: EmergencyExemplars) -> None:
        """Take the retriever of a release and the emergency exemplars."""
        self.retriever = retriever
        self.exemplars = exemplars
        self._by_id = {live.topic_entry.entry.id: live for live in retriever.entries}
        self._numbers = {entry_id: number for number, entry_id in enumerate(self._by_id)}

    def decide(
        self,
        question: str,
        context: Context = NO_CONTEXT,
        *,
        today: date,
        purpose: Purpose = Purpose.QUESTION,
    ) -> Decision:
        """Decide what to reply.

        Args:
            question: what was asked, with identifiers masked.
            context: what the conversation was about.
            today: decides whether an entry is past its review date.
            purpose: what the person wants of the answer; a question may turn out to wish for a
                diagnosis or a dose, and the decision then says so.
        """
        named = sorted(self.retriever.names.named(question))
        # Two names are a question on both ("does HPV mean cancer?"), not the wish for a menu.
        if len(named) == 1 and self.retriever.names.only_names(question):
            return self._topic(named[0], purpose, today)
        vector = self.retriever.embedder.embed([question])[0]
        if purpose is Purpose.QUESTION:
            purpose = self._wish(question, vector)
        found, likeness = self._find(question, vector, context)
        decision = self._weigh(question, found, today, purpose)
        if purpose.is_declined and not named and not isinstance(decision, NoAnswer):
            # "What is this rash?": naming a disease would be a diagnosis.
            decision = self._no_answer(question, found)
        return replace(decision, likeness=likeness, purpose=purpose)

    def _topic(self, slug: str, purpose: Purpose, today: date) -> Decision:
        """Reply to the bare name of a topic: its menu, or for "do I have it?" its symptoms."""
        entries = self._of_topic(slug)
        if purpose is Purpose.DIAGNOSIS:
            for live in entries:
                if live.topic_entry.entry.aspect is Aspect.SYMPTOMS:
                    return self._answer(live, 1.0, today)
        options = tuple(_option(live) for live in entries[:MAX_MENU])
        return Clarify(options, entries[0].topic_entry.topic.title, slug, 1.0)

    def confirms_emergency(self, question: str, category: Category) -> bool:
        """Tell whether the exemplars agree that a message, taken for an emergency, is one."""
        vector = self.retriever.embedder.embed([question])[0]
        wording = self.retriever.search_vector(question, vector).nearest_wording
        return self.exemplars.confirm(category, vector, wording)

    def answer_entry(self, entry_id: str, *, today: date) -> Answer | None:
        """Return the answer of one entry, or None where it is not in the release."""
        live = self._by_id.get(entry_id)
        return self._answer(live, 1.0, today) if live else None

    def _wish(self, question: str, vector: Vectors) -> Purpose:
        """Tell whether a question wishes for a diagnosis or a dose.

        The second net below Rasa's intents: a wish that Rasa takes for a plain question would be
        answered as one.
        """
        odds = self.retriever.wish_log_odds(question, vector)
        likeliest = max((Purpose.DIAGNOSIS, Purpose.DOSE), key=lambda wish: odds[wish.value])
        shares = {name: math.exp(value) for name, value in odds.items()}
        probability = shares[likeliest.value] / (1 + sum(shares.values()))
        certain = probability >= self.retriever.calibration.declines_at
        return likeliest if certain else Purpose.QUESTION

    def _find(
        self, question: str, alone: Vectors, context: Context
    ) -> tuple[Found, Likeness | None]:
        """Search, for a possible follow-up also inside the topic talked about."""
        retriever = self.retriever
        topic = context.topic if self._may_follow_up(question, context) else None
        if topic is None:
            found = retriever.search_vector(question, alone)
            return found, self.exemplars.likeness(alone, question, found.nearest_wording)
        in_context = f"{self._alias(topic)}: {question}"
        together = retriever.embedder.embed([in_context])[0]
        direct = retriever.search_vector(question, alone)
        follow_up = retriever.search_vector(in_context, together, topic)
        if not self._belongs(question, alone, follow_up):
            return direct, self.exemplars.likeness(alone, question, direct.nearest_wording)
        likeness = self.exemplars.likeness(alone, question, direct.nearest_wording)
        wins = follow_up.confidence > direct.confidence or (
            LEANING.search(question) and follow_up.confidence >= retriever.calibration.answer_at
        )
        return (follow_up if wins else direct), likeness

    def _belongs(self, question: str, alone: Vectors, follow_up: Found) -> bool:
        """Tell whether a question has to do with the entry that the context brought up."""
        if not words(question) or not follow_up.candidates:
            return bool(follow_up.candidates)
        features = self.retriever.features(question, alone)
        number = self._numbers[follow_up.candidates[0].entry_id]
        best, coverage = features[number, BEST], features[number, COVERAGE]
        return bool(coverage > 0 or best >= LEAST_FOLLOW_UP_COSINE)

    def _may_follow_up(self, question: str, context: Context) -> bool:
        if context.topic is None or self.retriever.names.named(question):
            return False
        if self.retriever.unknown_words(question):
            return False  # brings a subject of its own that no entry knows
        short = len(question.split()) <= SHORT_QUESTION_WORDS
        return short or bool(LEANING.search(question))

    def _weigh(self, question: str, found: Found, today: date, purpose: Purpose) -> Decision:
        calibration = self.retriever.calibration
        if not found.candidates or found.confidence < calibration.clarify_at:
            return self._no_answer(question, found)
        best = found.candidates[0]
        is_myth = best.live.topic_entry.entry.aspect is Aspect.MYTH
        fits = purpose is not Purpose.CLAIM or is_myth
        if found.confidence >= calibration.answer_at and fits:
            return self._answer(best.live, found.confidence, today)
        options = tuple(_option(c.live) for c in _close(found.candidates))
        return Clarify(options, None, best.topic, found.confidence)

    def _answer(self, live: LiveEntry, score: float, today: date) -> Answer:
        entry = live.topic_entry.entry
        topic = live.topic_entry.topic.slug
        siblings = [other for other in self._of_topic(topic) if other is not live]
        related = tuple(_option(other) for other in siblings[:MAX_OPTIONS])
        return Answer(live, score, entry.review_due < today, related)

    def _no_answer(self, question: str, found: Found) -> NoAnswer:
        nearest: dict[str, str] = {}
        for candidate in found.candidates:
            topic = candidate.live.topic_entry.topic
            nearest.setdefault(topic.slug, topic.title)
        subject = " ".join(dict.fromkeys(words(question)))
        kept = " ".join(subject.split()[:SEARCH_WORDS])
        return NoAnswer(tuple(nearest.items())[:NEAREST_TOPICS], kept, found.confidence)

    def _of_topic(self, slug: str) -> Sequence[LiveEntry]:
        """Return the entries of a topic in the order in which people ask: myths come last."""
        found = [live for live in self.retriever.entries if live.topic_entry.topic.slug == slug]
        return sorted(found, key=lambda live: ASPECTS.index(live.topic_entry.entry.aspect))

    def _alias(self, slug: str) -> str:
        entries = self._of_topic(slug)
        return entries[0].topic_entry.topic.aliases[0] if entries else slug


def _option(live: LiveEntry) -> Option:
    pair = live.topic_entry
    return Option(pair.entry.id, pair.entry.question, pair.topic.title)


def _close(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates worth offering: those not far behind the first."""
    first = candidates[0].score
    return [c for c in candidates[:MAX_OPTIONS] if first - c.score < CLOSE_LOG_ODDS]
