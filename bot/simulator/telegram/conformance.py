"""Whether a running bot keeps to what Telegram asks of a webhook, point by point.

Every point is something that Telegram does now and then and that bots get wrong: an update that
comes twice, a tap that waits for an answer, a group, a message that was sent though an error came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

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
    sent_but_error,
    twice,
    unanswered,
    with_fault,
)
from bot.simulator.telegram.stand_in import TelegramStandIn
from bot.simulator.telegram.updates import Update
from bot.simulator.transcript import Sent

LOOK_SECONDS = 0.02

Point = Callable[[TelegramStandIn, Patience], str]


def examine(telegram: TelegramStandIn, patience: Patience) -> Iterator[Found]:
    """Yield what was found at each point, as soon as it is known."""
    verified = "The webhook takes updates with the right secret"
    return examine_points(telegram, POINTS, patience, verified=verified)


def _without_secret(telegram: TelegramStandIn, patience: Patience) -> str:
    return refuses(telegram, patience, lambda update: telegram.forge(update, None))


def _wrong_secret(telegram: TelegramStandIn, patience: Patience) -> str:
    secret = f"{telegram.account.webhook_secret}x"
    return refuses(telegram, patience, lambda update: telegram.forge(update, secret))


def _out_of_order(telegram: TelegramStandIn, patience: Patience) -> str:
    """Deliver the later one of two people's updates first; both must be answered."""
    updates = [question(telegram) for _ in range(2)]
    attempts = telegram.send(*reversed(updates))
    return not_taken(attempts) or each_answered(telegram, patience, updates)


def _unescaped(telegram: TelegramStandIn, patience: Patience) -> str:
    update = question(telegram, OTHER_LETTERS)
    attempts = telegram.send(update, escaped=False)
    return answered_once(telegram.transcript, patience, update.key, attempts)


def _start(telegram: TelegramStandIn, patience: Patience) -> str:
    return answered(telegram, patience, telegram.write.start(telegram.new_person()))


def _start_by_link(telegram: TelegramStandIn, patience: Patience) -> str:
    return answered(telegram, patience, telegram.write.start(telegram.new_person(), "poster-7"))


def _sticker(telegram: TelegramStandIn, patience: Patience) -> str:
    return answered(telegram, patience, telegram.write.along(telegram.new_person(), "sticker"))


def _tap(telegram: TelegramStandIn, patience: Patience) -> str:
    """Tap a button of the welcome; the bot must answer, and end the waiting sign on the button."""
    started = telegram.write.start(telegram.new_person())
    problem = answered(telegram, patience, started)
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
    problem = answered(telegram, patience, update)
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


def _too_many(telegram: TelegramStandIn, patience: Patience) -> str:
    """Refuse a message because there were too many; the bot must send it after the pause."""
    return with_fault(telegram, patience, "429")


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
    "A message is answered once": plain,
    "An update that is delivered twice is answered once": twice,
    "Updates that come out of order are answered": _out_of_order,
    "Other letters, escaped, are answered": other_letters,
    "Other letters, as they are, are answered": _unescaped,
    "/start is answered": _start,
    "/start with a link's parameter is answered": _start_by_link,
    "A sticker is answered": _sticker,
    "A tap is answered, and its waiting sign ends": _tap,
    "A tap on a message that is too old to be shown is answered": _old_tap,
    "A tap that the bot does not know is answered": _foreign_tap,
    "Groups, channels, edits, reactions and service messages are not answered": _no_answer,
    "An update of an unknown kind is acknowledged": _unknown,
    "A message that was sent with an error is not sent again": sent_but_error,
    "A message that was one too many is sent after the pause": _too_many,
}
