"""Ask Rasa, within a time that a person will wait, and parse what it says strictly.

Errors::

    RasaUnavailable        nothing usable came back; ``code`` tells why
      (connection refused, timed out, not 200, an empty list, a payload that breaks the contract)

After two failures in a row the breaker opens: further turns are told at once, and one at a time is
let through to see whether Rasa is back. Without it, a hung Rasa would hold every thread for the
whole time limit, and people behind them would wait longer still.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.turn import EntryRef, Myth, QuickReply, Source, Urgency

TIMEOUT_SECONDS = 8.0
CONNECT_SECONDS = 2.0
FAILURES_TO_OPEN = 2
PROBE_EVERY_SECONDS = 2.0
PREFETCH_SECONDS = 1.0
PREFETCH_THREADS = 4


class RasaUnavailable(Exception):
    """Rasa gave nothing usable; ``code`` says why, without a word of the message."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class OptionPayload(_Payload):
    """An entry that is offered."""

    entry_id: str
    question: str
    topic_title: str


class ReviewPayload(_Payload):
    """How an entry was checked."""

    status: Literal["draft", "source_checked", "clinician_reviewed"]
    by_role: str | None
    on: str | None
    due: str


class AnswerPayload(_Payload):
    """An answer with its passport; an answer without a source does not parse."""

    kind: Literal["answer"]
    entry: EntryRef
    locale: str
    text: str
    details: tuple[str, ...]
    seek_care: str | None
    urgency: Urgency
    myth: Myth | None
    conflict: str | None
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    review: ReviewPayload
    expired: bool
    score: float
    related: tuple[OptionPayload, ...]
    call_now: bool


class ClarifyPayload(_Payload):
    """A choice between entries."""

    kind: Literal["clarify"]
    topic_title: str | None
    options: Annotated[tuple[OptionPayload, ...], Field(min_length=1)]
    score: float
    call_now: bool
    is_claim: bool = False


class TopicPayload(_Payload):
    """A topic that is offered."""

    topic: str
    title: str


class NoAnswerPayload(_Payload):
    """No entry answers."""

    kind: Literal["no_answer"]
    code: Literal["no_answer", "claim_not_found", "other_language"]
    topics: tuple[TopicPayload, ...]
    words: str
    language: str | None = None
    score: float
    call_now: bool


class EmergencyPayload(_Payload):
    """Rasa or the exemplars recognised an emergency."""

    kind: Literal["emergency"]
    category: Literal["emergency", "self_harm", "abuse", "poisoning"]
    rule: str


class NoticePayload(_Payload):
    """Something fixed: from the domain with its wording, from an action by its code."""

    kind: Literal["notice"]
    code: str
    text: str = ""
    menu: bool = False
    quick_replies: tuple[QuickReply, ...] = ()
    claim: str | None = None


class UnavailablePayload(_Payload):
    """The action server cannot answer now."""

    kind: Literal["unavailable"]
    code: str


Payload = (
    AnswerPayload
    | ClarifyPayload
    | NoAnswerPayload
    | EmergencyPayload
    | NoticePayload
    | UnavailablePayload
)


class _RasaMessage(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    custom: Annotated[Payload, Field(discriminator="kind")]


# The outermost type alone decides whether errors repeat what was received.
_MESSAGES = TypeAdapter(tuple[_RasaMessage, ...], config=ConfigDict(hide_input_in_errors=True))


def parse(body: bytes) -> tuple[Payload, ...]:
    """Parse what Rasa's REST channel returned.

    Raises:
        RasaUnavailable: it is empty or breaks the contract.
    """
    try:
        messages = _MESSAGES.validate_json(body)
    except ValidationError as error:
        raise RasaUnavailable("rasa_broke_contract") from error
    if not messages:
        raise RasaUnavailable("rasa_said_nothing")
    return tuple(message.custom for message in messages)


class Prefetch:
    """Tells the action server of a question before Rasa does; nobody waits for it.

    A failure costs nothing but the time that it would have saved.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Prepare a client of the action server at an address."""
        self._client = httpx.Client(
            base_url=url, transport=transport, timeout=PREFETCH_SECONDS, trust_env=False
        )
        self._threads = ThreadPoolExecutor(PREFETCH_THREADS, thread_name_prefix="prefetch")
        self._free = threading.BoundedSemaphore(PREFETCH_THREADS)

    def __call__(self, text: str) -> None:
        """Send a question ahead, unless as many are on their way as may be."""
        if self._free.acquire(blocking=False):
            self._threads.submit(self._send, text)

    def _send(self, text: str) -> None:
        try:
            self._client.post("/prefetch", json={"text": text})
        except httpx.HTTPError:
            pass
        finally:
            self._free.release()


class RasaClient:
    """A client of Rasa's REST channel; safe to share between threads."""

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a client.

        Args:
            url: where Rasa listens.
            transport: what carries the requests; the network by default.
            clock: seconds that only go forward.
        """
        self._client = httpx.Client(
            base_url=url,
            transport=transport,
            trust_env=False,  # a proxy of this machine must not see what people write
            timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_keepalive_connections=32, keepalive_expiry=60),
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._probe_after = 0.0

    def ask(self, text: str, sender: str) -> tuple[Payload, ...]:
        """Send one utterance of one conversation.

        Args:
            text: the utterance, with identifiers masked.
            sender: the conversation; never empty, or everybody would share one.

        Returns:
            What Rasa and the actions say, at least one payload.

        Raises:
            RasaUnavailable: nothing usable came back.
        """
        self._let_through()
        try:
            response = self._client.post(
                "/webhooks/rest/webhook", json={"sender": sender, "message": text}
            )
            if response.status_code != httpx.codes.OK:
                raise RasaUnavailable("rasa_status")
            payloads = parse(response.content)
        except httpx.TimeoutException as error:
            self._failed()
            raise RasaUnavailable("rasa_timed_out") from error
        except httpx.HTTPError as error:
            self._failed()
            raise RasaUnavailable("rasa_unreachable") from error
        except RasaUnavailable:
            self._failed()
            raise
        with self._lock:
            self._failures = 0
        return payloads

    def is_up(self) -> bool:
        """Tell whether Rasa's REST channel answers at all."""
        try:
            return self._client.get("/webhooks/rest/", timeout=1.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _let_through(self) -> None:
        """Let a turn through unless the breaker is open and another is probing already.

        Raises:
            RasaUnavailable: the breaker is open.
        """
        with self._lock:
            if self._failures < FAILURES_TO_OPEN:
                return
            now = self._clock()
            if now < self._probe_after:
                raise RasaUnavailable("rasa_breaker_open")
            self._probe_after = now + PROBE_EVERY_SECONDS

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._probe_after = self._clock() + PROBE_EVERY_SECONDS
