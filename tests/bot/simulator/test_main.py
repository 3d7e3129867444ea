"""``python -m bot simulate messenger`` as a process of its own, in a pipe."""

from __future__ import annotations

import argparse
from io import StringIO
from threading import Timer

import pytest

from bot.__main__ import main, parser
from bot.settings import BOT_SETTINGS
from tests.bot.simulator.process import free_port, simulate
from tests.bot.simulator.small_bot import (
    APP_SECRET,
    PAGE_TOKEN,
    VERIFY_TOKEN,
    SmallBot,
    running,
)

SECRETS = (
    f"--app-secret={APP_SECRET}",
    f"--verify-token={VERIFY_TOKEN}",
    f"--page-token={PAGE_TOKEN}",
)


def test_a_pipe_talks_to_the_bot_and_gets_its_answers(bot: SmallBot) -> None:
    port = free_port()
    bot.api_url = f"http://127.0.0.1:{port}"
    done = simulate("messenger", bot.url, "hello\n/twice hæ\n", *SECRETS, port=port)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "  | You said: hello\n  | You said: hæ\nAnswered once.\n"
    assert f"CITEWELL_MESSENGER_API_URL=http://127.0.0.1:{port}/v25.0" in done.stderr
    # Receipts are on: the bot was told of its own messages.
    assert any(event.get("message", {}).get("is_echo") for event in bot.events)


def test_no_answer_is_exit_code_1(bot: SmallBot) -> None:
    done = simulate("messenger", bot.url, "hello\n", "--seconds=0.3", *SECRETS, port=free_port())
    assert done.stdout == "No answer came within 0.3 seconds.\n"
    assert done.returncode == 1


def test_it_examines_the_bot_point_by_point(bot: SmallBot) -> None:
    port = free_port()
    bot.api_url = f"http://127.0.0.1:{port}"
    bot.takes_any_token = True
    done = simulate(
        "messenger", bot.url, "", "--check", "--seconds=0.2", "--silence=0.05", *SECRETS, port=port
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "ok      The webhook is verified"
    assert lines[1:3] == [
        "FAILED  Somebody without the verify token is refused",
        "        The challenge was repeated all the same.",
    ]
    assert "ok      A message that is delivered twice is answered once" in lines


def test_the_settings_it_names_exist(bot: SmallBot, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "messenger", f"--webhook={bot.url}", "--port=0"]) == 1
    told = capsys.readouterr().err
    named = {line.split("=")[0].strip() for line in told.splitlines() if "CITEWELL_" in line}
    needed = ("APP_SECRET", "VERIFY_TOKEN", "PAGE_TOKEN", "API_URL")
    assert named == {f"CITEWELL_MESSENGER_{name}" for name in needed}
    assert named <= {setting.name for setting in BOT_SETTINGS}
    assert told.splitlines()[-1].startswith("The webhook refused the verify token")


def test_it_says_so_when_nothing_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with running(SmallBot()) as gone:
        pass
    assert main(["simulate", "messenger", f"--webhook={gone.url}", "--port=0"]) == 1
    assert "Nothing answers at http://127.0.0.1:" in capsys.readouterr().err


def test_it_waits_for_a_bot_that_is_not_ready_yet(
    bot: SmallBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    bot.verify_token = "not yet"
    Timer(0.3, setattr, (bot, "verify_token", VERIFY_TOKEN)).start()
    options = (f"--webhook={bot.url}", "--port=0", "--wait=20", *SECRETS)
    assert main(["simulate", "messenger", *options]) == 0


def test_a_port_that_is_taken_is_told(bot: SmallBot, capsys: pytest.CaptureFixture[str]) -> None:
    taken = f"--port={bot.server.server_port}"
    assert main(["simulate", "messenger", taken]) == 1
    assert capsys.readouterr().err == (
        f"Port {bot.server.server_port} cannot be used (Address already in use).\n"
    )


@pytest.mark.parametrize("command", ["simulate", "doctor", "setup"])
def test_the_command_line_names_the_platform(command: str) -> None:
    assert parser().parse_args([command, "messenger"]).run
    for words in ([command, "pigeon"], [command], []):
        with pytest.raises(SystemExit):
            parser().parse_args(words)


@pytest.mark.parametrize(("command", "code"), [("simulate", 0), ("setup", 130), ("doctor", 130)])
def test_what_ctrl_c_cuts_short_is_no_success(
    monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    parse = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(
        argparse.ArgumentParser,
        "parse_args",
        lambda root, words: argparse.Namespace(**{**vars(parse(root, words)), "run": interrupt}),
    )
    assert main([command, "messenger"]) == code


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_told(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "messenger", f"--port={port}"]) == 1
    assert capsys.readouterr().err.startswith(f"Port {port} cannot be used")
