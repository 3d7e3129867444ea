"""Whether a running bot keeps to what a platform asks of it, point by point; knows no platform.

Every point is something that a platform does now and then and that bots get wrong: a delivery that
comes twice, a batch, a message that was sent though an error came back. Those that every platform
has stand here; a platform adds its own and names them all in its ``POINTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from bot.simulator.delivery import Attempt
from bot.simulator.stand_in import Event, StandIn
from bot.simulator.transcript import Refused, Sent, Transcript

QUESTION = "What are the symptoms of flu?"
OTHER_LETTERS = "Is 😷 enough against flu? – “yes”, says my søster"
REFUSED = range(400, 500)
PEOPLE = {2: "Two people", 3: "Three people"}

Played = TypeVar("Played", bound=StandIn[Any])


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


def examine_points(
    standin: Played,
    points: Mapping[str, Callable[[Played, Patience], str]],
    patience: Patience,
    *,
    verified: str,
    refused: str = "No call of the bot was refused",
) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known.

    Without the webhook there is nothing further to find out.

    Args:
        standin: is started.
        points: what to look at.
        patience: how long to wait.
        verified: the first point, that the webhook is there.
        refused: the last one, that nothing was refused.
    """
    problem = standin.verify()
    yield Found(verified, problem)
    if problem:
        return
    for point, look in points.items():
        try:
            yield Found(point, look(standin, patience))
        except httpx.HTTPError as error:
            yield Found(point, f"The webhook gave no answer ({type(error).__name__}).")
    yield Found(refused, refusals(standin.transcript))


def plain(standin: StandIn[Event], patience: Patience) -> str:
    """Ask something."""
    return answered(standin, patience, question(standin))


def twice(standin: StandIn[Event], patience: Patience) -> str:
    """Deliver a message twice."""
    return answered(standin, patience, question(standin), copies=2)


def other_letters(standin: StandIn[Event], patience: Patience) -> str:
    """Ask with other letters than ASCII, written as the platform does it by itself."""
    return answered(standin, patience, question(standin, OTHER_LETTERS))


def sent_but_error(standin: StandIn[Event], patience: Patience) -> str:
    """Say that a message failed that was sent; the bot must not send it again."""
    return with_fault(standin, patience, "sent-but-error")


def with_fault(standin: StandIn[Event], patience: Patience, fault: str) -> str:
    """Ask something, and let the bot's first message go wrong."""
    standin.misbehaviour.next_calls(fault)
    problem = plain(standin, patience)
    standin.misbehaviour.stop()
    return problem


def refuses(
    standin: StandIn[Event], patience: Patience, deliver: Callable[[Event], Attempt]
) -> str:
    """Deliver a question in a way that must be refused; nor may it be answered."""
    person = standin.new_person()
    event = standin.write.text(person, QUESTION)
    standin.note(event)
    status = deliver(event).status
    if status not in REFUSED:
        return f"It was answered with {status}, not with 403 or the like."
    return unanswered(standin.transcript, patience, [person])


def question(standin: StandIn[Event], text: str = QUESTION) -> Event:
    """Return what somebody new asks."""
    return standin.write.text(standin.new_person(), text)


def answered(standin: StandIn[Event], patience: Patience, event: Event, copies: int = 1) -> str:
    """Let something happen; return what is wrong with how it was taken and answered."""
    attempts = standin.send(event, copies=copies)
    return answered_once(standin.transcript, patience, event.key, attempts)


def each_answered(standin: StandIn[Event], patience: Patience, events: Sequence[Event]) -> str:
    """Return whether one of several people's messages was not answered once."""
    times = [times_answered(standin.transcript, patience, event.key) for event in events]
    return "" if set(times) == {1} else f"{PEOPLE[len(times)]} were answered {times} times."


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
