"""What Meta tells of an app itself: where its events go, and what its access token may.

https://developers.facebook.com/docs/graph-api/reference/app/subscriptions and
https://developers.facebook.com/docs/graph-api/reference/debug_token
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bot.simulator.meta.account import App
from bot.simulator.meta.calls import is_same, names_in
from bot.simulator.meta.errors import INVALID_TOKEN, GraphError, Refusal
from bot.simulator.meta.tokens import AccessToken


@dataclass(frozen=True)
class Subscription:
    """Where the app wants events to go; a platform says which fields there are.

    Attributes:
        about: what the events are of, Meta's ``object``.
        callback_url: the address that was entered.
        fields: what is asked for; a page or an account has to ask for the same.
        is_active: whether events are sent at all.
    """

    about: ClassVar[str]

    callback_url: str
    fields: tuple[str, ...]
    is_active: bool = True


def tell_app(app: App, parameters: dict[str, Any]) -> dict[str, Any]:
    """Tell of the app that a token is of."""
    return chosen({"id": app.app_id, "name": app.app_name}, parameters)


def tell_subscriptions(webhook: Subscription | None, version: str) -> dict[str, Any]:
    """Tell where events go; an app that has entered no address has no subscription."""
    if webhook is None:
        return {"data": []}
    told = {
        "object": webhook.about,
        "callback_url": webhook.callback_url,
        "active": webhook.is_active,
        "fields": [{"name": name, "version": version} for name in sorted(webhook.fields)],
    }
    return {"data": [told]}


def tell_token(
    app: App,
    state: AccessToken,
    now: float,
    parameters: dict[str, Any],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Tell of the token that is asked about.

    Args:
        app: whose access token it is, if it is.
        state: what became of that.
        now: seconds since 1970.
        parameters: of the call.
        more: what is told of a valid token on this platform only.

    Raises:
        GraphError: none is asked about.
    """
    asked = str(parameters.get("input_token", ""))
    if not asked:
        raise GraphError(Refusal(100, "(#100) The parameter input_token is required."))
    is_ours = is_same(asked, app.keys.access_token)
    refusal = state.problem(now) if is_ours else INVALID_TOKEN
    if refusal is not None:
        error = {"code": refusal.code, "message": refusal.message}
        error |= {} if refusal.subcode is None else {"subcode": refusal.subcode}
        return {"data": {"error": error, "is_valid": False, "scopes": []}}
    return {
        "data": {
            "app_id": app.app_id,
            "type": state.kind,
            "application": app.app_name,
            "data_access_expires_at": state.data_access_expires_at,
            "expires_at": state.expires_at,
            "is_valid": True,
            "scopes": list(state.scopes),
            **more,
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
