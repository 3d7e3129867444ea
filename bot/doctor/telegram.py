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
from sqlalchemy.engine import Engine

from bot.channel_settings import (
    PUBLIC_URL,
    TELEGRAM_BOT_TOKEN,
    TELEGRAM_WEBHOOK_SECRET,
    TelegramSettings,
)
from bot.channels.telegram.calls import Calls, TelegramProblem
from bot.channels.telegram.events import PLATFORM
from bot.channels.telegram.profile import (
    ALLOWED_UPDATES,
    REFUSED,
    SECONDS,
    properties_of,
    read_value,
    read_words,
    shown_url,
)
from bot.channels.telegram.setup_command import what_to_do
from bot.channels.telegram.views import PATH, SECRET_HEADER
from bot.doctor.address import FROM_ELSEWHERE, PublicAddress
from bot.doctor.common import SECONDS as WEBHOOK_SECONDS
from bot.doctor.common import (
    Needed,
    local_address,
    look_at_parts,
    look_at_settings,
    look_at_web_process,
)
from bot.doctor.findings import Check, Seen, Stopped, failed, ok, skipped, warning
from bot.doctor.store import PlatformStore, open_store
from bot.replies import ReplyFileError
from bot.settings import BotSettings

GUIDE = "docs/telegram.md"
SETUP = ".venv/bin/python -m bot setup telegram"
NEEDED = (
    Needed(TELEGRAM_BOT_TOKEN, "BotFather on Telegram: /mybots, your bot, API Token"),
    Needed(
        TELEGRAM_WEBHOOK_SECRET,
        'make one up: python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
    ),
)
PORTS = (443, 80, 88, 8443)
"""Telegram calls no other: https://core.telegram.org/bots/api#setwebhook."""
ESSENTIAL = {
    "message": "nothing that people write arrives",
    "callback_query": "taps on buttons do not arrive",
}
DEFAULT_UPDATES = frozenset(ALLOWED_UPDATES) - {"message_reaction"}
"""What a bot gets that named no kinds, as far as it is ours."""
TOKEN_CODES = ("error_401", "error_404", "error_421")
MANY_PENDING = 20
KEPT_SECONDS = 24 * 3600
"""So long Telegram keeps an update."""
HOW_TO_TRY = (
    "Write to the bot on Telegram; within a second the event is here. If it is not, and all above "
    "is ok: does the chat show that the bot was stopped?"
)
NOTHING = b'{"update_id":0}'
"""An update that means nothing; it is taken and not kept."""
ERRORS = {
    "connection timed out": "Telegram gets no connection: look at firewall and port.",
    "connection refused": "Nothing listens at the public address: look at the proxy.",
    "certificate": "Telegram does not trust the certificate: serve it with its whole chain.",
    "ssl": "Telegram cannot speak TLS with the public address: look at the certificate.",
    "read timeout": "The webhook answers too late: look at the load of this machine.",
    "wrong response from the webhook: 404": "A proxy in front does not pass /webhooks/ on.",
    "wrong response from the webhook: 5": "Read log/web.log in the data folder.",
    "wrong response from the webhook: 3": "Telegram follows no redirect: end it.",
    "name or service": "The name of the public address is not known: look at its DNS record.",
    "failed to resolve": "The name of the public address is not known: look at its DNS record.",
}
"""What stands in Telegram's sentence on a delivery that failed, and what helps."""


