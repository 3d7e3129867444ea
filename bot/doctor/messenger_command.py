"""``python -m bot doctor messenger``: what is wrong with Messenger here, and what to do."""

from __future__ import annotations

import argparse
import os

from bot.channels.messenger.profile_command import profile_of
from bot.doctor.command import OF_INTERNET, add_platform, told
from bot.doctor.messenger import MessengerDoctor


def examine_messenger(args: argparse.Namespace) -> int:
    """Look at settings, processes, address, token, webhook and profile; say what to do."""
    return told(MessengerDoctor(os.environ, profile_of, args.address), as_json=args.json)


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``messenger`` to the platforms that can be examined."""
    add_platform(platforms, "messenger", examine_messenger, OF_INTERNET.format("Meta"))
