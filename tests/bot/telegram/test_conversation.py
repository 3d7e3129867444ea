"""From Telegram to the answer on Telegram: each once, in order, and what becomes of mishaps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.channels.telegram.events import read_update
from bot.messaging.sending import Sending
from bot.simulator.conformance import Patience
from bot.simulator.telegram.conformance import examine
from bot.simulator.telegram.stand_in import TelegramStandIn
from bot.simulator.telegram.updates import Update
from bot.simulator.transcript import Sent
from bot.turn import Message, QuickReply, Reply
from tests.bot.conftest import ScriptedRasa
from tests.bot.messaging.conftest import CANARY, Office, plain
from tests.bot.telegram.conftest import ACCOUNT, Lines, Site

BOT = str(ACCOUNT.bot_id)


def deliver(office: Office, *updates: Update) -> None:
    """Hand updates to an office as the webhook does."""
    for update in updates:
        office.inbox.keep(read_update(update.body(), BOT, office.clock()).events)


def happens(office: Office, telegram: TelegramStandIn, *updates: Update) -> None:
    """Let something happen on Telegram, and the office do all it can."""
    for update in updates:
        telegram.note(update)
    deliver(office, *updates)
    office.answer_all()
    office.send_all()


def sent(telegram: TelegramStandIn, person: str) -> list[Sent]:
    lines = telegram.transcript.lines()
    return [line for line in lines if isinstance(line, Sent) and line.person == person]


def texts(telegram: TelegramStandIn, person: str) -> list[str]:
    return [line.message["text"] for line in sent(telegram, person)]


def buttons(message: Sent) -> list[dict[str, Any]]:
    rows = message.message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button for row in rows for button in row]


def rated(message: Message) -> Reply:
    """Answer with something that can be rated, and with suggestions of two lengths."""
    long = "What should I do when somebody at home has it and I must look after them myself?"
    choices = (QuickReply("Spread", "How does flu spread?"), QuickReply("Care", long))
    return plain(f"About: {message.text}", feedback=True, quick_replies=choices)


@pytest.fixture
def person(office: Office, telegram: TelegramStandIn) -> str:
    """Somebody whom the bot was introduced to."""
    return introduced(office, telegram)


def introduced(office: Office, telegram: TelegramStandIn) -> str:
    person = telegram.new_person()
    happens(office, telegram, telegram.write.start(person))
    assert texts(telegram, person)[0].startswith("I am a chatbot, not a doctor.")
    return person


def test_a_tap_on_a_suggestion_is_heard_as_if_typed(
    office: Office, telegram: TelegramStandIn, person: str
) -> None:
    office.turns.answer = rated
    happens(office, telegram, telegram.write.text(person, "What is flu?"))
    message = sent(telegram, person)[-1]
    shown = telegram.sent(person, message.mid)
    says = [one for one in buttons(message) if one["callback_data"][:2] in {"s:", "l:"}]
    assert [one["callback_data"][:2] for one in says] == ["s:", "l:"]
    for button in says:
        tap = telegram.write.tap(person, button["callback_data"], shown)
        happens(office, telegram, tap)
        assert tap.part["id"] not in telegram.bot_api.waiting_taps
    heard = [message.text for message in office.turns.heard]
    assert heard[1] == "How does flu spread?"
    assert heard[2].startswith("What should I do when somebody at home")


def test_a_rating_is_kept_and_thanked_for(
    office: Office, telegram: TelegramStandIn, person: str
) -> None:
    office.turns.answer = rated
    happens(office, telegram, telegram.write.text(person, "What is flu?"))
    message = sent(telegram, person)[-1]
    up = next(one for one in buttons(message) if one["callback_data"].startswith("f:+"))
    shown = telegram.sent(person, message.mid)
    happens(office, telegram, telegram.write.tap(person, up["callback_data"], shown))
    assert office.ratings.kept == [(up["callback_data"][4:], "helpful")]
    assert texts(telegram, person)[-1].startswith("Thank you.")
    assert telegram.bot_api.waiting_taps == frozenset()


def test_nobody_rates_a_reply_to_somebody_else(
    office: Office, telegram: TelegramStandIn, person: str
) -> None:
    office.turns.answer = rated
    happens(office, telegram, telegram.write.text(person, "What is flu?"))
    data = next(
        one["callback_data"]
        for one in buttons(sent(telegram, person)[-1])
        if one["callback_data"].startswith("f:-")
    )
    other = introduced(office, telegram)
    happens(office, telegram, telegram.write.tap(other, data, None))
    assert office.ratings.kept == []


def test_a_reaction_finds_the_reply_of_its_own_chat(
    office: Office, telegram: TelegramStandIn, person: str
) -> None:
    """In both chats the messages have the same numbers."""
    other = introduced(office, telegram)
    for one, text in ((person, "What is flu?"), (other, "What is measles?")):
        happens(office, telegram, telegram.write.text(one, text))
    numbers = [sent(telegram, one)[-1].mid for one in (person, other)]
    assert numbers[0] == numbers[1]
    happens(office, telegram, telegram.write.reaction(other, int(numbers[1]), "👎"))
    happens(office, telegram, telegram.write.reaction(person, int(numbers[0]), "👍"))
    expected = [plain(f"About: What is {what}?").reply_id for what in ("measles", "flu")]
    assert office.ratings.kept == [(expected[0], "not_helpful"), (expected[1], "helpful")]


def test_forget_deletes_what_the_command_says(
    sqlite_office: Office, telegram: TelegramStandIn
) -> None:
    office, person = sqlite_office, introduced(sqlite_office, telegram)
    happens(office, telegram, telegram.write.text(person, "/forget"))
    assert [message.text for message in office.turns.heard] == ["forget me"]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("500", ("unknown", "error_500")),
        ("sent-but-error", ("unknown", "error_500")),
        ("sent-but-dropped", ("unknown", "RemoteProtocolError")),
        ("403", ("failed", "error_403_blocked")),
    ],
)
def test_what_may_have_arrived_is_not_sent_again(
    sqlite_office: Office, telegram: TelegramStandIn, fault: str, state: tuple[str, str]
) -> None:
    office, person = sqlite_office, introduced(sqlite_office, telegram)
    telegram.misbehaviour.next_calls(fault)
    before = len(texts(telegram, person))
    happens(office, telegram, telegram.write.text(person, "What is flu?"))
    office.clock.wait(hours=1)
    office.send_all()
    assert office.states()[-1] == state
    arrived = texts(telegram, person)[before:]
    assert arrived == (["About: What is flu?"] if fault.startswith("sent") else [])


def test_one_too_many_is_sent_after_the_pause_that_telegram_asks_for(
    sqlite_office: Office, telegram: TelegramStandIn
) -> None:
    office, person = sqlite_office, introduced(sqlite_office, telegram)
    before = len(texts(telegram, person))
    telegram.misbehaviour.next_calls("429")
    happens(office, telegram, telegram.write.text(person, "What is flu?"))
    assert office.states()[-1] == ("waiting", "error_429")
    assert texts(telegram, person)[before:] == []
    office.clock.wait(seconds=3)
    office.send_all()
    assert texts(telegram, person)[before:] == ["About: What is flu?"]


def test_a_short_pause_is_for_one_chat_and_a_long_one_for_all(
    sqlite_office: Office, telegram: TelegramStandIn
) -> None:
    office = sqlite_office
    people = [introduced(office, telegram) for _ in range(3)]
    for fault, count in (("429", 1), ("429-long", 0)):
        telegram.misbehaviour.next_calls(fault)
        for one in people[:2]:
            telegram.note(update := telegram.write.text(one, f"What is flu? {fault}"))
            deliver(office, update)
        office.answer_all()
        office.send_all()
        arrived = [text for one in people[:2] for text in texts(telegram, one) if fault in text]
        wanted = [text for text in arrived if text == f"About: What is flu? {fault}"]
        assert len(wanted) == count


def test_a_withdrawn_token_stops_all_until_there_is_a_new_one(
    sqlite_office: Office, telegram: TelegramStandIn
) -> None:
    office, person = sqlite_office, introduced(sqlite_office, telegram)
    telegram.bot_api.is_withdrawn = True
    happens(office, telegram, telegram.write.text(person, "One"))
    happens(office, telegram, telegram.write.text(person, "Two"))
    assert [state for state, _ in office.states()[-2:]] == ["failed", "waiting"]
    telegram.bot_api.is_withdrawn = False
    office.send_all()
    assert office.states()[-1][0] == "waiting"  # it is still the token that was refused
    # As after a restart, or with another token.
    fresh = Sending(office.outbox, office.sealer, office.sending._platforms, clock=office.clock)
    while fresh.step():
        pass
    assert texts(telegram, person)[-1] == "About: Two"


def test_nothing_of_a_person_stays_readable(
    sqlite_office: Office, telegram: TelegramStandIn, lines: Lines
) -> None:
    office, person = sqlite_office, introduced(sqlite_office, telegram)
    happens(office, telegram, telegram.write.text(person, CANARY))
    happens(office, telegram, telegram.write.tap(person, "s:flu", None))
    with office.store.connect() as connection:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")
        rows = [
            str(tuple(row))
            for (name,) in names.all()
            for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')  # noqa: S608
        ]
    told = "\n".join([*rows, *lines.lines])
    assert CANARY not in told
    assert person not in told
    assert ACCOUNT.bot_token not in told


# Everything at once, over HTTP


def test_a_running_installation_keeps_to_all_that_telegram_asks_for(site: Site) -> None:
    found = list(examine(site.telegram, Patience(answer=20.0, silence=0.6)))
    assert len(found) == 19
    assert [one for one in found if one.problem] == []


def test_a_question_is_answered_with_its_source_and_can_be_rated(
    site: Site, rasa: ScriptedRasa, lines: Lines
) -> None:
    telegram = site.telegram
    person = telegram.new_person()
    for update in (
        telegram.write.start(person),
        telegram.write.text(person, "How does flu spread?"),
    ):
        assert all(attempt.is_acknowledged for attempt in telegram.send(update))
        answer = telegram.transcript.wait_for_answer(update.key, 20)
    (message,) = answer
    assert "Flu spreads mainly by droplets." in message.message["text"]
    opened = [one for one in buttons(message) if "url" in one]
    assert opened[0]["url"] == "https://www.cdc.gov/flu/about/index.html"
    assert message.message["link_preview_options"] == {"is_disabled": True}
    up = next(one for one in buttons(message) if one.get("callback_data", "").startswith("f:+"))
    tap = telegram.write.tap(person, up["callback_data"], telegram.sent(person, message.mid))
    telegram.send(tap)
    (thanks,) = telegram.transcript.wait_for_answer(tap.key, 20)
    assert thanks.message["text"].startswith("Thank you.")
    assert json.dumps(rasa.heard).count("How does flu spread?") == 1
    assert not any(ACCOUNT.bot_token in raw for raw in lines.raw)


def test_an_emergency_comes_with_its_numbers_first(site: Site) -> None:
    telegram = site.telegram
    update = telegram.write.text(telegram.new_person(), "/help my father cannot breathe")
    telegram.send(update)
    answer = telegram.transcript.wait_for_answer(update.key, 20, quiet=1.5)
    assert "emergency" in answer[0].message["text"]
    assert any(one.message["text"].startswith("I am a chatbot") for one in answer[1:])
