"""One turn: what is said, what goes to Rasa, what is kept, whatever fails behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from bot.pipeline import MAX_CHARACTERS, Pipeline
from bot.rasa_client import Payload, RasaUnavailable
from bot.replies.compose import Composer, TopicChoice
from bot.safety.redaction import Redaction, Redactor
from bot.safety.triage import load_rules, triage
from bot.turn import Message, Reply
from knowledge.settings import ROOT
from tests.bot.conftest import answer_payload

RULES = load_rules(ROOT / "bot" / "safety" / "triage_rules" / "en.yml")
REDACTOR = Redactor()
EMERGENCY = "my chest hurts and I can't breathe"
QUESTION_ABOUT_ONE = "what are the signs of a heart attack?"
TOPICS = (TopicChoice("flu", "Flu", "flu"), TopicChoice("lead", "Lead", "what is  Lead"))
CLARIFY: dict[str, Any] = {
    "kind": "clarify",
    "topic_title": None,
    "options": [{"entry_id": "flu-shot", "question": "Who needs one?", "topic_title": "Flu"}],
    "score": 0.3,
    "call_now": False,
}
NO_ANSWER: dict[str, Any] = {
    "kind": "no_answer",
    "code": "no_answer",
    "topics": [],
    "words": "flu",
    "score": 0.1,
    "call_now": False,
}
FORGET_ME = {"kind": "notice", "code": "forget_me", "text": "Done. It is deleted."}


class Rasa:
    """Says what it was told to, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.error: RasaUnavailable | None = None
        self.says(answer_payload())

    def says(self, *payloads: dict[str, Any]) -> None:
        """Answer every turn with these payloads."""
        self.payloads = TypeAdapter(tuple[Payload, ...]).validate_python(payloads)

    def ask(self, text: str, sender: str) -> tuple[Payload, ...]:
        """Answer one turn."""
        self.heard.append((text, sender))
        if self.error:
            raise self.error
        return self.payloads


class Events:
    """Keeps what it is given, unless it is told to fail."""

    def __init__(self) -> None:
        self.works = True
        self.turns: list[tuple[Message, Reply, tuple[str, ...], int]] = []
        self.questions: list[str | None] = []
        self.rumours: list[tuple[str, str, str]] = []

    def record(
        self,
        message: Message,
        reply: Reply,
        redacted: tuple[str, ...],
        milliseconds: int,
        question: str | None = None,
    ) -> bool:
        """Record one turn."""
        self.turns.append((message, reply, redacted, milliseconds))
        self.questions.append(question)
        return self.works

    def rumour(self, session_key: str, reply_id: str, claim: str) -> bool:
        """Keep a reported claim."""
        self.rumours.append((session_key, reply_id, claim))
        return self.works


class Forgetting:
    """Forgets conversations, unless it is told to fail."""

    def __init__(self) -> None:
        self.works = True
        self.forgotten: list[str] = []

    def __call__(self, session_key: str) -> bool:
        """Forget one."""
        self.forgotten.append(session_key)
        return self.works


@pytest.fixture
def brain() -> Rasa:
    return Rasa()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def forget() -> Forgetting:
    return Forgetting()


Say = Callable[..., Reply]


@pytest.fixture
def say(brain: Rasa, events: Events, forget: Forgetting, composer: Composer) -> Say:
    pipeline = Pipeline(RULES, REDACTOR, brain, composer, events, forget, topics=lambda: TOPICS)

    def say(text: str, country: str | None = None) -> Reply:
        return pipeline.answer_turn(Message(text, "alice", "web", country=country))

    return say


def test_a_question_gets_its_answer(say: Say, brain: Rasa, events: Events) -> None:
    reply = say("How does flu spread?")
    assert (reply.kind, reply.call_now) == ("answer", None)
    assert reply.sources
    assert brain.heard == [("How does flu spread?", "alice")]
    ((message, recorded, redacted, milliseconds),) = events.turns
    assert (message.session_key, recorded, redacted) == ("alice", reply, ())
    assert milliseconds >= 0


