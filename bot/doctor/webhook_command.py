"""``python -m bot doctor webhook``: what is wrong with the generic webhook, and what to do."""

from __future__ import annotations

import argparse
import os

from bot.doctor.command import add_platform, told
from bot.doctor.webhook import WebhookDoctor


def examine_webhook(args: argparse.Namespace) -> int:
    """Look at settings, processes, both addresses and signatures; say what to do."""
    return told(WebhookDoctor(os.environ, args.address, ping=args.ping), as_json=args.json)


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``webhook`` to the platforms that can be examined."""
    add_platform(
        platforms,
        "webhook",
        examine_webhook,
        "where your program reaches this installation; else as set",
        ping="post a signed ping to where replies go",
    )
