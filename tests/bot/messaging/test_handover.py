"""A conversation goes to a person, the chatbot keeps silent, and comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.channel_settings import ChannelSettings, DeskSettings, HandoverSettings
from bot.channels.messenger.events import read_batch
from bot.channels.signing import signature_headers
from bot.messaging.channels import REPEATABLE
from bot.messaging.countries import read_country
from bot.messaging.inbox import Kind
from bot.messaging.outbox import DESK
from bot.messaging.sealing import Sealer
from bot.office_hours import read_office_hours
from bot.replies import read_wording
from bot.replies.compose import Composer
from bot.settings import BotSettings
from bot.turn import Message, Reply
from knowledge.schema import ChosenCountry, Handover, now
from knowledge.store import transaction
from tests.bot.messaging.conftest import (
    CANARY,
    PAGE,
    PERSON,
    SECRET_KEY,
    SECRETS,
    Graph,
    Lines,
    Office,
    make_office,
    plain,
    said,
)
from tests.bot.messaging.desk_server import KEY, Desk

INBOX_APP = "263902037430900"
BEGUN, BACK, LATE = "From now on they read", "with the chatbot again", "chatbot is back"


def reply_to(message: Message) -> Reply:
    """Answer as the pipeline does: somebody who wants a person gets the reply that says so."""
    reply = plain(f"About: {message.text}")
    if message.text == "a person please":
        return replace(reply, code="talk_to_person")
    if message.text == "forget me":
        return replace(reply, session_ended=True)
    if message.text.startswith("I want to die"):
        return replace(reply, kind="emergency", code="rule")
    return reply


@pytest.fixture
def desk() -> Iterator[Desk]:
    """The desk on this machine."""
    with Desk() as made:
        yield made


@pytest.fixture
def desk_office(store: Engine, composer: Composer, graph: Graph, desk: Desk) -> Office:
    """A site whose team has a desk."""
    settings = HandoverSettings(desk=DeskSettings((KEY,), desk.url))
    office = make_office(store, composer, graph.url, handover=settings)
    office.turns.answer = reply_to
    return office


@pytest.fixture
def inbox_office(store: Engine, composer: Composer, graph: Graph) -> Office:
    """A site whose team answers in the Page's inbox."""
    settings = HandoverSettings(messenger_app=INBOX_APP)
    office = make_office(store, composer, graph.url, handover=settings)
    office.turns.answer = reply_to
    return office


def hears(office: Office, mid: str, text: str = "hello", **more: Any) -> None:
    """Let somebody say something, and everything happen that follows."""
    office.inbox.keep([said(office, mid, text, **more)])
    settle(office)


def happens(office: Office, kind: Kind, name: str, text: str = "") -> None:
    """Let something else happen in the conversation."""
    hears(office, name, text, kind=kind)


def settle(office: Office) -> None:
    for _ in range(3):  # what cannot be delivered makes an event
        office.answer_all()
        office.send_all()


def key(office: Office) -> str:
    return office.sealer.conversation_key("messenger", PAGE, PERSON)


def begin(office: Office, graph: Graph) -> None:
    """Let somebody who is known ask for a person."""
    hears(office, "m0")
    graph.calls.clear()
    hears(office, "m1", "a person please")


# The desk


def test_the_desk_is_told_and_the_chatbot_is_silent(
    desk_office: Office, graph: Graph, desk: Desk
) -> None:
    office = desk_office
    begin(office, graph)
    assert len(graph.texts) == 1
    assert BEGUN in graph.texts[0]
    assert "Back to the chatbot" in json.dumps(graph.messages)
    hears(office, "m2", "my knee hurts since Monday")
    hears(office, "m3", "", kind="only_text")
    assert len(graph.texts) == 1
    assert [one.text for one in office.turns.heard] == ["hello", "a person please"]
    assert [(one["type"], one["data"]) for one in desk.told] == [
        ("handover.requested", {"conversation": key(office), "channel": "messenger"}),
        (
            "message.received",
            {"conversation": key(office), "kind": "text", "text": "my knee hurts since Monday"},
        ),
        ("message.received", {"conversation": key(office), "kind": "only_text", "text": ""}),
    ]
    assert desk.refused == [None] * 3
    assert PERSON not in json.dumps(desk.told)


