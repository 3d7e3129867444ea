"""The messaging platforms that are set up: how each is written to, and how a reply looks there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.channel_settings import ChannelSettings
from bot.channels.desk.client import DeskClient
from bot.channels.messenger.events import PLATFORM as MESSENGER
from bot.channels.messenger.send_api import SendApi
from bot.channels.telegram.client import BotApi
from bot.channels.telegram.events import PLATFORM as TELEGRAM
from bot.channels.webhook.client import ReplyClient
from bot.channels.webhook.events import PLATFORM as WEBHOOK
from bot.channels.webhook.replies import render as render_for_webhook
from bot.channels.whatsapp.client import CloudApi
from bot.channels.whatsapp.events import PLATFORM as WHATSAPP
from bot.messaging.outbox import DESK
from bot.messaging.sending import Platform
from bot.rendering import messenger, telegram, whatsapp
from bot.rendering.message import Message, Payload
from bot.rendering.words import Words
from bot.turn import Reply
from knowledge.settings import SettingError

FRESH_SECONDS = 30.0
REPEATABLE = frozenset({WEBHOOK, DESK})
"""Platforms that know a message that comes twice, so that what is uncertain is sent again."""
Render = Callable[[Reply], Sequence[Payload]]
"""Turns a reply into the messages of one platform."""


@dataclass(frozen=True)
class Channel:
    """One platform.

    Attributes:
        render: makes its messages.
        platform: sends them.
    """

    render: Render
    platform: Platform


class FreshSettings:
    """The settings of the platforms as they are now: a file of secrets may change while we run."""

    def __init__(
        self,
        first: ChannelSettings,
        read: Callable[[], ChannelSettings],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the settings at the start, what reads them, and seconds that go forward."""
        self._settings, self._read, self._clock = first, read, clock
        self._read_at = clock()
        self._lock = threading.Lock()

    def __call__(self) -> ChannelSettings:
        """Return the settings."""
        with self._lock:
            if self._clock() - self._read_at >= FRESH_SECONDS:
                self._read_at = self._clock()
                self._settings = self._newest()
            return self._settings

    def _newest(self) -> ChannelSettings:
        try:
            return self._read()
        except SettingError:
            return self._settings  # the file is being written


def set_up(fresh: FreshSettings, words: Words) -> dict[str, Channel]:
    """Return the platforms that are set up, by name."""
    found = (
        (MESSENGER, _messenger(fresh, words)),
        (WHATSAPP, _whatsapp(fresh, words)),
        (TELEGRAM, _telegram(fresh, words)),
        (WEBHOOK, _webhook(fresh, words)),
    )
    return {name: channel for name, channel in found if channel is not None}


def _messenger(fresh: FreshSettings, words: Words) -> Channel | None:
    first = fresh().messenger
    if first is None:
        return None
    send_api = SendApi(
        first.api_url,
        lambda: (fresh().messenger or first).page_token,
        first.app_secret,
    )
    return Channel(lambda reply: _payloads(messenger.render(reply, words)), send_api)


def _whatsapp(fresh: FreshSettings, words: Words) -> Channel | None:
    first = fresh().whatsapp
    if first is None:
        return None
    cloud_api = CloudApi(
        first.api_url,
        first.phone_number_id,
        lambda: (fresh().whatsapp or first).access_token,
        first.app_secret,
    )
    return Channel(lambda reply: _payloads(whatsapp.render(reply, words)), cloud_api)


def _telegram(fresh: FreshSettings, words: Words) -> Channel | None:
    first = fresh().telegram
    if first is None:
        return None
    bot_api = BotApi(first.api_url, lambda: (fresh().telegram or first).bot_token)
    return Channel(lambda reply: _payloads(telegram.render(reply, words)), bot_api)


def _webhook(fresh: FreshSettings, words: Words) -> Channel | None:
    first = fresh().webhook
    if first is None:
        return None
    client = ReplyClient(lambda: fresh().webhook or first)
    return Channel(lambda reply: render_for_webhook(reply, words), client)


def _payloads(messages: Sequence[Message]) -> list[Payload]:
    return [message.payload() for message in messages]


def desk(fresh: FreshSettings) -> DeskClient | None:
    """Return what tells the team's desk, or None where there is none."""
    first = fresh().handover.desk
    if first is None:
        return None
    return DeskClient(lambda: fresh().handover.desk or first)
