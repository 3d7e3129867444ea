"""What Messenger refuses calls with, and what can go wrong with it on demand.

Codes and sentences: https://developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes
and its older edition, https://developers.facebook.com/docs/messenger-platform/reference/send-api/error-codes.
Of a closed window several subcodes are told; this is the one that bots of pages met.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simulator.meta.errors import EXPIRED_TOKEN, TOO_MANY_CALLS, Refusal
from bot.simulator.misbehaviour import SENT_BUT_DROPPED, SLOW, TIMEOUT, Fault

MENU_NEEDS_START = Refusal(
    100, "(#100) You must set a Get Started button if you also wish to use persistent menu."
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

FAULTS: Mapping[str, Fault] = {
    "500": Fault("Nothing is sent; code 2, status 500", answer=UNEXPECTED.answer()),
    "1200": Fault("Nothing is sent; temporary failure", answer=TEMPORARY.answer()),
    "timeout": TIMEOUT,
    "slow": SLOW,
    "sent-but-error": Fault(
        "Sent, and yet code 1, subcode 1357046", processes=True, answer=SENT_BUT_ERROR.answer()
    ),
    "sent-but-dropped": SENT_BUT_DROPPED,
    "613": Fault("Nothing is sent; rate limit of the page", answer=RATE_LIMIT.answer()),
    "429": Fault("Nothing is sent; rate limit of the app", answer=TOO_MANY_CALLS.answer()),
    "190": Fault("Nothing is sent; the token has expired", answer=EXPIRED_TOKEN.answer()),
    "200": Fault("Nothing is sent; a permission is missing", answer=NO_PERMISSION.answer()),
    "551": Fault("Nothing is sent; the person blocked the page", answer=UNAVAILABLE.answer()),
    "10": Fault("Nothing is sent; the 24 hours are over", answer=WINDOW_CLOSED.answer()),
}
"""What can go wrong, by the name to ask for it."""
