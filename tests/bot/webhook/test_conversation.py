"""An organisation's app and Citewell, each behind a real web server, talk with each other."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bot.simulator.conformance import Patience
from bot.simulator.transcript import Refused
from bot.simulator.webhook.conformance import POINTS, examine
from bot.simulator.webhook.events import Event
from bot.simulator.webhook.stand_in import ACCOUNT, WebhookStandIn
from knowledge.schema import InboxEvent, OutboxMessage, TurnEvent
from knowledge.store import transaction
from tests.bot.conftest import ScriptedRasa
from tests.bot.webhook.conftest import CANARY, Lines
from tests.stack import wait_for

SECONDS = 20.0


def replies(app: WebhookStandIn, event: Event, least: int = 1) -> list[dict[str, Any]]:
    """Let something happen; return the replies to it, as soon as there are enough."""
    app.send(event)
    transcript = app.transcript
    assert transcript.wait(lambda: len(transcript.answers(event.key)) >= least, SECONDS)
    return [dict(app.taken[one.mid]["reply"]) for one in transcript.answers(event.key)]


def refused(app: WebhookStandIn) -> list[Refused]:
    return [one for one in app.transcript.lines() if isinstance(one, Refused)]


def test_a_question_gets_its_answer_with_the_source(
    talking: WebhookStandIn, rasa: ScriptedRasa, engine: Engine
) -> None:
    event = talking.write.text(talking.new_person(), "how do you catch flu")
    first, welcome, answer = replies(talking, event, least=3)
    assert (first["code"], welcome["code"]) == ("first_contact", "welcome")
    assert answer["kind"] == "answer"
    assert answer["sources"][0]["url"] == "https://www.cdc.gov/flu/about/index.html"
    assert [ask["message"] for ask in rasa.heard] == ["how do you catch flu"]
    assert refused(talking) == []
    (data,) = (one for one in talking.taken.values() if one["reply"] == answer)
    assert (data["account"], data["person"]) == (ACCOUNT, event.person)
    assert "https://www.cdc.gov/flu/about/index.html" in "\n".join(data["texts"])
    with transaction(engine) as session:
        (turn,) = session.scalars(sa.select(TurnEvent))
        assert (turn.channel, turn.kind) == ("webhook", "answer")


def test_an_emergency_has_the_numbers_of_the_persons_country(
    talking: WebhookStandIn, rasa: ScriptedRasa
) -> None:
    rasa.returns(500, "")
    write, text = talking.write, "my father has crushing chest pain"
    found = {}
    for country in ("NO", "US", None):
        event = write.text(talking.new_person(), text, country)
        found[country] = replies(talking, event, least=2)[0]["emergency"]
    assert found["NO"]["lines"][0]["number"] == "113"
    assert found["US"]["lines"][0]["number"] == "911"
    assert found[None]["country"] is None


def test_feedback_on_a_reply_is_kept_and_only_on_ones_own(
    talking: WebhookStandIn, engine: Engine
) -> None:
    write = talking.write
    event = write.text(talking.new_person(), "how do you catch flu")
    answer = replies(talking, event, least=3)[-1]
    stranger = write.feedback(talking.new_person(), answer["reply_id"], is_good=False)
    talking.send(stranger)
    thanks = replies(talking, write.feedback(event.person, answer["reply_id"], is_good=True))
    assert [one["code"] for one in thanks] == ["rated"]
    assert talking.transcript.answers(stranger.key) == ()
    with transaction(engine) as session:
        states = session.scalars(sa.select(InboxEvent.code).where(InboxEvent.state == "ignored"))
        assert states.all() == ["not_our_reply"]


def test_forget_me_leaves_nothing_that_leads_to_the_person(
    talking: WebhookStandIn, rasa: ScriptedRasa, engine: Engine
) -> None:
    person = talking.new_person()
    replies(talking, talking.write.text(person, "how do you catch flu"), least=3)
    key = rasa.heard[0]["sender"]
    rasa.says({"kind": "notice", "code": "forget_me", "text": "I deleted this conversation."})
    (deleted,) = replies(talking, talking.write.text(person, "forget me"))
    assert deleted["session_ended"]
    with transaction(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(TurnEvent)) == 0
        for table in (InboxEvent, OutboxMessage):
            assert key not in set(session.scalars(sa.select(table.conversation_key)))


def test_one_person_of_two_accounts_is_two(talking: WebhookStandIn) -> None:
    person = talking.new_person()
    first = replies(talking, talking.write.start(person), least=2)
    again = replies(talking, talking.write.start(person))
    assert [one["code"] for one in first] == ["first_contact", "welcome"]
    assert [one["code"] for one in again] == ["welcome"]
    other = talking.write.event("conversation.started", person=person, account="app-2")
    talking.send(other)
    transcript = talking.transcript
    assert transcript.wait(lambda: len(refused(talking)) == 1, SECONDS)
    assert refused(talking)[0].message == "data.account is that of no event."


def test_nothing_of_a_person_is_in_the_log(
    talking: WebhookStandIn, lines: Lines, rasa: ScriptedRasa
) -> None:
    event = talking.write.text(talking.new_person(), CANARY, "NO")
    answer = replies(talking, event, least=3)[-1]
    talking.misbehaviour.next_calls("422")
    talking.send(talking.write.text(event.person, CANARY))
    assert wait_for(lambda: "status_422" in "\n".join(lines.raw), 20)
    told = "\n".join([*lines.lines, *lines.raw])
    assert "message_done" in told
    for word in (CANARY, event.person, answer["text"], talking.key.written):
        assert word not in told


def test_it_keeps_to_every_point_of_its_own_documentation(talking: WebhookStandIn) -> None:
    found = list(examine(talking, Patience(answer=SECONDS, silence=0.4)))
    assert [one for one in found if one.problem] == []
    assert {one.point for one in found} >= set(POINTS)
