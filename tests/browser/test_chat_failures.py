"""When sending fails, nothing that was typed is lost and a way on is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Route, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Chat

pytestmark = pytest.mark.browser

FLU_SHOT = "can I catch the flu from the flu shot?"
MESSAGES = "**/api/v1/messages"
SESSIONS = "**/api/v1/sessions"


def test_a_session_that_ran_out_is_replaced_without_a_word(chat: Chat) -> None:
    def forge(route: Route) -> None:
        route.continue_(headers={**route.request.headers, "authorization": "Bearer forged"})

    chat.page.route(MESSAGES, forge, times=1)
    with chat.page.expect_response(
        lambda response: response.url.endswith("/messages") and response.status == 401
    ):
        reply = chat.ask(FLU_SHOT)
    expect(reply).to_have_attribute("data-kind", "answer")
    expect(chat.questions).to_have_text([FLU_SHOT])
    expect(chat.page.locator(".failure")).to_have_count(0)


def test_too_many_questions_says_how_long_to_wait_and_keeps_the_text(chat: Chat) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=429, headers={"Retry-After": "2"}, body="{}")

    chat.page.route(MESSAGES, refuse, times=1)
    failure = chat.ask(FLU_SHOT)
    expect(failure).to_contain_text("wait 2 seconds")
    expect(chat.questions).to_have_text([FLU_SHOT])
    again = failure.get_by_role("button", name="Try again")
    expect(again).to_have_attribute("aria-disabled", "true")
    expect(again).to_have_attribute("aria-disabled", "false")
    again.click()
    expect(chat.page.locator("[data-kind=answer]")).to_be_visible()
    expect(chat.questions).to_have_text([FLU_SHOT])


@pytest.mark.parametrize(
    "answer",
    [{"status": 503, "body": "{}"}, {"status": 200, "body": "{}"}, {"status": 200, "body": "<p>"}],
    ids=["an error", "an empty reply", "not a reply"],
)
def test_a_fault_of_the_server_is_owned_and_the_text_kept(
    chat: Chat, answer: dict[str, Any]
) -> None:
    chat.page.route(MESSAGES, lambda route: route.fulfill(**answer), times=1)
    failure = chat.ask(FLU_SHOT)
    expect(failure).to_contain_text("went wrong on our side")
    failure.get_by_role("button", name="Try again").click()
    expect(chat.page.locator("[data-kind=answer]")).to_be_visible()


def test_a_refused_question_goes_back_into_the_box(chat: Chat) -> None:
    chat.page.route(MESSAGES, lambda route: route.fulfill(status=422, body="{}"), times=1)
    expect(chat.ask(FLU_SHOT)).to_contain_text("could not be read")
    expect(chat.question).to_have_value(FLU_SHOT)


def test_without_a_connection_it_shows_links_and_sends_later(chat: Chat) -> None:
    chat.page.context.set_offline(True)
    failure = chat.ask(FLU_SHOT)
    expect(failure).to_contain_text("call your local emergency number")
    expect(failure.locator("a[href='https://www.cdc.gov/']")).to_be_visible()
    expect(failure.locator("a[href='https://www.who.int/']")).to_be_visible()
    chat.page.context.set_offline(False)
    failure.get_by_role("button", name="Try again").click()
    expect(chat.page.locator("[data-kind=answer]")).to_be_visible()
    expect(chat.questions).to_have_text([FLU_SHOT])


def test_it_gives_up_waiting_after_ten_seconds(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat()
    chat.page.clock.install()
    chat.open().agree()
    chat.page.route(MESSAGES, lambda route: None)
    chat.question.fill(FLU_SHOT)
    with chat.page.expect_request(MESSAGES):
        chat.question.press("Enter")
    expect(chat.page.locator("#typing")).to_contain_text("Looking for an answer")
    chat.page.clock.fast_forward(10_500)
    expect(chat.page.locator(".failure")).to_contain_text("took too long")
    expect(chat.questions).to_have_text([FLU_SHOT])
    expect(chat.page.locator("#typing")).to_have_text("")


def test_a_chat_that_cannot_start_says_so_and_can_be_tried_again(
    new_chat: Callable[..., Chat],
) -> None:
    chat = new_chat()
    chat.page.route(SESSIONS, lambda route: route.abort(), times=1)
    chat.page.goto(f"{chat.base_url}/widget/chat")
    failure = chat.page.locator(".failure")
    expect(failure).to_contain_text("call your local emergency number")
    failure.get_by_role("button", name="Try again").click()
    expect(chat.page.locator("#agree")).to_be_visible()


def test_a_page_without_its_words_still_says_where_to_turn(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat()
    chat.page.route("**/widget/strings.json*", lambda route: route.abort())
    chat.page.goto(f"{chat.base_url}/widget/chat")
    notice = chat.page.locator("#out-of-reach")
    expect(notice).to_be_visible()
    expect(notice).to_contain_text("call your local emergency number")


def test_without_script_the_page_still_says_where_to_turn(new_chat: Callable[..., Chat]) -> None:
    chat = new_chat(java_script_enabled=False)
    chat.page.goto(f"{chat.base_url}/widget/chat")
    expect(chat.page.locator("#out-of-reach")).to_be_visible(timeout=10_000)


def test_a_text_that_is_too_long_stays_in_the_box(chat: Chat) -> None:
    text = "flu " * 260
    chat.question.fill(text)
    expect(chat.page.locator(".counter")).to_contain_text("too long")
    chat.question.press("Enter")
    expect(chat.question).to_have_value(text)
    expect(chat.questions).to_have_count(0)
    expect(chat.announcement).to_contain_text("too long")
