"""Labelled questions: learn the calibration from one file, measure on another.

``calibrate`` reads ``tests/data/questions/calibration.yml`` only; ``evaluate`` reads the held-back
file, from which nothing is ever learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from knowledge.answering import Answer, Answerer, Clarify, Context, Decision
from knowledge.calibration import Calibration, confidence_features
from knowledge.embedder import Vectors
from knowledge.emergency import ASKING, Exemplar
from knowledge.retriever import FEATURES, Retriever, candidates_table

QUESTIONS = Path(__file__).parent.parent / "tests" / "data" / "questions"
CALIBRATION_FILE = QUESTIONS / "calibration.yml"
HELD_BACK_FILE = QUESTIONS / "held_back.yml"

RIGHT_AT_LEAST = 0.95
"""An answer is shown only where, over the calibration questions, this share was right."""
OFFER_AT_LEAST = 0.5
"""A choice is offered only where one of the three options was right at least this often."""
FALSE_ALARM_AT_MOST = 0.01
"""Share of the calibration questions that may be taken for an emergency by the exemplars alone."""
LEAST_EMERGENCY_COSINE = 0.4
"""Below this, sentences of this model have no meaning in common."""
FOLDS = 5


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
        offered_right: share of those choices that held the right entry.
        wrong_shown: share of them that were shown a wrong entry as the answer.
        unanswerable: number of questions that must not be answered.
        wrongly_answered: share of those that were answered all the same.
        misses: the questions that went wrong, with what came instead.
    """

    questions: int
    right_first: float
    answered: float
    clarified: float
    offered_right: float
    wrong_shown: float
    unanswerable: int
    wrongly_answered: float
    misses: tuple[str, ...]


def read_questions(file: Path, known: frozenset[str] | None = None) -> list[Question]:
    """Read labelled questions.

    Args:
        file: the YAML file.
        known: ids of the entries that exist; None leaves that check out.

    Raises:
        QuestionsError: the file is broken or a row names an entry that does not exist.
    """
    try:
        rows = yaml.safe_load(file.read_text(encoding="utf-8"))["questions"]
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
                f"{file.name}: row {number}: no entry {sorted(map(str, missing))[0]}"
            )
        questions.append(question)
    return questions


def evaluate(answerer: Answerer, questions: Sequence[Question], today: date) -> Figures:
    """Decide every question and compare with its label."""
    outcomes = [(q, _decide(answerer, q, today)) for q in questions]
    answerable = [(q, d) for q, d in outcomes if q.right]
    others = [(q, d) for q, d in outcomes if not q.right]
    shown = [(q, d) for q, d in answerable if isinstance(d, Answer)]
    offered = [(q, d) for q, d in answerable if isinstance(d, Clarify)]
    first = sum(_first_is_right(answerer, q, d) for q, d in answerable)
    offered_right = [(q, d) for q, d in offered if q.right & {o.entry_id for o in d.options}]
    wrong = [(q, d) for q, d in shown if d.live.topic_entry.entry.id not in q.right]
    false = [(q, d) for q, d in others if isinstance(d, Answer)]
    misses = [
        f"{q.text!r}: wanted {q.entry or 'no answer'}, got {describe(d)}"
        for q, d in [*answerable, *others]
        if not _is_fine(q, d)
    ]
    return Figures(
        questions=len(answerable),
        right_first=first / max(1, len(answerable)),
        answered=len(shown) / max(1, len(answerable)),
        clarified=len(offered) / max(1, len(answerable)),
        offered_right=len(offered_right) / max(1, len(offered)),
        wrong_shown=len(wrong) / max(1, len(answerable)),
        unanswerable=len(others),
        wrongly_answered=len(false) / max(1, len(others)),
        misses=tuple(misses),
    )


def describe(decision: Decision) -> str:
    """Return a decision in a few words."""
    if isinstance(decision, Answer):
        return f"{decision.live.topic_entry.entry.id} ({decision.score:.2f})"
    if isinstance(decision, Clarify):
        options = ", ".join(option.entry_id for option in decision.options)
        return f"choice of {options} ({decision.score:.2f})"
    return f"no answer ({decision.score:.2f})"


def _decide(answerer: Answerer, question: Question, today: date) -> Decision:
    return answerer.decide(question.text, _context(answerer, question), today=today)


def _context(answerer: Answerer, question: Question) -> Context:
    for live in answerer.retriever.entries:
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


def _is_fine(question: Question, decision: Decision) -> bool:
    if isinstance(decision, Answer):
        return decision.live.topic_entry.entry.id in question.right
    if isinstance(decision, Clarify) and question.right:
        return bool(question.right & {option.entry_id for option in decision.options})
    return not question.right


def calibrate(
    retriever: Retriever,
    exemplars: list[Exemplar],
    exemplar_vectors: Vectors,
    questions: Sequence[Question],
) -> Calibration:
    """Learn weights and thresholds from labelled questions.

    Confidence is judged on questions that its weights did not see (five folds), otherwise the
    thresholds would flatter themselves.

    Args:
        retriever: over all entries; its own calibration is not used.
        exemplars: the emergency exemplars.
        exemplar_vectors: one per exemplar.
        questions: labelled questions; those with a context are left out.
    """
    plain = [question for question in questions if question.context is None]
    vectors = retriever.embedder.embed([question.text for question in plain])
    tables = [retriever.features(q.text, v) for q, v in zip(plain, vectors, strict=True)]
    ids = np.array([live.topic_entry.entry.id for live in retriever.entries])
    draft = _learn_order(retriever.embedder.name, plain, tables, ids)
    draft, confidences, right = _learn_confidence(draft, retriever, plain, vectors)
    answer_at = _lowest_threshold(confidences, right, RIGHT_AT_LEAST)
    offered = _offered(draft, retriever, plain, vectors)
    unsure = confidences < answer_at
    clarify_at = min(
        answer_at, _lowest_threshold(confidences[unsure], offered[unsure], OFFER_AT_LEAST)
    )
    emergency_at, caught = _emergency_threshold(
        exemplars, exemplar_vectors, retriever, plain, vectors
    )
    shown = confidences >= answer_at
    return replace(
        draft,
        answer_at=round(answer_at, 4),
        clarify_at=round(clarify_at, 4),
        emergency_at=round(emergency_at, 4),
        fitted_on={
            "file": CALIBRATION_FILE.name,
            "questions": float(len(plain)),
            "answerable": float(sum(bool(q.right) for q in plain)),
            "right_when_answered": round(float(right[shown].mean()), 4),
            "answered_of_answerable": round(
                float(sum(shown & right) / max(1, sum(bool(q.right) for q in plain))), 4
            ),
            "exemplars_caught_left_out": round(caught, 4),
        },
    )


