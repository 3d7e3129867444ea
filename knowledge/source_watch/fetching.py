"""Pages are asked for with manners.

robots.txt holds, a host is asked once a second at most, a page is read up to a limit, and no
redirect leads to an unencrypted or a private address.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import httpx
from protego import Protego

from knowledge.settings import SettingError
from knowledge.source_watch.found import Outcome, Seen, same_page
from knowledge.source_watch.reading import NotReadable, TooManyTags, read_page

PRODUCT = "Citewell"
"""What robots.txt calls us."""
MOST_BYTES = 5_000_000
MOST_ROBOTS_BYTES = 500_000
"""Of a robots.txt; what comes after is not read (RFC 9309, 2.5)."""
MOST_REDIRECTS = 5
LONGEST_CONTACT = 120
LONGEST_PAUSE = 30.0
"""Seconds between two requests that a robots.txt can ask for."""

READ = frozenset({200, 203})
GONE = frozenset({404, 410})
REFUSED = frozenset({401, 403, 429})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
HTML = frozenset({"text/html", "application/xhtml+xml"})


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
    return _judge(answer, is_moved=not same_page(str(start), str(lasting)))


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
        words = read_page(answer.body, answer.charset)
    except NotReadable:
        return replace(seen, outcome=Outcome.NOT_HTML)
    except TooManyTags:
        return replace(seen, outcome=Outcome.TOO_LARGE)
    return Seen(
        Outcome.MOVED if is_moved else Outcome.OK,
        answer.status,
        str(answer.url),
        words.title,
        words.sections,
        hashlib.sha256(words.text.encode("utf-8", "replace")).hexdigest(),
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
