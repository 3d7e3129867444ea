"""The whole bot, as it runs, examined by the stand-in point by point."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bot.simulator.conformance import Patience
from bot.simulator.whatsapp.conformance import POINTS, examine
from tests.bot.whatsapp.conftest import Branch


def test_the_bot_keeps_to_what_whatsapp_asks(sqlite_branch: Branch) -> None:
    office, stop = sqlite_branch.office, threading.Event()

    def work(step: Callable[[], bool]) -> None:
        while not stop.is_set():
            if not step():
                stop.wait(0.02)

    steps = [office.answering.step, office.sending.step, office.sending.step]
    threads = [threading.Thread(target=work, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    try:
        found = list(examine(sqlite_branch.whatsapp, Patience(answer=20.0, silence=0.4)))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(found) == len(POINTS) + 2
    assert [one for one in found if one.problem] == []
