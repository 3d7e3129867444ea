"""What is kept of a turn: ids, codes, scores, durations; of a health question its masked words.

The words are a row of their own, which goes with the conversation. A turn must not fail because its
record cannot be written: the store is given half a second, then the loss is logged by its code and
the reply goes out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.turn import Message, Reply
from knowledge.schema import (
    AskedQuestion,
    Feedback,
    Heartbeat,
    RumourReport,
    TurnEvent,
    now,
)
from knowledge.store import transaction, writing

logger = logging.getLogger(__name__)
OF_A_SESSION = (TurnEvent, Feedback, RumourReport, AskedQuestion)
LONGEST_QUESTION = 1000


class EventLog:
    """Writes to and deletes from the tables of turns, feedback, rumours and questions."""

    def __init__(self, engine: Engine, keeps_questions: bool = True) -> None:
        """Take the engine of the store, and whether health questions are kept."""
        self._engine = engine
        self._keeps_questions = keeps_questions

    def record(
        self,
        message: Message,
        reply: Reply,
        redacted: tuple[str, ...],
        milliseconds: int,
        question: str | None = None,
    ) -> bool:
        """Record one turn; tell whether it could be written.

        Args:
            message: what came in; none of its words are taken from here.
            reply: what went out.
            redacted: kinds of identifiers that were masked.
            milliseconds: how long the turn took.
            question: the words with identifiers masked, where they are to be kept, else None.
        """
        event = TurnEvent(
            reply_id=reply.reply_id,
            session_key=message.session_key,
            channel=message.channel,
            kind=reply.kind,
            code=reply.code[:60],
            entry_id=reply.entry.entry_id if reply.entry else None,
            revision=reply.entry.revision if reply.entry else None,
            score=reply.score,
            redacted_kinds=",".join(redacted)[:200],
            milliseconds=milliseconds,
        )
        kept = question if self._keeps_questions else None
        asked = [] if kept is None else [_asked(message, reply, kept)]
        # One transaction: a busy store holds the turn up once, not twice.
        return self._write([event, *asked], "event_not_recorded")

    def feedback(self, session_key: str, reply_id: str, rating: str, reason: str | None) -> bool:
        """Record what a person thinks of a reply of theirs; a second word replaces the first."""
        row = Feedback(reply_id=reply_id, session_key=session_key, rating=rating, reason=reason)
        return self._write([row], "feedback_not_recorded")

    def owns(self, session_key: str, reply_id: str) -> bool:
        """Tell whether a reply belongs to a conversation."""
        with transaction(self._engine) as session:
            event = session.get(TurnEvent, reply_id)
            return event is not None and event.session_key == session_key

    def rumour(self, session_key: str, reply_id: str, claim: str) -> bool:
        """Keep a reported claim, whose identifiers are masked already."""
        row = RumourReport(reply_id=reply_id, session_key=session_key, claim=claim)
        return self._write([row], "rumour_not_recorded")

    def forget(self, session_key: str) -> bool:
        """Delete everything of a conversation; tell whether that could be done."""
        try:
            with transaction(self._engine) as session:
                for table in OF_A_SESSION:
                    session.execute(sa.delete(table).where(table.session_key == session_key))
            self._empty_write_ahead_log()
        except SQLAlchemyError as error:
            logger.warning("not_forgotten", extra={"error": type(error).__name__})
            return False
        return True

    def delete_older_than(self, days: int) -> int:
        """Delete what is older than a number of days; return how many rows that were."""
        limit = now() - timedelta(days=days)
        deleted = 0
        with transaction(self._engine) as session:
            for table in OF_A_SESSION:
                result = session.execute(sa.delete(table).where(table.at < limit))
                deleted += int(getattr(result, "rowcount", 0))
        self._empty_write_ahead_log()
        return deleted

    def beat(self, process: str) -> None:
        """Note that a background process is alive."""
        with transaction(self._engine) as session:
            session.merge(Heartbeat(process=process, at=now()))

    def last_beat_seconds(self, process: str) -> float | None:
        """Return how long ago a background process was alive, or None."""
        with transaction(self._engine) as session:
            beat = session.get(Heartbeat, process)
            return (now() - beat.at).total_seconds() if beat else None

    def _empty_write_ahead_log(self) -> None:
        """Leave no copy of what was deleted in SQLite's log, as far as no reader needs it."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _write(
        self,
        rows: Sequence[TurnEvent | Feedback | RumourReport | AskedQuestion],
        failure: str,
    ) -> bool:
        try:
            with writing(self._engine) as session:
                for row in rows:
                    session.merge(row)
        except SQLAlchemyError as error:
            logger.warning(failure, extra={"error": type(error).__name__})
            return False
        return True


def _asked(message: Message, reply: Reply, question: str) -> AskedQuestion:
    return AskedQuestion(
        reply_id=reply.reply_id,
        session_key=message.session_key,
        text=question[:LONGEST_QUESTION],
        locale=reply.locale,
        kind=reply.kind,
        entry_id=reply.entry.entry_id if reply.entry else None,
        topic=reply.entry.topic if reply.entry else None,
    )
