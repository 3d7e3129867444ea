"""Each part killed, stopped, hung or cut off: a proper reply comes all the same, and in time."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.stack import PROCESSES, Conversation, Stack, wait_for

pytestmark = pytest.mark.stack

PATIENCE_SECONDS = 9.0
RECOVERY_SECONDS = 60.0
QUESTION = "can the flu shot give me flu"
EMERGENCY = "I have crushing chest pain and can't breathe"


@pytest.fixture(autouse=True)
def _whole_again(stack: Stack) -> Iterator[None]:
    """Give every test a whole stack and leave one behind."""
    assert wait_for(stack.is_ready, RECOVERY_SECONDS), stack.ready()
    yield
    for process in PROCESSES:
        if pid := stack.pid(process):
            stack.signal(process, signal.SIGCONT)
        else:
            stack.start(process)
        del pid
    assert wait_for(stack.is_ready, RECOVERY_SECONDS), stack.ready()


def timed(patient: Conversation, text: str) -> tuple[dict[str, Any], float]:
    """Send a message; return the reply and the seconds it took."""
    started = time.monotonic()
    return patient.say(text), time.monotonic() - started


def answers_again(stack: Stack) -> bool:
    """Tell whether a question gets its answer."""
    try:
        patient = stack.conversation()
        with closing(patient.client):
            return bool(patient.say(QUESTION)["kind"] == "answer")
    except httpx.TransportError:
        return False


def assert_helps(reply: dict[str, Any]) -> None:
    """Hold that a reply is a proper one though nothing could be looked up."""
    assert reply["kind"] == "unavailable"
    assert {link["publisher"] for link in reply["links"]} == {"CDC", "WHO"}
    assert "emergency number" in reply["text"]


@pytest.mark.parametrize("process", ["rasa", "actions"])
def test_it_replies_while_a_process_is_stopped_and_recovers(
    stack: Stack, patient: Conversation, process: str
) -> None:
    stack.stop(process)
    reply, seconds = timed(patient, QUESTION)
    assert_helps(reply)
    assert seconds < PATIENCE_SECONDS
    assert patient.say(EMERGENCY)["kind"] == "emergency"
    stack.start(process)
    assert wait_for(lambda: answers_again(stack), RECOVERY_SECONDS)


@pytest.mark.parametrize("process", ["rasa", "actions"])
def test_it_replies_while_a_process_hangs_and_recovers(
    stack: Stack, patient: Conversation, process: str
) -> None:
    stack.signal(process, signal.SIGSTOP)
    reply, seconds = timed(patient, QUESTION)
    assert_helps(reply)
    assert seconds < PATIENCE_SECONDS
    urgent, urgent_seconds = timed(patient, EMERGENCY)
    assert urgent["kind"] == "emergency"
    assert urgent_seconds < 1.0
    stack.signal(process, signal.SIGCONT)
    assert wait_for(lambda: answers_again(stack), RECOVERY_SECONDS)


def test_it_does_not_make_the_next_ones_wait_behind_a_hung_rasa(stack: Stack) -> None:
    stack.signal("rasa", signal.SIGSTOP)
    people = [stack.conversation() for _ in range(3)]
    outcomes = [timed(person, QUESTION) for person in people]
    for person in people:
        person.client.close()
    reply, seconds = outcomes[-1]
    assert_helps(reply)
    assert seconds < 3.0


@pytest.mark.parametrize("process", PROCESSES)
def test_it_comes_back_by_itself_when_a_process_is_killed(stack: Stack, process: str) -> None:
    killed = stack.pid(process)
    stack.signal(process, signal.SIGKILL)
    assert wait_for(lambda: stack.pid(process) not in {0, killed}, 20)
    assert wait_for(stack.is_ready, RECOVERY_SECONDS), stack.ready()
    assert wait_for(lambda: answers_again(stack), RECOVERY_SECONDS)


def test_it_answers_without_its_worker(stack: Stack, patient: Conversation) -> None:
    stack.stop("worker")
    assert patient.say(QUESTION)["kind"] == "answer"


def test_it_answers_while_the_database_is_locked(stack: Stack, patient: Conversation) -> None:
    with closing(sqlite3.connect(stack.data / "citewell.db", timeout=5)) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        reply, seconds = timed(patient, QUESTION)
        assert reply["kind"] == "answer"
        assert seconds < PATIENCE_SECONDS
        assert patient.say(EMERGENCY)["kind"] == "emergency"
        locker.rollback()


def test_it_answers_or_helps_while_the_store_of_conversations_is_locked(
    stack: Stack, patient: Conversation
) -> None:
    with closing(sqlite3.connect(stack.tracker, timeout=5)) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        reply, seconds = timed(patient, QUESTION)
        assert reply["kind"] in {"answer", "unavailable"}
        assert seconds < PATIENCE_SECONDS
        locker.rollback()
    assert wait_for(lambda: answers_again(stack), RECOVERY_SECONDS)


def test_it_helps_when_everything_behind_it_is_gone(stack: Stack, patient: Conversation) -> None:
    for process in ("rasa", "actions", "worker"):
        stack.stop(process)
    with closing(sqlite3.connect(stack.data / "citewell.db", timeout=5)) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        reply, seconds = timed(patient, QUESTION)
        assert_helps(reply)
        assert seconds < PATIENCE_SECONDS
        assert patient.say(EMERGENCY)["emergency"]["steps"]
        locker.rollback()
    assert "failed" in stack.ready().values()
