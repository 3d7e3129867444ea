"""A banner in a crisis: from the publisher's browser into everybody's chat, and gone again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.team import Colleague

if TYPE_CHECKING:
    from tests.browser.conftest import Chat

pytestmark = pytest.mark.browser
WITHIN_MS = 5_000
TEXT = "Boil water before you drink it, because cholera was found in it."
FLU_SHOT = "can I catch the flu from the flu shot?"


@pytest.fixture
def paul(colleague: Callable[[str, str], Colleague]) -> Iterator[Colleague]:
    """Paul publishes; what he set is taken down at the end."""
    who = colleague("paul", "publisher")
    yield who
    who.page.goto(f"{who.base}/banners")
    down = who.page.get_by_role("button", name="down now")
    while down.count():
        down.first.click()
        who.says("The banner is down")


def announce(paul: Colleague, topic: str = "", drill: bool = False) -> None:
    """Set a banner in the console."""
    page = paul.page
    page.goto(f"{paul.base}/banners/new")
    page.get_by_label("What to say").fill(TEXT)
    page.get_by_label("Name of the page to go to").fill("Cholera")
    page.get_by_label("Its address").fill("https://www.cdc.gov/cholera/index.html")
    end = datetime.now(UTC) + timedelta(hours=2)
    page.get_by_label("Until (UTC)").fill(end.strftime("%Y-%m-%dT%H:%M"))
    if topic:
        page.get_by_text("Also above answers on some topics").click()
        page.get_by_label(topic, exact=True).check()
    if drill:
        page.get_by_label("This is a drill").check()
    page.get_by_role("button", name="Look at it first").click()
    expect(page.get_by_role("region", name="As people will see it")).to_contain_text(TEXT)
    expect_accessible(page)
    page.get_by_role("button", name="Set it").click()
    paul.says("is set")
    expect_accessible(page)


def expect_accessible(page: Page) -> None:
    """Fail with axe's own report when it finds anything."""
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def on_top(page: Page) -> Locator:
    """Return the region on top of a chat."""
    return page.get_by_role("region", name="Important now")


def test_an_open_chat_shows_it_within_five_seconds_and_loses_it_again(
    paul: Colleague, chat: Chat
) -> None:
    expect(on_top(chat.page)).to_have_count(0)
    announce(paul, topic="Flu (influenza)")
    begun = time.monotonic()
    expect(on_top(chat.page)).to_contain_text(TEXT, timeout=WITHIN_MS)
    assert time.monotonic() - begun < WITHIN_MS / 1000
    expect(chat.announcement).to_contain_text(TEXT)
    link = on_top(chat.page).get_by_role("link", name="Cholera")
    expect(link).to_have_attribute("href", "https://www.cdc.gov/cholera/index.html")
    # Above an answer on its topic, too.
    expect(chat.ask(FLU_SHOT)).to_contain_text(TEXT)
    expect_accessible(chat.page)
    paul.page.get_by_role("button", name="down now").first.click()
    paul.says("The banner is down")
    expect(on_top(chat.page)).to_have_count(0, timeout=WITHIN_MS)


def test_it_can_be_hidden_by_keyboard_and_stays_hidden(paul: Colleague, chat: Chat) -> None:
    announce(paul)
    hide = on_top(chat.page).get_by_role("button", name="Hide")
    expect(hide).to_be_visible(timeout=WITHIN_MS)
    hide.focus()
    chat.page.keyboard.press("Enter")
    expect(on_top(chat.page)).to_have_count(0)
    expect(chat.question).to_be_focused()
    chat.page.wait_for_timeout(WITHIN_MS)
    expect(on_top(chat.page)).to_have_count(0)


@pytest.mark.parametrize("look", [{"width": 320, "height": 480}, {"width": 1280, "height": 800}])
def test_it_leaves_room_to_ask(
    paul: Colleague, new_chat: Callable[..., Chat], look: dict[str, int]
) -> None:
    announce(paul)
    chat = new_chat(viewport=look).open().agree()
    expect(on_top(chat.page)).to_contain_text(TEXT, timeout=WITHIN_MS)
    expect(chat.question).to_be_in_viewport()
    width = chat.page.evaluate("document.documentElement.scrollWidth")
    assert width <= look["width"]
    expect_accessible(chat.page)


def test_a_drill_is_seen_in_the_teams_own_chat_only(paul: Colleague, chat: Chat) -> None:
    announce(paul, drill=True)
    expect(paul.page.get_by_role("main")).to_contain_text("Drill:")
    paul.page.get_by_role("button", name="Open the chat as in the drill").click()
    expect(paul.page.locator("#agree")).to_be_visible()
    expect(on_top(paul.page)).to_contain_text(f"Drill: {TEXT}", timeout=WITHIN_MS)
    chat.page.wait_for_timeout(WITHIN_MS)
    expect(on_top(chat.page)).to_have_count(0)
