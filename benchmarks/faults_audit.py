"""What became of each message: by what the platform got, and by what the store says of it."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from benchmarks.faults_traffic import Asked
from bot.messaging import overview
from bot.messaging.sealing import Sealer
from bot.simulator.transcript import Sent, Transcript
from knowledge.schema import InboxEvent, OutboxMessage, TurnEvent, now
from knowledge.store import transaction

PLATFORM = "messenger"
MOVING = {"in": ("waiting", "working"), "out": ("waiting", "sending")}
EVERYTHING = 1_000_000


@dataclass(frozen=True)
class Part:
    """One message of a reply as the store has it, and what the platform got of it."""

    id: int
    place: int
    state: str
    code: str
    reply_id: str
    got: tuple[Sent, ...]


@dataclass(frozen=True)
class Fate:
    """What became of one message of a person.

    Attributes:
        asked: the message.
        row_id: of the inbox, or None where the store does not know it.
        state: of that row.
        code: of that row.
        parts: its reply.
    """

    asked: Asked
    row_id: int | None
    state: str
    code: str
    parts: tuple[Part, ...]

    @property
    def is_moving(self) -> bool:
        """Whether something is still to be done about it."""
        moving = any(part.state in MOVING["out"] for part in self.parts)
        return self.state in MOVING["in"] or moving

    @property
    def is_answered(self) -> bool:
        """Whether its whole reply arrived once."""
        whole = all(part.state == "sent" and len(part.got) == 1 for part in self.parts)
        return self.state == "answered" and bool(self.parts) and whole

    @property
    def ends(self) -> list[tuple[str, int, str]]:
        """Box, row and code of each place where it came to no good end."""
        bad = [
            ("out", part.id, _named(part)) for part in self.parts if part.state in overview.ENDED
        ]
        if self.state == "failed" and self.row_id is not None:
            bad.append(("in", self.row_id, f"event failed: {self.code}"))
        return bad

    @property
    def is_lost(self) -> bool:
        """Whether it was accepted and is neither answered nor recorded as not answered."""
        is_open = self.is_moving or self.is_answered or bool(self.ends)
        return self.asked.accepted_at is not None and not is_open

    @property
    def times(self) -> list[float]:
        """When the messages of its reply arrived."""
        return [sent.at for part in self.parts for sent in part.got]


@dataclass
class Audit:
    """The reckoning.

    Attributes:
        fates: of each message.
        strangers: messages that the platform got though the store sent none such: sent twice.
        repeated: answers of which somebody who asked once got two, by their words.
        unordered: answers that came before the answer to an earlier question.
        invisible: ends that the page Delivery does not show.
        told: answers whose question was recognised by their words.
        kinds: how many replies were of which kind.
    """

    fates: list[Fate] = field(default_factory=list)
    strangers: int = 0
    repeated: int = 0
    unordered: int = 0
    invisible: int = 0
    told: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> list[Fate]:
        """Those that the platform has a 200 for."""
        return [fate for fate in self.fates if fate.asked.accepted_at is not None]

    @property
    def ends(self) -> Counter[str]:
        """How many messages of people came to no good end, by the first reason."""
        return Counter(fate.ends[0][2] for fate in self.fates if fate.ends)

    @property
    def broken(self) -> dict[str, int]:
        """The invariants that do not hold, and how often."""
        found = {
            "accepted and lost": sum(fate.is_lost for fate in self.fates),
            "not settled in time": sum(fate.is_moving for fate in self.fates),
            "sent and not known to the store": self.strangers,
            "answered twice, by the words": self.repeated,
            "out of order": self.unordered,
            "not answered and not visible": self.invisible,
        }
        return {name: count for name, count in found.items() if count}


def moving(engine: Engine) -> tuple[int, int]:
    """Return how many events and messages are not settled yet."""
    with transaction(engine) as session:
        events, messages = (
            session.scalar(sa.select(sa.func.count(table.id)).where(table.state.in_(MOVING[box])))
            for table, box in ((InboxEvent, "in"), (OutboxMessage, "out"))
        )
    return int(events or 0), int(messages or 0)


def audit(
    engine: Engine,
    sealer: Sealer,
    asked: Sequence[Asked],
    transcript: Transcript,
    openings: Mapping[int, str],
) -> Audit:
    """Look at every message.

    Args:
        engine: of the store.
        sealer: makes the hashes under which the store keeps ids.
        asked: what people wrote.
        transcript: what the platform got.
        openings: per question, how its answer begins.
    """
    sent = [line for line in transcript.lines() if isinstance(line, Sent)]
    made = Audit(_fates(engine, sealer, asked, sent))
    made.strangers = _strangers(made.fates, sent)
    words = _by_words(sent, openings)
    made.told = sum(map(len, words.values()))
    made.repeated = sum(len(numbers) - len(set(numbers)) for numbers in words.values())
    made.unordered = _unordered(made.fates, words)
    made.invisible = _invisible(engine, made.fates)
    made.kinds = _kinds(engine, made.fates)
    return made


def _fates(
    engine: Engine, sealer: Sealer, asked: Sequence[Asked], sent: Iterable[Sent]
) -> list[Fate]:
    got = defaultdict[str, list[Sent]](list)
    for one in sent:
        got[sealer.digest("message", PLATFORM, one.mid)].append(one)
    parts = defaultdict[int, list[Part]](list)
    with transaction(engine) as session:
        for row in session.scalars(sa.select(OutboxMessage).order_by(OutboxMessage.id)):
            arrived = tuple(got.get(row.platform_message_id or "", ()))
            part = Part(row.id, row.place, row.state, row.code, row.reply_id, arrived)
            parts[row.inbox_id].append(part)
        found = session.execute(
            sa.select(InboxEvent.event_id, InboxEvent.id, InboxEvent.state, InboxEvent.code)
        )
        events = {event_id: (row_id, state, code) for event_id, row_id, state, code in found}
    fates = []
    for question in asked:
        digest = sealer.digest("event", PLATFORM, question.mid)
        row_id, state, code = events.get(digest, (None, "", ""))
        fates.append(Fate(question, row_id, state, code, tuple(parts[row_id or 0])))
    return fates


def _strangers(fates: Iterable[Fate], sent: Iterable[Sent]) -> int:
    """Count what the platform got beyond what the store sent.

    A message whose call had no clear answer may have arrived, once.
    """
    more = Counter(one.person for one in sent)
    for fate in fates:
        states = Counter(part.state for part in fate.parts)
        places = len({part.place for part in fate.parts})
        more[fate.asked.person] -= min(states["sent"], places) + states["unknown"]
    return sum(max(0, count) for count in more.values())


def _by_words(sent: Iterable[Sent], openings: Mapping[int, str]) -> dict[str, list[int]]:
    """Return per person which questions their answers are to, by the words of the answers."""
    found = defaultdict[str, list[int]](list)
    for one in sent:
        text = json.dumps(one.message, ensure_ascii=False)
        for number, opening in openings.items():
            if opening in text:
                found[one.person].append(number)
    return found


def _unordered(fates: Iterable[Fate], words: Mapping[str, Sequence[int]]) -> int:
    """Count replies that came before the one to an earlier question.

    Only where the platform had its 200 for the earlier one before the later one was written:
    otherwise nobody knows yet that there is an earlier one.
    """
    of_person = defaultdict[str, list[Fate]](list)
    for fate in fates:
        of_person[fate.asked.person].append(fate)
    wrong = 0
    for person, order in of_person.items():
        came = {number: place for place, number in enumerate(words.get(person, ()))}
        for earlier, later in pairwise(order):
            known_at = earlier.asked.accepted_at
            if known_at is not None and known_at <= later.asked.at:
                wrong += _is_before(later, earlier, came)
    return wrong


def _is_before(later: Fate, earlier: Fate, came: Mapping[int, int]) -> bool:
    """Tell whether the reply to the later of two messages came first, by the store or by words."""
    first, second = (came.get(fate.asked.question.number) for fate in (earlier, later))
    if first is not None and second is not None and second < first:
        return True
    return bool(earlier.times and later.times) and min(later.times) < max(earlier.times)


def _invisible(engine: Engine, fates: Iterable[Fate]) -> int:
    """Count ends that the function of the page Delivery does not list."""
    with transaction(engine) as session:
        listed = overview.stuck(session, now(), most=EVERYTHING)
        shown = {(one.box, one.id) for one in listed}
    return sum((box, row_id) not in shown for fate in fates for box, row_id, _ in fate.ends)


def _kinds(engine: Engine, fates: Iterable[Fate]) -> Counter[str]:
    """Count the replies that arrived whole by their kind, as far as the turn was recorded."""
    with transaction(engine) as session:
        found = session.execute(sa.select(TurnEvent.reply_id, TurnEvent.kind))
        kinds: dict[str, str] = {reply_id: kind for reply_id, kind in found}
    turns = ({part.reply_id for part in fate.parts} - {""} for fate in fates if fate.is_answered)
    return Counter(kinds.get(reply_id, "not recorded") for turn in turns for reply_id in turn)


def _named(part: Part) -> str:
    return f"message {part.state}: {part.code}"


def spread(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def median(values: Sequence[float]) -> float:
    """Return the median; 0 of none."""
    return statistics.median(values) if values else 0.0
