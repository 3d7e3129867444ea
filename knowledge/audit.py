"""The record of who did what: append-only, by the database's own refusal (migration 0003)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.schema import AuditRecord, Person

LONGEST_SUBJECT = 160


class AuditLine(NamedTuple):
    """One thing that somebody did.

    Attributes:
        at: when.
        who: name of the person, or None for the command line and what happens by itself.
        action: what, as ``area.verb`` ("revision.approved").
        subject: to what: an entry, a person, a release.
        detail: more, as plain values.
    """

    at: datetime
    who: str | None
    action: str
    subject: str
    detail: dict[str, object]


def record(
    session: Session, person_id: int | None, action: str, subject: str = "", **detail: object
) -> AuditRecord:
    """Note that somebody did something, in the transaction in which it is done; return the line.

    Args:
        session: a transaction.
        person_id: who; None for the command line and for what happens by itself.
        action: what, as ``area.verb``.
        subject: to what.
        detail: more, as plain values; never a password, a token or a patient's words.
    """
    line = AuditRecord(
        person_id=person_id, action=action, subject=subject[:LONGEST_SUBJECT], detail=detail
    )
    session.add(line)
    return line


def read_audit(
    session: Session,
    *,
    subject: str | None = None,
    person_id: int | None = None,
    area: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Sequence[tuple[int, AuditLine]]:
    """Return what was done, newest first, each with its id.

    Args:
        session: a transaction.
        subject: only what was done to this.
        person_id: only what this person did.
        area: only actions of this area ("revision").
        before: only what has a smaller id, for the next page.
        limit: lines at most.
    """
    asked = (
        sa.select(AuditRecord, Person.name)
        .outerjoin(Person, Person.id == AuditRecord.person_id)
        .order_by(AuditRecord.id.desc())
        .limit(limit)
    )
    if subject is not None:
        asked = asked.where(AuditRecord.subject == subject)
    if person_id is not None:
        asked = asked.where(AuditRecord.person_id == person_id)
    if area is not None:
        asked = asked.where(AuditRecord.action.startswith(f"{area}.", autoescape=True))
    if before is not None:
        asked = asked.where(AuditRecord.id < before)
    return [
        (row.id, AuditLine(row.at, name, row.action, row.subject, row.detail))
        for row, name in session.execute(asked)
    ]
