"""The part of Meta's Graph API that a WhatsApp bot calls, without the network around it.

Calls: ``messages`` of a number, the number itself, the numbers and ``subscribed_apps`` of its
account, the app and its ``subscriptions``, and ``debug_token``. Reference:
https://developers.facebook.com/documentation/business-messaging/whatsapp/reference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.meta.errors import GraphError
from bot.simulator.meta.graph import WINDOW_SECONDS, MetaGraph, Routes
from bot.simulator.rate import Rate
from bot.simulator.transcript import Transcript
from bot.simulator.whatsapp.account import MANAGEMENT, MESSAGING, WhatsAppAccount, system_user_token
from bot.simulator.whatsapp.app import AppWebhook, tell_number, tell_subscribed_apps
from bot.simulator.whatsapp.checks import check_call, invalid
from bot.simulator.whatsapp.events import new_wamid
from bot.simulator.whatsapp.faults import PAIR_LIMIT, THROUGHPUT, UNDELIVERABLE, WINDOW_CLOSED

SENDS_PER_SECOND = 80
"""https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput"""

PAIR_SECONDS, PAIR_BURST = 6.0, 45
"""One message to a person in six seconds, of which 45 may be sent in advance:
https://developers.facebook.com/documentation/business-messaging/whatsapp/about-the-platform"""


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


class WhatsAppGraph(MetaGraph):
    """What is asked of a number and its account, and done with them.

    Attributes:
        account: whose tokens are right.
        number: what became of the number.
        is_subscribed: whether the account sends its events to the app.
        names_accounts: whether debug_token tells which accounts the token is for.
    """

    action_key = "status"

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
        super().__init__(account, system_user_token(), AppWebhook(webhook_url), transcript, clock)
        self.account, self.number = account, NumberState()
        self.is_subscribed, self.names_accounts = True, True
        self._on_sent = on_sent
        self._contacts: dict[str, Contact] = {}
        self._rate = Rate(SENDS_PER_SECOND, 1.0)

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

    def _routes(self) -> Routes:
        number, waba = self.account.phone_number_id, self.account.waba_id
        return {
            ("POST", number, "messages"): self._message,
            ("GET", number, ""): self._needing(MANAGEMENT, self._number),
            ("GET", waba, "phone_numbers"): self._needing(MANAGEMENT, self._numbers),
            ("GET", waba, "subscribed_apps"): self._needing(MANAGEMENT, self._subscribed_apps),
            ("POST", waba, "subscribed_apps"): self._needing(MANAGEMENT, self._subscribe),
            ("DELETE", waba, "subscribed_apps"): self._needing(MANAGEMENT, self._unsubscribe),
        }

    def _of_token(self) -> Mapping[str, Any]:
        granted = [
            {"scope": one, "target_ids": [self.account.waba_id]} for one in self.token.scopes
        ]
        return {"granular_scopes": granted} if self.names_accounts else {}

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
        if self._rate.is_used_up(now):
            raise GraphError(THROUGHPUT)
        earned = (now - contact.credited_at) / PAIR_SECONDS
        credit = min(float(PAIR_BURST), contact.credit + earned)
        if credit < 1.0:
            raise GraphError(PAIR_LIMIT)
        contact.credit, contact.credited_at = credit - 1.0, now
        self._rate.count(now)
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
