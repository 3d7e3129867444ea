"""The generic webhook: prove, read, store, say 200. The reply is posted later, elsewhere."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, jsonify, request

from bot.channel_settings import WebhookSettings
from bot.channels.receiving import store
from bot.channels.signed import signed_body
from bot.channels.signing import ID_HEADER
from bot.channels.webhook import openapi
from bot.channels.webhook.events import PLATFORM, read_events
from bot.channels.webhook.schema import Malformed
from bot.errors import Problem
from bot.messaging.inbox import Inbox

logger = logging.getLogger(__name__)
PATH = openapi.PATH


def create_blueprint(settings: WebhookSettings, inbox: Inbox) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("generic_webhook", __name__)

    @routes.post(PATH)
    def receive_from_webhook() -> Response:
        """Store an event, or several."""
        body = signed_body(settings.keys, PLATFORM)
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
