"""What changed on a page since it was last read, each as one sentence for an editor."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator

from knowledge.entry import Source
from knowledge.schema import SourceCheck
from knowledge.source_watch.fetching import MOST_BYTES
from knowledge.source_watch.found import UNSETTLED, Outcome, Seen, same_page
from knowledge.source_watch.reading import LONGEST_SECTION, MOST_SECTIONS, MOST_TAGS, plain

LONGEST_URL = 400


def compare(before: SourceCheck | None, seen: Seen, source: Source) -> list[str]:
    """Return what changed on a page, each as one sentence.

    Args:
        before: how it was found before, with what was last read of it; None on the first look.
        seen: how it was found now.
        source: what the entry says of it. On the first look its title and section are what the page
            is held against.
    """
    if seen.outcome in UNSETTLED:
        return []
    was_read = before is not None and before.text_hash != ""
    if seen.outcome not in {Outcome.OK, Outcome.MOVED}:
        return list(_not_read(before, seen))
    told = [*_title(before if was_read else None, seen, source)]
    told += _missing(before if was_read else None, seen, source)
    if before is None or not was_read:
        return told
    if seen.outcome is Outcome.MOVED and not same_page(
        before.final_url, seen.final_url[:LONGEST_URL]
    ):
        told.insert(0, f"The page moved to {seen.final_url}.")
    if before.text_hash != seen.text_hash:
        told.append("The text of the page changed.")
    return told


def _not_read(before: SourceCheck | None, seen: Seen) -> Iterator[str]:
    if before is not None and before.outcome == seen.outcome:
        return
    if seen.outcome is Outcome.GONE:
        yield f"The page is gone ({seen.status})."
    elif before is not None and seen.outcome is Outcome.NOT_HTML:
        yield "There is no web page at this address any more, but a file of another kind."
    elif before is not None:
        yield (
            f"The page is too large to be read now: more than {MOST_BYTES // 1_000_000} MB or "
            f"{MOST_TAGS:,} tags."
        )


def _title(before: SourceCheck | None, seen: Seen, source: Source) -> Iterator[str]:
    if before and before.title == seen.title:
        return
    wanted = (before.title if before else "") or source.title
    # Before the first look only the entry tells the title, perhaps as the heading has it.
    known = {_fold(text) for text in (() if before else seen.sections)}
    known |= {_fold(seen.title), *_fold_titles(seen.title)}
    if known.isdisjoint({_fold(wanted), *_fold_titles(wanted)}):
        if seen.title:
            yield f"The title is now “{seen.title}” (it was “{wanted}”)."
        else:
            yield f"The page has no title any more (it was “{wanted}”)."


def _fold_titles(title: str) -> Iterator[str]:
    """Yield a title without the names of site and chapter that follow it."""
    yield _fold(title.split(" | ")[0])
    yield _fold(re.sub(r"\s+[-–—|]\s+(?:CDC|WHO|World Health Organization)$", "", title))


def _missing(before: SourceCheck | None, seen: Seen, source: Source) -> Iterator[str]:
    if len(seen.sections) >= MOST_SECTIONS:  # there may be more than were kept
        return
    there = {_fold(heading) for heading in seen.sections}
    were_there = {_fold(heading) for heading in before.sections} if before else set()
    for cited in _cited_sections(source, there):
        if _fold(cited) in there:
            continue
        if before is None:
            yield f"The section “{cited}” that the answer cites is not on the page."
        elif _fold(cited) in were_there:
            yield f"The section “{cited}” that the answer cites is not on the page any more."


def _cited_sections(source: Source, there: Collection[str]) -> list[str]:
    """Return the headings that a source names: one, or several with semicolons between them."""
    section = plain(source.section or "")
    if _fold(section) in there:
        return []
    return [part.strip()[:LONGEST_SECTION] for part in section.split(";") if _fold(part)]


def _fold(text: str) -> str:
    """Return the letters and digits of a text only: case, spaces, quotes and dashes vary."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
