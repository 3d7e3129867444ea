"""Accessibility of the chat and the home page: WCAG 2.2 level AA as far as a machine can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Chat, Stack

pytestmark = pytest.mark.browser

FLU_SHOT = "can I catch the flu from the flu shot?"
CHEST_PAIN = "I have crushing chest pain and can't breathe"
SMALLEST_TARGET_PX = 24
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 800}},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "narrow and dark": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
    "forced colors": {"viewport": {"width": 420, "height": 680}, "forced_colors": "active"},
}

look = pytest.mark.parametrize("options", LOOKS.values(), ids=LOOKS.keys())


def expect_no_violations(page: Page) -> None:
    """Fail with axe's own report when it finds anything."""
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@look
def test_axe_finds_nothing_in_a_conversation(
    new_chat: Callable[..., Chat], options: dict[str, Any]
) -> None:
    chat = new_chat(**options).open()
    expect_no_violations(chat.page)
    reply = chat.agree().ask(FLU_SHOT)
    reply.locator("details.details summary").click()
    reply.get_by_role("button", name="No", exact=True).click()
    expect_no_violations(chat.page)


@look
def test_axe_finds_nothing_in_an_emergency(
    new_chat: Callable[..., Chat], options: dict[str, Any]
) -> None:
    chat = new_chat(**options).open().agree()
    first = chat.ask(CHEST_PAIN)
    expect_no_violations(chat.page)
    first.get_by_label("Where are you?").select_option("US")
    chat.expect_reply(first.get_by_role("button", name="Show numbers").click)
    expect_no_violations(chat.page)


@look
def test_axe_finds_nothing_in_the_options(
    new_chat: Callable[..., Chat], options: dict[str, Any]
) -> None:
    chat = new_chat(**options).open().agree()
    chat.page.get_by_role("button", name="Options").click()
    chat.page.locator("#options-topics > summary").click()
    chat.page.locator("#options-topics .topics summary").first.click()
    chat.page.get_by_role("button", name="Clear chat").click()
    expect_no_violations(chat.page)


@look
def test_axe_finds_nothing_on_the_home_page(
    new_page: Callable[..., Page], stack: Stack, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    page.goto(f"{stack.base_url}/")
    expect_no_violations(page)


def test_live_regions_are_there_before_they_are_filled(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat().open()
    log = chat.page.locator("#log")
    expect(log).to_have_attribute("role", "log")
    expect(log).to_be_empty()
    expect(chat.page.locator("#typing")).to_have_attribute("role", "status")
    expect(chat.announcement).to_have_attribute("role", "status")


def test_the_log_only_ever_grows_at_its_end(chat: Chat) -> None:
    first = chat.ask(FLU_SHOT).element_handle()
    assert first is not None
    chat.ask("what are the symptoms of the flu?")
    assert first.evaluate("(node) => node.isConnected")
    order = chat.page.locator("#log > .message").evaluate_all(
        "(nodes) => nodes.map((node) => node.classList[1])"
    )
    assert order == ["from-bot", "from-person", "from-bot", "from-person", "from-bot"]


def test_a_conversation_needs_no_mouse(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat().open()
    keyboard = chat.page.keyboard
    _tab_to(chat.page, "#agree")
    keyboard.press("Enter")
    expect(chat.question).to_be_focused()
    keyboard.type("can I catch the flu")
    keyboard.press("Shift+Enter")
    keyboard.type("from the flu shot?")
    chat.expect_reply(lambda: keyboard.press("Enter"))
    expect(chat.question).to_be_focused()
    expect(chat.questions).to_have_text(["can I catch the flu\nfrom the flu shot?"])
    _tab_to(chat.page, ".source-link", "Shift+Tab")
    assert (
        chat.page.evaluate(
            "getComputedStyle(document.activeElement.closest('.source')).outlineStyle"
        )
        == "solid"
    )
    _tab_to(chat.page, "#options-open", "Shift+Tab")
    keyboard.press("Enter")
    expect(chat.page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(chat.page.get_by_role("dialog")).to_be_hidden()
    expect(chat.page.locator("#options-open")).to_be_focused()


def _tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press a key until the focus is on an element, as a person without a mouse would."""
    for _ in range(60):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press(key)
    pytest.fail(f"{key} never reached {selector}")


@pytest.mark.parametrize("text", [FLU_SHOT, CHEST_PAIN])
def test_targets_are_large_enough(chat: Chat, text: str) -> None:
    chat.ask(text)
    small = chat.page.evaluate(
        """(least) => [...document.querySelectorAll("button, summary, select, textarea, a")]
            .filter((node) => node.checkVisibility())
            .map((node) => [node.outerHTML, (node.closest(".source") ?? node)
                .getBoundingClientRect()])
            .filter(([, box]) => box.width < least || box.height < least)
            .map(([html]) => html)""",
        SMALLEST_TARGET_PX,
    )
    assert small == []


@pytest.mark.parametrize("path", ["/", "/widget/chat"])
def test_a_narrow_window_does_not_scroll_sideways(
    new_page: Callable[..., Page], stack: Stack, path: str
) -> None:
    page = new_page(viewport={"width": 320, "height": 256})
    page.goto(stack.base_url + path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_text_at_double_size_stays_inside_a_phone(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat(viewport={"width": 375, "height": 667}).open().agree()
    chat.page.evaluate("document.documentElement.style.fontSize = '200%'")
    chat.ask(FLU_SHOT)
    chat.ask(CHEST_PAIN)
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 375
    assert chat.page.evaluate("document.getElementById('log').scrollWidth") <= 375


@pytest.mark.parametrize(("wish", "animation"), [("reduce", "none"), ("no-preference", "arrive")])
def test_motion_follows_the_wish_of_the_person(
    new_chat: Callable[..., Chat], wish: str, animation: str
) -> None:
    chat = new_chat(reduced_motion=wish).open().agree()
    reply = chat.ask(FLU_SHOT)
    assert reply.evaluate("(node) => getComputedStyle(node).animationName") == animation


def test_a_long_answer_is_shown_from_its_first_line(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat(viewport={"width": 320, "height": 568}).open().agree()
    chat.ask(FLU_SHOT)
    chat.ask("what are the symptoms of the flu?")
    expect(chat.questions.last).to_be_in_viewport(ratio=1)
