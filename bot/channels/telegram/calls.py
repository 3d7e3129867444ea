"""Calls of Telegram's Bot API, with the token kept out of sight.

Telegram wants the token in the address of a call, and addresses are what clients write into logs
and errors. So requests are made without it, and it is put in on their way out, behind all that.

Errors::

    TelegramProblem        Telegram refused a call, or nothing answered
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from bot.channels.answers import read_object

CONNECT_SECONDS = 3.0
TOKEN = frozenset({401, 404, 421})
"""Statuses of a token that is not taken: withdrawn, of no known form, of a bot served elsewhere."""
MOST_OF_A_SENTENCE = 300


class TelegramProblem(Exception):
    """A call did not succeed; the message is a sentence without a secret.

    Attributes:
        status: what Telegram answered; 0 where nothing answered.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_of_token(self) -> bool:
        """Whether the token is not taken."""
        return self.status in TOKEN


class WithToken(httpx.BaseTransport):
    """Puts the token into the address of each request that leaves."""

    def __init__(self, token: Callable[[], str], inner: httpx.BaseTransport) -> None:
        """Take what gives the token as it is set now, and what carries the requests."""
        self._token, self._inner = token, inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a copy of a request; the one that is known outside stays as it is."""
        before, _, method = request.url.path.rpartition("/")
        url = request.url.copy_with(path=f"{before}/bot{self._token()}/{method}")
        leaving = httpx.Request(
            request.method,
            url,
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return self._inner.handle_request(leaving)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class Calls:
    """Makes calls as a bot; safe to share between threads."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client.

        Args:
            url: of the Bot API, without a slash at the end.
            token: gives the bot's token as it is set now.
            transport: what carries the requests; the network by default.
        """
        self._url, self._token = url, token
        inner = transport or httpx.HTTPTransport(proxy=_proxy(url))
        self._client = httpx.Client(transport=WithToken(token, inner))

    def post(self, method: str, parameters: Mapping[str, object], seconds: float) -> httpx.Response:
        """Make a call.

        Args:
            method: of the Bot API, such as "sendMessage".
            parameters: of the call.
            seconds: how long an answer may take.

        Raises:
            httpx.HTTPError: no answer came.
        """
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        return self._client.post(
            f"{self._url}/{method}",
            # Escaped: so even half an emoji leaves, to be refused, and breaks nothing here.
            content=json.dumps(dict(parameters)),
            headers={"Content-Type": "application/json"},
            timeout=timeout,
        )

    def result(self, method: str, parameters: Mapping[str, object], seconds: float) -> Any:
        """Make a call and return its result.

        Raises:
            TelegramProblem: Telegram refused it, or nothing answered.
        """
        host = httpx.URL(self._url).host
        try:
            response = self.post(method, parameters, seconds)
        except httpx.ConnectError as error:
            raise TelegramProblem(f"No connection to {host} ({error}).") from error
        except httpx.TimeoutException as error:
            raise TelegramProblem(f"{host} did not answer in time.") from error
        except httpx.HTTPError as error:
            name = type(error).__name__
            raise TelegramProblem(f"The connection to {host} broke ({name}).") from error
        answer, status = read_object(response.content) or {}, response.status_code
        if answer.get("ok") is True:
            return answer.get("result")
        if "ok" not in answer:
            raise TelegramProblem(f"{host} answered {status}, and not as Telegram does.", status)
        said = str(answer.get("description", ""))[:MOST_OF_A_SENTENCE].replace(self._token(), "…")
        shown = "".join(sign if sign.isprintable() else " " for sign in said)
        raise TelegramProblem(f"Telegram refused {method} ({status}): {shown}", status)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _proxy(url: str) -> str | None:
    """Return the proxy of the machine's environment: Telegram may be reached by it only."""
    parts = httpx.URL(url)
    if parts.scheme != "https" or proxy_bypass(parts.host):
        return None
    proxies = getproxies()
    return proxies.get("https") or proxies.get("all")
