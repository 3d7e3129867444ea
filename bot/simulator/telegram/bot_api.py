"""The part of Telegram's Bot API that a bot of private chats calls, without the network around it.

Calls: https://core.telegram.org/bots/api#available-methods; how the server answers:
https://github.com/tdlib/telegram-bot-api.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from bot.simulator.misbehaviour import Answer
from bot.simulator.rate import Rate
from bot.simulator.server import Call
from bot.simulator.telegram.account import Account
from bot.simulator.telegram.checks import (
    LEFT_OUT,
    UPDATES,
    chat_of,
    check_action,
    check_callback_answer,
    check_message,
    check_webhook,
)
from bot.simulator.telegram.faults import (
    BLOCKED,
    CHAT_NOT_FOUND,
    DEACTIVATED,
    INVALID_TOKEN,
    NO_BOT,
    NO_METHOD,
    OLD_QUERY,
    WITHDRAWN_TOKEN,
    BotApiError,
    bad_request,
    too_many,
)
from bot.simulator.telegram.profile import Method, TelegramProfile
from bot.simulator.transcript import Transcript

PATH = re.compile(r"/bot(?P<token>[^/]+)/(?P<method>[A-Za-z]+)/?")
SENDS_PER_SECOND = 30
"""https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this; "about" 30."""
QUERY_SECONDS = 150.0
"""So long the server keeps a tap for the bot; how long a tap can be answered is not told."""
MESSAGES = {"sendmessage"}
ACTIONS = {"sendchataction", "answercallbackquery"}


@dataclass(frozen=True)
class Chat:
    """A person whom the bot may know."""

    is_blocked: bool = False
    is_gone: bool = False


@dataclass(frozen=True)
class WebhookState:
    """What is known of the bot's webhook; no address for none.

    Attributes:
        url: where updates go.
        secret: what goes along with each.
        updates: the kinds that the bot asked for.
        connections: how many at once.
        pending: updates that were not taken yet.
        error: what was wrong with the last delivery that failed.
        error_at: when that was, in seconds since 1970.
    """

    url: str = ""
    secret: str = field(default="", repr=False)
    updates: frozenset[str] = UPDATES - LEFT_OUT
    connections: int = 40
    pending: int = 0
    error: str = ""
    error_at: int = 0

    def told(self) -> dict[str, Any]:
        """Return what ``getWebhookInfo`` tells; the secret is never told."""
        info: dict[str, Any] = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": self.pending,
        }
        if self.url:
            info |= {"max_connections": self.connections, "ip_address": "127.0.0.1"}
        if self.updates != UPDATES - LEFT_OUT:
            info["allowed_updates"] = sorted(self.updates)
        if self.error:
            info |= {"last_error_date": self.error_at, "last_error_message": self.error}
        return info


class TelegramBotApi:
    """Answers calls as Telegram would; safe to share between threads.

    Attributes:
        profile: commands and descriptions.
        webhook: where updates go.
        is_withdrawn: whether the token was taken back.
        calls: names of the calls that were made, in lowercase, in their order.
    """

    def __init__(
        self,
        account: Account,
        transcript: Transcript,
        clock: Callable[[], float] = time.time,
        webhook: WebhookState | None = None,
    ) -> None:
        """Begin with nobody known.

        Args:
            account: whose token is right.
            transcript: where messages and refusals are kept.
            clock: seconds since 1970.
            webhook: what is set at the start.
        """
        self._account, self._transcript, self._clock = account, transcript, clock
        self._lock = threading.RLock()
        self.profile = TelegramProfile()
        self.webhook = webhook or WebhookState()
        self.is_withdrawn = False
        self.calls: list[str] = []
        self._chats: dict[str, Chat] = {}
        self._taps: dict[str, float] = {}
        self._numbers: Counter[str] = Counter()
        self._rate = Rate(SENDS_PER_SECOND, 1.0)
        self._methods: Mapping[str, Method] = {
            "getme": lambda _: self._account.me(),
            "sendmessage": self._send,
            "sendchataction": self._act,
            "answercallbackquery": self._answer_tap,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": lambda _: self.webhook.told(),
            **self.profile.methods,
        }

    def heard_from(self, person: str, tap: str = "") -> None:
        """Let a person begin a chat, and remember which tap waits for an answer."""
        with self._lock:
            self._chats.setdefault(person, Chat())
            if tap:
                self._taps[tap] = self._clock()

    @property
    def waiting_taps(self) -> frozenset[str]:
        """Taps that the bot has not answered, so that the button still shows a waiting sign."""
        with self._lock:
            return frozenset(self._taps)

    def block(self, person: str, *, is_blocked: bool = True) -> None:
        """Let a person block the bot, or no longer."""
        with self._lock:
            known = self._chats.get(person, Chat())
            self._chats[person] = replace(known, is_blocked=is_blocked)

    def leave(self, person: str) -> None:
        """Let a person delete their account."""
        with self._lock:
            self._chats[person] = Chat(is_gone=True)

    def not_delivered(self, error: str) -> None:
        """Keep that an update was not taken."""
        with self._lock:
            now, pending = int(self._clock()), self.webhook.pending + 1
            self.webhook = replace(self.webhook, error=error, error_at=now, pending=pending)

    def answer(self, call: Call) -> Answer:
        """Answer a call as Telegram would."""
        try:
            with self._lock:
                return Answer(200, {"ok": True, "result": self._result(call)})
        except BotApiError as error:
            return error.refusal.answer()

    def _result(self, call: Call) -> Any:
        try:
            method = self._method(call)
            parameters = parameters_of(call)
        except BotApiError as error:
            # Whom it was for is not looked at, yet whoever waits for it should see why none comes.
            if kind_of(call) == "message":
                self._transcript.refused("", error.refusal.status, error.refusal.description)
            raise
        return method(parameters)

    def _method(self, call: Call) -> Method:
        """Return what is to be done, for whoever may do it."""
        place = PATH.fullmatch(call.path)
        if place is None:
            raise BotApiError(NO_BOT)
        if ":" not in place["token"]:
            raise BotApiError(INVALID_TOKEN)
        is_ours = hmac.compare_digest(place["token"].encode(), self._account.bot_token.encode())
        if self.is_withdrawn or not is_ours:
            raise BotApiError(WITHDRAWN_TOKEN)
        name = place["method"].lower()
        method = self._methods.get(name)
        if method is None:
            raise BotApiError(NO_METHOD)
        self.calls.append(name)
        return method

    def _send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        person = str(body.get("chat_id", ""))
        try:
            person = chat_of(body)
            check_message(body)
            self._check_chat(person)
            self._check_rate()
        except BotApiError as error:
            self._transcript.refused(person, error.refusal.status, error.refusal.description)
            raise
        # Every chat counts for itself, so that a bot cannot take a number for the only one.
        self._numbers[person] += 1
        number = self._numbers[person]
        message = {key: value for key, value in body.items() if key != "chat_id"}
        self._transcript.sent(person, str(number), message)
        sent: dict[str, Any] = {
            "message_id": number,
            "from": self._account.user(),
            "chat": {"id": int(person), "first_name": "Kari", "type": "private"},
            "date": int(self._clock()),
            "text": body["text"],
        }
        if "reply_markup" in body:
            sent["reply_markup"] = body["reply_markup"]
        return sent

    def _act(self, body: Mapping[str, Any]) -> bool:
        check_action(body)
        person = chat_of(body)
        self._check_chat(person)
        self._transcript.acted(person, f"{body['action']}_on")
        return True

    def _answer_tap(self, body: Mapping[str, Any]) -> bool:
        check_callback_answer(body)
        at = self._taps.pop(body["callback_query_id"], None)
        if at is None or self._clock() - at > QUERY_SECONDS:
            raise BotApiError(OLD_QUERY)
        return True

    def _set_webhook(self, body: Mapping[str, Any]) -> bool:
        # On this machine there is nothing to be read underway.
        url = body.get("url", "")
        check_webhook(body, takes_http=str(url).startswith("http://127.0.0.1"))
        if not url:
            return self._delete_webhook({})
        asked = body.get("allowed_updates")
        kinds = self.webhook.updates if asked is None else frozenset(asked) or UPDATES - LEFT_OUT
        drops, old = bool(body.get("drop_pending_updates")), self.webhook
        pending = 0 if drops else old.pending
        secret, most = str(body.get("secret_token", "")), int(body.get("max_connections", 40))
        if (old.url, old.secret, old.connections) == (url, secret, most) and not drops:
            self.webhook = replace(old, updates=kinds)  # it is set already: its errors stay
        else:
            self.webhook = WebhookState(str(url), secret, kinds, most, pending)
        return True

    def _delete_webhook(self, body: Mapping[str, Any]) -> bool:
        pending = 0 if body.get("drop_pending_updates") else self.webhook.pending
        self.webhook = WebhookState(updates=self.webhook.updates, pending=pending)
        return True

    def _check_chat(self, person: str) -> None:
        chat = self._chats.get(person)
        if chat is None:
            raise BotApiError(CHAT_NOT_FOUND)
        if chat.is_gone:
            raise BotApiError(DEACTIVATED)
        if chat.is_blocked:
            raise BotApiError(BLOCKED)

    def _check_rate(self) -> None:
        now = self._clock()
        if self._rate.is_used_up(now):
            raise BotApiError(too_many(1))
        self._rate.count(now)


def kind_of(call: Call) -> str:
    """Return the kind of a call, by which a fault is picked: message, action, profile or other."""
    place = PATH.fullmatch(call.path)
    method = place["method"].lower() if place else ""
    if method in MESSAGES:
        return "message"
    if method in ACTIONS:
        return "action"
    return "profile" if method.startswith(("setmy", "deletemy", "getmy")) else "other"


def parameters_of(call: Call) -> dict[str, Any]:
    """Return what a call says in its address and its body, which is JSON or a form.

    Raises:
        BotApiError: the body is neither.
    """
    found: dict[str, Any] = {key: _read(value) for key, value in call.query.items()}
    if call.headers.get("content-type", "").startswith("application/json") and call.body:
        try:
            content = json.loads(call.body)
        except ValueError as error:
            raise bad_request("can't parse JSON object") from error
        if not isinstance(content, dict):
            raise bad_request("object expected as JSON")
        return {**found, **content}
    form: Sequence[tuple[str, str]] = parse_qsl(
        call.body.decode("utf-8", "replace"), keep_blank_values=True
    )
    return {**found, **{key: _read(value) for key, value in form}}


def _read(value: str) -> Any:
    """Return a field of a form; objects, lists and truths come as JSON."""
    if not value.startswith(("{", "[")) and value not in {"true", "false"}:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
