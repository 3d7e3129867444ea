"""Whether a running bot keeps to what WhatsApp asks of a webhook, point by point."""

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
from bot.simulator.meta.conformance import unsigned, wrong_token, wrongly_signed
from bot.simulator.transcript import Acted, Sent
from bot.simulator.whatsapp.events import Event, Shape, new_wamid
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn

Point = Callable[[WhatsAppStandIn, Patience], str]


def examine(whatsapp: WhatsAppStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known."""
    return examine_points(whatsapp, POINTS, patience, verified="The webhook is verified")


def _user_name(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    person = whatsapp.new_person(has_user_name=True)
    return answered(whatsapp, patience, whatsapp.write.text(person, QUESTION))


def _from_ad(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return answered(whatsapp, patience, whatsapp.write.from_ad(whatsapp.new_person(), QUESTION))


def _seen(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    """See whether a message is marked as read before it is answered."""
    event = question(whatsapp)
    problem = answered(whatsapp, patience, event)
    of_person = [line for line in whatsapp.transcript.lines() if line.person == event.person]
    first = next((line for line in of_person if isinstance(line, Acted | Sent)), None)
    return problem or ("" if isinstance(first, Acted) else "It was answered without that.")


def _entries(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _batch(whatsapp, patience, "entries")


def _changes(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _batch(whatsapp, patience, "changes")


def _messages(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _batch(whatsapp, patience, "messages")


def _batch(whatsapp: WhatsAppStandIn, patience: Patience, shape: Shape) -> str:
    events = [question(whatsapp) for _ in range(3)]
    # In the midst of them something that asks for no answer and must not end the reading.
    receipt = whatsapp.write.status(whatsapp.new_person(), new_wamid(), "read")
    whatsapp.send(events[0], receipt, *events[1:], shape=shape)
    return each_answered(whatsapp, patience, events)


def _sticker(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return answered(whatsapp, patience, whatsapp.write.sticker(whatsapp.new_person()))


def _no_answer(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    """Deliver what asks for no answer; each to another person, so that it is known which did."""
    write, people = whatsapp.write, [whatsapp.new_person() for _ in range(7)]
    events = [
        write.status(people[0], new_wamid(), "delivered"),
        write.status(people[1], new_wamid(), "failed", 131026),
        write.echo(people[2], QUESTION),
        write.edit(people[3], new_wamid(), QUESTION),
        write.revoke(people[4], new_wamid()),
        write.changed_number(people[5], whatsapp.new_person()),
        write.in_group(write.text(people[6], QUESTION)),
    ]
    return not_taken(whatsapp.send(*events)) or _silent(whatsapp, patience, events)


def _unknown(whatsapp: WhatsAppStandIn, _: Patience) -> str:
    """Deliver a type of message that is not there yet; it must be acknowledged like any other."""
    known = question(whatsapp)
    body = {key: value for key, value in known.body.items() if key != "text"}
    poem = {**body, "type": "poem", "poem": {"lines": 14}}
    return not_taken(whatsapp.send(Event(known.person, "messages", poem, known.key, "poem")))


def _silent(whatsapp: WhatsAppStandIn, patience: Patience, events: Sequence[Event]) -> str:
    return unanswered(whatsapp.transcript, patience, {event.person for event in events})


POINTS: dict[str, Point] = {
    "Somebody without the verify token is refused": wrong_token,
    "A delivery without a signature is refused": unsigned,
    "A delivery with a wrong signature is refused": wrongly_signed,
    "A message is answered once": plain,
    "A message is marked as read before it is answered": _seen,
    "Somebody who shows a user name and no number is answered": _user_name,
    "Somebody who comes from an ad is answered": _from_ad,
    "A message that is delivered twice is answered once": twice,
    "Of several entries in a delivery, each is answered": _entries,
    "Of several changes in an entry, each is answered": _changes,
    "Of several messages in a change, each is answered": _messages,
    "Other letters, escaped as Meta does, are answered": other_letters,
    "A sticker is answered": _sticker,
    "Receipts, echoes, edits and groups are not answered": _no_answer,
    "A message of an unknown type is acknowledged": _unknown,
    "A message that was sent with an error is not sent again": sent_but_error,
}
