"""What WhatsApp refuses calls with, and what can go wrong with it on demand.

Codes and sentences: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes.
Statuses are those that https://docs.360dialog.com/docs/support/api-error-message-list.md lists.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simulator.graph import Refusal
from bot.simulator.messenger_faults import EXPIRED_TOKEN, TOO_MANY_CALLS, answer_of
from bot.simulator.misbehaviour import Fault


def refusal(code: int, title: str, status: int = 400) -> Refusal:
    """Return a refusal in the form that WhatsApp gives its own ones."""
    return Refusal(code, f"(#{code}) {title}", status=status)


UNKNOWN = refusal(131000, "Something went wrong", 500)
UNAVAILABLE = refusal(131016, "Service unavailable", 503)
MAINTENANCE = refusal(131057, "Account in maintenance mode", 500)
THROUGHPUT = refusal(130429, "Rate limit hit")
PAIR_LIMIT = refusal(131056, "(Business Account, Consumer Account) pair rate limit hit")
SPAM_LIMIT = refusal(131048, "Spam rate limit hit")
WINDOW_CLOSED = refusal(131047, "Re-engagement message")
UNDELIVERABLE = refusal(131026, "Message undeliverable")
NOT_ALLOWED = refusal(131030, "Recipient phone number not in allowed list")
LOCKED = refusal(131031, "Business Account locked", 403)
DENIED = refusal(131005, "Access denied", 403)
NOT_REGISTERED = refusal(133010, "The account is not registered")
NO_PERMISSION = refusal(200, "You do not have the necessary permissions to send messages", 403)


FAULTS: Mapping[str, Fault] = {
    "131000": Fault("Nothing is sent; something went wrong", answer=answer_of(UNKNOWN)),
    "131016": Fault("Nothing is sent; a service is down", answer=answer_of(UNAVAILABLE)),
    "timeout": Fault("Nothing is sent; no answer for 30 seconds", 30.0, drops=True),
    "slow": Fault("Sent; the answer comes after 4 seconds", 4.0, processes=True),
    "sent-but-error": Fault("Sent, and yet code 131000", processes=True, answer=answer_of(UNKNOWN)),
    "sent-but-dropped": Fault(
        "Sent, and yet the connection closes without an answer", processes=True, drops=True
    ),
    "131056": Fault("Nothing is sent; too many to this person", answer=answer_of(PAIR_LIMIT)),
    "130429": Fault("Nothing is sent; too many of this number", answer=answer_of(THROUGHPUT)),
    "429": Fault("Nothing is sent; rate limit of the app", answer=answer_of(TOO_MANY_CALLS)),
    "131057": Fault("Nothing is sent; maintenance", answer=answer_of(MAINTENANCE)),
    "190": Fault("Nothing is sent; the token has expired", answer=answer_of(EXPIRED_TOKEN)),
    "200": Fault("Nothing is sent; a permission is missing", answer=answer_of(NO_PERMISSION)),
    "131031": Fault("Nothing is sent; the account is locked", answer=answer_of(LOCKED)),
    "133010": Fault(
        "Nothing is sent; the number is not registered", answer=answer_of(NOT_REGISTERED)
    ),
    "131030": Fault(
        "Nothing is sent; a test number does not know this person", answer=answer_of(NOT_ALLOWED)
    ),
    "131047": Fault("Nothing is sent; the 24 hours are over", answer=answer_of(WINDOW_CLOSED)),
}
"""What can go wrong, by the name to ask for it."""
