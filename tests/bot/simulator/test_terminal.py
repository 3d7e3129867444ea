"""The chat in a terminal: what is drawn, what a number taps, every command, the exit code."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from bot.simulator.messenger.account import TokenState
from bot.simulator.messenger.chat import MessengerChat, draw
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.misbehaviour import Answer, Fault
from bot.simulator.terminal import Chat
from tests.bot.simulator.conftest import ACCOUNT
from tests.bot.simulator.small_bot import SmallBot, repeat_text

MENU = {
    "text": "What about?",
    "quick_replies": [{"content_type": "text", "title": "Flu", "payload": "What is flu?"}],
}
ANSWER = {
    "attachment": {
        "type": "template",
        "payload": {
            "template_type": "button",
            "text": "Flu is an infection.\nSource:",
            "buttons": [
                {"type": "web_url", "title": "CDC", "url": "https://www.cdc.gov/flu/"},
                {"type": "phone_number", "title": "Call", "payload": "+18002221222"},
                {"type": "postback", "title": "More", "payload": "more"},
            ],
        },
    }
}


def answer(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer "menu" and a sticker with a menu, a tap with the answer, else repeat."""
    message = event.get("message", {})
    if message.get("is_echo"):
        return []
    if message.get("text") == "menu" or "attachments" in message:
        return [MENU]
    if message.get("quick_reply") == {"payload": "What is flu?"}:
        return [ANSWER, MENU]
    if "postback" in event:
        return [{"text": f"Tapped {event['postback']['payload']}"}]
    if message.get("text") in {"nothing", "too long"}:
        return [{"text": "x" * 2001}] if message["text"] == "too long" else []
    return repeat_text(event)


@pytest.fixture
def messenger(bot: SmallBot) -> Iterator[MessengerStandIn]:
    """Messenger, with a bot that has a menu."""
    bot.answer = answer
    with MessengerStandIn(bot.url, ACCOUNT, pauses=()) as started:
        bot.api_url = started.url
        yield started


def talk(messenger: MessengerStandIn, *lines: str, is_interactive: bool = False) -> tuple[int, str]:
    """Talk in these lines; return the exit code and what was drawn."""
    out = StringIO()
    chat = Chat(
        MessengerChat(messenger), out, is_interactive=is_interactive, seconds=0.4, quiet=0.1
    )
    return chat.run(f"{line}\n" for line in lines), out.getvalue()


def test_a_line_is_sent_and_the_answer_is_drawn(messenger: MessengerStandIn, bot: SmallBot) -> None:
    assert talk(messenger, "hello", "", "8") == (0, "  | You said: hello\n  | You said: 8\n")
    assert [event["message"]["text"] for event in bot.events] == ["hello", "8"]


