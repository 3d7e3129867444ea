"""One turn: the message that comes in and the reply that goes out, the same on every channel.

``Reply`` is the contract of ``POST /api/v1/messages``; its JSON form is made from these classes,
and docs/api.md describes it for integrators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["answer", "clarify", "no_answer", "emergency", "notice", "unavailable"]
Category = Literal["emergency", "self_harm", "abuse", "poisoning"]


@dataclass(frozen=True)
class Message:
    """What a person wrote, as a channel delivers it.

    Attributes:
        text: the words, raw; they never go further than the pipeline's third step.
        session_key: keyed hash that stands for the conversation.
        channel: where it came from.
        locale: language of the replies.
        country: ISO 3166 code that the person or the site chose, or None.
        is_drill: whether somebody of the content team takes part in a drill.
    """

    text: str
    session_key: str
    channel: str
    locale: str = "en"
    country: str | None = None
    is_drill: bool = False


@dataclass(frozen=True)
class Source:
    """A page that an answer rests on.

    Attributes:
        publisher: "CDC" or "WHO".
        title: the page's own title.
        url: its address.
        section: heading on the page that carries the answer.
        source_date: when the publisher last updated the page.
        checked_on: month or day of the copy that the answer was checked against.
        evidence: how much of the page was read: text_seen, excerpt_seen or url_only.
    """

    publisher: Literal["CDC", "WHO"]
    title: str
    url: str
    section: str | None
    source_date: str | None
    checked_on: str | None
    evidence: Literal["text_seen", "excerpt_seen", "url_only"]


@dataclass(frozen=True)
class EntryRef:
    """Which entry an answer is, and which wording of it."""

    entry_id: str
    revision: int
    question: str
    topic: str
    topic_title: str


@dataclass(frozen=True)
class Urgency:
    """How urgent the subject is and what to do when it is."""

    level: Literal["emergency", "urgent", "routine", "none"]
    action: str | None


@dataclass(frozen=True)
class Myth:
    """The claim that an answer corrects."""

    claim: str
    rating: Literal["false", "misleading", "unproven"]


@dataclass(frozen=True)
class Review:
    """Who checked an answer, when, and until when.

    Attributes:
        status: draft, source_checked or clinician_reviewed.
        by_role: role of the reviewer, or None.
        on: day of the review, or None.
        due: day from which the answer is withheld unless it was reviewed again.
        text: the same as a sentence.
    """

    status: Literal["draft", "source_checked", "clinician_reviewed"]
    by_role: str | None
    on: str | None
    due: str
    text: str


@dataclass(frozen=True)
class TextLine:
    """How to reach a helpline by text message."""

    label: str
    href: str


@dataclass(frozen=True)
class Helpline:
    """Somebody to call.

    Attributes:
        name: who answers.
        number: the number as it is printed, or None.
        tel: the number as a ``tel:`` link, or None.
        sms: how to text them, or None.
        url: their page, or None.
        hours: when they answer, or None.
        publisher: who says so, or None.
        checked_on: when that was read, or None.
    """

    name: str
    number: str | None
    tel: str | None
    sms: TextLine | None
    url: str | None
    hours: str | None
    publisher: str | None
    checked_on: str | None


@dataclass(frozen=True)
class EmergencyCard:
    """Help for the person's own country, or the general rule."""

    category: Category
    country: str | None
    steps: tuple[str, ...]
    lines: tuple[Helpline, ...]
    country_hint: str | None


@dataclass(frozen=True)
class Contact:
    """A person or office that a site hands over to."""

    name: str
    phone: str | None = None
    tel: str | None = None
    url: str | None = None
    hours: str | None = None


@dataclass(frozen=True)
class Link:
    """A page to go to."""

    title: str
    url: str
    publisher: str


@dataclass(frozen=True)
class QuickReply:
    """A suggestion; tapping it sends ``text``."""

    title: str
    text: str


@dataclass(frozen=True)
class BannerNote:
    """What is said to everybody in a crisis.

    Attributes:
        banner_id: tells one banner from another.
        text: the words.
        link: the page to go to.
        country: ISO 3166 code of the country that it is about, or None for everywhere.
        ends_at: when it ends, in UTC.
        is_drill: whether it is a drill, which only the content team sees.
    """

    banner_id: int
    text: str
    link: Link
    country: str | None
    ends_at: str
    is_drill: bool


@dataclass(frozen=True)
class Reply:
    """What is said, on every channel.

    Attributes:
        reply_id: id to give feedback on.
        kind: what sort of reply it is.
        code: what it is in particular, for counting ("greet", "no_answer", a triage rule's id).
        locale: its language.
        dir: its direction of writing.
        text: the main text.
        call_now: a line that goes above everything, or None.
        banners: what is said to everybody now: on the topic of an answer, or all with a menu.
        preface: short paragraphs before the text.
        details: bullets below it.
        seek_care: when to get care, or None.
        urgency: of the subject, or None.
        entry: the entry it rests on; every answer has one.
        myth: the claim it corrects, or None.
        conflict: how CDC and WHO differ, or None.
        sources: the pages it rests on; every answer has at least one.
        review: how it was checked, or None.
        score: probability that the entry answers the question, or None.
        emergency: the emergency card, or None.
        contacts: people to hand over to.
        links: pages to go on with.
        quick_replies: suggestions.
        disclaimer: what this is not.
        feedback: whether feedback is asked for.
        session_ended: the conversation was deleted; start a new one.
    """

    reply_id: str
    kind: Kind
    code: str
    locale: str
    dir: Literal["ltr", "rtl"]
    text: str
    call_now: str | None = None
    banners: tuple[BannerNote, ...] = ()
    preface: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    seek_care: str | None = None
    urgency: Urgency | None = None
    entry: EntryRef | None = None
    myth: Myth | None = None
    conflict: str | None = None
    sources: tuple[Source, ...] = ()
    review: Review | None = None
    score: float | None = None
    emergency: EmergencyCard | None = None
    contacts: tuple[Contact, ...] = ()
    links: tuple[Link, ...] = ()
    quick_replies: tuple[QuickReply, ...] = ()
    disclaimer: str = ""
    feedback: bool = False
    session_ended: bool = False
