"""What ``python -m bot simulate`` does alike for every platform."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.simulator.conformance import Found, Patience
from bot.simulator.stand_in import StandIn
from bot.simulator.terminal import ANSWER_SECONDS, Chat, Platform

VERIFY_EVERY_SECONDS = 1.0


def play(
    standin: StandIn[Any],
    settings: Mapping[str, str],
    chat: Callable[[], Platform],
    examine: Callable[[Patience], Iterable[Found]],
    args: argparse.Namespace,
) -> int:
    """Tell the settings, try the webhook, then talk or examine; return the exit code.

    Args:
        standin: is started.
        settings: what the bot is to be started with.
        chat: makes somebody who talks.
        examine: looks at the bot point by point.
        args: what was asked for, see ``add_platform``.
    """
    print("Start Citewell with these settings; they are the same each time:", file=sys.stderr)
    for name, value in settings.items():
        print(f"  {name}={value}", file=sys.stderr)
    problem = verified_within(standin, args.wait)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    if args.check:
        return tell(examine(Patience(args.seconds, args.silence)))
    is_interactive = sys.stdin.isatty()
    if is_interactive:
        print("The webhook is verified. Type a message; /help lists what else there is.")
    talk = Chat(chat(), sys.stdout, is_interactive=is_interactive, seconds=args.seconds)
    return talk.run(sys.stdin)


def tell(findings: Iterable[Found]) -> int:
    """Print what was found at each point; return 1 where something was wrong."""
    exit_code = 0
    for found in findings:
        print(f"{'FAILED' if found.problem else 'ok    '}  {found.point}", flush=True)
        if found.problem:
            print(f"        {found.problem}")
            exit_code = 1
    return exit_code


def verified_within(standin: StandIn[Any], seconds: float) -> str:
    """Verify the webhook, again and again until a time is over; return what is wrong, if it is."""
    end = time.monotonic() + seconds
    while (problem := standin.verify()) and time.monotonic() < end:
        time.sleep(VERIFY_EVERY_SECONDS)
    return problem


def add_platform(
    platforms: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    webhook: str,
    port: int,
) -> argparse.ArgumentParser:
    """Add a platform that can be simulated, with the options that every one has.

    Args:
        platforms: those there are.
        name: of this one.
        run: plays it; the first line of its documentation is the help.
        webhook: address of the bot's webhook, unless told otherwise.
        port: where the stand-in listens, unless told otherwise.

    Returns:
        Its parser, to which it may add options of its own.
    """
    help_text = (run.__doc__ or "").split("\n")[0]
    one = platforms.add_parser(name, help=help_text, description=help_text)
    one.set_defaults(run=run)
    one.add_argument("--webhook", default=webhook, help=f"address of the bot's webhook ({webhook})")
    one.add_argument("--port", type=int, default=port, help=f"port of the platform's API ({port})")
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
    return one


def add_secrets(one: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add an option for each part of an account that is made up unless it is given."""
    for name in names:
        option = f"--{name.replace('_', '-')}"
        one.add_argument(option, help="instead of the one that is made up")


def secrets_in(args: argparse.Namespace, names: Iterable[str]) -> dict[str, str]:
    """Return what was given of those parts."""
    return {name: getattr(args, name) for name in names if getattr(args, name)}
