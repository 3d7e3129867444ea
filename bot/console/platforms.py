"""The preview of an answer on messaging platforms: the very messages that people would get.

An entry that is being written goes the way of a live one: the action server's payload, the
gateway's composer, the platform's renderer. Only related answers are missing, because which they
are is decided when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bot.pipeline import MAX_CHARACTERS
from bot.rasa_client import AnswerPayload, RasaUnavailable
from bot.rendering import PLATFORMS
from bot.rendering.message import Button, Measure, Message
from bot.rendering.words import Words, read_words
from bot.replies import ReplyFileError, read_wording
from bot.replies.compose import ALLOWED_HOSTS, Composer
from bot.replies.helplines import read_helplines
from bot.turn import Reply
from knowledge.entry import TopicEntry
from knowledge.passport import calls_now, passport

PREVIEW_ID = "0" * 24
"""Stands for the id of a reply, as long as a real one."""
DEFAULT_LOCALE = "en"
REFUSED = (
    "The chat would not show this answer: each source has to be a page of "
    + " or ".join(f"https://{host}" for host in ALLOWED_HOSTS.values())
    + "."
)
DOES = {
    "open": "opens the page",
    "call": "calls",
    "say": "asks this",
    "rate": "rates the answer",
}


@dataclass(frozen=True)
class Bubble:
    """One message as an editor sees it.

    Attributes:
        text: its words.
        buttons: what can be tapped, and what a tap does.
        uses: how much of each limit it uses, as words.
    """

    text: str
    buttons: tuple[tuple[Button, str], ...]
    uses: tuple[str, ...]


@dataclass(frozen=True)
class OnPlatform:
    """An answer on one platform.

    Attributes:
        name: of the platform.
        slug: the same for the page's own use.
        bubbles: the messages, in order.
        warnings: what an editor should know of them.
    """

    name: str
    slug: str
    bubbles: tuple[Bubble, ...]
    warnings: tuple[str, ...]


def on_platforms(pair: TopicEntry | None) -> tuple[OnPlatform, ...]:
    """Return an entry as each platform shows it; nothing where there is no entry yet."""
    if pair is None:
        return ()
    composer, words = _parts(pair.topic.locale)
    try:
        reply = composer.compose(PREVIEW_ID, [payload_of(pair)], None)
    except RasaUnavailable:
        return tuple(OnPlatform(name, name.lower(), (), (REFUSED,)) for name in PLATFORMS)
    return tuple(_shown(name, reply, render(reply, words)) for name, render in PLATFORMS.items())


def payload_of(pair: TopicEntry) -> AnswerPayload:
    """Return what the action server would send of an entry that is sure to be the right one."""
    live = {"score": 1.0, "related": (), "call_now": calls_now(pair)}
    return AnswerPayload.model_validate({**passport(pair, 0), **live})


@cache
def _parts(locale: str) -> tuple[Composer, Words]:
    """Return what words replies in a language; in English where the language has no wording."""
    try:
        wording, words = read_wording(locale), read_words(locale)
    except ReplyFileError:
        wording, words = read_wording(DEFAULT_LOCALE), read_words(DEFAULT_LOCALE)
    return Composer(wording, read_helplines(), (), tuple, MAX_CHARACTERS), words


def _shown(name: str, reply: Reply, messages: Sequence[Message]) -> OnPlatform:
    bubbles = tuple(
        Bubble(
            message.text,
            tuple((button, DOES[button.does]) for button in message.buttons),
            tuple(_use(measure) for measure in message.measures()),
        )
        for message in messages
    )
    return OnPlatform(name, name.lower(), bubbles, tuple(_warnings(reply, messages)))


def _use(measure: Measure) -> str:
    """Return "412 of 2,000 characters"."""
    return f"{measure.count:,} of {measure.limit:,} {measure.of}"


def _warnings(reply: Reply, messages: Sequence[Message]) -> list[str]:
    """Return what is split, missing or cut, each as a sentence."""
    buttons = [button for message in messages for button in message.buttons]
    linked = {button.value for button in buttons if button.does == "open"}
    missing = sum(source.url not in linked for source in reply.sources)
    cut = sum(button.is_cut for button in buttons)
    found = {
        f"People get this as {len(messages)} messages.": len(messages) > 1,
        "A paragraph is too long for one message and is split.": _is_split(reply, messages),
        f"{missing} of {len(reply.sources)} sources have no button here. Their addresses stand in "
        "the text.": missing > 0,
        f"{cut} of {len(buttons)} buttons have no room for their whole title.": cut > 0,
    }
    return [sentence for sentence, holds in found.items() if holds]


def _is_split(reply: Reply, messages: Sequence[Message]) -> bool:
    parts = (reply.text, *reply.details, reply.seek_care or "", reply.conflict or "")
    return not all(any(part in message.text for message in messages) for part in parts)
