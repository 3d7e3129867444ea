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


def store_in(folder: Path) -> Engine:
    """Return a store whose live release is the small corpus."""
    engine = connect(f"sqlite:///{folder / 'citewell.db'}")
    migrate(engine)
    with transaction(engine) as session:
        import_entries(session, small_corpus())
        publish(session, "A note")
    return engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store of the test's own, whose live release is the small corpus."""
    made = store_in(tmp_path)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAnswers]:
    """The small corpus in memory; no action changes it, so all tests share it."""
    engine = store_in(tmp_path_factory.mktemp("actions"))
    made = LiveAnswers(engine, WordEmbedder(), CALIBRATION, EXEMPLARS)
    made.refresh()
    yield made
    engine.dispose()


@pytest.fixture
def no_answers(engine: Engine) -> LiveAnswers:
    """No release in memory."""
    return LiveAnswers(engine, WordEmbedder(), CALIBRATION, EXEMPLARS)