def test_what_the_desk_writes_reaches_the_patient_as_a_persons_words(
    desk_office: Office, graph: Graph
) -> None:
    begin(desk_office, graph)
    happens(desk_office, "desk_message", "d1", "Good morning, this is Nora.")
    assert graph.texts[-1] == "A person from the team writes:\n\nGood morning, this is Nora."
    happens(desk_office, "desk_end", "d2")
    assert BACK in graph.texts[-1]
    hears(desk_office, "m5", "what is flu")
    assert graph.texts[-1] == "About: what is flu"


@pytest.mark.parametrize("text", ["Back to the chatbot", "  back to the CHATBOT "])
def test_the_patient_can_have_the_chatbot_back(
    desk_office: Office, graph: Graph, desk: Desk, text: str
) -> None:
    begin(desk_office, graph)
    hears(desk_office, "m2", text)
    assert BACK in graph.texts[-1]
    assert desk.told[-1]["type"] == "handover.ended"
    assert desk.told[-1]["data"]["reason"] == "back"
    hears(desk_office, "m3", "what is flu")
    assert graph.texts[-1] == "About: what is flu"


def test_an_emergency_breaks_the_silence_and_the_person_hears_of_it_too(
    desk_office: Office, graph: Graph, desk: Desk
) -> None:
    begin(desk_office, graph)
    hears(desk_office, "m2", "I want to die tonight")
    assert "About: I want to die tonight" in graph.texts[-1]
    assert desk.told[-1]["data"]["text"] == "I want to die tonight"
    hears(desk_office, "m3", "are you there")
    assert "About: are you there" not in graph.texts, "the person still has the conversation"


def test_forget_me_is_heard_whoever_has_the_conversation(
    desk_office: Office, graph: Graph, desk: Desk
) -> None:
    office = desk_office
    begin(office, graph)
    desk.statuses = [503]
    hears(office, "m2", CANARY)
    hears(office, "m3", "forget me")
    office.clock.wait(minutes=5)
    settle(office)
    assert graph.texts[-1] == "About: forget me"
    assert desk.told[-1]["data"]["reason"] == "forgotten"
    with transaction(office.store) as session:
        assert session.scalars(sa.select(Handover)).all() == []
    assert not any(row.sealed for row in (*office.events(), *office.messages()))


def test_after_an_hour_of_silence_the_chatbot_is_back(
    desk_office: Office, graph: Graph, desk: Desk
) -> None:
    office = desk_office
    begin(office, graph)
    office.clock.wait(minutes=59)
    hears(office, "m2", "is somebody there")
    office.clock.wait(minutes=59)
    assert office.reception.overdue() == []
    office.clock.wait(minutes=2)
    for _ in range(2):  # by two processes
        office.inbox.keep(office.reception.overdue())
    settle(office)
    assert LATE in graph.texts[-1]
    assert len([text for text in graph.texts if LATE in text]) == 1
    assert desk.types[-1] == "handover.ended"
    assert office.reception.overdue() == []


def test_a_desk_that_is_away_keeps_no_patient_waiting(
    desk_office: Office, graph: Graph, desk: Desk
) -> None:
    office = desk_office
    desk.statuses = [503, 503]
    begin(office, graph)
    assert BEGUN in graph.texts[-1]
    hears(office, "m2", "Back to the chatbot")
    hears(office, "m3", "what is flu")
    assert graph.texts[-1] == "About: what is flu"
    office.clock.wait(minutes=10)
    settle(office)
    office.clock.wait(minutes=10)
    settle(office)
    assert desk.types[-2:] == ["handover.requested", "handover.ended"]
    assert len(set(desk.ids)) == 2, "what is told again has the id of before"


