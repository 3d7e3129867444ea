"""A web server on loopback with pages to look at, and a client that finds every host there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """What the server answers to one address.

    Attributes:
        status: HTTP status.
        body: as it goes over the line.
        headers: beside its length.
        wait: seconds before the first byte.
        drip: seconds before each byte of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": HTML})
    wait: float = 0.0
    drip: float = 0.0


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    host: str
    path: str
    headers: Mapping[str, str]


class PagesServer:
    """A running server; what it has no answer for is 404."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.root = f"http://127.0.0.1:{port}"
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.cut_off: list[str] = []
        """Paths of answers that were not read to their end."""

    def put(self, path: str, answer: Answer) -> str:
        """Answer an address, "/path" on every host or "host/path" on one; return it on loopback."""
        self.answers[path] = answer
        return f"{self.root}{path}"

    def page(self, path: str, html: str, **headers: str) -> str:
        """Answer an address with a page."""
        return self.put(path, Answer(body=html.encode(), headers={"Content-Type": HTML} | headers))

    def redirect(self, path: str, to: str, status: int = 301) -> str:
        """Answer an address with a redirect."""
        return self.put(path, Answer(status, headers={"Location": to}))

    def asked(self) -> list[str]:
        """Return the paths that were asked for, but robots.txt."""
        return [one.path for one in self.requests if one.path != "/robots.txt"]

    def answer(self, request: Request) -> Answer:
        """Return what is answered to a request."""
        self.requests.append(request)
        for key in (f"{request.host}{request.path}", request.path):
            if key in self.answers:
                return self.answers[key]
        return Answer(404, b"nothing here")


@contextmanager
def pages_server() -> Iterator[PagesServer]:
    """Run a server for as long as it is needed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers.get("Host", "").partition(":")[0]
            answer = served.answer(Request(host, self.path, dict(self.headers)))
            try:
                time.sleep(answer.wait)
                self._send(answer)
            except ConnectionError:  # the other side has read enough
                served.cut_off.append(self.path)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            step = 1 if answer.drip else len(answer.body) or 1
            for start in range(0, len(answer.body), step):
                time.sleep(answer.drip)
                self.wfile.write(answer.body[start : start + step])
                self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = PagesServer(server.server_port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class AllHostsHere(httpx.HTTPTransport):
    """Connects to the server whatever the host is: entries can only cite encrypted addresses."""

    def __init__(self, server: PagesServer) -> None:
        super().__init__()
        self._port = server.port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, its headers unchanged, to the server."""
        here = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return super().handle_request(
            httpx.Request(
                request.method,
                here,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )
