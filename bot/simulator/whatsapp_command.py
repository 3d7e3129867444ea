"""``python -m bot simulate whatsapp``: talk to the bot as if through WhatsApp."""

from __future__ import annotations

import argparse
from dataclasses import replace

from bot.simulator.shared_command import add_options, play
from bot.simulator.whatsapp import WhatsAppStandIn
from bot.simulator.whatsapp_account import WhatsAppAccount
from bot.simulator.whatsapp_chat import WhatsAppChat
from bot.simulator.whatsapp_conformance import examine

WEBHOOK = "http://127.0.0.1:8000/webhooks/whatsapp"
PORT = 8900
VERSION = "v25.0"
GIVEN = ("app_secret", "verify_token", "access_token", "phone_number_id")


def simulate_whatsapp(args: argparse.Namespace) -> int:
    """Play WhatsApp: verify the webhook, then send what is typed and show what comes back."""
    given = {name: getattr(args, name) for name in GIVEN if getattr(args, name)}
    account = replace(WhatsAppAccount(), **given)
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
    help_text = (simulate_whatsapp.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("whatsapp", help=help_text, description=help_text)
    one.set_defaults(run=simulate_whatsapp)
    add_options(one, WEBHOOK, PORT)
    one.add_argument(
        "--no-receipts", action="store_true", help="send no sent, delivered and read events"
    )
    one.add_argument(
        "--user-name", action="store_true", help="be somebody who shows a user name and no number"
    )
    for name in GIVEN:
        option = f"--{name.replace('_', '-')}"
        one.add_argument(option, help="instead of the one that is made up")
