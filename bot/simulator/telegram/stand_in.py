"""A stand-in of Telegram on this machine: its side of the webhook, and its Bot API.

As far as public pages tell; docs/simulator.md says what is not known. It keeps a transcript and
goes wrong on demand::

    with TelegramStandIn("http://127.0.0.1:8000/webhooks/telegram") as telegram:
        update = telegram.write.text(telegram.new_person(), "What is flu?")
        telegram.send(update)
        telegram.transcript.wait_for_answer(update.key, 15)
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from bot.simulator.delivery import Attempt
from bot.simulator.misbehaviour import Answer, Fault
from bot.simulator.server import Call
from bot.simulator.stand_in import Listening, StandIn
from bot.simulator.telegram.account import Account
from bot.simulator.telegram.bot_api import TelegramBotApi, WebhookState, kind_of
from bot.simulator.telegram.faults import FAULTS
from bot.simulator.telegram.updates import Update, UpdateWriter
from bot.simulator.transcript import Sent

FIRST_PERSON = 5_000_000_001
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
ASKED_FOR = frozenset({"message", "callback_query", "message_reaction"})


class TelegramStandIn(StandIn[Update]):
    """The platform.

    Attributes:
        account: the bot, its token, the secret of its webhook.
        bot_api: the state behind the Bot API: chats, webhook, profile.
        write: writes updates.
    """

    write: UpdateWriter

    def __init__(
        self,
        webhook_url: str,
        account: Account | None = None,
        listening: Listening | None = None,
        faults: Mapping[str, Fault] = FAULTS,
    ) -> None:
        """Begin to listen, and answer after ``start``.

        The webhook is set already, to the address and with the secret of the account.

        Args:
            webhook_url: where the bot takes updates; they go there whatever the bot sets, as they
                would through a proxy in front of it.
            account: the bot; made up by default.
            listening: where, and how.
            faults: what can go wrong, by name.

        Raises:
            PortTaken: the port cannot be used.
        """
        self.account = account or Account()
        listening = listening or Listening()
        super().__init__(webhook_url, faults, listening)
        webhook = WebhookState(webhook_url, self.account.webhook_secret, ASKED_FOR)
        self.bot_api = TelegramBotApi(self.account, self.transcript, listening.clock, webhook)
        self.write = UpdateWriter(self.account.user(), listening.clock)
        self._people = count(FIRST_PERSON)

    def headers(self, body: bytes) -> Mapping[str, str]:
        """Return the headers of a delivery: Telegram signs nothing, it sends the secret along."""
        secret = self.bot_api.webhook.secret
        return {"Content-Type": "application/json", **({SECRET_HEADER: secret} if secret else {})}

    def respond(self, call: Call) -> Answer:
        """Answer a call of the Bot API."""
        return self.bot_api.answer(call)

    def kind_of(self, call: Call) -> str:
        """Return the kind of a call."""
        return kind_of(call)

    def new_person(self) -> str:
        """Return the id of somebody who does not know the bot yet."""
        return str(next(self._people))

    def verify(self) -> str:
        """Try whether the webhook is there and knows the secret, with an update that means nothing.

        Telegram itself tries nothing before the first update.

        Returns:
            What is wrong, as a sentence; empty where all is well.
        """
        body = self.write.unknown(self.new_person()).body()
        status = self.webhook.attempt(body, self.headers(body)).status
        return self.problem_of(
            status,
            "an update",
            "The webhook refused the secret: the bot was started with another one.",
        )

    def forge(self, update: Update, secret: str | None) -> Attempt:
        """Deliver an update as somebody who is not Telegram: with another secret, or with none."""
        headers = {"Content-Type": "application/json"}
        if secret is not None:
            headers[SECRET_HEADER] = secret
        return self.webhook.attempt(update.body(), headers)

    def send(
        self, *updates: Update, copies: int = 1, escaped: bool = True, unasked: bool = False
    ) -> tuple[Attempt, ...]:
        r"""Let things happen: deliver updates to the webhook in the order given, one by one.

        Args:
            updates: what happened; hand them over out of order to deliver them so.
            copies: how often each delivery is made, whatever is answered.
            escaped: write other letters than ASCII as ``\u00e6``.
            unasked: deliver also what the bot did not ask for, as happens for a short while after
                it changed what it asks for.

        Returns:
            Every attempt, also those that were repeated because no 200 came.
        """
        attempts: list[Attempt] = []
        for update in updates:
            self.note(update)
            webhook = self.bot_api.webhook
            is_wanted = unasked or update.kind in webhook.updates
            for _ in range(copies if webhook.url and is_wanted else 0):
                made = self.webhook.deliver(update.body(escaped=escaped))
                if not made[-1].is_acknowledged:
                    self.bot_api.not_delivered(made[-1].problem)
                attempts += made
        return tuple(attempts)

    def note(self, update: Update) -> None:
        """Keep what a person did, and let the bot write to them; ``send`` does so by itself."""
        is_tap = update.kind == "callback_query"
        self.bot_api.heard_from(update.person, update.part["id"] if is_tap else "")
        self.transcript.said(update.person, update.key, update.kind, update.text)

    def sent(self, person: str, number: str) -> dict[str, Any]:
        """Return a message of the bot as Telegram shows it with a tap.

        Raises:
            KeyError: there is none of that number in the chat.
        """
        for line in self.transcript.lines():
            if isinstance(line, Sent) and (line.person, line.mid) == (person, number):
                frame = {
                    "message_id": int(number),
                    "from": self.account.user(),
                    "date": int(line.at),
                }
                return {**frame, **line.message}
        raise KeyError(number)
