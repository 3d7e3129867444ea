"""The watch itself: what a look at a page means for the entries that cite it, and what is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

import httpx
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from knowledge.entry import Source
from knowledge.schema import LiveRelease, Release, ReleaseRevision, Revision, SourceCheck, now
from knowledge.source_watch.comparing import LONGEST_URL, compare
from knowledge.source_watch.fetching import Manners, look_at
from knowledge.source_watch.found import UNREADABLE, UNSETTLED, Outcome, Seen
from knowledge.source_watch.tasks import one_at_a_time, open_task
from knowledge.store import StoreError, read_live, transaction

LONGEST_DETAIL = 500
LONGEST_NAME = 120
"""Of a page's title before what changed on it."""
DAYS_IN_A_ROW = 3
"""Days of looking after which a page that cannot be read is told."""
MOST_CHECKS = 30
"""Checks of one address that are kept."""
KEPT_DAYS = 400
"""Days for which a check is kept: over a year, so that a yearly review finds the last one."""


class Citation(NamedTuple):
    """A live entry that cites a page.

    Attributes:
        entry_id: of the entry.
        locale: of the entry.
        source: what it says of the page.
    """

    entry_id: str
    locale: str
    source: Source


@dataclass(frozen=True)
class Summary:
    """What a watch found.

    Attributes:
        outcomes: number of pages by how they were found.
        changed: pages of which there was something to tell an editor.
        tasks: review tasks that were opened.
        unkept: pages whose result the database did not take.
    """

    outcomes: Mapping[Outcome, int]
    changed: int
    tasks: int
    unkept: int

    def lines(self) -> Iterator[str]:
        """Yield it line by line, for a person."""
        yield f"{sum(self.outcomes.values())} pages"
        for outcome in Outcome:
            if count := self.outcomes.get(outcome):
                yield f"{outcome.value.replace('_', ' '):>10}: {count}"
        yield f"{self.changed} to be looked at, {self.tasks} review tasks opened"
        if self.unkept:
            yield f"{self.unkept} could not be written down: look at them again"


def cited_pages(session: Session) -> dict[str, list[Citation]]:
    """Return the pages that the live release cites, each with the entries that cite it."""
    pages: dict[str, list[Citation]] = {}
    live = read_live(session)
    for item in live.entries if live else ():
        entry, locale = item.topic_entry.entry, item.topic_entry.topic.locale
        for source in entry.sources:
            pages.setdefault(source.url, []).append(Citation(entry.id, locale, source))
    return pages


def watch(
    engine: Engine,
    client: httpx.Client,
    manners: Manners | None = None,
    *,
    tell: Callable[[str], None],
    urls: Collection[str] | None = None,
) -> Summary:
    """Look at every cited page, keep how it was found, and open review tasks for what changed.

    Each page is a transaction of its own: what is done when the watch is interrupted, stays done.

    Args:
        engine: the store.
        client: asks the sites.
        manners: of this run; by default new ones.
        tell: takes one line of progress for each page.
        urls: only these pages; None means all.

    Raises:
        StoreError: no live entry cites one of the addresses; nothing is looked at.
    """
    manners = manners or Manners()
    with transaction(engine) as session:
        pages = cited_pages(session)
    if unknown := sorted(set(urls or ()) - set(pages)):
        raise StoreError(f"{unknown[0]} is cited by no live entry: write it as the entry does")
    chosen = sorted(pages if urls is None else set(urls))
    visits = []
    for number, url in enumerate(chosen, start=1):
        visit = _visit(engine, client, manners, url, pages[url])
        visits.append(visit)
        tell(f"{number} of {len(chosen)}: {url.removeprefix('https://')} {visit.told()}")
    return Summary(
        Counter(visit.outcome for visit in visits),
        sum(visit.is_changed for visit in visits),
        sum(visit.tasks for visit in visits),
        sum(not visit.is_kept for visit in visits),
    )


