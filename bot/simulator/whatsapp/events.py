"""Events as WhatsApp sends them to a webhook, each from the page that documents it.

All pages stand below
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference
(``messages/text``, ``messages/interactive``, ``messages/button``, ``messages/image``,
``messages/audio``, ``messages/sticker``, ``messages/location``, ``messages/reaction``,
``messages/unsupported``, ``messages/edit``, ``messages/revoke``, ``messages/system``,
``messages/status``, ``smb_message_echoes``).
"""

from __future__ import annotations

import base64
import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.simulator.whatsapp.account import WhatsAppAccount

FIELD, ECHOES = "messages", "smb_message_echoes"
FIELDS = (FIELD, ECHOES, "account_update", "phone_number_quality_update")
"""Webhook fields that an account can be subscribed to and that are played here."""

Shape = Literal["entries", "changes", "messages"]
"""How several events go into one delivery: each in an entry, in a change, or all in one change."""


def new_wamid() -> str:
    """Return the id of a new message."""
    return f"wamid.{base64.b64encode(secrets.token_bytes(42)).decode()}"


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        person: who did it, or whom it is about.
        part: list of the change that it stands in.
        body: the event itself.
        key: what the transcript calls it: the message's id.
        kind: its type.
        text: what the person said, if they said something.
        field: the webhook field that the account must be subscribed to.
    """

    person: str
    part: Literal["messages", "statuses", "message_echoes"]
    body: Mapping[str, Any]
    key: str
    kind: str
    text: str = ""
    field: str = FIELD

    @property
    def is_of_person(self) -> bool:
        """Whether a person did something that opens the 24 hours in which a number may write."""
        return self.part == "messages" and self.kind != "system"


def has_user_name(person: str) -> bool:
    """Tell whether somebody shows a user name, so that nobody is told their number."""
    return not person.isdecimal()


@dataclass(frozen=True)
class EventWriter:
    """Writes the events of one number; the clock gives seconds since 1970."""

    account: WhatsAppAccount
    clock: Callable[[], float] = time.time

    def text(self, person: str, text: str, **more: Any) -> Event:
        """Return a typed message; more of its fields can be given, such as ``referral``."""
        return self._message(person, "text", {"text": {"body": text}, **more}, text)

    def from_ad(self, person: str, text: str) -> Event:
        """Return a message that somebody sent from an ad."""
        ad = {"source_url": "https://fb.me/x", "source_id": "1", "source_type": "ad"}
        return self.text(person, text, referral={**ad, "headline": "Flu", "ctwa_clid": "x"})

    def button_reply(self, person: str, token: str, title: str) -> Event:
        """Return a tap on a reply button."""
        return self._interactive(person, "button_reply", {"id": token, "title": title})

    def list_reply(self, person: str, token: str, title: str, description: str = "") -> Event:
        """Return a tap on a row of a list."""
        row = {"id": token, "title": title}
        row |= {"description": description} if description else {}
        return self._interactive(person, "list_reply", row)

    def template_button(self, person: str, payload: str, text: str) -> Event:
        """Return a tap on a button below a template."""
        part = {"button": {"payload": payload, "text": text}}
        return self._message(person, "button", part, text)

    def image(self, person: str, caption: str = "") -> Event:
        """Return a photo."""
        picture = {"mime_type": "image/jpeg", "sha256": "x", "id": "1234567890"}
        picture |= {"caption": caption} if caption else {}
        return self._message(person, "image", {"image": picture}, caption)

    def audio(self, person: str) -> Event:
        """Return a voice message."""
        sound = {"mime_type": "audio/ogg; codecs=opus", "sha256": "x", "id": "1", "voice": True}
        return self._message(person, "audio", {"audio": sound})

    def sticker(self, person: str) -> Event:
        """Return a sticker."""
        sticker = {"mime_type": "image/webp", "sha256": "x", "id": "1", "animated": False}
        return self._message(person, "sticker", {"sticker": sticker})

    def location(self, person: str) -> Event:
        """Return a place on the map."""
        place = {"latitude": 59.9, "longitude": 10.7}
        return self._message(person, "location", {"location": place})

    def unsupported(self, person: str) -> Event:
        """Return something that the Cloud API cannot pass on, such as a poll."""
        error = {"code": 131051, "title": "Message type unknown", "message": "Message type unknown"}
        details = {"error_data": {"details": "Message type is currently not supported."}}
        part = {"errors": [{**error, **details}], "unsupported": {"type": "poll"}}
        return self._message(person, "unsupported", part)

    def welcome(self, person: str) -> Event:
        """Return that somebody opened the chat for the first time."""
        return self._message(person, "request_welcome", {})

    def reaction(self, person: str, wamid: str, emoji: str) -> Event:
        """Return that a person reacted to a message; with no emoji, that they took it back."""
        part = {"message_id": wamid} | ({"emoji": emoji} if emoji else {})
        return self._message(person, "reaction", {"reaction": part})

    def edit(self, person: str, wamid: str, text: str) -> Event:
        """Return that a person changed what they had said."""
        new = {"type": "text", "text": {"body": text}}
        part = {"edit": {"original_message_id": wamid, "message": new}}
        return self._message(person, "edit", part)

    def revoke(self, person: str, wamid: str) -> Event:
        """Return that a person deleted what they had said."""
        return self._message(person, "revoke", {"revoke": {"original_message_id": wamid}})

    def changed_number(self, person: str, new: str) -> Event:
        """Return that a person has another number now."""
        body = f"User A changed from {person} to {new}"
        part = {"system": {"body": body, "wa_id": new, "type": "user_changed_number"}}
        return self._message(person, "system", part)

    def status(self, person: str, wamid: str, status: str, code: int = 0) -> Event:
        """Return what became of a message of the bot: sent, delivered, read or failed."""
        body: dict[str, Any] = {"id": wamid, "status": status, "timestamp": self._now()}
        body |= {"recipient_user_id" if has_user_name(person) else "recipient_id": person}
        if code:
            error = {"code": code, "title": "No.", "message": "No."}
            body["errors"] = [{**error, "error_data": {"details": "No."}}]
        return Event(person, "statuses", body, wamid, status)

    def echo(self, person: str, text: str) -> Event:
        """Return what staff wrote to a person with WhatsApp's own app."""
        number = "".join(sign for sign in self.account.display_phone_number if sign.isdecimal())
        wamid = new_wamid()
        ends = {"from": number, "to": person, "id": wamid, "timestamp": self._now()}
        body = {**ends, "type": "text", "text": {"body": text}}
        return Event(person, "message_echoes", body, wamid, "echo", text, ECHOES)

    def in_group(self, event: Event) -> Event:
        """Return a message as it comes where it was said in a group."""
        return dataclasses.replace(event, body={**event.body, "group_id": "Y2FwaV9ncm91cA=="})

    def _interactive(self, person: str, kind: str, tapped: Mapping[str, str]) -> Event:
        part = {"interactive": {"type": kind, kind: tapped}}
        return self._message(person, "interactive", part, tapped["title"])

    def _message(self, person: str, kind: str, part: Mapping[str, Any], text: str = "") -> Event:
        wamid = new_wamid()
        sender = {"from_user_id" if has_user_name(person) else "from": person}
        body = {**sender, "id": wamid, "timestamp": self._now(), "type": kind, **part}
        return Event(person, "messages", body, wamid, kind, text)

    def _now(self) -> str:
        return str(int(self.clock()))


