"""Sending a question ahead helps where it can and disturbs nothing where it cannot."""

from __future__ import annotations

import json
import threading

import httpx

from bot.rasa_client import PREFETCH_THREADS, Prefetch
from tests.stack import wait_for


def test_it_sends_the_question_to_the_action_server() -> None:
    seen: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, json.loads(request.content)["text"]))
        return httpx.Response(202)

    Prefetch("http://actions", httpx.MockTransport(answer))("flu symptoms")
    assert wait_for(lambda: seen == [("/prefetch", "flu symptoms")], 5)


def test_it_never_makes_a_turn_wait_or_fail() -> None:
    gate = threading.Event()
    sent: list[str] = []

    def hang(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        gate.wait(5)
        raise httpx.ConnectError("refused", request=request)

    prefetch = Prefetch("http://actions", httpx.MockTransport(hang))
    for _ in range(PREFETCH_THREADS * 3):
        prefetch("flu symptoms")
    assert wait_for(lambda: len(sent) == PREFETCH_THREADS, 5)
    gate.set()
    assert wait_for(lambda: prefetch._free.acquire(blocking=False), 5)
