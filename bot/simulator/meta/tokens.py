"""Whether a call of the Graph API is made with the right token, and with a proof of the app's own.

https://developers.facebook.com/docs/graph-api/guides/secure-requests
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.simulator.meta.calls import is_same
from bot.simulator.meta.errors import (
    APP_TOKEN_REFUSED,
    EXPIRED_TOKEN,
    INVALID_TOKEN,
    NO_TOKEN,
    PROOF_MISSING,
    PROOF_REFUSED,
    WITHDRAWN_TOKEN,
    GraphError,
    Refusal,
)
from bot.simulator.meta.signature import signed


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


@dataclass(frozen=True)
class AccessToken:
    """What became of the access token of a page or a number.

    Attributes:
        kind: "PAGE", "SYSTEM_USER", or "USER" for one that was taken by mistake.
        scopes: permissions that were granted with it.
        expires_at: when it ends, in seconds since 1970; 0 for never.
        data_access_expires_at: when the person has to grant access to data again; 0 for never.
        is_withdrawn: whether it was taken back.
    """

    kind: str
    scopes: tuple[str, ...]
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


def check_token(
    token: str,
    parameters: dict[str, Any],
    keys: Keys,
    state: AccessToken,
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