def _learn_order(
    model: str, questions: Sequence[Question], tables: Sequence[Vectors], ids: npt.NDArray[np.str_]
) -> Calibration:
    """Learn to tell the right entry from the twenty nearest others."""
    samples, labels = [], []
    for question, table in zip(questions, tables, strict=True):
        right = np.isin(ids, sorted(question.right))
        near = np.zeros(len(ids), dtype=bool)
        near[np.argsort(-(table[:, 0] + table[:, 4]))[:20]] = True
        keep = (near | right) if question.right else near
        samples.append(table[keep])
        labels.append(right[keep])
    order = LogisticRegression(C=10.0, max_iter=2000)
    order.fit(np.concatenate(samples), np.concatenate(labels))
    return Calibration(
        model=model,
        rank_weights=tuple(round(float(w), 5) for w in order.coef_[0]),
        rank_bias=round(float(order.intercept_[0]), 5),
        confidence_weights=(1.0,) + (0.0,) * (1 + len(FEATURES)),
        confidence_bias=0.0,
        answer_at=1.0,
        clarify_at=1.0,
        emergency_at=1.0,
        fitted_on={},
    )


def _learn_confidence(
    draft: Calibration, retriever: Retriever, questions: Sequence[Question], vectors: Vectors
) -> tuple[Calibration, npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    ranked = retriever.with_calibration(draft)
    samples, right = [], []
    for question, vector in zip(questions, vectors, strict=True):
        candidates = ranked.search_vector(question.text, vector).candidates
        samples.append(confidence_features(candidates_table(candidates)))
        right.append(candidates[0].entry_id in question.right)
    table, labels = np.array(samples), np.array(right)
    judge = LogisticRegression(C=1.0, max_iter=5000)
    confidences = cross_val_predict(judge, table, labels, cv=FOLDS, method="predict_proba")[:, 1]
    judge.fit(table, labels)
    learnt = replace(
        draft,
        confidence_weights=tuple(round(float(w), 5) for w in judge.coef_[0]),
        confidence_bias=round(float(judge.intercept_[0]), 5),
    )
    return learnt, confidences, labels


def _offered(
    draft: Calibration, retriever: Retriever, questions: Sequence[Question], vectors: Vectors
) -> npt.NDArray[np.bool_]:
    """Tell per question whether one of the first three candidates is right."""
    ranked = retriever.with_calibration(draft)
    return np.array(
        [
            any(
                candidate.entry_id in question.right
                for candidate in ranked.search_vector(question.text, vector).candidates[:3]
            )
            for question, vector in zip(questions, vectors, strict=True)
        ]
    )


def _lowest_threshold(
    confidences: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], share: float
) -> float:
    """Return the lowest confidence from which on at least this share is right."""
    order = np.argsort(-confidences)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(precision >= share)
    return float(confidences[order[good[-1]]]) if len(good) else 1.0


def _emergency_threshold(
    exemplars: list[Exemplar],
    exemplar_vectors: Vectors,
    retriever: Retriever,
    questions: Sequence[Question],
    vectors: Vectors,
) -> tuple[float, float]:
    """Return the lowest cosine that seldom takes over a question, and the exemplars caught.

    A text counts as like an emergency where it is nearer to an emergency exemplar than to an
    everyday one and to every wording of the corpus. Each exemplar is judged without itself.
    """
    urgent = np.array([item.category is not None for item in exemplars])
    alarming, calm = exemplar_vectors[urgent], exemplar_vectors[~urgent]

    def nearness(texts: Sequence[str], own: Vectors, near: Vectors) -> npt.NDArray[np.float64]:
        """Return the cosine with the nearest exemplar, or -1 where something calm is nearer."""
        wordings = [retriever.features(t, v)[:, 0].max() for t, v in zip(texts, own, strict=True)]
        rivals = np.maximum((own @ calm.T).max(axis=1), np.array(wordings))
        return np.where(near > rivals, near, -1.0)

    taken = [
        (question.text, vector)
        for question, vector in zip(questions, vectors, strict=True)
        if not ASKING.search(question.text)
    ]
    stating = np.array([vector for _, vector in taken])
    false = nearness([text for text, _ in taken], stating, (stating @ alarming.T).max(axis=1))
    allowed = int(len(questions) * FALSE_ALARM_AT_MOST)
    threshold = max(float(np.sort(false)[-1 - allowed]) + 0.005, LEAST_EMERGENCY_COSINE)
    own = alarming @ alarming.T
    np.fill_diagonal(own, -1.0)
    texts = [item.text for item in exemplars if item.category is not None]
    caught = nearness(texts, alarming, own.max(axis=1)) >= threshold
    return threshold, float(np.mean(caught))
