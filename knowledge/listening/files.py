"""What people ask as CSV, in which small counts are not told."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from knowledge.listening.groups import NOT_HELPFUL, Group
from knowledge.listening.limits import LEAST, check_least
from knowledge.listening.opinions import HELPFUL, REASONS, Ratings
from knowledge.listening.trends import Trend
from knowledge.listening.wordings import SAMPLES

FORMULA = tuple("=+-@＝＋－＠")
CONTROL = ("\t", "\r", "\n")


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV that a spreadsheet opens without reckoning anything.

    A cell that a spreadsheet would take for a formula begins with an apostrophe. None is an empty
    cell.
    """
    file = io.StringIO()
    written = csv.writer(file)
    written.writerow([_harmless(cell) for cell in head])
    written.writerows([_harmless(cell) for cell in row] for row in rows)
    return file.getvalue()


def groups_csv(found: Iterable[Group], least: int = LEAST) -> str:
    """Return groups as CSV; those of fewer than ``least`` conversations are left out."""
    check_least(least)
    head = (
        "group",
        "state",
        "conversations",
        "first_day",
        "last_day",
        "topic",
        "person",
        "entry_id",
        "badly_rated",
        *(f"wording_{number}" for number in range(1, SAMPLES + 1)),
    )
    rows = (
        (
            group.id,
            group.state.value,
            group.size,
            group.first_day,
            group.last_day,
            group.topic,
            group.person,
            group.entry_id,
            round(group.badly_rated, 2),
            *group.samples,
            *[""] * (SAMPLES - len(group.samples)),
        )
        for group in found
        if group.size >= least
    )
    return as_csv(head, rows)


def trends_csv(found: Iterable[Trend], least: int = LEAST) -> str:
    """Return trends as CSV, one row a day; a count from 1 to below ``least`` is not told."""
    check_least(least)
    rows = (
        (day.day, series.topic, _blurred(day.conversations, least))
        for series in found
        for day in series.days
    )
    return as_csv(("day", "topic", "conversations"), rows)


def ratings_csv(found: Iterable[Ratings], least: int = LEAST) -> str:
    """Return ratings as CSV; a count from 1 to below ``least`` is not told."""
    check_least(least)
    rows = (
        (
            one.entry_id,
            one.revision,
            _blurred(one.helpful, least),
            _blurred(one.not_helpful, least),
            *(_blurred(one.reasons.get(reason, 0), least) for reason in REASONS),
        )
        for one in found
    )
    return as_csv(("entry_id", "revision", HELPFUL, NOT_HELPFUL, *REASONS), rows)


def _harmless(cell: object) -> str:
    text = "" if cell is None else str(cell)
    if not isinstance(cell, str):
        return text
    is_formula = text.startswith(CONTROL) or text.lstrip().startswith(FORMULA)
    return f"'{text}" if is_formula else text


def _blurred(count: int, least: int) -> object:
    return f"fewer than {least}" if 0 < count < least else count
