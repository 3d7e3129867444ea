"""The generic webhook: prove, read, store, say 200. The reply is posted later, elsewhere."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from bot.channel_settings import WebhookSettings
from bot.channels.receiving import MAX_BODY_BYTES, store
from bot.channels.signing import ID_HEADER, refusal
from bot.channels.webhook import openapi
from bot.channels.webhook.events import PLATFORM, read_events
from bot.channels.webhook.schema import Malformed
from bot.errors import Problem
from bot.messaging.inbox import Inbox
from knowledge.schema import now

logger = logging.getLogger(__name__)
PATH = openapi.PATH
REFUSED = (
    "The signature is missing or wrong, or made more than 5 minutes ago: look at the key, at the "
    "clock, and that exactly the bytes are signed that are sent."
)


def create_blueprint(settings: WebhookSettings, inbox: Inbox) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("generic_webhook", __name__)

    @routes.post(PATH)
    def receive_from_webhook() -> Response:
        """Store an event, or several."""
        body = _body()
        why = refusal(settings.keys, dict(request.headers), body, now())
        if why is not None:
            logger.warning("webhook_refused", extra={"channel": PLATFORM, "code": why})
            raise Problem(403, REFUSED)
        try:
            batch = read_events(body, request.headers[ID_HEADER])
        except Malformed as error:
            told = {"channel": PLATFORM, "errors": len(error.errors)}
            logger.warning("webhook_malformed", extra=told)
            status = 422 if error.is_json else 400
            raise Problem(status, error.detail, error.errors) from error
        store(inbox, batch, PLATFORM)
        return jsonify(accepted=len(batch.events))

    @routes.get(f"{PATH}/openapi.json")
    def describe_webhook() -> Response:
        """Describe both directions."""
        return jsonify(openapi.document())

    return routes


def _body() -> bytes:
    """Return the body as it came.

    Raises:
        Problem: 413, it is too long.
    """
    request.max_content_length = MAX_BODY_BYTES
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise Problem(413, f"The request is larger than {MAX_BODY_BYTES} bytes.") from error
