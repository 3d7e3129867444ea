"""Every action, from a saved conversation to what it says and what the next turn knows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.answer_question import (
    ActionAnswerOffer,
    ActionAnswerQuestion,
    ActionCheckClaim,
    ActionCorrect,
)
from actions.base import TotalAction
from actions.claim_steps import ActionClaimStep
from actions.emergency import ActionEmergency
from actions.report_rumour import ActionReportRumour
from knowledge.calibration import Classifier
from knowledge.live import LiveAnswers
from knowledge.settings import ROOT
from tests.actions.conftest import MakeTracker

ELEPHANT = "an elephant sits on my chest"
DESPAIR = "nobody would miss me when gone"
AFTER_FLU = {
    "last_entry_id": "flu-spread",
    "last_topic": "flu",
    "rivals": ["flu-symptoms", "flu-shot-myth", "measles-symptoms"],
}
ASKING_ELEPHANT = "why does it feel like an elephant sits on my chest?"


class Said:
    """What one run of an action brought."""

    def __init__(self, messages: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
        self.responses = [m["response"] for m in messages if m["response"]]
        self.payloads = [m["custom"] for m in messages if m["custom"]]
        self.slots = {event["name"]: event["value"] for event in events}

    @property
    def payload(self) -> dict[str, Any]:
        """The only payload."""
        (payload,) = self.payloads
        return payload


def run(action: TotalAction, tracker: Tracker) -> Said:
    dispatcher = CollectingDispatcher()
    events = asyncio.run(action.run(dispatcher, tracker, {}))
    return Said(dispatcher.messages, events)


def test_the_domain_names_every_action() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    classes = (
        ActionAnswerQuestion,
        ActionCheckClaim,
        ActionAnswerOffer,
        ActionCorrect,
        ActionReportRumour,
        ActionClaimStep,
        ActionEmergency,
    )
    assert {action.action_name for action in classes} == set(domain["actions"])


def test_every_slot_that_an_action_sets_is_in_the_domain(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    conversations = [
        (ActionAnswerQuestion(answers), tracker()),
        (ActionAnswerQuestion(answers), tracker("measles rash or vaccine")),
        (ActionCorrect(answers), tracker("no, I meant stroke", "deny", **AFTER_FLU)),
        (ActionCheckClaim(answers), tracker("flu shot gives flu")),
        (ActionCheckClaim(answers), tracker("fact check")),
        (ActionClaimStep(), tracker(intent="check_steps")),
        (ActionReportRumour(), tracker()),
        (ActionReportRumour(), tracker(last_claim="onions cure flu")),
    ]
    for action, conversation in conversations:
        assert set(run(action, conversation).slots) <= set(domain["slots"])


# --- a question -----------------------------------------------------------------------------------


def test_it_answers_with_a_source_and_remembers_the_entry(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("how does flu spread?"))
    assert said.payload["kind"] == "answer"
    assert said.payload["entry"]["entry_id"] == "flu-spread"
    assert said.payload["sources"][0]["url"] == "https://www.cdc.gov/flu/spread/index.html"
    rivals = said.slots.pop("rivals")
    assert 1 <= len(rivals) <= 3
    assert "flu-spread" not in rivals
    assert said.slots == {
        "last_entry_id": "flu-spread",
        "last_topic": "flu",
        "offered_entry_id": None,
        "last_claim": None,
        "claim_step": None,
    }


def test_it_offers_a_choice_and_remembers_the_likeliest(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("measles rash or vaccine"))
    assert said.payload["kind"] == "clarify"
    assert said.slots["offered_entry_id"] == said.payload["options"][0]["entry_id"]
    assert said.slots["last_topic"] == "measles"
    assert "last_entry_id" not in said.slots


def test_it_abstains_and_forgets_what_was_offered(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("bake bread", offered_entry_id="flu-spread"))
    assert (said.payload["kind"], said.payload["code"]) == ("no_answer", "no_answer")
    assert said.slots == {"offered_entry_id": None, "last_claim": None, "claim_step": None}


@pytest.mark.parametrize("intent", ["nlu_fallback", "out_of_scope", "ask_health_question"])
def test_the_score_decides_not_the_intent(
    intent: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("how does flu spread?", intent, 0.1))
    assert said.payload["entry"]["entry_id"] == "flu-spread"


def test_a_menu_of_a_topic_begins_with_what_it_is_like(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("flu"))
    assert said.payload["topic_title"] == "Flu (influenza)"
    assert [option["entry_id"] for option in said.payload["options"]] == [
        "flu-symptoms",
        "flu-spread",
        "flu-shot-myth",
    ]


def test_it_follows_up_on_the_entry_answered_last(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    question = "what are the signs of it"
    after_flu = tracker(question, last_entry_id="flu-spread", last_topic="flu")
    after_stroke = tracker(question, last_entry_id="stroke-signs", last_topic="stroke")
    action = ActionAnswerQuestion(answers)
    assert run(action, after_flu).payload["entry"]["entry_id"] == "flu-symptoms"
    assert run(action, after_stroke).payload["entry"]["entry_id"] == "stroke-signs"


@pytest.mark.parametrize("intent", ["ask_for_diagnosis", "ask_for_dose"])
def test_it_names_no_disease_to_someone_who_asks_for_one(
    intent: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("red spots and runny nose", intent))
    assert said.payload["kind"] == "no_answer"


def test_an_answer_past_its_review_date_says_so(answers: LiveAnswers, tracker: MakeTracker) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("mmr vaccine side effects"))
    assert (said.payload["expired"], said.payload["text"]) == (True, "")


def test_likeness_to_an_emergency_alone_puts_the_call_now_line_on_top(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker(ELEPHANT))
    assert said.payload["kind"] != "emergency"
    assert said.payload["call_now"] is True


def test_likeness_to_self_harm_takes_over_alone(answers: LiveAnswers, tracker: MakeTracker) -> None:
    said = run(ActionAnswerQuestion(answers), tracker(DESPAIR))
    assert said.payload == {"kind": "emergency", "category": "self_harm", "rule": "despair"}
    assert said.slots == {}


def test_asking_about_an_emergency_puts_the_call_now_line_on_top(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerQuestion(answers), tracker(ASKING_ELEPHANT))
    assert said.payload["kind"] != "emergency"
    assert said.payload["call_now"] is True


def test_without_a_release_it_says_that_it_cannot_answer(
    no_answers: LiveAnswers, tracker: MakeTracker
) -> None:
    for action in (ActionAnswerQuestion, ActionCheckClaim, ActionAnswerOffer, ActionCorrect):
        said = run(action(no_answers), tracker())
        assert said.payload == {"kind": "unavailable", "code": "no_release"}


def test_a_dose_that_rasa_took_for_a_question_is_declined(
    answers: LiveAnswers, tracker: MakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers.loaded is not None
    retriever = answers.loaded.answerer.retriever
    wishes = Classifier(("diagnosis", "dose", "question"), ((0.0,) * 266,) * 3, (0.0, 9.0, 0.0))
    calibration = replace(retriever.calibration, wishes=wishes, declines_at=0.5)
    monkeypatch.setattr(retriever, "calibration", calibration)
    said = run(ActionAnswerQuestion(answers), tracker("how does flu spread?"))
    assert said.responses == ["utter_decline_dose"]
    assert said.payload["kind"] == "answer"
    declined = run(ActionAnswerQuestion(answers), tracker("flu spread?", "ask_for_dose"))
    assert declined.responses == []  # Rasa's rule has said it already
    alarmed = run(ActionEmergency(answers), tracker("how does flu spread?", "emergency"))
    assert alarmed.responses == ["utter_decline_dose"]
    assert alarmed.payload["call_now"] is True


@pytest.mark.parametrize(
    ("text", "intent", "kind"),
    [
        ("how does flu spread", "emergency", "answer"),
        ("how does flu spread", "abuse", "answer"),
        ("warning signs of a stroke", "emergency", "answer"),  # asks; the entry itself is urgent
        (f"{DESPAIR} flu spread", "self_harm", "emergency"),
    ],
)
def test_a_sure_answer_on_nothing_urgent_is_not_taken_over(
    text: str, intent: str, kind: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionEmergency(answers), tracker(text, intent))
    assert said.payload["kind"] == kind
    if kind == "answer":
        assert said.payload["call_now"] is True


# --- a claim --------------------------------------------------------------------------------------


def test_a_claim_is_answered_with_the_entry_on_it(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    claim = "I heard the flu shot gives flu"
    said = run(ActionCheckClaim(answers), tracker(claim, "check_claim"))
    assert said.payload["entry"]["entry_id"] == "flu-shot-myth"
    assert said.slots["last_claim"] == claim
    assert said.slots["last_entry_id"] == "flu-shot-myth"


def test_a_claim_that_no_entry_is_about_is_said_to_be_unknown_and_kept(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCheckClaim(answers), tracker("onions heal bones", "check_claim"))
    assert (said.payload["kind"], said.payload["code"]) == ("no_answer", "claim_not_found")
    assert said.slots["last_claim"] == "onions heal bones"


def test_a_claim_is_not_confirmed_by_an_entry_that_is_no_myth(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCheckClaim(answers), tracker("flu spread person to person", "check_claim"))
    assert said.payload["kind"] == "clarify"


def test_a_claim_that_tells_of_self_harm_is_an_emergency(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCheckClaim(answers), tracker(DESPAIR, "check_claim"))
    assert said.payload["kind"] == "emergency"
    assert said.slots == {}


def test_a_claim_that_asks_about_an_emergency_gets_the_call_now_line(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCheckClaim(answers), tracker(ASKING_ELEPHANT, "check_claim"))
    assert said.payload["call_now"] is True


@pytest.mark.parametrize(
    "text", ["I want to check a claim", "fact check please", "is this fake news?", "is it true"]
)
def test_a_claim_that_is_not_named_is_asked_for(
    text: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCheckClaim(answers), tracker(text, "check_claim"))
    assert said.payload == {"kind": "notice", "code": "ask_for_claim"}
    assert said.slots == {"awaiting_claim": True}


@pytest.mark.parametrize(
    ("after", "code"), [("action_check_claim", "claim_not_found"), ("utter_greet", "no_answer")]
)
def test_the_next_message_is_taken_as_the_claim(
    after: str, code: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    conversation = tracker("onions heal bones", after=after, awaiting_claim=True)
    said = run(ActionAnswerQuestion(answers), conversation)
    assert said.payload["code"] == code
    claim = "onions heal bones" if code == "claim_not_found" else None
    assert said.slots["last_claim"] == claim


def test_the_steps_begin_with_the_first(tracker: MakeTracker) -> None:
    said = run(ActionClaimStep(), tracker("show me", "check_steps", claim_step=4))
    assert said.payload == {"kind": "notice", "code": "claim_step_1"}
    assert said.slots == {"claim_step": 1}


def test_seven_steps_follow_each_other_and_end(tracker: MakeTracker) -> None:
    slots, codes = {"claim_step": 1}, []
    for _ in range(6):
        said = run(ActionClaimStep(), tracker("next", "next_step", **slots))
        codes.append(said.payload["code"])
        slots = said.slots
    assert codes == [f"claim_step_{number}" for number in range(2, 8)]
    assert slots == {"claim_step": None}


@pytest.mark.parametrize("shown", [None, 0, 7, "x"])
def test_there_is_no_next_step_where_none_was_shown(shown: object, tracker: MakeTracker) -> None:
    said = run(ActionClaimStep(), tracker("next", "next_step", claim_step=shown))
    assert said.responses == ["utter_default"]


def test_yes_after_a_step_shows_the_next_one(answers: LiveAnswers, tracker: MakeTracker) -> None:
    yes = tracker("ok", "affirm", after="action_claim_step", claim_step=2, offered_entry_id="x")
    assert run(ActionAnswerOffer(answers), yes).payload["code"] == "claim_step_3"


def test_a_question_between_the_steps_ends_them(answers: LiveAnswers, tracker: MakeTracker) -> None:
    said = run(ActionAnswerQuestion(answers), tracker("how does flu spread?", claim_step=3))
    assert said.slots["claim_step"] is None


# --- a rumour -------------------------------------------------------------------------------------


def test_it_asks_what_was_heard(tracker: MakeTracker) -> None:
    said = run(ActionReportRumour(), tracker())
    assert said.payload == {"kind": "notice", "code": "ask_for_rumour"}
    assert said.slots == {"awaiting_rumour": True}


def test_it_reports_the_claim_that_was_just_checked(tracker: MakeTracker) -> None:
    said = run(ActionReportRumour(), tracker("report it", last_claim="onions heal bones"))
    assert said.payload == {
        "kind": "notice",
        "code": "rumour_reported",
        "claim": "onions heal bones",
    }
    assert said.slots == {"last_claim": None, "awaiting_rumour": False}


def test_it_keeps_no_more_of_a_claim_than_the_store_takes(tracker: MakeTracker) -> None:
    said = run(ActionReportRumour(), tracker(last_claim="x" * 1500))
    assert len(said.payload["claim"]) == 1000


@pytest.mark.parametrize("action", [ActionAnswerQuestion, ActionCheckClaim])
def test_the_next_message_is_taken_as_the_rumour(
    action: type[ActionAnswerQuestion], answers: LiveAnswers, tracker: MakeTracker
) -> None:
    conversation = tracker(
        "how does flu spread?", after="action_report_rumour", awaiting_rumour=True
    )
    said = run(action(answers), conversation)
    assert (said.payload["code"], said.payload["claim"]) == (
        "rumour_reported",
        "how does flu spread?",
    )
    assert said.slots["awaiting_rumour"] is False


@pytest.mark.parametrize(
    ("after", "awaiting"), [("utter_greet", True), ("action_report_rumour", False)]
)
def test_only_the_very_next_message_is(
    after: str, awaiting: bool, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    conversation = tracker("how does flu spread?", after=after, awaiting_rumour=awaiting)
    assert run(ActionAnswerQuestion(answers), conversation).payload["kind"] == "answer"


# --- an offer -------------------------------------------------------------------------------------


def test_yes_brings_the_entry_that_was_offered(answers: LiveAnswers, tracker: MakeTracker) -> None:
    conversation = tracker("yes", "affirm", offered_entry_id="measles-symptoms")
    said = run(ActionAnswerOffer(answers), conversation)
    assert said.payload["entry"]["entry_id"] == "measles-symptoms"
    assert said.slots["last_entry_id"] == "measles-symptoms"
    assert said.slots["offered_entry_id"] is None


@pytest.mark.parametrize("offered", [None, "gone-since"])
def test_yes_without_an_offer_asks_for_other_words(
    offered: str | None, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionAnswerOffer(answers), tracker("yes", "affirm", offered_entry_id=offered))
    assert (said.responses, said.payloads) == (["utter_default"], [])


# --- no -------------------------------------------------------------------------------------------


def test_no_offers_what_came_next_to_the_last_answer(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCorrect(answers), tracker("no, that's not what I meant", "deny", **AFTER_FLU))
    assert said.responses == []
    assert said.payload["kind"] == "clarify"
    offered = [option["entry_id"] for option in said.payload["options"]]
    assert offered == AFTER_FLU["rivals"]
    assert said.slots["offered_entry_id"] == "flu-symptoms"


def test_no_offers_what_is_still_in_the_release(answers: LiveAnswers, tracker: MakeTracker) -> None:
    known = {**AFTER_FLU, "rivals": ["gone-since", "stroke-signs"]}
    said = run(ActionCorrect(answers), tracker("no", "deny", **known))
    assert [option["entry_id"] for option in said.payload["options"]] == ["stroke-signs"]


@pytest.mark.parametrize("action", [ActionCorrect, ActionAnswerQuestion])
def test_what_was_meant_is_answered_whichever_intent_rasa_saw(
    action: type[ActionCorrect], answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(action(answers), tracker("no, I meant symptoms of flu", "deny", **AFTER_FLU))
    offered = [option["entry_id"] for option in said.payload.get("options", ())]
    entry = said.payload.get("entry", {}).get("entry_id")
    assert entry == "flu-symptoms" or offered[0] == "flu-symptoms"
    assert "flu-spread" not in [entry, *offered]


@pytest.mark.parametrize("text", ["no", "wrong", "not that one"])
def test_no_where_nothing_was_answered_asks_for_other_words(
    text: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCorrect(answers), tracker(text, "deny"))
    assert (said.responses, said.payloads, said.slots) == (["utter_default"], [], {})


def test_a_question_that_rasa_took_for_a_no_is_answered(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCorrect(answers), tracker("how does flu spread?", "deny"))
    assert said.payload["entry"]["entry_id"] == "flu-spread"
    assert said.slots["last_entry_id"] == "flu-spread"


def test_despair_that_rasa_took_for_a_no_is_an_emergency(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCorrect(answers), tracker(DESPAIR, "deny", **AFTER_FLU))
    assert said.payload == {"kind": "emergency", "category": "self_harm", "rule": "despair"}
    assert said.slots == {}


@pytest.mark.parametrize("text", ["skip it", "leave it", "no way", "none of that"])
def test_a_no_without_content_is_no_follow_up(
    text: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCorrect(answers), tracker(text, "deny", **AFTER_FLU))
    assert (said.responses, said.payloads, said.slots) == (["utter_default"], [], {})


def test_a_no_between_the_steps_is_about_the_steps(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    slots = {**AFTER_FLU, "claim_step": 2}
    stop = tracker("No, stop here", "deny", after="action_claim_step", **slots)
    assert run(ActionCorrect(answers), stop).responses == ["utter_default"]


@pytest.mark.parametrize(("confidence", "kind"), [(0.9, "no_answer"), (0.3, "emergency")])
def test_a_sure_and_short_no_is_not_taken_for_despair(
    confidence: float, kind: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCorrect(answers), tracker("nobody miss me", "deny", confidence))
    assert said.payload["kind"] == kind
    assert said.payload.get("call_now", True) is True


def test_a_no_that_sounds_like_an_emergency_keeps_the_call_now_line(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionCorrect(answers), tracker(ELEPHANT, "deny"))
    assert [payload["call_now"] for payload in said.payloads] == [True]


# --- another language -----------------------------------------------------------------------------

SPANISH = "¿cuáles son los síntomas de la gripe en los niños pequeños?"


@pytest.mark.parametrize("action", [ActionAnswerQuestion, ActionCorrect, ActionCheckClaim])
@pytest.mark.parametrize("slots", [{}, AFTER_FLU])
def test_a_question_in_another_language_is_not_searched(
    action: type[ActionCorrect],
    slots: dict[str, Any],
    answers: LiveAnswers,
    tracker: MakeTracker,
) -> None:
    said = run(action(answers), tracker(SPANISH, **slots))
    assert (said.payload["code"], said.payload["language"]) == ("other_language", "es")
    assert said.payload["call_now"] is True
    assert said.responses == []


# --- an emergency ---------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["emergency", "self_harm", "abuse"])
def test_an_intent_that_the_exemplars_confirm_is_an_emergency(
    category: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    text = "he will not get up"  # resembles an exemplar, too little to count by itself
    assert run(ActionAnswerQuestion(answers), tracker(text)).payload["kind"] != "emergency"
    said = run(ActionEmergency(answers), tracker(text, category, 0.9))
    assert said.payload == {"kind": "emergency", "category": category, "rule": "intent"}


@pytest.mark.parametrize(
    ("category", "kind"),
    [("emergency", "no_answer"), ("self_harm", "emergency"), ("abuse", "emergency")],
)
def test_despair_and_violence_need_the_least_agreement(
    category: str, kind: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionEmergency(answers), tracker("nobody listens here", category, 0.9))
    assert said.payload["kind"] == kind


@pytest.mark.parametrize("category", ["emergency", "self_harm", "abuse"])
def test_an_intent_that_an_everyday_text_contradicts_only_gets_the_line(
    category: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    text = "an elephant sat on my phone"
    said = run(ActionEmergency(answers), tracker(text, category, 0.9))
    assert (said.payload["kind"], said.payload["call_now"]) == ("no_answer", True)


def test_the_exemplars_say_the_kind_where_the_intent_is_a_guess(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    text = "nobody would miss me when gone"
    said = run(ActionEmergency(answers), tracker(text, "emergency", 0.2))
    assert (said.payload["kind"], said.payload["category"]) == ("emergency", "self_harm")


def test_a_sure_intent_says_the_kind(answers: LiveAnswers, tracker: MakeTracker) -> None:
    text = "nobody would miss me when gone"
    said = run(ActionEmergency(answers), tracker(text, "abuse", 0.9))
    assert (said.payload["kind"], said.payload["category"]) == ("emergency", "abuse")


def test_a_plain_question_about_an_emergency_is_answered_with_the_line_on_top(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    question = "what are the warning signs of a stroke?"
    said = run(ActionEmergency(answers), tracker(question, "emergency", 0.95))
    assert said.payload["entry"]["entry_id"] == "stroke-signs"
    assert said.payload["call_now"] is True
    assert said.slots["last_topic"] == "stroke"


@pytest.mark.parametrize("question", ["what do I do now?", "he will not get up?"])
def test_a_question_that_nothing_answers_gets_the_line_as_well(
    question: str, answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionEmergency(answers), tracker(question, "emergency", 0.9))
    assert (said.payload["kind"], said.payload["call_now"]) == ("no_answer", True)


def test_an_intent_that_nothing_confirms_gives_way_but_keeps_the_line(
    answers: LiveAnswers, tracker: MakeTracker
) -> None:
    said = run(ActionEmergency(answers), tracker("flu shot made me sick", "emergency", 0.3))
    assert said.payload["entry"]["entry_id"] == "flu-shot-myth"
    assert said.payload["call_now"] is True


def test_an_emergency_needs_no_release(no_answers: LiveAnswers, tracker: MakeTracker) -> None:
    said = run(ActionEmergency(no_answers), tracker("help", "abuse", 0.3))
    assert said.payload == {"kind": "emergency", "category": "abuse", "rule": "intent"}


def test_the_saved_conversation_is_one_that_rasa_sent() -> None:
    saved = Tracker.from_dict(
        yaml.safe_load((Path(__file__).parent / "tracker.json").read_text(encoding="utf-8"))
    )
    assert saved.latest_message["text"] == saved.events[-1]["text"]
    assert saved.sender_id == "c0ffee"
