"""What a page of the console costs with 5,000 answers in the store; ``make bench-console``.

The answers are made: words of the shipped corpus mixed, with ids and wordings of their own, some of
them drafts; so are the questions that people asked. The store has its real shape, on SQLite and,
where its programs are there, on PostgreSQL. Pages are asked of the app within one process, as its
server would ask: what comes on top is the network.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from benchmarks.page import write_part
from benchmarks.search import Mixer
from bot.app import create_app
from bot.console.pages import COOKIE
from bot.settings import BotSettings, read_bot_settings
from knowledge import people, workflow
from knowledge.entry import TopicEntry
from knowledge.exchange import read_corpus
from knowledge.people import Member, Role
from knowledge.schema import (
    AskedQuestion,
    Feedback,
    QuestionGroup,
    ReviewTask,
    SourceCheck,
    TurnEvent,
    WatchedTerm,
    now,
)
from knowledge.search_commands import tell
from knowledge.settings import read_settings
from knowledge.store import connect, import_entries, migrate, publish, transaction
from tests import databases

ENTRIES = 5_000
DRAFTS = 250
RELEASES = 5
QUESTIONS = 20_000
GROUPS = 2_000
"""Groups of questions, two of three so small that they are not shown."""
DAYS = 28
TASKS = 500
ROUNDS = 30
CHANGES = 5
AIM = 300.0
"""Milliseconds below which 95 of 100 requests for a list, a search or a filter should be."""
TERMS = ("fever", "cold brew", "ivermectin", "flu shot", "long covid")


@dataclass(frozen=True)
class Case:
    """A page that is asked for.

    Attributes:
        name: what somebody does.
        path: its address within the console.
    """

    name: str
    path: str


CASES = (
    Case("list, first page", "/answers"),
    Case("list, last page", f"/answers?page={ENTRIES // 50}"),
    Case("search for one word", "/answers?words=fever"),
    Case("search for three words", "/answers?words=what+is+pain"),
    Case("search that finds nothing", "/answers?words=no+such+wording"),
    Case("filter by topic", "/answers?topic=topic-7"),
    Case("filter by state: drafts", "/answers?state=draft"),
    Case("filter by state: live", "/answers?state=live"),
    Case("filter by state: past the review date", "/answers?state=overdue"),
    Case("one answer", "/answers/entry-17"),
    Case("editor of an answer", "/answers/entry-17/edit"),
    Case("start page", "/"),
    Case("questions, first page", "/questions"),
    Case("questions, last page", "/questions?page=20"),
    Case("trends", "/questions/trends"),
    Case("reported rumors", "/questions/rumours"),
    Case("sources", "/sources"),
    Case("releases", "/releases"),
)
AFTER = (
    ("first list after a start", "start"),
    ("list after somebody saved a draft", "draft"),
    ("list after a release", "release"),
    ("one answer after a release", "release, answer"),
)


@dataclass(frozen=True)
class Timing:
    """How long a page took each time, in milliseconds."""

    name: str
    taken: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.taken)

    @property
    def p95(self) -> float:
        """What 95 of 100 are below."""
        return float(np.percentile(self.taken, 95))


# --- the store ------------------------------------------------------------------------------------


def fill(engine: Engine, pairs: Sequence[TopicEntry], entries: int = ENTRIES) -> Member:
    """Fill a store with made answers, drafts, questions and tasks; return who looks at them."""
    made = [pair for _, pair in Mixer(pairs).entries(entries)]
    with transaction(engine) as session:
        import_entries(session, made)
        for number in range(RELEASES):
            publish(session, f"release {number}")
    member = join(engine)
    for number, pair in enumerate(made[:: max(1, entries // DRAFTS)]):
        save_draft(engine, member, pair, number)
    with transaction(engine) as session:
        add_questions(session, pairs)
        add_tasks(session, entries)
        session.add_all(WatchedTerm(term=term) for term in TERMS)
    return member


def join(engine: Engine) -> Member:
    """Let somebody in who may do everything."""
    with transaction(engine) as session:
        person_id, _ = people.invite(session, "wanda@example.org", "Wanda", tuple(Role), None)
        member = people.member(session, person_id)
    if member is None:
        raise SystemExit("nobody could be let in")
    return member


def save_draft(engine: Engine, member: Member, pair: TopicEntry, number: int) -> int:
    """Save a draft, with a number in its question, on top of the newest revision; return its id."""
    entry = pair.entry.model_copy(update={"question": f"{number}: {pair.entry.question}"[:120]})
    changed = TopicEntry.model_construct(topic=pair.topic, entry=entry)
    with transaction(engine) as session:
        newest = workflow.newest_revision(session, pair.entry.id, pair.topic.locale)
        before = newest.number if newest else None
        return workflow.save_draft(session, member, changed, before).id


def add_questions(session: Session, pairs: Sequence[TopicEntry]) -> None:
    """Let people ask: mostly what has an answer, the rest in groups of very different sizes."""
    random = np.random.default_rng(0)
    session.add_all(
        QuestionGroup(id=n + 1, centre=bytes(1536), model="made") for n in range(GROUPS)
    )
    session.flush()
    texts = [(text, pair.topic.slug) for pair in pairs for text in pair.entry.variants]
    chosen = random.integers(0, len(texts), QUESTIONS)
    # A few groups are asked a lot and many hardly ever, as Zipf's law has it.
    groups = np.minimum(random.zipf(1.3, QUESTIONS), GROUPS)
    ago = random.uniform(0, DAYS * 86_400, QUESTIONS)
    asked, events, rated = [], [], []
    for number in range(QUESTIONS):
        reply_id, key = f"made-{number}", f"session-{number * 2 // 3}"
        at = now() - timedelta(seconds=float(ago[number]))
        text, topic = texts[chosen[number]]
        is_open = number % 3 == 0
        row = {"reply_id": reply_id, "session_key": key, "at": at}
        asked.append(
            {
                **row,
                "text": text,
                "locale": "en",
                "kind": "no_answer" if is_open else "answer",
                "topic": None if is_open else topic,
                "group_id": int(groups[number]) if is_open else None,
            }
        )
        events.append(
            {
                **row,
                "channel": "web",
                "kind": "answer",
                "code": "answer",
                "entry_id": f"entry-{number % ENTRIES}",
                "revision": 1,
                "redacted_kinds": "",
                "milliseconds": 50,
            }
        )
        if number % 10 == 0:
            rated.append({**row, "rating": "helpful" if number % 20 else "not_helpful"})
    session.execute(sa.insert(AskedQuestion), asked)
    session.execute(sa.insert(TurnEvent), events)
    session.execute(sa.insert(Feedback), rated)


def add_tasks(session: Session, entries: int) -> None:
    """Write checks of pages and review tasks down."""
    session.add_all(
        ReviewTask(entry_id=f"entry-{n % entries}", locale="en", reason="source", detail=f"s1: {n}")
        for n in range(TASKS)
    )
    checks = [
        {"url": f"https://www.cdc.gov/{n % 1_000}", "outcome": "ok"} for n in range(10 * 1_000)
    ]
    session.execute(sa.insert(SourceCheck), checks)


# --- measuring ------------------------------------------------------------------------------------


def timed(client: FlaskClient, path: str) -> float:
    """Return the milliseconds of one request.

    Raises:
        SystemExit: the page is not what was asked for.
    """
    started = time.perf_counter()
    response = client.get(f"/console{path}")
    taken = (time.perf_counter() - started) * 1000
    if response.status_code != 200:
        raise SystemExit(f"{path}: the answer was {response.status_code}")
    return taken


def signed_in(settings: BotSettings, engine: Engine, member: Member) -> FlaskClient:
    """Return a browser of somebody who is signed in, of a server that has just started."""
    with transaction(engine) as session:
        token = people.begin_sign_in(session, member.id, "")
    client = create_app(settings).test_client()
    client.set_cookie(COOKIE, token, path="/console")
    return client


def measure(
    engine: Engine,
    settings: BotSettings,
    member: Member,
    pairs: Sequence[TopicEntry],
    rounds: int = ROUNDS,
) -> list[Timing]:
    """Ask for every page, over and over, and for lists after something changed."""
    client = signed_in(settings, engine, member)
    found = []
    for case in CASES:
        timed(client, case.path)
        found.append(Timing(case.name, tuple(timed(client, case.path) for _ in range(rounds))))
    changes: dict[str, Callable[[int], float]] = {
        "start": lambda _: timed(signed_in(settings, engine, member), "/answers"),
        "draft": lambda n: _after_draft(engine, client, member, pairs, n),
        "release": lambda n: _after_release(engine, client, n, "/answers"),
        "release, answer": lambda n: _after_release(engine, client, n, "/answers/entry-17"),
    }
    for name, key in AFTER:
        found.append(Timing(name, tuple(changes[key](n) for n in range(min(CHANGES, rounds)))))
    return found


def _after_draft(
    engine: Engine, client: FlaskClient, member: Member, pairs: Sequence[TopicEntry], number: int
) -> float:
    ((_, pair),) = Mixer(pairs).entries(1)
    save_draft(engine, member, pair, DRAFTS + number)
    return timed(client, "/answers")


def _after_release(engine: Engine, client: FlaskClient, number: int, path: str) -> float:
    with transaction(engine) as session:
        publish(session, f"again {number}")
    return timed(client, path)


@contextmanager
def stores() -> Iterator[list[tuple[str, Engine]]]:
    """Give an empty store on each database that there is."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'made.db'}"}
        try:
            urls["PostgreSQL"] = opened.enter_context(databases.postgres()).new_database()
        except databases.NoPostgres as error:
            tell(f"without PostgreSQL: {error}")
        engines = [(name, connect(url)) for name, url in urls.items()]
        for _, engine in engines:
            migrate(engine)
            opened.callback(engine.dispose)
        yield engines


