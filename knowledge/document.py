"""What the retriever searches: an entry reduced to its wordings, its answer and its words.

Any corpus can be searched, the product's own or a public collection of questions and answers: both
become documents first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.entry import TopicEntry

Numbers = npt.NDArray[np.int64]

LONGEST_TEXT = 2000
"""Characters of a text that count for a search: what comes later changes no result for the better,
and a pasted page must not slow everybody down. (The model itself reads some 250 words.)"""


class DocumentError(ValueError):
    """A document cannot be searched; the message names it."""


@dataclass(frozen=True)
class Document:
    """Something that may answer a question.

    Attributes:
        id: unique among the documents of an index.
        wordings: the question, then its variants; at least one.
        answer: the answer, or "" where there is none to search.
        text: every word that it has to do with, for the word statistics.
        topic: what it belongs to; documents of one topic compete and help each other.
        aliases: names of the topic, as people write them.
        aspect: which side of its topic it tells about, or "".
        is_emergency: its answer has the call-now line.
        locale: BCP 47 tag of its language.
    """

    id: str
    wordings: tuple[str, ...]
    answer: str
    text: str
    topic: str
    aliases: tuple[str, ...] = ()
    aspect: str = ""
    is_emergency: bool = False
    locale: str = "en"

    def __post_init__(self) -> None:
        """Refuse what nobody could find.

        Raises:
            DocumentError: there is no wording, or an empty one.
        """
        if not self.wordings or not all(wording.strip() for wording in self.wordings):
            raise DocumentError(f"document {self.id!r}: every wording needs some text")


def document_of(pair: TopicEntry) -> Document:
    """Return an entry as a document."""
    body = pair.entry
    parts = [body.question, *body.variants, body.short_answer, body.seek_care or ""]
    parts += [detail.text for detail in body.details]
    parts += [pair.topic.title, *pair.topic.aliases]
    return Document(
        id=body.id,
        wordings=(body.question, *body.variants),
        answer=body.short_answer,
        text=" ".join(parts),
        topic=pair.topic.slug,
        aliases=tuple(pair.topic.aliases),
        aspect=body.aspect.value,
        is_emergency=body.urgency.level == "emergency",
        locale=pair.topic.locale,
    )


def plain_document(
    identifier: str, question: str, answer: str = "", variants: tuple[str, ...] = ()
) -> Document:
    """Return a question with its answer as a document of a topic of its own."""
    wordings = (question, *variants)
    return Document(identifier, wordings, answer, " ".join([*wordings, answer]), identifier)


def changes(
    before: Sequence[Document], documents: Sequence[Document]
) -> tuple[frozenset[Document], frozenset[Document]]:
    """Return which documents are gone, and which are new or say something else."""
    # As a rule nearly all are the very same objects, which need no comparing word for word.
    old, new = {id(item): item for item in before}, {id(item): item for item in documents}
    gone = frozenset(item for key, item in old.items() if key not in new)
    fresh = frozenset(item for key, item in new.items() if key not in old)
    return gone - fresh, fresh - gone


def kept_places(
    before: Sequence[Document], documents: Sequence[Document], parts: Callable[[Document], int]
) -> Numbers:
    """Return where the parts of some documents are among those of other documents.

    Args:
        before: the other documents.
        documents: the documents.
        parts: how many parts a document has; they stand in the order of the documents.

    Returns:
        Per part of ``documents`` the place of the same among the parts of ``before``, or -1 where
        the document is not the very same object.
    """
    places = {id(item): place for place, item in enumerate(before)}
    own = np.array([places.get(id(item), -1) for item in documents], dtype=np.int64)
    begins = np.cumsum([0, *map(parts, before)])
    counts = np.array([*map(parts, documents)], dtype=np.int64)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    found: Numbers = np.where(
        np.repeat(own, counts) < 0, -1, np.repeat(begins[own], counts) + offsets
    )
    return found


def recounted(
    counts: Counter[str],
    changed: tuple[frozenset[Document], frozenset[Document]],
    words_of: Callable[[Document], Iterable[str]],
) -> Counter[str]:
    """Return how often each word comes, from how often it came before some documents changed."""
    gone, fresh = changed
    found = counts.copy()
    for document in fresh:
        found.update(words_of(document))
    for document in gone:
        found.subtract(words_of(document))
    return +found


def embedded_texts(document: Document) -> list[str]:
    """Return what of a document gets a vector: wordings, answer, question with answer.

    Question alone, answer alone and both together each find what the others miss. A document
    without an answer has vectors of its wordings only.
    """
    texts = [wording[:LONGEST_TEXT] for wording in document.wordings]
    if document.answer.strip():
        answer = document.answer[:LONGEST_TEXT]
        texts += [answer, f"{texts[0]} {answer}"]
    return texts


def text_count(document: Document) -> int:
    """Return how many texts of a document get a vector."""
    return len(document.wordings) + 2 * bool(document.answer.strip())
