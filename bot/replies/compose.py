"""Word what was decided: payloads and codes in, a complete ``Reply`` out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast
from urllib.parse import quote_plus, urlsplit

from bot.rasa_client import (
    AnswerPayload,
    ClarifyPayload,
    EmergencyPayload,
    NoAnswerPayload,
    NoticePayload,
    OptionPayload,
    Payload,
    RasaUnavailable,
)
from bot.replies import Wording
from bot.replies.helplines import HelplineBook, Lines
from bot.turn import Category, Contact, EmergencyCard, Link, QuickReply, Reply, Review, Source

ALLOWED_HOSTS = {"CDC": "www.cdc.gov", "WHO": "www.who.int"}
CDC_HOME, WHO_HOME = "https://www.cdc.gov/health-topics.html", "https://www.who.int/health-topics"
CDC_SEARCH = "https://search.cdc.gov/search/?query={words}"
WHO_SEARCH = (
    "https://www.who.int/home/search-results?indexCatalogue=genericsearchindex1"
    "&searchQuery={words}&wordsMode=AnyWord"
)
CLAIM_STEP = "claim_step_"
DECLINED = {"decline_diagnosis", "decline_dose"}
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}


@dataclass(frozen=True)
class TopicChoice:
    """A live topic, for menus.

    Attributes:
        slug: its id.
        title: as people read it.
        ask: a text that asks for it.
    """

    slug: str
    title: str
    ask: str


class Composer:
    """Words replies in one language."""

    def __init__(
        self,
        wording: Wording,
        helplines: HelplineBook,
        contacts: tuple[Contact, ...],
        topics: Callable[[], Sequence[TopicChoice]],
        max_characters: int,
    ) -> None:
        """Take what replies are made of.

        Args:
            wording: the language.
            helplines: numbers per country.
            contacts: the site's own people to hand over to; empty means the general advice.
            topics: gives the live topics.
            max_characters: limit that the ``too_long`` notice names.
        """
        self.wording = wording
        self.helplines = helplines
        self._contacts = contacts
        self._topics = topics
        self._max_characters = max_characters

    def compose(self, reply_id: str, payloads: Sequence[Payload], country: str | None) -> Reply:
        """Word what Rasa said in one turn; notices before the last payload become its preface.

        Raises:
            RasaUnavailable: an answer without an allowed source, or the action server said that it
                cannot answer.
        """
        *before, last = payloads
        notices = [payload for payload in before if isinstance(payload, NoticePayload)]
        declined = any(payload.code in DECLINED for payload in notices)
        reply = self._word(reply_id, last, country, declined)
        preface = tuple(payload.text for payload in notices if payload.text)
        if declined and reply.seek_care is None and reply.kind in {"answer", "clarify"}:
            reply = replace(reply, seek_care=self.wording.seek_care_declined)
        return replace(reply, preface=preface + reply.preface)

    def _word(self, reply_id: str, payload: Payload, country: str | None, declined: bool) -> Reply:
        if isinstance(payload, AnswerPayload):
            return self._answer(reply_id, payload)
        if isinstance(payload, ClarifyPayload):
            return self._clarify(reply_id, payload)
        if isinstance(payload, NoAnswerPayload):
            return self._no_answer(reply_id, payload, declined)
        if isinstance(payload, EmergencyPayload):
            return self.emergency(reply_id, payload.category, payload.rule, country)
        if isinstance(payload, NoticePayload):
            return self._notice(reply_id, payload, country)
        raise RasaUnavailable(payload.code)

    def emergency(self, reply_id: str, category: Category, rule: str, country: str | None) -> Reply:
        """Return the emergency reply; needs nothing but memory."""
        wording = self.wording.emergency
        text = wording.of(category)
        lines = self.helplines.lines(category, country)
        card = EmergencyCard(
            category=category,
            country=country,
            steps=tuple(self._step(step, lines, category) for step in text.steps),
            lines=lines.emergency + lines.special,
            country_hint=None if country else wording.country_hint,
        )
        reply = self._base(reply_id, "emergency", rule, text.text)
        return replace(reply, emergency=card)

    def unavailable(self, reply_id: str, code: str) -> Reply:
        """Return the reply for "this cannot be answered right now"."""
        reply = self._base(reply_id, "unavailable", code, self.wording.unavailable)
        return replace(reply, links=self._home_links())

    def notice(self, reply_id: str, code: str) -> Reply:
        """Return a fixed notice of the gateway's own, with the menu where it helps."""
        text = self.wording.notices[code].replace("{limit}", f"{self._max_characters:,}")
        reply = self._base(reply_id, "notice", code, text)
        if code in {"welcome", "empty"}:
            return replace(reply, quick_replies=self.menu())
        return reply

    def handover(
        self, reply_id: str, code: str, hours: str = "", country: str | None = None
    ) -> Reply:
        """Return what is said when a conversation goes to a person or comes back.

        Args:
            reply_id: of the turn.
            code: field of the wording.
            hours: when somebody is there.
            country: of the patient, or None.
        """
        wording = self.wording.handover
        text = str(getattr(wording, code)).replace("{hours}", hours)
        reply = self._base(reply_id, "notice", f"handover_{code}", text)
        if code == "begun_desk":
            return replace(reply, quick_replies=(wording.to_bot,))
        if code in {"back", "late", "absent"}:
            reply = replace(reply, quick_replies=self.menu())
        if code in {"closed", "absent"}:
            return replace(reply, contacts=self._contacts_for(country))
        return reply

    def country_told(self, reply_id: str, country: str) -> Reply:
        """Return what is said to somebody who told where they are: the numbers there."""
        name = self.wording.countries.get(country, country)
        number = self.helplines.emergency_number(country) or self.wording.emergency.call_local
        text = self.wording.country_told.replace("{country}", name).replace("{number}", number)
        reply = self._base(reply_id, "notice", "country_told", text)
        return replace(reply, contacts=self._people(country))

    def _contacts_for(self, country: str | None) -> tuple[Contact, ...]:
        """Return people to talk to: the site's own, then those of the country."""
        own = self._contacts or self.wording.talk_to_person
        return (*own, *self._people(country))

    def menu(self) -> tuple[QuickReply, ...]:
        """Return the topics to start with, as far as they are live, and help."""
        live = {choice.slug: choice for choice in self._topics()}
        chosen = [live[slug] for slug in self.wording.menu if slug in live]
        buttons = tuple(QuickReply(choice.title, choice.ask) for choice in chosen)
        return (*buttons, self.wording.quick_replies.help)

    def with_call_now(self, reply: Reply, country: str | None = None) -> Reply:
        """Put the call-now line on top of a reply."""
        return replace(reply, call_now=self.call_now(country))

    def call_now(self, country: str | None) -> str:
        """Return the call-now line, with the number where the country is known."""
        number = self.helplines.emergency_number(country)
        if number is None:
            return self.wording.call_now
        return self.wording.call_now_country.replace("{number}", number)

    def _answer(self, reply_id: str, payload: AnswerPayload) -> Reply:
        if not all(is_allowed(source) for source in payload.sources):
            raise RasaUnavailable("source_not_allowed")
        text = payload.text
        if payload.expired:
            text = expired_text(self.wording, payload.urgency.level)
        review = payload.review
        sentence = review_text(self.wording, review.status, review.by_role, review.on)
        reply = self._base(reply_id, "answer", "expired" if payload.expired else "answer", text)
        return replace(
            reply,
            locale=payload.locale,
            details=payload.details,
            seek_care=payload.seek_care,
            urgency=payload.urgency,
            entry=payload.entry,
            myth=payload.myth,
            conflict=payload.conflict,
            sources=payload.sources,
            review=Review(review.status, review.by_role, review.on, review.due, sentence),
            score=payload.score,
            quick_replies=_options(payload.related),
            call_now=self.wording.call_now if payload.call_now else None,
            feedback=True,
        )

    def _clarify(self, reply_id: str, payload: ClarifyPayload) -> Reply:
        wording = self.wording
        text = wording.clarify
        if payload.topic_title:
            text = wording.clarify_topic.replace("{topic}", payload.topic_title)
        reply = self._base(reply_id, "clarify", "clarify", text)
        return replace(
            reply,
            quick_replies=(
                *self._urgent(payload.call_now),
                *_options(payload.options),
                *((wording.quick_replies.check_steps,) if payload.is_claim else ()),
            ),
            score=payload.score,
            call_now=wording.call_now if payload.call_now else None,
        )

    def other_language(self, reply_id: str, language: str) -> Reply:
        """Say, in the person's own language where that is known, that only ours is read."""
        wording = self.wording.other_language
        text = wording.texts.get(language)
        reply = self._base(reply_id, "no_answer", "other_language", text or wording.default)
        if text:
            reply = replace(
                reply, locale=language, dir="rtl" if language in RIGHT_TO_LEFT else "ltr"
            )
        return replace(
            reply,
            links=wording.links.get(language, wording.default_links),
            quick_replies=self._urgent(call_now=True),
            call_now=self.wording.call_now,
        )

    def _no_answer(self, reply_id: str, payload: NoAnswerPayload, declined: bool) -> Reply:
        if payload.code == "other_language":
            return self.other_language(reply_id, payload.language or "")
        wording = self.wording
        is_claim = payload.code == "claim_not_found"
        text = wording.claim_not_found if is_claim else wording.no_answer
        if declined:
            text = wording.no_answer_declined
        live = {choice.slug: choice for choice in self._topics()}
        # After a declined diagnosis even a list of near diseases would be one.
        topics = () if declined else payload.topics
        offered = [live[topic.topic] for topic in topics if topic.topic in live]
        buttons = tuple(QuickReply(choice.title, choice.ask) for choice in offered)
        ways = wording.quick_replies
        buttons = (
            (ways.check_steps, ways.report_claim, *buttons)
            if is_claim
            else (*buttons, ways.talk_to_person)
        )
        return replace(
            self._base(reply_id, "no_answer", payload.code, text),
            links=self.search_links(payload.words),
            quick_replies=(*self._urgent(payload.call_now), *buttons),
            score=payload.score,
            call_now=wording.call_now if payload.call_now else None,
            feedback=True,
        )

    def _urgent(self, call_now: bool) -> tuple[QuickReply, ...]:
        """Return the way into the emergency reply, for a message that only may be urgent."""
        return (self.wording.quick_replies.urgent,) if call_now else ()

    def _claim_step(self, reply_id: str, code: str) -> Reply:
        """Return one of the steps of checking a claim; the last one names fact-checkers."""
        steps, ways = self.wording.claim_steps, self.wording.quick_replies
        number = int(code.removeprefix(CLAIM_STEP))
        if not 1 <= number <= len(steps.steps):
            raise RasaUnavailable("notice_without_wording")
        is_last = number == len(steps.steps)
        head = steps.head.replace("{number}", str(number)).replace("{all}", str(len(steps.steps)))
        reply = self._base(reply_id, "notice", code, steps.steps[number - 1].text)
        return replace(
            reply,
            preface=(f"{head} {steps.steps[number - 1].title}",),
            links=steps.fact_checkers if is_last else (steps.source,),
            quick_replies=(
                (ways.report_claim, ways.help)
                if is_last
                else (ways.next_step, ways.report_claim, ways.stop)
            ),
        )

    def _notice(self, reply_id: str, payload: NoticePayload, country: str | None) -> Reply:
        if payload.code.startswith(CLAIM_STEP):
            return self._claim_step(reply_id, payload.code)
        text = payload.text or self.wording.notices.get(payload.code, "")
        if not text:
            raise RasaUnavailable("notice_without_wording")
        reply = self._base(reply_id, "notice", payload.code, text)
        menu = self.menu()[:-1] if payload.menu else ()
        reply = replace(reply, quick_replies=menu + payload.quick_replies)
        if payload.code == "talk_to_person":
            return replace(reply, contacts=self._contacts_for(country))
        if payload.code == "change_language":
            return replace(reply, links=self._home_links())
        return reply

    def _people(self, country: str | None) -> tuple[Contact, ...]:
        """Return lines of a country where somebody listens; directories where it has none."""
        lines = self.helplines.lines("self_harm", country).special
        return tuple(
            Contact(line.name, line.number, line.tel, line.url, line.hours) for line in lines
        )

    def search_links(self, words: str) -> tuple[Link, ...]:
        """Return the search pages of CDC and WHO for some words; their front pages for none."""
        if not words:
            return self._home_links()
        titles, query = self.wording.links, quote_plus(words)
        cdc = titles.search_cdc.replace("{words}", words)
        who = titles.search_who.replace("{words}", words)
        return (
            Link(cdc, CDC_SEARCH.replace("{words}", query), "CDC"),
            Link(who, WHO_SEARCH.replace("{words}", query), "WHO"),
        )

    def _home_links(self) -> tuple[Link, ...]:
        titles = self.wording.links
        return (Link(titles.cdc, CDC_HOME, "CDC"), Link(titles.who, WHO_HOME, "WHO"))

    def _step(self, step: str, lines: Lines, category: Category) -> str:
        """Fill the numbers of a country into a step; without one, its words stand alone."""
        numbers = [line.number for line in lines.emergency if line.number]
        call = " or ".join(numbers[:1]) or self.wording.emergency.call_local
        special = ""
        if lines.has_special and lines.special[0].number:
            special = f": {lines.special[0].name}, {lines.special[0].number}"
        kinds = {"poisoning": "{poison}", "self_harm": "{crisis}", "abuse": "{violence}"}
        return step.replace("{call}", call).replace(kinds.get(category, "{-}"), special)

    def _base(
        self,
        reply_id: str,
        kind: Literal["answer", "clarify", "no_answer", "emergency", "notice", "unavailable"],
        code: str,
        text: str,
    ) -> Reply:
        wording = self.wording
        return Reply(
            reply_id=reply_id,
            kind=kind,
            code=code,
            locale=wording.locale,
            dir=cast(Literal["ltr", "rtl"], wording.dir),
            text=text,
            disclaimer=wording.disclaimer,
        )


def expired_text(wording: Wording, level: str) -> str:
    """Return what stands in the place of an answer past its review date.

    Args:
        wording: the language.
        level: how urgent the subject is; an emergency is still called one.
    """
    if level != "emergency":
        return wording.expired
    return f"{wording.expired} {wording.expired_emergency}"


def review_text(wording: Wording, status: str, by_role: str | None, on: str | None) -> str:
    """Return how an answer was checked, as a sentence.

    Args:
        wording: the language.
        status: draft, source_checked or clinician_reviewed.
        by_role: role of the reviewer, or None.
        on: day of the review, or None.
    """
    sentence: str = getattr(wording.review, status)
    return sentence.replace("{role}", by_role or "").replace("{on}", on or "")


def is_allowed(source: Source) -> bool:
    """Tell whether a source is a page of its publisher's own site."""
    return is_page_of(source.publisher, source.url)


def is_page_of(publisher: str, url: str) -> bool:
    """Tell whether an address is on a publisher's own site."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.hostname == ALLOWED_HOSTS[publisher]


def _options(options: Sequence[OptionPayload]) -> tuple[QuickReply, ...]:
    return tuple(QuickReply(option.question, option.question) for option in options)
