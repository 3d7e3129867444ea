"""What a process that was killed left behind: free at once where it died, by itself elsewhere."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from bot.channel_settings import ChannelSettings
from bot.messaging.__main__ import Messaging
from bot.messaging.inbox import MAX_CLAIMS, Inbox, Incoming, Outgoing
from bot.messaging.outbox import Outbox
from bot.messaging.presence import Presence
from bot.messaging.sealing import Sealer
from bot.settings import BotSettings
from knowledge.schema import now
from knowledge.settings import ROOT
from tests.bot.messaging.conftest import (
    PERSON,
    SECRET_KEY,
    SECRETS,
    Graph,
    Lines,
    Office,
    plain,
    said,
)

LIVES = """
import sys
from pathlib import Path
from bot.messaging.presence import Presence
mine = Presence(Path(sys.argv[1]))
print(mine.name, flush=True)
sys.stdin.read()
"""
Live = Callable[[], tuple[str, subprocess.Popen[str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where processes show themselves."""
    return tmp_path / "messaging"


@pytest.fixture
def live(folder: Path) -> Iterator[Live]:
    """Start processes that show that they live; each is killed in the end."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[str, subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-c", LIVES, str(folder)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip(), process

    yield start
    for process in started:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=20)


def test_a_process_that_was_killed_is_known_to_be_dead_and_no_other(
    folder: Path, live: Live
) -> None:
    mine = Presence(folder)
    (dying, process), (living, _), (hung, other) = live(), live(), live()
    assert mine.dead() == []
    other.send_signal(signal.SIGSTOP)
    process.kill()
    process.wait(timeout=20)
    assert mine.dead() == [dying]
    assert len({mine.name, dying, living, hung}) == 4
    mine.forget([dying])
    assert mine.dead() == []
    mine.end()


def test_a_process_that_ended_well_leaves_nothing(folder: Path) -> None:
    Presence(folder).end()
    assert list(folder.iterdir()) == []


def test_nothing_is_known_of_another_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Presence(folder)
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    there = Presence(folder)
    mine.end()
    (folder / f"{mine.name}.lock").touch()
    assert there.dead() == []
    there.end()


def of(office: Office, claimant: str) -> tuple[Inbox, Outbox]:
    """Return inbox and outbox as a process sees them."""
    inbox = Inbox(office.store, office.sealer, office.clock, claimant=claimant)
    return inbox, Outbox(office.store, office.sealer, office.clock, claimant=claimant)


def test_what_the_dead_worked_on_is_free_at_once_and_what_the_living_do_is_not(
    office: Office,
) -> None:
    office.inbox.keep([said(office, f"m{n}", person=str(n)) for n in (1, 2)])
    assert of(office, "dead")[0].claim() is not None
    assert of(office, "living")[0].claim() is not None
    assert office.inbox.free_dead(claimants=["dead"]) == 1
    states = [(event.state, event.claimed_by) for event in office.events()]
    assert states == [("waiting", "dead"), ("working", "living")]
    office.answer_all()
    assert [event.state for event in office.events()] == ["answered", "working"]


def test_what_the_dead_were_sending_is_uncertain_at_once_and_the_rest_goes_on(
    office: Office, graph: Graph
) -> None:
    for person in ("1", "2"):
        office.inbox.keep([said(office, person, person=person)])
        claimed = office.inbox.claim()
        assert claimed is not None
        parts = [Outgoing({"text": f"{person} {n}"}) for n in range(2)]
        assert office.inbox.answer(claimed, person, parts)
    assert of(office, "dead")[1].claim(["messenger"]) is not None
    assert of(office, "living")[1].claim(["messenger"]) is not None
    assert office.outbox.free_dead(claimants=["dead"]) == 1
    office.send_all()
    assert sorted(row.state for row in office.messages()) == [
        "sending",
        "sent",
        "unknown",
        "waiting",
    ]
    assert len(graph.texts) == 1


def test_who_was_taken_for_dead_writes_nothing(office: Office) -> None:
    inbox, _ = of(office, "taken for dead")
    inbox.keep([said(office, "m1")])
    claimed = inbox.claim()
    assert claimed is not None
    office.inbox.free_dead(claimants=["taken for dead"])
    assert office.answering.step()
    assert not inbox.answer(claimed, PERSON, [Outgoing({"text": "again"})])
    assert len({row.inbox_id for row in office.messages()}) == 1
    assert all(row.reply_id in {"", plain("About: hello").reply_id} for row in office.messages())


def test_an_event_outlives_more_deaths_than_errors_but_not_all(office: Office) -> None:
    office.inbox.keep([said(office, "m1")])
    for number in range(MAX_CLAIMS):
        assert [event.state for event in office.events()] == ["waiting"], number
        assert of(office, f"dead-{number}")[0].claim() is not None
        office.inbox.free_dead(claimants=[f"dead-{number}"])
    (event,) = office.events()
    assert (event.state, event.code, event.sealed) == ("failed", "process_ended", b"")


def test_a_new_process_frees_what_a_killed_one_had(
    engine: Engine, settings: BotSettings, tmp_path: Path, live: Live
) -> None:
    inbox = Inbox(engine, Sealer(SECRET_KEY), claimant=(killed := live())[0])
    person = {"platform": "messenger", "account": "1", "person": PERSON, "kind": "text"}
    inbox.keep([Incoming(event_id="m1", said_at=now(), **person)])
    assert inbox.claim() is not None
    knowledge = replace(settings.knowledge, data_dir=tmp_path)
    channels = ChannelSettings(messenger=SECRETS)
    messaging = Messaging(replace(settings, knowledge=knowledge, channels=channels), engine)
    messaging.look_after()
    assert inbox.claim() is None
    killed[1].kill()
    killed[1].wait(timeout=20)
    messaging.look_after()
    again = inbox.claim()
    assert again is not None
    assert again.attempts == 2
    messaging.look_after()
    assert inbox.claim() is None, "who was forgotten is not found dead once more"


def test_without_a_folder_to_write_to_it_works_all_the_same(
    engine: Engine,
    settings: BotSettings,
    tmp_path: Path,
    lines: Lines,
) -> None:
    in_the_way = tmp_path / "a-file"
    in_the_way.touch()
    knowledge = replace(settings.knowledge, data_dir=in_the_way)
    channels = ChannelSettings(messenger=SECRETS)
    messaging = Messaging(replace(settings, knowledge=knowledge, channels=channels), engine)
    assert messaging.look_after()
    assert any("presence_not_shown" in line for line in lines.lines)
