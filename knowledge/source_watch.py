"""The watch of the cited pages: whether each is still there, and still says what it said.

Every page that a live entry cites is looked at; what was found is kept, and a change opens a review
task for each entry that cites the page. A site that refuses programs, or does not answer, opens one
only once that has been so on several looks in a row: it says nothing of the page itself.

Pages are asked for with manners: robots.txt holds, a host is asked once a second at most, and no
redirect leads to an unencrypted or a private address. Errors::

    TaskError           a task cannot be finished or opened again; the message says why
    StoreError          (of ``knowledge.store``) an address that no live entry cites
    NotAllowed          (of ``knowledge.people``) the role is missing
"""

from __future__ import annotations

import argparse
import codecs
import hashlib
import ipaddress
import re
import socket
import sys
import time
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

import httpx
import sqlalchemy as sa
from bs4 import BeautifulSoup, Tag, UnusualUsageWarning
from bs4.dammit import EncodingDetector
from bs4.exceptions import ParserRejectedMarkup
from protego import Protego
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.entry import Source
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import (
    LiveRelease,
    Release,
    ReleaseRevision,
    ReviewTask,
    Revision,
    SourceCheck,
    now,
)
from knowledge.settings import KnowledgeSettings, SettingError
from knowledge.store import StoreError, connect, migrate, read_live, transaction

PRODUCT = "Citewell"
"""What robots.txt calls us."""
MOST_BYTES = 5_000_000
MOST_ROBOTS_BYTES = 500_000
"""Of a robots.txt; what comes after is not read (RFC 9309, 2.5)."""
MOST_REDIRECTS = 5
MOST_SECTIONS = 60
LONGEST_SECTION = 200
LONGEST_TITLE = 300
LONGEST_URL = 400
LONGEST_DETAIL = 500
LONGEST_NAME = 120
"""Of a page's title before what changed on it."""
LONGEST_CONTACT = 120
LONGEST_PAUSE = 30.0
"""Seconds between two requests that a robots.txt can ask for."""
LOOKS_IN_A_ROW = 3
"""Looks after which a page that cannot be read is told."""

READ = frozenset({200, 203})
GONE = frozenset({404, 410})
REFUSED = frozenset({401, 403, 429})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
HTML = frozenset({"text/html", "application/xhtml+xml"})
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


class TaskError(Exception):
    """A task cannot be finished or opened again; the message says why."""


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


class Citation(NamedTuple):
    """A live entry that cites a page.

    Attributes:
        entry_id: of the entry.
        locale: of the entry.
        source: what it says of the page.
    """

    entry_id: str
    locale: str
    source: Source


@dataclass(frozen=True)
class Summary:
    """What a watch found.

    Attributes:
        outcomes: number of pages by how they were found.
        changed: pages of which there was something to tell an editor.
        tasks: review tasks that were opened.
        unkept: pages whose result the database did not take.
    """

    outcomes: Mapping[Outcome, int]
    changed: int
    tasks: int
    unkept: int

    def lines(self) -> Iterator[str]:
        """Yield it line by line, for a person."""
        yield f"{sum(self.outcomes.values())} pages"
        for outcome in Outcome:
            if count := self.outcomes.get(outcome):
                yield f"{outcome.value.replace('_', ' '):>10}: {count}"
        yield f"{self.changed} to be looked at, {self.tasks} review tasks opened"
        if self.unkept:
            yield f"{self.unkept} could not be written down: look at them again"


# --- manners --------------------------------------------------------------------------------------


