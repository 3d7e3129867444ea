"""Replies for tests of rendering: any that hypothesis can think of, and small ones to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from bot.rendering.words import read_words
from bot.turn import (
    BannerNote,
    Contact,
    EmergencyCard,
    EntryRef,
    Helpline,
    Link,
    Myth,
    QuickReply,
    Reply,
    Review,
    Source,
    TextLine,
    Urgency,
)

WORDS = read_words()
REPLY_ID = "0123456789abcdef01234567"
SOURCE = Source(
    publisher="CDC",
    title="Measles",
    url="https://www.cdc.gov/measles/about/index.html",
    section=None,
    source_date="2026-05-18",
    checked_on="2026-09",
    evidence="text_seen",
)
# Words of many scripts, with what breaks when it is cut: accents, flags, families, skin tones.
SAMPLES = (
    "measles spreads. when people cough? 3.5 days! (see below) e\u0301 "
    "cafe\u0301 👩‍👩‍👧‍👦 👍🏽 🇺🇸 🇬🇧 1️⃣ "
    "الحصبة مرض معدٍ؟ لا تقلق۔ क्षत्रिय बुखार है। 发烧。咳嗽！ 한국어 감기 นี้ก็ส่งกำลัง "
    "https://www.who.int/ar/news?id=1.2.3!x 1-800-222-1222 *bold* _x_ <b> &amp; {words}"
).split()
FORMATS = set("\u200e\u200f\u2066\u2067\u2068\u2069")
"""Marks of direction, which a renderer may add."""


def bare(text: str) -> str:
    """Return a text without space and without marks of direction."""
    return "".join(c for c in text if not c.isspace() and c not in FORMATS)


def _passage(begin: int, count: int, space: str = " ") -> str:
    """Return some of the words, from one of them on."""
    return space.join((SAMPLES * (count // len(SAMPLES) + 2))[begin : begin + count])


STARTS = range(0, len(SAMPLES), 4)
SHORT_TEXTS = [_passage(begin, count) for begin in STARTS for count in (1, 3, 8)]
LONG_TEXTS = [_passage(begin, count) for begin in STARTS for count in (40, 300, 1600)]
LONG_TEXTS += [_passage(begin, 120, "\n\n") for begin in STARTS]
ENDLESS_TEXTS = [
    part * (4200 // len(part)) for part in ("x", "发", "👩‍👩‍👧‍👦", "क्ष", "🇺🇸", "e\u0301")
]
"""Without a space, and longer than any message."""

TITLE_TEXTS = [_passage(0, 40), _passage(9, 300)]


def _one_of(texts: Sequence[str]) -> st.SearchStrategy[str]:
    """Choose a text by its number: hypothesis writes out all that it samples from."""
    return st.integers(0, len(texts) - 1).map(lambda number: texts[number])


SHORT, LONG = _one_of(SHORT_TEXTS), _one_of(LONG_TEXTS)
ODD = st.text(st.characters(exclude_categories=("Cs", "Cn", "Cc")), min_size=1, max_size=40)
TEXTS = st.one_of(SHORT, LONG, ODD, _one_of(["", "", "", "", *ENDLESS_TEXTS]))
TITLES = st.one_of(SHORT, ODD, _one_of(TITLE_TEXTS))
DATES = st.sampled_from([None, "2026-05-18", "2026-05", "soon"])
URLS = st.builds(
    lambda host, path, size: f"https://{host}/{(path * 400)[:size]}",
    st.sampled_from(["www.cdc.gov", "www.who.int"]),
    st.sampled_from(["a", "a-b/", "a.b?c=1&", "%D8%A7"]),
    st.integers(0, 380),
)
NUMBERS = st.sampled_from(["911", "112", "1-800-222-1222", "116 123", "05 56 96 40 80"])
SOURCES = st.builds(
    Source,
    publisher=st.sampled_from(["CDC", "WHO"]),
    title=TITLES,
    url=URLS,
    section=st.none() | SHORT,
    source_date=DATES,
    checked_on=DATES,
    evidence=st.sampled_from(["text_seen", "excerpt_seen", "url_only"]),
)
LINKS = st.builds(Link, title=TITLES, url=URLS, publisher=SHORT)
HELPLINES = st.builds(
    Helpline,
    name=TITLES,
    number=st.none() | NUMBERS,
    tel=st.sampled_from([None, "tel:911", "tel:+18002221222", "tel:+33556964080"]),
    sms=st.none() | st.builds(TextLine, label=SHORT, href=st.just("sms:988")),
    url=st.none() | URLS,
    hours=st.none() | SHORT,
    publisher=st.none() | SHORT,
    checked_on=DATES,
)
CARDS = st.builds(
    EmergencyCard,
    category=st.sampled_from(["emergency", "self_harm", "abuse", "poisoning"]),
    country=st.sampled_from([None, "US"]),
    steps=st.lists(TEXTS, max_size=5).map(tuple),
    lines=st.lists(HELPLINES, max_size=9).map(tuple),
    country_hint=st.none() | SHORT,
)
CONTACTS = st.builds(
    Contact, name=TITLES, phone=st.none() | NUMBERS, url=st.none() | URLS, hours=st.none() | SHORT
)
BANNERS = st.builds(
    BannerNote,
    banner_id=st.just(1),
    text=TEXTS,
    link=LINKS,
    country=st.none(),
    ends_at=st.just("2026-12-01T00:00:00"),
    is_drill=st.booleans(),
)
ENTRY = EntryRef("measles-spread", 1, "How does measles spread?", "measles", "Measles")
REPLIES = st.builds(
    Reply,
    reply_id=st.just(REPLY_ID),
    kind=st.sampled_from(["answer", "clarify", "no_answer", "emergency", "notice", "unavailable"]),
    code=st.just("x"),
    locale=st.sampled_from(["en", "ar"]),
    dir=st.sampled_from(["ltr", "rtl"]),
    text=TEXTS,
    call_now=st.none() | TEXTS,
    banners=st.lists(BANNERS, max_size=2).map(tuple),
    preface=st.lists(TEXTS, max_size=2).map(tuple),
    details=st.lists(TEXTS, max_size=6).map(tuple),
    seek_care=st.none() | TEXTS,
    urgency=st.none() | st.builds(Urgency, level=st.just("urgent"), action=st.none() | TEXTS),
    entry=st.sampled_from([None, ENTRY]),
    myth=st.none()
    | st.builds(Myth, claim=TEXTS, rating=st.sampled_from(["false", "misleading", "unproven"])),
    conflict=st.none() | TEXTS,
    sources=st.lists(SOURCES, max_size=6).map(tuple),
    review=st.none()
    | st.builds(
        Review,
        status=st.just("source_checked"),
        by_role=st.none(),
        on=st.none(),
        due=st.just("2027-01-01"),
        text=SHORT,
    ),
    score=st.none(),
    emergency=st.none() | CARDS,
    contacts=st.lists(CONTACTS, max_size=3).map(tuple),
    links=st.lists(LINKS, max_size=5).map(tuple),
    quick_replies=st.lists(st.builds(QuickReply, title=TITLES, text=TITLES), max_size=30).map(
        tuple
    ),
    disclaimer=st.sampled_from(["", "General health information, not a diagnosis."]),
    feedback=st.booleans(),
    session_ended=st.just(False),
)


def make_reply(**fields: Any) -> Reply:
    """Return a short answer; ``fields`` replace or add to it."""
    base: dict[str, Any] = {
        "reply_id": REPLY_ID,
        "kind": "answer",
        "code": "answer",
        "locale": "en",
        "dir": "ltr",
        "text": "Measles spreads through the air when people cough.",
        "sources": (SOURCE,),
        "disclaimer": "General health information, not a diagnosis.",
        "feedback": True,
    }
    return Reply(**{**base, **fields})


def helpline(name: str, number: str, tel: str) -> Helpline:
    """Return a line to call."""
    return Helpline(name, number, f"tel:{tel}", None, None, None, "CDC", "2026-11")


def emergency(*lines: Helpline, **fields: Any) -> Reply:
    """Return an emergency reply with lines to call."""
    card = EmergencyCard("poisoning", "US", ("Call 911 now.", "Keep the pack."), lines, None)
    fields = {"text": "Please get help now.", "sources": (), "feedback": False, **fields}
    return make_reply(kind="emergency", code="rule", emergency=card, **fields)


def asking(*questions: str, **fields: Any) -> Reply:
    """Return a choice between questions."""
    fields = {"text": "Which of these do you mean?", "sources": (), "feedback": False, **fields}
    replies = tuple(QuickReply(question, question) for question in questions)
    return make_reply(kind="clarify", code="clarify", quick_replies=replies, **fields)
