"""What the content team makes of a group of questions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.listening.groups import GroupState
from knowledge.listening.limits import ListeningError
from knowledge.people import Member, Role
from knowledge.schema import Person, QuestionGroup, Revision, now

LONGEST_WHY = 300


def take(session: Session, member: Member, group_id: int) -> None:
    """Take a group of questions, so that others see who looks after it.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group, or it is not new (any more).
    """
    member.must_be(Role.AUTHOR, "taking questions")
    _move(session, group_id, QuestionGroup.state == GroupState.NEW.value, GroupState.TAKEN, member)
    record(session, member.id, "question.taken", _subject(group_id))


def answer(session: Session, member: Member, group_id: int, entry_id: str) -> None:
    """Note which entry answers a group of questions.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group or entry, somebody else took it, or it is done.
    """
    member.must_be(Role.AUTHOR, "answering questions")
    known = sa.select(Revision.id).where(Revision.entry_id == entry_id).limit(1)
    if session.scalar(known) is None:
        raise ListeningError(f"entry: there is no entry {entry_id!r}; save a draft of it first")
    _move(session, group_id, _free_for(member), GroupState.ANSWERED, member, entry_id=entry_id)
    record(session, member.id, "question.answered", _subject(group_id), entry=entry_id)


def reject(session: Session, member: Member, group_id: int, why: str) -> None:
    """Decide that a group of questions gets no answer of its own.

    The reason stays with the group. It is not copied into the audit record, from which nothing can
    be deleted: it may quote somebody.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group, the reason is missing or too long, somebody else
            took it, or it is done.
    """
    member.must_be(Role.AUTHOR, "rejecting questions")
    why = " ".join(why.split())
    if not 1 <= len(why) <= LONGEST_WHY:
        raise ListeningError(f"reason: say in 1 to {LONGEST_WHY} characters why, not {len(why)}")
    _move(session, group_id, _free_for(member), GroupState.REJECTED, member, note=why)
    record(session, member.id, "question.rejected", _subject(group_id))


def reopen(session: Session, member: Member, group_id: int) -> None:
    """Make a group of questions new again, whoever had it.

    Raises:
        NotAllowed: the member is no author.
        ListeningError: there is no such group, or it is new.
    """
    member.must_be(Role.AUTHOR, "opening questions again")
    _move(session, group_id, QuestionGroup.state != GroupState.NEW.value, GroupState.NEW, None)
    record(session, member.id, "question.reopened", _subject(group_id))


def _free_for(member: Member) -> sa.ColumnElement[bool]:
    own = sa.and_(
        QuestionGroup.state == GroupState.TAKEN.value, QuestionGroup.person_id == member.id
    )
    return sa.or_(QuestionGroup.state == GroupState.NEW.value, own)


def _move(
    session: Session,
    group_id: int,
    before: sa.ColumnElement[bool],
    after: GroupState,
    member: Member | None,
    *,
    entry_id: str | None = None,
    note: str = "",
) -> None:
    """Move a group on, if it still is where the caller believes it to be."""
    # One statement: of two people at once, one finds it moved already.
    done = session.execute(
        sa.update(QuestionGroup)
        .where(QuestionGroup.id == group_id, before)
        .values(
            state=after.value,
            person_id=member.id if member else None,
            entry_id=entry_id,
            note=note,
            changed_at=now(),
        )
        .execution_options(synchronize_session=False)
    )
    found = session.get(QuestionGroup, group_id, populate_existing=True)
    if found is None:
        raise ListeningError(f"there is no group of questions {group_id}")
    if not getattr(done, "rowcount", 0):
        who = session.get(Person, found.person_id) if found.person_id else None
        by = f" by {who.name}" if who else ""
        raise ListeningError(
            f"group {group_id} is {found.state}{by}: look at it again, and open it again first if "
            "that is to change"
            if found.state != GroupState.NEW
            else f"group {group_id} is new already"
        )


def _subject(group_id: int) -> str:
    return f"questions {group_id}"
