"""What the stand-in of Messenger tells of the app itself: its webhook, and its page's token.

https://developers.facebook.com/docs/graph-api/reference/app/subscriptions and
https://developers.facebook.com/docs/graph-api/reference/debug_token
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.simulator.graph import GraphError, Refusal
from bot.simulator.graph_call import is_same, names_in
from bot.simulator.messenger_account import Account, TokenState
from bot.simulator.messenger_events import FIELDS
from bot.simulator.messenger_faults import INVALID_TOKEN


@dataclass(frozen=True)
class AppWebhook:
    """Where the app wants events of pages to go.

    Attributes:
        callback_url: the address that was entered.
        fields: what is asked for; a page has to ask for the same.
        is_active: whether events are sent at all.
    """

    callback_url: str
    fields: tuple[str, ...] = FIELDS
    is_active: bool = True


def tell_app(account: Account, parameters: dict[str, Any]) -> dict[str, Any]:
    """Tell of the app that a token is of."""
    return chosen({"id": account.app_id, "name": account.app_name}, parameters)


def tell_subscriptions(webhook: AppWebhook | None, version: str) -> dict[str, Any]:
    """Tell where events go; an app that has entered no address has no subscription."""
    if webhook is None:
        return {"data": []}
    fields = [{"name": name, "version": version} for name in sorted(webhook.fields)]
    told = {
        "object": "page",
        "callback_url": webhook.callback_url,
        "active": webhook.is_active,
        "fields": fields,
    }
    return {"data": [told]}


def subscribed(parameters: dict[str, Any], key: str) -> set[str]:
    """Return the webhook fields that a call asks for.

    Raises:
        GraphError: it asks for none, or for one that there is not.
    """
    asked = set(names_in(parameters, key))
    unknown = sorted(asked - set(FIELDS))
    if unknown or not asked:
        raise GraphError(
            Refusal(
                100,
                f"(#100) Param {key} must be one of"
                f" {{{', '.join(FIELDS)}}} - got {', '.join(unknown) or 'nothing'}.",
            )
        )
    return asked


def tell_token(
    account: Account, state: TokenState, now: float, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Tell of the token that is asked about.

    Raises:
        GraphError: none is.
    """
    asked = str(parameters.get("input_token", ""))
    if not asked:
        raise GraphError(Refusal(100, "(#100) The parameter input_token is required."))
    refusal = state.problem(now)
    if not is_same(asked, account.page_token):
        refusal = INVALID_TOKEN
    if refusal is not None:
        error = {"code": refusal.code, "message": refusal.message}
        if refusal.subcode is not None:
            error["subcode"] = refusal.subcode
        told: dict[str, Any] = {"error": error, "is_valid": False, "scopes": []}
        return {"data": told}
    about_page = {"profile_id": account.page_id} if state.kind == "PAGE" else {}
    return {
        "data": {
            "app_id": account.app_id,
            "type": state.kind,
            "application": account.app_name,
            "data_access_expires_at": state.data_access_expires_at,
            "expires_at": state.expires_at,
            "is_valid": True,
            **about_page,
            "scopes": list(state.scopes),
        }
    }


def chosen(node: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an object that a call asks for, and its id.

    Raises:
        GraphError: it has no such field.
    """
    asked = names_in(parameters, "fields") or list(node)
    unknown = [name for name in asked if name not in node]
    if unknown:
        raise GraphError(Refusal(100, f"(#100) Tried accessing nonexisting field ({unknown[0]})"))
    return {name: node[name] for name in {"id": None, **dict.fromkeys(asked)}}
