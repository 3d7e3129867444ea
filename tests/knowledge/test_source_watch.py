"""The watch of cited pages, against a real web server and on SQLite and PostgreSQL."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from knowledge.audit import read_audit
from knowledge.entry import Source, TopicEntry
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import Release, ReviewTask, SourceCheck, now
from knowledge.settings import SettingError, read_settings
from knowledge.source_watch import (
    MAY_ASK,
    MOST_BYTES,
    MOST_SECTIONS,
    MOST_TAGS,
    Citation,
    LookError,
    Manners,
    Outcome,
    Seen,
    Standing,
    Summary,
    TaskError,
    Wish,
    addresses_of,
    ask,
    cited_pages,
    compare,
    drop_old_checks,
    due_tasks,
    finish_task,
    keep_look,
    look,
    look_as_asked,
    look_at,
    looks_of,
    open_tasks,
    run_watch,
    standing,
    undo_finish,
    waiting,
    watch,
)
from knowledge.store import StoreError, import_entries, publish, transaction
from tests.knowledge.conftest import Colleagues
from tests.knowledge.pages_server import AllHostsHere, Answer, PagesServer, pages_server
from tests.knowledge.small import ENTRY, make_pair

SLEEP = "https://www.cdc.gov/sleep/about/index.html"
FLU = "https://www.who.int/flu"
SLEEP_PATH, FLU_PATH = "/sleep/about/index.html", "/flu"


def html(
    text: str = "Keep the room dark.",
    title: str = "About Sleep | Sleep | CDC",
    section: str = "What to do",
    menu: str = "Home",
    foot: str = "Contact us",
) -> str:
    """Return a page as such sites have them."""
    return (
        f"<!doctype html><html><head><title>{title}</title><style>p {{}}</style></head><body>"
        f"<header><nav>{menu}</nav></header><main><h1>About Sleep</h1><h2>{section}</h2>"
        f"<p>{text}</p><aside>Related</aside></main><footer>{foot}</footer>"
        "<script>let a = 1</script></body></html>"
    )


def source(**changes: Any) -> Source:
    """Return what an entry says of the sleep page."""
    return Source.model_validate(ENTRY["sources"][0] | changes)


def citing(name: str, *sources: dict[str, Any], **changes: Any) -> TopicEntry:
    """Return an entry that cites pages and shares no wording with another."""
    first = ENTRY["sources"][0]
    return make_pair(
        id=name,
        question=f"What is {name} about?",
        variants=[f"{name} wording number {number}" for number in range(10)],
        sources=[first | {"key": f"s{n}"} | one for n, one in enumerate(sources or ({},), 1)],
        details=[],
        **changes,
    )


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds


def public(_host: str) -> list[str]:
    """Find every name at a public address, which nothing here connects to."""
    return ["203.0.114.7"]


@pytest.fixture
def server() -> Iterator[PagesServer]:
    """A web server without pages."""
    with pages_server() as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client that connects where the address says."""
    with httpx.Client(trust_env=False) as made:
        yield made


@pytest.fixture
def everywhere(server: PagesServer) -> Iterator[httpx.Client]:
    """A client that finds every host at the server."""
    with httpx.Client(transport=AllHostsHere(server), trust_env=False) as made:
        yield made


def local(**changes: Any) -> Manners:
    """Return manners for pages of this machine, without waiting."""
    fields: dict[str, Any] = {"is_local": True, "pause": 0.0, "timeout": 5.0}
    return Manners(**(fields | changes))


def outside(**changes: Any) -> Manners:
    """Return manners for pages of elsewhere, without waiting."""
    fields: dict[str, Any] = {"resolve": public, "pause": 0.0, "timeout": 5.0}
    return Manners(**(fields | changes))


# --- looking at a page ----------------------------------------------------------------------------


def test_it_reads_title_headings_and_text_of_a_page(
    server: PagesServer, client: httpx.Client
) -> None:
    url = server.page("/page", html(section="  What\n <b>to</b> do "))
    seen = look_at(client, url, local())
    assert (seen.outcome, seen.status, seen.final_url) == (Outcome.OK, 200, url)
    assert seen.title == "About Sleep | Sleep | CDC"
    assert seen.sections == ("About Sleep", "What to do")
    assert len(seen.text_hash) == 64


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (404, Outcome.GONE),
        (410, Outcome.GONE),
        (401, Outcome.REFUSED),
        (403, Outcome.REFUSED),
        (429, Outcome.REFUSED),
        (500, Outcome.FAILING),
        (503, Outcome.FAILING),
        (418, Outcome.FAILING),
        (204, Outcome.FAILING),
        (304, Outcome.FAILING),
    ],
)
def test_it_tells_an_answer_without_a_page_by_its_status(
    server: PagesServer, client: httpx.Client, status: int, outcome: Outcome
) -> None:
    url = server.put("/page", Answer(status))
    assert look_at(client, url, local()) == Seen(outcome, status, url)


def test_it_says_who_it_is(server: PagesServer, client: httpx.Client) -> None:
    look_at(client, server.page("/page", html()), local(contact="web@clinic.example"))
    for request in server.requests:
        assert "Citewell" in request.headers["User-Agent"]
        assert "+web@clinic.example" in request.headers["User-Agent"]
        assert request.headers["Accept"].startswith("text/html")
        assert request.headers["Accept-Language"].startswith("en")


@pytest.mark.parametrize("contact", ["a\r\nCookie: b", "me (at home)", "ü@example.org", "x" * 121])
def test_a_contact_that_breaks_a_header_is_refused(contact: str) -> None:
    with pytest.raises(SettingError, match="contact: write an e-mail or web address"):
        Manners(contact=contact)


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanent_redirect_is_a_move(
    server: PagesServer, client: httpx.Client, status: int
) -> None:
    new = server.page("/new", html())
    seen = look_at(client, server.redirect("/old", "/new", status), local())
    assert (seen.outcome, seen.status, seen.final_url) == (Outcome.MOVED, 200, new)
    assert seen.title.startswith("About Sleep")


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_passing_redirect_is_no_move(
    server: PagesServer, client: httpx.Client, status: int
) -> None:
    server.page("/new", html())
    server.redirect("/between", "/new", 301)
    seen = look_at(client, server.redirect("/old", "/between", status), local())
    assert (seen.outcome, seen.final_url) == (Outcome.OK, f"{server.root}/new")


def test_a_slash_or_www_more_is_no_move(server: PagesServer, everywhere: httpx.Client) -> None:
    server.redirect("cdc.gov/sleep", "https://www.cdc.gov/sleep/")
    server.page("www.cdc.gov/sleep/", html())
    seen = look_at(everywhere, "https://cdc.gov/sleep", outside())
    assert (seen.outcome, seen.final_url) == (Outcome.OK, "https://www.cdc.gov/sleep/")


