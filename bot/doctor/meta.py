"""Whether a platform of Meta is set up as it should be, as far as Messenger and WhatsApp are alike.

Fields of the answers: https://developers.facebook.com/docs/graph-api/reference/debug_token and
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.channels.graph import Graph, GraphAnswer, GraphProblem, what_to_do
from bot.doctor.findings import Check, Seen, Stopped, failed, ok, warning
from bot.doctor.handshake import Handshake
from bot.doctor.meta_token import WantedToken
from bot.doctor.platform import Platform, PlatformDoctor, renewed
from knowledge.settings import Setting

APP_SCREEN = "App Dashboard > App settings > Basic > App secret"
VERSION = re.compile(r"/(v\d+\.\d+)$")
TOKEN_CODES = ("error_190", "error_102")


@dataclass(frozen=True)
class Keys:
    """What calls are made with.

    Attributes:
        token: lets us call for the Page or the number.
        app_secret: of the app.
        verify_token: proves to Meta that the webhook is ours.
        api_url: the Graph API with its version.
    """

    token: str
    app_secret: str
    verify_token: str
    api_url: str


@dataclass(frozen=True, kw_only=True)
class MetaPlatform(Platform):
    """How a platform of Meta differs from its neighbour.

    Attributes:
        token: the setting of the token.
        secret: the setting of the App Secret.
        verify: the setting of the verify token.
        api_url: the setting of the Graph API's address.
        token_screen: where a token is made.
        webhook_screen: where the webhook is entered.
        thing: what webhooks are of at Meta.
        essential_fields: webhook fields without which nothing works, and what is lost without each.
        token_kinds: kinds of tokens that do.
        owner: what such a token is of.
        scopes: permissions that are needed.
        scope_advice: what to do where one is missing, beside making the token anew.
        grant: what has to be granted with a token, and by whom.
        token_codes: how the codes begin that stop sending until there is another token.
    """

    token: Setting
    secret: Setting
    verify: Setting
    api_url: Setting
    token_screen: str
    webhook_screen: str
    thing: str
    essential_fields: Mapping[str, str]
    token_kinds: Sequence[str]
    owner: str
    scopes: Sequence[str]
    scope_advice: str
    grant: str
    token_codes: Sequence[str] = TOKEN_CODES


class MetaDoctor(PlatformDoctor):
    """Examines one installation and what it has at Meta. Close it afterwards."""

    platform: MetaPlatform
    entered_at = "as entered at Meta"
    _app_id = _app_name = _version = ""
    _token: Mapping[str, Any] = MappingProxyType({})

    def close(self) -> None:
        """Close the connections."""
        for name in {"graph", "app_graph"} & vars(self).keys():
            vars(self)[name].close()
        super().close()

    @property
    @abstractmethod
    def keys(self) -> Keys:
        """What calls are made with.

        Raises:
            Stopped: the platform is not set up.
        """

    def checks_of_store(self) -> tuple[Check, ...]:
        """Return what is looked at of events and messages; needs the check ``settings``."""
        return (*super().checks_of_store(), Check("sending", self.look_at_sending, ("settings",)))

    @property
    def _handshake(self) -> Handshake:
        return Handshake(self.keys.verify_token, self.platform.verify.name)

    def seen_here(self, client: httpx.Client, url: str) -> Seen:
        """Do the handshake, and try a wrong one."""
        return self._handshake.seen_here(client, url)

    def seen_from_outside(self, client: httpx.Client, url: str) -> Seen:
        """Do the handshake."""
        return self._handshake.seen_from_outside(client, url)

    def look_at_sending(self) -> Seen:
        """Look at whether the last message was refused because of the token."""
        mine = self.platform
        how = f"make a new one ({mine.token_screen}) and set {mine.token.name}"
        return self.store.look_at_sending(mine.token_codes, renewed("Meta", "the token", how))

    # --- at Meta ---

    @cached_property
    def graph(self) -> Graph:
        """Calls with the token."""
        return Graph(self.keys.api_url, self.keys.token, self.keys.app_secret)

    @cached_property
    def app_graph(self) -> Graph:
        """Calls as the app itself."""
        token = f"{self._app_id}|{self.keys.app_secret}"
        return Graph(self.keys.api_url, token, self.keys.app_secret)

    def advice(self, problem: GraphProblem) -> str:
        """Return what helps against a refusal."""
        name = self.platform.token.name
        screen = f"\n{name}: {self.platform.token_screen}" if problem.is_of_token else ""
        return what_to_do(problem, name, self.platform.grant) + screen

    def asked(self, graph: Graph, path: str, **parameters: str) -> GraphAnswer:
        """Ask Meta.

        Raises:
            Stopped: it refused, or nothing came.
        """
        try:
            return graph.get(path, **parameters)
        except GraphProblem as problem:
            if problem.is_of_token and graph is not self.graph:
                advice = (
                    f"{self.platform.secret.name} is not the App Secret of {self._app_name}: "
                    f"{APP_SCREEN}."
                )
                raise Stopped(failed(str(problem), advice)) from problem
            raise Stopped(failed(str(problem), self.advice(problem))) from problem

    def look_at_version(self) -> Seen:
        """Look at the version that is asked for."""
        setting, asked = self.platform.api_url, VERSION.search(self.keys.api_url)
        if asked is None:
            return warning(
                f"{setting.name} names no version",
                f"Meta then takes the app's oldest one. Write {setting.default}.",
            )
        if self._version and self._version != asked[1]:
            return warning(
                f"{asked[1]} is asked for, and Meta answers as {self._version}",
                f"{asked[1]} has ended. Read Meta's changelog, then set {setting.name} "
                f"to a version that is alive.",
            )
        return ok(asked[1])

    def look_at_app(self) -> Seen:
        """Look at which app the token is of, and whether the App Secret is of the same."""
        body = self.asked(self.graph, "app", fields="id,name").body
        self._app_id, self._app_name = str(body.get("id", "")), str(body.get("name", ""))
        if not self._app_id:
            return failed("Meta does not tell which app the token is of", "Make the token anew.")
        return ok(f"{self._app_name} ({self._app_id}); App Secret and token belong together")

    def look_at_token(self) -> Seen:
        """Look at whether the token is of the right kind, and when it ends."""
        answer = self.asked(self.app_graph, "debug_token", input_token=self.keys.token)
        data = answer.body.get("data")
        self._token = data if isinstance(data, dict) else {}
        again = (
            f"Make one for {self.platform.owner}: {self.platform.token_screen}, and set "
            f"{self.platform.token.name}."
        )
        if self._token.get("is_valid") is not True:
            error = self._token.get("error")
            said = error.get("message", "") if isinstance(error, dict) else ""
            shown = self.app_graph.without_secrets(str(said))
            return failed(f"the token is not valid. {shown}".strip(), again)
        mine = self.platform
        wanted = WantedToken(mine.token_kinds, mine.owner, self._app_id, again)
        return wanted.seen(self._token)

    def look_at_scopes(self) -> Seen:
        """Look at the permissions that were granted with the token."""
        given = self._token.get("scopes")
        scopes = given if isinstance(given, list) else []
        missing = [scope for scope in self.platform.scopes if scope not in scopes]
        if missing:
            return failed(
                f"not granted: {', '.join(missing)}",
                f"Make the token anew ({self.platform.token_screen}) and grant all that is asked "
                f"for. {self.platform.scope_advice}",
            )
        return ok(", ".join(self.platform.scopes))

    def look_at_subscription(self) -> Seen:
        """Look at where the app lets events go."""
        answer = self.asked(self.app_graph, f"{self._app_id}/subscriptions")
        thing, screen = self.platform.thing, self.platform.webhook_screen
        enter = f"{screen}: enter {self.expected_webhook} and the verify token."
        entered = [one for one in objects(answer.body.get("data")) if one.get("object") == thing]
        if not entered:
            return failed(f"no address is entered for the object {thing}", enter)
        self.entered = str(entered[0].get("callback_url", ""))
        if not entered[0].get("active", True):
            return failed(f"{self.entered} is entered, but switched off", enter)
        expected = self.expected_webhook
        is_other = bool(self.known_url) and self.entered != expected
        if urlsplit(self.entered).path != self.platform.path or is_other:
            return failed(f"events go to {self.entered}, not to {expected}", enter)
        return self.seen_of_fields(
            names(entered[0].get("fields")),
            f"events go to {self.entered}",
            f"{screen} > Webhook fields",
        )

    def seen_of_fields(self, given: Iterable[str], told: str, screen: str) -> Seen:
        """Tell which webhook fields are missing, and what is lost without them.

        Args:
            given: the fields that are subscribed to.
            told: what is well.
            screen: where fields are added.
        """
        fields, essential = set(given), self.platform.essential_fields
        wanted = {**essential, **self.further_fields}
        lost = {name: what for name, what in wanted.items() if name not in fields}
        if not lost:
            return ok(f"{told}; all fields that are needed")
        advice = [f"{screen}: add", *(f"{name}: else {what}" for name, what in lost.items())]
        level = failed if lost.keys() & essential.keys() else warning
        return level(f"{told}; fields missing: {', '.join(lost)}", "\n".join(advice))

    @property
    def further_fields(self) -> Mapping[str, str]:
        """Further webhook fields, and what is lost without each."""
        return {}


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list of Meta's."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def names(value: object) -> list[str]:
    """Return names of fields, which come as texts or as objects with a version."""
    items = value if isinstance(value, list) else []
    return [str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in items]
