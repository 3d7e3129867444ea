"""What may be published: the rules that every entry must pass, each with its reason.

An error refuses the corpus; a warning is shown and lets it pass. Rules look at wording and
provenance only: whether an answer is right is for a person to say.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import textstat

from knowledge.entry import Aspect, Entry, Evidence, Status
from knowledge.exchange import Fault, Located

MAX_SHORT_ANSWER_WORDS = 60
MAX_DETAIL_WORDS = 40
MAX_GRADE = 8.0
"""Reading grade that CDC and AHRQ advise at most for the public (docs/content-guide.md)."""
MIN_VARIANTS = 10

ALLOWED_HOSTS = {"CDC": {"www.cdc.gov"}, "WHO": {"www.who.int"}}

# CDC's page on autism and vaccines was rewritten on 2025-11-19 and no longer carries the claim.
CONTESTED = {
    "https://www.cdc.gov/vaccine-safety/about/autism.html": (
        "no longer says that vaccines do not cause autism: cite WHO"
    ),
    "https://www.cdc.gov/vaccinesafety/concerns/autism.html": (
        "no longer says that vaccines do not cause autism: cite WHO"
    ),
}

DOSE = re.compile(
    r"\b\d+(?:[.,]\d+)?\s?(?:mg|mcg|µg|ml|milligrams?|millilit(?:er|re)s?|"
    r"tablets?|pills?|drops|teaspoons?|tablespoons?)\b|\bevery \d+ hours\b",
    re.IGNORECASE,
)
DIAGNOSIS = re.compile(
    r"\byou (?:probably |may |might |likely |do |don't |do not )?have "
    r"(?:the |a |an )?(?:flu|cold|covid|rsv|measles|infection|disease|cancer|diabetes)\b",
    re.IGNORECASE,
)
# "If you have flu, stay home" speaks to people who know it; it diagnoses nobody.
CONDITION = re.compile(
    r"\b(?:if|when|while|that|who|think|whether|once|after|because|before|until|even if|in case) "
    r"(?:\w+ ){0,3}?you (?:\w+ )?have\b",
    re.IGNORECASE,
)
PROMISE = re.compile(
    r"\b(?:guarantee[sd]?|miracle|completely safe|totally safe|always works|never fails|"
    r"will cure|cures you|no risk)\b|\b100 ?%",
    re.IGNORECASE,
)
SCHEDULE = re.compile(
    r"\bat (?:age )?\d+ (?:weeks|months|years)(?: old)?.{0,40}\b(?:shot|dose|vaccine)", re.I
)


@dataclass(frozen=True)
class Finding:
    """What one rule says of one field."""

    field: tuple[str | int, ...]
    message: str
    level: str = "error"


Rule = Callable[[Entry], Iterator[Finding]]


def check(located: Sequence[Located], cdc_pages: frozenset[str] | None = None) -> list[Fault]:
    """Check every entry and the corpus as a whole.

    Args:
        located: the entries with their places.
        cdc_pages: CDC's own list of pages; None leaves that one rule out.

    Returns:
        Every fault, errors and warnings, in the order of the files.
    """
    faults: list[Fault] = []
    for item in located:
        entry = item.topic_entry.entry
        findings = [finding for rule in RULES for finding in rule(entry)]
        if cdc_pages is not None:
            findings += _cdc_page_exists(entry, cdc_pages)
        for finding in findings:
            field = ".".join(str(part) for part in finding.field)
            line = item.line(*finding.field)
            faults.append(Fault(item.file, line, entry.id, field, finding.message, finding.level))
    return faults + list(_shared_wordings(located)) + list(_unknown_topics(located))


def read_cdc_pages(file: Path) -> frozenset[str]:
    """Read CDC's list of page addresses, one a line, gzipped."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return frozenset(line.strip() for line in lines if line.strip())


def grade(text: str) -> float:
    """Return the Flesch-Kincaid reading grade (Kincaid and others, 1975) of an English text."""
    return float(textstat.flesch_kincaid_grade(text))


def _texts(entry: Entry) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield ("short_answer",), entry.short_answer
    for number, detail in enumerate(entry.details):
        yield ("details", number, "text"), detail.text
    if entry.seek_care:
        yield ("seek_care",), entry.seek_care
    if entry.urgency.action:
        yield ("urgency", "action"), entry.urgency.action


def _source_is_allowed(entry: Entry) -> Iterator[Finding]:
    for number, source in enumerate(entry.sources):
        field = ("sources", number, "url")
        host, page = _host_and_page(source.url)
        if host not in ALLOWED_HOSTS[source.publisher]:
            allowed = ", ".join(sorted(ALLOWED_HOSTS[source.publisher]))
            message = f"{host or 'it'} is not a {source.publisher} host: use {allowed}"
            yield Finding(field, message)
        if reason := CONTESTED.get(page):
            yield Finding(field, f"this page {reason}")


