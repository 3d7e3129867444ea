"""The gateway's settings, beside those of ``knowledge.settings``; docs/settings.md has them all."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import langcodes

from bot.addresses import is_unreadable_underway
from bot.channel_settings import CHANNEL_SETTINGS, ChannelSettings, read_channel_settings
from knowledge.settings import ROOT, KnowledgeSettings, Setting, SettingError, read_settings

HOST = Setting("CITEWELL_HOST", "127.0.0.1", "Address to listen on; 0.0.0.0 for every interface.")
PORT = Setting("CITEWELL_PORT", "8000", "Port of the web server.")
RASA_PORT = Setting("CITEWELL_RASA_PORT", "5005", "Loopback port of Rasa.")
SECRET_KEY = Setting(
    "CITEWELL_SECRET_KEY",
    "",
    "Key that signs sessions, 32 characters or more; empty means one made in the data folder.",
    secret=True,
)
LOCALE = Setting("CITEWELL_LOCALE", "en", "Language of the replies; so far there is only `en`.")
COUNTRY = Setting(
    "CITEWELL_COUNTRY",
    "",
    "Two-letter country of your visitors, for emergency numbers; empty means ask, never guess.",
)
FRAME_ANCESTORS = Setting(
    "CITEWELL_FRAME_ANCESTORS",
    "",
    "Sites that may embed the widget, separated by spaces: `https://www.example.org`.",
)
CONTACTS_FILE = Setting(
    "CITEWELL_CONTACTS_FILE",
    "",
    "YAML list of the people to hand over to: name, phone, url, hours.",
)
TRACKER_DIR = Setting(
    "CITEWELL_TRACKER_DIR",
    "",
    "Folder for running conversations; empty means in memory (/dev/shm), else the data folder.",
)
SESSION_HOURS = Setting("CITEWELL_SESSION_HOURS", "12", "Hours after which a session ends.")
MESSAGE_LIMIT = Setting(
    "CITEWELL_MESSAGE_LIMIT", "20/10 seconds", "Messages that one session may send in a time."
)
SESSION_LIMIT = Setting(
    "CITEWELL_SESSION_LIMIT", "60/minute", "Sessions that one address may start in a time."
)
CONTENT_API_LIMIT = Setting(
    "CITEWELL_CONTENT_API_LIMIT",
    "120/minute",
    "Requests that one key of a program of the content team may make in a time.",
)
RETENTION_DAYS = Setting(
    "CITEWELL_RETENTION_DAYS", "30", "Days after which events, feedback and rumours are deleted."
)
HTTPS_ONLY = Setting(
    "CITEWELL_HTTPS_ONLY",
    "0",
    "1 where people reach the console by HTTPS only: its cookie then goes nowhere else.",
)
KEEP_QUESTIONS = Setting(
    "CITEWELL_KEEP_QUESTIONS",
    "1",
    "1 keeps health questions, identifiers masked, for the content team; 0 keeps none.",
)
CONTENT_LOCALES = Setting(
    "CITEWELL_CONTENT_LOCALES",
    "en",
    "Languages in which the content team writes, the first one first: `en es ar`.",
)
BANNER_SITES = Setting(
    "CITEWELL_BANNER_SITES",
    "",
    "Sites that a crisis banner may link beside those of CDC and WHO: `www.fhi.no` and so on.",
)
SSO_ISSUER = Setting(
    "CITEWELL_SSO_ISSUER",
    "",
    "Address of your identity provider, exactly as it names itself; empty means no single sign-on.",
)
SSO_CLIENT_ID = Setting(
    "CITEWELL_SSO_CLIENT_ID", "", "Name by which the identity provider knows Citewell."
)
SSO_CLIENT_SECRET = Setting(
    "CITEWELL_SSO_CLIENT_SECRET",
    "",
    "What the identity provider knows Citewell by; empty for a client without a secret.",
    secret=True,
)
SSO_NAME = Setting(
    "CITEWELL_SSO_NAME", "single sign-on", "What people read on the button: Sign in with this."
)
SSO_ONLY = Setting(
    "CITEWELL_SSO_ONLY", "0", "1 where nobody signs in with a password; needs single sign-on."
)
REDIS_URL = Setting(
    "CITEWELL_REDIS_URL",
    "",
    "Redis for limits that web processes share and to wake `messaging` at once; may be empty.",
    secret=True,
)
TRUSTED_PROXIES = Setting(
    "CITEWELL_TRUSTED_PROXIES", "0", "Reverse proxies in front whose X-Forwarded-* are believed."
)

BOT_SETTINGS = (
    HOST,
    PORT,
    RASA_PORT,
    SECRET_KEY,
    LOCALE,
    COUNTRY,
    FRAME_ANCESTORS,
    CONTACTS_FILE,
    TRACKER_DIR,
    SESSION_HOURS,
    MESSAGE_LIMIT,
    SESSION_LIMIT,
    CONTENT_API_LIMIT,
    RETENTION_DAYS,
    TRUSTED_PROXIES,
    HTTPS_ONLY,
    KEEP_QUESTIONS,
    BANNER_SITES,
    CONTENT_LOCALES,
    SSO_ISSUER,
    SSO_CLIENT_ID,
    SSO_CLIENT_SECRET,
    SSO_NAME,
    SSO_ONLY,
    *CHANNEL_SETTINGS,
    REDIS_URL,
)

MEMORY = Path("/dev/shm")  # noqa: S108 the folder is made with rights for its owner only
SITE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.*-]+(:\d{1,5})?|'self'")
LONGEST_ISSUER = 140
"""With a subject of 255 characters it has to fit into ``person.sso_subject``."""
LONGEST_SSO_NAME = 40


@dataclass(frozen=True)
class SsoSettings:
    """An identity provider that signs the content team in.

    Attributes:
        issuer: its address, exactly as it names itself.
        client_id: how it names Citewell.
        client_secret: what it knows Citewell by; "" for a client without one.
        name: what people read on the button.
        is_only: whether nobody signs in with a password.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    is_only: bool


