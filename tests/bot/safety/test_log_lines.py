"""Log lines: whatever a record holds, no word that a person may have written comes out."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from bot.safety.log_lines import LogLineFormatter, set_up_logging
from knowledge.store import connect

CANARY = "canary words of a person"
OURS = "bot.pipeline"
THEIRS = "some_library.client"


class Log:
    """A stream with our formatter, behind any logger."""

    def __init__(self) -> None:
        self.stream = StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(LogLineFormatter())

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines so far; each must be one JSON object."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    loggers = [logging.getLogger(name) for name in (OURS, THEIRS, "py.warnings", "bot")]
    for logger in loggers:
        logger.addHandler(made.handler)
        logger.setLevel("DEBUG")
        logger.propagate = False
    yield made
    for logger in loggers:
        logger.removeHandler(made.handler)
        logger.setLevel("NOTSET")
        logger.propagate = True


class CanaryError(Exception):
    """An error that repeats what it was given, as most libraries' do."""


def raise_chained() -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        raise CanaryError(f"cannot use {CANARY!r}") from error


def with_message(logger: logging.Logger) -> None:
    logger.error(CANARY)


def with_arguments(logger: logging.Logger) -> None:
    logger.error("got %s and %r", CANARY, {"text": CANARY})


def with_arguments_by_name(logger: logging.Logger) -> None:
    logger.error("got %(text)s", {"text": CANARY})


def with_wrong_arguments(logger: logging.Logger) -> None:
    # Straight to our handlers: pytest's own would fail to format this.
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 1, "%d %d", (CANARY,), None)
    for handler in logger.handlers:
        if isinstance(handler.formatter, LogLineFormatter):
            handler.handle(record)


def with_extra(logger: logging.Logger) -> None:
    logger.error("event", extra={"reply": CANARY, "more": {"a": CANARY}, "list": [CANARY]})


def with_exception(logger: logging.Logger) -> None:
    try:
        raise_chained()
    except CanaryError:
        logger.exception("failed")


def with_exception_as_message(logger: logging.Logger) -> None:
    logger.error(CanaryError(CANARY))


def with_stack(logger: logging.Logger) -> None:
    logger.error("event", stack_info=True, extra={"text": CANARY})


def with_cached_text(logger: logging.Logger) -> None:
    record = logging.LogRecord(logger.name, logging.ERROR, __file__, 1, "event", None, None)
    record.exc_text, record.stack_info = CANARY, CANARY
    record.message, record.asctime = CANARY, CANARY
    record.threadName, record.processName, record.funcName = CANARY, CANARY, CANARY
    logger.handle(record)


@pytest.mark.parametrize("name", [OURS, THEIRS])
@pytest.mark.parametrize(
    "write",
    [
        with_message,
        with_arguments,
        with_arguments_by_name,
        with_wrong_arguments,
        with_extra,
        with_exception,
        with_exception_as_message,
        with_stack,
        with_cached_text,
    ],
)
def test_a_canary_never_comes_out(
    log: Log, write: Callable[[logging.Logger], None], name: str
) -> None:
    write(logging.getLogger(name))
    (line,) = log.lines
    assert "canary" not in log.stream.getvalue()
    assert line["level"] == "ERROR"
    assert line["logger"] == name


def test_a_logger_named_after_words_is_not_named(log: Log) -> None:
    record = logging.LogRecord(CANARY, logging.ERROR, __file__, 7, CANARY, None, None)
    log.handler.handle(record)
    assert log.lines[0]["logger"] == "other"
    assert "canary" not in log.stream.getvalue()


def test_our_events_keep_their_name_and_plain_fields(log: Log) -> None:
    logging.getLogger(OURS).info(
        "turn", extra={"reply_id": "0a1b", "ms": 12, "score": 0.5, "code": None, "up": True}
    )
    (line,) = log.lines
    assert line["event"] == "turn"
    assert (line["reply_id"], line["ms"], line["score"]) == ("0a1b", 12, 0.5)
    assert (line["code"], line["up"]) == (None, True)
    assert line["at"].endswith("+00:00")


def test_a_field_that_is_no_code_is_withheld(log: Log) -> None:
    logging.getLogger(OURS).info("turn", extra={"a": CANARY, "b": "x" * 81, "c": "x" * 80})
    (line,) = log.lines
    assert (line["a"], line["b"], line["c"]) == ("withheld", "withheld", "x" * 80)


def test_of_a_library_only_the_place_is_kept(log: Log) -> None:
    logging.getLogger(THEIRS).warning("event_like", extra={"code": "plain"})
    (line,) = log.lines
    assert set(line) == {"at", "level", "logger", "event"}
    module, number = line["event"].split(":")
    assert module == "test_log_lines"
    assert number.isdigit()


def test_an_exception_leaves_its_class_and_place(log: Log) -> None:
    with_exception(logging.getLogger(OURS))
    (line,) = log.lines
    assert line["error"] == "CanaryError"
    name, number = line["where"].split(":")
    assert name == __name__
    assert int(number) == raise_chained.__code__.co_firstlineno + 4


def test_a_line_break_in_a_message_makes_no_second_line(log: Log) -> None:
    logging.getLogger(OURS).error('x\n{"event": "forged"}')
    assert len(log.lines) == 1
    assert "forged" not in log.stream.getvalue()


def test_the_errors_of_our_libraries_come_out_without_their_words(log: Log) -> None:
    logger = logging.getLogger(OURS)
    engine = connect("sqlite://")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as lost:
        connection.execute(sa.text("SELECT * FROM missing WHERE x = :x"), {"x": CANARY})
    logger.error("failed", exc_info=lost.value)
    engine.dispose()
    url = f"http://rasa.test/?q={CANARY}"
    with pytest.raises(httpx.HTTPStatusError, match="canary") as caught:
        httpx.Response(500, request=httpx.Request("GET", url)).raise_for_status()
    logger.error("failed", exc_info=caught.value)
    assert [line["error"] for line in log.lines] == ["OperationalError", "HTTPStatusError"]
    assert "canary" not in log.stream.getvalue()


def test_set_up_sends_everything_through_the_formatter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        set_up_logging("INFO")
        logging.getLogger("bot.app").info("started")
        logging.getLogger("bot.app").debug("not_at_this_level")
        logging.getLogger("werkzeug").info('"GET /?q=%s HTTP/1.1" 200 -', CANARY)
        logging.getLogger("httpx").info("HTTP Request: POST %s", CANARY)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn(CANARY, stacklevel=1)
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["bot.app", "werkzeug", "py.warnings"]
    assert "canary" not in out.getvalue()
