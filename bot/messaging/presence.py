"""Which processes work on inbox and outbox, and which of them died, as far as this machine knows.

Each process keeps a file locked as long as it lives. However it ends, the system lets go of the
file; so whoever can lock it knows that its process is dead, without a guess from any clock. Of
processes on other machines nothing is known here: their claims end by themselves.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import secrets
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

SUFFIX = ".lock"


class Presence:
    """This process, as the others of its machine see it.

    Attributes:
        name: stands for it in the claims that it makes; no other process ever has the same.
    """

    def __init__(self, folder: Path) -> None:
        """Show that this process lives, until it ends.

        Args:
            folder: where the processes of one store show themselves.

        Raises:
            OSError: nothing can be written there.
        """
        self._folder = folder
        self._machine = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
        self.name = f"{self._machine}-{secrets.token_hex(8)}"
        folder.mkdir(parents=True, exist_ok=True)
        # Locked before it has its name: nobody ever sees it unlocked while this process lives.
        unfinished = folder / f"{self.name}.new"
        self._descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        unfinished.rename(self._file_of(self.name))

    def dead(self) -> list[str]:
        """Return the names of processes of this machine that died and were not forgotten."""
        names = (file.stem for file in self._folder.glob(f"{self._machine}-*{SUFFIX}"))
        return [name for name in names if name != self.name and self._is_dead(name)]

    def forget(self, names: Collection[str]) -> None:
        """Remember dead processes no longer: nothing is claimed by them any more."""
        for name in names:
            with suppress(OSError):  # where nothing can be deleted, they are found dead again
                self._file_of(name).unlink(missing_ok=True)

    def end(self) -> None:
        """Show that this process works no more; it leaves no claims behind."""
        self.forget([self.name])
        os.close(self._descriptor)

    def _is_dead(self, name: str) -> bool:
        with suppress(OSError), self._file_of(name).open("r+") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _file_of(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"
