"""The part of Meta's Graph API that a WhatsApp bot calls, without the network around it.

Calls: ``messages`` of a number, the number itself, the numbers and ``subscribed_apps`` of its
account, the app and its ``subscriptions``, and ``debug_token``. Reference:
https://developers.facebook.com/documentation/business-messaging/whatsapp/reference.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.simulator.graph import GraphError
from bot.simulator.graph_call import is_same, missing, parameters_of, take_token
from bot.simulator.graph_token import check_token
from bot.simulator.messenger_app import AppWebhook
from bot.simulator.messenger_faults import answer_of
from bot.simulator.messenger_graph import PATH, VERSION
from bot.simulator.misbehaviour import Answer
from bot.simulator.server import Call
from bot.simulator.transcript import Transcript
from bot.simulator.whatsapp_account import MANAGEMENT, MESSAGING, WhatsAppAccount, system_user_token
from bot.simulator.whatsapp_app import (
    tell_app,
    tell_number,
    tell_subscribed_apps,
    tell_subscriptions,
    tell_token,
)
from bot.simulator.whatsapp_checks import check_call, invalid
from bot.simulator.whatsapp_events import FIELDS, new_wamid
from bot.simulator.whatsapp_faults import PAIR_LIMIT, THROUGHPUT, UNDELIVERABLE, WINDOW_CLOSED

WINDOW_SECONDS = 24 * 60 * 60
"""https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages"""

SENDS_PER_SECOND = 80
"""https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput"""

PAIR_SECONDS, PAIR_BURST = 6.0, 45
"""One message to a person in six seconds, of which 45 may be sent in advance:
https://developers.facebook.com/documentation/business-messaging/whatsapp/about-the-platform"""

Route = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Contact:
    """A person who wrote to the number.

    Attributes:
        last_at: when they last did.
        wamids: their messages.
        is_gone: whether what is sent to them is taken and never delivered.
        credit: how many messages may be sent to them now.
        credited_at: when that was reckoned.
    """

    last_at: float
    wamids: set[str] = field(default_factory=set)
    is_gone: bool = False
    credit: float = PAIR_BURST
    credited_at: float = 0.0


@dataclass(frozen=True)
class NumberState:
    """What became of the number itself.

    Attributes:
        code_verification_status: "VERIFIED", "NOT_VERIFIED" or "EXPIRED".
        quality_rating: "GREEN", "YELLOW", "RED" or "UNKNOWN".
        platform_type: "CLOUD_API", or "NOT_APPLICABLE" before it is registered.
        status: "CONNECTED", "PENDING", "BANNED" and so on.
    """

    code_verification_status: str = "VERIFIED"
    quality_rating: str = "GREEN"
    platform_type: str = "CLOUD_API"
    status: str = "CONNECTED"


