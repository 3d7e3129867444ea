"""Messenger's webhook: verify, store, say 200. Everything else happens afterwards, elsewhere."""

from __future__ import annotations

from flask import Blueprint, Response, request

from bot.channel_settings import MessengerSettings
from bot.channels import meta
from bot.channels.messenger.events import PLATFORM, read_batch
from bot.channels.receiving import store
from bot.errors import Problem
from bot.messaging.inbox import Inbox
from knowledge.schema import now

PATH = "/webhooks/messenger"
MAX_BODY_BYTES = 16 * 1024 * 1024
"""A batch holds up to 1,000 events, a text up to 2,000 characters, each escaped in six."""


def create_blueprint(
    settings: MessengerSettings, inbox: Inbox, handover_app: str = ""
) -> Blueprint:
    """Return the routes.

    Args:
        settings: of the Page.
        inbox: keeps events.
        handover_app: app that conversations are passed to, or "".
    """
    routes = Blueprint("messenger", __name__)

    @routes.get(PATH)
    def verify_messenger() -> Response:
        """Prove to Messenger that the address is ours."""
        challenge = meta.challenge(request.args, settings.verify_token)
        if challenge is None:
            raise Problem(403, "The verify token is not the one that is set here.")
        return Response(challenge, mimetype="text/plain")

    @routes.post(PATH)
    def receive_from_messenger() -> Response:
        """Store a batch of events."""
        request.max_content_length = MAX_BODY_BYTES
        body = request.get_data(cache=False)
        signature = request.headers.get(meta.SIGNATURE_HEADER, "")
        if not meta.is_signed(body, signature, settings.app_secret):
            raise Problem(403, "The signature is missing or wrong.")
        store(inbox, read_batch(body, now(), handover_app), PLATFORM)
        return Response(meta.ACCEPTED, mimetype="text/plain")

    return routes