@dataclass(frozen=True)
class RedisSettings:
    """A Redis server that the processes share.

    Attributes:
        url: its address, which may hold a password.
        secret: hides what is counted.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class BotSettings:
    """What the gateway needs to know.

    Attributes:
        knowledge: the settings of the store.
        host: address to listen on.
        port: port to listen on.
        rasa_url: where Rasa listens.
        actions_url: where the action server listens.
        tracker_file: Rasa's own store of running conversations.
        secret_key: signs sessions.
        locale: default language.
        country: default country, or None.
        frame_ancestors: sites that may embed the widget.
        contacts_file: people to hand over to, or None.
        session_seconds: age at which a session ends.
        message_limit: messages per session, in the words of the ``limits`` library.
        session_limit: sessions per address.
        content_api_limit: requests per key of a program.
        retention_days: age at which events are deleted.
        trusted_proxies: number of reverse proxies in front.
        cookies_need_https: whether the console's cookie is for HTTPS only.
        keeps_questions: whether health questions are kept for the content team.
        content_locales: languages in which the content team writes, the first one first.
        banner_sites: hosts that a banner may link beside those of CDC and WHO.
        sso: who signs the content team in, or None without single sign-on.
        channels: the messaging platforms.
        redis: a server that the processes share, or None.
    """

    knowledge: KnowledgeSettings
    host: str
    port: int
    rasa_url: str
    actions_url: str
    tracker_file: Path
    secret_key: str
    locale: str
    country: str | None
    frame_ancestors: tuple[str, ...]
    contacts_file: Path | None
    session_seconds: int
    message_limit: str
    session_limit: str
    content_api_limit: str
    retention_days: int
    trusted_proxies: int
    cookies_need_https: bool
    keeps_questions: bool
    content_locales: tuple[str, ...]
    banner_sites: frozenset[str]
    sso: SsoSettings | None
    channels: ChannelSettings
    redis: RedisSettings | None


def read_bot_settings(env: Mapping[str, str] | None = None) -> BotSettings:
    """Read the settings from an environment (this process's own by default).

    Raises:
        SettingError: a value makes no sense; the message names the setting.
    """
    env = os.environ if env is None else env
    knowledge = read_settings(env)
    contacts = CONTACTS_FILE.text(env)
    return BotSettings(
        knowledge=knowledge,
        host=HOST.text(env),
        port=PORT.integer(env, 1, 65535),
        rasa_url=f"http://127.0.0.1:{RASA_PORT.integer(env, 1, 65535)}",
        actions_url=f"http://127.0.0.1:{knowledge.actions_port}",
        tracker_file=_tracker_folder(env, knowledge.data_dir) / "rasa-tracker.db",
        secret_key=_secret_key(env),
        locale=LOCALE.text(env),
        country=_country(env),
        frame_ancestors=_origins(env),
        contacts_file=(ROOT / contacts).resolve() if contacts else None,
        session_seconds=SESSION_HOURS.integer(env, 1, 24 * 30) * 3600,
        message_limit=_limit(MESSAGE_LIMIT, env),
        session_limit=_limit(SESSION_LIMIT, env),
        content_api_limit=_limit(CONTENT_API_LIMIT, env),
        retention_days=RETENTION_DAYS.integer(env, 1, 3650),
        trusted_proxies=TRUSTED_PROXIES.integer(env, 0, 5),
        cookies_need_https=HTTPS_ONLY.integer(env, 0, 1) == 1,
        keeps_questions=KEEP_QUESTIONS.integer(env, 0, 1) == 1,
        content_locales=_locales(env),
        banner_sites=_sites(env),
        sso=_single_sign_on(env),
        channels=read_channel_settings(env),
        redis=_redis(env),
    )


def _tracker_folder(env: Mapping[str, str], data_dir: Path) -> Path:
    """Return where running conversations go: what people write need not touch a disk."""
    chosen = TRACKER_DIR.text(env)
    if chosen:
        return (ROOT / chosen).resolve()
    if not os.access(MEMORY, os.W_OK):
        return data_dir
    name = hashlib.sha256(str(data_dir).encode()).hexdigest()[:8]
    return MEMORY / f"citewell-{os.getuid()}-{name}"


def _secret_key(env: Mapping[str, str]) -> str:
    key = SECRET_KEY.text(env)
    if not key:
        file = (read_settings(env).data_dir) / "secret_key"
        key = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    if len(key) < 32:
        raise SettingError(
            f"{SECRET_KEY.name}: needs 32 characters or more; `make run` makes one for you, or use "
            '`python3 -c "import secrets; print(secrets.token_urlsafe(32))"`'
        )
    return key


def _country(env: Mapping[str, str]) -> str | None:
    country = COUNTRY.text(env).upper()
    if country and not re.fullmatch(r"[A-Z]{2}", country):
        raise SettingError(f"{COUNTRY.name}: needs a two-letter country code such as NO")
    return country or None


def _origins(env: Mapping[str, str]) -> tuple[str, ...]:
    origins = tuple(FRAME_ANCESTORS.text(env).split())
    wrong = [origin for origin in origins if not ORIGIN.fullmatch(origin)]
    if wrong:
        raise SettingError(
            f"{FRAME_ANCESTORS.name}: {wrong[0]!r} is no origin; write https://www.example.org"
        )
    return origins


def _locales(env: Mapping[str, str]) -> tuple[str, ...]:
    locales = tuple(dict.fromkeys(CONTENT_LOCALES.text(env).split()))
    wrong = [one for one in locales if not langcodes.tag_is_valid(one) or _standard(one) != one]
    if wrong or not locales:
        raise SettingError(
            f"{CONTENT_LOCALES.name}: {' '.join(wrong[:1])!r} is no language tag; write them like "
            "`en es pt-BR`"
        )
    return locales


def _standard(tag: str) -> str:
    return str(langcodes.standardize_tag(tag))


def _sites(env: Mapping[str, str]) -> frozenset[str]:
    sites = frozenset(BANNER_SITES.text(env).casefold().split())
    wrong = sorted(site for site in sites if not SITE.fullmatch(site))
    if wrong:
        raise SettingError(f"{BANNER_SITES.name}: {wrong[0]!r} is no site; write www.example.org")
    return sites


def _single_sign_on(env: Mapping[str, str]) -> SsoSettings | None:
    issuer, client_id, name = (one.text(env) for one in (SSO_ISSUER, SSO_CLIENT_ID, SSO_NAME))
    is_only = SSO_ONLY.integer(env, 0, 1) == 1
    if not issuer:
        if is_only:
            raise SettingError(f"{SSO_ONLY.name}: nobody could sign in without {SSO_ISSUER.name}")
        return None
    bare = not re.search(r"[\s?#]", issuer) and len(issuer) <= LONGEST_ISSUER
    if not bare or not is_unreadable_underway(issuer):
        raise SettingError(
            f"{SSO_ISSUER.name}: needs an address such as https://login.example.org, of "
            f"{LONGEST_ISSUER} characters at most; http only on this machine"
        )
    if not client_id or not client_id.isprintable():
        raise SettingError(f"{SSO_CLIENT_ID.name}: needs the name that the provider gave Citewell")
    if not name.isprintable() or len(name) > LONGEST_SSO_NAME:
        raise SettingError(f"{SSO_NAME.name}: needs {LONGEST_SSO_NAME} characters at most")
    return SsoSettings(issuer, client_id, SSO_CLIENT_SECRET.text(env), name, is_only)


def _redis(env: Mapping[str, str]) -> RedisSettings | None:
    url = REDIS_URL.text(env)
    if not url:
        return None
    if not re.fullmatch(r"(rediss?|unix)://\S+", url):
        raise SettingError(f"{REDIS_URL.name}: needs an address such as redis://127.0.0.1:6379/0")
    return RedisSettings(url, _secret_key(env))


def _limit(setting: Setting, env: Mapping[str, str]) -> str:
    from limits import parse

    text = setting.text(env)
    try:
        parse(text)
    except ValueError as error:
        raise SettingError(f"{setting.name}: write it like {setting.default!r}") from error
    return text
