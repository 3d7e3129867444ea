"""How an answer becomes live: draft, review, approval, release; who may do which step.

::

    draft -> in_review -> approved -> (in a release: live) -> replaced or withdrawn
      ^          |
      +----------+ returned, taken back

A revision's words never change; only its state moves on, and the database itself sees to that. The
rules hold here, whoever calls: a page, the API or a program. Errors::

    WorkflowError       the step cannot be done; the message says why and what to do
      EditConflict      somebody else saved the entry in between
      ChecksFailed      the checks refuse the words; it holds what they found
    NotAllowed          (of ``knowledge.people``) the role is missing
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.checks import Beside, beside_of, check_entries
from knowledge.entry import Reviewer, Status, TopicEntry
from knowledge.exchange import Fault
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import (
    LiveRelease,
    Release,
    ReleaseRevision,
    Review,
    Revision,
    now,
)
from knowledge.store import (
    FEW,
    PUBLISHABLE,
    content_hash,
    copy_refits,
    live_release_id,
    make_release,
    point_to,
)

LONGEST_NOTE = 2000
LONGEST_CHANGE = 300
LONGEST_RELEASE_NOTE = 200


class WorkflowError(Exception):
    """The step cannot be done; the message says why and what to do."""


class EditConflict(WorkflowError):
    """Somebody else saved the entry after the editor had opened it."""

    def __init__(self, newest: Revision, based_on: int | None) -> None:
        super().__init__(
            f"{newest.entry_id} was changed in between: revision {newest.number} is newer than "
            f"the one that you began with ({based_on or 'none'})"
        )
        self.number = newest.number
        self.theirs = TopicEntry.model_validate(newest.body)


class ChecksFailed(WorkflowError):
    """The checks refuse the words."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{faults[0].entry} {faults[0].field}: {faults[0].message}{more}")
        self.faults = tuple(faults)


class State(StrEnum):
    """Where a revision is. Whether it is live, the release says."""

    IMPORTED = "imported"  # came from files before there was a team
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    RETURNED = "returned"  # sent back by the reviewer
    APPROVED = "approved"
    REPLACED = "replaced"  # a newer draft took its place before it was live
    DISCARDED = "discarded"
    WITHDRAWN = "withdrawn"  # was live and must not be again


OPEN = frozenset({State.DRAFT, State.IN_REVIEW, State.RETURNED})
"""States in which a revision waits for somebody."""


# --- writing --------------------------------------------------------------------------------------


def save_draft(
    session: Session, member: Member, pair: TopicEntry, based_on: int | None, change: str = ""
) -> Revision:
    """Save an entry as a new draft; the live text stays.

    Args:
        session: a transaction.
        member: who writes.
        pair: the entry with its topic.
        based_on: number of the revision that the editor began with, or None for a new entry.
        change: what is different, in the author's words.

    Raises:
        NotAllowed: the member is no author.
        EditConflict: there is a newer revision than the one that the editor began with.
        WorkflowError: nothing is different.
    """
    member.must_be(Role.AUTHOR, "writing an answer")
    # A review is of words as they were, and comes from ``approve`` alone.
    pair = pair.unreviewed()
    body = pair.model_dump(mode="json")
    digest = content_hash(body)
    newest = newest_revision(session, pair.entry.id, pair.topic.locale)
    if (newest.number if newest else None) != based_on:
        if newest is None:
            raise WorkflowError(f"there is no entry {pair.entry.id!r} to change")
        raise EditConflict(newest, based_on)
    if newest and newest.state != State.DISCARDED and digest == _hash_of_words(newest):
        raise WorkflowError("nothing is different from the newest revision")
    revision = _add(session, pair, newest, member.id, change, State.DRAFT)
    if newest and State(newest.state) in OPEN:
        newest.state = State.REPLACED.value
    session.flush()
    _note(session, member, revision, "saved")
    return revision


def _add(
    session: Session,
    pair: TopicEntry,
    before: Revision | None,
    author_id: int | None,
    change: str,
    state: State,
) -> Revision:
    """Write a revision after the one before."""
    body = pair.model_dump(mode="json")
    revision = Revision(
        entry_id=pair.entry.id,
        locale=pair.topic.locale,
        number=before.number + 1 if before else 1,
        content_hash=content_hash(body),
        body=body,
        author_id=author_id,
        based_on=before.number if before else None,
        change=change[:LONGEST_CHANGE],
        state=state.value,
    )
    session.add(revision)
    return revision


