"""Actions are total: they always answer, in time, and never let an exception reach Rasa.

Rasa answers ``200 []`` to an action that fails and logs the whole conversation at ERROR level. So
this base class catches everything, logs the exception's class only, and says ``unavailable``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.payload import Payload, unavailable

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 3.0
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="action")


@dataclass(frozen=True)
class Turn:
    """What an action may know of a conversation.

    Attributes:
        text: the message, with identifiers masked.
        intent: what Rasa took it for.
        confidence: how sure Rasa was, 0 to 1.
        slots: the slots as they are.
        previous_action: the last action of the turn before, or "".
    """

    text: str
    intent: str
    confidence: float
    slots: Mapping[str, Any]
    previous_action: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an action does.

    Attributes:
        payloads: what is said, as custom JSON.
        responses: names of responses of the domain that are said.
        slots: slots that change.
    """

    payloads: tuple[Payload, ...] = ()
    responses: tuple[str, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)


class TotalAction(Action):  # type: ignore[misc]
    """An action that cannot fail; subclasses write ``act``."""

    action_name = ""
    timeout_seconds = TIMEOUT_SECONDS

    def name(self) -> str:
        """Return the name that rules call."""
        return self.action_name

    def act(self, turn: Turn) -> Outcome:
        """Decide what to say; may take as long as it needs and raise what it likes."""
        raise NotImplementedError

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[EventType]:
        """Run ``act`` within its time and say its outcome, or ``unavailable``."""
        started = time.perf_counter()
        error = ""
        try:
            loop = asyncio.get_running_loop()
            acting = loop.run_in_executor(_threads, self.act, read_turn(tracker))
            outcome = await asyncio.wait_for(acting, self.timeout_seconds)
        except Exception as problem:
            error = type(problem).__name__
            outcome = Outcome(payloads=(unavailable("action_failed"),))
        for response in outcome.responses:
            dispatcher.utter_message(response=response)
        for payload in outcome.payloads:
            dispatcher.utter_message(json_message=payload)
        milliseconds = round((time.perf_counter() - started) * 1000)
        log = logger.error if error else logger.info
        log(
            "action_failed" if error else "action_done",
            extra={"action": self.action_name, "error_class": error, "ms": milliseconds},
        )
        return [SlotSet(name, value) for name, value in outcome.slots.items()]


def read_turn(tracker: Tracker) -> Turn:
    """Take from Rasa's tracker what actions may know."""
    latest = tracker.latest_message or {}
    intent = latest.get("intent") or {}
    return Turn(
        text=str(latest.get("text") or ""),
        intent=str(intent.get("name") or ""),
        confidence=float(intent.get("confidence") or 0.0),
        slots=dict(tracker.slots),
        previous_action=_previous_action(tracker.events),
    )


def _previous_action(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the last action before the newest message, not counting Rasa's waiting."""
    user_turns = [number for number, event in enumerate(events) if event.get("event") == "user"]
    before = events[: user_turns[-1]] if user_turns else []
    names = [str(event.get("name")) for event in before if event.get("event") == "action"]
    real = [name for name in names if name != "action_listen"]
    return real[-1] if real else ""
