"""A small bot on Telegram behind a real web server, with mistakes that it makes when told to."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import httpx

from bot.simulator.telegram.account import Account

ACCOUNT = Account()
MISTAKES = (
    "takes_any_secret",
    "answers_twice",
    "answers_groups",
    "answers_edits",
    "answers_service_messages",
    "passes_over_extras",
    "passes_over_start",
    "passes_over_old_taps",
    "lets_taps_wait",
    "breaks_on_unknown",
    "breaks_on_letters",
    "sends_again",
    "gives_up_at_429",
    "writes_too_much",
)


class SmallTelegramBot:
    """Answers each text with itself, each start with a button, and all else with a word.

    Attributes:
        mistakes: those of ``MISTAKES`` that it makes.
        api_url: where it sends.
        secret: what an update must bring along.
    """

    def __init__(self, *mistakes: str) -> None:
        self.mistakes = set(mistakes)
        self.api_url = ""
        self.secret = ACCOUNT.webhook_secret
        self._seen: set[int] = set()
        self._lock = Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/telegram"

    def call(self, method: str, **body: Any) -> httpx.Response:
        """Call the Bot API."""
        url = f"{self.api_url}/bot{ACCOUNT.bot_token}/{method}"
        return httpx.post(url, json=body, timeout=5, trust_env=False)

    def take(self, body: bytes, secret: str) -> int:
        """Take an update; return the status to answer with."""
        if secret != self.secret and "takes_any_secret" not in self.mistakes:
            return 403
        if "breaks_on_letters" in self.mistakes and any(byte > 127 for byte in body):
            return 500
        update = json.loads(body)
        if "poem" in update:
            return 500 if "breaks_on_unknown" in self.mistakes else 200
        with self._lock:
            is_known = update["update_id"] in self._seen
            self._seen.add(update["update_id"])
        if not is_known or "answers_twice" in self.mistakes:
            self._answer(update)
        return 200

    def _answer(self, update: dict[str, Any]) -> None:
        tap = update.get("callback_query")
        if tap:
            self._answer_tap(tap)
        edited = "edited_message" if "answers_edits" in self.mistakes else "message"
        message = update.get("message") or update.get(edited)
        if message is None:
            return
        text = message.get("text", "")
        is_group = message["chat"]["type"] != "private"
        if is_group and "answers_groups" not in self.mistakes:
            return
        if text.startswith("/start"):
            self._welcome(message["chat"]["id"])
        elif text:
            self._send(message["chat"]["id"], f"You said: {text}")
        elif "sticker" in message and "passes_over_extras" not in self.mistakes:
            self._send(message["chat"]["id"], "I read text only.")
        elif "sticker" not in message and "answers_service_messages" in self.mistakes:
            self._send(message["chat"]["id"], "What?")

    def _answer_tap(self, tap: dict[str, Any]) -> None:
        if tap["message"]["date"] or "passes_over_old_taps" not in self.mistakes:
            self._send(tap["message"]["chat"]["id"], f"You tapped: {tap['data']}")
        if "lets_taps_wait" not in self.mistakes:
            self.call("answerCallbackQuery", callback_query_id=tap["id"])

    def _welcome(self, chat: int) -> None:
        if "passes_over_start" not in self.mistakes:
            rows = [[{"text": "Flu", "callback_data": "s:flu"}]]
            self._send(chat, "Hello", reply_markup={"inline_keyboard": rows})

    def _send(self, chat: int, text: str, **more: Any) -> None:
        if "writes_too_much" in self.mistakes:
            self.call("sendMessage", chat_id=chat, text="x" * 4097)
        response = self.call("sendMessage", chat_id=chat, text=text, **more)
        if response.status_code == 429 and "gives_up_at_429" not in self.mistakes:
            Thread(target=self._send_later, args=(chat, text, response.json())).start()
        if response.status_code == 500 and "sends_again" in self.mistakes:
            self.call("sendMessage", chat_id=chat, text=text, **more)

    def _send_later(self, chat: int, text: str, refusal: dict[str, Any]) -> None:
        time.sleep(refusal["parameters"]["retry_after"])
        self.call("sendMessage", chat_id=chat, text=text)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                secret = self.headers["X-Telegram-Bot-Api-Secret-Token"] or ""
                self.send_response(bot.take(body, secret))
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler
