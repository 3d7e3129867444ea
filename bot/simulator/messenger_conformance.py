"""Whether a running bot keeps to what Messenger asks of a webhook, point by point.

Every point is something that a platform does now and then and that bots get wrong: a delivery that
comes twice, a batch, an echo, a message that was sent though an error came back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx

from bot.simulator.graph import signature_headers
from bot.simulator.messenger import MessengerStandIn
from bot.simulator.messenger_events import Event, on_standby
from bot.simulator.transcript import Refused, Sent

QUESTION = "What are the symptoms of flu?"
OTHER_LETTERS = "Is 😷 enough against flu? – “yes”, says my søster"
REFUSALS = range(400, 500)


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


Point = Callable[[MessengerStandIn, Patience], str]


def examine(messenger: MessengerStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known.

    Without the handshake there is nothing further to find out.
    """
    problem = messenger.verify()
    yield Found("The webhook is verified", problem)
    if problem:
        return
    for point, look in POINTS.items():
        try:
            yield Found(point, look(messenger, patience))
        except httpx.HTTPError as error:
            yield Found(point, f"The webhook gave no answer ({type(error).__name__}).")
    yield Found("No call of the bot was refused", _refusals(messenger))


def _wrong_token(messenger: MessengerStandIn, _: Patience) -> str:
    return "The challenge was repeated all the same." if messenger.takes_wrong_token() else ""


def _unsigned(messenger: MessengerStandIn, patience: Patience) -> str:
    return _forged(messenger, patience, {"Content-Type": "application/json"})


def _wrongly_signed(messenger: MessengerStandIn, patience: Patience) -> str:
    headers = signature_headers(f"{messenger.account.app_secret}x", b"{}")
    return _forged(messenger, patience, headers)


def _forged(messenger: MessengerStandIn, patience: Patience, headers: dict[str, str]) -> str:
    """Deliver what Meta did not sign; it must be refused and not be answered."""
    event = messenger.write.text(messenger.new_person(), QUESTION)
    messenger.note(event)
    attempt = messenger.webhook.attempt(messenger.body(event), headers)
    if attempt.status not in REFUSALS:
        return f"It was answered with {attempt.status}, not with 403 or the like."
    return _silent(messenger, patience, [event])


def _text(messenger: MessengerStandIn, patience: Patience) -> str:
    return _answered(messenger, patience, messenger.write.text(messenger.new_person(), QUESTION))


def _twice(messenger: MessengerStandIn, patience: Patience) -> str:
    event = messenger.write.text(messenger.new_person(), QUESTION)
    return _answered(messenger, patience, event, copies=2)


def _entries(messenger: MessengerStandIn, patience: Patience) -> str:
    return _batch(messenger, patience, one_entry=False)


def _one_entry(messenger: MessengerStandIn, patience: Patience) -> str:
    return _batch(messenger, patience, one_entry=True)


def _batch(messenger: MessengerStandIn, patience: Patience, *, one_entry: bool) -> str:
    events = [messenger.write.text(messenger.new_person(), QUESTION) for _ in range(3)]
    # In the midst of them something that asks for no answer and must not end the reading.
    receipt = messenger.write.read(messenger.new_person())
    messenger.send(events[0], receipt, *events[1:], one_entry=one_entry)
    answers = [_times(messenger, patience, event) for event in events]
    return "" if answers == [1, 1, 1] else f"Three people were answered {answers} times."


def _escaped(messenger: MessengerStandIn, patience: Patience) -> str:
    event = messenger.write.text(messenger.new_person(), OTHER_LETTERS)
    return _answered(messenger, patience, event)


def _sticker(messenger: MessengerStandIn, patience: Patience) -> str:
    return _answered(messenger, patience, messenger.write.sticker(messenger.new_person()))


def _no_answer(messenger: MessengerStandIn, patience: Patience) -> str:
    """Deliver what asks for no answer; each to another person, so that it is known which did."""
    write, people = messenger.write, [messenger.new_person() for _ in range(4)]
    echo = write.echo(people[0], "m_echo", {"text": QUESTION})
    events = [
        echo,
        write.delivery(people[1], ["m_other"]),
        write.read(people[2]),
        on_standby(write.text(people[3], QUESTION)),
    ]
    attempts = messenger.send(*events)
    problems = [attempt.problem for attempt in attempts if attempt.problem]
    return problems[0] if problems else _silent(messenger, patience, events)


def _unknown(messenger: MessengerStandIn, _: Patience) -> str:
    """Deliver a kind of event that is not there yet; it must be acknowledged like any other."""
    known = messenger.write.text(messenger.new_person(), QUESTION)
    body = {key: value for key, value in known.body.items() if key != "message"}
    return messenger.send(Event("messages", {**body, "poem": {"lines": 14}}))[0].problem


def _sent_but_error(messenger: MessengerStandIn, patience: Patience) -> str:
    """Say that a message failed that was sent; the bot must not send it again."""
    messenger.misbehaviour.next_calls("sent-but-error")
    problem = _text(messenger, patience)
    messenger.misbehaviour.stop()
    return problem


def _answered(
    messenger: MessengerStandIn, patience: Patience, event: Event, copies: int = 1
) -> str:
    attempts = messenger.send(event, copies=copies)
    problems = [attempt.problem for attempt in attempts if attempt.problem]
    if problems:
        return problems[0]
    times = _times(messenger, patience, event)
    return "" if times == 1 else f"It was answered {times} times, not once."


def _times(messenger: MessengerStandIn, patience: Patience, event: Event) -> int:
    transcript = messenger.transcript
    transcript.wait_for_answer(event.key, patience.answer, patience.silence)
    return transcript.times_answered(event.key)


def _silent(messenger: MessengerStandIn, patience: Patience, events: Sequence[Event]) -> str:
    """Return whether one of these was answered, were it with a message that was refused."""
    people = {event.body[end]["id"] for event in events for end in ("sender", "recipient")}

    def is_answered() -> bool:
        lines = messenger.transcript.lines()
        return any(isinstance(one, Sent | Refused) and one.person in people for one in lines)

    was_answered = messenger.transcript.wait(is_answered, patience.silence)
    return "It was answered." if was_answered else ""


def _refusals(messenger: MessengerStandIn) -> str:
    refused = [line for line in messenger.transcript.lines() if isinstance(line, Refused)]
    if not refused:
        return ""
    return f"{len(refused)} refused; the first: {refused[0].message}"


POINTS: dict[str, Point] = {
    "Somebody without the verify token is refused": _wrong_token,
    "A delivery without a signature is refused": _unsigned,
    "A delivery with a wrong signature is refused": _wrongly_signed,
    "A message is answered once": _text,
    "A message that is delivered twice is answered once": _twice,
    "Of several entries in a delivery, each is answered": _entries,
    "Of several events in an entry, each is answered": _one_entry,
    "Other letters, escaped as Meta does, are answered": _escaped,
    "A sticker is answered": _sticker,
    "Echoes, receipts and standby are not answered": _no_answer,
    "An event of an unknown kind is acknowledged": _unknown,
    "A message that was sent with an error is not sent again": _sent_but_error,
}