def test_a_move_to_nowhere_is_gone(server: PagesServer, client: httpx.Client) -> None:
    seen = look_at(client, server.redirect("/old", "/nothing"), local())
    assert (seen.outcome, seen.status) == (Outcome.GONE, 404)


def test_five_redirects_are_followed_and_no_more(server: PagesServer, client: httpx.Client) -> None:
    for step in range(1, 6):
        server.redirect(f"/{step}", f"/{step - 1}")
    server.page("/0", html())
    assert look_at(client, f"{server.root}/5", local()).outcome is Outcome.MOVED
    loop = server.redirect("/loop", "/loop")
    server.requests.clear()
    assert look_at(client, loop, local()).outcome is Outcome.FAILING
    assert len(server.asked()) == 6


@pytest.mark.parametrize(
    "target",
    [
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/x",
        "https://[fc00::1]/x",
        "https://inside.example/x",
        "http://www.cdc.gov/x",
        "ftp://www.cdc.gov/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://a..b/x",
        f"https://{'a' * 70}.example/x",
    ],
)
def test_no_redirect_leads_to_a_private_or_unencrypted_address(
    server: PagesServer, everywhere: httpx.Client, target: str
) -> None:
    names = {"www.cdc.gov": public(""), "inside.example": ["203.0.114.7", "10.0.0.7"]}
    manners = outside(resolve=lambda host: names.get(host) or addresses_of(host))
    server.redirect(SLEEP_PATH, target)
    server.page("/x", html())
    seen = look_at(everywhere, SLEEP, manners)
    assert (seen.outcome, seen.text_hash) == (Outcome.FAILING, "")
    assert server.asked() == [SLEEP_PATH]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]"])
def test_this_machine_is_asked_only_where_that_is_allowed(
    server: PagesServer, everywhere: httpx.Client, host: str
) -> None:
    server.page("/page", html())
    for scheme in ("https", "http"):
        seen = look_at(everywhere, f"{scheme}://{host}:{server.port}/page", Manners(pause=0.0))
        assert seen.outcome is Outcome.FAILING
    assert server.requests == []
    assert look_at(everywhere, f"http://{host}:{server.port}/page", local()).outcome is Outcome.OK


def test_where_this_machine_is_allowed_other_private_ones_are_not() -> None:
    manners = local(resolve=lambda _: ["10.0.0.1"])
    assert not manners.may_visit(httpx.URL("http://inside.example/"))
    assert not manners.may_visit(httpx.URL("https://inside.example/"))
    assert not local(resolve=public).may_visit(httpx.URL("http://www.cdc.gov/"))


def test_a_page_that_answers_too_late_is_failing(server: PagesServer, client: httpx.Client) -> None:
    late = server.put("/late", Answer(body=html().encode(), wait=0.6))
    drip = server.put("/drip", Answer(body=html().encode(), drip=0.05))
    assert look_at(client, late, local(timeout=0.2)) == Seen(Outcome.FAILING, None, late)
    assert look_at(client, drip, local(timeout=0.2)).outcome is Outcome.FAILING


def test_nobody_there_is_failing(client: httpx.Client) -> None:
    with pages_server() as gone:
        url = f"{gone.root}/page"
    assert look_at(client, url, local()) == Seen(Outcome.FAILING, None, url)
    for odd in ("https://", "no address", "https://127.0.0.1:99999/", "https://xn--/", "//[::"):
        assert look_at(client, odd, local()).outcome is Outcome.FAILING


def test_a_broken_body_is_failing(server: PagesServer, client: httpx.Client) -> None:
    headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    url = server.put("/page", Answer(body=b"no gzip at all", headers=headers))
    assert look_at(client, url, local()).outcome is Outcome.FAILING


def test_reading_stops_at_the_limit(server: PagesServer, client: httpx.Client) -> None:
    start = html().encode()
    full = server.put("/full", Answer(body=start + b" " * (MOST_BYTES - len(start))))
    over = server.put("/over", Answer(body=start + b" " * (MOST_BYTES - len(start) + 1)))
    endless = server.put("/endless", Answer(body=b"x" * (8 * MOST_BYTES)))
    assert look_at(client, full, local()).outcome is Outcome.OK
    for url in (over, endless):
        assert look_at(client, url, local()) == Seen(Outcome.TOO_LARGE, 200, url)
    deadline = time.monotonic() + 5
    while "/endless" not in server.cut_off and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "/endless" in server.cut_off


def test_a_page_of_too_many_tags_is_not_parsed(server: PagesServer, client: httpx.Client) -> None:
    def made(tags: int) -> str:
        return server.page(f"/{tags}", "<p>" * tags)

    over = made(MOST_TAGS + 1)
    started = time.process_time()
    assert look_at(client, over, local()) == Seen(Outcome.TOO_LARGE, 200, over)
    assert time.process_time() - started < 1  # parsed, it takes two seconds and more
    assert look_at(client, made(2_000), local()).outcome is Outcome.OK


def test_thousands_of_stamps_do_not_hold_a_look_up(
    server: PagesServer, client: httpx.Client
) -> None:
    # Each stands beside all others: reading them all for each would take minutes.
    stamps = "Page last reviewed: today<br>" * 5_000
    page = server.page("/page", f"<main>{stamps}</main><p>Page last updated: 4 May 2026</p>")
    other = server.page("/other", f"<main>{stamps}</main><p>Page last updated: 5 May 2026</p>")
    started = time.process_time()
    seen = [look_at(client, url, local()) for url in (page, other)]
    assert time.process_time() - started < 10
    assert [one.outcome for one in seen] == [Outcome.OK] * 2
    assert seen[0].text_hash != seen[1].text_hash


@pytest.mark.parametrize("kind", ["application/pdf", "text/plain", "image/png", ""])
def test_what_is_no_web_page_is_not_read(
    server: PagesServer, client: httpx.Client, kind: str
) -> None:
    url = server.put("/file", Answer(body=b"%PDF-1.7", headers={"Content-Type": kind}))
    assert look_at(client, url, local()) == Seen(Outcome.NOT_HTML, 200, url)