def addresses_of(host: str) -> list[str]:
    """Return the IP addresses of a host; none where its name cannot be looked up here."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(item[4][0]) for item in found]


@dataclass(frozen=True)
class Manners:
    """How sites are asked for pages, and what they said about it; one for each run.

    Attributes:
        contact: address of who runs this, for those who run the sites.
        pause: seconds between two requests to a host, at least.
        timeout: seconds to wait for a sign of life; three times as long for a whole page.
        is_local: whether this machine may be asked, also without encryption: for a test server.
        sleep: waits for seconds.
        clock: tells the seconds since some moment.
        resolve: returns the IP addresses of a host.
        rules: robots.txt by site, or None where it could not be had.
        asked_at: when a host was asked last.

    Raises:
        SettingError: the contact cannot be part of a header.
    """

    contact: str = ""
    pause: float = 1.0
    timeout: float = 20.0
    is_local: bool = False
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    resolve: Callable[[str], Sequence[str]] = addresses_of
    rules: dict[str, Protego | None] = field(default_factory=dict, repr=False)
    asked_at: dict[str, float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[!-'*-~]{{0,{LONGEST_CONTACT}}}", self.contact):
            raise SettingError(
                f"contact: write an e-mail or web address of {LONGEST_CONTACT} characters at most"
            )

    def headers(self) -> dict[str, str]:
        """Return what each request says of itself."""
        about = f"compatible; {PRODUCT}; source check"
        about += f"; +{self.contact}" if self.contact else ""
        return {
            "User-Agent": f"Mozilla/5.0 ({about})",
            "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
            "Accept-Language": "en,*;q=0.5",
        }

    def may_visit(self, url: httpx.URL) -> bool:
        """Tell whether an address is one to go to: encrypted, and not in a private network.

        Redirects come from outside. A name that changes what it means between this look and the
        request gains nothing: what answers must have a certificate for that name.
        """
        try:
            found = [ipaddress.ip_address(ip) for ip in self.resolve(url.raw_host.decode("ascii"))]
        except ValueError:  # also a name that no resolver takes
            return False
        here = self.is_local and bool(found) and all(ip.is_loopback for ip in found)
        if url.scheme != "https":
            return here and url.scheme == "http"
        # What cannot be looked up here may be for a proxy to find; else the request fails.
        return here or all(_is_public(ip) for ip in found)

    def take_turn(self, url: httpx.URL) -> None:
        """Wait until the host may be asked again."""
        known = self.rules.get(_site(url))
        wished = (known.crawl_delay(PRODUCT) if known else None) or 0.0
        gap = max(self.pause, min(wished, LONGEST_PAUSE))
        last = self.asked_at.get(_site(url))
        if last is not None and (wait := last + gap - self.clock()) > 0:
            self.sleep(wait)
        self.asked_at[_site(url)] = self.clock()


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast


def _site(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


# --- looking at a page ----------------------------------------------------------------------------


class _Stopped(Exception):
    """A page is not read; why."""

    def __init__(self, outcome: Outcome, status: int | None, url: httpx.URL) -> None:
        super().__init__(outcome.value)
        self.seen = Seen(outcome, status, str(url))


@dataclass(frozen=True)
class _Answer:
    """What a site answered.

    Attributes:
        url: the address that was asked.
        status: HTTP status.
        kind: media type, in lower case.
        charset: encoding that the header names, or None.
        body: as far as it was read.
        is_cut: whether there is more.
        location: where it leads instead, or "".
    """

    url: httpx.URL
    status: int
    kind: str
    charset: str | None
    body: bytes
    is_cut: bool
    location: str


def look_at(client: httpx.Client, url: str, manners: Manners | None = None) -> Seen:
    """Look at a page.

    Args:
        client: asks; redirects are followed here, whatever it is set to.
        url: address of the page.
        manners: of this run; by default new ones.

    Returns:
        How it was found. What goes wrong on the way is an outcome too, no exception.
    """
    manners = manners or Manners()
    try:
        start = httpx.URL(url)
        answer, lasting = _follow(client, start, manners, is_page=True)
    except _Stopped as stopped:
        return stopped.seen
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        return Seen(Outcome.FAILING, None, url)
    return _judge(answer, is_moved=not _same_page(str(start), str(lasting)))


def _follow(
    client: httpx.Client, url: httpx.URL, manners: Manners, *, is_page: bool
) -> tuple[_Answer, httpx.URL]:
    """Return the answer at the end of all redirects, and the address that lasts.

    Raises:
        _Stopped: it leads nowhere, or where nobody may go.
        httpx.HTTPError: no answer came.
        httpx.InvalidURL: a redirect leads to what is no address.
    """
    lasting, lasts, status = url, True, None
    for _ in range(MOST_REDIRECTS + 1):
        if not manners.may_visit(url):
            raise _Stopped(Outcome.FAILING, status, url)
        if is_page:
            _ask_leave(client, url, manners)
        answer = _get(client, url, manners, HTML if is_page else None)
        if not answer.location:
            return answer, lasting
        url, status = url.join(answer.location), answer.status
        lasts = lasts and status in PERMANENT
        lasting = url if lasts else lasting
    raise _Stopped(Outcome.FAILING, status, url)


def _ask_leave(client: httpx.Client, url: httpx.URL, manners: Manners) -> None:
    """Look up in a site's robots.txt whether a page may be read; once a run for each site.

    Raises:
        _Stopped: it may not, or the site does not say: then nothing may be read (RFC 9309, 2.3.1).
    """
    site = _site(url)
    if site not in manners.rules:
        manners.rules[site] = _read_rules(client, httpx.URL(site).join("/robots.txt"), manners)
    rules = manners.rules[site]
    if rules is None:
        raise _Stopped(Outcome.FAILING, None, url)
    if not rules.can_fetch(str(url), PRODUCT):
        raise _Stopped(Outcome.DISALLOWED, None, url)


def _read_rules(client: httpx.Client, url: httpx.URL, manners: Manners) -> Protego | None:
    try:
        answer, _ = _follow(client, url, manners, is_page=False)
    except (_Stopped, httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        return None
    if answer.status in READ:
        return Protego.parse(answer.body.decode("utf-8", "replace"))
    return Protego.parse("") if 400 <= answer.status < 500 else None


def _get(
    client: httpx.Client, url: httpx.URL, manners: Manners, kinds: Collection[str] | None
) -> _Answer:
    """Ask for one address; read the body only of a page of a wanted kind (None: of any)."""
    manners.take_turn(url)
    most = MOST_ROBOTS_BYTES if kinds is None else MOST_BYTES
    with client.stream(
        "GET", url, headers=manners.headers(), timeout=manners.timeout, follow_redirects=False
    ) as response:
        status = response.status_code
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_wanted = status in READ and (kinds is None or kind in kinds)
        body = _body(response, url, most, manners) if is_wanted else b""
        return _Answer(
            url,
            status,
            kind,
            response.charset_encoding,
            body[:most],
            len(body) > most,
            response.headers.get("location", "") if status in REDIRECTS else "",
        )


def _body(response: httpx.Response, url: httpx.URL, most: int, manners: Manners) -> bytes:
    """Return a body, or a little more than the most that is read of one."""
    body, began = bytearray(), manners.clock()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > most:
            break
        if manners.clock() - began > 3 * manners.timeout:
            raise _Stopped(Outcome.FAILING, response.status_code, url)
    return bytes(body)


def _judge(answer: _Answer, *, is_moved: bool) -> Seen:
    seen = Seen(_outcome(answer), answer.status, str(answer.url))
    if seen.outcome is not Outcome.OK:
        return seen
    try:
        title, sections, text = _read_page(answer.body, answer.charset)
    except ParserRejectedMarkup:
        return replace(seen, outcome=Outcome.NOT_HTML)
    return Seen(
        Outcome.MOVED if is_moved else Outcome.OK,
        answer.status,
        str(answer.url),
        title,
        sections,
        hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
    )


def _outcome(answer: _Answer) -> Outcome:
    if answer.status in GONE:
        return Outcome.GONE
    if answer.status in REFUSED:
        return Outcome.REFUSED
    if answer.status not in READ:
        return Outcome.FAILING
    if answer.kind not in HTML:
        return Outcome.NOT_HTML
    return Outcome.TOO_LARGE if answer.is_cut else Outcome.OK


def _same_page(one: str, other: str) -> bool:
    """Tell whether two addresses differ in scheme, ``www.`` and a slash at the end only."""
    return _bare(one) == _bare(other)


def _bare(address: str) -> tuple[bytes, int | None, str, bytes]:
    url = httpx.URL(address)
    return url.raw_host.removeprefix(b"www."), url.port, url.path.rstrip("/"), url.query


# --- reading a page -------------------------------------------------------------------------------


def _read_page(body: bytes, charset: str | None) -> tuple[str, tuple[str, ...], str]:
    """Return title, headings and text of a page.

    The text has no spaces: where markup puts some, a reader sees no change.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualUsageWarning)  # a page may look like anything
        soup = BeautifulSoup(_decoded(body, charset), "html.parser")
    _drop(soup, UNSEEN)
    title = _plain(soup.title.get_text(" ")) if soup.title else ""
    headings = list(_headings(soup))
    main = soup.select_one("main, [role=main]") or soup.body or soup
    stamps = sorted({*_stamps(soup), *_dates(main)})
    whole = soup.get_text(" ")
    _drop(main, FURNITURE)
    text = _plain(main.get_text(" ")) or _plain(whole)
    sections = tuple(dict.fromkeys([*_headings(main), *headings]))[:MOST_SECTIONS]
    return title[:LONGEST_TITLE], sections, "".join([text, *stamps]).replace(" ", "")


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
        if text := _plain(found.get_text(" ")):
            yield text[:LONGEST_SECTION].rstrip()


