"""The retriever: signals per entry, an order over them, and how sure it is of the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from knowledge import retriever as module
from knowledge.answering import Answerer
from knowledge.calibration import Classifier
from knowledge.document import (
    LONGEST_TEXT,
    Document,
    DocumentError,
    document_of,
    embedded_texts,
    plain_document,
    text_count,
)
from knowledge.embedder import Progress, Vectors
from knowledge.entry import TopicEntry
from knowledge.index import VectorError, VectorIndex
from knowledge.retriever import (
    BARE,
    FEATURES,
    LEAST_ASPECT,
    LONG,
    NEAREST_BY_WORDS,
    NEAREST_VECTORS,
    STRANGE,
    USUAL_LENGTH,
    Found,
    Retriever,
    texts_of,
)
from tests.conftest import DIMENSIONS, WordEmbedder
from tests.knowledge.small import CALIBRATION, make_pair, small_corpus

IDS = [pair.entry.id for pair in small_corpus()]


@pytest.fixture
def retriever(answerer: Answerer) -> Retriever:
    """Searches the small corpus."""
    return answerer.retriever


def over(
    documents: Sequence[Document],
    embedder: WordEmbedder | None = None,
    previous: Retriever | None = None,
) -> Retriever:
    """Return a retriever over some documents."""
    model = embedder or WordEmbedder()
    vectors = model.embed(texts_of(documents))
    return Retriever(documents, vectors, model, CALIBRATION, previous)


def ids(found: Found) -> list[str]:
    return [candidate.entry_id for candidate in found.candidates]


def signal(retriever: Retriever, question: str, name: str) -> dict[str, float]:
    """Return one signal of every document that competes."""
    signals = retriever.signals(question, retriever.embedder.embed([question])[0])
    names = [retriever.documents[number].id for number in signals.numbers]
    return dict(zip(names, signals.table[:, FEATURES.index(name)].tolist(), strict=True))


# --- the search -----------------------------------------------------------------------------------


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


# --- signals --------------------------------------------------------------------------------------


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


def test_the_topic_signal_is_that_of_its_best_entry(
    retriever: Retriever, embedder: WordEmbedder
) -> None:
    question = "how does flu spread"
    signals = retriever.signals(question, embedder.embed([question])[0]).table
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
    signals = wise.signals("spread", towards).table[:, FEATURES.index("aspect")]
    fits = dict(zip(IDS, signals, strict=True))
    assert fits["flu-spread"] > fits["measles-symptoms"] >= LEAST_ASPECT
    assert fits["measles-vaccine"] == LEAST_ASPECT


def test_a_text_near_an_emergency_entry_is_near_to_nothing_calm(
    retriever: Retriever, embedder: WordEmbedder
) -> None:
    question = "What are the warning signs of a stroke?"
    vector = embedder.embed([question])[0]
    assert retriever.signals(question, vector).table[:, 0].max() == pytest.approx(1.0, abs=1e-5)
    assert retriever.search_vector(question, vector).nearest_wording < 0.9


def test_centroid_answer_and_both_are_cosines(retriever: Retriever) -> None:
    document, question = retriever.documents[4], "mmr vaccine"
    vector = retriever.embedder.embed([question])[0]
    *wordings, answer, both = retriever.embedder.embed(embedded_texts(document)) @ vector
    towards = retriever.embedder.embed(document.wordings).sum(axis=0)
    expected = {
        "centroid": towards @ vector / np.linalg.norm(towards),
        "answer": answer,
        "both": both,
        "best": max(wordings),
    }
    found = {name: signal(retriever, question, name)[document.id] for name in expected}
    assert found == pytest.approx(expected, abs=1e-5)


def test_guards_speak_of_the_documents_question_and_of_all_that_it_says() -> None:
    documents = [
        plain_document("plain", "Can I swim with flu?", "Stay at home."),
        plain_document("not", "Why can I not swim with flu?", "Others get it."),
        plain_document("baby", "Can babies swim with type 2 flu?", "Ask somebody."),
    ]
    found = over(documents)
    question = "can I not swim with my baby and type 1 flu"
    assert signal(found, question, "negation") == {"plain": 1, "not": 0, "baby": 1}
    assert signal(found, question, "group_missing") == {"plain": 1, "not": 1, "baby": 0}
    assert signal(found, "flu", "group_other") == {"plain": 0, "not": 0, "baby": 1}
    assert signal(found, question, "number") == {"plain": 0, "not": 0, "baby": 1}


def test_a_document_without_an_answer_neither_wins_nor_loses_by_that() -> None:
    documents = [
        plain_document("a", "how does flu spread", "by drops in the air"),
        plain_document("b", "what is measles", "a rash by drops"),
        plain_document("c", "signs of stroke"),
    ]
    question = "drops"
    answers, both = (signal(over(documents), question, name) for name in ("answer", "both"))
    assert answers["c"] == pytest.approx((answers["a"] + answers["b"]) / 2)
    assert both["c"] == pytest.approx(signal(over(documents), question, "best")["c"])


def test_where_no_document_has_an_answer_the_wording_stands_for_it() -> None:
    documents = [plain_document("a", "how does flu spread"), plain_document("b", "measles rash")]
    found = over(documents)
    best = signal(found, "flu rash", "best")
    assert signal(found, "flu rash", "answer") == best == signal(found, "flu rash", "both")


# --- interactions ---------------------------------------------------------------------------------


class StrangeEmbedder(WordEmbedder):
    """An embedder that hardly knows the language."""

    def strangeness(self, texts: Sequence[str]) -> float:
        """Return a strangeness that is easy to see again."""
        return 0.5


def interaction(retriever: Retriever, question: str, prefix: str, name: str) -> float:
    """Return by how much a signal is multiplied in its interaction."""
    plain, product = (
        signal(retriever, question, column)["a"] for column in (name, f"{prefix}_{name}")
    )
    assert plain != 0
    return product / plain


PAIR = [plain_document("a", "how does flu spread", "by drops"), plain_document("b", "measles")]


@pytest.mark.parametrize("name", STRANGE)
def test_signals_count_otherwise_where_the_language_is_strange(name: str) -> None:
    assert interaction(over(PAIR), "flu spread", "strange", name) == 0
    strange = over(PAIR, StrangeEmbedder())
    assert interaction(strange, "flu spread", "strange", name) == pytest.approx(0.5)


@pytest.mark.parametrize("name", BARE)
def test_signals_count_otherwise_where_answers_are_missing(name: str) -> None:
    assert interaction(over(PAIR), "flu spread", "bare", name) == pytest.approx(0.5)
    assert interaction(over(PAIR[:1]), "flu spread", "bare", name) == 0
    bare = [plain_document("a", "how does flu spread"), PAIR[1]]
    assert interaction(over(bare), "flu spread", "bare", name) == pytest.approx(1.0)


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize(("asked", "count"), [("flu spread", 2), ("flu spread " * 20, 40)])
def test_signals_count_otherwise_in_a_question_of_unusual_length(
    name: str, asked: str, count: int
) -> None:
    expected = np.log(count / USUAL_LENGTH)
    assert interaction(over(PAIR), asked, "long", name) == pytest.approx(expected, rel=1e-5)


def test_the_columns_are_the_signals_and_their_interactions(retriever: Retriever) -> None:
    signals = retriever.signals("flu", retriever.embedder.embed(["flu"])[0])
    assert signals.table.shape == (6, len(FEATURES))
    assert signals.table.dtype == np.float32
    assert len(set(FEATURES)) == len(FEATURES)


# --- a wording left out ---------------------------------------------------------------------------


def test_a_wording_left_out_is_as_if_it_were_not_there(
    retriever: Retriever, embedder: WordEmbedder
) -> None:
    number, owner, text = next(
        (n, *pair) for n, pair in enumerate(retriever.asked()) if pair[1] == "How does flu spread?"
    )
    vector = embedder.embed([text])[0]
    whole = retriever.signals(text, vector).table
    without = retriever.signals_without(number, vector).table
    assert whole[owner, FEATURES.index("best")] == pytest.approx(1.0, abs=1e-5)
    for name in ("best", "typical", "centroid", "characters", "words", "topic_typical"):
        place = FEATURES.index(name)
        assert without[owner, place] < whole[owner, place], name
    others = [n for n in range(len(whole)) if not IDS[n].startswith("flu")]
    assert np.allclose(whole[others], without[others])


def test_every_signal_of_the_wordings_is_that_of_an_entry_without_it() -> None:
    """What an index that never had the wording tells, to the last figure that hangs on it."""
    whole = over([document_of(pair) for pair in small_corpus()])
    number, owner, text = next(
        (n, *pair) for n, pair in enumerate(whole.asked()) if pair[1] == "signs of flu"
    )
    first = whole.documents[0]
    kept = tuple(wording for wording in first.wordings if wording != text)
    lesser = over([replace(first, wordings=kept), *whole.documents[1:]])
    vector = whole.embedder.embed([text])[0]
    left_out = whole.signals_without(number, vector).table
    never_in = lesser.signals(text, vector).table
    for name in ("best", "typical", "centroid", "answer", "both", "topic_typical"):
        place = FEATURES.index(name)
        assert left_out[owner, place] == pytest.approx(never_in[owner, place], abs=1e-5), name


def test_the_only_wording_can_be_left_out_too() -> None:
    found = over(PAIR)
    without = found.signals_without(0, found.embedder.embed([PAIR[0].wordings[0]])[0]).table[0]
    for name in ("best", "typical", "centroid", "characters", "words"):
        assert without[FEATURES.index(name)] == pytest.approx(0, abs=1e-5), name
    assert np.isfinite(without).all()


# --- who competes ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd() -> Retriever:
    """More documents than compete for any one question, among them three to be brought."""
    fillers = [
        plain_document(f"filler{n}", f"lorem ipsum number{n}", f"dolor amet number{n}")
        for n in range(2 * NEAREST_VECTORS)
    ]
    rare = [
        plain_document("letters", "xylophobia", "aaa bbb"),
        plain_document("words", "a page with much in it on quokka and many other things", "ccc"),
        plain_document("vectors", "why do lambs frolic", "eee fff"),
    ]
    return over([*fillers, *rare])


@pytest.mark.parametrize(
    ("question", "brought"),
    [
        ("xilophobia", "letters"),  # no word in common
        ("quokka " + "lorem ipsum " * 3, "words"),  # the vector points at the fillers
        ("lambs frolic", "vectors"),
    ],
)
def test_letters_words_and_vectors_each_bring_their_nearest(
    crowd: Retriever, question: str, brought: str
) -> None:
    competing = signal(crowd, question, "best")
    assert brought in competing
    assert len(competing) < len(crowd)
    assert len(competing) <= NEAREST_VECTORS + 3 * NEAREST_BY_WORDS


def test_words_alone_bring_what_vectors_miss(crowd: Retriever) -> None:
    question = "quokka " + "lorem ipsum " * 3
    compared = crowd._index.compare(crowd.embedder.embed([question])[0])
    by_vectors = {crowd.documents[n].id for n in crowd._owners[compared.nearest(NEAREST_VECTORS)]}
    assert "words" not in by_vectors


def test_whoever_is_named_competes_though_nothing_brought_it(crowd: Retriever) -> None:
    vector = crowd.embedder.embed(["lambs frolic"])[0]
    number = crowd.documents.index(next(d for d in crowd.documents if d.id == "letters"))
    alone = crowd.signals("lambs frolic", vector)
    forced = crowd.signals("lambs frolic", vector, np.array([number]))
    assert number not in alone.numbers
    assert number in forced.numbers
    assert sorted(set(forced.numbers)) == forced.numbers.tolist()


def test_in_a_small_corpus_everything_competes(retriever: Retriever) -> None:
    assert list(signal(retriever, "nothing of it", "best")) == IDS


def test_an_index_in_cells_finds_the_same(
    crowd: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VectorIndex", partial(VectorIndex, exact_up_to=10))
    celled = over(crowd.documents)
    assert set(celled.rows_of(crowd.documents).tolist()) == {-1}
    for question in ("lambs frolic", "xylophobia", "lorem ipsum number7"):
        exact, rounded = crowd.search(question), celled.search(question)
        assert ids(exact)[0] == ids(rounded)[0]
        assert rounded.confidence == pytest.approx(exact.confidence, abs=0.05)
        assert rounded.candidates[0].wording == exact.candidates[0].wording


# --- built upon a release before ------------------------------------------------------------------


def test_built_upon_another_it_finds_exactly_the_same(retriever: Retriever) -> None:
    changed = [document_of(make_pair()), *retriever.documents[1:], PAIR[0]]
    fresh, built = over(changed), over(changed, previous=retriever)
    for question in ("flu spread", "sleep wording", "meesles rash", "mmr", "", "drops"):
        vector = fresh.embedder.embed([question])[0]
        one, other = fresh.signals(question, vector), built.signals(question, vector)
        assert np.array_equal(one.numbers, other.numbers)
        assert np.array_equal(one.table, other.table)
        assert fresh.search(question) == built.search(question)


def test_it_hands_on_the_vectors_of_its_own_documents(retriever: Retriever) -> None:
    stranger, first, *_, last = [PAIR[0], *retriever.documents]
    asked = [last, stranger, first]
    rows = retriever.rows_of(asked)
    own = rows >= 0
    made = retriever.embedder.embed(texts_of(asked))
    assert np.array_equal(
        own,
        [*[True] * text_count(last), *[False] * text_count(stranger)] + [True] * text_count(first),
    )
    assert np.array_equal(retriever.vectors(rows[own]), made[own])


# --- bad input ------------------------------------------------------------------------------------


def test_it_refuses_an_empty_corpus() -> None:
    with pytest.raises(DocumentError, match="the corpus is empty"):
        Retriever([], np.zeros((0, DIMENSIONS), np.float32), WordEmbedder(), CALIBRATION)


def test_it_refuses_two_documents_with_one_id() -> None:
    with pytest.raises(DocumentError, match="two documents have the id 'a'"):
        over([*PAIR, plain_document("a", "flu")])


@pytest.mark.parametrize("count", [0, 3, 5])
def test_it_refuses_vectors_that_do_not_fit_its_texts(count: int) -> None:
    vectors = np.ones((count, DIMENSIONS), dtype=np.float32)
    with pytest.raises(DocumentError, match=f"{count} vectors for 4 texts"):
        Retriever(PAIR, vectors, WordEmbedder(), CALIBRATION)


def test_it_refuses_vectors_that_hold_no_number(retriever: Retriever) -> None:
    vectors = WordEmbedder().embed(texts_of(PAIR))
    vectors[2, 5] = np.nan
    with pytest.raises(VectorError, match="vector 2 holds"):
        Retriever(PAIR, vectors, WordEmbedder(), CALIBRATION)
    with pytest.raises(VectorError, match="the query's vector holds"):
        retriever.search_vector("flu", np.full(DIMENSIONS, np.nan, dtype=np.float32))


class ShortEmbedder(WordEmbedder):
    """Another model: its vectors have another length."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return vectors of ten numbers."""
        return super().embed(texts, progress)[:, :10]


