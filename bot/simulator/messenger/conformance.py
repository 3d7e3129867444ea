"""Whether a running bot keeps to what Messenger asks of a webhook, point by point.

Every point is something that a platform does now and then and that bots get wrong: a delivery that
comes twice, a batch, an echo, a message that was sent though an error came back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.simulator.conformance import (
    QUESTION,
    Found,
    Patience,
    answered,
    each_answered,
    examine_points,
    not_taken,
    other_letters,
    plain,
    question,
    sent_but_error,
    twice,
    unanswered,
)
from bot.simulator.messenger.events import Event, on_standby
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.meta.conformance import unsigned, wrong_token, wrongly_signed

__all__ = ["POINTS", "Found", "Patience", "examine"]

Point = Callable[[MessengerStandIn, Patience], str]


def examine(messenger: MessengerStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known."""
    return examine_points(messenger, POINTS, patience, verified="The webhook is verified")


def _entries(messenger: MessengerStandIn, patience: Patience) -> str:
    return _batch(messenger, patience, one_entry=False)


def _one_entry(messenger: MessengerStandIn, patience: Patience) -> str:
    return _batch(messenger, patience, one_entry=True)


def _batch(messenger: MessengerStandIn, patience: Patience, *, one_entry: bool) -> str:
    events = [question(messenger) for _ in range(3)]
    # In the midst of them something that asks for no answer and must not end the reading.
    receipt = messenger.write.read(messenger.new_person())
    messenger.send(events[0], receipt, *events[1:], one_entry=one_entry)
    return each_answered(messenger, patience, events)


def _sticker(messenger: MessengerStandIn, patience: Patience) -> str:
    return answered(messenger, patience, messenger.write.sticker(messenger.new_person()))


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
    known = question(messenger)
    body = {key: value for key, value in known.body.items() if key != "message"}
    return not_taken(messenger.send(Event("messages", {**body, "poem": {"lines": 14}})))


def _silent(messenger: MessengerStandIn, patience: Patience, events: Sequence[Event]) -> str:
    people = {event.body[end]["id"] for event in events for end in ("sender", "recipient")}
    return unanswered(messenger.transcript, patience, people)


POINTS: dict[str, Point] = {
    "Somebody without the verify token is refused": wrong_token,
    "A delivery without a signature is refused": unsigned,
    "A delivery with a wrong signature is refused": wrongly_signed,
    "A message is answered once": plain,
    "A message that is delivered twice is answered once": twice,
    "Of several entries in a delivery, each is answered": _entries,
    "Of several events in an entry, each is answered": _one_entry,
    "Other letters, escaped as Meta does, are answered": other_letters,
    "A sticker is answered": _sticker,
    "Echoes, receipts and standby are not answered": _no_answer,
    "An event of an unknown kind is acknowledged": _unknown,
    "A message that was sent with an error is not sent again": sent_but_error,
}
