"""Settings of the messaging platforms; each is set up wholly or not at all. docs/settings.md."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.addresses import is_unreadable_underway
from bot.office_hours import OfficeHours, OfficeHoursError, read_days, read_office_hours
from knowledge.settings import Setting, SettingError

PUBLIC_URL = Setting(
    "CITEWELL_PUBLIC_URL",
    "",
    "Address at which the internet reaches this installation: `https://chat.example.org`.",
)
MESSENGER_APP_SECRET = Setting(
    "CITEWELL_MESSENGER_APP_SECRET",
    "",
    "App Secret of your Meta app: proves that events come from Messenger; empty for no Messenger.",
    secret=True,
)
MESSENGER_VERIFY_TOKEN = Setting(
    "CITEWELL_MESSENGER_VERIFY_TOKEN",
    "",
    "A long random word of yours that Meta sends when you enter the webhook's address.",
    secret=True,
)
MESSENGER_PAGE_TOKEN = Setting(
    "CITEWELL_MESSENGER_PAGE_TOKEN",
    "",
    "Access token of your Page, with which replies are sent.",
    secret=True,
)
MESSENGER_API_URL = Setting(
    "CITEWELL_MESSENGER_API_URL",
    "https://graph.facebook.com/v25.0",
    "Address of Meta's Graph API with its version.",
)
WHATSAPP_APP_SECRET = Setting(
    "CITEWELL_WHATSAPP_APP_SECRET",
    "",
    "App Secret of the Meta app that has WhatsApp; empty for no WhatsApp.",
    secret=True,
)
WHATSAPP_VERIFY_TOKEN = Setting(
    "CITEWELL_WHATSAPP_VERIFY_TOKEN",
    "",
    "A long random word of yours that Meta sends when you enter the webhook's address.",
    secret=True,
)
WHATSAPP_ACCESS_TOKEN = Setting(
    "CITEWELL_WHATSAPP_ACCESS_TOKEN",
    "",
    "Access token of a system user, with which replies are sent.",
    secret=True,
)
WHATSAPP_PHONE_NUMBER_ID = Setting(
    "CITEWELL_WHATSAPP_PHONE_NUMBER_ID",
    "",
    "What Meta calls your number; digits, and not the number itself.",
)
WHATSAPP_API_URL = Setting(
    "CITEWELL_WHATSAPP_API_URL",
    "https://graph.facebook.com/v25.0",
    "Address of Meta's Graph API with its version.",
)
TELEGRAM_BOT_TOKEN = Setting(
    "CITEWELL_TELEGRAM_BOT_TOKEN",
    "",
    "Token of your bot, as BotFather gave it; empty for no Telegram.",
    secret=True,
)
TELEGRAM_WEBHOOK_SECRET = Setting(
    "CITEWELL_TELEGRAM_WEBHOOK_SECRET",
    "",
    "A long random word of yours that proves that updates come from Telegram.",
    secret=True,
)
TELEGRAM_API_URL = Setting(
    "CITEWELL_TELEGRAM_API_URL", "https://api.telegram.org", "Address of Telegram's Bot API."
)
WEBHOOK_SECRET = Setting(
    "CITEWELL_WEBHOOK_SECRET",
    "",
    "Key that signs both ways of the generic webhook: `whsec_` and base64; two with a space "
    "between while it changes; empty for none.",
    secret=True,
)
WEBHOOK_REPLY_URL = Setting(
    "CITEWELL_WEBHOOK_REPLY_URL", "", "Where replies to the generic webhook are posted."
)
HANDOVER_URL = Setting(
    "CITEWELL_HANDOVER_URL",
    "",
    "Where your team's desk is told that somebody wants a person; empty for no such desk.",
)
HANDOVER_SECRET = Setting(
    "CITEWELL_HANDOVER_SECRET",
    "",
    "Key that signs both ways between Citewell and that desk: `whsec_` and base64.",
    secret=True,
)
HANDOVER_MINUTES = Setting(
    "CITEWELL_HANDOVER_MINUTES",
    "60",
    "Minutes of silence after which the chatbot takes a conversation back from a person.",
)
HANDOVER_HOURS = Setting(
    "CITEWELL_HANDOVER_HOURS",
    "",
    "When your team is there: `Mon-Fri 09:00-16:30, Sat 10:00-14:00 Europe/Oslo`; empty: always.",
)
HANDOVER_CLOSED = Setting(
    "CITEWELL_HANDOVER_CLOSED",
    "",
    "Days on which nobody is there in spite of those hours: `2026-12-24 2026-12-25`.",
)
MESSENGER_HANDOVER_APP = Setting(
    "CITEWELL_MESSENGER_HANDOVER_APP",
    "",
    "App to which Messenger passes a conversation for a person; 263902037430900 is the Page Inbox.",
)

CHANNEL_SETTINGS = (
    PUBLIC_URL,
    MESSENGER_APP_SECRET,
    MESSENGER_VERIFY_TOKEN,
    MESSENGER_PAGE_TOKEN,
    MESSENGER_API_URL,
    WHATSAPP_APP_SECRET,
    WHATSAPP_VERIFY_TOKEN,
    WHATSAPP_ACCESS_TOKEN,
    WHATSAPP_PHONE_NUMBER_ID,
    WHATSAPP_API_URL,
    TELEGRAM_BOT_TOKEN,
    TELEGRAM_WEBHOOK_SECRET,
    TELEGRAM_API_URL,
    WEBHOOK_SECRET,
    WEBHOOK_REPLY_URL,
    MESSENGER_HANDOVER_APP,
    HANDOVER_URL,
    HANDOVER_SECRET,
    HANDOVER_MINUTES,
    HANDOVER_HOURS,
    HANDOVER_CLOSED,
)
TELEGRAM_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""Telegram takes no other: https://core.telegram.org/bots/api#setwebhook."""
BOT_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{20,100}")
KEY_BYTES = range(24, 65)
"""Length of a key, as https://www.standardwebhooks.com has it."""
KEY_PREFIX = "whsec_"
MOST_KEYS = 2
"""The one that is used, and the one that follows it."""


