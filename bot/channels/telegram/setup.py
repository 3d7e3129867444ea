"""Bring Telegram to what it should know of the bot: look first, show, write, read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TextIO

from bot.channels.telegram.calls import Calls, TelegramProblem
from bot.channels.telegram.profile import (
    SECONDS,
    Property,
    Values,
    difference,
    is_refused,
    read_value,
    shown_url,
    wanted_webhook,
    webhook_of,
    write_value,
)

WRITTEN_UNSEEN = "with the secret that is set here; Telegram never tells which one it has"


class TelegramSetup:
    """Sets up one bot, and tells what it does."""

    def __init__(
        self,
        calls: Calls,
        out: TextIO,
        ask: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            calls: made with the bot's token.
            out: where to tell.
            ask: asks whether to write.
        """
        self._calls, self._out, self._ask = calls, out, ask

    def bring_to(
        self,
        url: str,
        secret: str,
        properties: Mapping[Property, object],
        *,
        again: bool = False,
    ) -> int:
        """Write what differs; return the exit code.

        Args:
            url: where updates should go.
            secret: what should come along with each.
            properties: what people should see beside the chat.
            again: write the webhook even if it looks right, for its secret may have changed.

        Raises:
            TelegramProblem: Telegram could not be asked, or did not take it.
        """
        self._tell_bot()
        info = self._info()
        wanted = wanted_webhook(url)
        sets_webhook = again or is_refused(info) or webhook_of(info) != wanted
        found = {one: read_value(self._calls, one) for one in properties}
        differing = [one for one, value in properties.items() if found[one] != value]
        if not sets_webhook and not differing:
            self._say("Nothing to change: Telegram knows all that it should.")
            return 0
        if sets_webhook:
            self._show_webhook(info, wanted)
        for one in differing:
            self._say(f"\n{difference(one.name, found[one], properties[one])}")
        if not self._ask():
            self._say("Nothing was written.")
            return 1
        if sets_webhook:
            self._call("setWebhook", {**wanted, "secret_token": secret})
            self._say("Written: webhook.")
        for one in differing:
            write_value(self._calls, one, properties[one])
            self._say(f"Written: {one.name}.")
        return self._read_back(wanted, properties)

    def remove(self) -> int:
        """Delete the webhook, so that no update comes any more; return the exit code.

        Raises:
            TelegramProblem: Telegram could not be asked, or did not take it.
        """
        self._tell_bot()
        info = self._info()
        if not info.get("url"):
            self._say("Nothing to change: there is no webhook.")
            return 0
        self._say(f"\n{difference('webhook', _shown(webhook_of(info)), {})}")
        if not self._ask():
            self._say("Nothing was written.")
            return 1
        self._call("deleteWebhook", {})
        if self._info().get("url"):
            self._say("Telegram took it, and yet tells of a webhook. Wait a minute and try again.")
            return 1
        self._say(
            "Deleted. What people write from now on waits at Telegram for a day at most; it comes "
            "if the webhook is set again before."
        )
        return 0

    def _show_webhook(self, info: Mapping[str, Any], wanted: Values) -> None:
        shown = difference("webhook", _shown(webhook_of(info)), _shown(wanted))
        self._say(f"\n{shown}" if shown else "\nwebhook: is as it should be, as far as can be seen")
        if is_refused(info):
            self._say(f"  updates are refused: {info.get('last_error_message')}")
        self._say(f"  {WRITTEN_UNSEEN}")

    def _read_back(self, wanted: Values, properties: Mapping[Property, object]) -> int:
        wrong = [one.name for one in properties if read_value(self._calls, one) != properties[one]]
        if webhook_of(self._info()) != wanted:
            wrong.insert(0, "webhook")
        if wrong:
            self._say(f"Telegram took it, and yet tells something else of: {', '.join(wrong)}.")
            self._say("Wait a minute and run this again; it shows what is left to change.")
            return 1
        self._say("Read back: all is as it should be.")
        self._say(
            "Next: write to the bot. Then: .venv/bin/python -m bot doctor telegram\n"
            "Apps may show commands and descriptions as they were for some minutes."
        )
        return 0

    def _tell_bot(self) -> None:
        me = self._call("getMe", {})
        name = me.get("username", "") if isinstance(me, dict) else ""
        self._say(f"Bot: @{name}, https://t.me/{name}")

    def _info(self) -> dict[str, Any]:
        info = self._call("getWebhookInfo", {})
        if not isinstance(info, dict):
            raise TelegramProblem("Telegram tells nothing of the webhook.")
        return info

    def _call(self, method: str, parameters: Mapping[str, object]) -> Any:
        return self._calls.result(method, parameters, SECONDS)

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


def _shown(webhook: Values) -> Values:
    return {**webhook, "url": shown_url(webhook["url"])} if webhook else {}
