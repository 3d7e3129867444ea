"""``python -m bot doctor webhook``: what is wrong with the generic webhook, and what to do."""

from __future__ import annotations

import argparse
import os
import sys

from bot.doctor.findings import examine, report
from bot.doctor.webhook import WebhookDoctor


def examine_webhook(args: argparse.Namespace) -> int:
    """Look at settings, processes, both addresses and signatures; say what to do."""
    doctor = WebhookDoctor(os.environ, args.address, ping=args.ping)
    try:
        return report(examine(doctor.checks()), sys.stdout, as_json=args.json)
    finally:
        doctor.close()


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``webhook`` to the platforms that can be examined."""
    help_text = (examine_webhook.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("webhook", help=help_text, description=help_text)
    one.set_defaults(run=examine_webhook)
    one.add_argument(
        "--address", default="", help="where your program reaches this installation; else as set"
    )
    one.add_argument("--ping", action="store_true", help="post a signed ping to where replies go")
    one.add_argument("--json", action="store_true", help="one JSON object, for machines")
