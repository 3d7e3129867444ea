"""Errors of Meta's Graph API, which Messenger and WhatsApp share.

Shape and codes: https://developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes.
That page names no HTTP status per code; those here are our choice, so a client must go by the code.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """What the Graph API refuses a call with.

    Attributes:
        code: Meta's code.
        message: Meta's sentence.
        subcode: Meta's finer code, where there is one.
        status: HTTP status of the answer.
        kind: Meta's ``type``.
    """

    code: int
    message: str
    subcode: int | None = None
    status: int = 400
    kind: str = "OAuthException"

    def body(self) -> dict[str, Any]:
        """Return the body of the answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": {**error, "fbtrace_id": secrets.token_urlsafe(8)}}


class GraphError(Exception):
    """The Graph API refuses a call; ``refusal`` says with what."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def signed(key: str, content: bytes) -> str:
    """Return the HMAC-SHA256 of something under a key, as lowercase hex digits."""
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()


def signature_headers(app_secret: str, body: bytes) -> dict[str, str]:
    """Return the headers that Meta sends with the body of a webhook.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    return {
        "Content-Type": "application/json",
        "X-Hub-Signature-256": f"sha256={signed(app_secret, body)}",
    }
