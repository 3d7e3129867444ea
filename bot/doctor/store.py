"""What the store knows of a platform's events and messages: ages, states and codes; no words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot.doctor.findings import Seen, Stopped, ago, failed, ok, warning
from bot.messaging.overview import DAYS, ENDED, STUCK_AFTER, UNDONE
from knowledge.schema import InboxEvent, OutboxMessage, now
from knowledge.store import connect, transaction

NO_STORE = "Look at DATABASE_URL and CITEWELL_DATA_DIR; start Citewell once, which makes the store."


def open_store(url: str) -> Engine:
    """Return the engine of a store that is there already.

    Raises:
        Stopped: it is a file that there is not; connecting would make an empty one.
    """
    engine = connect(url)
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file and not Path(file).is_file():
        raise Stopped(failed(f"there is no store at {file}", NO_STORE))
    return engine


class PlatformStore:
    """The rows of one platform."""

    def __init__(self, engine: Engine, platform: str, clock: Callable[[], datetime] = now) -> None:
        """Take the engine of the store, a platform's name, and what tells the time."""
        self._engine, self._platform, self._clock = engine, platform, clock

    def look_at_events(self, how_to_try: str) -> Seen:
        """Tell when the last event of each state came.

        Args:
            how_to_try: what to do to make the first one come.
        """
        rows = (
            sa.select(InboxEvent.state, sa.func.count(), sa.func.max(InboxEvent.received_at))
            .where(InboxEvent.platform == self._platform)
            .group_by(InboxEvent.state)
            .order_by(sa.func.max(InboxEvent.received_at).desc())
        )
        return self._told(lambda session: _events(session.execute(rows).all(), self, how_to_try))

    def look_at_undone(self, page: str) -> Seen:
        """Tell what is stuck or failed, counted by its code.

        Args:
            page: of the documentation, which tells what the codes mean.
        """

        def look(session: Session) -> Seen:
            counted = [
                f"{count} {name} {state}" + (f" ({code})" if code else "")
                for name, rows in (
                    ("events", self._undone_events()),
                    ("messages", self._undone_messages()),
                )
                for state, code, count in session.execute(rows)
            ]
            if not counted:
                return ok(f"nothing is stuck or failed in the last {DAYS} days")
            return warning("; ".join(counted), f"{page} tells what each code means and asks for.")

        return self._told(look)

    def look_at_sending(self, codes: Sequence[str], advice: str) -> Seen:
        """Tell whether the platform refused what calls are made with, and nothing was sent since.

        Args:
            codes: how the codes of such a refusal begin.
            advice: what to do then.
        """

        def look(session: Session) -> Seen:
            mine = OutboxMessage.platform == self._platform
            refused = session.execute(
                sa.select(OutboxMessage.created_at, OutboxMessage.code, OutboxMessage.id)
                .where(mine, OutboxMessage.state == "failed")
                .where(sa.or_(*(OutboxMessage.code.startswith(code) for code in codes)))
                .order_by(OutboxMessage.id.desc())
                .limit(1)
            ).first()
            sent = session.execute(
                sa.select(OutboxMessage.sent_at, OutboxMessage.id)
                .where(mine, OutboxMessage.state == "sent")
                .order_by(OutboxMessage.id.desc())
                .limit(1)
            ).first()
            if refused and (sent is None or sent.id < refused.id):
                return failed(f"stopped {self.age(refused.created_at)} by {refused.code}", advice)
            if sent is None or sent.sent_at is None:
                return ok("nothing was sent yet")
            return ok(f"the last message was sent {self.age(sent.sent_at)}")

        return self._told(look)

    def age(self, at: datetime) -> str:
        """Return how long ago a moment was, in words."""
        return ago((self._clock() - at).total_seconds())

    def _undone_events(self) -> sa.Select[str, str, int]:
        since, until = self._since_and_until()
        return (
            sa.select(InboxEvent.state, InboxEvent.code, sa.func.count())
            .where(
                InboxEvent.platform == self._platform,
                InboxEvent.received_at >= since,
                InboxEvent.state.in_(UNDONE["in"]),
                sa.or_(InboxEvent.state.in_(ENDED), InboxEvent.received_at <= until),
            )
            .group_by(InboxEvent.state, InboxEvent.code)
            .order_by(sa.func.count().desc(), InboxEvent.code)
        )

    def _undone_messages(self) -> sa.Select[str, str, int]:
        since, until = self._since_and_until()
        return (
            sa.select(OutboxMessage.state, OutboxMessage.code, sa.func.count())
            .where(
                OutboxMessage.platform == self._platform,
                OutboxMessage.created_at >= since,
                OutboxMessage.state.in_(UNDONE["out"]),
                sa.or_(OutboxMessage.state.in_(ENDED), OutboxMessage.created_at <= until),
            )
            .group_by(OutboxMessage.state, OutboxMessage.code)
            .order_by(sa.func.count().desc(), OutboxMessage.code)
        )

    def _since_and_until(self) -> tuple[datetime, datetime]:
        moment = self._clock()
        return moment - timedelta(days=DAYS), moment - STUCK_AFTER

    def _told(self, look: Callable[[Session], Seen]) -> Seen:
        try:
            with transaction(self._engine) as session:
                return look(session)
        except SQLAlchemyError as error:
            return failed(
                f"the store cannot be read ({type(error).__name__})",
                NO_STORE,
            )


def _events(rows: Sequence[sa.Row[str, int, datetime]], store: PlatformStore, how: str) -> Seen:
    if not rows:
        return warning("no event has come yet", how)
    told = [f"{count} {state}, the last one {store.age(last)}" for state, count, last in rows]
    return ok("; ".join(told))
