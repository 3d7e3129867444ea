"""Commands around the gateway: talk to it as if through a messaging platform.

``python -m bot simulate messenger --webhook ADDRESS`` plays Messenger on this machine;
docs/simulator.md tells how.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from bot.simulator.messenger import MessengerStandIn
from bot.simulator.messenger_chat import MessengerChat
from bot.simulator.messenger_conformance import Patience, examine
from bot.simulator.messenger_graph import Account
from bot.simulator.terminal import ANSWER_SECONDS, Chat

WEBHOOK = "http://127.0.0.1:8000/webhooks/messenger"
PORT = 8899
VERSION = "v25.0"
VERIFY_EVERY_SECONDS = 1.0

Command = Callable[[argparse.Namespace], int]


def simulate_messenger(args: argparse.Namespace) -> int:
    """Play Messenger: verify the webhook, then send what is typed and show what comes back."""
    account = _account(args)
    messenger = MessengerStandIn(
        args.webhook, account, port=args.port, seed=args.seed, receipts=not args.no_receipts
    )
    with messenger:
        _tell_settings(account, messenger.url)
        problem = _verified_within(messenger, args.wait)
        if problem:
            print(problem, file=sys.stderr)
            return 1
        if args.check:
            return _examine(messenger, Patience(args.seconds, args.silence))
        is_interactive = sys.stdin.isatty()
        if is_interactive:
            print("The webhook is verified. Type a message; /help lists what else there is.")
        chat = Chat(
            MessengerChat(messenger),
            sys.stdout,
            is_interactive=is_interactive,
            seconds=args.seconds,
        )
        return chat.run(sys.stdin)


def _examine(messenger: MessengerStandIn, patience: Patience) -> int:
    """Print what was found at each point; return 1 where something was wrong."""
    exit_code = 0
    for found in examine(messenger, patience):
        print(f"{'FAILED' if found.problem else 'ok    '}  {found.point}")
        if found.problem:
            print(f"        {found.problem}")
            exit_code = 1
    return exit_code


def _account(args: argparse.Namespace) -> Account:
    """Return the account with the secrets that were given, made up where none was."""
    given = {
        name: getattr(args, name)
        for name in ("app_secret", "verify_token", "page_token")
        if getattr(args, name)
    }
    return replace(Account(), **given)


def _tell_settings(account: Account, url: str) -> None:
    settings = {
        "APP_SECRET": account.app_secret,
        "VERIFY_TOKEN": account.verify_token,
        "PAGE_TOKEN": account.page_token,
        "API_URL": f"{url}/{VERSION}",
    }
    print("Start Citewell with these settings; they are the same each time:", file=sys.stderr)
    for name, value in settings.items():
        print(f"  CITEWELL_MESSENGER_{name}={value}", file=sys.stderr)


def _verified_within(messenger: MessengerStandIn, seconds: float) -> str:
    """Verify the webhook, again and again until a time is over; return what is wrong, if it is."""
    end = time.monotonic() + seconds
    while (problem := messenger.verify()) and time.monotonic() < end:
        time.sleep(VERIFY_EVERY_SECONDS)
    return problem


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(prog="python -m bot", description=__doc__.split("\n")[0])
    commands = root.add_subparsers(dest="command", required=True)
    simulate = commands.add_parser("simulate", help="talk to the bot through a stand-in")
    platforms = simulate.add_subparsers(dest="platform", required=True)
    help_text = (simulate_messenger.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("messenger", help=help_text, description=help_text)
    one.set_defaults(run=simulate_messenger)
    one.add_argument("--webhook", default=WEBHOOK, help=f"address of the bot's webhook ({WEBHOOK})")
    one.add_argument("--port", type=int, default=PORT, help=f"port of the Graph API ({PORT})")
    one.add_argument(
        "--check", action="store_true", help="do not talk: try what goes wrong, point by point"
    )
    one.add_argument("--wait", type=float, default=0, help="seconds to wait for the bot to start")
    one.add_argument(
        "--seconds", type=float, default=ANSWER_SECONDS, help="seconds an answer may take"
    )
    one.add_argument(
        "--silence",
        type=float,
        default=Patience.silence,
        help="seconds that --check waits for what should not come",
    )
    one.add_argument("--seed", type=int, default=0, help="decides what goes wrong by chance")
    one.add_argument(
        "--no-receipts", action="store_true", help="send no echo, delivery and read events"
    )
    for name in ("--app-secret", "--verify-token", "--page-token"):
        one.add_argument(name, help="instead of the one that is made up")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    args = parser().parse_args(arguments)
    run: Command = args.run
    try:
        return run(args)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
    except OSError as error:
        print(f"Port {args.port} cannot be used ({error.strerror}).", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
