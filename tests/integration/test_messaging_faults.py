"""Processes are killed while people write on Messenger: each message is answered once, or told of.

The engine of ``make faults``, for seconds instead of minutes.
"""

from __future__ import annotations

import pytest

from benchmarks.faults import Outcome, Run, measure, report, tracker_folder
from tests import stack as running

pytestmark = pytest.mark.stack

SECONDS = 40.0
RATE = 5.0
"""Messages a second, so that two busy cores have answered all of them within a minute."""
SEED = 9
"""By which each of the processes is killed, with Redis and without."""
PROCESSES = ("messaging", "web", "rasa", "actions")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """What came of seconds in which everything was killed."""
    data = running.DATA.parent / "test-faults"
    run = Run(SECONDS, RATE, SEED, processes=PROCESSES, settled_within=120.0)
    return measure(run, data, {"CITEWELL_TRACKER_DIR": str(tracker_folder("test-faults"))})


def test_every_accepted_message_is_answered_once_or_recorded(outcome: Outcome) -> None:
    told = report(outcome, "test", 0.0)
    assert not outcome.audit.broken, told
    assert len(outcome.audit.accepted) > SECONDS * RATE / 2, told


def test_what_was_killed_did_die_and_came_back(outcome: Outcome) -> None:
    killed = {kill.process for kill in outcome.kills}
    assert killed >= set(PROCESSES), "another seed is needed"
    assert all(kill.back_after is not None for kill in outcome.kills)


def test_answers_were_told_apart_by_their_words(outcome: Outcome) -> None:
    """Hold that the tests above saw real answers, and not only that nothing can be answered."""
    assert outcome.audit.kinds["answer"] > 0
    assert outcome.audit.told >= outcome.audit.kinds["answer"]
