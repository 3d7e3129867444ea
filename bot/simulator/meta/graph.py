"""What Meta's Graph API does alike for a page and for a number, without the network around it.

Reference: https://developers.facebook.com/docs/graph-api/reference/app and
https://developers.facebook.com/docs/graph-api/guides/versioning.
"""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bot.simulator.meta.account import App
from bot.simulator.meta.app import Subscription, tell_app, tell_subscriptions, tell_token
from bot.simulator.meta.calls import is_same, missing, parameters_of, take_token
from bot.simulator.meta.errors import GraphError
from bot.simulator.meta.tokens import AccessToken, check_token
from bot.simulator.misbehaviour import Answer
from bot.simulator.server import Call
from bot.simulator.transcript import Transcript

VERSION = "v25.0"
"""By which a call without a version is answered."""

WINDOW_SECONDS = 24 * 60 * 60
"""https://developers.facebook.com/documentation/business-messaging/messenger-platform/policy/ and
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages"""

PATH = re.compile(r"/(?:(?P<version>v\d+\.\d+)/)?(?P<node>[^/]+)(?:/(?P<edge>[^/]+))?/?")
Route = Callable[[dict[str, Any]], dict[str, Any]]
Routes = dict[tuple[str, str, str], Route]
"""What can be done, by method, node and edge; no edge is ""."""


class MetaGraph(ABC):
    """Answers calls as the platform would; safe to share between threads.

    Attributes:
        token: what became of the access token.
        webhook: where the app wants events to go; None before an address was entered.
        needs_proof: whether the app has "Require App Secret" switched on.
        version: by which Meta answers, whatever is asked; "" for the one that is asked.
    """

    action_key: str
    """What a call of ``messages`` has that sends no message."""

    def __init__(
        self,
        app: App,
        token: AccessToken,
        webhook: Subscription,
        transcript: Transcript,
        clock: Callable[[], float],
    ) -> None:
        """Begin.

        Args:
            app: whose tokens are right.
            token: the access token, as it was made.
            webhook: where the app wants events to go.
            transcript: where messages and refusals are kept.
            clock: seconds since 1970.
        """
        self._app, self._transcript, self._clock = app, transcript, clock
        self.token = token
        self.webhook: Subscription | None = webhook
        self.needs_proof, self.version = False, ""
        self._lock = threading.RLock()

    @property
    @abstractmethod
    def fields(self) -> frozenset[str]:
        """Webhook fields that reach the bot."""

    @abstractmethod
    def _routes(self) -> Routes:
        """Return what can be done beside what can be with every app."""

    @abstractmethod
    def _of_token(self) -> Mapping[str, Any]:
        """Return what is told of a valid token on this platform only."""

    def answer(self, call: Call) -> Answer:
        """Answer a call as the platform would."""
        place = PATH.fullmatch(call.path)
        version = self.version or (place and place["version"]) or VERSION
        headers = {"facebook-api-version": version}
        try:
            with self._lock:
                return Answer(200, self._result(call, version), headers)
        except GraphError as error:
            return replace(error.refusal.answer(), headers=headers)

    def kind_of(self, call: Call) -> str:
        """Return the kind of a call, by which a fault is picked: message, action or other."""
        place = PATH.fullmatch(call.path)
        if place is None or place["edge"] != "messages":
            return "other"
        try:
            return "action" if self.action_key in parameters_of(call) else "message"
        except GraphError:
            return "message"

    def _result(self, call: Call, version: str) -> dict[str, Any]:
        try:
            parameters = parameters_of(call)
            route = self._route(call, parameters, version)
        except GraphError as error:
            # Whom it was for is not looked at, yet whoever waits for it should see why none comes.
            if self.kind_of(call) in {"message", "action"}:
                self._transcript.refused("", error.refusal.code, error.refusal.message)
            raise
        return route(parameters)

    def _route(self, call: Call, parameters: dict[str, Any], version: str) -> Route:
        """Return what is to be done, for whoever may do it; the token is taken out of the rest."""
        place = PATH.fullmatch(call.path)
        if place is None:
            raise missing(call.path.strip("/"), call.method)
        node, edge = place["node"], place["edge"] or ""
        token = take_token(call, parameters)
        check_token(
            token,
            parameters,
            self._app.keys,
            self.token,
            self._clock(),
            takes_app=node in {"app", "debug_token", self._app.app_id},
            needs_proof=self.needs_proof,
        )
        routes = self._app_routes(version) | self._routes()
        if node not in {known for _, known, _ in routes}:
            raise missing(node, call.method)
        route = routes.get((call.method, node, edge))
        # An app's subscriptions are told to nobody but itself.
        is_closed = edge == "subscriptions" and not is_same(token, self._app.app_token)
        if route is None or is_closed:
            raise missing(edge or node, call.method)
        return route

    def _app_routes(self, version: str) -> Routes:
        routes: Routes = {("GET", "debug_token", ""): self._tell_token}
        for node in ("app", self._app.app_id):
            routes["GET", node, ""] = self._tell_app
            routes["GET", node, "subscriptions"] = lambda _: tell_subscriptions(
                self.webhook, version
            )
        return routes

    def _needing(self, scope: str, route: Route) -> Route:
        """Return a route that is closed while a permission is missing."""

        def checked(parameters: dict[str, Any]) -> dict[str, Any]:
            self.token.check_scope(scope)
            return route(parameters)

        return checked

    def _tell_app(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return tell_app(self._app, parameters)

    def _tell_token(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return tell_token(self._app, self.token, self._clock(), parameters, self._of_token())
