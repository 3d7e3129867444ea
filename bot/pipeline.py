"""One turn, in one place: channels translate, this decides.

::

    triage -> neutralise -> redact -> Rasa -> check -> record

Triage reads the raw text and normalises it in its own way; the raw text ends at redaction. Triage
needs nothing but memory, so an emergency is answered when Rasa, the action server and the database
are all down.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from bot.rasa_client import NoticePayload, Payload, RasaUnavailable
from bot.replies.compose import Composer, TopicChoice
from bot.safety.neutralise import as_utterance, neutralise, says_something
from bot.safety.redaction import Redactor
from bot.safety.triage import TriageResult, TriageRules, takes_over, triage
from bot.turn import BannerNote, Message, Reply

logger = logging.getLogger(__name__)
MAX_CHARACTERS = 1000
QUESTION_KINDS = {"answer", "clarify", "no_answer"}
MENU_CODES = frozenset({"welcome", "greet", "help", "empty", "rephrase"})
"""Notices at which a person chooses what to ask."""
KEPT_ALARMS = {"emergency", "poisoning"}
"""Subjects of emergencies on which a question is kept; none on self-harm or abuse is."""


class Rasa(Protocol):
    """What the pipeline needs of Rasa."""

    def ask(self, text: str, sender: str) -> tuple[Payload, ...]:
        """Return what is said, at least one payload, or raise ``RasaUnavailable``."""


class Banners(Protocol):
    """What the pipeline needs of the banners."""

    def shown(
        self, locale: str, country: str | None = None, *, drills: bool = False
    ) -> tuple[BannerNote, ...]:
        """Return what everybody is told now."""

    def about(
        self, topic: str, locale: str, country: str | None = None, *, drills: bool = False
    ) -> tuple[BannerNote, ...]:
        """Return what stands above an answer on a topic."""


class Record(Protocol):
    """What the pipeline needs of the event log."""

    def record(
        self,
        message: Message,
        reply: Reply,
        redacted: tuple[str, ...],
        milliseconds: int,
        question: str | None = None,
    ) -> bool:
        """Record one turn, and its masked words if given; tell whether it could be written."""

    def rumour(self, session_key: str, reply_id: str, claim: str) -> bool:
        """Keep a reported claim."""


Forget = Callable[[str], bool]


class Pipeline:
    """Turns messages into replies; safe to share between threads."""

    def __init__(
        self,
        rules: TriageRules,
        redactor: Redactor,
        rasa: Rasa,
        composer: Composer,
        events: Record,
        forget: Forget,
        prefetch: Callable[[str], None] = lambda _text: None,
        topics: Callable[[], Sequence[TopicChoice]] = lambda: (),
        banners: Banners | None = None,
        in_other_letters: Callable[[str], str | None] = lambda _text: None,
    ) -> None:
        """Take the parts.

        Args:
            rules: triage rules.
            redactor: masks identifiers.
            rasa: finds the intent and answers.
            composer: words replies.
            events: keeps what is kept of a turn.
            forget: deletes a conversation everywhere; tells whether it could.
            prefetch: tells the action server of a question ahead; returns at once.
            topics: gives the live topics; a tap on the button of one is no question to keep.
            banners: what is said to everybody in a crisis.
            in_other_letters: names the language of a text in letters that nobody here reads.
        """
        self._rules = rules
        self._redactor = redactor
        self._rasa = rasa
        self._composer = composer
        self._events = events
        self._forget = forget
        self._prefetch = prefetch
        self._topics = topics
        self._banners = banners
        self._in_other_letters = in_other_letters

    def answer_turn(self, message: Message) -> Reply:
        """Return the reply to a message; whatever fails behind, a proper reply comes back."""
        started = time.perf_counter()
        reply_id = secrets.token_hex(12)
        redacted: tuple[str, ...] = ()
        question: str | None = None
        alarm = triage(message.text, self._rules)
        clean = neutralise(message.text)
        if alarm is not None and alarm.level == "takeover":
            reply = self._composer.emergency(
                reply_id, alarm.category, alarm.rule_id, message.country
            )
        elif len(clean) > MAX_CHARACTERS:
            reply = self._composer.notice(reply_id, "too_long")
        elif not says_something(clean):
            reply = self._composer.notice(reply_id, "empty")
        elif (language := self._in_other_letters(clean)) is not None:
            # Rasa knows none of these letters, and would take them for any small talk.
            reply = self._composer.other_language(reply_id, language)
        else:
            masked = self._redactor.redact(clean)
            redacted = masked.kinds
            utterance = as_utterance(masked.text)
            reply = self._ask(reply_id, utterance, message)
            kept = not message.is_drill and self._is_kept(utterance, reply, alarm)
            question = utterance if kept else None
        reply = self._with_call_now(reply, alarm, message.country)
        reply = self._with_banners(reply, message)
        milliseconds = round((time.perf_counter() - started) * 1000)
        if not reply.session_ended:
            self._events.record(message, reply, redacted, milliseconds, question)
        logger.info(
            "turn",
            extra={
                "reply_id": reply_id,
                "channel": message.channel,
                "kind": reply.kind,
                "code": reply.code,
                "ms": milliseconds,
            },
        )
        return reply

    def is_alarm(self, text: str) -> bool:
        """Tell whether words mean an emergency that takes over; needs nothing but memory."""
        return takes_over(text, self._rules)

    def _ask(self, reply_id: str, utterance: str, message: Message) -> Reply:
        """Let Rasa decide and word what it decided."""
        if not says_something(utterance):
            return self._composer.notice(reply_id, "empty")
        self._prefetch(utterance)
        try:
            payloads = self._rasa.ask(utterance, message.session_key)
            reply = self._composer.compose(reply_id, payloads, message.country)
        except RasaUnavailable as error:
            return self._composer.unavailable(reply_id, error.code)
        last = payloads[-1]
        if isinstance(last, NoticePayload):
            return self._act_on_notice(reply, last, message)
        return reply

    def _act_on_notice(self, reply: Reply, notice: NoticePayload, message: Message) -> Reply:
        """Do what a notice promises, and say so if it could not be done."""
        if notice.code == "forget_me":
            if self._forget(message.session_key):
                return replace(reply, session_ended=True)
            return self._composer.notice(reply.reply_id, "forget_failed")
        if notice.claim is not None and not self._events.rumour(
            message.session_key, reply.reply_id, notice.claim
        ):
            return self._composer.notice(reply.reply_id, "rumour_failed")
        return reply

    def _is_kept(self, utterance: str, reply: Reply, alarm: TriageResult | None) -> bool:
        """Tell whether the content team may read what was asked.

        Only what is surely a health question is kept. A call-now line that came from behind, where
        neither the rules nor the entry ask for it, means that a net behind saw what may be
        despair or violence, or that nobody here can read the language.
        """
        if reply.kind not in QUESTION_KINDS or self._is_topic_button(utterance):
            return False
        if alarm is not None:
            return alarm.category in KEPT_ALARMS
        is_urgent = reply.urgency is not None and reply.urgency.level == "emergency"
        return reply.call_now is None or is_urgent

    def _is_topic_button(self, utterance: str) -> bool:
        asked = utterance.casefold()
        return any(as_utterance(topic.ask).casefold() == asked for topic in self._topics())

    def _with_banners(self, reply: Reply, message: Message) -> Reply:
        """Add what is said to everybody: with a menu all of it, with an answer what is related.

        Nothing stands beside the numbers of an emergency reply.
        """
        if self._banners is None:
            return reply
        locale, country, drills = message.locale, message.country, message.is_drill
        if reply.entry is not None:
            shown = self._banners.about(reply.entry.topic, locale, country, drills=drills)
        elif reply.code in MENU_CODES:
            shown = self._banners.shown(locale, country, drills=drills)
        else:
            return reply
        return replace(reply, banners=shown)

    def _with_call_now(
        self, reply: Reply, alarm: TriageResult | None, country: str | None
    ) -> Reply:
        """Put the call-now line on top where triage, or the entry itself, asks for it."""
        if reply.kind == "emergency" or (alarm is None and reply.call_now is None):
            return reply
        return self._composer.with_call_now(reply, country)
