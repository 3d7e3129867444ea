"""Whom the stand-in of WhatsApp plays: a number, its account, the app, and their secrets."""

from __future__ import annotations

from dataclasses import dataclass

from bot.simulator.made_up import made_up
from bot.simulator.meta.account import App
from bot.simulator.meta.tokens import AccessToken, Keys

MESSAGING, MANAGEMENT = "whatsapp_business_messaging", "whatsapp_business_management"
"""https://developers.facebook.com/documentation/business-messaging/whatsapp/permissions"""


@dataclass(frozen=True)
class WhatsAppAccount(App):
    """A number, the WhatsApp Business Account that it is of, and the app that answers for it."""

    app_id: str = "500000000000005"
    app_secret: str = made_up("whatsapp app secret", 32)
    verify_token: str = made_up("whatsapp verify token", 24)
    phone_number_id: str = "300000000000003"
    display_phone_number: str = "+1 555-010-0100"
    verified_name: str = "Citewell (simulated)"
    waba_id: str = "400000000000004"
    access_token: str = f"EAA{made_up('whatsapp access token', 60)}"

    @property
    def keys(self) -> Keys:
        """What calls of the Graph API are proved with."""
        return Keys(self.app_secret, self.app_token, self.access_token)


def system_user_token() -> AccessToken:
    """Return a token that does not end, with the permissions that are needed."""
    return AccessToken(kind="SYSTEM_USER", scopes=(MANAGEMENT, MESSAGING))
