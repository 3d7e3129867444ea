"""Labelled questions: learn the calibration from one file, measure on another.

``calibrate`` reads ``tests/data/questions/calibration.yml`` only; ``evaluate`` reads the held-back
file, from which nothing is ever learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from knowledge import yaml_reader
from knowledge.answering import Answer, Answerer, Clarify, Context, Decision

QUESTIONS = Path(__file__).parent.parent / "tests" / "data" / "questions"
CALIBRATION_FILE = QUESTIONS / "calibration.yml"
HELD_BACK_FILE = QUESTIONS / "held_back.yml"


class QuestionsError(Exception):
    """A file of labelled questions is broken; the message names the row."""


class Question(BaseModel):
    """One labelled question.

    Attributes:
        text: what somebody asks.
        entry: the entry that answers it; None where it must not be answered.
        also: further entries that answer it equally well.
        context: the entry that was answered just before.
        kind: why it must not be answered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    entry: str | None
    also: tuple[str, ...] = ()
    context: str | None = None
    kind: Literal["near_topic", "off_topic", "diagnosis", "dose", "nonsense"] | None = None

    @property
    def right(self) -> frozenset[str]:
        """Ids of all entries that answer it."""
        return frozenset({self.entry, *self.also} - {None}) if self.entry else frozenset()


@dataclass(frozen=True)
class Figures:
    """How decisions compare with the labels; all shares from 0 to 1.

    Attributes:
        questions: number of questions that have an answer.
        right_first: share of them whose right entry came first.
        answered: share of them that were answered.
        clarified: share that were offered a choice.
        abstained: share that were told that there is no answer.
        offered_right: share of those choices that held the right entry.
        wrong_shown: share of them that were shown a wrong entry as the answer.
        declined_by_mistake: share that were taken for a wish for a diagnosis or a dose; the reply
            then opens with a refusal.
        unanswerable: number of questions that must not be answered.
        wrongly_answered: share of those that were answered all the same.
        declined: share of those whose reply opens with a refusal.
        by_topic: the same per topic, for the questions that have an answer.
        by_kind: the same per kind, for those that must not be answered.
        misses: the questions that went wrong, with what came instead.
    """

    questions: int
    right_first: float
    answered: float
    clarified: float
    abstained: float
    offered_right: float
    wrong_shown: float
    declined_by_mistake: float
    unanswerable: int
    wrongly_answered: float
    declined: float
    by_topic: tuple[TopicFigures, ...]
    by_kind: tuple[KindFigures, ...]
    misses: tuple[str, ...]


@dataclass(frozen=True)
class TopicFigures:
    """How the questions on one topic fare."""

    topic: str
    questions: int
    right_first: float
    answered: float
    clarified: float
    abstained: float
    wrong_shown: float


@dataclass(frozen=True)
class KindFigures:
    """How the questions of one kind fare that must not be answered."""

    kind: str
    questions: int
    wrongly_answered: float
    clarified: float
    declined: float


@dataclass(frozen=True)
class _Outcome:
    """What became of one question."""

    question: Question
    decision: Decision
    declined: bool
    topic: str
    first_is_right: bool

    @property
    def answered(self) -> bool:
        return isinstance(self.decision, Answer)

    @property
    def clarified(self) -> bool:
        return isinstance(self.decision, Clarify)

    @property
    def wrong_shown(self) -> bool:
        if not isinstance(self.decision, Answer):
            return False
        return self.decision.live.topic_entry.entry.id not in self.question.right

    @property
    def offered_right(self) -> bool:
        options = self.decision.options if isinstance(self.decision, Clarify) else ()
        return bool(self.question.right & {option.entry_id for option in options})

    @property
    def wrongly_answered(self) -> bool:
        return self.answered and not self.declined and not self.question.right

    @property
    def is_fine(self) -> bool:
        if not self.question.right:
            return not self.wrongly_answered
        return self.offered_right or (self.answered and not self.wrong_shown)


