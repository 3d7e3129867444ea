"""Signatures of webhooks, as https://www.standardwebhooks.com has them; pure, for both directions.

Signed are an id, the time of the call and the body, with a key that both sides know. Two keys may
be valid at once, so that one can follow another without a gap: each body is signed with both, and
either is accepted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
TOLERANCE_SECONDS = 300
"""A call that somebody recorded cannot be made again after this time."""
Keys = bytes | tuple[bytes, ...]
Refusal = Literal[
    "no_id",
    "no_timestamp",
    "no_signature",
    "bad_id",
    "bad_timestamp",
    "wrong_signature",
    "too_old",
    "too_new",
]
ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")
"""Without a full stop, which parts the id from the rest: nobody must be able to move the border."""
TIMESTAMP = re.compile(r"[0-9]{1,12}")


def signature_headers(key: Keys, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that go with a body.

    Args:
        key: signs; several where one is about to follow another.
        message_id: stays the same when the message is sent again.
        at: time of this attempt.
        body: exactly what is sent.

    Raises:
        ValueError: there is no key, or the id has a full stop, a space or another letter that a
            header cannot carry.
    """
    if not ID.fullmatch(message_id):
        raise ValueError("the id of a message takes 1 to 256 ASCII letters other than a full stop")
    timestamp = str(int(at.timestamp()))
    signatures = [_signature(one, message_id, timestamp, body) for one in _each(key)]
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: " ".join(signatures),
    }


def is_signed(key: Keys, headers: Mapping[str, str], body: bytes, at: datetime) -> bool:
    """Tell whether a body came just now from somebody who has the key."""
    return refusal(key, headers, body, at) is None


def refusal(key: Keys, headers: Mapping[str, str], body: bytes, at: datetime) -> Refusal | None:
    """Return why a body is not taken, as a word for the log, or None where it is signed.

    Whoever has no key learns nothing from it: the time is looked at after the signature.

    Args:
        key: one, or all that are valid now.
        headers: of the request; their names in any case.
        body: exactly what came.
        at: the time now.

    Raises:
        ValueError: there is no key.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = found.get(ID_HEADER, ""), found.get(TIMESTAMP_HEADER, "")
    given = found.get(SIGNATURE_HEADER, "").split()
    malformed = _malformed(message_id, timestamp, given)
    if malformed is not None:
        return malformed
    right = [_signature(one, message_id, timestamp, body) for one in _each(key)]
    # All are compared, so that the time tells nothing of which one was near.
    matches = [
        hmac.compare_digest(one.encode("utf-8", "replace"), ours.encode())
        for one in given
        for ours in right
    ]
    if not any(matches):
        return "wrong_signature"
    age = at.timestamp() - int(timestamp)
    if abs(age) <= TOLERANCE_SECONDS:
        return None
    return "too_old" if age > 0 else "too_new"


def _malformed(message_id: str, timestamp: str, given: list[str]) -> Refusal | None:
    """Return what is missing or has another form."""
    if not message_id:
        return "no_id"
    if not timestamp:
        return "no_timestamp"
    if not given:
        return "no_signature"
    if not ID.fullmatch(message_id):
        return "bad_id"
    return None if TIMESTAMP.fullmatch(timestamp) else "bad_timestamp"


def _each(key: Keys) -> tuple[bytes, ...]:
    keys = (key,) if isinstance(key, bytes) else key
    if not keys or not all(keys):
        raise ValueError("there is no key: anybody could sign with an empty one")
    return keys


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
