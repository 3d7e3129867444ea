"""Signatures as https://www.standardwebhooks.com has them, with code of its own.

It shares none with the gateway, so that one mistake is not made in both.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "whsec_"
TOLERANCE_SECONDS = 5 * 60


@dataclass(frozen=True)
class Key:
    """A key, as both sides write it down: ``whsec_`` and base64."""

    written: str

    @property
    def raw(self) -> bytes:
        """What signs.

        Raises:
            ValueError: it is written in another form.
        """
        if not self.written.startswith(PREFIX):
            raise ValueError(f"A key begins with {PREFIX}.")
        return base64.b64decode(self.written[len(PREFIX) :], validate=True)

    def sign(self, message_id: str, seconds: float, body: bytes) -> dict[str, str]:
        """Return the headers that go with a body."""
        stamp = str(int(seconds))
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{self._made(message_id, stamp, body)}",
        }

    def problem(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return what is wrong with a request's signature, as a sentence; empty where nothing is.

        Args:
            headers: their names in lowercase.
            body: as it came.
            now: seconds since 1970.
        """
        missing = [
            name
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
            if not headers.get(name)
        ]
        if missing:
            return f"The header {missing[0]} is missing."
        message_id, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        if not (stamp.isascii() and stamp.isdigit()):
            return "The header webhook-timestamp is no number of seconds."
        if "." in message_id:
            return "The header webhook-id has a full stop, which could move into the body."
        if abs(now - int(stamp)) > TOLERANCE_SECONDS:
            return "The header webhook-timestamp is more than 5 minutes away from now."
        right = self._made(message_id, stamp, body)
        for one in headers["webhook-signature"].split(" "):
            version, _, given = one.partition(",")
            if version == "v1" and hmac.compare_digest(given.encode(), right.encode()):
                return ""
        return "No signature in webhook-signature is right."

    def _made(self, message_id: str, stamp: str, body: bytes) -> str:
        signed = f"{message_id}.{stamp}.".encode() + body
        return base64.b64encode(hmac.digest(self.raw, signed, "sha256")).decode()