def _stamps(soup: Tag) -> Iterator[str]:
    """Yield what tells when a page was last reviewed, with its date, from anywhere on it."""
    for words in soup.find_all(string=STAMP):
        around = words.parent
        for _ in range(FAR_FROM_STAMP):
            text = _plain(around.get_text(" ")) if around else ""
            if len(text) > LONGEST_STAMP:
                break
            if re.search(r"\d", text):
                yield text
                break
            around = around.parent if around else None


def _dates(main: Tag) -> Iterator[str]:
    """Yield the dates in head and foot of a text, which are left out of it."""
    for found in main.select("header time, footer time"):
        yield _plain(found.get_text(" "))


def _plain(text: str) -> str:
    """Return text without signs that nobody sees, and with single spaces."""
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())


# --- comparing ------------------------------------------------------------------------------------


def compare(before: SourceCheck | None, seen: Seen, source: Source) -> list[str]:
    """Return what changed on a page, each as one sentence.

    Args:
        before: how it was found before, with what was last read of it; None on the first look.
        seen: how it was found now.
        source: what the entry says of it. On the first look its title and section are what the page
            is held against.
    """
    if seen.outcome in UNSETTLED:
        return []
    was_read = before is not None and before.text_hash != ""
    if seen.outcome not in {Outcome.OK, Outcome.MOVED}:
        return list(_not_read(before, seen))
    told = [*_title(before if was_read else None, seen, source)]
    told += _missing(before if was_read else None, seen, source)
    if before is None or not was_read:
        return told
    if seen.outcome is Outcome.MOVED and not _same_page(
        before.final_url, seen.final_url[:LONGEST_URL]
    ):
        told.insert(0, f"The page moved to {seen.final_url}.")
    if before.text_hash != seen.text_hash:
        told.append("The text of the page changed.")
    return told


