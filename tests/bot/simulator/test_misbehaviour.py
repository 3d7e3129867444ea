"""Faults: at the calls they are meant for, and by chance that a seed decides."""

from __future__ import annotations

import pytest

from bot.simulator.misbehaviour import Answer, Fault, Misbehaviour, UnknownFault

BROKEN = Fault("broken", answer=Answer(500))
SLOW = Fault("slow", 4.0, processes=True)
FAULTS = {"broken": BROKEN, "slow": SLOW}


def test_the_next_calls_of_a_kind_go_wrong_and_no_others() -> None:
    going = Misbehaviour(FAULTS)
    going.next_calls("broken", 2)
    going.next_calls("slow", kind="profile")
    assert going.pick("action") is None
    assert [going.pick("message") for _ in range(3)] == [BROKEN, BROKEN, None]
    assert [going.pick("profile") for _ in range(2)] == [SLOW, None]


def test_a_share_of_the_calls_goes_wrong_alike_with_the_same_seed() -> None:
    runs = []
    for seed in (1, 1, 2):
        going = Misbehaviour(FAULTS, seed)
        going.sometimes("broken", 0.3)
        runs.append([going.pick("message") is BROKEN for _ in range(400)])
    assert runs[0] == runs[1] != runs[2]
    assert 80 <= sum(runs[0]) <= 160


def test_all_goes_right_again() -> None:
    going = Misbehaviour(FAULTS)
    going.next_calls("broken")
    going.sometimes("broken", 1)
    going.stop()
    assert going.pick("message") is None


def test_an_unknown_fault_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownFault, match=r"fire; there are broken, slow\."):
        Misbehaviour(FAULTS).next_calls("fire")


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_a_probability_beyond_one_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Misbehaviour(FAULTS).sometimes("broken", probability)
