"""A real browser before the really running Citewell.

The browser is Chromium or Chrome, found by `find_browser`. Each test gets a browser context of its
own, and fails when its pages threw an error or broke their content security policy.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from tests.browser.team import Colleague, team
from tests.stack import Stack as RealStack

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL_SECONDS = 600
# A site that embeds the chat. The `stack` allows exactly this origin in CITEWELL_FRAME_ANCESTORS;
# the browser finds it at the server that `host_server` starts.
HOST_ORIGIN = "http://clinic.example"
# The chat itself gives up after 10 seconds; a reply later than that is a failure.
ANSWER_MS = 12_000


class Stack(Protocol):
    """What these tests need to know of the running product."""

    base_url: str


class HostServer(ThreadingHTTPServer):
    """Serves one page, with the headers it is given, as another web site would."""

    page = ""
    headers: dict[str, str]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HostPage)
        self.headers = {}


class _HostPage(BaseHTTPRequestHandler):
    server: HostServer

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests say what went wrong."""


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, BROWSER_NAMES)), None)


def _run(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _from_playwright() -> str | None:
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    if not path.exists():
        _run(sys.executable, "-m", "playwright", "install", "chromium")
    return str(path) if path.exists() else None


def _from_apt() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    _run("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
    return _on_path()


@functools.cache
def find_browser() -> str:
    """Return the path of a browser, fetching one where that is allowed.

    Looks on PATH, then asks Playwright for its own build, then, as root, the system's packages.
    Skips the calling test when there is none to be had.
    """
    found = _on_path() or _from_playwright() or _from_apt()
    if found is None:
        pytest.skip(
            f"no browser: none of {', '.join(BROWSER_NAMES)} on PATH, Playwright could not "
            "download its own, and it could not be installed with apt-get"
        )
    return found


class Chat:
    """The chat page as a person uses it."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url

    @property
    def question(self) -> Locator:
        """The box a question is typed in."""
        return self.page.locator("#question")

    @property
    def questions(self) -> Locator:
        """What the person has asked so far."""
        return self.page.locator(".from-person .bubble")

    @property
    def replies(self) -> Locator:
        """The replies so far, the page's own failure cards among them."""
        return self.page.locator(".from-bot")

    @property
    def announcement(self) -> Locator:
        """Short news for screen readers."""
        return self.page.locator("#announcer")

    def open(self, query: str = "") -> Chat:
        """Load the chat and wait for its notice."""
        self.page.goto(f"{self.base_url}/widget/chat?locale=en{query}")
        expect(self.page.locator("#agree")).to_be_visible(timeout=ANSWER_MS)
        return self

    def agree(self) -> Chat:
        """Agree to the notice and wait for the welcome."""
        self.page.locator("#agree").click()
        expect(self.replies).to_have_count(1)
        return self

    def ask(self, text: str) -> Locator:
        """Type a question, send it with Enter and return the card of the reply."""
        self.question.fill(text)
        return self.expect_reply(lambda: self.question.press("Enter"))

    def expect_reply(self, action: Callable[[], object]) -> Locator:
        """Do something that brings one more reply, and return its card."""
        before = self.replies.count()
        action()
        expect(self.replies).to_have_count(before + 1, timeout=ANSWER_MS)
        return self.replies.nth(before)


@pytest.fixture(scope="module")
def host_server() -> Iterator[HostServer]:
    with HostServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(host_server: HostServer) -> Iterator[Browser]:
    # Not for the whole session: while it runs, Playwright keeps an event loop in this thread, and
    # tests elsewhere start loops of their own.
    path = find_browser()
    host = HOST_ORIGIN.removeprefix("http://")
    arguments = [
        "--disable-gpu",
        "--disable-background-networking",
        f"--host-resolver-rules=MAP {host}:80 127.0.0.1:{host_server.server_port}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses its sandbox to root.
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages; keyword arguments are options of their browser context."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    def make(**options: Any) -> Page:
        # Without motion by default: what is on the page is then there at once.
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def host_origin() -> str:
    return HOST_ORIGIN


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page(viewport={"width": 1280, "height": 800})


@pytest.fixture
def new_chat(new_page: Callable[..., Page], stack: Stack) -> Callable[..., Chat]:
    """Makes chats that are not loaded yet; keyword arguments as for `new_page`."""
    return lambda **options: Chat(new_page(**options), stack.base_url)


@pytest.fixture
def chat(page: Page, stack: Stack) -> Chat:
    """A chat whose notice has been agreed to."""
    return Chat(page, stack.base_url).open().agree()


@pytest.fixture
def colleague(browser: Browser, stack: RealStack) -> Iterator[Callable[[str, str], Colleague]]:
    """Let people in, each in a browser context of their own."""
    joined: list[Colleague] = []

    def join(name: str, role: str) -> Colleague:
        joined.append(Colleague(stack, browser.new_context().new_page(), name, role))
        return joined[-1]

    yield join
    for one in joined:
        one.page.context.close()
        team(stack, "leave", one.email)
