"""What Meta's Graph API refuses calls with, whatever they are about.

Shape and codes: https://developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes.
That page names no HTTP status per code; those here are our choice, so a client must go by the code.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from bot.simulator.misbehaviour import Answer


@dataclass(frozen=True)
class Refusal:
    """What the Graph API refuses a call with.

    Attributes:
        code: Meta's code.
        message: Meta's sentence.
        subcode: Meta's finer code, where there is one.
        status: HTTP status of the answer.
        kind: Meta's ``type``.
    """

    code: int
    message: str
    subcode: int | None = None
    status: int = 400
    kind: str = "OAuthException"

    def body(self) -> dict[str, Any]:
        """Return the body of the answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": {**error, "fbtrace_id": secrets.token_urlsafe(8)}}

    def answer(self) -> Answer:
        """Return the answer to the call."""
        return Answer(self.status, self.body())


class GraphError(Exception):
    """The Graph API refuses a call; ``refusal`` says with what."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


NO_TOKEN = Refusal(
    2500, "An active access token must be used to query information about the current user."
)
INVALID_TOKEN = Refusal(190, "Invalid OAuth access token - Cannot parse access token", status=401)
EXPIRED_TOKEN = Refusal(
    190, "Error validating access token: Session has expired.", subcode=463, status=401
)
WITHDRAWN_TOKEN = Refusal(
    190,
    "Error validating access token: The session has been invalidated because the user changed"
    " their password or Facebook has changed the session for security reasons.",
    subcode=460,
    status=401,
)
APP_TOKEN_REFUSED = Refusal(
    190, "Error validating application. Invalid application secret.", status=401
)
PROOF_REFUSED = Refusal(
    100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException"
)
PROOF_MISSING = Refusal(
    100,
    "API calls from the server require an appsecret_proof argument",
    kind="GraphMethodException",
)
TOO_MANY_CALLS = Refusal(4, "(#4) Application request limit reached", status=429)
