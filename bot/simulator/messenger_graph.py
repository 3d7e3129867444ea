"""The part of Meta's Graph API that a Messenger bot calls, without the network around it.

Calls: ``messages``, ``messenger_profile``, ``subscribed_apps`` of a page, the page itself, and
``debug_token``. Reference: https://developers.facebook.com/docs/graph-api/reference/page and
https://developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from bot.simulator.graph import GraphError, Refusal, signed
from bot.simulator.messenger_checks import PROFILE_KEYS, check_profile, check_send
from bot.simulator.messenger_events import FIELDS, new_mid
from bot.simulator.messenger_faults import (
    INVALID_TOKEN,
    MENU_NEEDS_START,
    NO_TOKEN,
    RATE_LIMIT,
    UNAVAILABLE,
    UNKNOWN_PERSON,
    WINDOW_CLOSED,
    answer_of,
)
from bot.simulator.misbehaviour import Answer
from bot.simulator.server import Call
from bot.simulator.transcript import Transcript

WINDOW_SECONDS = 24 * 60 * 60
"""https://developers.facebook.com/documentation/business-messaging/messenger-platform/policy/"""

SENDS_PER_SECOND = 300
"""https://developers.facebook.com/documentation/business-messaging/messenger-platform/overview/rate-limiting"""

PROFILE_CALLS, PROFILE_SECONDS = 10, 600
"""https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api/get-started-button/"""

SCOPES = ("pages_messaging", "pages_manage_metadata", "pages_show_list")
PATH = re.compile(r"/(?:v\d+\.\d+/)?(?P<node>[^/]+)(?:/(?P<edge>[^/]+))?/?")


def _made_up(name: str, letters: int) -> str:
    """Return something that looks like a secret and is the same at each start."""
    return hashlib.sha256(f"citewell simulator: {name}".encode()).hexdigest()[:letters]


@dataclass(frozen=True)
class Account:
    """A page, the app that answers for it, and what both prove themselves with."""

    page_id: str = "100000000000001"
    page_name: str = "Citewell (simulated)"
    app_id: str = "200000000000002"
    app_secret: str = _made_up("app secret", 32)
    verify_token: str = _made_up("verify token", 24)
    page_token: str = f"EAA{_made_up('page token', 60)}"


@dataclass(frozen=True)
class Contact:
    """A person whom the page may know: when they last did something, and whether they block it."""

    last_at: float
    is_blocked: bool = False