def test_a_desk_that_refuses_leaves_the_chatbot_there(
    desk_office: Office, graph: Graph, desk: Desk
) -> None:
    desk.statuses = [422]
    begin(desk_office, graph)
    assert "could not reach anybody" in graph.texts[-1]
    hears(desk_office, "m3", "what is flu")
    assert graph.texts[-1] == "About: what is flu"


def test_what_the_desk_was_being_told_when_a_process_died_is_told_again(
    desk_office: Office, graph: Graph, desk: Desk
) -> None:
    office = desk_office
    office.inbox.keep([said(office, "m1", "a person please")])
    office.answer_all()
    assert office.outbox.claim([DESK]) is not None
    office.clock.wait(minutes=2)
    office.outbox.free_dead(REPEATABLE)
    settle(office)
    assert desk.types == ["handover.requested"]


def test_out_of_office_hours_nobody_is_called(
    sqlite_store: Engine, composer: Composer, graph: Graph, desk: Desk
) -> None:
    settings = HandoverSettings(
        desk=DeskSettings((KEY,), desk.url),
        hours=read_office_hours("Mon-Fri 09:00-16:30 Europe/Oslo"),
    )
    office = make_office(sqlite_store, composer, graph.url, handover=settings)
    office.turns.answer = reply_to
    office.clock.at = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday
    begin(office, graph)
    assert "Their hours are Mon-Fri 09:00-16:30 Europe/Oslo" in graph.texts[-1]
    assert desk.told == []
    office.clock.at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    hears(office, "m2", "a person please")
    assert BEGUN in graph.texts[-1]
    assert desk.types == ["handover.requested"]


def test_without_a_desk_all_stays_as_it_was(
    sqlite_store: Engine, composer: Composer, graph: Graph
) -> None:
    office = make_office(sqlite_store, composer, graph.url)
    office.turns.answer = reply_to
    begin(office, graph)
    assert graph.texts[-1] == "About: a person please"
    happens(office, "desk_message", "d1", "hello?")
    assert graph.texts[-1] == "About: a person please"
    assert office.events()[-1].code == "no_handover"


# Messenger's own protocol


