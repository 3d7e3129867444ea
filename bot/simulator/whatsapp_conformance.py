"""Whether a running bot keeps to what WhatsApp asks of a webhook, point by point."""

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
from bot.simulator.transcript import Acted, Sent
from bot.simulator.whatsapp import WhatsAppStandIn
from bot.simulator.whatsapp_events import Event, Shape, new_wamid

QUESTION = "What are the symptoms of flu?"
OTHER_LETTERS = "Is 😷 enough against flu? – “yes”, says my søster"
REFUSALS = range(400, 500)

Point = Callable[[WhatsAppStandIn, Patience], str]


def examine(whatsapp: WhatsAppStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known.

    Without the handshake there is nothing further to find out.
    """
    problem = whatsapp.verify()
    yield Found("The webhook is verified", problem)
    if problem:
        return
    yield from look_at(POINTS, whatsapp, patience)
    yield Found("No call of the bot was refused", refusals(whatsapp.transcript))


def _wrong_token(whatsapp: WhatsAppStandIn, _: Patience) -> str:
    return "The challenge was repeated all the same." if whatsapp.takes_wrong_token() else ""


def _unsigned(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _forged(whatsapp, patience, is_signed=False)


def _wrongly_signed(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _forged(whatsapp, patience, is_signed=True)


def _forged(whatsapp: WhatsAppStandIn, patience: Patience, *, is_signed: bool) -> str:
    """Deliver what Meta did not sign; it must be refused and not be answered."""
    event = _question(whatsapp)
    whatsapp.note(event)
    attempt = whatsapp.forge(whatsapp.body(event), is_signed=is_signed)
    if attempt.status not in REFUSALS:
        return f"It was answered with {attempt.status}, not with 403 or the like."
    return _silent(whatsapp, patience, [event])


def _text(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _answered(whatsapp, patience, _question(whatsapp))


def _user_name(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    person = whatsapp.new_person(has_user_name=True)
    return _answered(whatsapp, patience, whatsapp.write.text(person, QUESTION))


def _from_ad(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _answered(whatsapp, patience, whatsapp.write.from_ad(whatsapp.new_person(), QUESTION))


def _seen(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    """See whether a message is marked as read before it is answered."""
    event = _question(whatsapp)
    problem = _answered(whatsapp, patience, event)
    of_person = [line for line in whatsapp.transcript.lines() if line.person == event.person]
    first = next((line for line in of_person if isinstance(line, Acted | Sent)), None)
    return problem or ("" if isinstance(first, Acted) else "It was answered without that.")


def _twice(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _answered(whatsapp, patience, _question(whatsapp), copies=2)


def _entries(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _batch(whatsapp, patience, "entries")


def _changes(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _batch(whatsapp, patience, "changes")


def _messages(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _batch(whatsapp, patience, "messages")


def _batch(whatsapp: WhatsAppStandIn, patience: Patience, shape: Shape) -> str:
    events = [_question(whatsapp) for _ in range(3)]
    # In the midst of them something that asks for no answer and must not end the reading.
    receipt = whatsapp.write.status(whatsapp.new_person(), new_wamid(), "read")
    whatsapp.send(events[0], receipt, *events[1:], shape=shape)
    answers = [times_answered(whatsapp.transcript, patience, event.key) for event in events]
    return "" if answers == [1, 1, 1] else f"Three people were answered {answers} times."


def _escaped(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    person = whatsapp.new_person()
    return _answered(whatsapp, patience, whatsapp.write.text(person, OTHER_LETTERS))


def _sticker(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    return _answered(whatsapp, patience, whatsapp.write.sticker(whatsapp.new_person()))


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
    known = _question(whatsapp)
    body = {key: value for key, value in known.body.items() if key != "text"}
    poem = {**body, "type": "poem", "poem": {"lines": 14}}
    return not_taken(whatsapp.send(Event(known.person, "messages", poem, known.key, "poem")))


def _sent_but_error(whatsapp: WhatsAppStandIn, patience: Patience) -> str:
    """Say that a message failed that was sent; the bot must not send it again."""
    whatsapp.misbehaviour.next_calls("sent-but-error")
    problem = _text(whatsapp, patience)
    whatsapp.misbehaviour.stop()
    return problem


def _question(whatsapp: WhatsAppStandIn) -> Event:
    return whatsapp.write.text(whatsapp.new_person(), QUESTION)


def _answered(whatsapp: WhatsAppStandIn, patience: Patience, event: Event, copies: int = 1) -> str:
    attempts = whatsapp.send(event, copies=copies)
    return answered_once(whatsapp.transcript, patience, event.key, attempts)


def _silent(whatsapp: WhatsAppStandIn, patience: Patience, events: Sequence[Event]) -> str:
    return unanswered(whatsapp.transcript, patience, {event.person for event in events})


POINTS: dict[str, Point] = {
    "Somebody without the verify token is refused": _wrong_token,
    "A delivery without a signature is refused": _unsigned,
    "A delivery with a wrong signature is refused": _wrongly_signed,
    "A message is answered once": _text,
    "A message is marked as read before it is answered": _seen,
    "Somebody who shows a user name and no number is answered": _user_name,
    "Somebody who comes from an ad is answered": _from_ad,
    "A message that is delivered twice is answered once": _twice,
    "Of several entries in a delivery, each is answered": _entries,
    "Of several changes in an entry, each is answered": _changes,
    "Of several messages in a change, each is answered": _messages,
    "Other letters, escaped as Meta does, are answered": _escaped,
    "A sticker is answered": _sticker,
    "Receipts, echoes, edits and groups are not answered": _no_answer,
    "A message of an unknown type is acknowledged": _unknown,
    "A message that was sent with an error is not sent again": _sent_but_error,
}
