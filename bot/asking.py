"""Ask whoever sits at the terminal whether to go on."""

from __future__ import annotations

import sys
from collections.abc import Callable

YES = {"y", "yes"}


def asking(*, assume_yes: bool) -> Callable[[], bool]:
    """Return what asks whether to write; where nobody can be asked, the answer is no.

    Args:
        assume_yes: do not ask; the answer is yes.
    """

    def ask() -> bool:
        if assume_yes:
            return True
        if not sys.stdin.isatty():
            sys.stdout.write("\nNobody can be asked here: give --yes to write this.\n")
            return False
        try:
            return input("\nWrite this? [y/N] ").strip().casefold() in YES
        except EOFError:
            return False

    return ask
