"""Tables of the store. Migrations in ``knowledge/migrations`` bring a database to this shape."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import (
    JSON,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """A moment in UTC, aware in Python on every database (SQLite itself keeps no zone)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC without a zone."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware moment."""
        return value.replace(tzinfo=UTC) if value else None


def now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""


class Revision(Base):
    """One immutable wording of an entry in one locale."""

    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("entry_id", "locale", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[str] = mapped_column(String(80), index=True)
    locale: Mapped[str] = mapped_column(String(10))
    number: Mapped[int]
    content_hash: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)
    author_id: Mapped[int | None]
    """The person who wrote it; None for what was imported on the command line."""
    based_on: Mapped[int | None]
    """Number of the revision that it was edited from."""
    change: Mapped[str] = mapped_column(String(300), default="", server_default="")
    """What is different, in the author's words."""
    state: Mapped[str] = mapped_column(String(12), default="imported", server_default="imported")
    """Of the workflow: see ``knowledge.workflow.State``. All else of a revision never changes."""


class Review(Base):
    """One step of a revision through the workflow; never changed, never deleted."""

    __tablename__ = "review"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    step: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(Utc, default=now)


class Release(Base):
    """The exact set of revisions that is, or once was, live."""

    __tablename__ = "release"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)
    person_id: Mapped[int | None]
    """The person who published it; None for the command line and the schedule."""


class ReleaseRevision(Base):
    """Membership of a revision in a release."""

    __tablename__ = "release_revision"

    release_id: Mapped[int] = mapped_column(ForeignKey("release.id"), primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True)


class LiveRelease(Base):
    """The one row that says which release is live; publishing and rollback move it."""

    __tablename__ = "live_release"

    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("release.id"))
    since: Mapped[datetime] = mapped_column(Utc, default=now)


class ReleaseCalibration(Base):
    """How sure to be of the answers of one release, refitted after it was published."""

    __tablename__ = "release_calibration"

    release_id: Mapped[int] = mapped_column(ForeignKey("release.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    body: Mapped[dict[str, object]] = mapped_column(JSON)
    made_at: Mapped[datetime] = mapped_column(Utc, default=now)


class Embedding(Base):
    """A vector, kept so that a text is embedded once per model."""

    __tablename__ = "embedding"

    text_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class TurnEvent(Base):
    """One turn, without a word of what was said."""

    __tablename__ = "turn_event"

    reply_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    session_key: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now, index=True)
    channel: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(60))
    entry_id: Mapped[str | None] = mapped_column(String(80))
    revision: Mapped[int | None]
    score: Mapped[float | None]
    redacted_kinds: Mapped[str] = mapped_column(String(200), default="")
    milliseconds: Mapped[int]


class Feedback(Base):
    """A person's word on one reply; the last one counts."""

    __tablename__ = "feedback"

    reply_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    session_key: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now, index=True)
    rating: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(40))


class RumourReport(Base):
    """A claim that somebody reported, with identifiers masked."""

    __tablename__ = "rumour_report"

    reply_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    session_key: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now, index=True)
    claim: Mapped[str] = mapped_column(String(1000))


class AskedQuestion(Base):
    """A question that somebody asked, with identifiers masked, for those who improve the answers.

    Kept for the retention time, and deleted with the conversation.
    """

    __tablename__ = "asked_question"

    reply_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    session_key: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now, index=True)
    text: Mapped[str] = mapped_column(String(1000))
    locale: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(20))
    """Of the reply that it got."""
    entry_id: Mapped[str | None] = mapped_column(String(80))
    topic: Mapped[str | None] = mapped_column(String(80), index=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("question_group.id"), index=True)


class QuestionGroup(Base):
    """Questions that mean the same, and what the content team makes of them."""

    __tablename__ = "question_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(12), default="new")
    """``new``, ``taken``, ``answered`` or ``rejected``."""
    locale: Mapped[str] = mapped_column(String(10), default="en", server_default="en")
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    entry_id: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str] = mapped_column(String(300), default="")
    centre: Mapped[bytes] = mapped_column(LargeBinary)
    """Mean direction of its questions, 32-bit floats."""
    size: Mapped[int] = mapped_column(default=0)
    model: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime] = mapped_column(Utc, default=now)


