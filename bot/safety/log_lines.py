"""Log lines that cannot carry what people write: ids, codes, durations and places in the code.

Our own events are constant names with plain fields. Of anybody else's record only its place and the
class of its exception are kept: a library may put a message, a request or a value into its text.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

OURS = ("bot", "actions", "knowledge", "deploy", "__main__")
EVENT = re.compile(r"[a-z][a-z0-9_]{1,60}")
PLAIN = re.compile(r"[A-Za-z0-9_.:/+-]{0,80}")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogLineFormatter(logging.Formatter):
    """Formats a record as one line of JSON without a word that a person may have written."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name if PLAIN.fullmatch(record.name) else "other",
            "event": _event(record),
        }
        line.update(_fields(record))
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _where(record)
        return json.dumps(line)


def set_up_logging(level: str) -> None:
    """Send every record of this process to standard output, formatted as above."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LogLineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # A line per request of these would say nothing that our own events do not.
    for name in ("httpx", "httpcore", "sanic.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _event(record: logging.LogRecord) -> str:
    is_ours = record.name.split(".")[0] in OURS
    if is_ours and isinstance(record.msg, str) and EVENT.fullmatch(record.msg):
        return record.msg
    return f"{record.module}:{record.lineno}"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Return our own extra fields, as far as they are numbers, codes or ids."""
    if record.name.split(".")[0] not in OURS:
        return {}
    extra = {name: value for name, value in vars(record).items() if name not in STANDARD}
    return {
        name: value if not isinstance(value, str) or PLAIN.fullmatch(value) else "withheld"
        for name, value in extra.items()
        if isinstance(value, (str, int, float)) or value is None
    }


def _where(record: logging.LogRecord) -> str:
    trace = record.exc_info[2] if record.exc_info else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    name = trace.tb_frame.f_globals.get("__name__", "")
    return f"{name}:{trace.tb_lineno}"
