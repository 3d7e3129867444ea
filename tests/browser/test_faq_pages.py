"""The answer pages in a real browser: nothing runs, everybody can read, paper has the addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Stack

pytestmark = pytest.mark.browser

INDEX, TOPIC, ENTRY = "/answers", "/answers/flu", "/answers/flu/flu-shot-gives-flu"
PAGES = (INDEX, TOPIC, ENTRY, "/answers/no-such-topic")
MOST_BYTES = 30_000
SMALLEST_TARGET_PX = 24
OFFICIAL = re.compile(r"^https://www\.(cdc\.gov|who\.int)/")
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 800}},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "narrow and dark": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
    "forced colors": {"viewport": {"width": 420, "height": 680}, "forced_colors": "active"},
}

every_page = pytest.mark.parametrize("path", PAGES)


@every_page
@pytest.mark.parametrize("options", LOOKS.values(), ids=LOOKS.keys())
def test_axe_finds_nothing(
    new_page: Callable[..., Page], stack: Stack, path: str, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    page.goto(stack.base_url + path)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("path", [TOPIC, ENTRY])
def test_the_data_block_breaks_no_policy_and_runs_nothing(
    new_page: Callable[..., Page], stack: Stack, path: str
) -> None:
    page = new_page()
    page.add_init_script(
        "window.refused = [];"
        "addEventListener('securitypolicyviolation', (event) => refused.push(event.blockedURI));"
    )
    answered = page.goto(stack.base_url + path)
    assert answered is not None
    assert "script-src 'none'" in answered.headers["content-security-policy"]
    block = page.locator("script")
    expect(block).to_have_count(1)
    expect(block).to_have_attribute("type", "application/ld+json")
    document = json.loads(block.text_content() or "")
    assert document["@type"] == "FAQPage"
    assert document["url"] == stack.base_url + path
    assert page.evaluate("refused") == []


def test_the_policy_is_in_force(browser: Browser, stack: Stack) -> None:
    # Not a page of `new_page`, which fails where a policy is broken, as it is here on purpose.
    context = browser.new_context()
    page = context.new_page()
    page.goto(stack.base_url + ENTRY)
    refused = page.evaluate(
        """() => new Promise((done) => {
            addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            setTimeout(() => done("nothing was refused"), 2000);
            const script = document.createElement("script");
            script.src = "/widget.js";
            document.head.append(script);
        })"""
    )
    context.close()
    assert refused == "script-src-elem"


@every_page
def test_a_page_needs_no_script(new_page: Callable[..., Page], stack: Stack, path: str) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(stack.base_url + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Ask in the chat").first).to_be_visible()


def test_from_all_topics_to_the_source_without_a_script(
    new_page: Callable[..., Page], stack: Stack
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{stack.base_url}/")
    page.get_by_role("link", name="Read all answers by topic").click()
    page.get_by_role("link", name="Flu (influenza)").click()
    page.get_by_role("link", name="Can the flu shot give you the flu?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Can the flu shot give you the flu?")
    page.locator(".cite").first.click()
    expect(page.locator(".sources li:target a").first).to_have_attribute("href", OFFICIAL)
    page.get_by_role("navigation", name="You are here").get_by_role(
        "link", name="Flu (influenza)"
    ).click()
    expect(page).to_have_url(stack.base_url + TOPIC)


@every_page
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_narrow_window_does_not_scroll_sideways(
    new_page: Callable[..., Page], stack: Stack, path: str, direction: str
) -> None:
    page = new_page(viewport={"width": 320, "height": 256})
    page.goto(stack.base_url + path)
    page.evaluate("(direction) => { document.documentElement.dir = direction; }", direction)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@every_page
def test_text_at_double_size_stays_inside_a_phone(
    new_page: Callable[..., Page], stack: Stack, path: str
) -> None:
    page = new_page(viewport={"width": 375, "height": 667})
    page.goto(stack.base_url + path)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_targets_are_large_enough(page: Page, stack: Stack) -> None:
    for path in (INDEX, TOPIC):
        page.goto(stack.base_url + path)
        small = page.evaluate(
            """(least) => [...document.querySelectorAll("header a, main li > a, h2 > a")]
                .filter((node) => node.checkVisibility() && !node.closest(".sources"))
                .map((node) => [node.outerHTML, node.getBoundingClientRect()])
                .filter(([, box]) => box.height < least)
                .map(([html]) => html)""",
            SMALLEST_TARGET_PX,
        )
        assert small == []


def test_the_first_key_skips_to_the_content(page: Page, stack: Stack) -> None:
    page.goto(stack.base_url + ENTRY)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("main a").first).to_be_focused()


def test_everything_can_be_reached_by_keyboard(page: Page, stack: Stack) -> None:
    page.goto(stack.base_url + ENTRY)
    links = page.locator("a")
    for number in range(links.count()):
        page.keyboard.press("Tab")
        expect(links.nth(number)).to_be_focused()


def test_a_page_with_all_it_loads_is_small(page: Page, stack: Stack) -> None:
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.append(response))
    for path in PAGES[:3]:
        loaded.clear()
        page.goto(stack.base_url + path)
        page.wait_for_load_state("networkidle")
        addresses = {response.url for response in loaded}
        assert all(address.startswith(stack.base_url) for address in addresses)
        assert len(addresses) <= 4
        sizes = [len(response.body()) for response in loaded if response.status == 200]
        assert 1_000 < sum(sizes) < MOST_BYTES


def test_on_paper_the_addresses_of_the_sources_are_written_out(page: Page, stack: Stack) -> None:
    page.goto(stack.base_url + ENTRY)
    page.emulate_media(media="print")
    written = page.locator(".sources a").evaluate_all(
        "(nodes) => nodes.map((node) => [node.href, getComputedStyle(node, '::after').content])"
    )
    assert written
    for address, text in written:
        assert address in text
    for hidden in page.locator("nav, .skip, .ask").all():
        expect(hidden).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
