"""``python -m bot simulate webhook``: talk to the bot as if in an organisation's own app."""

from __future__ import annotations

import argparse
import sys

from bot.simulator.shared_command import add_platform, play
from bot.simulator.stand_in import Listening
from bot.simulator.webhook.chat import WebhookChat
from bot.simulator.webhook.conformance import examine
from bot.simulator.webhook.stand_in import KEY, WebhookStandIn

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
    one = add_platform(platforms, "webhook", simulate_webhook, WEBHOOK, PORT)
    one.add_argument("--key", default=KEY, help="instead of the one that is made up")
