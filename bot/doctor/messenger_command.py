"""``python -m bot doctor messenger``: what is wrong with Messenger here, and what to do."""

from __future__ import annotations

import argparse
import os
import sys

from bot.channels.messenger.profile_command import profile_of
from bot.doctor.findings import examine, report
from bot.doctor.messenger import MessengerDoctor


def examine_messenger(args: argparse.Namespace) -> int:
    """Look at settings, processes, address, token, webhook and profile; say what to do."""
    doctor = MessengerDoctor(os.environ, profile_of, args.address)
    try:
        return report(examine(doctor.checks()), sys.stdout, as_json=args.json)
    finally:
        doctor.close()


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``messenger`` to the platforms that can be examined."""
    help_text = (examine_messenger.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("messenger", help=help_text, description=help_text)
    one.set_defaults(run=examine_messenger)
    one.add_argument(
        "--address",
        default="",
        help="where the internet reaches this installation; as set, or as Meta knows it",
    )
    one.add_argument("--json", action="store_true", help="one JSON object, for machines")
