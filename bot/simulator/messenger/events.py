"""Events as Messenger sends them to a webhook, each from the page that documents it.

All pages stand below
https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks/webhook-events
(``messages``, ``messaging_postbacks``, ``message-echoes``, ``message-deliveries``,
``message-reads``, ``message-reactions``, ``message-edits``, ``messaging_referrals``,
``response_feedback``, ``standby``).
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

GET_STARTED = "Get Started"
FIELDS = (
    "messages",
    "messaging_postbacks",
    "message_echoes",
    "message_deliveries",
    "message_reads",
    "message_reactions",
    "message_edits",
    "messaging_referrals",
    "messaging_handovers",
    "response_feedback",
    "standby",
)
"""Webhook fields that a page can be subscribed to and that matter to a bot."""

LIKE_STICKER = 369239263222822
"""The small thumb of Messenger's apps, as libraries for bots write it down."""

MEDIA = "https://cdn.example.org"
"""Where attachments lie; nothing answers there, and a bot has no reason to fetch them."""


def new_mid() -> str:
    """Return the id of a new message."""
    return f"m_{secrets.token_urlsafe(48)}"


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        field: the webhook field that a page must be subscribed to.
        body: the event itself.
        channel: list of the entry that it stands in.
        key: what the transcript calls it: the message's id, or one of its own where it has none.
        text: what the person said, if they said something.
    """

    field: str
    body: Mapping[str, Any]
    channel: Literal["messaging", "standby"] = "messaging"
    key: str = dataclasses.field(default_factory=new_mid)
    text: str = ""

    @property
    def is_of_person(self) -> bool:
        """Whether a person did something that opens the 24 hours in which a page may write."""
        is_echo = bool(self.body.get("message", {}).get("is_echo"))
        return not is_echo and not self.body.keys() & {"delivery", "read"}


@dataclass(frozen=True)
class EventWriter:
    """Writes the events of one page; the clock gives seconds since 1970."""

    page_id: str
    app_id: str
    clock: Callable[[], float] = time.time

    def text(self, person: str, text: str) -> Event:
        """Return a typed message."""
        return self._message(person, text, {"text": text})

    def quick_reply(self, person: str, title: str, payload: str) -> Event:
        """Return a tap on a quick reply, which says its title."""
        return self._message(person, title, {"text": title, "quick_reply": {"payload": payload}})

    def sticker(self, person: str, sticker_id: int = LIKE_STICKER) -> Event:
        """Return a sticker, in the form it has since 30 August 2026: no image beside it."""
        payload = {"url": f"{MEDIA}/{sticker_id}.png", "sticker_id": sticker_id}
        return self._message(person, "", {"attachments": [_attachment("sticker", payload)]})

    def image(self, person: str) -> Event:
        """Return a photo."""
        payload = {"url": f"{MEDIA}/photo.jpg"}
        return self._message(person, "", {"attachments": [_attachment("image", payload)]})

    def postback(self, person: str, title: str, payload: str, ref: str = "") -> Event:
        """Return a tap on a postback button or the menu; ``ref`` is that of an m.me link."""
        mid = new_mid()
        tap: dict[str, Any] = {"mid": mid, "title": title, "payload": payload}
        if ref:
            tap["referral"] = {"ref": ref, "source": "SHORTLINK", "type": "OPEN_THREAD"}
        return Event("messaging_postbacks", self._body(person, {"postback": tap}), key=mid)

    def get_started(self, person: str, payload: str) -> Event:
        """Return a tap on the button that begins a conversation."""
        return self.postback(person, GET_STARTED, payload)

    def referral(self, person: str, ref: str) -> Event:
        """Return that a person came back by an m.me link."""
        origin = {"ref": ref, "source": "SHORTLINK", "type": "OPEN_THREAD"}
        return Event("messaging_referrals", self._body(person, {"referral": origin}))

    def edit(self, person: str, mid: str, text: str, times: int = 1) -> Event:
        """Return that a person changed what they had said."""
        change = {"mid": mid, "text": text, "num_edit": times}
        return Event("message_edits", self._body(person, {"message_edit": change}))

    def reaction(self, person: str, mid: str, *, is_taken_back: bool = False) -> Event:
        """Return that a person put a heart on a message, or took it off again."""
        heart: dict[str, Any] = {"mid": mid, "action": "unreact" if is_taken_back else "react"}
        if not is_taken_back:
            heart |= {"reaction": "love", "emoji": "\u2764\ufe0f"}
        return Event("message_reactions", self._body(person, {"reaction": heart}))

    def feedback(self, person: str, mid: str, *, is_good: bool) -> Event:
        """Return a thumb up or down on a message of the bot."""
        given = {"feedback": "Good response" if is_good else "Bad response", "mid": mid}
        return Event("response_feedback", self._body(person, {"response_feedback": given}))

    def delivery(self, person: str, mids: Sequence[str]) -> Event:
        """Return that messages of the bot arrived."""
        receipt = {"mids": list(mids), "watermark": self._now()}
        return Event("message_deliveries", self._body(person, {"delivery": receipt}))

    def read(self, person: str) -> Event:
        """Return that a person has read all up to now."""
        return Event("message_reads", self._body(person, {"read": {"watermark": self._now()}}))

    def echo(self, person: str, mid: str, message: Mapping[str, Any]) -> Event:
        """Return a message of the bot, as the platform tells the page's own apps of it."""
        content = {key: value for key, value in message.items() if key != "quick_replies"}
        if "attachment" in content:
            content = {"attachments": [content["attachment"]]}
        body = {
            "sender": {"id": self.page_id},
            "recipient": {"id": person},
            "timestamp": self._now(),
            "message": {"mid": mid, "is_echo": True, "app_id": int(self.app_id), **content},
        }
        return Event("message_echoes", body)

    def _message(self, person: str, text: str, content: Mapping[str, Any]) -> Event:
        mid = new_mid()
        body = self._body(person, {"message": {"mid": mid, **content}})
        return Event("messages", body, key=mid, text=text)

    def _body(self, person: str, what: Mapping[str, Any]) -> dict[str, Any]:
        ends = {"sender": {"id": person}, "recipient": {"id": self.page_id}}
        return {**ends, "timestamp": self._now(), **what}

    def _now(self) -> int:
        return round(self.clock() * 1000)


def on_standby(event: Event) -> Event:
    """Return an event as it comes while another app owns the conversation.

    A postback then comes without its payload.
    """
    body = dict(event.body)
    if "postback" in body:
        body["postback"] = {k: v for k, v in body["postback"].items() if k != "payload"}
    return replace(event, field="standby", body=body, channel="standby")


def body_of(
    events: Sequence[Event], page_id: str, at: float, *, escaped: bool = True, one_entry: bool
) -> bytes:
    r"""Return events as the body of one delivery.

    Args:
        events: the events, in their order.
        page_id: the page they are for.
        at: seconds since 1970.
        escaped: write other letters than ASCII as ``\u00e6`` and slashes as ``\/``, as Meta does.
        one_entry: put all of a channel into one entry, where Meta documents one event to an entry;
            a bot must read both.
    """
    frame = {"id": page_id, "time": round(at * 1000)}
    if one_entry:
        channels = dict.fromkeys(event.channel for event in events)
        entries = [
            {**frame, channel: [event.body for event in events if event.channel == channel]}
            for channel in channels
        ]
    else:
        entries = [{**frame, event.channel: [event.body]} for event in events]
    text = json.dumps({"object": "page", "entry": entries}, ensure_ascii=escaped)
    return (text.replace("/", "\\/") if escaped else text).encode("utf-8")


def _attachment(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": kind, "payload": dict(payload)}
