"""Posts signed messages to an address of the organisation, and says what an answer means for them.

On the platforms a message that may have arrived is never sent again. Here it is: it comes under the
same id, and the receiver's part is to take an id once. Whatever speaks of the address, the key or
the moment is tried again until 24 hours are over; only what the receiver says of this message
itself ends it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from bot.channels.signing import signature_headers
from bot.messaging.outbox import Outcome
from knowledge.schema import now

CONNECT_SECONDS = 3.0
SEND_SECONDS = 15.0
MOST_ANSWERED = 65_536
"""What is read of an answer, so that its connection can be used again; nobody looks at it."""
GONE = 410
PASSING = frozenset({401, 403, 404, 405, 407, 408, 421, 425, 429})
"""Refusals that speak of the address, the key or the moment, and not of the message."""
EVERYBODY = frozenset({429, 502, 503, 504})
"""Whoever is next would be refused as well."""


@dataclass(frozen=True)
class Target:
    """Where messages are posted.

    Attributes:
        url: the address.
        keys: sign what is posted; two while one follows the other.
    """

    url: str
    keys: tuple[bytes, ...] = field(repr=False)

    @property
    def credentials(self) -> str:
        """What calls are made with; where one was refused for good, another one may work."""
        keys = hashlib.sha256(b" ".join(self.keys)).hexdigest()
        return f"{self.url} {keys}"


class SignedPosts:
    """Posts messages; safe to share between threads."""

    def __init__(
        self,
        target: Callable[[], Target],
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Prepare a client.

        Args:
            target: gives address and keys as they are set now.
            transport: what carries the requests; the network by default.
            clock: tells the time.
        """
        self.target = target
        self._clock = clock
        self._client = httpx.Client(
            transport=transport,
            # What stays on this machine goes by no proxy; the rest may be reached by it only.
            mounts={"http://": transport},
            timeout=httpx.Timeout(SEND_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
        )

    @property
    def credentials(self) -> str:
        """What calls are made with now."""
        return self.target().credentials

    def show_activity(self, person: str, sign: str) -> None:
        """Do nothing: there is no call for it."""

    def post(self, body: bytes, message_id: str) -> Outcome:
        """Post a body; whatever happens, an outcome comes back.

        Args:
            body: JSON.
            message_id: by which the receiver knows a message that comes twice.
        """
        target = self.target()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Citewell",
            **signature_headers(target.keys, message_id, self._clock(), body),
        }
        try:
            with self._client.stream("POST", target.url, content=body, headers=headers) as response:
                self._drain(response)
                return read_outcome(
                    response.status_code,
                    response.headers.get("Retry-After", ""),
                    message_id,
                    self._clock(),
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Outcome("waiting", "not_connected", holds=True)
        except httpx.TimeoutException:
            # Held: a receiver that hangs would keep the messages of all other platforms waiting.
            return Outcome("waiting", "timed_out", holds=True)
        except httpx.InvalidURL:
            return Outcome("waiting", "bad_address", stops=True)
        except httpx.HTTPError as error:
            return Outcome("waiting", type(error).__name__)

    def _drain(self, response: httpx.Response) -> None:
        """Read an answer away; what its status says counts, whatever becomes of its body."""
        end, size = time.monotonic() + SEND_SECONDS, 0
        try:
            for part in response.iter_raw():
                size += len(part)
                if size > MOST_ANSWERED or time.monotonic() > end:
                    return
        except httpx.HTTPError:
            return


def read_outcome(status: int, retry_after: str, message_id: str, at: datetime) -> Outcome:
    """Return what an answer means for the message.

    Args:
        status: of HTTP.
        retry_after: the header, or "".
        message_id: what the message is called.
        at: the time now.
    """
    if 200 <= status < 300:
        return Outcome("sent", message_id=message_id)
    code = f"status_{status}"
    if status == GONE:
        return Outcome("waiting", code, stops=True)
    if 400 <= status < 500 and status not in PASSING:
        return Outcome("failed", code)
    return Outcome("waiting", code, after=_seconds(retry_after, at), holds=status in EVERYBODY)


def _seconds(retry_after: str, at: datetime) -> float:
    """Return how many seconds to wait, which the header tells as such or as a date."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - at).total_seconds())
    except (ValueError, TypeError):  # it has no date, or one without a zone
        return 0.0
