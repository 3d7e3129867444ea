"""One person on the stand-in of WhatsApp, as the chat in the terminal needs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.simulator.chat import PersonChat, Run, opened
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent
from bot.simulator.whatsapp.events import Event
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn

COMMANDS: Mapping[str, str] = {
    "/open": "open the chat for the first time, where the number asks to be told of that",
    "/image": "/image CAPTION: send a photo, with or without words below it",
    "/voice": "send a voice message",
    "/sticker": "send a sticker",
    "/ad": "/ad TEXT: write from an ad",
    "/twice": "/twice TEXT: deliver a message twice; the bot should answer once",
    "/edit": "/edit TEXT: change the last message",
    "/react": "/react EMOJI: react to the bot's last message; without one, take it back",
    "/lose": "let no further message of the bot arrive; it is told so afterwards",
    "/error": "/error NAME [TIMES]: let the bot's next messages go wrong; /error lists the names",
}


class WhatsAppChat(PersonChat[Event]):
    """Somebody who writes to the number."""

    commands = COMMANDS

    def __init__(self, whatsapp: WhatsAppStandIn, *, has_user_name: bool = False) -> None:
        """Begin as somebody new, who shows a user name or a number."""
        self._whatsapp = whatsapp
        write = whatsapp.write
        runs: dict[str, Run] = {
            "/open": lambda _: self._send(write.welcome(self.person)),
            "/image": lambda caption: self._send(write.image(self.person, caption)),
            "/voice": lambda _: self._send(write.audio(self.person)),
            "/sticker": lambda _: self._send(write.sticker(self.person)),
            "/ad": self._from_ad,
            "/edit": lambda text: self._edit(
                text, lambda last: write.edit(self.person, last.key, text)
            ),
            "/react": self._react,
            "/lose": self._lose,
        }
        super().__init__(whatsapp, whatsapp.new_person(has_user_name=has_user_name), runs)

    def tap(self, choice: Choice) -> Done:
        """Tap something; what opens a page sends nothing."""
        write = self._whatsapp.write
        if choice.does == "reply":
            return self._send(write.button_reply(self.person, choice.value, choice.label))
        if choice.does == "postback":
            title, _, description = choice.label.partition(BETWEEN)
            return self._send(write.list_reply(self.person, choice.value, title, description))
        return opened(choice)

    def draw(self, sent: Sent) -> Drawn:
        """Return a message as text, with its buttons or the rows of its list."""
        return draw(sent.message)

    def _from_ad(self, text: str) -> Done:
        if not text:
            return Done(note="Say what: /ad TEXT")
        return self._send(self._whatsapp.write.from_ad(self.person, text))

    def _react(self, emoji: str) -> Done:
        last = self._last_sent()
        if not last:
            return Done(note="The bot has sent nothing yet that could be reacted to.")
        event = self._whatsapp.write.reaction(self.person, last, emoji)
        return self._send(event, needs_answer=False)

    def _lose(self, _: str) -> Done:
        self._whatsapp.graph.lose(self.person)
        return Done(note="Messages of the bot are taken from now on, and not delivered.")


BETWEEN = " – "
"""Stands between the title of a row and the line below it."""


def draw(message: Mapping[str, Any]) -> Drawn:
    """Return a message that the platform took as text and choices."""
    if message["type"] == "text":
        return Drawn(message["text"]["body"].splitlines())
    content = message["interactive"]
    parts = [content.get("header", {}), content["body"], content.get("footer", {})]
    lines = [line for part in parts for line in part.get("text", "").splitlines()]
    action = content["action"]
    if content["type"] == "button":
        replies = [button["reply"] for button in action["buttons"]]
        return Drawn(lines, [Choice(one["title"], "reply", one["id"]) for one in replies])
    if content["type"] == "list":
        rows = [row for section in action["sections"] for row in section["rows"]]
        return Drawn([*lines, f"({action['button']})"], [_row(row) for row in rows])
    link = action["parameters"]
    return Drawn(lines, [Choice(link["display_text"], "open", link["url"])])


def _row(row: Mapping[str, str]) -> Choice:
    parts = [row["title"], *([row["description"]] if row.get("description") else [])]
    return Choice(BETWEEN.join(parts), "postback", row["id"])
