"""What Messenger refuses calls with, and what can go wrong with it on demand.

Codes and sentences: https://developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes
and its older edition, https://developers.facebook.com/docs/messenger-platform/reference/send-api/error-codes.
Of a closed window several subcodes are told; this is the one that bots of pages met.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simulator.graph import Refusal
from bot.simulator.misbehaviour import Answer, Fault

NO_TOKEN = Refusal(
    2500, "An active access token must be used to query information about the current user."
)
MENU_NEEDS_START = Refusal(
    100, "(#100) You must set a Get Started button if you also wish to use persistent menu."
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
RATE_LIMIT = Refusal(613, "(#613) Calls to this api have exceeded the rate limit.")
UNAVAILABLE = Refusal(551, "(#551) This person isn't available right now.", subcode=1545041)
UNKNOWN_PERSON = Refusal(100, "(#100) No matching user found", subcode=2018001)
WINDOW_CLOSED = Refusal(
    10, "(#10) This message is sent outside of allowed window.", subcode=2018278
)
NO_PERMISSION = Refusal(
    200, "(#200) Requires pages_messaging permission to manage the object.", status=403
)
UNEXPECTED = Refusal(
    2, "An unexpected error has occurred. Please retry your request later.", status=500
)
TEMPORARY = Refusal(1200, "Temporary send message failure. Please try again later.", status=500)
SENT_BUT_ERROR = Refusal(1, "Received invalid JSON reply.", subcode=1357046, status=500)
TOO_MANY_CALLS = Refusal(4, "(#4) Application request limit reached", status=429)


def answer_of(refusal: Refusal) -> Answer:
    """Return a refusal as an answer."""
    return Answer(refusal.status, refusal.body())


FAULTS: Mapping[str, Fault] = {
    "500": Fault("Nothing is sent; code 2, status 500", answer=answer_of(UNEXPECTED)),
    "1200": Fault("Nothing is sent; temporary failure", answer=answer_of(TEMPORARY)),
    "timeout": Fault("Nothing is sent; no answer for 30 seconds", 30.0, drops=True),
    "slow": Fault("Sent; the answer comes after 4 seconds", 4.0, processes=True),
    "sent-but-error": Fault(
        "Sent, and yet code 1, subcode 1357046", processes=True, answer=answer_of(SENT_BUT_ERROR)
    ),
    "sent-but-dropped": Fault(
        "Sent, and yet the connection closes without an answer", processes=True, drops=True
    ),
    "613": Fault("Nothing is sent; rate limit of the page", answer=answer_of(RATE_LIMIT)),
    "429": Fault("Nothing is sent; rate limit of the app", answer=answer_of(TOO_MANY_CALLS)),
    "190": Fault("Nothing is sent; the token has expired", answer=answer_of(EXPIRED_TOKEN)),
    "200": Fault("Nothing is sent; a permission is missing", answer=answer_of(NO_PERMISSION)),
    "551": Fault("Nothing is sent; the person blocked the page", answer=answer_of(UNAVAILABLE)),
    "10": Fault("Nothing is sent; the 24 hours are over", answer=answer_of(WINDOW_CLOSED)),
}
"""What can go wrong, by the name to ask for it."""
