"""Messenger's webhook: verify, store, say 200. Everything else happens afterwards, elsewhere."""

from __future__ import annotations

from flask import Blueprint, Response

from bot.channel_settings import MessengerSettings
from bot.channels.messenger.events import PLATFORM, read_batch
from bot.channels.meta_webhook import accepted, signed_body, verified
from bot.channels.receiving import store
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
        return verified(settings.verify_token)

    @routes.post(PATH)
    def receive_from_messenger() -> Response:
        """Store a batch of events."""
        body = signed_body(settings.app_secret, MAX_BODY_BYTES)
        store(inbox, read_batch(body, now(), handover_app), PLATFORM)
        return accepted()

    return routes
