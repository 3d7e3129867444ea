"""From the inbox to the outbox: an event becomes a turn, the reply the platform's own messages."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from bot.messaging.channels import Render
from bot.messaging.countries import ChosenCountries, read_country
from bot.messaging.handover import NOTHING, Act, Reception, outgoing
from bot.messaging.inbox import MAX_ATTEMPTS, MAX_CLAIMS, Claimed, Inbox, Outgoing
from bot.messaging.outbox import WINDOW
from bot.messaging.sealing import Sealer, SealError
from bot.pipeline import Banners
from bot.replies.compose import Composer
from bot.turn import Message, Reply
from knowledge.schema import now

logger = logging.getLogger(__name__)
PAUSES = {1: 5.0, 2: 15.0}
"""Seconds that a question waits, per attempt, before somebody hears that nothing can be looked up:
within them Rasa is back after a fall, and a chat is not a page that somebody stares at."""


class Turns(Protocol):
    """What is needed of the pipeline."""

    def answer_turn(self, message: Message) -> Reply:
        """Return the reply to a message."""


class FeedbackLog(Protocol):
    """What is needed of the event log."""

    def feedback(self, session_key: str, reply_id: str, rating: str, reason: str | None) -> bool:
        """Record what a person thinks of a reply; tell whether that could be done."""


class Answering:
    """Answers events; safe to share between threads."""

    def __init__(
        self,
        inbox: Inbox,
        sealer: Sealer,
        turns: Turns,
        composer: Composer,
        feedback: FeedbackLog,
        banners: Banners,
        platforms: Mapping[str, Render],
        reception: Reception,
        countries: ChosenCountries,
        country: str | None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the parts.

        Args:
            inbox: hands out events and takes replies.
            sealer: opens what is in them.
            turns: answers.
            composer: words what is said outside a turn.
            feedback: keeps feedback.
            banners: what is said to everybody in a crisis.
            platforms: per platform, what makes its messages.
            reception: decides whether a person of the team has the conversation.
            countries: what people told of where they are.
            country: the site's own country, for whom the platform tells none, or None.
            clock: tells the time.
        """
        self._inbox = inbox
        self._sealer = sealer
        self._turns = turns
        self._composer = composer
        self._feedback = feedback
        self._banners = banners
        self._platforms = platforms
        self._reception = reception
        self._countries = countries
        self._country = country
        self._clock = clock

    def step(self) -> bool:
        """Answer one event; tell whether there was one.

        Raises:
            SQLAlchemyError: the store cannot be used; a claim that was made ends by itself.
        """
        claimed = self._inbox.claim()
        if claimed is None:
            return False
        started = time.perf_counter()
        try:
            state = self._work(claimed)
        except SealError:
            self._inbox.give_up(claimed, "not_opened")
            state = "failed"
        except Exception as error:  # one turn must not end the process
            is_busy = isinstance(error, SQLAlchemyError)
            level = logging.WARNING if is_busy else logging.ERROR
            most = MAX_CLAIMS if is_busy else MAX_ATTEMPTS
            logger.log(level, "event_not_answered", exc_info=error, extra={"id": claimed.id})
            again = self._inbox.try_again(claimed, type(error).__name__, most)
            state = "waiting" if again else "failed"
        milliseconds = round((time.perf_counter() - started) * 1000)
        told = {"id": claimed.id, "kind": claimed.kind, "state": state, "ms": milliseconds}
        logger.info("event_done", extra={"channel": claimed.platform, **told})
        return True

    def _work(self, claimed: Claimed) -> str:
        """Do what is to be done about an event; return its state."""
        content = self._sealer.open(claimed.sealed)
        if claimed.kind == "feedback":
            return self._rate(claimed, content)
        if claimed.said_at <= self._clock() - WINDOW:
            self._inbox.give_up(claimed, "late")
            return "failed"
        before = self._reception.before(claimed, content)
        if before.is_silent:
            said = [one for reply in before.replies for one in self._rendered(claimed, reply, "")]
            return self._finish(claimed, content, outgoing(before, said), before)
        reply, after = self._said(claimed, content)
        if reply.kind == "unavailable" and reply.call_now is None and claimed.attempts in PAUSES:
            self._inbox.put_off(claimed, reply.code, PAUSES[claimed.attempts])
            return "waiting"
        act = replace(after, desk=before.desk + after.desk, also=before.also + after.also)
        messages = outgoing(act, self._with_introduction(claimed, reply))
        return self._finish(claimed, content, messages, act, forget=reply.session_ended)

    def _finish(
        self,
        claimed: Claimed,
        content: Mapping[str, Any],
        messages: Sequence[Outgoing],
        act: Act,
        *,
        forget: bool = False,
    ) -> str:
        """Write everything about an event; return its state."""
        ignores = act.code if not messages else ""
        held = self._inbox.answer(
            claimed,
            str(content["person"]),
            messages,
            sign=str(content.get("sign", "")),
            forget=forget,
            also=act.also,
            ignores=ignores,
        )
        if not held:
            return "lost"
        return "ignored" if ignores else "answered"

    def _rate(self, claimed: Claimed, content: Mapping[str, Any]) -> str:
        """Keep feedback on a reply that was sent to this person; thank for a tap on our button."""
        button = str(content.get("reply_id", ""))
        if button:
            reply_id = button if self._inbox.is_reply_to(claimed, button) else None
        else:
            reply_id = self._inbox.reply_of(claimed, str(content["about"]))
        if reply_id is None:
            self._inbox.ignore(claimed, "not_our_reply")
            return "ignored"
        key, rating = claimed.conversation_key, str(content["rating"])
        if not self._feedback.feedback(key, reply_id, rating, None):
            again = self._inbox.try_again(claimed, "feedback_not_recorded")
            return "waiting" if again else "failed"
        thanks = self._composer.notice(_new_id(), "rated") if button else None
        messages = self._rendered(claimed, thanks, "") if thanks else []
        person, sign = str(content["person"]), str(content.get("sign", ""))
        held = self._inbox.answer(claimed, person, messages, sign=sign)
        return "answered" if held else "lost"

    def _with_introduction(self, claimed: Claimed, reply: Reply) -> list[Outgoing]:
        """Return all that is sent to the patient, with an introduction for a new person.

        In an emergency the numbers come first, whoever asks.
        """
        introduction = self._introduction(claimed, reply) if self._inbox.is_first(claimed) else []
        own = self._rendered(claimed, reply, reply.reply_id if claimed.kind == "text" else "")
        if reply.kind == "emergency":
            return [*own, *introduction]
        return [*introduction, *own]

    def _said(self, claimed: Claimed, content: Mapping[str, Any]) -> tuple[Reply, Act]:
        """Return the chatbot's reply, and what else is to be done."""
        key = claimed.conversation_key
        country = content.get("country") or self._countries.of(key) or self._country
        if claimed.kind != "text":
            reply = self._composer.notice(_new_id(), claimed.kind)
            if claimed.kind == "welcome":
                shown = self._banners.shown(reply.locale, country)
                reply = replace(reply, banners=shown)
            return reply, NOTHING
        text, wording = str(content["text"]), self._composer.wording
        told = read_country(text, wording.countries, wording.country_words)
        if told is not None:
            reply = self._composer.country_told(_new_id(), told)
            return reply, replace(NOTHING, also=(self._countries.choose(key, told),))
        message = Message(
            text=text,
            session_key=key,
            channel=claimed.platform,
            locale=wording.locale,
            country=country,
        )
        reply = self._turns.answer_turn(message)
        act = self._reception.after(claimed, content, reply)
        return (act.replies[0] if act.replies else reply), act

    def _introduction(self, claimed: Claimed, reply: Reply) -> list[Outgoing]:
        """Return what is said to somebody new: that this is a chatbot, and what it keeps."""
        notices = [self._composer.notice(_new_id(), "first_contact")]
        if reply.code != "welcome" and reply.kind != "emergency":
            welcome = self._composer.notice(_new_id(), "welcome")
            # Suggestions belong under the last message only.
            notices.append(replace(welcome, quick_replies=()))
        return [one for notice in notices for one in self._rendered(claimed, notice, "")]

    def _rendered(self, claimed: Claimed, reply: Reply, reply_id: str) -> list[Outgoing]:
        payloads = self._platforms[claimed.platform](reply)
        is_urgent = reply.kind == "emergency"
        return [Outgoing(payload, reply_id, is_urgent=is_urgent) for payload in payloads]


def _new_id() -> str:
    return secrets.token_hex(12)
