"""``python -m bot setup messenger``: Get Started, greeting, menu and ice breakers of the Page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bot.channel_settings import MESSENGER_PAGE_TOKEN, MessengerSettings
from bot.channels.graph import Graph, GraphProblem, what_to_do
from bot.channels.messenger.profile import (
    PROPERTIES,
    Live,
    ProfileError,
    Properties,
    wanted_profile,
)
from bot.channels.messenger.profile_setup import ProfileSetup, explained, read_kept
from bot.replies import ReplyFileError
from bot.settings import BotSettings, read_bot_settings
from bot.topics import LiveTopics
from knowledge.settings import SettingError
from knowledge.store import connect


def set_up_messenger(args: argparse.Namespace) -> int:
    """Write the Page's profile at Meta: Get Started, greeting, menu and ice breakers."""
    try:
        settings = read_bot_settings()
        messenger = settings.channels.messenger
        if messenger is None:
            raise SettingError(f"{MESSENGER_PAGE_TOKEN.name} and the others are not set")
        only, wanted = _wanted(args, settings)
        return _bring(args, settings, messenger, wanted, only)
    except GraphProblem as problem:
        advice = explained(problem) or what_to_do(problem, MESSENGER_PAGE_TOKEN.name)
        print(f"{problem}\n{advice}", file=sys.stderr)
    except (SettingError, ProfileError, ReplyFileError) as error:
        print(f"{error}\nSee docs/messenger.md.", file=sys.stderr)
    except SQLAlchemyError as error:
        print(f"The store cannot be read ({type(error).__name__}).", file=sys.stderr)
    return 1


def _wanted(args: argparse.Namespace, settings: BotSettings) -> tuple[str, Properties]:
    """Return the Page that a profile is meant for, "" for any, and the profile."""
    if args.restore:
        return read_kept(args.restore)
    if args.remove:
        return "", {}
    wanted = profile_of(settings)
    return "", {name: value for name, value in wanted.items() if name not in args.without}


def _bring(
    args: argparse.Namespace,
    settings: BotSettings,
    messenger: MessengerSettings,
    wanted: Properties,
    only: str,
) -> int:
    graph = Graph(messenger.api_url, messenger.page_token, messenger.app_secret)
    try:
        ask = _asking(assume_yes=args.yes)
        setup = ProfileSetup(graph, settings.knowledge.data_dir, sys.stdout, ask)
        return setup.bring_to(wanted, only=only)
    finally:
        graph.close()


def profile_of(settings: BotSettings) -> Properties:
    """Return the profile that is wanted for what is live in the store.

    Raises:
        ProfileError: nothing is live, or there are no words for the language of the chat.
        ReplyFileError: a file of words is broken.
    """
    engine = connect(settings.knowledge.database_url)
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file and not Path(file).is_file():
        raise ProfileError(f"There is no store at {file}: start Citewell once, which makes it.")

    def live(language: str) -> Live:
        topics = LiveTopics(engine, language)
        questions = {
            entry.entry_id: entry.question
            for topic in topics.topics().topics
            for entry in topic.entries
        }
        return Live(topics.choices(), questions)

    try:
        return wanted_profile(settings.locale, live)
    finally:
        engine.dispose()


def _asking(*, assume_yes: bool) -> Callable[[], bool]:
    def ask() -> bool:
        if assume_yes:
            return True
        if not sys.stdin.isatty():
            print("\nNobody can be asked here: give --yes to write this.")
            return False
        try:
            return input("\nWrite this? [y/N] ").strip().casefold() in {"y", "yes"}
        except EOFError:
            return False

    return ask


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``messenger`` to the platforms that can be set up."""
    help_text = (set_up_messenger.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("messenger", help=help_text, description=help_text)
    one.set_defaults(run=set_up_messenger)
    one.add_argument("--yes", action="store_true", help="write without asking")
    one.add_argument(
        "--without",
        action="append",
        default=[],
        choices=PROPERTIES,
        help="leave this property unset; may be given several times",
    )
    how = one.add_mutually_exclusive_group()
    how.add_argument("--remove", action="store_true", help="delete the profile")
    how.add_argument(
        "--restore", type=Path, metavar="FILE", help="put back what an earlier run kept"
    )
