"""Whether a call of the Graph API is made with the right token, and with a proof of the app's own.

https://developers.facebook.com/docs/graph-api/guides/secure-requests
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.simulator.graph import GraphError, signed
from bot.simulator.graph_call import is_same
from bot.simulator.messenger_account import TokenState
from bot.simulator.messenger_faults import (
    APP_TOKEN_REFUSED,
    INVALID_TOKEN,
    NO_TOKEN,
    PROOF_MISSING,
    PROOF_REFUSED,
)


@dataclass(frozen=True)
class Keys:
    """What calls are proved with.

    Attributes:
        app_secret: of the app.
        app_token: what the app itself calls with.
        access_token: what it calls with for a page or a number.
    """

    app_secret: str
    app_token: str
    access_token: str


def check_token(
    token: str,
    parameters: dict[str, Any],
    keys: Keys,
    state: TokenState,
    now: float,
    *,
    takes_app: bool = False,
    needs_proof: bool = False,
) -> None:
    """Refuse a wrong token, and a proof of the app's secret that is wrong or missing.

    Args:
        token: what the call is made with.
        parameters: of the call; the proof is taken out of them.
        keys: what is right.
        state: what became of the access token.
        now: seconds since 1970.
        takes_app: whether the app's own token will do as well.
        needs_proof: whether the app has "Require App Secret" switched on.

    Raises:
        GraphError: the call is refused.
    """
    proof = parameters.pop("appsecret_proof", None)
    if not token:
        raise GraphError(NO_TOKEN)
    if "|" in token and not is_same(token, keys.app_token):
        raise GraphError(APP_TOKEN_REFUSED)
    if not (takes_app and is_same(token, keys.app_token)):
        if not is_same(token, keys.access_token):
            raise GraphError(INVALID_TOKEN)
        refusal = state.problem(now)
        if refusal is not None:
            raise GraphError(refusal)
    if proof is None and needs_proof:
        raise GraphError(PROOF_MISSING)
    right = signed(keys.app_secret, token.encode())
    if proof is not None and not is_same(str(proof), right):
        raise GraphError(PROOF_REFUSED)
