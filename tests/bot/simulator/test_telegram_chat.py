"""The stand-in of Telegram as a person and a command use it: chat, examination, deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest

from bot.__main__ import main
from bot.settings import BOT_SETTINGS
from bot.simulator.conformance import Patience
from bot.simulator.delivery import Attempt
from bot.simulator.stand_in import Listening
from bot.simulator.telegram.chat import COMMANDS, TelegramChat
from bot.simulator.telegram.conformance import POINTS, examine
from bot.simulator.telegram.stand_in import TelegramStandIn
from bot.simulator.telegram.updates import Update
from bot.simulator.terminal import Chat
from bot.simulator.transcript import Sent
from tests.bot.simulator.process import free_port, simulate
from tests.bot.simulator.small_bot import running
from tests.bot.simulator.small_telegram_bot import ACCOUNT, MISTAKES, SmallTelegramBot

QUICK = Patience(answer=6.0, silence=0.12)
"""Long for answers, for a busy machine; it is waited out only where none comes."""


@contextmanager
def connected(*mistakes: str) -> Iterator[TelegramStandIn]:
    """Telegram and a small bot, connected with each other."""
    with running(SmallTelegramBot(*mistakes)) as bot:
        with TelegramStandIn(bot.url, ACCOUNT, Listening(pauses=(0.0,))) as telegram:
            bot.api_url = telegram.url
            yield telegram


@pytest.fixture
def telegram() -> Iterator[TelegramStandIn]:
    with connected() as made:
        yield made


def talk(telegram: TelegramStandIn, *lines: str) -> str:
    out = StringIO()
    chat = Chat(TelegramChat(telegram), out, is_interactive=False, seconds=6, quiet=0.3)
    chat.run(lines)
    return out.getvalue()


# Deliveries


def test_updates_are_numbered_and_have_what_telegram_documents(telegram: TelegramStandIn) -> None:
    person = telegram.new_person()
    first, second = (telegram.write.text(person, text) for text in ("one", "/help me"))
    assert second.number == first.number + 1
    assert first.part["chat"] == {"id": int(person), "first_name": "Kari", "type": "private"}
    assert second.part["entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]


def test_a_kind_that_the_bot_did_not_ask_for_does_not_come(telegram: TelegramStandIn) -> None:
    update = telegram.write.edited(telegram.new_person(), "x")
    assert telegram.send(update) == ()
    assert len(telegram.send(update, unasked=True)) == 1


@pytest.mark.parametrize("escaped", [True, False])
def test_letters_are_escaped_or_not(telegram: TelegramStandIn, escaped: bool) -> None:
    update = telegram.write.text(telegram.new_person(), "hæ 😷")
    assert update.body(escaped=escaped).isascii() is escaped
    telegram.send(update, escaped=escaped)
    (answer,) = telegram.transcript.wait_for_answer(update.key, 2, quiet=0.1)
    assert answer.message["text"] == "You said: hæ 😷"


def test_what_is_wrong_with_the_webhook_is_said_in_a_sentence() -> None:
    bot = SmallTelegramBot()
    with running(bot):
        with TelegramStandIn(bot.url, ACCOUNT, Listening(pauses=())) as telegram:
            assert telegram.verify() == ""
            bot.secret = "another"
            assert "refused the secret" in telegram.verify()
            bot.mistakes = {"takes_any_secret", "breaks_on_unknown"}
            assert "with 500, not 200" in telegram.verify()
    with TelegramStandIn(bot.url, ACCOUNT, Listening(pauses=())) as telegram:
        assert "Nothing answers" in telegram.verify()


# The chat


def test_a_person_talks_taps_and_is_shown_all(telegram: TelegramStandIn) -> None:
    told = talk(telegram, "/start", "1", "//help", "hello")
    assert told == (
        "  | Hello\n  [1] Flu\n  | You tapped: s:flu\n  | You said: /help\n  | You said: hello\n"
    )


def test_a_button_that_opens_a_page_tells_the_bot_nothing(telegram: TelegramStandIn) -> None:
    chat = TelegramChat(telegram)
    page = {"text": "CDC", "url": "https://www.cdc.gov"}
    message = {"text": "a\nb", "reply_markup": {"inline_keyboard": [[page]]}}
    drawn = chat.draw(Sent(chat.person, "1", message, 0.0))
    assert list(drawn.lines) == ["a", "b"]
    done = chat.tap(drawn.choices[0])
    assert (done.key, "would open https://www.cdc.gov" in done.note) == ("", True)


def test_every_command_of_the_chat_does_something(telegram: TelegramStandIn) -> None:
    arguments = {"/send": "sticker", "/twice": "x", "/edit": "x", "/group": "x", "/react": "👎"}
    lines = ["hello"]
    lines += [f"{name} {arguments.get(name, '')}".strip() for name in COMMANDS]
    told = talk(telegram, *lines, "/send", "/send poem", "/twice", "/error 403 2", "/error 999")
    assert "Answered once." in told
    assert "  403: Nothing is sent; the person blocked the bot" in told
    assert told.count("Send what? /send with one of photo") == 2
    assert "Say what: /twice TEXT" in told
    assert "The next 2 of the bot's messages: Nothing is sent; the person blocked" in told
    assert "No fault is called 999" in told


def test_an_edit_changes_the_last_message_and_keeps_its_number(
    telegram: TelegramStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = telegram.bot_api.webhook.updates | {"edited_message"}
    telegram.bot_api.webhook = replace(telegram.bot_api.webhook, updates=updates)
    told: list[Mapping[str, Any]] = []
    send = telegram.send

    def remember(*updates: Update, **more: Any) -> tuple[Attempt, ...]:
        told.extend(update.part for update in updates)
        return send(*updates, **more)

    monkeypatch.setattr(telegram, "send", remember)
    noted = talk(telegram, "/edit x", "hello", "/edit", "/edit hallo", "/twice again", "/edit ah")
    assert noted.count("Type a message first, then /edit TEXT") == 2
    assert [part["text"] for part in told] == ["hello", "hallo", "again", "ah"]
    numbers = [part["message_id"] for part in told]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]


def test_nothing_is_not_said_in_a_group(telegram: TelegramStandIn) -> None:
    assert talk(telegram, "/group") == "Say what: /group TEXT\n"
    assert telegram.transcript.lines() == ()


# The examination


def test_a_good_bot_has_no_fault(telegram: TelegramStandIn) -> None:
    found = list(examine(telegram, QUICK))
    assert [one for one in found if one.problem] == []
    assert len(found) == len(POINTS) + 2


FOUND = {
    "takes_any_secret": {
        "An update without the secret is refused",
        "An update with a wrong secret is refused",
    },
    "answers_twice": {"An update that is delivered twice is answered once"},
    "answers_groups": {"Groups, channels, edits"},
    "answers_edits": {"Groups, channels, edits"},
    "answers_service_messages": {"Groups, channels, edits"},
    "passes_over_extras": {"A sticker is answered"},
    "passes_over_start": {
        "/start is answered",
        "/start with a link's parameter is answered",
        "A tap is answered, and its waiting sign ends",
    },
    "passes_over_old_taps": {
        "A tap on a message that is too old",
        "A tap that the bot does not know",
    },
    "lets_taps_wait": {
        "A tap is answered, and its waiting sign ends",
        "A tap on a message that is too old",
        "A tap that the bot does not know",
    },
    "breaks_on_unknown": {"The webhook takes updates"},
    "breaks_on_letters": {"Other letters, as they are"},
    "sends_again": {"A message that was sent with an error is not sent again"},
    "gives_up_at_429": {"A message that was one too many"},
    "writes_too_much": {"No call of the bot was refused"},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str) -> None:
    patience = Patience(3.0, QUICK.silence)
    with connected(mistake) as telegram:
        wrong = {one.point for one in examine(telegram, patience) if one.problem}
    # Answers that are refused on purpose count as refused calls as well.
    wrong -= {"No call of the bot was refused"} - FOUND[mistake]
    assert len(wrong) == len(FOUND[mistake])
    assert all(any(point.startswith(begin) for point in wrong) for begin in FOUND[mistake])


# The command


def test_a_pipe_talks_to_the_bot_and_gets_its_answers() -> None:
    port = free_port()
    with running(SmallTelegramBot()) as bot:
        bot.api_url = f"http://127.0.0.1:{port}"
        done = simulate("telegram", bot.url, "hello\n/twice hæ\n", port=port)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "  | You said: hello\n  | You said: hæ\nAnswered once.\n"
    assert f"CITEWELL_TELEGRAM_API_URL=http://127.0.0.1:{port}" in done.stderr


def test_it_examines_the_bot_point_by_point() -> None:
    port = free_port()
    with running(SmallTelegramBot("takes_any_secret")) as bot:
        bot.api_url = f"http://127.0.0.1:{port}"
        done = simulate(
            "telegram", bot.url, "", "--check", "--seconds=6", "--silence=0.05", port=port
        )
    assert done.returncode == 1
    assert done.stdout.splitlines()[:3] == [
        "ok      The webhook takes updates with the right secret",
        "FAILED  An update without the secret is refused",
        "        It was answered with 200, not with 403 or the like.",
    ]
    assert "ok      A message is answered once" in done.stdout


def test_the_settings_it_names_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with running(SmallTelegramBot()) as bot:
        options = (f"--webhook={bot.url}", "--port=0", "--webhook-secret=another")
        assert main(["simulate", "telegram", *options]) == 1
    told = capsys.readouterr().err
    named = {line.split("=")[0].strip() for line in told.splitlines() if "CITEWELL_" in line}
    assert named == {
        setting.name for setting in BOT_SETTINGS if setting.name.startswith("CITEWELL_TELEGRAM_")
    }
    assert told.splitlines()[-1].startswith("The webhook refused the secret")
