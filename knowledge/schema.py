"""Tables of the store. Migrations in ``knowledge/migrations`` bring a database to this shape."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, LargeBinary, String, UniqueConstraint
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


class Release(Base):
    """The exact set of revisions that is, or once was, live."""

    __tablename__ = "release"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)


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


class Heartbeat(Base):
    """When a background process was last seen alive."""

    __tablename__ = "heartbeat"

    process: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now)
