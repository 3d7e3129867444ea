"""What Telegram tells of the webhook that it has: which updates it sends, and how that goes.

Fields of the answer: https://core.telegram.org/bots/api#webhookinfo.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.channels.telegram.profile import ALLOWED_UPDATES, REFUSED
from bot.doctor.findings import Seen, ago, failed, ok, warning

SETUP = ".venv/bin/python -m bot setup telegram"
ESSENTIAL = {
    "message": "nothing that people write arrives",
    "callback_query": "taps on buttons do not arrive",
}
DEFAULT_UPDATES = frozenset(ALLOWED_UPDATES) - {"message_reaction"}
"""What a bot gets that named no kinds, as far as it is ours."""
MANY_PENDING = 20
KEPT_SECONDS = 24 * 3600
"""So long Telegram keeps an update."""
ERRORS = {
    "connection timed out": "Telegram gets no connection: look at firewall and port.",
    "connection refused": "Nothing listens at the public address: look at the proxy.",
    "certificate": "Telegram does not trust the certificate: serve it with its whole chain.",
    "ssl": "Telegram cannot speak TLS with the public address: look at the certificate.",
    "read timeout": "The webhook answers too late: look at the load of this machine.",
    "wrong response from the webhook: 404": "A proxy in front does not pass /webhooks/ on.",
    "wrong response from the webhook: 5": "Read log/web.log in the data folder.",
    "wrong response from the webhook: 3": "Telegram follows no redirect: end it.",
    "name or service": "The name of the public address is not known: look at its DNS record.",
    "failed to resolve": "The name of the public address is not known: look at its DNS record.",
}
"""What stands in Telegram's sentence on a delivery that failed, and what helps."""


def seen_of_updates(info: Mapping[str, Any]) -> Seen:
    """Tell whether Telegram sends the kinds of updates that are wanted."""
    given = info.get("allowed_updates")
    kinds = set(given) if isinstance(given, list) else set(DEFAULT_UPDATES)
    lost = [f"{kind}: {what}" for kind, what in ESSENTIAL.items() if kind not in kinds]
    if lost:
        return failed("not asked for: " + "; ".join(lost), f"Change it: {SETUP}")
    more = sorted(kinds ^ set(ALLOWED_UPDATES))
    if more:
        return warning(f"other kinds than wanted: {', '.join(more)}", f"Change it: {SETUP}")
    return ok(", ".join(sorted(kinds)))


def seen_of_deliveries(info: Mapping[str, Any], at: float) -> Seen:
    """Tell whether updates arrive.

    Args:
        info: what Telegram tells.
        at: the time now, in seconds since 1970.
    """
    pending, failed_at = info.get("pending_update_count", 0), info.get("last_error_date")
    waiting = f"{pending} updates wait" if pending else "nothing waits"
    if not isinstance(failed_at, int):
        if pending < MANY_PENDING:
            return ok(waiting)
        return warning(waiting, "Look again in a minute: the number should fall.")
    said = str(info.get("last_error_message", "")).strip()[:200]
    seconds = at - failed_at
    told = f"{waiting}; the last failure {ago(seconds)}: {said}"
    if pending:
        return failed(told, _advice(said))
    if seconds > KEPT_SECONDS:
        return ok(told)
    return warning(told, f"All came since. If it happens again: {_advice(said)}")


def _advice(said: str) -> str:
    if REFUSED.search(said):
        return f"Telegram has another secret than is set here. Write it again: {SETUP} --again"
    known = (advice for words, advice in ERRORS.items() if words in said.casefold())
    return next(known, "Look at “webhook from outside” below, and at log/web.log.")
