"""``python -m bot simulate webhook``: talk to the bot as if in an organisation's own app."""

from __future__ import annotations

import argparse
import sys

from bot.simulator.shared_command import add_options, play
from bot.simulator.stand_in import Listening
from bot.simulator.webhook import KEY, WebhookStandIn
from bot.simulator.webhook_chat import WebhookChat
from bot.simulator.webhook_conformance import examine

WEBHOOK = "http://127.0.0.1:8000/webhooks/generic"
PORT = 8902


def simulate_webhook(args: argparse.Namespace) -> int:
    """Play an app behind the generic webhook: send what is typed and show what is posted."""
    try:
        app = WebhookStandIn(args.webhook, args.key, Listening(port=args.port, seed=args.seed))
    except ValueError as error:
        print(f"--key: {error}", file=sys.stderr)
        return 1
    settings = {
        "CITEWELL_WEBHOOK_SECRET": app.key.written,
        "CITEWELL_WEBHOOK_REPLY_URL": app.reply_url,
    }
    with app:
        return play(
            app,
            settings,
            lambda: WebhookChat(app),
            lambda patience: examine(app, patience),
            args,
        )


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``webhook`` to the platforms that can be simulated."""
    help_text = (simulate_webhook.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("webhook", help=help_text, description=help_text)
    one.set_defaults(run=simulate_webhook)
    add_options(one, WEBHOOK, PORT)
    one.add_argument("--key", default=KEY, help="instead of the one that is made up")
