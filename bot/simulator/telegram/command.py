"""``python -m bot simulate telegram``: talk to the bot as if through Telegram."""

from __future__ import annotations

import argparse
from dataclasses import replace

from bot.simulator.shared_command import add_platform, add_secrets, play, secrets_in
from bot.simulator.stand_in import Listening
from bot.simulator.telegram.account import Account
from bot.simulator.telegram.chat import TelegramChat
from bot.simulator.telegram.conformance import examine
from bot.simulator.telegram.stand_in import TelegramStandIn

WEBHOOK = "http://127.0.0.1:8000/webhooks/telegram"
PORT = 8901
GIVEN = ("bot_token", "webhook_secret")


def simulate_telegram(args: argparse.Namespace) -> int:
    """Play Telegram: try the webhook, then send what is typed and show what comes back."""
    account = replace(Account(), **secrets_in(args, GIVEN))
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
    one = add_platform(platforms, "telegram", simulate_telegram, WEBHOOK, PORT)
    add_secrets(one, GIVEN)