def body_of(
    events: Sequence[Event],
    account: WhatsAppAccount,
    *,
    escaped: bool = True,
    shape: Shape = "entries",
) -> bytes:
    r"""Return events as the body of one delivery.

    Args:
        events: the events, in their order.
        account: whose they are.
        escaped: write other letters than ASCII as ``\u00e6`` and slashes as ``\/``, as Meta does.
        shape: how several events stand together; a bot must read all ways.
    """
    if shape == "messages":
        parts = dict.fromkeys((event.field, event.part) for event in events)
        groups = [[one for one in events if (one.field, one.part) == part] for part in parts]
    else:
        groups = [[event] for event in events]
    changes = [_change(group, account) for group in groups]
    frame = {"id": account.waba_id}
    if shape == "changes":
        entries: list[dict[str, Any]] = [{**frame, "changes": changes}]
    else:
        entries = [{**frame, "changes": [change]} for change in changes]
    content = {"object": "whatsapp_business_account", "entry": entries}
    text = json.dumps(content, ensure_ascii=escaped)
    return (text.replace("/", "\\/") if escaped else text).encode("utf-8")


def _change(group: Sequence[Event], account: WhatsAppAccount) -> dict[str, Any]:
    metadata = {
        "display_phone_number": account.display_phone_number,
        "phone_number_id": account.phone_number_id,
    }
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata}
    if group[0].part == "messages" and group[0].kind != "system":
        value["contacts"] = [_contact(one) for one in dict.fromkeys(e.person for e in group)]
    value[group[0].part] = [event.body for event in group]
    return {"value": value, "field": group[0].field}


def _contact(person: str) -> dict[str, Any]:
    """Return how a person is told of; each has an id for the business, not each shows a number."""
    if has_user_name(person):
        return {"profile": {"name": "Alice", "username": "@alice"}, "user_id": person}
    return {"profile": {"name": "Alice"}, "wa_id": person, "user_id": f"US.{person[::-1]}"}