class _Visit(NamedTuple):
    """What came of one page: whether there was something to tell, tasks opened, a fault of ours."""

    outcome: Outcome
    is_changed: bool = False
    tasks: int = 0
    is_kept: bool = True
    fault: str = ""

    def told(self) -> str:
        """Return it as a few words."""
        words = [self.outcome.value.replace("_", " ")]
        words += [self.fault] if self.fault else []
        words += ["to be looked at"] if self.is_changed else []
        words += [] if self.is_kept else ["but not written down"]
        return ", ".join(words)


def _visit(
    engine: Engine,
    client: httpx.Client,
    manners: Manners,
    url: str,
    citations: Sequence[Citation],
) -> _Visit:
    fault = ""
    try:
        seen = look_at(client, url, manners)
    except Exception as error:  # whatever one page does, the others are looked at
        seen, fault = Seen(Outcome.FAILING, None, url), type(error).__name__
    try:
        with transaction(engine) as session:
            is_changed, tasks = keep_look(session, url, citations, seen)
    except SQLAlchemyError as error:
        return _Visit(seen.outcome, is_kept=False, fault=type(error).__name__)
    return _Visit(seen.outcome, is_changed, tasks, fault=fault)


def keep_look(
    session: Session, url: str, citations: Iterable[Citation], seen: Seen
) -> tuple[bool, int]:
    """Keep how a page was found, and open review tasks for what changed.

    An entry that became live after the page was last looked at is held against the page as on a
    first look. An entry that is not live any more gets no task.

    Args:
        session: a transaction.
        url: address of the page.
        citations: the entries that cite it.
        seen: how it was found.

    Returns:
        Whether there was something to tell, and the number of tasks opened.
    """
    one_at_a_time(session)
    settled, lost, last_at = _history(session, url)
    days = len({*lost, now().date()}) if seen.outcome in UNREADABLE else 0
    live_since = _live_since(session, {item.entry_id for item in citations})
    is_changed, tasks = False, 0
    for entry_id, locale, source in citations:
        since = live_since.get((entry_id, locale))
        if since is None:
            continue
        known = settled if settled is not None and settled.at >= since else None
        sentences = compare(known, seen, source)
        if _is_told(days, len(lost), is_new=last_at is None or last_at < since):
            sentences.append(_unreadable(seen, days))
        is_changed = is_changed or bool(sentences)
        if sentences:
            detail = _detail(source, sentences)
            tasks += open_task(session, entry_id, locale, "source", detail)
    session.add(_row(url, seen, settled))
    session.flush()
    return is_changed, tasks


def _history(
    session: Session, url: str
) -> tuple[SourceCheck | None, frozenset[date], datetime | None]:
    """Return the newest check that says something of a page itself, and what came after it.

    Returns:
        The check or None; the days in UTC on which the page could not be read up to now, without
        another outcome in between; when it was looked at last, or None.
    """
    settled = session.scalar(
        sa.select(SourceCheck)
        .where(SourceCheck.url == url, _is_settled())
        .order_by(SourceCheck.id.desc())
        .limit(1)
    )
    later = session.execute(
        sa.select(SourceCheck.outcome, SourceCheck.at)
        .where(SourceCheck.url == url, SourceCheck.id > (settled.id if settled else 0))
        .order_by(SourceCheck.id.desc())
    ).all()
    unread = takewhile(lambda row: row.outcome in UNREADABLE, later)
    last_at = later[0].at if later else settled.at if settled else None
    return settled, frozenset(row.at.date() for row in unread), last_at


def _is_settled() -> sa.ColumnElement[bool]:
    return SourceCheck.outcome.not_in([one.value for one in UNSETTLED])


def _live_since(session: Session, entry_ids: Collection[str]) -> dict[tuple[str, str], datetime]:
    """Return since when the live revision of each entry has been in a release."""
    is_member = (
        sa.select(ReleaseRevision.revision_id)
        .where(ReleaseRevision.release_id == Release.id, ReleaseRevision.revision_id == Revision.id)
        .correlate(Release, Revision)
        .exists()
    )
    # Each release is asked for the few revisions: a join begins with all rows of all releases.
    first = (
        sa.select(sa.func.min(Release.created_at))
        .where(is_member)
        .correlate(Revision)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(Revision.entry_id, Revision.locale, first).where(
            Revision.entry_id.in_(entry_ids), _is_in_live_release()
        )
    )
    return {(entry_id, locale): since for entry_id, locale, since in rows}


