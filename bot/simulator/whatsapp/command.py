"""``python -m bot simulate whatsapp``: talk to the bot as if through WhatsApp."""

from __future__ import annotations

import argparse
from dataclasses import replace

from bot.simulator.meta.graph import VERSION
from bot.simulator.shared_command import add_platform, add_secrets, play, secrets_in
from bot.simulator.whatsapp.account import WhatsAppAccount
from bot.simulator.whatsapp.chat import WhatsAppChat
from bot.simulator.whatsapp.conformance import examine
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn

WEBHOOK = "http://127.0.0.1:8000/webhooks/whatsapp"
PORT = 8900
GIVEN = ("app_secret", "verify_token", "access_token", "phone_number_id")


def simulate_whatsapp(args: argparse.Namespace) -> int:
    """Play WhatsApp: verify the webhook, then send what is typed and show what comes back."""
    account = replace(WhatsAppAccount(), **secrets_in(args, GIVEN))
    whatsapp = WhatsAppStandIn(
        args.webhook, account, port=args.port, seed=args.seed, receipts=not args.no_receipts
    )
    with whatsapp:
        settings = {
            "CITEWELL_WHATSAPP_APP_SECRET": account.app_secret,
            "CITEWELL_WHATSAPP_VERIFY_TOKEN": account.verify_token,
            "CITEWELL_WHATSAPP_ACCESS_TOKEN": account.access_token,
            "CITEWELL_WHATSAPP_PHONE_NUMBER_ID": account.phone_number_id,
            "CITEWELL_WHATSAPP_API_URL": f"{whatsapp.url}/{VERSION}",
        }
        return play(
            whatsapp,
            settings,
            lambda: WhatsAppChat(whatsapp, has_user_name=args.user_name),
            lambda patience: examine(whatsapp, patience),
            args,
        )


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``whatsapp`` to the platforms that can be simulated."""
    one = add_platform(platforms, "whatsapp", simulate_whatsapp, WEBHOOK, PORT)
    one.add_argument(
        "--no-receipts", action="store_true", help="send no sent, delivered and read events"
    )
    one.add_argument(
        "--user-name", action="store_true", help="be somebody who shows a user name and no number"
    )
    add_secrets(one, GIVEN)