def test_every_turn_has_an_id_of_its_own(say: Say) -> None:
    ids = {say("How does flu spread?").reply_id for _ in range(5)}
    assert len(ids) == 5
    assert all(len(reply_id) == 24 and int(reply_id, 16) >= 0 for reply_id in ids)


def test_an_emergency_never_waits_for_rasa(say: Say, brain: Rasa, events: Events) -> None:
    reply = say(EMERGENCY, country="NO")
    assert reply.kind == "emergency"
    assert reply.emergency is not None
    assert reply.emergency.lines[0].number == "113"
    assert brain.heard == []
    assert events.turns[0][1].code == reply.code


def test_an_emergency_is_answered_when_nothing_else_works(
    say: Say, brain: Rasa, events: Events
) -> None:
    brain.error, events.works = RasaUnavailable("rasa_unreachable"), False
    assert say(EMERGENCY).kind == "emergency"


def test_the_suggestion_for_urgent_help_needs_nothing_behind_it(
    say: Say, brain: Rasa, composer: Composer
) -> None:
    assert say(composer.wording.quick_replies.urgent.text).kind == "emergency"
    assert brain.heard == []


def test_a_question_about_an_emergency_is_answered_below_the_call_now_line(say: Say) -> None:
    reply = say(QUESTION_ABOUT_ONE, country="NO")
    assert reply.kind == "answer"
    assert reply.call_now is not None
    assert "113" in reply.call_now


def test_the_entry_alone_can_ask_for_the_call_now_line(say: Say, brain: Rasa) -> None:
    brain.says(answer_payload(call_now=True))
    reply = say("tell me of it", country="US")
    assert reply.call_now is not None
    assert "911" in reply.call_now


@pytest.mark.parametrize("code", ["rasa_timed_out", "rasa_breaker_open", "rasa_broke_contract"])
def test_without_rasa_the_reply_says_so(say: Say, brain: Rasa, events: Events, code: str) -> None:
    brain.error = RasaUnavailable(code)
    reply = say("How does flu spread?")
    assert (reply.kind, reply.code) == ("unavailable", code)
    assert len(reply.links) == 2
    assert events.turns[0][1] == reply


def test_without_rasa_the_call_now_line_stays(say: Say, brain: Rasa) -> None:
    brain.error = RasaUnavailable("rasa_timed_out")
    reply = say(QUESTION_ABOUT_ONE)
    assert reply.kind == "unavailable"
    assert reply.call_now


def test_an_answer_from_elsewhere_is_withheld(say: Say, brain: Rasa) -> None:
    source = {**answer_payload()["sources"][0], "url": "https://example.org/"}
    brain.says(answer_payload(sources=[source]))
    reply = say("How does flu spread?")
    assert (reply.kind, reply.code, reply.sources) == ("unavailable", "source_not_allowed", ())


@pytest.mark.parametrize(
    ("text", "gone", "kinds"),
    [
        ("call me at (415) 555-2671 about flu", "2671", ("phone",)),
        ("jane.doe@example.org has flu", "jane.doe", ("email",)),
        ("I am at 192.168.10.45, is it flu", "192.168", ("id",)),
    ],
)
def test_rasa_never_sees_what_identifies_a_person(
    say: Say, brain: Rasa, events: Events, text: str, gone: str, kinds: Sequence[str]
) -> None:
    say(text)
    ((heard, _),) = brain.heard
    assert gone not in heard
    assert "flu" in heard
    assert set(kinds) <= set(events.turns[0][2])


@pytest.mark.parametrize(
    "text", ["/restart", " / restart", "//restart", "\u200b/restart", "\x00/restart"]
)
def test_a_command_reaches_rasa_as_a_word(say: Say, brain: Rasa, text: str) -> None:
    say(text)
    assert brain.heard == [("restart", "alice")]


def test_a_message_of_which_nothing_is_left_does_not_reach_rasa(
    brain: Rasa, events: Events, forget: Forgetting, composer: Composer
) -> None:
    class MasksEverything(Redactor):
        def redact(self, text: str) -> Redaction:
            return Redaction("//", ("phone",))

    pipeline = Pipeline(RULES, MasksEverything(), brain, composer, events, forget)
    assert pipeline.answer_turn(Message("555-0199", "alice", "web")).code == "empty"
    assert brain.heard == []


