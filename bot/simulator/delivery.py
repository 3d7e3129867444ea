"""Deliver the body of a webhook to the bot, again and again until it says 200.

Meta wants 200 within 5 seconds and repeats a delivery "immediately" and "a few more times" without:
https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks. How
often and how soon is not told, so the pauses are ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

ACKNOWLEDGE_SECONDS = 5.0
PAUSES = (0.0, 1.0, 5.0)
"""Seconds before the second, third and fourth attempt; after that a delivery is lost."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver.

    Attributes:
        status: what the webhook answered; None where no answer came in time.
        seconds: how long it took.
    """

    status: int | None
    seconds: float

    @property
    def is_acknowledged(self) -> bool:
        """Whether the platform takes this as received."""
        return self.status == httpx.codes.OK and self.seconds <= ACKNOWLEDGE_SECONDS

    @property
    def problem(self) -> str:
        """What was wrong, as a sentence; empty where nothing was."""
        if self.is_acknowledged:
            return ""
        if self.status is None:
            return "The webhook gave no answer within 5 seconds, or nothing listens there."
        if self.status == httpx.codes.OK:
            return f"The webhook answered after {self.seconds:.1f} seconds; 5 are allowed."
        return f"The webhook answered {self.status}, not 200."


class Webhook:
    """The bot's webhook as a platform sees it; safe to share between threads."""

    def __init__(
        self,
        url: str,
        headers: Callable[[bytes], Mapping[str, str]],
        pauses: Sequence[float] = PAUSES,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Prepare a client.

        Args:
            url: address of the webhook.
            headers: returns the headers that go with a body, its signature among them.
            pauses: seconds before each repetition.
            sleep: waits for seconds.
        """
        self.url = url
        self._headers, self._pauses, self._sleep = headers, tuple(pauses), sleep
        # No proxy: what people type must stay on this machine.
        self._client = httpx.Client(timeout=ACKNOWLEDGE_SECONDS, trust_env=False)

    def deliver(self, body: bytes) -> tuple[Attempt, ...]:
        """Send one body until it is acknowledged or the pauses are used up; return the attempts."""
        attempts = [self.attempt(body, self._headers(body))]
        for pause in self._pauses:
            if attempts[-1].is_acknowledged:
                break
            self._sleep(pause)
            attempts.append(self.attempt(body, self._headers(body)))
        return tuple(attempts)

    def attempt(self, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """Send one body once."""
        start = time.monotonic()
        try:
            response = self._client.post(self.url, content=body, headers=dict(headers))
        except httpx.HTTPError:
            return Attempt(None, time.monotonic() - start)
        return Attempt(response.status_code, time.monotonic() - start)

    def get(self, parameters: Mapping[str, str]) -> httpx.Response:
        """Send a GET.

        Raises:
            httpx.HTTPError: no answer came.
        """
        return self._client.get(self.url, params=dict(parameters))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