def settings_for(engine: Engine, folder: str) -> BotSettings:
    """Return settings of a server over a store."""
    return read_bot_settings(
        {
            "DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "CITEWELL_DATA_DIR": folder,
            "CITEWELL_TRACKER_DIR": folder,
            "CITEWELL_SECRET_KEY": "for this benchmark only " * 2,
            "CITEWELL_LOG_LEVEL": "ERROR",
        }
    )


# --- telling --------------------------------------------------------------------------------------


def table(found: Sequence[tuple[str, Sequence[Timing]]]) -> list[str]:
    """Return the figures of all databases as one Markdown table."""
    names = [name for name, _ in found]
    lines = [
        f"| Page | {' | '.join(f'{name}, ms | p95' for name in names)} |",
        f"|---|{'---:|---:|' * len(names)}",
    ]
    for timings in zip(*(timings for _, timings in found), strict=True):
        cells = " | ".join(f"{one.median:.0f} | {one.p95:.0f}" for one in timings)
        lines.append(f"| {timings[0].name} | {cells} |")
    return lines


def slow_ones(found: Sequence[tuple[str, Sequence[Timing]]]) -> list[str]:
    """Return the pages that are asked for again and again and take longer than they should."""
    steady = {case.name for case in CASES}
    return [
        f"{one.name} ({name})"
        for name, timings in found
        for one in timings
        if one.name in steady and one.p95 >= AIM
    ]


