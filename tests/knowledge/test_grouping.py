"""Questions find the group of those that mean the same, and stay there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from knowledge import grouping, listening
from knowledge.embedder import Progress, Vectors
from knowledge.evaluation import CALIBRATION_FILE, read_questions
from knowledge.grouping import group_new, is_tidy, places_of, tidy
from knowledge.schema import AskedQuestion, Feedback, QuestionGroup, now
from knowledge.store import transaction
from tests.conftest import DIMENSIONS, WordEmbedder

BEGIN = now() - timedelta(days=1)


class OtherEmbedder(WordEmbedder):
    """Another model, whose vectors mean something else."""

    name = "other words"

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return the words' vectors with their numbers the other way round, and fewer of them."""
        made: Vectors = super().embed(texts, progress)[:, ::-1][:, : DIMENSIONS // 2].copy()
        return made


class Inbox:
    """A store with short ways to fill it and to look at it."""

    def __init__(self, store: Engine) -> None:
        self.store = store
        self._numbers = count(1)

    def ask(
        self, *texts: str, kind: str = "no_answer", locale: str = "en", rating: str | None = None
    ) -> list[str]:
        """Let somebody ask; return the ids of the replies."""
        made = []
        with transaction(self.store) as session:
            for text in texts:
                number = next(self._numbers)
                made.append(f"r{number}")
                at = BEGIN + timedelta(seconds=number)
                who = f"session {number}"
                session.add(
                    AskedQuestion(
                        reply_id=made[-1],
                        session_key=who,
                        at=at,
                        text=text,
                        locale=locale,
                        kind=kind,
                    )
                )
                if rating:
                    session.add(Feedback(reply_id=made[-1], session_key=who, rating=rating))
        return made

    def group(self, embedder: WordEmbedder | None = None, limit: int = 2000) -> int:
        """Group what is new."""
        with transaction(self.store) as session:
            return group_new(session, embedder or WordEmbedder(), limit=limit)

    def tidy(self) -> int:
        """Tidy up."""
        with transaction(self.store) as session:
            return tidy(session)

    def forget(self, *reply_ids: str) -> None:
        """Delete questions."""
        with transaction(self.store) as session:
            session.execute(sa.delete(AskedQuestion).where(AskedQuestion.reply_id.in_(reply_ids)))

    def handle(self, state: str = "taken") -> None:
        """Give all groups a state."""
        with transaction(self.store) as session:
            session.execute(sa.update(QuestionGroup).values(state=state))

    def places(self) -> dict[str, int | None]:
        """Return the group of each question by its reply's id."""
        with transaction(self.store) as session:
            return {row.reply_id: row.group_id for row in session.scalars(sa.select(AskedQuestion))}

    def groups(self) -> dict[int, tuple[str, str, int]]:
        """Return state, model and size of each group."""
        with transaction(self.store) as session:
            rows = session.scalars(sa.select(QuestionGroup))
            return {row.id: (row.state, row.model, row.size) for row in rows}

    def locales(self) -> dict[int, str]:
        """Return the locale of each group."""
        with transaction(self.store) as session:
            return {row.id: row.locale for row in session.scalars(sa.select(QuestionGroup))}

    def is_tidy(self) -> bool:
        """Tell whether there is nothing to tidy up."""
        with transaction(self.store) as session:
            return is_tidy(session)

    def centre(self, group_id: int) -> Vectors:
        """Return the centre of a group."""
        with transaction(self.store) as session:
            raw = session.get_one(QuestionGroup, group_id).centre
        return np.frombuffer(raw, dtype=np.float32)


@pytest.fixture
def inbox(store: Engine) -> Inbox:
    """An inbox over an empty store."""
    return Inbox(store)


def test_questions_that_mean_the_same_come_together(inbox: Inbox) -> None:
    same = inbox.ask("can dogs get flu", "can dogs get flu?", "get flu can dogs")
    (other,) = inbox.ask("how long does jet lag last", kind="clarify")
    assert inbox.group() == 4
    places = inbox.places()
    assert len({places[one] for one in same}) == 1
    assert places[other] not in {None, places[same[0]]}
    assert sorted(inbox.groups().values()) == [("new", "words", 1), ("new", "words", 3)]


def test_nearness_below_the_limit_makes_a_new_group(inbox: Inbox) -> None:
    near, far = inbox.ask("can my old dogs get flu", "can my old cats get measles")
    vectors = WordEmbedder().embed(["can my old dogs get flu", "can my old cats get measles"])
    assert 0.4 < float(vectors[0] @ vectors[1]) < grouping.SAME_MEANING
    inbox.group()
    assert inbox.places()[near] != inbox.places()[far]


def test_what_comes_later_joins_and_nothing_moves(inbox: Inbox) -> None:
    inbox.ask("can dogs get flu", "how long does jet lag last")
    inbox.group()
    before = inbox.places()
    (later,) = inbox.ask("dogs can get flu")
    assert inbox.group() == 1
    after = inbox.places()
    assert {key: after[key] for key in before} == before
    assert after[later] == before["r1"]
    assert inbox.group() == 0


def test_the_centre_is_the_mean_direction_of_the_questions(inbox: Inbox) -> None:
    texts = ["can dogs get flu", "can dogs get flu now", "can dogs get the flu"]
    for text in texts:
        inbox.ask(text)
        inbox.group()
    ((group_id, (_, _, size)),) = inbox.groups().items()
    mean = WordEmbedder().embed(texts).sum(axis=0)
    assert size == 3
    centre = inbox.centre(group_id)
    assert centre.shape == (DIMENSIONS,)
    assert float(np.linalg.norm(centre)) == pytest.approx(1, abs=1e-5)
    assert float(centre @ (mean / np.linalg.norm(mean))) > 0.999


def test_answers_are_grouped_only_where_they_were_rated_badly(inbox: Inbox) -> None:
    (plain,) = inbox.ask("can dogs get flu", kind="answer")
    (good,) = inbox.ask("can dogs get flu", kind="answer", rating="helpful")
    (bad,) = inbox.ask("can dogs get flu", kind="answer", rating="not_helpful")
    assert inbox.group() == 1
    places = inbox.places()
    assert (places[plain], places[good]) == (None, None)
    assert places[bad] is not None


def test_locales_are_kept_apart(inbox: Inbox) -> None:
    (english,) = inbox.ask("flu")
    inbox.group()
    (norwegian,) = inbox.ask("flu", locale="nb")
    inbox.group()
    (again,) = inbox.ask("flu", locale="nb")
    inbox.group()
    places = inbox.places()
    assert places[norwegian] != places[english]
    assert places[again] == places[norwegian]
    assert inbox.locales() == {places[english]: "en", places[norwegian]: "nb"}


def test_a_handled_group_takes_questions_of_its_locale_when_its_own_are_gone(inbox: Inbox) -> None:
    (first,) = inbox.ask("can dogs get flu")
    inbox.group()
    (rejected,) = inbox.groups()
    inbox.handle("rejected")
    inbox.forget(first)
    inbox.tidy()
    (english,) = inbox.ask("can dogs get flu")
    (norwegian,) = inbox.ask("can dogs get flu", locale="nb")
    assert inbox.group() == 2
    assert inbox.places()[english] == rejected
    assert inbox.places()[norwegian] != rejected


def test_a_limit_takes_the_oldest_first(inbox: Inbox) -> None:
    first, second, third = inbox.ask("a b", "c d", "e f")
    assert inbox.group(limit=2) == 2
    assert inbox.places()[third] is None
    assert None not in {inbox.places()[first], inbox.places()[second]}
    assert (inbox.group(limit=2), inbox.group(limit=2)) == (1, 0)


def test_texts_without_a_known_word_are_not_thrown_together(inbox: Inbox) -> None:
    one, other = inbox.ask("???", "...")
    inbox.group()
    assert inbox.places()[one] != inbox.places()[other]


def test_the_caller_is_told_how_far_it_is(inbox: Inbox) -> None:
    inbox.ask("can dogs get flu", "can dogs get flu", "jet lag")
    told: list[tuple[int, int]] = []
    with transaction(inbox.store) as session:
        group_new(session, WordEmbedder(), lambda done, all_: told.append((done, all_)))
    assert told == [(2, 2)]


def test_no_vector_of_a_question_is_kept(inbox: Inbox) -> None:
    inbox.ask("can dogs get flu")
    inbox.group()
    with transaction(inbox.store) as session:
        assert session.execute(sa.text("SELECT count(*) FROM embedding")).scalar() == 0


# --- another model --------------------------------------------------------------------------------


def test_another_model_groups_anew_what_nobody_took(inbox: Inbox) -> None:
    inbox.ask("can dogs get flu", "dogs can get flu")
    inbox.group()
    (old,) = inbox.groups()
    (later,) = inbox.ask("get flu can dogs")
    assert inbox.group(OtherEmbedder()) == 3
    (new,) = set(inbox.places().values())
    assert new != old
    assert inbox.places()[later] == new
    assert inbox.tidy() == 1
    assert inbox.groups() == {new: ("new", "other words", 3)}


def test_what_somebody_handled_keeps_its_questions_under_another_model(inbox: Inbox) -> None:
    inbox.ask("can dogs get flu", "dogs can get flu")
    inbox.group()
    inbox.handle()
    (taken,) = inbox.groups()
    (later,) = inbox.ask("get flu can dogs")
    assert inbox.group(OtherEmbedder()) == 1
    assert inbox.places()[later] == taken
    assert inbox.groups() == {taken: ("taken", "other words", 3)}
    assert inbox.centre(taken).shape == (DIMENSIONS // 2,)


def test_a_change_of_the_model_alone_moves_the_centres(inbox: Inbox) -> None:
    inbox.ask("can dogs get flu")
    inbox.group()
    inbox.handle("rejected")
    assert inbox.group(OtherEmbedder()) == 0
    ((_, model, _),) = inbox.groups().values()
    assert model == "other words"


def test_a_handled_group_without_questions_is_left_alone(inbox: Inbox) -> None:
    (only,) = inbox.ask("can dogs get flu")
    inbox.group()
    inbox.handle("answered")
    inbox.forget(only)
    inbox.ask("can dogs get flu")
    inbox.group(OtherEmbedder())
    assert sorted(inbox.groups().values())[0] == ("answered", "words", 1)


# --- tidying up -----------------------------------------------------------------------------------


def test_tidying_deletes_what_is_empty_and_counts_anew(inbox: Inbox) -> None:
    first, second = inbox.ask("can dogs get flu", "dogs can get flu")
    (alone,) = inbox.ask("how long does jet lag last")
    inbox.group()
    kept, empty = inbox.places()[first], inbox.places()[alone]
    inbox.forget(second, alone)
    assert inbox.tidy() == 1
    assert kept is not None
    assert inbox.groups() == {kept: ("new", "words", 1)}
    assert empty not in inbox.groups()
    assert inbox.tidy() == 0


def test_tidying_leaves_what_somebody_handled(inbox: Inbox) -> None:
    (only,) = inbox.ask("can dogs get flu")
    inbox.group()
    inbox.handle("rejected")
    inbox.forget(only)
    assert inbox.tidy() == 0
    assert [state for state, _, _ in inbox.groups().values()] == ["rejected"]
    assert [size for _, _, size in inbox.groups().values()] == [0]


def test_what_is_grouped_is_what_the_team_sees(inbox: Inbox) -> None:
    inbox.ask("can dogs get flu", "dogs can get flu", "can dogs get flu")
    inbox.ask("how long does jet lag last")
    inbox.group()
    with transaction(inbox.store) as session:
        (shown,) = listening.groups(session)
        assert listening.count_groups(session) == (1, 1)
    assert (shown.size, shown.samples[0]) == (3, "can dogs get flu")


def test_what_leaves_groups_untidy_is_seen(inbox: Inbox) -> None:
    assert inbox.is_tidy()
    first, _ = inbox.ask("can dogs get flu", "dogs can get flu")
    assert inbox.is_tidy(), "a question without a group is none of tidying's business"
    inbox.group()
    assert inbox.is_tidy()
    inbox.forget(first)
    assert not inbox.is_tidy()
    inbox.tidy()
    assert inbox.is_tidy()
    inbox.group(OtherEmbedder())  # the old group is empty now, as many questions as before are left
    assert not inbox.is_tidy()
    assert inbox.tidy() == 1
    assert inbox.is_tidy()


def test_texts_are_grouped_by_any_limit_as_they_come_in() -> None:
    vectors = WordEmbedder().embed(["can dogs get flu", "jet lag", "dogs can get flu", "jet lag"])
    assert places_of(vectors) == [0, 1, 0, 1]
    assert places_of(vectors * 3) == [0, 1, 0, 1]
    assert places_of(vectors, 1.01) == [0, 1, 2, 3]
    assert places_of(vectors, -1.0) == [0] * 4


# --- with the real model --------------------------------------------------------------------------


@pytest.mark.model
def test_the_limit_puts_questions_on_one_topic_together(engine: Engine) -> None:
    from knowledge.embedder import SentenceTransformerEmbedder
    from knowledge.search_commands import checked_entries
    from knowledge.settings import ROOT

    topics = {
        pair.entry.id: pair.topic.slug for pair in checked_entries(ROOT / "knowledge" / "corpus")
    }
    rows = [row for row in read_questions(CALIBRATION_FILE, frozenset(topics)) if row.entry]
    inbox = Inbox(engine)
    ids = inbox.ask(*(row.text for row in rows))
    with transaction(engine) as session:
        assert group_new(session, SentenceTransformerEmbedder()) == len(rows)
    about = {
        reply_id: {topics[one] for one in row.right}
        for reply_id, row in zip(ids, rows, strict=True)
    }
    members: dict[int | None, list[str]] = {}
    for reply_id, group_id in inbox.places().items():
        members.setdefault(group_id, []).append(reply_id)
    pairs = [
        bool(about[one] & about[other])
        for group in members.values()
        for place, one in enumerate(group)
        for other in group[:place]
    ]
    assert len(pairs) > 50
    assert sum(pairs) / len(pairs) >= 0.9
