"""Where an answer comes from: allowed hosts, contested pages, evidence, review."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from knowledge.checks.finding import Finding, shown_texts
from knowledge.entry import Aspect, Entry, Evidence, Status

ALLOWED_HOSTS = {"CDC": {"www.cdc.gov"}, "WHO": {"www.who.int"}}

# CDC's page on autism and vaccines was rewritten on 2025-11-19 and no longer carries the claim;
# its page on myths about COVID-19 vaccines is cited nowhere since 2025.
CONTESTED = {
    "https://www.cdc.gov/vaccine-safety/about/autism.html": (
        "no longer says that vaccines do not cause autism: cite WHO"
    ),
    "https://www.cdc.gov/vaccinesafety/concerns/autism.html": (
        "no longer says that vaccines do not cause autism: cite WHO"
    ),
    "https://www.cdc.gov/covid/vaccines/myths-facts.html": (
        "may be gone, and CDC's view of these vaccines changed: cite WHO"
    ),
}
VACCINE = re.compile(r"\b(?:vaccin\w+|immuni[sz]ation|shots?|mmr|jabs?)\b", re.IGNORECASE)
AUTISM = re.compile(r"\bautis\w+\b", re.IGNORECASE)

SHORT_REVIEW = {Aspect.VACCINE, Aspect.TREATMENT}
MAX_REVIEW_DAYS = 366
MAX_SHORT_REVIEW_DAYS = 190
"""Vaccine and treatment advice changed most often between 2024 and 2026: half a year at most."""

NUMBER = re.compile(r"\b\d+(?:[.,]\d+)?\b")
# Names with a number in them say nothing that a page would have to carry.
NAMED_NUMBER = re.compile(r"\b(?:COVID-19|type [12]|H5N1|988|911|112)\b", re.IGNORECASE)


def read_cdc_pages(file: Path) -> frozenset[str]:
    """Read CDC's list of page addresses, one a line, gzipped."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return frozenset(line.strip() for line in lines if line.strip())


def source_is_allowed(entry: Entry) -> Iterator[Finding]:
    """Sources are pages of CDC or WHO, and none that changed its mind."""
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


def autism_and_vaccines_rest_on_who(entry: Entry) -> Iterator[Finding]:
    """An entry that asks about vaccines and autism cites WHO and no page of CDC's."""
    if not (AUTISM.search(entry.question) and VACCINE.search(entry.question)):
        return
    for number, source in enumerate(entry.sources):
        if source.publisher == "CDC" and source.url not in CONTESTED:
            message = "CDC withdrew what it said on vaccines and autism in 2025: cite WHO alone"
            yield Finding(("sources", number, "publisher"), message)


def cdc_page_exists(entry: Entry, pages: frozenset[str]) -> Iterator[Finding]:
    """An address of CDC's is in CDC's own list of pages: made-up ones look real."""
    for number, source in enumerate(entry.sources):
        known = source.url in pages or source.exception
        if source.publisher == "CDC" and not known:
            message = (
                "is not in CDC's own list of pages: correct it, or say in `exception:` "
                "how you know that the page exists"
            )
            yield Finding(("sources", number, "url"), message)


def evidence_carries(entry: Entry) -> Iterator[Finding]:
    """What nobody read carries no claim: such an entry is a draft and names no number."""
    read = any(source.evidence is not Evidence.URL_ONLY for source in entry.sources)
    if entry.status is not Status.DRAFT and not read:
        message = "needs a source whose text was read; with url_only sources it stays `draft`"
        yield Finding(("status",), message)
    if not read:
        for field, text in shown_texts(entry):
            if found := NUMBER.search(NAMED_NUMBER.sub("", text)):
                message = (
                    f"gives a number (“{found[0]}”), but no source was read: "
                    "leave it out, or read the page and set its evidence"
                )
                yield Finding(field, message)
    for number, source in enumerate(entry.sources):
        if source.evidence is Evidence.TEXT_SEEN and not source.section:
            message = "name the heading on the page that carries the answer"
            yield Finding(("sources", number, "section"), message, "warning")


def every_source_is_used(entry: Entry) -> Iterator[Finding]:
    """A page that no detail cites lends its name to nothing; one page for all needs no cite."""
    cited = {key for detail in entry.details for key in detail.cite}
    if len(entry.sources) < 2 or not cited:
        return
    for number, source in enumerate(entry.sources[1:], start=1):
        if source.key not in cited:
            message = f"no detail cites {source.key}: cite it where it is used, or take it out"
            yield Finding(("sources", number, "key"), message, "warning")


def dates_are_in_order(entry: Entry) -> Iterator[Finding]:
    """Created, modified, due: in this order, and due soon enough."""
    if entry.date_modified < entry.date_created:
        yield Finding(("date_modified",), "is before date_created: correct one of them")
    if entry.review_due <= entry.date_modified:
        yield Finding(("review_due",), "is not after date_modified: set the next review date")
        return
    days = (entry.review_due - entry.date_modified).days
    short = entry.aspect in SHORT_REVIEW
    limit = MAX_SHORT_REVIEW_DAYS if short else MAX_REVIEW_DAYS
    if days > limit:
        what = "six months for vaccines and treatment" if short else "a year"
        message = f"is {days} days after date_modified: at most {what}"
        yield Finding(("review_due",), message, "warning")


def review_is_not_overdue(entry: Entry, today: date) -> Iterator[Finding]:
    """From its review date on, an answer is withheld: say so while it can still be mended."""
    if entry.date_modified > today:
        yield Finding(("date_modified",), f"{entry.date_modified} has not come yet: correct it")
    if entry.review_due < today:
        message = (
            "has passed, so patients see the link and no answer: "
            "read the source again, then set date_modified and review_due"
        )
        yield Finding(("review_due",), message, "warning")