class TelegramDoctor:
    """Examines one installation and its bot. Close it afterwards."""

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
        self._env, self._tls, self._clock = env, tls, clock
        self._given = address.rstrip("/").removesuffix(PATH)
        self._settings: BotSettings | None = None
        self._entered = ""

    def checks(self) -> Iterable[Check]:
        """Return what is looked at, in this order."""
        return (
            Check("settings", self._look_at_settings),
            Check("web process", self._look_at_web_process, ("settings",)),
            Check("parts", lambda: look_at_parts(local_address(self._all)), ("web process",)),
            Check("webhook here", self._look_at_webhook, ("web process",)),
            Check("bot token", self._look_at_bot, ("settings",)),
            Check("webhook at Telegram", self._look_at_entered, ("bot token",)),
            Check("kinds of updates", self._look_at_updates, ("webhook at Telegram",)),
            Check("deliveries", self._look_at_deliveries, ("bot token",)),
            Check("public address", self._look_at_address, ("settings",)),
            Check("certificate", lambda: self._address.look_at_certificate(), ("public address",)),
            Check("webhook from outside", self._look_from_outside, ("certificate",)),
            Check("commands and descriptions", self._look_at_words, ("bot token",)),
            Check("events", lambda: self._store.look_at_events(HOW_TO_TRY), ("settings",)),
            Check("stuck or failed", lambda: self._store.look_at_undone(GUIDE), ("settings",)),
            Check("sending", self._look_at_sending, ("settings",)),
        )

    def close(self) -> None:
        """Close the connections."""
        if "_calls" in vars(self):
            self._calls.close()
        if "_engine" in vars(self):
            self._engine.dispose()

    # --- here ---

    def _look_at_settings(self) -> Seen:
        self._settings, seen = look_at_settings(self._env, NEEDED)
        return seen

    @property
    def _all(self) -> BotSettings:
        """The settings; checks that use them need the check ``settings``."""
        if self._settings is None:
            raise Stopped(skipped("needs “settings”"))
        return self._settings

    @property
    def _mine(self) -> TelegramSettings:
        mine = self._all.channels.telegram
        if mine is None:
            raise Stopped(failed("Telegram is not set up", f"{GUIDE} tells how."))
        return mine

    def _look_at_web_process(self) -> Seen:
        return look_at_web_process(local_address(self._all))

    def _look_at_webhook(self) -> Seen:
        url = f"{local_address(self._all)}{PATH}"
        try:
            with httpx.Client(timeout=WEBHOOK_SECONDS, trust_env=False) as client:
                return self._seen_of_webhook(client, url)
        except httpx.HTTPError as error:
            return failed(
                f"{url} gave no answer ({type(error).__name__})",
                "Read log/web.log in the data folder.",
            )

    def _seen_of_webhook(self, client: httpx.Client, url: str) -> Seen:
        """Tell whether a webhook takes the secret, and nothing without it.

        Raises:
            httpx.HTTPError: no answer came.
        """
        status = _status(client, url, self._mine.webhook_secret)
        if status == httpx.codes.FORBIDDEN:
            return failed(
                "the webhook refuses the secret",
                f"What answers at {url} was started with another {TELEGRAM_WEBHOOK_SECRET.name}: "
                "start Citewell anew with these settings.",
            )
        if status == httpx.codes.NOT_FOUND:
            return failed(
                f"there is no webhook at {url}",
                "Telegram was not set up when the web process was started, or a proxy in front "
                "does not pass /webhooks/ on: start Citewell anew, then look at the proxy.",
            )
        if status != httpx.codes.OK:
            return failed(
                f"{url} answers an update with {status}, not with 200",
                "Telegram follows no redirect and repeats what is not taken: look at what answers.",
            )
        if _status(client, url, secrets.token_urlsafe(16)) != httpx.codes.FORBIDDEN:
            return failed(
                f"{url} takes updates with a wrong secret",
                "Something else than Citewell answers there: look at what listens on this port.",
            )
        return ok("takes the secret, and refuses another one")

    @cached_property
    def _engine(self) -> Engine:
        return open_store(self._all.knowledge.database_url)

    @property
    def _store(self) -> PlatformStore:
        return PlatformStore(self._engine, PLATFORM)

    def _look_at_sending(self) -> Seen:
        return self._store.look_at_sending(
            TOKEN_CODES,
            "Telegram did not take the token of then. If “bot token” is ok above, a message sends "
            f"it on; else take the new one from BotFather and set {TELEGRAM_BOT_TOKEN.name}. A "
            "file of secrets is read again within half a minute; otherwise start Citewell anew.",
        )

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
        self._entered = str(self._info.get("url", ""))
        if not self._entered:
            return failed("no webhook is set, so no update comes", f"Set it: {SETUP}")
        known = self._given or self._all.channels.public_url
        expected = f"{known or 'https://YOUR-ADDRESS'}{PATH}"
        if not self._entered.endswith(PATH) or (known and self._entered != expected):
            return failed(
                f"updates go to {shown_url(self._entered)}, not to {expected}",
                f"Change it: {SETUP}",
            )
        if self._info.get("has_custom_certificate"):
            return warning(
                f"updates go to {self._entered}, with a certificate of its own",
                f"An earlier set-up had a self-signed one. Set it anew: {SETUP} --again",
            )
        return ok(f"updates go to {self._entered}")

    def _look_at_updates(self) -> Seen:
        given = self._info.get("allowed_updates")
        kinds = set(given) if isinstance(given, list) else set(DEFAULT_UPDATES)
        lost = [f"{kind}: {what}" for kind, what in ESSENTIAL.items() if kind not in kinds]
        if lost:
            return failed("not asked for: " + "; ".join(lost), f"Change it: {SETUP}")
        more = sorted(kinds ^ set(ALLOWED_UPDATES))
        if more:
            return warning(f"other kinds than wanted: {', '.join(more)}", f"Change it: {SETUP}")
        return ok(", ".join(sorted(kinds)))

    def _look_at_deliveries(self) -> Seen:
        pending, at = self._info.get("pending_update_count", 0), self._info.get("last_error_date")
        waiting = f"{pending} updates wait" if pending else "nothing waits"
        if not isinstance(at, int):
            return ok(waiting) if pending < MANY_PENDING else self._slow(waiting)
        said = str(self._info.get("last_error_message", "")).strip()[:200]
        seconds = max(0, int(self._clock() - at))
        told = f"{waiting}; the last failure {_ago(seconds)}: {said}"
        if pending:
            return failed(told, self._advice(said))
        if seconds > KEPT_SECONDS:
            return ok(told)
        return warning(told, f"All came since. If it happens again: {self._advice(said)}")

    def _slow(self, waiting: str) -> Seen:
        return warning(waiting, "Look again in a minute: the number should fall.")

    def _advice(self, said: str) -> str:
        if REFUSED.search(said):
            return f"Telegram has another secret than is set here. Write it again: {SETUP} --again"
        known = (advice for words, advice in ERRORS.items() if words in said.casefold())
        return next(known, "Look at “webhook from outside” below, and at log/web.log.")

    # --- on the way ---

    @cached_property
    def _address(self) -> PublicAddress:
        if self._given:
            return PublicAddress(self._given, "--address", self._tls)
        if self._all.channels.public_url:
            return PublicAddress(self._all.channels.public_url, PUBLIC_URL.name, self._tls)
        if self._entered:
            url = self._entered.removesuffix(PATH)
            return PublicAddress(url, "as set at Telegram", self._tls)
        raise Stopped(
            skipped(
                "not known", f"Set {PUBLIC_URL.name}, or give --address https://chat.example.org"
            )
        )

    def _look_at_address(self) -> Seen:
        seen = self._address.look()
        parts = urlsplit(self._address.url)
        if seen.level == "ok" and (parts.port or 443) not in PORTS:
            ports = ", ".join(map(str, PORTS))
            return failed(
                f"{self._address.url}: port {parts.port}", f"Telegram calls {ports} only."
            )
        return seen

    def _look_from_outside(self) -> Seen:
        address, url = self._address, f"{self._address.url}{PATH}"
        try:
            with httpx.Client(
                timeout=address.seconds, verify=self._tls or True, trust_env=not address.is_here
            ) as client:
                seen = self._seen_of_webhook(client, url)
        except httpx.HTTPError as error:
            return warning(
                f"{url} gave no answer within {address.seconds:g} seconds ({type(error).__name__})",
                FROM_ELSEWHERE,
            )
        return (
            ok(f"{url} takes the secret, and refuses another one") if seen.level == "ok" else seen
        )

    # --- what people see ---

    def _look_at_words(self) -> Seen:
        try:
            wanted = properties_of(self._all.locale, read_words())
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


def _ago(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds // 60
    return f"{hours} hours ago" if hours > 1 else f"{minutes} minutes ago"


def _status(client: httpx.Client, url: str, secret: str) -> int:
    headers = {"Content-Type": "application/json", SECRET_HEADER: secret}
    return client.post(url, content=NOTHING, headers=headers).status_code
