"""What the messages of all platforms share: buttons, what of a limit is used, what carries what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.rendering.limits import units
from bot.rendering.text import split

Payload = Mapping[str, object]
"""The body of a platform's send call without whom it goes to; JSON takes it as it is."""


@dataclass(frozen=True)
class Button:
    """Something to tap.

    Attributes:
        label: what stands on it.
        does: opens a page, calls, says a text, or rates the reply.
        value: the address, the number with its country's code, or what the tap sends back.
        title: what the label would be if there were room.
        detail: a second line, where the platform has one.
    """

    label: str
    does: Literal["open", "call", "say", "rate"]
    value: str
    title: str
    detail: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether more belongs on it than there is room for."""
        return self.title not in {self.label, self.detail}


@dataclass(frozen=True)
class Measure:
    """How much of a limit a message uses."""

    of: Literal["characters", "buttons", "quick replies", "rows"]
    count: int
    limit: int


class Message(Protocol):
    """One message of one platform."""

    @property
    def text(self) -> str:
        """Its words."""

    @property
    def buttons(self) -> tuple[Button, ...]:
        """All there is to tap."""

    def payload(self) -> Payload:
        """Return the body of the send call."""

    def measures(self) -> tuple[Measure, ...]:
        """Return how much of each limit it uses."""


def joined(parts: Iterable[str]) -> str:
    """Return paragraphs as one text, without the empty ones."""
    return "\n\n".join(part for part in parts if part)


def carried(
    texts: Sequence[str], note: str, prompt: str, limit: int, text_limit: int
) -> tuple[tuple[str, ...], str]:
    """Find the text that carries buttons: the last one, or one of their own.

    Args:
        texts: messages so far that carry nothing yet.
        note: what has to be said of the buttons, or "".
        prompt: what is said above buttons that stand alone.
        limit: length of a text with these buttons.
        text_limit: length of a text without any.

    Returns:
        The messages that carry nothing, and the text that carries the buttons.
    """
    if texts and units(last := joined((texts[-1], note))) <= limit:
        return tuple(texts[:-1]), last
    if units(note) <= limit:
        return tuple(texts), note or prompt
    return (*texts, *split(note, text_limit)), prompt
