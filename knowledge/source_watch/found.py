"""How a page was found: the outcome of one look at it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import httpx


class Outcome(StrEnum):
    """How a page was found."""

    OK = "ok"
    MOVED = "moved"  # for good, to another address
    GONE = "gone"
    REFUSED = "refused"  # sites often refuse programs
    FAILING = "failing"  # an error of the site or on the way, or a redirect that leads nowhere good
    TOO_LARGE = "too_large"
    DISALLOWED = "disallowed"  # by the site's robots.txt
    NOT_HTML = "not_html"


UNREADABLE = frozenset({Outcome.REFUSED, Outcome.FAILING})
"""Outcomes that open a task only after several looks in a row."""
UNSETTLED = frozenset({*UNREADABLE, Outcome.DISALLOWED})
"""Outcomes that say nothing of the page itself."""


@dataclass(frozen=True)
class Seen:
    """How a page was found.

    Attributes:
        outcome: in one word.
        status: HTTP status, or None where no answer came.
        final_url: address at the end of all redirects.
        title: of the page, "" where it was not read.
        sections: its headings, those of the text before those of menus.
        text_hash: SHA-256 of its text, "" where it was not read.
    """

    outcome: Outcome
    status: int | None
    final_url: str
    title: str = ""
    sections: tuple[str, ...] = ()
    text_hash: str = ""


def same_page(one: str, other: str) -> bool:
    """Tell whether two addresses differ in scheme, ``www.`` and a slash at the end only."""
    return _bare(one) == _bare(other)


def _bare(address: str) -> tuple[bytes, int | None, str, bytes]:
    url = httpx.URL(address)
    return url.raw_host.removeprefix(b"www."), url.port, url.path.rstrip("/"), url.query
