"""Whom the stand-in of Messenger plays: a page, its app, and the access token between them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bot.simulator.graph import GraphError, Refusal
from bot.simulator.messenger_faults import EXPIRED_TOKEN, WITHDRAWN_TOKEN

SCOPES = ("pages_messaging", "pages_manage_metadata", "pages_show_list")


def made_up(name: str, letters: int) -> str:
    """Return something that looks like a secret and is the same at each start."""
    return hashlib.sha256(f"citewell simulator: {name}".encode()).hexdigest()[:letters]


@dataclass(frozen=True)
class Account:
    """A page, the app that answers for it, and what both prove themselves with."""

    page_id: str = "100000000000001"
    page_name: str = "Citewell (simulated)"
    app_id: str = "200000000000002"
    app_name: str = "Citewell app (simulated)"
    app_secret: str = made_up("app secret", 32)
    verify_token: str = made_up("verify token", 24)
    page_token: str = f"EAA{made_up('page token', 60)}"

    @property
    def app_token(self) -> str:
        """What the app itself calls with, for itself and not for a page.

        https://developers.facebook.com/docs/facebook-login/guides/access-tokens
        """
        return f"{self.app_id}|{self.app_secret}"


@dataclass(frozen=True)
class TokenState:
    """What became of the page's access token.

    Attributes:
        kind: "PAGE", or "USER" for one that was taken by mistake.
        scopes: permissions that were granted with it.
        expires_at: when it ends, in seconds since 1970; 0 for never.
        data_access_expires_at: when the person has to grant access to data again; 0 for never.
        is_withdrawn: whether it was taken back.
    """

    kind: str = "PAGE"
    scopes: tuple[str, ...] = SCOPES
    expires_at: int = 0
    data_access_expires_at: int = 0
    is_withdrawn: bool = False

    def problem(self, now: float) -> Refusal | None:
        """Return what calls with it are refused with, if they are."""
        if self.is_withdrawn:
            return WITHDRAWN_TOKEN
        return EXPIRED_TOKEN if 0 < self.expires_at <= now else None

    def check_scope(self, scope: str) -> None:
        """Refuse a call for which a permission is missing.

        Raises:
            GraphError: it is.
        """
        if scope not in self.scopes:
            message = f"(#200) Requires {scope} permission to manage the object."
            raise GraphError(Refusal(200, message, status=403))
