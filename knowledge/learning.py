"""Learn weights and thresholds from labelled questions, for ``python -m knowledge calibrate``.

Four steps, each on what the one before has learnt: which aspect a question asks about (from the
corpus's own wordings), what it wishes for, in which order the entries come, and whether the first
one is right at all. What tells how sure to be is fitted on figures that the weights did not see
(five folds), otherwise it would flatter itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from knowledge.calibration import (
    CONFIDENCE_FEATURES,
    Calibration,
    Classifier,
    Curve,
    rounded,
)
from knowledge.embedder import Vectors
from knowledge.emergency import AGREE_MARGIN, ASKING, Exemplar
from knowledge.evaluation import CALIBRATION_FILE, Question
from knowledge.retriever import FEATURES, Floats, Retriever, Signals, wish_features

OFFERED = 3
"""Candidates that are offered to choose from."""
DECLINED_AT_MOST = 0.015
"""Share of the answerable questions that may be taken for a wish for a diagnosis or a dose."""
FALSE_ALARM_AT_MOST = 0.01
"""Share of the calibration questions that may be taken for an emergency by the exemplars alone."""
LEAST_EMERGENCY_COSINE = 0.45
"""Below this, sentences of this model have no meaning in common."""
FOLDS = 5
REPEATS = 5
"""Times that the folds are drawn anew, so that a curve does not hang on one draw."""
DECAY = 1e-3
CURVE_POINTS = 20
LEAST_TO_REFIT = 100
"""Labelled questions with an answer from which a release's own confidence can be learnt."""

Flags = npt.NDArray[np.bool_]
WISHES = {"diagnosis": "diagnosis", "dose": "dose"}


@dataclass(frozen=True)
class Rows:
    """Labelled questions, prepared for one index.

    Attributes:
        questions: the questions.
        vectors: one per question.
        signals: the documents that compete for each question.
        right: per question, which of those answer it.
    """

    questions: Sequence[Question]
    vectors: Vectors
    signals: Sequence[Signals]
    right: Sequence[Flags]

    @property
    def answerable(self) -> Flags:
        """Whether any document answers a question."""
        return np.array([bool(question.right) for question in self.questions])

    def scores(self, weights: Floats) -> list[Floats]:
        """Return the scores of the documents that compete, per question."""
        return [signals.table.astype(np.float64) @ weights for signals in self.signals]


@dataclass(frozen=True)
class Judged:
    """What came of some questions, by weights that did not see them.

    Attributes:
        raw: confidence in the first document, 0 to 1.
        right: whether it answers the question.
        offered: whether one of the first three does.
    """

    raw: Floats
    right: Flags
    offered: Flags


def calibrate(
    retriever: Retriever,
    exemplars: list[Exemplar],
    exemplar_vectors: Vectors,
    questions: Sequence[Question],
    limits: tuple[float, float],
    name: str = CALIBRATION_FILE.name,
) -> Calibration:
    """Learn weights and thresholds from labelled questions.

    Args:
        retriever: over all entries; its own calibration is not used.
        exemplars: the emergency exemplars.
        exemplar_vectors: one per exemplar.
        questions: labelled questions; those with a context are left out.
        limits: probability from which an answer is shown, and a choice offered.
        name: of the file of the questions, for the record.
    """
    plain = corrected(retriever, [q for q in questions if q.context is None])
    vectors = retriever.embedder.embed([question.text for question in plain])
    draft = nothing_learnt(retriever.embedder.name)
    draft = replace(draft, answer_at=limits[0], clarify_at=limits[1])
    draft = replace(draft, aspects=_learn_aspects(retriever))
    draft, declined = _learn_wishes(draft, plain, vectors)
    rows = prepare(retriever.with_calibration(draft), plain, vectors)
    draft, scores = _learn_order(draft, rows)
    draft, judged = learn_confidence(draft, retriever, rows, scores)
    emergency_at, caught = _emergency_threshold(exemplars, exemplar_vectors, retriever, rows)
    draft = replace(draft, emergency_at=round(emergency_at, 4))
    return replace(
        draft,
        fitted_on={"file": name}
        | _figures(draft, rows.answerable, judged, declined)
        | {"exemplars_caught_left_out": round(caught, 4)},
    )


def refit(calibration: Calibration, retriever: Retriever, rows: Rows) -> Calibration:
    """Learn anew how sure to be, for an index that has changed; the order stays as it was.

    Confidences hang on what else the index holds: with more wordings, a high cosine means less.

    Args:
        calibration: learnt for an older index.
        retriever: over the new one.
        rows: the labelled questions, prepared for the new one.
    """
    scores = rows.scores(np.array(calibration.rank_weights))
    refitted, _ = learn_confidence(calibration, retriever, rows, scores)
    return refitted


def corrected(retriever: Retriever, questions: Sequence[Question]) -> list[Question]:
    """Return questions as the retriever reads them, their spelling corrected."""
    return [
        question.model_copy(update={"text": retriever.corrected(question.text)})
        for question in questions
    ]


