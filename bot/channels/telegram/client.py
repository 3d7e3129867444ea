"""What is sent to Telegram: one call per message, and what its answer means for the message.

Statuses and sentences are those of the Bot API's own server
(https://github.com/tdlib/telegram-bot-api, ``Client.cpp`` and ``Query.cpp``). It has no code finer
than the HTTP status, and nothing by which it would recognise a message that comes twice: so what
may have arrived is not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from bot.channels.answers import no_answer, number_of, read_object
from bot.channels.telegram.calls import TOKEN, Calls
from bot.channels.telegram.events import CALLBACK, name_of
from bot.messaging.outbox import Outcome

SEND_SECONDS = 15.0
ACTION_SECONDS = 2.0
LONG_SECONDS = 10.0
"""Telegram does not say whether a pause is meant for one chat or for the bot. The short ones are of
chats that got several messages within a second; a long one is taken to be meant for all."""
SENTENCES = {
    "bot was blocked by the user": "blocked",
    "user is deactivated": "deactivated",
    "bot can't initiate conversation": "not_started",
    "chat not found": "chat_not_found",
    "private chat not found": "chat_not_found",
    "message is too long": "too_long",
    "message text is empty": "empty",
    "BUTTON_DATA_INVALID": "button_data",
    "BUTTON_URL_INVALID": "button_url",
    "inline keyboard button URL": "button_url",
}
"""What stands in a refusal, and the word that our code has for it."""


class BotApi(Calls):
    """Sends messages as a bot; safe to share between threads."""

    @property
    def credentials(self) -> str:
        """What calls are made with now; another token may work where this one was refused."""
        return self._token()

    def show_activity(self, person: str, sign: str) -> None:
        """End the waiting sign on a button that was tapped, and show that the bot is typing.

        Args:
            person: who waits.
            sign: which tap it was, where it was one.
        """
        actions: list[tuple[str, dict[str, object]]] = []
        if sign.startswith(CALLBACK):
            query = sign.removeprefix(CALLBACK)
            actions.append(("answerCallbackQuery", {"callback_query_id": query}))
        actions.append(("sendChatAction", {"chat_id": _chat_id(person), "action": "typing"}))
        for method, parameters in actions:
            try:
                self.post(method, parameters, ACTION_SECONDS)
            except httpx.HTTPError:
                return

    def send(self, person: str, payload: Mapping[str, object], key: str) -> Outcome:
        """Send one message; whatever happens, an outcome comes back.

        Args:
            person: whom it goes to.
            payload: parameters of the call.
            key: nothing here; Telegram recognises no message that comes twice.
        """
        parameters = {**payload, "chat_id": _chat_id(person)}
        try:
            response = self.post("sendMessage", parameters, SEND_SECONDS)
        except httpx.HTTPError as error:
            return no_answer(error)
        return read_outcome(response.status_code, response.content, person)


def read_outcome(status: int, body: bytes, person: str) -> Outcome:
    """Return what an answer means for the message to a person."""
    answer = read_object(body) or {}
    if answer.get("ok") is False:
        return _refused(status, answer)
    if status == httpx.codes.OK:
        result = answer.get("result")
        message_id = number_of(result.get("message_id")) if isinstance(result, dict) else 0
        if answer.get("ok") is True and message_id:
            return Outcome("sent", message_id=name_of(person, str(message_id)))
        return Outcome("unknown", "no_message_id")
    # It is not Telegram who says so, but something in between.
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Outcome("waiting", "status_429", holds=True)
    is_certain = 400 <= status < 500 and status != httpx.codes.REQUEST_TIMEOUT
    return Outcome("failed" if is_certain else "unknown", f"status_{status}")


def _refused(status: int, answer: Mapping[str, Any]) -> Outcome:
    """Return what a refusal means; one that is not the caller's fault is uncertain."""
    code = number_of(answer.get("error_code")) or status
    parameters = answer.get("parameters")
    more = parameters if isinstance(parameters, dict) else {}
    if code in TOKEN:
        return Outcome("failed", f"error_{code}", stops=True)
    if code == httpx.codes.TOO_MANY_REQUESTS:
        after = max(0.0, float(min(number_of(more.get("retry_after")), 10**6)))
        return Outcome("waiting", "error_429", after=after, holds=after >= LONG_SECONDS)
    if not 400 <= code < 500:
        return Outcome("unknown", f"error_{code}")
    if "migrate_to_chat_id" in more:  # only groups become others, and none is answered
        return Outcome("failed", f"error_{code}_migrated")
    said = str(answer.get("description", ""))
    words = (word for sentence, word in SENTENCES.items() if sentence in said)
    return Outcome("failed", "_".join(("error", str(code), *list(words)[:1])))


def _chat_id(person: str) -> int | str:
    """Return the chat as Telegram wants it: a number."""
    return int(person) if person.isascii() and person.isdecimal() else person
