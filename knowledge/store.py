"""The store of record: revisions, releases and the vectors that belong to them.

One database through SQLAlchemy: SQLite (WAL) by default, any other by URL. A session is one
transaction: everything in it lands, or nothing does.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge.entry import TopicEntry
from knowledge.schema import (
    LiveRelease,
    Person,
    Release,
    ReleaseCalibration,
    ReleaseRevision,
    Revision,
    now,
)

MIGRATIONS = Path(__file__).parent / "migrations"
SQLITE_BUSY_MILLISECONDS = 500
LINE = "citewell_line"
"""Execution option of an engine: the lock of those who write to SQLite."""
PUBLISHABLE = frozenset({"imported", "approved"})
"""States of a revision that may become live; ``knowledge.workflow`` has all states."""
FEW = 500
"""Revisions up to which they are asked for one by one."""


class StoreError(Exception):
    """The store cannot do what was asked; the message says why."""


@dataclass(frozen=True)
class LiveEntry:
    """An entry of the live release.

    Attributes:
        topic_entry: the entry and its topic.
        revision: its number, counted from 1 per entry and locale.
        row_id: id of the revision in the store, or None outside it.
    """

    topic_entry: TopicEntry
    revision: int
    row_id: int | None = None


@dataclass(frozen=True)
class LiveSet:
    """The live release with all its entries.

    Attributes:
        release_id: id of the release.
        entries: its entries, ordered by id.
    """

    release_id: int
    entries: tuple[LiveEntry, ...]


@dataclass(frozen=True)
class ImportResult:
    """What an import did.

    Attributes:
        new: entries that the store did not know.
        changed: entries that got a further revision.
        unchanged: entries that were there already, word for word.
    """

    new: int
    changed: int
    unchanged: int


def connect(url: str, *, outlasts_power: bool = False) -> Engine:
    """Return an engine for a database address.

    Values never appear in the messages of its errors, because they may be people's words.

    Args:
        url: of the database.
        outlasts_power: whether SQLite, too, waits at each commit until it is on the disk; else what
            was committed within the last moments may be gone after a power cut. PostgreSQL waits by
            itself.
    """
    options = {LINE: threading.Lock()}
    engine = sa.create_engine(
        url, hide_parameters=True, pool_pre_ping=True, execution_options=options
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        if outlasts_power:
            event.listen(engine, "connect", _wait_for_the_disk)
    return engine


def _wait_for_the_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=FULL").close()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Deleted rows are overwritten: "forget me" must not leave words in the file.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MILLISECONDS}")
    cursor.close()


def migrate(engine: Engine) -> None:
    """Bring the database to the newest shape; does nothing where it has it."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Give a session that commits at the end, or rolls everything back on any error."""
    with Session(engine) as session, session.begin():
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Give such a session for what begins by writing, to one thread after the other on SQLite.

    SQLite lets one write at a time. Who comes meanwhile asks again and again, and has lost after
    half a second; in a line the threads of a process do not lose against one another.
    """
    line = engine.get_execution_options()[LINE] if engine.dialect.name == "sqlite" else None
    is_first = line is not None and line.acquire(timeout=SQLITE_BUSY_MILLISECONDS / 1000)
    try:
        with transaction(engine) as session:
            yield session
    finally:
        if line is not None and is_first:
            line.release()


def content_hash(body: dict[str, object]) -> str:
    """Return the hash that tells whether two revisions say the same."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def import_entries(session: Session, entries: Sequence[TopicEntry]) -> ImportResult:
    """Write entries as revisions; what is there already, word for word, is left alone.

    Nothing becomes live by an import: see ``publish``. Where there is a content team, what comes in
    are drafts, which somebody has to send to review.
    """
    team = session.scalar(sa.select(Person.id).where(Person.is_active).limit(1))
    state = "draft" if team else "imported"
    newest = _newest(session, [item.entry.id for item in entries])
    new = changed = unchanged = 0
    for item in entries:
        body = item.model_dump(mode="json")
        digest = content_hash(body)
        known = newest.get((item.entry.id, item.topic.locale))
        if known is not None and known.content_hash == digest:
            unchanged += 1
            continue
        new, changed = (new + 1, changed) if known is None else (new, changed + 1)
        if team:
            # Where there is a team, nobody has reviewed what a file says was reviewed.
            body = item.unreviewed().model_dump(mode="json")
            digest = content_hash(body)
        session.add(
            Revision(
                entry_id=item.entry.id,
                locale=item.topic.locale,
                number=1 if known is None else known.number + 1,
                content_hash=digest,
                body=body,
                based_on=known.number if known else None,
                state=state,
            )
        )
    session.flush()
    return ImportResult(new, changed, unchanged)


