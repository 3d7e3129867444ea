"""What the stand-in of WhatsApp tells of the number, its account, the app and the token.

https://developers.facebook.com/docs/graph-api/reference/debug_token,
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions and
https://developers.facebook.com/documentation/business-messaging/whatsapp/reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.simulator.graph import GraphError, Refusal
from bot.simulator.graph_call import is_same
from bot.simulator.messenger_account import TokenState
from bot.simulator.messenger_app import AppWebhook, chosen
from bot.simulator.messenger_faults import INVALID_TOKEN
from bot.simulator.whatsapp_account import WhatsAppAccount


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


def tell_app(account: WhatsAppAccount, parameters: dict[str, Any]) -> dict[str, Any]:
    """Tell of the app that a token is of."""
    return chosen({"id": account.app_id, "name": account.app_name}, parameters)


def tell_subscribed_apps(account: WhatsAppAccount, *, is_subscribed: bool) -> dict[str, Any]:
    """Tell which apps the account sends its events to."""
    link = f"https://www.facebook.com/games/?app_id={account.app_id}"
    data = {"id": account.app_id, "name": account.app_name, "link": link}
    return {"data": [{"whatsapp_business_api_data": data}] if is_subscribed else []}


def tell_subscriptions(webhook: AppWebhook | None, version: str) -> dict[str, Any]:
    """Tell where events go; an app that has entered no address has no subscription."""
    if webhook is None:
        return {"data": []}
    told = {
        "object": "whatsapp_business_account",
        "callback_url": webhook.callback_url,
        "active": webhook.is_active,
        "fields": [{"name": name, "version": version} for name in sorted(webhook.fields)],
    }
    return {"data": [told]}


def tell_token(
    account: WhatsAppAccount, state: TokenState, now: float, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Tell of the token that is asked about, and which account it may do what with.

    Raises:
        GraphError: none is.
    """
    asked = str(parameters.get("input_token", ""))
    if not asked:
        raise GraphError(Refusal(100, "(#100) The parameter input_token is required."))
    refusal = state.problem(now) if is_same(asked, account.access_token) else INVALID_TOKEN
    if refusal is not None:
        error = {"code": refusal.code, "message": refusal.message}
        error |= {} if refusal.subcode is None else {"subcode": refusal.subcode}
        return {"data": {"error": error, "is_valid": False, "scopes": []}}
    granted = [{"scope": one, "target_ids": [account.waba_id]} for one in state.scopes]
    return {
        "data": {
            "app_id": account.app_id,
            "type": state.kind,
            "application": account.app_name,
            "data_access_expires_at": state.data_access_expires_at,
            "expires_at": state.expires_at,
            "is_valid": True,
            "scopes": list(state.scopes),
            "granular_scopes": granted,
        }
    }
