"""A small bot behind a real web server, which checks Meta's signatures with code of its own."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

APP_SECRET = "app-secret-of-the-test"
VERIFY_TOKEN = "verify-token-of-the-test"
PAGE_TOKEN = "page-token-of-the-test"

Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]


def repeat_text(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer a text with itself, and nothing else with anything."""
    message = event.get("message", {})
    if message.get("is_echo") or "text" not in message:
        return []
    return [{"text": f"You said: {message['text']}"}]


class SmallBot:
    """Takes events, remembers them, and answers each through the Send API.

    Attributes:
        events: what it took, in order.
        statuses: what it answers the next deliveries with, instead of 200.
        delay: seconds before it acknowledges.
        knows_mids: whether it drops a message that it has seen.
        api_url: where it sends; empty for nowhere.
        refusals: what the Send API refused it with.
        takes_any_token, takes_any_signature, reads_first_only, breaks_on_unknown, sends_again:
            mistakes that it makes when told to.
    """

    def __init__(self, answer: Answer = repeat_text) -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self.delay = 0.0
        self.knows_mids = True
        self.api_url = ""
        self.refusals: list[int] = []
        self.verify_token = VERIFY_TOKEN
        self.takes_any_token = self.takes_any_signature = False
        self.reads_first_only = self.breaks_on_unknown = self.sends_again = False
        self._seen: set[str] = set()
        self._lock = Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/messenger"

    def send(self, body: dict[str, Any], token: str = PAGE_TOKEN) -> httpx.Response:
        """Call the Send API."""
        return httpx.post(
            f"{self.api_url}/v25.0/me/messages",
            params={"access_token": token},
            json=body,
            timeout=5,
            trust_env=False,
        )

    def take(self, body: bytes, signature: str) -> int:
        """Take a delivery; return the status to answer with."""
        right = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        is_right = hmac.compare_digest(signature, f"sha256={right}")
        if not is_right and not self.takes_any_signature:
            return 403
        with self._lock:
            self.bodies.append(body)
            if self.statuses and (status := self.statuses.pop(0)) != 200:
                return status
        entries = json.loads(body)["entry"]
        events = [event for entry in entries for event in entry.get("messaging", [])]
        for event in events[:1] if self.reads_first_only else events:
            if self.breaks_on_unknown and "poem" in event:
                return 500
            self._take_event(event)
        return 200

    def _take_event(self, event: dict[str, Any]) -> None:
        mid = event.get("message", {}).get("mid", "")
        with self._lock:
            self.events.append(event)
            if mid and mid in self._seen and self.knows_mids:
                return
            self._seen.add(mid)
        if self.api_url:
            for message in self.answer(event):
                self._answer(event["sender"]["id"], message)

    def _answer(self, person: str, message: dict[str, Any]) -> None:
        body = {"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": message}
        response = self.send(body)
        if response.status_code != 200:
            self.refusals.append(response.json()["error"]["code"])
            if self.sends_again:
                self.send(body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bot = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = parse_qs(urlsplit(self.path).query)
                is_right = bot.takes_any_token or asked["hub.verify_token"] == [bot.verify_token]
                self.write(200 if is_right else 403, asked["hub.challenge"][0] if is_right else "")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(bot.delay)
                self.write(bot.take(body, self.headers["X-Hub-Signature-256"] or ""), "")

            def write(self, status: int, text: str) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def running(bot: SmallBot) -> Iterator[SmallBot]:
    """Let a bot answer for a while."""
    thread = Thread(target=bot.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield bot
    finally:
        bot.server.shutdown()
        thread.join()
        bot.server.server_close()
