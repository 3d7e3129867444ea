"""Messenger's webhook: verify, store, say 200. Everything else happens afterwards, elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.messenger.events import read_batch
from bot.errors import Problem
from bot.messaging.inbox import Inbox
from bot.settings import MessengerSettings
from knowledge.schema import now

logger = logging.getLogger(__name__)
PATH = "/webhooks/messenger"
MAX_BODY_BYTES = 1_000_000
ACCEPTED = "EVENT_RECEIVED"


def create_blueprint(settings: MessengerSettings, inbox: Inbox) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("messenger", __name__)

    @routes.get(PATH)
    def verify_messenger() -> Response:
        """Prove to Messenger that the address is ours."""
        asked = request.args
        is_ours = _is_same(asked.get("hub.verify_token", ""), settings.verify_token)
        if not is_ours or asked.get("hub.mode") != "subscribe":
            raise Problem(403, "The verify token is not the one that is set here.")
        return _plain(asked.get("hub.challenge", ""))

    @routes.post(PATH)
    def receive_from_messenger() -> Response:
        """Store a batch of events."""
        request.max_content_length = MAX_BODY_BYTES
        body = request.get_data(cache=False)
        if not is_signed(body, request.headers.get("X-Hub-Signature-256", ""), settings):
            raise Problem(403, "The signature is missing or wrong.")
        batch = read_batch(body, now())
        try:
            inbox.keep(batch.events)
        except SQLAlchemyError as error:
            logger.warning("events_not_stored", extra={"error": type(error).__name__})
            raise Problem(503, "Cannot be stored right now. Please send it again.") from error
        logger.info(
            "events_stored",
            extra={
                "channel": "messenger",
                "events": len(batch.events),
                "ignored": batch.ignored,
            },
        )
        return _plain(ACCEPTED)

    return routes


def is_signed(body: bytes, signature: str, settings: MessengerSettings) -> bool:
    """Tell whether Messenger signed a body.

    It signs the form in which every character beyond ASCII is escaped, whatever a proxy in between
    made of the body.
    """
    return any(
        _is_same(signature, f"sha256={_signature(form, settings.app_secret)}")
        for form in (body, _escaped(body))
    )


def _signature(body: bytes, app_secret: str) -> str:
    return hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def _escaped(body: bytes) -> bytes:
    """Return JSON with every character beyond ASCII escaped, in lower-case hexadecimal."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return body
    return re.sub(r"[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text).encode()


def _is_same(given: str, right: str) -> bool:
    """Compare in a time that says nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def _plain(text: str) -> Response:
    return Response(text, mimetype="text/plain")
