"""Learn weights and thresholds from labelled questions, for ``python -m knowledge calibrate``.

Four steps, each on what the one before has learnt: which aspect a question asks about (from the
corpus's own wordings), what it wishes for, in which order the entries come, and whether the first
one is right at all. Thresholds are set on figures that the weights did not see (five folds),
otherwise they would flatter themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from knowledge.calibration import (
    CONFIDENCE_FEATURES,
    Calibration,
    Classifier,
    rounded,
)
from knowledge.embedder import Vectors
from knowledge.emergency import ASKING, Exemplar
from knowledge.evaluation import CALIBRATION_FILE, Question
from knowledge.retriever import FEATURES, Floats, Retriever, wish_features

WRONG_AT_MOST = 0.02
"""Share of the answerable calibration questions that may be shown a wrong entry as the answer."""
FALSE_AT_MOST = 0.03
"""Share of those that must not be answered which may be answered all the same."""
OFFER_AT_LEAST = 0.5
"""A choice is offered only at confidences where one of three options is right this often."""
DECLINED_AT_MOST = 0.015
"""Share of the answerable questions that may be taken for a wish for a diagnosis or a dose."""
FALSE_ALARM_AT_MOST = 0.01
"""Share of the calibration questions that may be taken for an emergency by the exemplars alone."""
LEAST_EMERGENCY_COSINE = 0.4
"""Below this, sentences of this model have no meaning in common."""
FOLDS = 5
REPEATS = 5
"""Times that the folds are drawn anew, so that a threshold does not hang on one draw."""
NEAR = 30
"""Entries that compete for a question while the order is learnt."""
DECAY = 1e-3

Flags = npt.NDArray[np.bool_]
WISHES = {"diagnosis": "diagnosis", "dose": "dose"}


@dataclass(frozen=True)
class _Rows:
    """The labelled questions, prepared.

    Attributes:
        questions: the questions, without those that have a context.
        vectors: one per question.
        signals: of every entry for every question, shape ``(questions, entries, signals)``.
        right: whether an entry answers a question, shape ``(questions, entries)``.
    """

    questions: Sequence[Question]
    vectors: Vectors
    signals: Floats
    right: Flags

    @property
    def answerable(self) -> Flags:
        """Whether any entry answers a question."""
        return np.asarray(self.right.any(axis=1))


def calibrate(
    retriever: Retriever,
    exemplars: list[Exemplar],
    exemplar_vectors: Vectors,
    questions: Sequence[Question],
) -> Calibration:
    """Learn weights and thresholds from labelled questions.

    Args:
        retriever: over all entries; its own calibration is not used.
        exemplars: the emergency exemplars.
        exemplar_vectors: one per exemplar.
        questions: labelled questions; those with a context are left out.
    """
    plain = [question for question in questions if question.context is None]
    vectors = retriever.embedder.embed([question.text for question in plain])
    draft = nothing_learnt(retriever.embedder.name)
    draft = replace(draft, aspects=_learn_aspects(retriever))
    draft, declined = _learn_wishes(draft, plain, vectors)
    rows = _prepare(retriever.with_calibration(draft), plain, vectors)
    draft, scores = _learn_order(draft, rows)
    draft, confidences = _learn_confidence(draft, retriever, rows, scores)
    first = scores.argmax(axis=1)
    right = rows.right[np.arange(len(plain)), first]
    answer_at = _answer_threshold(confidences, right, rows.answerable, declined)
    offered = _right_in_first(scores, rows.right, 3)
    clarify_at = min(answer_at, _offer_threshold(confidences, offered))
    emergency_at, caught = _emergency_threshold(
        exemplars, exemplar_vectors, retriever, plain, vectors
    )
    shown = (confidences >= answer_at) & ~declined
    answerable = rows.answerable
    figures = {
        "questions": len(plain),
        "answerable": int(answerable.sum()),
        "right_first": _share(right, answerable),
        "answered": _share(shown, answerable),
        "wrong_shown": _share(shown & ~right, answerable),
        "wrongly_answered": _share(shown, ~answerable),
        "declined_by_mistake": _share(declined, answerable),
        "exemplars_caught_left_out": round(caught, 4),
    }
    return replace(
        draft,
        answer_at=round(answer_at, 4),
        clarify_at=round(clarify_at, 4),
        emergency_at=round(emergency_at, 4),
        fitted_on={"file": CALIBRATION_FILE.name} | {n: float(v) for n, v in figures.items()},
    )


def nothing_learnt(model: str) -> Calibration:
    """Return a calibration that knows nothing, for one embedding model."""
    return Calibration(
        model=model,
        rank_weights=(0.0,) * len(FEATURES),
        confidence_weights=(0.0,) * (len(CONFIDENCE_FEATURES) + len(FEATURES)),
        confidence_bias=0.0,
        answer_at=1.0,
        clarify_at=1.0,
        declines_at=1.0,
        emergency_at=1.0,
        fitted_on={},
    )


def _learn_aspects(retriever: Retriever) -> Classifier | None:
    """Learn from all wordings of the corpus which aspect a question asks about."""
    vectors, owners = retriever.asked_vectors()
    names = [retriever.entries[owner].topic_entry.entry.aspect.value for owner in owners]
    return _classifier(LogisticRegression(C=3.0, max_iter=500), vectors, names, digits=3)


def _learn_wishes(
    draft: Calibration, questions: Sequence[Question], vectors: Vectors
) -> tuple[Calibration, Flags]:
    """Learn which questions wish for a diagnosis or a dose, and from when on to say so."""
    table = np.array([wish_features(q.text, v) for q, v in zip(questions, vectors, strict=True)])
    names = np.array([WISHES.get(q.kind or "", "question") for q in questions])
    model = LogisticRegression(C=1.0, max_iter=3000)
    wishes = _classifier(model, table, list(names), digits=4)
    if wishes is None:
        return draft, np.zeros(len(questions), dtype=bool)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    unseen = cross_val_predict(model, table, names, cv=folds, method="predict_proba")
    declined = unseen[:, [wishes.classes.index(name) for name in WISHES.values()]].max(axis=1)
    answerable = np.array([bool(q.right) for q in questions])
    allowed = int(answerable.sum() * DECLINED_AT_MOST)
    at = float(np.sort(declined[answerable])[::-1][allowed]) + 1e-4
    learnt = replace(draft, wishes=wishes, declines_at=round(at, 4))
    return learnt, declined >= at


def _classifier(
    model: LogisticRegression, table: npt.NDArray[np.floating], names: Sequence[str], digits: int
) -> Classifier | None:
    """Fit a classifier; None where there is but one class."""
    if len(set(names)) < 2:
        return None
    model.fit(table, names)
    weights, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps only the second class's row
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.r_[-bias / 2, bias / 2]
    return Classifier(
        tuple(str(name) for name in model.classes_),
        tuple(rounded(row, digits) for row in weights),
        rounded(bias, digits),
    )


def _prepare(retriever: Retriever, questions: Sequence[Question], vectors: Vectors) -> _Rows:
    ids = np.array([live.topic_entry.entry.id for live in retriever.entries])
    signals = [retriever.features(q.text, v) for q, v in zip(questions, vectors, strict=True)]
    right = np.array([np.isin(ids, sorted(question.right)) for question in questions])
    return _Rows(questions, vectors, np.array(signals, dtype=np.float64), right)


def _learn_order(draft: Calibration, rows: _Rows) -> tuple[Calibration, Floats]:
    """Learn the weights of the order; also return scores by weights that did not see the row."""
    answerable = np.flatnonzero(rows.answerable)
    scores = np.zeros(rows.right.shape)
    if len(answerable) >= FOLDS:
        for seen, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(rows.questions):
            weights = _listwise(rows, np.intersect1d(seen, answerable))
            scores[unseen] = rows.signals[unseen] @ weights
    weights = _listwise(rows, answerable)
    return replace(draft, rank_weights=rounded(weights)), scores


def _listwise(rows: _Rows, chosen: npt.NDArray[np.intp]) -> Floats:
    """Return weights under which the right entries are likeliest among the near ones.

    A conditional logit (McFadden, 1974): the probability of an entry is the softmax of its score
    over the competing entries; weights are found by maximum likelihood with a slight decay.
    """
    best, coverage = FEATURES.index("best"), FEATURES.index("coverage")
    rough = rows.signals[chosen][:, :, best] + 0.5 * rows.signals[chosen][:, :, coverage]
    rough = np.where(rows.right[chosen], rough + 10.0, rough)  # the right ones always compete
    near = np.argsort(-rough, axis=1)[:, :NEAR]
    signals = np.take_along_axis(rows.signals[chosen], near[:, :, None], axis=1)
    right = np.take_along_axis(rows.right[chosen], near, axis=1)
    scale = signals.reshape(-1, signals.shape[-1]).std(axis=0) + 1e-9
    scaled = signals / scale

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = scaled @ weights
        shares = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
        own = np.where(right, logits, -np.inf)
        share_of_own = np.exp(own - logsumexp(own, axis=1, keepdims=True))
        value = np.mean(logsumexp(logits, axis=1) - logsumexp(own, axis=1))
        slope = np.einsum("qe,qef->f", shares - share_of_own, scaled) / len(logits)
        return float(value + DECAY * weights @ weights), slope + 2 * DECAY * weights

    found = minimize(loss, np.zeros(signals.shape[-1]), jac=True, method="L-BFGS-B")
    weights: Floats = found.x / scale
    return weights


def _learn_confidence(
    draft: Calibration, retriever: Retriever, rows: _Rows, scores: Floats
) -> tuple[Calibration, Floats]:
    """Learn when the first candidate is right; also return confidences on unseen questions."""
    ranked = retriever.with_calibration(draft)
    table = np.array(
        [
            ranked.confidence_features(question.text, vector, own, signals, int(own.argmax()))
            for question, vector, own, signals in zip(
                rows.questions, rows.vectors, scores, rows.signals, strict=True
            )
        ]
    )
    right = rows.right[np.arange(len(scores)), scores.argmax(axis=1)]
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=5000))
    unseen = [
        cross_val_predict(
            judge,
            table,
            right,
            cv=KFold(FOLDS, shuffle=True, random_state=seed),
            method="predict_proba",
        )[:, 1]
        for seed in range(REPEATS)
    ]
    confidences = np.mean(unseen, axis=0)
    judge.fit(table, right)
    scaler, model = judge[0], judge[1]
    weights = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - weights @ scaler.mean_)
    learnt = replace(draft, confidence_weights=rounded(weights), confidence_bias=round(bias, 5))
    return learnt, confidences


def _answer_threshold(
    confidences: Floats, right: Flags, answerable: Flags, declined: Flags
) -> float:
    """Return the lowest confidence from which on both kinds of wrong answers are rare enough."""
    order = np.argsort(-confidences)
    plain = ~declined[order]
    wrong = np.cumsum(plain & ~right[order] & answerable[order]) / max(1, answerable.sum())
    false = np.cumsum(plain & ~answerable[order]) / max(1, (~answerable).sum())
    bad = np.flatnonzero((wrong > WRONG_AT_MOST) | (false > FALSE_AT_MOST))
    last = bad[0] - 1 if len(bad) else len(order) - 1
    return float(confidences[order[last]]) if last >= 0 else 1.0


def _right_in_first(scores: Floats, right: Flags, count: int) -> Flags:
    """Tell per question whether one of the first candidates is right."""
    first = np.argsort(-scores, axis=1)[:, :count]
    return np.asarray(np.take_along_axis(right, first, axis=1).any(axis=1))


def _share(what: Flags, among: Flags) -> float:
    return round(float((what & among).sum() / max(1, among.sum())), 4)


def _offer_threshold(confidences: Floats, offered: Flags) -> float:
    """Return the confidence from which on one of the options is right often enough.

    Isotonic regression tells that share at each confidence; a cumulated share would let the sure
    questions pay for hopeless ones.
    """
    fit = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    fit.fit(confidences, offered)
    grid = np.sort(confidences)
    enough = np.flatnonzero(fit.predict(grid) >= OFFER_AT_LEAST)
    return float(grid[enough[0]]) if len(enough) else 1.0


def _emergency_threshold(
    exemplars: list[Exemplar],
    exemplar_vectors: Vectors,
    retriever: Retriever,
    questions: Sequence[Question],
    vectors: Vectors,
) -> tuple[float, float]:
    """Return the lowest cosine that seldom takes over a question, and the exemplars caught.

    A text counts as like an emergency where it is nearer to an emergency exemplar than to an
    everyday one and to every wording of an entry that is no emergency. Each exemplar is judged
    without itself. Questions that an emergency entry answers are no false alarms: its answer has
    the call-now line anyway.
    """
    urgent_ids = {
        live.topic_entry.entry.id
        for live in retriever.entries
        if live.topic_entry.entry.urgency.level == "emergency"
    }
    urgent = np.array([item.category is not None for item in exemplars])
    alarming, calm = exemplar_vectors[urgent], exemplar_vectors[~urgent]

    def nearness(texts: Sequence[str], own: Vectors, near: Vectors) -> npt.NDArray[np.float64]:
        """Return the cosine with the nearest exemplar, or -1 where something calm is nearer."""
        wordings = [
            retriever.nearest_calm_wording(retriever.features(text, vector))
            for text, vector in zip(texts, own, strict=True)
        ]
        rivals = np.maximum((own @ calm.T).max(axis=1), np.array(wordings))
        return np.where(near > rivals, near, -1.0)

    taken = [
        (question.text, vector)
        for question, vector in zip(questions, vectors, strict=True)
        if not ASKING.search(question.text) and not question.right & urgent_ids
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
