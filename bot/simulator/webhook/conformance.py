"""Whether a running bot keeps to docs/webhook.md at both ends of the generic webhook.

Every point is something that happens between two programs now and then: a request that comes twice,
a clock that is wrong, a reply that was taken though an error came back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from bot.simulator.conformance import (
    OTHER_LETTERS,
    QUESTION,
    Found,
    Patience,
    answered,
    answered_once,
    each_answered,
    examine_points,
    not_taken,
    other_letters,
    plain,
    question,
    refuses,
    twice,
    unanswered,
    with_fault,
)
from bot.simulator.delivery import Attempt
from bot.simulator.webhook.events import Event, body_of, new_id
from bot.simulator.webhook.faults import RETRY_AFTER
from bot.simulator.webhook.stand_in import KEY, WebhookStandIn

SIX_MINUTES = 6 * 60.0
OTHER_KEY = KEY.replace(KEY[6:10], "AAAA")

Point = Callable[[WebhookStandIn, Patience], str]


def examine(app: WebhookStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known."""
    return examine_points(
        app,
        POINTS,
        patience,
        verified="The webhook takes a ping with the right key",
        refused="No post of the bot was refused",
    )


# What is told to the bot


def _unsigned(app: WebhookStandIn, patience: Patience) -> str:
    headers = {"Content-Type": "application/json"}
    return refuses(app, patience, lambda event: app.webhook.attempt(body_of(event), headers))


def _wrong_key(app: WebhookStandIn, patience: Patience) -> str:
    return refuses(app, patience, lambda event: app.post(body_of(event), event.key, key=OTHER_KEY))


def _old(app: WebhookStandIn, patience: Patience) -> str:
    return refuses(
        app, patience, lambda event: app.post(body_of(event), event.key, late=SIX_MINUTES)
    )


def _clock_ahead(app: WebhookStandIn, patience: Patience) -> str:
    return refuses(
        app, patience, lambda event: app.post(body_of(event), event.key, late=-SIX_MINUTES)
    )


def _changed(app: WebhookStandIn, patience: Patience) -> str:
    """Change a body after it was signed, were it by a space."""

    def deliver(event: Event) -> Attempt:
        body = body_of(event)
        return app.webhook.attempt(body + b" ", app.headers(body))

    return refuses(app, patience, deliver)


def _unknown_type(app: WebhookStandIn, _: Patience) -> str:
    event = app.write.event("message.painted", person=app.new_person())
    return _not_422(app, body_of(event))


def _without_person(app: WebhookStandIn, _: Patience) -> str:
    return _not_422(app, body_of(app.write.event("message.received", text=QUESTION)))


def _half_wrong(app: WebhookStandIn, patience: Patience) -> str:
    """Send a right event and a wrong one together; none may be taken."""
    event = question(app)
    app.note(event)
    wrong = app.write.event("message.painted", person=app.new_person())
    items = [{"id": one.key, "event": one.content} for one in (event, wrong)]
    problem = _not_422(app, json.dumps({"events": items}).encode())
    return problem or unanswered(app.transcript, patience, [event.person])


def _twice_in_other_form(app: WebhookStandIn, patience: Patience) -> str:
    """Send an event alone and then again in a batch; its id is the same."""
    event = question(app)
    attempts = app.send(event)
    items = {"events": [{"id": event.key, "event": event.content}]}
    again = app.post(json.dumps(items).encode(), new_id())
    return answered_once(app.transcript, patience, event.key, [*attempts, again])


def _batch(app: WebhookStandIn, patience: Patience) -> str:
    events = [question(app) for _ in range(3)]
    attempts = app.send(*events, batch=True)
    return not_taken(attempts) or each_answered(app, patience, events)


def _escaped(app: WebhookStandIn, patience: Patience) -> str:
    event = question(app, OTHER_LETTERS)
    attempts = app.send(event, escaped=True)
    return answered_once(app.transcript, patience, event.key, attempts)


