"""What the stand-in of Messenger is asked to tell the app: the webhook fields of a page.

https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bot.simulator.messenger.events import FIELDS
from bot.simulator.meta.app import Subscription
from bot.simulator.meta.calls import names_in
from bot.simulator.meta.errors import GraphError, Refusal


@dataclass(frozen=True)
class AppWebhook(Subscription):
    """Where the app wants events of pages to go."""

    about: ClassVar[str] = "page"
    fields: tuple[str, ...] = FIELDS


def subscribed(parameters: dict[str, Any], key: str) -> set[str]:
    """Return the webhook fields that a call asks for.

    Raises:
        GraphError: it asks for none, or for one that there is not.
    """
    asked = set(names_in(parameters, key))
    unknown = sorted(asked - set(FIELDS))
    if unknown or not asked:
        raise GraphError(
            Refusal(
                100,
                f"(#100) Param {key} must be one of"
                f" {{{', '.join(FIELDS)}}} - got {', '.join(unknown) or 'nothing'}.",
            )
        )
    return asked