def test_rasa_gets_one_line(say: Say, brain: Rasa) -> None:
    say("how\n\n does\tflu\r\nspread")
    assert brain.heard[0][0] == "how does flu spread"


@pytest.mark.parametrize(
    "text", ["", "   ", "\n", "🤒🤒", "?!…", "/", "\u200b\u202e", "\x00", "\ud800"]
)
def test_a_message_without_words_is_told_what_to_do(say: Say, brain: Rasa, text: str) -> None:
    reply = say(text)
    assert (reply.kind, reply.code) == ("notice", "empty")
    assert reply.quick_replies
    assert brain.heard == []


def test_the_limit_counts_what_is_left_after_cleaning(say: Say, brain: Rasa) -> None:
    assert say("a" * MAX_CHARACTERS + "\u200b" * 50).kind == "answer"
    too_long = say("a" * (MAX_CHARACTERS + 1))
    assert (too_long.kind, too_long.code, too_long.call_now) == ("notice", "too_long", None)
    assert len(brain.heard) == 1


def test_an_emergency_at_the_end_of_a_long_text_is_seen(say: Say, brain: Rasa) -> None:
    reply = say("my dog is nice. " * 80 + EMERGENCY)
    assert reply.kind == "emergency"
    assert brain.heard == []


def test_a_long_text_that_asks_about_an_emergency_gets_the_call_now_line(say: Say) -> None:
    reply = say("my dog is nice. " * 80 + QUESTION_ABOUT_ONE)
    assert reply.code == "too_long"
    assert reply.call_now


def test_forget_me_deletes_first_and_then_says_so(
    say: Say, brain: Rasa, events: Events, forget: Forgetting
) -> None:
    brain.says(FORGET_ME)
    reply = say("forget me")
    assert (reply.code, reply.session_ended) == ("forget_me", True)
    assert forget.forgotten == ["alice"]
    assert events.turns == []


def test_forget_me_admits_a_failure(
    say: Say, brain: Rasa, events: Events, forget: Forgetting, composer: Composer
) -> None:
    brain.says(FORGET_ME)
    forget.works = False
    reply = say("forget me")
    assert (reply.code, reply.session_ended) == ("forget_failed", False)
    assert reply.text == composer.wording.notices["forget_failed"]
    assert len(events.turns) == 1


def test_a_rumour_is_kept_with_its_reply(say: Say, brain: Rasa, events: Events) -> None:
    brain.says({"kind": "notice", "code": "rumour_reported", "claim": "garlic cures flu"})
    reply = say("yes, report it")
    assert reply.code == "rumour_reported"
    assert events.rumours == [("alice", reply.reply_id, "garlic cures flu")]


def test_a_rumour_that_cannot_be_kept_is_not_thanked_for(
    say: Say, brain: Rasa, events: Events
) -> None:
    brain.says({"kind": "notice", "code": "rumour_reported", "claim": "garlic cures flu"})
    events.works = False
    assert say("yes, report it").code == "rumour_failed"


def test_an_ordinary_notice_keeps_and_forgets_nothing(
    say: Say, brain: Rasa, events: Events, forget: Forgetting
) -> None:
    brain.says({"kind": "notice", "code": "greet", "text": "Hello!"})
    assert say("hi there").text == "Hello!"
    assert (events.rumours, forget.forgotten) == ([], [])


def test_a_turn_is_answered_though_it_cannot_be_recorded(say: Say, events: Events) -> None:
    events.works = False
    assert say("How does flu spread?").kind == "answer"


