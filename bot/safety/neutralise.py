"""Make any text harmless to the machinery behind: no control characters, no commands.

What a person sees stays as it was; what only machines see goes.
"""

from __future__ import annotations

import re
import unicodedata

# Marks that change the direction of text, join or hide characters, or are not characters at all.
# The zero-width joiners stay: Persian and many Indian words need them.
INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SPACES = re.compile(r"[^\S\n]+")
LINES = re.compile(r"\n{3,}")


def neutralise(text: str) -> str:
    """Return the text without control and direction characters, lone surrogates and extra space."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    visible = INVISIBLE.sub("", whole.replace("\r\n", "\n").replace("\r", "\n"))
    # Composed only now: an invisible character may have kept a letter and its accent apart.
    plain = CONTROL.sub(" ", unicodedata.normalize("NFC", visible))
    return LINES.sub("\n\n", SPACES.sub(" ", plain)).strip()


def says_something(text: str) -> bool:
    """Tell whether a text holds at least one letter or digit of any script."""
    return any(character.isalnum() for character in text)


def as_utterance(text: str) -> str:
    """Return the text as Rasa may see it: one line, and never a command.

    Rasa reads a leading "/" as "this is the intent", so it is taken away.
    """
    return " ".join(text.split()).lstrip("/ ")