@pytest.mark.parametrize(
    ("body", "kind", "title"),
    [
        ("<title>Fièvre</title>".encode(), "text/html; charset=utf-8", "Fièvre"),
        ("<title>Fièvre</title>".encode("latin-1"), "text/html; charset=iso-8859-1", "Fièvre"),
        ('<meta charset="cp1252"><title>Fièvre</title>'.encode("cp1252"), "text/html", "Fièvre"),
        ("<title>Fièvre</title>".encode("latin-1"), "text/html; charset=utf-8", "Fi�vre"),
        (b"<title>Fever</title>", "text/html; charset=nonsense", "Fever"),
        (b"<title>Fever</title>", "text/html; charset=rot13", "Fever"),
        (b"<title>Fe\x00\xc2\xadver\xe2\x80\x8b</title>", "text/html", "Fever"),
        (b"<title>Fever</title><![odd[<p>x", "text/html", "Fever"),
        (b"<?xml version='1.0'?><rss><title>Fever</title></rss>", "text/html", "Fever"),
        (b"page.html", "text/html", ""),
        (b"", "text/html", ""),
        (b"<div>" * 5_000, "text/html", ""),
    ],
)
def test_odd_bytes_are_read_as_well_as_can_be(
    server: PagesServer, client: httpx.Client, body: bytes, kind: str, title: str
) -> None:
    url = server.put("/page", Answer(body=body, headers={"Content-Type": kind}))
    seen = look_at(client, url, local())
    assert seen.outcome in {Outcome.OK, Outcome.NOT_HTML}
    assert seen.title in {title, ""}
    assert (seen.outcome is Outcome.OK) == (seen.text_hash != "")
    if b"![odd" not in body:
        assert (seen.outcome, seen.title) == (Outcome.OK, title)


def hash_of(server: PagesServer, client: httpx.Client, page: str) -> str:
    """Return the hash of a page's text."""
    return look_at(client, server.page("/page", page), local()).text_hash


@pytest.mark.parametrize(
    "page",
    [
        html(menu="<a href='/new'>New in the menu</a>"),
        html(foot="Contact us at another address"),
        html(title="Another title"),
        html().replace("let a = 1", "let a = 2"),
        html().replace("Related", "Something else is related"),
        html(text="Keep the <b>room</b>\n dark."),
        html(text="Keep the room dark.<!-- made at 12:04 -->"),
        html().replace("<main>", "<div>A banner on all pages</div><main>"),
    ],
)
def test_what_is_around_the_text_is_no_change(
    server: PagesServer, client: httpx.Client, page: str
) -> None:
    assert hash_of(server, client, page) == hash_of(server, client, html())


@pytest.mark.parametrize(
    "page",
    [
        html(text="Keep the room light."),
        html(section="What not to do"),
        html(foot="Last Reviewed: <span>May 4, 2026</span>"),
        html(menu="<div><b>Page last updated</b> <i>2026-05-04</i></div>"),
        html().replace("<h1>", "<header><time>May 4, 2026</time></header><h1>"),
        html(text="Keep the room dark. <p>Last reviewed: May 4, 2026</p>"),
    ],
)
def test_words_and_review_stamps_are_a_change(
    server: PagesServer, client: httpx.Client, page: str
) -> None:
    assert hash_of(server, client, page) != hash_of(server, client, html())


def test_another_review_stamp_is_another_text(server: PagesServer, client: httpx.Client) -> None:
    old = hash_of(server, client, html(foot="Last Reviewed: <span>May 4, 2026</span>"))
    new = hash_of(server, client, html(foot="Last Reviewed: <span>June 4, 2026</span>"))
    assert old != new


def test_a_page_without_a_main_part_is_read_too(server: PagesServer, client: httpx.Client) -> None:
    page = "<body><nav>{}</nav><div><h2>Heading</h2>{}</div></body>"
    first = hash_of(server, client, page.format("menu", "text"))
    assert first == hash_of(server, client, page.format("other", "text"))
    assert first != hash_of(server, client, page.format("menu", "other"))
    swallowed = "<body><header><div>{}</div>"
    assert hash_of(server, client, swallowed.format("a")) != hash_of(
        server, client, swallowed.format("b")
    )


def test_headings_are_kept_within_limits(server: PagesServer, client: httpx.Client) -> None:
    menu = "".join(f"<h3>Menu {number}</h3>" for number in range(100))
    long = f"<h2>{'long ' * 100}</h2><h5>too deep</h5><h2> </h2>"
    seen = look_at(client, server.page("/page", html(menu=menu, text=long)), local())
    assert len(seen.sections) == MOST_SECTIONS
    assert seen.sections[:2] == ("About Sleep", "What to do")
    assert max(map(len, seen.sections)) <= 200
    assert "too deep" not in seen.sections


# --- manners --------------------------------------------------------------------------------------


def test_what_robots_txt_forbids_is_not_read(server: PagesServer, client: httpx.Client) -> None:
    rules = b"User-agent: citewell\nDisallow: /private\n\nUser-agent: *\nDisallow: /\n"
    server.put("/robots.txt", Answer(body=rules, headers={"Content-Type": "text/plain"}))
    private, page = server.page("/private/a", html()), server.page("/page", html())
    server.redirect("/way", "/private/a", 302)
    manners = local()
    assert look_at(client, private, manners) == Seen(Outcome.DISALLOWED, None, private)
    assert look_at(client, f"{server.root}/way", manners).outcome is Outcome.DISALLOWED
    assert look_at(client, page, manners).outcome is Outcome.OK
    assert server.asked() == ["/way", "/page"]
    assert [one.path for one in server.requests].count("/robots.txt") == 1


def test_each_host_has_its_own_robots_txt(server: PagesServer, everywhere: httpx.Client) -> None:
    server.put("www.cdc.gov/robots.txt", Answer(body=b"User-agent: *\nDisallow: /"))
    server.page("/page", html())
    manners = outside()
    assert look_at(everywhere, "https://www.cdc.gov/page", manners).outcome is Outcome.DISALLOWED
    assert look_at(everywhere, "https://www.who.int/page", manners).outcome is Outcome.OK
    server.redirect("www.who.int/away", "https://www.cdc.gov/page")
    assert look_at(everywhere, "https://www.who.int/away", manners).outcome is Outcome.DISALLOWED


def test_a_robots_txt_that_cannot_be_had_stops_the_look(
    server: PagesServer, client: httpx.Client
) -> None:
    url = server.page("/page", html())
    server.put("/robots.txt", Answer(500))
    assert look_at(client, url, local()).outcome is Outcome.FAILING
    assert server.asked() == []
    server.put("/robots.txt", Answer(403))
    assert look_at(client, url, local()).outcome is Outcome.OK
    server.put("/robots.txt", Answer(body=b"\xff\xfe\x00 nonsense: \x80\nDisallow"))
    assert look_at(client, url, local()).outcome is Outcome.OK


