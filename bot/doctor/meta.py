"""Whether a platform of Meta is set up as it should be, as far as Messenger and WhatsApp are alike.

Fields of the answers: https://developers.facebook.com/docs/graph-api/reference/debug_token and
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import Engine

from bot.channel_settings import PUBLIC_URL
from bot.channels.graph import Graph, GraphAnswer, GraphProblem, number_of, what_to_do
from bot.doctor.address import SOON_DAYS, PublicAddress
from bot.doctor.common import (
    MetaWebhook,
    Needed,
    local_address,
    look_at_parts,
    look_at_settings,
    look_at_web_process,
)
from bot.doctor.findings import Seen, Stopped, failed, ok, skipped, warning
from bot.doctor.store import PlatformStore, open_store
from bot.settings import BotSettings
from knowledge.settings import Setting

APP_SCREEN = "App Dashboard > App settings > Basic > App secret"
MADE_UP = 'make one up: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
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


@dataclass(frozen=True)
class MetaPlatform:
    """How a platform differs from its neighbour.

    Attributes:
        name: what the store calls it.
        path: of its webhook.
        guide: its page of the documentation.
        needed: its settings, and where their values are found.
        token: the setting of the token.
        secret: the setting of the App Secret.
        verify: the setting of the verify token.
        api_url: the setting of the Graph API's address.
        token_screen: where a token is made.
        webhook_screen: where the webhook is entered.
        thing: what webhooks are of at Meta.
        token_kinds: kinds of tokens that do.
        owner: what such a token is of.
        scopes: permissions that are needed.
        scope_advice: what to do where one is missing, beside making the token anew.
        grant: what has to be granted with a token, and by whom.
        token_codes: how the codes begin that stop sending until there is another token.
    """

    name: str
    path: str
    guide: str
    needed: Sequence[Needed]
    token: Setting
    secret: Setting
    verify: Setting
    api_url: Setting
    token_screen: str
    webhook_screen: str
    thing: str
    token_kinds: Sequence[str]
    owner: str
    scopes: Sequence[str]
    scope_advice: str
    grant: str
    token_codes: Sequence[str] = TOKEN_CODES


class MetaDoctor:
    """Examines one installation and what it has at Meta. Close it afterwards."""

    platform: MetaPlatform

    def __init__(
        self,
        env: Mapping[str, str],
        address: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is looked at yet.

        Args:
            env: the environment that the installation runs with.
            address: the public address; taken from the settings or from Meta where it is "".
            tls: what the public address's certificate is held against.
        """
        self._env, self._tls = env, tls
        self._given = address.rstrip("/").removesuffix(self.platform.path)
        self._settings: BotSettings | None = None
        self._graphs: list[Graph] = []
        self._app_id = self._app_name = self._callback = self._version = ""
        self._token: dict[str, Any] = {}

    def close(self) -> None:
        """Close the connections."""
        for graph in self._graphs:
            graph.close()
        if "_engine" in vars(self):
            self._engine.dispose()

    @property
    def keys(self) -> Keys:
        """What calls are made with.

        Raises:
            Stopped: the platform is not set up.
        """
        raise NotImplementedError

    # --- here ---

    def look_at_settings(self) -> Seen:
        """Look at the settings, which all else needs."""
        self._settings, seen = look_at_settings(self._env, self.platform.needed)
        return seen

    @property
    def settings(self) -> BotSettings:
        """The settings; checks that use them need the check ``settings``."""
        if self._settings is None:
            raise Stopped(skipped("needs “settings”"))
        return self._settings

    def look_at_web_process(self) -> Seen:
        """Look at the web process."""
        return look_at_web_process(local_address(self.settings))

    def look_at_parts(self) -> Seen:
        """Look at the parts that a question needs."""
        return look_at_parts(local_address(self.settings))

    def look_at_webhook(self) -> Seen:
        """Do the handshake here."""
        url = f"{local_address(self.settings)}{self.platform.path}"
        return MetaWebhook(url, self.keys.verify_token, self.platform.verify.name).look()

    @cached_property
    def _engine(self) -> Engine:
        return open_store(self.settings.knowledge.database_url)

    @property
    def store(self) -> PlatformStore:
        """What the store knows of the platform."""
        return PlatformStore(self._engine, self.platform.name)

    def look_at_undone(self) -> Seen:
        """Look at what is stuck or failed."""
        return self.store.look_at_undone(self.platform.guide)

    def look_at_sending(self) -> Seen:
        """Look at whether the last message was refused because of the token."""
        return self.store.look_at_sending(
            self.platform.token_codes,
            "Meta did not take the token of then. If the token is ok above, a message sends it "
            f"on; else make a new one ({self.platform.token_screen}) and set "
            f"{self.platform.token.name}. A file of secrets is read again within half a minute; "
            "otherwise start Citewell anew.",
        )

    # --- at Meta ---

    @cached_property
    def graph(self) -> Graph:
        """Calls with the token."""
        return self._opened(self.keys.token)

    @cached_property
    def app_graph(self) -> Graph:
        """Calls as the app itself."""
        return self._opened(f"{self._app_id}|{self.keys.app_secret}")

    def _opened(self, token: str) -> Graph:
        graph = Graph(self.keys.api_url, token, self.keys.app_secret)
        self._graphs.append(graph)
        return graph

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
        kind = str(self._token.get("type", ""))
        if kind not in self.platform.token_kinds:
            owner = self.platform.owner
            return failed(f"it is a token of the kind {kind or 'unknown'}, not of {owner}", again)
        if str(self._token.get("app_id", self._app_id)) != self._app_id:
            return failed("it is a token of another app", again)
        return self._seen_of_ends(again)

    def _seen_of_ends(self, again: str) -> Seen:
        """Tell when the token, and the access to data that came with it, end."""
        ends = number_of(self._token.get("expires_at"))
        access_ends = number_of(self._token.get("data_access_expires_at"))
        if ends:
            return warning(
                f"it ends {_day(ends)}",
                f"A token made in the App Dashboard, or for a system user, does not end. {again}",
            )
        if access_ends and _days_until(access_ends) < SOON_DAYS:
            return warning(
                f"it does not end, but the access to data does, {_day(access_ends)}",
                f"Whoever made the token has to grant access again. {again}",
            )
        access = f"; access to data until {_day(access_ends)}" if access_ends else ""
        return ok(f"valid, of {self.platform.owner}, does not end{access}")

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
        thing, enter = self.platform.thing, self._how_to_enter()
        entered = [one for one in objects(answer.body.get("data")) if one.get("object") == thing]
        if not entered:
            return failed(f"no address is entered for the object {thing}", enter)
        self._callback = str(entered[0].get("callback_url", ""))
        if not entered[0].get("active", True):
            return failed(f"{self._callback} is entered, but switched off", enter)
        expected = self._expected_callback()
        is_other = bool(self._known) and self._callback != expected
        if urlsplit(self._callback).path != self.platform.path or is_other:
            return failed(f"events go to {self._callback}, not to {expected}", enter)
        return self.seen_of_fields(
            names(entered[0].get("fields")),
            f"events go to {self._callback}",
            f"{self.platform.webhook_screen} > Webhook fields",
        )

    def _how_to_enter(self) -> str:
        screen = self.platform.webhook_screen
        return f"{screen}: enter {self._expected_callback()} and the verify token."

    @property
    def _known(self) -> str:
        """The public address, as far as it was told here."""
        return self._given or self.settings.channels.public_url

    def _expected_callback(self) -> str:
        return f"{self._known or 'https://YOUR-ADDRESS'}{self.platform.path}"

    def seen_of_fields(self, given: Iterable[str], told: str, screen: str) -> Seen:
        """Tell which webhook fields are missing, and what is lost without them.

        Args:
            given: the fields that are subscribed to.
            told: what is well.
            screen: where fields are added.
        """
        fields, essential = set(given), self.essential_fields
        wanted = {**essential, **self.further_fields}
        lost = {name: what for name, what in wanted.items() if name not in fields}
        if not lost:
            return ok(f"{told}; all fields that are needed")
        advice = [f"{screen}: add", *(f"{name}: else {what}" for name, what in lost.items())]
        level = failed if lost.keys() & essential.keys() else warning
        return level(f"{told}; fields missing: {', '.join(lost)}", "\n".join(advice))

    @property
    def essential_fields(self) -> Mapping[str, str]:
        """Webhook fields without which nothing works, and what is lost without each."""
        raise NotImplementedError

    @property
    def further_fields(self) -> Mapping[str, str]:
        """Others, and what is lost without each."""
        return {}

    # --- on the way ---

    @cached_property
    def address(self) -> PublicAddress:
        """The public address.

        Raises:
            Stopped: it is not known.
        """
        if self._given:
            return PublicAddress(self._given, "--address", self._tls)
        if self.settings.channels.public_url:
            return PublicAddress(self.settings.channels.public_url, PUBLIC_URL.name, self._tls)
        if self._callback:
            url = self._callback.removesuffix(self.platform.path)
            return PublicAddress(url, "as entered at Meta", self._tls)
        raise Stopped(
            skipped(
                "not known",
                f"Set {PUBLIC_URL.name}, or give --address https://chat.example.org",
            )
        )

    def look_at_address(self) -> Seen:
        """Look at the public address."""
        return self.address.look()

    def look_at_certificate(self) -> Seen:
        """Look at its certificate."""
        return self.address.look_at_certificate()

    def look_from_outside(self) -> Seen:
        """Do the handshake through the public address."""
        verify = self.platform.verify.name
        return self.address.look_at_webhook(self.platform.path, self.keys.verify_token, verify)


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list of Meta's."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def names(value: object) -> list[str]:
    """Return names of fields, which come as texts or as objects with a version."""
    items = value if isinstance(value, list) else []
    return [str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in items]


def _day(stamp: int) -> str:
    try:
        return f"on {datetime.fromtimestamp(stamp, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "at a time that makes no sense"


def _days_until(stamp: int) -> float:
    return (stamp - datetime.now(UTC).timestamp()) / 86400
