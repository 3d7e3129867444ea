"""WhatsApp's webhook: verify, store, say 200. Everything else happens afterwards, elsewhere."""

from __future__ import annotations

from flask import Blueprint, Response, request

from bot.channel_settings import WhatsAppSettings
from bot.channels import meta
from bot.channels.receiving import store, store_not_delivered
from bot.channels.whatsapp.events import PLATFORM, read_body
from bot.errors import Problem
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
        challenge = meta.challenge(request.args, settings.verify_token)
        if challenge is None:
            raise Problem(403, "The verify token is not the one that is set here.")
        return Response(challenge, mimetype="text/plain")

    @routes.post(PATH)
    def receive_from_whatsapp() -> Response:
        """Store a batch of events."""
        request.max_content_length = MAX_BODY_BYTES
        body = request.get_data(cache=False)
        signature = request.headers.get(meta.SIGNATURE_HEADER, "")
        if not meta.is_signed(body, signature, settings.app_secret):
            raise Problem(403, "The signature is missing or wrong.")
        told = read_body(body, settings.phone_number_id, now())
        store(inbox, told.batch, PLATFORM)
        store_not_delivered(outbox, told.not_delivered, PLATFORM)
        return Response(meta.ACCEPTED, mimetype="text/plain")

    return routes
