"""``python -m bot doctor whatsapp``: what is wrong with WhatsApp here, and what to do."""

from __future__ import annotations

import argparse
import os

from bot.doctor.command import OF_INTERNET, add_platform, told
from bot.doctor.whatsapp import WhatsAppDoctor


def examine_whatsapp(args: argparse.Namespace) -> int:
    """Look at settings, processes, address, token, number and webhook; say what to do."""
    return told(WhatsAppDoctor(os.environ, args.address), as_json=args.json)


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``whatsapp`` to the platforms that can be examined."""
    add_platform(platforms, "whatsapp", examine_whatsapp, OF_INTERNET.format("Meta"))
