"""Whether the generic webhook is set up as it should be: here, underway, and at the other side."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import httpx

from bot.channel_settings import PUBLIC_URL, WEBHOOK_REPLY_URL, WEBHOOK_SECRET, WebhookSettings
from bot.channels.posting import SignedPosts, Target
from bot.channels.signing import signature_headers
from bot.channels.webhook.events import PLATFORM
from bot.channels.webhook.openapi import PATH
from bot.doctor.address import PublicAddress
from bot.doctor.common import NO_ANSWER, SECONDS, Needed, lets_strangers_in, no_webhook
from bot.doctor.findings import Check, Seen, failed, ok, skipped, warning
from bot.doctor.platform import Platform, PlatformDoctor
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


ME = Platform(
    name=PLATFORM,
    title="the generic webhook",
    path=PATH,
    guide=GUIDE,
    needed=NEEDED,
    how_to_try=HOW_TO_TRY,
)


class WebhookDoctor(PlatformDoctor):
    """Examines one installation and the program behind it. Close it afterwards."""

    platform = ME
    no_address = skipped(f"not known; give --address or set {PUBLIC_URL.name} to have it looked at")

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
        super().__init__(env, address, tls)
        self._ping = ping

    def checks(self) -> Iterable[Check]:
        """Return what is looked at, in this order."""
        return (
            Check("settings", self.look_at_settings),
            Check("keys", self._look_at_keys, ("settings",)),
            *self.checks_of_processes(),
            *self.checks_of_address(),
            Check("reply address", self._look_at_reply_address, ("settings",)),
            Check("ping", self._look_at_ping, ("reply address",)),
            *self.checks_of_store(),
        )

    # --- here ---

    def needed(self) -> Sequence[Needed]:
        """Return the settings that are looked at."""
        try:
            has_key = bool(WEBHOOK_SECRET.text(self._env))
        except SettingError:
            has_key = False
        # Two keys have a space between them, which would be taken for a mistake in copying.
        return NEEDED[1:] if has_key else NEEDED

    @property
    def _mine(self) -> WebhookSettings:
        return self.set_up(self.settings.channels.webhook)

    def _look_at_keys(self) -> Seen:
        if len(self._mine.keys) == 1:
            return ok("one")
        return warning(
            "two: the first follows the second",
            f"As soon as your program has the first one, set {WEBHOOK_SECRET.name} to it alone.",
        )

    def seen_here(self, client: httpx.Client, url: str) -> Seen:
        """Send pings, signed rightly and not."""
        return self._problem_of_webhook(client, url) or ok(
            "takes each key, and refuses another one and what is not signed"
        )

    def seen_from_outside(self, client: httpx.Client, url: str) -> Seen:
        """Send pings, signed rightly and not."""
        return self._problem_of_webhook(client, url) or ok(f"{url} takes a ping")

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
        return lets_strangers_in(
            "what is signed with another key, or not at all, is not answered with 403"
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
        return no_webhook(url, "The webhook")
    if response.is_redirect:
        return failed(
            f"{url} redirects", "Give your program the address at its end, or end the redirect."
        )
    if status != httpx.codes.OK:
        return failed(f"the webhook answers a ping with {status}", NO_ANSWER)
    return None


def _ping(client: httpx.Client, url: str, key: bytes) -> httpx.Response:
    """Send a ping.

    Raises:
        httpx.HTTPError: no answer came.
    """
    body = b'{"type":"ping"}'
    headers = signature_headers(key, f"evt_{secrets.token_hex(12)}", now(), body)
    return client.post(url, content=body, headers={"Content-Type": "application/json", **headers})
