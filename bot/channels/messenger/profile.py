"""The profile of the Page on Messenger: Get Started, greeting, menu and ice breakers.

What it should be is made of words per language (``profile_words/``) and of what is live in the
corpus. A tap sends a text, which is answered as if it was typed (``events``).

Errors::

    ProfileError           nothing can be written from what is here; the message says what to do
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.channels.messenger import profile_limits as limits
from bot.rendering.limits import units
from bot.rendering.text import labels
from bot.replies import read_wording, read_yaml
from bot.replies.compose import TopicChoice

FOLDER = Path(__file__).parent / "profile_words"
START_PAYLOAD = "GET_STARTED"
DEFAULT = "default"
"""Name of the language that all others fall back to; Meta wants it for each property."""
PROPERTIES = ("get_started", "greeting", "persistent_menu", "ice_breakers")
Properties = dict[str, Any]
"""Properties of a profile by name, as Meta has them."""


class ProfileError(Exception):
    """Nothing can be written from what is here; the message says what to do."""


def _within(limit: int) -> AfterValidator:
    def check(text: str) -> str:
        if units(text) > limit:
            raise ValueError(f"has {units(text)} characters, Messenger takes {limit}")
        return text

    return AfterValidator(check)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MenuEntry(_Record):
    """An entry of the menu, and what a tap on it says."""

    title: Annotated[str, Field(min_length=1), _within(limits.MENU_TITLE)]
    text: Annotated[str, Field(min_length=1), _within(limits.PAYLOAD)]


class MenuWords(_Record):
    """What stands before and after the topics."""

    first: tuple[MenuEntry, ...]
    last: tuple[MenuEntry, ...]


class ProfileWords(_Record):
    """The words of one language; en.yml says where each stands.

    Attributes:
        locales: what Messenger calls the language:
            https://developers.facebook.com/documentation/business-messaging/messenger-platform/messenger-profile/supported-locales
        greeting: stands before the first message.
        menu: what is in the menu beside the topics.
        ice_breakers: ids of the entries whose questions are offered before the first message.
    """

    locales: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}_[A-Z]{2}$")], ...]
    greeting: Annotated[str, Field(min_length=1), _within(limits.GREETING)]
    menu: MenuWords
    ice_breakers: tuple[str, ...]


@dataclass(frozen=True)
class Live:
    """What can be asked in one language.

    Attributes:
        topics: live topics.
        questions: live questions by the ids of their entries.
    """

    topics: Sequence[TopicChoice]
    questions: Mapping[str, str]


def read_words(folder: Path = FOLDER) -> dict[str, ProfileWords]:
    """Return the words of each language that there are any of, by its code.

    Raises:
        ReplyFileError: a file is broken, or has something that Messenger would not take.
    """
    return {file.stem: read_yaml(file, ProfileWords) for file in sorted(folder.glob("*.yml"))}


def wanted_profile(main: str, live: Callable[[str], Live]) -> Properties:
    """Return what the profile should be.

    Args:
        main: the language of the chat; everybody whose language has no words gets it.
        live: tells what can be asked in a language.

    Raises:
        ProfileError: the language of the chat has no words, or nothing is live in it.
        ReplyFileError: a file of words is broken.
    """
    words = read_words()
    if main not in words:
        raise ProfileError(
            f"There are no words for a profile in {main!r}: write {FOLDER}/{main}.yml"
        )
    slugs = read_wording(main).menu
    groups = _Groups()
    for language in (main, *(name for name in words if name != main)):
        there = live(language)
        names = (DEFAULT,) if language == main else words[language].locales
        if there.topics:
            groups.add(names, words[language], there, slugs)
    if not groups.greeting or groups.greeting[0]["locale"] != DEFAULT:
        raise ProfileError(
            "No answer is live in the store, so there is nothing to offer. Start Citewell once "
            "with these settings (`make run`), then try again."
        )
    return groups.properties()


class _Groups:
    """Collects each property language by language."""

    def __init__(self) -> None:
        self.greeting: list[dict[str, Any]] = []
        self._menus: list[dict[str, Any]] = []
        self._ice_breakers: list[dict[str, Any]] = []

    def add(
        self, names: Sequence[str], words: ProfileWords, live: Live, slugs: Sequence[str]
    ) -> None:
        """Add a language under each of its names."""
        menu, questions = list(_menu(words.menu, live.topics, slugs)), _questions(words, live)
        for name in names:
            self.greeting.append({"locale": name, "text": words.greeting})
            self._menus.append(
                {"locale": name, "composer_input_disabled": False, "call_to_actions": menu}
            )
            if questions:
                self._ice_breakers.append({"locale": name, "call_to_actions": questions})

    def properties(self) -> Properties:
        """Return all properties; none of ice breakers where the main language has none."""
        found: Properties = {
            "get_started": {"payload": START_PAYLOAD},
            "greeting": self.greeting,
            "persistent_menu": self._menus,
        }
        if any(group["locale"] == DEFAULT for group in self._ice_breakers):
            found["ice_breakers"] = self._ice_breakers
        return found


def _menu(
    words: MenuWords, topics: Sequence[TopicChoice], slugs: Sequence[str]
) -> Iterator[dict[str, str]]:
    """Yield the entries of a menu; topics have the room that the others leave."""
    live = {choice.slug: choice for choice in topics}
    room = limits.MENU_ITEMS - len(words.first) - len(words.last)
    chosen = [live[slug] for slug in slugs if slug in live][: max(room, 0)]
    titles = labels([choice.title for choice in chosen], limits.MENU_TITLE)
    between = [
        MenuEntry(title=title, text=choice.ask)
        for title, choice in zip(titles, chosen, strict=True)
    ]
    for entry in (*words.first, *between, *words.last):
        yield {"type": "postback", "title": entry.title, "payload": entry.text}


def _questions(words: ProfileWords, live: Live) -> list[dict[str, str]]:
    asked = (live.questions.get(entry_id, "") for entry_id in words.ice_breakers)
    fitting = [question for question in asked if 0 < units(question) <= limits.QUESTION]
    return [{"question": one, "payload": one} for one in fitting[: limits.ICE_BREAKERS]]


# --- what is there --------------------------------------------------------------------------------


def read_properties(data: object) -> Properties:
    """Return the properties in an answer of Meta's.

    Ice breakers may come under their name or, as their page shows them, without it; and in an
    older form without languages.
    """
    found: Properties = {}
    groups: list[Any] = []
    questions: list[Any] = []
    for part in data if isinstance(data, list) else []:
        if not isinstance(part, dict):
            continue
        named = {name: part[name] for name in PROPERTIES if part.get(name)}
        found |= named
        for one in [part] if not named else []:
            (questions if "question" in one else groups).append(one)
    for one in _list(found.pop("ice_breakers", [])):
        (questions if isinstance(one, dict) and "question" in one else groups).append(one)
    if questions:
        groups.append({"locale": DEFAULT, "call_to_actions": questions})
    groups = [one for one in groups if isinstance(one, dict) and one.get("call_to_actions")]
    return {**found, "ice_breakers": groups} if groups else found


def differing(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of the properties that are not as they should be."""
    return [
        name
        for name in PROPERTIES
        if _comparable(name, current.get(name)) != _comparable(name, wanted.get(name))
    ]


