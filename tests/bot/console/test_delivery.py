"""Delivery in the console: states, codes and ages of messages; never their words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bs4 import BeautifulSoup
from sqlalchemy.engine import Engine

from knowledge.schema import Handover, InboxEvent, OutboxMessage, now
from knowledge.store import transaction
from tests.bot.console.conftest import Teammate, shown

WORDS = b"sealed words of a person"


def event(engine: Engine, name: str, state: str, at: datetime, **more: Any) -> int:
    """Keep an event; return its id."""
    row = InboxEvent(
        platform="messenger",
        account="page",
        event_id=name,
        conversation_key=f"key-{name}",
        kind="text",
        sealed=WORDS,
        said_at=at,
        received_at=at,
        state=state,
        **more,
    )
    with transaction(engine) as session:
        session.add(row)
        session.flush()
        return row.id


def message(engine: Engine, inbox_id: int, state: str, at: datetime, **more: Any) -> None:
    """Keep a message of a reply."""
    row = OutboxMessage(
        inbox_id=inbox_id,
        place=0,
        platform="messenger",
        account="page",
        conversation_key=f"key-{inbox_id}-{state}",
        sealed=WORDS,
        state=state,
        created_at=at,
        **more,
    )
    with transaction(engine) as session:
        session.add(row)


def test_before_a_platform_is_connected_the_page_says_so(nora: Teammate) -> None:
    page = shown(nora.get("/delivery"))
    assert "Nothing came from a messaging platform yet" in page
    assert "Stuck or lost" not in page


def test_what_is_stuck_is_listed_with_its_code_and_without_a_word(
    nora: Teammate, engine: Engine
) -> None:
    moment = now()
    done = event(engine, "done", "answered", moment)
    event(engine, "just-came", "waiting", moment)
    event(engine, "too-long", "waiting", moment - timedelta(minutes=5))
    event(engine, "given-up", "failed", moment, code="RasaUnavailable", attempts=3)
    event(engine, "long-ago", "failed", moment - timedelta(days=8), code="forgotten_by_now")
    message(engine, done, "sent", moment)
    message(engine, done, "unknown", moment, code="timed_out", attempts=1)
    response = nora.get("/delivery")
    page = shown(response)
    assert "messenger from people waiting 2" in page
    assert "messenger from people given up 1" in page
    assert "messenger to people sent 1" in page
    assert "RasaUnavailable 3" in page
    assert "nobody knows whether it arrived" in page
    assert "timed_out 1" in page
    listed = BeautifulSoup(response.text, "html.parser").select("table")[1].select("tbody tr")
    # Of the two that wait, only the one that takes long.
    assert [row.td.get_text() for row in listed if row.td] == ["in 4", "out 2", "in 3"]
    assert "forgotten_by_now" not in page
    assert "sealed words" not in response.text
    assert "key-" not in response.text


def test_where_all_went_well_it_says_so(nora: Teammate, engine: Engine) -> None:
    message(engine, event(engine, "done", "answered", now()), "sent", now())
    assert "Nothing is stuck." in shown(nora.get("/delivery"))


def test_it_shows_which_conversations_a_person_has(nora: Teammate, engine: Engine) -> None:
    begun = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    with transaction(engine) as session:
        session.add(
            Handover(
                conversation_key="k" * 32,
                platform="whatsapp",
                account="number",
                via="desk",
                sealed=WORDS,
                began_at=begun,
                until=begun + timedelta(hours=1),
            )
        )
    page = shown(nora.get("/delivery"))
    assert "With a person now" in page
    assert "whatsapp your team's desk 22 Nov 2026 09:30 22 Nov 2026 10:30" in " ".join(page.split())
    assert "kkkk" not in page
