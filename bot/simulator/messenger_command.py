"""``python -m bot simulate messenger``: talk to the bot as if through Messenger."""

from __future__ import annotations

import argparse
from dataclasses import replace

from bot.simulator.messenger import MessengerStandIn
from bot.simulator.messenger_account import Account
from bot.simulator.messenger_chat import MessengerChat
from bot.simulator.messenger_conformance import examine
from bot.simulator.shared_command import add_options, play

WEBHOOK = "http://127.0.0.1:8000/webhooks/messenger"
PORT = 8899
VERSION = "v25.0"
GIVEN = ("app_secret", "verify_token", "page_token")


def simulate_messenger(args: argparse.Namespace) -> int:
    """Play Messenger: verify the webhook, then send what is typed and show what comes back."""
    given = {name: getattr(args, name) for name in GIVEN if getattr(args, name)}
    account = replace(Account(), **given)
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
    help_text = (simulate_messenger.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("messenger", help=help_text, description=help_text)
    one.set_defaults(run=simulate_messenger)
    add_options(one, WEBHOOK, PORT)
    one.add_argument(
        "--no-receipts", action="store_true", help="send no echo, delivery and read events"
    )
    for name in GIVEN:
        option = f"--{name.replace('_', '-')}"
        one.add_argument(option, help="instead of the one that is made up")
