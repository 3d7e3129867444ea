"""The settings of the generic webhook: one key or two, and where replies go."""

from __future__ import annotations

import base64

import pytest

from bot.channel_settings import WebhookSettings, read_channel_settings
from knowledge.settings import SettingError
from tests.bot.webhook.conftest import KEY, NEXT_KEY, WRITTEN_KEY

URL = "https://app.example.org/citewell"
NEXT = "whsec_" + base64.b64encode(NEXT_KEY).decode()


def read(secret: str, url: str = URL) -> WebhookSettings | None:
    names = ("CITEWELL_WEBHOOK_SECRET", "CITEWELL_WEBHOOK_REPLY_URL")
    return read_channel_settings(dict(zip(names, (secret, url), strict=True))).webhook


def test_one_key_or_two() -> None:
    assert read("", "") is None
    assert read(WRITTEN_KEY) == WebhookSettings((KEY,), URL)
    assert read(f"{NEXT}  {WRITTEN_KEY}") == WebhookSettings((NEXT_KEY, KEY), URL)


def test_keys_are_not_shown() -> None:
    assert "key" not in repr(read(WRITTEN_KEY))


@pytest.mark.parametrize(
    "secret",
    [
        "x",
        "whsec_",
        "whsec_x",
        WRITTEN_KEY.removeprefix("whsec_"),
        "whsec_" + base64.b64encode(b"s" * 23).decode(),
        f"{NEXT} x",
        f"{NEXT},{WRITTEN_KEY}",
        f"{NEXT} {WRITTEN_KEY} {NEXT}",
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(SettingError, match="CITEWELL_WEBHOOK_SECRET") as caught:
        read(secret)
    assert len(secret) < len("whsec_x") or secret not in str(caught.value)


@pytest.mark.parametrize("url", ["http://app.example.org/x", "app.example.org", f"{URL}?a=b", "x"])
def test_an_address_that_could_be_read_underway_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="CITEWELL_WEBHOOK_REPLY_URL"):
        read(WRITTEN_KEY, url)


@pytest.mark.parametrize(("secret", "url"), [(WRITTEN_KEY, ""), ("", URL)])
def test_one_without_the_other_is_too_little(secret: str, url: str) -> None:
    with pytest.raises(SettingError, match="CITEWELL_WEBHOOK"):
        read(secret, url)
