"""From a question to a decision: answer, offer a choice, or say that there is no answer.

The score decides, not the intent. Follow-ups ("and in babies?") are read in the light of the entry
that was answered last. Nothing here words a medical fact: every text comes from an entry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import NamedTuple

import numpy as np

from knowledge.embedder import Vectors
from knowledge.emergency import Category, EmergencyExemplars, Likeness
from knowledge.entry import Aspect
from knowledge.follow_up import LEANING, NO_CONTEXT, Context, correction, leans
from knowledge.language import LanguageGate
from knowledge.retriever import FEATURES, Candidate, Found, Retriever
from knowledge.store import LiveEntry
from knowledge.words import WORD, words

__all__ = [
    "NO_CONTEXT",
    "Answer",
    "Answerer",
    "Clarify",
    "Context",
    "Decision",
    "NoAnswer",
    "Option",
    "Purpose",
]

BEST, COVERAGE = FEATURES.index("best"), FEATURES.index("coverage")
ASPECTS = tuple(Aspect)
MAX_OPTIONS = 3
MAX_MENU = 6
NEAREST_TOPICS = 4
SEARCH_WORDS = 6
# A candidate five log-odds behind is over a hundred times less likely than the first.
CLOSE_LOG_ODDS = 5.0

# A follow-up must have something in common with the entry by itself, not only through the topic put
# before it; unrelated questions stay below this (tests/data/questions, rows with a context).
LEAST_FOLLOW_UP_COSINE = 0.25
LEAST_SUBJECT = 4
"""Letters from which an unknown word is a subject ("zika") and no slip ("tho", "wen")."""


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
        rivals: ids of the entries that came next, likeliest first; "no, I meant …" leads there.
        likeness: how like an emergency the question sounds, or None.
        purpose: what the person wants of the answer, as far as it is known.
    """

    live: LiveEntry
    score: float
    expired: bool
    related: tuple[Option, ...]
    rivals: tuple[str, ...] = ()
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
        language: ISO 639-1 code of the question's language, where no entry is written in it.
        likeness: how like an emergency the question sounds, or None.
        purpose: what the person wants of the answer, as far as it is known.
    """

    nearest: tuple[tuple[str, str], ...]
    words: str
    score: float
    language: str | None = None
    likeness: Likeness | None = None
    purpose: Purpose = Purpose.QUESTION


Decision = Answer | Clarify | NoAnswer


class Search(NamedTuple):
    """What a question found.

    Attributes:
        found: the candidates.
        likeness: how like an emergency it sounds.
        goes_on: whether it goes on with the topic talked about.
    """

    found: Found
    likeness: Likeness | None
    goes_on: bool


class Answerer:
    """Decides over one release.

    Attributes:
        entries: the entries of the release.
        retriever: searches them.
        exemplars: the third net for emergencies.
    """

    def __init__(
        self,
        entries: Sequence[LiveEntry],
        retriever: Retriever,
        exemplars: EmergencyExemplars,
    ) -> None:
        """Take the entries of a release, the retriever over them and the emergency exemplars."""
        self.entries = tuple(entries)
        self.retriever = retriever
        self.exemplars = exemplars
        self._by_id = {live.topic_entry.entry.id: live for live in entries}
        self._numbers = {entry_id: number for number, entry_id in enumerate(self._by_id)}
        self._topic_words: dict[str, frozenset[str]] = {}
        locales = sorted({live.topic_entry.topic.locale for live in entries})
        self._languages = LanguageGate(locales, retriever.lexical.knows)

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
        language = self._languages.foreign(question)
        if language is not None:
            # Vectors of another language lie near some entry or other, and none of them is right.
            return NoAnswer((), "", 0.0, language=language, purpose=purpose)
        question = self.corrected(question)
        meant = correction(question) if context.entry_id or context.topic else None
        if meant is None:
            return self._decide(question, context, today, purpose)
        return self._correct(meant, context, today, purpose)

    def corrected(self, question: str) -> str:
        """Return a question with its misspelt words corrected by those of the corpus."""
        return self.retriever.corrected(question)

    def _decide(
        self,
        question: str,
        context: Context,
        today: date,
        purpose: Purpose,
        without: str | None = None,
    ) -> Decision:
        named = sorted(self.retriever.names.named(question))
        # Two names are a question on both ("does HPV mean cancer?"), not the wish for a menu; a
        # name that goes on with what was said ("ok and the vaccine?") is none either.
        menu = len(named) == 1 and self.retriever.names.only_names(question)
        if menu and not (LEANING.search(question) and self._may_follow_up(question, context)):
            return self._topic(named[0], purpose, today, without)
        vector = self.retriever.embedder.embed([question])[0]
        if purpose is Purpose.QUESTION:
            purpose = self._wish(question, vector)
        found, likeness, goes_on = self._find(question, vector, context)
        found = _leaving_out(found, without)
        decision = self._weigh(question, found, today, purpose)
        subject = bool(named) or goes_on
        if purpose.is_declined and not subject and not isinstance(decision, NoAnswer):
            # "What is this rash?": naming a disease would be a diagnosis.
            decision = self._no_answer(question, found)
        return replace(decision, likeness=likeness, purpose=purpose)

    def _correct(self, meant: str, context: Context, today: date, purpose: Purpose) -> Decision:
        """Answer what was meant instead; where nothing says what, offer what came next to it."""
        rivals = tuple(
            _option(self._by_id[entry_id]) for entry_id in context.rivals if entry_id in self._by_id
        )
        choice = Clarify(rivals[:MAX_OPTIONS], None, context.topic, 0.0, purpose=purpose)
        if not meant:
            return choice if rivals else NoAnswer((), "", 0.0, purpose=purpose)
        others = self.retriever.names.named(meant) - {context.topic}
        if len(others) == 1 and self.retriever.names.only_names(meant):
            return self._same_about(next(iter(others)), meant, context, today, purpose)
        decision = self._decide(meant, context, today, purpose, without=context.entry_id)
        if isinstance(decision, NoAnswer) and rivals and not self.retriever.unknown_words(meant):
            return replace(choice, likeness=decision.likeness, purpose=decision.purpose)
        return decision

    def _same_about(
        self, topic: str, name: str, context: Context, today: date, purpose: Purpose
    ) -> Decision:
        """Answer "no, stomach flu": the same question, about something else."""
        before = self._by_id.get(context.entry_id or "")
        question = self._about(before, name) if before else name
        found = self.retriever.search(question, topic)
        decision = self._weigh(question, found, today, purpose)
        return self._topic(topic, purpose, today) if isinstance(decision, NoAnswer) else decision

    def _about(self, live: LiveEntry, name: str) -> str:
        """Return an entry's question with another name in the place of its topic's."""
        question = live.topic_entry.entry.question
        swapped = self.retriever.names.swapped(question, live.topic_entry.topic.slug, name)
        return swapped or f"{name}: {question}"

    def _topic(
        self, slug: str, purpose: Purpose, today: date, without: str | None = None
    ) -> Decision:
        """Reply to the bare name of a topic: its menu, or for "do I have it?" its symptoms.

        An entry that somebody has just said is not meant comes last.
        """
        entries = sorted(
            self._of_topic(slug), key=lambda live: live.topic_entry.entry.id == without
        )
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

    def find(self, question: str, context: Context) -> Search:
        """Search for a corrected question, for a possible follow-up also inside its topic."""
        return self._find(question, self.retriever.embedder.embed([question])[0], context)

    def _find(self, question: str, alone: Vectors, context: Context) -> Search:
        retriever = self.retriever
        direct = retriever.search_vector(question, alone)
        likeness = self.exemplars.likeness(alone, question, direct.nearest_wording)
        topic = context.topic if self._may_follow_up(question, context) else None
        if topic is None:
            return Search(direct, likeness, False)
        in_context = f"{self._alias(topic)}: {question}"
        together = retriever.embedder.embed([in_context])[0]
        follow_up = retriever.search_vector(in_context, together, topic)
        leaning = bool(LEANING.search(question))
        certain = follow_up.confidence >= retriever.calibration.answer_at
        if not self._belongs(question, alone, follow_up) and not leaning:
            return Search(direct, likeness, False)
        wins = follow_up.confidence > direct.confidence or (leaning and certain)
        return Search(follow_up if wins else direct, likeness, wins)

    def _belongs(self, question: str, alone: Vectors, follow_up: Found) -> bool:
        """Tell whether a question has to do with the entry that the context brought up."""
        if not words(question) or not follow_up.candidates:
            return bool(follow_up.candidates)
        number = follow_up.candidates[0].number
        signals = self.retriever.signals(question, alone, np.array([number]))
        row = signals.table[np.searchsorted(signals.numbers, number)]
        return bool(row[COVERAGE] > 0 or row[BEST] >= LEAST_FOLLOW_UP_COSINE)

    def _may_follow_up(self, question: str, context: Context) -> bool:
        """Tell whether a question may be one on the topic talked about: it brings no other."""
        if context.topic is None or not leans(question) or not WORD.search(question):
            return False
        named = self.retriever.names.spelled(question)
        if any(name not in self._said_of(context.topic) for name in named):
            return False
        unknown = self.retriever.unknown_words(question)
        return not any(len(word) >= LEAST_SUBJECT for word in unknown)

    def _said_of(self, topic: str) -> frozenset[str]:
        """Return the words that questions on a topic have: "vaccine" is no other topic there."""
        if topic not in self._topic_words:
            texts = [w for d in self.retriever.documents if d.topic == topic for w in d.wordings]
            self._topic_words[topic] = frozenset(word for text in texts for word in words(text))
        return self._topic_words[topic]

    def _weigh(self, question: str, found: Found, today: date, purpose: Purpose) -> Decision:
        calibration = self.retriever.calibration
        if not found.candidates:
            return self._no_answer(question, found)
        best = found.candidates[0]
        fits = purpose is not Purpose.CLAIM or best.document.aspect == Aspect.MYTH.value
        if found.confidence >= calibration.answer_at and fits:
            rivals = tuple(c.entry_id for c in found.candidates[1 : 1 + MAX_OPTIONS])
            answer = self._answer(self._live(best), found.confidence, today)
            return replace(answer, rivals=rivals)
        if found.offer < calibration.clarify_at:
            return self._no_answer(question, found)
        options = tuple(_option(self._live(c)) for c in _close(found.candidates))
        return Clarify(options, None, best.topic, found.confidence)

    def _live(self, candidate: Candidate) -> LiveEntry:
        return self._by_id[candidate.entry_id]

    def _answer(self, live: LiveEntry, score: float, today: date) -> Answer:
        entry = live.topic_entry.entry
        topic = live.topic_entry.topic.slug
        siblings = [other for other in self._of_topic(topic) if other is not live]
        related = tuple(_option(other) for other in siblings[:MAX_OPTIONS])
        return Answer(live, score, entry.is_expired(today), related)

    def _no_answer(self, question: str, found: Found) -> NoAnswer:
        nearest: dict[str, str] = {}
        for candidate in found.candidates:
            topic = self._live(candidate).topic_entry.topic
            nearest.setdefault(topic.slug, topic.title)
        subject = " ".join(dict.fromkeys(words(question)))
        kept = " ".join(subject.split()[:SEARCH_WORDS])
        return NoAnswer(tuple(nearest.items())[:NEAREST_TOPICS], kept, found.confidence)

    def _of_topic(self, slug: str) -> Sequence[LiveEntry]:
        """Return the entries of a topic in the order in which people ask: myths come last."""
        found = [live for live in self.entries if live.topic_entry.topic.slug == slug]
        return sorted(found, key=lambda live: ASPECTS.index(live.topic_entry.entry.aspect))

    def _alias(self, slug: str) -> str:
        entries = self._of_topic(slug)
        return entries[0].topic_entry.topic.aliases[0] if entries else slug


def _option(live: LiveEntry) -> Option:
    pair = live.topic_entry
    return Option(pair.entry.id, pair.entry.question, pair.topic.title)


def _leaving_out(found: Found, entry_id: str | None) -> Found:
    """Return what was found without the entry that somebody has just said is not meant.

    Whether another is right is then not known well enough to answer, only to offer it.
    """
    if not found.candidates or found.candidates[0].entry_id != entry_id:
        kept = tuple(c for c in found.candidates if c.entry_id != entry_id)
        return replace(found, candidates=kept)
    return replace(found, candidates=found.candidates[1:], confidence=0.0)


def _close(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates worth offering: those not far behind the first."""
    first = candidates[0].score
    return [c for c in candidates[:MAX_OPTIONS] if first - c.score < CLOSE_LOG_ODDS]
