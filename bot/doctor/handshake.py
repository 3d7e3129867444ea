"""Meta's handshake with a webhook, here or through its public address."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from bot.doctor.common import lets_strangers_in, no_webhook
from bot.doctor.findings import Seen, failed, ok


@dataclass(frozen=True)
class Handshake:
    """Proves that a webhook is ours, as Meta has it done.

    Attributes:
        verify_token: what it is done with.
        verify_setting: the setting that holds it.
    """

    verify_token: str
    verify_setting: str

    def seen_here(self, client: httpx.Client, url: str) -> Seen:
        """Tell whether a webhook does what Meta asks of it, and nothing for anybody else.

        Raises:
            httpx.HTTPError: no answer came.
        """
        return (
            self._problem(client, url)
            or self._problem_of_strangers(client, url)
            or ok("takes the verify token, and refuses a wrong one and what is not signed")
        )

    def seen_from_outside(self, client: httpx.Client, url: str) -> Seen:
        """Tell whether a webhook does what Meta asks of it, and how soon.

        Raises:
            httpx.HTTPError: no answer came.
        """
        started = time.monotonic()
        problem = self._problem(client, url)
        return problem or ok(
            f"{url} does the handshake in {time.monotonic() - started:.1f} seconds"
        )

    def _problem(self, client: httpx.Client, url: str) -> Seen | None:
        """Do the handshake as Meta does; return what is wrong, if anything is."""
        challenge = str(secrets.randbelow(10**10))
        response = client.get(url, params=_asked(self.verify_token, challenge))
        status = response.status_code
        if status == httpx.codes.FORBIDDEN:
            return failed(
                "the webhook refuses the verify token",
                f"What answers there was started with another {self.verify_setting}, or something "
                "in front of it refuses: start Citewell anew with these settings.",
            )
        if status == httpx.codes.NOT_FOUND:
            return no_webhook(url, "The platform")
        if response.is_redirect:
            to = response.headers.get("location", "")
            return failed(
                f"{url} redirects to {urlsplit(to)._replace(query='').geturl()}",
                "Meta does not follow. Enter the address at its end, or end the redirect.",
            )
        if status != httpx.codes.OK or response.text != challenge:
            return failed(
                f"the webhook answers the handshake with status {status} and "
                f"{'another text' if status == httpx.codes.OK else 'no challenge'}",
                "Something else than Citewell answers there, or a proxy changes the answer.",
            )
        return None

    def _problem_of_strangers(self, client: httpx.Client, url: str) -> Seen | None:
        asked = _asked(secrets.token_urlsafe(16), "1")
        taken = client.get(url, params=asked).status_code
        unsigned = client.post(url, json={"object": "page", "entry": []}).status_code
        wrong = {"a wrong verify token": taken, "a delivery without a signature": unsigned}
        let_in = [name for name, status in wrong.items() if status != httpx.codes.FORBIDDEN]
        if not let_in:
            return None
        return lets_strangers_in(f"{' and '.join(let_in)} is not answered with 403")


def _asked(token: str, challenge: str) -> dict[str, str]:
    return {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