def _hash_of_words(revision: Revision) -> str:
    """Return the hash of a revision's words, whoever reviewed them."""
    body = TopicEntry.model_validate(revision.body).unreviewed().model_dump(mode="json")
    return content_hash(body)


def submit(session: Session, member: Member, revision_id: int, note: str = "") -> None:
    """Send a draft to review.

    Raises:
        NotAllowed: the member is no author.
        ChecksFailed: the checks find an error.
        WorkflowError: it is no draft.
    """
    member.must_be(Role.AUTHOR, "sending an answer to review")
    revision = _revision(session, revision_id)
    errors = [fault for fault in faults_of(session, [revision]) if fault.level == "error"]
    if errors:
        raise ChecksFailed(errors)
    _move(session, member, revision, {State.DRAFT, State.RETURNED}, State.IN_REVIEW, note)


def take_back(session: Session, member: Member, revision_id: int, note: str = "") -> None:
    """Take a revision out of review, or an approval back before it is live.

    Of words that a clinician had signed, an unsigned draft is made.

    Raises:
        NotAllowed: the member is no author.
        WorkflowError: it is not in review, or live.
    """
    member.must_be(Role.AUTHOR, "taking an answer back")
    revision = _revision(session, revision_id)
    if is_live(session, revision_id):
        raise WorkflowError("it is live already: change it by a new draft, or withdraw it")
    pair = TopicEntry.model_validate(revision.body)
    if pair.entry.status is not Status.CLINICIAN_REVIEWED:
        _move(session, member, revision, {State.IN_REVIEW, State.APPROVED}, State.DRAFT, note)
        return
    newest = newest_revision(session, revision.entry_id, revision.locale)
    if newest is not None and newest.id != revision.id:
        raise WorkflowError(f"revision {newest.number} is newer: go on with that one")
    _move(session, member, revision, {State.APPROVED}, State.REPLACED, note)
    change = "Taken back after a clinician's review"
    author_id = revision.author_id
    draft = _add(session, pair.unreviewed(), revision, author_id, change, State.DRAFT)
    session.flush()
    _note(session, member, draft, "draft")


def discard(session: Session, member: Member, revision_id: int) -> None:
    """Put a draft away; ``restore`` brings it back.

    Raises:
        NotAllowed: the member is no author.
        WorkflowError: it is no draft.
    """
    member.must_be(Role.AUTHOR, "putting a draft away")
    revision = _revision(session, revision_id)
    _move(session, member, revision, {State.DRAFT, State.RETURNED}, State.DISCARDED, "")


def restore(session: Session, member: Member, revision_id: int) -> None:
    """Make a draft that was put away one again.

    Raises:
        NotAllowed: the member is no author.
        WorkflowError: it was not put away, or a newer revision took its place.
    """
    member.must_be(Role.AUTHOR, "bringing a draft back")
    revision = _revision(session, revision_id)
    newest = newest_revision(session, revision.entry_id, revision.locale)
    if newest and newest.id != revision.id:
        raise WorkflowError(f"revision {newest.number} took its place: copy from it what you need")
    _move(session, member, revision, {State.DISCARDED}, State.DRAFT, "")


# --- reviewing ------------------------------------------------------------------------------------


def approve(
    session: Session,
    member: Member,
    revision_id: int,
    note: str = "",
    *,
    signed_on: date | None = None,
) -> int:
    """Approve a revision; signed by a clinician, the same words become a revision that says so.

    Args:
        session: a transaction.
        member: the reviewer.
        revision_id: of the revision.
        note: for the history.
        signed_on: the day, where the reviewer read each statement against its cited page as the
            clinician that their account names; readers then see their qualification and the day.

    Returns:
        Id of the approved revision.

    Raises:
        NotAllowed: the member is no reviewer today, or wrote it or what it was edited from.
        WorkflowError: it is not in review (any more), or the account names no qualification.
    """
    member.must_be(Role.REVIEWER, "approving an answer")
    revision = _revision(session, revision_id)
    if member.id in authors_of(session, revision):
        raise NotAllowed("nobody approves their own words: ask another reviewer")
    if signed_on is None:
        _move(session, member, revision, {State.IN_REVIEW}, State.APPROVED, note)
        return revision.id
    if not member.credentials:
        raise WorkflowError(
            "your account names no qualification that readers could see: ask an administrator to "
            "add it, or approve without a clinician's signature"
        )
    _move(session, member, revision, {State.IN_REVIEW}, State.REPLACED, note)
    by = Reviewer(name=member.name, role=member.credentials)
    pair = TopicEntry.model_validate(revision.body).unreviewed().reviewed(by, signed_on)
    change = f"Reviewed by {member.name}, {member.credentials}"
    signed = _add(session, pair, revision, revision.author_id, change, State.APPROVED)
    session.flush()
    _note(session, member, signed, "signed", note)
    return signed.id


