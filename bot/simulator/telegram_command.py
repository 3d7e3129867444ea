"""``python -m bot simulate telegram``: talk to the bot as if through Telegram."""

from __future__ import annotations

import argparse
from dataclasses import replace

from bot.simulator.shared_command import add_options, play
from bot.simulator.stand_in import Listening
from bot.simulator.telegram import TelegramStandIn
from bot.simulator.telegram_account import Account
from bot.simulator.telegram_chat import TelegramChat
from bot.simulator.telegram_conformance import examine

WEBHOOK = "http://127.0.0.1:8000/webhooks/telegram"
PORT = 8901


def simulate_telegram(args: argparse.Namespace) -> int:
    """Play Telegram: try the webhook, then send what is typed and show what comes back."""
    given = {
        name: getattr(args, name) for name in ("bot_token", "webhook_secret") if getattr(args, name)
    }
    account = replace(Account(), **given)
    with TelegramStandIn(args.webhook, account, Listening(args.port, args.seed)) as telegram:
        settings = {
            "CITEWELL_TELEGRAM_BOT_TOKEN": account.bot_token,
            "CITEWELL_TELEGRAM_WEBHOOK_SECRET": account.webhook_secret,
            "CITEWELL_TELEGRAM_API_URL": telegram.url,
        }
        return play(
            telegram,
            settings,
            lambda: TelegramChat(telegram),
            lambda patience: examine(telegram, patience),
            args,
        )


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``telegram`` to the platforms that can be simulated."""
    help_text = (simulate_telegram.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("telegram", help=help_text, description=help_text)
    one.set_defaults(run=simulate_telegram)
    add_options(one, WEBHOOK, PORT)
    for name in ("--bot-token", "--webhook-secret"):
        one.add_argument(name, help="instead of the one that is made up")
