"""``python -m bot simulate whatsapp`` as a process of its own, in a pipe."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from bot.__main__ import parser
from bot.settings import BOT_SETTINGS
from tests.bot.simulator import process
from tests.bot.simulator.small_bot import running
from tests.bot.simulator.whatsapp_bot import ACCOUNT, WhatsAppBot


@pytest.fixture
def whatsapp_bot() -> Iterator[WhatsAppBot]:
    """A bot that repeats what it is told."""
    with running(WhatsAppBot()) as started:
        assert isinstance(started, WhatsAppBot)
        yield started


def simulate(bot: WhatsAppBot, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command with lines on its standard input."""
    port = process.free_port()
    bot.api_url = f"http://127.0.0.1:{port}"
    return process.simulate("whatsapp", bot.url, text, *more, port=port)


def test_a_pipe_talks_to_the_bot_and_gets_its_answers(whatsapp_bot: WhatsAppBot) -> None:
    done = simulate(whatsapp_bot, "hello\n/twice hæ\n", "--user-name")
    assert done.stdout == (
        "  (typing)\n  | You said: hello\n  (typing)\n  | You said: hæ\nAnswered once.\n"
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.strip().split("=", 1) for line in done.stderr.splitlines() if "=" in line)
    assert set(told) < {setting.name for setting in BOT_SETTINGS}
    assert told["CITEWELL_WHATSAPP_PHONE_NUMBER_ID"] == ACCOUNT.phone_number_id
    assert told["CITEWELL_WHATSAPP_API_URL"] == f"{whatsapp_bot.api_url}/v25.0"


def test_it_examines_the_bot_point_by_point(whatsapp_bot: WhatsAppBot) -> None:
    whatsapp_bot.takes_any_token = True
    done = simulate(whatsapp_bot, "", "--check", "--seconds=0.2", "--silence=0.05")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:3] == [
        "ok      The webhook is verified",
        "FAILED  Somebody without the verify token is refused",
        "        The challenge was repeated all the same.",
    ]
    assert done.stdout.count("FAILED") == 1


def test_secrets_can_be_given() -> None:
    args = parser().parse_args(
        ["simulate", "whatsapp", "--app-secret=x", "--phone-number-id=12345"]
    )
    assert (args.app_secret, args.phone_number_id, args.access_token) == ("x", "12345", None)