def send_back(session: Session, member: Member, revision_id: int, note: str) -> None:
    """Send a revision back to its author.

    Raises:
        NotAllowed: the member is no reviewer today.
        WorkflowError: it is not in review (any more), or the note is missing.
    """
    member.must_be(Role.REVIEWER, "sending an answer back")
    if not note.strip():
        raise WorkflowError("note: say what is to be changed")
    _move(session, member, _revision(session, revision_id), {State.IN_REVIEW}, State.RETURNED, note)


def authors_of(session: Session, revision: Revision) -> frozenset[int]:
    """Return who wrote a revision since the entry was last approved: nobody of them approves it.

    Else one person could save a comma after their own text was sent to review by somebody else.
    """
    found: set[int] = set()
    earlier = session.scalars(
        sa.select(Revision)
        .where(
            Revision.entry_id == revision.entry_id,
            Revision.locale == revision.locale,
            Revision.number <= revision.number,
        )
        .order_by(Revision.number.desc())
    )
    for one in earlier:
        if one.id != revision.id and one.state in PUBLISHABLE:
            break
        if one.author_id is not None and one.state != State.DISCARDED:
            found.add(one.author_id)
    return frozenset(found)


# --- publishing -----------------------------------------------------------------------------------


def release(session: Session, member: Member, revision_ids: Collection[int], note: str) -> int:
    """Make approved revisions live, beside everything that stays as it is.

    Returns:
        Id of the new release.

    Raises:
        NotAllowed: the member is no publisher.
        ChecksFailed: the checks find an error, also between the entries of the release.
        WorkflowError: a revision is not approved, or there is none.
    """
    member.must_be(Role.PUBLISHER, "publishing")
    if not revision_ids:
        raise WorkflowError("choose at least one approved answer")
    revisions = [_revision(session, one) for one in sorted(revision_ids)]
    for revision in revisions:
        if revision.state not in PUBLISHABLE:
            raise WorkflowError(
                f"revision {revision.number} of {revision.entry_id} is not approved"
            )
    errors = [fault for fault in faults_of(session, revisions) if fault.level == "error"]
    if errors:
        raise ChecksFailed(errors)
    changed = {(one.entry_id, one.locale): one.id for one in revisions}
    if len(changed) < len(revisions):
        raise WorkflowError("two revisions of one entry cannot be live at once: choose one")
    members = {**_live(session), **changed}
    return _release(session, member, members.values(), note, "release.published", list(changed))


def withdraw(session: Session, member: Member, entry_id: str, locale: str, why: str) -> int:
    """Take an entry out of everything, now; return the id of the new release.

    Raises:
        NotAllowed: the member is no publisher.
        WorkflowError: it is not live, nothing else would be, or the reason is missing.
    """
    member.must_be(Role.PUBLISHER, "withdrawing an answer")
    if not why.strip():
        raise WorkflowError("reason: say why it is withdrawn")
    members = _live(session)
    revision_id = members.pop((entry_id, locale), None)
    if revision_id is None:
        raise WorkflowError(f"{entry_id} ({locale}) is not live")
    if not members:
        raise WorkflowError("it is the only live answer: publish another one first")
    revision = _revision(session, revision_id)
    _move(session, member, revision, {*map(State, PUBLISHABLE)}, State.WITHDRAWN, why)
    note = f"Withdrawn: {entry_id}. {why.strip()}"
    return _release(
        session, member, members.values(), note, "release.withdrawn", [(entry_id, locale)]
    )


