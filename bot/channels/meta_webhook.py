"""Answers Meta's calls of a webhook: is it ours, and what does it say?"""

from __future__ import annotations

from flask import Response, request

from bot.channels import meta
from bot.errors import Problem


def verified(verify_token: str) -> Response:
    """Prove to Meta that the address is ours.

    Raises:
        Problem: 403, whoever asks has another token.
    """
    challenge = meta.challenge(request.args, verify_token)
    if challenge is None:
        raise Problem(403, "The verify token is not the one that is set here.")
    return _plain(challenge)


def signed_body(app_secret: str, most_bytes: int) -> bytes:
    """Return the body of the request that is being answered, as it came.

    Args:
        app_secret: of the app, which signs.
        most_bytes: how long it may be; whatever is longer is answered with 413.

    Raises:
        Problem: 403, Meta did not sign it.
    """
    request.max_content_length = most_bytes
    body = request.get_data(cache=False)
    if not meta.is_signed(body, request.headers.get(meta.SIGNATURE_HEADER, ""), app_secret):
        raise Problem(403, "The signature is missing or wrong.")
    return body


def accepted() -> Response:
    """Say that what came is safe."""
    return _plain(meta.ACCEPTED)


def _plain(text: str) -> Response:
    return Response(text, mimetype="text/plain")
