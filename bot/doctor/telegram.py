"""Whether a bot on Telegram is set up as it should be: here, on the way, and at Telegram.

Fields of the answers: https://core.telegram.org/bots/api#webhookinfo and
https://core.telegram.org/bots/api#user.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.channel_settings import (
    TELEGRAM_BOT_TOKEN,
    TELEGRAM_WEBHOOK_SECRET,
    TelegramSettings,
)
from bot.channels.telegram.calls import Calls, TelegramProblem
from bot.channels.telegram.events import PLATFORM
from bot.channels.telegram.profile import (
    SECONDS,
    properties_of,
    read_value,
    read_words,
    shown_url,
)
from bot.channels.telegram.setup_command import what_to_do
from bot.channels.telegram.views import PATH, SECRET_HEADER
from bot.doctor.common import Needed, lets_strangers_in, no_webhook
from bot.doctor.findings import Check, Seen, Stopped, failed, ok, warning
from bot.doctor.platform import MADE_UP, Platform, PlatformDoctor, renewed
from bot.doctor.telegram_deliveries import SETUP, seen_of_deliveries, seen_of_updates
from bot.replies import ReplyFileError

GUIDE = "docs/telegram.md"
PORTS = (443, 80, 88, 8443)
"""Telegram calls no other: https://core.telegram.org/bots/api#setwebhook."""
TOKEN_CODES = ("error_401", "error_404", "error_421")
HOW_TO_TRY = (
    "Write to the bot on Telegram; within a second the event is here. If it is not, and all above "
    "is ok: does the chat show that the bot was stopped?"
)
NOTHING = b'{"update_id":0}'
"""An update that means nothing; it is taken and not kept."""
ME = Platform(
    name=PLATFORM,
    title="Telegram",
    path=PATH,
    guide=GUIDE,
    needed=(
        Needed(TELEGRAM_BOT_TOKEN, "BotFather on Telegram: /mybots, your bot, API Token"),
        Needed(TELEGRAM_WEBHOOK_SECRET, MADE_UP),
    ),
    how_to_try=HOW_TO_TRY,
)


