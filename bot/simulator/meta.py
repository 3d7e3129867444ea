"""What the stand-ins of Meta's platforms share: the webhook's handshake, signed deliveries, faults.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx

from bot.simulator.delivery import Attempt
from bot.simulator.graph import signature_headers
from bot.simulator.misbehaviour import Fault
from bot.simulator.stand_in import Listening, StandIn

BATCH = 1000
"""Events of one delivery at most, on the page above."""


class MetaStandIn(StandIn):
    """A platform of Meta."""

    def __init__(
        self,
        webhook_url: str,
        app_secret: str,
        verify_token: str,
        faults: Mapping[str, Fault],
        listening: Listening,
    ) -> None:
        """Begin to listen, and answer after ``start``.

        Args:
            webhook_url: where the bot takes events.
            app_secret: signs deliveries.
            verify_token: what the bot proves itself with in the handshake.
            faults: what can go wrong, by name.
            listening: where, and how.

        Raises:
            PortTaken: the port cannot be used.
        """
        super().__init__(webhook_url, faults, listening)
        self._app_secret, self._verify_token = app_secret, verify_token
        self._background = ThreadPoolExecutor(1, thread_name_prefix="receipts")

    def close(self) -> None:
        """Stop, without waiting for calls that are held up."""
        self._closing.set()
        self._background.shutdown(cancel_futures=True)
        super().close()

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers that go with a delivery."""
        return signature_headers(self._app_secret, body)

    def verify(self) -> str:
        """Do the handshake by which Meta makes sure of a webhook.

        Returns:
            What is wrong, as a sentence; empty where all is well.
        """
        challenge = str(secrets.randbelow(10**10))
        try:
            response = self._challenge(challenge, self._verify_token)
        except httpx.HTTPError:
            return f"Nothing answers at {self.webhook.url}: start the bot, then try again."
        if response.status_code == httpx.codes.NOT_FOUND:
            return f"There is no webhook at {self.webhook.url}: is the channel switched on?"
        if response.status_code == httpx.codes.FORBIDDEN:
            return "The webhook refused the verify token: the bot was started with another one."
        if response.status_code != httpx.codes.OK:
            return f"The webhook answered the verification with {response.status_code}, not 200."
        if response.text != challenge:
            return "The webhook did not repeat the challenge, and nothing but it."
        return ""

    def takes_wrong_token(self) -> bool:
        """Tell whether the webhook repeats a challenge to somebody who does not know the token.

        Raises:
            httpx.HTTPError: no answer came.
        """
        challenge = str(secrets.randbelow(10**10))
        response = self._challenge(challenge, f"{self._verify_token}x")
        return response.status_code == httpx.codes.OK or challenge in response.text

    def forge(self, body: bytes, *, is_signed: bool) -> Attempt:
        """Deliver what Meta did not sign: without a signature, or with one of another app."""
        headers = {"Content-Type": "application/json"}
        if is_signed:
            headers = signature_headers(f"{self._app_secret}x", body)
        return self.webhook.attempt(body, headers)

    def later(self, tell: Callable[[], object]) -> None:
        """Do something after the call that is being answered."""
        with suppress(RuntimeError):  # closed in the meantime
            self._background.submit(tell)

    def _challenge(self, challenge: str, token: str) -> httpx.Response:
        return self.webhook.get(
            {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
        )
