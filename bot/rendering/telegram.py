"""A reply as messages of Telegram: the parameters of ``sendMessage``.

The text goes out without ``parse_mode``: nothing in it needs escaping, and no sign in an answer can
turn into a format. All buttons hang on the last message, one a row: the pages, whether it helped,
the suggestions. On a button Telegram takes addresses of the web and of its own and refuses others
("Unsupported URL protocol", as in
https://github.com/BEDOLAGA-DEV/remnawave-bedolaga-telegram-bot/issues/1564), so ``tel:`` is no way
to call. Numbers stand in the text, where its apps make them callable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.rendering import limits
from bot.rendering.limits import units
from bot.rendering.message import Button, Measure, Payload, carried
from bot.rendering.saying import Page, note, said
from bot.rendering.taps import label_token, rate_token, say_token
from bot.rendering.text import shortened, split
from bot.rendering.words import Words
from bot.turn import QuickReply, Reply

Row = tuple[Button, ...]


@dataclass(frozen=True)
class TelegramMessage:
    """One message: a text, and rows of buttons below it."""

    text: str
    rows: tuple[Row, ...] = ()

    @property
    def buttons(self) -> tuple[Button, ...]:
        """All there is to tap."""
        return tuple(button for row in self.rows for button in row)

    def payload(self) -> Payload:
        """Return the parameters of the call, to be sent with ``chat_id``."""
        body = {"text": self.text, "link_preview_options": {"is_disabled": True}}
        if not self.rows:
            return body
        keyboard = [[_button(button) for button in row] for row in self.rows]
        return {**body, "reply_markup": {"inline_keyboard": keyboard}}

    def measures(self) -> tuple[Measure, ...]:
        """Return how much of each limit it uses."""
        found = [Measure("characters", units(self.text), limits.TELEGRAM_TEXT)]
        if self.rows:
            found.append(Measure("buttons", len(self.buttons), limits.TELEGRAM_BUTTONS))
        return tuple(found)


def _button(button: Button) -> dict[str, str]:
    kind = "url" if button.does == "open" else "callback_data"
    return {"text": button.label, kind: button.value}


def render(reply: Reply, words: Words) -> tuple[TelegramMessage, ...]:
    """Return a reply as messages, to be sent in this order."""
    what = said(reply, words, limits.TELEGRAM_TEXT)
    # An emergency has no other button to hit by mistake than the suggestions.
    pages = () if reply.emergency else what.pages[: limits.TELEGRAM_BUTTONS // 2]
    rows: list[Row] = [(_link(page),) for page in pages]
    rows += [_rating(what.rated, words)] if what.rated else []
    room = limits.TELEGRAM_BUTTONS - sum(len(row) for row in rows)
    fitting = [one for one in what.choices if units(one.text) <= limits.TELEGRAM_LABEL]
    choices = [_choice(one, number) for number, one in enumerate(fitting[:room])]
    unseen = [one.title for one in choices if units(one.label) > limits.TELEGRAM_LABEL_SHOWN]
    unseen += [one.text for one in what.choices if one not in fitting[:room]]
    rows += [(button,) for button in choices]
    texts = split(what.text, limits.TELEGRAM_TEXT)
    return _sent(texts, tuple(rows), note(what.prompt, unseen), words)


def _sent(
    texts: Sequence[str], rows: tuple[Row, ...], listed: str, words: Words
) -> tuple[TelegramMessage, ...]:
    """Hang the buttons on the last text, or on what lists them."""
    limit = limits.TELEGRAM_TEXT
    if not rows:
        return tuple(TelegramMessage(text) for text in (*texts, *split(listed, limit)))
    plain, text = carried(texts, listed, words.choose, limit, limit)
    return (*(TelegramMessage(one) for one in plain), TelegramMessage(text, rows))


def _link(page: Page) -> Button:
    return Button(shortened(page.title, limits.TELEGRAM_LABEL), "open", page.url, page.title)


def _rating(reply_id: str, words: Words) -> Row:
    return (
        Button(words.helpful, "rate", rate_token(reply_id, "helpful"), words.helpful),
        Button(words.not_helpful, "rate", rate_token(reply_id, "not_helpful"), words.not_helpful),
    )


def _choice(choice: QuickReply, number: int) -> Button:
    """Return a suggestion as a button.

    What it says goes into the button's data where 64 bytes hold it. Else it is the label, which
    Telegram sends along with a tap, so that nothing has to be remembered.
    """
    token = say_token(choice.text)
    if len(token.encode()) <= limits.TELEGRAM_DATA_BYTES:
        label = shortened(choice.title, limits.TELEGRAM_LABEL)
        return Button(label, "say", token, choice.title)
    return Button(choice.text, "say", label_token(number), choice.text)
