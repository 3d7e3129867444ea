"""Publishing: an answer is live seconds later in every process, without training Rasa."""

from __future__ import annotations

from datetime import date

import httpx
import pytest

from knowledge.entry import TopicEntry
from knowledge.store import (
    connect,
    import_entries,
    live_release_id,
    publish,
    read_live,
    roll_back,
    transaction,
)
from tests.stack import Conversation, Stack, wait_for

pytestmark = pytest.mark.stack
LIVE_SECONDS = 5.0
QUESTION = "what are the symptoms of quokka fever"


def quokka(base: TopicEntry) -> TopicEntry:
    """Return a new entry on a disease that does not exist."""
    topic = base.topic.model_copy(
        update={"slug": "quokka-fever", "title": "Quokka fever", "aliases": ("quokka fever",)}
    )
    entry = base.entry.model_copy(
        update={
            "id": "quokka-fever-symptoms",
            "question": "What are the symptoms of quokka fever?",
            "variants": ("quokka fever signs", "how do i know it is quokka fever", "quokka fever"),
            "short_answer": "Quokka fever makes people smile at cameras.",
            "date_modified": date(2026, 11, 21),
        }
    )
    return TopicEntry(topic=topic, entry=entry)


def topics(stack: Stack) -> set[str]:
    """Return the slugs that the API lists."""
    listed = httpx.get(f"{stack.base_url}/api/v1/topics").json()["topics"]
    return {topic["topic"] for topic in listed}


def test_a_published_answer_is_live_everywhere_and_a_rollback_takes_it_back(
    stack: Stack, patient: Conversation
) -> None:
    models = sorted((stack.data / "models").iterdir())
    rasa = stack.pid("rasa")
    engine = connect(f"sqlite:///{stack.data / 'citewell.db'}")
    with transaction(engine) as session:
        before = live_release_id(session)
        live = read_live(session)
        assert before is not None
        assert live is not None
        import_entries(session, [quokka(live.entries[0].topic_entry)])
        publish(session, "One more answer")
    assert wait_for(lambda: "quokka-fever" in topics(stack), LIVE_SECONDS)
    assert wait_for(lambda: patient.say(QUESTION)["kind"] == "answer", LIVE_SECONDS)
    assert patient.say(QUESTION)["entry"]["entry_id"] == "quokka-fever-symptoms"
    with transaction(engine) as session:
        roll_back(session, before)
    engine.dispose()
    assert wait_for(lambda: "quokka-fever" not in topics(stack), LIVE_SECONDS)
    assert wait_for(lambda: patient.say(QUESTION)["kind"] != "answer", LIVE_SECONDS)
    assert sorted((stack.data / "models").iterdir()) == models
    assert stack.pid("rasa") == rasa