def reinstate(session: Session, member: Member, revision_id: int, why: str) -> int:
    """Make a withdrawn revision live again; return the id of the new release.

    Raises:
        NotAllowed: the member is no publisher.
        ChecksFailed: the checks find an error by now.
        WorkflowError: it was not withdrawn, a newer one is live, or the reason is missing.
    """
    member.must_be(Role.PUBLISHER, "making a withdrawn answer live again")
    if not why.strip():
        raise WorkflowError("reason: say why it may be live again")
    revision = _revision(session, revision_id)
    if live_revision(session, revision.entry_id, revision.locale):
        raise WorkflowError(f"another revision of {revision.entry_id} is live")
    _move(session, member, revision, {State.WITHDRAWN}, State.APPROVED, why)
    return release(session, member, [revision_id], f"Live again: {revision.entry_id}. {why}")


def go_back(session: Session, member: Member, release_id: int) -> None:
    """Make an older release live again.

    Raises:
        NotAllowed: the member is no publisher.
        WorkflowError: there is no such release, it is live, or it has a withdrawn answer.
    """
    member.must_be(Role.PUBLISHER, "going back to an older release")
    if session.get(Release, release_id) is None:
        raise WorkflowError(f"there is no release {release_id}")
    before = live_release_id(session)
    if before == release_id:
        raise WorkflowError(f"release {release_id} is live already")
    withdrawn = session.scalar(
        sa.select(Revision.entry_id)
        .join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id)
        .where(ReleaseRevision.release_id == release_id, Revision.state == State.WITHDRAWN.value)
    )
    if withdrawn:
        raise WorkflowError(
            f"release {release_id} holds {withdrawn}, which was withdrawn: going back would make "
            "it live again. If that is right, make that answer live again first"
        )
    point_to(session, release_id)
    record(session, member.id, "release.rolled_back", str(release_id), before=before)


def _release(
    session: Session,
    member: Member,
    revision_ids: Iterable[int],
    note: str,
    action: str,
    changed: Sequence[tuple[str, str]],
) -> int:
    release_id = make_release(session, sorted(revision_ids), note[:LONGEST_RELEASE_NOTE], member.id)
    copy_refits(session, live_release_id(session), release_id)
    point_to(session, release_id)
    entries = [f"{entry_id} ({locale})" for entry_id, locale in sorted(changed)]
    record(session, member.id, action, str(release_id), entries=entries, note=note)
    return release_id


def _live(session: Session) -> dict[tuple[str, str], int]:
    """Return the revision of each live entry; the row that names the release stays locked.

    Two releases at once would otherwise each leave out what the other brought.
    """
    session.execute(sa.update(LiveRelease).where(LiveRelease.id == 1).values(id=1))
    rows = session.execute(
        sa.select(Revision.entry_id, Revision.locale, Revision.id)
        .join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
    )
    return {(entry_id, locale): row_id for entry_id, locale, row_id in rows}


# --- looking --------------------------------------------------------------------------------------


def newest_revision(session: Session, entry_id: str, locale: str) -> Revision | None:
    """Return the newest revision of an entry, or None where there is none."""
    return session.scalar(
        sa.select(Revision)
        .where(Revision.entry_id == entry_id, Revision.locale == locale)
        .order_by(Revision.number.desc())
        .limit(1)
    )


def live_revision(session: Session, entry_id: str, locale: str) -> Revision | None:
    """Return the live revision of an entry, or None where it is not live."""
    # Asked of the few revisions of the entry: a join begins with all rows of all releases.
    is_in_live = (
        sa.select(ReleaseRevision.revision_id)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
        .where(ReleaseRevision.revision_id == Revision.id)
        .exists()
    )
    return session.scalar(
        sa.select(Revision).where(
            Revision.entry_id == entry_id, Revision.locale == locale, is_in_live
        )
    )


def is_live(session: Session, revision_id: int) -> bool:
    """Tell whether a revision is live."""
    found = session.scalar(
        sa.select(ReleaseRevision.revision_id)
        .join(LiveRelease, LiveRelease.release_id == ReleaseRevision.release_id)
        .where(ReleaseRevision.revision_id == revision_id)
    )
    return found is not None


