"""The emergency card: unmistakable, at once, and for the right country."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import Chat

pytestmark = pytest.mark.browser

CHEST_PAIN = "I have crushing chest pain and can't breathe"


def test_an_emergency_shows_a_number_to_tap(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat(viewport={"width": 375, "height": 740}).open("&country=US").agree()
    reply = chat.ask(CHEST_PAIN)
    expect(reply).to_have_attribute("data-kind", "emergency")
    call = reply.locator("a.call").first
    expect(call).to_have_attribute("href", "tel:911")
    expect(call).to_be_in_viewport()
    box = call.bounding_box()
    assert box is not None
    assert box["height"] >= 44


def test_an_emergency_interrupts_a_screen_reader_once(chat: Chat) -> None:
    reply = chat.ask(CHEST_PAIN)
    expect(reply.get_by_role("alert")).to_have_count(1)
    expect(chat.page.get_by_role("alert")).to_have_count(1)


def test_someone_in_despair_is_met_with_calm(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat().open("&country=US").agree()
    reply = chat.ask("I want to die")
    expect(reply.get_by_role("alert")).to_contain_text("Help is here")
    expect(reply.locator("a.call[href='tel:988']")).to_be_visible()


def test_an_unknown_country_is_asked_for_and_then_used(chat: Chat) -> None:
    first = chat.ask(CHEST_PAIN)
    expect(first.locator("a.call[href='tel:911']")).to_have_count(0)
    first.get_by_label("Where are you?").select_option("US")
    second = chat.expect_reply(first.get_by_role("button", name="Show numbers").click)
    expect(second.locator("a.call").first).to_have_attribute("href", "tel:911")
    expect(chat.questions).to_have_text([CHEST_PAIN, CHEST_PAIN])


def test_a_country_chosen_in_the_options_is_used(chat: Chat) -> None:
    chat.page.get_by_role("button", name="Options").click()
    chat.page.get_by_role("dialog").get_by_label("Where are you?").select_option("GB")
    chat.page.keyboard.press("Escape")
    call = chat.ask(CHEST_PAIN).locator("a.call").first
    expect(call).to_have_attribute("href", re.compile(r"^tel:(999|112)$"))


def test_help_is_there_before_anything_is_agreed_to(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat().open("&country=US")
    reply = chat.expect_reply(chat.page.get_by_role("button", name="Need help now?").click)
    expect(reply.locator("a[href^='tel:']").first).to_be_visible()
    expect(chat.question).to_be_hidden()
    chat.page.get_by_role("button", name="Go to the chat").click()
    chat.page.locator("#agree").click()
    expect(chat.question).to_be_visible()
    expect(reply).to_be_visible()
