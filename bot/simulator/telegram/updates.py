"""Updates as Telegram sends them to a webhook: https://core.telegram.org/bots/api#update."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

ChatType = Literal["private", "group", "supergroup", "channel"]
FIRST_UPDATE = 700_000_001
EXTRAS: Mapping[str, Any] = {
    "photo": [{"file_id": "AgAC", "file_unique_id": "AQAD", "width": 90, "height": 67}],
    "voice": {"file_id": "AwAC", "file_unique_id": "AgAD", "duration": 3},
    "sticker": {
        "file_id": "CAAC",
        "file_unique_id": "AgAD",
        "type": "regular",
        "width": 512,
        "height": 512,
        "is_animated": False,
        "is_video": False,
        "emoji": "👍",
    },
    "document": {"file_id": "BQAC", "file_unique_id": "AgAD", "file_name": "letter.pdf"},
    "location": {"latitude": 59.91, "longitude": 10.75},
    "contact": {"phone_number": "+4799999999", "first_name": "Ola"},
    "dice": {"emoji": "🎲", "value": 4},
}
"""What can be sent along with a message, or in the place of its text. No file lies behind any."""


@dataclass(frozen=True)
class Update:
    """One update.

    Attributes:
        kind: name of its part, which a bot must have asked for.
        part: that part.
        number: its ``update_id``.
        person: whose chat with the bot it is of.
        text: what the person said, if they said something.
    """

    kind: str
    part: Mapping[str, Any]
    number: int
    person: str
    text: str = ""

    @property
    def key(self) -> str:
        """What the transcript calls it."""
        return str(self.number)

    def body(self, *, escaped: bool = True) -> bytes:
        r"""Return the body of its delivery.

        Args:
            escaped: write other letters than ASCII as ``\u00e6``; a bot must read both.
        """
        content = {"update_id": self.number, self.kind: self.part}
        return json.dumps(content, ensure_ascii=escaped).encode("utf-8")


@dataclass
class UpdateWriter:
    """Writes the updates of one bot; the clock gives seconds since 1970."""

    bot: Mapping[str, Any]
    clock: Callable[[], float] = time.time
    _numbers: count[int] = field(default_factory=lambda: count(FIRST_UPDATE))
    _messages: count[int] = field(default_factory=lambda: count(1001))

    def text(self, person: str, text: str, **more: Any) -> Update:
        """Return a typed message; ``more`` are other fields of it."""
        content: dict[str, Any] = {"text": text}
        if text.startswith("/"):
            length = len(text.split()[0])
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return self._update("message", self._message(person, {**content, **more}), person, text)

    def start(self, person: str, parameter: str = "") -> Update:
        """Return that somebody opened the bot for the first time, maybe by a link."""
        return self.text(person, f"/start {parameter}".strip())

    def along(self, person: str, name: str, caption: str = "") -> Update:
        """Return something that is no text, one of ``EXTRAS``."""
        content = {name: EXTRAS[name], **({"caption": caption} if caption else {})}
        return self._update("message", self._message(person, content), person, caption)

    def edited(self, person: str, text: str, message_id: int | None = None) -> Update:
        """Return that a person changed a message, of which the number may be given."""
        content: dict[str, Any] = {"text": text, "edit_date": self._now()}
        if message_id is not None:
            content["message_id"] = message_id
        return self._update("edited_message", self._message(person, content), person)

    def elsewhere(self, person: str, text: str, chat_type: ChatType = "group") -> Update:
        """Return what somebody says in a chat that others read."""
        message = self._message(person, {"text": text})
        chat = {"id": -1_000_000_000 - int(person), "title": "Others read this", "type": chat_type}
        return self._update("message", {**message, "chat": chat}, person)

    def service(self, person: str) -> Update:
        """Return a service message: that messages vanish by themselves from now on."""
        content = {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}}
        return self._update("message", self._message(person, content), person)

    def tap(self, person: str, data: str, message: Mapping[str, Any] | None) -> Update:
        """Return a tap on a button.

        Args:
            person: who taps.
            data: what stands behind the button.
            message: the message with the button; None for one that Telegram does not show any more.
        """
        chat = {"chat": self._chat(person)}
        shown = {**message, **chat} if message else {**chat, "message_id": 1, "date": 0}
        part = {
            "id": str(secrets.randbelow(2**62)),
            "from": self._person(person),
            "message": shown,
            "chat_instance": str(secrets.randbelow(2**62)),
            "data": data,
        }
        return self._update("callback_query", part, person)

    def reaction(self, person: str, message_id: int, *emojis: str, before: str = "") -> Update:
        """Return that a person has put these emojis on a message, in the place of others."""
        part = {
            "chat": self._chat(person),
            "message_id": message_id,
            "user": self._person(person),
            "date": self._now(),
            "old_reaction": _emojis(before),
            "new_reaction": _emojis(*emojis),
        }
        return self._update("message_reaction", part, person)

    def blocked(self, person: str, *, is_blocked: bool = True) -> Update:
        """Return that a person blocked the bot, or does so no longer."""
        states = [{"user": dict(self.bot), "status": name} for name in ("member", "kicked")]
        before, after = states if is_blocked else reversed(states)
        part = {
            "chat": self._chat(person),
            "from": self._person(person),
            "date": self._now(),
            "old_chat_member": before,
            "new_chat_member": after,
        }
        return self._update("my_chat_member", part, person)

    def unknown(self, person: str) -> Update:
        """Return an update of a kind that is not there yet."""
        part = {"chat": self._chat(person), "from": self._person(person), "lines": 14}
        return self._update("poem", part, person)

    def _message(self, person: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "message_id": next(self._messages),
            "from": self._person(person),
            "chat": self._chat(person),
            "date": self._now(),
            **content,
        }

    def _update(self, kind: str, part: Mapping[str, Any], person: str, text: str = "") -> Update:
        return Update(kind, part, next(self._numbers), person, text)

    def _person(self, person: str) -> dict[str, Any]:
        return {"id": int(person), "is_bot": False, "first_name": "Kari", "language_code": "en"}

    def _chat(self, person: str) -> dict[str, Any]:
        return {"id": int(person), "first_name": "Kari", "type": "private"}

    def _now(self) -> int:
        return int(self.clock())


def _emojis(*emojis: str) -> list[dict[str, str]]:
    return [{"type": "emoji", "emoji": emoji} for emoji in emojis if emoji]
