"""``python -m bot setup telegram``: webhook, commands and descriptions of the bot."""

from __future__ import annotations

import argparse
import os
import sys

from bot.asking import asking
from bot.channel_settings import (
    PUBLIC_URL,
    TELEGRAM_BOT_TOKEN,
    TelegramSettings,
    read_channel_settings,
)
from bot.channels.telegram.calls import Calls, TelegramProblem
from bot.channels.telegram.profile import properties_of, read_words
from bot.channels.telegram.setup import TelegramSetup
from bot.channels.telegram.views import PATH
from bot.replies import ReplyFileError
from bot.settings import LOCALE
from knowledge.settings import SettingError


def set_up_telegram(args: argparse.Namespace) -> int:
    """Tell Telegram where updates go, which commands there are and what the bot is."""
    try:
        channels = read_channel_settings(os.environ)
        telegram = channels.telegram
        if telegram is None:
            raise SettingError(f"{TELEGRAM_BOT_TOKEN.name} and the webhook's secret are not set")
        return _bring(args, channels.public_url, telegram)
    except TelegramProblem as problem:
        print(f"{problem}\n{what_to_do(problem)}", file=sys.stderr)
    except (SettingError, ReplyFileError) as error:
        print(f"{error}\nSee docs/telegram.md.", file=sys.stderr)
    return 1


def _bring(args: argparse.Namespace, public: str, telegram: TelegramSettings) -> int:
    # A stand-in on this machine calls an address on this machine.
    is_called = public.startswith("https:") or (public and telegram.api_url.startswith("http:"))
    if not is_called and not args.remove:
        raise SettingError(
            f"{PUBLIC_URL.name}: Telegram needs the https address at which the internet reaches "
            "this installation, such as https://chat.example.org"
        )
    calls = Calls(telegram.api_url, lambda: telegram.bot_token)
    setup = TelegramSetup(calls, sys.stdout, asking(assume_yes=args.yes))
    try:
        if args.remove:
            return setup.remove()
        properties = properties_of(LOCALE.text(os.environ), read_words())
        url, secret = f"{public}{PATH}", telegram.webhook_secret
        return setup.bring_to(url, secret, properties, again=args.again)
    finally:
        calls.close()


def what_to_do(problem: TelegramProblem) -> str:
    """Return what helps against a refusal, as a sentence."""
    if problem.is_of_token:
        return (
            "Telegram does not take the token. BotFather shows it: /mybots, your bot, API Token. "
            f"Set {TELEGRAM_BOT_TOKEN.name}."
        )
    if problem.status == 0:
        return (
            "Can this machine reach api.telegram.org on port 443? A proxy is taken from "
            "HTTPS_PROXY. Then try again."
        )
    if problem.status == 429:
        return "Too many calls: wait a minute, then try again."
    if problem.status >= 500:
        return "That is Telegram's own trouble: try again in some minutes."
    return "What was not written is unchanged. Telegram's sentence names what it did not like."


def add_to(platforms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``telegram`` to the platforms that can be set up."""
    help_text = (set_up_telegram.__doc__ or "").split("\n")[0]
    one = platforms.add_parser("telegram", help=help_text, description=help_text)
    one.set_defaults(run=set_up_telegram)
    one.add_argument("--yes", action="store_true", help="write without asking")
    how = one.add_mutually_exclusive_group()
    how.add_argument("--remove", action="store_true", help="delete the webhook")
    how.add_argument(
        "--again",
        action="store_true",
        help="write the webhook even if it looks right: for a secret that was changed",
    )
