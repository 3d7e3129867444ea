"""Talking to a bot on WhatsApp in a terminal: what is drawn, tapped and told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from bot.simulator.delivery import Attempt
from bot.simulator.terminal import Chat
from bot.simulator.transcript import Said
from bot.simulator.whatsapp.chat import COMMANDS, WhatsAppChat, draw
from bot.simulator.whatsapp.events import Event
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn
from tests.bot.simulator.small_bot import running
from tests.bot.simulator.whatsapp_bot import ACCOUNT, WhatsAppBot


@pytest.fixture
def whatsapp() -> Iterator[WhatsAppStandIn]:
    """WhatsApp, with a bot that repeats what it is told."""
    with running(WhatsAppBot()) as bot, WhatsAppStandIn(bot.url, ACCOUNT) as started:
        assert isinstance(bot, WhatsAppBot)
        bot.api_url = started.url
        bot.reply = lambda message: [str(message.get("text", {}).get("body") or message["type"])]
        yield started


def talk(whatsapp: WhatsAppStandIn, *lines: str, **more: Any) -> str:
    out = io.StringIO()
    person = WhatsAppChat(whatsapp, **more)
    Chat(person, out, is_interactive=False, seconds=5, quiet=0.05).run(lines)
    return out.getvalue()


def interactive(kind: str, action: dict[str, Any]) -> dict[str, Any]:
    part = {"type": kind, "body": {"text": "One\nTwo"}, "action": action}
    return {"type": "interactive", "interactive": part}


BUTTONS = {"buttons": [{"type": "reply", "reply": {"id": "s:Flu?", "title": "Flu"}}]}
ROWS = [{"id": "s:a", "title": "A", "description": "More"}, {"id": "s:b", "title": "B"}]
LIST = {"button": "Show", "sections": [{"title": "All", "rows": ROWS}]}
LINK = {"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://who.int"}}


def test_every_kind_of_message_is_drawn() -> None:
    assert draw({"type": "text", "text": {"body": "One\nTwo"}}).lines == ["One", "Two"]
    drawn = {
        kind: draw(interactive(kind, action))
        for kind, action in {"button": BUTTONS, "list": LIST, "cta_url": LINK}.items()
    }
    assert drawn["button"].lines == ["One", "Two"]
    assert drawn["list"].lines == ["One", "Two", "(Show)"]
    assert [(c.label, c.does, c.value) for one in drawn.values() for c in one.choices] == [
        ("Flu", "reply", "s:Flu?"),
        ("A – More", "postback", "s:a"),
        ("B", "postback", "s:b"),
        ("Open", "open", "https://who.int"),
    ]


def test_taps_tell_the_bot_what_whatsapp_would(whatsapp: WhatsAppStandIn) -> None:
    person = WhatsAppChat(whatsapp)
    told: list[dict[str, Any]] = []
    send = whatsapp.send

    def remember(*events: Event, **more: Any) -> tuple[Attempt, ...]:
        told.extend(dict(event.body) for event in events)
        return send(*events, **more)

    whatsapp.send = remember  # type: ignore[method-assign]
    for kind, action in {"button": BUTTONS, "list": LIST}.items():
        person.tap(draw(interactive(kind, action)).choices[0])
    note = person.tap(draw(interactive("cta_url", LINK)).choices[0]).note
    assert [one["interactive"] for one in told] == [
        {"type": "button_reply", "button_reply": {"id": "s:Flu?", "title": "Flu"}},
        {"type": "list_reply", "list_reply": {"id": "s:a", "title": "A", "description": "More"}},
    ]
    assert note == "The app would open https://who.int; the bot is told nothing."


def test_a_conversation(whatsapp: WhatsAppStandIn) -> None:
    told = talk(whatsapp, "Hello", "/twice Again", "/voice", "/sticker", "/image", "/open")
    assert "  (typing)\n  | Hello\n" in told
    assert "  | Again\nAnswered once.\n" in told
    assert "  | audio\n" in told
    assert "  | image\n" in told
    assert "  | request_welcome\n" in told
    assert "  | Hello\n" in talk(whatsapp, "/ad Hello", has_user_name=True)


def test_what_needs_something_first_says_so(whatsapp: WhatsAppStandIn) -> None:
    told = talk(whatsapp, "/edit x", "/react 👍", "/twice", "/ad", "/error", "/error poem", "/help")
    assert "Type a message first, then /edit TEXT" in told
    assert "The bot has sent nothing yet that could be reacted to." in told
    assert "Say what: /twice TEXT" in told
    assert "Say what: /ad TEXT" in told
    assert "  131056: Nothing is sent; too many to this person" in told
    assert "No fault is called poem" in told
    assert all(f"  {name}" in told for name in COMMANDS)


def test_edits_reactions_and_losses_ask_for_no_answer(whatsapp: WhatsAppStandIn) -> None:
    told = talk(whatsapp, "Hello", "/edit Hallo", "/react ❤️", "/react", "/lose", "Hello again")
    kinds = [line.kind for line in whatsapp.transcript.lines() if isinstance(line, Said)]
    assert kinds == ["text", "edit", "reaction", "reaction", "text"]
    assert "No answer came" not in told
    assert "are taken from now on, and not delivered" in told


def test_what_goes_wrong_is_shown(whatsapp: WhatsAppStandIn) -> None:
    told = talk(whatsapp, "/error 131056", "Hello", "//slash")
    assert "The next 1 of the bot's messages: Nothing is sent; too many to this person." in told
    assert "No answer came within 5 seconds." in told
