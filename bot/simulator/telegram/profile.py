"""What a bot on Telegram tells of itself: its commands and descriptions, per language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.telegram.checks import (
    DESCRIPTION,
    SHORT_DESCRIPTION,
    check_commands,
    check_language,
    check_words,
)

Method = Callable[[Mapping[str, Any]], Any]


class TelegramProfile:
    """Commands and descriptions, empty at first.

    Attributes:
        commands: per scope and language.
        texts: per field and language.
    """

    def __init__(self) -> None:
        self.commands: dict[tuple[str, str], list[Any]] = {}
        self.texts: dict[tuple[str, str], str] = {}

    @property
    def methods(self) -> dict[str, Method]:
        """The calls, by their names in lowercase."""
        return {
            "setmycommands": self._set_commands,
            "getmycommands": self._get_commands,
            "deletemycommands": self._delete_commands,
            "setmydescription": lambda body: self._set_text(body, "description", DESCRIPTION),
            "getmydescription": lambda body: self._get_text(body, "description"),
            "setmyshortdescription": lambda body: self._set_text(
                body, "short_description", SHORT_DESCRIPTION
            ),
            "getmyshortdescription": lambda body: self._get_text(body, "short_description"),
        }

    def _set_commands(self, body: Mapping[str, Any]) -> bool:
        check_commands(body)
        self.commands[_place(body)] = list(body["commands"])
        return True

    def _get_commands(self, body: Mapping[str, Any]) -> list[Any]:
        check_language(body)
        return self.commands.get(_place(body), [])

    def _delete_commands(self, body: Mapping[str, Any]) -> bool:
        check_language(body)
        self.commands.pop(_place(body), None)
        return True

    def _set_text(self, body: Mapping[str, Any], key: str, limit: int) -> bool:
        check_words(body, key, limit)
        self.texts[key, body.get("language_code", "")] = body.get(key, "")
        return True

    def _get_text(self, body: Mapping[str, Any], key: str) -> dict[str, str]:
        check_language(body)
        return {key: self.texts.get((key, body.get("language_code", "")), "")}


def _place(body: Mapping[str, Any]) -> tuple[str, str]:
    scope = body.get("scope", {"type": "default"})
    return json.dumps(scope, sort_keys=True), body.get("language_code", "")
