"""What a page says: its title, its headings and its text, without what stands on every page."""

from __future__ import annotations

import codecs
import re
import warnings
from collections.abc import Collection, Iterator
from typing import NamedTuple

from bs4 import BeautifulSoup, Tag, UnusualUsageWarning
from bs4.dammit import EncodingDetector
from bs4.exceptions import ParserRejectedMarkup

MOST_TAGS = 100_000
"""Tags, opening and closing, of a page that is parsed.

What takes the time is tags, not bytes: Python's own parser does about 60,000 of them a second. So
the worst page takes seconds; 5 MB of nothing but tags took a minute.
"""
MOST_SECTIONS = 60
LONGEST_SECTION = 200
LONGEST_TITLE = 300
UNSEEN = ("script", "style", "template", "noscript", "svg")
FURNITURE = ("nav", "header", "footer", "aside")
HEADINGS = ("h1", "h2", "h3", "h4")
# A stamp counts wherever it stands, also in a footer: it says that somebody read the page again.
STAMP = re.compile(
    r"\b(?:last|page|date)\s+(?:\w+\s+)?(?:reviewed|updated|modified|changed)\b", re.IGNORECASE
)
LONGEST_STAMP = 200
FAR_FROM_STAMP = 3
"""Elements around the words of a stamp in which its date is looked for."""


class NotReadable(Exception):
    """What came is no markup that can be parsed."""


class TooManyTags(Exception):
    """A page has more tags than are parsed."""


class Words(NamedTuple):
    """What a page says.

    Attributes:
        title: of the page, "" where it has none.
        sections: its headings, those of the text before those of menus.
        text: its text without spaces: where markup puts some, a reader sees no change.
    """

    title: str
    sections: tuple[str, ...]
    text: str


def read_page(body: bytes, charset: str | None) -> Words:
    """Return what a page says.

    Args:
        body: as it came.
        charset: encoding that the header names, or None.

    Raises:
        TooManyTags: parsing it would take too long.
        NotReadable: it is no markup.
    """
    soup = _parsed(_decoded(body, charset))
    _drop(soup, UNSEEN)
    title = plain(soup.title.get_text(" ")) if soup.title else ""
    headings = list(_headings(soup))
    main = soup.select_one("main, [role=main]") or soup.body or soup
    stamps = sorted({*_stamps(soup), *_dates(main)})
    whole = soup.get_text(" ")
    _drop(main, FURNITURE)
    text = plain(main.get_text(" ")) or plain(whole)
    sections = tuple(dict.fromkeys([*_headings(main), *headings]))[:MOST_SECTIONS]
    return Words(title[:LONGEST_TITLE], sections, "".join([text, *stamps]).replace(" ", ""))


def _parsed(text: str) -> BeautifulSoup:
    if text.count("<") > MOST_TAGS:
        raise TooManyTags
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusualUsageWarning)  # a page may look like anything
            return BeautifulSoup(text, "html.parser")
    except ParserRejectedMarkup as error:
        raise NotReadable from error


def _decoded(body: bytes, charset: str | None) -> str:
    """Return text of bytes, in the encoding that header or page names, whatever they hold.

    No guessing: a guess that turns out otherwise tomorrow would look like a change of the page.
    """
    named = charset or EncodingDetector.find_declared_encoding(body, is_html=True) or "utf-8"
    try:
        encoding = codecs.lookup(named).name
        return body.decode(encoding, "replace")
    except (LookupError, ValueError):  # unknown, or no encoding of text
        return body.decode("utf-8", "replace")


def _drop(tag: Tag, names: Collection[str]) -> None:
    for found in tag.find_all(names):
        if not found.decomposed:
            found.decompose()


def _headings(tag: Tag) -> Iterator[str]:
    for found in tag.find_all(HEADINGS):
        if text := plain(found.get_text(" ")):
            yield text[:LONGEST_SECTION].rstrip()


def _stamps(soup: Tag) -> Iterator[str]:
    """Yield what tells when a page was last reviewed, with its date, from anywhere on it."""
    for words in soup.find_all(string=STAMP):
        around = words.parent
        for _ in range(FAR_FROM_STAMP):
            text = _short_text(around) if around else ""
            if text is None:
                break
            if re.search(r"\d", text):
                yield text
                break
            around = around.parent if around else None


def _short_text(tag: Tag) -> str | None:
    """Return the text of an element, or None as soon as it is longer than a stamp."""
    parts, length = list[str](), 0
    for part in tag.strings:
        parts.append(part)
        length += len(plain(part))
        if length > LONGEST_STAMP:
            return None
    text = plain(" ".join(parts))
    return text if len(text) <= LONGEST_STAMP else None


def _dates(main: Tag) -> Iterator[str]:
    """Yield the dates in head and foot of a text, which are left out of it."""
    for found in main.select("header time, footer time"):
        yield plain(found.get_text(" "))


def plain(text: str) -> str:
    """Return text without signs that nobody sees, and with single spaces."""
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())