def difference(name: str, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return a property as it is and as it should be, as a unified diff for people."""
    before, after = (_lines(_comparable(name, one.get(name))) for one in (current, wanted))
    heads = (f"{name}, now", f"{name}, wanted")
    return "\n".join(difflib.unified_diff(before, after, *heads, n=1, lineterm=""))


def _lines(value: object) -> list[str]:
    if value is None:
        return []
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return str(text).splitlines()


def _comparable(name: str, value: object) -> object:
    """Return a property in one form, without what Meta adds to it; None where it is not set."""
    if not value:
        return None
    if name == "get_started":
        return _kept(value, ("payload",))
    groups = [group for group in _list(value) if isinstance(group, dict)]
    return {
        str(group.get("locale", DEFAULT)): _group(name, group)
        for group in sorted(groups, key=lambda group: str(group.get("locale", DEFAULT)))
    }


def _group(name: str, group: Mapping[str, Any]) -> object:
    if name == "greeting":
        return group.get("text")
    actions = _list(group.get("call_to_actions"))
    if name == "ice_breakers":
        return [_kept(one, ("question", "payload")) for one in actions]
    keys = ("type", "title", "payload", "url", "call_to_actions")
    return {
        "composer_input_disabled": bool(group.get("composer_input_disabled")),
        "call_to_actions": [_kept(one, keys) for one in actions],
    }


def _kept(value: object, keys: Sequence[str]) -> object:
    return {key: value[key] for key in keys if key in value} if isinstance(value, dict) else value


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
