"""Questions that mean the same, put together as they come in; groups stay what they are.

::

    AskedQuestion without a group  ->  nearest group of its locale, or a new one

Only questions that were not answered well are grouped: without an answer, offered a choice, or
rated badly. A question never moves to another group, so that what the team took stays the same.

Vectors of two models cannot be compared. After a change of the model, groups that nobody took yet
lose their questions to new ones; what somebody handled keeps its questions, and its centre is made
anew from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.schema import AskedQuestion, Feedback, QuestionGroup

if TYPE_CHECKING:
    from knowledge.embedder import Embedder, Progress, Vectors

SAME_MEANING = 0.75
"""Cosine with a group's centre from which a question joins it.

``python -m benchmarks.grouping`` prints what each limit gives with the packaged model; its table is
in docs/benchmarks.md. Of the corpus's wordings 94 of 100 pairs in one group are about one topic; of
the held-back questions, of which few come together, 77. Asking for nine of ten with the same entry
would take a limit at which hardly any question finds another.
"""
GROUPED_KINDS = ("no_answer", "clarify")
NEW = "new"
OF_A_GROUP = 50
"""Questions from which the centre of a group is made anew, at most."""


@dataclass(frozen=True)
class _Question:
    """A question to put into a group."""

    reply_id: str
    text: str
    locale: str


class _Shelf:
    """The groups of one locale, with their centres as one matrix that grows."""

    def __init__(self, dimensions: int, same_meaning: float = SAME_MEANING) -> None:
        self.ids: list[int] = []
        self.sizes: list[int] = []
        self.changed: set[int] = set()
        self._centres = np.zeros((64, dimensions), dtype=np.float32)
        self._same_meaning = same_meaning

    def add(self, centre: Vectors, size: int, group_id: int = 0) -> int:
        """Put a group on the shelf; an id of 0 means that the store does not have it yet."""
        place = len(self.ids)
        if place == len(self._centres):
            self._centres = np.concatenate([self._centres, np.zeros_like(self._centres)])
        self._centres[place] = _unit(centre)
        self.ids.append(group_id)
        self.sizes.append(size)
        return place

    def put(self, vector: Vectors) -> int:
        """Put a question into the nearest group or into a new one; return the group's place."""
        found = self._nearest(vector)
        if found is None:
            return self.add(vector, 1)
        before = max(self.sizes[found], 1)
        self._centres[found] = _unit(self._centres[found] * before + vector)
        self.sizes[found] += 1
        self.changed.add(found)
        return found

    def centre(self, place: int) -> bytes:
        """Return the centre of a group as the store keeps it."""
        return bytes(self._centres[place].tobytes())

    def _nearest(self, vector: Vectors) -> int | None:
        if not self.ids:
            return None
        likeness = self._centres[: len(self.ids)] @ vector
        best = int(likeness.argmax())
        return best if likeness[best] >= self._same_meaning else None


def places_of(vectors: Vectors, same_meaning: float = SAME_MEANING) -> list[int]:
    """Return for each text the number of its group, as they would come in one after the other.

    Args:
        vectors: one row for each text.
        same_meaning: cosine with a group's centre from which a text joins it.
    """
    shelf = _Shelf(vectors.shape[1], same_meaning)
    return [shelf.put(vector) for vector in _units(vectors)]


def group_new(
    session: Session, embedder: Embedder, tell: Progress | None = None, limit: int = 2000
) -> int:
    """Put questions that have no group into one, the oldest first.

    Everything is read and embedded before the first row is written: a store that is written to
    during the embedding would make patients wait.

    Args:
        session: a transaction.
        embedder: the model.
        tell: told of texts embedded and texts to embed.
        limit: questions at most; call again until it returns 0.

    Returns:
        How many questions were put into a group.
    """
    questions = _waiting(session, embedder.name, limit)
    handled = _handled_before(session, embedder.name)
    texts = {question.text for question in questions}
    texts.update(text for kept in handled.values() for text in kept)
    if not texts:
        return 0
    asked = sorted(texts)
    # Not kept by their text: "forget me" must leave no vector of a person's words behind.
    vectors = dict(zip(asked, _units(embedder.embed(asked, tell)), strict=True))
    centres = {
        group_id: _unit(np.sum([vectors[text] for text in kept], axis=0))
        for group_id, kept in handled.items()
    }
    shelves = _shelves(session, embedder.name, centres, len(vectors[asked[0]]))
    places = [_put(shelves, question, vectors[question.text]) for question in questions]
    _move_centres(session, embedder.name, centres)
    _write(session, embedder.name, shelves, questions, places)
    return len(questions)


def is_tidy(session: Session) -> bool:
    """Tell whether the groups count as many questions as there are in groups.

    Two sums, where ``tidy`` would count every group. Whatever leaves a group to be counted anew or
    to be deleted leaves the sums apart: a question that was forgotten, or that another model put
    into another group.
    """
    counted = sa.select(sa.func.coalesce(sa.func.sum(QuestionGroup.size), 0)).scalar_subquery()
    there = sa.select(sa.func.count(AskedQuestion.group_id)).scalar_subquery()
    return bool(session.scalar(sa.select(counted == there)))