class WatchedTerm(Base):
    """A name, slogan or misspelling whose use the content team wants to see."""

    __tablename__ = "watched_term"

    id: Mapped[int] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(String(80), unique=True)
    note: Mapped[str] = mapped_column(String(200), default="")
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(Utc, default=now)


class Person(Base):
    """Somebody of the content team."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(200), unique=True)
    """Folded to lower case."""
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    """Argon2id; None where only single sign-on lets in."""
    credentials: Mapped[str] = mapped_column(String(120), default="", server_default="")
    """What they are qualified by, as readers see it: "registered nurse"; "" for nothing."""
    sso_subject: Mapped[str | None] = mapped_column(String(400), unique=True)
    """Who they are to single sign-on: issuer and subject, joined by a space."""
    totp_secret: Mapped[str | None] = mapped_column(String(64))
    totp_used: Mapped[int | None]
    """The last time step whose code was taken: no code counts twice."""
    is_active: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(Utc)
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)


class RoleGrant(Base):
    """A right of a person."""

    __tablename__ = "role_grant"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(12), primary_key=True)
    expires_on: Mapped[date | None] = mapped_column(Date)
    """The last day on which it counts; None for no end."""
    granted_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(Utc, default=now)


class SignIn(Base):
    """A browser in which a person is signed in."""

    __tablename__ = "sign_in"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the cookie's value: the store alone signs nobody in."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    agent: Mapped[str] = mapped_column(String(120), default="")
    at: Mapped[datetime] = mapped_column(Utc, default=now)
    seen_at: Mapped[datetime] = mapped_column(Utc, default=now)
    expires_at: Mapped[datetime] = mapped_column(Utc)


class Invitation(Base):
    """A link with which a person sets a password, once."""

    __tablename__ = "invitation"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(Utc)


class ApiToken(Base):
    """A key with which a program acts for a person."""

    __tablename__ = "api_token"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(Utc, default=now)
    used_at: Mapped[datetime | None] = mapped_column(Utc)


class AuditRecord(Base):
    """Something that somebody did. The database itself refuses to change or delete a row."""

    __tablename__ = "audit_record"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now, index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """None for the command line and for what happens by itself."""
    action: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(160), default="")
    detail: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class ScheduledRelease(Base):
    """Revisions that are to be published at a time."""

    __tablename__ = "scheduled_release"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_at: Mapped[datetime] = mapped_column(Utc, index=True)
    revision_ids: Mapped[list[int]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(String(200), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    """``waiting``, ``done``, ``cancelled`` or ``failed``."""
    reason: Mapped[str] = mapped_column(String(300), default="")


class Banner(Base):
    """What is said to everybody in a crisis, for a time."""

    __tablename__ = "banner"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(300))
    link_title: Mapped[str] = mapped_column(String(120))
    link_url: Mapped[str] = mapped_column(String(400))
    locale: Mapped[str | None] = mapped_column(String(10))
    country: Mapped[str | None] = mapped_column(String(2))
    topics: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Slugs of the topics above whose answers it stands."""
    starts_at: Mapped[datetime] = mapped_column(Utc)
    ends_at: Mapped[datetime] = mapped_column(Utc)
    is_drill: Mapped[bool] = mapped_column(default=False)
    """Seen by the content team only."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    """When somebody took it down early."""


class SourceCheck(Base):
    """How a cited page was found; the newest row of an address counts."""

    __tablename__ = "source_check"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(String(400), index=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now)
    outcome: Mapped[str] = mapped_column(String(16))
    status: Mapped[int | None]
    final_url: Mapped[str] = mapped_column(String(400), default="")
    title: Mapped[str] = mapped_column(String(300), default="")
    text_hash: Mapped[str] = mapped_column(String(64), default="")
    sections: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Headings of the page."""


class ReviewTask(Base):
    """A reason to look at an entry again."""

    __tablename__ = "review_task"

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[str] = mapped_column(String(80), index=True)
    locale: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime] = mapped_column(Utc, default=now)
    done_at: Mapped[datetime | None] = mapped_column(Utc)
    done_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class Heartbeat(Base):
    """When a background process was last seen alive."""

    __tablename__ = "heartbeat"

    process: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now)


