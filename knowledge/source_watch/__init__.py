"""The watch of the cited pages: whether each is still there, and still says what it said.

Every page that a live entry cites is looked at; what was found is kept, and a change opens a review
task for each entry that cites the page. A site that refuses programs, or does not answer, opens one
only once that has been so on several days of looking: it says nothing of the page itself.

::

    fetching  ->  reading  ->  comparing  ->  watching  ->  tasks
    a page        its words    what changed   what is kept  for people

``looks`` holds what people ask for in the console, ``commands`` runs a look from its beginning to
its end. Errors::

    TaskError           a task cannot be finished or opened again; the message says why
    LookError           there is no look now; the message says why, and from when on
    StoreError          (of ``knowledge.store``) an address that no live entry cites
    NotAllowed          (of ``knowledge.people``) the role is missing
"""

from __future__ import annotations

from knowledge.source_watch.commands import look, look_as_asked, run_watch, watch_all
from knowledge.source_watch.comparing import compare
from knowledge.source_watch.fetching import MOST_BYTES, Manners, addresses_of, look_at
from knowledge.source_watch.found import Outcome, Seen
from knowledge.source_watch.looks import (
    MAY_ASK,
    Look,
    LookError,
    Standing,
    Wish,
    ask,
    looks_of,
    standing,
    waiting,
)
from knowledge.source_watch.reading import MOST_SECTIONS, MOST_TAGS
from knowledge.source_watch.tasks import (
    TaskError,
    count_open_tasks,
    due_tasks,
    finish_task,
    open_tasks,
    undo_finish,
)
from knowledge.source_watch.watching import (
    Citation,
    Summary,
    cited_pages,
    drop_old_checks,
    keep_look,
    watch,
)

__all__ = [
    "MAY_ASK",
    "MOST_BYTES",
    "MOST_SECTIONS",
    "MOST_TAGS",
    "Citation",
    "Look",
    "LookError",
    "Manners",
    "Outcome",
    "Seen",
    "Standing",
    "Summary",
    "TaskError",
    "Wish",
    "addresses_of",
    "ask",
    "cited_pages",
    "compare",
    "count_open_tasks",
    "drop_old_checks",
    "due_tasks",
    "finish_task",
    "keep_look",
    "look",
    "look_as_asked",
    "look_at",
    "looks_of",
    "open_tasks",
    "run_watch",
    "standing",
    "undo_finish",
    "waiting",
    "watch",
    "watch_all",
]