def read_questions(file: Path, known: frozenset[str] | None = None) -> list[Question]:
    """Read labelled questions.

    Args:
        file: the YAML file.
        known: ids of the entries that exist; None leaves that check out.

    Raises:
        QuestionsError: the file is broken or a row names an entry that does not exist.
    """
    try:
        rows = yaml_reader.read(file.read_text(encoding="utf-8"))["questions"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise QuestionsError(f"{file.name}: needs a list under `questions:`") from error
    if not isinstance(rows, list):
        raise QuestionsError(f"{file.name}: needs a list under `questions:`")
    questions = []
    for number, row in enumerate(rows, start=1):
        try:
            question = Question.model_validate(row)
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(map(str, problem["loc"]))
            raise QuestionsError(f"{file.name}: row {number}: {field}: {problem['msg']}") from error
        missing = (question.right | ({question.context} - {None})) - (known or frozenset())
        if known is not None and missing:
            raise QuestionsError(
                f"{file.name}: row {number}: no entry {sorted(map(str, missing))[0]} here: "
                "correct the row, or name the corpus it is about with --corpus FOLDER"
            )
        questions.append(question)
    return questions


def evaluate(answerer: Answerer, questions: Sequence[Question], today: date) -> Figures:
    """Decide every question and compare with its label."""
    outcomes = [_outcome(answerer, question, today) for question in questions]
    answerable = [outcome for outcome in outcomes if outcome.question.right]
    others = [outcome for outcome in outcomes if not outcome.question.right]
    choices = [outcome for outcome in answerable if outcome.clarified]
    topics = sorted({outcome.topic for outcome in answerable})
    kinds = dict.fromkeys(outcome.question.kind or "other" for outcome in others)
    return Figures(
        questions=len(answerable),
        right_first=_share(answerable, "first_is_right"),
        answered=_share(answerable, "answered"),
        clarified=_share(answerable, "clarified"),
        abstained=1 - _share(answerable, "answered") - _share(answerable, "clarified"),
        offered_right=_share(choices, "offered_right"),
        wrong_shown=_share(answerable, "wrong_shown"),
        declined_by_mistake=_share(answerable, "declined"),
        unanswerable=len(others),
        wrongly_answered=_share(others, "wrongly_answered"),
        declined=_share(others, "declined"),
        by_topic=tuple(_of_topic(t, [o for o in answerable if o.topic == t]) for t in topics),
        by_kind=tuple(
            _of_kind(k, [o for o in others if (o.question.kind or "other") == k]) for k in kinds
        ),
        misses=tuple(
            f"{o.question.text!r}: wanted {o.question.entry or o.question.kind or 'no answer'}, "
            f"got {describe(o.decision)}"
            for o in [*answerable, *others]
            if not o.is_fine
        ),
    )


def _of_topic(topic: str, outcomes: Sequence[_Outcome]) -> TopicFigures:
    answered, clarified = _share(outcomes, "answered"), _share(outcomes, "clarified")
    return TopicFigures(
        topic=topic,
        questions=len(outcomes),
        right_first=_share(outcomes, "first_is_right"),
        answered=answered,
        clarified=clarified,
        abstained=1 - answered - clarified,
        wrong_shown=_share(outcomes, "wrong_shown"),
    )


def _of_kind(kind: str, outcomes: Sequence[_Outcome]) -> KindFigures:
    return KindFigures(
        kind=kind,
        questions=len(outcomes),
        wrongly_answered=_share(outcomes, "wrongly_answered"),
        clarified=_share(outcomes, "clarified"),
        declined=_share(outcomes, "declined"),
    )


def _share(outcomes: Sequence[_Outcome], what: str) -> float:
    return sum(bool(getattr(outcome, what)) for outcome in outcomes) / max(1, len(outcomes))


def _outcome(answerer: Answerer, question: Question, today: date) -> _Outcome:
    decision = answerer.decide(question.text, _context(answerer, question), today=today)
    topics = {
        live.topic_entry.topic.slug
        for live in answerer.entries
        if live.topic_entry.entry.id == question.entry
    }
    return _Outcome(
        question,
        decision,
        decision.purpose.is_declined,
        next(iter(topics), ""),
        _first_is_right(answerer, question, decision),
    )


def describe(decision: Decision) -> str:
    """Return a decision in a few words."""
    if isinstance(decision, Answer):
        return f"{decision.live.topic_entry.entry.id} ({decision.score:.2f})"
    if isinstance(decision, Clarify):
        options = ", ".join(option.entry_id for option in decision.options)
        return f"choice of {options} ({decision.score:.2f})"
    return f"no answer ({decision.score:.2f})"


def _context(answerer: Answerer, question: Question) -> Context:
    for live in answerer.entries:
        if live.topic_entry.entry.id == question.context:
            return Context(question.context, live.topic_entry.topic.slug)
    return Context()


def _first_is_right(answerer: Answerer, question: Question, decision: Decision) -> bool:
    if isinstance(decision, Answer):
        return decision.live.topic_entry.entry.id in question.right
    if isinstance(decision, Clarify):
        return decision.options[0].entry_id in question.right
    found = answerer.retriever.search(question.text)
    return bool(found.candidates) and found.candidates[0].entry_id in question.right
