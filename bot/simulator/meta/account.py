"""Whom a stand-in of Meta's platforms plays: the app that answers for a page or a number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from bot.simulator.meta.tokens import Keys


@dataclass(frozen=True)
class App(ABC):
    """An app, and what it and Meta prove themselves with to each other."""

    app_id: str
    app_secret: str
    verify_token: str
    app_name: str = "Citewell app (simulated)"

    @property
    def app_token(self) -> str:
        """What the app itself calls with, for itself and not for a page or a number.

        https://developers.facebook.com/docs/facebook-login/guides/access-tokens
        """
        return f"{self.app_id}|{self.app_secret}"

    @property
    @abstractmethod
    def keys(self) -> Keys:
        """What calls of the Graph API are proved with."""
