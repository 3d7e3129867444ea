"""What Meta tells of a token: whether it is of the right kind, and when it ends.

Fields of the answer: https://developers.facebook.com/docs/graph-api/reference/debug_token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.channels.answers import number_of
from bot.doctor.address import SOON_DAYS
from bot.doctor.findings import Seen, failed, ok, warning


@dataclass(frozen=True)
class WantedToken:
    """What a token has to be.

    Attributes:
        kinds: that do.
        owner: what it is of.
        app_id: its app.
        again: how another one is made and set.
    """

    kinds: Sequence[str]
    owner: str
    app_id: str
    again: str

    def seen(self, told: Mapping[str, Any]) -> Seen:
        """Tell whether a token that is valid is such a one, and when it ends.

        Args:
            told: what Meta tells of it.
        """
        kind = str(told.get("type", ""))
        if kind not in self.kinds:
            return failed(
                f"it is a token of the kind {kind or 'unknown'}, not of {self.owner}", self.again
            )
        if str(told.get("app_id", self.app_id)) != self.app_id:
            return failed("it is a token of another app", self.again)
        return self._seen_of_ends(
            number_of(told.get("expires_at")), number_of(told.get("data_access_expires_at"))
        )

    def _seen_of_ends(self, ends: int, access_ends: int) -> Seen:
        """Tell when the token, and the access to data that came with it, end; 0 is never."""
        if ends:
            return warning(
                f"it ends {_day(ends)}",
                "A token made in the App Dashboard, or for a system user, does not end. "
                f"{self.again}",
            )
        if access_ends and _days_until(access_ends) < SOON_DAYS:
            return warning(
                f"it does not end, but the access to data does, {_day(access_ends)}",
                f"Whoever made the token has to grant access again. {self.again}",
            )
        access = f"; access to data until {_day(access_ends)}" if access_ends else ""
        return ok(f"valid, of {self.owner}, does not end{access}")


def _day(stamp: int) -> str:
    try:
        return f"on {datetime.fromtimestamp(stamp, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "at a time that makes no sense"


def _days_until(stamp: int) -> float:
    return (stamp - datetime.now(UTC).timestamp()) / 86400