class _Newest(NamedTuple):
    """The newest revision of an entry, without what it says: that may be thousands of pages."""

    id: int
    entry_id: str
    locale: str
    number: int
    content_hash: str
    state: str


def _newest(
    session: Session,
    entry_ids: Sequence[str] | None = None,
    states: frozenset[str] | None = None,
) -> dict[tuple[str, str], _Newest]:
    """Return the newest revision of every entry, or at least of those that are named.

    Args:
        session: a transaction.
        entry_ids: names of entries, or None for all.
        states: only revisions in one of these, or None for all.
    """
    wanted = sa.select(
        Revision.id,
        Revision.entry_id,
        Revision.locale,
        Revision.number,
        Revision.content_hash,
        Revision.state,
    ).order_by(Revision.number)
    if states is not None:
        wanted = wanted.where(Revision.state.in_(states))
    if entry_ids is not None and len(entry_ids) < FEW:
        wanted = wanted.where(Revision.entry_id.in_(entry_ids))
    rows = (_Newest(*row) for row in session.execute(wanted))
    return {(row.entry_id, row.locale): row for row in rows}


def publish(session: Session, note: str, entry_ids: frozenset[str] | None = None) -> int:
    """Make the newest revisions live as one new release, as far as they may be published.

    Args:
        session: the transaction.
        note: what changed, for the list of releases.
        entry_ids: the entries to put into it; None means every entry of the store.

    Returns:
        The id of the release.

    Raises:
        StoreError: there is nothing to publish.
    """
    newest = _newest(session, states=PUBLISHABLE).values()
    chosen = [row for row in newest if entry_ids is None or row.entry_id in entry_ids]
    if not chosen:
        raise StoreError("nothing to publish: import a corpus first, or approve a draft")
    release_id = make_release(session, [row.id for row in chosen], note)
    point_to(session, release_id)
    return release_id


def make_release(
    session: Session, revision_ids: Sequence[int], note: str, person_id: int | None = None
) -> int:
    """Write a release, which is not live yet; return its id.

    Args:
        session: the transaction.
        revision_ids: all revisions in it.
        note: what changed.
        person_id: who publishes; None for the command line.
    """
    release = Release(note=note, person_id=person_id)
    session.add(release)
    session.flush()
    members = [{"release_id": release.id, "revision_id": row_id} for row_id in revision_ids]
    session.execute(sa.insert(ReleaseRevision), members)
    return release.id


def roll_back(session: Session, release_id: int) -> None:
    """Make an older release live again.

    Raises:
        StoreError: there is no such release.
    """
    if session.get(Release, release_id) is None:
        raise StoreError(f"no release {release_id}")
    point_to(session, release_id)


def point_to(session: Session, release_id: int) -> None:
    """Make a release the live one."""
    live = session.get(LiveRelease, 1)
    if live is None:
        session.add(LiveRelease(id=1, release_id=release_id))
    else:
        live.release_id, live.since = release_id, now()


def live_release_id(session: Session) -> int | None:
    """Return the id of the live release, or None where nothing was published yet."""
    return session.scalar(sa.select(LiveRelease.release_id).where(LiveRelease.id == 1))