def _start(app: WebhookStandIn, patience: Patience) -> str:
    return answered(app, patience, app.write.start(app.new_person()))


def _photo(app: WebhookStandIn, patience: Patience) -> str:
    return answered(app, patience, app.write.photo(app.new_person()))


def _feedback(app: WebhookStandIn, patience: Patience) -> str:
    event = question(app)
    problem = answered(app, patience, event)
    replies = [data["reply"] for data in app.replies_to(event.person).values()]
    rated = [reply for reply in replies if reply["feedback"]]
    if problem or not rated:
        return problem or "No reply asked for feedback."
    thumb = app.write.feedback(event.person, rated[-1]["reply_id"], is_good=True)
    return answered(app, patience, thumb)


# What the bot posts


def _failed(app: WebhookStandIn, patience: Patience) -> str:
    return with_fault(app, patience, "500")


def _held_off(app: WebhookStandIn, patience: Patience) -> str:
    """Ask the bot to wait; it must post again, and not before that time is over."""
    event = question(app)
    app.misbehaviour.next_calls("429")
    problem = answered(app, patience, event)
    app.misbehaviour.stop()
    # Replies to others may still be on their way.
    to_them = json.dumps(event.person).encode()
    refused = [one.at for one in app.went_wrong if to_them in one.call.body]
    posted = [post.at for post in app.posts if to_them in post.body]
    if not problem and refused and posted[0] - refused[0] < RETRY_AFTER - 0.5:
        return f"It was posted again after {posted[0] - refused[0]:.1f} seconds."
    return problem


def _taken_but_failed(app: WebhookStandIn, patience: Patience) -> str:
    return _taken_but(app, patience, "taken-but-500")


def _taken_but_dropped(app: WebhookStandIn, patience: Patience) -> str:
    return _taken_but(app, patience, "taken-but-dropped")


def _taken_but(app: WebhookStandIn, patience: Patience, fault: str) -> str:
    """Take a reply and say that it failed; it must come again, under the same id."""
    before = len(app.posts)
    problem = with_fault(app, patience, fault)

    def came_again() -> bool:
        return any(post.is_again for post in app.posts[before:])

    if problem or app.transcript.wait(came_again, patience.answer):
        return problem
    return "It was not posted again under the same id."


def _redirect(app: WebhookStandIn, patience: Patience) -> str:
    problem = with_fault(app, patience, "302")
    return "A redirect was followed." if app.lost else problem


# Both


def _not_422(app: WebhookStandIn, body: bytes) -> str:
    status = app.post(body, new_id()).status
    return "" if status == 422 else f"It was answered with {status}, not with 422."


POINTS: dict[str, Point] = {
    "A request without a signature is refused": _unsigned,
    "A request with a wrong signature is refused": _wrong_key,
    "A request that was signed six minutes ago is refused": _old,
    "A request that was signed in six minutes is refused": _clock_ahead,
    "A body that was changed after it was signed is refused": _changed,
    "An event of an unknown type is refused": _unknown_type,
    "An event that lacks a field is refused": _without_person,
    "Of a batch with a wrong event nothing is taken": _half_wrong,
    "A message is answered once": plain,
    "A message that is delivered twice is answered once": twice,
    "A message that comes again in a batch is answered once": _twice_in_other_form,
    "Of several events in a request, each is answered": _batch,
    "Other letters, escaped, are answered": _escaped,
    "Other letters, as they are, are answered": other_letters,
    "Who opens the chat is greeted": _start,
    "A photo is answered": _photo,
    "Feedback on a reply is thanked for": _feedback,
    "A reply that was not taken is posted again": _failed,
    "A reply that came too early is posted again, but not before Retry-After": _held_off,
    "A reply that was taken with an error is posted again under its id": _taken_but_failed,
    "A reply whose answer was lost is posted again under its id": _taken_but_dropped,
    "A redirect is not followed": _redirect,
}
