"""How Meta counts a text and knows an address, counted in another way than in ``bot.rendering``."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def length(text: str) -> int:
    """Return how long a text is where a sign beyond the basic plane counts as two."""
    return sum(2 if ord(sign) > 0xFFFF else 1 for sign in text)


def is_address(value: str) -> bool:
    """Tell whether something is the whole address of a page."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return is_whole and not re.search(r"\s", value)
