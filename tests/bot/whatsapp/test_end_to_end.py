"""From a message on WhatsApp to the reply there, over real HTTP and each kind of store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.simulator.transcript import Acted, Refused
from bot.simulator.whatsapp.events import Event
from bot.simulator.whatsapp.faults import FAULTS
from bot.turn import Message, QuickReply, Reply
from tests.bot.messaging.conftest import plain
from tests.bot.whatsapp.conftest import ACCOUNT, CANARY, Branch, Lines
from tests.stack import wait_for

QUESTION = "How does flu spread?"


def answer(message: Message) -> Reply:
    """Return an answer that can be rated, with things to ask next."""
    follow = (QuickReply("Who needs a flu shot?", "Who needs a flu shot?"),)
    reply = plain(f"About: {message.text}", quick_replies=follow, feedback=True)
    return replace(reply, kind="answer")


def test_a_question_is_read_answered_and_rated(branch: Branch) -> None:
    branch.office.turns.answer = answer
    person = branch.whatsapp.new_person()
    event = branch.whatsapp.write.text(person, QUESTION)
    branch.deliver(event)
    introduction, welcome, reply, *more = branch.texts(event)
    assert "chatbot" in introduction
    assert reply.startswith(f"About: {QUESTION}")
    assert branch.office.turns.heard[0].channel == "whatsapp"
    signs = [line.action for line in branch.whatsapp.transcript.lines() if isinstance(line, Acted)]
    assert signs == ["read", "typing_on"], "once for each reply"
    assert {state for state, _ in branch.office.states()} == {"sent"}
    # A tap on "This helped" below the answer.
    sent = branch.whatsapp.transcript.answers(event.key)
    rated = next(one for one in sent if "f:+:" in str(one.message))
    button = rated.message["interactive"]["action"]["buttons"][0]["reply"]
    tap = branch.whatsapp.write.button_reply(person, button["id"], button["title"])
    branch.deliver(tap)
    assert [rating for _, rating in branch.office.ratings.kept] == ["helpful"]
    assert len(branch.texts(tap)) == 1, "a tap gets a word back"
    assert welcome, more


def test_a_row_of_a_list_is_asked(branch: Branch) -> None:
    branch.office.turns.answer = answer
    person = branch.whatsapp.new_person()
    first = branch.whatsapp.write.text(person, QUESTION)
    branch.deliver(first)
    sent = branch.whatsapp.transcript.answers(first.key)
    listed = next(
        one.message for one in sent if one.message.get("interactive", {}).get("type") == "list"
    )
    (row,) = listed["interactive"]["action"]["sections"][0]["rows"]
    branch.deliver(branch.whatsapp.write.list_reply(person, row["id"], row["title"]))
    assert [one.text for one in branch.office.turns.heard] == [QUESTION, "Who needs a flu shot?"]


def test_a_reaction_to_a_reply_is_feedback_on_it(branch: Branch) -> None:
    person = branch.whatsapp.new_person()
    event = branch.whatsapp.write.text(person, QUESTION)
    branch.deliver(event)
    wamid = branch.whatsapp.transcript.answers(event.key)[-1].mid
    write = branch.whatsapp.write
    branch.deliver(write.reaction(person, wamid, "👎🏽"), write.reaction(person, wamid, ""))
    other = branch.whatsapp.new_person()
    branch.deliver(write.reaction(other, wamid, "👍"))
    assert [rating for _, rating in branch.office.ratings.kept] == ["not_helpful"]


def test_somebody_with_a_user_name_is_answered_without_a_number(branch: Branch) -> None:
    person = branch.whatsapp.new_person(has_user_name=True)
    event = branch.whatsapp.write.text(person, QUESTION)
    branch.deliver(event)
    assert branch.texts(event)[-1].endswith(QUESTION)


@pytest.mark.parametrize("shape", ["entries", "changes", "messages"])
def test_everybody_in_a_batch_is_answered_once_though_it_comes_twice(
    branch: Branch, shape: str
) -> None:
    write = branch.whatsapp.write
    people = [branch.whatsapp.new_person() for _ in range(3)]
    events = [write.text(person, f"{QUESTION} {n}") for n, person in enumerate(people)]
    receipt = write.status(branch.whatsapp.new_person(), "wamid.x", "read")
    branch.deliver(events[0], receipt, *events[1:], copies=2, shape=shape)
    assert [branch.texts(one)[-1] for one in events] == [f"About: {one.text}" for one in events]
    assert [branch.whatsapp.transcript.times_answered(one.key) for one in events] == [1, 1, 1]


def test_what_comes_out_of_order_is_answered_in_order(branch: Branch) -> None:
    person = branch.whatsapp.new_person()
    first = branch.whatsapp.write.text(person, "first")
    branch.office.clock.wait(seconds=5)
    second = branch.whatsapp.write.text(person, "second")
    branch.deliver(second, first)
    assert [one.text for one in branch.office.turns.heard] == ["first", "second"]


def test_other_letters_arrive_however_they_are_written(branch: Branch) -> None:
    for escaped in (True, False):
        event = branch.whatsapp.write.text(branch.whatsapp.new_person(), "Fièvre 🤒 / feber?")
        branch.deliver(event, escaped=escaped)
        assert branch.texts(event)[-1] == "About: Fièvre 🤒 / feber?"


def test_what_is_no_text_gets_a_sentence(sqlite_branch: Branch) -> None:
    write = sqlite_branch.whatsapp.write
    for make in (write.image, write.audio, write.sticker, write.location, write.unsupported):
        event = make(sqlite_branch.whatsapp.new_person())
        sqlite_branch.deliver(event)
        assert "text" in sqlite_branch.texts(event)[-1]
    assert sqlite_branch.office.turns.heard == []


def test_what_asks_for_nothing_is_not_answered(sqlite_branch: Branch) -> None:
    write, person = sqlite_branch.whatsapp.write, sqlite_branch.whatsapp.new_person()
    sqlite_branch.deliver(
        write.status(person, "wamid.x", "delivered"),
        write.echo(person, "Hello from staff"),
        write.edit(person, "wamid.x", "new"),
        write.revoke(person, "wamid.x"),
        write.changed_number(person, "15550100999"),
        write.in_group(write.text(person, QUESTION)),
    )
    assert sqlite_branch.office.events() == []


# What goes wrong at WhatsApp


@pytest.mark.parametrize("fault", ["sent-but-error", "sent-but-dropped", "131016"])
def test_what_may_have_arrived_is_never_sent_again(branch: Branch, fault: str) -> None:
    known(branch)
    branch.whatsapp.misbehaviour.next_calls(fault)
    event = say(branch)
    for _ in range(3):
        branch.office.clock.wait(hours=1)
        branch.run()
    arrived = 0 if fault == "131016" else 1
    assert branch.whatsapp.transcript.times_answered(event.key) == arrived
    assert branch.office.states()[-1][0] == "unknown"


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [("131056", 7), ("130429", 3), ("429", 3), ("131057", 61), ("131031", 901), ("200", 901)],
)
def test_what_surely_did_not_arrive_is_sent_later(
    branch: Branch, fault: str, seconds: float
) -> None:
    known(branch)
    branch.whatsapp.misbehaviour.next_calls(fault)
    event = say(branch)
    assert branch.texts(event) == []
    branch.office.clock.wait(seconds=seconds)
    branch.run()
    assert branch.texts(event) == [f"About: {QUESTION}"]
    assert branch.office.states()[-1] == ("sent", "")


def test_the_limit_of_one_person_holds_no_other(branch: Branch) -> None:
    alice, bob = known(branch), known(branch)
    branch.whatsapp.misbehaviour.next_calls("131056")
    write = branch.whatsapp.write
    events = [write.text(person, QUESTION) for person in (alice, bob)]
    branch.deliver(*events)
    assert sorted(len(branch.texts(one)) for one in events) == [0, 1]


def test_a_refused_token_stops_sending_until_another_is_set(branch: Branch) -> None:
    known(branch)
    branch.token[0] = "EAAwrong"
    lost, waits = say(branch), say(branch)
    assert [branch.texts(one) for one in (lost, waits)] == [[], []]
    refused = [one for one in branch.whatsapp.transcript.lines() if isinstance(one, Refused)]
    assert [one.code for one in refused] == [190, 190]  # read and answered once, no more
    branch.token[0] = ACCOUNT.access_token
    branch.run()
    assert branch.texts(waits) == [f"About: {QUESTION}"]
    assert branch.office.states()[-2:] == [("failed", "error_190"), ("sent", "")]


def test_a_closed_window_ends_a_reply(branch: Branch) -> None:
    known(branch)
    branch.whatsapp.misbehaviour.next_calls("131047")
    event = say(branch)
    branch.office.clock.wait(hours=1)
    branch.run()
    assert branch.texts(event) == []
    assert branch.office.states()[-1] == ("late", "error_131047")


def test_a_message_that_was_not_delivered_after_all_is_known(branch: Branch) -> None:
    person = known(branch)
    branch.whatsapp.graph.lose(person)
    event = say(branch)
    assert len(branch.texts(event)) == 1, "WhatsApp took it"

    def is_known() -> bool:
        branch.run()
        return branch.office.states()[-1] == ("failed", "error_131026")

    assert wait_for(is_known, 10)
    wamid = branch.whatsapp.transcript.answers(event.key)[0].mid
    write = branch.whatsapp.write
    branch.deliver(
        write.status(person, wamid, "failed", 131047),
        write.status(person, wamid, "delivered"),
        write.status(person, "wamid.of-another-program", "failed", 131026),
        copies=2,
    )
    assert branch.office.states()[-1] == ("failed", "error_131026"), "what is told first stays"
    assert {state for state, _ in branch.office.states()[:-1]} == {"sent"}


def test_each_fault_leaves_a_state_and_a_code(sqlite_branch: Branch) -> None:
    known(sqlite_branch)
    for name in sorted(set(FAULTS) - {"slow", "timeout", "190"}):
        sqlite_branch.whatsapp.misbehaviour.next_calls(name)
        say(sqlite_branch)
        assert sqlite_branch.office.states()[-1][1], name
        sqlite_branch.office.clock.wait(hours=1)
        sqlite_branch.run()


def test_nothing_of_a_person_and_no_secret_is_in_a_log(sqlite_branch: Branch, lines: Lines) -> None:
    person = known(sqlite_branch)
    sqlite_branch.whatsapp.misbehaviour.next_calls("131030")
    say(sqlite_branch, CANARY)
    say(sqlite_branch, CANARY)
    assert any('"message_done"' in line for line in lines.lines)
    for secret in (CANARY, person, ACCOUNT.access_token, ACCOUNT.app_secret, "wamid"):
        assert not any(secret in line for line in lines.lines)


def known(branch: Branch) -> str:
    """Let somebody write for the first time, so that they are greeted already."""
    person = branch.whatsapp.new_person()
    branch.deliver(branch.whatsapp.write.text(person, "hello"))
    branch.office.clock.wait(seconds=10)
    return person


def say(branch: Branch, text: str = QUESTION) -> Event:
    """Let the person who wrote last write again."""
    person = [one.person for one in branch.whatsapp.transcript.lines() if one.person][-1]
    event = branch.whatsapp.write.text(person, text)
    branch.deliver(event)
    return event
