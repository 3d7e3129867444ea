"""Telegram's webhook: verify, store, say 200. Everything else happens afterwards, elsewhere."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, request

from bot.channel_settings import TelegramSettings
from bot.channels.receiving import MAX_BODY_BYTES, store
from bot.channels.telegram.events import PLATFORM, read_update
from bot.errors import Problem
from bot.messaging.inbox import Inbox
from knowledge.schema import now

PATH = "/webhooks/telegram"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header


def create_blueprint(settings: TelegramSettings, inbox: Inbox) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("telegram", __name__)

    @routes.post(PATH)
    def receive_from_telegram() -> Response:
        """Store an update."""
        request.max_content_length = MAX_BODY_BYTES
        given = request.headers.get(SECRET_HEADER, "")
        if not _is_same(given, settings.webhook_secret):
            raise Problem(403, "The secret token is missing or wrong.")
        body = request.get_data(cache=False)
        store(inbox, read_update(body, settings.bot_id, now()), PLATFORM)
        # Empty: JSON in an answer would be a call that Telegram makes for us.
        return Response(mimetype="text/plain")

    return routes


def _is_same(given: str, right: str) -> bool:
    """Compare in a time that says nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
