"""Sessions: a signed token that names a conversation and nothing about the person.

The token is not stored anywhere. What is stored goes under a keyed hash of its id, so that neither
the database nor Rasa's tracker holds anything that could be used to speak as somebody else.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer

DRILL_PASS_SECONDS = 3600


class SessionError(Exception):
    """The token is forged, damaged or too old."""


@dataclass(frozen=True)
class Session:
    """A conversation.

    Attributes:
        key: keyed hash that stands for it everywhere.
        locale: language of the replies.
        country: country that the person or the site chose, or None.
        is_drill: whether somebody of the content team takes part in a drill.
    """

    key: str
    locale: str
    country: str | None
    is_drill: bool = False


class Sessions:
    """Signs and reads tokens."""

    def __init__(self, secret_key: str, max_age_seconds: int) -> None:
        """Take the signing key and the age at which a session ends."""
        self._serializer = URLSafeTimedSerializer(secret_key, salt="session")
        self._key = hashlib.sha256(b"session-key:" + secret_key.encode()).digest()
        self._max_age = max_age_seconds
        self._drills = URLSafeTimedSerializer(secret_key, salt="drill")
        self._ended: dict[str, float] = {}

    def start(
        self, locale: str, country: str | None, is_drill: bool = False
    ) -> tuple[str, datetime]:
        """Return a new token and when it expires."""
        token = self._serializer.dumps([secrets.token_hex(16), locale, country, is_drill])
        return token, datetime.now(UTC) + timedelta(seconds=self._max_age)

    def drill_pass(self) -> str:
        """Return what lets the content team start a session that takes part in drills."""
        return str(self._drills.dumps("drill"))

    def is_drill_pass(self, text: str) -> bool:
        """Tell whether a pass was given here within the last hour."""
        try:
            return bool(self._drills.loads(text, max_age=DRILL_PASS_SECONDS) == "drill")
        except BadData:
            return False

    def read(self, token: str) -> Session:
        """Return the session of a token.

        Raises:
            SessionError: it was not signed here, or is too old.
        """
        try:
            content = self._serializer.loads(token, max_age=self._max_age)
            session_id, locale, country, is_drill = content
            key = hmac.new(self._key, session_id.encode(), hashlib.sha256).hexdigest()[:32]
        except (BadData, ValueError, TypeError, AttributeError) as error:
            raise SessionError("unknown or expired session") from error
        if not isinstance(is_drill, bool):
            raise SessionError("unknown or expired session")
        if key in self._ended:
            raise SessionError("this session was deleted")
        return Session(key, locale, country, is_drill)

    def end(self, key: str) -> None:
        """Refuse the token of a deleted conversation from now on.

        Kept in this process only: after a restart such a token begins an empty conversation.
        """
        now = time.time()
        self._ended = {k: at for k, at in self._ended.items() if at > now - self._max_age}
        self._ended[key] = now