def still_answerable(questions: Sequence[Question], known: set[str]) -> list[Question]:
    """Return labelled questions as they hold for a release: what it lacks answers nothing.

    Args:
        questions: labelled for a corpus that may have held other entries.
        known: ids of the entries of the release.
    """
    kept = []
    for question in questions:
        right = sorted(question.right & known, key=lambda name: (name != question.entry, name))
        changes = {"entry": right[0] if right else None, "also": tuple(right[1:])}
        kept.append(question.model_copy(update=changes))
    return kept


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


def _figures(
    learnt: Calibration, answerable: Flags, judged: Judged, declined: Flags
) -> dict[str, float | str]:
    confidence = np.interp(judged.raw, *_axes(learnt.right_curve))
    shown = (confidence >= learnt.answer_at) & ~declined
    return {
        "questions": len(answerable),
        "answerable": int(answerable.sum()),
        "right_first": _share(judged.right, answerable),
        "answered": _share(shown, answerable),
        "wrong_shown": _share(shown & ~judged.right, answerable),
        "wrongly_answered": _share(shown, ~answerable),
        "declined_by_mistake": _share(declined, answerable),
    }


def _axes(curve: Curve) -> tuple[list[float], list[float]]:
    return [x for x, _ in curve], [y for _, y in curve]


def _learn_aspects(retriever: Retriever) -> Classifier | None:
    """Learn from all wordings of the corpus which aspect a question asks about."""
    vectors, owners = retriever.asked_vectors()
    names = [retriever.documents[owner].aspect for owner in owners]
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


def prepare(retriever: Retriever, questions: Sequence[Question], vectors: Vectors) -> Rows:
    """Search every question and tell which of the documents brought answer it."""
    ids = np.array([document.id for document in retriever.documents])
    signals = [retriever.signals(q.text, v) for q, v in zip(questions, vectors, strict=True)]
    right = [
        np.isin(ids[found.numbers], sorted(question.right))
        for question, found in zip(questions, signals, strict=True)
    ]
    return Rows(questions, vectors, signals, right)


def _learn_order(draft: Calibration, rows: Rows) -> tuple[Calibration, list[Floats]]:
    """Learn the weights of the order; also return scores by weights that did not see the row."""
    places = np.arange(len(rows.questions))
    scores = rows.scores(np.zeros(len(FEATURES)))
    if len(places) >= FOLDS:
        for seen, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(places):
            weights = learn_order([rows], [seen])
            for place in unseen:
                scores[place] = rows.signals[place].table @ weights
    return replace(draft, rank_weights=rounded(learn_order([rows]))), scores


def learn_order(
    sets: Sequence[Rows],
    chosen: Sequence[npt.NDArray[np.intp]] | None = None,
    decay: float = DECAY,
    towards: Floats | None = None,
) -> Floats:
    """Return weights under which the right documents are likeliest among those that compete.

    A conditional logit (McFadden, 1974): the probability of a document is the softmax of its score
    over the competing ones; weights are found by maximum likelihood with a slight decay. Every set
    counts the same, however many questions it has.

    Args:
        sets: questions of one corpus each.
        chosen: places of the questions to learn from, per set; all where None.
        decay: how strongly the weights are held to where they start.
        towards: where they start; at zero where None.
    """
    start = np.zeros(len(FEATURES)) if towards is None else towards
    tables, rights, counts = [], [], []
    for number, rows in enumerate(sets):
        places = chosen[number] if chosen is not None else np.arange(len(rows.questions))
        usable = [place for place in places if rows.right[place].any()]
        tables += [rows.signals[place].table for place in usable]
        rights += [rows.right[place] for place in usable]
        counts += [1.0 / max(1, len(usable))] * len(usable)
    if not tables:
        return start
    return _listwise(tables, rights, np.array(counts) / len(sets), decay, start)


def _listwise(
    tables: Sequence[npt.NDArray[np.float32]],
    rights: Sequence[Flags],
    counts: Floats,
    decay: float,
    start: Floats,
) -> Floats:
    stacked = np.vstack(tables).astype(np.float64)
    right = np.concatenate(rights)
    starts = np.r_[0, np.cumsum([len(table) for table in tables])[:-1]]
    owners = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    # What all candidates of a question share decides nothing: only differences count.
    centred = stacked - (np.add.reduceat(stacked, starts) / np.bincount(owners)[:, None])[owners]
    scale = centred.std(axis=0) + 1e-6
    scaled = centred / scale
    start = start * scale

    def shares(logits: Floats) -> tuple[Floats, Floats]:
        highest = np.maximum.reduceat(logits, starts)[owners]
        powers = np.exp(logits - highest)
        totals = np.add.reduceat(powers, starts)
        return powers / totals[owners], np.log(totals) + highest[starts]

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = scaled @ weights
        share, total = shares(logits)
        own_share, own_total = shares(np.where(right, logits, -1e9))
        value = float(counts @ (total - own_total))
        slope = scaled.T @ ((share - own_share) * counts[owners])
        apart = weights - start
        return value + decay * float(apart @ apart), slope + 2 * decay * apart

    found = minimize(loss, start, jac=True, method="L-BFGS-B")
    weights: Floats = found.x / scale
    return weights


