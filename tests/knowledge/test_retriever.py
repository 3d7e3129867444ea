"""The retriever: signals per entry, an order over them, and how sure it is of the first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from knowledge.answering import Answerer
from knowledge.calibration import Classifier
from knowledge.entry import TopicEntry
from knowledge.retriever import (
    FEATURES,
    LEAST_ASPECT,
    Found,
    Retriever,
    everything,
    rows_of,
)
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, small_corpus, small_release

IDS = [pair.entry.id for pair in small_corpus()]


@pytest.fixture
def retriever(answerer: Answerer) -> Retriever:
    """Searches the small corpus."""
    return answerer.retriever


def ids(found: Found) -> list[str]:
    return [candidate.entry_id for candidate in found.candidates]


def signal(retriever: Retriever, question: str, name: str) -> dict[str, float]:
    """Return one signal of every entry."""
    vector = retriever.embedder.embed([question])[0]
    column = retriever.features(question, vector)[:, FEATURES.index(name)]
    return dict(zip(IDS, column.tolist(), strict=True))


@pytest.mark.parametrize("pair", small_corpus(), ids=lambda pair: pair.entry.id)
def test_it_finds_every_entry_by_its_own_question(retriever: Retriever, pair: TopicEntry) -> None:
    found = retriever.search(pair.entry.question)
    assert found.candidates[0].entry_id == pair.entry.id
    assert found.candidates[0].wording == pair.entry.question
    calm = pair.entry.urgency.level != "emergency"
    assert (found.nearest_wording > 0.999) is calm
    assert found.confidence > CALIBRATION.answer_at


def test_it_puts_the_likeliest_first(retriever: Retriever) -> None:
    found = retriever.search("signs of influenza")
    scores = [candidate.score for candidate in found.candidates]
    assert ids(found)[0] == "flu-symptoms"
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == len(IDS)


def test_it_says_which_wording_came_nearest(retriever: Retriever) -> None:
    found = retriever.search("blotchy skin")
    assert found.candidates[0].wording == "blotchy skin from rubeola"


def test_it_never_takes_the_answer_for_a_wording(retriever: Retriever) -> None:
    answer = small_corpus()[5].entry.short_answer
    found = retriever.search(answer)
    assert found.candidates[0].entry_id == "stroke-signs"
    assert found.candidates[0].wording != answer
    assert found.nearest_wording < 0.9


def test_it_searches_inside_one_topic_where_told(retriever: Retriever) -> None:
    found = retriever.search("signs of influenza", topic="measles")
    assert set(ids(found)) == {"measles-symptoms", "measles-vaccine"}


def test_it_finds_nothing_in_a_topic_without_entries(retriever: Retriever) -> None:
    found = retriever.search("signs of influenza", topic="unknown")
    assert found.candidates == ()
    assert found.confidence == 0.0


def test_it_is_less_sure_where_two_entries_are_close(retriever: Retriever) -> None:
    clear = retriever.search("blotchy skin from rubeola")
    close = retriever.search("measles rash or measles vaccine")
    assert set(ids(close)[:2]) == {"measles-symptoms", "measles-vaccine"}
    assert close.confidence < clear.confidence


def test_best_is_the_nearest_wording_and_typical_its_three_nearest(retriever: Retriever) -> None:
    entry = small_corpus()[4].entry
    question = "mmr vaccine"
    own = retriever.embedder.embed([entry.question, *entry.variants])
    cosines = np.sort(own @ retriever.embedder.embed([question])[0])
    assert signal(retriever, question, "best")["measles-vaccine"] == pytest.approx(cosines[-1])
    assert signal(retriever, question, "typical")["measles-vaccine"] == pytest.approx(
        cosines[-3:].mean()
    )


def test_answer_is_the_nearness_of_the_answer_itself(retriever: Retriever) -> None:
    near = signal(retriever, "tiny drops when people cough", "answer")
    assert max(near, key=lambda entry_id: near[entry_id]) == "flu-spread"


def test_characters_see_through_a_misspelling(retriever: Retriever) -> None:
    near = signal(retriever, "vaxine mmmr", "characters")
    assert max(near, key=lambda entry_id: near[entry_id]) == "measles-vaccine"


def test_coverage_knows_details_title_and_aliases(retriever: Retriever) -> None:
    assert signal(retriever, "everybody gets fever", "coverage")["flu-symptoms"] > 0
    assert signal(retriever, "rubeola", "coverage")["measles-vaccine"] == pytest.approx(1.0)


def test_naming_a_topic_speaks_for_its_entries_and_against_the_others(
    retriever: Retriever,
) -> None:
    named = signal(retriever, "influenza", "topic")
    assert [named[entry_id] for entry_id in IDS] == [1, 1, 1, -1, -1, -1]
    assert set(signal(retriever, "fever", "topic").values()) == {0}


def test_it_is_unsure_in_another_way_under_another_calibration(retriever: Retriever) -> None:
    doubtful = retriever.with_calibration(replace(CALIBRATION, confidence_bias=-20.0))
    assert doubtful.search("flu").confidence < retriever.search("flu").confidence
    assert retriever.calibration == CALIBRATION


def test_every_entry_gets_a_vector_for_question_wordings_and_answer() -> None:
    live = small_release().entries[:1]
    entry = live[0].topic_entry.entry
    rows = rows_of(live)
    assert [row.field for row in rows] == ["question", *["variant"] * 10, "answer"]
    assert [row.text for row in rows] == [entry.question, *entry.variants, entry.short_answer]
    assert {row.owner for row in rows} == {0}


def test_word_statistics_see_all_that_an_entry_says() -> None:
    pair = small_corpus()[0]
    text = everything(pair)
    for part in ("Flu (influenza)", "flu shot", "Get care if", "Not all people", "chills with"):
        assert part in text


def test_a_wording_left_out_is_as_if_it_were_not_there(
    retriever: Retriever, embedder: WordEmbedder
) -> None:
    number, (owner, text) = next(
        (n, pair) for n, pair in enumerate(retriever.asked()) if pair[1] == "How does flu spread?"
    )
    vector = embedder.embed([text])[0]
    best, characters = FEATURES.index("best"), FEATURES.index("characters")
    whole, without = retriever.features(text, vector), retriever.features_without(number, vector)
    assert whole[owner, best] == pytest.approx(1.0, abs=1e-5)
    assert without[owner, best] < 0.95
    assert without[owner, characters] < whole[owner, characters]
    centroid = FEATURES.index("centroid")
    assert without[owner, centroid] < whole[owner, centroid]
    others = np.delete(np.arange(len(whole)), owner)
    assert np.allclose(whole[others, best], without[others, best])


def test_the_topic_signal_is_that_of_its_best_entry(
    retriever: Retriever, embedder: WordEmbedder
) -> None:
    question = "how does flu spread"
    signals = retriever.features(question, embedder.embed([question])[0])
    typical, of_topic = FEATURES.index("typical"), FEATURES.index("topic_typical")
    flu = [number for number, entry_id in enumerate(IDS) if entry_id.startswith("flu")]
    assert signals[flu, of_topic].tolist() == [pytest.approx(signals[flu, typical].max())] * 3


def test_a_question_after_one_aspect_fits_its_entries_best(
    retriever: Retriever, embedder: WordEmbedder
) -> None:
    towards = embedder.embed(["spread"])[0]
    aspects = Classifier(
        ("spread", "symptoms"), (tuple(9 * towards), tuple(0 * towards)), (0.0, 0.0)
    )
    wise = retriever.with_calibration(replace(CALIBRATION, aspects=aspects))
    signals = wise.features("spread", towards)[:, FEATURES.index("aspect")]
    fits = dict(zip(IDS, signals, strict=True))
    assert fits["flu-spread"] > fits["measles-symptoms"] >= LEAST_ASPECT
    assert fits["measles-vaccine"] == LEAST_ASPECT


def test_a_text_near_an_emergency_entry_is_near_to_nothing_calm(
    retriever: Retriever, embedder: WordEmbedder
) -> None:
    question = "What are the warning signs of a stroke?"
    vector = embedder.embed([question])[0]
    assert retriever.features(question, vector)[:, 0].max() == pytest.approx(1.0, abs=1e-5)
    assert retriever.search_vector(question, vector).nearest_wording < 0.9
