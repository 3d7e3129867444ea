"""What the webhooks of all platforms share: reading parts of a batch, and storing it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError

from bot.errors import Problem
from bot.messaging.inbox import Inbox, Incoming
from bot.messaging.outbox import Outbox

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 1_000_000
MAX_TEXT = 50_000
"""As the API: of a longer text the rest is not read."""
MAX_ID = 500
MAX_ACCOUNT = 64


class NotAnEvent(Exception):
    """It is nothing that we act on, or has no form that we know."""


@dataclass(frozen=True)
class Batch:
    """What one request told.

    Attributes:
        events: what is to be stored, in its order.
        ignored: how many others there were.
    """

    events: tuple[Incoming, ...]
    ignored: int


def store(inbox: Inbox, batch: Batch, channel: str) -> None:
    """Store a batch, all or nothing.

    Raises:
        Problem: 503, so that the platform sends it again.
    """
    with _told_again(channel):
        inbox.keep(batch.events)
    counts = {"events": len(batch.events), "ignored": batch.ignored}
    logger.info("events_stored", extra={"channel": channel, **counts})


def store_not_delivered(outbox: Outbox, codes: Mapping[str, str], channel: str) -> None:
    """Keep what a platform tells of messages of ours that it had taken and could not deliver.

    Args:
        outbox: keeps it.
        codes: why, by what the platform calls each message.
        channel: the platform.

    Raises:
        Problem: 503, so that the platform tells it again.
    """
    if not codes:
        return
    with _told_again(channel):
        outbox.not_delivered(channel, codes)
    for code in sorted(set(codes.values())):
        logger.warning("messages_not_delivered", extra={"channel": channel, "code": code})


@contextmanager
def _told_again(channel: str) -> Iterator[None]:
    """Let the platform send again what cannot be stored now."""
    try:
        yield
    except SQLAlchemyError as error:
        told = {"channel": channel, "error": type(error).__name__}
        logger.warning("events_not_stored", extra=told)
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "Cannot be stored right now. Please send it again."
        ) from error


def text_of(value: object, longest: int = MAX_TEXT) -> str:
    """Return a text without lone surrogates, which JSON can carry and nothing else can, or ""."""
    if not isinstance(value, str):
        return ""
    return value[:longest].encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def id_of(value: object) -> str:
    """Return an id, which may be written as a number.

    Raises:
        NotAnEvent: there is none.
    """
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = str(value) if is_number else text_of(value, MAX_ID)
    if not text:
        raise NotAnEvent
    return text


def moment_of(seconds: float | None, now: datetime) -> datetime:
    """Return a time since 1970 as a moment; ``now`` where there is none or it makes no sense."""
    if seconds is None or seconds <= 0:
        return now
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return now
