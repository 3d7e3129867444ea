"""Messenger's Send API: one call, and what its answer means for the message.

The errors are those of Meta's page "Common Error Codes" and of its reference of Page messages. What
it does not name as refused may have arrived all the same: a message that came with an error is
documented (1, 1357046), so such a one is not sent again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx

from bot.channels import meta
from bot.messaging.outbox import Outcome

CONNECT_SECONDS = 3.0
SEND_SECONDS = 15.0
ACTION_SECONDS = 2.0
ACTIONS = ("mark_seen", "typing_on")
CONTROLS = ("pass_thread_control", "take_thread_control")
"""Calls that move a conversation between apps, beside those that send."""
NO_ID = "no_message_id"
ONE_PERSON = 613
"""Too many messages in one conversation; others go on."""
CLOSED = frozenset({1545041, 2018278, 2534022})
"""Subcodes: the person wrote more than 24 hours ago."""


class SendApi:
    """Sends messages as a Page; safe to share between threads."""

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
            token: gives the Page's access token as it is set now.
            app_secret: proves that a call is the app's own.
            transport: what carries the requests; the network by default.
        """
        self._token = token
        self._app_secret = app_secret
        self._client = httpx.Client(
            transport=transport,
            # The proxy of the machine's environment is used: Meta may be reached by it only.
            trust_env=url.startswith("https:"),
            timeout=httpx.Timeout(SEND_SECONDS, connect=CONNECT_SECONDS),
        )
        self._url = f"{url}/me"

    @property
    def credentials(self) -> str:
        """What calls are made with now; another one may work where this one was refused."""
        return self._token()

    def show_activity(self, person: str, sign: str) -> None:
        """Show that the message was seen and a reply is coming, where that can be done.

        Args:
            person: who waits.
            sign: nothing here.
        """
        for action in ACTIONS:
            try:
                self._post(person, {"sender_action": action}, ACTION_SECONDS)
            except httpx.HTTPError:
                return

    def send(self, person: str, payload: Mapping[str, object], key: str) -> Outcome:
        """Send one message; whatever happens, an outcome comes back.

        Args:
            person: whom it goes to.
            payload: a message as the reference has it.
            key: nothing here: Messenger recognises no message that comes twice.
        """
        control = next((call for call in CONTROLS if call in payload), None)
        if control is not None:
            return self._move(person, control, payload[control])
        fields = {
            "messaging_type": "RESPONSE",
            "message": json.dumps(payload, ensure_ascii=False),
        }
        try:
            response = self._post(person, fields, SEND_SECONDS)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Outcome("waiting", "not_connected")
        except httpx.TimeoutException:
            return Outcome("unknown", "timed_out")
        except httpx.HTTPError as error:
            return Outcome("unknown", type(error).__name__)
        outcome = read_outcome(response.status_code, response.content)
        if outcome.holds:
            return replace(outcome, after=meta.regain_seconds(response.headers))
        return outcome

    def _move(self, person: str, control: str, values: object) -> Outcome:
        """Pass a conversation to another app, or take it back; both may be done twice."""
        fields = dict(values) if isinstance(values, Mapping) else {}
        try:
            response = self._post(person, fields, SEND_SECONDS, control)
        except httpx.HTTPError as error:
            return Outcome("waiting", type(error).__name__)
        outcome = read_outcome(response.status_code, response.content)
        if outcome.state != "unknown":
            return outcome
        if response.status_code == httpx.codes.OK and outcome.code == NO_ID:
            return Outcome("sent")
        return Outcome("waiting", outcome.code)

    def _post(
        self, person: str, fields: Mapping[str, str], seconds: float, call: str = "messages"
    ) -> httpx.Response:
        """Post a form, as the reference does: so the token stands in no address, hence no log."""
        token = self._token()
        form = {
            "recipient": json.dumps({"id": person}),
            **fields,
            "access_token": token,
            "appsecret_proof": meta.appsecret_proof(token, self._app_secret),
        }
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        return self._client.post(f"{self._url}/{call}", data=form, timeout=timeout)


def read_outcome(status: int, body: bytes) -> Outcome:
    """Return what an answer means for the message."""
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    answer = content if isinstance(content, dict) else {}
    error = answer.get("error")
    if isinstance(error, dict):
        return _refused(status, _number(error.get("code")), _number(error.get("error_subcode")))
    if status == httpx.codes.OK:
        message_id = answer.get("message_id")
        if isinstance(message_id, str) and message_id:
            return Outcome("sent", message_id=message_id)
        return Outcome("unknown", NO_ID)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Outcome("waiting", "status_429", holds=True)
    return Outcome("failed" if 400 <= status < 500 else "unknown", f"status_{status}")


def _refused(status: int, code: int, subcode: int) -> Outcome:
    """Return what an error means; one that is not known and not the caller's fault is uncertain."""
    name = f"error_{code}" + (f"_{subcode}" if subcode else "")
    if code in meta.TOKEN:
        return Outcome("failed", name, stops=True)
    if subcode in CLOSED or code in CLOSED:
        return Outcome("late", name)
    if code in meta.LIMITED or status == httpx.codes.TOO_MANY_REQUESTS:
        # 32 and 4 are of the Page or the app: whoever is next would be refused as well.
        return Outcome("waiting", name, holds=code != ONE_PERSON)
    if code in meta.UNCERTAIN or status >= 500 or code == 0:
        return Outcome("unknown", name)
    return Outcome("failed", name)


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