def _host_and_page(url: str) -> tuple[str, str]:
    """Return the host of an address, and the address without what follows the page's own name."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.hostname or "", parts._replace(query="", fragment="").geturl()


def _cdc_page_exists(entry: Entry, pages: frozenset[str]) -> Iterator[Finding]:
    for number, source in enumerate(entry.sources):
        known = source.url in pages or source.exception
        if source.publisher == "CDC" and not known:
            message = (
                "is not in CDC's own list of pages: correct it, or say in `exception:` "
                "how you know that the page exists"
            )
            yield Finding(("sources", number, "url"), message)


def _evidence_carries(entry: Entry) -> Iterator[Finding]:
    read = any(source.evidence is not Evidence.URL_ONLY for source in entry.sources)
    if entry.status is not Status.DRAFT and not read:
        message = "needs a source whose text was read; with url_only sources it stays `draft`"
        yield Finding(("status",), message)
    for number, source in enumerate(entry.sources):
        if source.evidence is Evidence.TEXT_SEEN and not source.section:
            message = "name the heading on the page that carries the answer"
            yield Finding(("sources", number, "section"), message, "warning")


def _no_dose(entry: Entry) -> Iterator[Finding]:
    for field, text in _texts(entry):
        if found := DOSE.search(text):
            yield Finding(field, f"“{found[0]}” reads like a dose: send to a pharmacist instead")
        if found := SCHEDULE.search(text):
            yield Finding(field, "prints a vaccine schedule: link to it, schedules change")


def _no_diagnosis(entry: Entry) -> Iterator[Finding]:
    for field, text in _texts(entry):
        bare = CONDITION.sub(" ", text)
        if found := DIAGNOSIS.search(bare):
            yield Finding(field, f"“{found[0]}” tells people what they have: say “if …” instead")


def _no_promise(entry: Entry) -> Iterator[Finding]:
    for field, text in _texts(entry):
        if found := PROMISE.search(text):
            yield Finding(field, f"“{found[0]}” is a promise: say what is known instead")


def _length(entry: Entry) -> Iterator[Finding]:
    words = len(entry.short_answer.split())
    if words > MAX_SHORT_ANSWER_WORDS:
        message = f"has {words} words: at most {MAX_SHORT_ANSWER_WORDS}, move the rest to details"
        yield Finding(("short_answer",), message)
    for number, detail in enumerate(entry.details):
        words = len(detail.text.split())
        if words > MAX_DETAIL_WORDS:
            message = f"has {words} words: at most {MAX_DETAIL_WORDS}, split it"
            yield Finding(("details", number, "text"), message)


def _readable(entry: Entry) -> Iterator[Finding]:
    found = grade(entry.short_answer)
    if found > MAX_GRADE:
        sentences = re.split(r"(?<=[.!?])\s+", entry.short_answer)
        hardest = max(sentences, key=grade)
        message = f"reading grade {found:.1f}, aim for {MAX_GRADE:.0f}; hardest: “{hardest}”"
        yield Finding(("short_answer",), message, "warning")


def _variants(entry: Entry) -> Iterator[Finding]:
    if len(entry.variants) < MIN_VARIANTS:
        message = f"only {len(entry.variants)}: write at least {MIN_VARIANTS}, as people ask"
        yield Finding(("variants",), message)
    seen: set[str] = {_plain(entry.question)}
    for number, variant in enumerate(entry.variants):
        if _plain(variant) in seen:
            yield Finding(("variants", number), "says the same as an earlier wording")
        seen.add(_plain(variant))


def _myth_is_marked(entry: Entry) -> Iterator[Finding]:
    if entry.aspect is Aspect.MYTH and entry.myth is None:
        yield Finding(("myth",), "aspect is `myth`: give the claim and its rating")


def _review_is_due_later(entry: Entry) -> Iterator[Finding]:
    if entry.review_due <= entry.date_modified:
        yield Finding(("review_due",), "is not after date_modified: set the next review date")


RULES: tuple[Rule, ...] = (
    _source_is_allowed,
    _evidence_carries,
    _no_dose,
    _no_diagnosis,
    _no_promise,
    _length,
    _readable,
    _variants,
    _myth_is_marked,
    _review_is_due_later,
)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _shared_wordings(located: Sequence[Located]) -> Iterator[Fault]:
    """One wording must lead to one entry: two that claim it would be a coin toss."""
    owner: dict[str, tuple[str, str]] = {}
    for item in located:
        entry = item.topic_entry.entry
        variants = ((("variants", i), text) for i, text in enumerate(entry.variants))
        wordings: list[tuple[tuple[str | int, ...], str]] = [(("question",), entry.question)]
        wordings.extend(variants)
        for field, text in wordings:
            key = _plain(text)
            other, other_file = owner.setdefault(key, (entry.id, item.file))
            if other != entry.id:
                name = ".".join(str(part) for part in field)
                message = f"“{text}” is also a wording of {other} ({other_file})"
                yield Fault(item.file, item.line(*field), entry.id, name, message)


def _unknown_topics(located: Sequence[Located]) -> Iterator[Fault]:
    known = {item.topic_entry.topic.slug for item in located}
    told: set[str] = set()
    for item in located:
        topic = item.topic_entry.topic
        if topic.slug in told:
            continue
        told.add(topic.slug)
        for slug in topic.related:
            if slug not in known:
                message = f"no corpus file has the topic {slug!r}"
                yield Fault(item.file, 0, "", "related", message, "warning")
