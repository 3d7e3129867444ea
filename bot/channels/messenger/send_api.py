"""Messenger's Send API: one call, and what its answer means for the message.

The errors are those of Meta's page "Common Error Codes" and of its reference of Page messages. What
it does not name as refused may have arrived all the same: a message that came with an error is
documented (1, 1357046), so such a one is not sent again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import httpx

from bot.channels import meta
from bot.channels.answers import no_answer, number_of, read_object
from bot.channels.graph_sender import (
    ACTION_SECONDS,
    SEND_SECONDS,
    GraphSender,
    of_status,
    timeout_of,
)
from bot.messaging.outbox import Outcome

ACTIONS = ("mark_seen", "typing_on")
CONTROLS = ("pass_thread_control", "take_thread_control")
"""Calls that move a conversation between apps, beside those that send."""
NO_ID = "no_message_id"
ONE_PERSON = 613
"""Too many messages in one conversation; others go on."""
CLOSED = frozenset({1545041, 2018278, 2534022})
"""Subcodes: the person wrote more than 24 hours ago."""


class SendApi(GraphSender):
    """Sends messages as a Page; safe to share between threads."""

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
        except httpx.HTTPError as error:
            return no_answer(error)
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
        return self._client.post(f"{self._url}/me/{call}", data=form, timeout=timeout_of(seconds))


def read_outcome(status: int, body: bytes) -> Outcome:
    """Return what an answer means for the message."""
    answer = read_object(body) or {}
    error = answer.get("error")
    if isinstance(error, dict):
        return _refused(status, number_of(error.get("code")), number_of(error.get("error_subcode")))
    if status == httpx.codes.OK:
        message_id = answer.get("message_id")
        if isinstance(message_id, str) and message_id:
            return Outcome("sent", message_id=message_id)
        return Outcome("unknown", NO_ID)
    return of_status(status)


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
