"""The Messenger profile of the stand-in's page: what can be read, set and deleted of it.

https://developers.facebook.com/documentation/business-messaging/messenger-platform/reference/messenger-profile-api
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.messenger.checks import PROFILE_KEYS, check_profile
from bot.simulator.messenger.faults import MENU_NEEDS_START, RATE_LIMIT
from bot.simulator.meta.calls import names_in
from bot.simulator.meta.errors import GraphError, Refusal
from bot.simulator.rate import Rate

PROFILE_CALLS, PROFILE_SECONDS = 10, 600
"""https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api/get-started-button/"""


class MessengerProfile:
    """One page's profile; whoever calls sees to it that two calls do not meet.

    Attributes:
        properties: what is set.
        has_bare_ice_breakers: whether ice breakers are read as their page shows it, without their
            name; other programs expect it with its name.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with nothing set; the clock gives seconds since 1970."""
        self.properties: dict[str, Any] = {}
        self.has_bare_ice_breakers = False
        self._clock = clock
        self._rate = Rate(PROFILE_CALLS, PROFILE_SECONDS)

    def read(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the properties that are asked for, as far as they are set."""
        self._check_rate()
        names = _property_names(parameters)
        found = {name: self.properties[name] for name in names if name in self.properties}
        bare = found.pop("ice_breakers", []) if self.has_bare_ice_breakers else []
        return {"data": [*([found] if found else []), *bare]}

    def write(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Set properties."""
        self._check_rate()
        self.set(parameters)
        return {"result": "success"}

    def set(self, properties: Mapping[str, Any]) -> None:
        """Set properties, without counting that as a call.

        Raises:
            GraphError: the platform would refuse them.
        """
        check_profile(properties, self.properties)
        self.properties.update(properties)

    def delete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Delete properties; those that are not set are no mistake."""
        self._check_rate()
        names = _property_names(parameters)
        left = {name: value for name, value in self.properties.items() if name not in names}
        if "persistent_menu" in left and "get_started" not in left:
            raise GraphError(MENU_NEEDS_START)
        self.properties = left
        return {"result": "success"}

    def _check_rate(self) -> None:
        check_rate(self._rate, self._clock())


def check_rate(rate: Rate, now: float) -> None:
    """Count a call.

    Raises:
        GraphError: there were too many of them.
    """
    if rate.is_used_up(now):
        raise GraphError(RATE_LIMIT)
    rate.count(now)


def _property_names(parameters: Mapping[str, Any]) -> list[str]:
    names = names_in(parameters, "fields")
    unknown = sorted(set(names) - PROFILE_KEYS)
    if unknown or not names:
        raise GraphError(
            Refusal(100, f"(#100) param fields must be one of {', '.join(sorted(PROFILE_KEYS))}.")
        )
    return names
