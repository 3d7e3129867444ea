"""What the calls that send on Messenger and on WhatsApp have in common."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from bot.channels.graph import connected
from bot.messaging.outbox import Outcome

CONNECT_SECONDS = 3.0
SEND_SECONDS = 15.0
ACTION_SECONDS = 2.0


class GraphSender:
    """Makes such calls; safe to share between threads."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        app_secret: str,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client.

        Args:
            url: of the Graph API, with its version.
            token: gives the access token as it is set now.
            app_secret: proves that a call is the app's own.
            transport: what carries the requests; the network by default.
        """
        self._url, self._token, self._app_secret = url, token, app_secret
        self._client = connected(url, transport, timeout_of(SEND_SECONDS))

    @property
    def credentials(self) -> str:
        """What calls are made with now; another one may work where this one was refused."""
        return self._token()


def of_status(status: int, after: float = 0.0) -> Outcome:
    """Return what an answer without an error of Meta's means for the message.

    Args:
        status: of the answer, which is none that tells that the message was taken.
        after: seconds that are asked for.
    """
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Outcome("waiting", "status_429", after=after, holds=True)
    return Outcome("failed" if 400 <= status < 500 else "unknown", f"status_{status}")


def timeout_of(seconds: float) -> httpx.Timeout:
    """Return how long a call may take, of which making the connection is a part."""
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
