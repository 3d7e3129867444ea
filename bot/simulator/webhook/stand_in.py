"""A stand-in of an organisation's own app on this machine, at both ends of the generic webhook.

It signs what it sends, checks signature, form and id of every reply that is posted to it, keeps a
transcript and goes wrong on demand::

    with WebhookStandIn("http://127.0.0.1:8000/webhooks/generic") as app:
        event = app.write.text(app.new_person(), "What is flu?")
        app.send(event)
        app.transcript.wait_for_answer(event.key, 15)
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from bot.simulator.delivery import Attempt
from bot.simulator.misbehaviour import Answer, Fault
from bot.simulator.server import Call
from bot.simulator.stand_in import Listening, StandIn
from bot.simulator.webhook.checks import WrongForm, is_ping, read_reply
from bot.simulator.webhook.events import Event, EventWriter, batch_of, body_of, new_id
from bot.simulator.webhook.faults import ELSEWHERE, FAULTS
from bot.simulator.webhook.signature import Key

KEY = "whsec_" + base64.b64encode(hashlib.sha256(b"citewell simulator: key").digest()).decode()
"""Made up, and the same at each start."""
REPLIES = "/replies"
ACCOUNT = "app-1"


@dataclass(frozen=True)
class Posted:
    """A post of the bot with a right signature, whatever was answered.

    Attributes:
        message_id: its webhook-id.
        body: as it came.
        at: seconds since 1970.
        is_again: whether that id was taken before.
    """

    message_id: str
    body: bytes
    at: float
    is_again: bool


class WebhookStandIn(StandIn[Event]):
    """The app.

    Attributes:
        key: signs both ways.
        write: writes events.
        posts: every post that was rightly signed, in order.
        taken: what each reply told, by its id.
        lost: how many requests came to an address that a redirect led to.
        clock: seconds since 1970.
    """

    write: EventWriter

    def __init__(
        self,
        webhook_url: str,
        key: str = KEY,
        listening: Listening | None = None,
        faults: Mapping[str, Fault] = FAULTS,
    ) -> None:
        """Begin to listen, and answer after ``start``.

        Args:
            webhook_url: where the bot takes events.
            key: ``whsec_`` and base64.
            listening: where, and how.
            faults: what can go wrong, by name.

        Raises:
            PortTaken: the port cannot be used.
            ValueError: the key has another form.
        """
        listening = listening or Listening()
        self.key = Key(key)
        self.key.raw  # noqa: B018 - a wrong key is told before anything else
        self.write = EventWriter(ACCOUNT, listening.clock)
        self.posts: list[Posted] = []
        self.taken: dict[str, Mapping[str, Any]] = {}
        self.lost = 0
        self.clock = listening.clock
        self._bodies: dict[str, bytes] = {}
        self._ids: dict[bytes, str] = {}
        self._people = count(1)
        self._lock = threading.Lock()
        super().__init__(webhook_url, faults, listening)

    @property
    def reply_url(self) -> str:
        """Where the bot posts replies."""
        return f"{self.url}{REPLIES}"

    def new_person(self) -> str:
        """Return somebody whom the bot does not know yet."""
        return f"person {next(self._people)} of {new_id()}"

    def headers(self, body: bytes) -> Mapping[str, str]:
        """Return the headers of a delivery; its id stays the same when it is made again."""
        return self.key.sign(self._ids.setdefault(body, new_id()), self.clock(), body)

    def kind_of(self, call: Call) -> str:
        """Return the kind of a call."""
        return "message" if call.path == REPLIES else "other"

    def respond(self, call: Call) -> Answer:
        """Take a reply, or refuse it."""
        if call.path == ELSEWHERE:
            self.lost += 1
        if call.path != REPLIES:
            return Answer(404)
        if call.method != "POST":
            return Answer(405)
        problem = self.key.problem(call.headers, call.body, self.clock())
        if problem:
            return self._refuse(401, "", problem)
        return Answer(200) if is_ping(call.body) else self._take(call)

    def verify(self) -> str:
        """Try whether the webhook is there and knows the key, with a ping.

        Returns:
            What is wrong, as a sentence; empty where all is well.
        """
        body = body_of(self.write.ping())
        status = self.webhook.attempt(body, self.headers(body)).status
        return self.problem_of(
            status,
            "a ping",
            "The webhook refused the signature: the bot was started with another key.",
        )

    def send(
        self, *events: Event, copies: int = 1, batch: bool = False, escaped: bool = False
    ) -> tuple[Attempt, ...]:
        r"""Let things happen: deliver events to the webhook in the order given.

        Args:
            events: what happened.
            copies: how often each delivery is made, whatever is answered.
            batch: put all into one request.
            escaped: write other letters than ASCII as ``\u00e6``.

        Returns:
            Every attempt, also those that were repeated because no 200 came.
        """
        for event in events:
            self.note(event)
        bodies = [batch_of(events)] if batch else []
        for event in events if not batch else ():
            body = body_of(event, escaped=escaped)
            self._ids[body] = event.key
            bodies.append(body)
        return tuple(
            attempt
            for body in bodies
            for _ in range(copies)
            for attempt in self.webhook.deliver(body)
        )

    def post(self, body: bytes, message_id: str, *, late: float = 0, key: str = "") -> Attempt:
        """Post a body once.

        Args:
            body: whatever is sent.
            message_id: its id.
            late: seconds by which the clock of the signature is behind.
            key: signs instead of the right one.
        """
        signs = Key(key) if key else self.key
        return self.webhook.attempt(body, signs.sign(message_id, self.clock() - late, body))

    def note(self, event: Event) -> None:
        """Keep what a person did; ``send`` does so by itself."""
        kind = str(event.content["type"])
        self.transcript.said(event.person, event.key, kind, event.text)

    def replies_to(self, person: str) -> dict[str, Mapping[str, Any]]:
        """Return what was posted for a person, by its id."""
        with self._lock:
            return {key: data for key, data in self.taken.items() if data["person"] == person}

    def _take(self, call: Call) -> Answer:
        message_id = call.headers["webhook-id"]
        with self._lock:
            before = self._bodies.get(message_id)
            post = Posted(message_id, call.body, self.clock(), before is not None)
            self.posts.append(post)
            if before is not None:
                if before != call.body:
                    return self._refuse(409, "", "The same id came with another body.")
                self.transcript.acted(self.taken[message_id]["person"], "posted_again")
                return Answer(200)
            try:
                data = read_reply(call.body)
            except WrongForm as error:
                return self._refuse(422, "", str(error))
            if data["account"] != ACCOUNT:
                return self._refuse(422, data["person"], "data.account is that of no event.")
            self._bodies[message_id] = call.body
            self.taken[message_id] = data
        self.transcript.sent(data["person"], message_id, shown(data))
        return Answer(200)

    def _refuse(self, status: int, person: str, problem: str) -> Answer:
        self.transcript.refused(person, status, problem)
        return Answer(status, {"error": problem})


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person sees of a reply, which is alike where they are answered twice."""
    reply = data["reply"]
    return {
        "texts": data["texts"],
        "kind": reply["kind"],
        "code": reply["code"],
        "quick_replies": reply["quick_replies"],
    }
