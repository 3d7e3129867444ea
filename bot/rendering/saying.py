"""What a reply says, in order: the same words on every messaging platform.

Emergency numbers and the call-now line come first, then what CDC or WHO say, how it was checked,
and the pages last, right above their buttons. A page always stands in the text with its whole
address, beside its publisher and title: buttons are not shown by every app, are not read out by
all, and are gone when somebody forwards the text. The address has a line of its own, so that no
mark or full stop clings to it and right-to-left words do not turn it round.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.rendering.limits import units
from bot.rendering.message import joined
from bot.rendering.text import directed, isolated, isolated_number
from bot.rendering.words import Words, filled
from bot.turn import BannerNote, Contact, EmergencyCard, Helpline, Link, QuickReply, Reply, Source

BULLET = "• "


@dataclass(frozen=True)
class Page:
    """A page to open.

    Attributes:
        title: publisher and title, for a button.
        url: its address.
        text: what stands in the message: title, date, and the whole address.
    """

    title: str
    url: str
    text: str


@dataclass(frozen=True)
class Said:
    """What a reply says.

    Attributes:
        lead: paragraphs that must stand in the first message.
        body: the other paragraphs, without those of the pages.
        pages: pages to open.
        calls: numbers that a button can call, as printed and with their country's code.
        choices: suggestions, each once.
        prompt: what is said above the suggestions.
        rated: id of the reply if it is to be rated, else "".
    """

    lead: tuple[str, ...]
    body: tuple[str, ...]
    pages: tuple[Page, ...]
    calls: tuple[tuple[str, str], ...]
    choices: tuple[QuickReply, ...]
    prompt: str
    rated: str

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """All paragraphs but those of the pages."""
        return (*self.lead, *self.body)

    @property
    def text(self) -> str:
        """All words."""
        return joined((*self.paragraphs, *(page.text for page in self.pages)))


def said(reply: Reply, words: Words, limit: int) -> Said:
    """Return what a reply says on a platform whose messages have at most ``limit`` units."""
    card = reply.emergency
    lines = card.lines if card else ()
    lead = _emergency_lead(reply, card, words, limit) if card else (reply.call_now or "",)
    body = _emergency_body(reply, card, words) if card else _answer_body(reply, words)
    more = (_banner(banner, reply.dir, words) for banner in reply.banners)
    contacts = _list(words.contacts, [_contact(one, reply.dir) for one in reply.contacts])
    return Said(
        lead=_clean(lead, reply.dir),
        body=_clean((*more, *body, contacts, _checked(reply)), reply.dir),
        pages=_pages(reply, lines, words, limit),
        calls=tuple(
            (line.number, tel)
            for line in lines
            if line.number and (tel := (line.tel or "").removeprefix("tel:")).startswith("+")
        ),
        choices=_choices(reply),
        prompt=words.more if reply.kind == "answer" else words.choose,
        rated=reply.reply_id if reply.feedback else "",
    )


def note(prompt: str, titles: Sequence[str]) -> str:
    """Return the paragraph that lists what buttons cannot show in full, "" for nothing."""
    return _list(prompt, [BULLET + title for title in titles])


def _list(heading: str, lines: Sequence[str]) -> str:
    return "\n".join((heading, *lines)) if lines else ""


def _clean(paragraphs: Sequence[str], direction: str) -> tuple[str, ...]:
    stripped = (paragraph.strip() for paragraph in paragraphs)
    return tuple(directed(paragraph, direction) for paragraph in stripped if paragraph)


# --- the body -------------------------------------------------------------------------------------


def _answer_body(reply: Reply, words: Words) -> tuple[str, ...]:
    """Return the paragraphs of a reply that is no emergency; a myth's fact before its claim."""
    question = ""
    if reply.entry and not reply.myth:
        question = filled(words.question, question=reply.entry.question)
    return (*reply.preface, question, reply.text, *_below(reply, words))


def _below(reply: Reply, words: Words) -> tuple[str, ...]:
    return (
        _myth(reply, words),
        "\n".join(BULLET + detail.strip() for detail in reply.details if detail.strip()),
        _care(reply, words),
        _list(words.conflict, [reply.conflict] if reply.conflict else []),
    )


def _myth(reply: Reply, words: Words) -> str:
    if reply.myth is None:
        return ""
    ratings = {
        "false": words.rating_false,
        "misleading": words.rating_misleading,
        "unproven": words.rating_unproven,
    }
    return filled(words.myth, claim=reply.myth.claim, rating=ratings[reply.myth.rating])


