"""What the generic webhook reads out of a body, and how it says what is wrong with one."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.receiving import MAX_TEXT
from bot.channels.webhook.events import address_of, read_address, read_events
from bot.channels.webhook.schema import MAX_EVENTS, Malformed
from bot.messaging.inbox import Incoming
from tests.bot.webhook.conftest import ACCOUNT, CANARY, PERSON, batch, encoded, event

AT = "2026-11-22T15:04:05.5+01:00"
MOMENT = datetime(2026, 11, 22, 14, 4, 5, 500_000, UTC)
REPLY_ID = "0123456789abcdef01234567"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "timestamp", "data", "events", "id", "event", "person", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def read(content: object, event_id: str = "evt_1") -> tuple[Incoming, ...]:
    return read_events(encoded(content), event_id).events


def wrong(content: object) -> dict[str, str]:
    """Return what is said to be wrong with which field."""
    with pytest.raises(Malformed) as caught:
        read(content)
    assert caught.value.is_json
    return {error.field: error.message for error in caught.value.errors}


# What is read


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        (event(text="Is it flu?", country="NO"), {"text": "Is it flu?", "country": "NO"}),
        (event(text="Is it flu?"), {"text": "Is it flu?", "country": None}),
        (event("conversation.started", country="NO"), {"kind": "welcome", "country": "NO"}),
        (event("message.unreadable"), {"kind": "only_text"}),
        (
            event("feedback.given", reply_id=REPLY_ID, rating="not_helpful"),
            {"kind": "feedback", "reply_id": REPLY_ID, "rating": "not_helpful"},
        ),
    ],
)
def test_each_type_means_what_the_documentation_says(
    content: dict[str, Any], meant: dict[str, Any]
) -> None:
    (incoming,) = read({**content, "timestamp": AT})
    expected: dict[str, Any] = {
        "platform": "webhook",
        "account": ACCOUNT,
        "event_id": "evt_1",
        "person": address_of(ACCOUNT, PERSON),
        "kind": "text",
        "said_at": MOMENT,
        **meant,
    }
    assert incoming == Incoming(**expected)


def test_a_ping_means_nothing() -> None:
    for content in ({"type": "ping"}, {"type": "ping", "timestamp": AT, "data": {"x": [1]}}):
        found = read_events(encoded(content), "evt_1")
        assert (found.events, found.ignored) == ((), 1)


def test_without_an_account_there_is_one_for_all() -> None:
    content = event()
    del content["data"]["account"]
    (incoming,) = read(content)
    assert (incoming.account, incoming.person) == ("", address_of("", PERSON))


def test_in_a_batch_each_event_has_its_own_id() -> None:
    found = read_events(batch(("a", event(text="one")), ("b", event(text="two"))), "request")
    assert [(one.event_id, one.text) for one in found.events] == [("a", "one"), ("b", "two")]


def test_an_empty_batch_says_nothing() -> None:
    assert read({"events": []}) == ()


def test_of_a_longer_text_the_rest_is_not_read() -> None:
    (incoming,) = read(event(text="x" * (MAX_TEXT + 1)))
    assert incoming.text == "x" * MAX_TEXT


def test_halves_of_characters_become_question_marks() -> None:
    body = encoded(event(text="flu")).replace(b"flu", b"flu \\ud83e and \\ud83e\\udd12")
    (incoming,) = read_events(body, "evt_1").events
    assert incoming.text == "flu \ufffd and \U0001f912"


@given(st.text(max_size=64), st.text(min_size=1, max_size=200))
def test_account_and_person_come_back_as_they_went(account: str, person: str) -> None:
    assert read_address(address_of(account, person)) == (account, person)


@given(
    st.tuples(st.text(max_size=5), st.text(max_size=5)),
    st.tuples(st.text(max_size=5), st.text(max_size=5)),
)
def test_two_people_have_two_addresses(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (address_of(*one) == address_of(*other)) == (one == other)


# What is wrong


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"person": ""}, "data.person"),
        ({"person": "p" * 201}, "data.person"),
        ({"person": 7}, "data.person"),
        ({"person": None}, "data.person"),
        ({"account": "a" * 65}, "data.account"),
        ({"text": ""}, "data.text"),
        ({"text": " \n"}, "data.text"),
        ({"text": ["x"]}, "data.text"),
        ({"country": "no"}, "data.country"),
        ({"country": "NOR"}, "data.country"),
        ({"country": "NO\n"}, "data.country"),
        ({"locale": "en"}, "data.(unknown field)"),
        ({CANARY: "x"}, "data.(unknown field)"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], field: str) -> None:
    errors = wrong(event(**change))
    assert list(errors) == [field]
    assert CANARY not in str(errors)


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "2026-11-22T15:04:05",
        "2026-11-22",
        "15:04:05Z",
        "yesterday",
        1_790_000_000,
        None,
        "0001-01-01T00:00:00+14:00",
        "2026-11-22T25:04:05Z",
    ],
)
def test_a_time_that_could_be_another_one_is_named(timestamp: object) -> None:
    (message,) = wrong({**event(), "timestamp": timestamp}).values()
    assert "2026-11-22T15:04:05Z" in message


@pytest.mark.parametrize("kind", ["message.sent", CANARY, 7, None])
def test_an_unknown_type_is_told_which_there_are(kind: object) -> None:
    errors = wrong({**event(), "type": kind})
    assert list(errors) == ["type"]
    assert "message.received, conversation.started" in errors["type"]
    assert CANARY not in str(errors)


@pytest.mark.parametrize("name", ["type", "timestamp", "data"])
def test_a_missing_field_is_named(name: str) -> None:
    content = event()
    del content[name]
    assert list(wrong(content)) == [name]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reply_id": "x"}, "data.reply_id"),
        ({"reply_id": REPLY_ID.upper()}, "data.reply_id"),
        ({"rating": "good"}, "data.rating"),
        ({"text": "x"}, "data.(unknown field)"),
    ],
)
def test_wrong_feedback_is_named(change: dict[str, Any], field: str) -> None:
    right = {"reply_id": REPLY_ID, "rating": "helpful"}
    assert list(wrong(event("feedback.given", **{**right, **change}))) == [field]


def test_in_a_batch_the_place_is_named() -> None:
    items = [{"id": "a", "event": event()}, {"id": "b", "event": event(country="no")}]
    assert list(wrong({"events": items})) == ["events.1.event.data.country"]
    assert list(wrong({"events": [{"id": "a.b", "event": event()}]})) == ["events.0.id"]
    assert list(wrong({"events": [{"id": "a", "event": {"type": CANARY}}]})) == [
        "events.0.event.type"
    ]
    assert list(wrong({"events": [7]})) == ["events.0"]
    assert list(wrong({"events": 7})) == ["events"]
    assert list(wrong({"events": [], "x": 1})) == ["(unknown field)"]


def test_two_events_of_a_batch_with_one_id_are_a_mistake() -> None:
    items = [{"id": one, "event": event()} for one in ("a", "b", "a")]
    assert list(wrong({"events": items})) == ["events.2.id"]


def test_a_batch_has_a_limit() -> None:
    items = [{"id": f"e{number}", "event": event()} for number in range(MAX_EVENTS + 1)]
    assert len(read({"events": items[:-1]})) == MAX_EVENTS
    assert list(wrong({"events": items})) == ["events"]


def test_not_all_of_a_thousand_mistakes_are_told() -> None:
    items = [{"id": f"e{number}", "event": {}} for number in range(MAX_EVENTS)]
    assert len(wrong({"events": items})) == 20


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'"x"',
        b"7",
        b"null",
        b'{"x": NaN}',
        b"[" * 100_000,
        b'{"x": ' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_is_told_so(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_events(body, "evt_1")
    assert not caught.value.is_json
    assert caught.value.errors == ()


@given(json_values)
def test_whatever_json_comes_is_read_or_refused(content: object) -> None:
    try:
        found = read_events(json.dumps(content).encode(), "evt_1")
    except Malformed as error:
        refused = error
    else:
        assert isinstance(content, dict)
        assert all(one.person and one.event_id for one in found.events)
        return
    assert refused.is_json == isinstance(content, dict)
    assert bool(refused.errors) == refused.is_json


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_read_or_refused(body: bytes) -> None:
    with suppress(Malformed):
        assert read_events(body, "evt_1").events == ()
