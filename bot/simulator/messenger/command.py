"""``python -m bot simulate messenger``: talk to the bot as if through Messenger."""

from __future__ import annotations

import argparse
from dataclasses import replace

from bot.simulator.messenger.account import Account
from bot.simulator.messenger.chat import MessengerChat
from bot.simulator.messenger.conformance import examine
from bot.simulator.messenger.stand_in import MessengerStandIn
from bot.simulator.meta.graph import VERSION
from bot.simulator.shared_command import add_platform, add_secrets, play, secrets_in

WEBHOOK = "http://127.0.0.1:8000/webhooks/messenger"
PORT = 8899
GIVEN = ("app_secret", "verify_token", "page_token")


def simulate_messenger(args: argparse.Namespace) -> int:
    """Play Messenger: verify the webhook, then send what is typed and show what comes back."""
    account = replace(Account(), **secrets_in(args, GIVEN))
    messenger = MessengerStandIn(
        args.webhook, account, port=args.port, seed=args.seed, receipts=not args.no_receipts
    )
    with messenger:
        settings = {
            "CITEWELL_MESSENGER_APP_SECRET": account.app_secret,
            "CITEWELL_MESSENGER_VERIFY_TOKEN": account.verify_token,
            "CITEWELL_MESSENGER_PAGE_TOKEN": account.page_token,
            "CITEWELL_MESSENGER_API_URL": f"{messenger.url}/{VERSION}",
        }
        return play(
            messenger,
            settings,
            lambda: MessengerChat(messenger),
            lambda patience: examine(messenger, patience),
            args,
        )


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``messenger`` to the platforms that can be simulated."""
    one = add_platform(platforms, "messenger", simulate_messenger, WEBHOOK, PORT)
    one.add_argument(
        "--no-receipts", action="store_true", help="send no echo, delivery and read events"
    )
    add_secrets(one, GIVEN)