def _care(reply: Reply, words: Words) -> str:
    """Return what to do now and when to get care, one sentence once."""
    action = reply.urgency.action if reply.urgency else None
    return _list(words.care, [one for one in dict.fromkeys((action, reply.seek_care)) if one])


def _checked(reply: Reply) -> str:
    """Return how an answer was checked and what it is not; other replies say nothing of health."""
    if reply.kind != "answer":
        return ""
    return " ".join(filter(None, (reply.review.text if reply.review else "", reply.disclaimer)))


def _banner(banner: BannerNote, direction: str, words: Words) -> str:
    drill = f"{words.drill} " if banner.is_drill else ""
    return "\n".join(
        (drill + banner.text, isolated(_name(banner.link), direction), banner.link.url)
    )


# --- emergencies ----------------------------------------------------------------------------------


def _emergency_lead(reply: Reply, card: EmergencyCard, words: Words, limit: int) -> tuple[str, ...]:
    """Return what the first message of an emergency holds: the numbers, whatever else is long."""
    lines = [_helpline(line, reply.dir) for line in card.lines]
    numbers = _list(words.numbers, [line for line in lines if line])
    lead = (reply.call_now or "", reply.text, numbers)
    if units(joined(_clean(lead, reply.dir))) <= limit:
        return lead
    bare = " · ".join(isolated_number(one.number, reply.dir) for one in card.lines if one.number)
    return (_list(words.numbers, [bare] if bare else []), *lead)


def _emergency_body(reply: Reply, card: EmergencyCard, words: Words) -> tuple[str, ...]:
    steps = [f"{number}. {step}" for number, step in enumerate(card.steps, 1)]
    hint = card.country_hint or ""
    return (_list(words.steps, steps), hint, *reply.preface, *_below(reply, words))


def _helpline(line: Helpline, direction: str) -> str:
    """Return who can be called and how, "" where there is only a page."""
    number = isolated_number(line.number, direction) if line.number else ""
    sms = isolated(line.sms.label, direction) if line.sms else ""
    ways = ", ".join(part for part in (number, line.hours or "", sms) if part)
    return f"{isolated(line.name, direction)}: {ways}" if number or sms else ""


def _contact(contact: Contact, direction: str) -> str:
    phone = isolated_number(contact.phone, direction) if contact.phone else ""
    ways = ", ".join(part for part in (phone, contact.hours or "") if part)
    name = isolated(contact.name, direction)
    lines = (BULLET + (f"{name}: {ways}" if ways else name), contact.url or "")
    return "\n".join(line for line in lines if line)


# --- pages and suggestions ------------------------------------------------------------------------


def _pages(reply: Reply, lines: Sequence[Helpline], words: Words, limit: int) -> tuple[Page, ...]:
    """Return the pages of a reply, the first of each kind below its heading.

    A page whose address alone is longer than a message cannot be said. Sources have at most 400
    characters; only a search for very many words becomes that long.
    """
    sources = [Page(_name(one), one.url, _dated(one, reply.dir, words)) for one in reply.sources]
    others = [Page(_name(one), one.url, isolated(_name(one), reply.dir)) for one in reply.links]
    others += [
        Page(name, line.url, isolated(name, reply.dir))
        for line in lines
        if line.url and (name := " ".join(line.name.split()))
    ]
    return (
        *_headed(words.sources, sources, limit),
        *_headed(words.links, others, limit),
    )


def _headed(heading: str, pages: Sequence[Page], limit: int) -> list[Page]:
    fitting = [page for page in pages if units(page.url) <= limit]
    headings = (heading, *("" for _ in fitting[1:]))
    return [
        replace(page, text="\n".join(filter(None, (above, page.text, page.url))))
        for above, page in zip(headings, fitting, strict=False)
    ]


def _name(page: Source | Link) -> str:
    """Return publisher and title of a page; a title that names its publisher stands alone."""
    title = " ".join(page.title.split())
    is_named = re.search(rf"\b{re.escape(page.publisher)}\b", title)
    return title if is_named else f"{page.publisher}: {title}"


def _dated(source: Source, direction: str, words: Words) -> str:
    """Return publisher, title and date of a source: of its last update, else of our reading."""
    title = _name(source)
    if source.source_date:
        title = filled(words.dated, title=title, date=words.date(source.source_date))
    elif source.checked_on:
        title = filled(words.read, title=title, date=words.date(source.checked_on))
    return isolated(title, direction)


def _choices(reply: Reply) -> tuple[QuickReply, ...]:
    """Return the suggestions that say something, each text once."""
    found = {
        text: QuickReply(" ".join(choice.title.split()) or text, text)
        for choice in reversed(reply.quick_replies)
        if (text := choice.text.strip())
    }
    return tuple(reversed(found.values()))
