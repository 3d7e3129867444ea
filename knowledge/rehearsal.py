"""A release before it is live: which questions would get another answer, and what is too alike.

The labelled questions and what people asked lately are decided twice, by the live release and by
the one to be. Only those that lie nearest to what changes are asked: no others can change much.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.answering import Answer, Answerer, Clarify, Decision
from knowledge.checks.neighbours import SAME_QUESTION
from knowledge.embedder import Embedder, Vectors, embed_cached
from knowledge.entry import TopicEntry
from knowledge.live import LiveAnswers
from knowledge.retriever import Retriever
from knowledge.schema import AskedQuestion, Revision
from knowledge.store import LiveEntry

MOST_ASKED = 150
"""Questions that are decided twice: a few seconds."""
RECENT = 500
MOST_ALIKE = 20


@dataclass(frozen=True)
class Change:
    """A question that would get another reply.

    Attributes:
        question: the question; of what people asked, with identifiers masked.
        is_labelled: whether it is one of the labelled questions.
        before: what it gets now, in words.
        after: what it would get.
        is_worse: whether an answer that is right by its label would be lost; None without a label.
    """

    question: str
    is_labelled: bool
    before: str
    after: str
    is_worse: bool | None


@dataclass(frozen=True)
class Alike:
    """Two wordings of different entries that ask nearly the same.

    Attributes:
        entry_id: of the entry that changes.
        wording: its wording.
        other_id: of the other entry.
        other: its wording.
        cosine: of the two.
    """

    entry_id: str
    wording: str
    other_id: str
    other: str
    cosine: float


@dataclass(frozen=True)
class Rehearsal:
    """What a release would change.

    Attributes:
        asked: how many questions were decided twice.
        changes: those that would get another reply.
        alike: wordings that are too alike.
    """

    asked: int
    changes: tuple[Change, ...]
    alike: tuple[Alike, ...]


@dataclass(frozen=True)
class FoundNow:
    """What a wording gets from the live release.

    Attributes:
        wording: the wording.
        kind: ``answer``, ``choice`` or ``no_answer``.
        entry_ids: the entry that answers, or those that are offered, likeliest first.
        score: probability that the likeliest one answers it.
    """

    wording: str
    kind: str
    entry_ids: tuple[str, ...]
    score: float


@dataclass(frozen=True)
class Labelled:
    """A question with the entries that answer it."""

    text: str
    right: frozenset[str]


def rehearse(
    session: Session,
    answers: LiveAnswers,
    revision_ids: Collection[int],
    labelled: Sequence[Labelled],
    today: date,
) -> Rehearsal | None:
    """Decide questions by the live release and by one with some revisions more.

    Args:
        session: a transaction; vectors of new texts are added to the store.
        answers: the live release in memory.
        revision_ids: revisions that would take the place of those of their entries.
        labelled: questions with their right entries.
        today: as for the decisions.

    Returns:
        What would change, or None while no release is loaded.
    """
    loaded = answers.loaded
    if loaded is None:
        return None
    before = loaded.answerer
    changed = _entries(session, revision_ids)
    names = {(live.topic_entry.entry.id, live.topic_entry.topic.locale) for live in changed}
    kept = [
        live
        for live in before.entries
        if (live.topic_entry.entry.id, live.topic_entry.topic.locale) not in names
    ]
    entries = sorted([*kept, *changed], key=lambda live: live.topic_entry.entry.id)
    tried = answers.try_out(session, entries)
    if tried is None:
        return None
    to_be = tried.answerer
    ids = {live.topic_entry.entry.id for live in changed}
    questions = _questions(session, labelled)
    if not questions:
        return Rehearsal(0, (), tuple(_alike(to_be.retriever, ids)))
    vectors = _embedded(session, answers.embedder, questions)
    nearest = _nearest(vectors, _vectors_of(before, to_be, ids))
    found = [
        change for place in nearest if (change := _compare(questions[place], before, to_be, today))
    ]
    found.sort(key=lambda change: (change.is_worse is not True, not change.is_labelled))
    return Rehearsal(len(nearest), tuple(found), tuple(_alike(to_be.retriever, ids)))


def found_now(answerer: Answerer, wordings: Sequence[str], today: date) -> list[FoundNow]:
    """Decide wordings by the live release: what would people who ask so get today?"""
    found = []
    for wording in wordings:
        decision = answerer.decide(wording, today=today)
        kind, ids = "no_answer", tuple[str, ...]()
        if isinstance(decision, Answer):
            kind, ids = "answer", (decision.live.topic_entry.entry.id,)
        elif isinstance(decision, Clarify):
            kind, ids = "choice", tuple(option.entry_id for option in decision.options)
        found.append(FoundNow(wording, kind, ids, round(decision.score, 2)))
    return found


def _entries(session: Session, revision_ids: Collection[int]) -> list[LiveEntry]:
    rows = session.scalars(sa.select(Revision).where(Revision.id.in_(list(revision_ids))))
    return [LiveEntry(TopicEntry.model_validate(row.body), row.number, row.id) for row in rows]


def _questions(session: Session, labelled: Sequence[Labelled]) -> list[Labelled]:
    """Return the labelled questions, then what people asked lately, each once."""
    recent = session.scalars(
        sa.select(AskedQuestion.text).order_by(AskedQuestion.at.desc()).limit(RECENT)
    )
    known = {one.text for one in labelled}
    fresh = dict.fromkeys(text for text in recent if text not in known)
    known_right = [one for one in labelled if one.right]
    return [*known_right, *(Labelled(text, frozenset()) for text in fresh)]


def _embedded(session: Session, embedder: Embedder, questions: Sequence[Labelled]) -> Vectors:
    """Return the vectors of questions; those of what people asked are not kept."""
    labelled = [one.text for one in questions if one.right]
    asked = [one.text for one in questions if not one.right]
    parts = [embed_cached(session, embedder, labelled)] if labelled else []
    parts += [embedder.embed(asked)] if asked else []
    return np.concatenate(parts)


def _vectors_of(before: Answerer, after: Answerer, ids: Collection[str]) -> Vectors:
    """Return the vectors of all wordings of some entries, as they are and as they would be."""
    found = []
    for answerer in (before, after):
        vectors, owners = answerer.retriever.asked_vectors()
        documents = answerer.retriever.documents
        own = np.array([documents[number].id in ids for number in owners])
        found.append(vectors[own])
    return np.concatenate(found)


def _nearest(questions: Vectors, changed: Vectors) -> list[int]:
    """Return the places of the questions that lie nearest to what changes."""
    closeness = (questions @ changed.T).max(axis=1)
    return [int(place) for place in np.argsort(-closeness, kind="stable")[:MOST_ASKED]]


def _compare(question: Labelled, before: Answerer, after: Answerer, today: date) -> Change | None:
    old = before.decide(question.text, today=today)
    new = after.decide(question.text, today=today)
    told = _in_words(old), _in_words(new)
    if told[0] == told[1]:
        return None
    is_worse = None
    if question.right:
        is_worse = bool(_offered(old) & question.right) and not _offered(new) & question.right
    return Change(question.text, bool(question.right), *told, is_worse)


def _offered(decision: Decision) -> frozenset[str]:
    if isinstance(decision, Answer):
        return frozenset({decision.live.topic_entry.entry.id})
    if isinstance(decision, Clarify):
        return frozenset(option.entry_id for option in decision.options)
    return frozenset()


def _in_words(decision: Decision) -> str:
    if isinstance(decision, Answer):
        live = decision.live
        number = f", revision {live.revision}"
        return f"answer: {live.topic_entry.entry.id}{number}"
    if isinstance(decision, Clarify):
        return "choice: " + ", ".join(option.entry_id for option in decision.options)
    return "no answer"


def _alike(retriever: Retriever, ids: Collection[str]) -> list[Alike]:
    """Return wordings of some entries that ask nearly what those of other entries ask."""
    vectors, owners = retriever.asked_vectors()
    texts = [text for _, text in retriever.asked()]
    documents = retriever.documents
    own = [place for place, number in enumerate(owners) if documents[number].id in ids]
    cosines = vectors[own] @ vectors.T
    found = []
    for row, place in enumerate(own):
        entry_id = documents[owners[place]].id
        for other in np.flatnonzero(cosines[row] >= SAME_QUESTION):
            other_id = documents[owners[other]].id
            if other_id != entry_id:
                cosine = round(float(cosines[row][other]), 3)
                found.append(Alike(entry_id, texts[place], other_id, texts[other], cosine))
    return sorted(found, key=lambda one: -one.cosine)[:MOST_ALIKE]
