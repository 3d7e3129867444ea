"""Sessions: a token cannot be made, changed or read back from what is stored."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from itsdangerous import URLSafeTimedSerializer

from bot.sessions import SessionError, Sessions

KEY = "k" * 40


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(KEY, 3600)


def signed(content: Any, key: str = KEY, salt: str = "session") -> str:
    token = URLSafeTimedSerializer(key, salt=salt).dumps(content)
    return token if isinstance(token, str) else token.decode()


def test_a_token_is_read_back(sessions: Sessions) -> None:
    token, _ = sessions.start("en", "NO")
    session = sessions.read(token)
    assert (session.locale, session.country) == ("en", "NO")
    assert len(session.key) == 32
    assert sessions.read(token) == session


def test_every_session_has_a_key_of_its_own(sessions: Sessions) -> None:
    keys = {sessions.read(sessions.start("en", None)[0]).key for _ in range(20)}
    assert len(keys) == 20


def test_the_key_is_not_in_the_token(sessions: Sessions) -> None:
    token, _ = sessions.start("en", None)
    body = token.split(".")[0]
    session_id = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))[0]
    key = sessions.read(token).key
    assert key not in token
    assert session_id != key


def test_the_key_depends_on_the_secret() -> None:
    content = ["a" * 32, "en", None, False]
    other = "o" * 40
    mine = Sessions(KEY, 3600).read(signed(content)).key
    theirs = Sessions(other, 3600).read(signed(content, other)).key
    assert mine != theirs


def test_it_tells_when_a_session_ends(sessions: Sessions) -> None:
    _, expires = sessions.start("en", None)
    assert 3590 < (expires - datetime.now(UTC)).total_seconds() <= 3600


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "æ", "\x00", "null", "." * 50, "a" * 10_000])
def test_it_refuses_what_is_no_token(sessions: Sessions, token: str) -> None:
    with pytest.raises(SessionError):
        sessions.read(token)


def test_it_refuses_every_changed_token(sessions: Sessions) -> None:
    token, _ = sessions.start("en", None)
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        # The last character of a signature carries bits that decoding drops.
        if place == len(token) - 1:
            continue
        with pytest.raises(SessionError):
            sessions.read(changed)


# Signed in the test: a time in the name of a test would differ between the workers of one run.
@pytest.mark.parametrize(
    ("content", "signing"),
    [
        (["a" * 32, "en", None, False], {"key": "o" * 40}),
        (["a" * 32, "en", None, False], {"salt": "another"}),
        ([], {}),
        (["a" * 32, "en", None], {}),
        (["a" * 32, "en", None, "more"], {}),
        ([7, "en", None, False], {}),
        (None, {}),
        (12, {}),
    ],
    ids=["key", "salt", "empty", "too_short", "no_truth", "no_text", "null", "number"],
)
def test_it_refuses_a_token_of_another_kind(
    sessions: Sessions, content: Any, signing: dict[str, str]
) -> None:
    with pytest.raises(SessionError):
        sessions.read(signed(content, **signing))


def test_it_refuses_a_token_that_is_too_old(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = sessions.start("en", None)
    started = time.time()
    monkeypatch.setattr(time, "time", lambda: started + 3590)
    sessions.read(token)
    monkeypatch.setattr(time, "time", lambda: started + 3602)
    with pytest.raises(SessionError):
        sessions.read(token)


def test_a_session_that_was_ended_is_refused(sessions: Sessions) -> None:
    alice, bob = (sessions.start("en", None)[0] for _ in range(2))
    sessions.end(sessions.read(alice).key)
    with pytest.raises(SessionError):
        sessions.read(alice)
    sessions.read(bob)