def test_a_robots_txt_is_followed_to_where_it_moved(
    server: PagesServer, client: httpx.Client
) -> None:
    url = server.page("/page", html())
    server.redirect("/robots.txt", "/rules")
    server.put("/rules", Answer(body=b"User-agent: *\nDisallow: /page"))
    assert look_at(client, url, local()).outcome is Outcome.DISALLOWED


def test_a_host_is_asked_once_a_second(server: PagesServer, everywhere: httpx.Client) -> None:
    server.page("/page", html())
    clock = Clock()
    manners = outside(pause=1.0, sleep=clock.sleep, clock=clock)
    look_at(everywhere, "https://www.cdc.gov/page", manners)  # robots.txt, a second, the page
    assert clock.slept == [1.0]
    look_at(everywhere, "https://www.who.int/page", manners)  # another host need not wait
    assert clock.slept == [1.0, 1.0]
    clock.now += 0.25
    look_at(everywhere, "https://www.who.int/page", manners)
    assert clock.slept == [1.0, 1.0, 0.75]
    clock.now += 10
    look_at(everywhere, "https://www.who.int/page", manners)
    assert len(clock.slept) == 3


@pytest.mark.parametrize(("asked", "waited"), [("7.5", 7.5), ("0.1", 1.0), ("3600", 30.0)])
def test_a_crawl_delay_is_kept_up_to_half_a_minute(
    server: PagesServer, client: httpx.Client, asked: str, waited: float
) -> None:
    url = server.page("/page", html())
    server.put("/robots.txt", Answer(body=f"User-agent: *\nCrawl-delay: {asked}".encode()))
    clock = Clock()
    look_at(client, url, local(pause=1.0, sleep=clock.sleep, clock=clock))
    assert clock.slept == [waited]


# --- comparing ------------------------------------------------------------------------------------


PAGE = Seen(
    Outcome.OK, 200, SLEEP, "About Sleep | Sleep | CDC", ("About Sleep", "What to do"), "a" * 64
)


def check(**changes: Any) -> SourceCheck:
    """Return the sleep page as it was found before."""
    fields: dict[str, Any] = {
        "url": SLEEP,
        "outcome": "ok",
        "status": 200,
        "final_url": SLEEP,
        "title": PAGE.title,
        "sections": list(PAGE.sections),
        "text_hash": PAGE.text_hash,
    }
    return SourceCheck(**(fields | changes))


def seen(**changes: Any) -> Seen:
    """Return the sleep page as it is found now."""
    fields = {name: getattr(PAGE, name) for name in PAGE.__dataclass_fields__}
    return Seen(**(fields | changes))


@pytest.mark.parametrize(
    "title",
    [
        "About Sleep",
        "ABOUT  sleep",
        "About Sleep | CDC",
        "About Sleep - CDC",
        "About–Sleep | Sleep | CDC",
        "Sleep, a search engine’s title",  # the heading has it
    ],
)
def test_a_first_look_takes_the_title_loosely(title: str) -> None:
    assert compare(None, seen(title=title), source()) == []


def test_a_first_look_tells_only_what_does_not_fit() -> None:
    other = Seen(Outcome.MOVED, 200, f"{SLEEP}x", "Naps", ("Naps",), "b" * 64)
    assert compare(None, other, source()) == [
        "The title is now “Naps” (it was “About Sleep”).",
        "The section “What to do” that the answer cites is not on the page.",
    ]
    assert compare(None, Seen(Outcome.GONE, 404, SLEEP), source()) == ["The page is gone (404)."]
    for outcome in (Outcome.NOT_HTML, Outcome.TOO_LARGE, *"refused failing disallowed".split()):
        assert compare(None, Seen(Outcome(outcome), 200, SLEEP), source()) == []


def test_nothing_is_told_where_nothing_changed() -> None:
    assert compare(check(), seen(), source()) == []


@pytest.mark.parametrize(
    ("now_seen", "told"),
    [
        (seen(text_hash="b" * 64), "The text of the page changed."),
        (seen(title="Naps | CDC"), f"The title is now “Naps | CDC” (it was “{PAGE.title}”)."),
        (seen(title=""), f"The page has no title any more (it was “{PAGE.title}”)."),
        (
            seen(sections=("About Sleep",)),
            "The section “What to do” that the answer cites is not on the page any more.",
        ),
        (
            seen(outcome=Outcome.MOVED, final_url="https://www.cdc.gov/naps"),
            "The page moved to https://www.cdc.gov/naps.",
        ),
        (Seen(Outcome.GONE, 410, SLEEP), "The page is gone (410)."),
        (
            Seen(Outcome.NOT_HTML, 200, SLEEP),
            "There is no web page at this address any more, but a file of another kind.",
        ),
        (
            Seen(Outcome.TOO_LARGE, 200, SLEEP),
            "The page is too large to be read now: more than 5 MB or 100,000 tags.",
        ),
    ],
)
def test_each_change_is_one_sentence_and_told_once(now_seen: Seen, told: str) -> None:
    assert compare(check(), now_seen, source()) == [told]
    same = {name: getattr(now_seen, name) for name in now_seen.__dataclass_fields__}
    if not now_seen.text_hash:
        same |= {"title": PAGE.title, "sections": PAGE.sections, "text_hash": PAGE.text_hash}
    assert compare(check(**same), now_seen, source()) == []


def test_several_cited_sections_are_looked_for_one_by_one() -> None:
    cites = source(section="what to do;  Naps; About sleep")
    assert compare(None, seen(), cites) == [
        "The section “Naps” that the answer cites is not on the page."
    ]
    whole = seen(sections=("Naps; what to do",))
    assert compare(None, whole, source(section="Naps; what to do")) == []
    assert compare(None, seen(), source(section=None)) == []


def test_no_section_is_missed_among_more_than_were_kept() -> None:
    many = tuple(f"Heading {number}" for number in range(MOST_SECTIONS))
    assert compare(None, seen(sections=many), source()) == []


# --- the watch ------------------------------------------------------------------------------------


