"""What people thought of answers, and the claims that they reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.listening.groups import NOT_HELPFUL
from knowledge.listening.limits import AT_ONCE, between, check_least, check_page
from knowledge.listening.wordings import folded
from knowledge.schema import Feedback, RumourReport, TurnEvent

HELPFUL = "helpful"
REASONS = ("not_my_question", "unclear", "outdated", "felt_unsafe")


@dataclass(frozen=True)
class Ratings:
    """What people thought of one revision of an entry.

    Attributes:
        entry_id: the entry.
        revision: number of the revision, or None where that was not recorded.
        helpful: how many replies were rated as helpful.
        not_helpful: how many were not.
        reasons: how often each reason was given, all of ``REASONS``.
    """

    entry_id: str
    revision: int | None
    helpful: int = 0
    not_helpful: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rumour:
    """A claim that was reported.

    Attributes:
        claim: the newest wording.
        size: conversations that reported it.
        first_day: when it was reported first, in the time looked at.
        last_day: when it was reported last.
    """

    claim: str
    size: int
    first_day: date
    last_day: date


def ratings(
    session: Session,
    since: date | None = None,
    until: date | None = None,
    entry_id: str | None = None,
) -> list[Ratings]:
    """Return what people thought of answers, by entry and revision.

    Args:
        session: a transaction.
        since: the first day of the ratings; None for all that is kept.
        until: the last day; None for today.
        entry_id: only of this entry; None for all.

    Raises:
        ListeningError: the time is turned around.
    """
    key = (TurnEvent.entry_id, TurnEvent.revision, Feedback.rating, Feedback.reason)
    rows = (
        sa.select(*key, sa.func.count())
        .join(Feedback, Feedback.reply_id == TurnEvent.reply_id)
        .where(TurnEvent.entry_id.is_not(None), *between(Feedback.at, since, until))
        .group_by(*key)
    )
    if entry_id is not None:
        rows = rows.where(TurnEvent.entry_id == entry_id)
    rated: dict[tuple[str, int | None], Counter[str]] = {}
    for entry, revision, rating, reason, many in session.execute(rows):
        counted = rated.setdefault((str(entry), revision), Counter())
        counted[rating] += many
        if reason is not None:
            counted[reason] += many
    return [
        Ratings(
            entry,
            revision,
            counted[HELPFUL],
            counted[NOT_HELPFUL],
            {reason: counted[reason] for reason in REASONS},
        )
        for (entry, revision), counted in sorted(
            rated.items(), key=lambda item: (item[0][0], item[0][1] or 0)
        )
    ]


def rumours(
    session: Session,
    since: date | None = None,
    until: date | None = None,
    limit: int = 50,
    offset: int = 0,
    least: int = 1,
) -> list[Rumour]:
    """Return the claims that were reported, the newest first; equal ones are put together.

    People sent these on purpose to be read, so one report is enough to be shown.

    Args:
        session: a transaction.
        since: the first day; None for all that is kept.
        until: the last day; None for today.
        limit: rumours at most.
        offset: rumours to leave out at the beginning, for the next page.
        least: conversations that must have reported it.

    Raises:
        ListeningError: a number or the time makes no sense.
    """
    check_least(least)
    check_page(limit, offset)
    rows = session.execute(
        sa.select(RumourReport.claim, RumourReport.session_key, RumourReport.at)
        .where(*between(RumourReport.at, since, until))
        .order_by(RumourReport.at.desc(), RumourReport.reply_id)
        .execution_options(yield_per=AT_ONCE)
    )
    alike: dict[str, list[tuple[str, str, datetime]]] = {}
    for claim, session_key, at in rows:
        alike.setdefault(folded(claim) or claim, []).append((claim, session_key, at))
    found = [
        Rumour(told[0][0], len({key for _, key, _ in told}), told[-1][2].date(), told[0][2].date())
        for told in alike.values()
    ]
    return [rumour for rumour in found if rumour.size >= least][offset : offset + limit]
