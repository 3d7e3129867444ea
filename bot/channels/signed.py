"""Reads requests that are signed as Standard Webhooks has it, for all that come so."""

from __future__ import annotations

import logging

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from bot.channels.receiving import MAX_BODY_BYTES
from bot.channels.signing import Keys, refusal
from bot.errors import Problem
from knowledge.schema import now

logger = logging.getLogger(__name__)
REFUSED = (
    "The signature is missing or wrong, or made more than 5 minutes ago: look at the key, at the "
    "clock, and that exactly the bytes are signed that are sent."
)


def signed_body(keys: Keys, channel: str) -> bytes:
    """Return the body of the request that is being answered, as it came.

    Args:
        keys: that are valid now.
        channel: for the log.

    Raises:
        Problem: 413, it is too long; 403, nobody who has a key signed it just now.
    """
    request.max_content_length = MAX_BODY_BYTES
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise Problem(413, f"The request is larger than {MAX_BODY_BYTES} bytes.") from error
    why = refusal(keys, dict(request.headers), body, now())
    if why is not None:
        logger.warning("webhook_refused", extra={"channel": channel, "code": why})
        raise Problem(403, REFUSED)
    return body
