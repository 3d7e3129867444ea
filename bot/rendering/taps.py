"""What a tap on a button sends back, written and read in one place.

Messenger's quick replies send the text itself. WhatsApp and Telegram also have buttons that rate a
reply, so there a token says which of both it is::

    s:<text>               say this text
    l:<number>             say what stands on the button; for a text that is too long for the token
    f:+:<reply id>         the reply helped; "-" did not help
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rating = Literal["helpful", "not_helpful"]
SAY, LABEL, RATE = "s:", "l:", "f:"
SIGNS: dict[str, Rating] = {"+": "helpful", "-": "not_helpful"}


@dataclass(frozen=True)
class Say:
    """Somebody said a text by a tap; it goes the way of a text that was typed."""

    text: str


@dataclass(frozen=True)
class Rate:
    """Somebody rated a reply."""

    reply_id: str
    rating: Rating


def say_token(text: str) -> str:
    """Return the token that says a text."""
    return SAY + text


def label_token(number: int) -> str:
    """Return the token that says what stands on its button; the number tells buttons apart."""
    return f"{LABEL}{number}"


def rate_token(reply_id: str, rating: Rating) -> str:
    """Return the token that rates a reply."""
    sign = next(sign for sign, meaning in SIGNS.items() if meaning == rating)
    return f"{RATE}{sign}:{reply_id}"


def read_tap(token: str, label: str = "") -> Say | Rate | None:
    """Return what a tap means, or None for a token that is not ours.

    Args:
        token: what the platform sent back.
        label: what stands on the button, as the platform sends it along.
    """
    kind, rest = token[:2], token[2:]
    if kind == SAY and rest:
        return Say(rest)
    if kind == LABEL and label:
        return Say(label)
    sign, _, reply_id = rest.partition(":")
    if kind == RATE and sign in SIGNS and reply_id:
        return Rate(reply_id, SIGNS[sign])
    return None
