"""The chat on somebody else's page, under a strict content security policy of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import HostServer, Stack

pytestmark = pytest.mark.browser

FLU_SHOT = "can I catch the flu from the flu shot?"
LABEL = "Ask a health question"
HOST_PAGE = """<!doctype html>
<html lang="en"><head><title>A clinic</title></head>
<body><main><h1>A clinic</h1><p><a href="#hours">Opening hours</a></p></main>
{scripts}</body></html>"""


class HostSite:
    """A web site on another origin that embeds the chat."""

    def __init__(self, server: HostServer, origin: str, base_url: str) -> None:
        self.url = f"{origin}/"
        self._server = server
        self._base_url = base_url
        server.headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": (
                f"default-src 'none'; script-src {base_url}; frame-src {base_url}; "
                "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
            ),
        }
        self.embed(f'data-country="US" data-label="{LABEL}"')

    def embed(self, attributes: str, times: int = 1) -> None:
        """Put the script tag in the page, with these attributes."""
        tag = f'<script src="{self._base_url}/widget.js" {attributes} async></script>'
        self._server.page = HOST_PAGE.format(scripts=tag * times)


@pytest.fixture
def host(host_server: HostServer, host_origin: str, stack: Stack) -> HostSite:
    return HostSite(host_server, host_origin, stack.base_url)


def _launcher(page: Page) -> Locator:
    return page.get_by_role("button", name=LABEL)


def _frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def test_it_answers_on_a_page_with_a_strict_policy(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    expect(page.locator("iframe")).to_have_count(0)
    _launcher(page).click()
    frame = _frame(page)
    frame.locator("#agree").click()
    frame.locator("#question").fill(FLU_SHOT)
    frame.locator("#question").press("Enter")
    expect(frame.locator(".source-link").first).to_have_attribute(
        "href", re.compile(r"^https://www\.(cdc\.gov|who\.int)/"), timeout=12_000
    )


def test_the_button_is_named_large_and_tells_its_state(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    launcher = _launcher(page)
    expect(launcher).to_have_attribute("aria-expanded", "false")
    box = launcher.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    launcher.click()
    expect(launcher).to_have_attribute("aria-expanded", "true")
    launcher.click()
    expect(launcher).to_have_attribute("aria-expanded", "false")
    expect(page.locator("iframe")).to_be_hidden()


def test_the_button_shows_where_the_focus_is(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    launcher = _launcher(page)
    outline = "(node) => getComputedStyle(node).outlineStyle"
    assert launcher.evaluate(outline) == "none"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(launcher).to_be_focused()
    assert launcher.evaluate(outline) == "solid"


def test_escape_closes_and_the_focus_goes_back(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    _launcher(page).press("Enter")
    frame = _frame(page)
    expect(frame.locator("#notice-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("iframe")).to_be_hidden()
    expect(_launcher(page)).to_be_focused()

    page.keyboard.press("Enter")
    frame.get_by_role("button", name="Close chat").click()
    expect(_launcher(page)).to_be_focused()


def test_the_conversation_is_still_there_when_opened_again(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    _launcher(page).click()
    frame = _frame(page)
    frame.locator("#agree").click()
    frame.locator("#question").fill("half a thought")
    page.keyboard.press("Escape")
    _launcher(page).click()
    expect(frame.locator("#question")).to_have_value("half a thought")
    expect(frame.locator("#question")).to_be_focused()


def test_the_focus_can_leave_the_chat(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    _launcher(page).press("Enter")
    expect(_frame(page).locator("#notice-title")).to_be_focused()
    for _ in range(5):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.dataset.citewell") == "launcher":
            return
    pytest.fail("Shift+Tab never left the chat")


def test_on_a_phone_it_covers_the_page(new_page: Callable[..., Page], host: HostSite) -> None:
    page = new_page(viewport={"width": 375, "height": 667})
    page.goto(host.url)
    _launcher(page).click()
    expect(_frame(page).locator("#agree")).to_be_visible()
    assert page.locator("iframe").bounding_box() == {"x": 0, "y": 0, "width": 375, "height": 667}
    _frame(page).get_by_role("button", name="Close chat").click()
    expect(page.locator("iframe")).to_be_hidden()
    expect(_launcher(page)).to_be_focused()


def test_a_phone_can_close_a_chat_that_does_not_load(
    new_page: Callable[..., Page], host: HostSite
) -> None:
    page = new_page(viewport={"width": 375, "height": 667})
    page.route("**/widget/chat*", lambda route: route.abort())
    page.goto(host.url)
    _launcher(page).click()
    page.get_by_role("button", name="Close").click()
    expect(_launcher(page)).to_be_focused()


def test_the_country_of_the_site_is_passed_on(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    with page.expect_request("**/api/v1/sessions") as request:
        _launcher(page).click()
    assert request.value.post_data_json == {"locale": "en", "country": "US"}


def test_it_can_open_with_the_page_and_leaves_the_focus_alone(page: Page, host: HostSite) -> None:
    host.embed(f'data-label="{LABEL}" data-open="true" data-position="left"')
    page.goto(host.url)
    expect(_frame(page).locator("#agree")).to_be_visible()
    assert page.evaluate("document.activeElement === document.body")
    box = _launcher(page).bounding_box()
    assert box is not None
    assert box["x"] == 20


def test_a_message_from_anyone_else_is_ignored(page: Page, host: HostSite) -> None:
    page.goto(host.url)
    _launcher(page).click()
    expect(_frame(page).locator("#agree")).to_be_visible()
    page.evaluate("window.postMessage({ source: 'citewell', type: 'close' }, location.origin)")
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))")
    expect(page.locator("iframe")).to_be_visible()


def test_the_script_can_be_there_twice(page: Page, host: HostSite) -> None:
    host.embed("", times=2)
    page.goto(host.url)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("button")).to_have_count(1)


@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_it_opens_without_motion_when_motion_is_unwelcome(
    new_page: Callable[..., Page], host: HostSite, wish: str, moves: bool
) -> None:
    page = new_page(viewport={"width": 1280, "height": 800}, reduced_motion=wish)
    page.goto(host.url)
    running = _launcher(page).evaluate(
        "(node) => { node.click(); return document.getAnimations().length > 0; }"
    )
    assert running is moves
