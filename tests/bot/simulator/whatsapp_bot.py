"""A small bot on WhatsApp behind a real web server, with mistakes that it makes when told to."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import httpx

from bot.simulator.whatsapp.account import WhatsAppAccount
from tests.bot.simulator.small_bot import SmallBot

ACCOUNT = WhatsAppAccount()


def repeat(message: dict[str, Any]) -> list[str]:
    """Answer a text with itself and a sticker with a sentence."""
    if message["type"] == "text":
        return [f"You said: {message['text']['body']}"]
    return ["I can only read text."] if message["type"] == "sticker" else []


class WhatsAppBot(SmallBot):
    """Takes messages, remembers them, and answers each through the Cloud API.

    Attributes:
        reply: what it answers a message with.
        reads_first_change, reads_first_message, needs_number, answers_groups, marks_nothing:
            further mistakes that it makes when told to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verify_token = ACCOUNT.verify_token
        self.reply = repeat
        self.reads_first_change = self.reads_first_message = False
        self.needs_number = self.answers_groups = self.marks_nothing = False

    def take(self, body: bytes, signature: str) -> int:
        """Take a delivery; return the status to answer with."""
        right = hmac.new(ACCOUNT.app_secret.encode(), body, hashlib.sha256).hexdigest()
        is_right = hmac.compare_digest(signature, f"sha256={right}")
        if not is_right and not self.takes_any_signature:
            return 403
        entries = json.loads(body)["entry"]
        for entry in entries[:1] if self.reads_first_only else entries:
            changes = entry["changes"]
            for change in changes[:1] if self.reads_first_change else changes:
                value = change["value"]
                messages = value.get("messages", []) + self._echoes(value)
                for message in messages[:1] if self.reads_first_message else messages:
                    if self.breaks_on_unknown and "poem" in message:
                        return 500
                    self._take_message(message)
        return 200

    def _echoes(self, value: dict[str, Any]) -> list[dict[str, Any]]:
        return value.get("message_echoes", []) if self.answers_groups else []

    def _take_message(self, message: dict[str, Any]) -> None:
        with self._lock:
            if message["id"] in self._seen and self.knows_mids:
                return
            self._seen.add(message["id"])
        if message.get("group_id") and not self.answers_groups:
            return
        person = message.get("to") or message.get("from") or message["from_user_id"]
        if self.needs_number and "from" not in message:
            return
        texts = self.reply(message)
        if texts and not self.marks_nothing:
            typing = {"typing_indicator": {"type": "text"}}
            self._call({"status": "read", "message_id": message["id"], **typing})
        for text in texts:
            to = {"to": person} if person.isdecimal() else {"recipient": person}
            body = {**to, "type": "text", "text": {"body": text}}
            if self._call(body).status_code != 200 and self.sends_again:
                self._call(body)

    def _call(self, body: dict[str, Any]) -> httpx.Response:
        return httpx.post(
            f"{self.api_url}/v25.0/{ACCOUNT.phone_number_id}/messages",
            headers={"Authorization": f"Bearer {ACCOUNT.access_token}"},
            json={"messaging_product": "whatsapp", **body},
            timeout=5,
            trust_env=False,
        )
