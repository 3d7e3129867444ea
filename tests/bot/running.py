"""An app behind a real web server, and the process messaging beside it, for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from bot.messaging.__main__ import Messaging


class QuietHandler(WSGIRequestHandler):
    """Writes no line about a request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def served(app: Flask, handler: type[WSGIRequestHandler] | None = None) -> Iterator[str]:
    """Serve an app on this machine for a while; yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
    with _running(lambda: server.serve_forever(poll_interval=0.01), server.shutdown):
        yield f"http://127.0.0.1:{server.server_port}"
    server.server_close()


@contextmanager
def working(messaging: Messaging) -> Iterator[None]:
    """Let the process that answers and sends work for a while."""
    stop = threading.Event()
    with _running(lambda: messaging.run(stop), stop.set):
        yield


@contextmanager
def _running(run: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join()
