"""Whether a running bot keeps to what Messenger asks of a webhook, point by point.

Every point is something that a platform does now and then and that bots get wrong: a delivery that
comes twice, a batch, an echo, a message that was sent though an error came back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.simulator.conformance import (
    Found,
    Patience,
    answered_once,
    look_at,
    not_taken,
    refusals,
    times_answered,
    unanswered,
)
from bot.simulator.messenger import MessengerStandIn
from bot.simulator.messenger_events import Event, on_standby

__all__ = ["POINTS", "Found", "Patience", "examine"]

QUESTION = "What are the symptoms of flu?"
OTHER_LETTERS = "Is 😷 enough against flu? – “yes”, says my søster"
REFUSALS = range(400, 500)

Point = Callable[[MessengerStandIn, Patience], str]


def examine(messenger: MessengerStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known.

    Without the handshake there is nothing further to find out.
    """
    problem = messenger.verify()
    yield Found("The webhook is verified", problem)
    if problem:
        return
    yield from look_at(POINTS, messenger, patience)
    yield Found("No call of the bot was refused", refusals(messenger.transcript))


def _wrong_token(messenger: MessengerStandIn, _: Patience) -> str:
    return "The challenge was repeated all the same." if messenger.takes_wrong_token() else ""


def _unsigned(messenger: MessengerStandIn, patience: Patience) -> str:
    return _forged(messenger, patience, is_signed=False)


def _wrongly_signed(messenger: MessengerStandIn, patience: Patience) -> str:
    return _forged(messenger, patience, is_signed=True)


def _forged(messenger: MessengerStandIn, patience: Patience, *, is_signed: bool) -> str:
    """Deliver what Meta did not sign; it must be refused and not be answered."""
    event = messenger.write.text(messenger.new_person(), QUESTION)
    messenger.note(event)
    attempt = messenger.forge(messenger.body(event), is_signed=is_signed)
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
    return not_taken(attempts) or _silent(messenger, patience, events)


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
    return answered_once(messenger.transcript, patience, event.key, attempts)


def _times(messenger: MessengerStandIn, patience: Patience, event: Event) -> int:
    return times_answered(messenger.transcript, patience, event.key)


def _silent(messenger: MessengerStandIn, patience: Patience, events: Sequence[Event]) -> str:
    people = {event.body[end]["id"] for event in events for end in ("sender", "recipient")}
    return unanswered(messenger.transcript, patience, people)


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
