"""What WhatsApp took and could not deliver is known, whenever it says so; nobody waits for that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine

from bot.channel_settings import ChannelSettings
from bot.messaging.__main__ import Messaging
from bot.messaging.inbox import LEAST_DAYS
from bot.messaging.outbox import Departing, Outbox, Outcome
from bot.messaging.sealing import Sealer
from bot.settings import BotSettings
from bot.simulator.whatsapp.events import new_wamid
from knowledge.schema import InboxEvent, OutboxMessage
from knowledge.store import transaction
from tests.bot.messaging.conftest import SECRET_KEY
from tests.bot.whatsapp.conftest import Branch, batch, signed, whatsapp_settings

FAILED = ("failed", "error_131026")


def departing(branch: Branch) -> Departing:
    """Return a message that is on its way: the call was made, and has not come back yet."""
    branch.whatsapp.send(branch.whatsapp.write.text(branch.whatsapp.new_person(), "hello"))
    branch.office.answer_all()
    found = branch.office.outbox.claim(["whatsapp"])
    assert found is not None
    return found


def tell(branch: Branch, *wamids: str, code: int = 131026) -> None:
    """Let WhatsApp say that messages were not delivered."""
    write, person = branch.whatsapp.write, branch.whatsapp.new_person()
    told = [write.status(person, wamid, "failed", code) for wamid in wamids]
    attempts = branch.whatsapp.send(*told)
    assert [one.problem for one in attempts if one.problem] == []


def test_a_failure_that_comes_before_the_call_is_back_is_not_lost(branch: Branch) -> None:
    sent, wamid = departing(branch), new_wamid()
    tell(branch, wamid)
    assert branch.office.outbox.fail_not_delivered() == 0
    tell(branch, wamid, code=131047)
    assert branch.office.outbox.settle(sent, Outcome("sent", message_id=wamid))
    assert branch.office.states()[0] == ("sent", "")
    assert branch.office.outbox.fail_not_delivered() == 1
    assert branch.office.states()[0] == FAILED, "what was told first stays"
    assert branch.office.outbox.fail_not_delivered() == 0


def test_it_is_not_lost_where_a_process_dies_between(branch: Branch) -> None:
    sent, wamid = departing(branch), new_wamid()
    tell(branch, wamid)
    another = Outbox(branch.office.store, Sealer(SECRET_KEY), branch.office.clock)
    another.settle(sent, Outcome("sent", message_id=wamid))
    Outbox(branch.office.store, Sealer(SECRET_KEY)).fail_not_delivered()
    assert branch.office.states()[0] == FAILED


def test_only_what_was_sent_from_here_fails(branch: Branch) -> None:
    sent = departing(branch)
    branch.office.outbox.settle(sent, Outcome("sent", message_id=new_wamid()))
    tell(branch, *(new_wamid() for _ in range(3)))
    assert branch.office.outbox.fail_not_delivered() == 0
    assert branch.office.states()[0] == ("sent", "")


def test_what_is_told_of_other_programs_is_kept_once_and_not_for_ever(branch: Branch) -> None:
    wamids = [new_wamid() for _ in range(20)]
    tell(branch, *wamids)
    tell(branch, *wamids)
    assert len(branch.office.events()) == 20
    assert not branch.office.answering.step(), "nobody has to do anything about them"
    branch.office.clock.wait(days=LEAST_DAYS, seconds=1)
    assert branch.office.inbox.delete_older_than(0) == 20
    assert branch.office.events() == []


def test_nothing_of_a_person_is_kept_with_it(branch: Branch) -> None:
    wamid = new_wamid()
    tell(branch, wamid)
    (row,) = branch.office.events()
    assert (row.sealed, row.conversation_key, row.account) == (b"", "", "")
    assert wamid not in row.event_id


def test_the_webhook_waits_for_no_message_that_it_does_not_know(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    app = start_app(replace(settings, channels=ChannelSettings(whatsapp=whatsapp_settings())))
    client = app.test_client()

    def seconds() -> float:
        statuses = [{"id": new_wamid(), "status": "failed"} for _ in range(100)]
        body = batch(statuses=statuses)
        headers = {"X-Hub-Signature-256": signed(body)}
        started = time.perf_counter()
        assert client.post("/webhooks/whatsapp", data=body, headers=headers).status_code == 200
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.5, "it does not pause"


def test_the_process_looks_for_it(settings: BotSettings, engine: Engine) -> None:
    sealer = Sealer(settings.secret_key)
    site = replace(settings, channels=ChannelSettings(whatsapp=whatsapp_settings()))
    messaging = Messaging(site, engine)
    Outbox(engine, sealer).not_delivered("whatsapp", {"wamid.1": "error_131026"})
    with transaction(engine) as session:
        told = session.scalars(sa.select(InboxEvent)).one()
        session.add(
            OutboxMessage(
                inbox_id=told.id,
                place=0,
                platform="whatsapp",
                account="",
                conversation_key="",
                sealed=b"",
                state="sent",
                platform_message_id=sealer.digest("message", "whatsapp", "wamid.1"),
            )
        )
    assert messaging.look_after()
    with transaction(engine) as session:
        row = session.scalars(sa.select(OutboxMessage)).one()
        assert (row.state, row.code) == FAILED
