"""The public address of this installation, as far as it can be seen from here."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from bot.addresses import LOOPBACK
from bot.doctor.common import SECONDS, LookAtWebhook
from bot.doctor.findings import Seen, failed, ok, warning

SOON_DAYS = 14
FROM_ELSEWHERE = (
    "Many networks do not let a machine reach its own public address: try the address from a phone "
    "without Wi-Fi. If it does not answer there either, look at firewall and port 443."
)


@dataclass(frozen=True)
class PublicAddress:
    """Where the internet reaches this installation.

    Attributes:
        url: without a path.
        source: where it was taken from.
        tls: what is trusted; the machine's certificates by default.
        seconds: how long each step may take.
    """

    url: str
    source: str
    tls: ssl.SSLContext | None = None
    seconds: float = SECONDS

    @property
    def is_here(self) -> bool:
        """Whether only this machine reaches it."""
        return urlsplit(self.url).hostname in LOOPBACK

    def look(self) -> Seen:
        """Tell whether the address is one that a platform would call."""
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if not host or parts.scheme not in {"http", "https"}:
            return failed(f"{self.url!r} is no address", "Write https://chat.example.org")
        told = f"{self.url} ({self.source})"
        if parts.scheme == "https":
            return ok(told)
        if self.is_here:
            return warning(
                f"{told} is reached by this machine only",
                "That does for a stand-in. Meta needs an https address that the internet reaches.",
            )
        return failed(
            f"{told} is not https", "Platforms call https only: put a certificate in front."
        )

    def look_at_certificate(self, now: datetime | None = None) -> Seen:
        """Tell whether the certificate is valid, and for how long."""
        parts = urlsplit(self.url)
        if parts.scheme != "https":
            return ok("none is needed on this machine")
        host = parts.hostname or ""
        try:
            until = self._end_of_certificate(host, parts.port or 443)
        except ssl.SSLCertVerificationError as error:
            return failed(
                f"the certificate of {host} is not valid: {error.verify_message}",
                "Platforms refuse it: renew it, and serve it with its whole chain.",
            )
        except ssl.SSLError as error:
            return failed(
                f"{host} does not speak https there ({error.reason or 'TLS'})",
                "Look at what listens on that port.",
            )
        except socket.gaierror:
            return failed(f"the name {host} is not known", "Look at its DNS record.")
        except ConnectionRefusedError:
            return failed(f"{host} refuses the connection", FROM_ELSEWHERE)
        except OSError as error:
            return warning(f"{host} cannot be reached from here ({_reason(error)})", FROM_ELSEWHERE)
        days = (until - (now or datetime.now(UTC))).days
        told = f"valid for {days} more days, until {until:%Y-%m-%d}"
        if days < SOON_DAYS:
            return warning(told, "Renew it now, and see why that did not happen by itself.")
        return ok(told)

    def _end_of_certificate(self, host: str, port: int) -> datetime:
        context = self.tls or ssl.create_default_context()
        with (
            socket.create_connection((host, port), timeout=self.seconds) as raw,
            context.wrap_socket(raw, server_hostname=host) as connection,
        ):
            # Verified, so it is there and has an end.
            ends = (connection.getpeercert() or {})["notAfter"]
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC)

    def look_at_webhook(self, path: str, look: LookAtWebhook) -> Seen:
        """Call a webhook through the public address, as the platform does.

        Args:
            path: of the webhook.
            look: calls it, and tells what it saw.
        """
        url = f"{self.url}{path}"
        try:
            with httpx.Client(
                timeout=self.seconds, verify=self.tls or True, trust_env=not self.is_here
            ) as client:
                return look(client, url)
        except httpx.HTTPError as error:
            return warning(
                f"{url} gave no answer within {self.seconds:g} seconds ({type(error).__name__})",
                "Does Citewell listen on that port?" if self.is_here else FROM_ELSEWHERE,
            )


def _reason(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else error.strerror or "OSError"