def controls(graph: Graph) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls that move conversations."""
    return [
        (path.rsplit("/", 1)[1], call)
        for path, call in zip(graph.paths[-len(graph.calls) :], graph.calls, strict=True)
        if path.endswith("_thread_control")
    ]


def test_messenger_is_told_after_the_patient(inbox_office: Office, graph: Graph) -> None:
    begin(inbox_office, graph)
    assert "passing this chat to a person" in graph.texts[0]
    ((name, call),) = controls(graph)
    assert name == "pass_thread_control"
    assert call["target_app_id"] == INBOX_APP
    assert json.loads(call["recipient"]) == {"id": PERSON}
    assert "message" in graph.calls[-2], "passed before it was said"
    hears(inbox_office, "m2", "hello?")
    assert len(graph.texts) == 1
    assert inbox_office.events()[-1].code == "with_person"


def test_messenger_gives_it_back(inbox_office: Office, graph: Graph) -> None:
    begin(inbox_office, graph)
    happens(inbox_office, "person_left", "p1")
    assert BACK in graph.texts[-1]
    assert len(controls(graph)) == 1, "nothing to take back"
    hears(inbox_office, "m3", "what is flu")
    assert graph.texts[-1] == "About: what is flu"


def test_messenger_is_asked_for_it_after_an_hour(inbox_office: Office, graph: Graph) -> None:
    office = inbox_office
    begin(office, graph)
    office.clock.wait(minutes=50)
    happens(office, "person_active", "s1")
    office.clock.wait(minutes=50)
    assert office.reception.overdue() == []
    office.clock.wait(minutes=11)
    office.inbox.keep(office.reception.overdue())
    settle(office)
    assert [name for name, _ in controls(graph)] == ["pass_thread_control", "take_thread_control"]
    assert LATE in graph.texts[-1]
    assert "message" in graph.calls[-1], "said before it was taken"


def test_somebody_who_takes_it_by_hand_silences_the_chatbot(
    inbox_office: Office, graph: Graph
) -> None:
    hears(inbox_office, "m0")
    happens(inbox_office, "person_took", "t1")
    count = len(graph.texts)
    hears(inbox_office, "m1", "what is flu")
    assert len(graph.texts) == count


def test_a_call_that_may_have_worked_is_made_again(inbox_office: Office, graph: Graph) -> None:
    office = inbox_office
    hears(office, "m0")
    graph.calls.clear()
    graph.answers = [(200, {"message_id": "m"}), (500, {"error": {"code": 2}})]
    hears(office, "m1", "a person please")
    assert office.states()[-1] == ("waiting", "error_2")
    graph.answers = [(200, {"success": True})]
    office.clock.wait(seconds=3)
    settle(office)
    assert office.states()[-1] == ("sent", "")
    assert len(controls(graph)) == 2


def test_a_call_that_is_refused_leaves_the_chatbot_there(
    inbox_office: Office, graph: Graph
) -> None:
    hears(inbox_office, "m0")
    graph.answers = [(200, {"message_id": "m"}), (403, {"error": {"code": 10}})]
    hears(inbox_office, "m1", "a person please")
    assert "could not reach anybody" in graph.texts[-1]
    hears(inbox_office, "m3", "what is flu")
    assert graph.texts[-1] == "About: what is flu"


def item(**parts: Any) -> dict[str, Any]:
    return {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": 1, **parts}


def kinds(**entry: Any) -> list[tuple[str, str, str]]:
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, **entry}]}).encode()
    batch = read_batch(body, now(), INBOX_APP)
    return [(event.kind, event.person, event.text) for event in batch.events]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"pass_thread_control": {"new_owner_app_id": "1", "metadata": "x"}}, "person_left"),
        ({"pass_thread_control": {"new_owner_app_id": int(INBOX_APP)}}, "person_took"),
        ({"take_thread_control": {"previous_owner_app_id": "1"}}, "person_took"),
        ({"take_thread_control": {"new_owner_app_id": INBOX_APP}}, "person_took"),
    ],
)
def test_messenger_tells_who_has_a_conversation(part: dict[str, Any], kind: str) -> None:
    assert kinds(messaging=[item(**part)]) == [(kind, PERSON, "")]


def test_of_what_another_app_has_only_that_somebody_wrote_is_kept() -> None:
    echo = {
        "sender": {"id": PAGE},
        "recipient": {"id": PERSON},
        "timestamp": 2,
        "message": {"mid": "e", "text": CANARY, "is_echo": True},
    }
    standby = [item(message={"mid": "m", "text": CANARY}), echo, item(read={"watermark": 1})]
    assert kinds(standby=standby) == [("person_active", PERSON, "")] * 2


def test_both_kinds_in_one_entry_are_read() -> None:
    said = item(message={"mid": "m1", "text": "flu"})
    other = item(message={"mid": "m2", "text": CANARY})
    assert kinds(messaging=[said], standby=[other]) == [
        ("text", PERSON, "flu"),
        ("person_active", PERSON, ""),
    ]


# What the desk sends


@pytest.fixture
def desk_app(start_app: Callable[..., Flask], settings: BotSettings, desk: Desk) -> Flask:
    """The app of a site whose team has a desk."""
    handover = HandoverSettings(desk=DeskSettings((KEY,), desk.url))
    channels = ChannelSettings(messenger=SECRETS, handover=handover)
    return start_app(replace(settings, channels=channels))


def post(app: Flask, content: object, message_id: str = "d1", wire: bytes = KEY) -> TestResponse:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = signature_headers(wire, message_id, now(), body)
    return app.test_client().post("/webhooks/desk", data=body, headers=headers)


def handed_over(app: Flask, engine: Engine) -> str:
    """Give a conversation to a person; return its key."""
    sealer = Sealer(SECRET_KEY)
    conversation = sealer.conversation_key("messenger", PAGE, PERSON)
    with transaction(engine) as session:
        session.add(
            Handover(
                conversation_key=conversation,
                platform="messenger",
                account=PAGE,
                via="desk",
                sealed=sealer.seal({"person": PERSON}),
                until=now(),
            )
        )
    return conversation


def sends(conversation: str, text: str = "Hello") -> dict[str, Any]:
    return {"type": "message.send", "data": {"conversation": conversation, "text": text}}


def test_what_the_desk_sends_is_stored_once(desk_app: Flask, engine: Engine) -> None:
    conversation = handed_over(desk_app, engine)
    for _ in range(2):
        assert post(desk_app, sends(conversation)).status_code == 200
    with transaction(engine) as session:
        ((kind, where),) = session.execute(
            sa.text("select kind, conversation_key from inbox_event")
        ).all()
    assert (kind, where) == ("desk_message", conversation)


def test_a_conversation_that_no_person_has_is_refused(desk_app: Flask, engine: Engine) -> None:
    response = post(desk_app, sends("0" * 32))
    assert response.status_code == 404
    assert "Nothing was sent" in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"{", "body"),
        ({"type": "message.sent"}, "body"),
        ({"type": "message.send"}, "data"),
        ({"type": "message.send", "data": {"conversation": "0" * 32}}, "data.text"),
        (sends("0" * 32, "  "), "data.text"),
        (sends("0" * 32, "x" * 4001), "data.text"),
        (sends("zz"), "data.conversation"),
        ({**sends("0" * 32), "more": 1}, "more"),
        ({"type": "handover.end", "data": {"conversation": "0" * 32, "text": ""}}, "data.text"),
    ],
)
def test_a_body_that_makes_no_sense_names_the_field(
    desk_app: Flask, content: object, field: str
) -> None:
    response = post(desk_app, content)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == field


def test_only_who_has_the_key_is_heard(desk_app: Flask, engine: Engine, lines: Lines) -> None:
    conversation = handed_over(desk_app, engine)
    response = post(desk_app, sends(conversation, CANARY), wire=b"x" * 32)
    assert response.status_code == 403
    assert any("wrong_signature" in line for line in lines.lines)
    assert not any(CANARY in line for line in lines.raw)


# The country


NAMES = {"IN": "Indiana", "NO": "Norway", "US": "United States", "GB": "United Kingdom"}


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("Norway", "NO"),
        (" norway. ", "NO"),
        ("I am in Norway", "NO"),
        ("I’m in the United States!", "US"),
        ("USA", "US"),
        ("country: UK", "GB"),
        ("in the uk", "GB"),
        ("The United States of America", "US"),
        ("Norge", "NO"),
        ("France", None),
        ("is flu bad in Norway", None),
        ("", None),
        ("in", None),
        ("India", None),
        ("Indiana", "IN"),
        pytest.param("." * 50_000 + "x" + "." * 50_000, None, id="dots"),
    ],
)
def test_only_a_country_and_nothing_else_is_one(text: str, country: str | None) -> None:
    assert read_country(text, NAMES, read_wording().country_words) == country


def test_no_other_name_is_of_a_country_without_numbers() -> None:
    wording = read_wording()
    assert wording.country_words.other_names.keys() <= wording.countries.keys()


def test_a_country_that_somebody_told_is_used_until_they_are_forgotten(
    desk_office: Office, graph: Graph
) -> None:
    office = desk_office
    hears(office, "m1", "I live in France")
    assert "In an emergency in France, call " in graph.texts[-1]
    assert office.turns.heard == []
    hears(office, "m2", "what is flu")
    assert office.turns.heard[-1].country == "FR"
    hears(office, "m3", "forget me")
    with transaction(office.store) as session:
        assert session.scalars(sa.select(ChosenCountry)).all() == []
    hears(office, "m4", "what is flu")
    assert office.turns.heard[-1].country == "NO", "the site's own"
