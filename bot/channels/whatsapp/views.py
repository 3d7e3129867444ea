"""WhatsApp's webhook: verify, store, say 200. Everything else happens afterwards, elsewhere."""

from __future__ import annotations

from flask import Blueprint, Response

from bot.channel_settings import WhatsAppSettings
from bot.channels.meta_webhook import accepted, signed_body, verified
from bot.channels.receiving import store, store_not_delivered
from bot.channels.whatsapp.events import PLATFORM, read_body
from bot.messaging.inbox import Inbox
from bot.messaging.outbox import Outbox
from knowledge.schema import now

PATH = "/webhooks/whatsapp"
MAX_BODY_BYTES = 3 * 1024 * 1024
"""As guides tell of Meta's overview; the part of it that says so could not be read:
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview"""


def create_blueprint(settings: WhatsAppSettings, inbox: Inbox, outbox: Outbox) -> Blueprint:
    """Return the routes.

    Args:
        settings: of the number.
        inbox: takes what people did.
        outbox: takes what WhatsApp could not deliver.
    """
    routes = Blueprint("whatsapp", __name__)

    @routes.get(PATH)
    def verify_whatsapp() -> Response:
        """Prove to WhatsApp that the address is ours."""
        return verified(settings.verify_token)

    @routes.post(PATH)
    def receive_from_whatsapp() -> Response:
        """Store a batch of events."""
        body = signed_body(settings.app_secret, MAX_BODY_BYTES)
        told = read_body(body, settings.phone_number_id, now())
        store(inbox, told.batch, PLATFORM)
        store_not_delivered(outbox, told.not_delivered, PLATFORM)
        return accepted()

    return routes
