"""Asking and answering in the chat page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Chat, Stack

pytestmark = pytest.mark.browser

FLU_SHOT = "can I catch the flu from the flu shot?"
CREDIBLE = re.compile(r"^https://www\.(cdc\.gov|who\.int)/")


def test_it_answers_with_a_link_to_cdc_or_who(chat: Chat) -> None:
    reply = chat.ask(FLU_SHOT)
    expect(reply).to_have_attribute("data-kind", "answer")
    link = reply.locator(".source-link").first
    expect(link).to_have_attribute("href", CREDIBLE)
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_contain_text("opens in a new tab")


def test_a_source_says_when_its_page_was_dated_or_read(chat: Chat) -> None:
    facts = chat.ask(FLU_SHOT).locator(".source-facts").first
    expect(facts).to_contain_text(
        re.compile(
            r"Page (dated|read) (\d{1,2} )?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
        )
    )


def test_it_says_that_a_myth_is_false(chat: Chat) -> None:
    expect(chat.ask(FLU_SHOT).locator(".myth")).to_have_text(re.compile(r"^Myth: .+ — false$"))


def test_a_claim_nobody_answers_is_checked_step_by_step_with_the_keyboard(chat: Chat) -> None:
    chat.ask("my cousin swears that sleeping next to a magnet cures baldness")
    for number in range(1, 8):
        way = chat.page.locator(".choices").last.locator("button").first
        expect(way).to_be_visible()
        reply = chat.expect_reply(lambda way=way: way.press("Enter"))
        expect(reply).to_contain_text(f"Step {number} of 7")
    expect(reply.get_by_role("link", name=re.compile("AFP Fact Check"))).to_be_visible()
    report = chat.page.locator(".choices").last.get_by_role("button", name="Report this claim")
    expect(chat.expect_reply(report.click)).to_contain_text("Thank you")


def test_details_are_folded_until_asked_for(chat: Chat) -> None:
    details = chat.ask(FLU_SHOT).locator("details.details")
    expect(details.locator("li").first).to_be_hidden()
    details.locator("summary").press("Enter")
    expect(details.locator("li").first).to_be_visible()


def test_a_quick_reply_sends_its_text_and_is_gone(chat: Chat) -> None:
    offered = chat.page.locator(".choices").first
    expect(offered).to_be_visible()
    choice = offered.locator("button").first.element_handle()
    assert choice is not None
    chat.expect_reply(choice.click)
    expect(chat.questions).to_have_count(1)
    assert not choice.evaluate("(node) => node.isConnected")
    expect(chat.question).to_be_focused()


def test_a_topic_can_be_browsed_and_asked(chat: Chat) -> None:
    chat.page.get_by_role("button", name="Options").click()
    topics = chat.page.locator("#options-topics")
    topics.locator("> summary").click()
    topics.locator(".topics summary").first.click()
    question = topics.locator(".topic-question:visible").first
    words = question.inner_text()
    chat.expect_reply(question.click)
    expect(chat.questions).to_have_text([words])


def test_markup_in_a_question_is_shown_as_text(chat: Chat) -> None:
    markup = '<img src=x onerror="window.hit=1"><script>window.hit=1</script><b>flu</b>'
    chat.ask(markup)
    expect(chat.questions.last).to_have_text(markup)
    assert chat.page.locator(".from-person :is(img, script, b)").count() == 0
    assert chat.page.evaluate("window.hit") is None


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "http://www.cdc.gov/",
        "//www.cdc.gov/",
        "/widget/chat",
        "https://user:secret@www.cdc.gov/",
        "tel:javascript:alert(1)",
        "sms:",
        "blob:https://www.cdc.gov/1",
        "",
        None,
    ],
)
def test_an_unsafe_address_is_never_a_link(chat: Chat, address: str | None) -> None:
    assert _safe_href(chat.page, address) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://www.cdc.gov/flu/index.html",
        "tel:911",
        "tel:+4722591300",
        "tel:1-800-222-1222",
        "sms:741741",
        "sms:+18005551212?body=HOME",
    ],
)
def test_a_safe_address_stays_a_link(chat: Chat, address: str) -> None:
    assert _safe_href(chat.page, address) == address


def _safe_href(page: Page, address: str | None) -> object:
    return page.evaluate(
        "async (address) => (await import('/widget/static/chat/links.js')).safeHref(address)",
        address,
    )


def test_arabic_is_typed_and_shown_right_to_left(chat: Chat) -> None:
    arabic = "هل يسبب لقاح الإنفلونزا المرض في 2026؟"
    direction = "(node) => getComputedStyle(node).direction"
    chat.question.fill(arabic)
    assert chat.question.evaluate(direction) == "rtl"
    chat.ask(arabic)
    assert chat.questions.last.evaluate(direction) == "rtl"
    expect(chat.questions.last.locator("bdi")).to_have_text(["2026"])


def test_feedback_is_saved_announced_and_changeable(chat: Chat) -> None:
    reply = chat.ask(FLU_SHOT)
    yes = reply.get_by_role("button", name="Yes")
    no = reply.get_by_role("button", name="No", exact=True)
    unclear = reply.get_by_role("button", name="Hard to understand")
    expect(unclear).to_be_hidden()

    assert _rating(chat.page, no.click) == {"rating": "not_helpful", "reason": None}
    expect(no).to_have_attribute("aria-pressed", "true")
    expect(chat.announcement).to_have_text(re.compile("Thank you"))

    assert _rating(chat.page, unclear.click) == {"rating": "not_helpful", "reason": "unclear"}
    expect(unclear).to_have_attribute("aria-pressed", "true")

    assert _rating(chat.page, yes.click) == {"rating": "helpful", "reason": None}
    expect(yes).to_have_attribute("aria-pressed", "true")
    expect(no).to_have_attribute("aria-pressed", "false")
    expect(unclear).to_be_hidden()


def _rating(page: Page, action: Callable[[], None]) -> dict[str, object]:
    """Do something and return what it saved as feedback, once the server has accepted it."""
    with page.expect_response("**/api/v1/feedback") as response:
        action()
    assert response.value.status == 204
    sent: dict[str, object] = response.value.request.post_data_json or {}
    assert sent.pop("reply_id")
    return sent


def test_clearing_asks_first_and_then_deletes_on_the_server_too(chat: Chat, stack: Stack) -> None:
    page = chat.page
    with page.expect_request("**/api/v1/messages") as request:
        chat.ask(FLU_SHOT)
    authorization = request.value.headers["authorization"]

    page.get_by_role("button", name="Options").click()
    page.get_by_role("button", name="Clear chat").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    expect(chat.questions).to_have_count(1)
    with page.expect_response("**/api/v1/sessions/current") as response:
        page.get_by_role("button", name="Yes, clear it").click()
    assert response.value.status == 204

    expect(chat.questions).to_have_count(0)
    expect(page.get_by_role("log")).to_contain_text("Chat cleared")
    old = page.request.post(
        f"{stack.base_url}/api/v1/messages",
        headers={"Authorization": authorization},
        data={"text": "flu"},
    )
    assert old.status == 401
    expect(chat.ask(FLU_SHOT)).to_have_attribute("data-kind", "answer")


def test_nothing_of_the_chat_is_stored_in_the_browser(chat: Chat) -> None:
    chat.ask(FLU_SHOT)
    assert chat.page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert chat.page.context.cookies() == []
