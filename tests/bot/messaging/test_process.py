"""The process that answers and sends, its settings, and what starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from bot.bell import Bell
from bot.channel_settings import ChannelSettings, MessengerSettings
from bot.messaging.__main__ import Messaging, work
from bot.messaging.channels import FRESH_SECONDS, FreshSettings
from bot.settings import BotSettings, read_bot_settings
from deploy import supervision
from knowledge.schema import Heartbeat, InboxEvent, OutboxMessage, TurnEvent, now
from knowledge.settings import ROOT, SettingError
from knowledge.store import transaction
from tests.bot.conftest import ScriptedRasa
from tests.bot.messaging.conftest import (
    PERSON,
    SECRET_KEY,
    SECRETS,
    Deliver,
    Graph,
    Lines,
    batch,
    message,
)

SET = {
    "CITEWELL_MESSENGER_APP_SECRET": "a",
    "CITEWELL_MESSENGER_VERIFY_TOKEN": "v",
    "CITEWELL_MESSENGER_PAGE_TOKEN": "p",
}


def read(**env: str) -> BotSettings:
    return read_bot_settings({"CITEWELL_SECRET_KEY": SECRET_KEY, **env})


def stamp() -> int:
    return int(time.time() * 1000)


# Settings


def test_without_secrets_there_is_no_messenger() -> None:
    assert read().channels.messenger is None


def test_with_all_three_there_is() -> None:
    messenger = read(**SET).channels.messenger
    assert messenger == MessengerSettings("a", "v", "p", "https://graph.facebook.com/v25.0")


def test_secrets_are_not_shown() -> None:
    shown = repr(SECRETS)
    assert not any(word in shown for word in ("app-secret", "verify-me", "page-token"))


@pytest.mark.parametrize("missing", sorted(SET))
def test_some_of_the_secrets_are_too_few(missing: str) -> None:
    with pytest.raises(SettingError, match=missing):
        read(**{name: value for name, value in SET.items() if name != missing})


@pytest.mark.parametrize("name", sorted(SET))
@pytest.mark.parametrize("value", ["a\nb", "é"])
def test_a_secret_that_cannot_be_one_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        read(**{**SET, name: value})
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["graph.facebook.com", "http://graph.facebook.com/v25.0", "https://x/v1?a=b", "ftp://x"]
)
def test_an_address_that_could_be_read_underway_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="CITEWELL_MESSENGER_API_URL"):
        read(**SET, CITEWELL_MESSENGER_API_URL=url)


def test_the_address_may_end_with_a_slash_and_be_on_this_machine() -> None:
    messenger = read(**SET, CITEWELL_MESSENGER_API_URL="http://127.0.0.1:9/v1/").channels.messenger
    assert messenger is not None
    assert messenger.api_url == "http://127.0.0.1:9/v1"


# The token


def test_a_new_token_is_found_without_a_restart() -> None:
    at, token = [0.0], ["old"]

    def newest() -> ChannelSettings:
        if token[0] == "broken":
            raise SettingError("half a file")
        return ChannelSettings(messenger=replace(SECRETS, page_token=token[0]))

    first = ChannelSettings(messenger=replace(SECRETS, page_token="old"))
    settings = FreshSettings(first, newest, lambda: at[0])

    def fresh() -> str:
        messenger = settings().messenger
        return messenger.page_token if messenger else ""

    token[0] = "new"
    assert fresh() == "old"
    at[0] += FRESH_SECONDS
    assert fresh() == "new"
    token[0] = "broken"
    at[0] += FRESH_SECONDS
    assert fresh() == "new"


# The process


@pytest.fixture
def set_up(settings: BotSettings, graph: Graph) -> MessengerSettings:
    """A Page whose Send API is on this machine."""
    return replace(SECRETS, api_url=graph.url)


@pytest.fixture
def messaging(
    start_app: Callable[..., Flask],
    settings: BotSettings,
    set_up: MessengerSettings,
    engine: Engine,
) -> Messaging:
    """The parts of the process, with the scripted Rasa on the other end of the line."""
    return Messaging(replace(settings, channels=ChannelSettings(messenger=set_up)), engine)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def running(messaging: Messaging, is_done: Callable[[], bool]) -> None:
    """Let the process work until something is so."""
    stop = threading.Event()
    thread = threading.Thread(target=messaging.run, args=(stop,))
    thread.start()
    try:
        until(is_done)
    finally:
        stop.set()
        thread.join()


def test_a_question_on_messenger_gets_its_answer_with_the_source(
    deliver: Deliver, messaging: Messaging, graph: Graph, engine: Engine, rasa: ScriptedRasa
) -> None:
    assert deliver(batch(message("m1", "how do you catch flu", at=stamp()))).status_code == 200
    running(messaging, lambda: len(graph.messages) >= 3)
    assert graph.texts[0].startswith("I am a chatbot")
    assert "Flu spreads mainly by droplets." in graph.texts[2]
    assert "https://www.cdc.gov/flu/about/index.html" in graph.texts[2]
    assert [ask["message"] for ask in rasa.heard] == ["how do you catch flu"]
    with transaction(engine) as session:
        (turn,) = session.scalars(sa.select(TurnEvent))
        assert (turn.channel, turn.kind) == ("messenger", "answer")
        assert turn.session_key == rasa.heard[0]["sender"]
        assert PERSON not in turn.session_key
        assert session.get(Heartbeat, "messaging") is not None


def test_an_emergency_is_answered_while_rasa_is_down(
    deliver: Deliver, messaging: Messaging, graph: Graph, rasa: ScriptedRasa
) -> None:
    rasa.returns(500, "")
    deliver(batch(message("m1", "my father has crushing chest pain", at=stamp())))
    running(messaging, lambda: len(graph.messages) >= 2)
    assert "This may be an emergency" in graph.texts[0]


def test_forget_me_deletes_the_conversation_everywhere(
    deliver: Deliver, messaging: Messaging, graph: Graph, engine: Engine, rasa: ScriptedRasa
) -> None:
    deliver(batch(message("m1", "how do you catch flu", at=stamp())))
    running(messaging, lambda: len(graph.messages) >= 3)
    key = rasa.heard[0]["sender"]
    rasa.says({"kind": "notice", "code": "forget_me", "text": "I deleted this conversation."})
    deliver(batch(message("m2", "forget me", at=stamp())))
    running(messaging, lambda: len(graph.messages) >= 4)
    assert "I deleted this conversation." in graph.texts[3]
    with transaction(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(TurnEvent)) == 0
        for table in (InboxEvent, OutboxMessage):
            assert key not in set(session.scalars(sa.select(table.conversation_key)))


def test_a_step_that_fails_does_not_end_its_thread(lines: Lines) -> None:
    stop, tried = threading.Event(), []

    def step() -> bool:
        tried.append(1)
        if len(tried) == 1:
            raise OperationalError("x", {}, Exception("secret words"))
        stop.set()
        return False

    thread = threading.Thread(target=work, args=(step, stop, Bell()))
    thread.start()
    thread.join(timeout=20)
    assert len(tried) == 2
    assert any("messaging_step_failed" in line for line in lines.lines)
    assert not any("secret words" in line for line in lines.lines)


def test_what_dead_processes_left_is_looked_after(
    deliver: Deliver, messaging: Messaging, engine: Engine
) -> None:
    deliver(batch(message("m1", at=stamp())))
    with transaction(engine) as session:
        ago = now() - timedelta(minutes=2)
        session.execute(
            sa.update(InboxEvent).values(state="working", attempts=1, claimed_until=ago)
        )
    messaging.look_after()
    with transaction(engine) as session:
        assert session.scalars(sa.select(InboxEvent.state)).all() == ["waiting"]


def test_the_real_process_starts_answers_and_stops(
    deliver: Deliver,
    settings: BotSettings,
    engine: Engine,
    graph: Graph,
    tmp_path: Path,
) -> None:
    deliver(batch(message("m1", "my father has crushing chest pain", at=stamp())))
    env: dict[str, Any] = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CITEWELL_")},
        "CITEWELL_DATA_DIR": str(tmp_path),
        "CITEWELL_TRACKER_DIR": str(tmp_path),
        "CITEWELL_SECRET_KEY": SECRET_KEY,
        **SET,
        "CITEWELL_MESSENGER_API_URL": graph.url,
    }
    command = [sys.executable, "-m", "bot.messaging"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: len(graph.messages) >= 2)
        finally:
            process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "This may be an emergency" in graph.texts[0]
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert {"turn", "event_done", "message_done"} <= set(events)
    assert "father" not in out
    assert PERSON not in out


def test_without_a_platform_it_says_what_to_do(tmp_path: Path) -> None:
    env = {**os.environ, "CITEWELL_DATA_DIR": str(tmp_path), "CITEWELL_SECRET_KEY": SECRET_KEY}
    command = [sys.executable, "-m", "bot.messaging"]
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "docs/messaging.md" in done.stderr


# What starts it, and what looks at it


def test_the_supervisor_runs_it_only_where_messenger_is_set_up(settings: BotSettings) -> None:
    def names(chosen: BotSettings) -> list[str]:
        return [program.name for program in supervision.programs(chosen, Path("/m.tar.gz"))]

    assert "messaging" not in names(settings)
    assert names(replace(settings, channels=ChannelSettings(messenger=SECRETS)))[-1] == "messaging"


def test_readiness_tells_whether_it_is_alive(messenger_app: Flask, engine: Engine) -> None:
    client = messenger_app.test_client()
    assert client.get("/readyz").get_json()["checks"]["messaging"] == "failed"
    with transaction(engine) as session:
        session.merge(Heartbeat(process="messaging", at=now()))
    assert client.get("/readyz").get_json()["checks"]["messaging"] == "ok"


def test_readiness_does_not_ask_for_it_without_a_platform(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    checks = start_app(settings).test_client().get("/readyz").get_json()["checks"]
    assert "messaging" not in checks
