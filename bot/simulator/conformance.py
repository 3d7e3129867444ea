"""Whether a running bot keeps to what a platform asks of it, point by point; knows no platform.

Every point is something that a platform does now and then and that bots get wrong: a delivery that
comes twice, a batch, a message that was sent though an error came back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx

from bot.simulator.delivery import Attempt
from bot.simulator.transcript import Refused, Sent, Transcript

StandIn = TypeVar("StandIn")


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        answer: for the first message of an answer.
        silence: for what should not come: a second answer, or one to what asks for none.
    """

    answer: float = 15.0
    silence: float = 3.0


@dataclass(frozen=True)
class Found:
    """One point and what was wrong; an empty problem is none."""

    point: str
    problem: str


def look_at(
    points: Mapping[str, Callable[[StandIn, Patience], str]], standin: StandIn, patience: Patience
) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known."""
    for point, look in points.items():
        try:
            yield Found(point, look(standin, patience))
        except httpx.HTTPError as error:
            yield Found(point, f"The webhook gave no answer ({type(error).__name__}).")


def answered_once(
    transcript: Transcript, patience: Patience, key: str, attempts: Sequence[Attempt]
) -> str:
    """Return what is wrong with how something was taken and answered, "" where nothing is."""
    problem = not_taken(attempts)
    if problem:
        return problem
    times = times_answered(transcript, patience, key)
    return "" if times == 1 else f"It was answered {times} times, not once."


def not_taken(attempts: Sequence[Attempt]) -> str:
    """Return what was wrong with the first delivery that was not acknowledged, if there is one."""
    return next((attempt.problem for attempt in attempts if attempt.problem), "")


def times_answered(transcript: Transcript, patience: Patience, key: str) -> int:
    """Wait for an answer and see whether it comes again; return how often it came."""
    transcript.wait_for_answer(key, patience.answer, patience.silence)
    return transcript.times_answered(key)


def unanswered(transcript: Transcript, patience: Patience, people: Collection[str]) -> str:
    """Return whether one of these was answered, were it with a message that was refused."""

    def is_answered() -> bool:
        lines = transcript.lines()
        return any(isinstance(one, Sent | Refused) and one.person in people for one in lines)

    return "It was answered." if transcript.wait(is_answered, patience.silence) else ""


def refusals(transcript: Transcript) -> str:
    """Return whether a call of the bot was refused, and the first one."""
    refused = [line for line in transcript.lines() if isinstance(line, Refused)]
    return f"{len(refused)} refused; the first: {refused[0].message}" if refused else ""
