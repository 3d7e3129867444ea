"""``python -m bot doctor telegram``: what is wrong with Telegram here, and what to do."""

from __future__ import annotations

import argparse
import os

from bot.doctor.command import OF_INTERNET, add_platform, told
from bot.doctor.telegram import TelegramDoctor


def examine_telegram(args: argparse.Namespace) -> int:
    """Look at settings, processes, address, token, webhook and words; say what to do."""
    return told(TelegramDoctor(os.environ, args.address), as_json=args.json)


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``telegram`` to the platforms that can be examined."""
    add_platform(platforms, "telegram", examine_telegram, OF_INTERNET.format("Telegram"))
