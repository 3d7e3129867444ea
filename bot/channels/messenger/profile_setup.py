"""Write the profile of a Page at Meta: look first, show, keep what was there, write, read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from bot.channels.graph import Graph, GraphProblem
from bot.channels.messenger.profile import (
    PROPERTIES,
    ProfileError,
    Properties,
    difference,
    differing,
    read_properties,
)

EDGE = "me/messenger_profile"
PREFIX = "messenger-profile-"


@dataclass(frozen=True)
class Page:
    """The Page that a token is of."""

    id: str
    name: str


def read_page(graph: Graph) -> Page:
    """Return the Page that the token is of.

    Raises:
        GraphProblem: Meta does not tell.
    """
    body = graph.get("me", fields="id,name").body
    return Page(str(body.get("id", "")), str(body.get("name", "")))


def read_profile(graph: Graph) -> Properties:
    """Return the profile as it is.

    Raises:
        GraphProblem: Meta does not tell.
    """
    return read_properties(graph.get(EDGE, fields=",".join(PROPERTIES)).body.get("data"))


class ProfileSetup:
    """Brings the profile of one Page to what is wanted, and tells what it does."""

    def __init__(
        self,
        graph: Graph,
        folder: Path,
        out: TextIO,
        ask: Callable[[], bool],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare.

        Args:
            graph: calls with the Page's token.
            folder: where to keep what was there before.
            out: where to tell.
            ask: asks whether to write.
            clock: tells the time.
        """
        self._graph, self._folder, self._out = graph, folder, out
        self._ask, self._clock = ask, clock

    def bring_to(self, wanted: Properties, *, only: str = "") -> int:
        """Write what differs; return the exit code.

        Args:
            wanted: the properties that should be set; others of ours are deleted.
            only: id of the Page that this is for; "" for whatever Page the token is of.

        Raises:
            GraphProblem: Meta could not be asked, or did not take it.
            ProfileError: the token is of another Page, or the old profile could not be kept.
        """
        page = read_page(self._graph)
        if only and page.id != only:
            raise ProfileError(f"This was kept of Page {only}, but the token is of {page.id}.")
        self._say(f"Page: {page.name} ({page.id})")
        current = read_profile(self._graph)
        names = differing(current, wanted)
        if not names:
            self._say("Nothing to change: the profile is as it should be.")
            return 0
        for name in names:
            self._say(f"\n{difference(name, current, wanted)}")
        self._warn_of_ice_breakers(wanted)
        if not self._ask():
            self._say("Nothing was written.")
            return 1
        kept = self._keep(page, current)
        self._say(f"What was there is kept in {kept}. To put it back:")
        self._say(f"  .venv/bin/python -m bot setup messenger --restore {kept}")
        try:
            self._write(names, wanted)
            return self._read_back(wanted)
        except GraphProblem:
            self._say("Perhaps not all was written. Run this again: it shows what is left.")
            raise

    def _write(self, names: list[str], wanted: Properties) -> None:
        """Set what is wanted first, because the menu needs Get Started; then delete the rest."""
        changed = {name: wanted[name] for name in names if name in wanted}
        gone = [name for name in names if name not in wanted]
        if changed:
            self._graph.post(EDGE, changed)
            self._say(f"Written: {', '.join(changed)}.")
        if gone:
            self._graph.delete(EDGE, {"fields": gone})
            self._say(f"Deleted: {', '.join(gone)}.")

    def _read_back(self, wanted: Properties) -> int:
        found = read_profile(self._graph)
        names = differing(found, wanted)
        if names:
            self._say("Meta took it, and yet tells something else when it is read:")
            for name in names:
                self._say(f"\n{difference(name, found, wanted)}")
            self._say("\nWait a minute and run this again; it shows what is left to change.")
            return 1
        self._say("Read back: the profile is as it should be.")
        if wanted:
            self._say(
                "Next: open the Page in Messenger as somebody who never wrote to it, and look at "
                "the greeting and the menu.\nA chat that is open shows a new menu after it is "
                "opened again. Then: .venv/bin/python -m bot doctor messenger"
            )
        return 0

    def _warn_of_ice_breakers(self, wanted: Mapping[str, Any]) -> None:
        if "ice_breakers" in wanted and "get_started" in wanted:
            self._say(
                "\nIce breakers beat Get Started: somebody new sees these questions instead of the "
                "button. Without them: --without ice_breakers"
            )

    def _keep(self, page: Page, current: Properties) -> Path:
        """Write what is there to a file of its own.

        Raises:
            ProfileError: it cannot be written.
        """
        at = f"{self._clock():%Y%m%dT%H%M%S%f}"
        file = self._folder / f"{PREFIX}{at}.json"
        content = {"page_id": page.id, "kept_at": self._clock().isoformat(), "profile": current}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
        except OSError as error:
            raise ProfileError(
                f"{file} cannot be written ({error.strerror}), so nothing was changed at Meta: the "
                "profile that is there would be lost."
            ) from error
        return file

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


def read_kept(file: Path) -> tuple[str, Properties]:
    """Return the Page's id and the profile that a file keeps.

    Raises:
        ProfileError: it cannot be read, or is no such file.
    """
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"{file} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ProfileError(f"{file} is no JSON.") from error
    profile = content.get("profile") if isinstance(content, dict) else None
    page_id = content.get("page_id") if isinstance(content, dict) else None
    if (
        not isinstance(profile, dict)
        or not isinstance(page_id, str)
        or set(profile) - set(PROPERTIES)
    ):
        raise ProfileError(f"{file} is no profile that `setup messenger` kept.")
    return page_id, profile


def explained(problem: GraphProblem) -> str:
    """Return what helps against a refusal of a profile, or "" where nothing special does."""
    text = str(problem)
    if problem.code == 100 and "Get Started" in text:
        return "A menu needs Get Started: run this without `--without get_started`."
    if problem.code in {100, 105}:
        return (
            "Meta did not like a value; its sentence names it. The words are in "
            "bot/channels/messenger/profile_words/. What Meta did not take was not changed."
        )
    return ""
