"""``python -m bot doctor telegram``: what is wrong with Telegram here, and what to do."""

from __future__ import annotations

import argparse
import os
import sys

from bot.doctor.findings import examine, report
from bot.doctor.telegram import TelegramDoctor


def examine_telegram(args: argparse.Namespace) -> int:
    """Look at settings, processes, address, token, webhook and words; say what to do."""
    doctor = TelegramDoctor(os.environ, args.address)
    try:
        return report(examine(doctor.checks()), sys.stdout, as_json=args.json)
    finally:
        doctor.close()


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``telegram`` to the platforms that can be examined."""
    help_text = (examine_telegram.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("telegram", help=help_text, description=help_text)
    one.set_defaults(run=examine_telegram)
    one.add_argument(
        "--address",
        default="",
        help="where the internet reaches this installation; as set, or as Telegram knows it",
    )
    one.add_argument("--json", action="store_true", help="one JSON object, for machines")