class Watched(Colleagues):
    """A store with live entries, a server with the pages that they cite."""

    def __init__(self, store: Engine, server: PagesServer, client: httpx.Client) -> None:
        super().__init__(store)
        self.server, self.client = server, client
        self.told: list[str] = []
        server.page(SLEEP_PATH, html())
        server.page(FLU_PATH, html(title="Flu", section="Signs").replace("About Sleep", "Flu"))

    def publish(self, *pairs: TopicEntry) -> None:
        """Make entries live beside what is."""
        with transaction(self.store) as session:
            import_entries(session, pairs)
            publish(session, "test")

    def watch(self, *urls: str) -> Summary:
        """Look at the pages."""
        return watch(
            self.store, self.client, outside(), tell=self.told.append, urls=list(urls) or None
        )

    def tasks(self) -> list[tuple[str, str]]:
        """Return the open tasks: entry and detail."""
        with transaction(self.store) as session:
            return [(task.entry_id, task.detail) for task in open_tasks(session)]

    def finish_all(self) -> None:
        """Let somebody finish every open task."""
        with transaction(self.store) as session:
            session.execute(sa.update(ReviewTask).values(done_at=sa.func.current_timestamp()))

    def checks(self, url: str = SLEEP) -> list[str]:
        """Return the outcomes of a page, the oldest first."""
        asked = sa.select(SourceCheck.outcome).where(SourceCheck.url == url)
        with transaction(self.store) as session:
            return list(session.scalars(asked.order_by(SourceCheck.id)))

    def look(self, *entry: str) -> Summary | None:
        """Look at all pages, or at those of one entry, as the worker does."""
        return look(self.store, self.client, outside(), Wish(*entry), self.told.append)

    def wait(self, days: float) -> None:
        """Let days go by: all that happened to pages and releases is so much longer ago."""
        with transaction(self.store) as session:
            for table, column in ((SourceCheck, SourceCheck.at), (Release, Release.created_at)):
                for row_id, at in session.execute(sa.select(table.id, column)).all():
                    earlier = {column.key: at - timedelta(days=days)}
                    session.execute(sa.update(table).where(table.id == row_id).values(earlier))


FLU_SOURCE = {"publisher": "WHO", "title": "Flu", "url": FLU, "section": "Signs"}


@pytest.fixture
def watched(store: Engine, server: PagesServer, everywhere: httpx.Client) -> Watched:
    """Two entries cite the sleep page, one of them the flu page too."""
    made = Watched(store, server, everywhere)
    made.publish(citing("one"), citing("two", {}, FLU_SOURCE))
    return made


def test_the_cited_pages_are_those_of_live_entries(watched: Watched) -> None:
    with transaction(watched.store) as session:
        import_entries(session, [citing("draft", {"url": "https://www.cdc.gov/draft"})])
        pages = cited_pages(session)
    assert {url: [(one.entry_id, one.source.key) for one in pages[url]] for url in pages} == {
        SLEEP: [("one", "s1"), ("two", "s1")],
        FLU: [("two", "s2")],
    }
    assert pages[FLU][0].locale == "en"


def test_a_store_without_a_release_has_nothing_to_watch(
    engine: Engine, everywhere: httpx.Client
) -> None:
    summary = watch(engine, everywhere, outside(), tell=print)
    assert list(summary.lines()) == ["0 pages", "0 to be looked at, 0 review tasks opened"]


def test_pages_that_fit_open_no_task_and_are_kept(watched: Watched) -> None:
    summary = watched.watch()
    assert summary == Summary({Outcome.OK: 2}, 0, 0, 0)
    assert watched.tasks() == []
    assert watched.told == [
        "1 of 2: www.cdc.gov/sleep/about/index.html ok",
        "2 of 2: www.who.int/flu ok",
    ]
    with transaction(watched.store) as session:
        kept = session.scalars(sa.select(SourceCheck).where(SourceCheck.url == FLU)).one()
        assert (kept.status, kept.final_url, kept.title) == (200, FLU, "Flu")
        assert kept.sections == ["Flu", "Signs"]
        assert len(kept.text_hash) == 64


def test_a_change_opens_a_task_for_every_entry_that_cites_the_page(watched: Watched) -> None:
    watched.watch()
    watched.server.page(SLEEP_PATH, html(text="Keep the room light.", section="Advice"))
    summary = watched.watch()
    detail = (
        "s1 “About Sleep”: The section “What to do” that the answer cites is not on the page any "
        "more. The text of the page changed."
    )
    assert watched.tasks() == [("one", detail), ("two", detail)]
    assert (summary.changed, summary.tasks) == (1, 2)
    assert watched.watch().tasks == 0


def test_a_page_that_is_gone_is_told_once(watched: Watched) -> None:
    watched.watch()
    watched.server.put(SLEEP_PATH, Answer(404))
    detail = "s1 “About Sleep”: The page is gone (404)."
    assert watched.watch().tasks == 2
    assert watched.tasks() == [("one", detail), ("two", detail)]
    assert watched.watch().tasks == 0
    watched.finish_all()
    assert watched.watch().tasks == 0
    watched.server.page(SLEEP_PATH, html())
    assert watched.watch().tasks == 0  # it is back, word for word
    watched.server.page(SLEEP_PATH, html(text="Other words."))
    assert watched.watch().tasks == 2


def test_the_same_change_again_is_a_new_task_only_once_the_first_is_done(watched: Watched) -> None:
    watched.watch()
    for text in ("One.", "Two."):
        watched.server.page(SLEEP_PATH, html(text=text))
        watched.watch()
    assert len(watched.tasks()) == 2
    watched.finish_all()
    watched.server.page(SLEEP_PATH, html(text="Three."))
    assert watched.watch().tasks == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer(403), "the site answered 403"), (Answer(500), "the site answered 500")],
)
def test_a_page_that_cannot_be_read_is_told_on_the_third_day(
    watched: Watched, answer: Answer, reason: str
) -> None:
    watched.watch()
    watched.server.put(FLU_PATH, answer)
    found = []
    for _ in range(5):
        watched.wait(days=1)
        found.append(watched.watch(FLU).tasks)
    assert found == [0, 0, 1, 0, 0]
    told = f"s2 “Flu”: The page could not be read on the last 3 days of looking ({reason})."
    assert watched.tasks() == [("two", told)]
    watched.finish_all()
    assert watched.watch(FLU).tasks == 0
    watched.server.page(FLU_PATH, html(title="Flu", section="Signs"))
    assert watched.watch(FLU).tasks == 1  # what changed meanwhile: held against what was last read
    assert watched.tasks() == [("two", "s2 “Flu”: The text of the page changed.")]


def test_many_looks_on_one_day_count_as_one(watched: Watched) -> None:
    watched.server.put(FLU_PATH, Answer(403))
    assert [watched.watch(FLU).tasks for _ in range(5)] == [0] * 5
    watched.wait(days=1)
    assert [watched.watch(FLU).tasks for _ in range(3)] == [0] * 3
    watched.wait(days=1)
    assert watched.watch(FLU).tasks == 1
    watched.finish_all()
    # Told once: the same day's next look has nothing new to say.
    assert [watched.watch(FLU).tasks for _ in range(3)] == [0] * 3


def test_a_good_look_in_between_starts_the_count_anew(watched: Watched) -> None:
    good = watched.server.answers[FLU_PATH]
    for status in (403, 500, 200, 503, 403):
        watched.server.put(FLU_PATH, good if status == 200 else Answer(status))
        watched.wait(days=1)
        assert watched.watch(FLU).tasks == 0
    assert watched.checks(FLU) == ["refused", "failing", "ok", "failing", "refused"]


