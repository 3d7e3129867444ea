"""What may be published: the rules that every entry must pass, each with its reason.

An error refuses the corpus; a warning is shown and lets it pass. Rules look at wording and
provenance only: whether an answer is right is for a person to say. ``knowledge.checks.neighbours``
compares entries with each other by meaning, which needs the model.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from knowledge.checks import provenance, reading, wording
from knowledge.checks.finding import Finding, Rule
from knowledge.checks.provenance import read_cdc_pages
from knowledge.checks.reading import grade, plain
from knowledge.entry import TopicEntry
from knowledge.exchange import Fault, Located, line_of

__all__ = [
    "RULES",
    "Beside",
    "beside_of",
    "check",
    "check_entries",
    "grade",
    "is_english",
    "read_cdc_pages",
]

Said = tuple[str, str]
"""A language and a wording in it, folded."""
READ_BY_A_PERSON = (
    "the rules on diagnosis, promises, urgency and reading grade know English only: let somebody "
    "who reads this language look for them"
)
RULES: tuple[Rule, ...] = (
    provenance.source_is_allowed,
    provenance.autism_and_vaccines_rest_on_who,
    provenance.evidence_carries,
    provenance.every_source_is_used,
    provenance.dates_are_in_order,
    wording.no_dose,
    wording.no_diagnosis,
    wording.no_promise,
    wording.urgency_says_whom_to_call,
    wording.emergency_words_have_a_level,
    wording.myth_is_marked,
    reading.length,
    reading.readable,
    reading.variants,
)


ENGLISH_ONLY = frozenset(
    {
        wording.no_diagnosis,
        wording.no_promise,
        wording.urgency_says_whom_to_call,
        wording.emergency_words_have_a_level,
        wording.myth_is_marked,
        reading.readable,
    }
)
"""Rules that read English words; of another language a person has to see to what they see to."""


def check(
    located: Sequence[Located],
    cdc_pages: frozenset[str] | None = None,
    today: date | None = None,
) -> list[Fault]:
    """Check every entry and the corpus as a whole.

    Args:
        located: the entries with their places.
        cdc_pages: CDC's own list of pages; None leaves that one rule out.
        today: finds reviews that are overdue; None leaves that one rule out.

    Returns:
        Every fault, errors and warnings, in the order of the files.
    """
    alone = [fault for item in located for fault in _of_entry(item, cdc_pages, today)]
    return [*alone, *_of_corpus(located)]


def _of_entry(
    item: Located, cdc_pages: frozenset[str] | None, today: date | None
) -> Iterator[Fault]:
    """Yield what is wrong with one entry by itself."""
    entry, topic = item.topic_entry.entry, item.topic_entry.topic
    english = is_english(topic.locale)
    rules = [rule for rule in RULES if english or rule not in ENGLISH_ONLY]
    findings = [finding for rule in rules for finding in rule(entry)]
    if english:
        findings += wording.acronyms_are_explained(entry, topic.title)
    else:
        findings.append(Finding(("short_answer",), READ_BY_A_PERSON, "warning"))
    if cdc_pages is not None:
        findings += provenance.cdc_page_exists(entry, cdc_pages)
    if today is not None:
        findings += provenance.review_is_not_overdue(entry, today)
    return (fault_of(item, finding) for finding in findings)


def is_english(locale: str) -> bool:
    """Tell whether a language tag is one of English."""
    return locale.partition("-")[0] == "en"


def _of_corpus(located: Sequence[Located]) -> Iterator[Fault]:
    """Yield what is wrong with entries beside each other."""
    yield from _shared_wordings(located)
    yield from _shared_aliases(located)
    yield from _unknown_topics(located)
    yield from _unknown_entries(located)


@dataclass(frozen=True)
class Beside:
    """What there is already, with which new entries must not collide.

    Attributes:
        wordings: per language and wording, as it is compared, the entry and the topic that it
            leads to.
        aliases: per language and folded alias its topic.
        topics: slugs of all topics.
        entries: ids of all entries.
    """

    wordings: Mapping[Said, tuple[str, str]]
    aliases: Mapping[Said, str]
    topics: frozenset[str]
    entries: frozenset[str]


NOTHING = Beside({}, {}, frozenset(), frozenset())


def beside_of(bodies: Iterable[Mapping[str, Any]]) -> Beside:
    """Return what entries have that others must not have too.

    Args:
        bodies: entries with their topics, as plain data of ``TopicEntry``: they were checked when
            they came in, and thousands of them need no checking for one new one.
    """
    wordings: dict[Said, tuple[str, str]] = {}
    aliases: dict[Said, str] = {}
    entries = set()
    for body in bodies:
        topic, entry = body["topic"], body["entry"]
        entries.add(entry["id"])
        for text in (entry["question"], *entry["variants"]):
            wordings.setdefault((topic["locale"], plain(text)), (entry["id"], topic["slug"]))
        for alias in topic["aliases"]:
            aliases.setdefault((topic["locale"], alias.casefold()), topic["slug"])
    return Beside(wordings, aliases, frozenset(aliases.values()), frozenset(entries))


def check_entries(
    pairs: Sequence[TopicEntry], beside: Beside = NOTHING, today: date | None = None
) -> list[Fault]:
    """Check entries that come from no file.

    Args:
        pairs: the entries.
        beside: those that they would be live with; those of the same ids do not count.
        today: finds reviews that are overdue; None leaves that one rule out.
    """
    located = [Located(pair, pair.topic.slug) for pair in pairs]
    names = {pair.entry.id for pair in pairs}
    slugs = {pair.topic.slug for pair in pairs}
    wordings = {text: owner for text, owner in beside.wordings.items() if owner[0] not in names}
    aliases = {alias: slug for alias, slug in beside.aliases.items() if slug not in slugs}
    return [
        *(fault for item in located for fault in _of_entry(item, None, today)),
        *_shared_wordings(located, wordings),
        *_shared_aliases(located, aliases),
        *_unknown_topics(located, beside.topics),
        *_unknown_entries(located, beside.entries),
    ]


def fault_of(item: Located, finding: Finding) -> Fault:
    """Return a finding as a fault of its entry, with its line."""
    field = ".".join(str(part) for part in finding.field)
    line = item.line(*finding.field)
    entry_id = item.topic_entry.entry.id
    return Fault(item.file, line, entry_id, field, finding.message, finding.level)


def _shared_wordings(
    located: Sequence[Located], known: Mapping[Said, tuple[str, str]] = MappingProxyType({})
) -> Iterator[Fault]:
    """One wording must lead to one entry: two that claim it would be a coin toss."""
    owner = dict(known)
    for item in located:
        entry = item.topic_entry.entry
        variants = ((("variants", i), text) for i, text in enumerate(entry.variants))
        wordings: list[tuple[tuple[str | int, ...], str]] = [(("question",), entry.question)]
        wordings.extend(variants)
        locale = item.topic_entry.topic.locale
        for field, text in wordings:
            said = locale, plain(text)
            other, other_file = owner.setdefault(said, (entry.id, item.file))
            if other != entry.id:
                message = f"“{text}” is also a wording of {other} ({other_file})"
                yield fault_of(item, Finding(field, message))


def _heads(located: Sequence[Located]) -> Iterator[Located]:
    """Yield the first entry of every topic, in each language."""
    seen: set[tuple[str, str]] = set()
    for item in located:
        topic = item.topic_entry.topic
        if (topic.locale, topic.slug) not in seen:
            seen.add((topic.locale, topic.slug))
            yield item


def _shared_aliases(
    located: Sequence[Located], known: Mapping[Said, str] = MappingProxyType({})
) -> Iterator[Fault]:
    """A name must lead to one topic."""
    owner = dict(known)
    for item in _heads(located):
        topic = item.topic_entry.topic
        for number, alias in enumerate(topic.aliases):
            other = owner.setdefault((topic.locale, alias.casefold()), topic.slug)
            if other != topic.slug:
                line = line_of(item.head, ("aliases", number))
                message = f"“{alias}” is also an alias of the topic {other}: keep it in one"
                yield Fault(item.file, line, "", f"aliases.{number}", message)


def _unknown_topics(
    located: Sequence[Located], others: frozenset[str] = frozenset()
) -> Iterator[Fault]:
    known = {item.topic_entry.topic.slug for item in located} | others
    for item in _heads(located):
        for number, slug in enumerate(item.topic_entry.topic.related):
            if slug not in known:
                line = line_of(item.head, ("related", number))
                message = f"no corpus file has the topic {slug!r}: {_nearest(slug, known)}"
                yield Fault(item.file, line, "", f"related.{number}", message)


def _unknown_entries(
    located: Sequence[Located], others: frozenset[str] = frozenset()
) -> Iterator[Fault]:
    known = {item.topic_entry.entry.id for item in located} | others
    for item in located:
        for number, compared in enumerate(item.topic_entry.entry.compared):
            if compared.entry not in known:
                message = f"there is no entry {compared.entry!r}: {_nearest(compared.entry, known)}"
                yield fault_of(item, Finding(("compared", number, "entry"), message))


def _nearest(name: str, known: set[str]) -> str:
    """Say how to mend a name that does not exist."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else "correct it or take it out"
