"""What WhatsApp refuses calls with, and what can go wrong with it on demand.

Codes and sentences: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes.
Statuses are those that https://docs.360dialog.com/docs/support/api-error-message-list.md lists.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simulator.meta.errors import EXPIRED_TOKEN, TOO_MANY_CALLS, Refusal
from bot.simulator.misbehaviour import SENT_BUT_DROPPED, SLOW, TIMEOUT, Fault


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
    "131000": Fault("Nothing is sent; something went wrong", answer=UNKNOWN.answer()),
    "131016": Fault("Nothing is sent; a service is down", answer=UNAVAILABLE.answer()),
    "timeout": TIMEOUT,
    "slow": SLOW,
    "sent-but-error": Fault("Sent, and yet code 131000", processes=True, answer=UNKNOWN.answer()),
    "sent-but-dropped": SENT_BUT_DROPPED,
    "131056": Fault("Nothing is sent; too many to this person", answer=PAIR_LIMIT.answer()),
    "130429": Fault("Nothing is sent; too many of this number", answer=THROUGHPUT.answer()),
    "429": Fault("Nothing is sent; rate limit of the app", answer=TOO_MANY_CALLS.answer()),
    "131057": Fault("Nothing is sent; maintenance", answer=MAINTENANCE.answer()),
    "190": Fault("Nothing is sent; the token has expired", answer=EXPIRED_TOKEN.answer()),
    "200": Fault("Nothing is sent; a permission is missing", answer=NO_PERMISSION.answer()),
    "131031": Fault("Nothing is sent; the account is locked", answer=LOCKED.answer()),
    "133010": Fault(
        "Nothing is sent; the number is not registered", answer=NOT_REGISTERED.answer()
    ),
    "131030": Fault(
        "Nothing is sent; a test number does not know this person", answer=NOT_ALLOWED.answer()
    ),
    "131047": Fault("Nothing is sent; the 24 hours are over", answer=WINDOW_CLOSED.answer()),
}
"""What can go wrong, by the name to ask for it."""