class TelegramDoctor(PlatformDoctor):
    """Examines one installation and its bot. Close it afterwards."""

    platform = ME
    entered_at = "as set at Telegram"

    def __init__(
        self,
        env: Mapping[str, str],
        address: str = "",
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is looked at yet.

        Args:
            env: the environment that the installation runs with.
            address: the public address; taken from the settings or from Telegram where it is "".
            tls: what the public address's certificate is held against.
            clock: seconds since 1970.
        """
        super().__init__(env, address, tls)
        self._clock = clock

    def checks(self) -> Iterable[Check]:
        """Return what is looked at, in this order."""
        return (
            Check("settings", self.look_at_settings),
            *self.checks_of_processes(),
            Check("bot token", self._look_at_bot, ("settings",)),
            Check("webhook at Telegram", self._look_at_entered, ("bot token",)),
            Check(
                "kinds of updates", lambda: seen_of_updates(self._info), ("webhook at Telegram",)
            ),
            Check(
                "deliveries", lambda: seen_of_deliveries(self._info, self._clock()), ("bot token",)
            ),
            *self.checks_of_address(),
            Check("commands and descriptions", self._look_at_words, ("bot token",)),
            *self.checks_of_store(),
            Check("sending", self._look_at_sending, ("settings",)),
        )

    def close(self) -> None:
        """Close the connections."""
        if "_calls" in vars(self):
            self._calls.close()
        super().close()

    # --- here ---

    @property
    def _mine(self) -> TelegramSettings:
        return self.set_up(self.settings.channels.telegram)

    def seen_here(self, client: httpx.Client, url: str) -> Seen:
        """Send an update that means nothing, with the secret and with another one."""
        status = _status(client, url, self._mine.webhook_secret)
        if status == httpx.codes.FORBIDDEN:
            return failed(
                "the webhook refuses the secret",
                f"What answers at {url} was started with another {TELEGRAM_WEBHOOK_SECRET.name}: "
                "start Citewell anew with these settings.",
            )
        if status == httpx.codes.NOT_FOUND:
            return no_webhook(url, "Telegram")
        if status != httpx.codes.OK:
            return failed(
                f"{url} answers an update with {status}, not with 200",
                "Telegram follows no redirect and repeats what is not taken: look at what answers.",
            )
        if _status(client, url, secrets.token_urlsafe(16)) != httpx.codes.FORBIDDEN:
            return lets_strangers_in(f"{url} takes updates with a wrong secret")
        return ok("takes the secret, and refuses another one")

    def seen_from_outside(self, client: httpx.Client, url: str) -> Seen:
        """Send the same; say where what is well was seen."""
        seen = self.seen_here(client, url)
        return ok(f"{url} {seen.found}") if seen.level == "ok" else seen

    def _look_at_sending(self) -> Seen:
        how = f"take the new one from BotFather and set {TELEGRAM_BOT_TOKEN.name}"
        return self.store.look_at_sending(TOKEN_CODES, renewed("Telegram", "“bot token”", how))

    # --- at Telegram ---

    @cached_property
    def _calls(self) -> Calls:
        token = self._mine.bot_token
        return Calls(self._mine.api_url, lambda: token)

    def _asked(self, method: str) -> dict[str, Any]:
        """Ask Telegram.

        Raises:
            Stopped: it refused, or nothing came.
        """
        try:
            result = self._calls.result(method, {}, SECONDS)
        except TelegramProblem as problem:
            raise Stopped(failed(str(problem), what_to_do(problem))) from problem
        return result if isinstance(result, dict) else {}

    @cached_property
    def _info(self) -> dict[str, Any]:
        return self._asked("getWebhookInfo")

    def _look_at_bot(self) -> Seen:
        me = self._asked("getMe")
        groups = (
            "; may be added to groups, where it says nothing" if me.get("can_join_groups") else ""
        )
        return ok(f"@{me.get('username')} ({me.get('id')}){groups}")

    def _look_at_entered(self) -> Seen:
        self.entered = str(self._info.get("url", ""))
        if not self.entered:
            return failed("no webhook is set, so no update comes", f"Set it: {SETUP}")
        expected = self.expected_webhook
        if not self.entered.endswith(PATH) or (self.known_url and self.entered != expected):
            return failed(
                f"updates go to {shown_url(self.entered)}, not to {expected}",
                f"Change it: {SETUP}",
            )
        if self._info.get("has_custom_certificate"):
            return warning(
                f"updates go to {self.entered}, with a certificate of its own",
                f"An earlier set-up had a self-signed one. Set it anew: {SETUP} --again",
            )
        return ok(f"updates go to {self.entered}")

    # --- on the way ---

    def look_at_address(self) -> Seen:
        """Look at the public address, and whether Telegram calls its port."""
        seen = self.address.look()
        parts = urlsplit(self.address.url)
        if seen.level == "ok" and (parts.port or 443) not in PORTS:
            ports = ", ".join(map(str, PORTS))
            return failed(f"{self.address.url}: port {parts.port}", f"Telegram calls {ports} only.")
        return seen

    # --- what people see ---

    def _look_at_words(self) -> Seen:
        try:
            wanted = properties_of(self.settings.locale, read_words())
            wrong = [
                one.name for one, value in wanted.items() if read_value(self._calls, one) != value
            ]
        except TelegramProblem as problem:
            return failed(str(problem), what_to_do(problem))
        except ReplyFileError as error:
            return failed(str(error), f"{GUIDE} tells where the words stand.")
        if wrong:
            return warning(
                f"not as wanted: {', '.join(wrong)}", f"See the difference, and write it: {SETUP}"
            )
        return ok("as `setup telegram` writes them")


def _status(client: httpx.Client, url: str, secret: str) -> int:
    headers = {"Content-Type": "application/json", SECRET_HEADER: secret}
    return client.post(url, content=NOTHING, headers=headers).status_code