def _is_in_live_release() -> sa.ColumnElement[bool]:
    return (
        sa.select(ReleaseRevision.revision_id)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
        .where(ReleaseRevision.revision_id == Revision.id, LiveRelease.id == 1)
        .correlate(Revision)
        .exists()
    )


def is_live(session: Session, entry_id: str, locale: str) -> bool:
    """Tell whether an entry is live."""
    found = session.scalar(
        sa.select(Revision.id)
        .where(Revision.entry_id == entry_id, Revision.locale == locale, _is_in_live_release())
        .limit(1)
    )
    return found is not None


def _is_told(days: int, days_before: int, *, is_new: bool) -> bool:
    """Tell whether this is the look on which an entry hears that its page cannot be read.

    Days count, not looks: somebody who asks for a look again and again learns nothing new by it.
    """
    return days >= DAYS_IN_A_ROW and (days_before < DAYS_IN_A_ROW or is_new)


def _unreadable(seen: Seen, days: int) -> str:
    reason = f"the site answered {seen.status}" if seen.status else "no answer came"
    return f"The page could not be read on the last {days} days of looking ({reason})."


def _row(url: str, seen: Seen, settled: SourceCheck | None) -> SourceCheck:
    """Return what is kept; where the page was not read anew, with what was last read of it."""
    if not seen.text_hash and settled is not None:
        title, sections, text_hash = settled.title, settled.sections, settled.text_hash
    else:
        title, sections, text_hash = seen.title, list(seen.sections), seen.text_hash
    return SourceCheck(
        url=url,
        outcome=seen.outcome.value,
        status=seen.status,
        final_url=seen.final_url[:LONGEST_URL],
        title=title,
        sections=sections,
        text_hash=text_hash,
    )


def _detail(source: Source, sentences: Iterable[str]) -> str:
    """Return what a task says: of which source of the entry, and what changed."""
    text = " ".join([f"{source.key} “{_cut(source.title, LONGEST_NAME)}”:", *sentences])
    return _cut(text, LONGEST_DETAIL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


# --- what is kept ---------------------------------------------------------------------------------


def drop_old_checks(session: Session, moment: datetime) -> int:
    """Delete checks that are too old, and those beyond the newest of an address.

    Of a day with several looks the last one stays before the others of that day, so that looks on
    demand do not push out the days before. What was last read of a page stays in any case: the
    page is held against it once it can be read again.

    Args:
        session: a transaction.
        moment: what is more than ``KEPT_DAYS`` before it is too old.

    Returns:
        The number of checks deleted.
    """
    newest_first = SourceCheck.id.desc()
    of_day = sa.func.row_number().over(
        partition_by=(SourceCheck.url, sa.func.date(SourceCheck.at)), order_by=newest_first
    )
    of_url = sa.func.row_number().over(
        partition_by=(SourceCheck.url, sa.case((_is_settled(), 1), else_=0)), order_by=newest_first
    )
    numbered = sa.select(
        SourceCheck.id,
        SourceCheck.url,
        sa.case((of_day == 1, 0), else_=1).label("later"),
        sa.case((sa.and_(_is_settled(), of_url == 1), 1), else_=0).label("is_last_read"),
    ).subquery()
    place = sa.func.row_number().over(
        partition_by=numbered.c.url, order_by=(numbered.c.later, numbered.c.id.desc())
    )
    ranked = sa.select(numbered.c.id, numbered.c.is_last_read, place.label("place")).subquery()
    beyond = sa.select(ranked.c.id).where(ranked.c.place > MOST_CHECKS, ranked.c.is_last_read == 0)
    deleted = session.execute(
        sa.delete(SourceCheck)
        .where(
            sa.or_(SourceCheck.at < moment - timedelta(days=KEPT_DAYS), SourceCheck.id.in_(beyond))
        )
        .execution_options(synchronize_session=False)
    )
    return int(getattr(deleted, "rowcount", 0))