def test_it_says_that_a_query_comes_from_another_model() -> None:
    vectors = WordEmbedder().embed(texts_of(PAIR))
    mixed = Retriever(PAIR, vectors, ShortEmbedder(), CALIBRATION)
    with pytest.raises(VectorError, match="has 10 numbers, the index 256: they were made by diff"):
        mixed.search("flu")


def test_one_document_is_a_corpus() -> None:
    found = over(PAIR[:1]).search("flu spread")
    assert ids(found) == ["a"]
    assert np.isfinite(found.confidence)
    assert np.isfinite(found.candidates[0].features).all()


@pytest.mark.parametrize(
    "question",
    [
        "",
        " \n\t",
        "?!",
        "\x00\x07\x1b[31m",
        "\ud83d",
        "flu \ud83d?",
        "麻疹 сыпь rash حصبة",
        "flu " * 2500,
        "x" * 10_000,
    ],
)
def test_it_takes_any_question(retriever: Retriever, question: str) -> None:
    found = retriever.search(question)
    assert len(found.candidates) == 6
    assert np.isfinite([c.features for c in found.candidates]).all()
    assert 0 <= found.confidence <= 1
    assert 0 <= found.offer <= 1


@pytest.mark.parametrize("text", ["flu " * 2500, "麻疹 сыпь", "\x00\x07", "?!", "\ud83d"])
def test_it_takes_any_document(text: str) -> None:
    odd = plain_document("odd", text, text, (text,))
    found = over([*PAIR, odd])
    assert ids(found.search("how does flu spread"))[0] == "a"
    assert ids(found.search(text))[0] in {"odd", "a"}


def test_what_comes_after_the_first_two_thousand_characters_changes_nothing(
    retriever: Retriever,
) -> None:
    page = "flu spread " * 400
    vector = retriever.embedder.embed(["flu spread"])[0]
    whole = retriever.search_vector(page, vector)
    assert whole == retriever.search_vector(page[:LONGEST_TEXT], vector)
