"""A small bot behind the generic webhook, with signatures of its own, that makes mistakes if told.

It takes events, answers each in the background, and posts again what was not taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from bot.simulator.webhook.stand_in import KEY

RAW = base64.b64decode(KEY.removeprefix("whsec_"))
KNOWN = {"message.received", "conversation.started", "message.unreadable", "feedback.given"}
AGAIN_SECONDS = 0.05
LONG_SECONDS = 2.6
"""Nearly `RETRY_AFTER`: whoever counts from the question takes a hasty second post for late."""


def signed(event_id: str, stamp: str, body: bytes) -> str:
    """Return the signature of a body."""
    content = f"{event_id}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(RAW, content, hashlib.sha256)).decode()


def reply_of(text: str, *, is_rated: bool) -> dict[str, Any]:
    """Return a reply in the form of the API."""
    lists = ("banners", "preface", "details", "sources", "contacts", "links", "quick_replies")
    nulls = ("call_now", "seek_care", "urgency", "entry", "myth", "conflict", "review", "score")
    return {
        "reply_id": secrets.token_hex(12),
        "kind": "notice",
        "code": "x",
        "locale": "en",
        "dir": "ltr",
        "text": text,
        "disclaimer": "",
        "feedback": is_rated,
        "session_ended": False,
        "emergency": None,
        **{name: [] for name in lists},
        **dict.fromkeys(nulls),
    }


class WebhookBot:
    """Takes events and answers them.

    Attributes:
        reply_url: where replies go.
        mistakes: names of those that it makes.
        events: what it took.
    """

    def __init__(self) -> None:
        self.reply_url = ""
        self.mistakes: set[str] = set()
        self.events: list[dict[str, Any]] = []
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/generic"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Take a request; return the status to answer with."""
        event_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if "takes anything" not in self.mistakes:
            right = signed(event_id, stamp, body)
            if right not in headers.get("webhook-signature", "").split():
                return 403
            if "ignores the clock" not in self.mistakes and abs(time.time() - int(stamp)) > 300:
                return 403
        content = json.loads(body)
        items = [(one["id"], one["event"]) for one in content.get("events", [])]
        items = items or [(event_id or "none", content)]
        if "reads the first only" in self.mistakes:
            items = items[:1]
        is_right = [self._is_right(event) for _, event in items]
        if not all(is_right) and "takes half a batch" not in self.mistakes:
            return 422
        for (key, event), fine in zip(items, is_right, strict=True):
            if fine:
                self._take_one(key, event)
        return 200 if all(is_right) else 422

    def _is_right(self, event: dict[str, Any]) -> bool:
        if event["type"] == "ping" or "takes any form" in self.mistakes:
            return True
        return event["type"] in KNOWN and "person" in event["data"]

    def _take_one(self, key: str, event: dict[str, Any]) -> None:
        with self._lock:
            is_new = key not in self._seen or "forgets ids" in self.mistakes
            self._seen.add(key)
        if not is_new or event["type"] not in KNOWN or "person" not in event["data"]:
            return
        if event["type"] == "message.unreadable" and "reads text only" in self.mistakes:
            return
        text = str(event["data"].get("text", event["type"]))
        if not text.isascii() and "knows ASCII only" in self.mistakes:
            return
        thread = threading.Thread(target=self._answer, args=(event, text))
        self._threads.append(thread)
        thread.start()

    def _answer(self, event: dict[str, Any], text: str) -> None:
        if "thinks long" in self.mistakes:
            time.sleep(LONG_SECONDS)
        data = event["data"]
        reply = reply_of(f"You said: {text}", is_rated=event["type"] == "message.received")
        if "sends another form" in self.mistakes:
            del reply["dir"]
        told = {
            "account": data["account"],
            "person": data["person"],
            "reply": reply,
            "texts": [reply["text"]],
        }
        content = {"type": "reply.created", "timestamp": event["timestamp"], "data": told}
        self._post(json.dumps(content).encode())

    def _post(self, body: bytes) -> None:
        """Post until it was taken, as long as nobody gives up."""
        key = f"msg_{secrets.token_hex(8)}"
        for _ in range(20):
            if "makes new ids" in self.mistakes:
                key = f"msg_{secrets.token_hex(8)}"
            pause = self._attempt(key, body)
            if pause is None or "posts once" in self.mistakes:
                return
            time.sleep(pause)

    def _attempt(self, key: str, body: bytes) -> float | None:
        """Post once; return the seconds until the next attempt, None where none is needed."""
        stamp = str(int(time.time()))
        signature = signed(key, stamp, body)
        if "signs wrongly" in self.mistakes:
            signature = signed(key, stamp, body + b" ")
        headers = {
            "webhook-id": key,
            "webhook-timestamp": stamp,
            "webhook-signature": signature,
        }
        try:
            response = httpx.post(
                self.reply_url,
                content=body,
                headers=headers,
                timeout=5,
                trust_env=False,
                follow_redirects="follows redirects" in self.mistakes,
            )
        except httpx.HTTPError:
            return AGAIN_SECONDS
        if response.status_code in {200, 401, 409, 422}:
            return None
        if "is impatient" in self.mistakes:
            return AGAIN_SECONDS
        return float(response.headers.get("Retry-After", AGAIN_SECONDS))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(bot.take(headers, body))
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler

    def join(self) -> None:
        """Wait until nothing is being posted any more."""
        for thread in self._threads:
            thread.join()


@contextmanager
def running(bot: WebhookBot) -> Iterator[WebhookBot]:
    """Let a bot answer for a while."""
    thread = threading.Thread(target=bot.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield bot
    finally:
        bot.server.shutdown()
        thread.join()
        bot.server.server_close()
        bot.join()
