"""The reckoning of ``make faults`` finds what it is there to find."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from benchmarks.faults import plan_kills
from benchmarks.faults_audit import Audit, audit, moving
from benchmarks.faults_traffic import Asked, Question, plan
from bot.messaging.inbox import Inbox, Incoming, Outgoing
from bot.messaging.outbox import Outbox, Outcome
from bot.messaging.sealing import Sealer
from bot.simulator.transcript import Sent, Transcript
from knowledge.schema import InboxEvent, OutboxMessage
from knowledge.store import connect, migrate, transaction

SEALER = Sealer("of-a-test-" * 4)
OPENINGS = {0: "Flu is", 1: "Measles is"}


class Site:
    """A store, a platform, and two people: one of them asks two questions."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.transcript = engine, Transcript()
        self.asked = [
            Asked(Question(person, number), f"p{person}", f"m{person}{number}", at, at + 0.1)
            for person, number, at in ((0, 0, 1000.0), (1, 0, 1001.0), (0, 1, 1002.0))
        ]
        self._inbox, self._outbox = Inbox(engine, SEALER), Outbox(engine, SEALER)

    def keep(self) -> None:
        """Store what was asked."""
        began = time.time()
        self._inbox.keep(
            [
                Incoming(
                    "messenger",
                    "page",
                    one.mid,
                    one.person,
                    "text",
                    datetime.fromtimestamp(began - 10 + place, UTC),
                )
                for place, one in enumerate(self.asked)
            ]
        )

    def answer(self) -> None:
        """Put a reply to each into the outbox, in two parts."""
        for one in self.asked:
            claimed = self._inbox.claim()
            assert claimed is not None
            words = OPENINGS[one.question.number]
            parts = [Outgoing({"text": f"{words} …"}, f"r{claimed.id}"), Outgoing({"text": "more"})]
            assert self._inbox.answer(claimed, one.person, parts)

    def send(self) -> None:
        """Send everything, each once."""
        while departing := self._outbox.claim(["messenger"]):
            content = SEALER.open(departing.sealed)
            mid = f"out{departing.id}"
            self.transcript.sent(content["person"], mid, content["payload"])
            assert self._outbox.settle(departing, Outcome("sent", message_id=mid))

    def audit(self) -> Audit:
        """Look at every message."""
        return audit(self.engine, SEALER, self.asked, self.transcript, OPENINGS)

    def change(self, statement: sa.Update | sa.Delete) -> None:
        """Change the store behind everybody's back."""
        with transaction(self.engine) as session:
            session.execute(statement)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site where everybody got an answer."""
    engine = connect(f"sqlite:///{tmp_path / 'citewell.db'}")
    migrate(engine)
    made = Site(engine)
    made.keep()
    made.answer()
    made.send()
    return made


def test_where_everybody_is_answered_nothing_is_broken(site: Site) -> None:
    found = site.audit()
    assert found.broken == {}
    assert [fate.is_answered for fate in found.fates] == [True] * 3
    assert found.told == 3
    assert moving(site.engine) == (0, 0)


def lose_the_event(site: Site) -> None:
    site.change(sa.delete(OutboxMessage).where(OutboxMessage.inbox_id == 2))
    site.change(sa.delete(InboxEvent).where(InboxEvent.id == 2))
    site.transcript = without(site.transcript, "p1")


def say_it_was_sent(site: Site) -> None:
    site.transcript = without(site.transcript, "p1")


def leave_the_reply_out(site: Site) -> None:
    site.change(sa.delete(OutboxMessage).where(OutboxMessage.inbox_id == 2))
    site.transcript = without(site.transcript, "p1")


def send_a_part_again(site: Site) -> None:
    site.transcript.sent("p1", "another", {"text": "more"})


def send_an_answer_again(site: Site) -> None:
    """In the place of the second part, of which nobody knows whether it arrived."""
    site.change(sa.update(OutboxMessage).where(OutboxMessage.id == 4).values(state="unknown"))
    site.transcript = without(site.transcript, "p1", {"text": "more"})
    site.transcript.sent("p1", "another", {"text": "Flu is …"})


def leave_it_waiting(site: Site) -> None:
    site.change(sa.update(InboxEvent).where(InboxEvent.id == 2).values(state="waiting"))


def answer_the_second_question_first(site: Site) -> None:
    lines = [line for line in site.transcript.lines() if line.person == "p0"]
    turned = Transcript(iter(range(100)).__next__)
    others = [line for line in site.transcript.lines() if line.person == "p1"]
    for line in (*lines[2:], *lines[:2], *others):
        assert isinstance(line, Sent)
        turned.sent(line.person, line.mid, line.message)
    site.transcript = turned


def without(
    transcript: Transcript, person: str, message: dict[str, str] | None = None
) -> Transcript:
    """Return a transcript in which somebody did not get a message, or nothing at all."""
    made = Transcript()
    for line in transcript.lines():
        assert isinstance(line, Sent)
        if line.person != person or message not in (None, line.message):
            made.sent(line.person, line.mid, line.message)
    return made


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [
        (lose_the_event, "accepted and lost"),
        (say_it_was_sent, "accepted and lost"),
        (leave_the_reply_out, "accepted and lost"),
        (send_a_part_again, "sent and not known to the store"),
        (send_an_answer_again, "answered twice, by the words"),
        (leave_it_waiting, "not settled in time"),
        (answer_the_second_question_first, "out of order"),
    ],
)
def test_what_is_wrong_is_found(site: Site, spoil: Callable[[Site], None], broken: str) -> None:
    spoil(site)
    assert site.audit().broken == {broken: 1}


@pytest.mark.parametrize("arrived", [True, False])
def test_what_may_have_arrived_is_recorded_and_visible(site: Site, arrived: bool) -> None:
    site.change(
        sa.update(OutboxMessage)
        .where(OutboxMessage.inbox_id == 2)
        .values(state="unknown", code="process_ended", platform_message_id=None)
    )
    if not arrived:
        site.transcript = without(site.transcript, "p1")
    found = site.audit()
    assert found.broken == {}
    assert dict(found.ends) == {"message unknown: process_ended": 1}
    site.change(sa.update(OutboxMessage).values(created_at=datetime(2020, 1, 1)))
    assert site.audit().broken == {"not answered and not visible": 2}


def test_what_was_never_accepted_is_nobodys_loss(site: Site) -> None:
    lose_the_event(site)
    site.asked[1].accepted_at = None
    assert site.audit().broken == {}


def test_a_seed_decides_what_is_written_and_killed() -> None:
    made = plan(3, 20.0, 60.0)
    assert made == plan(3, 20.0, 60.0) != plan(4, 20.0, 60.0)
    asked = [one for delivery in made for one in delivery.asked]
    assert abs(len(asked) - 1200) < 5
    assert len(set(asked)) == len(asked), "nobody asks the same twice"
    people = {one.person for one in asked}
    assert len(asked) * 0.4 < len(people) < len(asked) * 0.8
    assert {len(delivery.asked) for delivery in made} == {1, 5}
    assert any(delivery.is_repeated for delivery in made)
    names = ("web", "rasa")
    kills = plan_kills(3, 300.0, names)
    assert kills == plan_kills(3, 300.0, names) != plan_kills(4, 300.0, names)
    pauses = [later[0] - earlier[0] for earlier, later in pairwise(kills)]
    assert all(3 <= pause <= 10 for pause in pauses)
