"""What Messenger and WhatsApp have in common: Meta's webhooks and the rules of its Graph API.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping

SIGNATURE_HEADER = "X-Hub-Signature-256"
USAGE_HEADER = "X-Business-Use-Case-Usage"
ACCEPTED = "EVENT_RECEIVED"
LIMITED = frozenset({4, 17, 32, 613})
"""Too many calls, of the app, the person or the account: refused before anything was sent."""
TOKEN = frozenset({102, 190})
"""The access token is not taken."""
UNCERTAIN = frozenset({1, 2})
"""Unexpected errors; a message may have arrived with one."""


def challenge(asked: Mapping[str, str], verify_token: str) -> str | None:
    """Return what proves that the webhook is ours, or None to somebody who has another token."""
    is_ours = is_same(asked.get("hub.verify_token", ""), verify_token)
    if not is_ours or asked.get("hub.mode") != "subscribe":
        return None
    return asked.get("hub.challenge", "")


def is_signed(body: bytes, signature: str, app_secret: str) -> bool:
    """Tell whether Meta signed a body.

    It signs the form in which every character beyond ASCII is escaped, whatever a proxy in between
    made of the body.
    """
    return any(
        is_same(signature, f"sha256={_signature(form, app_secret)}")
        for form in (body, _escaped(body))
    )


def appsecret_proof(token: str, app_secret: str) -> str:
    """Return what proves that a call is the app's own and not made with a stolen token.

    https://developers.facebook.com/docs/graph-api/guides/secure-requests
    """
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def regain_seconds(headers: Mapping[str, str]) -> float:
    """Return the seconds after which Meta takes calls again, as far as it says, else 0.

    https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    """
    try:
        usage = json.loads(headers.get(USAGE_HEADER, "{}"))
        limits = [limit for of_one in usage.values() for limit in of_one]
        minutes = [float(limit["estimated_time_to_regain_access"]) for limit in limits]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return 0.0
    return max([0.0, *minutes]) * 60


def is_same(given: str, right: str) -> bool:
    """Compare in a time that says nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def _signature(body: bytes, app_secret: str) -> str:
    return hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def _escaped(body: bytes) -> bytes:
    """Return JSON with every character beyond ASCII escaped, in lower-case hexadecimal."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return body
    return re.sub(r"[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text).encode()
