"""The part of Meta's Graph API that a Messenger bot calls, without the network around it.

Calls: ``messages``, ``messenger_profile``, ``subscribed_apps`` of a page, the page itself, the app
and its ``subscriptions``, and ``debug_token``. Reference:
https://developers.facebook.com/docs/graph-api/reference/page and
https://developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.simulator.messenger.account import Account, TokenState
from bot.simulator.messenger.app import AppWebhook, subscribed
from bot.simulator.messenger.checks import check_send
from bot.simulator.messenger.events import FIELDS, new_mid
from bot.simulator.messenger.faults import UNAVAILABLE, UNKNOWN_PERSON, WINDOW_CLOSED
from bot.simulator.messenger.profile import MessengerProfile, check_rate
from bot.simulator.meta.app import chosen
from bot.simulator.meta.errors import GraphError
from bot.simulator.meta.graph import PATH, WINDOW_SECONDS, MetaGraph, Route, Routes
from bot.simulator.rate import Rate
from bot.simulator.server import Call
from bot.simulator.transcript import Transcript

SENDS_PER_SECOND = 300
"""https://developers.facebook.com/documentation/business-messaging/messenger-platform/overview/rate-limiting"""


@dataclass(frozen=True)
class Contact:
    """A person whom the page may know: when they last did something, and whether they block it."""

    last_at: float
    is_blocked: bool = False