def report(
    found: Sequence[tuple[str, Sequence[Timing]]], command: str, busy: float, entries: int
) -> str:
    """Return the part of the page."""
    slow = slow_ones(found)
    verdict = f"missed by: {', '.join(slow)}" if slow else "met by every page that is asked again"
    return "\n".join(
        [
            "## Pages of the console",
            "",
            f"`{command}`, {date.today()}, {os.cpu_count()} cores ({platform.machine()}), load "
            f"average {busy:.1f} before the start, Python {platform.python_version()}.",
            "",
            f"{entries:,} made answers, {min(DRAFTS, entries)} with a draft on top, "
            f"{QUESTIONS:,} made questions of {DAYS} days, {GROUPS:,} groups, {TASKS} open tasks. "
            "Medians and 95th percentiles at the server, without the network. The last rows are "
            f"each the first page after a change, {CHANGES} times.",
            "",
            *table(found),
            "",
            f"The aim of less than {AIM:.0f} ms for 95 of 100 is {verdict}.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a page takes longer than it should."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="COUNT")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    args = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "benchmarks.console", *given])
    busy = os.getloadavg()[0]
    pairs = [located.topic_entry for located in read_corpus(read_settings().corpus_dir)]
    found = []
    with stores() as opened, tempfile.TemporaryDirectory() as folder:
        for name, engine in opened:
            tell(f"filling {name} with {args.entries:,} answers")
            member = fill(engine, pairs, args.entries)
            tell(f"asking for pages, with {name}")
            found.append((name, measure(engine, settings_for(engine, folder), member, pairs)))
    part = report(found, command, busy, args.entries)
    print(part)
    if args.write:
        write_part("console", part)
    return 1 if slow_ones(found) else 0


if __name__ == "__main__":
    sys.exit(main())
