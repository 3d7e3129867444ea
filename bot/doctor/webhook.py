"""Whether the generic webhook is set up as it should be: here, underway, and at the other side."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
from collections.abc import Iterable, Mapping
from functools import cached_property
from urllib.parse import urlsplit

import httpx
from sqlalchemy.engine import Engine

from bot.channel_settings import PUBLIC_URL, WEBHOOK_REPLY_URL, WEBHOOK_SECRET, WebhookSettings
from bot.channels.posting import SignedPosts, Target
from bot.channels.signing import signature_headers
from bot.channels.webhook.events import PLATFORM
from bot.channels.webhook.openapi import PATH
from bot.doctor.address import FROM_ELSEWHERE, PublicAddress
from bot.doctor.common import (
    SECONDS,
    Needed,
    local_address,
    look_at_parts,
    look_at_settings,
    look_at_web_process,
)
from bot.doctor.findings import Check, Seen, Stopped, failed, ok, skipped, warning
from bot.doctor.store import PlatformStore, open_store
from bot.settings import BotSettings
from knowledge.schema import now
from knowledge.settings import SettingError

GUIDE = "docs/webhook.md"
NEEDED = (
    Needed(WEBHOOK_SECRET, f"make one up as {GUIDE} shows, and give it to your program"),
    Needed(WEBHOOK_REPLY_URL, "the address at which your program takes replies"),
)
HOW_TO_TRY = f"Send one as {GUIDE} shows: send.py, or curl and openssl."
CODES = {
    "status_401": "It does not take our signature: compare the keys, and the clocks.",
    "status_403": "It does not take our signature: compare the keys, and the clocks.",
    "status_404": f"Nothing is at that address: look at the path in {WEBHOOK_REPLY_URL.name}.",
    "status_405": f"That address takes no POST: look at the path in {WEBHOOK_REPLY_URL.name}.",
    "status_410": "It wants nothing more: with a reply, Citewell would stop until the address or "
    "the key changes.",
    "not_connected": "Nothing listens there, or a firewall is in between: start your program.",
    "timed_out": "Answer as soon as the reply is stored, within 15 seconds.",
    "bad_address": f"{WEBHOOK_REPLY_URL.name} is no address that can be called.",
}
"""What to do about an answer to a ping."""


class WebhookDoctor:
    """Examines one installation and the program behind it. Close it afterwards."""

    def __init__(
        self,
        env: Mapping[str, str],
        address: str = "",
        tls: ssl.SSLContext | None = None,
        *,
        ping: bool = False,
    ) -> None:
        """Prepare; nothing is looked at yet.

        Args:
            env: the environment that the installation runs with.
            address: the public address; taken from the settings where it is "".
            tls: what certificates are held against.
            ping: whether to post a ping to where replies go.
        """
        self._env, self._tls, self._ping = env, tls, ping
        self._given = address.rstrip("/").removesuffix(PATH)
        self._settings: BotSettings | None = None

    def checks(self) -> Iterable[Check]:
        """Return what is looked at, in this order."""
        return (
            Check("settings", self._look_at_settings),
            Check("keys", self._look_at_keys, ("settings",)),
            Check("web process", self._look_at_web_process, ("settings",)),
            Check("parts", lambda: look_at_parts(local_address(self._all)), ("web process",)),
            Check("webhook here", self._look_at_webhook, ("web process",)),
            Check("public address", self._look_at_address, ("settings",)),
            Check("certificate", lambda: self._address.look_at_certificate(), ("public address",)),
            Check("webhook from outside", self._look_from_outside, ("certificate",)),
            Check("reply address", self._look_at_reply_address, ("settings",)),
            Check("ping", self._look_at_ping, ("reply address",)),
            Check("events", lambda: self._store.look_at_events(HOW_TO_TRY), ("settings",)),
            Check("stuck or failed", lambda: self._store.look_at_undone(GUIDE), ("settings",)),
        )

    def close(self) -> None:
        """Close the connections."""
        if "_engine" in vars(self):
            self._engine.dispose()

    # --- here ---

    def _look_at_settings(self) -> Seen:
        try:
            has_key = bool(WEBHOOK_SECRET.text(self._env))
        except SettingError:
            has_key = False
        # Two keys have a space between them, which would be taken for a mistake in copying.
        needed = NEEDED[1:] if has_key else NEEDED
        self._settings, seen = look_at_settings(self._env, needed)
        return seen

    @property
    def _all(self) -> BotSettings:
        """The settings; checks that use them need the check ``settings``."""
        if self._settings is None:
            raise Stopped(skipped("needs “settings”"))
        return self._settings

    @property
    def _mine(self) -> WebhookSettings:
        mine = self._all.channels.webhook
        if mine is None:
            raise Stopped(failed("the generic webhook is not set up", f"{GUIDE} tells how."))
        return mine

    def _look_at_keys(self) -> Seen:
        if len(self._mine.keys) == 1:
            return ok("one")
        return warning(
            "two: the first follows the second",
            f"As soon as your program has the first one, set {WEBHOOK_SECRET.name} to it alone.",
        )

    def _look_at_web_process(self) -> Seen:
        return look_at_web_process(local_address(self._all))

    def _look_at_webhook(self) -> Seen:
        url = f"{local_address(self._all)}{PATH}"
        try:
            with httpx.Client(timeout=SECONDS, trust_env=False) as client:
                return self._problem_of_webhook(client, url) or ok(
                    "takes each key, and refuses another one and what is not signed"
                )
        except httpx.HTTPError as error:
            return failed(
                f"{url} gave no answer ({type(error).__name__})",
                "Read log/web.log in the data folder.",
            )

    def _problem_of_webhook(self, client: httpx.Client, url: str) -> Seen | None:
        """Send pings, which mean nothing, with each key, another one, and none.

        Raises:
            httpx.HTTPError: no answer came.
        """
        for key in self._mine.keys:
            problem = _problem_of_answer(_ping(client, url, key), url)
            if problem is not None:
                return problem
        foreign = _ping(client, url, secrets.token_bytes(32)).status_code
        unsigned = client.post(url, json={"type": "ping"}).status_code
        if (foreign, unsigned) == (httpx.codes.FORBIDDEN, httpx.codes.FORBIDDEN):
            return None
        return failed(
            "what is signed with another key, or not at all, is not answered with 403",
            "Something else than Citewell answers there: look at what listens on this port.",
        )

    @cached_property
    def _engine(self) -> Engine:
        return open_store(self._all.knowledge.database_url)

    @property
    def _store(self) -> PlatformStore:
        return PlatformStore(self._engine, PLATFORM)

    # --- on the way ---

    @property
    def _address(self) -> PublicAddress:
        url = self._given or self._all.channels.public_url
        if not url:
            told = f"not known; give --address or set {PUBLIC_URL.name} to have it looked at"
            raise Stopped(skipped(told))
        source = "--address" if self._given else PUBLIC_URL.name
        return PublicAddress(url, source, self._tls)

    def _look_at_address(self) -> Seen:
        return self._address.look()

    def _look_from_outside(self) -> Seen:
        address = self._address
        url = f"{address.url}{PATH}"
        try:
            with httpx.Client(
                timeout=SECONDS, verify=self._tls or True, trust_env=not address.is_here
            ) as client:
                return self._problem_of_webhook(client, url) or ok(f"{url} takes a ping")
        except httpx.HTTPError as error:
            return warning(
                f"{url} gave no answer within {SECONDS:g} seconds ({type(error).__name__})",
                "Does Citewell listen on that port?" if address.is_here else FROM_ELSEWHERE,
            )

    # --- the other side ---

    def _look_at_reply_address(self) -> Seen:
        """Tell whether somebody listens there, and with a valid certificate; nothing is sent."""
        url = self._mine.reply_url
        parts = urlsplit(url)
        if parts.scheme == "https":
            return PublicAddress(url, WEBHOOK_REPLY_URL.name, self._tls).look_at_certificate()
        try:
            socket.create_connection((parts.hostname, parts.port or 80), SECONDS).close()
        except OSError as error:
            return failed(
                f"{url} cannot be reached ({type(error).__name__})", "Start your program."
            )
        return ok(f"{url} is listened at")

    def _look_at_ping(self) -> Seen:
        """Post a ping as a reply would be."""
        mine = self._mine
        if not self._ping:
            return skipped("--ping posts one, signed, to where replies go")
        posts = SignedPosts(lambda: Target(mine.reply_url, mine.keys))
        body = json.dumps({"type": "ping", "timestamp": now().isoformat(), "data": {}}).encode()
        code = posts.post(body, f"msg_{secrets.token_hex(16)}").code
        if not code:
            return ok("taken")
        advice = CODES.get(code, "")
        if code.startswith("status_3"):
            advice = "Redirects are not followed: set the address at its end."
        return failed(f"not taken ({code})", advice or "Answer 2xx also to a type you do not know.")


def _problem_of_answer(response: httpx.Response, url: str) -> Seen | None:
    """Return what an answer to a ping says is wrong, if anything is."""
    status = response.status_code
    if status == httpx.codes.FORBIDDEN:
        return failed(
            "the webhook refuses our signature",
            f"What answers there was started with another {WEBHOOK_SECRET.name}, or its clock is "
            "more than five minutes off, or something in front changes the body.",
        )
    if status == httpx.codes.NOT_FOUND:
        return failed(
            f"there is no webhook at {url}",
            "The webhook was not set up when the web process was started, or a proxy in front "
            "does not pass /webhooks/ on: start Citewell anew, then look at the proxy.",
        )
    if response.is_redirect:
        return failed(
            f"{url} redirects", "Give your program the address at its end, or end the redirect."
        )
    if status != httpx.codes.OK:
        return failed(
            f"the webhook answers a ping with {status}", "Read log/web.log in the data folder."
        )
    return None


def _ping(client: httpx.Client, url: str, key: bytes) -> httpx.Response:
    """Send a ping.

    Raises:
        httpx.HTTPError: no answer came.
    """
    body = b'{"type":"ping"}'
    headers = signature_headers(key, f"evt_{secrets.token_hex(12)}", now(), body)
    return client.post(url, content=body, headers={"Content-Type": "application/json", **headers})