def test_buttons_and_quick_replies_are_numbered_and_tapped_by_number(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    code, drawn = talk(messenger, "menu", "1", "1", "2", "3")
    assert code == 0
    assert drawn.splitlines() == [
        "  | What about?",
        "  [1] Flu",
        "  | Flu is an infection.",
        "  | Source:",
        "  [1] CDC  (opens https://www.cdc.gov/flu/)",
        "  [2] Call  (calls +18002221222)",
        "  [3] More",
        "  | What about?",
        "  [4] Flu",
        "The app would open https://www.cdc.gov/flu/; the bot is told nothing.",
        "The app would call +18002221222; the bot is told nothing.",
        "  | Tapped more",
    ]
    assert [set(event) - {"sender", "recipient", "timestamp"} for event in bot.events] == [
        {"message"},
        {"message"},
        {"postback"},
    ]


def test_a_quick_reply_vanishes_when_another_message_follows(messenger: MessengerStandIn) -> None:
    _, drawn = talk(messenger, "menu", "hello", "1")
    assert drawn.endswith("  | You said: hello\n  | You said: 1\n")


def test_typing_is_shown(messenger: MessengerStandIn, bot: SmallBot) -> None:
    def slowly(event: dict[str, Any]) -> list[dict[str, Any]]:
        person = event["sender"]["id"]
        bot.send({"recipient": {"id": person}, "sender_action": "typing_on"})
        return repeat_text(event)

    bot.answer = slowly
    assert talk(messenger, "hi") == (0, "  (typing)\n  | You said: hi\n")


def test_no_answer_ends_a_pipe_with_an_error(messenger: MessengerStandIn, bot: SmallBot) -> None:
    code, drawn = talk(messenger, "nothing", "hello")
    assert (code, drawn) == (1, "No answer came within 0.4 seconds.\n")
    assert len(bot.events) == 1


def test_no_answer_does_not_end_a_conversation_with_somebody(messenger: MessengerStandIn) -> None:
    code, drawn = talk(messenger, "nothing", "hello", is_interactive=True)
    assert code == 0
    assert drawn == "> No answer came within 0.4 seconds.\n>   | You said: hello\n> "


def test_what_the_platform_refuses_is_told(messenger: MessengerStandIn) -> None:
    code, drawn = talk(messenger, "too long")
    assert code == 1
    assert drawn.startswith("  REFUSED, code 100: (#100) Length of param message[text] must be")


def test_a_delivery_that_is_not_acknowledged_is_told(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    bot.statuses = [503]
    code, drawn = talk(messenger, "hello")
    assert (code, drawn.splitlines()[0]) == (1, "The webhook answered 503, not 200.")


def test_a_message_that_is_delivered_twice_is_answered_once(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    assert talk(messenger, "/twice hi")[1] == "  | You said: hi\nAnswered once.\n"
    bot.knows_mids = False
    assert talk(messenger, "/twice hi")[1].endswith("Answered twice.\n")
    assert talk(messenger, "/twice") == (0, "Say what: /twice TEXT\n")


def test_a_sticker_and_a_photo_are_sent(messenger: MessengerStandIn, bot: SmallBot) -> None:
    assert talk(messenger, "/sticker", "/image")[0] == 0
    kinds = [event["message"]["attachments"][0]["type"] for event in bot.events]
    assert kinds == ["sticker", "image"]


def test_thumbs_rate_the_last_message(messenger: MessengerStandIn, bot: SmallBot) -> None:
    code, drawn = talk(messenger, "/thumbs-up", "hi", "/thumbs-up", "/thumbs-down")
    assert code == 0
    assert drawn.startswith("The bot has sent nothing yet")
    up, down = (event["response_feedback"] for event in bot.events[1:])
    assert (up["feedback"], down["feedback"]) == ("Good response", "Bad response")
    assert up["mid"] == down["mid"] == messenger.transcript.answers(event_key(bot))[-1].mid


def event_key(bot: SmallBot) -> str:
    key = bot.events[0]["message"]["mid"]
    assert isinstance(key, str)
    return key


def test_the_last_message_is_edited(messenger: MessengerStandIn, bot: SmallBot) -> None:
    code, drawn = talk(messenger, "/edit x", "hi", "/edit ho", "/edit he")
    assert (code, drawn.splitlines()[0]) == (0, "Type a message first, then /edit TEXT")
    edits = [event["message_edit"] for event in bot.events[1:]]
    assert [(edit["text"], edit["num_edit"]) for edit in edits] == [("ho", 1), ("he", 2)]
    assert {edit["mid"] for edit in edits} == {event_key(bot)}


def test_a_message_that_came_twice_is_edited_as_well(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    talk(messenger, "hi", "/twice ho", "/edit he")
    (edit,) = [event["message_edit"] for event in bot.events if "message_edit" in event]
    (mid,) = {e["message"]["mid"] for e in bot.events if e.get("message", {}).get("text") == "ho"}
    assert (edit["mid"], edit["text"]) == (mid, "he")


def test_get_started_sends_what_the_profile_says(messenger: MessengerStandIn) -> None:
    assert talk(messenger, "/get-started")[1] == (
        "The bot has set no Get Started button on its profile.\n"
    )
    messenger.graph.set_profile({"get_started": {"payload": "start"}})
    assert talk(messenger, "/get-started") == (0, "  | Tapped start\n")


def test_an_error_is_made_and_its_names_are_listed(
    messenger: MessengerStandIn, bot: SmallBot
) -> None:
    _, drawn = talk(messenger, "/error")
    assert "  sent-but-error: Sent, and yet code 1, subcode 1357046\n" in drawn
    assert talk(messenger, "/error fire")[1].startswith("No fault is called fire; there are 500,")
    code, drawn = talk(messenger, "/error 613 1", "hi")
    assert code == 1
    assert drawn.startswith("The next 1 of the bot's messages: Nothing is sent; rate limit")
    assert bot.refusals == [613]


def test_a_wrong_token_of_the_bot_is_shown(messenger: MessengerStandIn) -> None:
    messenger.graph.token = TokenState(expires_at=1)
    assert "  REFUSED, code 190: Error validating access token" in talk(messenger, "hi")[1]


def test_the_errors_that_are_listed_are_those_of_the_platform_at_hand(bot: SmallBot) -> None:
    faults = {"fire": Fault("Nothing is sent; it burns", answer=Answer(500))}
    with MessengerStandIn(bot.url, ACCOUNT, faults=faults) as messenger:
        bot.api_url = messenger.url
        assert talk(messenger, "/error")[1] == "  fire: Nothing is sent; it burns\n"
        assert "messages: Nothing is sent; it burns." in talk(messenger, "/error fire")[1]


def test_help_lists_every_command_and_quit_ends(messenger: MessengerStandIn, bot: SmallBot) -> None:
    code, drawn = talk(messenger, "/help", "/dance", "/quit", "hi")
    assert code == 0
    for command in (*MessengerChat.commands, "/help", "/quit"):
        assert f"  {command} " in drawn
    assert drawn.endswith("There is no command /dance; /help lists them.\n")
    assert bot.events == []


def test_two_slashes_say_a_text_that_begins_with_one(messenger: MessengerStandIn) -> None:
    assert talk(messenger, "//restart") == (0, "  | You said: /restart\n")


def test_cards_and_media_are_drawn_too() -> None:
    cards = [{"title": "Flu", "subtitle": "About", "buttons": []}, {"title": "Cold"}]
    payload = {"template_type": "generic", "elements": cards}
    drawn = draw({"attachment": {"type": "template", "payload": payload}})
    assert drawn.lines == ["Flu", "About", "Cold"]
    image = {"type": "image", "payload": {"url": "https://example.org/a.png"}}
    assert draw({"attachment": image}).lines == ["(image: https://example.org/a.png)"]
