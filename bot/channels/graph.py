"""Meta's Graph API beside its Send call: how things are set up there, read and changed.

Every call is made with ``appsecret_proof``. A token goes in a header; no message of an error has
one, whatever Meta repeats of it.

Errors::

    GraphProblem           the call was refused, or nothing answered
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bot.channels.answers import number_of, read_object
from bot.channels.meta import LIMITED, TOKEN, appsecret_proof

CONNECT_SECONDS = 5.0
CALL_SECONDS = 15.0
PROOF_REFUSED = "appsecret_proof"
"""Meta has no code of its own for it: "Invalid appsecret_proof provided in the API argument"."""
LOOKS_SECRET = re.compile(r"EAA[A-Za-z0-9]{12,}|\b[0-9a-f]{64}\b|\b\d{5,}\|\S+")
SHOWN = 4
MOST_OF_A_MESSAGE = 300

OF_A_PAGE = (
    "pages_messaging and pages_manage_metadata for this Page; the person who does so needs full "
    "control of it"
)
TOKEN_SUBCODES = {
    458: "The app was removed from the Page or the person's account",
    459: "The person who made the token has to log in to Facebook and confirm something there",
    460: "The person who made the token has changed their password",
    463: "The token has expired",
    464: "The person who made the token has to confirm their Facebook account",
    467: "The token was withdrawn",
    492: "The person who made the token has no role on the Page any more",
}
"""https://developers.facebook.com/docs/graph-api/guides/error-handling"""


class GraphProblem(Exception):
    """A call of the Graph API did not succeed; the message is a sentence without a secret.

    Attributes:
        code: Meta's code; 0 where there was none.
        subcode: its finer one; 0 where there was none.
        is_refused: whether Meta answered at all.
    """

    def __init__(
        self, message: str, code: int = 0, subcode: int = 0, *, is_refused: bool = True
    ) -> None:
        super().__init__(message)
        self.code, self.subcode, self.is_refused = code, subcode, is_refused

    @property
    def is_of_token(self) -> bool:
        """Whether the token is not taken."""
        return self.code in TOKEN

    @property
    def is_of_rate(self) -> bool:
        """Whether there were too many calls."""
        return self.code in LIMITED

    @property
    def is_of_proof(self) -> bool:
        """Whether token and App Secret are of different apps."""
        return self.is_refused and PROOF_REFUSED in str(self)


@dataclass(frozen=True)
class GraphAnswer:
    """An answer of the Graph API.

    Attributes:
        body: the object that came.
        version: by which version Meta answered, such as "v25.0"; "" where it did not say.
    """

    body: dict[str, Any]
    version: str


