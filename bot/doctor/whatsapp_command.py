"""``python -m bot doctor whatsapp``: what is wrong with WhatsApp here, and what to do."""

from __future__ import annotations

import argparse
import os
import sys

from bot.doctor.findings import examine, report
from bot.doctor.whatsapp import WhatsAppDoctor


def examine_whatsapp(args: argparse.Namespace) -> int:
    """Look at settings, processes, address, token, number and webhook; say what to do."""
    doctor = WhatsAppDoctor(os.environ, args.address)
    try:
        return report(examine(doctor.checks()), sys.stdout, as_json=args.json)
    finally:
        doctor.close()


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``whatsapp`` to the platforms that can be examined."""
    help_text = (examine_whatsapp.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("whatsapp", help=help_text, description=help_text)
    one.set_defaults(run=examine_whatsapp)
    one.add_argument(
        "--address",
        default="",
        help="where the internet reaches this installation; as set, or as Meta knows it",
    )
    one.add_argument("--json", action="store_true", help="one JSON object, for machines")
