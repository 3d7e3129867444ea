"""What every platform is examined for on this machine: settings, processes, its webhook."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from bot.channels.answers import read_object
from bot.channels.graph import last_letters
from bot.doctor.findings import Seen, failed, ok
from bot.settings import BotSettings, read_bot_settings
from knowledge.settings import Setting, SettingError

SECONDS = 5.0
"""Meta wants an answer within 5 seconds; here as everywhere."""
NO_ANSWER = "Read log/web.log in the data folder."
LookAtWebhook = Callable[[httpx.Client, str], Seen]
"""Calls a webhook by its address, and tells what was seen; what does not answer is raised."""
QUOTED = re.compile(r"[\s\"'`“”‘’]")
"""What comes along when a secret is copied."""
PART_ADVICE = {
    "rasa": "Rasa does not answer: read log/rasa.log in the data folder.",
    "actions": "The action server does not answer: read log/actions.log in the data folder.",
    "database": "The store cannot be read: look at DATABASE_URL, then at log/web.log.",
    "release": "Nothing is published: publish a release, or start with `make run`.",
    "worker": "The process worker is not alive: read log/worker.log in the data folder.",
    "messaging": "The process messaging is not alive: read log/messaging.log in the data folder. "
    "It is started only where a platform is set up at the start, so start Citewell anew.",
}


# --- settings -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Needed:
    """A setting that a platform needs, and the screen on which its value is found."""

    setting: Setting
    screen: str


def look_at_settings(
    env: Mapping[str, str], needed: Sequence[Needed]
) -> tuple[BotSettings | None, Seen]:
    """Return the settings, None where they cannot be used, and what is to be told of them."""
    values: dict[str, str] = {}
    for one in needed:
        try:
            values[one.setting.name] = one.setting.text(env)
        except SettingError as error:
            return None, failed(str(error), "Make the file readable for this user, or unset it.")
    missing = [one for one in needed if not values[one.setting.name]]
    if missing:
        names = ", ".join(one.setting.name for one in missing)
        advice = "\n".join(f"{one.setting.name}: {one.screen}" for one in missing)
        return None, failed(f"not set: {names}", advice)
    odd = [one for one in needed if QUOTED.search(values[one.setting.name])]
    if odd:
        names = ", ".join(one.setting.name for one in odd)
        return None, failed(
            f"a space or a quotation mark is in {names}", "Copy the value again, and nothing else."
        )
    try:
        settings = read_bot_settings(env)
    except SettingError as error:
        return None, failed(str(error), "docs/settings.md tells what each setting takes.")
    shown = [
        f"{name} {last_letters(value) if one.setting.secret else value}"
        for one, (name, value) in zip(needed, values.items(), strict=True)
    ]
    return settings, ok(", ".join(shown))


# --- this installation ----------------------------------------------------------------------------


def local_address(settings: BotSettings) -> str:
    """Return where the web process of this installation listens, as seen from this machine."""
    is_any = settings.host in {"0.0.0.0", "::"}  # noqa: S104
    host = "127.0.0.1" if is_any else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def look_at_web_process(address: str, seconds: float = SECONDS) -> Seen:
    """Tell whether the web process answers."""
    advice = (
        "Start Citewell (`make run`). If it runs, give this command the same environment: "
        "CITEWELL_HOST and CITEWELL_PORT say where it listens."
    )
    try:
        response = _get(f"{address}/healthz", seconds)
    except httpx.HTTPError as error:
        return failed(f"nothing answers at {address} ({type(error).__name__})", advice)
    said = read_object(response.content) or {}
    if response.status_code != httpx.codes.OK or said.get("status") != "ok":
        return failed(f"what answers at {address} is not Citewell", advice)
    return ok(f"answers at {address}")


def look_at_parts(address: str, seconds: float = SECONDS) -> Seen:
    """Tell whether all parts that a question needs are ready, and the process messaging lives."""
    try:
        said = read_object(_get(f"{address}/readyz", seconds).content) or {}
    except httpx.HTTPError as error:
        return failed(f"/readyz gave no answer ({type(error).__name__})", NO_ANSWER)
    checks = said.get("checks")
    parts = checks if isinstance(checks, dict) else {}
    if "messaging" not in parts:
        return failed(
            "the web process that runs knows of no messaging platform",
            "It was started before the platform was set up: start Citewell anew.",
        )
    wrong = [name for name, state in parts.items() if state != "ok"]
    if wrong:
        advice = [PART_ADVICE.get(name, f"Read the log of {name}.") for name in wrong]
        return failed(f"not ready: {', '.join(wrong)}", "\n".join(advice))
    return ok(f"ready: {', '.join(parts)}")


# --- its webhook ----------------------------------------------------------------------------------


def look_at_webhook(url: str, look: LookAtWebhook, seconds: float = SECONDS) -> Seen:
    """Call a webhook on this machine, and tell what was seen.

    Args:
        url: its address.
        look: calls it.
        seconds: how long an answer may take.
    """
    try:
        with httpx.Client(timeout=seconds, trust_env=False) as client:
            return look(client, url)
    except httpx.HTTPError as error:
        return failed(f"{url} gave no answer ({type(error).__name__})", NO_ANSWER)


def no_webhook(url: str, what: str) -> Seen:
    """Return that nothing is at a webhook's address.

    Args:
        url: the address.
        what: was not set up, as the beginning of a sentence.
    """
    return failed(
        f"there is no webhook at {url}",
        f"{what} was not set up when the web process was started, or a proxy in front does not "
        "pass /webhooks/ on: start Citewell anew, then look at the proxy.",
    )


def lets_strangers_in(found: str) -> Seen:
    """Return that a webhook takes what it has to refuse."""
    return failed(
        found, "Something else than Citewell answers there: look at what listens on this port."
    )


def _get(url: str, seconds: float) -> httpx.Response:
    return httpx.get(url, timeout=seconds, trust_env=False)
