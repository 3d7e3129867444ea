"""How Meta signs what it sends: with an HMAC under the app's secret."""

from __future__ import annotations

import hashlib
import hmac


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
