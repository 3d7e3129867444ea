"""What people ask: groups of questions, trends, watched terms, ratings and reported rumours.

Here people's own words, with identifiers masked, are read by the content team. So a group that
fewer than ``LEAST`` conversations make up is never shown: it is only counted. Conversations count,
not messages, because one person may ask the same thing ten times. All days are days in UTC.

No model is needed here, so that the web process can import this; ``knowledge.grouping`` makes the
groups. Errors::

    ListeningError    what was asked cannot be done; the message says why and what to do
    NotAllowed        (of ``knowledge.people``) the role is missing
"""

from __future__ import annotations

from knowledge.listening.files import as_csv, groups_csv, ratings_csv, trends_csv
from knowledge.listening.groups import (
    NOT_HELPFUL,
    UNANSWERED,
    Group,
    GroupCount,
    GroupState,
    Wanted,
    count_groups,
    groups,
)
from knowledge.listening.handling import LONGEST_WHY, answer, reject, reopen, take
from knowledge.listening.limits import LEAST, ListeningError
from knowledge.listening.opinions import HELPFUL, REASONS, Ratings, Rumour, ratings, rumours
from knowledge.listening.terms import (
    LONGEST_NOTE,
    LONGEST_TERM,
    Term,
    TermCount,
    add_term,
    remove_term,
    term_counts,
    terms,
)
from knowledge.listening.trends import (
    SURGE_DAYS,
    SURGE_RULE,
    DayCount,
    Surge,
    Trend,
    cut,
    first_day_for_surges,
    surges,
    surges_in,
    trend,
)
from knowledge.listening.wordings import SAMPLES, folded, typical

__all__ = [
    "HELPFUL",
    "LEAST",
    "LONGEST_NOTE",
    "LONGEST_TERM",
    "LONGEST_WHY",
    "NOT_HELPFUL",
    "REASONS",
    "SAMPLES",
    "SURGE_DAYS",
    "SURGE_RULE",
    "UNANSWERED",
    "DayCount",
    "Group",
    "GroupCount",
    "GroupState",
    "ListeningError",
    "Ratings",
    "Rumour",
    "Surge",
    "Term",
    "TermCount",
    "Trend",
    "Wanted",
    "add_term",
    "answer",
    "as_csv",
    "count_groups",
    "cut",
    "first_day_for_surges",
    "folded",
    "groups",
    "groups_csv",
    "ratings",
    "ratings_csv",
    "reject",
    "remove_term",
    "reopen",
    "rumours",
    "surges",
    "surges_in",
    "take",
    "term_counts",
    "terms",
    "trend",
    "trends_csv",
    "typical",
]