@dataclass(frozen=True)
class MessengerSettings:
    """A Page on Messenger that Citewell answers for.

    Attributes:
        app_secret: signs what Messenger sends.
        verify_token: proves to Messenger that the webhook is ours.
        page_token: lets us send as the Page.
        api_url: the Graph API with its version, without a slash at the end.
    """

    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    page_token: str = field(repr=False)
    api_url: str


@dataclass(frozen=True)
class WhatsAppSettings:
    """A number on WhatsApp that Citewell answers for.

    Attributes:
        app_secret: signs what WhatsApp sends.
        verify_token: proves to WhatsApp that the webhook is ours.
        access_token: lets us send.
        phone_number_id: what Meta calls the number.
        api_url: the Graph API with its version, without a slash at the end.
    """

    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    access_token: str = field(repr=False)
    phone_number_id: str
    api_url: str


@dataclass(frozen=True)
class TelegramSettings:
    """A bot on Telegram.

    Attributes:
        bot_token: lets us send; its digits before the colon are the bot's own id.
        webhook_secret: comes with each update.
        api_url: the Bot API, without a slash at the end.
    """

    bot_token: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    api_url: str

    @property
    def bot_id(self) -> str:
        """What Telegram calls the bot; no secret."""
        return self.bot_token.partition(":")[0]


@dataclass(frozen=True)
class WebhookSettings:
    """Another platform, or an organisation's own app, behind the generic webhook.

    Attributes:
        keys: sign both ways; two while one follows the other.
        reply_url: where replies are posted.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    reply_url: str


@dataclass(frozen=True)
class DeskSettings:
    """The software at which people of the site's team talk to patients.

    Attributes:
        keys: sign both ways; two while one follows the other.
        url: where it is told what happens.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    url: str


