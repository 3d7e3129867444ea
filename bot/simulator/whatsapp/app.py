"""What the stand-in of WhatsApp tells of the number and of its account.

https://developers.facebook.com/documentation/business-messaging/whatsapp/reference
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bot.simulator.meta.app import Subscription, chosen
from bot.simulator.whatsapp.account import WhatsAppAccount
from bot.simulator.whatsapp.events import FIELDS


@dataclass(frozen=True)
class AppWebhook(Subscription):
    """Where the app wants events of accounts to go."""

    about: ClassVar[str] = "whatsapp_business_account"
    fields: tuple[str, ...] = FIELDS


def tell_number(
    account: WhatsAppAccount, state: Mapping[str, Any], parameters: dict[str, Any]
) -> dict[str, Any]:
    """Tell of the number."""
    node = {
        "id": account.phone_number_id,
        "display_phone_number": account.display_phone_number,
        "verified_name": account.verified_name,
        **state,
    }
    return chosen(node, parameters)


def tell_subscribed_apps(account: WhatsAppAccount, *, is_subscribed: bool) -> dict[str, Any]:
    """Tell which apps the account sends its events to."""
    link = f"https://www.facebook.com/games/?app_id={account.app_id}"
    data = {"id": account.app_id, "name": account.app_name, "link": link}
    return {"data": [{"whatsapp_business_api_data": data}] if is_subscribed else []}
