"""An examination of an installation for one platform, as far as all platforms are alike."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import httpx
from sqlalchemy.engine import Engine

from bot.channel_settings import PUBLIC_URL
from bot.doctor.address import PublicAddress
from bot.doctor.common import (
    Needed,
    local_address,
    look_at_parts,
    look_at_settings,
    look_at_web_process,
    look_at_webhook,
)
from bot.doctor.findings import Check, Seen, Stopped, failed, skipped
from bot.doctor.store import PlatformStore, open_store
from bot.settings import BotSettings

MADE_UP = 'make one up: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
"""Where a setting's value is found that nobody gives out."""
Mine = TypeVar("Mine")


@dataclass(frozen=True)
class Platform:
    """How a platform differs from the others.

    Attributes:
        name: what the store calls it.
        title: what people call it.
        path: of its webhook.
        guide: its page of the documentation.
        needed: its settings, and where their values are found.
        how_to_try: what to do to make the first event come.
    """

    name: str
    title: str
    path: str
    guide: str
    needed: Sequence[Needed]
    how_to_try: str


class PlatformDoctor(ABC):
    """Examines one installation for a platform. Close it afterwards."""

    platform: Platform
    entered_at = ""
    """How it is told that the public address is the one that the platform has."""
    no_address = skipped(
        "not known", f"Set {PUBLIC_URL.name}, or give --address https://chat.example.org"
    )

    def __init__(
        self,
        env: Mapping[str, str],
        address: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is looked at yet.

        Args:
            env: the environment that the installation runs with.
            address: the public address; taken from the settings or from the platform where it is
                "".
            tls: what the public address's certificate is held against.
        """
        self._env, self._tls = env, tls
        self._given = address.rstrip("/").removesuffix(self.platform.path)
        self._settings: BotSettings | None = None
        self.entered = ""
        """Where the platform sends events, once that was asked."""

    @abstractmethod
    def checks(self) -> Iterable[Check]:
        """Return what is looked at, in this order."""

    def close(self) -> None:
        """Close the connections."""
        if "_engine" in vars(self):
            self._engine.dispose()

    # --- here ---

    def checks_of_processes(self) -> tuple[Check, ...]:
        """Return what is looked at of the processes here; needs the check ``settings``."""
        return (
            Check("web process", self.look_at_web_process, ("settings",)),
            Check("parts", self.look_at_parts, ("web process",)),
            Check("webhook here", self.look_at_webhook, ("web process",)),
        )

    def look_at_settings(self) -> Seen:
        """Look at the settings, which all else needs."""
        self._settings, seen = look_at_settings(self._env, self.needed())
        return seen

    def needed(self) -> Sequence[Needed]:
        """Return the settings that are looked at."""
        return self.platform.needed

    @property
    def settings(self) -> BotSettings:
        """The settings; checks that use them need the check ``settings``."""
        if self._settings is None:
            raise Stopped(skipped("needs “settings”"))
        return self._settings

    def set_up(self, mine: Mine | None) -> Mine:
        """Return the platform's own settings.

        Raises:
            Stopped: there are none.
        """
        if mine is None:
            told = f"{self.platform.title} is not set up"
            raise Stopped(failed(told, f"{self.platform.guide} tells how."))
        return mine

    def look_at_web_process(self) -> Seen:
        """Look at the web process."""
        return look_at_web_process(local_address(self.settings))

    def look_at_parts(self) -> Seen:
        """Look at the parts that a question needs."""
        return look_at_parts(local_address(self.settings))

    def look_at_webhook(self) -> Seen:
        """Call the webhook on this machine."""
        url = f"{local_address(self.settings)}{self.platform.path}"
        return look_at_webhook(url, self.seen_here)

    @abstractmethod
    def seen_here(self, client: httpx.Client, url: str) -> Seen:
        """Call the webhook as the platform does, and as strangers do; tell whether it knows them.

        Args:
            client: calls.
            url: of the webhook on this machine.

        Raises:
            httpx.HTTPError: no answer came.
        """

    # --- its store ---

    def checks_of_store(self) -> tuple[Check, ...]:
        """Return what is looked at of events and messages; needs the check ``settings``."""
        return (
            Check("events", self.look_at_events, ("settings",)),
            Check("stuck or failed", self.look_at_undone, ("settings",)),
        )

    @cached_property
    def _engine(self) -> Engine:
        return open_store(self.settings.knowledge.database_url)

    @property
    def store(self) -> PlatformStore:
        """What the store knows of the platform."""
        return PlatformStore(self._engine, self.platform.name)

    def look_at_events(self) -> Seen:
        """Look at when the last events came."""
        return self.store.look_at_events(self.platform.how_to_try)

    def look_at_undone(self) -> Seen:
        """Look at what is stuck or failed."""
        return self.store.look_at_undone(self.platform.guide)

    # --- on the way ---

    def checks_of_address(self) -> tuple[Check, ...]:
        """Return what is looked at of the public address; needs the check ``settings``."""
        return (
            Check("public address", self.look_at_address, ("settings",)),
            Check("certificate", self.look_at_certificate, ("public address",)),
            Check("webhook from outside", self.look_from_outside, ("certificate",)),
        )

    @property
    def known_url(self) -> str:
        """The public address, as far as it was told here."""
        return self._given or self.settings.channels.public_url

    @property
    def expected_webhook(self) -> str:
        """Where the platform should send events."""
        return f"{self.known_url or 'https://YOUR-ADDRESS'}{self.platform.path}"

    @cached_property
    def address(self) -> PublicAddress:
        """The public address.

        Raises:
            Stopped: it is not known.
        """
        places = (
            (self._given, "--address"),
            (self.settings.channels.public_url, PUBLIC_URL.name),
            (self.entered.removesuffix(self.platform.path), self.entered_at),
        )
        for url, source in places:
            if url:
                return PublicAddress(url, source, self._tls)
        raise Stopped(self.no_address)

    def look_at_address(self) -> Seen:
        """Look at the public address."""
        return self.address.look()

    def look_at_certificate(self) -> Seen:
        """Look at its certificate."""
        return self.address.look_at_certificate()

    def look_from_outside(self) -> Seen:
        """Call the webhook through the public address."""
        return self.address.look_at_webhook(self.platform.path, self.seen_from_outside)

    @abstractmethod
    def seen_from_outside(self, client: httpx.Client, url: str) -> Seen:
        """Call the webhook as the platform does; tell whether it knows it.

        Args:
            client: calls.
            url: of the webhook at its public address.

        Raises:
            httpx.HTTPError: no answer came.
        """


def renewed(who: str, token: str, how: str) -> str:
    """Return what to do where a platform refused the token that messages were sent with.

    Args:
        who: refused it.
        token: the check that tells whether today's is taken.
        how: another one is made and set.
    """
    return (
        f"{who} did not take the token of then. If {token} is ok above, a message sends it on; "
        f"else {how}. A file of secrets is read again within half a minute; otherwise start "
        "Citewell anew."
    )