class WhatsAppGraph:
    """Answers calls as the platform would; safe to share between threads.

    Attributes:
        token: what became of the access token.
        number: what became of the number.
        webhook: where the app wants events to go; None before an address was entered.
        is_subscribed: whether the account sends its events to the app.
        needs_proof: whether the app has "Require App Secret" switched on.
        names_accounts: whether debug_token tells which accounts the token is for.
    """

    def __init__(
        self,
        account: WhatsAppAccount,
        transcript: Transcript,
        clock: Callable[[], float] = time.time,
        on_sent: Callable[[str, str, bool], None] | None = None,
        webhook_url: str = "",
    ) -> None:
        """Begin with nobody known and the account subscribed.

        Args:
            account: whose tokens are right.
            transcript: where messages and refusals are kept.
            clock: seconds since 1970.
            on_sent: told of each message that was taken: person, its id, whether it arrives.
            webhook_url: where the app wants events to go.
        """
        self.account, self._transcript, self._clock = account, transcript, clock
        self.token, self.number = system_user_token(), NumberState()
        self.webhook: AppWebhook | None = AppWebhook(webhook_url, FIELDS)
        self.is_subscribed, self.needs_proof, self.names_accounts = True, False, True
        self._on_sent = on_sent
        self._lock = threading.RLock()
        self._contacts: dict[str, Contact] = {}
        self._sends: deque[float] = deque()

    @property
    def fields(self) -> frozenset[str]:
        """Webhook fields that reach the bot."""
        with self._lock:
            if not self.is_subscribed or self.webhook is None or not self.webhook.is_active:
                return frozenset()
            return frozenset(self.webhook.fields)

    def heard_from(self, person: str, wamid: str) -> None:
        """Open the 24 hours in which the number may write to a person."""
        with self._lock:
            contact = self._contacts.setdefault(person, Contact(0.0))
            contact.last_at = self._clock()
            contact.wamids.add(wamid)

    def lose(self, person: str, *, is_gone: bool = True) -> None:
        """Let what is sent to a person be taken and never be delivered, or no longer."""
        with self._lock:
            self._contacts.setdefault(person, Contact(0.0)).is_gone = is_gone

    def answer(self, call: Call) -> Answer:
        """Answer a call as the platform would."""
        place = PATH.fullmatch(call.path)
        version = (place and place["version"]) or VERSION
        headers = {"facebook-api-version": version}
        try:
            with self._lock:
                return Answer(200, self._result(call, version), headers)
        except GraphError as error:
            return replace(answer_of(error.refusal), headers=headers)

    def _result(self, call: Call, version: str) -> dict[str, Any]:
        parameters = parameters_of(call)
        place = PATH.fullmatch(call.path)
        if place is None:
            raise missing(call.path.strip("/"), call.method)
        node, edge = place["node"], place["edge"] or ""
        is_of_app = node in {"app", "debug_token", self.account.app_id}
        token = take_token(call, parameters)
        check_token(
            token,
            parameters,
            self.account.keys,
            self.token,
            self._clock(),
            takes_app=is_of_app,
            needs_proof=self.needs_proof,
        )
        route = self._routes(version).get((call.method, node, edge))
        is_closed = edge == "subscriptions" and not is_same(token, self.account.keys.app_token)
        if route is None or is_closed:
            raise missing(edge or node, call.method)
        return route(parameters)

    def _routes(self, version: str) -> dict[tuple[str, str, str], Route]:
        number, waba, app = (
            self.account.phone_number_id,
            self.account.waba_id,
            self.account.app_id,
        )
        return {
            ("POST", number, "messages"): self._message,
            ("GET", number, ""): self._managing(self._number),
            ("GET", waba, "phone_numbers"): self._managing(self._numbers),
            ("GET", waba, "subscribed_apps"): self._managing(self._subscribed_apps),
            ("POST", waba, "subscribed_apps"): self._managing(self._subscribe),
            ("DELETE", waba, "subscribed_apps"): self._managing(self._unsubscribe),
            ("GET", "debug_token", ""): self._debug,
            ("GET", "app", ""): lambda asked: tell_app(self.account, asked),
            ("GET", app, "subscriptions"): lambda _: tell_subscriptions(self.webhook, version),
        }

    def _managing(self, route: Route) -> Route:
        """Return a route that is closed while the permission to manage the account is missing."""

        def checked(parameters: dict[str, Any]) -> dict[str, Any]:
            self.token.check_scope(MANAGEMENT)
            return route(parameters)

        return checked

    def _message(self, parameters: dict[str, Any]) -> dict[str, Any]:
        person = str(parameters.get("to") or parameters.get("recipient") or "").lstrip("+")
        person = person or self._writer_of(parameters)
        try:
            self.token.check_scope(MESSAGING)
            check_call(parameters)
            if "status" in parameters:
                return self._read(person, parameters)
            contact = self._reachable(person)
        except GraphError as error:
            self._transcript.refused(person, error.refusal.code, error.refusal.message)
            raise
        wamid = new_wamid()
        content = {key: parameters[key] for key in ("type", parameters["type"])}
        self._transcript.sent(person, wamid, content)
        if self._on_sent:
            self._on_sent(person, wamid, not contact.is_gone)
        known_as = "wa_id" if person.isdecimal() else "user_id"
        return {
            "messaging_product": "whatsapp",
            "contacts": [{"input": person, known_as: person}],
            "messages": [{"id": wamid}],
        }

    def _writer_of(self, parameters: Mapping[str, Any]) -> str:
        """Return who wrote the message that is marked as read."""
        wamid = parameters.get("message_id")
        found = (one for one, contact in self._contacts.items() if wamid in contact.wamids)
        return next(found, "")

    def _read(self, person: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if not person:
            raise invalid("message_id is not that of a message to this number")
        self._transcript.acted(person, "read")
        if "typing_indicator" in parameters:
            self._transcript.acted(person, "typing_on")
        return {"success": True}

    def _reachable(self, person: str) -> Contact:
        """Return a person who may be written to now, and count the message.

        Raises:
            GraphError: they may not be.
        """
        contact, now = self._contacts.get(person), self._clock()
        if contact is None:
            raise GraphError(UNDELIVERABLE)
        if now - contact.last_at > WINDOW_SECONDS:
            raise GraphError(WINDOW_CLOSED)
        while self._sends and self._sends[0] <= now - 1.0:
            self._sends.popleft()
        if len(self._sends) >= SENDS_PER_SECOND:
            raise GraphError(THROUGHPUT)
        earned = (now - contact.credited_at) / PAIR_SECONDS
        credit = min(float(PAIR_BURST), contact.credit + earned)
        if credit < 1.0:
            raise GraphError(PAIR_LIMIT)
        contact.credit, contact.credited_at = credit - 1.0, now
        self._sends.append(now)
        return contact

    def _number(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return tell_number(self.account, self._number_fields(), parameters)

    def _numbers(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"data": [tell_number(self.account, self._number_fields(), parameters)]}

    def _number_fields(self) -> dict[str, Any]:
        return dict(vars(self.number))

    def _subscribed_apps(self, _: dict[str, Any]) -> dict[str, Any]:
        return tell_subscribed_apps(self.account, is_subscribed=self.is_subscribed)

    def _subscribe(self, _: dict[str, Any]) -> dict[str, Any]:
        self.is_subscribed = True
        return {"success": True}

    def _unsubscribe(self, _: dict[str, Any]) -> dict[str, Any]:
        self.is_subscribed = False
        return {"success": True}

    def _debug(self, parameters: dict[str, Any]) -> dict[str, Any]:
        told = tell_token(self.account, self.token, self._clock(), parameters)
        if not self.names_accounts:
            told["data"].pop("granular_scopes", None)
        return told


def kind_of(call: Call) -> str:
    """Return the kind of a call, by which a fault is picked: message, action or other."""
    place = PATH.fullmatch(call.path)
    if place is None or place["edge"] != "messages":
        return "other"
    try:
        return "action" if "status" in parameters_of(call) else "message"
    except GraphError:
        return "message"
