"""From the inbox to the outbox: in order, once, and nothing of a person left behind."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from bot.messaging.inbox import (
    CLAIM_SECONDS,
    MAX_CLAIMS,
    RETRY_SECONDS,
    SORTED_AT_ONCE,
    Claimed,
    Inbox,
    Incoming,
    Outgoing,
)
from bot.messaging.sealing import Sealer, SealError
from bot.replies.compose import Composer
from bot.turn import Message, Reply
from knowledge.schema import InboxEvent
from knowledge.store import transaction
from tests.bot.messaging.another_process import keep_a_hundred
from tests.bot.messaging.conftest import (
    CANARY,
    PAGE,
    PERSON,
    SECRET_KEY,
    Graph,
    Lines,
    Office,
    plain,
    said,
)

OTHER = "8000"


def welcomed(office: Office, *people: str) -> None:
    """Let people be no strangers, and their introduction be sent."""
    for person in people or (PERSON,):
        office.inbox.keep([said(office, f"hi-{person}", person=person)])
    office.answer_all()
    office.send_all()
    office.turns.heard.clear()


def heard(office: Office) -> list[str]:
    return [message.text for message in office.turns.heard]


# Once


def test_two_processes_that_get_the_same_events_store_each_once(office: Office) -> None:
    url = office.store.url.render_as_string(hide_password=False)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        done = [pool.submit(keep_a_hundred, url, first) for first in (0, 50)]
        for one in done:
            one.result(timeout=60)
    assert len(office.events()) == 150


def test_an_event_that_comes_again_after_its_answer_is_not_answered_again(office: Office) -> None:
    office.inbox.keep([said(office, "m1")])
    office.answer_all()
    before = len(office.messages())
    office.inbox.keep([said(office, "m1")])
    office.answer_all()
    assert heard(office) == ["hello"]
    assert len(office.messages()) == before


def test_many_at_once_take_each_event_once_and_one_of_a_conversation_at_a_time(
    office: Office,
) -> None:
    people = [str(number) for number in range(1, 6)]
    office.inbox.keep(
        [
            said(office, f"m{n}-{person}", f"{person} {n}", person=person)
            for n in range(6)
            for person in people
        ]
    )
    busy: set[str] = set()
    crossed: list[str] = []
    guard = threading.Lock()

    def answer(message: Message) -> Reply:
        with guard:
            if message.session_key in busy:
                crossed.append(message.session_key)
            busy.add(message.session_key)
        threading.Event().wait(0.005)
        with guard:
            busy.discard(message.session_key)
        return plain("ok")

    office.turns.answer = answer
    threads = [threading.Thread(target=until_done, args=(office,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crossed == []
    assert sorted(heard(office)) == sorted(f"{p} {n}" for n in range(6) for p in people)
    for person in people:
        assert [t for t in heard(office) if t.startswith(f"{person} ")] == [
            f"{person} {n}" for n in range(6)
        ]


def until_done(office: Office) -> None:
    while any(event.state in {"waiting", "working"} for event in office.events()):
        try:
            office.answering.step()
        except OperationalError:
            continue  # SQLite was busy for half a second


# Order


def test_a_conversation_is_answered_in_the_order_in_which_it_was_said(office: Office) -> None:
    earlier = office.clock() - timedelta(seconds=9)
    office.inbox.keep([said(office, "m2", "second")])
    office.inbox.keep([said(office, "m1", "first", said_at=earlier)])
    office.answer_all()
    assert heard(office) == ["first", "second"]


def test_what_waits_for_another_try_holds_up_its_own_conversation_only(office: Office) -> None:
    welcomed(office, PERSON, OTHER)
    office.inbox.keep([said(office, "m1", "fails"), said(office, "m2", "after")])
    office.inbox.keep([said(office, "m3", "other", person=OTHER)])

    def answer(message: Message) -> Reply:
        if message.text == "fails" and heard(office).count("fails") == 1:
            raise ValueError("once")
        return plain("ok")

    office.turns.answer = answer
    office.answer_all()
    assert heard(office) == ["fails", "other"]
    office.clock.wait(seconds=2.1)
    office.answer_all()
    assert heard(office) == ["fails", "other", "fails", "after"]


# Failures


def test_a_turn_that_always_fails_is_given_up_after_three_tries(
    office: Office, lines: Lines
) -> None:
    def answer(message: Message) -> Reply:
        raise ValueError(message.text)

    office.turns.answer = answer
    office.inbox.keep([said(office, "m1", CANARY)])
    for _ in range(5):
        office.answer_all()
        office.clock.wait(seconds=10)
    (event,) = office.events()
    assert (event.state, event.code, event.attempts) == ("failed", "ValueError", 3)
    assert event.sealed == b""
    assert len(office.turns.heard) == 3
    assert office.messages() == []
    assert not any(CANARY in line or PERSON in line for line in lines.lines)


def test_the_event_of_a_process_that_died_is_answered_by_another_one(office: Office) -> None:
    office.inbox.keep([said(office, "m1")])
    assert office.inbox.claim() is not None  # and then nothing more is heard of who took it
    office.inbox.free_dead()
    assert not office.answering.step()
    office.clock.wait(seconds=CLAIM_SECONDS + 1)
    assert office.inbox.free_dead() == 1
    office.answer_all()
    assert [event.state for event in office.events()] == ["answered"]


def test_who_lost_a_claim_writes_nothing(office: Office) -> None:
    office.inbox.keep([said(office, "m1")])

    def answer(message: Message) -> Reply:
        if len(office.turns.heard) == 1:  # this one takes too long; meanwhile another one answers
            office.clock.wait(seconds=CLAIM_SECONDS + 1)
            office.inbox.free_dead()
            office.answering.step()
        return plain(f"reply {len(office.turns.heard)}")

    office.turns.answer = answer
    office.answer_all()
    assert len(office.turns.heard) == 2
    assert {message.reply_id for message in office.messages()} == {"", plain("reply 2").reply_id}


def test_who_is_late_writes_nothing_while_another_one_works_on_it(office: Office) -> None:
    office.inbox.keep([said(office, "m1")])
    first = office.inbox.claim()
    assert first is not None
    office.clock.wait(seconds=CLAIM_SECONDS + 1)
    office.inbox.free_dead()
    second = office.inbox.claim()
    assert second is not None
    assert not office.inbox.answer(first, PERSON, [Outgoing({"text": "late"})])
    office.inbox.give_up(first, "late")
    assert office.inbox.answer(second, PERSON, [Outgoing({"text": "right"})])
    assert [event.state for event in office.events()] == ["answered"]
    assert len(office.messages()) == 1


def test_an_event_that_ends_its_process_each_time_is_given_up(office: Office) -> None:
    office.inbox.keep([said(office, "m1")])
    for _ in range(MAX_CLAIMS):
        assert office.inbox.claim() is not None
        office.clock.wait(seconds=CLAIM_SECONDS + 1)
        office.inbox.free_dead()
    assert office.inbox.claim() is None
    (event,) = office.events()
    assert (event.state, event.code, event.sealed) == ("failed", "process_ended", b"")


def test_what_was_sealed_with_another_key_is_given_up(sqlite_office: Office) -> None:
    other = Inbox(sqlite_office.store, Sealer("another-" * 5), sqlite_office.clock)
    other.keep([said(sqlite_office, "m1")])
    sqlite_office.answer_all()
    (event,) = sqlite_office.events()
    assert (event.state, event.code) == ("failed", "not_opened")


def test_what_was_said_more_than_a_day_ago_gets_no_turn(sqlite_office: Office) -> None:
    office = sqlite_office
    office.inbox.keep([said(office, "m1")])
    office.clock.wait(hours=24, seconds=1)
    office.answer_all()
    (event,) = office.events()
    assert (event.state, event.code, event.sealed) == ("failed", "late", b"")
    assert office.turns.heard == []


# What is said


def test_a_turn_gets_what_it_needs(sqlite_office: Office) -> None:
    sqlite_office.inbox.keep([said(sqlite_office, "m1", "What is flu?")])
    sqlite_office.answer_all()
    (message,) = sqlite_office.turns.heard
    assert (message.text, message.channel, message.country) == ("What is flu?", "messenger", "NO")
    assert message.session_key == sqlite_office.sealer.conversation_key(
        "messenger", sqlite_office.events()[0].account, PERSON
    )
    assert PERSON not in message.session_key


def test_somebody_new_is_told_first_that_this_is_a_chatbot_and_only_once(
    sqlite_office: Office, graph: Graph, composer: Composer
) -> None:
    office, notices = sqlite_office, composer.wording.notices
    office.inbox.keep([said(office, "m1", "one"), said(office, "m2", "two")])
    office.answer_all()
    office.send_all()
    assert graph.texts == [
        notices["first_contact"].strip(),
        notices["welcome"].strip(),
        "About: one",
        "About: two",
    ]
    assert "chatbot" in notices["first_contact"]
    assert all("quick_replies" not in message for message in graph.messages)


def test_in_an_emergency_the_numbers_come_before_the_introduction(
    sqlite_office: Office, graph: Graph, composer: Composer
) -> None:
    office = sqlite_office
    office.turns.answer = lambda _: composer.emergency("e1", "emergency", "rule", "NO")
    office.inbox.keep([said(office, "m1", "chest pain")])
    office.answer_all()
    office.send_all()
    assert "113" in graph.texts[0]
    assert graph.texts[-1] == composer.wording.notices["first_contact"].strip()


def test_get_started_gets_the_menu(sqlite_office: Office, graph: Graph, composer: Composer) -> None:
    office = sqlite_office
    office.inbox.keep([said(office, "m1", kind="welcome")])
    office.answer_all()
    office.send_all()
    assert len(graph.texts) == 2
    assert graph.texts[1].startswith(composer.wording.notices["welcome"].strip())
    titles = [reply["title"] for reply in graph.messages[-1]["quick_replies"]]
    assert titles[0] == "Flu"


def test_a_picture_gets_a_kind_word_and_no_turn(
    sqlite_office: Office, graph: Graph, composer: Composer
) -> None:
    office = sqlite_office
    welcomed(office)
    office.inbox.keep([said(office, "m1", kind="only_text")])
    office.answer_all()
    office.send_all()
    assert graph.texts[-1] == composer.wording.notices["only_text"].strip()
    assert "emergency number" in graph.texts[-1]
    assert office.turns.heard == []


# Feedback


def test_feedback_counts_for_the_reply_that_was_sent(office: Office, graph: Graph) -> None:
    office.inbox.keep([said(office, "m1", "one")])
    office.answer_all()
    office.send_all()
    about = f"m_out_{len(graph.messages)}"
    thumb = {"kind": "feedback", "about": about, "rating": "helpful"}
    office.inbox.keep([said(office, "f1", "", **thumb)])
    office.answer_all()
    assert office.ratings.kept == [(plain("About: one").reply_id, "helpful")]
    assert office.events()[-1].state == "answered"


@pytest.mark.parametrize(
    ("about", "person"), [("m_out_1", PERSON), ("m_out_3", OTHER), ("m_unknown", PERSON)]
)
def test_feedback_on_anything_else_is_ignored(
    sqlite_office: Office, about: str, person: str
) -> None:
    office = sqlite_office
    office.inbox.keep([said(office, "m1", "one")])
    office.answer_all()
    office.send_all()
    thumb = {"kind": "feedback", "about": about, "rating": "helpful", "person": person}
    office.inbox.keep([said(office, "f1", "", **thumb)])
    office.answer_all()
    assert office.ratings.kept == []
    event = office.events()[-1]
    assert (event.state, event.code, event.sealed) == ("ignored", "not_our_reply", b"")


def test_feedback_that_cannot_be_kept_is_tried_again(sqlite_office: Office) -> None:
    office = sqlite_office
    office.inbox.keep([said(office, "m1", "one")])
    office.answer_all()
    office.send_all()
    thumb = {"kind": "feedback", "about": "m_out_3", "rating": "helpful"}
    office.inbox.keep([said(office, "f1", "", **thumb)])
    office.ratings.works = False
    office.answer_all()
    assert office.events()[-1].state == "waiting"
    office.ratings.works = True
    office.clock.wait(seconds=3)
    office.answer_all()
    assert len(office.ratings.kept) == 1


# What is left behind


def test_words_and_ids_are_gone_when_all_is_done(
    sqlite_office: Office, graph: Graph, tmp_path: Path, lines: Lines
) -> None:
    office = sqlite_office
    office.inbox.keep([said(office, "m1", CANARY)])
    sealed = [event.sealed for event in office.events()]
    office.answer_all()
    sealed += [message.sealed for message in office.messages()]
    assert len(sealed) == 4
    assert all(sealed)
    office.send_all()
    assert f"About: {CANARY}" in graph.texts
    assert [row.sealed for row in [*office.events(), *office.messages()]] == [b""] * 4
    office.inbox.empty_write_ahead_log()
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("citewell.db*"))
    assert b"answered" in files
    for words in (CANARY.encode(), PERSON.encode(), *sealed):
        assert words not in files
    assert lines.lines
    for word in (CANARY, "canary", PERSON, "page-token"):
        assert not any(word in line for line in [*lines.lines, *lines.raw])


def test_forget_me_leaves_nothing_that_leads_to_the_person(office: Office, graph: Graph) -> None:
    welcomed(office, PERSON, OTHER)
    office.inbox.keep([said(office, "m1", "one")])
    office.answer_all()  # its reply still waits when the next message is answered
    office.turns.answer = lambda _: plain("Deleted.", session_ended=True)
    office.inbox.keep([said(office, "m2", "forget me")])
    office.answer_all()
    office.send_all()
    key = office.turns.heard[-1].session_key
    assert graph.texts[-1] == "Deleted."
    assert "About: one" not in graph.texts
    assert key not in {row.conversation_key for row in [*office.events(), *office.messages()]}
    assert len({row.conversation_key for row in office.events()}) == 2, "others keep theirs"
    office.inbox.keep([said(office, "m2", "forget me")])
    office.turns.heard.clear()
    office.answer_all()
    assert office.turns.heard == [], "what was forgotten is still recognised when it comes again"


def test_who_was_forgotten_is_new_again(sqlite_office: Office, graph: Graph) -> None:
    office = sqlite_office
    welcomed(office)
    office.turns.answer = lambda _: plain("Deleted.", session_ended=True)
    office.inbox.keep([said(office, "m1", "forget me")])
    office.answer_all()
    office.turns.answer = lambda _: plain("Hello.")
    office.inbox.keep([said(office, "m2", "hello")])
    office.answer_all()
    office.send_all()
    assert graph.texts[-4:][0] == "Deleted."
    assert graph.texts[-3].startswith("I am a chatbot")


def test_old_rows_are_deleted_and_new_ones_are_not(office: Office) -> None:
    welcomed(office)
    office.clock.wait(days=31)
    office.inbox.keep([said(office, "m1")])
    office.answer_all()
    assert office.inbox.delete_older_than(30) == 1
    assert [event.state for event in office.events()] == ["answered"]
    assert {message.inbox_id for message in office.messages()} == {office.events()[0].id}


# Sealing


def test_what_is_sealed_is_opened_with_the_same_key_only() -> None:
    sealed = Sealer(SECRET_KEY).seal({"text": CANARY})
    assert CANARY.encode() not in sealed
    assert Sealer(SECRET_KEY).open(sealed) == {"text": CANARY}
    with pytest.raises(SealError):
        Sealer("other-" * 8).open(sealed)
    with pytest.raises(SealError):
        Sealer(SECRET_KEY).open(sealed[:-3])
    with pytest.raises(SealError):
        Sealer(SECRET_KEY).open(b"")


def test_hashes_tell_parts_apart_and_need_the_key() -> None:
    sealer = Sealer(SECRET_KEY)
    assert sealer.digest("a", "bc") != sealer.digest("ab", "c")
    assert sealer.digest("a") != Sealer("other-" * 8).digest("a")
    assert len(sealer.conversation_key("messenger", "1", "2")) == 32


# Emergencies

ALARM = "my father has crushing chest pain and cannot breathe"


def alarm(office: Office, event_id: str = "alarm", person: str = PERSON) -> Incoming:
    """Say what triage knows as an emergency; the reply to it is one."""

    def answer(message: Message) -> Reply:
        reply = plain(f"answer to: {message.text}")
        return replace(reply, kind="emergency") if message.text == ALARM else reply

    office.turns.answer = answer
    return said(office, event_id, ALARM, person=person)


def test_an_emergency_comes_before_everybody_who_waits(office: Office) -> None:
    office.inbox.keep([said(office, f"m{n}", person=f"p{n}") for n in range(20)])
    office.clock.wait(seconds=1)
    office.inbox.keep([alarm(office, person="somebody else")])
    assert office.lookout.step()
    assert not office.lookout.step(), "each is looked at once"
    assert office.answering.step()
    assert heard(office) == [ALARM]
    office.answer_all()
    assert len(heard(office)) == 21


def test_an_emergency_does_not_wait_for_an_earlier_question_of_the_same_person(
    office: Office,
) -> None:
    office.inbox.keep([said(office, "m1", "first")])
    claimed = office.inbox.claim()
    assert claimed is not None
    assert office.inbox.try_again(claimed, "failed")
    office.inbox.keep([alarm(office, "m2")])
    assert office.lookout.step()
    assert office.answering.step()
    assert heard(office) == [ALARM]


def test_of_two_emergencies_the_first_comes_first(office: Office) -> None:
    office.inbox.keep([alarm(office, "a1", "one")])
    office.clock.wait(seconds=1)
    office.inbox.keep([alarm(office, "a2", "other"), alarm(office, "a3", "one")])
    assert office.lookout.step()
    keys = [office.sealer.conversation_key("messenger", PAGE, who) for who in ("one", "other")]
    office.answer_all()
    assert [message.session_key for message in office.turns.heard][:2] == keys


def test_its_reply_goes_out_before_what_is_left_of_an_earlier_one(
    office: Office, graph: Graph
) -> None:
    office.inbox.keep([said(office, f"m{n}", person=f"p{n}") for n in range(5)])
    office.inbox.keep([said(office, "m9", "mine")])
    office.answer_all()
    office.inbox.keep([alarm(office)])
    office.answer_all()  # nobody looked ahead: the reply itself tells what it is
    assert office.sending.step()
    assert ALARM in graph.texts[0]
    office.send_all()
    assert len(graph.texts) == 6 * 3 + 1, "two of welcome and an answer each, and the alarm"


def test_many_are_looked_at_a_few_at_a_time_and_nobody_twice(office: Office) -> None:
    office.inbox.keep([said(office, f"m{n}", person=f"p{n}") for n in range(SORTED_AT_ONCE + 1)])
    assert [office.lookout.step() for _ in range(3)] == [True, True, False]


def test_what_cannot_be_opened_is_no_emergency_and_holds_nobody_up(office: Office) -> None:
    office.inbox.keep([said(office, "m1", person="other")])
    with transaction(office.store) as session:
        session.execute(sa.update(InboxEvent).values(sealed=b"not sealed"))
    office.inbox.keep([alarm(office)])
    assert office.lookout.step()
    assert office.answering.step()
    assert heard(office) == [ALARM]


def test_what_is_no_text_is_not_looked_at(office: Office) -> None:
    office.inbox.keep([replace(said(office, "m1"), kind="only_text")])
    assert not office.lookout.step()


# Nothing can be looked up


def unavailable(**more: Any) -> Reply:
    """Return what the pipeline says while Rasa is away."""
    return replace(plain("Try again in a minute."), kind="unavailable", code="no_rasa", **more)


def test_a_question_waits_while_nothing_can_be_looked_up(office: Office, graph: Graph) -> None:
    answers = [unavailable(), unavailable(), plain("The answer.")]
    office.turns.answer = lambda _message: answers.pop(0)
    office.inbox.keep([said(office, "m1"), said(office, "m2", said_at=office.clock())])
    for seconds in (5, 15):
        office.answer_all()
        office.send_all()
        assert graph.texts == []
        assert office.events()[0].state == "waiting"
        assert office.events()[0].code == "no_rasa"
        office.clock.wait(seconds=seconds - 0.1)
        assert not office.answering.step(), "too early, or the second before the first"
        office.clock.wait(seconds=0.2)
    assert office.answering.step()
    office.send_all()
    assert graph.texts[-1] == "The answer."


def test_after_that_the_person_hears_so(office: Office, graph: Graph) -> None:
    office.turns.answer = lambda _message: unavailable()
    office.inbox.keep([said(office, "m1")])
    for _ in range(3):
        office.answer_all()
        office.clock.wait(seconds=20)
    office.send_all()
    assert graph.texts[-1] == "Try again in a minute."
    assert office.events()[0].state == "answered"


def test_who_looked_before_a_question_was_put_off_lets_it_wait(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.inbox.keep([said(office, "m1")])
    take = office.inbox._take

    def another_is_quicker(row_id: int) -> Claimed | None:
        monkeypatch.setattr(office.inbox, "_take", take)
        first = office.inbox.claim()
        assert first is not None
        office.inbox.put_off(first, "no_rasa", 5)
        return take(row_id)

    monkeypatch.setattr(office.inbox, "_take", another_is_quicker)
    assert office.inbox.claim() is None
    office.clock.wait(seconds=5)
    assert office.inbox.claim() is not None


def test_a_line_to_call_waits_for_nothing(office: Office, graph: Graph) -> None:
    office.turns.answer = lambda _message: unavailable(call_now="Call now.")
    office.inbox.keep([said(office, "m1")])
    office.answer_all()
    office.send_all()
    assert graph.texts[-1].startswith("Call now.")


def test_an_emergency_does_not_wait_for_a_question_that_does(office: Office) -> None:
    office.turns.answer = lambda _message: unavailable()
    office.inbox.keep([said(office, "m1")])
    office.answer_all()
    assert office.events()[0].state == "waiting"
    office.inbox.keep([alarm(office)])
    assert office.lookout.step()
    assert office.answering.step()
    assert heard(office)[-1] == ALARM


def test_a_store_that_is_busy_is_given_more_time_than_a_turn_that_fails(office: Office) -> None:
    def busy(_message: Message) -> Reply:
        raise OperationalError("SELECT 1", {}, Exception("locked"))

    office.turns.answer = busy
    office.inbox.keep([said(office, "m1")])
    for _ in range(MAX_CLAIMS):
        assert office.events()[0].state == "waiting"
        assert office.answering.step()
        office.clock.wait(seconds=RETRY_SECONDS * 2**MAX_CLAIMS)
    assert office.events()[0].state == "failed"