def test_a_page_that_robots_txt_forbids_is_told_and_opens_no_task(watched: Watched) -> None:
    watched.watch()
    watched.server.put("www.who.int/robots.txt", Answer(body=b"User-agent: *\nDisallow: /"))
    for _ in range(4):
        assert watched.watch(FLU) == Summary({Outcome.DISALLOWED: 1}, 0, 0, 0)
    assert watched.told[-1] == "1 of 1: www.who.int/flu disallowed"


def test_what_could_not_be_read_keeps_what_was_last_read(watched: Watched) -> None:
    watched.watch(FLU)
    watched.server.put(FLU_PATH, Answer(404))
    watched.watch(FLU)
    with transaction(watched.store) as session:
        first, second = session.scalars(sa.select(SourceCheck).order_by(SourceCheck.id))
        assert (second.outcome, second.status) == ("gone", 404)
        assert (second.title, second.sections, second.text_hash) == (
            first.title,
            first.sections,
            first.text_hash,
        )


def test_an_entry_that_cites_a_known_page_later_is_held_against_it(watched: Watched) -> None:
    watched.watch()
    watched.publish(citing("three", {"section": "Naps"}))
    assert watched.watch().tasks == 1
    missing = "s1 “About Sleep”: The section “Naps” that the answer cites is not on the page."
    assert watched.tasks() == [("three", missing)]
    watched.finish_all()
    assert watched.watch().tasks == 0


def test_an_entry_that_cites_a_lost_page_later_hears_of_it(watched: Watched) -> None:
    watched.server.put(FLU_PATH, Answer(403))
    for _ in range(4):
        watched.wait(days=1)
        watched.watch(FLU)
    watched.server.put(SLEEP_PATH, Answer(404))
    watched.watch(SLEEP)
    watched.finish_all()
    watched.publish(citing("three", {}, FLU_SOURCE))
    assert watched.watch().tasks == 2
    assert {entry for entry, _ in watched.tasks()} == {"three"}
    watched.finish_all()
    assert watched.watch().tasks == 0


def test_an_entry_that_was_withdrawn_meanwhile_gets_no_task(watched: Watched) -> None:
    with transaction(watched.store) as session:
        away = Citation("away", "en", source())
        pages = cited_pages(session)
        found = keep_look(session, SLEEP, [away, *pages[SLEEP]], Seen(Outcome.GONE, 404, SLEEP))
    assert found == (True, 2)
    assert {entry for entry, _ in watched.tasks()} == {"one", "two"}


def test_one_page_can_be_looked_at_alone(watched: Watched) -> None:
    assert watched.watch(FLU).outcomes == {Outcome.OK: 1}
    assert watched.server.asked() == [FLU_PATH]
    with pytest.raises(StoreError, match="x is cited by no live entry"):
        watched.watch(FLU, "https://www.cdc.gov/x")
    assert watched.server.asked() == [FLU_PATH]


def test_an_interrupted_watch_keeps_what_it_did(watched: Watched) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        watch(watched.store, watched.client, outside(), tell=interrupt)
    assert watched.checks(SLEEP) == ["ok"]
    assert watched.checks(FLU) == []


def test_a_fault_of_ours_on_one_page_does_not_stop_the_others(watched: Watched) -> None:
    def resolve(host: str) -> list[str]:
        if host == "www.cdc.gov":
            raise RuntimeError("not foreseen")
        return public(host)

    manners = outside(resolve=resolve)
    summary = watch(watched.store, watched.client, manners, tell=watched.told.append)
    assert summary.outcomes == {Outcome.FAILING: 1, Outcome.OK: 1}
    assert watched.told[0].endswith("index.html failing, RuntimeError")
    assert (watched.checks(SLEEP), watched.checks(FLU)) == (["failing"], ["ok"])


def test_a_result_that_the_database_does_not_take_is_told(watched: Watched) -> None:
    with transaction(watched.store) as session:
        session.execute(sa.text("ALTER TABLE source_check RENAME TO away"))
    summary = watched.watch()
    assert summary.unkept == 2
    assert list(summary.lines())[-1] == "2 could not be written down: look at them again"
    assert "but not written down" in watched.told[0]


def test_long_and_odd_words_of_a_page_fit_the_store(watched: Watched) -> None:
    watched.watch(SLEEP)
    odd = "Naps\x00&#0;\ud7ff " + "z" * 2000
    watched.server.page(SLEEP_PATH, html(title=odd, section=odd))
    assert watched.watch(SLEEP).tasks == 2
    watched.server.redirect(SLEEP_PATH, f"/{'y' * 600}")
    watched.server.page(f"/{'y' * 600}", html(title=odd, section=odd))
    assert watched.watch(SLEEP).unkept == 0
    assert all(len(detail) <= 500 for _, detail in watched.tasks())
    watched.finish_all()
    assert watched.watch(SLEEP).tasks == 0


def test_two_watches_at_once_open_each_task_once(watched: Watched) -> None:
    watched.watch()
    watched.server.put(SLEEP_PATH, Answer(404))
    gate, found = Barrier(2), []

    def run() -> None:
        gate.wait()
        found.append(watched.watch(SLEEP))

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.unkept for one in found] == [0, 0]
    assert sum(one.tasks for one in found) == 2
    assert len(watched.tasks()) == 2


# --- review tasks ---------------------------------------------------------------------------------


def test_an_overdue_entry_gets_one_task_for_each_date(watched: Watched) -> None:
    watched.publish(citing("late", review_due="2098-08-01"))

    def due(today: date) -> int:
        with transaction(watched.store) as session:
            return due_tasks(session, today)

    assert due(date(2098, 8, 1)) == 0
    assert due(date(2098, 8, 2)) == 1
    assert watched.tasks() == [("late", "The review was due on 2098-08-01.")]
    assert due(date(2098, 8, 3)) == 0
    watched.finish_all()
    assert due(date(2098, 8, 3)) == 0
    watched.publish(citing("late", review_due="2098-09-01"))
    assert due(date(2098, 9, 2)) == 1


@pytest.fixture
def task_id(watched: Watched) -> int:
    """An open task."""
    watched.server.put(FLU_PATH, Answer(404))
    watched.watch(FLU)
    with transaction(watched.store) as session:
        (task,) = open_tasks(session)
        return task.id