def steps_of(session: Session, revision_id: int) -> Sequence[Review]:
    """Return the steps of a revision through the workflow, the first one first."""
    asked = sa.select(Review).where(Review.revision_id == revision_id).order_by(Review.id)
    return session.scalars(asked).all()


def faults_of(
    session: Session, revisions: Sequence[Revision], today: date | None = None
) -> list[Fault]:
    """Return what the checks say of revisions, each beside the entries that would be live with it.

    Args:
        session: a transaction.
        revisions: the revisions.
        today: finds reviews that are overdue; None leaves that one rule out.
    """
    pairs = [TopicEntry.model_validate(revision.body) for revision in revisions]
    return check_entries(pairs, live_beside(session), today)


@dataclass(frozen=True)
class _Held:
    """What the live entries of a release have.

    Attributes:
        release_id: the release.
        bodies: of each revision in it, what ``beside_of`` reads.
        beside: made of these.
    """

    release_id: int | None
    bodies: Mapping[int, Mapping[str, Any]]
    beside: Beside


_held: WeakKeyDictionary[Engine, _Held] = WeakKeyDictionary()


def live_beside(session: Session) -> Beside:
    """Return what the live entries have that others must not have too.

    A release never changes, so it is looked at once, and of the next one only what is new.
    """
    engine, release_id = session.get_bind().engine, live_release_id(session)
    held = _held.get(engine)
    if held is None or held.release_id != release_id:
        # Of two threads at once either one's is right.
        held = _held[engine] = _read_beside(session, release_id, held.bodies if held else {})
    return held.beside


def _read_beside(
    session: Session, release_id: int | None, known: Mapping[int, Mapping[str, Any]]
) -> _Held:
    members = session.scalars(
        sa.select(ReleaseRevision.revision_id)
        .where(ReleaseRevision.release_id == release_id)
        .order_by(ReleaseRevision.revision_id)
    ).all()
    missing = [one for one in members if one not in known]
    asked = sa.select(Revision.id, Revision.body)
    if len(missing) < FEW:
        asked = asked.where(Revision.id.in_(missing))
    else:
        asked = asked.join(ReleaseRevision, ReleaseRevision.revision_id == Revision.id).where(
            ReleaseRevision.release_id == release_id
        )
    fresh = {row_id: _kept(body) for row_id, body in session.execute(asked)} if missing else {}
    bodies = {one: fresh[one] if one in fresh else known[one] for one in members}
    return _Held(release_id, bodies, beside_of(bodies.values()))


def _kept(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return of a revision what ``beside_of`` reads: the whole would fill the memory."""
    topic, entry = body["topic"], body["entry"]
    return {
        "topic": {name: topic[name] for name in ("slug", "aliases", "locale")},
        "entry": {name: entry[name] for name in ("id", "question", "variants")},
    }


# --- steps ----------------------------------------------------------------------------------------


def _revision(session: Session, revision_id: int) -> Revision:
    revision = session.get(Revision, revision_id)
    if revision is None:
        raise WorkflowError(f"there is no revision {revision_id}")
    return revision


def _move(
    session: Session,
    member: Member,
    revision: Revision,
    before: Collection[State],
    after: State,
    note: str,
) -> None:
    """Move a revision on, if it still is where the caller believes it to be."""
    if len(note) > LONGEST_NOTE:
        raise WorkflowError(f"note: {LONGEST_NOTE} characters at most, this has {len(note)}")
    # One statement: of two people at once, one finds it moved already.
    done = session.execute(
        sa.update(Revision)
        .where(Revision.id == revision.id, Revision.state.in_([one.value for one in before]))
        .values(state=after.value)
    )
    if not getattr(done, "rowcount", 0):
        session.refresh(revision)
        raise WorkflowError(
            f"revision {revision.number} of {revision.entry_id} is "
            f"{revision.state.replace('_', ' ')} by now: look at it again"
        )
    session.refresh(revision)
    _note(session, member, revision, after.value, note)


def _note(session: Session, member: Member, revision: Revision, step: str, note: str = "") -> None:
    """Keep a step with the revision and in the audit record."""
    session.add(
        Review(revision_id=revision.id, person_id=member.id, step=step, note=note.strip(), at=now())
    )
    record(
        session,
        member.id,
        f"revision.{step}",
        f"{revision.entry_id} ({revision.locale})",
        revision=revision.number,
    )
