"""One reply as what each messaging platform can show, within its limits: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.rendering import messenger, telegram, whatsapp
from bot.rendering.message import Message
from bot.rendering.words import Words
from bot.turn import Reply

PLATFORMS: Mapping[str, Callable[[Reply, Words], tuple[Message, ...]]] = {
    "Messenger": messenger.render,
    "WhatsApp": whatsapp.render,
    "Telegram": telegram.render,
}
