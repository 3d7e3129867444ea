"""Compare entries with each other by meaning: doubles, contradictions, wordings that go astray.

What comes out is for an editor to look at, so everything here is a warning. Where two entries are
rightly alike, ``compared:`` in one of them says why, and both are left in peace.

The limits were set by reading what they bring on the shipped corpus, not learnt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.calibration import Calibration
from knowledge.checks import fault_of
from knowledge.checks.finding import Finding, Path_, shown_texts
from knowledge.checks.reading import sentences
from knowledge.document import document_of
from knowledge.embedder import Embedder, Vectors
from knowledge.exchange import Fault, Located
from knowledge.lexical import topic_names
from knowledge.retriever import Retriever, texts_of

SAME_QUESTION = 0.90
"""Cosine from which two entries' questions ask the same thing."""
SAME_ANSWER = 0.92
"""Cosine from which two short answers say the same thing."""
SAME_STATEMENT = 0.80
"""Cosine from which two sentences on one topic speak about the same thing, and so should agree."""
SAME_WORDS = 0.96
"""Cosine from which two sentences say nearly the same, whatever their topics."""
PULL = 4.0
"""Log-odds by which another entry may lead before a wording counts as astray."""
ON_SUBJECT = 0.20
"""Least cosine of a question with its answer."""

NEGATION = re.compile(r"\b(?:no|not|never|cannot|nor|without|rarely|\w+n['’]t)\b", re.IGNORECASE)
AMOUNT = re.compile(
    r"\b(\d+(?:[.,]\d+)?)(?: (?:to|or|and) (\d+(?:[.,]\d+)?))?[ -]"
    r"(seconds?|minutes?|hours?|days?|weeks?|months?|years?|percent|%|degrees?|feet|meters?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Statement:
    """One sentence of one entry."""

    item: Located
    field: Path_
    text: str


def compare(
    located: Sequence[Located], embedder: Embedder, calibration: Calibration
) -> list[Fault]:
    """Return what looks wrong between entries.

    Args:
        located: the entries with their places.
        embedder: the model; every wording and sentence is embedded, some thousand texts.
        calibration: the weights by which answers are chosen.
    """
    questions = embedder.embed([item.topic_entry.entry.question for item in located])
    answers = embedder.embed([item.topic_entry.entry.short_answer for item in located])
    return [
        *_off_subject(located, questions, answers),
        *_doubles(located, questions, answers),
        *_contradictions(located, embedder),
        *_astray(located, embedder, calibration),
    ]


def _off_subject(
    located: Sequence[Located], questions: Vectors, answers: Vectors
) -> Iterator[Fault]:
    for number, item in enumerate(located):
        cosine = float(questions[number] @ answers[number])
        if cosine < ON_SUBJECT:
            message = (
                f"seems to be about something else than the question (likeness {cosine:.2f}): "
                "let its first sentence answer the question in the question's words"
            )
            yield fault_of(item, Finding(("short_answer",), message, "warning"))


def _doubles(located: Sequence[Located], questions: Vectors, answers: Vectors) -> Iterator[Fault]:
    for one, other in _near_pairs(questions @ questions.T, SAME_QUESTION):
        if not _compared(located[one], located[other]):
            message = (
                f"asks nearly the same as {_id(located[one])}, "
                f"“{located[one].topic_entry.entry.question}”: "
                "merge the two, or make plain in the question how they differ"
            )
            yield fault_of(located[other], Finding(("question",), message, "warning"))
    for one, other in _near_pairs(answers @ answers.T, SAME_ANSWER):
        if not _compared(located[one], located[other]):
            message = (
                f"says nearly the same as the answer of {_id(located[one])}: "
                "merge the two, or let each say what only its question asks"
            )
            yield fault_of(located[other], Finding(("short_answer",), message, "warning"))


def _contradictions(located: Sequence[Located], embedder: Embedder) -> Iterator[Fault]:
    statements = [
        _Statement(item, field, sentence)
        for item in located
        for field, text in shown_texts(item.topic_entry.entry)
        if field[0] in {"short_answer", "details"}
        for sentence in sentences(text)
    ]
    vectors = embedder.embed([statement.text for statement in statements])
    cosines = vectors @ vectors.T
    names = topic_names([document_of(item.topic_entry) for item in located])
    for one, other in _near_pairs(cosines, SAME_STATEMENT):
        first, second = statements[one], statements[other]
        if first.item is second.item or _compared(first.item, second.item):
            continue
        topics = {_topic(first.item), *names.named(first.text)}
        alike = bool(topics & {_topic(second.item), *names.named(second.text)})
        if not alike and cosines[one, other] < SAME_WORDS:
            continue  # "symptoms start after 5 days": of two diseases
        if difference := _disagreement(first.text, second.text):
            message = (
                f"“{second.text}” {difference} {_id(first.item)}, which says “{first.text}”: "
                "correct one, or say in `compared:` why both are right"
            )
            yield fault_of(second.item, Finding(second.field, message, "warning"))


def _disagreement(one: str, other: str) -> str:
    """Return how two statements about the same thing differ, or ""."""
    amounts, others = _amounts(one), _amounts(other)
    for unit in amounts.keys() & others.keys():
        if amounts[unit] != others[unit]:
            return "gives another number than"
    if bool(NEGATION.search(one)) != bool(NEGATION.search(other)):
        return "may deny what is affirmed by"
    return ""


def _amounts(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for low, high, unit in AMOUNT.findall(text):
        name = unit.casefold().removesuffix("s").replace("%", "percent")
        found.setdefault(name, set()).update({low, high} - {""})
    return found


def _astray(
    located: Sequence[Located], embedder: Embedder, calibration: Calibration
) -> Iterator[Fault]:
    """Find the wordings that would lead to another entry if they were not in the corpus.

    The product's own retriever judges, with the wording itself left out: whoever asks in nearly
    these words would get the other answer.
    """
    documents = [document_of(item.topic_entry) for item in located]
    vectors = embedder.embed(texts_of(documents))
    retriever = Retriever(documents, vectors, embedder, calibration)
    asked = retriever.asked()
    own_vectors, _ = retriever.asked_vectors()
    place = -1
    for number, (owner, text) in enumerate(asked):
        place = place + 1 if number and asked[number - 1][0] == owner else -1
        if place < 0:
            continue  # the entry's own question
        signals = retriever.signals_without(number, own_vectors[number])
        scores = calibration.rank(signals.table)
        rival = int(signals.numbers[np.argmax(scores)])
        lead = float(scores.max() - scores[np.searchsorted(signals.numbers, owner)])
        if lead < PULL or _compared(located[owner], located[rival]):
            continue
        message = (
            f"“{text}” leads to {_id(located[rival])} rather than here: "
            "move it there, or write it so that it asks for this answer"
        )
        yield fault_of(located[owner], Finding(("variants", place), message, "warning"))


def _near_pairs(cosines: npt.NDArray[np.float32], least: float) -> Iterator[tuple[int, int]]:
    """Yield the pairs of rows at least this near, each once."""
    for one, other in np.argwhere(np.triu(cosines >= least, k=1)):
        yield int(one), int(other)


def _compared(one: Located, other: Located) -> bool:
    """Tell whether an editor has compared two entries already."""
    pairs = ((one, other), (other, one))
    return any(
        compared.entry == _id(second)
        for first, second in pairs
        for compared in first.topic_entry.entry.compared
    )


def _topic(item: Located) -> str:
    return item.topic_entry.topic.slug


def _id(item: Located) -> str:
    return item.topic_entry.entry.id