def test_the_log_line_of_a_turn_holds_ids_and_codes_only(
    say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        reply = say("canary words on flu")
    (record,) = [record for record in caplog.records if record.msg == "turn"]
    assert vars(record)["reply_id"] == reply.reply_id
    assert vars(record)["kind"] == "answer"
    assert not any("canary" in str(vars(record)) for record in caplog.records)


# --- which questions are kept ---------------------------------------------------------------------


@pytest.mark.parametrize("payload", [answer_payload(), CLARIFY, NO_ANSWER], ids=lambda p: p["kind"])
def test_a_question_is_kept_with_its_identifiers_masked(
    say: Say, brain: Rasa, events: Events, payload: dict[str, Any]
) -> None:
    brain.says(payload)
    assert say("call me at (415) 555-2671\nabout flu").kind == payload["kind"]
    (question,) = events.questions
    assert question == brain.heard[0][0]
    assert "2671" not in question
    assert "flu" in question


@pytest.mark.parametrize(
    "payload",
    [
        {"kind": "notice", "code": "greet", "text": "Hello!"},
        {"kind": "notice", "code": "rumour_reported", "claim": "garlic cures flu"},
        {"kind": "emergency", "category": "emergency", "rule": "intent"},
        {"kind": "emergency", "category": "self_harm", "rule": "intent"},
        {"kind": "emergency", "category": "abuse", "rule": "intent"},
        {"kind": "unavailable", "code": "no_release"},
    ],
    ids=lambda payload: payload.get("category") or payload["code"] if payload else "",
)
def test_what_is_no_health_question_is_not_kept(
    say: Say, brain: Rasa, events: Events, payload: dict[str, Any]
) -> None:
    brain.says(payload)
    say("hello there, it is me")
    assert events.questions == [None]


@pytest.mark.parametrize("text", [EMERGENCY, "", "x" * (MAX_CHARACTERS + 1)])
def test_what_does_not_reach_rasa_is_not_kept(say: Say, events: Events, text: str) -> None:
    say(text)
    assert events.questions == [None]


def test_a_question_is_not_kept_while_rasa_is_away(say: Say, brain: Rasa, events: Events) -> None:
    brain.error = RasaUnavailable("rasa_timed_out")
    say("How does flu spread?")
    assert events.questions == [None]


def test_a_question_about_a_bodily_emergency_is_kept(say: Say, events: Events) -> None:
    assert say(QUESTION_ABOUT_ONE).kind == "answer"
    assert events.questions == [QUESTION_ABOUT_ONE]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("what are the warning signs of suicide?", "self_harm"),
        ("my partner hits me, is that abuse?", "abuse"),
    ],
)
def test_a_question_about_self_harm_or_abuse_is_not_kept(
    say: Say, events: Events, text: str, category: str
) -> None:
    alarm = triage(text, RULES)
    assert alarm is not None
    assert alarm.category == category
    say(text)
    assert events.questions == [None]


@pytest.mark.parametrize(
    "payload", [answer_payload(), CLARIFY, NO_ANSWER], ids=lambda payload: payload["kind"]
)
def test_what_a_net_behind_took_for_urgent_is_not_kept(
    say: Say, brain: Rasa, events: Events, payload: dict[str, Any]
) -> None:
    brain.says({**payload, "call_now": True})
    assert say("i am so tired of it all").call_now
    assert events.questions == [None]


def test_a_text_in_a_language_that_nobody_here_reads_is_not_kept(
    say: Say, brain: Rasa, events: Events
) -> None:
    brain.says({**NO_ANSWER, "code": "other_language", "language": "de", "call_now": True})
    assert say("wie lange dauert eine Grippe").code == "other_language"
    assert events.questions == [None]


def test_an_entry_that_asks_for_the_call_now_line_is_kept(
    say: Say, brain: Rasa, events: Events
) -> None:
    urgent = {"level": "emergency", "action": "Call now."}
    brain.says(answer_payload(call_now=True, urgency=urgent))
    assert say("tell me of it").call_now
    assert events.questions == ["tell me of it"]


@pytest.mark.parametrize(
    ("text", "kept"), [("Flu ", False), ("WHAT is lead", False), ("flu?", True)]
)
def test_the_button_of_a_topic_is_no_question(
    say: Say, events: Events, text: str, kept: bool
) -> None:
    say(text)
    assert (events.questions != [None]) == kept


def test_nothing_is_kept_of_a_conversation_that_was_forgotten(
    say: Say, brain: Rasa, events: Events
) -> None:
    brain.says(FORGET_ME)
    say("forget me")
    assert events.questions == []
