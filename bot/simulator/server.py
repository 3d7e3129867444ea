"""The web server of a stand-in: each call is handed over, and answered or dropped."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bot.simulator.misbehaviour import Answer

HOST = "127.0.0.1"
BODY_BYTES = 1_000_000
"""A longer body is not read; no message of any platform comes near."""


class PortTaken(OSError):
    """The port cannot be listened on; the message names it and says why."""


@dataclass(frozen=True)
class Call:
    """One call of a platform's API; names of headers are in lowercase."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class ApiServer:
    """Listens on this machine only, in threads of its own."""

    def __init__(self, port: int, answer: Callable[[Call], Answer | None]) -> None:
        """Begin to listen.

        Args:
            port: where; 0 takes a free one.
            answer: returns what a call is answered with, or None to close the connection.

        Raises:
            PortTaken: another program has it, or it is no port.
        """
        try:
            self._server = ThreadingHTTPServer((HOST, port), partial(_Handler, answer))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "a port is a number from 0 to 65535"
            raise PortTaken(f"Port {port} cannot be used ({reason}).") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """Address without a slash at its end."""
        return f"http://{HOST}:{self._server.server_port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, answer: Callable[[Call], Answer | None], *connection: Any) -> None:
        self._answer = answer
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Answer a GET."""
        self._handle()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._handle()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a line would hold tokens."""

    def _handle(self) -> None:
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() else 0
        if size > BODY_BYTES:
            self._write(Answer(413))
            return
        target = urlsplit(self.path)
        call = Call(
            self.command,
            target.path,
            dict(parse_qsl(target.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(size),
        )
        found = self._answer(call)
        if found is not None:
            self._write(found)

    def _write(self, found: Answer) -> None:
        content = json.dumps(found.body).encode()
        try:
            self.send_response(found.status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:  # the bot did not wait for the answer
            self.close_connection = True
