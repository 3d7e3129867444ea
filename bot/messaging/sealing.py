"""What people wrote and who they are to a platform, encrypted; and keyed hashes that stand for ids.

All keys come from ``CITEWELL_SECRET_KEY``: the database alone tells nobody what was said by whom.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

CONVERSATION_KEY_LENGTH = 32


class SealError(Exception):
    """It was sealed with another key, or is damaged."""


class Sealer:
    """Seals, opens and hashes; safe to share between threads."""

    def __init__(self, secret_key: str) -> None:
        """Take the key that the others are derived from."""
        self._fernet = Fernet(base64.urlsafe_b64encode(_derived(b"message-seal:", secret_key)))
        self._key = _derived(b"message-key:", secret_key)

    def seal(self, content: Mapping[str, object]) -> bytes:
        """Return what JSON can hold, encrypted."""
        return self._fernet.encrypt(json.dumps(content).encode())

    def open(self, sealed: bytes) -> dict[str, Any]:
        """Return what was sealed.

        Raises:
            SealError: it was sealed with another key, or is damaged.
        """
        try:
            content = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError) as error:
            raise SealError("cannot be opened: has CITEWELL_SECRET_KEY changed?") from error
        if not isinstance(content, dict):
            raise SealError("holds something else")
        return content

    def digest(self, *parts: str) -> str:
        """Return the keyed hash of some words in their order, 64 characters."""
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()

    def conversation_key(self, platform: str, account: str, person: str) -> str:
        """Return what stands for a conversation everywhere, 32 characters."""
        return self.digest("conversation", platform, account, person)[:CONVERSATION_KEY_LENGTH]


def _derived(label: bytes, secret_key: str) -> bytes:
    return hashlib.sha256(label + secret_key.encode()).digest()