class MessengerGraph:
    """Answers calls as the platform would; safe to share between threads."""

    def __init__(
        self,
        account: Account,
        transcript: Transcript,
        clock: Callable[[], float] = time.time,
        on_sent: Callable[[str, str, Mapping[str, Any]], None] | None = None,
    ) -> None:
        """Begin with nobody known, all fields subscribed and an empty profile.

        Args:
            account: whose tokens are right.
            transcript: where messages and refusals are kept.
            clock: seconds since 1970.
            on_sent: told of each message that was taken: person, message id, message.
        """
        self.account, self._transcript, self._clock = account, transcript, clock
        self._on_sent = on_sent
        self._lock = threading.RLock()
        self._contacts: dict[str, Contact] = {}
        self._profile: dict[str, Any] = {}
        self._fields: set[str] = set(FIELDS)
        self._sends: deque[float] = deque()
        self._profile_calls: deque[float] = deque()

    @property
    def fields(self) -> frozenset[str]:
        """Webhook fields that the page is subscribed to."""
        with self._lock:
            return frozenset(self._fields)

    @property
    def profile(self) -> Mapping[str, Any]:
        """What the page's Messenger profile is."""
        with self._lock:
            return dict(self._profile)

    def set_profile(self, properties: Mapping[str, Any]) -> None:
        """Set properties of the profile as if the bot had done so.

        Raises:
            GraphError: the platform would refuse them.
        """
        with self._lock:
            check_profile(properties, self._profile)
            self._profile.update(properties)

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

    def answer(self, call: Call) -> Answer:
        """Answer a call as the platform would."""
        try:
            with self._lock:
                return Answer(200, self._result(call))
        except GraphError as error:
            return answer_of(error.refusal)

    def _result(self, call: Call) -> dict[str, Any]:
        parameters = parameters_of(call)
        place = PATH.fullmatch(call.path)
        if place is None:
            raise _missing(call.path.strip("/"), call.method)
        node, edge = place["node"], place["edge"] or ""
        token = _token(call, parameters)
        if node == "debug_token" and call.method == "GET" and not edge:
            return self._debug(token, parameters)
        self._check_token(token, parameters)
        if node not in {"me", self.account.page_id}:
            raise _missing(node, call.method)
        routes: dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
            ("GET", ""): self._page,
            ("POST", "messages"): self._send,
            ("GET", "messenger_profile"): self._read_profile,
            ("POST", "messenger_profile"): self._write_profile,
            ("DELETE", "messenger_profile"): self._delete_profile,
            ("GET", "subscribed_apps"): self._read_subscription,
            ("POST", "subscribed_apps"): self._subscribe,
            ("DELETE", "subscribed_apps"): self._unsubscribe,
        }
        route = routes.get((call.method, edge))
        if route is None:
            raise _missing(edge or node, call.method)
        return route(parameters)

    def _check_token(self, token: str, parameters: dict[str, Any]) -> None:
        """Refuse a wrong token, and a proof of the app's secret that is given and wrong.

        https://developers.facebook.com/docs/graph-api/guides/secure-requests
        """
        if not token:
            raise GraphError(NO_TOKEN)
        if not _is_same(token, self.account.page_token):
            raise GraphError(INVALID_TOKEN)
        proof = parameters.pop("appsecret_proof", None)
        right = signed(self.account.app_secret, self.account.page_token.encode())
        if proof is not None and not _is_same(str(proof), right):
            raise GraphError(
                Refusal(
                    100,
                    "Invalid appsecret_proof provided in the API argument",
                    kind="GraphMethodException",
                )
            )

    def _send(self, parameters: dict[str, Any]) -> dict[str, Any]:
        recipient = parameters.get("recipient")
        person = str(recipient.get("id", "")) if isinstance(recipient, Mapping) else ""
        try:
            check_send(parameters)
            self._check_contact(person, parameters)
            self._check_rate(self._sends, SENDS_PER_SECOND, 1.0)
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

    def _check_rate(self, times: deque[float], most: int, seconds: float) -> None:
        now = self._clock()
        while times and times[0] <= now - seconds:
            times.popleft()
        if len(times) >= most:
            raise GraphError(RATE_LIMIT)
        times.append(now)

    def _page(self, parameters: dict[str, Any]) -> dict[str, Any]:
        page = {"id": self.account.page_id, "name": self.account.page_name}
        asked = str(parameters.get("fields", "id,name")).split(",")
        unknown = [name for name in asked if name not in page]
        if unknown:
            raise GraphError(
                Refusal(100, f"(#100) Tried accessing nonexisting field ({unknown[0]})")
            )
        return {name: page[name] for name in {"id": None, **dict.fromkeys(asked)}}

    def _debug(self, token: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Tell of a token; https://developers.facebook.com/docs/graph-api/reference/debug_token."""
        app_token = f"{self.account.app_id}|{self.account.app_secret}"
        if not _is_same(token, app_token) and not _is_same(token, self.account.page_token):
            raise GraphError(INVALID_TOKEN)
        asked = str(parameters.get("input_token", ""))
        if not asked:
            raise GraphError(Refusal(100, "(#100) The parameter input_token is required."))
        if not _is_same(asked, self.account.page_token):
            error = {"code": 190, "message": INVALID_TOKEN.message}
            return {"data": {"error": error, "is_valid": False, "scopes": []}}
        return {
            "data": {
                "app_id": self.account.app_id,
                "type": "PAGE",
                "application": self.account.page_name,
                "data_access_expires_at": 0,
                "expires_at": 0,
                "is_valid": True,
                "profile_id": self.account.page_id,
                "scopes": list(SCOPES),
            }
        }

    def _read_profile(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._check_rate(self._profile_calls, PROFILE_CALLS, PROFILE_SECONDS)
        names = _profile_names(parameters)
        found = {name: self._profile[name] for name in names if name in self._profile}
        return {"data": [found] if found else []}

    def _write_profile(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._check_rate(self._profile_calls, PROFILE_CALLS, PROFILE_SECONDS)
        self.set_profile(parameters)
        return {"result": "success"}

    def _delete_profile(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._check_rate(self._profile_calls, PROFILE_CALLS, PROFILE_SECONDS)
        left = {k: v for k, v in self._profile.items() if k not in _profile_names(parameters)}
        if "persistent_menu" in left and "get_started" not in left:
            raise GraphError(MENU_NEEDS_START)
        self._profile = left
        return {"result": "success"}

    def _read_subscription(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self._fields:
            return {"data": []}
        app = {"id": self.account.app_id, "name": self.account.page_name}
        return {"data": [{**app, "subscribed_fields": sorted(self._fields)}]}

    def _subscribe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        asked = set(_names(parameters, "subscribed_fields"))
        unknown = sorted(asked - set(FIELDS))
        if unknown or not asked:
            raise GraphError(
                Refusal(
                    100,
                    "(#100) Param subscribed_fields must be one of"
                    f" {{{', '.join(FIELDS)}}} - got {', '.join(unknown) or 'nothing'}.",
                )
            )
        self._fields = asked
        return {"success": True}

    def _unsubscribe(self, _: dict[str, Any]) -> dict[str, Any]:
        self._fields = set()
        return {"success": True}


def kind_of(call: Call) -> str:
    """Return the kind of a call, by which a fault is picked: message, action, profile or other."""
    place = PATH.fullmatch(call.path)
    edge = place["edge"] if place else None
    if edge == "messenger_profile":
        return "profile"
    if edge != "messages":
        return "other"
    try:
        return "action" if "sender_action" in parameters_of(call) else "message"
    except GraphError:
        return "message"


def parameters_of(call: Call) -> dict[str, Any]:
    """Return what a call says in its address and its body, which is JSON or a form.

    Raises:
        GraphError: the body is neither.
    """
    found: dict[str, Any] = {key: _read(value) for key, value in call.query.items()}
    if call.headers.get("content-type", "").startswith("application/json") and call.body:
        found |= _object_in(call.body)
    elif call.body:
        form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
        found |= {key: _read(value) for key, value in form.items()}
    return found


def _object_in(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise GraphError(Refusal(100, "(#100) The body is not valid JSON.")) from error
    if not isinstance(found, dict):
        raise GraphError(Refusal(100, "(#100) The body is not a JSON object."))
    return found


def _read(value: str) -> Any:
    """Return a field of a form; objects and lists come as JSON."""
    if not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _token(call: Call, parameters: dict[str, Any]) -> str:
    """Return the access token of a call, and take it out of the parameters."""
    given = str(parameters.pop("access_token", ""))
    scheme, _, bearer = call.headers.get("authorization", "").partition(" ")
    return given or (bearer if scheme in {"Bearer", "OAuth"} else "")


def _is_same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def _profile_names(parameters: Mapping[str, Any]) -> list[str]:
    names = _names(parameters, "fields")
    unknown = sorted(set(names) - PROFILE_KEYS)
    if unknown or not names:
        raise GraphError(
            Refusal(100, f"(#100) param fields must be one of {', '.join(sorted(PROFILE_KEYS))}.")
        )
    return names


def _names(parameters: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of names that comes as JSON or with commas between."""
    given = parameters.get(key, "")
    items = given if isinstance(given, list) else str(given).split(",")
    return [str(item) for item in items if item]


def _missing(what: str, method: str) -> GraphError:
    return GraphError(
        Refusal(
            100,
            f"Unsupported {method.lower()} request. Object with ID '{what}' does not exist, cannot"
            " be loaded due to missing permissions, or does not support this operation",
            subcode=33,
            kind="GraphMethodException",
        )
    )
