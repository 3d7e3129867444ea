"""Commands around messaging platforms: play one on this machine, examine one, set one up.

Each is about one platform, such as ``python -m bot doctor messenger``. docs/messaging.md tells of
the platforms, docs/simulator.md how one is played.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from bot.channels.messenger import profile_command as set_up_messenger
from bot.channels.telegram import setup_command as set_up_telegram
from bot.doctor import messenger_command as examine_messenger
from bot.doctor import telegram_command as examine_telegram
from bot.doctor import webhook_command as examine_webhook
from bot.doctor import whatsapp_command as examine_whatsapp
from bot.simulator.messenger import command as simulate_messenger
from bot.simulator.server import PortTaken
from bot.simulator.telegram import command as simulate_telegram
from bot.simulator.webhook import command as simulate_webhook
from bot.simulator.whatsapp import command as simulate_whatsapp

INTERRUPTED = 130
"""Exit code of what Ctrl-C ended, as shells have it."""
Run = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Command:
    """What can be done with a platform.

    Attributes:
        help: what it does.
        platforms: a module for each platform, which adds its own part with ``add_to``.
    """

    help: str
    platforms: Sequence[ModuleType]


COMMANDS: Mapping[str, Command] = {
    "simulate": Command(
        "talk to the bot through a stand-in",
        (simulate_messenger, simulate_whatsapp, simulate_telegram, simulate_webhook),
    ),
    "doctor": Command(
        "find out what is wrong with how a platform is set up",
        (
            examine_messenger,
            examine_whatsapp,
            examine_telegram,
            examine_webhook,
        ),
    ),
    "setup": Command(
        "write at a platform what people see there beside the chat",
        (
            set_up_messenger,
            set_up_telegram,
        ),
    ),
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(prog="python -m bot", description=__doc__.split("\n")[0])
    commands = root.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.help)
        platforms = one.add_subparsers(dest="platform", required=True)
        for module in command.platforms:
            module.add_to(platforms)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    args = parser().parse_args(arguments)
    run: Run = args.run
    try:
        return run(args)
    except KeyboardInterrupt:  # the way to leave a conversation; anything else was cut short
        return 0 if args.command == "simulate" else INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
    except PortTaken as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
