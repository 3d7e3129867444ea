"""What is searched: an entry as a document, and which of its texts get a vector."""

from __future__ import annotations

import pytest

from knowledge.document import (
    LONGEST_TEXT,
    Document,
    DocumentError,
    document_of,
    embedded_texts,
    plain_document,
)
from knowledge.retriever import texts_of
from tests.knowledge.small import make_pair, small_corpus


def test_an_entry_becomes_a_document() -> None:
    pair = small_corpus()[5]
    document = document_of(pair)
    assert document.id == "stroke-signs"
    assert document.wordings == (pair.entry.question, *pair.entry.variants)
    assert document.answer == pair.entry.short_answer
    assert (document.topic, document.aliases) == ("stroke", ("stroke", "strokes"))
    assert (document.aspect, document.is_emergency) == ("symptoms", True)


def test_word_statistics_see_all_that_an_entry_says() -> None:
    text = document_of(small_corpus()[0]).text
    for part in ("Flu (influenza)", "flu shot", "Get care if", "Not all people", "chills with"):
        assert part in text


def test_a_question_alone_is_a_document_of_its_own() -> None:
    document = plain_document("q1", "what is flu", variants=("flu?",))
    assert (document.id, document.topic, document.answer) == ("q1", "q1", "")
    assert document.wordings == ("what is flu", "flu?")
    assert embedded_texts(document) == ["what is flu", "flu?"]


@pytest.mark.parametrize("answer", ["", "  \n"])
def test_without_an_answer_only_wordings_get_a_vector(answer: str) -> None:
    assert embedded_texts(plain_document("q1", "what is flu", answer)) == ["what is flu"]


def test_wordings_answer_and_both_together_get_a_vector() -> None:
    document = plain_document("q1", "what is flu", "An illness.", ("flu?",))
    assert embedded_texts(document) == [
        "what is flu",
        "flu?",
        "An illness.",
        "what is flu An illness.",
    ]


def test_texts_come_document_by_document() -> None:
    documents = [document_of(make_pair()), plain_document("q1", "what is flu")]
    entry = make_pair().entry
    both = f"{entry.question} {entry.short_answer}"
    expected = [entry.question, *entry.variants, entry.short_answer, both, "what is flu"]
    assert texts_of(documents) == expected


def test_of_a_very_long_text_the_beginning_counts() -> None:
    long = "word " * 2000
    wording, answer, both = embedded_texts(plain_document("q1", long, long))
    assert (len(wording), len(answer)) == (LONGEST_TEXT, LONGEST_TEXT)
    assert len(both) == 2 * LONGEST_TEXT + 1


@pytest.mark.parametrize("wordings", [(), ("",), ("flu", " \t")])
def test_a_document_that_nobody_could_find_is_refused(wordings: tuple[str, ...]) -> None:
    with pytest.raises(DocumentError, match="document 'q1': every wording needs some text"):
        Document("q1", wordings, "", "", "q1")