def tidy(session: Session) -> int:
    """Delete groups that nobody took and that have no question left; count the others anew.

    Questions go with their conversation or when they are too old: ``is_tidy`` tells whether this
    has anything to do.

    Returns:
        How many groups were deleted.
    """
    rows = sa.select(sa.func.count()).where(AskedQuestion.group_id == QuestionGroup.id)
    left = rows.correlate(QuestionGroup).scalar_subquery()
    deleted = session.execute(
        sa.delete(QuestionGroup)
        .where(QuestionGroup.state == NEW, left == 0)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        sa.update(QuestionGroup)
        .where(QuestionGroup.size != left)
        .values(size=left)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return int(getattr(deleted, "rowcount", 0))


def _waiting(session: Session, model: str, limit: int) -> list[_Question]:
    """Return questions without a group, or in one of another model that nobody took."""
    of_another_model = sa.and_(QuestionGroup.model != model, QuestionGroup.state == NEW)
    rows = session.execute(
        sa.select(AskedQuestion.reply_id, AskedQuestion.text, AskedQuestion.locale)
        .outerjoin(Feedback, Feedback.reply_id == AskedQuestion.reply_id)
        .outerjoin(QuestionGroup, QuestionGroup.id == AskedQuestion.group_id)
        .where(
            sa.or_(AskedQuestion.group_id.is_(None), of_another_model),
            sa.or_(AskedQuestion.kind.in_(GROUPED_KINDS), Feedback.rating == "not_helpful"),
        )
        .order_by(AskedQuestion.at, AskedQuestion.reply_id)
        .limit(limit)
    )
    return [_Question(*row) for row in rows]


def _handled_before(session: Session, model: str) -> dict[int, list[str]]:
    """Return the newest questions of each group that somebody handled under another model."""
    place = sa.func.row_number().over(
        partition_by=AskedQuestion.group_id,
        order_by=(AskedQuestion.at.desc(), AskedQuestion.reply_id),
    )
    ranked = (
        sa.select(AskedQuestion.group_id, AskedQuestion.text, place.label("place"))
        .join(QuestionGroup, QuestionGroup.id == AskedQuestion.group_id)
        .where(QuestionGroup.model != model, QuestionGroup.state != NEW)
        .subquery()
    )
    found: dict[int, list[str]] = {}
    rows = sa.select(ranked.c.group_id, ranked.c.text).where(ranked.c.place <= OF_A_GROUP)
    for group_id, text in session.execute(rows):
        found.setdefault(group_id, []).append(text)
    return found


def _shelves(
    session: Session, model: str, centres: dict[int, Vectors], dimensions: int
) -> dict[str, _Shelf]:
    """Return the groups of a model, and those whose centre was made anew, by their locale."""
    rows = session.execute(
        sa.select(
            QuestionGroup.locale,
            QuestionGroup.id,
            QuestionGroup.model,
            QuestionGroup.size,
            QuestionGroup.centre,
        ).order_by(QuestionGroup.id)
    )
    shelves: dict[str, _Shelf] = {}
    for locale, group_id, made_by, size, raw in rows:
        centre = centres.get(group_id)
        if centre is None and made_by == model:
            centre = np.frombuffer(raw, dtype=np.float32)
        if centre is not None:
            shelves.setdefault(locale, _Shelf(dimensions)).add(centre, size, group_id)
    return shelves


def _put(shelves: dict[str, _Shelf], question: _Question, vector: Vectors) -> int:
    """Put a question on the shelf of its locale; return the place of its group there."""
    return shelves.setdefault(question.locale, _Shelf(len(vector))).put(vector)


def _move_centres(session: Session, model: str, centres: dict[int, Vectors]) -> None:
    """Write the centres that were made anew, and the model that made them."""
    _update_groups(
        session,
        [
            {"key": group_id, "centre": centre.tobytes(), "model": model}
            for group_id, centre in centres.items()
        ],
    )


def _write(
    session: Session,
    model: str,
    shelves: dict[str, _Shelf],
    questions: Sequence[_Question],
    places: Sequence[int],
) -> None:
    """Write groups that are new or changed, and the group of each question."""
    for locale, shelf in shelves.items():
        _write_shelf(session, model, locale, shelf)
    rows = [
        {"key": question.reply_id, "group": shelves[question.locale].ids[place]}
        for question, place in zip(questions, places, strict=True)
    ]
    if rows:
        table = cast(sa.Table, AskedQuestion.__table__)
        # A question that was forgotten in between is in no row any more, and nothing happens.
        session.connection().execute(
            sa.update(table)
            .where(table.c.reply_id == sa.bindparam("key"))
            .values(group_id=sa.bindparam("group")),
            rows,
        )
    session.expire_all()


def _write_shelf(session: Session, model: str, locale: str, shelf: _Shelf) -> None:
    new = {
        place: QuestionGroup(
            locale=locale, centre=shelf.centre(place), size=shelf.sizes[place], model=model
        )
        for place, group_id in enumerate(shelf.ids)
        if not group_id
    }
    session.add_all(new.values())
    session.flush()
    for place, group in new.items():
        shelf.ids[place] = group.id
    _update_groups(
        session,
        [
            {
                "key": shelf.ids[place],
                "centre": shelf.centre(place),
                "size": shelf.sizes[place],
            }
            for place in sorted(shelf.changed - set(new))
        ],
    )


def _update_groups(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Update groups by their ids; all rows name the same columns."""
    if not rows:
        return
    table = cast(sa.Table, QuestionGroup.__table__)
    # What a row names beside the key is what is set.
    session.connection().execute(
        sa.update(table).where(table.c.id == sa.bindparam("key")), list(rows)
    )


def _unit(vector: Vectors) -> Vectors:
    """Return a vector's direction; a vector of nothing stays."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)


def _units(vectors: Iterable[Vectors]) -> list[Vectors]:
    return [_unit(vector) for vector in vectors]
