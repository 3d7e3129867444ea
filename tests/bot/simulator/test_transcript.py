"""The transcript: whose message an answer belongs to, and how often it was given."""

from __future__ import annotations

from threading import Timer

import pytest

from bot.simulator.transcript import Transcript

HELLO, BYE = {"text": "Hello."}, {"text": "Bye."}


def test_an_answer_is_what_came_before_the_person_said_the_next_thing() -> None:
    kept = Transcript()
    kept.said("alice", "1", "messages", "hi")
    kept.sent("alice", "a", HELLO)
    kept.sent("bob", "b", BYE)
    kept.said("bob", "2", "messages", "hi")
    kept.sent("alice", "c", BYE)
    kept.said("alice", "3", "messages", "more")
    kept.sent("alice", "d", BYE)
    assert [sent.mid for sent in kept.answers("1")] == ["a", "c"]
    assert [sent.mid for sent in kept.answers("3")] == ["d"]


def test_an_answer_of_two_messages_is_one_answer_and_a_repeated_one_is_two() -> None:
    kept = Transcript()
    kept.said("alice", "1", "messages", "hi")
    assert kept.times_answered("1") == 0
    kept.sent("alice", "a", HELLO)
    kept.sent("alice", "b", BYE)
    assert kept.times_answered("1") == 1
    kept.sent("alice", "c", HELLO)
    assert kept.times_answered("1") == 2


def test_nobody_can_ask_for_the_answer_to_what_was_not_said() -> None:
    with pytest.raises(KeyError):
        Transcript().answers("1")


def test_waiting_ends_when_the_answer_is_whole() -> None:
    kept = Transcript()
    kept.said("alice", "1", "messages", "hi")
    timers = [
        Timer(0.05, kept.sent, ("alice", "a", HELLO)),
        Timer(0.15, kept.sent, ("alice", "b", BYE)),
    ]
    for timer in timers:
        timer.start()
    assert [sent.mid for sent in kept.wait_for_answer("1", 5, quiet=0.4)] == ["a", "b"]


def test_waiting_for_an_answer_that_does_not_come_ends_too() -> None:
    kept = Transcript()
    kept.said("alice", "1", "messages", "hi")
    assert kept.wait_for_answer("1", 0.05) == ()


def test_lines_have_their_time() -> None:
    kept = Transcript(lambda: 7.0)
    kept.said("alice", "1", "messages", "hi")
    kept.refused("alice", 100, "no")
    kept.acted("alice", "typing_on")
    assert [line.at for line in kept.lines()] == [7.0, 7.0, 7.0]
    assert len(kept.lines(2)) == 1
