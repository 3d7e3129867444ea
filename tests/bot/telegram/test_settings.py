"""The settings of a bot on Telegram: both or none, each in the form that Telegram gives it."""

from __future__ import annotations

import pytest

from bot.channel_settings import TelegramSettings, read_channel_settings
from bot.messaging.channels import FreshSettings, set_up
from bot.rendering.words import read_words
from knowledge.settings import SettingError
from tests.bot.messaging.conftest import plain
from tests.bot.telegram.conftest import ACCOUNT

TOKEN, SECRET = "CITEWELL_TELEGRAM_BOT_TOKEN", "CITEWELL_TELEGRAM_WEBHOOK_SECRET"
SET = {TOKEN: ACCOUNT.bot_token, SECRET: ACCOUNT.webhook_secret}


def test_without_settings_there_is_no_telegram() -> None:
    assert read_channel_settings({}).telegram is None


def test_with_both_there_is_and_the_bot_is_known_by_its_number() -> None:
    telegram = read_channel_settings(SET).telegram
    assert telegram is not None
    assert (telegram.bot_id, telegram.api_url) == ("6000000001", "https://api.telegram.org")


def test_secrets_are_not_shown() -> None:
    shown = repr(read_channel_settings(SET))
    assert ACCOUNT.bot_token not in shown
    assert ACCOUNT.webhook_secret not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (TOKEN, ""),
        (TOKEN, "bot" + ACCOUNT.bot_token),
        (TOKEN, ACCOUNT.bot_token.partition(":")[2]),
        (TOKEN, f"{ACCOUNT.bot_token}/getMe"),
        (TOKEN, f"{ACCOUNT.bot_token} x"),
        (SECRET, ""),
        (SECRET, "two words"),
        (SECRET, "é"),
        (SECRET, "a+b"),
        (SECRET, "x" * 257),
    ],
)
def test_what_cannot_be_one_is_refused_by_name_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        read_channel_settings({**SET, name: value})
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("url", ["http://api.telegram.org", "api.telegram.org", "https://h?x=1"])
def test_an_address_that_could_be_read_underway_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="CITEWELL_TELEGRAM_API_URL"):
        read_channel_settings({**SET, "CITEWELL_TELEGRAM_API_URL": url})


def test_what_is_set_up_renders_for_telegram_and_takes_a_new_token_at_once() -> None:
    settings, at = [read_channel_settings(SET)], [0.0]
    fresh = FreshSettings(settings[0], lambda: settings[0], lambda: at[0])
    channel = set_up(fresh, read_words("en"))["telegram"]
    (payload,) = channel.render(plain("hello"))
    assert payload == {"text": "hello", "link_preview_options": {"is_disabled": True}}
    assert channel.platform.credentials == ACCOUNT.bot_token
    other = TelegramSettings("7:" + "b" * 35, "s", "https://api.telegram.org")
    settings[0] = read_channel_settings({**SET, TOKEN: other.bot_token})
    at[0] = 60.0
    assert channel.platform.credentials == other.bot_token