@dataclass(frozen=True)
class HandoverSettings:
    """How a conversation goes to a person and comes back.

    Attributes:
        messenger_app: app that Messenger passes a conversation to, or "".
        desk: takes conversations of all other platforms, or None.
        minutes: of silence after which the chatbot takes a conversation back.
        hours: when somebody is there; None for always.
    """

    messenger_app: str = ""
    desk: DeskSettings | None = None
    minutes: int = 60
    hours: OfficeHours | None = None


@dataclass(frozen=True)
class ChannelSettings:
    """What is set up of the messaging platforms; None for what is not.

    Attributes:
        public_url: address of this installation on the internet, without a slash at the end, or "".
        messenger: the Page.
        whatsapp: the number.
        telegram: the bot.
        webhook: the generic webhook.
        handover: how a conversation goes to a person.
    """

    public_url: str = ""
    messenger: MessengerSettings | None = None
    whatsapp: WhatsAppSettings | None = None
    telegram: TelegramSettings | None = None
    webhook: WebhookSettings | None = None
    handover: HandoverSettings = HandoverSettings()

    @property
    def any(self) -> bool:
        """Whether a platform is set up."""
        return any((self.messenger, self.whatsapp, self.telegram, self.webhook))


def read_channel_settings(env: Mapping[str, str]) -> ChannelSettings:
    """Read what is set up.

    Raises:
        SettingError: a value makes no sense, or one of a platform is missing.
    """
    public = PUBLIC_URL.text(env).rstrip("/")
    if public:
        _check_address(PUBLIC_URL, public, "https://chat.example.org")
    return ChannelSettings(
        public,
        _messenger(env),
        _whatsapp(env),
        _telegram(env),
        _webhook(env),
        _handover(env),
    )


def _messenger(env: Mapping[str, str]) -> MessengerSettings | None:
    url = _api_url(MESSENGER_API_URL, env)
    rows = (MESSENGER_APP_SECRET, MESSENGER_VERIFY_TOKEN, MESSENGER_PAGE_TOKEN)
    values = _all_or_none("Messenger", rows, env)
    if not values:
        return None
    app_secret, verify_token, page_token = values
    return MessengerSettings(app_secret, verify_token, page_token, url)


def _whatsapp(env: Mapping[str, str]) -> WhatsAppSettings | None:
    url = _api_url(WHATSAPP_API_URL, env)
    rows = (
        WHATSAPP_APP_SECRET,
        WHATSAPP_VERIFY_TOKEN,
        WHATSAPP_ACCESS_TOKEN,
        WHATSAPP_PHONE_NUMBER_ID,
    )
    values = _all_or_none("WhatsApp", rows, env)
    if not values:
        return None
    app_secret, verify_token, access_token, number_id = values
    if not re.fullmatch(r"\d{5,32}", number_id):
        raise SettingError(
            f"{WHATSAPP_PHONE_NUMBER_ID.name}: needs the digits that Meta shows as "
            '"Phone number ID", without spaces or a plus'
        )
    return WhatsAppSettings(app_secret, verify_token, access_token, number_id, url)


def _telegram(env: Mapping[str, str]) -> TelegramSettings | None:
    url = _api_url(TELEGRAM_API_URL, env)
    values = _all_or_none("Telegram", (TELEGRAM_BOT_TOKEN, TELEGRAM_WEBHOOK_SECRET), env)
    if not values:
        return None
    token, secret = values
    if not BOT_TOKEN.fullmatch(token):
        raise SettingError(
            f"{TELEGRAM_BOT_TOKEN.name}: is no token; BotFather's have digits, a colon and letters"
        )
    if not TELEGRAM_SECRET.fullmatch(secret):
        raise SettingError(
            f"{TELEGRAM_WEBHOOK_SECRET.name}: Telegram takes 1 to 256 letters of A-Z a-z 0-9 _ -"
        )
    return TelegramSettings(token, secret, url)


