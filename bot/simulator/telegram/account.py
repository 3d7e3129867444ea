"""Whom the stand-in of Telegram plays: a bot, its token, and the secret of its webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.simulator.made_up import made_up


@dataclass(frozen=True)
class Account:
    """A bot, as BotFather makes one."""

    bot_token: str = f"6000000001:AA{made_up('bot token', 33)}"
    webhook_secret: str = made_up("webhook secret", 32)
    name: str = "Citewell (simulated)"
    username: str = "citewell_simulated_bot"

    @property
    def bot_id(self) -> int:
        """What Telegram calls the bot."""
        return int(self.bot_token.partition(":")[0])

    def user(self) -> dict[str, Any]:
        """Return the bot as messages name it: https://core.telegram.org/bots/api#user."""
        return {
            "id": self.bot_id,
            "is_bot": True,
            "first_name": self.name,
            "username": self.username,
        }

    def me(self) -> dict[str, Any]:
        """Return what ``getMe`` tells of the bot."""
        return {
            **self.user(),
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