def keep_refit(
    session: Session,
    release_id: int,
    model: str,
    body: dict[str, object],
    made_at: datetime | None = None,
) -> None:
    """Keep with a release what was refitted for it; an older refit of the model is replaced."""
    made = made_at or now()
    session.merge(ReleaseCalibration(release_id=release_id, model=model, body=body, made_at=made))


def copy_refits(session: Session, before: int | None, release_id: int) -> None:
    """Keep with a release what was refitted for the one before: of one entry more it is near."""
    rows = session.scalars(
        sa.select(ReleaseCalibration).where(ReleaseCalibration.release_id == before)
    )
    for row in rows.all():
        keep_refit(session, release_id, row.model, row.body, row.made_at)


def waits_for_refit(session: Session) -> int | None:
    """Return the live release if a person made it and nothing was refitted for it yet, else None.

    Until then it has what was refitted for the one before.
    """
    return session.scalar(
        sa.select(Release.id)
        .join(LiveRelease, LiveRelease.release_id == Release.id)
        .where(
            Release.person_id.is_not(None),
            ~sa.exists().where(
                ReleaseCalibration.release_id == Release.id,
                ReleaseCalibration.made_at >= Release.created_at,
            ),
        )
    )


def read_refit(session: Session, release_id: int, model: str) -> dict[str, Any] | None:
    """Return what was refitted for a release and a model, or None where nothing was."""
    row = session.get(ReleaseCalibration, (release_id, model))
    return row.body if row else None


def live_state(session: Session, model: str) -> tuple[int, str] | None:
    """Return what changes whenever other answers should be given, or None without a release.

    Returns:
        The id of the live release, and when its calibration was refitted ("" where it was not).
    """
    release_id = live_release_id(session)
    if release_id is None:
        return None
    made = session.scalar(
        sa.select(ReleaseCalibration.made_at).where(
            ReleaseCalibration.release_id == release_id, ReleaseCalibration.model == model
        )
    )
    return release_id, str(made or "")


def waiting_drafts(session: Session) -> int:
    """Return how many entries have a newer revision than the live one, or none live."""
    live_id = live_release_id(session)
    live = set(
        session.scalars(
            sa.select(ReleaseRevision.revision_id).where(ReleaseRevision.release_id == live_id)
        )
    )
    waits = {*PUBLISHABLE, "draft", "in_review", "returned"}
    return sum(row.id not in live and row.state in waits for row in _newest(session).values())


def read_live(session: Session, previous: Sequence[LiveEntry] = ()) -> LiveSet | None:
    """Return the live release with its entries, or None where nothing was published yet.

    Args:
        session: a transaction.
        previous: entries in memory; those that are in the release too are not read again.
    """
    release_id = live_release_id(session)
    if release_id is None:
        return None
    known = {live.row_id: live for live in previous if live.row_id is not None}
    members = (
        sa.select(ReleaseRevision.revision_id)
        .where(ReleaseRevision.release_id == release_id)
        .order_by(ReleaseRevision.revision_id)
    )
    ids = list(session.scalars(members))
    missing = [row_id for row_id in ids if row_id not in known]
    wanted = sa.select(Revision)
    if len(missing) < FEW:
        wanted = wanted.where(Revision.id.in_(missing))
    else:
        wanted = wanted.join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id).where(
            ReleaseRevision.release_id == release_id
        )
    fresh = {
        row.id: LiveEntry(TopicEntry.model_validate(row.body), row.number, row.id)
        for row in session.scalars(wanted)
    }
    entries = [fresh.get(row_id) or known[row_id] for row_id in ids]
    return LiveSet(release_id, tuple(sorted(entries, key=_place)))


def _place(live: LiveEntry) -> tuple[str, str]:
    return live.topic_entry.entry.id, live.topic_entry.topic.locale
