"""What Telegram refuses calls with, and what can go wrong with it on demand.

Statuses and sentences are those of the Bot API's own server, ``Client.cpp`` and ``Query.cpp`` of
https://github.com/tdlib/telegram-bot-api.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.misbehaviour import SENT_BUT_DROPPED, SLOW, TIMEOUT, Answer, Fault


@dataclass(frozen=True)
class Refusal:
    """What the Bot API refuses a call with.

    Attributes:
        status: HTTP status, which is the code as well.
        description: Telegram's sentence.
        parameters: what a program should know.
    """

    status: int
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def answer(self) -> Answer:
        """Return the answer to the call."""
        body: dict[str, Any] = {
            "ok": False,
            "error_code": self.status,
            "description": self.description,
        }
        return Answer(
            self.status, {**body, "parameters": self.parameters} if self.parameters else body
        )


class BotApiError(Exception):
    """The Bot API refuses a call; ``refusal`` says with what."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description)
        self.refusal = refusal


def bad_request(what: str) -> BotApiError:
    """Return the refusal of a call that is wrong in itself."""
    return BotApiError(Refusal(400, f"Bad Request: {what}"))


def too_many(seconds: int) -> Refusal:
    """Return the refusal of one call too many."""
    return Refusal(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


INVALID_TOKEN = Refusal(401, "Unauthorized: invalid token specified")
WITHDRAWN_TOKEN = Refusal(401, "Unauthorized")
NO_BOT = Refusal(404, "Not Found")
"""Of an address that is no call. Which of these a wrong token meets is up to Telegram's servers."""
NO_METHOD = Refusal(404, "Not Found: method not found")
CHAT_NOT_FOUND = Refusal(400, "Bad Request: chat not found")
BLOCKED = Refusal(403, "Forbidden: bot was blocked by the user")
DEACTIVATED = Refusal(403, "Forbidden: user is deactivated")
MIGRATED = Refusal(
    400,
    "Bad Request: group chat was upgraded to a supergroup chat",
    {"migrate_to_chat_id": -1002000000001},
)
OLD_QUERY = Refusal(
    400,
    "Bad Request: query is too old and response timeout expired or query ID is invalid",
)
INTERNAL = Refusal(500, "Internal Server Error: restart")
LONG_PAUSE, SHORT_PAUSE = 30, 1

FAULTS: Mapping[str, Fault] = {
    "500": Fault("Nothing is sent; status 500", answer=INTERNAL.answer()),
    "502": Fault("Nothing is sent; status 502, and no JSON of Telegram's", answer=Answer(502)),
    "timeout": TIMEOUT,
    "slow": SLOW,
    "sent-but-error": Fault("Sent, and yet status 500", processes=True, answer=INTERNAL.answer()),
    "sent-but-dropped": SENT_BUT_DROPPED,
    "429": Fault(
        f"Nothing is sent; too many calls, pause {SHORT_PAUSE} s",
        answer=too_many(SHORT_PAUSE).answer(),
    ),
    "429-long": Fault(
        f"Nothing is sent; too many calls, pause {LONG_PAUSE} s",
        answer=too_many(LONG_PAUSE).answer(),
    ),
    "401": Fault("Nothing is sent; the token was withdrawn", answer=WITHDRAWN_TOKEN.answer()),
    "404": Fault("Nothing is sent; Telegram knows no such bot", answer=NO_BOT.answer()),
    "403": Fault("Nothing is sent; the person blocked the bot", answer=BLOCKED.answer()),
    "403-gone": Fault(
        "Nothing is sent; the person's account is no more", answer=DEACTIVATED.answer()
    ),
    "400": Fault("Nothing is sent; Telegram knows no such chat", answer=CHAT_NOT_FOUND.answer()),
    "400-migrated": Fault(
        "Nothing is sent; the chat has become another one", answer=MIGRATED.answer()
    ),
}
"""What can go wrong, by the name to ask for it."""