class InboxEvent(Base):
    """What a messaging platform told us, kept before anything is done about it."""

    __tablename__ = "inbox_event"
    __table_args__ = (
        UniqueConstraint("platform", "event_id"),
        # Of a conversation one event is worked on at a time, whoever claims at the same moment.
        Index(
            "uq_inbox_event_working",
            "conversation_key",
            unique=True,
            sqlite_where=text("state = 'working'"),
            postgresql_where=text("state = 'working'"),
        ),
        Index("ix_inbox_event_state_said_at", "state", "said_at"),
        Index("ix_inbox_event_state_is_urgent", "state", "is_urgent", "said_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(64))
    """Of ours, such as a Page."""
    event_id: Mapped[str] = mapped_column(String(64))
    """Keyed hash of what the platform calls it."""
    conversation_key: Mapped[str] = mapped_column(String(32), index=True)
    """Keyed hash of account and person; "" once the person was forgotten."""
    kind: Mapped[str] = mapped_column(String(20))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Who and what, encrypted; empty as soon as nothing is to be done."""
    is_urgent: Mapped[bool | None]
    """Whether its words mean an emergency, so that it waits behind nobody; None: not looked at."""
    said_at: Mapped[datetime] = mapped_column(Utc)
    """As the platform says, never in the future: the order of a conversation."""
    received_at: Mapped[datetime] = mapped_column(Utc, default=now)
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    """``waiting``, ``working``, ``answered``, ``ignored`` or ``failed``."""
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_until: Mapped[datetime | None] = mapped_column(Utc)
    """When somebody else may take it: the end of a claim, or of a pause after a failure."""
    claimed_by: Mapped[str | None] = mapped_column(String(32))
    """The process that made the last claim, where it shows that it lives."""
    code: Mapped[str] = mapped_column(String(60), default="")


class OutboxMessage(Base):
    """One message of a reply, on its way to a messaging platform."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index(
            "uq_outbox_message_sending",
            "conversation_key",
            unique=True,
            sqlite_where=text("state = 'sending'"),
            postgresql_where=text("state = 'sending'"),
        ),
        Index("ix_outbox_message_state_next_at", "state", "next_at"),
        Index("ix_outbox_message_state_is_urgent", "state", "is_urgent", "next_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox_event.id"), index=True)
    place: Mapped[int]
    """In the reply, counted from 0."""
    platform: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(64))
    conversation_key: Mapped[str] = mapped_column(String(32), index=True)
    reply_id: Mapped[str] = mapped_column(String(32), default="")
    """Of the turn, for feedback; "" for what is said outside of one."""
    is_urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it is of the reply to an emergency."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """To whom and what, encrypted; empty as soon as it is never sent again."""
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    """``waiting``, ``sending``, ``sent``, ``unknown``, ``failed`` or ``late``."""
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(Utc, default=now)
    """When it may be tried; while it is sent, when that is taken for lost."""
    claimed_by: Mapped[str | None] = mapped_column(String(32))
    """The process that sends it or did so last, where it shows that it lives."""
    code: Mapped[str] = mapped_column(String(60), default="")
    platform_message_id: Mapped[str | None] = mapped_column(String(64), index=True)
    """Keyed hash of what the platform calls it."""
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)
    sent_at: Mapped[datetime | None] = mapped_column(Utc)


class Handover(Base):
    """A conversation that a person of the team has now, so that the chatbot keeps silent."""

    __tablename__ = "handover"

    conversation_key: Mapped[str] = mapped_column(String(32), primary_key=True)
    platform: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(64))
    via: Mapped[str] = mapped_column(String(12))
    """``messenger`` by Messenger's own protocol, ``desk`` by ours."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Who, encrypted."""
    began_at: Mapped[datetime] = mapped_column(Utc, default=now)
    until: Mapped[datetime] = mapped_column(Utc, index=True)
    """When the chatbot takes it back unless somebody writes before."""


class ChosenCountry(Base):
    """The country that somebody told us on a messaging platform, for emergency numbers."""

    __tablename__ = "chosen_country"

    conversation_key: Mapped[str] = mapped_column(String(32), primary_key=True)
    country: Mapped[str] = mapped_column(String(2))
    """ISO 3166."""
    at: Mapped[datetime] = mapped_column(Utc, default=now)
