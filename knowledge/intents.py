"""Wordings of the corpus as training data for Rasa's intents.

Rasa tells questions from small talk by their words; a disease that it never read of may look like
small talk. ``python -m knowledge intents --output bot/data/nlu/corpus.yml`` lets it read some
wordings of every entry and the names of all topics. New entries are answered without it: Rasa
generalises, and publishing never waits for its training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge.entry import TopicEntry

PER_ENTRY = 2
SHORTEST, LONGEST = 3, 20
"""Words of an example: shorter ones tell nothing, longer ones are mostly a story."""

# Such wordings are examples of other intents: a claim to check, or a wish for a diagnosis.
OTHER_INTENT = re.compile(
    r"\b(?:true|myth|heard|says?|said|told|swears?|claims?|tiktok|facebook|believes?|thinks?)\b"
    r"|\bis (?:this|it|that)\b|\bdo i have\b|\bcould (?:this|it)\b|^(?:please )?(?:help|stop)\b",
    re.IGNORECASE,
)

HEAD = """\
version: "3.1"

# Made by `python -m knowledge intents --output bot/data/nlu/corpus.yml`: wordings of the corpus and
# the names of its topics, so that Rasa knows a health question when it reads one.
nlu:
"""


def training_data(pairs: Sequence[TopicEntry], taken: frozenset[str]) -> str:
    """Return training data in Rasa's format.

    Args:
        pairs: all entries with their topics.
        taken: folded examples of other files, which must not come twice.
    """
    examples: dict[str, None] = {}
    for pair in pairs:
        if pair.entry.myth is not None or pair.entry.urgency.level == "emergency":
            continue
        chosen = [text for text in pair.entry.variants if _is_plain_question(text)]
        # From both ends, because the first ones are often the shortest.
        for text in (*chosen[: PER_ENTRY - 1], *chosen[-1:]):
            if fold(text) not in taken:
                examples.setdefault(text)
    names = sorted({alias.casefold() for pair in pairs for alias in pair.topic.aliases})
    return (
        HEAD
        + "  - intent: ask_health_question\n    examples: |\n"
        + "".join(f"      - {_escaped(text)}\n" for text in examples)
        + "\n  - lookup: topic_name\n    examples: |\n"
        + "".join(f"      - {_escaped(name)}\n" for name in names)
    )


def fold(text: str) -> str:
    """Return a text as two examples are compared."""
    return " ".join(text.casefold().split())


def _is_plain_question(text: str) -> bool:
    return SHORTEST <= len(text.split()) <= LONGEST and not OTHER_INTENT.search(text)


def _escaped(text: str) -> str:
    """Return a text without the brackets that mark entities in Rasa's format."""
    plain = re.sub(r"[\[\](){}]", " ", text)
    return " ".join(plain.split())
