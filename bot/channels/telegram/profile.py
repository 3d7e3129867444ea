"""What Telegram should know of the bot: its webhook, its commands, and what it says of itself.

Errors::

    TelegramProblem        Telegram refused a call, or nothing answered
    ReplyFileError         a file of words is broken
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.channels.telegram.calls import Calls
from bot.channels.telegram.events import COMMANDS, READERS, START
from bot.channels.telegram.views import PATH
from bot.rendering.limits import units
from bot.replies import ReplyFileError, read_yaml

FOLDER = Path(__file__).parent / "profile_words"
DESCRIPTION, SHORT_DESCRIPTION, COMMAND_DESCRIPTION = 512, 120, 256
"""Lengths: https://core.telegram.org/bots/api#setmydescription and those beside it."""
ALLOWED_UPDATES = tuple(READERS)
MAX_CONNECTIONS = 16
"""Deliveries at once: half of what the web process can answer at once."""
SECONDS = 15.0
REFUSED = re.compile(r"\b403\b")
"""What Telegram tells of the last delivery where the webhook refused its secret."""
Values = dict[str, Any]
"""What is set at Telegram, by the names under which it is shown."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _within(limit: int) -> AfterValidator:
    def check(text: str) -> str:
        if units(text) > limit:
            raise ValueError(f"has {units(text)} characters, Telegram takes {limit}")
        return text

    return AfterValidator(check)


def _all_commands(words: Mapping[str, str]) -> Mapping[str, str]:
    missing, unknown = {START, *COMMANDS} - set(words), set(words) - {START, *COMMANDS}
    if missing or unknown:
        raise ValueError(f"missing {sorted(missing)}, not known {sorted(unknown)}")
    return words


class ProfileWords(_Record):
    """The words of one language; en.yml says where each stands."""

    description: Annotated[str, Field(min_length=1), _within(DESCRIPTION)]
    short_description: Annotated[str, Field(min_length=1), _within(SHORT_DESCRIPTION)]
    commands: Annotated[
        dict[str, Annotated[str, Field(min_length=1), _within(COMMAND_DESCRIPTION)]],
        AfterValidator(_all_commands),
    ]


@dataclass(frozen=True)
class Property:
    """Something that is set at Telegram.

    Attributes:
        name: under which it is shown.
        method: of the Bot API, without "get" and "set".
        key: of its value in both calls; "" where the answer is the value itself.
        language: two letters, "" for everybody whose language has none of its own.
    """

    name: str
    method: str
    key: str
    language: str


def properties_of(main: str, words: Mapping[str, ProfileWords]) -> dict[Property, object]:
    """Return the properties that are shown to people, and what each should be.

    Args:
        main: the language of the chat; everybody whose language has no words gets it.
        words: by language.

    Raises:
        ReplyFileError: the language of the chat has no words.
    """
    if main not in words:
        raise ReplyFileError(f"there are no words for {main!r}: write {FOLDER.name}/{main}.yml")
    found: dict[Property, object] = {}
    for language in (main, *(name for name in words if name != main)):
        code, of = ("", "") if language == main else (language, f" ({language})")
        own = words[language]
        commands = [{"command": name, "description": said} for name, said in own.commands.items()]
        for name, method, key, value in (
            ("commands", "MyCommands", "commands", commands),
            ("description", "MyDescription", "description", own.description),
            ("short description", "MyShortDescription", "short_description", own.short_description),
        ):
            found[Property(name + of, method, key, code)] = value
    return found


def read_words(folder: Path = FOLDER) -> dict[str, ProfileWords]:
    """Return the words of each language that there are any of, by its code.

    Raises:
        ReplyFileError: a file is broken, or has something that Telegram would not take.
    """
    return {file.stem: read_yaml(file, ProfileWords) for file in sorted(folder.glob("*.yml"))}


def read_value(calls: Calls, one: Property) -> object:
    """Return a property as it is.

    Raises:
        TelegramProblem: Telegram does not tell.
    """
    result = calls.result(f"get{one.method}", {"language_code": one.language}, SECONDS)
    return result.get(one.key, "") if isinstance(result, dict) else result


def write_value(calls: Calls, one: Property, value: object) -> None:
    """Set a property.

    Raises:
        TelegramProblem: Telegram did not take it.
    """
    calls.result(f"set{one.method}", {one.key: value, "language_code": one.language}, SECONDS)


def webhook_of(info: Mapping[str, Any]) -> Values:
    """Return of what Telegram tells of the webhook what can be set."""
    if not info.get("url"):
        return {}
    return {
        "url": info["url"],
        "allowed_updates": sorted(info.get("allowed_updates", ())),
        "max_connections": info.get("max_connections"),
    }


def wanted_webhook(url: str) -> Values:
    """Return what the webhook should be."""
    return {
        "url": url,
        "allowed_updates": sorted(ALLOWED_UPDATES),
        "max_connections": MAX_CONNECTIONS,
    }


def shown_url(url: str) -> str:
    """Return an address of a webhook as it may be shown: many have their bot's token in them."""
    if url.endswith(PATH) and "?" not in url:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or '?'}/…"


def is_refused(info: Mapping[str, Any]) -> bool:
    """Tell whether updates wait because the webhook refuses the secret that Telegram has.

    Telegram never tells which one that is.
    """
    said = str(info.get("last_error_message", ""))
    return bool(info.get("pending_update_count") and REFUSED.search(said))


def difference(name: str, current: object, wanted: object) -> str:
    """Return a property as it is and as it should be, as a unified diff for people."""
    before, after = (_lines(value) for value in (current, wanted))
    heads = (f"{name}, now", f"{name}, wanted")
    return "\n".join(difflib.unified_diff(before, after, *heads, n=1, lineterm=""))


def _lines(value: object) -> list[str]:
    if not value:
        return []
    if isinstance(value, str):
        return [value]
    dump: Callable[..., Any] = yaml.safe_dump
    return str(dump(value, sort_keys=False, allow_unicode=True, width=1000)).splitlines()
