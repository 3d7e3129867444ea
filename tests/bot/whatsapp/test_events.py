"""What WhatsApp's events mean; and that none keeps another from being read, whatever it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.whatsapp.events import READERS, Told, read_body
from bot.rendering.taps import rate_token, say_token
from tests.bot.whatsapp.conftest import ACCOUNT, PERSON, batch, body_with, message, value_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
USER_ID = "US.13491208655302741918"


def told(body: bytes) -> Told:
    return read_body(body, ACCOUNT.phone_number_id, NOW)


def interactive(kind: str, **tapped: str) -> dict[str, Any]:
    return {"interactive": {"type": kind, kind: tapped}}


@pytest.mark.parametrize(
    ("item", "meant"),
    [
        (message("w"), ("text", "How does flu spread?")),
        (message("w", text={"body": "a \ud83d b"}), ("text", "a \ufffd b")),
        (message("w", text={"body": "hi"}, referral={"source_type": "ad"}), ("text", "hi")),
        (message("w", text={"body": "hi"}, context={"forwarded": True}), ("text", "hi")),
        (
            message("w", "interactive", **interactive("button_reply", id="s:What?", title="T")),
            ("text", "What?"),
        ),
        (
            message("w", "interactive", **interactive("list_reply", id="l:2", title="What?")),
            ("text", "What?"),
        ),
        (
            message("w", "interactive", **interactive("list_reply", id="other", title="Flu")),
            ("text", "Flu"),
        ),
        (message("w", "interactive", **interactive("nfm_reply", name="flow")), ("only_text", "")),
        (message("w", "interactive", errors=[{"code": 131000}]), ("only_text", "")),
        (message("w", "button", button={"payload": "x", "text": "Flu"}), ("text", "Flu")),
        (
            message("w", "button", button={"payload": say_token("What?"), "text": "T"}),
            ("text", "What?"),
        ),
        (message("w", "button", button={"payload": "What?"}), ("text", "What?")),
        (message("w", "request_welcome", x=1), ("welcome", "")),
        (message("w", "image", image={"caption": "chest pain"}), ("text", "chest pain")),
        *(
            (message("w", kind, **{kind: {"id": "1", "caption": " "}}), ("only_text", ""))
            for kind in ("image", "video", "document", "audio", "sticker", "location", "order")
        ),
        (message("w", "contacts", contacts=[{"name": {}}]), ("only_text", "")),
        (message("w", "unsupported", errors=[{"code": 131051}]), ("only_text", "")),
    ],
)
def test_what_people_do_is_understood(item: dict[str, Any], meant: tuple[str, str]) -> None:
    (event,) = told(batch(item)).batch.events
    assert (event.kind, event.text) == meant
    assert (event.person, event.event_id, event.sign) == (PERSON, "w", "w")
    assert (event.platform, event.account) == ("whatsapp", ACCOUNT.phone_number_id)
    assert event.said_at == datetime.fromtimestamp(1_790_000_000, UTC)


@pytest.mark.parametrize(
    ("emoji", "rating"),
    [
        ("👍", "helpful"),
        ("👍🏿", "helpful"),
        ("❤", "helpful"),
        ("❤️", "helpful"),
        ("👎", "not_helpful"),
        ("👎🏻", "not_helpful"),
    ],
)
def test_thumbs_and_hearts_are_feedback(emoji: str, rating: str) -> None:
    item = message("w", "reaction", reaction={"message_id": "out", "emoji": emoji})
    (event,) = told(batch(item)).batch.events
    assert (event.kind, event.about, event.rating) == ("feedback", "out", rating)


@pytest.mark.parametrize("rating", ["helpful", "not_helpful"])
def test_a_tap_on_our_own_rating_button_names_the_reply(rating: str) -> None:
    tapped = interactive("button_reply", id=rate_token("r1", rating), title="This helped")
    (event,) = told(batch(message("w", "interactive", **tapped))).batch.events
    assert (event.kind, event.reply_id, event.rating) == ("feedback", "r1", rating)


@pytest.mark.parametrize(
    ("change", "contacts", "person"),
    [
        ({"from": PERSON, "from_user_id": USER_ID}, [], PERSON),
        ({"from": None, "from_user_id": USER_ID}, [], USER_ID),
        ({"from": ""}, [{"user_id": USER_ID, "profile": {"username": "@a"}}], USER_ID),
        ({"from": ""}, [{"user_id": USER_ID, "wa_id": PERSON}], PERSON),
        ({"from": 15550100777}, [], PERSON),
    ],
)
def test_a_person_is_known_with_or_without_a_number(
    change: dict[str, Any], contacts: list[object], person: str
) -> None:
    body = batch({**message("w"), **change}, contacts=contacts)
    (event,) = told(body).batch.events
    assert event.person == person


IGNORED: list[object] = [
    message("w", "system", system={"type": "user_changed_number", "wa_id": "1"}),
    message("w", "edit", edit={"message": {"type": "text", "text": {"body": "new"}}}),
    message("w", "revoke", revoke={"original_message_id": "w0"}),
    message("w", "ephemeral", x=1),
    message("w", "poem", poem={"lines": 14}),
    message("w", "errors", errors=[]),
    message("w", "reaction", reaction={"message_id": "out"}),
    message("w", "reaction", reaction={"message_id": "out", "emoji": ""}),
    message("w", "reaction", reaction={"message_id": "out", "emoji": "😢"}),
    message("w", "reaction", reaction={"emoji": "👍"}),
    message("w", text={"body": ""}),
    message("w", text="text"),
    message("w", "button", button={}),
    message("w", "interactive", **interactive("button_reply")),
    {**message("w"), "group_id": "g"},
    {**message("w"), "id": None},
    {**message("w"), "type": ["text"]},
    {key: value for key, value in message("w").items() if key != "type"},
    "text",
    None,
    7,
    [],
]


@pytest.mark.parametrize("ignored", IGNORED)
def test_what_is_not_for_us_is_ignored_and_the_rest_is_kept(ignored: object) -> None:
    found = told(batch(message("w1"), ignored, message("w2"))).batch
    assert [event.event_id for event in found.events] == ["w1", "w2"]
    assert found.ignored == 1


def test_nobody_is_guessed_where_a_message_names_none_of_several_people() -> None:
    contacts = [{"wa_id": "1"}, {"wa_id": "2"}]
    body = batch({**message("w"), "from": None}, contacts=contacts)
    assert told(body).batch.events == ()


@pytest.mark.parametrize(
    "metadata", [None, {}, {"phone_number_id": "1"}, {"phone_number_id": None}, "x"]
)
def test_what_another_number_is_told_is_ignored(metadata: object) -> None:
    other = {**value_of(message("w1")), "metadata": metadata}
    found = told(body_with(other, value_of(message("w2")))).batch
    assert [event.event_id for event in found.events] == ["w2"]


@pytest.mark.parametrize("field", ["smb_message_echoes", "account_update", "history", ""])
def test_other_fields_are_ignored(field: str) -> None:
    assert told(body_with(value_of(message("w")), field=field)).batch.events == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"object": "whatsapp_business_account"}',
        b'{"object": "whatsapp_business_account", "entry": {}}',
        b'{"object": "whatsapp_business_account", "entry": [7, null, {"changes": 3}]}',
        batch(message("w")).replace(b"whatsapp_business_account", b"page"),
    ],
)
def test_what_cannot_be_read_is_nothing(body: bytes) -> None:
    assert told(body).batch.events == ()


@pytest.mark.parametrize(
    "stamp", [None, "soon", "-5", "0", 0, "9" * 15, "9" * 400, True, "1.5", "١", [], 1e300]
)
def test_a_time_that_makes_no_sense_is_the_time_of_arrival(stamp: Any) -> None:
    (event,) = told(batch({**message("w"), "timestamp": stamp})).batch.events
    assert event.said_at == NOW


def test_a_time_may_be_a_number() -> None:
    (event,) = told(batch({**message("w"), "timestamp": 1_790_000_000})).batch.events
    assert event.said_at == datetime.fromtimestamp(1_790_000_000, UTC)


# What became of our own messages


def status(wamid: str, **more: Any) -> dict[str, Any]:
    return {"id": wamid, "status": "failed", "timestamp": "1", "recipient_id": PERSON, **more}


def test_messages_that_were_not_delivered_are_told_with_their_code() -> None:
    statuses = [
        status("w1", errors=[{"code": 131026, "title": "No."}]),
        status("w2"),
        status("w3", errors=[{"code": "x"}]),
        status("w4", status="delivered"),
        status("w5", status="read"),
        {"status": "failed"},
        "text",
    ]
    found = told(body_with(value_of(statuses=statuses)))
    assert found.not_delivered == {"w1": "error_131026", "w2": "error_0", "w3": "error_0"}
    assert (found.batch.events, found.batch.ignored) == ((), 4)


# Whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KINDS = st.sampled_from([*READERS, "system", "edit", "poem"])


@st.composite
def odd_messages(draw: st.DrawFn) -> dict[str, Any]:
    """Return a message in which anything may stand anywhere."""
    kind = draw(KINDS)
    parts = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "from": JSON,
                "id": JSON,
                "timestamp": JSON,
                "type": JSON | st.just(kind),
                "group_id": JSON,
                "from_user_id": JSON,
                kind: JSON
                | st.fixed_dictionaries(
                    {},
                    optional={
                        name: JSON | st.sampled_from(["button_reply", "s:x", "f:+:r", "👍"])
                        for name in (
                            "body",
                            "type",
                            "button_reply",
                            "list_reply",
                            "payload",
                            "text",
                            "emoji",
                            "message_id",
                            "caption",
                        )
                    },
                ),
            },
        )
    )
    return {**message("w"), **parts}


@given(odd_messages() | JSON)
def test_no_message_keeps_its_neighbours_from_being_read(odd: object) -> None:
    found = told(batch(message("w1"), odd, message("w2"))).batch
    ids = [event.event_id for event in found.events]
    assert (ids[0], ids[-1]) == ("w1", "w2")
    assert len(ids) + found.ignored == 3


@given(JSON)
def test_no_change_keeps_its_neighbours_from_being_read(odd: object) -> None:
    changes = [
        {"value": value_of(message("w1")), "field": "messages"},
        odd,
        {"value": odd, "field": "messages"},
        {"value": value_of(message("w2"), statuses=odd, contacts=odd), "field": "messages"},
    ]
    entry = [{"id": "1", "changes": changes}, odd, {"id": "1", "changes": odd}]
    body = json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()
    ids = [event.event_id for event in told(body).batch.events]
    assert ids == ["w1", "w2"]


@given(JSON | st.binary(max_size=40))
def test_no_body_whatever_makes_the_reader_fail(odd: object) -> None:
    body = odd if isinstance(odd, bytes) else json.dumps(odd).encode()
    told(body)
    framed = {"object": "whatsapp_business_account", "entry": None if body == odd else odd}
    told(json.dumps(framed).encode())