@pytest.mark.parametrize("role", Role)
def test_authors_and_reviewers_finish_tasks(watched: Watched, task_id: int, role: Role) -> None:
    member = watched.join("Zoe", role)
    may = role in {Role.AUTHOR, Role.REVIEWER}
    for step, left in ((finish_task, 0), (undo_finish, 1)):
        if may:
            with transaction(watched.store) as session:
                step(session, member, task_id)
            assert len(watched.tasks()) == left
        else:
            with (
                pytest.raises(NotAllowed, match="needs the role “author” or “reviewer”"),
                transaction(watched.store) as session,
            ):
                step(session, member, task_id)


def test_finishing_and_undoing_are_on_record(watched: Watched, task_id: int) -> None:
    member = watched.join("Zoe", Role.REVIEWER)
    with transaction(watched.store) as session:
        finish_task(session, member, task_id)
    with transaction(watched.store) as session:
        task = session.get(ReviewTask, task_id)
        assert task is not None
        assert task.done_by == member.id
        assert task.done_at is not None
        undo_finish(session, member, task_id)
        assert [task.done_at, task.done_by] == [None, None]
        lines = [line for _, line in read_audit(session, area="task")]
    assert [(line.action, line.who, line.subject) for line in reversed(lines)] == [
        ("task.done", "Zoe", "two (en)"),
        ("task.reopened", "Zoe", "two (en)"),
    ]
    assert lines[0].detail == {"task": task_id, "reason": "source"}


def test_a_task_is_finished_once_and_undone_once(watched: Watched, task_id: int) -> None:
    member = watched.join("Zoe", Role.AUTHOR)

    def do(step: Callable[..., None], number: int = task_id) -> None:
        with transaction(watched.store) as session:
            step(session, member, number)

    with pytest.raises(TaskError, match=f"task {task_id} is open"):
        do(undo_finish)
    do(finish_task)
    with pytest.raises(TaskError, match=f"task {task_id} is done already"):
        do(finish_task)
    with transaction(watched.store) as session:
        done = session.get(ReviewTask, task_id)
        assert done is not None
        session.add(
            ReviewTask(
                entry_id=done.entry_id, locale=done.locale, reason=done.reason, detail=done.detail
            )
        )
    with pytest.raises(TaskError, match="or the same one is"):
        do(undo_finish)
    for step in (finish_task, undo_finish):
        with pytest.raises(TaskError, match="there is no task 999"):
            do(step, 999)


# --- what is kept ---------------------------------------------------------------------------------


def kept(watched: Watched, moment: datetime | None = None) -> list[tuple[str, str]]:
    """Delete what is old; return day and outcome of the flu page's checks that are left."""
    with transaction(watched.store) as session:
        drop_old_checks(session, moment or now())
        rows = session.scalars(
            sa.select(SourceCheck).where(SourceCheck.url == FLU).order_by(SourceCheck.id)
        )
        return [(f"{row.at:%m-%d %H}", row.outcome) for row in rows]


def add_checks(watched: Watched, *checks: tuple[datetime, str]) -> None:
    """Write checks of the flu page down."""
    with transaction(watched.store) as session:
        for at, outcome in checks:
            session.add(SourceCheck(url=FLU, at=at, outcome=outcome))
            session.flush()


NIGHT = datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_the_newest_thirty_checks_of_an_address_are_kept(watched: Watched) -> None:
    add_checks(watched, *((NIGHT + timedelta(days=n), "ok") for n in range(40)))
    watched.watch(SLEEP)
    left = kept(watched, NIGHT + timedelta(days=41))
    assert len(left) == 30
    assert (left[0][0], left[-1][0]) == ("11-11 04", "12-10 04")
    assert watched.checks(SLEEP) == ["ok"]
    assert kept(watched, NIGHT + timedelta(days=41)) == left


def test_checks_older_than_400_days_are_deleted(watched: Watched) -> None:
    add_checks(watched, (NIGHT, "ok"), (NIGHT + timedelta(days=1), "ok"))
    assert len(kept(watched, NIGHT + timedelta(days=400))) == 2
    assert kept(watched, NIGHT + timedelta(days=400, seconds=1)) == [("11-02 04", "ok")]
    assert kept(watched, NIGHT + timedelta(days=402)) == []


def test_looks_on_demand_do_not_push_out_the_days_before(watched: Watched) -> None:
    add_checks(watched, *((NIGHT + timedelta(days=n), "refused") for n in range(3)))
    today = NIGHT + timedelta(days=3)
    add_checks(watched, *((today + timedelta(minutes=10 * n), "refused") for n in range(60)))
    left = kept(watched, today + timedelta(days=1))
    assert len(left) == 30
    assert [day for day, _ in left][:3] == ["11-01 04", "11-02 04", "11-03 04"]
    assert left[-1][0] == "11-04 13"


def test_what_was_last_read_of_a_page_is_kept_however_long_it_cannot_be_read(
    watched: Watched,
) -> None:
    add_checks(watched, (NIGHT, "ok"), (NIGHT + timedelta(days=1), "moved"))
    add_checks(watched, *((NIGHT + timedelta(days=n), "failing") for n in range(2, 60)))
    left = kept(watched, NIGHT + timedelta(days=60))
    assert left[0] == ("11-02 04", "moved")
    assert len(left) == 31


# --- looks on demand ------------------------------------------------------------------------------


def test_a_look_is_asked_for_taken_up_and_told_of(watched: Watched) -> None:
    nora = watched.join("Nora", Role.PUBLISHER)
    assert watched.do(standing) == Standing(None)
    assert watched.do(ask, nora)
    waits = watched.do(standing)
    assert (waits.asked_by, waits.last, waits.next_at) == ("Nora", None, None)
    assert watched.do(waiting) == [Wish()]
    watched.server.put(FLU_PATH, Answer(500))
    watched.look()
    told = watched.do(standing)
    assert watched.do(waiting) == []
    assert (told.asked_at, told.last.pages, told.last.done, told.last.read) == (None, 2, 2, 1)
    assert (told.last.is_online, told.last.is_running, told.last.tasks) == (True, False, 0)
    assert told.next_at == told.last.began_at + timedelta(minutes=10)


def test_asking_twice_asks_once(watched: Watched) -> None:
    nora, otto = watched.join("Nora", Role.AUTHOR), watched.join("Otto", Role.REVIEWER)
    assert watched.do(ask, nora)
    assert not watched.do(ask, nora)
    assert not watched.do(ask, otto)
    assert not watched.do(ask, otto, Wish("one", "en"))  # all pages are more
    with transaction(watched.store) as session:
        lines = [line for _, line in read_audit(session, area="sources")]
    assert [(line.action, line.who) for line in lines] == [("sources.requested", "Nora")]


