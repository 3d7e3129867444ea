"""Entries compared by meaning: doubles, contradictions, wordings that lead elsewhere."""

from __future__ import annotations

from typing import Any

import yaml

from knowledge.checks.neighbours import compare
from knowledge.entry import Topic, TopicEntry
from knowledge.exchange import Fault, Located
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, make_entry

NODE = yaml.compose("{}", Loader=yaml.SafeLoader)
DOZE: dict[str, Any] = {
    "id": "dozing-off",
    "question": "Why do people nod off in trains?",
    "variants": [f"dozing rattle carriage {number}" for number in range(10)],
    "short_answer": "People nod off in trains where sleep was short.",
    "details": [],
}
SLEEP: dict[str, Any] = {"short_answer": "Sleep better at the same time. How? In a dark room."}


def locate(slug: str = "sleep", **changes: Any) -> Located:
    topic = Topic(slug=slug, title=slug.title(), aliases=(slug,))
    return Located(TopicEntry(topic=topic, entry=make_entry(**changes)), f"{slug}.yml", NODE)


def faults(*located: Located) -> list[Fault]:
    found = compare(located, WordEmbedder(), CALIBRATION)
    assert {fault.level for fault in found} <= {"warning"}
    return found


def test_two_different_entries_are_left_in_peace() -> None:
    assert faults(locate(**SLEEP), locate("trains", **DOZE)) == []


def test_a_question_asked_twice_is_named_with_both_entries() -> None:
    double = DOZE | {"question": "How can I sleep better"}
    double["short_answer"] = "To sleep better I can nod off in trains."
    (fault,) = faults(locate(**SLEEP), locate("trains", **double))
    assert (fault.entry, fault.field) == ("dozing-off", "question")
    assert "sleep-how-much, “How can I sleep better?”" in fault.message


def test_an_answer_given_twice_is_named() -> None:
    double = DOZE | SLEEP
    found = faults(locate(**SLEEP), locate("trains", **double))
    assert "short_answer" in {fault.field for fault in found}


def test_an_editor_who_compared_two_entries_is_not_asked_again() -> None:
    double = DOZE | SLEEP | {"question": "How can I sleep better"}
    compared = [{"entry": "sleep-how-much", "why": "On trains, not at home."}]
    assert faults(locate(**SLEEP), locate("trains", **double)) != []
    assert faults(locate(**SLEEP), locate("trains", **double, compared=compared)) == []
    mirrored = [{"entry": "dozing-off", "why": "At home, not on trains."}]
    assert faults(locate(**SLEEP, compared=mirrored), locate("trains", **double)) == []


def test_two_numbers_for_one_thing_are_a_contradiction() -> None:
    one = SLEEP | {"details": [{"text": "Adults need sleep for 7 hours a night.", "cite": ["s1"]}]}
    two = DOZE | {"details": [{"text": "Adults need sleep for 9 hours a night.", "cite": ["s1"]}]}
    (fault,) = faults(locate(**one), locate(**two))
    assert (fault.entry, fault.field) == ("dozing-off", "details.0.text")
    assert "gives another number than sleep-how-much" in fault.message
    same = DOZE | {"details": one["details"]}
    assert faults(locate(**one), locate(**same)) == []


def test_a_denial_of_what_another_entry_says_is_a_contradiction() -> None:
    one = SLEEP | {"details": [{"text": "A nap does help people to sleep.", "cite": ["s1"]}]}
    two = DOZE | {"details": [{"text": "A nap does not help people to sleep.", "cite": ["s1"]}]}
    (fault,) = faults(locate(**one), locate(**two))
    assert "may deny what is affirmed by sleep-how-much" in fault.message


def test_statements_on_two_subjects_do_not_contradict_each_other() -> None:
    one = SLEEP | {
        "details": [{"text": "It often starts after 7 hours in the dark.", "cite": ["s1"]}]
    }
    two = DOZE | {
        "details": [{"text": "It often starts after 9 hours in the dark.", "cite": ["s1"]}]
    }
    assert faults(locate(**one), locate("trains", **two)) == []


def test_a_wording_that_leads_to_another_entry_is_named() -> None:
    stray = DOZE | {"variants": ["sleep wording number 3 please", *DOZE["variants"]]}
    (fault,) = faults(locate(**SLEEP), locate("trains", **stray))
    assert (fault.entry, fault.field) == ("dozing-off", "variants.0")
    assert "leads to sleep-how-much" in fault.message


def test_an_answer_on_another_subject_is_named() -> None:
    (fault,) = faults(locate(short_answer="Boats float on water."), locate("trains", **DOZE))
    assert (fault.entry, fault.field) == ("sleep-how-much", "short_answer")