class Graph:
    """Calls with one token; safe to share between threads."""

    def __init__(
        self,
        url: str,
        token: str,
        app_secret: str,
        transport: httpx.BaseTransport | None = None,
        seconds: float = CALL_SECONDS,
    ) -> None:
        """Prepare a client.

        Args:
            url: of the Graph API, with its version.
            token: an access token of a Page, a system user or an app.
            app_secret: of the app that the token is of.
            transport: what carries the requests; the network by default.
            seconds: how long an answer may take.
        """
        self._url, self._token, self._app_secret = url, token, app_secret
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        self._client = connected(url, transport, timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **parameters: str) -> GraphAnswer:
        """Read something.

        Raises:
            GraphProblem: it cannot be read.
        """
        return self._call("GET", path, parameters)

    def post(self, path: str, content: Mapping[str, object]) -> GraphAnswer:
        """Set something.

        Raises:
            GraphProblem: it cannot be set, or nobody knows whether it was.
        """
        return self._call("POST", path, {}, content)

    def delete(self, path: str, content: Mapping[str, object]) -> GraphAnswer:
        """Delete something.

        Raises:
            GraphProblem: it cannot be deleted, or nobody knows whether it was.
        """
        return self._call("DELETE", path, {}, content)

    def _call(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        content: Mapping[str, object] | None = None,
    ) -> GraphAnswer:
        proof = {"appsecret_proof": appsecret_proof(self._token, self._app_secret)}
        try:
            response = self._client.request(
                method,
                f"{self._url}/{path}",
                params={**parameters, **proof} if content is None else None,
                json=None if content is None else {**content, **proof},
                headers={"Authorization": f"Bearer {self._token}"},
            )
        except httpx.HTTPError as error:
            raise GraphProblem(self._unreachable(error), is_refused=False) from error
        body = read_object(response.content)
        if body is None:
            raise GraphProblem(
                f"What answers at {httpx.URL(self._url).host} is not the Graph API (status "
                f"{response.status_code}, no JSON).",
                is_refused=False,
            )
        said = body.get("error")
        if isinstance(said, dict) or response.status_code != httpx.codes.OK:
            raise self._refused(response.status_code, said if isinstance(said, dict) else {})
        return GraphAnswer(body, response.headers.get("facebook-api-version", ""))

    def _unreachable(self, error: httpx.HTTPError) -> str:
        host = httpx.URL(self._url).host
        if isinstance(error, httpx.ConnectTimeout):
            return f"No connection to {host} came about in time."
        if isinstance(error, httpx.ConnectError):
            return f"No connection to {host} ({self.without_secrets(str(error))})."
        if isinstance(error, httpx.TimeoutException):
            return f"{host} did not answer in time."
        return f"The connection to {host} broke ({type(error).__name__})."

    def _refused(self, status: int, error: Mapping[str, Any]) -> GraphProblem:
        code, subcode = number_of(error.get("code")), number_of(error.get("error_subcode"))
        said = self.without_secrets(str(error.get("message") or ""))
        named = f"code {code}" + (f", subcode {subcode}" if subcode else "") if code else ""
        head = ", ".join(part for part in (f"status {status}", named) if part)
        return GraphProblem(f"Meta refused it ({head}). {said}".strip(), code, subcode)

    def without_secrets(self, text: str) -> str:
        """Return a text of somebody else as one short line in which no secret can be read."""
        for secret in (self._token, self._app_secret):
            text = text.replace(secret, last_letters(secret))
        text = LOOKS_SECRET.sub(lambda found: last_letters(found[0]), text)
        return "".join(sign if sign.isprintable() else " " for sign in text)[:MOST_OF_A_MESSAGE]


def connected(
    url: str, transport: httpx.BaseTransport | None, timeout: httpx.Timeout
) -> httpx.Client:
    """Return a client for the Graph API.

    Args:
        url: of the Graph API.
        transport: what carries the requests; the network where it is None.
        timeout: how long a call may take.
    """
    return httpx.Client(
        transport=transport,
        # The proxy of the machine's environment is used: Meta may be reached by it only.
        trust_env=url.startswith("https:"),
        timeout=timeout,
    )


def last_letters(secret: str) -> str:
    """Return as much of a secret as tells it from another one."""
    return f"…{secret[-SHOWN:]}" if len(secret) >= SHOWN * 4 else "…"


def what_to_do(problem: GraphProblem, token_setting: str, grant: str = OF_A_PAGE) -> str:
    """Return what helps against a refusal, as a sentence.

    Args:
        problem: the refusal.
        token_setting: name of the setting that holds the token.
        grant: what has to be granted with it, and by whom.
    """
    if not problem.is_refused:
        return (
            "Can this machine reach that address? A proxy is taken from HTTPS_PROXY. Is the "
            "setting of the API's address right, if you set it?"
        )
    if problem.is_of_token:
        why = TOKEN_SUBCODES.get(problem.subcode, "The token is not one that Meta takes")
        return f"{why}. Make a new one and set {token_setting}."
    if problem.is_of_proof:
        return (
            f"{token_setting} and the App Secret are of different apps, or one has a wrong letter: "
            "compare the App Secret with App settings > Basic."
        )
    if problem.is_of_rate:
        return "Too many calls: wait ten minutes, then try again."
    if problem.code in {10, 200} or 200 <= problem.code < 300:
        return f"A permission is missing. Make the token anew and grant {grant}."
    if problem.code in {1, 2}:
        return "That is Meta's own trouble: try again in some minutes."
    return "Try again; if it stays, look up the code in Meta's page “Error Codes”."
