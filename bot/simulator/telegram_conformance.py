"""Whether a running bot keeps to what Telegram asks of a webhook, point by point.

Every point is something that Telegram does now and then and that bots get wrong: an update that
comes twice, a tap that waits for an answer, a group, a message that was sent though an error came.
"""

from __future__ import annotations

import time
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
from bot.simulator.telegram import TelegramStandIn
from bot.simulator.telegram_updates import Update
from bot.simulator.transcript import Sent

QUESTION = "What are the symptoms of flu?"
OTHER_LETTERS = "Is 😷 enough against flu? – “yes”, says my søster"
REFUSED = range(400, 500)
LOOK_SECONDS = 0.02

Point = Callable[[TelegramStandIn, Patience], str]


def examine(telegram: TelegramStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known.

    Without the webhook there is nothing further to find out.
    """
    problem = telegram.verify()
    yield Found("The webhook takes updates with the right secret", problem)
    if problem:
        return
    yield from look_at(POINTS, telegram, patience)
    yield Found("No call of the bot was refused", refusals(telegram.transcript))


def _without_secret(telegram: TelegramStandIn, patience: Patience) -> str:
    return _forged(telegram, patience, None)


def _wrong_secret(telegram: TelegramStandIn, patience: Patience) -> str:
    return _forged(telegram, patience, f"{telegram.account.webhook_secret}x")


def _forged(telegram: TelegramStandIn, patience: Patience, secret: str | None) -> str:
    """Deliver what Telegram did not send; it must be refused and not be answered."""
    update = telegram.write.text(telegram.new_person(), QUESTION)
    telegram.note(update)
    attempt = telegram.forge(update, secret)
    if attempt.status not in REFUSED:
        return f"It was answered with {attempt.status}, not with 403 or the like."
    return unanswered(telegram.transcript, patience, [update.person])


def _text(telegram: TelegramStandIn, patience: Patience) -> str:
    return _answered(telegram, patience, telegram.write.text(telegram.new_person(), QUESTION))


def _twice(telegram: TelegramStandIn, patience: Patience) -> str:
    update = telegram.write.text(telegram.new_person(), QUESTION)
    return _answered(telegram, patience, update, copies=2)


def _out_of_order(telegram: TelegramStandIn, patience: Patience) -> str:
    """Deliver the later one of two people's updates first; both must be answered."""
    updates = [telegram.write.text(telegram.new_person(), QUESTION) for _ in range(2)]
    problem = not_taken(telegram.send(*reversed(updates)))
    times = [times_answered(telegram.transcript, patience, one.key) for one in updates]
    return problem or ("" if times == [1, 1] else f"Two people were answered {times} times.")


def _escaped(telegram: TelegramStandIn, patience: Patience) -> str:
    return _letters(telegram, patience, escaped=True)


def _unescaped(telegram: TelegramStandIn, patience: Patience) -> str:
    return _letters(telegram, patience, escaped=False)


def _letters(telegram: TelegramStandIn, patience: Patience, *, escaped: bool) -> str:
    update = telegram.write.text(telegram.new_person(), OTHER_LETTERS)
    return _answered(telegram, patience, update, escaped=escaped)


def _start(telegram: TelegramStandIn, patience: Patience) -> str:
    return _answered(telegram, patience, telegram.write.start(telegram.new_person()))


def _start_by_link(telegram: TelegramStandIn, patience: Patience) -> str:
    return _answered(telegram, patience, telegram.write.start(telegram.new_person(), "poster-7"))


def _sticker(telegram: TelegramStandIn, patience: Patience) -> str:
    return _answered(telegram, patience, telegram.write.along(telegram.new_person(), "sticker"))


def _tap(telegram: TelegramStandIn, patience: Patience) -> str:
    """Tap a button of the welcome; the bot must answer, and end the waiting sign on the button."""
    started = telegram.write.start(telegram.new_person())
    problem = _answered(telegram, patience, started)
    button = _first_button(telegram.transcript.answers(started.key))
    if problem or button is None:
        return problem or "The welcome has no button that says something."
    data, number = button
    message = telegram.sent(started.person, number)
    return _tapped(telegram, patience, telegram.write.tap(started.person, data, message))


def _old_tap(telegram: TelegramStandIn, patience: Patience) -> str:
    """Tap a button of which Telegram shows nothing any more; still somebody waits."""
    person = telegram.new_person()
    return _tapped(telegram, patience, telegram.write.tap(person, "l:0", None))


def _foreign_tap(telegram: TelegramStandIn, patience: Patience) -> str:
    """Tap a button of a program that had the bot before."""
    person = telegram.new_person()
    return _tapped(telegram, patience, telegram.write.tap(person, "menu_42", None))


def _tapped(telegram: TelegramStandIn, patience: Patience, update: Update) -> str:
    problem = _answered(telegram, patience, update)
    end = time.monotonic() + patience.silence
    while update.part["id"] in telegram.bot_api.waiting_taps and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    if problem or update.part["id"] not in telegram.bot_api.waiting_taps:
        return problem
    return "The button still shows that it waits: answerCallbackQuery was not called."


def _no_answer(telegram: TelegramStandIn, patience: Patience) -> str:
    """Deliver what asks for no answer; each of another person, so that it is known which did."""
    write = telegram.write
    people = [telegram.new_person() for _ in range(6)]
    updates = [
        write.elsewhere(people[0], QUESTION),
        write.elsewhere(people[1], QUESTION, "channel"),
        write.edited(people[2], QUESTION),
        write.service(people[3]),
        write.reaction(people[4], 1, "🎉"),
        write.blocked(people[5]),
    ]
    problem = not_taken(telegram.send(*updates, unasked=True))
    groups = [str(one.part["chat"]["id"]) for one in updates]
    return problem or unanswered(telegram.transcript, patience, [*people, *groups])


def _unknown(telegram: TelegramStandIn, _: Patience) -> str:
    """Deliver a kind of update that is not there yet; it must be acknowledged like any other."""
    update = telegram.write.unknown(telegram.new_person())
    return not_taken(telegram.send(update, unasked=True))


def _sent_but_error(telegram: TelegramStandIn, patience: Patience) -> str:
    """Say that a message failed that was sent; the bot must not send it again."""
    return _with_fault(telegram, patience, "sent-but-error")


def _too_many(telegram: TelegramStandIn, patience: Patience) -> str:
    """Refuse a message because there were too many; the bot must send it after the pause."""
    return _with_fault(telegram, patience, "429")


def _with_fault(telegram: TelegramStandIn, patience: Patience, fault: str) -> str:
    telegram.misbehaviour.next_calls(fault)
    problem = _text(telegram, patience)
    telegram.misbehaviour.stop()
    return problem


def _answered(
    telegram: TelegramStandIn,
    patience: Patience,
    update: Update,
    *,
    copies: int = 1,
    escaped: bool = True,
) -> str:
    attempts = telegram.send(update, copies=copies, escaped=escaped)
    return answered_once(telegram.transcript, patience, update.key, attempts)


def _first_button(messages: Sequence[Sent]) -> tuple[str, str] | None:
    """Return data and message of the first button that says something, or None."""
    for sent in messages:
        for row in sent.message.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                if "callback_data" in button:
                    return button["callback_data"], sent.mid
    return None


POINTS: dict[str, Point] = {
    "An update without the secret is refused": _without_secret,
    "An update with a wrong secret is refused": _wrong_secret,
    "A message is answered once": _text,
    "An update that is delivered twice is answered once": _twice,
    "Updates that come out of order are answered": _out_of_order,
    "Other letters, escaped, are answered": _escaped,
    "Other letters, as they are, are answered": _unescaped,
    "/start is answered": _start,
    "/start with a link's parameter is answered": _start_by_link,
    "A sticker is answered": _sticker,
    "A tap is answered, and its waiting sign ends": _tap,
    "A tap on a message that is too old to be shown is answered": _old_tap,
    "A tap that the bot does not know is answered": _foreign_tap,
    "Groups, channels, edits, reactions and service messages are not answered": _no_answer,
    "An update of an unknown kind is acknowledged": _unknown,
    "A message that was sent with an error is not sent again": _sent_but_error,
    "A message that was one too many is sent after the pause": _too_many,
}