class MessengerGraph(MetaGraph):
    """What is asked of a page, and done with it.

    Attributes:
        account: whose tokens are right.
        other_apps: names of further apps that the page sends its events to, by their ids.
    """

    action_key = "sender_action"

    def __init__(
        self,
        account: Account,
        transcript: Transcript,
        clock: Callable[[], float] = time.time,
        on_sent: Callable[[str, str, Mapping[str, Any]], None] | None = None,
        webhook_url: str = "",
    ) -> None:
        """Begin with nobody known, all fields subscribed and an empty profile.

        Args:
            account: whose tokens are right.
            transcript: where messages and refusals are kept.
            clock: seconds since 1970.
            on_sent: told of each message that was taken: person, message id, message.
            webhook_url: where the app wants events to go.
        """
        super().__init__(account, TokenState(), AppWebhook(webhook_url), transcript, clock)
        self.account = account
        self.other_apps: dict[str, str] = {}
        self._on_sent = on_sent
        self._contacts: dict[str, Contact] = {}
        self._profile = MessengerProfile(clock)
        self._fields: set[str] = set(FIELDS)
        self._rate = Rate(SENDS_PER_SECOND, 1.0)

    @property
    def fields(self) -> frozenset[str]:
        """Webhook fields that reach the bot: those that both the page and the app ask for.

        https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
        """
        with self._lock:
            if self.webhook is None or not self.webhook.is_active:
                return frozenset()
            return frozenset(self._fields) & frozenset(self.webhook.fields)

    @property
    def profile(self) -> Mapping[str, Any]:
        """What the page's Messenger profile is."""
        with self._lock:
            return dict(self._profile.properties)

    def set_profile(self, properties: Mapping[str, Any]) -> None:
        """Set properties of the profile as if the bot had done so.

        Raises:
            GraphError: the platform would refuse them.
        """
        with self._lock:
            self._profile.set(properties)

    def remove_profile(self, *names: str) -> None:
        """Delete properties of the profile as if somebody had done so at Meta."""
        with self._lock:
            for name in names:
                self._profile.properties.pop(name, None)

    def tell_bare_ice_breakers(self) -> None:
        """Answer from now on with ice breakers as their page shows it: without their name."""
        with self._lock:
            self._profile.has_bare_ice_breakers = True

    def enter_webhook(self, url: str, *fields: str) -> None:
        """Let events of some fields, by default all, go to an address."""
        with self._lock:
            self.webhook = AppWebhook(url, fields or FIELDS)

    def subscribe_page(self, *fields: str) -> None:
        """Subscribe the page to some fields only, or to none."""
        with self._lock:
            self._fields = set(fields)

    def heard_from(self, person: str) -> None:
        """Open the 24 hours in which the page may write to a person."""
        with self._lock:
            known = self._contacts.get(person, Contact(0.0))
            self._contacts[person] = replace(known, last_at=self._clock())

    def block(self, person: str, *, is_blocked: bool = True) -> None:
        """Let a person block the page, or no longer."""
        with self._lock:
            known = self._contacts.get(person, Contact(0.0))
            self._contacts[person] = replace(known, is_blocked=is_blocked)

    def kind_of(self, call: Call) -> str:
        """Return the kind of a call: message, action, profile or other."""
        place = PATH.fullmatch(call.path)
        is_profile = place is not None and place["edge"] == "messenger_profile"
        return "profile" if is_profile else super().kind_of(call)

    def _routes(self) -> Routes:
        routes: Routes = {
            ("POST", node, "subscriptions"): self._enter_webhook
            for node in ("app", self.account.app_id)
        }
        for node in ("me", self.account.page_id):
            for (method, edge), route in self._page_routes().items():
                routes[method, node, edge] = route
        return routes

    def _page_routes(self) -> dict[tuple[str, str], Route]:
        messaging, metadata = "pages_messaging", "pages_manage_metadata"
        return {
            ("GET", ""): self._page,
            ("POST", "messages"): self._send,
            ("GET", "messenger_profile"): self._needing(messaging, self._profile.read),
            ("POST", "messenger_profile"): self._needing(messaging, self._profile.write),
            ("DELETE", "messenger_profile"): self._needing(messaging, self._profile.delete),
            ("GET", "subscribed_apps"): self._needing(metadata, self._read_subscription),
            ("POST", "subscribed_apps"): self._needing(metadata, self._subscribe),
            ("DELETE", "subscribed_apps"): self._needing(metadata, self._unsubscribe),
        }

    def _of_token(self) -> Mapping[str, Any]:
        return {"profile_id": self.account.page_id} if self.token.kind == "PAGE" else {}

    def _send(self, parameters: dict[str, Any]) -> dict[str, Any]:
        recipient = parameters.get("recipient")
        person = str(recipient.get("id", "")) if isinstance(recipient, Mapping) else ""
        try:
            self.token.check_scope("pages_messaging")
            check_send(parameters)
            self._check_contact(person, parameters)
            check_rate(self._rate, self._clock())
        except GraphError as error:
            self._transcript.refused(person, error.refusal.code, error.refusal.message)
            raise
        if "sender_action" in parameters:
            self._transcript.acted(person, parameters["sender_action"])
            return {"recipient_id": person}
        mid, message = new_mid(), parameters["message"]
        self._transcript.sent(person, mid, message)
        if self._on_sent:
            self._on_sent(person, mid, message)
        return {"recipient_id": person, "message_id": mid}

    def _check_contact(self, person: str, parameters: Mapping[str, Any]) -> None:
        contact = self._contacts.get(person)
        if contact is None:
            raise GraphError(UNKNOWN_PERSON)
        if contact.is_blocked:
            raise GraphError(UNAVAILABLE)
        # With the tag of a human agent, seven days.
        days = 7 if parameters.get("tag") == "HUMAN_AGENT" else 1
        if self._clock() - contact.last_at > days * WINDOW_SECONDS:
            raise GraphError(WINDOW_CLOSED)

    def _page(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return chosen({"id": self.account.page_id, "name": self.account.page_name}, parameters)

    def _read_subscription(self, _: dict[str, Any]) -> dict[str, Any]:
        told = [
            {"id": app_id, "name": name, "subscribed_fields": ["messages"]}
            for app_id, name in self.other_apps.items()
        ]
        if self._fields:
            app = {"id": self.account.app_id, "name": self.account.app_name}
            told.append({**app, "subscribed_fields": sorted(self._fields)})
        return {"data": told}

    def _subscribe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._fields = subscribed(parameters, "subscribed_fields")
        return {"success": True}

    def _unsubscribe(self, _: dict[str, Any]) -> dict[str, Any]:
        self._fields = set()
        return {"success": True}

    def _enter_webhook(self, parameters: dict[str, Any]) -> dict[str, Any]:
        fields = tuple(sorted(subscribed(parameters, "fields")))
        self.webhook = AppWebhook(str(parameters.get("callback_url", "")), fields)
        return {"success": True}
