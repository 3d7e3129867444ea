"""What Telegram's webhook tells, as events for the inbox; whatever else there is, is counted.

One request holds one update: https://core.telegram.org/bots/api#update. Only chats of one person
with the bot are read: in a group everybody would see what somebody asked about their health.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from bot.channels.receiving import Batch, NotAnEvent, id_of, moment_of, text_of
from bot.messaging.inbox import Incoming, Rating
from bot.rendering.taps import Say, read_tap

PLATFORM = "telegram"
CALLBACK = "callback:"
"""Begins the sign of a tap; its id follows."""
COMMAND = re.compile(r"/(?P<name>[A-Za-z0-9_]{1,32})(?:@\w{1,64})?(?:\s+(?P<more>.*))?", re.DOTALL)
"""https://core.telegram.org/bots/features#commands; a client adds the bot's name in groups."""
START = "start"
START_PARAMETER = re.compile(r"[A-Za-z0-9_-]{0,64}")
"""What a link hands over: https://core.telegram.org/bots/features#deep-linking."""
COMMANDS = {
    "menu": "menu",
    "help": "help",
    "check": "I want to check a claim",
    "person": "I want to talk to a person",
    "forget": "forget me",
}
"""What a command says where nothing else stands behind it."""
REACTIONS: dict[str, Rating] = {
    "\N{THUMBS UP SIGN}": "helpful",
    "\N{HEAVY BLACK HEART}": "helpful",
    "\N{THUMBS DOWN SIGN}": "not_helpful",
}
"""Of the others nobody can tell whether the reply is meant, or its subject."""
EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"
SENT_ALONG = frozenset(
    {
        "animation",
        "audio",
        "checklist",
        "contact",
        "dice",
        "document",
        "game",
        "live_photo",
        "location",
        "paid_media",
        "photo",
        "poll",
        "rich_message",
        "sticker",
        "story",
        "venue",
        "video",
        "video_note",
        "voice",
    }
)
"""What a person sends that is no text: https://core.telegram.org/bots/api#message. The other fields
are of service messages, such as that a message was pinned; nobody waits for an answer to those."""

Read = tuple[dict[str, Any], datetime]
"""What an update means, and when it happened."""


def read_update(body: bytes, bot_id: str, now: datetime) -> Batch:
    """Read the body of a request.

    Args:
        body: JSON, as it came.
        bot_id: what Telegram calls the bot.
        now: stands for a time that is missing or makes no sense.
    """
    try:
        return Batch((_event(body, bot_id, now),), 0)
    except NotAnEvent:
        return Batch((), 1)


def name_of(chat: str, message: str) -> str:
    """Return what a message is called here: its number alone is one of its chat only."""
    return f"{chat}:{message}"


def _event(body: bytes, bot_id: str, now: datetime) -> Incoming:
    """Return what an update means.

    Raises:
        NotAnEvent: nothing.
    """
    try:
        update: Any = json.loads(body)
    except (ValueError, RecursionError):
        update = None
    content = _object(update)
    update_id = id_of(content.get("update_id"))
    for name, read in READERS.items():
        if name in content:
            part = _object(content[name])
            person = _person(part.get("message") if name == "callback_query" else part)
            meaning, at = read(part, person, now)
            return Incoming(
                platform=PLATFORM,
                account=bot_id,
                event_id=f"{bot_id}:{update_id}",
                person=person,
                said_at=at,
                **meaning,
            )
    raise NotAnEvent


def _person(part: object) -> str:
    """Return the chat that something happened in, if it is one person's with the bot.

    Raises:
        NotAnEvent: it is another one.
    """
    chat = _object(_object(part).get("chat"))
    if chat.get("type") != "private":
        raise NotAnEvent
    return id_of(chat.get("id"))


def _message(part: dict[str, Any], _person: str, now: datetime) -> Read:
    """Read what somebody typed or sent along; what stands below a picture was typed as well."""
    _check_human(part.get("from"))
    at = moment_of(_number(part.get("date")), now)
    text = text_of(part.get("text")) or text_of(part.get("caption"))
    if text.strip():
        return _said(text), at
    if part.keys() & SENT_ALONG:
        return {"kind": "only_text"}, at
    raise NotAnEvent


def _callback(part: dict[str, Any], _person: str, now: datetime) -> Read:
    """Read a tap on a button. Telegram does not say when, so it is now."""
    _check_human(part.get("from"))
    data = text_of(part.get("data"))
    if not data:
        raise NotAnEvent
    sign = CALLBACK + id_of(part.get("id"))
    tap = read_tap(data, _label(_object(part.get("message")), data))
    if tap is None:  # the label is gone with a very old message
        return {"kind": "only_text", "sign": sign}, now
    if isinstance(tap, Say):
        return {"kind": "text", "text": tap.text, "sign": sign}, now
    meaning = {"kind": "feedback", "reply_id": tap.reply_id, "rating": tap.rating, "sign": sign}
    return meaning, now


def _reaction(part: dict[str, Any], person: str, now: datetime) -> Read:
    """Read a reaction to a message; what is taken back leaves the feedback as it was."""
    _check_human(part.get("user"))
    before = set(_emojis(part.get("old_reaction")))
    for emoji in _emojis(part.get("new_reaction")):
        if emoji in REACTIONS and emoji not in before:
            about = name_of(person, id_of(part.get("message_id")))
            meaning = {"kind": "feedback", "about": about, "rating": REACTIONS[emoji]}
            return meaning, moment_of(_number(part.get("date")), now)
    raise NotAnEvent


READERS: dict[str, Callable[[dict[str, Any], str, datetime], Read]] = {
    "message": _message,
    "callback_query": _callback,
    "message_reaction": _reaction,
}


def _said(text: str) -> dict[str, Any]:
    """Return what a text means: a command alone, or words."""
    found = COMMAND.fullmatch(text.strip())
    if found is None:
        return {"kind": "text", "text": text}
    name, more = found["name"].casefold(), found["more"] or ""
    if name == START and START_PARAMETER.fullmatch(more):
        return {"kind": "welcome"}
    if name in COMMANDS and not more:
        return {"kind": "text", "text": COMMANDS[name]}
    # Somebody in need may type anything behind a slash: then all of it is what they say.
    return {"kind": "text", "text": f"{found['name'].replace('_', ' ')} {more}".strip()}


def _label(message: dict[str, Any], data: str) -> str:
    """Return what stands on the button that sends some data, "" where that cannot be seen."""
    markup = _object(message.get("reply_markup") or {})
    for button in _buttons(markup.get("inline_keyboard")):
        if button.get("callback_data") == data:
            return text_of(button.get("text"))
    return ""


def _buttons(rows: object) -> Iterator[dict[str, Any]]:
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if isinstance(button, dict):
                yield button


def _emojis(reactions: object) -> Iterator[str]:
    for reaction in reactions if isinstance(reactions, list) else ():
        if isinstance(reaction, dict):
            yield text_of(reaction.get("emoji")).removesuffix(EMOJI_STYLE)


def _check_human(sender: object) -> None:
    """Refuse what a bot did: two bots would never stop answering each other.

    Raises:
        NotAnEvent: a bot did it.
    """
    if isinstance(sender, dict) and sender.get("is_bot"):
        raise NotAnEvent


def _object(value: object) -> dict[str, Any]:
    """Return an object.

    Raises:
        NotAnEvent: it is none.
    """
    if not isinstance(value, dict):
        raise NotAnEvent
    return value


def _number(value: object) -> float | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