def test_two_at_once_ask_once(watched: Watched) -> None:
    team = [watched.join(name, Role.AUTHOR) for name in ("Nora", "Otto")]
    gate, found = Barrier(2), []

    def run(member: Member) -> None:
        gate.wait()
        found.append(watched.do(ask, member))

    threads = [Thread(target=run, args=(member,)) for member in team]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, True]


def test_there_is_at_most_one_look_in_ten_minutes(watched: Watched) -> None:
    nora = watched.join("Nora", Role.AUTHOR)
    watched.look()  # the nightly one counts too
    began = watched.do(standing).last.began_at
    for wish in (Wish(), Wish("one", "en")):
        with pytest.raises(LookError, match=r"^the last look began at \d\d:\d\d UTC: ask again"):
            watched.do(ask, nora, wish, began + timedelta(minutes=9, seconds=59))
    assert watched.do(standing, began + timedelta(minutes=10)).next_at is None
    assert watched.do(ask, nora, Wish(), began + timedelta(minutes=10))


def test_the_pages_of_one_entry_are_looked_at_alone(watched: Watched) -> None:
    watched.publish(citing("three", FLU_SOURCE))
    nora = watched.join("Nora", Role.AUTHOR)
    assert watched.do(ask, nora, Wish("three", "en"))
    assert watched.do(ask, nora, Wish("one", "en"))
    assert watched.do(waiting) == [Wish("three", "en"), Wish("one", "en")]
    watched.look("three", "en")
    assert watched.server.asked() == [FLU_PATH]
    assert watched.do(waiting) == [Wish("one", "en")]
    assert watched.do(standing).last is None  # that is about all pages
    (found,) = watched.do(looks_of, [Wish("three", "en"), Wish("one", "en")]).items()
    assert (found[0], found[1].pages, found[1].read) == (Wish("three", "en"), 1, 1)
    with pytest.raises(LookError, match="ask again"):
        watched.do(ask, nora, Wish("three", "en"))
    assert watched.do(ask, nora)  # all pages were not looked at yet
    assert watched.do(waiting) == [Wish()]
    watched.look()
    assert watched.do(waiting) == []


def test_an_entry_that_is_not_live_has_no_pages_to_look_at(watched: Watched) -> None:
    nora = watched.join("Nora", Role.AUTHOR)
    with pytest.raises(LookError, match="away is not live"):
        watched.do(ask, nora, Wish("away", "en"))
    assert watched.look("away", "en") == Summary({}, 0, 0, 0)  # withdrawn since it was asked for


@pytest.mark.parametrize("role", Role)
def test_everybody_but_administrators_may_ask(watched: Watched, role: Role) -> None:
    member = watched.join("Zoe", role)
    if role in MAY_ASK:
        assert watched.do(ask, member)
        return
    assert role is Role.ADMIN
    with pytest.raises(NotAllowed, match="needs the role “author”, “reviewer” or “publisher”"):
        watched.do(ask, member)


def test_a_look_tells_how_far_it_is_and_when_it_has_stopped(watched: Watched) -> None:
    nora = watched.join("Nora", Role.AUTHOR)
    watched.watch()  # an earlier one
    seen: list[Standing] = []

    def interrupt(line: str) -> None:
        seen.append(watched.do(standing))
        with pytest.raises(LookError, match="are being looked at now"):
            watched.do(ask, nora)
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        look(watched.store, watched.client, outside(), Wish(), interrupt)
    (running,) = seen
    assert running.last is not None
    assert (running.last.is_running, running.last.done, running.last.pages) == (True, 1, 2)
    later = watched.do(standing, now() + timedelta(minutes=16))
    assert (later.last.is_running, later.last.ended_at, later.last.done) == (False, None, 1)
    assert watched.do(ask, nora, Wish(), now() + timedelta(minutes=16))


def test_nothing_is_concluded_where_no_site_can_be_reached(watched: Watched) -> None:
    watched.publish(citing("late", review_due="2020-01-01", date_modified="2019-01-01"))
    nowhere = outside(resolve=lambda _: ["10.0.0.1"])
    found = look(watched.store, watched.client, nowhere, Wish(), watched.told.append)
    assert found is None
    assert watched.server.requests == []
    assert (watched.checks(SLEEP), watched.checks(FLU)) == ([], [])
    last = watched.do(standing).last
    assert (last.is_online, last.is_running) == (False, False)
    assert last.ended_at is not None
    assert [entry for entry, _ in watched.tasks()] == ["late"]  # that needs no network


def test_a_whole_look_opens_overdue_tasks_and_deletes_old_checks(watched: Watched) -> None:
    watched.publish(citing("late", review_due="2020-01-01", date_modified="2019-01-01"))
    add_checks(watched, (now() - timedelta(days=401), "ok"))
    found = watched.look()
    assert found is not None
    assert found.tasks == 1
    assert watched.do(standing).last.tasks == 1
    assert watched.checks(FLU) == ["ok"]


def test_the_worker_takes_up_what_was_asked_for_and_nothing_else(engine: Engine) -> None:
    with transaction(engine) as session:
        # A literal private address: it is refused before anything goes out.
        import_entries(session, [citing("one", {"url": "https://127.0.0.1/page"})])
        publish(session, "test")
    nora = Colleagues(engine).join("Nora", Role.AUTHOR)
    told: list[str] = []
    assert look_as_asked(engine, "", told.append) == 0
    with transaction(engine) as session:
        assert ask(session, nora)
    assert look_as_asked(engine, "", told.append) == 1
    assert look_as_asked(engine, "", told.append) == 0
    with transaction(engine) as session:
        last = standing(session).last
    assert last is not None
    assert last.is_online is False


# --- at the command line --------------------------------------------------------------------------


def test_the_command_sums_up_and_ends_well(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with transaction(engine) as session:
        # A literal private address: it is refused before anything goes out.
        import_entries(session, [citing("one", {"url": "https://127.0.0.1/page"})])
        publish(session, "test")
    settings = read_settings({"DATABASE_URL": engine.url.render_as_string(hide_password=False)})
    page = "https://127.0.0.1/page"
    assert run_watch(argparse.Namespace(url=page), settings) == 0
    told = capsys.readouterr()
    assert told.out == "1 pages\n   failing: 1\n0 to be looked at, 0 review tasks opened\n"
    assert told.err == "1 of 1: 127.0.0.1/page failing\n"
    # Where no site answers at all, that says nothing of the pages: nothing is kept.
    assert run_watch(argparse.Namespace(url=None), settings) == 1
    assert "nothing was looked at" in capsys.readouterr().err
    with transaction(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(SourceCheck)) == 1
    with pytest.raises(StoreError, match="cited by no live entry"):
        run_watch(argparse.Namespace(url="https://www.cdc.gov/other"), settings)
