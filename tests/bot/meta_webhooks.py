"""What is asked of the webhooks of Messenger and WhatsApp alike."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot.messaging.sealing import Sealer
from knowledge.schema import InboxEvent
from knowledge.settings import ROOT
from knowledge.store import transaction
from tests.bot.messaging.conftest import SECRET_KEY, Lines

Deliver = Callable[..., TestResponse]


def kept(engine: Engine) -> list[dict[str, Any]]:
    """Return kind and content of the stored events in their order."""
    sealer = Sealer(SECRET_KEY)
    with transaction(engine) as session:
        rows = session.scalars(sa.select(InboxEvent).order_by(InboxEvent.id))
        return [{"kind": row.kind, **sealer.open(row.sealed)} for row in rows]


def texts(engine: Engine) -> list[str]:
    """Return the words of the stored events in their order."""
    return [event["text"] for event in kept(engine)]


def see_that_routes_are_documented(app: Flask, blueprint: str) -> None:
    """See that each route of a platform stands in the page of the API."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{blueprint}."):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert f"| `{method} {rule.rule}` |" in page


def see_that_unescaped_counts_as_signed(
    deliver: Deliver, engine: Engine, escaped: bytes, signature: str
) -> None:
    """See that a body whose text is "Fièvre 🤒?" is taken though it was unescaped underway."""
    plain = json.dumps(json.loads(escaped), ensure_ascii=False).encode()
    assert plain != escaped
    assert deliver(plain, signature).status_code == 200
    assert texts(engine) == ["Fièvre 🤒?"]


def see_that_a_locked_store_is_told(
    deliver: Deliver, engine: Engine, database_file: Path, body: bytes
) -> None:
    """See that a delivery of one event to a locked store is asked for again, and kept then."""
    with closing(sqlite3.connect(database_file)) as other:
        other.execute("BEGIN IMMEDIATE")
        response = deliver(body)
        assert response.status_code == 503
        other.rollback()
    assert kept(engine) == []
    assert deliver(body).status_code == 200
    assert len(kept(engine)) == 1


def see_that_nothing_stands_open(
    engine: Engine, folder: Path, lines: Lines, words: Sequence[str]
) -> None:
    """See that no word is in the store's files or in a log."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    files = b"".join(file.read_bytes() for file in folder.glob("citewell.db*"))
    for word in words:
        assert word.encode() not in files
        assert not any(word in line for line in [*lines.lines, *lines.raw])


def first_stored(lines: Lines) -> dict[str, Any]:
    """Return the first line of the log that tells of a batch that was stored."""
    (first, *_) = [json.loads(line) for line in lines.lines if '"events_stored"' in line]
    assert isinstance(first, dict)
    return first