def _not_read(before: SourceCheck | None, seen: Seen) -> Iterator[str]:
    if before is not None and before.outcome == seen.outcome:
        return
    if seen.outcome is Outcome.GONE:
        yield f"The page is gone ({seen.status})."
    elif before is not None and seen.outcome is Outcome.NOT_HTML:
        yield "There is no web page at this address any more, but a file of another kind."
    elif before is not None:
        yield f"The page is larger than {MOST_BYTES // 1_000_000} MB now, and is not read."


def _title(before: SourceCheck | None, seen: Seen, source: Source) -> Iterator[str]:
    if before and before.title == seen.title:
        return
    wanted = (before.title if before else "") or source.title
    # Before the first look only the entry tells the title, perhaps as the heading has it.
    known = {_fold(text) for text in (() if before else seen.sections)}
    known |= {_fold(seen.title), *_fold_titles(seen.title)}
    if known.isdisjoint({_fold(wanted), *_fold_titles(wanted)}):
        if seen.title:
            yield f"The title is now “{seen.title}” (it was “{wanted}”)."
        else:
            yield f"The page has no title any more (it was “{wanted}”)."


def _fold_titles(title: str) -> Iterator[str]:
    """Yield a title without the names of site and chapter that follow it."""
    yield _fold(title.split(" | ")[0])
    yield _fold(re.sub(r"\s+[-–—|]\s+(?:CDC|WHO|World Health Organization)$", "", title))


