"""Telegram's webhook: only what has the secret, only one person's chat, each update once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.channels.receiving import Batch
from bot.channels.telegram.events import COMMANDS, READERS, SENT_ALONG, read_update
from bot.messaging.inbox import Incoming
from bot.messaging.sealing import Sealer
from bot.settings import BotSettings
from bot.simulator.telegram.updates import EXTRAS, Update, UpdateWriter
from knowledge.schema import InboxEvent
from knowledge.settings import ROOT
from knowledge.store import transaction
from tests.bot.messaging.conftest import CANARY, SECRET_KEY, Lines
from tests.bot.telegram.conftest import ACCOUNT

RELAXED = property_settings(deadline=None)  # a busy machine is no fault
PATH = "/webhooks/telegram"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
PERSON = "5000000042"
AT = 1_790_000_000
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOT = "6000000001"


@pytest.fixture
def write() -> UpdateWriter:
    return UpdateWriter(ACCOUNT.user(), lambda: float(AT))


@pytest.fixture
def deliver(client: FlaskClient) -> Callable[..., TestResponse]:
    """Post a body to the webhook as Telegram does, with the right secret unless told otherwise."""

    def post(body: bytes, secret: str | None = ACCOUNT.webhook_secret) -> TestResponse:
        headers = {"Content-Type": "application/json"}
        if secret is not None:
            headers[HEADER] = secret
        return client.post(PATH, data=body, headers=headers)

    return post


def kept(engine: Engine) -> list[dict[str, Any]]:
    """Return kind and content of the stored events in their order."""
    sealer = Sealer(SECRET_KEY)
    with transaction(engine) as session:
        rows = session.scalars(sa.select(InboxEvent).order_by(InboxEvent.id))
        return [
            {"kind": row.kind, "account": row.account, **sealer.open(row.sealed)} for row in rows
        ]


def read(update: Update | dict[str, Any]) -> Incoming:
    """Return what an update means; it must mean something."""
    (event,) = batch(update).events
    return event


def batch(update: Update | dict[str, Any]) -> Batch:
    body = json.dumps(update).encode() if isinstance(update, dict) else update.body()
    return read_update(body, BOT, NOW)


# The secret


def test_an_update_with_the_secret_is_stored(
    deliver: Callable[..., TestResponse], engine: Engine, write: UpdateWriter
) -> None:
    response = deliver(write.text(PERSON, "Is it flu?").body())
    # JSON in the answer would be a call that Telegram makes in our name.
    assert (response.status_code, response.text) == (200, "")
    (event,) = kept(engine)
    assert (event["kind"], event["text"], event["person"]) == ("text", "Is it flu?", PERSON)
    assert event["account"] == BOT


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        "x",
        ACCOUNT.webhook_secret[:-1],
        ACCOUNT.webhook_secret + "x",
        ACCOUNT.webhook_secret.upper(),
        "é",
    ],
)
def test_without_the_secret_nothing_is_stored(
    deliver: Callable[..., TestResponse], engine: Engine, write: UpdateWriter, secret: str | None
) -> None:
    assert deliver(write.text(PERSON, "Is it flu?").body(), secret).status_code == 403
    assert kept(engine) == []


def test_without_settings_there_is_no_such_address(
    start_app: Callable[..., Flask], settings: BotSettings, write: UpdateWriter
) -> None:
    client = start_app(settings).test_client()
    headers = {HEADER: ACCOUNT.webhook_secret}
    body = write.text(PERSON, "Is it flu?").body()
    assert client.post(PATH, data=body, headers=headers).status_code == 404


def test_an_update_that_comes_again_is_stored_once(
    deliver: Callable[..., TestResponse], engine: Engine, write: UpdateWriter
) -> None:
    body = write.text(PERSON, "Is it flu?").body()
    assert [deliver(body).status_code for _ in range(3)] == [200] * 3
    assert len(kept(engine)) == 1


def test_the_same_words_in_another_update_are_another_event(
    deliver: Callable[..., TestResponse], engine: Engine, write: UpdateWriter
) -> None:
    for _ in range(2):
        deliver(write.text(PERSON, "Is it flu?").body())
    assert len(kept(engine)) == 2


@pytest.mark.parametrize("escaped", [True, False])
def test_letters_come_through_escaped_or_not(
    deliver: Callable[..., TestResponse], engine: Engine, write: UpdateWriter, escaped: bool
) -> None:
    body = write.text(PERSON, "Fièvre 🤒?").body(escaped=escaped)
    assert (b"\\ud83e" in body) is escaped
    assert deliver(body).status_code == 200
    assert kept(engine)[0]["text"] == "Fièvre 🤒?"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000, b"{}"])
def test_what_is_no_update_is_acknowledged_so_that_it_never_comes_again(
    deliver: Callable[..., TestResponse], engine: Engine, body: bytes
) -> None:
    assert deliver(body).status_code == 200
    assert kept(engine) == []


def test_a_body_beyond_all_measure_is_refused(deliver: Callable[..., TestResponse]) -> None:
    assert deliver(b" " * 1_000_001).status_code == 413


def test_a_store_that_is_away_makes_telegram_send_again(
    deliver: Callable[..., TestResponse], engine: Engine, write: UpdateWriter
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE inbox_event RENAME TO away")
    body = write.text(PERSON, "Is it flu?").body()
    assert deliver(body).status_code == 503
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO inbox_event")
    assert deliver(body).status_code == 200
    assert len(kept(engine)) == 1


def test_no_word_no_person_and_no_secret_reaches_the_log(
    deliver: Callable[..., TestResponse], lines: Lines, write: UpdateWriter
) -> None:
    deliver(write.text(PERSON, CANARY).body())
    deliver(write.text(PERSON, CANARY).body(), "wrong-secret")
    assert any('"event": "events_stored"' in line for line in lines.lines)
    told = "\n".join(lines.lines)
    for secret in (CANARY, PERSON, ACCOUNT.webhook_secret, "wrong-secret", ACCOUNT.bot_token):
        assert secret not in told


def test_the_route_is_documented(client: FlaskClient) -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rules = [rule for rule in client.application.url_map.iter_rules() if rule.rule == PATH]
    assert [rule.methods for rule in rules] == [{"POST", "OPTIONS"}]
    assert f"| `POST {PATH}` |" in page


# What an update means


def test_a_text_has_its_time_and_its_person(write: UpdateWriter) -> None:
    event = read(write.text(PERSON, "Is it flu?"))
    assert (event.platform, event.account, event.person) == ("telegram", BOT, PERSON)
    assert event.said_at == datetime.fromtimestamp(AT, UTC)
    assert event.sign == ""


def test_the_id_of_an_update_is_one_of_its_bot_only(write: UpdateWriter) -> None:
    update = write.text(PERSON, "hello")
    body = update.body()
    ids = {read_update(body, bot, NOW).events[0].event_id for bot in ("1", "2")}
    assert ids == {f"1:{update.number}", f"2:{update.number}"}


@pytest.mark.parametrize("at", [None, "soon", 0, -5, True, 10**30, 1.5])
def test_a_time_that_makes_no_sense_is_now(write: UpdateWriter, at: object) -> None:
    assert read(write.text(PERSON, "hello", date=at)).said_at == NOW


@pytest.mark.parametrize(
    "text",
    ["/start", "/start@citewell_bot", "/START", " /start ", "/start poster-7", "/start aB_9"],
)
def test_start_is_welcomed_whatever_the_link_hands_over(write: UpdateWriter, text: str) -> None:
    event = read(write.text(PERSON, text))
    assert (event.kind, event.text) == ("welcome", "")


@pytest.mark.parametrize(("name", "said"), COMMANDS.items())
@pytest.mark.parametrize("form", ["/{}", "/{}@citewell_bot", " /{} "])
def test_a_command_says_its_text(write: UpdateWriter, name: str, said: str, form: str) -> None:
    event = read(write.text(PERSON, form.format(name)))
    assert (event.kind, event.text) == ("text", said)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/help I cannot breathe", "help I cannot breathe"),
        ("/start my chest hurts", "start my chest hurts"),
        ("/forget me", "forget me"),
        ("/forget\nme", "forget me"),
        ("/high_blood_pressure", "high blood pressure"),
        ("/flu@citewell_bot", "flu"),
        ("/ flu", "/ flu"),
        ("//", "//"),
        ("/hjelp meg, jeg får ikke puste", "hjelp meg, jeg får ikke puste"),
        ("/får ikke puste", "/får ikke puste"),
        ("and/or", "and/or"),
    ],
)
def test_what_stands_behind_a_slash_is_said_whole(
    write: UpdateWriter, typed: str, said: str
) -> None:
    event = read(write.text(PERSON, typed))
    assert event.kind == "text"
    assert event.text == said


@pytest.mark.parametrize("name", EXTRAS)
def test_what_is_no_text_is_told_so(write: UpdateWriter, name: str) -> None:
    event = read(write.along(PERSON, name))
    assert (event.kind, event.text) == ("only_text", "")


def test_everything_that_people_can_send_along_is_told_so(write: UpdateWriter) -> None:
    frame = write.text(PERSON, "x").part
    message = {key: value for key, value in frame.items() if key != "text"}
    for name in SENT_ALONG:
        update = {"update_id": 1, "message": {**message, name: {"file_id": "x"}}}
        assert read(update).kind == "only_text", name


def test_words_below_a_picture_are_read(write: UpdateWriter) -> None:
    event = read(write.along(PERSON, "photo", "My father cannot breathe"))
    assert (event.kind, event.text) == ("text", "My father cannot breathe")


@pytest.mark.parametrize(
    "more",
    [
        {"forward_origin": {"type": "user", "date": 5}},
        {"via_bot": {"id": 9, "is_bot": True, "first_name": "gif"}},
        {"reply_to_message": {"message_id": 3, "text": "something else"}},
    ],
)
def test_what_was_passed_on_is_a_text_like_any_other(
    write: UpdateWriter, more: dict[str, Any]
) -> None:
    assert read(write.text(PERSON, "Garlic cures flu", **more)).text == "Garlic cures flu"


def test_nothing_but_one_persons_chat_is_answered(write: UpdateWriter) -> None:
    for kind in ("group", "supergroup", "channel"):
        assert batch(write.elsewhere(PERSON, "Is it flu?", kind)).events == ()  # type: ignore[arg-type]


def test_what_asks_for_no_answer_is_counted(write: UpdateWriter) -> None:
    bot = {"id": 9, "is_bot": True, "first_name": "Another bot"}
    updates = [
        write.edited(PERSON, "Is it flu?"),
        write.service(PERSON),
        write.blocked(PERSON),
        write.unknown(PERSON),
        write.reaction(PERSON, 7, "🎉"),
        write.text(PERSON, "Is it flu?", **{"from": bot}),
        write.text(PERSON, "  "),
    ]
    assert [(batch(update).events, batch(update).ignored) for update in updates] == [((), 1)] * 7


# Taps


def message_with(*buttons: dict[str, str]) -> dict[str, Any]:
    rows = [[button] for button in buttons]
    return {"message_id": 7, "date": 5, "reply_markup": {"inline_keyboard": rows}}


def test_a_tap_says_its_text_now(write: UpdateWriter) -> None:
    update = write.tap(PERSON, "s:How does flu spread?", message_with())
    event = read(update)
    assert (event.kind, event.text, event.person) == ("text", "How does flu spread?", PERSON)
    # Its message may be of last year; Telegram does not say when the tap was.
    assert event.said_at == NOW
    assert event.sign == f"callback:{update.part['id']}"


def test_a_tap_on_a_long_text_says_what_stands_on_the_button(write: UpdateWriter) -> None:
    long = "What should I know about vaccines when I travel? " * 2
    buttons = ({"text": "x", "callback_data": "l:0"}, {"text": long, "callback_data": "l:1"})
    event = read(write.tap(PERSON, "l:1", message_with(*buttons)))
    assert (event.kind, event.text) == ("text", long)


@pytest.mark.parametrize("data", ["l:0", "something else", "f:?:abc", "s:"])
def test_a_tap_that_says_nothing_any_more_is_still_answered(write: UpdateWriter, data: str) -> None:
    update = write.tap(PERSON, data, None)
    event = read(update)
    assert (event.kind, event.sign) == ("only_text", f"callback:{update.part['id']}")


@pytest.mark.parametrize(("sign", "rating"), [("+", "helpful"), ("-", "not_helpful")])
def test_a_tap_on_a_rating_is_feedback(write: UpdateWriter, sign: str, rating: str) -> None:
    event = read(write.tap(PERSON, f"f:{sign}:0123456789abcdef01234567", message_with()))
    assert (event.kind, event.reply_id, event.rating) == (
        "feedback",
        "0123456789abcdef01234567",
        rating,
    )


def test_a_tap_in_a_group_and_on_a_message_that_others_passed_on_is_ignored(
    write: UpdateWriter,
) -> None:
    tap = write.tap(PERSON, "s:flu", None)
    group = {**tap.part["message"], "chat": {"id": -5, "type": "group"}}
    inline = {key: value for key, value in tap.part.items() if key != "message"}
    for part in ({**tap.part, "message": group}, {**inline, "inline_message_id": "x"}):
        assert batch({"update_id": 1, "callback_query": part}).events == ()


# Reactions


@pytest.mark.parametrize(
    ("emoji", "rating"),
    [("👍", "helpful"), ("❤", "helpful"), ("❤️", "helpful"), ("👎", "not_helpful")],
)
def test_a_reaction_is_feedback_on_a_message_of_its_chat(
    write: UpdateWriter, emoji: str, rating: str
) -> None:
    event = read(write.reaction(PERSON, 7, emoji))
    assert (event.kind, event.rating, event.about) == ("feedback", rating, f"{PERSON}:7")


def test_a_reaction_that_is_taken_back_or_was_there_before_says_nothing(
    write: UpdateWriter,
) -> None:
    assert batch(write.reaction(PERSON, 7, before="👍")).events == ()
    assert batch(write.reaction(PERSON, 7, "👍", "🎉", before="👍")).events == ()


def test_of_two_reactions_the_new_one_counts(write: UpdateWriter) -> None:
    assert read(write.reaction(PERSON, 7, "👍", "👎", before="👍")).rating == "not_helpful"


# Whatever comes

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)
names = st.sampled_from(
    [
        *READERS,
        "update_id",
        "message",
        "chat",
        "from",
        "user",
        "id",
        "type",
        "private",
        "date",
        "text",
        "caption",
        "data",
        "photo",
        "is_bot",
        "message_id",
        "reply_markup",
        "inline_keyboard",
        "callback_data",
        "old_reaction",
        "new_reaction",
        "emoji",
    ]
)
leaves = scalars | names | st.sampled_from(["👍", "l:0", "s:flu", "f:+:x", "\ud83e", "/start"])
near = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=25,
)


@RELAXED
@given(content=values | near)
def test_no_json_makes_the_reader_raise(content: object) -> None:
    found = read_update(json.dumps(content).encode(), BOT, NOW)
    assert len(found.events) + found.ignored == 1


@RELAXED
@given(body=st.binary(max_size=60))
def test_no_bytes_make_the_reader_raise(body: bytes) -> None:
    assert read_update(body, BOT, NOW).ignored == 1


def parts_of(value: Any, places: list[tuple[Any, ...]], place: tuple[Any, ...] = ()) -> None:
    """Collect where each part of some JSON stands."""
    places.append(place)
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            parts_of(inner, places, (*place, key))


@RELAXED
@given(data=st.data())
def test_no_changed_part_of_a_real_update_makes_the_reader_raise(data: st.DataObject) -> None:
    """Everything that is stored can be stored: its texts encode, its ids are there."""
    write = UpdateWriter(ACCOUNT.user(), lambda: float(AT))
    button = {"text": "x", "callback_data": "l:0"}
    real = data.draw(
        st.sampled_from(
            [
                write.text(PERSON, "/start"),
                write.along(PERSON, "photo", "flu?"),
                write.tap(PERSON, "l:0", message_with(button)),
                write.tap(PERSON, "f:+:abc", message_with(button)),
                write.reaction(PERSON, 7, "👍"),
            ]
        )
    )
    content = json.loads(real.body())
    places: list[tuple[Any, ...]] = []
    parts_of(content, places)
    *before, last = data.draw(st.sampled_from(places[1:]))
    target = content
    for key in before:
        target = target[key]
    target[last] = data.draw(values | leaves)
    found = batch(content)
    assert len(found.events) + found.ignored == 1
    for event in found.events:
        row = (event.text, event.person, event.about, event.reply_id, event.sign, event.event_id)
        assert all(isinstance(part, str) for part in row)
        "".join(row).encode()
        assert event.person
        assert event.event_id.startswith(f"{BOT}:")
