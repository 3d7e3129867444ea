"""What every platform is examined for: settings, this installation, its store, its address.

All of it is looked at from this machine, by using it as the platform does.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from bot.channels.graph import last_letters
from bot.doctor.findings import Seen, failed, ok
from bot.settings import BotSettings, read_bot_settings
from knowledge.settings import Setting, SettingError

SECONDS = 5.0
"""Meta wants an answer within 5 seconds; here as everywhere."""
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
    if response.status_code != httpx.codes.OK or _object_of(response).get("status") != "ok":
        return failed(f"what answers at {address} is not Citewell", advice)
    return ok(f"answers at {address}")


def look_at_parts(address: str, seconds: float = SECONDS) -> Seen:
    """Tell whether all parts that a question needs are ready, and the process messaging lives."""
    try:
        checks = _object_of(_get(f"{address}/readyz", seconds)).get("checks")
    except httpx.HTTPError as error:
        return failed(
            f"/readyz gave no answer ({type(error).__name__})",
            "Read log/web.log in the data folder.",
        )
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


# --- Meta's handshake -----------------------------------------------------------------------------


@dataclass(frozen=True)
class MetaWebhook:
    """A webhook in Meta's manner, here or at its public address.

    Attributes:
        url: its address.
        verify_token: what the handshake is done with.
        verify_setting: the setting that holds it.
        seconds: how long an answer may take.
    """

    url: str
    verify_token: str
    verify_setting: str
    seconds: float = SECONDS

    def look(self) -> Seen:
        """Tell whether it does what Meta asks of it, and nothing for anybody else."""
        try:
            with httpx.Client(timeout=self.seconds, trust_env=False) as client:
                return (
                    self.problem_of_handshake(client)
                    or self._problem_of_strangers(client)
                    or ok("takes the verify token, and refuses a wrong one and what is not signed")
                )
        except httpx.HTTPError as error:
            return failed(
                f"{self.url} gave no answer ({type(error).__name__})",
                "Read log/web.log in the data folder.",
            )

    def problem_of_handshake(self, client: httpx.Client) -> Seen | None:
        """Do the handshake as Meta does; return what is wrong, if anything is.

        Raises:
            httpx.HTTPError: no answer came.
        """
        challenge = str(secrets.randbelow(10**10))
        response = client.get(self.url, params=_asked(self.verify_token, challenge))
        status = response.status_code
        if status == httpx.codes.FORBIDDEN:
            return failed(
                "the webhook refuses the verify token",
                f"What answers there was started with another {self.verify_setting}, or something "
                "in front of it refuses: start Citewell anew with these settings.",
            )
        if status == httpx.codes.NOT_FOUND:
            return failed(
                f"there is no webhook at {self.url}",
                "The platform was not set up when the web process was started, or a proxy in front "
                "does not pass /webhooks/ on: start Citewell anew, then look at the proxy.",
            )
        if response.is_redirect:
            to = response.headers.get("location", "")
            return failed(
                f"{self.url} redirects to {urlsplit(to)._replace(query='').geturl()}",
                "Meta does not follow. Enter the address at its end, or end the redirect.",
            )
        if status != httpx.codes.OK or response.text != challenge:
            return failed(
                f"the webhook answers the handshake with status {status} and "
                f"{'another text' if status == httpx.codes.OK else 'no challenge'}",
                "Something else than Citewell answers there, or a proxy changes the answer.",
            )
        return None

    def _problem_of_strangers(self, client: httpx.Client) -> Seen | None:
        asked = _asked(secrets.token_urlsafe(16), "1")
        taken = client.get(self.url, params=asked).status_code
        unsigned = client.post(self.url, json={"object": "page", "entry": []}).status_code
        wrong = {"a wrong verify token": taken, "a delivery without a signature": unsigned}
        let_in = [name for name, status in wrong.items() if status != httpx.codes.FORBIDDEN]
        if not let_in:
            return None
        return failed(
            f"{' and '.join(let_in)} is not answered with 403",
            "Something else than Citewell answers there: look at what listens on this port.",
        )


def _asked(token: str, challenge: str) -> dict[str, str]:
    return {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}


def _get(url: str, seconds: float) -> httpx.Response:
    return httpx.get(url, timeout=seconds, trust_env=False)


def _object_of(response: httpx.Response) -> dict[str, object]:
    try:
        content = response.json()
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
