"""Whom the stand-in of Messenger plays: a page, its app, and the access token between them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.simulator.made_up import made_up
from bot.simulator.meta.account import App
from bot.simulator.meta.tokens import AccessToken, Keys

SCOPES = ("pages_messaging", "pages_manage_metadata", "pages_show_list")


@dataclass(frozen=True)
class Account(App):
    """A page, the app that answers for it, and what both prove themselves with."""

    app_id: str = "200000000000002"
    app_secret: str = made_up("app secret", 32)
    verify_token: str = made_up("verify token", 24)
    page_id: str = "100000000000001"
    page_name: str = "Citewell (simulated)"
    page_token: str = f"EAA{made_up('page token', 60)}"

    @property
    def keys(self) -> Keys:
        """What calls of the Graph API are proved with."""
        return Keys(self.app_secret, self.app_token, self.page_token)


@dataclass(frozen=True)
class TokenState(AccessToken):
    """What became of the page's access token."""

    kind: str = "PAGE"
    scopes: tuple[str, ...] = SCOPES
