"""The calls of WhatsApp's Cloud API, and what its answers mean for a message.

The codes are those of Meta's page "Error codes":
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes. What
it does not name as refused may have arrived all the same, so such a message is not sent again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from bot.channels import meta
from bot.channels.answers import no_answer, read_object
from bot.channels.graph_sender import (
    ACTION_SECONDS,
    SEND_SECONDS,
    GraphSender,
    of_status,
    timeout_of,
)
from bot.messaging.outbox import Outcome

WA_ID = re.compile(r"[0-9]+")
"""A number; other ids of people begin with a country's code and a dot."""

AUTH = 0
"""The app could not be authenticated, with status 401."""
CLOSED = 131047
"""The person wrote more than 24 hours ago."""
PAIR = 131056
"""Too many messages to this person; others go on."""
PAIR_SECONDS = 6.0
"""Meta lets one message through in six seconds, after a burst."""
LIMITED = meta.LIMITED | {80007, 130429}
"""Too many calls, of the account and of the number."""
MAINTENANCE = 131057
"""The number is being moved to more throughput, which takes minutes."""
HALTED = frozenset({3, 10, 33, 368, 131005, 131031, 131037, 131042, 131045, 131048, 133010})
"""A permission, the account or the number is not in order: no message of anybody is taken until
somebody has seen to it, and then those that wait are. 200 to 299 are permissions as well."""
HALTED_SECONDS = 900.0
UNCERTAIN = meta.UNCERTAIN | {131000, 131016}
"""Unexpected errors and outages; a message may have arrived with one."""


class CloudApi(GraphSender):
    """Sends messages from one number; safe to share between threads."""

    def __init__(
        self,
        url: str,
        phone_number_id: str,
        token: Callable[[], str],
        app_secret: str,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client.

        Args:
            url: of the Graph API, with its version.
            phone_number_id: the number that messages come from.
            token: gives the access token as it is set now.
            app_secret: proves that a call is the app's own.
            transport: what carries the requests; the network by default.
        """
        super().__init__(url, token, app_secret, transport)
        self._number = phone_number_id

    def show_activity(self, person: str, sign: str) -> None:
        """Mark a message as read and show that a reply is being written, where that can be done.

        Args:
            person: not needed here.
            sign: the message.
        """
        if not sign:
            return
        content = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": sign,
            "typing_indicator": {"type": "text"},
        }
        try:
            self._post(content, ACTION_SECONDS)
        except httpx.HTTPError:
            return

    def send(self, person: str, payload: Mapping[str, object], key: str) -> Outcome:
        """Send one message; whatever happens, an outcome comes back.

        Args:
            person: to whom.
            payload: the message.
            key: not needed: WhatsApp cannot tell a message that it has already.
        """
        try:
            response = self._post({**payload, **_recipient(person)}, SEND_SECONDS)
        except httpx.HTTPError as error:
            return no_answer(error)
        after = _seconds(response.headers.get("retry-after", ""))
        return read_outcome(response.status_code, response.content, after)

    def _post(self, content: Mapping[str, object], seconds: float) -> httpx.Response:
        """Post JSON; the token stands in no address, hence in no log."""
        token = self._token()
        return self._client.post(
            f"{self._url}/{self._number}/messages",
            params={"appsecret_proof": meta.appsecret_proof(token, self._app_secret)},
            headers={"Authorization": f"Bearer {token}"},
            json=content,
            timeout=timeout_of(seconds),
        )


def _recipient(person: str) -> dict[str, str]:
    """Return whom a message goes to: a number, or somebody who has a user name instead of one."""
    return {"to": person} if WA_ID.fullmatch(person) else {"recipient": person}


def read_outcome(status: int, body: bytes, after: float = 0.0) -> Outcome:
    """Return what an answer means for the message.

    Args:
        status: of the answer.
        body: of the answer.
        after: seconds that WhatsApp asks to wait.
    """
    answer = read_object(body) or {}
    error = answer.get("error")
    if isinstance(error, dict):
        return _refused(status, error.get("code"), after)
    if status == httpx.codes.OK:
        message_id = _message_id(answer)
        return Outcome("sent", message_id=message_id) if message_id else _unknown("no_message_id")
    return of_status(status, after)


def _refused(status: int, code: object, after: float) -> Outcome:
    """Return what an error means; one that is not known and not the caller's fault is uncertain."""
    if not isinstance(code, int) or isinstance(code, bool):
        return _unknown("error_without_code")
    name = f"error_{code}"
    if code in meta.TOKEN or (code == AUTH and status == httpx.codes.UNAUTHORIZED):
        return Outcome("failed", name, stops=True)
    if code == CLOSED:
        return Outcome("late", name)
    wait = _wait(code)
    if wait is not None:
        return Outcome("waiting", name, after=max(wait, after), holds=code != PAIR)
    if code in UNCERTAIN or status >= 500 or code == AUTH:
        return _unknown(name)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Outcome("waiting", name, after=after, holds=True)
    return Outcome("failed", name)


def _wait(code: int) -> float | None:
    """Return the seconds until a refused message is worth another call, None for all others."""
    if code == PAIR:
        return PAIR_SECONDS
    if code in HALTED or 200 <= code < 300:
        return HALTED_SECONDS
    if code == MAINTENANCE:
        return 60.0
    return 0.0 if code in LIMITED else None


def _unknown(code: str) -> Outcome:
    return Outcome("unknown", code)


def _message_id(answer: Mapping[str, Any]) -> str:
    """Return what WhatsApp calls a message that it took, "" where it does not say."""
    messages = answer.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    found = first.get("id") if isinstance(first, dict) else None
    return found if isinstance(found, str) else ""


def _seconds(header: str) -> float:
    """Return what a ``retry-after`` says in seconds; dates are not used by Meta."""
    return float(header) if re.fullmatch(r"[0-9]{1,6}", header) else 0.0
