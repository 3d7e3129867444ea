"""A reply as messages of Messenger: what its Send API calls ``message``.

Text first, then the pages with a button each, three to a message. Suggestions are quick replies of
the last message, because Messenger takes them away when another message follows. It asks for
feedback by itself (``response_feedback``), so no button here does. A button calls only a number
with its country's code; Meta documents no other form, so 911 stands in the text, where phones make
it callable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.rendering import limits
from bot.rendering.limits import units
from bot.rendering.message import Button, Measure, Payload, carried, joined
from bot.rendering.saying import Page, Said, note, said
from bot.rendering.text import labels, split
from bot.rendering.words import Words, filled
from bot.turn import QuickReply, Reply


@dataclass(frozen=True)
class MessengerMessage:
    """One message: a text, with buttons (a button template) or without, and quick replies."""

    text: str
    template: tuple[Button, ...] = ()
    quick_replies: tuple[Button, ...] = ()

    @property
    def buttons(self) -> tuple[Button, ...]:
        """All there is to tap."""
        return (*self.template, *self.quick_replies)

    @property
    def limit(self) -> int:
        """Length that its text may have."""
        return limits.MESSENGER_TEMPLATE_TEXT if self.template else limits.MESSENGER_TEXT

    def payload(self) -> Payload:
        """Return the message object, to be sent with ``recipient`` and ``messaging_type``."""
        body = self._template() if self.template else {"text": self.text}
        if not self.quick_replies:
            return body
        replies = [
            {"content_type": "text", "title": button.label, "payload": button.value}
            for button in self.quick_replies
        ]
        return {**body, "quick_replies": replies}

    def _template(self) -> dict[str, object]:
        buttons = [_button(button) for button in self.template]
        payload = {"template_type": "button", "text": self.text, "buttons": buttons}
        return {"attachment": {"type": "template", "payload": payload}}

    def measures(self) -> tuple[Measure, ...]:
        """Return how much of each limit it uses."""
        replies = len(self.quick_replies)
        found = [Measure("characters", units(self.text), self.limit)]
        if self.template:
            found.append(Measure("buttons", len(self.template), limits.MESSENGER_BUTTONS))
        if replies:
            found.append(Measure("quick replies", replies, limits.MESSENGER_QUICK_REPLIES))
        return tuple(found)


def _button(button: Button) -> dict[str, str]:
    if button.does == "call":
        return {"type": "phone_number", "title": button.label, "payload": button.value}
    return {"type": "web_url", "title": button.label, "url": button.value}


def render(reply: Reply, words: Words) -> tuple[MessengerMessage, ...]:
    """Return a reply as messages, to be sent in this order."""
    what = said(reply, words, limits.MESSENGER_TEXT)
    if reply.emergency:
        messages = _urgent(what, words)
    else:
        messages = _whole(what) or [*_plain(joined(what.paragraphs)), *_pages(what.pages)]
    return tuple(_with_choices(messages, what) if what.choices else messages)


def _whole(what: Said) -> list[MessengerMessage] | None:
    """Return everything as one text with a button per page, or None where there is no room."""
    has_room = units(what.text) <= limits.MESSENGER_TEMPLATE_TEXT
    if not has_room or not 1 <= len(what.pages) <= limits.MESSENGER_BUTTONS:
        return None
    return [MessengerMessage(what.text, _links(what.pages))]


def _plain(text: str) -> list[MessengerMessage]:
    return [MessengerMessage(piece) for piece in split(text, limits.MESSENGER_TEXT)]


def _urgent(what: Said, words: Words) -> list[MessengerMessage]:
    """Return an emergency: the numbers, what calls them, and no other button to hit by mistake."""
    buttons = _calls(what, words)
    if not buttons:
        return _plain(what.text)
    lead = joined(what.lead)
    body = _plain(joined((*what.body, *(page.text for page in what.pages))))
    if units(lead) <= limits.MESSENGER_TEMPLATE_TEXT:
        return [MessengerMessage(lead, buttons), *body]
    first, *rest = _plain(lead)
    return [first, MessengerMessage(words.tap_to_call, buttons), *rest, *body]


def _calls(what: Said, words: Words) -> tuple[Button, ...]:
    """Return buttons for the first numbers that one can call; all stand in the text."""
    calls = what.calls[: limits.MESSENGER_BUTTONS]
    titles = [filled(words.call, number=number) for number, _ in calls]
    return tuple(
        Button(label, "call", tel, title)
        for label, title, (_, tel) in zip(
            labels(titles, limits.MESSENGER_LABEL), titles, calls, strict=True
        )
    )


def _links(pages: Sequence[Page]) -> tuple[Button, ...]:
    titles = [page.title for page in pages]
    return tuple(
        Button(label, "open", page.url, page.title)
        for label, page in zip(labels(titles, limits.MESSENGER_LABEL), pages, strict=True)
    )


def _pages(pages: Sequence[Page]) -> Iterator[MessengerMessage]:
    """Yield the pages, as many to a message as its text and its buttons have room for."""
    group: list[Page] = []
    for page in pages:
        if group and not _have_room([*group, page]):
            yield from _grouped(group)
            group = []
        group.append(page)
    if group:
        yield from _grouped(group)


def _have_room(pages: Sequence[Page]) -> bool:
    is_short = units(joined(page.text for page in pages)) <= limits.MESSENGER_TEMPLATE_TEXT
    return is_short and len(pages) <= limits.MESSENGER_BUTTONS


def _grouped(pages: Sequence[Page]) -> list[MessengerMessage]:
    """Return pages as one message with buttons; a title that is too long for that goes without."""
    text = joined(page.text for page in pages)
    return [MessengerMessage(text, _links(pages))] if _have_room(pages) else _plain(text)


def _with_choices(messages: Sequence[MessengerMessage], what: Said) -> list[MessengerMessage]:
    """Hang the suggestions on the last message where there is room, else on one of their own."""
    fitting = [one for one in what.choices if units(one.text) <= limits.MESSENGER_PAYLOAD]
    shown = fitting[: limits.MESSENGER_QUICK_REPLIES]
    buttons = _quick_replies(shown)
    unseen = [button.title for button in buttons if button.is_cut]
    unseen += [one.text for one in what.choices if one not in shown]
    listed = note(what.prompt, unseen)
    if not buttons:
        return [*messages, *_plain(listed)]
    if messages:
        *before, last = messages
        text = joined((last.text, listed))
        if units(text) <= last.limit:
            return [*before, replace(last, text=text, quick_replies=buttons)]
    plain, text = carried((), listed, what.prompt, limits.MESSENGER_TEXT, limits.MESSENGER_TEXT)
    own = (MessengerMessage(piece) for piece in plain)
    return [*messages, *own, MessengerMessage(text, quick_replies=buttons)]


def _quick_replies(choices: Sequence[QuickReply]) -> tuple[Button, ...]:
    titles = [choice.title for choice in choices]
    return tuple(
        Button(label, "say", choice.text, choice.title)
        for label, choice in zip(labels(titles, limits.MESSENGER_LABEL), choices, strict=True)
    )
