"""Signatures: as the specification's own implementations make them, and nothing else is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.channels.signing import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE_SECONDS,
    is_signed,
    refusal,
    signature_headers,
)

# The vector of the tests of the specification's reference libraries.
KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {
    "webhook-id": MESSAGE_ID,
    "webhook-timestamp": "1614265330",
    "webhook-signature": SIGNATURE,
}
OLD_KEY = b"o" * 32

keys = st.binary(min_size=24, max_size=64)
letters = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=".")
ids = st.text(letters, min_size=1, max_size=256)
moments = st.datetimes(
    min_value=datetime(1970, 1, 1), max_value=datetime(2999, 1, 1), timezones=st.just(UTC)
)
bodies = st.binary(max_size=300)


# The specification's vector


def test_a_body_is_signed_as_the_reference_libraries_do() -> None:
    assert signature_headers(KEY, MESSAGE_ID, AT, BODY) == HEADERS


def test_the_reference_signature_is_taken() -> None:
    assert is_signed(KEY, HEADERS, BODY, AT)


def test_names_of_headers_come_in_any_case() -> None:
    assert is_signed(KEY, {name.title(): value for name, value in HEADERS.items()}, BODY, AT)


def test_one_of_several_signatures_is_enough() -> None:
    wrong = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    several = f"v1,{wrong} v2,{wrong} v1a,{wrong} {SIGNATURE} v1,{wrong}"
    assert is_signed(KEY, {**HEADERS, SIGNATURE_HEADER: several}, BODY, AT)


# What is not taken


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({ID_HEADER: ""}, "no_id"),
        ({TIMESTAMP_HEADER: ""}, "no_timestamp"),
        ({SIGNATURE_HEADER: ""}, "no_signature"),
        ({SIGNATURE_HEADER: "  "}, "no_signature"),
        ({ID_HEADER: "msg_other"}, "wrong_signature"),
        ({ID_HEADER: "msg.1"}, "bad_id"),
        ({ID_HEADER: "m" * 257}, "bad_id"),
        ({ID_HEADER: "msg 1"}, "bad_id"),
        ({ID_HEADER: "msg_\u00e9"}, "bad_id"),
        ({TIMESTAMP_HEADER: "hello"}, "bad_timestamp"),
        ({TIMESTAMP_HEADER: "1614265330.0"}, "bad_timestamp"),
        ({TIMESTAMP_HEADER: "-1614265330"}, "bad_timestamp"),
        ({TIMESTAMP_HEADER: "\u0661\u0666"}, "bad_timestamp"),
        ({TIMESTAMP_HEADER: "9" * 13}, "bad_timestamp"),
        ({TIMESTAMP_HEADER: "1614265331"}, "wrong_signature"),
        ({TIMESTAMP_HEADER: "01614265330"}, "wrong_signature"),
        ({SIGNATURE_HEADER: "v1,"}, "wrong_signature"),
        ({SIGNATURE_HEADER: SIGNATURE[:8]}, "wrong_signature"),
        ({SIGNATURE_HEADER: SIGNATURE.removeprefix("v1,")}, "wrong_signature"),
        ({SIGNATURE_HEADER: SIGNATURE.replace("v1,", "v1a,")}, "wrong_signature"),
        ({SIGNATURE_HEADER: SIGNATURE.replace("v1,", "v2,")}, "wrong_signature"),
        ({SIGNATURE_HEADER: SIGNATURE.lower()}, "wrong_signature"),
        ({SIGNATURE_HEADER: "v1,\u00e9 \ud800"}, "wrong_signature"),
    ],
)
def test_what_is_missing_or_changed_is_refused_with_a_word_for_it(
    changed: dict[str, str], why: str
) -> None:
    assert refusal(KEY, {**HEADERS, **changed}, BODY, AT) == why


@pytest.mark.parametrize("name", HEADERS)
def test_without_one_of_the_headers_it_is_refused(name: str) -> None:
    rest = {key: value for key, value in HEADERS.items() if key != name}
    assert not is_signed(KEY, rest, BODY, AT)


@pytest.mark.parametrize("body", [b"", BODY + b" ", b'{"test":2432232314}'])
def test_another_body_is_refused(body: bytes) -> None:
    assert refusal(KEY, HEADERS, body, AT) == "wrong_signature"


@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        (TOLERANCE_SECONDS, None),
        (TOLERANCE_SECONDS + 1, "too_old"),
        (-TOLERANCE_SECONDS, None),
        (-TOLERANCE_SECONDS - 1, "too_new"),
    ],
)
def test_it_is_good_for_five_minutes_whichever_clock_is_wrong(
    seconds: int, why: str | None
) -> None:
    assert refusal(KEY, HEADERS, BODY, AT + timedelta(seconds=seconds)) == why


def test_who_has_no_key_is_not_told_that_the_time_is_wrong() -> None:
    later = AT + timedelta(days=1)
    assert refusal(OLD_KEY, HEADERS, BODY, later) == "wrong_signature"


@pytest.mark.parametrize("no_key", [b"", (), (KEY, b"")])
def test_an_empty_key_signs_and_opens_nothing(no_key: bytes | tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="no key"):
        signature_headers(no_key, MESSAGE_ID, AT, BODY)
    with pytest.raises(ValueError, match="no key"):
        is_signed(no_key, HEADERS, BODY, AT)


@pytest.mark.parametrize("message_id", ["", "msg.1", "msg 1", "msg\n1", "m" * 257, "msg_\u00e9"])
def test_an_id_that_no_header_may_carry_is_not_signed(message_id: str) -> None:
    with pytest.raises(ValueError, match="full stop"):
        signature_headers(KEY, message_id, AT, BODY)


# Two keys


def test_while_a_key_is_replaced_each_side_may_have_either() -> None:
    both = signature_headers((KEY, OLD_KEY), MESSAGE_ID, AT, BODY)
    assert both[SIGNATURE_HEADER].split()[0] == SIGNATURE
    assert is_signed(KEY, both, BODY, AT)
    assert is_signed(OLD_KEY, both, BODY, AT)
    for one in (KEY, OLD_KEY):
        headers = signature_headers(one, MESSAGE_ID, AT, BODY)
        assert is_signed((OLD_KEY, KEY), headers, BODY, AT)
    third = signature_headers(b"t" * 32, MESSAGE_ID, AT, BODY)
    assert refusal((OLD_KEY, KEY), third, BODY, AT) == "wrong_signature"


# Whatever comes


@given(keys, ids, moments, bodies)
def test_whatever_is_signed_is_taken_at_that_time(
    key: bytes, message_id: str, at: datetime, body: bytes
) -> None:
    headers = signature_headers(key, message_id, at, body)
    assert refusal(key, headers, body, at) is None
    content = f"{message_id}.{headers[TIMESTAMP_HEADER]}.".encode() + body
    right = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert headers[SIGNATURE_HEADER] == f"v1,{right}"


@given(keys, keys, ids, moments, bodies)
def test_another_key_is_never_enough(
    key: bytes, other: bytes, message_id: str, at: datetime, body: bytes
) -> None:
    # HMAC fills a short key up with zeros, so that only those are the same key.
    assume(key.rstrip(b"\0") != other.rstrip(b"\0"))
    headers = signature_headers(other, message_id, at, body)
    assert refusal(key, headers, body, at) == "wrong_signature"


@given(ids, moments, moments, bodies)
def test_no_part_can_be_moved_across_a_border(
    message_id: str, at: datetime, later: datetime, body: bytes
) -> None:
    front = str(int(later.timestamp()))
    headers = signature_headers(KEY, message_id, at, f"{front}.".encode() + body)
    moved = {**headers, ID_HEADER: f"{message_id}.{headers[TIMESTAMP_HEADER]}"}
    moved[TIMESTAMP_HEADER] = front
    assert refusal(KEY, moved, body, later) == "bad_id"


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(max_size=40)), bodies)
def test_nonsense_is_refused_without_an_error(headers: dict[str, str], body: bytes) -> None:
    assert not is_signed(KEY, headers, body, AT)
