"""Actions are total: whatever goes wrong, they answer, in time, and say nothing in the log."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.base import TIMEOUT_SECONDS, Outcome, TotalAction, Turn, read_turn
from tests.actions.conftest import MakeTracker

SECRET = "my secret rash"


class Echo(TotalAction):
    """Says what it was given."""

    action_name = "action_echo"

    def act(self, turn: Turn) -> Outcome:
        """Say the text and keep it in a slot."""
        return Outcome(
            payloads=({"kind": "notice", "text": turn.text}, {"kind": "notice", "text": "2"}),
            responses=("utter_help",),
            slots={"last_topic": "flu", "last_claim": None},
        )


class Broken(TotalAction):
    """Raises with the person's words in its message."""

    action_name = "action_broken"

    def act(self, turn: Turn) -> Outcome:
        """Fail."""
        raise LookupError(turn.text)


class Stuck(TotalAction):
    """Takes longer than anybody waits."""

    action_name = "action_stuck"
    timeout_seconds = 0.05

    def __init__(self) -> None:
        self.released = threading.Event()
        self.is_over = False

    def act(self, turn: Turn) -> Outcome:
        """Wait until the test ends."""
        self.released.wait(2)
        self.is_over = True
        return Outcome()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """An action that hangs until the test is over."""
    action = Stuck()
    yield action
    action.released.set()


def run(action: TotalAction, tracker: Tracker) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Run an action; return its messages and its events."""
    dispatcher = CollectingDispatcher()
    events = asyncio.run(action.run(dispatcher, tracker, {}))
    return dispatcher.messages, events


def test_it_says_its_responses_then_its_payloads_and_sets_its_slots(tracker: MakeTracker) -> None:
    messages, events = run(Echo(), tracker("hello"))
    assert [message["response"] for message in messages] == ["utter_help", None, None]
    assert [message["custom"] for message in messages] == [
        {},
        {"kind": "notice", "text": "hello"},
        {"kind": "notice", "text": "2"},
    ]
    assert [(event["event"], event["name"], event["value"]) for event in events] == [
        ("slot", "last_topic", "flu"),
        ("slot", "last_claim", None),
    ]


def test_an_exception_becomes_unavailable(tracker: MakeTracker) -> None:
    messages, events = run(Broken(), tracker(SECRET))
    assert [message["custom"] for message in messages] == [
        {"kind": "unavailable", "code": "action_failed"}
    ]
    assert events == []


def test_an_action_that_hangs_becomes_unavailable_in_time(
    stuck: Stuck, tracker: MakeTracker
) -> None:
    messages, events = run(stuck, tracker(SECRET))
    assert not stuck.is_over, "the turn waited for it"
    assert [message["custom"]["code"] for message in messages] == ["action_failed"]
    assert events == []


def test_a_slow_action_does_not_hold_up_the_others(stuck: Stuck, tracker: MakeTracker) -> None:
    stuck.timeout_seconds = 0.3

    async def both() -> list[str]:
        finished: list[str] = []

        async def one(action: TotalAction) -> None:
            await action.run(CollectingDispatcher(), tracker(), {})
            finished.append(action.name())

        await asyncio.gather(one(stuck), one(Echo()))
        return finished

    assert asyncio.run(both()) == ["action_echo", "action_stuck"]


def test_an_action_without_act_is_unavailable_too(tracker: MakeTracker) -> None:
    messages, _ = run(TotalAction(), tracker())
    assert messages[0]["custom"]["kind"] == "unavailable"


def test_a_tracker_that_makes_no_sense_is_unavailable_too(tracker: MakeTracker) -> None:
    odd = tracker()
    odd.latest_message = {"intent": {"confidence": "very"}}
    messages, _ = run(Echo(), odd)
    assert messages[0]["custom"] == {"kind": "unavailable", "code": "action_failed"}


def test_it_waits_three_seconds_unless_told_otherwise() -> None:
    assert Echo.timeout_seconds == TIMEOUT_SECONDS == 3.0


@pytest.mark.parametrize(
    ("action", "error", "level"),
    [(Echo(), "", "INFO"), (Broken(), "LookupError", "ERROR")],
    ids=["done", "failed"],
)
def test_its_log_has_no_text_at_any_level(
    action: TotalAction,
    error: str,
    level: str,
    tracker: MakeTracker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    run(action, tracker(SECRET, last_claim=SECRET))
    everything = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert SECRET not in everything
    (record,) = [record for record in caplog.records if record.name == "actions.base"]
    assert (record.action, record.error_class) == (action.name(), error)
    assert record.levelname == level
    assert record.exc_info is None
    assert 0 <= record.ms < 3000


def test_a_timeout_is_logged_as_one(
    stuck: Stuck, tracker: MakeTracker, caplog: pytest.LogCaptureFixture
) -> None:
    run(stuck, tracker(SECRET))
    (record,) = [record for record in caplog.records if record.name == "actions.base"]
    assert (record.getMessage(), record.error_class) == ("action_failed", "TimeoutError")
    assert SECRET not in caplog.text


# --- what an action may know ----------------------------------------------------------------------


def test_it_reads_message_intent_and_slots(tracker: MakeTracker) -> None:
    turn = read_turn(tracker("is it true?", "check_claim", 0.4, last_topic="flu"))
    assert (turn.text, turn.intent, turn.confidence) == ("is it true?", "check_claim", 0.4)
    assert turn.slots["last_topic"] == "flu"


def test_it_knows_the_last_action_of_the_turn_before(tracker: MakeTracker) -> None:
    assert read_turn(tracker(after="action_report_rumour")).previous_action == (
        "action_report_rumour"
    )


def test_an_action_of_this_very_turn_is_not_the_one_before(tracker: MakeTracker) -> None:
    now = tracker(after="utter_greet")
    now.events.append({"event": "action", "name": "utter_decline_dose"})
    assert read_turn(now).previous_action == "utter_greet"


def test_the_first_message_has_no_action_before_it(tracker: MakeTracker) -> None:
    first = tracker()
    first.events = [{"event": "action", "name": "action_listen"}, first.events[-1]]
    assert read_turn(first).previous_action == ""


def test_it_reads_an_empty_conversation() -> None:
    turn = read_turn(Tracker("c0ffee", {}, None, [], False, None, {}, None))
    assert (turn.text, turn.intent, turn.confidence, turn.previous_action) == ("", "", 0.0, "")
