"""Looks at the cited pages: asking for one, and what became of it, in the record of who did what.

::

    sources.requested  ->  sources.began  ->  sources.looked
    (somebody, in the console)   (the worker, within a minute)

The nightly look begins with the second step. A page of the console does not fetch pages itself: it
would hold up everybody else, and a polite look takes minutes. The record can be trusted for this,
because nothing in it changes. Errors::

    LookError           there is no look now; the message says why, and from when on
    NotAllowed          (of ``knowledge.people``) the role is missing
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import AuditRecord, Person, SourceCheck, now
from knowledge.source_watch.found import Outcome
from knowledge.source_watch.tasks import one_at_a_time
from knowledge.source_watch.watching import Summary, is_live

REQUESTED, BEGAN, LOOKED = "sources.requested", "sources.began", "sources.looked"
ALL_PAGES = "all cited pages"
PAUSE = timedelta(minutes=10)
"""From the beginning of one look to the next one of the same pages; sites are not to be pressed."""
SILENT = timedelta(minutes=15)
"""A look from which nothing was heard for so long has stopped: the slowest page takes 9 minutes."""
MAY_ASK = frozenset({Role.AUTHOR, Role.REVIEWER, Role.PUBLISHER})


class LookError(Exception):
    """There is no look now; the message says why, and from when on there can be one."""


class Wish(NamedTuple):
    """A look that somebody asked for.

    Attributes:
        entry_id: only the pages that this entry cites; None for all.
        locale: of the entry, or None.
    """

    entry_id: str | None = None
    locale: str | None = None

    @property
    def subject(self) -> str:
        """What the record calls it."""
        return f"{self.entry_id} ({self.locale})" if self.entry_id else ALL_PAGES


EVERYTHING = Wish()


@dataclass(frozen=True)
class Look:
    """A look at cited pages.

    Attributes:
        began_at: when it began.
        ended_at: when it ended; None where it runs, or stopped before the end.
        pages: how many there are to look at.
        done: how many of them were looked at.
        read: how many could be read; None where it has not ended.
        changed: how many there is something to tell of.
        tasks: review tasks that were opened.
        is_online: whether any cited site could be reached; if not, no page was looked at.
        is_running: whether it goes on now.
    """

    began_at: datetime
    ended_at: datetime | None
    pages: int
    done: int
    read: int | None = None
    changed: int = 0
    tasks: int = 0
    is_online: bool = True
    is_running: bool = False


@dataclass(frozen=True)
class Standing:
    """Where the looks at all cited pages stand.

    Attributes:
        last: the newest look that began, or None.
        asked_at: when somebody asked for one that has not begun, or None.
        asked_by: who that was, or None.
        next_at: from when on one can be asked for; None for now.
    """

    last: Look | None
    asked_at: datetime | None = None
    asked_by: str | None = None
    next_at: datetime | None = None


# --- asking ---------------------------------------------------------------------------------------


def ask(
    session: Session, member: Member, wish: Wish = EVERYTHING, moment: datetime | None = None
) -> bool:
    """Ask for a look, which the worker takes up.

    Args:
        session: a transaction.
        member: who asks.
        wish: at which pages.
        moment: the time that it is; None for now.

    Returns:
        False where it was asked for already and nothing had to be done.

    Raises:
        NotAllowed: the member is neither author, reviewer nor publisher.
        LookError: a look runs, or was a moment ago; or the entry is not live.
    """
    if member.roles.isdisjoint(MAY_ASK):
        raise NotAllowed(
            "asking for a look at the pages needs the role “author”, “reviewer” or “publisher”, "
            "which you do not have today"
        )
    one_at_a_time(session)
    if wish.entry_id and not is_live(session, wish.entry_id, wish.locale or ""):
        raise LookError(f"{wish.entry_id} is not live: only pages of live answers are looked at")
    if {wish, EVERYTHING} & set(waiting(session)):
        return False
    _refuse_too_soon(session, wish, moment or now())
    detail = {"entry": wish.entry_id, "locale": wish.locale} if wish.entry_id else {}
    record(session, member.id, REQUESTED, wish.subject, **detail)
    session.flush()
    return True


def _refuse_too_soon(session: Session, wish: Wish, moment: datetime) -> None:
    last = _last_look(session, moment)
    if last and last.is_running:
        raise LookError("the pages are being looked at now: wait until that is done")
    for subject in {wish.subject, ALL_PAGES}:
        began = _newest(session, BEGAN, subject)
        if began and moment < began.at + PAUSE:
            raise LookError(
                f"the last look began at {began.at:%H:%M} UTC: ask again from "
                f"{began.at + PAUSE:%H:%M} UTC on"
            )


def waiting(session: Session) -> list[Wish]:
    """Return what was asked for and has not begun; all pages alone where that is among it."""
    everything = _newest(session, BEGAN, ALL_PAGES)
    rows = session.execute(
        sa.select(AuditRecord.subject, sa.func.max(AuditRecord.id).label("id"))
        .where(
            AuditRecord.action == REQUESTED, AuditRecord.id > (everything.id if everything else 0)
        )
        .group_by(AuditRecord.subject)
        .order_by(sa.text("id"))
    ).all()
    if any(row.subject == ALL_PAGES for row in rows):
        return [EVERYTHING]
    left = []
    for row in rows:
        began = _newest(session, BEGAN, row.subject)
        if began is None or began.id < row.id:
            detail = session.get_one(AuditRecord, row.id).detail
            left.append(Wish(str(detail["entry"]), str(detail["locale"])))
    return left


# --- telling what becomes of it -------------------------------------------------------------------


def begin(session: Session, wish: Wish, pages: int) -> None:
    """Note that a look begins.

    Args:
        session: a transaction.
        wish: at which pages.
        pages: how many they are.
    """
    record(session, None, BEGAN, wish.subject, pages=pages)


def end(session: Session, wish: Wish, found: Summary | None) -> None:
    """Note what a look found; None where no cited site could be reached."""
    if found is None:
        record(session, None, LOOKED, wish.subject, online=False)
        return
    read = sum(found.outcomes.get(one, 0) for one in (Outcome.OK, Outcome.MOVED))
    record(
        session,
        None,
        LOOKED,
        wish.subject,
        pages=sum(found.outcomes.values()),
        read=read,
        changed=found.changed,
        tasks=found.tasks,
    )


def standing(session: Session, moment: datetime | None = None) -> Standing:
    """Return where the looks at all cited pages stand.

    Args:
        session: a transaction.
        moment: the time that it is; None for now.
    """
    moment = moment or now()
    last = _last_look(session, moment)
    if waiting(session) == [EVERYTHING]:
        asked = _newest(session, REQUESTED, ALL_PAGES)
        person = session.get(Person, asked.person_id) if asked and asked.person_id else None
        return Standing(last, asked.at if asked else None, person.name if person else None)
    later = last.began_at + PAUSE if last else moment
    return Standing(last, next_at=later if later > moment else None)


def looks_of(session: Session, wishes: Collection[Wish]) -> dict[Wish, Look]:
    """Return the last look at the pages of each of some entries, as far as there was one."""
    subjects = {wish.subject: wish for wish in wishes}
    newest = (
        sa.select(sa.func.max(AuditRecord.id))
        .where(AuditRecord.action == LOOKED, AuditRecord.subject.in_(subjects))
        .group_by(AuditRecord.subject)
    )
    rows = session.scalars(sa.select(AuditRecord).where(AuditRecord.id.in_(newest)))
    return {subjects[row.subject]: _ended(row.at, row) for row in rows}


def _last_look(session: Session, moment: datetime) -> Look | None:
    began = _newest(session, BEGAN, ALL_PAGES)
    if began is None:
        return None
    pages = _count(began, "pages")
    ended = _newest(session, LOOKED, ALL_PAGES)
    if ended is None or ended.id < began.id:
        done, heard_at = _progress(session, began.at, pages)
        is_running = moment - heard_at < SILENT
        return Look(began.at, None, pages, done, is_running=is_running)
    return _ended(began.at, ended)


def _ended(began_at: datetime, ended: AuditRecord) -> Look:
    return Look(
        began_at=began_at,
        ended_at=ended.at,
        pages=_count(ended, "pages"),
        done=_count(ended, "pages"),
        read=_count(ended, "read"),
        changed=_count(ended, "changed"),
        tasks=_count(ended, "tasks"),
        is_online=ended.detail.get("online") is not False,
    )


def _progress(session: Session, since: datetime, pages: int) -> tuple[int, datetime]:
    """Return how many pages a look has done, and when it was last heard of."""
    newest = sa.select(SourceCheck.at).order_by(SourceCheck.id.desc()).limit(pages).subquery()
    done, last = session.execute(
        sa.select(sa.func.count(), sa.func.max(newest.c.at)).where(newest.c.at >= since)
    ).one()
    return done, last or since


def _newest(session: Session, action: str, subject: str) -> AuditRecord | None:
    return session.scalar(
        sa.select(AuditRecord)
        .where(AuditRecord.action == action, AuditRecord.subject == subject)
        .order_by(AuditRecord.id.desc())
        .limit(1)
    )


def _count(row: AuditRecord, name: str) -> int:
    value = row.detail.get(name, 0)
    return value if isinstance(value, int) else 0
