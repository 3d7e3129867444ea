"""The public home page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Stack

pytestmark = pytest.mark.browser


def test_the_chat_runs_in_the_page_and_leaves_it_in_place(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.base_url}/")
    frame = page.frame_locator("iframe.live")
    expect(frame.locator("#agree")).to_be_visible()
    assert page.evaluate("document.activeElement === document.body")
    frame.locator("#agree").click()
    place = page.evaluate("scrollY")
    frame.locator("#question").fill("can I catch the flu from the flu shot?")
    frame.locator("#question").press("Enter")
    expect(frame.locator("[data-kind=answer] .source-link").first).to_be_visible(timeout=12_000)
    assert page.evaluate("scrollY") == place


def test_the_snippet_can_be_copied(new_page: Callable[..., Page], stack: Stack) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{stack.base_url}/")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copy-status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f'<script src="{stack.base_url}/widget.js"')
    assert copied.endswith("async></script>")


def test_without_leave_to_copy_the_snippet_is_selected(page: Page, stack: Stack) -> None:
    page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error())")
    page.goto(f"{stack.base_url}/")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copy-status")).to_contain_text("Selected")
    assert "/widget.js" in page.evaluate("String(getSelection())")


def test_it_says_that_nobody_endorses_it(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.base_url}/")
    expect(page.locator("main")).to_contain_text("It is not endorsed by CDC")


def test_the_links_of_the_site_lead_somewhere(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.base_url}/")
    addresses = page.locator("a").evaluate_all("(nodes) => nodes.map((node) => node.href)")
    own = {address.partition("#")[0] for address in addresses if address.startswith(stack.base_url)}
    assert f"{stack.base_url}/api/v1/openapi.json" in own
    for address in own:
        assert page.request.get(address).ok, address
    for anchor in page.locator("a[href^='#']").evaluate_all("(nodes) => nodes.map((n) => n.hash)"):
        expect(page.locator(anchor)).to_have_count(1)
