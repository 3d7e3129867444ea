"""Every entry that is shipped, as the answer that people get of it, on every platform."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from bot.console.platforms import payload_of
from bot.rendering import PLATFORMS
from bot.replies.compose import Composer
from bot.turn import QuickReply, Reply
from tests.bot.rendering.replies import WORDS, bare
from tests.bot.rendering.test_limits import CHECKS, said_parts
from tests.test_corpus import shipped

RELATED = (
    QuickReply("What are the signs of measles?", "What are the signs of measles?"),
    QuickReply("Who needs a flu shot?", "Who needs a flu shot?"),
)
MOST_MESSAGES = {"Messenger": 5, "WhatsApp": 3, "Telegram": 1}
"""What the longest of the 390 entries takes; more would be a flood in a chat."""


@cache
def answers(composer: Composer) -> tuple[Reply, ...]:
    """Return every entry as the gateway words it."""
    pairs = [located.topic_entry for located in shipped()]
    replies = [composer.compose("0" * 24, [payload_of(pair)], None) for pair in pairs]
    return tuple(replace(reply, quick_replies=RELATED) for reply in replies)


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_shipped_answer_is_whole_and_fits(name: str, composer: Composer) -> None:
    replies = answers(composer)
    assert len(replies) >= 390
    for reply in replies:
        messages = PLATFORMS[name](reply, WORDS)
        assert len(messages) <= MOST_MESSAGES[name], reply.entry
        for message in messages:
            CHECKS[name](dict(message.payload()))
        together = "\n".join(message.text for message in messages)
        lines = together.split("\n")
        assert all(source.url in lines for source in reply.sources), reply.entry
        squeezed = bare(together)
        assert all(bare(part) in squeezed for part in said_parts(reply)), reply.entry