def _missing(before: SourceCheck | None, seen: Seen, source: Source) -> Iterator[str]:
    if len(seen.sections) >= MOST_SECTIONS:  # there may be more than were kept
        return
    there = {_fold(heading) for heading in seen.sections}
    were_there = {_fold(heading) for heading in before.sections} if before else set()
    for cited in _cited_sections(source, there):
        if _fold(cited) in there:
            continue
        if before is None:
            yield f"The section “{cited}” that the answer cites is not on the page."
        elif _fold(cited) in were_there:
            yield f"The section “{cited}” that the answer cites is not on the page any more."


def _cited_sections(source: Source, there: Collection[str]) -> list[str]:
    """Return the headings that a source names: one, or several with semicolons between them."""
    section = _plain(source.section or "")
    if _fold(section) in there:
        return []
    return [part.strip()[:LONGEST_SECTION] for part in section.split(";") if _fold(part)]


def _fold(text: str) -> str:
    """Return the letters and digits of a text only: case, spaces, quotes and dashes vary."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


# --- the watch ------------------------------------------------------------------------------------


def cited_pages(session: Session) -> dict[str, list[Citation]]:
    """Return the pages that the live release cites, each with the entries that cite it."""
    pages: dict[str, list[Citation]] = {}
    live = read_live(session)
    for item in live.entries if live else ():
        entry, locale = item.topic_entry.entry, item.topic_entry.topic.locale
        for source in entry.sources:
            pages.setdefault(source.url, []).append(Citation(entry.id, locale, source))
    return pages


def watch(
    engine: Engine,
    client: httpx.Client,
    manners: Manners | None = None,
    *,
    tell: Callable[[str], None],
    urls: Collection[str] | None = None,
) -> Summary:
    """Look at every cited page, keep how it was found, and open review tasks for what changed.

    Each page is a transaction of its own: what is done when the watch is interrupted, stays done.

    Args:
        engine: the store.
        client: asks the sites.
        manners: of this run; by default new ones.
        tell: takes one line of progress for each page.
        urls: only these pages; None means all.

    Raises:
        StoreError: no live entry cites one of the addresses; nothing is looked at.
    """
    manners = manners or Manners()
    with transaction(engine) as session:
        pages = cited_pages(session)
    if unknown := sorted(set(urls or ()) - set(pages)):
        raise StoreError(f"{unknown[0]} is cited by no live entry: write it as the entry does")
    chosen = sorted(pages if urls is None else set(urls))
    visits = []
    for number, url in enumerate(chosen, start=1):
        visit = _visit(engine, client, manners, url, pages[url])
        visits.append(visit)
        tell(f"{number} of {len(chosen)}: {url.removeprefix('https://')} {visit.told()}")
    return Summary(
        Counter(visit.outcome for visit in visits),
        sum(visit.is_changed for visit in visits),
        sum(visit.tasks for visit in visits),
        sum(not visit.is_kept for visit in visits),
    )


class _Visit(NamedTuple):
    """What came of one page: whether there was something to tell, tasks opened, a fault of ours."""

    outcome: Outcome
    is_changed: bool = False
    tasks: int = 0
    is_kept: bool = True
    fault: str = ""

    def told(self) -> str:
        """Return it as a few words."""
        words = [self.outcome.value.replace("_", " ")]
        words += [self.fault] if self.fault else []
        words += ["to be looked at"] if self.is_changed else []
        words += [] if self.is_kept else ["but not written down"]
        return ", ".join(words)


def _visit(
    engine: Engine,
    client: httpx.Client,
    manners: Manners,
    url: str,
    citations: Sequence[Citation],
) -> _Visit:
    fault = ""
    try:
        seen = look_at(client, url, manners)
    except Exception as error:  # whatever one page does, the others are looked at
        seen, fault = Seen(Outcome.FAILING, None, url), type(error).__name__
    try:
        with transaction(engine) as session:
            is_changed, tasks = keep_look(session, url, citations, seen)
    except SQLAlchemyError as error:
        return _Visit(seen.outcome, is_kept=False, fault=type(error).__name__)
    return _Visit(seen.outcome, is_changed, tasks, fault=fault)


def keep_look(
    session: Session, url: str, citations: Iterable[Citation], seen: Seen
) -> tuple[bool, int]:
    """Keep how a page was found, and open review tasks for what changed.

    An entry that became live after the page was last looked at is held against the page as on a
    first look. An entry that is not live any more gets no task.

    Args:
        session: a transaction.
        url: address of the page.
        citations: the entries that cite it.
        seen: how it was found.

    Returns:
        Whether there was something to tell, and the number of tasks opened.
    """
    _one_at_a_time(session)
    settled, streak, last_at = _history(session, url)
    streak = streak + 1 if seen.outcome in UNREADABLE else 0
    live_since = _live_since(session, {item.entry_id for item in citations})
    is_changed, tasks = False, 0
    for entry_id, locale, source in citations:
        since = live_since.get((entry_id, locale))
        if since is None:
            continue
        known = settled if settled is not None and settled.at >= since else None
        sentences = compare(known, seen, source)
        if _is_told(streak, is_new=last_at is None or last_at < since):
            sentences.append(_unreadable(seen, streak))
        is_changed = is_changed or bool(sentences)
        if sentences:
            detail = _detail(source, sentences)
            tasks += _open_task(session, entry_id, locale, "source", detail)
    session.add(_row(url, seen, settled))
    session.flush()
    return is_changed, tasks


def _one_at_a_time(session: Session) -> None:
    """Let two watches at once wait for each other, lest both open the same task."""
    session.execute(sa.update(LiveRelease).where(LiveRelease.id == 1).values(id=1))


def _history(session: Session, url: str) -> tuple[SourceCheck | None, int, datetime | None]:
    """Return the newest check that says something of a page itself, and what came after it.

    Returns:
        The check or None; how often in a row the page could not be read up to now; when it was
        looked at last, or None.
    """
    settled = session.scalar(
        sa.select(SourceCheck)
        .where(
            SourceCheck.url == url,
            SourceCheck.outcome.not_in([one.value for one in UNSETTLED]),
        )
        .order_by(SourceCheck.id.desc())
        .limit(1)
    )
    later = session.execute(
        sa.select(SourceCheck.outcome, SourceCheck.at)
        .where(SourceCheck.url == url, SourceCheck.id > (settled.id if settled else 0))
        .order_by(SourceCheck.id.desc())
    ).all()
    streak = 0
    for outcome, _ in later:
        if outcome not in UNREADABLE:
            break
        streak += 1
    last_at = later[0].at if later else settled.at if settled else None
    return settled, streak, last_at


def _live_since(session: Session, entry_ids: Collection[str]) -> dict[tuple[str, str], datetime]:
    """Return since when the live revision of each entry has been in a release."""
    live = (
        sa.select(ReleaseRevision.revision_id)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
        .where(LiveRelease.id == 1)
    )
    rows = session.execute(
        sa.select(Revision.entry_id, Revision.locale, sa.func.min(Release.created_at))
        .join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id)
        .join(Release, Release.id == ReleaseRevision.release_id)
        .where(Revision.id.in_(live), Revision.entry_id.in_(entry_ids))
        .group_by(Revision.entry_id, Revision.locale)
    )
    return {(entry_id, locale): since for entry_id, locale, since in rows}


def _is_told(streak: int, *, is_new: bool) -> bool:
    """Tell whether this is the look on which an entry hears that its page cannot be read."""
    return streak == LOOKS_IN_A_ROW or (streak > LOOKS_IN_A_ROW and is_new)


def _unreadable(seen: Seen, streak: int) -> str:
    reason = f"the site answered {seen.status}" if seen.status else "no answer came"
    return f"The page could not be read on {streak} looks in a row ({reason})."


def _row(url: str, seen: Seen, settled: SourceCheck | None) -> SourceCheck:
    """Return what is kept; where the page was not read anew, with what was last read of it."""
    if not seen.text_hash and settled is not None:
        title, sections, text_hash = settled.title, settled.sections, settled.text_hash
    else:
        title, sections, text_hash = seen.title, list(seen.sections), seen.text_hash
    return SourceCheck(
        url=url,
        outcome=seen.outcome.value,
        status=seen.status,
        final_url=seen.final_url[:LONGEST_URL],
        title=title,
        sections=sections,
        text_hash=text_hash,
    )


def _detail(source: Source, sentences: Iterable[str]) -> str:
    """Return what a task says: of which source of the entry, and what changed."""
    text = " ".join([f"{source.key} “{_cut(source.title, LONGEST_NAME)}”:", *sentences])
    return _cut(text, LONGEST_DETAIL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


# --- review tasks ---------------------------------------------------------------------------------


def due_tasks(session: Session, today: date) -> int:
    """Open a review task for every live entry whose review date has passed, once for each date.

    Args:
        session: a transaction.
        today: the day that counts.

    Returns:
        The number of tasks opened.
    """
    _one_at_a_time(session)
    live = read_live(session)
    asked = sa.select(ReviewTask.entry_id, ReviewTask.locale, ReviewTask.detail)
    known = {tuple(row) for row in session.execute(asked.where(ReviewTask.reason == "overdue"))}
    opened = 0
    for item in live.entries if live else ():
        entry, locale = item.topic_entry.entry, item.topic_entry.topic.locale
        detail = f"The review was due on {entry.review_due.isoformat()}."
        if entry.review_due < today and (entry.id, locale, detail) not in known:
            opened += _open_task(session, entry.id, locale, "overdue", detail)
    return opened


def open_tasks(session: Session) -> Sequence[ReviewTask]:
    """Return the tasks that wait for somebody, the oldest first."""
    asked = sa.select(ReviewTask).where(ReviewTask.done_at.is_(None))
    return session.scalars(asked.order_by(ReviewTask.at, ReviewTask.id)).all()


def finish_task(session: Session, member: Member, task_id: int) -> None:
    """Note that a task is done.

    Raises:
        NotAllowed: the member is neither author nor reviewer.
        TaskError: there is no such task, or it is done already.
    """
    _must_edit(member, "finishing a task")
    task = _task(session, task_id)
    # One statement: of two people at once, one finds it done.
    done = session.execute(
        sa.update(ReviewTask)
        .where(ReviewTask.id == task_id, ReviewTask.done_at.is_(None))
        .values(done_at=now(), done_by=member.id)
    )
    if not getattr(done, "rowcount", 0):
        raise TaskError(f"task {task_id} is done already: look at the list again")
    _note(session, member, task, "task.done")


def undo_finish(session: Session, member: Member, task_id: int) -> None:
    """Open a task again that was done by mistake.

    Raises:
        NotAllowed: the member is neither author nor reviewer.
        TaskError: there is no such task, it is open, or the same one was opened since.
    """
    _must_edit(member, "opening a task again")
    _one_at_a_time(session)
    task = _task(session, task_id)
    if _is_open(session, task.entry_id, task.locale, task.reason, task.detail):
        raise TaskError(f"task {task_id} is open, or the same one is: look at the list again")
    task.done_at = task.done_by = None
    _note(session, member, task, "task.reopened")


def _must_edit(member: Member, to: str) -> None:
    if member.roles.isdisjoint({Role.AUTHOR, Role.REVIEWER}):
        raise NotAllowed(f"{to} needs the role “author” or “reviewer”, which you do not have today")


def _task(session: Session, task_id: int) -> ReviewTask:
    task = session.get(ReviewTask, task_id)
    if task is None:
        raise TaskError(f"there is no task {task_id}")
    return task


def _is_open(session: Session, entry_id: str, locale: str, reason: str, detail: str) -> bool:
    found = session.scalar(
        sa.select(ReviewTask.id)
        .where(
            ReviewTask.entry_id == entry_id,
            ReviewTask.locale == locale,
            ReviewTask.reason == reason,
            ReviewTask.detail == detail,
            ReviewTask.done_at.is_(None),
        )
        .limit(1)
    )
    return found is not None


def _open_task(session: Session, entry_id: str, locale: str, reason: str, detail: str) -> int:
    """Open a task unless the same one is open; return how many were opened."""
    if _is_open(session, entry_id, locale, reason, detail):
        return 0
    session.add(ReviewTask(entry_id=entry_id, locale=locale, reason=reason, detail=detail))
    session.flush()
    return 1


def _note(session: Session, member: Member, task: ReviewTask, action: str) -> None:
    subject = f"{task.entry_id} ({task.locale})"
    record(session, member.id, action, subject, task=task.id, reason=task.reason)
    session.flush()
    session.refresh(task)


# --- at the command line --------------------------------------------------------------------------


def watch_all(
    engine: Engine, contact: str, tell: Callable[[str], None], url: str | None = None
) -> Summary | None:
    """Look at all cited pages, or at one; then open a task for every review that is overdue.

    Args:
        engine: the store.
        contact: address for those who run the sites, "" for none.
        tell: takes one line of progress for each page.
        url: only this page; None means all.

    Returns:
        What was found, or None where no site at all can be reached from here: then nothing is
        kept, for a network that is away says nothing of the pages.

    Raises:
        StoreError: no live entry cites the address.
    """
    manners = Manners(contact)
    with httpx.Client() as client:
        if url is None and not _is_online(engine, client, manners):
            return None
        found = watch(engine, client, manners, tell=tell, urls=[url] if url else None)
    with transaction(engine) as session:
        overdue = due_tasks(session, now().date())
    return replace(found, tasks=found.tasks + overdue)


def _is_online(engine: Engine, client: httpx.Client, manners: Manners) -> bool:
    """Tell whether any cited site answers, whatever it says."""
    with transaction(engine) as session:
        pages = map(httpx.URL, cited_pages(session))
        sites = {page.copy_with(path="/", query=None) for page in pages}
    return any(_answers(client, site, manners) for site in sorted(sites, key=str))


def _answers(client: httpx.Client, site: httpx.URL, manners: Manners) -> bool:
    if not manners.may_visit(site):
        return False
    try:
        client.head(site, timeout=10.0, headers=manners.headers())
    except httpx.HTTPError:
        return False
    return True


def run_watch(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Look at the pages that live entries cite; open review tasks for what changed."""
    from knowledge.search_commands import tell

    engine = connect(settings.database_url)
    migrate(engine)
    try:
        summary = watch_all(engine, settings.contact, tell, args.url)
    finally:
        engine.dispose()
    if summary is None:
        tell("no cited site can be reached from here: nothing was looked at")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in summary.lines())
    return 1 if summary.unkept else 0