def _webhook(env: Mapping[str, str]) -> WebhookSettings | None:
    values = _all_or_none("the generic webhook", (WEBHOOK_SECRET, WEBHOOK_REPLY_URL), env)
    if not values:
        return None
    secret, url = values
    _check_address(WEBHOOK_REPLY_URL, url, "https://app.example.org/citewell")
    return WebhookSettings(_keys(WEBHOOK_SECRET, secret), url)


def _handover(env: Mapping[str, str]) -> HandoverSettings:
    app = MESSENGER_HANDOVER_APP.text(env)
    if app and not (app.isascii() and app.isdigit()):
        raise SettingError(f"{MESSENGER_HANDOVER_APP.name}: needs the digits of an app's id")
    minutes = HANDOVER_MINUTES.integer(env, 1, 24 * 60)
    desk = None
    values = _all_or_none("the desk", (HANDOVER_SECRET, HANDOVER_URL), env)
    if values:
        secret, url = values
        _check_address(HANDOVER_URL, url, "https://desk.example.org/citewell")
        desk = DeskSettings(_keys(HANDOVER_SECRET, secret), url)
    return HandoverSettings(app, desk, minutes, _office_hours(env))


def _office_hours(env: Mapping[str, str]) -> OfficeHours | None:
    text, closed = HANDOVER_HOURS.text(env), HANDOVER_CLOSED.text(env)
    if not text:
        if closed:
            raise SettingError(f"{HANDOVER_CLOSED.name}: needs {HANDOVER_HOURS.name} as well")
        return None
    try:
        hours = read_office_hours(text)
    except OfficeHoursError as error:
        raise SettingError(f"{HANDOVER_HOURS.name}: {error}") from error
    try:
        return replace(hours, closed=read_days(closed))
    except OfficeHoursError as error:
        raise SettingError(f"{HANDOVER_CLOSED.name}: {error}") from error


def _keys(setting: Setting, text: str) -> tuple[bytes, ...]:
    """Return one key, or two while one follows the other."""
    words = text.split()
    if len(words) > MOST_KEYS:
        raise SettingError(f"{setting.name}: takes one key, or two with a space between")
    return tuple(signing_key(setting, word) for word in words)


def signing_key(setting: Setting, text: str) -> bytes:
    """Return the bytes of a key that is written with its prefix.

    Raises:
        SettingError: it has another form or length.
    """
    try:
        key = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(KEY_PREFIX) or len(key) not in KEY_BYTES:
        raise SettingError(
            f"{setting.name}: needs {KEY_PREFIX} and {KEY_BYTES[0]} to {KEY_BYTES[-1]} bytes in "
            'base64; make one with `python3 -c "import base64, secrets; '
            f"print('{KEY_PREFIX}' + base64.b64encode(secrets.token_bytes(32)).decode())\"`"
        )
    return key


def _api_url(setting: Setting, env: Mapping[str, str]) -> str:
    url = setting.text(env).rstrip("/")
    _check_address(setting, url, setting.default)
    return url


def _check_address(setting: Setting, url: str, example: str) -> None:
    if not is_unreadable_underway(url) or re.search(r"[\s?#]", url):
        raise SettingError(
            f"{setting.name}: needs an address such as {example}; http only on this machine"
        )


def _all_or_none(platform: str, rows: Sequence[Setting], env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of settings that belong together, none where none is set.

    Raises:
        SettingError: some are missing, or have a character that none of their kind has.
    """
    values = {row.name: row.text(env) for row in rows}
    missing = [name for name, value in values.items() if not value]
    if len(missing) == len(values):
        return ()
    if missing:
        raise SettingError(f"{missing[0]}: {platform} needs it; set {', '.join(values)} or none")
    wrong = [n for n, value in values.items() if not (value.isascii() and value.isprintable())]
    if wrong:
        raise SettingError(f"{wrong[0]}: has a character that no such value has")
    return tuple(values.values())
