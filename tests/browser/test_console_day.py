"""The day of an editor: from nothing found to a live answer, by three people in three browsers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.team import Colleague
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.browser

QUESTION = "Can a wet flannel on the forehead help a sick child sleep?"
ASKED = "does a wet flannel on the forehead help my sick child sleep"
VARIANTS = "\n".join(
    f"{start} a wet flannel on the forehead {end}"
    for start in ("does", "should i put", "is it good to use")
    for end in ("help a child sleep", "for a sick child", "at night", "for fever sleep")
)
ANSWER = "Rest helps a sick child. A cool, wet flannel is one of the things that can bring comfort."
LIVE_SECONDS = 10
LOOKS = ({}, {"color_scheme": "dark"}, {"viewport": {"width": 320, "height": 640}})


@contextmanager
def without_script(browser: Browser, cookies: list[dict[str, object]]) -> Iterator[Page]:
    """Give a page in which no script runs, signed in by the cookies of another."""
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def ask(stack: Stack) -> dict[str, Any]:
    """Ask as a patient; return the reply."""
    conversation = stack.conversation("US")
    try:
        return conversation.say(ASKED)
    finally:
        conversation.client.close()


def write(page: Page) -> None:
    """Fill the editor for a new answer."""
    page.get_by_label("Topic", exact=True).select_option("colds")
    page.get_by_label("Question").fill(QUESTION)
    page.get_by_label("Other wordings").fill(VARIANTS)
    page.get_by_label("Answer", exact=True).fill(ANSWER)
    page.get_by_label("What it tells about the topic").select_option("home_care")
    page.get_by_label("Title of the page").first.fill("Managing Common Cold")
    page.get_by_label("Address").first.fill("https://www.cdc.gov/common-cold/treatment/index.html")
    page.get_by_label("Section").first.fill("Treatment")
    page.get_by_label("Read on").first.fill("2026-11")


def test_an_editors_day(
    colleague: Callable[[str, str], Colleague], browser: Browser, stack: Stack
) -> None:
    before = ask(stack)
    nora = colleague("nora", "author")
    rita = colleague("rita", "reviewer")
    paul = colleague("paul", "publisher")

    page = nora.page
    page.goto(f"{nora.base}/answers/new")
    write(page)
    beside = page.get_by_role("region", name="Preview")
    expect(beside).to_contain_text("A cool, wet flannel")
    expect(beside).to_contain_text("Reading grade")
    page.get_by_label("What you changed").fill("people ask for it")
    page.get_by_role("button", name="Save as draft").click()
    nora.says("Saved as a draft")
    page.get_by_role("button", name="Send to review").click()
    nora.says("Sent to review")

    rita.page.goto(f"{rita.base}/")
    rita.page.get_by_role("link", name=QUESTION).click()
    rita.page.get_by_role("button", name="Approve").click()
    rita.says("Approved")

    paul.page.goto(f"{paul.base}/")
    paul.page.get_by_role("link", name=QUESTION).click()
    paul.page.get_by_role("link", name="Rehearse and make it live").click(no_wait_after=True)
    expect(paul.page.get_by_role("status")).to_contain_text("were asked twice", timeout=60_000)
    paul.page.get_by_role("button", name="Make it live now").click()
    paul.says("Published")

    def is_live() -> bool:
        reply = ask(stack)
        return bool(reply["entry"]) and reply["text"] == ANSWER

    assert before["text"] != ANSWER
    assert wait_for(is_live, LIVE_SECONDS)

    page = paul.page
    page.goto(f"{paul.base}/answers?words=flannel")
    page.get_by_role("link", name=QUESTION).click()
    page.get_by_label("Why it is withdrawn").fill("only a test")
    page.get_by_role("button", name="Withdraw it everywhere now").click()
    paul.says("Withdrawn")
    assert wait_for(lambda: not is_live(), LIVE_SECONDS)

    with without_script(browser, paul.page.context.cookies()) as plain:  # type: ignore[arg-type]
        plain.goto(f"{paul.base}/releases")
        expect(plain.get_by_role("cell", name=re.compile("only a test"))).to_be_visible()


@pytest.mark.parametrize("options", LOOKS, ids=["light", "dark", "narrow"])
def test_axe_finds_nothing_in_the_console(
    colleague: Callable[[str, str], Colleague],
    browser: Browser,
    stack: Stack,
    options: dict[str, object],
) -> None:
    nora = colleague("nora", "author")
    context = browser.new_context(**options)  # type: ignore[arg-type]
    context.add_cookies(nora.page.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    for path in (
        "/",
        "/answers",
        "/answers/flu-symptoms",
        "/answers/flu-symptoms/edit",
        "/answers/new",
        "/releases",
        "/banners",
        "/questions",
        "/questions/trends",
        "/sources",
        "/exchange",
        "/try",
        "/account",
        "/record",
        "/answers/nothing",
    ):
        page.goto(f"{nora.base}{path}")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide, f"{path} scrolls sideways"
    context.close()
    nora.page.get_by_role("button", name="Sign out").click()
    page = nora.page
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_it_can_be_used_with_the_keyboard_alone(
    colleague: Callable[[str, str], Colleague], stack: Stack
) -> None:
    nora = colleague("nora", "author")
    page = nora.page
    page.goto(f"{nora.base}/answers")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Words")).to_be_focused()
    page.keyboard.type("stroke signs")
    page.keyboard.press("Enter")
    page.wait_for_url("**words=stroke+signs**")
    expect(page.get_by_role("link", name=re.compile("stroke", re.IGNORECASE)).first).to_be_visible()
