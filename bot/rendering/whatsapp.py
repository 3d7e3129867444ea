"""A reply as messages of WhatsApp's Cloud API.

Addresses stand in the text, where WhatsApp makes them links; it has no button that calls, and one
link button at most, which cannot stand beside others. So a link button is there only where a reply
has one page and nothing else to tap. "This helped" and "Did not help" are reply buttons below the
answer; suggestions are buttons where three short ones are enough, else a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.rendering import limits
from bot.rendering.limits import units
from bot.rendering.message import Button, Measure, Payload, carried
from bot.rendering.saying import Said, note, said
from bot.rendering.taps import rate_token, say_token
from bot.rendering.text import labels, shortened, split
from bot.rendering.words import Words
from bot.turn import QuickReply, Reply

Shape = Literal["text", "button", "list", "cta_url"]
TEXT_LIMITS: dict[Shape, int] = {
    "text": limits.WHATSAPP_TEXT,
    "button": limits.WHATSAPP_BUTTON_TEXT,
    "list": limits.WHATSAPP_LIST_TEXT,
    "cta_url": limits.WHATSAPP_LINK_TEXT,
}


@dataclass(frozen=True)
class WhatsAppMessage:
    """One message.

    Attributes:
        text: its words.
        shape: what the API calls it.
        buttons: what can be tapped; the rows of a list.
        opener: what stands on the button that opens a list.
    """

    text: str
    shape: Shape = "text"
    buttons: tuple[Button, ...] = ()
    opener: str = ""

    def payload(self) -> Payload:
        """Return the body of the call, to be sent with ``to``."""
        base = {"messaging_product": "whatsapp", "recipient_type": "individual"}
        if self.shape == "text":
            return {**base, "type": "text", "text": {"preview_url": False, "body": self.text}}
        interactive = {
            "type": self.shape,
            "body": {"text": self.text},
            "action": self._action(),
        }
        return {**base, "type": "interactive", "interactive": interactive}

    def _action(self) -> dict[str, object]:
        if self.shape == "cta_url":
            link = self.buttons[0]
            parameters = {"display_text": link.label, "url": link.value}
            return {"name": "cta_url", "parameters": parameters}
        if self.shape == "list":
            section = {"title": self.opener, "rows": [_row(button) for button in self.buttons]}
            return {"button": self.opener, "sections": [section]}
        replies = [{"id": button.value, "title": button.label} for button in self.buttons]
        return {"buttons": [{"type": "reply", "reply": reply} for reply in replies]}

    def measures(self) -> tuple[Measure, ...]:
        """Return how much of each limit it uses."""
        count = len(self.buttons)
        found = [Measure("characters", units(self.text), TEXT_LIMITS[self.shape])]
        if self.shape == "button":
            found.append(Measure("buttons", count, limits.WHATSAPP_BUTTONS))
        if self.shape == "list":
            found.append(Measure("rows", count, limits.WHATSAPP_ROWS))
        if self.shape == "cta_url":
            found.append(Measure("buttons", count, 1))
        return tuple(found)


def _row(button: Button) -> dict[str, str]:
    row = {"id": button.value, "title": button.label}
    return {**row, "description": button.detail} if button.detail else row


def render(reply: Reply, words: Words) -> tuple[WhatsAppMessage, ...]:
    """Return a reply as messages, to be sent in this order.

    A text with rating buttons may have a quarter of what a list allows. An answer longer than that
    carries its suggestions itself and is rated below, so that it is two messages and not three.
    """
    what = said(reply, words, limits.WHATSAPP_TEXT)
    texts = split(what.text, limits.WHATSAPP_TEXT)
    opener = words.open_related if reply.kind == "answer" else words.open_list
    if not what.rated and what.choices:
        return _choices(texts, what, opener)
    if not what.rated:
        return _plain(texts) if reply.emergency else _with_link(texts, what, words)
    rating = _rating(what.rated, words)
    if what.choices and not _is_short(texts):
        asked = WhatsAppMessage(words.helped, "button", rating)
        return (*_choices(texts, what, opener), asked)
    plain, text = carried(texts, "", words.helped, TEXT_LIMITS["button"], limits.WHATSAPP_TEXT)
    rated = WhatsAppMessage(text, "button", rating)
    return (*_plain(plain), rated, *_choices((), what, opener))


def _is_short(texts: Sequence[str]) -> bool:
    """Tell whether the last text, if there is one, has room for reply buttons."""
    return not texts or units(texts[-1]) <= TEXT_LIMITS["button"]


def _plain(texts: Sequence[str]) -> tuple[WhatsAppMessage, ...]:
    return tuple(WhatsAppMessage(text) for text in texts)


def _rating(reply_id: str, words: Words) -> tuple[Button, ...]:
    return (
        Button(words.helpful, "rate", rate_token(reply_id, "helpful"), words.helpful),
        Button(words.not_helpful, "rate", rate_token(reply_id, "not_helpful"), words.not_helpful),
    )


def _with_link(texts: Sequence[str], what: Said, words: Words) -> tuple[WhatsAppMessage, ...]:
    """Hang a link button on the last text if there is but one page, and room."""
    if len(what.pages) != 1 or units(texts[-1]) > TEXT_LIMITS["cta_url"]:
        return _plain(texts)
    button = Button(words.open_page, "open", what.pages[0].url, words.open_page)
    return (*_plain(texts[:-1]), WhatsAppMessage(texts[-1], "cta_url", (button,)))


def _choices(texts: Sequence[str], what: Said, opener: str) -> tuple[WhatsAppMessage, ...]:
    """Hang the suggestions on the last text where there is room, else on one of their own."""
    shape, buttons = _shaped(what.choices, _is_short(texts))
    shown = {button.value for button in buttons}
    unseen = [button.title for button in buttons if button.is_cut]
    unseen += [one.text for one in what.choices if say_token(one.text) not in shown]
    listed = note(what.prompt, unseen)
    if not buttons:
        return _plain((*texts, *split(listed, limits.WHATSAPP_TEXT)))
    plain, text = carried(texts, listed, what.prompt, TEXT_LIMITS[shape], limits.WHATSAPP_TEXT)
    opener = opener if shape == "list" else ""
    return (*_plain(plain), WhatsAppMessage(text, shape, buttons, opener))


def _shaped(choices: Sequence[QuickReply], has_room: bool) -> tuple[Shape, tuple[Button, ...]]:
    """Return suggestions as buttons where all can be read in full on one, else as rows."""
    buttons = _buttons(choices, limits.WHATSAPP_LABEL, limits.WHATSAPP_BUTTON_ID)
    is_readable = len(choices) == len(buttons) and not any(button.is_cut for button in buttons)
    if has_room and is_readable and len(buttons) <= limits.WHATSAPP_BUTTONS:
        return "button", buttons
    rows = _buttons(choices, limits.WHATSAPP_ROW_TITLE, limits.WHATSAPP_ROW_ID)
    return "list", tuple(_detailed(row) for row in rows[: limits.WHATSAPP_ROWS])


def _buttons(choices: Sequence[QuickReply], label_limit: int, id_limit: int) -> tuple[Button, ...]:
    fitting = [one for one in choices if units(say_token(one.text)) <= id_limit]
    titles = labels([one.title for one in fitting], label_limit)
    return tuple(
        Button(label, "say", say_token(one.text), one.title)
        for label, one in zip(titles, fitting, strict=True)
    )


def _detailed(row: Button) -> Button:
    """Return a row that says below its title what the title has no room for."""
    if not row.is_cut:
        return row
    detail = shortened(row.title, limits.WHATSAPP_ROW_DETAIL)
    return Button(row.label, row.does, row.value, row.title, detail)