def learn_confidence(
    draft: Calibration, retriever: Retriever, rows: Rows, scores: Sequence[Floats]
) -> tuple[Calibration, Judged]:
    """Learn when the first candidate is right; also return what came of unseen questions.

    Args:
        draft: what was learnt so far; its order is not looked at.
        retriever: over the index that the questions were prepared for.
        rows: the questions.
        scores: of the documents that compete, best by weights that did not see the question.
    """
    ranked = retriever.with_calibration(draft)
    table = np.array(
        [
            ranked.confidence_features(question.text, vector, own, signals, int(own.argmax()))
            for question, vector, own, signals in zip(
                rows.questions, rows.vectors, scores, rows.signals, strict=True
            )
        ]
    )
    right = right_in_first(scores, rows.right, 1)
    offered = right_in_first(scores, rows.right, OFFERED)
    return fit_confidence(draft, table, right, offered)


def fit_confidence(
    draft: Calibration, table: Floats, right: Flags, offered: Flags
) -> tuple[Calibration, Judged]:
    """Fit when the first document is right; also return what came of unseen questions.

    Args:
        draft: what was learnt so far.
        table: what tells it, one row per question.
        right: whether the first document answers each question.
        offered: whether one of the first three does.
    """
    if right.all() or not right.any() or len(right) < 2 * FOLDS:
        return draft, Judged(np.zeros(len(right)), right, offered)  # nothing to tell apart
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
    raw = np.mean(unseen, axis=0)
    judge.fit(table, right)
    scaler, model = judge[0], judge[1]
    weights = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - weights @ scaler.mean_)
    learnt = replace(
        draft,
        confidence_weights=rounded(weights),
        confidence_bias=round(bias, 5),
        right_curve=curve(raw, right),
        offer_curve=curve(raw, offered),
    )
    return learnt, Judged(raw, right, offered)


def curve(raw: Floats, happened: Flags) -> Curve:
    """Return how often something happened at each raw confidence, as a rising curve.

    Isotonic regression finds the rising steps (Zadrozny and Elkan, 2002); the curve goes through
    the middle of each, so that no two confidences become one.
    """
    fit = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw, happened)
    heights = fit.predict(raw)
    points = [
        (float(raw[heights == height].mean()), float(height)) for height in np.unique(heights)
    ]
    if len(points) > CURVE_POINTS:
        kept = np.unique(np.linspace(0, len(points) - 1, CURVE_POINTS).astype(int))
        points = [points[place] for place in kept]
    return tuple((round(x, 4), round(y, 4)) for x, y in points)


def right_in_first(scores: Sequence[Floats], right: Sequence[Flags], count: int) -> Flags:
    """Tell per question whether one of the first candidates is right."""
    return np.array(
        [
            bool(flags[np.argsort(-own, kind="stable")[:count]].any())
            for own, flags in zip(scores, right, strict=True)
        ]
    )


def _share(what: Flags, among: Flags) -> float:
    return round(float((what & among).sum() / max(1, among.sum())), 4)


def _emergency_threshold(
    exemplars: list[Exemplar], exemplar_vectors: Vectors, retriever: Retriever, rows: Rows
) -> tuple[float, float]:
    """Return the lowest cosine that seldom takes over a question, and the exemplars caught.

    A text counts as like an emergency where it is nearer to an emergency exemplar than to an
    everyday one, and no wording of an entry that is no emergency is clearly nearer. Each exemplar
    is judged without itself. Questions that an emergency entry answers are no false alarms: its
    answer has the call-now line anyway.
    """
    urgent_ids = {document.id for document in retriever.documents if document.is_emergency}
    urgent = np.array([item.category is not None for item in exemplars])
    alarming, calm = exemplar_vectors[urgent], exemplar_vectors[~urgent]

    def nearness(own: Vectors, wordings: Floats, near: Vectors) -> Floats:
        """Return the cosine with the nearest exemplar, or -1 where something calm is nearer."""
        rivals = np.maximum((own @ calm.T).max(axis=1), wordings - AGREE_MARGIN)
        return np.where(near > rivals, near, -1.0)

    taken = [
        place
        for place, question in enumerate(rows.questions)
        if not ASKING.search(question.text) and not question.right & urgent_ids
    ]
    stating = rows.vectors[taken]
    wordings = np.array([retriever.nearest_calm_wording(rows.signals[place]) for place in taken])
    false = nearness(stating, wordings, (stating @ alarming.T).max(axis=1))
    allowed = int(len(rows.questions) * FALSE_ALARM_AT_MOST)
    threshold = max(float(np.sort(false)[-1 - allowed]) + 0.005, LEAST_EMERGENCY_COSINE)
    own = alarming @ alarming.T
    np.fill_diagonal(own, -1.0)
    texts = [item.text for item in exemplars if item.category is not None]
    near_calm = np.array(
        [
            retriever.nearest_calm_wording(retriever.signals(text, vector))
            for text, vector in zip(texts, alarming, strict=True)
        ]
    )
    caught = nearness(alarming, near_calm, own.max(axis=1)) >= threshold
    return threshold, float(np.mean(caught))
