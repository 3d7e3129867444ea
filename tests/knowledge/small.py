"""A corpus of six entries, exemplars and a calibration that tests can reason about by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

from knowledge.calibration import CONFIDENCE_FEATURES, Calibration
from knowledge.emergency import Exemplar
from knowledge.entry import Entry, Topic, TopicEntry
from knowledge.exchange import read_corpus
from knowledge.retriever import FEATURES
from knowledge.store import LiveEntry, LiveSet

CORPUS = Path(__file__).parent.parent / "data" / "corpus"
TODAY = date(2026, 11, 21)

RANK_WEIGHTS = {"best": 8.0, "coverage": 3.0, "topic": 1.0}
CONFIDENCE_WEIGHTS = {"score": 1.0, "lead": 1.0}


def weights(names: Sequence[str], chosen: Mapping[str, float]) -> tuple[float, ...]:
    """Return one weight per name: those chosen, and 0 for all others."""
    assert set(chosen) <= set(names), "a signal that is gone cannot be weighed"
    return tuple(chosen.get(name, 0.0) for name in names)


# Order: cosine of the best wording, words covered, topic named. Confidence: score and lead.
CALIBRATION = Calibration(
    model="words",
    rank_weights=weights(FEATURES, RANK_WEIGHTS),
    confidence_weights=weights((*CONFIDENCE_FEATURES, *FEATURES), CONFIDENCE_WEIGHTS),
    confidence_bias=-8.0,
    answer_at=0.8,
    clarify_at=0.2,
    declines_at=1.0,
    emergency_at=0.5,
    fitted_on={"file": "by hand"},
)

EXEMPLARS = [
    Exemplar("an elephant sits on my chest", "chest-pain", "emergency"),
    Exemplar("everything went black and he will not wake", "unconscious", "emergency"),
    Exemplar("nobody would miss me when gone", "despair", "self_harm"),
    Exemplar("an elephant sat on my phone", "everyday", None),
]

ENTRY: dict[str, Any] = {
    "id": "sleep-how-much",
    "aspect": "overview",
    "question": "How can I sleep better?",
    "variants": [f"sleep wording number {number}" for number in range(10)],
    "short_answer": "Go to bed at the same time each night. Keep the room dark and cool.",
    "details": [{"text": "Put away screens before bed.", "cite": ["s1"]}],
    "urgency": {"level": "none", "action": None},
    "sources": [
        {
            "key": "s1",
            "publisher": "CDC",
            "title": "About Sleep",
            "url": "https://www.cdc.gov/sleep/about/index.html",
            "section": "What to do",
            "evidence": "text_seen",
            "checked_on": "2026-09-30",
        }
    ],
    "date_created": "2098-07-01",
    "date_modified": "2098-07-01",
    "review_due": "2099-01-01",
    "status": "source_checked",
}


def entry_data(**changes: Any) -> dict[str, Any]:
    """Return the fields of a good entry, some of them changed."""
    return deepcopy(ENTRY) | changes


def make_entry(**changes: Any) -> Entry:
    """Return a good entry, some of its fields changed."""
    return Entry.model_validate(entry_data(**changes))


def make_pair(**changes: Any) -> TopicEntry:
    """Return a good entry with its topic, some of its fields changed."""
    topic = Topic(slug="sleep", title="Sleep", aliases=("sleep",))
    return TopicEntry(topic=topic, entry=make_entry(**changes))


def small_corpus() -> list[TopicEntry]:
    """Return the six entries of the small corpus."""
    return [item.topic_entry for item in read_corpus(CORPUS)]


def small_release(release_id: int = 1) -> LiveSet:
    """Return the small corpus as a live release."""
    return LiveSet(release_id, tuple(LiveEntry(pair, 1) for pair in small_corpus()))
