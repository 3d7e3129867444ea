"""What the commands of ``python -m bot doctor`` have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from bot.doctor.findings import examine, report
from bot.doctor.platform import PlatformDoctor

OF_INTERNET = "where the internet reaches this installation; as set, or as {} knows it"
"""What ``--address`` is for where a platform calls."""


def told(doctor: PlatformDoctor, *, as_json: bool) -> int:
    """Write what a doctor finds, and return the exit code."""
    try:
        return report(examine(doctor.checks()), sys.stdout, as_json=as_json)
    finally:
        doctor.close()


def add_platform(
    platforms: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    address_help: str,
    **flags: str,
) -> None:
    """Add a platform to those that can be examined.

    Args:
        platforms: all of them.
        name: of the platform.
        run: examines it; the first line of what documents it is the help.
        address_help: what ``--address`` is for.
        flags: further ones of the platform, and what each is for.
    """
    help_text = (run.__doc__ or "").split("\n")[0]
    one = platforms.add_parser(name, help=help_text, description=help_text)
    one.set_defaults(run=run)
    one.add_argument("--address", default="", help=address_help)
    for flag, flag_help in {**flags, "json": "one JSON object, for machines"}.items():
        one.add_argument(f"--{flag}", action="store_true", help=flag_help)
