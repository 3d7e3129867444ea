"""What a bot must keep to on every platform of Meta: the handshake, and signed deliveries."""

from __future__ import annotations

from bot.simulator.conformance import Patience, refuses
from bot.simulator.meta.stand_in import Event, MetaStandIn


def wrong_token(meta: MetaStandIn[Event], _: Patience) -> str:
    """Try the handshake as somebody who does not know the verify token."""
    return "The challenge was repeated all the same." if meta.takes_wrong_token() else ""


def unsigned(meta: MetaStandIn[Event], patience: Patience) -> str:
    """Deliver something without a signature."""
    return refuses(meta, patience, lambda event: meta.forge(meta.body(event), is_signed=False))


def wrongly_signed(meta: MetaStandIn[Event], patience: Patience) -> str:
    """Deliver something with a signature of another app."""
    return refuses(meta, patience, lambda event: meta.forge(meta.body(event), is_signed=True))
