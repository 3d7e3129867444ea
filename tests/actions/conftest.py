"""Fixtures for the tests of the actions: a saved conversation and a release in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk import Tracker
from sqlalchemy.engine import Engine

from knowledge.live import LiveAnswers
from knowledge.store import connect, import_entries, migrate, publish, transaction
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, EXEMPLARS, small_corpus

SAVED = json.loads((Path(__file__).parent / "tracker.json").read_text(encoding="utf-8"))
MakeTracker = Callable[..., Tracker]


@pytest.fixture
def tracker() -> MakeTracker:
    """Make the tracker of the saved conversation with another last message, intent or slots."""

    def make(
        text: str = "how does flu spread?",
        intent: str = "ask_health_question",
        confidence: float = 0.93,
        after: str = "utter_greet",
        **slots: Any,
    ) -> Tracker:
        saved = deepcopy(SAVED)
        message = {"text": text, "intent": {"name": intent, "confidence": confidence}}
        saved["latest_message"] |= message
        saved["events"][-1] |= {"text": text, "parse_data": message}
        saved["events"][-4]["name"] = after
        saved["slots"] |= slots
        return Tracker.from_dict(saved)

    return make


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store whose live release is the small corpus."""
    made = connect(f"sqlite:///{tmp_path / 'citewell.db'}")
    migrate(made)
    with transaction(made) as session:
        import_entries(session, small_corpus())
        publish(session, "A note")
    yield made
    made.dispose()


@pytest.fixture
def answers(engine: Engine, embedder: WordEmbedder) -> LiveAnswers:
    """The small corpus in memory."""
    made = LiveAnswers(engine, embedder, CALIBRATION, EXEMPLARS)
    made.refresh()
    return made


@pytest.fixture
def no_answers(engine: Engine, embedder: WordEmbedder) -> LiveAnswers:
    """No release in memory."""
    return LiveAnswers(engine, embedder, CALIBRATION, EXEMPLARS)
